/* What a failed system call means to Copse.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_OS_POSIX_ERROR_H
#define COPSE_OS_POSIX_ERROR_H

#include <copse/status.h>

/** Fills `err` (NULL allowed) and returns the status for `error`, an errno:
 *     return COPSE_POSIX_ERR(err, errno, "write", path);
 * says "cannot write 'path': no space left on the disk (ENOSPC); free some and try again". */
#define COPSE_POSIX_ERR(err, error, verb, path)                                                    \
    copse_posix_error((err), (error), (verb), (path), __FILE__, __LINE__)

/** NOT_FOUND, DENIED, CONFLICT, NOMEM or IO, as copse/sys/os.h says; err->os_errno is `error`. Of a
 * long path the end is shown, control characters as '?'. */
copse_status copse_posix_error(copse_err *err, int error, const char *verb, const char *path,
                               const char *file, int line);

#endif
