/* Filling in a copse_err.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_ERR_H
#define COPSE_BASE_ERR_H

#include <copse/status.h>

/** Fills `err` (NULL allowed) and returns `status`, so that a failure is one statement:
 *     return COPSE_ERR(err, COPSE_CORRUPT, "map key %zu is out of order", index);
 * The message is cut at its field's size. */
#define COPSE_ERR(err, status, ...) copse_err_set((err), (status), __FILE__, __LINE__, __VA_ARGS__)

copse_status copse_err_set(copse_err *err, copse_status status, const char *file, int line,
                           const char *format, ...) COPSE_PRINTF(5, 6);

/** Keeps what an object failed with, so that it can answer that for ever: `failure` is its own,
 * zeroed at first, and was given to the call that returned `status`; failure->status is then the
 * failure, or OK. Copies a failure to `err` (NULL allowed). Returns `status`. */
copse_status copse_err_keep(copse_err *failure, copse_status status, copse_err *err);

/** COPSE_NOMEM with the standard message. */
#define COPSE_ERR_NOMEM(err) COPSE_ERR((err), COPSE_NOMEM, "out of memory")

#endif
