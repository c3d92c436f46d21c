#include "cli/record_display.h"

#include <glib.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/print_json.h"
#include "cli/progress.h"
#include "store/status_json.h"

#define LIVE_INTERVAL_NS (250 * NS_PER_MS)
#define PLAIN_INTERVAL_NS (10 * NS_PER_SECOND)
#define JSON_INTERVAL_NS NS_PER_SECOND
#define COLUMNS_DEFAULT 80
#define SHOWN_MAX 256

struct RecordDisplay {
    DisplayMode mode;
    int64_t started_ns, shown_ns;
    RecordingState shown_state;
    bool shown_reconnecting, has_shown, line_is_open;
};

DisplayMode record_display_mode(bool wants_json)
{
    if (wants_json)
        return DISPLAY_JSON;
    return isatty(STDOUT_FILENO) ? DISPLAY_LIVE : DISPLAY_PLAIN;
}

RecordDisplay *record_display_new(DisplayMode mode)
{
    RecordDisplay *display = g_new0(RecordDisplay, 1);
    display->mode = mode;
    display->started_ns = clock_monotonic_ns();
    return display;
}

static void close_line(RecordDisplay *display)
{
    if (!display->line_is_open)
        return;
    fputs("\n", stdout);
    fflush(stdout);
    display->line_is_open = false;
}

void record_display_free(RecordDisplay *display)
{
    if (display == NULL)
        return;
    close_line(display);
    g_free(display);
}

static unsigned terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

static int64_t interval_ns(DisplayMode mode)
{
    switch (mode) {
    case DISPLAY_LIVE:
        return LIVE_INTERVAL_NS;
    case DISPLAY_PLAIN:
        return PLAIN_INTERVAL_NS;
    case DISPLAY_JSON:
        break;
    }
    return JSON_INTERVAL_NS;
}

static void show(RecordDisplay *display, const RecordingStatus *status, int64_t now_ns)
{
    const int64_t elapsed_ns = now_ns - display->started_ns;
    char line[SHOWN_MAX];
    switch (display->mode) {
    case DISPLAY_LIVE:
        /* a line that fills the last column would wrap */
        progress_line(status, elapsed_ns, terminal_columns() - 1, line, sizeof line);
        printf("\r%s\033[K", line);
        display->line_is_open = true;
        break;
    case DISPLAY_PLAIN:
        progress_line(status, elapsed_ns, 0, line, sizeof line);
        puts(line);
        break;
    case DISPLAY_JSON:
        print_json(progress_json(status, elapsed_ns));
        break;
    }
    fflush(stdout);
}

void record_display_update(RecordDisplay *display, const RecordingStatus *status)
{
    const int64_t now_ns = clock_monotonic_ns();
    const bool is_new = !display->has_shown || status->state != display->shown_state ||
                        status->reconnecting != display->shown_reconnecting;
    if (!is_new && now_ns - display->shown_ns < interval_ns(display->mode))
        return;
    display->has_shown = true;
    display->shown_ns = now_ns;
    display->shown_state = status->state;
    display->shown_reconnecting = status->reconnecting;
    show(display, status, now_ns);
}

void record_display_note(RecordDisplay *display, const char *sentence)
{
    close_line(display);
    fprintf(stderr, "%s\n", sentence);
}

void record_display_refusal(RecordDisplay *display, const Outcome *refusal)
{
    close_line(display);
    if (display->mode == DISPLAY_JSON) {
        JsonObject *object = json_object_new();
        json_object_set_boolean_member(object, "success", FALSE);
        json_object_set_string_member(object, "outcome", outcome_kind_name(OUTCOME_FAILED));
        json_object_set_string_member(object, "code", outcome_code_name(refusal->code));
        json_object_set_string_member(object, "error", refusal->sentence);
        print_json(object);
    }
    fprintf(stderr, "roomtape: %s: %s\n", outcome_code_name(refusal->code), refusal->sentence);
}

static void print_file(const OutputStatus *output)
{
    char time[24], bytes[24];
    progress_time(output->duration_ns, time, sizeof time);
    progress_bytes(output->bytes, bytes, sizeof bytes);
    g_autofree char *path = g_filename_display_name(output->path);
    printf("%s  %s  %s\n", path, time, bytes);
}

static void print_end(const RecordingStatus *status)
{
    for (unsigned i = 0; i < status->output_count; i++) {
        if (status->outputs[i].path[0] != '\0')
            print_file(&status->outputs[i]);
    }
    if (status->outcome.kind == OUTCOME_COMPLETE)
        printf("complete (%s)\n", end_reason_name(status->end_reason));
}

void record_display_end(RecordDisplay *display, const RecordingStatus *status)
{
    close_line(display);
    const Outcome *outcome = &status->outcome;
    if (display->mode == DISPLAY_JSON) {
        JsonObject *object = status_json(status);
        json_object_set_boolean_member(object, "success", outcome->kind != OUTCOME_FAILED);
        print_json(object);
    } else {
        print_end(status);
    }
    fflush(stdout);
    if (outcome->code != CODE_NONE)
        fprintf(stderr, "roomtape: %s: %s: %s\n", outcome_kind_name(outcome->kind),
                outcome_code_name(outcome->code), outcome->sentence);
}
