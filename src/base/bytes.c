#include "base/bytes.h"

#include <string.h>

#include "base/check.h"

ByteReader byte_reader(const uint8_t *data, size_t size)
{
    return (ByteReader){.data = data, .size = size};
}

size_t bytes_left(const ByteReader *reader)
{
    return reader->size - reader->position;
}

/* A failed reader is empty, so that a loop over what is left ends. */
static void reader_fail(ByteReader *reader)
{
    reader->failed = true;
    reader->position = reader->size;
}

static uint64_t read_big_endian(ByteReader *reader, size_t size)
{
    const uint8_t *data = bytes_read_span(reader, size);
    if (data == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

uint8_t bytes_read_u8(ByteReader *reader)
{
    return (uint8_t)read_big_endian(reader, 1);
}

uint16_t bytes_read_u16(ByteReader *reader)
{
    return (uint16_t)read_big_endian(reader, 2);
}

uint32_t bytes_read_u24(ByteReader *reader)
{
    return (uint32_t)read_big_endian(reader, 3);
}

uint32_t bytes_read_u32(ByteReader *reader)
{
    return (uint32_t)read_big_endian(reader, 4);
}

uint64_t bytes_read_u64(ByteReader *reader)
{
    return read_big_endian(reader, 8);
}

uint64_t bytes_read_leb128(ByteReader *reader)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t byte = bytes_read_u8(reader);
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) != 0)
            continue;
        if (value > UINT32_MAX)
            break;
        return value;
    }
    reader_fail(reader);
    return 0;
}

const uint8_t *bytes_read_span(ByteReader *reader, size_t size)
{
    if (reader->failed || size > bytes_left(reader)) {
        reader_fail(reader);
        return NULL;
    }
    /* An empty reader may have no buffer; the span of no bytes is still not a failure. */
    static const uint8_t nothing[1];
    const uint8_t *span = reader->data != NULL ? reader->data + reader->position : nothing;
    reader->position += size;
    return span;
}

bool bytes_skip(ByteReader *reader, size_t size)
{
    return bytes_read_span(reader, size) != NULL;
}

ByteReader bytes_read_part(ByteReader *reader, size_t size)
{
    const uint8_t *data = bytes_read_span(reader, size);
    return (ByteReader){.data = data, .size = data != NULL ? size : 0, .failed = data == NULL};
}

ByteWriter byte_writer(uint8_t *data, size_t capacity)
{
    return (ByteWriter){.data = data, .capacity = capacity};
}

static void write_big_endian(ByteWriter *writer, uint64_t value, size_t size)
{
    if (writer->failed || size > writer->capacity - writer->size) {
        writer->failed = true;
        return;
    }
    for (size_t i = 0; i < size; i++)
        writer->data[writer->size + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    writer->size += size;
}

void bytes_write_u8(ByteWriter *writer, uint8_t value)
{
    write_big_endian(writer, value, 1);
}

void bytes_write_u16(ByteWriter *writer, uint16_t value)
{
    write_big_endian(writer, value, 2);
}

void bytes_write_u24(ByteWriter *writer, uint32_t value)
{
    write_big_endian(writer, value, 3);
}

void bytes_write_u32(ByteWriter *writer, uint32_t value)
{
    write_big_endian(writer, value, 4);
}

void bytes_write_u64(ByteWriter *writer, uint64_t value)
{
    write_big_endian(writer, value, 8);
}

void bytes_write_span(ByteWriter *writer, const uint8_t *data, size_t size)
{
    if (writer->failed || size > writer->capacity - writer->size) {
        writer->failed = true;
        return;
    }
    if (size > 0)
        memcpy(writer->data + writer->size, data, size);
    writer->size += size;
}

void bytes_patch_u16(ByteWriter *writer, size_t position, uint16_t value)
{
    if (writer->failed)
        return;
    require(position <= writer->size && writer->size - position >= 2);
    writer->data[position] = (uint8_t)(value >> 8);
    writer->data[position + 1] = (uint8_t)value;
}

BitReader bit_reader(const uint8_t *data, size_t size)
{
    return (BitReader){.bytes = byte_reader(data, size)};
}

uint32_t bits_read(BitReader *reader, unsigned count)
{
    check(count <= 32);
    uint32_t value = 0;
    while (count > 0) {
        if (reader->cached_bits == 0) {
            reader->cache = bytes_read_u8(&reader->bytes);
            reader->cached_bits = 8;
        }
        if (reader->bytes.failed)
            return 0;
        const unsigned taken = count < reader->cached_bits ? count : reader->cached_bits;
        reader->cached_bits -= taken;
        count -= taken;
        value = value << taken | (reader->cache >> reader->cached_bits & ((1U << taken) - 1));
    }
    return value;
}

uint32_t bits_read_ue(BitReader *reader)
{
    unsigned zeros = 0;
    while (bits_read(reader, 1) == 0) {
        if (bits_failed(reader) || ++zeros == 32) {
            reader_fail(&reader->bytes);
            return 0;
        }
    }
    const uint32_t suffix = bits_read(reader, zeros);
    return bits_failed(reader) ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1) + suffix;
}

int32_t bits_read_se(BitReader *reader)
{
    const uint32_t code = bits_read_ue(reader);
    const int32_t magnitude = (int32_t)(((uint64_t)code + 1) / 2);
    return code % 2 == 0 ? -magnitude : magnitude;
}

size_t bits_position(const BitReader *reader)
{
    return reader->bytes.position * 8 - reader->cached_bits;
}

bool bits_failed(const BitReader *reader)
{
    return reader->bytes.failed;
}
