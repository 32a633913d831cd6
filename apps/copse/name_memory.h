/* The newest record of each name that was seen, in $XDG_STATE_HOME/copse/names/NAME.record: as
 * copse_remote_records has it, for all processes of a user.
 *
 * A record is written beside its file, synced, and put there; NAME.record.lock, an empty file that
 * stays, is locked from comparing to then, so that a newer one is never replaced by an older.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_NAME_MEMORY_H
#define COPSE_APPS_NAME_MEMORY_H

#include "command.h"

#include <copse/remote.h>

/** What remembers records for `call`, which must outlive it. What can't be read or written is
 * warned of, and is then not remembered. */
copse_remote_records copse_name_memory(copse_call *call);

#endif
