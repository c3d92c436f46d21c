#include "flow/encoder_settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define NS_PER_SECOND 1000000000.0
#define KEYFRAME_MIN_SECONDS 0.1
#define KEYFRAME_MAX_SECONDS 600
#define THREADS_MAX 64
#define OPTION_MAX 64

typedef struct {
    const char *name; /* libavcodec's */
    Encoding encodings[2];
    const char *const *speeds; /* words; NULL: numbers up to max_speed, or none */
    int max_speed;             /* -1: it has none */
    int max_crf;               /* -1: it has none */
    const char *speed;         /* by default */
} Encoder;

static const char *const x264_speeds[] = {"ultrafast", "superfast", "veryfast", "faster",
                                          "fast",      "medium",    "slow",     "slower",
                                          "veryslow",  "placebo",   NULL};

/* The first one of an encoding is its default. */
static const Encoder encoders[] = {
    {"libx264", {ENCODING_H264}, x264_speeds, 0, 51, "veryfast"},
    {"libvpx-vp9", {ENCODING_VP9}, NULL, 8, 63, "8"},
    {"libaom-av1", {ENCODING_AV1}, NULL, 8, 63, "8"},
    {"libsvtav1", {ENCODING_SVTAV1, ENCODING_AV1}, NULL, 13, 63, "12"},
    {"libaom-av1", {ENCODING_SVTAV1}, NULL, 8, 63, "8"},
    {"aac", {ENCODING_AAC}, NULL, -1, -1, ""},
    {"libopus", {ENCODING_OPUS}, NULL, -1, -1, ""},
    {"libmp3lame", {ENCODING_MP3}, NULL, -1, -1, ""},
    {"pcm_s16le", {ENCODING_PCM}, NULL, -1, -1, ""},
};

static const struct {
    const char *name;
    Codec codec;
    unsigned min_bitrate, max_bitrate;
} encodings[ENCODING_COUNT] = {
    [ENCODING_NONE] = {"", CODEC_UNKNOWN, 0, 0},
    [ENCODING_H264] = {"h264", CODEC_H264, 50000, 100000000},
    [ENCODING_VP9] = {"vp9", CODEC_VP9, 50000, 100000000},
    [ENCODING_AV1] = {"av1", CODEC_AV1, 50000, 100000000},
    [ENCODING_SVTAV1] = {"svtav1", CODEC_AV1, 50000, 100000000},
    [ENCODING_AAC] = {"aac", CODEC_AAC, 16000, 512000},
    [ENCODING_OPUS] = {"opus", CODEC_OPUS, 6000, 510000},
    [ENCODING_MP3] = {"mp3", CODEC_MP3, 32000, 320000},
    [ENCODING_PCM] = {"pcm", CODEC_PCM, 0, 0},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const char *encoding_name(Encoding encoding)
{
    return encodings[encoding].name;
}

Codec encoding_codec(Encoding encoding)
{
    return encodings[encoding].codec;
}

static bool serves(const Encoder *encoder, Encoding encoding)
{
    return encoder->encodings[0] == encoding || encoder->encodings[1] == encoding;
}

/* By its name, or with NULL the default one; NULL when there is none. */
static const Encoder *find_encoder(Encoding encoding, const char *name)
{
    for (size_t i = 0; encoding != ENCODING_NONE && i < COUNT(encoders); i++) {
        if (serves(&encoders[i], encoding) &&
            (name == NULL || strcasecmp(name, encoders[i].name) == 0))
            return &encoders[i];
    }
    return NULL;
}

static void take_encoder(EncoderSettings *settings, const Encoder *encoder)
{
    settings->encoder = encoder->name;
    settings->crf = -1;
    snprintf(settings->speed, sizeof settings->speed, "%s", encoder->speed);
}

EncoderSettings encoder_settings_default(Encoding encoding)
{
    EncoderSettings settings = {
        .keyframe_interval_ns = (int64_t)(2 * NS_PER_SECOND), .threads = 1, .crf = -1};
    const Encoder *encoder = find_encoder(encoding, NULL);
    if (encoder != NULL)
        take_encoder(&settings, encoder);
    return settings;
}

/* ---- one option ---- */

typedef struct {
    EncoderSettings *settings;
    Encoding encoding;
    const char *name, *value;
    char *problem;
    size_t size;
} Setting;

#define SHOWN_MAX 44

static bool refuse(const Setting *setting, const char *allowed)
{
    char shown[SHOWN_MAX];
    text_printable(setting->value, strlen(setting->value), shown, sizeof shown);
    snprintf(setting->problem, setting->size, "\"%s\" of %s cannot be \"%s\"; it can be %s.",
             setting->name, setting->settings->encoder, shown, allowed);
    return false;
}

static void add_word(char *list, size_t size, const char *word)
{
    const size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}

static bool parse_number(const char *text, const char *const *units, double *ret_number)
{
    static const double factors[] = {1, 1e3, 1e6, 1e-3};
    char *end = NULL;
    const double number = strtod(text, &end);
    if (end == text || !(number >= 0) || strpbrk(text, "xXnN") != NULL)
        return false;
    for (size_t i = 0; i < COUNT(factors); i++) {
        if (units[i] != NULL && strcasecmp(end, units[i]) == 0) {
            *ret_number = number * factors[i];
            return true;
        }
    }
    return false;
}

static bool parse_whole(const char *text, int max, int *ret_number)
{
    static const char *const units[] = {"", NULL, NULL, NULL};
    double number;
    if (!parse_number(text, units, &number) || number != floor(number) || number > max)
        return false;
    *ret_number = (int)number;
    return true;
}

static bool set_encoder(const Setting *setting)
{
    char allowed[200] = "";
    const Encoder *encoder = find_encoder(setting->encoding, setting->value);
    if (encoder != NULL) {
        if (encoder->name != setting->settings->encoder)
            take_encoder(setting->settings, encoder);
        return true;
    }
    for (size_t i = 0; i < COUNT(encoders); i++) {
        if (serves(&encoders[i], setting->encoding))
            add_word(allowed, sizeof allowed, encoders[i].name);
    }
    return refuse(setting, allowed);
}

static bool set_speed_word(const Setting *setting, const char *const *words)
{
    char allowed[200] = "";
    for (; *words != NULL; words++) {
        add_word(allowed, sizeof allowed, *words);
        if (strcasecmp(*words, setting->value) != 0)
            continue;
        snprintf(setting->settings->speed, sizeof setting->settings->speed, "%s", *words);
        return true;
    }
    return refuse(setting, allowed);
}

static bool set_speed(const Setting *setting)
{
    const Encoder *encoder = find_encoder(setting->encoding, setting->settings->encoder);
    char allowed[64];
    int speed;
    if (encoder->speeds != NULL)
        return set_speed_word(setting, encoder->speeds);
    snprintf(allowed, sizeof allowed, "a number from 0 to %d", encoder->max_speed);
    if (encoder->max_speed < 0)
        return refuse(setting, "left out: this encoder has one speed");
    if (!parse_whole(setting->value, encoder->max_speed, &speed))
        return refuse(setting, allowed);
    snprintf(setting->settings->speed, sizeof setting->settings->speed, "%d", speed);
    return true;
}

static bool set_crf(const Setting *setting)
{
    const Encoder *encoder = find_encoder(setting->encoding, setting->settings->encoder);
    char allowed[64];
    snprintf(allowed, sizeof allowed, "none, or a number from 0 (best) to %d", encoder->max_crf);
    if (strcasecmp(setting->value, "none") == 0) {
        setting->settings->crf = -1;
        return true;
    }
    if (encoder->max_crf < 0)
        return refuse(setting, "none: this encoder knows bit rates only");
    return parse_whole(setting->value, encoder->max_crf, &setting->settings->crf) ||
           refuse(setting, allowed);
}

static bool set_bitrate(const Setting *setting)
{
    static const char *const units[] = {"", "k", "M", NULL};
    const unsigned min = encodings[setting->encoding].min_bitrate;
    const unsigned max = encodings[setting->encoding].max_bitrate;
    char allowed[100];
    double bitrate;
    if (max == 0)
        return refuse(setting, "left out: this encoder has one rate");
    snprintf(allowed, sizeof allowed, "preset, or bits a second from %u to %u, such as 128k or 2M",
             min, max);
    if (strcasecmp(setting->value, "preset") == 0) {
        setting->settings->bitrate = 0;
        return true;
    }
    if (!parse_number(setting->value, units, &bitrate) || bitrate < min || bitrate > max)
        return refuse(setting, allowed);
    setting->settings->bitrate = (unsigned)bitrate;
    return true;
}

static bool set_threads(const Setting *setting)
{
    int threads = 0;
    if (!parse_whole(setting->value, THREADS_MAX, &threads) || threads == 0)
        return refuse(setting, "a number from 1 to 64");
    setting->settings->threads = (unsigned)threads;
    return true;
}

static bool set_keyframe_interval(const Setting *setting)
{
    static const char *const units[] = {"", NULL, NULL, "ms"};
    static const char *const seconds[] = {"s", NULL, NULL, NULL};
    double interval;
    const bool is_number = parse_number(setting->value, units, &interval) ||
                           parse_number(setting->value, seconds, &interval);
    if (!is_number || interval < KEYFRAME_MIN_SECONDS || interval > KEYFRAME_MAX_SECONDS)
        return refuse(setting, "a time from 100ms to 600s");
    setting->settings->keyframe_interval_ns = (int64_t)llround(interval * NS_PER_SECOND);
    return true;
}

static const struct {
    const char *name;
    bool (*set)(const Setting *setting);
    bool is_of_pictures;
} options[] = {
    {"encoder", set_encoder, false},
    {"speed", set_speed, true},
    {"keyframe_interval", set_keyframe_interval, true},
    {"threads", set_threads, true},
    {"bitrate", set_bitrate, false},
    {"crf", set_crf, true},
};

static bool refuse_name(const Setting *setting, bool has_pictures)
{
    char allowed[200] = "";
    for (size_t i = 0; i < COUNT(options); i++) {
        if (has_pictures || !options[i].is_of_pictures)
            add_word(allowed, sizeof allowed, options[i].name);
    }
    char shown[SHOWN_MAX];
    text_printable(setting->name, strlen(setting->name), shown, sizeof shown);
    snprintf(setting->problem, setting->size, "There is no encoder option \"%s\"; there are %s.",
             shown, allowed);
    return false;
}

bool encoder_settings_set(EncoderSettings *settings, Encoding encoding, const char *name,
                          const char *value, char *ret_problem, size_t size)
{
    const Setting setting = {settings, encoding, name, value, ret_problem, size};
    const bool has_pictures = codec_kind(encoding_codec(encoding)) == TRACK_VIDEO;
    for (size_t i = 0; i < COUNT(options); i++) {
        if (strcasecmp(name, options[i].name) == 0 && (has_pictures || !options[i].is_of_pictures))
            return options[i].set(&setting);
    }
    return refuse_name(&setting, has_pictures);
}

/* ---- as text ---- */

/* The next "name=value"; false at the end or where it is none, which `*text` tells apart. */
static bool next_option(const char **text, char *ret_name, char *ret_value)
{
    *text += strspn(*text, " ,");
    const size_t name = strcspn(*text, "= ,");
    if (name == 0 || name >= OPTION_MAX || (*text)[name] != '=')
        return false;
    const char *value = *text + name + 1;
    const size_t length = strcspn(value, " ,");
    if (length >= OPTION_MAX)
        return false;
    snprintf(ret_name, OPTION_MAX, "%.*s", (int)name, *text);
    snprintf(ret_value, OPTION_MAX, "%.*s", (int)length, value);
    *text = value + length;
    return true;
}

bool encoder_settings_is_choice(const char *name)
{
    return strcasecmp(name, "encoder") == 0;
}

/* The options that choose an encoder, or the others; up to the end or what is none. */
static bool take_options(EncoderSettings *settings, Encoding encoding, const char **text,
                         bool of_choice, char *ret_problem, size_t size)
{
    char name[OPTION_MAX], value[OPTION_MAX];
    while (next_option(text, name, value)) {
        if (encoder_settings_is_choice(name) == of_choice &&
            !encoder_settings_set(settings, encoding, name, value, ret_problem, size))
            return false;
    }
    return true;
}

bool encoder_settings_parse(EncoderSettings *settings, Encoding encoding, const char *text,
                            char *ret_problem, size_t size)
{
    EncoderSettings changed = *settings;
    const char *first = text;
    if (!take_options(&changed, encoding, &first, true, ret_problem, size) ||
        !take_options(&changed, encoding, &text, false, ret_problem, size))
        return false;
    if (*text != '\0') {
        char shown[SHOWN_MAX];
        text_printable(text, strlen(text), shown, sizeof shown);
        snprintf(ret_problem, size,
                 "\"%s\" is no encoder option; they are written as name=value, such as "
                 "bitrate=128k.",
                 shown);
        return false;
    }
    *settings = changed;
    return true;
}

void encoder_settings_format(const EncoderSettings *settings, char *ret_text, size_t size)
{
    char bitrate[16] = "preset", crf[16] = "none";
    if (settings->bitrate > 0)
        snprintf(bitrate, sizeof bitrate, "%u", settings->bitrate);
    if (settings->crf >= 0)
        snprintf(crf, sizeof crf, "%d", settings->crf);
    if (settings->speed[0] == '\0')
        snprintf(ret_text, size, "encoder=%s bitrate=%s", settings->encoder, bitrate);
    else
        snprintf(ret_text, size,
                 "encoder=%s speed=%s keyframe_interval=%gs threads=%u bitrate=%s crf=%s",
                 settings->encoder, settings->speed,
                 (double)settings->keyframe_interval_ns / NS_PER_SECOND, settings->threads, bitrate,
                 crf);
}
