/* Who writes: the author of commits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_AUTHOR_H
#define COPSE_APPS_AUTHOR_H

#include "command.h"

#include <copse/commit.h>

/** Reads it into the caller's text: $COPSE_AUTHOR, else the line `author = did:key:…` of the file
 * $XDG_CONFIG_HOME/copse/config or ~/.config/copse/config; empty if neither is there. False: it is
 * no did:key; reported, with where it stands. */
bool copse_author_read(copse_call *call, char ret_author[COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX + 1]);

#endif
