#include "signal/messages.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define SID_MAX_BYTES 63
#define CANDIDATE_MAX_BYTES 4096
#define MAX_MIDS 4096
#define MEMORY_PER_BYTE 16
#define MEMORY_AT_LEAST (64 * 1024)
#define MEMORY_AT_MOST (64 * 1024 * 1024)

/* What one message may still allocate while it is being parsed. */
typedef struct {
    size_t left;
} Budget;

static void *budget_alloc(void *data, size_t size)
{
    Budget *budget = data;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return g_malloc(size);
}

static void budget_free(void *data, void *block)
{
    (void)data;
    g_free(block);
}

static void *parse(const ProtobufCMessageDescriptor *type, const void *data, size_t size)
{
    Budget budget = {.left = MIN(MEMORY_AT_LEAST + size * MEMORY_PER_BYTE, MEMORY_AT_MOST)};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    return protobuf_c_message_unpack(type, &allocator, size, data);
}

static void release(ProtobufCMessage *message)
{
    static ProtobufCAllocator allocator = {budget_alloc, budget_free, NULL};
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, &allocator);
}

Livekit__SignalResponse *signal_response_parse(const void *data, size_t size)
{
    return parse(&livekit__signal_response__descriptor, data, size);
}

void signal_response_free(Livekit__SignalResponse *response)
{
    release((ProtobufCMessage *)response);
}

Livekit__SignalRequest *signal_request_parse(const void *data, size_t size)
{
    return parse(&livekit__signal_request__descriptor, data, size);
}

void signal_request_free(Livekit__SignalRequest *request)
{
    release((ProtobufCMessage *)request);
}

static GBytes *format(const ProtobufCMessage *message)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = g_malloc(MAX(size, 1));
    protobuf_c_message_pack(message, data);
    return g_bytes_new_take(data, size);
}

GBytes *signal_request_format(const Livekit__SignalRequest *request)
{
    return format(&request->base);
}

GBytes *signal_response_format(const Livekit__SignalResponse *response)
{
    return format(&response->base);
}

const char *disconnect_reason_name(int reason)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&livekit__disconnect_reason__descriptor, reason);
    return value != NULL && reason != 0 ? value->name : "UNKNOWN";
}

char *candidate_init_parse(const char *json)
{
    if (json == NULL || strnlen(json, CANDIDATE_MAX_BYTES + 1) > CANDIDATE_MAX_BYTES ||
        !g_utf8_validate(json, -1, NULL))
        return NULL;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    if (!json_parser_load_from_data(parser, json, -1, NULL))
        return NULL;
    JsonNode *root = json_parser_get_root(parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    JsonNode *node = json_object_get_member(json_node_get_object(root), "candidate");
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) ||
        json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;
    return g_strdup(json_node_get_string(node));
}

char *candidate_init_format(const char *candidate)
{
    g_autoptr(JsonObject) object = json_object_new();
    json_object_set_string_member(object, "candidate", candidate);
    json_object_set_string_member(object, "sdpMid", "0");
    json_object_set_int_member(object, "sdpMLineIndex", 0);
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(root, object);
    return json_to_string(root, FALSE);
}

char *message_text(const char *text, size_t max_bytes)
{
    if (text == NULL)
        return g_strdup("");
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, max_bytes + 4));
    size_t length = strlen(valid);
    if (length > max_bytes) {
        const char *end = g_utf8_find_prev_char(valid, valid + max_bytes + 1);
        length = end != NULL ? (size_t)(end - valid) : 0;
    }
    return g_strndup(valid, length);
}

bool message_sid_is_valid(const char *sid)
{
    const size_t length = sid != NULL ? strnlen(sid, SID_MAX_BYTES + 1) : 0;
    if (length == 0 || length > SID_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isgraph(sid[i]))
            return false;
    }
    return true;
}

GHashTable *message_mids(const Livekit__SessionDescription *offer)
{
    GHashTable *mids = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < MIN(offer->n_mid_to_track_id, MAX_MIDS); i++) {
        const Livekit__SessionDescription__MidToTrackIdEntry *entry = offer->mid_to_track_id[i];
        if (message_sid_is_valid(entry->value) && message_sid_is_valid(entry->key))
            g_hash_table_insert(mids, entry->key, entry->value);
    }
    return mids;
}
