#include <string.h>

#include "base/clock.h"
#include "cli/doctor_report.h"
#include "cli/progress.h"
#include "cli_test.h"

static void test_bytes(void)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1.0 kB"},
        {999949, "999.9 kB"},
        {999960, "1.0 MB"},
        {12300000, "12.3 MB"},
        {5000000000, "5.0 GB"},
        {UINT64_MAX, "18446744.1 TB"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[32];
        progress_bytes(cases[i].bytes, text, sizeof text);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void test_time(void)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-5, "0:00"}, {0, "0:00"},       {59, "0:59"},
        {61, "1:01"}, {3600, "1:00:00"}, {36061, "10:01:01"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[32];
        progress_time(cases[i].seconds * NS_PER_SECOND, text, sizeof text);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void test_line(void)
{
    const RecordingStatus status = {
        .state = RECORDING_RECORDING,
        .started_wall_ns = 1,
        .duration_ns = 83 * NS_PER_SECOND,
        .file_bytes = 12300000,
        .video_frames = 2490,
        .audio_frames = 4150,
        .lost_packets = 7,
        .dropped_frames = 2,
    };
    char line[256];
    progress_line(&status, 0, 0, line, sizeof line);
    g_assert_cmpstr(line, ==,
                    "recording     1:23  12.3 MB  frames 2490 video 4150 audio  lost 7  dropped 2");
    progress_line(&status, 0, 60, line, sizeof line);
    g_assert_cmpstr(line, ==, "recording 1:23 12.3 MB frames 6640 lost 7 dropped 2");
    for (unsigned columns = 1; columns < 90; columns++) {
        progress_line(&status, 0, columns, line, sizeof line);
        g_assert_cmpuint(strlen(line), <=, columns);
    }
    const RecordingStatus early = {.state = RECORDING_CONNECTING, .reconnecting = true};
    progress_line(&early, 4 * NS_PER_SECOND, 0, line, sizeof line);
    g_assert_true(g_str_has_prefix(line, "reconnecting  0:04  0 B"));
}

static void test_json(void)
{
    const RecordingStatus status = {.state = RECORDING_SUBSCRIBED, .lost_packets = 3};
    g_autoptr(JsonObject) object = progress_json(&status, 1500 * NS_PER_MS);
    g_assert_cmpstr(json_object_get_string_member(object, "state"), ==, "subscribed");
    g_assert_cmpfloat(json_object_get_double_member(object, "time"), ==, 1.5);
    g_assert_cmpint(json_object_get_int_member(object, "lost_packets"), ==, 3);
}

static void test_doctor_steps(void)
{
    g_assert_cmpint(doctor_step_of_code(CODE_UNAUTHORIZED), ==, STEP_JOIN);
    g_assert_cmpint(doctor_step_of_code(CODE_ICE_FAILED), ==, STEP_ICE);
    g_assert_cmpint(doctor_step_of_code(CODE_DTLS_FAILED), ==, STEP_DTLS);
    g_assert_cmpint(doctor_step_of_code(CODE_NO_RTP), ==, STEP_TRACKS);
    g_assert_cmpint(doctor_step_of_code(CODE_DISK_FULL), ==, STEP_DISK);
    DoctorReport report = {0};
    g_assert_cmpint(doctor_report_exit_status(&report), ==, 0);
    report.steps[STEP_ICE].state = STEP_FAILED;
    report.steps[STEP_ICE].code = CODE_ICE_FAILED;
    g_assert_cmpint(doctor_report_exit_status(&report), ==,
                    outcome_code_exit_status(CODE_ICE_FAILED));
    report.steps[STEP_DNS].state = STEP_FAILED;
    g_assert_cmpint(doctor_report_exit_status(&report), ==, 1);
}

void progress_test_add(void)
{
    g_test_add_func("/progress/bytes", test_bytes);
    g_test_add_func("/progress/time", test_time);
    g_test_add_func("/progress/line", test_line);
    g_test_add_func("/progress/json", test_json);
    g_test_add_func("/progress/doctor_steps", test_doctor_steps);
}
