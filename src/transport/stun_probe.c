#include "transport/stun_probe.h"

#include <glib.h>
#include <string.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "base/bytes.h"

#define SUCCESS_RESPONSE 0x0101 /* to a binding request */

/* As a check for a peer reflexive candidate has it; the pair is chosen already. */
#define PRIORITY (UINT32_C(110) << 24 | UINT32_C(65535) << 8 | 255)

static const uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_USERNAME, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_PRIORITY, 0};

size_t stun_probe_write(const StunQuestion *question, uint8_t ret_request[STUN_PROBE_SIZE])
{
    StunAgent agent;
    StunMessage message;
    g_autofree char *name = g_strconcat(question->remote_ufrag, ":", question->ufrag, NULL);
    const uint64_t tie_breaker = (uint64_t)g_random_int() << 32 | g_random_int();
    stun_agent_init(&agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    return stun_usage_ice_conncheck_create(
        &agent, &message, ret_request, STUN_PROBE_SIZE, (const uint8_t *)name, strlen(name),
        (const uint8_t *)question->remote_pwd, strlen(question->remote_pwd), false,
        question->is_controlling, PRIORITY, tie_breaker, NULL,
        STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
}

bool stun_probe_is_answer(const uint8_t *message, size_t size, const uint8_t id[STUN_ID_SIZE])
{
    ByteReader reader = byte_reader(message, size);
    return bytes_read_u16(&reader) == SUCCESS_RESPONSE && size >= STUN_ID_OFFSET + STUN_ID_SIZE &&
           memcmp(message + STUN_ID_OFFSET, id, STUN_ID_SIZE) == 0;
}
