/* Lines that are typed on a terminal: a prompt, editing, history and Tab, by libedit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_EDITOR_H
#define COPSE_APPS_SHELL_EDITOR_H

#include "shell_names.h"

typedef struct copse_shell_editor copse_shell_editor;

typedef enum copse_shell_typed {
    COPSE_SHELL_LINE,
    COPSE_SHELL_DROPPED, /**< Ctrl-C: what was typed is void. */
    COPSE_SHELL_END      /**< Ctrl-D. */
} copse_shell_typed;

/** Makes one that completes with `names`. `history`: its file, or NULL; both stay as long as it
 * does. From now on SIGINT ends nothing but a line. NULL: there is no memory. */
copse_shell_editor *copse_shell_editor_new(copse_shell_names *names, const char *history);
copse_shell_editor *copse_shell_editor_free(copse_shell_editor *editor);

/** Lets a line be typed; `before` are those that the statement begins with. The line, with its end,
 * is lent until the next call. */
copse_shell_typed copse_shell_editor_read(copse_shell_editor *editor, const char *prompt,
                                          copse_bytes before, copse_bytes *ret_line);

/** Keeps a statement for later. */
void copse_shell_editor_remember(copse_shell_editor *editor, copse_bytes statement);

#endif
