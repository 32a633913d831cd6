/* Help, made from the table of commands.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_HELP_H
#define COPSE_APPS_HELP_H

#include "command.h"

/** A heading of the overview, with the commands below it. The list of each ends with NULL. */
typedef struct copse_command_group {
    const char *title;
    const copse_command *const *commands;
} copse_command_group;

/** What Copse is, in a line without a full stop; a first example, lines to type; what there is to
 * know of all commands, lines. */
extern const char copse_help_summary[];
extern const char copse_help_example[];
extern const char copse_help_notes[];

/** `copse --help`: what Copse is, a first example, all commands by group. The groups end with a
 * zeroed one. */
void copse_help_overview(copse_output *out, const copse_command_group *groups);

/** The commands whose first word is `word`; returns how many. `out` NULL: only counts. */
size_t copse_help_family(copse_output *out, const copse_command_group *groups, const char *word);

/** `copse CMD --help`. */
void copse_help_command(copse_output *out, const copse_command *command);

#endif
