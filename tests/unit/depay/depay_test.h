/* The cases of each file, and what they share: a bench with a depayloader whose frames are kept,
 * a list of packets that a case may thin out, and writers of small bitstreams. */
#pragma once

#include <glib.h>

#include "depay/depayloader.h"

void h264_test_add(void);
void audio_test_add(void);
void av1_test_add(void);
void depayloader_test_add(void);
void h265_test_add(void);
void header_test_add(void);
void keyframe_start_test_add(void);
void vp8_test_add(void);
void vp9_layers_test_add(void);
void vp9_test_add(void);

#define BENCH_MAX_FRAMES 1024

typedef struct {
    Pool *pool;
    Ledger ledger;
    LedgerRow *row;
    Depayloader *depay;
    Codec codec;
    uint32_t timestamp;
    bool marker;
    bool discard; /* frames are counted, not kept */
    Frame *frames[BENCH_MAX_FRAMES];
    unsigned frame_count;
    unsigned requests; /* need_keyframe calls */
    unsigned break_at; /* break references inside the callback of this frame, from 1 */
} Bench;

Bench *bench_new(Codec codec);
Bench *bench_new_sized(Codec codec, size_t pool_bytes);
void bench_free(Bench *bench); /* flushes and checks that the ledger has no rest */
void bench_push(Bench *bench, const void *payload, size_t size, bool marker);
void bench_push_after_loss(Bench *bench, const void *payload, size_t size, bool marker,
                           unsigned lost);
void bench_expect_frame(const Bench *bench, unsigned index, const void *data, size_t size);
uint64_t bench_dropped(const Bench *bench, DropReason reason);

typedef struct {
    GByteArray *payload;
    uint32_t timestamp;
    unsigned frame;
    bool marker;
} TestPacket;

/* Packets lists own their payloads. */
GPtrArray *packets_new(void);
void packets_add(GPtrArray *packets, const void *payload, size_t size, unsigned frame);
void packets_mark_last(GPtrArray *packets);

/* Bits with emulation prevention, closed by a stop bit. */
typedef struct {
    GByteArray *bytes;
    unsigned used, current;
    unsigned zeros;
    bool escapes;
} TestBits;

TestBits test_bits(bool escapes);
void test_bits_put(TestBits *bits, unsigned count, uint32_t value);
void test_bits_put_ue(TestBits *bits, uint32_t value);
GByteArray *test_bits_end(TestBits *bits);

GByteArray *test_h264_sps(unsigned id, unsigned width, unsigned height);
GByteArray *test_h264_pps(unsigned id, unsigned sps_id);
/* `type` 1 or 5 with its nal_ref_idc in `header`; random bytes behind the slice header. */
GByteArray *test_h264_slice(GRand *rand, uint8_t header, unsigned first, unsigned pps_id,
                            size_t size);
GByteArray *test_vp8_frame(GRand *rand, bool is_key, unsigned width, unsigned height, size_t size);

void annexb_add(GByteArray *unit, const GByteArray *nal);
/* Single NAL, STAP-A and FU-A, chosen at random (RFC 6184, mode 1). */
void h264_packetize(GRand *rand, GPtrArray *packets, GPtrArray *nals, size_t max_payload,
                    unsigned frame);
