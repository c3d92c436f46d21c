#include "config/config.h"

#define HOUR_MS INT64_C(3600000)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const ConfigKey keys[] = {
    {"livekit.url", "ROOMTAPE_LIVEKIT_URL", NULL, "LiveKit server, such as wss://host.example",
     false, CONFIG_URL, offsetof(Config, url), 0, 0},
    {"livekit.api_key", "ROOMTAPE_LIVEKIT_API_KEY", NULL, "API key that signs access tokens", true,
     CONFIG_TEXT, offsetof(Config, api_key), 0, 0},
    {"livekit.api_secret", "ROOMTAPE_LIVEKIT_API_SECRET", NULL, "secret of the API key", true,
     CONFIG_TEXT, offsetof(Config, api_secret), 0, 0},
    {"livekit.ca_file", "ROOMTAPE_LIVEKIT_CA_FILE", NULL,
     "PEM file of a private certificate authority", false, CONFIG_TEXT, offsetof(Config, ca_file),
     0, 0},

    {"timeouts.connection", "ROOMTAPE_TIMEOUTS_CONNECTION", "20s",
     "until the room and its media transport are connected", false, CONFIG_DURATION,
     offsetof(Config, connection_ns), 100, 24 * HOUR_MS},
    {"timeouts.subscription", "ROOMTAPE_TIMEOUTS_SUBSCRIPTION", "10s",
     "until a track that was asked for sends media", false, CONFIG_DURATION,
     offsetof(Config, subscription_ns), 100, 24 * HOUR_MS},
    {"timeouts.keyframe", "ROOMTAPE_TIMEOUTS_KEYFRAME", "2s",
     "until a key frame is asked for again", false, CONFIG_DURATION, offsetof(Config, keyframe_ns),
     100, HOUR_MS},
    {"timeouts.read_deadline", "ROOMTAPE_TIMEOUTS_READ_DEADLINE", "5s",
     "without a packet until a track counts as stalled", false, CONFIG_DURATION,
     offsetof(Config, read_deadline_ns), 100, 24 * HOUR_MS},
    {"timeouts.encode_timeout", "ROOMTAPE_TIMEOUTS_ENCODE_TIMEOUT", "1s",
     "for one frame in an encoder", false, CONFIG_DURATION, offsetof(Config, encode_timeout_ns), 10,
     HOUR_MS},
    {"timeouts.publisher_wait", "ROOMTAPE_TIMEOUTS_PUBLISHER_WAIT", "auto",
     "for a first publisher; auto: as long as timeouts.subscription", false, CONFIG_DURATION,
     offsetof(Config, publisher_wait_ns), -1, 8760 * HOUR_MS},
    {"timeouts.idle", "ROOMTAPE_TIMEOUTS_IDLE", "auto",
     "without a publisher until the recording ends; auto: 30s, or 60s with an ordinary token",
     false, CONFIG_DURATION, offsetof(Config, idle_ns), -1, 8760 * HOUR_MS},
    {"timeouts.reconnect", "ROOMTAPE_TIMEOUTS_RECONNECT", "60s",
     "to find back into the room after the connection was lost", false, CONFIG_DURATION,
     offsetof(Config, reconnect_ns), 100, 24 * HOUR_MS},
    {"timeouts.seek_interval", "ROOMTAPE_TIMEOUTS_SEEK_INTERVAL", "10s",
     "between key frames that are asked for so that the file can be searched; 0: never", false,
     CONFIG_DURATION, offsetof(Config, seek_interval_ns), 0, 24 * HOUR_MS},

    {"queues.video_max_items", "ROOMTAPE_QUEUES_VIDEO_MAX_ITEMS", "60",
     "frames that wait for the file, per video track", false, CONFIG_COUNT,
     offsetof(Config, video_max_items), 1, 100000},
    {"queues.audio_max_items", "ROOMTAPE_QUEUES_AUDIO_MAX_ITEMS", "200",
     "packets that wait for the file, per audio track", false, CONFIG_COUNT,
     offsetof(Config, audio_max_items), 1, 100000},
    {"queues.max_bytes", "ROOMTAPE_QUEUES_MAX_BYTES", "16MiB", "waiting for the file, per track",
     false, CONFIG_BYTES, offsetof(Config, queue_max_bytes), 64 * KIB, 16 * GIB},
    {"queues.recording_max_bytes", "ROOMTAPE_QUEUES_RECORDING_MAX_BYTES", "64MiB",
     "memory for media, per recording", false, CONFIG_BYTES, offsetof(Config, recording_max_bytes),
     MIB, 64 * GIB},

    {"output.dir", "ROOMTAPE_OUTPUT_DIR", ".", "folder that all files are written below", false,
     CONFIG_TEXT, offsetof(Config, output_dir), 0, 0},
    {"output.template", "ROOMTAPE_OUTPUT_TEMPLATE", "{room_name}-{publisher_identity}-{time}",
     "file name without extension", false, CONFIG_TEXT, offsetof(Config, output_template), 0, 0},
    {"output.format", "ROOMTAPE_OUTPUT_FORMAT", "auto",
     "auto, mp4, webm, mkv, ogg, h264, vp9, av1 or svtav1; auto: the first that takes the codecs",
     false, CONFIG_FORMAT, offsetof(Config, format), 0, 0},
    {"output.quality", "ROOMTAPE_OUTPUT_QUALITY", "default",
     "low, medium, high (ceilings), source (nothing is encoded) or default (no ceiling)", false,
     CONFIG_QUALITY, offsetof(Config, quality), 0, 0},
    {"output.finalize_max_bytes", "ROOMTAPE_OUTPUT_FINALIZE_MAX_BYTES", "8GiB",
     "largest MP4 that is rewritten with its index first when it ends; 0: none", false,
     CONFIG_BYTES, offsetof(Config, finalize_max_bytes), 0, 1024 * 1024 * GIB},

    {"encoding.max_encodes", "ROOMTAPE_ENCODING_MAX_ENCODES", "0",
     "pictures encoded at the same time; 0: as many as there are cores", false, CONFIG_COUNT,
     offsetof(Config, max_encodes), 0, 1000},
    {"encoding.keyframe_interval", "ROOMTAPE_ENCODING_KEYFRAME_INTERVAL", "2s",
     "between the key frames of what is encoded", false, CONFIG_DURATION,
     offsetof(Config, encoder_keyframe_ns), 100, 600000},
    {"encoding.h264_speed", "ROOMTAPE_ENCODING_H264_SPEED", "veryfast",
     "preset of libx264: ultrafast, superfast, veryfast, faster, fast, medium", false, CONFIG_TEXT,
     offsetof(Config, h264_speed), 0, 0},

    {"service.listen", "ROOMTAPE_SERVICE_LISTEN", "127.0.0.1:8080",
     "loopback address of the HTTP service", false, CONFIG_LISTEN, offsetof(Config, listen), 0, 0},
    {"service.max_recordings", "ROOMTAPE_SERVICE_MAX_RECORDINGS", "500",
     "recordings at the same time", false, CONFIG_COUNT, offsetof(Config, max_recordings), 1,
     100000},

    {"threads.net", "ROOMTAPE_THREADS_NET", "0", "network threads; 0: chosen from the cores", false,
     CONFIG_COUNT, offsetof(Config, net_threads), 0, 256},
    {"threads.sink", "ROOMTAPE_THREADS_SINK", "0", "writer threads; 0: chosen from the cores",
     false, CONFIG_COUNT, offsetof(Config, sink_threads), 0, 256},

    {"transport.prefer_aes_256", "ROOMTAPE_TRANSPORT_PREFER_AES_256", "false",
     "offer AES-256-GCM for media first", false, CONFIG_BOOL, offsetof(Config, prefer_aes_256), 0,
     0},

    {"log.level", "ROOMTAPE_LOG_LEVEL", "info", "debug, info, warning, error or none", false,
     CONFIG_LEVEL, offsetof(Config, log_level), 0, 0},
    {"log.json", "ROOMTAPE_LOG_JSON", "false", "one JSON object a line instead of text", false,
     CONFIG_BOOL, offsetof(Config, log_json), 0, 0},
};

const ConfigKey *config_keys(unsigned *ret_count)
{
    *ret_count = G_N_ELEMENTS(keys);
    return keys;
}
