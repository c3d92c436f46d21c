/* Takes `--output PATH-or-template` apart.
 * Thread: main; looks whether a folder of that name exists. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "flow/container.h"

typedef struct {
    char *directory;       /* what the user wrote in front of the first brace, never NULL */
    char *output_template; /* what is below it, or NULL for the default name */
    Container container;   /* what the extension says, or AUTO */
} OutputFlag;

/* PATH/ or an existing folder: the default name in it. Else the folders before the first one with a
 * brace are the directory, and the rest is the template. */
bool output_flag_parse(const char *text, OutputFlag *ret_output, GError **error);
void output_flag_clear(OutputFlag *output);
