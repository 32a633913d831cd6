/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/os_sim_process.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_LOCK_TRIES = 1000 };

static int sim_file_begin(sim_file *file, os_sim_kind kind, uint64_t offset, size_t size)
{
    return sim_begin(
        file->process,
        (os_sim_call){.kind = kind, .path = file->path, .offset = offset, .size = size});
}

/* Why this file may not be changed, or 0. */
static int sim_file_refuses(const sim_file *file)
{
    return !file->is_writable ? EBADF : file->process->sim->is_read_only ? EROFS : 0;
}

static copse_status sim_file_read_at(copse_file *handle, uint64_t offset, void *ret_bytes,
                                     size_t size, size_t *ret_got, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    int error = sim_file_begin(file, OS_SIM_READ, offset, size);
    if (error != 0) {
        return SIM_ERR(err, error, "read", file->path);
    }
    const sim_content *content = &file->node->now;
    size_t left = offset < content->len ? content->len - (size_t)offset : 0;
    size_t got = size < left ? size : left;
    if (got > 0) {
        memcpy(ret_bytes, content->ptr + offset, got);
    }
    file->process->sim->counts.read_bytes += got;
    *ret_got = got;
    return COPSE_OK;
}

/* How much of a write that would end at `end` fits on the disk. */
static size_t sim_file_room(const sim_file *file, uint64_t offset, size_t size)
{
    const os_sim *sim = file->process->sim;
    uint64_t free_bytes = sim->space_max > sim->size_bytes ? sim->space_max - sim->size_bytes : 0;
    uint64_t end_max = file->node->now.len + free_bytes;
    if (end_max < free_bytes || offset + size <= end_max) { /* no bound, or it fits */
        return size;
    }
    return offset < end_max ? (size_t)(end_max - offset) : 0;
}

static uint8_t *sim_file_join(const copse_bytes *parts, size_t count, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].len;
    }
    uint8_t *joined = sim_alloc(size);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(joined + at, parts[i].ptr, parts[i].len);
        }
        at += parts[i].len;
    }
    *ret_size = size;
    return joined;
}

static copse_status sim_file_write_at(copse_file *handle, uint64_t offset, const copse_bytes *parts,
                                      size_t count, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    size_t size;
    uint8_t *joined = sim_file_join(parts, count, &size);
    int error = sim_file_begin(file, OS_SIM_WRITE, offset, size);
    size_t done = size;
    if (file->process->is_dead) {
        done = 0;
    } else if (sim_file_refuses(file) != 0) {
        error = sim_file_refuses(file);
        done = 0;
    } else if (error != 0) {
        done = size / 2;
    } else if (offset > SIZE_MAX / 4 || size > SIZE_MAX / 4) {
        error = EFBIG;
        done = 0;
    }
    if (done > 0) {
        size_t room = sim_file_room(file, offset, done);
        error = room < done && error == 0 ? ENOSPC : error;
        sim_node_write(file->node, offset, joined, room);
        file->process->sim->counts.written_bytes += room;
    }
    free(joined);
    return error == 0 ? COPSE_OK : SIM_ERR(err, error, "write", file->path);
}

static copse_status sim_file_size(copse_file *handle, uint64_t *ret_size, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    int error = sim_file_begin(file, OS_SIM_SIZE, 0, 0);
    if (error != 0) {
        return SIM_ERR(err, error, "look at", file->path);
    }
    *ret_size = file->node->now.len;
    return COPSE_OK;
}

static copse_status sim_file_truncate(copse_file *handle, uint64_t size, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    int error = sim_file_begin(file, OS_SIM_TRUNCATE, size, 0);
    if (error == 0) {
        error = sim_file_refuses(file);
    }
    if (error == 0 && size > file->node->now.len) {
        uint64_t len = file->node->now.len;
        error = size > SIZE_MAX / 4                                                     ? EFBIG
                : sim_file_room(file, len, (size_t)(size - len)) < (size_t)(size - len) ? ENOSPC
                                                                                        : 0;
    }
    if (error != 0) {
        return SIM_ERR(err, error, "resize", file->path);
    }
    sim_node_truncate(file->node, size);
    return COPSE_OK;
}

static copse_status sim_file_sync(copse_file *handle, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    int error = sim_file_begin(file, OS_SIM_SYNC, 0, 0);
    if (file->process->is_dead) {
        return SIM_ERR(err, error, "sync", file->path);
    }
    if (error != 0 || !sim_drops_sync(file->process->sim, file->path, false)) {
        sim_node_sync(file->node, error != 0);
    }
    return error == 0 ? COPSE_OK : SIM_ERR(err, error, "sync", file->path);
}

static bool sim_file_is_locked_out(const sim_file *file, copse_lock lock)
{
    for (const sim_file *other = file->process->sim->files; other != NULL; other = other->next) {
        if (other != file && other->node == file->node && other->lock != COPSE_LOCK_NONE &&
            (lock == COPSE_LOCK_EXCLUSIVE || other->lock == COPSE_LOCK_EXCLUSIVE)) {
            return true;
        }
    }
    return false;
}

static copse_status sim_file_lock(copse_file *handle, copse_lock lock, bool wait, copse_err *err)
{
    sim_file *file = (sim_file *)handle;
    int error = sim_file_begin(file, OS_SIM_LOCK, 0, 0);
    if (error == 0) {
        file->lock = COPSE_LOCK_NONE; /* as flock: a change gives the old one back first */
    }
    for (unsigned tries = 0; error == 0 && lock != COPSE_LOCK_NONE; tries++) {
        if (!sim_file_is_locked_out(file, lock)) {
            break;
        }
        error = !wait ? EWOULDBLOCK : tries == SIM_LOCK_TRIES ? EDEADLK : 0;
        if (error == 0) {
            error = sim_begin(
                file->process,
                (os_sim_call){.kind = OS_SIM_LOCK, .path = file->path, .is_waiting = true});
        }
    }
    if (error != 0) {
        return SIM_ERR(err, error, "lock", file->path);
    }
    file->lock = lock;
    return COPSE_OK;
}

static void sim_file_close(copse_file *handle)
{
    sim_file *file = (sim_file *)handle;
    sim_file **link = &file->process->sim->files;
    while (*link != file) {
        link = &(*link)->next;
    }
    *link = file->next;
    sim_node_unref(file->node);
    free(file->path);
    free(file);
}

static const copse_file_ops sim_file_ops = {
    .read_at = sim_file_read_at,
    .write_at = sim_file_write_at,
    .size = sim_file_size,
    .truncate = sim_file_truncate,
    .sync = sim_file_sync,
    .lock = sim_file_lock,
    .close = sim_file_close,
};

/* Finds the node or makes it: 0, or an errno. */
static int sim_file_resolve(os_sim *sim, const char *path, unsigned flags, sim_node **ret_node)
{
    char name[SIM_NAME_SIZE];
    int error;
    sim_node *folder = sim_find_folder(sim, path, name, &error);
    if (folder == NULL) {
        return error;
    }
    sim_node *node = name[0] == '\0' ? folder : sim_names_find(&folder->names_now, name);
    if (node != NULL) {
        *ret_node = node;
        return (flags & COPSE_OPEN_EXCLUSIVE) != 0                    ? EEXIST
               : node->is_dir                                         ? EISDIR
               : sim->is_read_only && (flags & COPSE_OPEN_WRITE) != 0 ? EROFS
                                                                      : 0;
    }
    if ((flags & COPSE_OPEN_CREATE) == 0) {
        return ENOENT;
    }
    if (sim->is_read_only) {
        return EROFS;
    }
    node = sim_node_new(sim, false);
    sim_node_change_name(folder, NULL, name, node);
    sim_node_unref(node); /* its name holds it */
    *ret_node = node;
    return 0;
}

copse_status sim_file_open(copse_os *os, const char *path, unsigned flags, copse_file **ret_file,
                           copse_err *err)
{
    sim_process *process = (sim_process *)os;
    if ((flags & (COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE)) != 0 &&
        (flags & COPSE_OPEN_WRITE) == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a file is made or emptied only if it is also written");
    }
    sim_node *node = NULL;
    int error = sim_begin(process, (os_sim_call){.kind = OS_SIM_OPEN, .path = path});
    if (error == 0) {
        error = sim_file_resolve(process->sim, path, flags, &node);
    }
    if (error != 0) {
        return SIM_ERR(err, error, "open", path);
    }
    if ((flags & COPSE_OPEN_TRUNCATE) != 0) {
        sim_node_truncate(node, 0);
    }
    sim_file *file = sim_alloc(sizeof *file);
    *file = (sim_file){.file = {&sim_file_ops},
                       .process = process,
                       .node = sim_node_ref(node),
                       .next = process->sim->files,
                       .is_writable = (flags & COPSE_OPEN_WRITE) != 0,
                       .path = sim_dup_text(path)};
    process->sim->files = file;
    *ret_file = &file->file;
    return COPSE_OK;
}
