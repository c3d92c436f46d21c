/* How what is encoded is encoded: the encoder, its speed, its rate, as configuration and requests
 * name them, with what each encoder takes.
 * Thread: any; values only. */
#pragma once

#include <stddef.h>

#include "flow/codec.h"

typedef enum {
    ENCODING_NONE,
    ENCODING_H264,
    ENCODING_VP9,
    ENCODING_AV1,
    ENCODING_SVTAV1, /* AV1 too, by the quicker encoder */
    ENCODING_AAC,
    ENCODING_OPUS,
    ENCODING_MP3,
    ENCODING_PCM,
    ENCODING_COUNT,
} Encoding;

const char *encoding_name(Encoding encoding); /* "h264", ...; NONE is "" */
Codec encoding_codec(Encoding encoding);

#define ENCODER_SPEED_MAX 16

typedef struct {
    const char *encoder;           /* libavcodec's name; static */
    char speed[ENCODER_SPEED_MAX]; /* the word or number that the encoder has for it; "" = none */
    int64_t keyframe_interval_ns;
    unsigned threads; /* 1: frames come out at once */
    unsigned bitrate; /* bits a second; 0 = the preset's, which is the most in any case */
    int crf;          /* constant quality below the bitrate; -1 = the bitrate is the aim */
} EncoderSettings;

EncoderSettings encoder_settings_default(Encoding encoding);

/* One option by its name. False, with a sentence, for a name or a value that there is not. Another
 * encoder brings its own speed and quality: of several options it is the one to be set first. */
bool encoder_settings_set(EncoderSettings *settings, Encoding encoding, const char *name,
                          const char *value, char *ret_problem, size_t size);

bool encoder_settings_is_choice(const char *name); /* chooses another encoder */

/* "speed=fast crf=21", in any order: those options, the others stay. False, with a sentence and the
 * settings unchanged. */
bool encoder_settings_parse(EncoderSettings *settings, Encoding encoding, const char *text,
                            char *ret_problem, size_t size);

/* The same as text, for documentation: "encoder=libx264 speed=veryfast ...". */
void encoder_settings_format(const EncoderSettings *settings, char *ret_text, size_t size);
