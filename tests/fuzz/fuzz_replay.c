/* Runs the files of a corpus through one fuzz target, as a test: PROGRAM FOLDER. */
#include <glib.h>

#include "fuzz.h"

static void replay(gconstpointer path)
{
    g_autofree char *data = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    /* a copy of just that size, so that a sanitizer sees what is read behind it */
    g_autofree uint8_t *input = g_memdup2(data, size);
    LLVMFuzzerTestOneInput(input, size);
}

static void add_files(const char *folder)
{
    GDir *listing = g_dir_open(folder, 0, NULL);
    for (const char *name; listing && (name = g_dir_read_name(listing));) {
        g_autofree char *test = g_strdup_printf("/corpus/%s", name);
        g_test_add_data_func_full(test, g_build_filename(folder, name, NULL), replay, g_free);
    }
    g_clear_pointer(&listing, g_dir_close);
}

static void run_nothing(void)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nothing", run_nothing);
    if (argc == 2)
        add_files(argv[1]);
    return g_test_run();
}
