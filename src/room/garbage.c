#include "room/garbage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

#define FOREIGN_PAYLOAD_TYPE 120
#define FOREIGN_SSRC UINT32_C(0x0badbeef)
#define GARBAGE_MAX 200u
#define HUGE_EXTENSION_WORDS 16000u

void garbage_init(Garbage *garbage, Peer *peer, PacketLink *link)
{
    *garbage = (Garbage){.peer = peer, .link = link, .socket = -1};
}

void garbage_clear(Garbage *garbage)
{
    if (garbage->peer != NULL && garbage->socket >= 0) {
        close(garbage->socket);
    }
    *garbage = (Garbage){0};
}

static size_t fill(Garbage *garbage, uint8_t *buffer)
{
    const size_t size = 1 + packet_link_random(garbage->link) % GARBAGE_MAX;
    for (size_t i = 0; i < size; i++) {
        buffer[i] = (uint8_t)packet_link_random(garbage->link);
    }
    return size;
}

void garbage_send_rtp(Garbage *garbage, RtpSender *sender, uint8_t payload_type)
{
    uint8_t bytes[GARBAGE_MAX];
    uint8_t packet[RTP_SENDER_MAX_PACKET];
    const size_t size = fill(garbage, bytes);
    const uint32_t choice = packet_link_random(garbage->link) % 3;
    if (choice == 0) {
        rtp_sender_stray(sender, FOREIGN_PAYLOAD_TYPE, bytes, size);
        return;
    }
    ByteWriter writer = byte_writer(packet, PACKET_LINK_MAX_PACKET - PEER_TRAILER < sizeof packet
                                                ? PACKET_LINK_MAX_PACKET - PEER_TRAILER
                                                : sizeof packet - PEER_TRAILER);
    bytes_write_u8(&writer, choice == 1 ? 0x80 : 0xa0);
    bytes_write_u8(&writer, payload_type);
    bytes_write_u16(&writer, (uint16_t)packet_link_random(garbage->link));
    bytes_write_u32(&writer, packet_link_random(garbage->link));
    bytes_write_u32(&writer, choice == 1 ? packet_link_random(garbage->link) : FOREIGN_SSRC);
    bytes[size - 1] = 0xff;
    bytes_write_span(&writer, bytes, size);
    peer_send_rtp(garbage->peer, packet, writer.size);
}

void garbage_send_huge_extension(Garbage *garbage, uint8_t payload_type)
{
    uint8_t packet[4 * HUGE_EXTENSION_WORDS + 64] = {0};
    ByteWriter writer = byte_writer(packet, sizeof packet - PEER_TRAILER);
    bytes_write_u8(&writer, 0x90);
    bytes_write_u8(&writer, payload_type);
    bytes_write_u16(&writer, (uint16_t)packet_link_random(garbage->link));
    bytes_write_u32(&writer, packet_link_random(garbage->link));
    bytes_write_u32(&writer, FOREIGN_SSRC);
    bytes_write_u16(&writer, 0xbede);
    bytes_write_u16(&writer, HUGE_EXTENSION_WORDS);
    writer.size += 4 * (size_t)HUGE_EXTENSION_WORDS;
    bytes_write_u32(&writer, 0);
    peer_send_rtp(garbage->peer, packet, writer.size);
}

void garbage_send_rtcp(Garbage *garbage)
{
    uint8_t packet[8 + GARBAGE_MAX + PEER_TRAILER] = {
        0x81, (uint8_t)(200 + packet_link_random(garbage->link) % 8)};
    packet[3] = (uint8_t)packet_link_random(garbage->link);
    const size_t size = 8 + fill(garbage, packet + 8);
    peer_send_rtcp(garbage->peer, packet, size);
}

void garbage_send_datagram(Garbage *garbage)
{
    PeerStats stats = {0};
    peer_stats(garbage->peer, &stats);
    g_auto(GStrv) words = g_strsplit_set(stats.remote, ": ", 3);
    if (g_strv_length(words) < 2) {
        return;
    }
    if (garbage->socket < 0) {
        garbage->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(words[1]))};
    uint8_t bytes[GARBAGE_MAX];
    const size_t size = fill(garbage, bytes);
    if (inet_pton(AF_INET, words[0], &address.sin_addr) == 1) {
        sendto(garbage->socket, bytes, size, 0, (const struct sockaddr *)&address, sizeof address);
    }
}
