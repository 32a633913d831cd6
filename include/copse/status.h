/* What a call answers, and the detail of a failure for people.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_STATUS_H
#define COPSE_STATUS_H

#include <copse/compiler.h>

COPSE_EXTERN_C_BEGIN

/** The answer of a fallible call. Zero: done. Positive: a normal answer without a value. Negative:
 * a failure. Each failure asks the caller for a different next step, so they are never merged. */
typedef enum copse_status {
    COPSE_OK = 0,   /**< Done; the ret_ outputs are set. */
    COPSE_END = 1,  /**< There is nothing more in this direction. */
    COPSE_WANT = 2, /**< Blocks are missing: fetch the wanted CIDs, supply them, call again. */
    COPSE_NOT_FOUND = -1, /**< What was asked for is known not to be there. */
    COPSE_CORRUPT = -2,   /**< Bytes break their format or don't match their hash. */
    COPSE_IO = -3,        /**< The outside world failed; os_errno says how. */
    COPSE_LIMIT = -4,     /**< A limit of copse_limits or of the format would be passed. */
    COPSE_CONFLICT = -5,  /**< Somebody else changed it, or two sides changed the same. */
    COPSE_NOMEM = -6,     /**< The allocator gave nothing. */
    COPSE_MISUSE = -7,    /**< The caller broke the contract of the call. */
    COPSE_DENIED = -8     /**< Not allowed. */
} copse_status;

/** The detail of a failure, owned by the caller. A call that fails fills it; a call that succeeds
 * leaves it alone. Wherever a `copse_err *` is taken, NULL is allowed. */
typedef struct copse_err {
    copse_status status; /**< What the call returned. */
    int os_errno;        /**< The errno of a failed system call, else 0. */
    char where[48];      /**< "file.c:123", in Copse's sources. */
    char message[256];   /**< One line for people, NUL-terminated, UTF-8. */
} copse_err;

/** The name of a status, such as "CORRUPT". Never NULL; static storage. */
COPSE_API const char *copse_status_name(copse_status status);

COPSE_EXTERN_C_END

#endif
