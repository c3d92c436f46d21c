/* A frame on its way into an MP4: its NAL units or OBUs are looked for where strangers put them. */
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "sink/mp4_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Codec codecs[] = {CODEC_H264, CODEC_H265, CODEC_AV1, CODEC_VP9};
    if (size < 1)
        return 0;
    const size_t frame_bytes = size - 1;
    uint8_t *frame = malloc(frame_bytes > 0 ? frame_bytes : 1);
    require(frame);
    memcpy(frame, data + 1, frame_bytes);
    Mp4Pieces pieces = {0};
    const size_t bytes = mp4_sample_pieces(codecs[data[0] % 4], frame, frame_bytes, &pieces);
    const uint8_t *end = frame;
    size_t sum = 0;
    for (size_t i = 0; i < pieces.count; i++) {
        const Mp4Piece *piece = &pieces.pieces[i];
        require(piece->data >= end && piece->size <= frame_bytes - (size_t)(piece->data - frame));
        end = piece->data + piece->size;
        sum += piece->size + (piece->has_length ? sizeof piece->length : 0);
    }
    require(sum == bytes);
    mp4_pieces_clear(&pieces);
    free(frame);
    return 0;
}
