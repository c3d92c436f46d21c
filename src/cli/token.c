#include <stdio.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/settings.h"
#include "signal/access_token.h"

static const Flag token_flags[] = {
    {"api-key", "KEY", "livekit.api_key", "API key (or LIVEKIT_API_KEY)"},
    {"api-secret", "SECRET", "livekit.api_secret", "its secret (or LIVEKIT_API_SECRET)"},
    {"room", "NAME", NULL, "the room that the token opens"},
    {"identity", "IDENTITY", NULL, "who joins with it; without it, a recorder"},
    {"name", "TEXT", NULL, "the name that others see"},
    {"valid", "TIME", NULL, "how long, such as 30m or 6h (the default)"},
    {"recorder", NULL, NULL, "a hidden recorder that cannot publish"},
    {"record-grant", NULL, NULL,
     "opens no room, but calls roomtape's HTTP service; with\n--room, for that room alone"},
};

static const FlagGroup token_group = {
    .title = "Token",
    .flags = token_flags,
    .count = G_N_ELEMENTS(token_flags),
};

static const FlagTable token_table = {
    .name = "token",
    .usage = "roomtape token --room NAME [--identity IDENTITY] [FLAG]...",
    .summary = "Prints a LiveKit access token, signed with the API key's secret.",
    .groups = {&token_group, &general_flags},
};

static bool valid_seconds(const Flags *flags, int64_t *ret_seconds)
{
    const char *text = flags_text(flags, "valid");
    int64_t valid_ns = 6 * 3600 * NS_PER_SECOND;
    if (text != NULL && (!config_parse_duration(text, &valid_ns) || valid_ns < NS_PER_SECOND))
        return false;
    *ret_seconds = valid_ns / NS_PER_SECOND;
    return true;
}

static int run_token(const Flags *flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = settings_load(flags, LOG_WARNING, &error);
    if (config == NULL)
        return cli_usage_error(error->message);
    const char *identity = flags_text(flags, "identity");
    /* two that join under one identity would throw each other out */
    g_autofree char *unique = g_uuid_string_random();
    g_autofree char *recorder = g_strdup_printf("roomtape-%.8s", unique);
    const bool record_grant = flags_has(flags, "record-grant");
    AccessTokenOptions options = {
        .api_key = config->api_key,
        .api_secret = config->api_secret,
        .identity = identity != NULL ? identity : recorder,
        .name = flags_text(flags, "name"),
        .room = flags_text(flags, "room"),
        .recorder = !record_grant && (identity == NULL || flags_has(flags, "recorder")),
        .room_record = record_grant,
    };
    if (options.api_key == NULL || options.api_secret == NULL)
        return cli_usage_error(
            "A token is signed with an API key: give --api-key and --api-secret, "
            "or LIVEKIT_API_KEY and LIVEKIT_API_SECRET.");
    if (options.room != NULL ? options.room[0] == '\0' : !record_grant)
        return cli_usage_error("For which room is the token? Give --room NAME.");
    if (options.identity != NULL && options.identity[0] == '\0')
        return cli_usage_error("--identity cannot be empty.");
    if (!valid_seconds(flags, &options.valid_seconds))
        return cli_usage_error("--valid needs a time of a second or more, such as 30m or 6h.");
    g_autofree char *token = access_token_new(&options);
    puts(token);
    return 0;
}

const Command token_command = {&token_table, run_token};
