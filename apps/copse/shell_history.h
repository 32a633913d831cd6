/* What was typed in shells before: a file of lines, the last one typed last. Several shells may
 * write it at once.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_HISTORY_H
#define COPSE_APPS_SHELL_HISTORY_H

#include <copse/buf.h>

/** Lines that are read; what is older is taken out of the file now and then. */
#define COPSE_SHELL_HISTORY_LINES_MAX 1000

enum { COPSE_SHELL_HISTORY_PATH_SIZE = 4096 };

/** The file: $COPSE_HISTORY, else copse/history in $XDG_STATE_HOME or ~/.local/state. False: there
 * is no place for it. */
bool copse_shell_history_path(char ret_path[COPSE_SHELL_HISTORY_PATH_SIZE]);

/** Appends its last lines to `lines`, each with its end; nothing if there are none. */
void copse_shell_history_read(const char *path, copse_buf *lines);

/** Adds a line, which has no end yet. The file is made, with its folders, for its owner alone. That
 * it can't be written is no failure of the shell. */
void copse_shell_history_add(const char *path, copse_bytes line);

#endif
