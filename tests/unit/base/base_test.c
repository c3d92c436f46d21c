#include "base_test.h"

#include <glib.h>

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bytes_test_add();
    clock_test_add();
    hot_memory_test_add();
    log_test_add();
    mailbox_test_add();
    pool_test_add();
    text_test_add();
    return g_test_run();
}
