#include "config_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    config_value_test_add();
    config_file_test_add();
    config_environment_test_add();
    return g_test_run();
}
