#include <glib.h>
#include <string.h>

#include "config/config_table.h"

#define MAX_SECRET_BYTES 4096

char *config_read_secret(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &text, &size, &cause)) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "The secret cannot be read: %s.",
                    cause->message);
        return NULL;
    }
    if (size > MAX_SECRET_BYTES || strlen(text) != size) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE,
                    "%s does not hold a secret: it has to be text of at most %d bytes.", path,
                    MAX_SECRET_BYTES);
        return NULL;
    }
    g_strchomp(text);
    return g_steal_pointer(&text);
}
