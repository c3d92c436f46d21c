/* Checks as they come from a socket: of a stranger, who gets nothing, and of somebody who knows the
 * password and may put into a message what he likes. The answer is one to that request, and fits.
 */
#include <string.h>
#include <stun/stunagent.h>

#include "base/check.h"
#include "fuzz.h"
#include "transport/stun_responder.h"

#define MESSAGE_MAX 2048
#define ATTRIBUTES_MAX 1024
#define HEADER_SIZE 20
#define ID_OFFSET 4 /* the cookie and the transaction's number */
#define ID_SIZE 16
#define NAME "ours:theirs"
#define PWD "a-password-of-this-side"

#define KIND_SIGNED 1
#define KIND_NAMED 2
#define KIND_V6 4

static StunAnswer answer(const FuzzRecord *record, const uint8_t *message, size_t size)
{
    struct sockaddr_storage source = {.ss_family = record->kind & KIND_V6 ? AF_INET6 : AF_INET};
    const StunCheck check = {"ours", PWD, &source,
                             record->kind & KIND_V6 ? sizeof(struct sockaddr_in6)
                                                    : sizeof(struct sockaddr_in)};
    StunAnswer result;
    stun_responder_answer(&check, message, size, &result);
    require(result.size <= sizeof result.data);
    require(result.is_authentic == (result.size > 0));
    require(result.is_authentic || !result.is_nomination);
    return result;
}

/* The record is the attributes; type, length, name, integrity and fingerprint are put in. */
static size_t sign(const FuzzRecord *record, uint8_t *data)
{
    static const uint16_t known_attributes[] = {0};
    static const uint8_t head[ID_OFFSET + ID_SIZE] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 7};
    StunAgent agent;
    const size_t most = record->size < ATTRIBUTES_MAX ? record->size : ATTRIBUTES_MAX;
    const size_t size = most & ~(size_t)3;
    stun_agent_init(&agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    memcpy(data, head, sizeof head);
    memcpy(data + HEADER_SIZE, record->data, size);
    data[2] = (uint8_t)(size >> 8);
    data[3] = (uint8_t)size;
    StunMessage message = {.agent = &agent, .buffer = data, .buffer_len = MESSAGE_MAX};
    if (record->kind & KIND_NAMED)
        stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, NAME, strlen(NAME));
    return stun_agent_finish_message(&agent, &message, (const uint8_t *)PWD, strlen(PWD));
}

static void ask(const FuzzRecord *record)
{
    uint8_t data[MESSAGE_MAX];
    if (!(record->kind & KIND_SIGNED)) {
        require(answer(record, record->data, record->size).size == 0);
        return;
    }
    const size_t size = sign(record, data);
    const StunAnswer result = answer(record, data, size);
    require(result.size == 0 || (result.size >= HEADER_SIZE && result.size % 4 == 0 &&
                                 result.data[0] == 1 && (result.data[1] & 0xef) == 1 &&
                                 memcmp(result.data + ID_OFFSET, data + ID_OFFSET, ID_SIZE) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ByteReader reader = byte_reader(data, size);
    FuzzRecord record;
    while (fuzz_next(&reader, &record))
        ask(&record);
    return 0;
}
