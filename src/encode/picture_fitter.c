#include "encode/picture_fitter.h"

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "base/check.h"

#define SIZE_MIN 16         /* less is too little for an encoder */
#define SAME_SHAPE_MAX 1.03 /* between ratios of sides: low layers are rounded */
#define FORMAT AV_PIX_FMT_YUV420P

/* What a scaler is made for. */
typedef struct {
    PictureSize from, to;
    enum AVPixelFormat format;
    enum AVColorSpace matrix;
    bool is_full_range;
} Scaling;

struct PictureFitter {
    PictureSize published, ceiling, size;
    enum AVColorSpace matrix; /* of the output; unspecified where nobody says */
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic transfer;
    PictureSize shape;       /* of the last picture, to notice a change */
    AVFrame *canvas, *inner; /* the output, and what is framed in it */
    struct SwsContext *scaler;
    Scaling scaling; /* the scaler's */
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

/* ---- colours ---- */

static bool has_full_range(const AVFrame *picture)
{
    const enum AVPixelFormat format = picture->format;
    return picture->color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P ||
           format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P;
}

/* A picture of RGB becomes what the scaler makes of it. */
static enum AVColorSpace matrix_of(const AVFrame *picture)
{
    return picture->colorspace == AVCOL_SPC_RGB ? AVCOL_SPC_BT470BG : picture->colorspace;
}

static void take_colours(PictureFitter *fitter, const AVFrame *picture)
{
    fitter->matrix = matrix_of(picture);
    fitter->primaries = picture->color_primaries;
    fitter->transfer = picture->color_trc;
}

/* Nobody knows better what pictures are of that do not say it. */
static bool has_its_colours(const PictureFitter *fitter, const AVFrame *picture)
{
    const enum AVColorSpace matrix = matrix_of(picture);
    return !has_full_range(picture) &&
           (matrix == fitter->matrix || matrix == AVCOL_SPC_UNSPECIFIED ||
            fitter->matrix == AVCOL_SPC_UNSPECIFIED);
}

static AVFrame *with_its_colours(const PictureFitter *fitter, AVFrame *picture)
{
    picture->color_range = AVCOL_RANGE_MPEG;
    picture->colorspace = fitter->matrix;
    picture->color_primaries = fitter->primaries;
    picture->color_trc = fitter->transfer;
    return picture;
}

/* ---- scaling ---- */

static bool is_same_scaling(const Scaling *a, const Scaling *b)
{
    return a->from.width == b->from.width && a->from.height == b->from.height &&
           a->to.width == b->to.width && a->to.height == b->to.height && a->format == b->format &&
           a->matrix == b->matrix && a->is_full_range == b->is_full_range;
}

static struct SwsContext *new_scaler(const Scaling *scaling, enum AVColorSpace to)
{
    const bool is_known = scaling->matrix != AVCOL_SPC_UNSPECIFIED && to != AVCOL_SPC_UNSPECIFIED;
    const int *coefficients = sws_getCoefficients((int)to);
    struct SwsContext *scaler = sws_alloc_context();
    require(scaler != NULL);
    av_opt_set_int(scaler, "srcw", scaling->from.width, 0);
    av_opt_set_int(scaler, "srch", scaling->from.height, 0);
    av_opt_set_int(scaler, "src_format", scaling->format, 0);
    av_opt_set_int(scaler, "src_range", scaling->is_full_range, 0);
    av_opt_set_int(scaler, "dstw", scaling->to.width, 0);
    av_opt_set_int(scaler, "dsth", scaling->to.height, 0);
    av_opt_set_int(scaler, "dst_format", FORMAT, 0);
    av_opt_set_int(scaler, "sws_flags", SWS_BILINEAR, 0);
    if (sws_init_context(scaler, NULL, NULL) >= 0) {
        sws_setColorspaceDetails(
            scaler, is_known ? sws_getCoefficients((int)scaling->matrix) : coefficients,
            scaling->is_full_range, coefficients, 0, 0, 1 << 16, 1 << 16);
        return scaler;
    }
    sws_freeContext(scaler);
    return NULL;
}

static bool scale(PictureFitter *fitter, const AVFrame *picture, AVFrame *target)
{
    const Scaling wanted = {
        .from = {(uint32_t)picture->width, (uint32_t)picture->height},
        .to = {(uint32_t)target->width, (uint32_t)target->height},
        .format = picture->format,
        .matrix = matrix_of(picture),
        .is_full_range = has_full_range(picture),
    };
    if (fitter->scaler == NULL || !is_same_scaling(&wanted, &fitter->scaling)) {
        sws_freeContext(fitter->scaler);
        fitter->scaler = new_scaler(&wanted, fitter->matrix);
        fitter->scaling = wanted;
    }
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
    return with_its_colours(fitter, canvas);
}

AVFrame *picture_fitter_fit(PictureFitter *fitter, AVFrame *picture)
{
    if (!is_usable(picture))
        return NULL;
    const PictureSize shape = {(uint32_t)picture->width, (uint32_t)picture->height};
    if (fitter->size.width == 0) {
        fitter->size =
            picture_size_fit(picture_size_whole(shape, fitter->published), fitter->ceiling);
        take_colours(fitter, picture);
    }
    if (picture->format == FORMAT && shape.width == fitter->size.width &&
        shape.height == fitter->size.height && has_its_colours(fitter, picture))
        return with_its_colours(fitter, picture);
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
    return with_its_colours(fitter, fitter->canvas);
}
