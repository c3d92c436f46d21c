#include "transport/stun_responder.h"

#include <string.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define MESSAGE_MAX_SIZE 2048

static const uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_USERNAME,        STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_ERROR_CODE,
    STUN_ATTRIBUTE_PRIORITY,        STUN_ATTRIBUTE_USE_CANDIDATE,     STUN_ATTRIBUTE_FINGERPRINT,
    STUN_ATTRIBUTE_ICE_CONTROLLING, STUN_ATTRIBUTE_ICE_CONTROLLED,    0,
};

/* A request's name is "ours:theirs" (RFC 8445 7.2.2). */
static bool find_password(StunAgent *agent, StunMessage *message, uint8_t *name, uint16_t name_size,
                          uint8_t **ret_password, size_t *ret_size, void *data)
{
    const StunCheck *check = data;
    const size_t size = strlen(check->ufrag);
    (void)agent;
    (void)message;
    if (name_size <= size || memcmp(name, check->ufrag, size) != 0 || name[size] != ':')
        return false;
    *ret_password = (uint8_t *)check->pwd;
    *ret_size = strlen(check->pwd);
    return true;
}

void stun_responder_answer(const StunCheck *check, const uint8_t *message, size_t size,
                           StunAnswer *ret_answer)
{
    StunAgent agent;
    StunMessage request, reply;
    uint8_t copy[MESSAGE_MAX_SIZE];
    *ret_answer = (StunAnswer){0};
    if (size > sizeof copy)
        return;
    memcpy(copy, message, size);
    stun_agent_init(&agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    const StunValidationStatus status =
        stun_agent_validate(&agent, &request, copy, size, find_password, (void *)check);
    if (status != STUN_VALIDATION_SUCCESS || stun_message_get_class(&request) != STUN_REQUEST ||
        stun_message_get_method(&request) != STUN_BINDING)
        return;
    /* Who controls was settled when the pair was found. */
    bool controls = !stun_message_has_attribute(&request, STUN_ATTRIBUTE_ICE_CONTROLLING);
    size_t answer_size = sizeof ret_answer->data;
    stun_usage_ice_conncheck_create_reply(&agent, &request, &reply, ret_answer->data, &answer_size,
                                          check->source, check->source_size, &controls, 0,
                                          STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    ret_answer->size = answer_size;
    ret_answer->is_authentic = answer_size > 0;
    ret_answer->is_nomination = stun_usage_ice_conncheck_use_candidate(&request);
}
