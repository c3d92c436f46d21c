#include "cli/print_json.h"

#include <stdio.h>

void print_json(JsonObject *object)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(root, object);
    g_autofree char *text = json_to_string(root, FALSE);
    puts(text);
    fflush(stdout);
}
