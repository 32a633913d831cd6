/* Files by pread, pwritev, fdatasync and flock.
 *
 * Calls that a signal interrupted are made again, and short counts carried on with.
 *
 * flock and not fcntl locks: those of fcntl belong to the process, so that two opens in one process
 * never exclude each other, and closing any of them lets go of all (O4). What flock costs: changing
 * a lock gives the old one back first, so a change that fails has lost it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "os/posix_file.h"

#include "base/alloc.h"
#include "base/err.h"
#include "os/posix_error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    POSIX_FILE_MODE = 0666, /* the process's umask takes away from it */
    POSIX_FILE_PARTS_MAX = 256
};

typedef struct posix_file {
    copse_file file;
    const copse_env *env;
    int fd;
    size_t path_size; /* with the NUL */
    char path[];      /* as it was opened: for messages */
} posix_file;

static copse_status posix_file_read_at(copse_file *file, uint64_t offset, void *ret_bytes,
                                       size_t size, size_t *ret_got, copse_err *err)
{
    posix_file *posix = (posix_file *)file;
    size_t got = 0;
    while (got < size && offset + got <= INT64_MAX) {
        ssize_t count =
            pread(posix->fd, (uint8_t *)ret_bytes + got, size - got, (off_t)(offset + got));
        if (count < 0 && errno != EINTR) {
            return COPSE_POSIX_ERR(err, errno, "read", posix->path);
        }
        if (count == 0) {
            break;
        }
        got += count > 0 ? (size_t)count : 0;
    }
    *ret_got = got;
    return COPSE_OK;
}

/* A place in a list of parts. */
typedef struct posix_file_parts {
    const copse_bytes *parts;
    size_t count;
    size_t used; /* bytes of parts[0] that are written */
} posix_file_parts;

static void posix_file_parts_skip(posix_file_parts *parts, size_t size)
{
    parts->used += size;
    while (parts->count > 0 && parts->used >= parts->parts[0].len) {
        parts->used -= parts->parts[0].len;
        parts->parts++;
        parts->count--;
    }
}

static size_t posix_file_parts_fill(const posix_file_parts *parts, struct iovec *ret_vectors)
{
    size_t used = parts->used;
    size_t count = 0;
    for (size_t i = 0; i < parts->count && count < POSIX_FILE_PARTS_MAX; i++) {
        if (parts->parts[i].len > used) {
            ret_vectors[count++] = (struct iovec){.iov_base = (void *)(parts->parts[i].ptr + used),
                                                  .iov_len = parts->parts[i].len - used};
        }
        used = 0;
    }
    return count;
}

static copse_status posix_file_write_at(copse_file *file, uint64_t offset, const copse_bytes *parts,
                                        size_t count, copse_err *err)
{
    posix_file *posix = (posix_file *)file;
    posix_file_parts left = {parts, count, 0};
    struct iovec vectors[POSIX_FILE_PARTS_MAX];
    posix_file_parts_skip(&left, 0); /* parts that are empty */
    while (left.count > 0) {
        size_t vector_count = posix_file_parts_fill(&left, vectors);
        if (offset > INT64_MAX) {
            return COPSE_POSIX_ERR(err, EFBIG, "write", posix->path);
        }
        ssize_t done = pwritev(posix->fd, vectors, (int)vector_count, (off_t)offset);
        if (done < 0 && errno != EINTR) {
            return COPSE_POSIX_ERR(err, errno, "write", posix->path);
        }
        if (done == 0) { /* no system says so of a file; don't try for ever */
            return COPSE_POSIX_ERR(err, EIO, "write", posix->path);
        }
        if (done > 0) {
            posix_file_parts_skip(&left, (size_t)done);
            offset += (uint64_t)done;
        }
    }
    return COPSE_OK;
}

static copse_status posix_file_size(copse_file *file, uint64_t *ret_size, copse_err *err)
{
    posix_file *posix = (posix_file *)file;
    struct stat stat;
    if (fstat(posix->fd, &stat) != 0) {
        return COPSE_POSIX_ERR(err, errno, "look at", posix->path);
    }
    *ret_size = (uint64_t)stat.st_size;
    return COPSE_OK;
}

static copse_status posix_file_truncate(copse_file *file, uint64_t size, copse_err *err)
{
    posix_file *posix = (posix_file *)file;
    if (size > INT64_MAX) {
        return COPSE_POSIX_ERR(err, EFBIG, "resize", posix->path);
    }
    while (ftruncate(posix->fd, (off_t)size) != 0) {
        if (errno != EINTR) {
            /* It says EINVAL of a file that is open for reading only. */
            int error = errno == EINVAL ? EBADF : errno;
            return COPSE_POSIX_ERR(err, error, "resize", posix->path);
        }
    }
    return COPSE_OK;
}

static copse_status posix_file_sync(copse_file *file, copse_err *err)
{
    posix_file *posix = (posix_file *)file;
    while (fdatasync(posix->fd) != 0) {
        if (errno != EINTR) {
            return COPSE_POSIX_ERR(err, errno, "sync", posix->path);
        }
    }
    return COPSE_OK;
}

static copse_status posix_file_lock(copse_file *file, copse_lock lock, bool wait, copse_err *err)
{
    static const int operations[] = {[COPSE_LOCK_NONE] = LOCK_UN,
                                     [COPSE_LOCK_SHARED] = LOCK_SH,
                                     [COPSE_LOCK_EXCLUSIVE] = LOCK_EX};
    posix_file *posix = (posix_file *)file;
    while (flock(posix->fd, operations[lock] | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno != EINTR) {
            return COPSE_POSIX_ERR(err, errno, "lock", posix->path);
        }
    }
    return COPSE_OK;
}

static void posix_file_close(copse_file *file)
{
    posix_file *posix = (posix_file *)file;
    /* What was to last was synced. Not again after EINTR: Linux has closed it by then. */
    (void)close(posix->fd);
    copse_free(posix->env, posix, sizeof *posix + posix->path_size);
}

static const copse_file_ops posix_file_ops = {
    .read_at = posix_file_read_at,
    .write_at = posix_file_write_at,
    .size = posix_file_size,
    .truncate = posix_file_truncate,
    .sync = posix_file_sync,
    .lock = posix_file_lock,
    .close = posix_file_close,
};

static int posix_file_flags(unsigned flags)
{
    return O_CLOEXEC | O_NOCTTY | (flags & COPSE_OPEN_WRITE ? O_RDWR : O_RDONLY) |
           (flags & COPSE_OPEN_CREATE ? O_CREAT : 0) | (flags & COPSE_OPEN_EXCLUSIVE ? O_EXCL : 0) |
           (flags & COPSE_OPEN_TRUNCATE ? O_TRUNC : 0);
}

/* A folder opens for reading like a file; say what is wrong before the first read does. */
static int posix_file_check(int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0) {
        return errno;
    }
    return S_ISDIR(stat.st_mode) ? EISDIR : 0;
}

copse_status copse_posix_file_open(const copse_env *env, const char *path, unsigned flags,
                                   copse_file **ret_file, copse_err *err)
{
    if ((flags & (COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE)) != 0 &&
        (flags & COPSE_OPEN_WRITE) == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a file is made or emptied only if it is also written");
    }
    size_t path_size = strlen(path) + 1;
    posix_file *posix = copse_alloc(env, sizeof *posix + path_size);
    if (posix == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    posix->file.ops = &posix_file_ops;
    posix->env = env;
    posix->path_size = path_size;
    memcpy(posix->path, path, path_size);
    do {
        posix->fd = open(path, posix_file_flags(flags), POSIX_FILE_MODE);
    } while (posix->fd < 0 && errno == EINTR);
    int error = posix->fd < 0 ? errno : posix_file_check(posix->fd);
    if (error != 0) {
        copse_status status = COPSE_POSIX_ERR(err, error, "open", path);
        if (posix->fd >= 0) {
            (void)close(posix->fd);
        }
        copse_free(env, posix, sizeof *posix + path_size);
        return status;
    }
    *ret_file = &posix->file;
    return COPSE_OK;
}
