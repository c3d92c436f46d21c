#include "signal/frame_meter.h"

#include <glib.h>
#include <stdbool.h>

#include "base/bytes.h"

#define OPCODE_PING 0x9
#define CONTROL_BIT 0x8
#define CONTROL_MAX_PAYLOAD 125
#define PONG_HEAD_BYTES 6 /* a client's frames are masked */
#define MIB (1024 * 1024)
#define IN_TEN_SECONDS (FRAME_METER_WINDOW_NS == 10 * NS_PER_SECOND)

void frame_meter_init(FrameMeter *meter, int64_t now_ns)
{
    *meter = (FrameMeter){.window_ns = now_ns};
}

static unsigned length_code(const FrameMeter *meter)
{
    return meter->head[1] & 0x7f;
}

static unsigned head_bytes(const FrameMeter *meter)
{
    if (meter->head_size < 2)
        return 2;
    return length_code(meter) == 126 ? 4 : length_code(meter) == 127 ? 10 : 2;
}

static uint64_t payload_bytes(const FrameMeter *meter)
{
    ByteReader reader = byte_reader(meter->head + 2, sizeof meter->head - 2);
    if (length_code(meter) == 126)
        return bytes_read_u16(&reader);
    return length_code(meter) == 127 ? bytes_read_u64(&reader) : length_code(meter);
}

static const char *begin_control(FrameMeter *meter, unsigned opcode)
{
    meter->window_controls++;
    if (opcode == OPCODE_PING)
        meter->pong_bytes += PONG_HEAD_BYTES + MIN(meter->payload_left, CONTROL_MAX_PAYLOAD);
    _Static_assert(FRAME_METER_MAX_CONTROLS == 1000 && IN_TEN_SECONDS, "the sentence says so");
    return meter->window_controls > FRAME_METER_MAX_CONTROLS
               ? "the server sent more than 1,000 pings and pongs within 10 s"
               : NULL;
}

static const char *begin_frame(FrameMeter *meter)
{
    const unsigned opcode = meter->head[0] & 0xf;
    meter->payload_left = payload_bytes(meter);
    meter->head_size = 0;
    if (opcode & CONTROL_BIT)
        return begin_control(meter, opcode);
    const bool goes_on = opcode == 0;
    const uint64_t before = goes_on ? meter->message_bytes : 0;
    _Static_assert(FRAME_METER_MESSAGE_BYTES == 16 * MIB, "the sentence says so");
    if (meter->payload_left > FRAME_METER_MESSAGE_BYTES - before)
        return "the server sent a message of more than 16 MiB";
    meter->message_bytes = before + meter->payload_left;
    meter->window_messages++;
    _Static_assert(FRAME_METER_MAX_MESSAGES == 10000 && IN_TEN_SECONDS, "the sentence says so");
    return meter->window_messages > FRAME_METER_MAX_MESSAGES
               ? "the server sent more than 10,000 messages or pieces of them within 10 s"
               : NULL;
}

/* Takes a part of the payload, or one byte of a header. */
static size_t take_some(FrameMeter *meter, const uint8_t *data, size_t size, const char **reason)
{
    if (meter->payload_left > 0) {
        const size_t part = MIN(meter->payload_left, size);
        meter->payload_left -= part;
        return part;
    }
    meter->head[meter->head_size++] = data[0];
    if (meter->head_size == head_bytes(meter))
        *reason = begin_frame(meter);
    return 1;
}

const char *frame_meter_take(FrameMeter *meter, const uint8_t *data, size_t size, int64_t now_ns)
{
    if (now_ns - meter->window_ns >= FRAME_METER_WINDOW_NS) {
        meter->window_ns = now_ns;
        meter->window_bytes = 0;
        meter->window_messages = meter->window_controls = 0;
    }
    meter->window_bytes += size;
    _Static_assert(FRAME_METER_MAX_BYTES == 64 * MIB && IN_TEN_SECONDS, "the sentence says so");
    if (meter->window_bytes > FRAME_METER_MAX_BYTES)
        return "the server sent more than 64 MiB within 10 s";
    const char *reason = NULL;
    for (size_t at = 0; at < size && reason == NULL;)
        at += take_some(meter, data + at, size - at, &reason);
    return reason;
}
