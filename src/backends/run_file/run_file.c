/* All runs in one file.
 *
 * The file loses its name as soon as it is open (O5), so nothing is left behind however the process
 * ends, and it takes one descriptor however many runs there are. It is cut into extents of 1 MiB;
 * a run is a list of them, and those of a removed run are used again:
 *
 *     extent   0      1      2      3      4
 *            | run A| run A| run B| free | run C|      run A = [0, 1], free = [3]
 *
 * Invariants:
 *   X1  An extent below extents_count belongs to one run or is free.
 *   X2  `free` has room for extents_count, so that removing a run needs no memory.
 *   X3  A run has as many extents as it takes for its bytes, or one more after a failed append.
 *
 * A file system that does not let an open file be removed leaves it to free.
 *
 * Cost: 4 bytes of memory for each MiB, and no system call but the writes and reads that the sorter
 * asks for; it writes and reads in large pieces, so nothing is buffered here.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/run_file.h>

#include "base/alloc.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { RUN_FILE_EXTENT_SIZE = 1 << 20, RUN_FILE_TRIES = 100, RUN_FILE_NAME_SIZE = 40 };

struct copse_run_file {
    const copse_env *env;
    copse_os *os;
    copse_file *file; /* NULL: not made yet */
    bool has_name;    /* it could not be removed */
    size_t path_size;
    char *path; /* folder, '/', name */
    size_t folder_len;
    uint32_t extents_count;
    uint32_t *free;
    size_t free_count;
    size_t free_capacity;
    uint64_t peak_bytes;
};

typedef struct run_file_run {
    uint32_t *extents;
    size_t extents_count;
    size_t extents_capacity;
    uint64_t size;
    uint64_t read; /* bytes read so far */
} run_file_run;

/* ---- the file ---- */

static copse_status run_file_try(copse_run_file *file, uint64_t number, copse_err *err)
{
    (void)snprintf(file->path + file->folder_len, RUN_FILE_NAME_SIZE, "/.copse-sort-%016llx.tmp",
                   (unsigned long long)number);
    return file->os->ops->open(file->os, file->path,
                               COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_EXCLUSIVE,
                               &file->file, err);
}

static copse_status run_file_make(copse_run_file *file, copse_err *err)
{
    uint64_t number = 0;
    if (file->file != NULL) {
        return COPSE_OK;
    }
    if (file->env->random != NULL) {
        copse_status status =
            file->env->random(file->env->random_ctx, (uint8_t *)&number, sizeof number);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "the random source failed");
        }
    }
    copse_status status = COPSE_CONFLICT;
    for (unsigned tries = 0; status == COPSE_CONFLICT && tries < RUN_FILE_TRIES; tries++) {
        copse_err detail; /* a name that is taken is no failure and leaves err alone */
        status = run_file_try(file, number + tries, &detail);
        if (status != COPSE_OK && status != COPSE_CONFLICT && err != NULL) {
            *err = detail;
        }
    }
    if (status == COPSE_CONFLICT) {
        return COPSE_ERR(err, COPSE_IO, "no free name for '%s'; remove the old ones", file->path);
    }
    if (status == COPSE_OK) {
        file->has_name = file->os->ops->remove(file->os, file->path, NULL) != COPSE_OK;
    }
    return status;
}

/* An extent that is free. */
static copse_status run_file_take(copse_run_file *file, uint32_t *ret_extent, copse_err *err)
{
    if (file->free_count > 0) {
        *ret_extent = file->free[--file->free_count];
        return COPSE_OK;
    }
    if (file->extents_count == UINT32_MAX ||
        !copse_array_grow(file->env, (void **)&file->free, &file->free_capacity,
                          (size_t)file->extents_count + 1, sizeof *file->free)) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_extent = file->extents_count++;
    uint64_t size = (uint64_t)file->extents_count * RUN_FILE_EXTENT_SIZE;
    file->peak_bytes = size > file->peak_bytes ? size : file->peak_bytes;
    return COPSE_OK;
}

/* When no run is left, the disk gets its space back. */
static copse_status run_file_shrink(copse_run_file *file, copse_err *err)
{
    if (file->extents_count == 0 || file->free_count < file->extents_count) {
        return COPSE_OK;
    }
    file->extents_count = 0;
    file->free_count = 0;
    return file->file->ops->truncate(file->file, 0, err);
}

/* ---- runs ---- */

static copse_status run_file_create(void *ctx, void **ret_run, copse_err *err)
{
    copse_run_file *file = ctx;
    copse_status status = run_file_make(file, err);
    if (status != COPSE_OK) {
        return status;
    }
    run_file_run *run = copse_alloc_zeroed(file->env, sizeof *run);
    if (run == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_run = run;
    return COPSE_OK;
}

/* Where a position of a run is in the file; *ret_room: bytes from there to the extent's end. */
static uint64_t run_file_place(const run_file_run *run, uint64_t position, size_t *ret_room)
{
    size_t within = (size_t)(position % RUN_FILE_EXTENT_SIZE);
    *ret_room = RUN_FILE_EXTENT_SIZE - within;
    return (uint64_t)run->extents[position / RUN_FILE_EXTENT_SIZE] * RUN_FILE_EXTENT_SIZE + within;
}

/* X3: an extent for the byte after the last. */
static copse_status run_file_reserve(copse_run_file *file, run_file_run *run, copse_err *err)
{
    if (run->size < (uint64_t)run->extents_count * RUN_FILE_EXTENT_SIZE) {
        return COPSE_OK;
    }
    if (!copse_array_grow(file->env, (void **)&run->extents, &run->extents_capacity,
                          run->extents_count + 1, sizeof *run->extents)) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = run_file_take(file, &run->extents[run->extents_count], err);
    run->extents_count += status == COPSE_OK;
    return status;
}

static copse_status run_file_append(void *ctx, void *handle, copse_bytes bytes, copse_err *err)
{
    copse_run_file *file = ctx;
    run_file_run *run = handle;
    while (bytes.len > 0) {
        size_t room;
        copse_status status = run_file_reserve(file, run, err);
        if (status != COPSE_OK) {
            return status;
        }
        uint64_t offset = run_file_place(run, run->size, &room);
        copse_bytes part = {bytes.ptr, bytes.len < room ? bytes.len : room};
        status = file->file->ops->write_at(file->file, offset, &part, 1, err);
        if (status != COPSE_OK) {
            return status;
        }
        run->size += part.len;
        bytes = (copse_bytes){bytes.ptr + part.len, bytes.len - part.len};
    }
    return COPSE_OK;
}

static copse_status run_file_finish(void *ctx, void *run, copse_err *err)
{
    (void)ctx;
    (void)run;
    (void)err;
    return COPSE_OK;
}

static copse_status run_file_open(void *ctx, void *handle, copse_err *err)
{
    run_file_run *run = handle;
    (void)ctx;
    (void)err;
    run->read = 0;
    return COPSE_OK;
}

static copse_status run_file_read(void *ctx, void *handle, uint8_t *ret_bytes, size_t size,
                                  size_t *ret_size, copse_err *err)
{
    copse_run_file *file = ctx;
    run_file_run *run = handle;
    size_t done = 0;
    while (done < size && run->read < run->size) {
        size_t room;
        size_t got;
        uint64_t offset = run_file_place(run, run->read, &room);
        uint64_t left = run->size - run->read;
        size_t want = size - done < room ? size - done : room;
        want = left < want ? (size_t)left : want;
        copse_status status =
            file->file->ops->read_at(file->file, offset, ret_bytes + done, want, &got, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (got < want) {
            return COPSE_ERR(err, COPSE_IO, "a temporary file became shorter");
        }
        done += want;
        run->read += want;
    }
    *ret_size = done;
    return COPSE_OK;
}

static copse_status run_file_remove(void *ctx, void *handle, copse_err *err)
{
    copse_run_file *file = ctx;
    run_file_run *run = handle;
    for (size_t i = 0; i < run->extents_count; i++) {
        file->free[file->free_count++] = run->extents[i]; /* X2 */
    }
    copse_free_array(file->env, run->extents, run->extents_capacity, sizeof *run->extents);
    copse_free(file->env, run, sizeof *run);
    return run_file_shrink(file, err);
}

static const copse_run_store_ops run_file_ops = {
    .create = run_file_create,
    .append = run_file_append,
    .finish = run_file_finish,
    .open = run_file_open,
    .read = run_file_read,
    .remove = run_file_remove,
};

/* ---- the object ---- */

copse_status copse_run_file_new(const copse_env *env, copse_os *os, const char *folder,
                                copse_run_file **ret_file, copse_err *err)
{
    if (env == NULL || os == NULL || folder == NULL || ret_file == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "temporary files need a system and a folder");
    }
    copse_run_file *file = copse_alloc_zeroed(env, sizeof *file);
    if (file == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *file = (copse_run_file){.env = env, .os = os, .folder_len = strlen(folder)};
    file->path_size = file->folder_len + RUN_FILE_NAME_SIZE;
    file->path = copse_alloc_zeroed(env, file->path_size);
    if (file->path == NULL) {
        copse_free(env, file, sizeof *file);
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(file->path, folder, file->folder_len);
    *ret_file = file;
    return COPSE_OK;
}

copse_run_store copse_run_file_store(copse_run_file *file)
{
    return (copse_run_store){.ops = &run_file_ops, .ctx = file};
}

uint64_t copse_run_file_peak_bytes(const copse_run_file *file)
{
    return file->peak_bytes;
}

copse_run_file *copse_run_file_free(copse_run_file *file)
{
    if (file == NULL) {
        return NULL;
    }
    if (file->file != NULL) {
        file->file->ops->close(file->file);
    }
    if (file->has_name) {
        copse_status ignored = file->os->ops->remove(file->os, file->path, NULL);
        (void)ignored; /* nobody is left to be told */
    }
    copse_free_array(file->env, file->free, file->free_capacity, sizeof *file->free);
    copse_free(file->env, file->path, file->path_size);
    copse_free(file->env, file, sizeof *file);
    return NULL;
}
