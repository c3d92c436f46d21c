/* The data channels of one association: opens them and answers those that come (RFC 8832), and
 * tells by the label whose message it is (RFC 8831).
 * Thread: net. */
#pragma once

#include "transport/peer.h"
#include "transport/sctp.h"

#define DATA_CHANNELS_MAX 256
#define DATA_CHANNEL_LABEL_MAX 1024

typedef struct DataChannels DataChannels;

typedef struct {
    void *owner;
    bool (*send)(void *owner, const SctpSend *how, const uint8_t *data, size_t size);
    void (*message)(void *owner, const PeerMessage *message); /* may be NULL */
} DataChannelsOut;

/* The DTLS client opens even streams, the server odd ones (RFC 8832 6). */
DataChannels *data_channels_new(DataChannelsOut out);
void data_channels_free(DataChannels *channels);

/* May be called before data_channels_up(), which then asks the remote. False when there are too
 * many, the label is too long or already taken. */
bool data_channels_open(DataChannels *channels, const char *label, bool is_ordered,
                        int max_retransmits);
void data_channels_up(DataChannels *channels, bool is_dtls_client);

/* False when no channel of that label is open. */
bool data_channels_send(DataChannels *channels, const char *label, const uint8_t *data,
                        size_t size);

void data_channels_receive(DataChannels *channels, uint16_t stream, uint32_t protocol,
                           const uint8_t *data, size_t size);
void data_channels_close_stream(DataChannels *channels, uint16_t stream);
/* How many are open, and which: the first `max` of them; longer labels are cut. */
unsigned data_channels_list(const DataChannels *channels, PeerChannel *ret_list, unsigned max);
