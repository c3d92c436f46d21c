#include "stun_kit.h"

#include <glib.h>
#include <string.h>
#include <stun/usages/ice.h>

#define PRIORITY 0x6e0001ff
#define TIE_BREAKER 0x1122334455667788

static const uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_USERNAME,    STUN_ATTRIBUTE_MESSAGE_INTEGRITY,  STUN_ATTRIBUTE_ERROR_CODE,
    STUN_ATTRIBUTE_FINGERPRINT, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, 0,
};

static void open_agent(StunAgent *agent, StunAgentUsageFlags usage)
{
    stun_agent_init(agent, known_attributes, STUN_COMPATIBILITY_RFC5389, usage);
}

void stun_kit_write_check(StunKit *kit, const StunKitCheck *check)
{
    StunMessage message;
    open_agent(&kit->agent,
               STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    kit->size = stun_usage_ice_conncheck_create(
        &kit->agent, &message, kit->data, sizeof kit->data, (const uint8_t *)check->name,
        strlen(check->name), (const uint8_t *)check->pwd, strlen(check->pwd), check->nominates,
        !check->is_controlled, PRIORITY, TIE_BREAKER, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    g_assert_cmpuint(kit->size, >, 0);
}

static void begin(StunKit *kit, StunMessage *message, StunClass class, StunMethod method)
{
    if (class == STUN_INDICATION)
        stun_agent_init_indication(&kit->agent, message, kit->data, sizeof kit->data, method);
    else
        stun_agent_init_request(&kit->agent, message, kit->data, sizeof kit->data, method);
    if (class == STUN_RESPONSE || class == STUN_ERROR)
        kit->data[0] |= 1;
    if (class == STUN_ERROR)
        kit->data[1] |= 0x10;
}

static void finish(StunKit *kit, StunMessage *message, const char *pwd)
{
    kit->size = stun_agent_finish_message(&kit->agent, message, (const uint8_t *)pwd,
                                          pwd ? strlen(pwd) : 0);
    g_assert_cmpuint(kit->size, >, 0);
}

static void append_name(StunMessage *message, const char *name)
{
    if (name)
        stun_message_append_bytes(message, STUN_ATTRIBUTE_USERNAME, name, strlen(name));
}

void stun_kit_write(StunKit *kit, StunClass class, StunMethod method, const StunKitCheck *check)
{
    StunMessage message;
    open_agent(&kit->agent,
               STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    begin(kit, &message, class, method);
    append_name(&message, check->name);
    if (check->nominates)
        stun_message_append_flag(&message, STUN_ATTRIBUTE_USE_CANDIDATE);
    finish(kit, &message, check->pwd);
}

void stun_kit_write_appended(StunKit *kit, const StunKitCheck *check)
{
    StunMessage message;
    open_agent(&kit->agent, STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS);
    begin(kit, &message, STUN_REQUEST, STUN_BINDING);
    append_name(&message, check->name);
    finish(kit, &message, check->pwd);
    stun_message_append_flag(&message, STUN_ATTRIBUTE_USE_CANDIDATE);
    open_agent(&kit->agent, STUN_AGENT_USAGE_IGNORE_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    message.agent = &kit->agent;
    message.key = NULL;
    message.key_len = 0;
    finish(kit, &message, NULL);
}

bool stun_kit_is_answer(StunKit *kit, const uint8_t *answer, size_t size,
                        struct sockaddr_storage *ret_mapped)
{
    uint8_t copy[STUN_KIT_SIZE];
    StunMessage message;
    socklen_t mapped_size = sizeof *ret_mapped;
    g_assert_cmpuint(size, <=, sizeof copy);
    memcpy(copy, answer, size);
    *ret_mapped = (struct sockaddr_storage){0};
    return stun_agent_validate(&kit->agent, &message, copy, size, NULL, NULL) ==
               STUN_VALIDATION_SUCCESS &&
           stun_message_get_class(&message) == STUN_RESPONSE &&
           stun_message_has_attribute(&message, STUN_ATTRIBUTE_MESSAGE_INTEGRITY) &&
           stun_message_has_attribute(&message, STUN_ATTRIBUTE_FINGERPRINT) &&
           stun_usage_ice_conncheck_process(&message, ret_mapped, &mapped_size,
                                            STUN_USAGE_ICE_COMPATIBILITY_RFC5245) ==
               STUN_USAGE_ICE_RETURN_SUCCESS;
}
