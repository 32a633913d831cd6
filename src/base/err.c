/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

copse_status copse_err_set(copse_err *err, copse_status status, const char *file, int line,
                           const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    const char *slash = strrchr(file, '/');
    va_list args;
    err->status = status;
    err->os_errno = 0;
    (void)snprintf(err->where, sizeof err->where, "%s:%d", slash != NULL ? slash + 1 : file, line);
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

copse_status copse_err_keep(copse_err *failure, copse_status status, copse_err *err)
{
    failure->status = status < COPSE_OK ? status : COPSE_OK;
    if (status < COPSE_OK && err != NULL) {
        *err = *failure;
    }
    return status;
}
