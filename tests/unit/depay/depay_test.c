#include "depay_test.h"

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    header_test_add();
    keyframe_start_test_add();
    h264_test_add();
    h265_test_add();
    vp8_test_add();
    vp9_test_add();
    vp9_layers_test_add();
    av1_test_add();
    audio_test_add();
    depayloader_test_add();
    return g_test_run();
}
