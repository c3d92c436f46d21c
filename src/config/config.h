/* The settings of the program: defaults, then the YAML file, then the environment, then flags.
 * Thread: main; values do not change after start. */
#pragma once

#include <glib.h>

#include "base/log.h"
#include "flow/format.h"

#define CONFIG_ERROR (config_error_quark())
GQuark config_error_quark(void);
typedef enum { CONFIG_ERROR_FILE, CONFIG_ERROR_KEY, CONFIG_ERROR_VALUE } ConfigError;

typedef struct {
    /* livekit */
    char *url, *api_key, *api_secret, *ca_file;

    /* timeouts.*, nanoseconds here, seconds outside */
    int64_t connection_ns, subscription_ns, keyframe_ns, read_deadline_ns, encode_timeout_ns;
    int64_t publisher_wait_ns; /* -1: the subscription timeout */
    int64_t idle_ns;           /* -1: 30 s with a recorder token, 60 s with an ordinary one */
    int64_t reconnect_ns;
    int64_t seek_interval_ns; /* 0 = off */

    /* queues.* */
    unsigned video_max_items, audio_max_items;
    uint64_t queue_max_bytes;     /* per track */
    uint64_t recording_max_bytes; /* pool ceiling of one recording */

    /* output */
    char *output_dir, *output_template;
    const Format *format;
    const Quality *quality;
    uint64_t finalize_max_bytes;

    /* encoding.* */
    unsigned max_encodes; /* 0 = as many as cores */
    EncoderSettings encodings[ENCODING_COUNT];

    /* service */
    char *listen;
    unsigned max_recordings;

    /* api.* */
    char *api_token; /* NULL: none */
    char *tls_certificate, *tls_key;
    char *cors_origins, *allowed_urls; /* "one, two"; NULL: none */
    int64_t request_timeout_ns;
    unsigned max_connections, max_address_connections;
    unsigned request_rate, start_rate, start_rate_total; /* a second; 0 = no limit */

    /* threads.* */
    unsigned net_threads, sink_threads; /* 0 = chosen from the cores */

    /* transport */
    bool prefer_aes_256;

    LogLevel log_level;
    bool log_json;
} Config;

Config *config_new(void); /* the defaults */
void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* Unknown keys and bad values are errors that name the key, the value and what is allowed. */
bool config_load_file(Config *config, const char *path, GError **error);

/* LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET (or *_FILE) and ROOMTAPE_* for every setting:
 * ROOMTAPE_TIMEOUTS_CONNECTION=20, ROOMTAPE_OUTPUT_DIR=... An empty variable counts as not set, an
 * unknown ROOMTAPE_ variable is an error. */
bool config_load_environment(Config *config, char **environment, GError **error);

/* One setting by its dotted key, as flags use it: "timeouts.connection", "20s". A secret's key with
 * "_file" behind it takes the name of the file that holds the secret: "api.token_file". */
bool config_set(Config *config, const char *key, const char *value, GError **error);

/* "30s", "1.5m", "500ms", "2h", "90" (seconds). */
bool config_parse_duration(const char *text, int64_t *ret_ns);

/* "16MiB", "8 GiB", "500MB", "1048576". */
bool config_parse_bytes(const char *text, uint64_t *ret_bytes);

typedef enum {
    CONFIG_TEXT,     /* char * */
    CONFIG_URL,      /* char * */
    CONFIG_LISTEN,   /* char *, host:port */
    CONFIG_LIST,     /* char *, "one, two"; a list in the file */
    CONFIG_DURATION, /* int64_t, ns; min and max are in ms, min -1: "auto" is allowed */
    CONFIG_COUNT,    /* unsigned */
    CONFIG_BYTES,    /* uint64_t */
    CONFIG_BOOL,     /* bool */
    CONFIG_FORMAT,   /* const Format * */
    CONFIG_QUALITY,  /* const Quality * */
    CONFIG_ENCODING, /* EncoderSettings; min is the Encoding */
    CONFIG_LEVEL,    /* LogLevel */
} ConfigType;

/* The table behind file, environment and documentation. */
typedef struct {
    const char *key;          /* "timeouts.connection" */
    const char *environment;  /* "ROOMTAPE_TIMEOUTS_CONNECTION" */
    const char *default_text; /* NULL: none */
    const char *help;
    bool
        secret; /* never shown; may be read from the file that ENVIRONMENT_FILE or KEY_file names */
    ConfigType type;
    size_t offset; /* of its member in Config */
    int64_t min, max;
} ConfigKey;

const ConfigKey *config_keys(unsigned *ret_count);
