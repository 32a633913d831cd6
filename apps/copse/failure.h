/* Telling people what went wrong and what to do: one line "copse: …" on stderr, a second with the
 * hint. With --json it is one line {"error":{"status":…,"message":…,"hint":…}}.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FAILURE_H
#define COPSE_APPS_FAILURE_H

#include "command.h"

/** Reports a failure of the command's own finding. `hint` NULL: none. Returns COPSE_EXIT_FAILED. */
int copse_failure(copse_call *call, copse_status status, const char *hint, const char *format, ...)
    COPSE_PRINTF(4, 5);

/** Reports call->err, which a call that returned `status` filled, behind what was being done (as
 * printf) and a colon. The hint follows from the status. Returns COPSE_EXIT_FAILED. */
int copse_failure_of(copse_call *call, copse_status status, const char *format, ...)
    COPSE_PRINTF(3, 4);

/** Reports a command line that makes no sense, with the command's usage. Returns
 * COPSE_EXIT_USAGE. */
int copse_failure_usage(copse_call *call, const char *format, ...) COPSE_PRINTF(2, 3);

/** Tells something on stderr that is no failure; nothing with --json. */
void copse_note(const copse_call *call, const char *format, ...) COPSE_PRINTF(2, 3);

/** Tells something that must not be passed over though the command goes on, such as a peer that
 * can't be trusted: "copse: …" on stderr, with --json one line {"warning":{"message":…}}. */
void copse_warn(const copse_call *call, const char *format, ...) COPSE_PRINTF(2, 3);

/** Warns that what follows is of a record of a name that was remembered: with --json the warning
 * has the members stale, age (in seconds) and sequence too. */
void copse_warn_stale(const copse_call *call, uint64_t age_s, uint64_t sequence,
                      const char *message);

#endif
