#include "encode/picture_fitter.h"

#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "base/check.h"

#define SIZE_MIN 16 /* less is too little for an encoder */
#define FORMAT AV_PIX_FMT_YUV420P

struct PictureFitter {
    PictureSize ceiling, size;
    PictureSize shape; /* of the last picture, to notice a change */
    AVFrame *canvas;
    struct SwsContext *scaler;
};

static uint32_t even(double length)
{
    const uint32_t rounded = ((uint32_t)(length + 1) / 2) * 2;
    return rounded > 2 ? rounded : 2;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Inside a box, as large as its shape allows. */
static PictureSize inside(PictureSize picture, PictureSize box, double scale_max)
{
    double scale = least((double)box.width / picture.width, (double)box.height / picture.height);
    scale = least(scale, scale_max);
    PictureSize size = {even(picture.width * scale), even(picture.height * scale)};
    if (size.width > box.width)
        size.width = box.width & ~1u;
    if (size.height > box.height)
        size.height = box.height & ~1u;
    return size;
}

PictureSize picture_size_fit(PictureSize picture, PictureSize ceiling)
{
    const bool is_portrait = picture.height > picture.width;
    PictureSize box = is_portrait ? (PictureSize){ceiling.height, ceiling.width} : ceiling;
    if (ceiling.width == 0 || ceiling.height == 0)
        box = picture;
    if (box.width > picture.width)
        box.width = picture.width;
    if (box.height > picture.height)
        box.height = picture.height;
    PictureSize size = inside(picture, box, 1);
    if (size.width < SIZE_MIN)
        size.width = SIZE_MIN;
    if (size.height < SIZE_MIN)
        size.height = SIZE_MIN;
    return size;
}

PictureFitter *picture_fitter_new(PictureSize ceiling)
{
    PictureFitter *fitter = calloc(1, sizeof *fitter);
    require(fitter != NULL);
    fitter->ceiling = ceiling;
    return fitter;
}

void picture_fitter_free(PictureFitter *fitter)
{
    if (fitter == NULL)
        return;
    av_frame_free(&fitter->canvas);
    sws_freeContext(fitter->scaler);
    free(fitter);
}

static AVFrame *new_canvas(PictureSize size)
{
    AVFrame *canvas = av_frame_alloc();
    require(canvas != NULL);
    canvas->format = FORMAT;
    canvas->width = (int)size.width;
    canvas->height = (int)size.height;
    require(av_frame_get_buffer(canvas, 0) == 0);
    return canvas;
}

static void blacken(AVFrame *canvas)
{
    ptrdiff_t strides[4];
    for (unsigned i = 0; i < 4; i++)
        strides[i] = canvas->linesize[i];
    av_image_fill_black(canvas->data, strides, FORMAT, AVCOL_RANGE_MPEG, canvas->width,
                        canvas->height);
}

static bool is_usable(const AVFrame *picture)
{
    return picture->width > 0 && picture->height > 0 && picture->format != AV_PIX_FMT_NONE;
}

static AVFrame *draw(PictureFitter *fitter, const AVFrame *picture)
{
    const PictureSize shape = {(uint32_t)picture->width, (uint32_t)picture->height};
    const PictureSize drawn = inside(shape, fitter->size, 1e9);
    if (fitter->canvas == NULL)
        fitter->canvas = new_canvas(fitter->size);
    require(av_frame_make_writable(fitter->canvas) == 0);
    if (shape.width != fitter->shape.width || shape.height != fitter->shape.height)
        blacken(fitter->canvas);
    fitter->shape = shape;
    fitter->scaler = sws_getCachedContext(fitter->scaler, picture->width, picture->height,
                                          picture->format, (int)drawn.width, (int)drawn.height,
                                          FORMAT, SWS_BILINEAR, NULL, NULL, NULL);
    if (fitter->scaler == NULL)
        return NULL;
    const uint32_t left = ((fitter->size.width - drawn.width) / 2) & ~1u;
    const uint32_t top = ((fitter->size.height - drawn.height) / 2) & ~1u;
    AVFrame *canvas = fitter->canvas;
    uint8_t *const planes[4] = {
        canvas->data[0] + top * (uint32_t)canvas->linesize[0] + left,
        canvas->data[1] + top / 2 * (uint32_t)canvas->linesize[1] + left / 2,
        canvas->data[2] + top / 2 * (uint32_t)canvas->linesize[2] + left / 2,
    };
    if (sws_scale(fitter->scaler, (const uint8_t *const *)picture->data, picture->linesize, 0,
                  picture->height, planes, canvas->linesize) <= 0)
        return NULL;
    canvas->pts = picture->pts;
    return canvas;
}

AVFrame *picture_fitter_fit(PictureFitter *fitter, AVFrame *picture)
{
    if (!is_usable(picture))
        return NULL;
    if (fitter->size.width == 0)
        fitter->size = picture_size_fit(
            (PictureSize){(uint32_t)picture->width, (uint32_t)picture->height}, fitter->ceiling);
    if (picture->format == FORMAT && (uint32_t)picture->width == fitter->size.width &&
        (uint32_t)picture->height == fitter->size.height)
        return picture;
    return draw(fitter, picture);
}

AVFrame *picture_fitter_black(PictureFitter *fitter, int64_t pts)
{
    if (fitter->size.width == 0)
        return NULL;
    if (fitter->canvas == NULL)
        fitter->canvas = new_canvas(fitter->size);
    require(av_frame_make_writable(fitter->canvas) == 0);
    blacken(fitter->canvas);
    fitter->canvas->pts = pts;
    return fitter->canvas;
}

PictureSize picture_fitter_size(const PictureFitter *fitter)
{
    return fitter->size;
}
