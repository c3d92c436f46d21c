#include "cli/settings.h"

#include <errno.h>
#include <sys/resource.h>

#include "cli/commands.h"

#define CONFIG_VARIABLE "ROOMTAPE_CONFIG"

static const Flag connection_table[] = {
    {"url", "URL", "livekit.url", "LiveKit server, such as wss://host or ws://127.0.0.1:7880"},
    {"api-key", "KEY", "livekit.api_key", "API key that signs the access token"},
    {"api-secret", "SECRET", "livekit.api_secret",
     "its secret; better in LIVEKIT_API_SECRET, where\nother users of the machine cannot see it"},
    {"ca-file", "FILE", "livekit.ca_file", "PEM file of a private certificate authority"},
};

static const Flag general_table[] = {
    {"config", "FILE", NULL, "YAML file with settings (or ROOMTAPE_CONFIG)"},
    {"set", "KEY=VALUE", NULL, "any setting by its key, such as timeouts.connection=20s"},
    {"log-level", "LEVEL", "log.level", "debug, info, warning, error or none"},
    {"log-json", NULL, "log.json", "one JSON object a log line"},
    {"help", NULL, NULL, "this text"},
};

const FlagGroup connection_flags = {
    .title = "Server",
    .flags = connection_table,
    .count = G_N_ELEMENTS(connection_table),
};

const FlagGroup general_flags = {
    .title = "General",
    .flags = general_table,
    .count = G_N_ELEMENTS(general_table),
};

Config *settings_load(const Flags *flags, LogLevel level, GError **error)
{
    g_autoptr(Config) config = config_new();
    config->log_level = level;
    g_auto(GStrv) environment = g_get_environ();
    const char *path = flags_text(flags, "config");
    if (path == NULL)
        path = g_environ_getenv(environment, CONFIG_VARIABLE);
    if (path != NULL && path[0] != '\0' && !config_load_file(config, path, error))
        return NULL;
    environment = g_environ_unsetenv(environment, CONFIG_VARIABLE);
    if (!config_load_environment(config, environment, error) || !flags_apply(flags, config, error))
        return NULL;
    log_setup(config->log_level, config->log_json);
    return g_steal_pointer(&config);
}

void settings_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("cli", NULL, "The limit of open files cannot be raised: %s.",
                    g_strerror(errno));
}
