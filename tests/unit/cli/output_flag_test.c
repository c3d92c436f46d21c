#include <glib/gstdio.h>

#include "cli/output_flag.h"
#include "cli_test.h"

static void test_paths(void)
{
    static const struct {
        const char *text, *directory, *name;
        Container container;
    } cases[] = {
        {"rec/", "rec", NULL, CONTAINER_AUTO},
        {"/var/rec//", "/var/rec", NULL, CONTAINER_AUTO},
        {"/", "/", NULL, CONTAINER_AUTO},
        {".", ".", NULL, CONTAINER_AUTO},
        {"one.mp4", ".", "one.mp4", CONTAINER_MP4},
        {"../one.webm", "..", "one.webm", CONTAINER_WEBM},
        {"/tmp/x/one", "/tmp/x", "one", CONTAINER_AUTO},
        {"/one.mkv", "/", "one.mkv", CONTAINER_MKV},
        {"a/b/{room_name}/{time}.ogg", "a/b", "{room_name}/{time}.ogg", CONTAINER_OGG},
        {"a/b-{room_name}", "a", "b-{room_name}", CONTAINER_AUTO},
        {"{room_name}/", ".", "{room_name}/", CONTAINER_AUTO},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        OutputFlag output = {0};
        g_assert_true(output_flag_parse(cases[i].text, &output, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(output.directory, ==, cases[i].directory);
        g_assert_cmpstr(output.output_template, ==, cases[i].name);
        g_assert_cmpint(output.container, ==, cases[i].container);
        output_flag_clear(&output);
    }
}

static void test_existing_folder(void)
{
    g_autofree char *folder = g_dir_make_tmp("roomtape-XXXXXX", NULL);
    OutputFlag output = {0};
    g_assert_true(output_flag_parse(folder, &output, NULL));
    g_assert_cmpstr(output.directory, ==, folder);
    g_assert_null(output.output_template);
    output_flag_clear(&output);
    g_rmdir(folder);
}

static void test_bad(void)
{
    static const char *const cases[] = {"", "{room_name}/../x"};
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        OutputFlag output = {0};
        g_assert_false(output_flag_parse(cases[i], &output, &error));
        g_assert_nonnull(error);
    }
}

void output_flag_test_add(void)
{
    g_test_add_func("/output_flag/paths", test_paths);
    g_test_add_func("/output_flag/existing_folder", test_existing_folder);
    g_test_add_func("/output_flag/bad", test_bad);
}
