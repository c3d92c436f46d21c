#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "room/embedded_room.h"
#include "sink/av_lines.h"

static const Command *const commands[] = {
    &record_command, &serve_command, &token_command, &inspect_command, &doctor_command,
};

static const char help_text[] =
    "roomtape records LiveKit rooms into files that play.\n"
    "\n"
    "Usage: roomtape COMMAND [FLAG]...\n"
    "\n"
    "Commands:\n"
    "  record    record one room until Ctrl-C, its end, or a time that is up\n"
    "  serve     run the HTTP service that starts and stops recordings\n"
    "  token     make an access token\n"
    "  inspect   measure a media file: tracks, lengths, gaps, layout\n"
    "  doctor    find out which step on the way into a room does not work\n"
    "  room      run a small room with a synthetic publisher, to try things out\n"
    "\n"
    "roomtape COMMAND --help tells a command's flags; roomtape --version the version.\n"
    "\n"
    "Try it without a server:\n"
    "  roomtape room &      # prints url, api_key, api_secret and room\n"
    "  roomtape record --url URL --api-key KEY --api-secret SECRET --room demo --duration 10s\n"
    "\n"
    "Environment: LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_TOKEN, and\n"
    "ROOMTAPE_SECTION_SETTING for every setting. Flags beat the environment, which beats the\n"
    "file of --config. See man roomtape.\n";

int cli_usage_error(const char *sentence)
{
    fprintf(stderr, "roomtape: %s\n", sentence);
    return EXIT_USAGE;
}

static const Command *find_command(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(commands[i]->table->name, name))
            return commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    static const char *const names[] = {"record", "serve", "token",  "inspect",
                                        "doctor", "room",  "--help", "--version"};
    const char *nearest = flags_nearest(name, names, G_N_ELEMENTS(names));
    g_autofree char *shown = g_strescape(name, NULL);
    fprintf(stderr, "roomtape: There is no command \"%.40s\".", shown);
    if (nearest != NULL)
        fprintf(stderr, " Did you mean \"roomtape %s\"?", nearest);
    fprintf(stderr, "\nroomtape --help lists the commands.\n");
    return EXIT_USAGE;
}

static int run_command(const Command *command, char **arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Flags) flags = flags_parse(command->table, arguments, &error);
    if (flags == NULL) {
        cli_usage_error(error->message);
        fprintf(stderr, "roomtape %s --help lists its flags.\n", command->table->name);
        return EXIT_USAGE;
    }
    if (flags_has(flags, "help")) {
        g_autofree char *help = flags_help(command->table);
        fputs(help, stdout);
        return 0;
    }
    return command->run(flags);
}

static void take_glib_line(const char *domain, GLogLevelFlags level, const char *line,
                           gpointer data)
{
    (void)data;
    const bool is_error = level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
    const bool is_warning = level & G_LOG_LEVEL_WARNING;
    log_line(is_error     ? LOG_ERROR
             : is_warning ? LOG_WARNING
                          : LOG_DEBUG,
             domain != NULL ? domain : "glib", NULL, "%s", line);
}

/* Whatever a library has to say keeps the log's form and level. */
static void collect_lines(void)
{
    g_log_set_default_handler(take_glib_line, NULL);
    av_lines_to_log();
}

int cli_main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    collect_lines();
    if (argc < 2) {
        fputs(help_text, stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (g_str_equal(name, "--version") || g_str_equal(name, "version")) {
        puts("roomtape " ROOMTAPE_VERSION);
        return 0;
    }
    if (g_str_equal(name, "--help") || g_str_equal(name, "-h") || g_str_equal(name, "help")) {
        const Command *about = argc > 2 ? find_command(argv[2]) : NULL;
        g_autofree char *help = about != NULL ? flags_help(about->table) : g_strdup(help_text);
        fputs(help, stdout);
        return 0;
    }
    if (g_str_equal(name, "room"))
        return embedded_room_main(argc - 1, argv + 1);
    const Command *command = find_command(name);
    return command != NULL ? run_command(command, argv + 2) : unknown_command(name);
}
