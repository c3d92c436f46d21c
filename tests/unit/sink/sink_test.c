#include "sink_test.h"

#include <glib.h>
#include <libavutil/log.h>

/* The leak checker's hook: Debian's x265 loses a few rows of a small picture at its end. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libx265";
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    av_log_set_level(g_test_verbose() ? AV_LOG_WARNING : AV_LOG_QUIET);
    output_test_add();
    inspect_test_add();
    parts_test_add();
    robust_test_add();
    container_writer_test_add();
    mp4_fragments_test_add();
    return g_test_run();
}
