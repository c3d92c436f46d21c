#include "cli_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    commands_test_add();
    flags_test_add();
    output_flag_test_add();
    progress_test_add();
    return g_test_run();
}
