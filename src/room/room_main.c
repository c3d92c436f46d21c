#include <glib-unix.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "base/clock.h"
#include "room/embedded_room.h"
#include "room/room_options.h"

#define EXIT_USAGE 2

static void print_line(JsonBuilder *builder)
{
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(root, FALSE);
    printf("%s\n", text);
    fflush(stdout);
}

static void add_text(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *name, uint64_t value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, (gint64)value);
}

static void print_ready(const EmbeddedRoom *room, const EmbeddedRoomConfig *config)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    add_text(builder, "url", embedded_room_url(room));
    add_text(builder, "api_key", embedded_room_api_key(room));
    add_text(builder, "api_secret", embedded_room_api_secret(room));
    add_text(builder, "room", config->room_name != NULL ? config->room_name : "demo");
    print_line(builder);
}

static void print_stats(EmbeddedRoom *room)
{
    EmbeddedRoomStats stats = {0};
    embedded_room_stats(room, &stats);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    add_number(builder, "subscribers_total", stats.subscribers_total);
    add_number(builder, "video_frames", stats.video_frames);
    add_number(builder, "skipped", stats.skipped);
    add_number(builder, "audio_frames", stats.audio_frames);
    add_number(builder, "last_video_number", stats.last_video_number);
    add_number(builder, "first_start_ns", (uint64_t)stats.first_start_ns);
    add_number(builder, "packets_sent", stats.packets_sent);
    add_number(builder, "packets_dropped", stats.packets_dropped);
    add_number(builder, "retransmissions", stats.retransmissions);
    add_number(builder, "nacks", stats.nacks);
    add_number(builder, "plis", stats.plis);
    add_number(builder, "receiver_reports", stats.receiver_reports);
    add_number(builder, "malformed_requests", stats.malformed_requests);
    add_number(builder, "load_packets", stats.load_packets);
    add_number(builder, "load_unsent", stats.load_unsent);
    add_number(builder, "load_late_ms", stats.load_late_ms);
    print_line(builder);
}

static gboolean on_end(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_CONTINUE;
}

static gboolean on_count(gpointer data)
{
    print_stats(data);
    return G_SOURCE_CONTINUE;
}

static void run_until_ended(const RoomOptions *options, EmbeddedRoom *room)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    const guint interrupt = g_unix_signal_add(SIGINT, on_end, loop);
    const guint terminate = g_unix_signal_add(SIGTERM, on_end, loop);
    const guint count = g_unix_signal_add(SIGUSR1, on_count, room);
    const guint timer = options->duration_ns > 0
                            ? g_timeout_add((guint)(options->duration_ns / NS_PER_MS), on_end, loop)
                            : 0;
    g_main_loop_run(loop);
    g_source_remove(count);
    g_source_remove(interrupt);
    g_source_remove(terminate);
    if (timer != 0) {
        g_source_remove(timer);
    }
}

int embedded_room_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RoomOptions) options = room_options_parse(argc, argv, &error);
    if (options == NULL) {
        fprintf(stderr, "roomtape room: %s\n", error->message);
        return EXIT_USAGE;
    }
    g_autoptr(EmbeddedRoom) room = embedded_room_new(&options->config, &error);
    if (room == NULL) {
        fprintf(stderr, "roomtape room: %s\n", error->message);
        return 1;
    }
    print_ready(room, &options->config);
    run_until_ended(options, room);
    if (options->stats) {
        print_stats(room);
    }
    return 0;
}
