#include "store/json_member.h"

static JsonNode *value(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

const char *json_member_text(JsonObject *object, const char *name)
{
    JsonNode *node = value(object, name);
    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
                                                                   : NULL;
}

JsonObject *json_member_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *json_member_array(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

double json_member_double(JsonObject *object, const char *name)
{
    JsonNode *node = value(object, name);
    return node ? json_node_get_double(node) : 0;
}

gboolean json_member_bool(JsonObject *object, const char *name)
{
    JsonNode *node = value(object, name);
    return node && json_node_get_boolean(node);
}
