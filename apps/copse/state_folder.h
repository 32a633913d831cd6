/* Where Copse keeps what it must remember between its runs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_STATE_FOLDER_H
#define COPSE_APPS_STATE_FOLDER_H

#include "command.h"

/** Room for its path. */
#define COPSE_STATE_FOLDER_SIZE 4096

/** Writes the path of the folder `name` there: $XDG_STATE_HOME/copse/NAME, else
 * ~/.local/state/copse/NAME; those that it stands in are made. Variables that are empty, and an
 * $XDG_STATE_HOME that is no absolute path, count as not set. False: reported. */
bool copse_state_folder(copse_call *call, const char *name, char *ret_path, size_t size);

/** The same, unreported. NOT_FOUND: there is no place. LIMIT: its path is too long. IO: those that
 * it stands in can't be made. */
copse_status copse_state_folder_find(const char *name, char *ret_path, size_t size, copse_err *err);

#endif
