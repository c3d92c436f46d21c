#include "transport/data_channels.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* Payload protocol identifiers, RFC 8831 section 8 */
#define PROTOCOL_DCEP 50
#define PROTOCOL_TEXT 51
#define PROTOCOL_BINARY 53
#define PROTOCOL_TEXT_EMPTY 56
#define PROTOCOL_BINARY_EMPTY 57

/* RFC 8832 section 5 */
#define MESSAGE_ACK 0x02
#define MESSAGE_OPEN 0x03
#define CHANNEL_RELIABLE 0x00
#define CHANNEL_REXMIT 0x01
#define CHANNEL_TIMED 0x02
#define CHANNEL_UNORDERED 0x80
#define OPEN_HEADER_SIZE 12

typedef struct {
    char *label;
    uint16_t stream;
    bool has_stream; /* false until the association is up */
    bool is_open;    /* acknowledged, by either side */
    bool is_ordered;
    int max_retransmits;
} DataChannel;

struct DataChannels {
    DataChannelsOut out;
    GPtrArray *list; /* of DataChannel* */
    bool is_up;
    uint16_t next_stream;
};

static void channel_free(gpointer data)
{
    DataChannel *channel = data;
    g_free(channel->label);
    g_free(channel);
}

static DataChannel *find_stream(const DataChannels *channels, uint16_t stream)
{
    for (unsigned i = 0; i < channels->list->len; i++) {
        DataChannel *channel = channels->list->pdata[i];
        if (channel->has_stream && channel->stream == stream)
            return channel;
    }
    return NULL;
}

static DataChannel *find_label(const DataChannels *channels, const char *label)
{
    for (unsigned i = 0; i < channels->list->len; i++) {
        DataChannel *channel = channels->list->pdata[i];
        if (strcmp(channel->label, label) == 0)
            return channel;
    }
    return NULL;
}

static bool send_on(DataChannels *channels, const DataChannel *channel, uint32_t protocol,
                    const uint8_t *data, size_t size)
{
    /* RFC 8832 6: DCEP itself is always reliable and ordered. */
    const bool is_control = protocol == PROTOCOL_DCEP;
    const SctpSend how = {
        .stream = channel->stream,
        .protocol = protocol,
        .is_ordered = is_control || channel->is_ordered,
        .max_retransmits = is_control ? -1 : channel->max_retransmits,
    };
    return channels->out.send(channels->out.owner, &how, data, size);
}

static void send_open(DataChannels *channels, DataChannel *channel)
{
    channel->stream = channels->next_stream;
    channel->has_stream = true;
    channels->next_stream = (uint16_t)(channels->next_stream + 2);
    const bool is_reliable = channel->max_retransmits < 0;
    uint8_t data[OPEN_HEADER_SIZE + DATA_CHANNEL_LABEL_MAX];
    ByteWriter writer = byte_writer(data, sizeof data);
    bytes_write_u8(&writer, MESSAGE_OPEN);
    bytes_write_u8(&writer, (uint8_t)((is_reliable ? CHANNEL_RELIABLE : CHANNEL_REXMIT) |
                                      (channel->is_ordered ? 0 : CHANNEL_UNORDERED)));
    bytes_write_u16(&writer, 256); /* normal priority, RFC 8831 6.4 */
    bytes_write_u32(&writer, is_reliable ? 0 : (uint32_t)channel->max_retransmits);
    bytes_write_u16(&writer, (uint16_t)strlen(channel->label));
    bytes_write_u16(&writer, 0); /* no subprotocol */
    bytes_write_span(&writer, (const uint8_t *)channel->label, strlen(channel->label));
    send_on(channels, channel, PROTOCOL_DCEP, data, writer.size);
}

DataChannels *data_channels_new(DataChannelsOut out)
{
    DataChannels *channels = g_new0(DataChannels, 1);
    channels->out = out;
    channels->list = g_ptr_array_new_with_free_func(channel_free);
    return channels;
}

void data_channels_free(DataChannels *channels)
{
    if (!channels)
        return;
    g_ptr_array_unref(channels->list);
    g_free(channels);
}

bool data_channels_open(DataChannels *channels, const char *label, bool is_ordered,
                        int max_retransmits)
{
    if (channels->list->len >= DATA_CHANNELS_MAX || strlen(label) > DATA_CHANNEL_LABEL_MAX ||
        find_label(channels, label))
        return false;
    DataChannel *channel = g_new0(DataChannel, 1);
    channel->label = g_strdup(label);
    channel->is_ordered = is_ordered;
    channel->max_retransmits = max_retransmits;
    g_ptr_array_add(channels->list, channel);
    if (channels->is_up)
        send_open(channels, channel);
    return true;
}

void data_channels_up(DataChannels *channels, bool is_dtls_client)
{
    if (channels->is_up)
        return;
    channels->is_up = true;
    channels->next_stream = is_dtls_client ? 0 : 1;
    for (unsigned i = 0; i < channels->list->len; i++)
        send_open(channels, channels->list->pdata[i]);
}

bool data_channels_send(DataChannels *channels, const char *label, const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1]; /* an empty message has one byte that does not count */
    const DataChannel *channel = find_label(channels, label);
    if (!channel || !channel->is_open || size > SCTP_MAX_MESSAGE)
        return false;
    return size > 0 ? send_on(channels, channel, PROTOCOL_BINARY, data, size)
                    : send_on(channels, channel, PROTOCOL_BINARY_EMPTY, nothing, sizeof nothing);
}

static void acknowledge(DataChannels *channels, DataChannel *channel)
{
    static const uint8_t ack[] = {MESSAGE_ACK};
    channel->is_open = true;
    send_on(channels, channel, PROTOCOL_DCEP, ack, sizeof ack);
}

static bool read_reliability(uint8_t type, uint32_t parameter, DataChannel *channel)
{
    const uint8_t kind = type & (uint8_t)~CHANNEL_UNORDERED;
    if (kind > CHANNEL_TIMED)
        return false;
    channel->is_ordered = !(type & CHANNEL_UNORDERED);
    channel->max_retransmits = -1;
    /* A lifetime is the sender's affair; what we answer on it is sent once. */
    if (kind == CHANNEL_REXMIT)
        channel->max_retransmits = (int)MIN(parameter, (uint32_t)G_MAXINT16);
    else if (kind == CHANNEL_TIMED)
        channel->max_retransmits = 0;
    return true;
}

static void take_open(DataChannels *channels, uint16_t stream, ByteReader reader)
{
    const uint8_t type = bytes_read_u8(&reader);
    bytes_read_u16(&reader); /* priority */
    const uint32_t parameter = bytes_read_u32(&reader);
    const uint16_t label_size = bytes_read_u16(&reader);
    const uint16_t protocol_size = bytes_read_u16(&reader);
    const uint8_t *label = bytes_read_span(&reader, label_size);
    bytes_skip(&reader, protocol_size);
    DataChannel new_channel = {.stream = stream, .has_stream = true};
    if (reader.failed || label_size > DATA_CHANNEL_LABEL_MAX || find_stream(channels, stream) ||
        channels->list->len >= DATA_CHANNELS_MAX ||
        !read_reliability(type, parameter, &new_channel))
        return;
    new_channel.label = g_strndup((const char *)label, label_size);
    DataChannel *channel = g_memdup2(&new_channel, sizeof new_channel);
    g_ptr_array_add(channels->list, channel);
    acknowledge(channels, channel);
}

static void take_control(DataChannels *channels, uint16_t stream, const uint8_t *data, size_t size)
{
    ByteReader reader = byte_reader(data, size);
    const uint8_t type = bytes_read_u8(&reader);
    DataChannel *channel = find_stream(channels, stream);
    if (reader.failed)
        return;
    if (type == MESSAGE_OPEN)
        take_open(channels, stream, reader);
    else if (type == MESSAGE_ACK && channel)
        channel->is_open = true;
}

void data_channels_receive(DataChannels *channels, uint16_t stream, uint32_t protocol,
                           const uint8_t *data, size_t size)
{
    if (protocol == PROTOCOL_DCEP) {
        take_control(channels, stream, data, size);
        return;
    }
    const bool is_empty = protocol == PROTOCOL_TEXT_EMPTY || protocol == PROTOCOL_BINARY_EMPTY;
    const bool is_text = protocol == PROTOCOL_TEXT || protocol == PROTOCOL_TEXT_EMPTY;
    DataChannel *channel = find_stream(channels, stream);
    if (!channel || (!is_empty && !is_text && protocol != PROTOCOL_BINARY))
        return;
    channel->is_open = true; /* RFC 8832 6: data is as good as an ACK */
    if (!channels->out.message)
        return;
    const PeerMessage message = {
        .stream_id = stream,
        .label = channel->label,
        .is_text = is_text,
        .data = data,
        .size = is_empty ? 0 : size,
    };
    channels->out.message(channels->out.owner, &message);
}

void data_channels_close_stream(DataChannels *channels, uint16_t stream)
{
    DataChannel *channel = find_stream(channels, stream);
    if (channel)
        g_ptr_array_remove_fast(channels->list, channel);
}

unsigned data_channels_list(const DataChannels *channels, PeerChannel *ret_list, unsigned max)
{
    unsigned count = 0;
    for (unsigned i = 0; i < channels->list->len; i++) {
        const DataChannel *channel = channels->list->pdata[i];
        if (!channel->is_open)
            continue;
        if (count < max) {
            ret_list[count].stream_id = channel->stream;
            snprintf(ret_list[count].label, sizeof ret_list[count].label, "%s", channel->label);
        }
        count++;
    }
    return count;
}
