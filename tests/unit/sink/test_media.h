/* Makes real encoded frames for the tests, and decodes whole files to judge them.
 * Thread: the test's. */
#pragma once

#include <glib.h>

#include "flow/bounded_queue.h"
#include "flow/track.h"

typedef struct TestMedia TestMedia;

/* Video of `width` x `height` at 25 frames a second, a key frame every second; audio of 20 ms. */
TestMedia *test_media_new(Pool *pool, Codec codec, int width, int height);
void test_media_free(TestMedia *media);

int64_t test_media_step_ns(const TestMedia *media); /* from frame to frame */

/* The next frame, its pts counted from `start_ns`. A key frame when it is asked for. */
Frame *test_media_next(TestMedia *media, int64_t start_ns, bool is_key);

typedef struct {
    unsigned tracks;
    unsigned video_frames, audio_packets;
    unsigned errors;                                         /* of reading or decoding */
    double first_video, first_audio, last_video, last_audio; /* seconds; -1 = none */
    int width, height;                                       /* of the last picture */
} TestJudgement;

/* Reads and decodes all of the file. */
TestJudgement test_media_judge(const char *path);

char *test_folder_new(void);
/* Removes it with what is in it, unless KEEP_TEST_FILES is set: to look at the files by eye. */
void test_folder_free(char *folder);
