/* How a shell is set: lines that begin with a point.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_SETTINGS_H
#define COPSE_APPS_SHELL_SETTINGS_H

#include "command.h"
#include "shell_words.h"

/** Room for the name of a ref or a revision. */
enum { COPSE_SHELL_REVISION_SIZE = 512 };

/** What is set. The ref and the revision stand in the options of the shell's call, --ref and --at,
 * which go to each command that has them. */
typedef struct copse_shell_settings {
    copse_call *call;
    bool table;   /**< Documents are shown as a table. */
    bool timing;  /**< The time of each command is told. */
    bool explain; /**< Commands that have --explain are given it. */
    bool quit;    /**< The shell is to end. */
    char ref[COPSE_SHELL_REVISION_SIZE];
    char at[COPSE_SHELL_REVISION_SIZE];
} copse_shell_settings;

/** One line for help and Tab. */
typedef struct copse_shell_setting {
    const char *name;  /**< ".mode" */
    const char *value; /**< "json|table", or what it is called; NULL: none. */
    const char *help;
} copse_shell_setting;

/** All of them; ends with a zeroed one. */
extern const copse_shell_setting copse_shell_setting_table[];

/** What a statement of other prompts is here: "\dt" is "collections"; else the statement itself. */
copse_bytes copse_shell_translate(copse_bytes statement);

/** Does what the words of a line that begins with a point say. An exit code. */
int copse_shell_set(copse_shell_settings *settings, const copse_shell_words *words);

#endif
