/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "name_memory.h"

#include "failure.h"
#include "state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <copse/ipns.h>

typedef struct name_paths {
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    char folder[COPSE_STATE_FOLDER_SIZE];
    char record[COPSE_STATE_FOLDER_SIZE + 1];
    char beside[COPSE_STATE_FOLDER_SIZE + 8];
    char lock[COPSE_STATE_FOLDER_SIZE + 8];
} name_paths;

static copse_status name_memory_io(copse_err *err, const char *path)
{
    int number = errno;
    (void)snprintf(err->message, sizeof err->message, "'%.150s': %.60s", path, strerror(number));
    return COPSE_IO;
}

static copse_status name_memory_paths(const copse_public_key *name, name_paths *ret_paths,
                                      copse_err *err)
{
    char file[COPSE_KEY_TEXT_SIZE_MAX + sizeof "names/.record"];
    (void)copse_public_key_to_name(name, ret_paths->text);
    (void)snprintf(file, sizeof file, "names/%s.record", ret_paths->text);
    copse_status status =
        copse_state_folder_find(file, ret_paths->folder, sizeof ret_paths->folder, err);
    if (status == COPSE_OK) {
        (void)snprintf(ret_paths->record, sizeof ret_paths->record, "%s", ret_paths->folder);
        (void)snprintf(ret_paths->beside, sizeof ret_paths->beside, "%s.new", ret_paths->record);
        (void)snprintf(ret_paths->lock, sizeof ret_paths->lock, "%s.lock", ret_paths->record);
        *strrchr(ret_paths->folder, '/') = '\0';
    }
    return status;
}

/* ---- Reading ---- */

/* Appends what the file holds, up to what a record can be and a byte. NOT_FOUND, IO, NOMEM. */
static copse_status name_memory_read(const name_paths *paths, copse_buf *ret_record,
                                     uint64_t *ret_seen_ms, copse_err *err)
{
    uint8_t bytes[COPSE_IPNS_RECORD_SIZE_BYTES_MAX];
    struct stat about;
    int fd = open(paths->record, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? COPSE_NOT_FOUND : name_memory_io(err, paths->record);
    }
    ssize_t got = fstat(fd, &about) == 0 ? read(fd, bytes, sizeof bytes) : -1;
    copse_status status = got < 0 ? name_memory_io(err, paths->record) : COPSE_OK;
    (void)close(fd);
    if (status == COPSE_OK) {
        *ret_seen_ms = (uint64_t)about.st_mtime * 1000;
        status = copse_buf_append(ret_record, (copse_bytes){bytes, (size_t)got});
    }
    return status;
}

static copse_status name_memory_get(void *ctx, const copse_public_key *name, copse_buf *ret_record,
                                    uint64_t *ret_seen_ms, copse_err *err)
{
    const copse_call *call = ctx;
    name_paths paths;
    copse_status status = name_memory_paths(name, &paths, err);
    if (status != COPSE_OK) {
        return COPSE_NOT_FOUND; /* set says why nothing can be remembered */
    }
    status = name_memory_read(&paths, ret_record, ret_seen_ms, err);
    if (status == COPSE_IO) {
        copse_warn(call, "the record of %s that was seen before can't be read: %s", paths.text,
                   err->message);
    }
    return status;
}

/* ---- Writing ---- */

/* *ret_fd: to be closed, which gives the lock back. */
static copse_status name_memory_lock(const name_paths *paths, int *ret_fd, copse_err *err)
{
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(paths->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int failed = fd < 0 ? -1 : fcntl(fd, F_SETLKW, &whole);
    while (failed != 0 && fd >= 0 && errno == EINTR) {
        failed = fcntl(fd, F_SETLKW, &whole);
    }
    if (failed != 0) {
        copse_status status = name_memory_io(err, paths->lock);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    *ret_fd = fd;
    return COPSE_OK;
}

static bool name_memory_sync_folder(const name_paths *paths)
{
    int fd = open(paths->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

static copse_status name_memory_write(const name_paths *paths, copse_bytes record, copse_err *err)
{
    int fd = open(paths->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t put = fd < 0 ? -1 : write(fd, record.ptr, record.len);
    if (put >= 0 && (size_t)put < record.len) {
        put = -1;
        errno = ENOSPC; /* of what cuts a write of a plain file short, the likeliest */
    }
    bool good = put >= 0 && fsync(fd) == 0;
    copse_status status = good ? COPSE_OK : name_memory_io(err, paths->beside);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (good && (rename(paths->beside, paths->record) != 0 || !name_memory_sync_folder(paths))) {
        status = name_memory_io(err, paths->record);
    }
    return status;
}

/* Writes the record where it is newer than the one that is there; one that is damaged is as if it
 * were not. Under the lock. CONFLICT, IO, NOMEM. */
static copse_status name_memory_keep(const copse_call *call, const name_paths *paths,
                                     const copse_public_key *name, copse_bytes record,
                                     copse_err *err)
{
    copse_buf had;
    copse_ipns_record had_says;
    copse_ipns_record says;
    uint64_t seen_ms = 0;
    bool is_newer = true;
    copse_buf_init(&had, &call->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_status status = name_memory_read(paths, &had, &seen_ms, err);
    if (status == COPSE_OK) {
        status = copse_ipns_verify(&call->env, copse_buf_view(&had), name, 0, &had_says, err);
        if (status == COPSE_OK) {
            status = copse_ipns_verify(&call->env, record, name, 0, &says, err);
            is_newer = status == COPSE_OK && copse_ipns_compare(&says, &had_says) > 0;
        } else if (status == COPSE_CORRUPT) {
            status = COPSE_OK;
        }
    } else if (status == COPSE_NOT_FOUND) {
        status = COPSE_OK;
    }
    if (status == COPSE_OK && is_newer) {
        status = name_memory_write(paths, record, err);
    } else if (status == COPSE_OK && copse_bytes_equal(copse_buf_view(&had), record)) {
        (void)utimensat(AT_FDCWD, paths->record, NULL, 0); /* it was seen again */
    } else if (status == COPSE_OK) {
        (void)snprintf(err->message, sizeof err->message,
                       "a record that is as new was seen meanwhile");
        status = COPSE_CONFLICT;
    }
    copse_buf_release(&had);
    return status;
}

static copse_status name_memory_set(void *ctx, const copse_public_key *name, copse_bytes record,
                                    copse_err *err)
{
    const copse_call *call = ctx;
    name_paths paths;
    int lock = -1;
    copse_err why = {.message = ""};
    copse_status status = name_memory_paths(name, &paths, &why);
    if (status == COPSE_OK) {
        status = name_memory_lock(&paths, &lock, &why);
    }
    if (status == COPSE_OK) {
        status = name_memory_keep(call, &paths, name, record, &why);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    if (status == COPSE_CONFLICT || status == COPSE_NOMEM) {
        *err = why;
        return status;
    }
    if (status != COPSE_OK) {
        copse_warn(call,
                   "what %s stands for can't be remembered, so that an older record of it would be "
                   "believed: %s",
                   paths.text, why.message);
    }
    return COPSE_OK;
}

copse_remote_records copse_name_memory(copse_call *call)
{
    return (copse_remote_records){name_memory_get, name_memory_set, call};
}
