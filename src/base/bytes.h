/* Reads and writes big-endian fields inside a buffer without ever leaving it.
 * Every parser of untrusted bytes goes through ByteReader: a read past the end yields zero and
 * marks the reader as failed, so that one check at the end of a structure is enough.
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t size;
    size_t position;
    bool failed;
} ByteReader;

ByteReader byte_reader(const uint8_t *data, size_t size);
size_t bytes_left(const ByteReader *reader);
uint8_t bytes_read_u8(ByteReader *reader);
uint16_t bytes_read_u16(ByteReader *reader);
uint32_t bytes_read_u24(ByteReader *reader);
uint32_t bytes_read_u32(ByteReader *reader);
uint64_t bytes_read_u64(ByteReader *reader);

/* AV1's little-endian base-128 number, at most 8 bytes; fails above UINT32_MAX (AV1 4.10.5). */
uint64_t bytes_read_leb128(ByteReader *reader);

/* A pointer to `size` bytes, or NULL (and failed) when fewer are left. Borrowed from the buffer. */
const uint8_t *bytes_read_span(ByteReader *reader, size_t size);
bool bytes_skip(ByteReader *reader, size_t size);

/* A reader of the next `size` bytes; failed when fewer are left. */
ByteReader bytes_read_part(ByteReader *reader, size_t size);

typedef struct {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool failed; /* a write did not fit; nothing of it was written */
} ByteWriter;

ByteWriter byte_writer(uint8_t *data, size_t capacity);
void bytes_write_u8(ByteWriter *writer, uint8_t value);
void bytes_write_u16(ByteWriter *writer, uint16_t value);
void bytes_write_u24(ByteWriter *writer, uint32_t value);
void bytes_write_u32(ByteWriter *writer, uint32_t value);
void bytes_write_u64(ByteWriter *writer, uint64_t value);
void bytes_write_span(ByteWriter *writer, const uint8_t *data, size_t size);
/* Overwrites two bytes written earlier, for lengths known late. */
void bytes_patch_u16(ByteWriter *writer, size_t position, uint16_t value);

/* Bits, most significant first; a read past the end fails like ByteReader's. */
typedef struct {
    ByteReader bytes;
    uint32_t cache;
    unsigned cached_bits;
} BitReader;

BitReader bit_reader(const uint8_t *data, size_t size);
uint32_t bits_read(BitReader *reader, unsigned count); /* count <= 32 */
uint32_t bits_read_ue(BitReader *reader); /* Exp-Golomb, H.264 9.1; fails over 32 bits */
int32_t bits_read_se(BitReader *reader);
size_t bits_position(const BitReader *reader); /* read so far */
bool bits_failed(const BitReader *reader);
