#include "encode/picture_fitter.h"

#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "base/check.h"

#define SIZE_MIN 16         /* less is too little for an encoder */
#define SAME_SHAPE_MAX 1.03 /* between ratios of sides: low layers are rounded */
#define FORMAT AV_PIX_FMT_YUV420P

struct PictureFitter {
    PictureSize published, ceiling, size;
    PictureSize shape;       /* of the last picture, to notice a change */
    AVFrame *canvas, *inner; /* the output, and what is framed in it */
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

PictureSize picture_size_whole(PictureSize first, PictureSize published)
{
    if ((first.height > first.width) != (published.height > published.width))
        published = (PictureSize){published.height, published.width};
    if (published.width <= first.width || published.height <= first.height)
        return first;
    const double wider = (double)published.width / first.width;
    const double higher = (double)published.height / first.height;
    const bool has_its_shape = wider < higher * SAME_SHAPE_MAX && higher < wider * SAME_SHAPE_MAX;
    return has_its_shape ? published : first;
}

PictureFitter *picture_fitter_new(PictureSize published, PictureSize ceiling)
{
    PictureFitter *fitter = calloc(1, sizeof *fitter);
    require(fitter != NULL);
    fitter->published = published;
    fitter->ceiling = ceiling;
    return fitter;
}

void picture_fitter_free(PictureFitter *fitter)
{
    if (fitter == NULL)
        return;
    av_frame_free(&fitter->canvas);
    av_frame_free(&fitter->inner);
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

static AVFrame *sized(AVFrame **frame, PictureSize size)
{
    if (*frame != NULL && (uint32_t)(*frame)->width == size.width &&
        (uint32_t)(*frame)->height == size.height)
        return *frame;
    av_frame_free(frame);
    return *frame = new_canvas(size);
}

static bool scale(PictureFitter *fitter, const AVFrame *picture, AVFrame *target)
{
    fitter->scaler =
        sws_getCachedContext(fitter->scaler, picture->width, picture->height, picture->format,
                             target->width, target->height, FORMAT, SWS_BILINEAR, NULL, NULL, NULL);
    return fitter->scaler != NULL &&
           sws_scale(fitter->scaler, (const uint8_t *const *)picture->data, picture->linesize, 0,
                     picture->height, target->data, target->linesize) > 0;
}

/* Scaled straight into its place it would spill over its right edge: the scaler fills vectors. */
static void place(AVFrame *canvas, const AVFrame *inner)
{
    const int left = ((canvas->width - inner->width) / 2) & ~1;
    const int top = ((canvas->height - inner->height) / 2) & ~1;
    for (unsigned i = 0; i < 3; i++) {
        const int shift = i > 0;
        uint8_t *corner = canvas->data[i] + (top >> shift) * canvas->linesize[i] + (left >> shift);
        av_image_copy_plane(corner, canvas->linesize[i], inner->data[i], inner->linesize[i],
                            inner->width >> shift, inner->height >> shift);
    }
}

static AVFrame *draw(PictureFitter *fitter, const AVFrame *picture)
{
    const PictureSize shape = {(uint32_t)picture->width, (uint32_t)picture->height};
    const PictureSize drawn = inside(shape, fitter->size, 1e9);
    AVFrame *canvas = sized(&fitter->canvas, fitter->size);
    require(av_frame_make_writable(canvas) == 0);
    const bool is_framed = drawn.width < fitter->size.width || drawn.height < fitter->size.height;
    if (is_framed && (shape.width != fitter->shape.width || shape.height != fitter->shape.height))
        blacken(canvas);
    fitter->shape = shape;
    AVFrame *target = is_framed ? sized(&fitter->inner, drawn) : canvas;
    if (!scale(fitter, picture, target))
        return NULL;
    if (is_framed)
        place(canvas, target);
    canvas->pts = picture->pts;
    return canvas;
}

AVFrame *picture_fitter_fit(PictureFitter *fitter, AVFrame *picture)
{
    if (!is_usable(picture))
        return NULL;
    const PictureSize shape = {(uint32_t)picture->width, (uint32_t)picture->height};
    if (fitter->size.width == 0)
        fitter->size =
            picture_size_fit(picture_size_whole(shape, fitter->published), fitter->ceiling);
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
