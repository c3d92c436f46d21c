/* Messages of data channels as a hostile server could send them: each begins with its stream, its
 * payload protocol and its length. */
#include "base/bytes.h"
#include "transport/data_channels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool swallow(void *owner, const SctpSend *how, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)how;
    (void)data;
    return size > 0;
}

static void on_message(void *owner, const PeerMessage *message)
{
    *(size_t *)owner += message->size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t total = 0;
    DataChannels *channels = data_channels_new((DataChannelsOut){&total, swallow, on_message});
    data_channels_up(channels, true);
    ByteReader reader = byte_reader(data, size);
    while (bytes_left(&reader) > 0) {
        const uint16_t stream = bytes_read_u8(&reader);
        const uint32_t protocol = bytes_read_u8(&reader);
        const uint16_t length = bytes_read_u16(&reader);
        const uint8_t *message = bytes_read_span(&reader, length);
        if (reader.failed)
            break;
        data_channels_receive(channels, stream, protocol, message, length);
        if (protocol == 0)
            data_channels_close_stream(channels, stream);
    }
    data_channels_free(channels);
    return 0;
}
