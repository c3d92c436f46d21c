/* Hides the lower spatial layers of a VP9 picture from decoders that show each: of the layer frames
 * that a publisher marks as shown only the last one stays so (VP9 bitstream specification 6.2,
 * show_frame). libvpx shows the last frame of a superframe in any case, FFmpeg all that are shown.
 * Thread: net; no allocation but the frame's growth. */
#pragma once

#include "depay/frame_builder.h"
#include "depay/vp9_header.h"

#define VP9_MAX_LAYERS 8 /* also what a superframe holds */

typedef struct {
    unsigned count;
    size_t starts[VP9_MAX_LAYERS]; /* of each layer frame in the picture's bytes */
} Vp9Layers;

/* `layers` follows where a frame grows by a byte. A picture stays as it is where a header does not
 * parse to its end, and where two layers in a row have one size: there the motion vectors of the
 * upper depend on whether the lower is shown (UsePrevFrameMvs). `references` is the
 * stream's, over all pictures of several layers, and is forgotten after a header that does not
 * parse. */
void vp9_layers_hide(Vp9Layers *layers, Vp9References *references, FrameBuilder *builder);

/* The bytes of a layer frame. */
size_t vp9_layers_size(const Vp9Layers *layers, unsigned layer, const FrameBuilder *builder);
