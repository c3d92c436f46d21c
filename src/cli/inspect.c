#include "sink/inspect.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/print_json.h"
#include "cli/progress.h"
#include "flow/outcome.h"

static const Flag inspect_flags[] = {
    {"json", NULL, NULL, "one JSON object instead of text"},
    {"help", NULL, NULL, "this text"},
};

static const FlagGroup inspect_group = {
    .title = "Flags",
    .flags = inspect_flags,
    .count = G_N_ELEMENTS(inspect_flags),
};

static const FlagTable inspect_table = {
    .name = "inspect",
    .usage = "roomtape inspect FILE [--json]",
    .summary = "Measures a media file: its tracks and their lengths, gaps, the offset between the\n"
               "beginnings of video and audio, and how the file is laid out.",
    .notes = "The exit status is 0 for a file with media in it, else 1.",
    .max_arguments = 1,
    .groups = {&inspect_group},
};

static double seconds(int64_t time_ns)
{
    return (double)time_ns / (double)NS_PER_SECOND;
}

static void print_track(const InspectTrack *track, unsigned number)
{
    printf("  %u  %-5s  %-8s", number, track_kind_name(track->kind), track->codec);
    if (track->kind == TRACK_VIDEO)
        printf("  %ux%u  %.2f fps  %llu key frame%s", track->width, track->height,
               track->frames_per_second, (unsigned long long)track->keyframes,
               track->keyframes == 1 ? "" : "s");
    else
        printf("  %u Hz  %u %s", track->sample_rate, track->channels,
               track->channels == 1 ? "channel" : "channels");
    printf("  %llu packets\n", (unsigned long long)track->packets);
    printf("     from %.3f s to %.3f s, %.3f s long\n", seconds(track->first_pts_ns),
           seconds(track->last_pts_ns), seconds(track->duration_ns));
    if (track->title[0] != '\0') {
        g_autofree char *title = g_strescape(track->title, NULL);
        printf("     title  %s\n", title);
    }
    for (unsigned i = 0; i < MIN(track->gap_count, INSPECT_MAX_GAPS); i++)
        printf("     gap    from %.3f s to %.3f s\n", seconds(track->gaps[i].start_ns),
               seconds(track->gaps[i].end_ns));
}

static void print_text(const char *path, const Inspection *found)
{
    char size[32];
    progress_bytes(found->bytes, size, sizeof size);
    printf("%s\n", path);
    printf("  %s, layout %s, %s, %.3f s\n", found->container, found->layout, size,
           seconds(found->duration_ns));
    for (unsigned i = 0; i < found->track_count; i++)
        print_track(&found->tracks[i], i + 1);
    if (found->start_offset_ns != 0)
        printf("  video begins %.1f ms %s audio\n",
               (double)ABS(found->start_offset_ns) / (double)NS_PER_MS,
               found->start_offset_ns > 0 ? "after" : "before");
    if (found->data_errors > 0)
        printf("  %u packets cannot be read\n", found->data_errors);
}

static JsonObject *track_json(const InspectTrack *track)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "kind", track_kind_name(track->kind));
    json_object_set_string_member(object, "codec", track->codec);
    if (track->kind == TRACK_VIDEO) {
        json_object_set_int_member(object, "width", track->width);
        json_object_set_int_member(object, "height", track->height);
        json_object_set_double_member(object, "frames_per_second", track->frames_per_second);
        json_object_set_int_member(object, "keyframes", (gint64)track->keyframes);
    } else {
        json_object_set_int_member(object, "sample_rate", track->sample_rate);
        json_object_set_int_member(object, "channels", track->channels);
    }
    json_object_set_int_member(object, "packets", (gint64)track->packets);
    json_object_set_int_member(object, "bytes", (gint64)track->bytes);
    json_object_set_double_member(object, "start", seconds(track->first_pts_ns));
    json_object_set_double_member(object, "end", seconds(track->last_pts_ns));
    json_object_set_double_member(object, "duration", seconds(track->duration_ns));
    g_autofree char *title = g_utf8_make_valid(track->title, -1);
    json_object_set_string_member(object, "title", title);
    json_object_set_int_member(object, "gap_count", track->gap_count);
    JsonArray *gaps = json_array_new();
    for (unsigned i = 0; i < MIN(track->gap_count, INSPECT_MAX_GAPS); i++) {
        JsonObject *gap = json_object_new();
        json_object_set_double_member(gap, "start", seconds(track->gaps[i].start_ns));
        json_object_set_double_member(gap, "end", seconds(track->gaps[i].end_ns));
        json_array_add_object_element(gaps, gap);
    }
    json_object_set_array_member(object, "gaps", gaps);
    return object;
}

static JsonObject *file_json(const char *path, const Inspection *found)
{
    JsonObject *object = json_object_new();
    g_autofree char *shown = g_filename_display_name(path);
    json_object_set_string_member(object, "path", shown);
    json_object_set_string_member(object, "container", found->container);
    json_object_set_string_member(object, "layout", found->layout);
    json_object_set_int_member(object, "bytes", (gint64)found->bytes);
    json_object_set_double_member(object, "duration", seconds(found->duration_ns));
    json_object_set_double_member(object, "start_offset", seconds(found->start_offset_ns));
    json_object_set_int_member(object, "data_errors", found->data_errors);
    JsonArray *tracks = json_array_new();
    for (unsigned i = 0; i < found->track_count; i++)
        json_array_add_object_element(tracks, track_json(&found->tracks[i]));
    json_object_set_array_member(object, "tracks", tracks);
    return object;
}

static int run_inspect(const Flags *flags)
{
    const char *path = flags_argument(flags, 0);
    if (path == NULL)
        return cli_usage_error("Which file? roomtape inspect FILE.");
    g_autofree Inspection *found = g_new0(Inspection, 1);
    char error[OUTCOME_SENTENCE_MAX] = "";
    if (!inspect_file(path, found, error, sizeof error)) {
        fprintf(stderr, "roomtape: %s\n", error);
        return 1;
    }
    if (flags_has(flags, "json"))
        print_json(file_json(path, found));
    else
        print_text(path, found);
    return 0;
}

const Command inspect_command = {&inspect_table, run_inspect};
