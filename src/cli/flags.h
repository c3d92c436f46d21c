/* Reads a command's flags by a table, which also makes its help.
 * Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "config/config.h"

#define FLAGS_ERROR (flags_error_quark())
GQuark flags_error_quark(void);

typedef struct {
    const char *name;       /* without the dashes */
    const char *value_name; /* "PATH", or NULL for a switch */
    const char *key;        /* the setting that it stands for, or NULL */
    const char *help;
} Flag;

typedef struct {
    const char *title;
    const Flag *flags;
    unsigned count;
} FlagGroup;

#define FLAG_MAX_GROUPS 3

typedef struct {
    const char *name;                             /* "record" */
    const char *usage;                            /* "roomtape record --room ROOM [FLAG]..." */
    const char *summary;                          /* one line */
    const char *notes;                            /* below the flags, or NULL */
    unsigned max_arguments;                       /* that are no flags */
    const FlagGroup *groups[FLAG_MAX_GROUPS + 1]; /* NULL-terminated */
} FlagTable;

typedef struct Flags Flags;

/* `arguments` without the program's and the command's name. NULL with a sentence that names the
 * nearest flag; no value is ever repeated in it, for it may be a secret. */
Flags *flags_parse(const FlagTable *table, char **arguments, GError **error);
void flags_free(Flags *flags);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Flags, flags_free)

bool flags_has(const Flags *flags, const char *name);
const char *flags_text(const Flags *flags, const char *name);        /* the last one, or NULL */
const char *const *flags_list(const Flags *flags, const char *name); /* all, NULL-terminated */
const char *flags_argument(const Flags *flags, unsigned index);      /* or NULL */

/* Gives the flags that stand for settings to the configuration, and --set KEY=VALUE. */
bool flags_apply(const Flags *flags, Config *config, GError **error);

/* The text of --help; free with g_free(). */
char *flags_help(const FlagTable *table);

/* The nearest of some names, or NULL when none is near. */
const char *flags_nearest(const char *name, const char *const *names, unsigned count);
