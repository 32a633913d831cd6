/* What Tab offers at the end of what was typed: commands, collections and their methods, options,
 * operators by the place where they stand, and names out of the database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_COMPLETE_H
#define COPSE_APPS_SHELL_COMPLETE_H

#include "shell_names.h"
#include "shell_words.h"

/** What may stand in place of the bytes from `start` to the statement's end, with what follows it:
 * "find(". In order, none twice. */
typedef struct copse_shell_completion {
    copse_shell_words candidates;
    size_t start;
} copse_shell_completion;

/** Finds it; release the candidates in any case. */
void copse_shell_complete(copse_shell_completion *completion, copse_shell_names *names,
                          copse_bytes statement);

/** What all candidates begin with, lent from them. */
copse_bytes copse_shell_completion_common(const copse_shell_completion *completion);

#endif
