/* Brings pictures of any size, orientation and pixel format into the one size of an output: the
 * published one, or the first picture's where that has another shape, reduced to a ceiling and made
 * even; what has another shape later is framed in black. The colours are the first picture's, and
 * always of the limited range, which each picture says of itself.
 * Thread: one at a time (an encoder's). */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t width, height;
} PictureSize;

/* The largest even size of the picture's shape that needs no enlarging. The ceiling is turned with
 * a portrait picture; zero is none. */
PictureSize picture_size_fit(PictureSize picture, PictureSize ceiling);

/* A server begins with a low layer and an encoder with a small picture: `published`, turned like
 * the first picture, where it has that picture's shape and is larger, else the first picture's
 * size. Zero is not known. */
PictureSize picture_size_whole(PictureSize first, PictureSize published);

typedef struct PictureFitter PictureFitter;

PictureFitter *picture_fitter_new(PictureSize published, PictureSize ceiling);
void picture_fitter_free(PictureFitter *fitter);

/* A picture of the output's size in YUV 4:2:0, borrowed until the next call: the given one where it
 * fits already. NULL for a picture that cannot be converted. */
AVFrame *picture_fitter_fit(PictureFitter *fitter, AVFrame *picture);

/* A black one, borrowed likewise; NULL before the first picture. */
AVFrame *picture_fitter_black(PictureFitter *fitter, int64_t pts);
