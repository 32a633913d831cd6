/* Where the cache of blocks is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_CACHE_FOLDER_H
#define COPSE_APPS_CACHE_FOLDER_H

#include "command.h"

/** Room for its path. */
#define COPSE_CACHE_FOLDER_SIZE 4096

/** Writes the path: option --cache of the command, else $COPSE_CACHE, else $XDG_CACHE_HOME/copse,
 * else ~/.cache/copse. Variables that are empty count as not set, as does an $XDG_CACHE_HOME that
 * is no absolute path. False: none of these is there, or the path is too long; nothing was reported
 * or written. */
bool copse_cache_folder(copse_call *call, char *ret_path, size_t size);

#endif
