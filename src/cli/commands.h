/* The commands of roomtape, one file each.
 * Thread: main. A command returns the exit status: 0, EXIT_USAGE, or outcome_code_exit_status(). */
#pragma once

#include "cli/flags.h"

#define EXIT_USAGE 2

typedef struct {
    const FlagTable *table;
    int (*run)(const Flags *flags);
} Command;

extern const Command record_command;
extern const Command serve_command;
extern const Command token_command;
extern const Command inspect_command;
extern const Command doctor_command;

/* Flags that several commands have. */
extern const FlagGroup connection_flags;
extern const FlagGroup general_flags;

/* The whole program; the arguments as main() has them. */
int cli_main(int argc, char **argv);

/* "roomtape: SENTENCE" on standard error; returns EXIT_USAGE. */
int cli_usage_error(const char *sentence);
