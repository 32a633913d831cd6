/* The texts are ours and not strerror's: those depend on the locale and don't say what to do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "os/posix_error.h"

#include "base/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { POSIX_ERROR_PATH_SIZE = 112 }; /* so that the reason fits behind it */

typedef struct posix_error_row {
    int error;
    copse_status status;
    const char *text;
} posix_error_row;

static const posix_error_row posix_error_rows[] = {
    {ENOENT, COPSE_NOT_FOUND, "it is not there (ENOENT)"},
    {ENOTDIR, COPSE_NOT_FOUND, "a part of the path is no folder (ENOTDIR)"},
    {EACCES, COPSE_DENIED, "no permission (EACCES); check the owner and mode of it and its folder"},
    {EPERM, COPSE_DENIED, "not permitted (EPERM); check the owner and attributes of it"},
    {EROFS, COPSE_DENIED,
     "the file system is read-only (EROFS); mount it writable, or open the "
     "store read-only"},
    {EEXIST, COPSE_CONFLICT, "it is there already (EEXIST)"},
    {ENOTEMPTY, COPSE_CONFLICT, "the folder is not empty (ENOTEMPTY)"},
    {EWOULDBLOCK, COPSE_CONFLICT, "another process has it locked (EWOULDBLOCK)"},
    {ENOMEM, COPSE_NOMEM, "the system is out of memory (ENOMEM)"},
    {ENOSPC, COPSE_IO, "no space left on the disk (ENOSPC); free some and try again"},
    {EDQUOT, COPSE_IO, "the disk quota is used up (EDQUOT); free some space and try again"},
    {EFBIG, COPSE_IO, "larger than the system lets a file be (EFBIG); check `ulimit -f`"},
    {EMFILE, COPSE_IO, "this process has too many open files (EMFILE); raise `ulimit -n`"},
    {ENFILE, COPSE_IO, "the system has too many open files (ENFILE); close some programs"},
    {EIO, COPSE_IO, "the disk failed (EIO); check it before you write again"},
    {EISDIR, COPSE_IO, "it is a folder (EISDIR)"},
    {EINVAL, COPSE_IO, "the file system can't do this (EINVAL)"},
    {ENAMETOOLONG, COPSE_IO, "the name is too long (ENAMETOOLONG)"},
    {ELOOP, COPSE_IO, "too many symbolic links (ELOOP)"},
    {ENOLCK, COPSE_IO, "the system is out of locks, or this file system has none (ENOLCK)"},
    {EOPNOTSUPP, COPSE_IO, "the file system can't do this (EOPNOTSUPP)"},
    {ENOSYS, COPSE_IO, "the system can't do this (ENOSYS)"},
    {EXDEV, COPSE_IO, "the two are on different file systems (EXDEV)"},
    {EBUSY, COPSE_IO, "the system is using it (EBUSY)"},
    {EBADF, COPSE_IO, "it was not opened for this (EBADF)"},
    {ESTALE, COPSE_IO, "the server no longer knows this file (ESTALE); open it again"},
    {ETIMEDOUT, COPSE_IO, "the server did not answer (ETIMEDOUT)"},
};

static const posix_error_row *posix_error_find(int error)
{
    for (size_t i = 0; i < sizeof posix_error_rows / sizeof *posix_error_rows; i++) {
        if (posix_error_rows[i].error == error) {
            return &posix_error_rows[i];
        }
    }
    return NULL;
}

/* The end of `path`, from the begin of a character. */
static void posix_error_path(const char *path, char ret_text[POSIX_ERROR_PATH_SIZE + 4])
{
    size_t len = strlen(path);
    size_t at = 0;
    char *out = ret_text;
    if (len > POSIX_ERROR_PATH_SIZE) {
        at = len - POSIX_ERROR_PATH_SIZE + 3;
        while (at < len && ((unsigned char)path[at] & 0xc0) == 0x80) {
            at++;
        }
        memcpy(out, "...", 3);
        out += 3;
    }
    for (; at < len; at++) {
        unsigned char byte = (unsigned char)path[at];
        *out++ = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    *out = '\0';
}

copse_status copse_posix_error(copse_err *err, int error, const char *verb, const char *path,
                               const char *file, int line)
{
    const posix_error_row *row = posix_error_find(error);
    copse_status status = row != NULL ? row->status : COPSE_IO;
    if (err == NULL) {
        return status;
    }
    char shown[POSIX_ERROR_PATH_SIZE + 4];
    posix_error_path(path, shown);
    if (row != NULL) {
        (void)copse_err_set(err, status, file, line, "cannot %s '%s': %s", verb, shown, row->text);
    } else {
        (void)copse_err_set(err, status, file, line, "cannot %s '%s': system error %d", verb, shown,
                            error);
    }
    err->os_errno = error;
    return status;
}
