/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/block_cache/block_cache_folder.h"

#include "base/alloc.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static const char block_cache_lock_name[] = "lock";
static const char block_cache_prefix[] = "gen-";

enum {
    BLOCK_CACHE_DIGITS_MIN = 6, /* of a generation's number */
    BLOCK_CACHE_DIGITS_MAX = 18
};

/* ---- Names ---- */

/* The number in the name of a generation; 0: it is none. */
static uint64_t block_cache_number_of(const char *name)
{
    size_t prefix_size = sizeof block_cache_prefix - 1;
    uint64_t number = 0;
    if (strncmp(name, block_cache_prefix, prefix_size) != 0) {
        return 0;
    }
    const char *digits = name + prefix_size;
    size_t count = strspn(digits, "0123456789");
    if (digits[count] != 0 || count < BLOCK_CACHE_DIGITS_MIN || count > BLOCK_CACHE_DIGITS_MAX ||
        (digits[0] == '0' && count > BLOCK_CACHE_DIGITS_MIN)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        number = 10 * number + (uint64_t)(digits[i] - '0');
    }
    return number;
}

static void block_cache_name_of(uint64_t number, char ret_name[COPSE_PACK_NAME_SIZE_MAX])
{
    (void)snprintf(ret_name, COPSE_PACK_NAME_SIZE_MAX, "%s%0*llu", block_cache_prefix,
                   BLOCK_CACHE_DIGITS_MIN, (unsigned long long)number);
}

void copse_block_cache_folder_path(const copse_block_cache_folder *folder, uint64_t number,
                                   char ret_path[COPSE_PACK_PATH_SIZE_MAX])
{
    char name[COPSE_PACK_NAME_SIZE_MAX];
    block_cache_name_of(number, name);
    (void)snprintf(ret_path, COPSE_PACK_PATH_SIZE_MAX, "%s/%s", folder->io.path, name);
}

/* ---- The folder ---- */

static copse_status block_cache_visit_name(void *ctx, const char *name, copse_err *err)
{
    copse_block_cache_folder *folder = ctx;
    uint64_t number = block_cache_number_of(name);
    if (number == 0) {
        /* Systems and backup tools leave files of their own that begin with a dot. */
        folder->has_foreign |= strcmp(name, block_cache_lock_name) != 0 && name[0] != '.';
        return COPSE_OK;
    }
    void *numbers = folder->numbers;
    if (!copse_array_grow(folder->io.env, &numbers, &folder->capacity, folder->count + 1,
                          sizeof folder->numbers[0])) {
        return COPSE_ERR_NOMEM(err);
    }
    folder->numbers = numbers;
    size_t at = folder->count++;
    for (; at > 0 && folder->numbers[at - 1] < number; at--) {
        folder->numbers[at] = folder->numbers[at - 1];
    }
    folder->numbers[at] = number;
    return COPSE_OK;
}

copse_status copse_block_cache_folder_list(copse_block_cache_folder *folder, copse_err *err)
{
    copse_block_cache_folder fresh = {.io = folder->io};
    copse_status status = copse_pack_io_list(&folder->io, block_cache_visit_name, &fresh, err);
    copse_block_cache_folder *unused = status == COPSE_OK ? folder : &fresh;
    copse_free_array(folder->io.env, unused->numbers, unused->capacity, sizeof unused->numbers[0]);
    if (status == COPSE_OK) {
        *folder = fresh;
    }
    return status;
}

/* Makes the folder and those that it is in. */
static copse_status block_cache_make_folder(copse_pack_io *io, copse_err *err)
{
    copse_os *os = io->os;
    copse_status status = os->ops->make_dir(os, io->path, err);
    for (char *slash = io->path; status == COPSE_NOT_FOUND && slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = 0;
            (void)os->ops->make_dir(os, io->path, NULL); /* the last one says what is wrong */
            *slash = '/';
        }
    }
    if (status == COPSE_NOT_FOUND) {
        status = os->ops->make_dir(os, io->path, err);
    }
    return status == COPSE_CONFLICT ? COPSE_OK : status; /* another process came first */
}

copse_status copse_block_cache_folder_open(copse_block_cache_folder *folder, const copse_env *env,
                                           copse_os *os, const char *path, bool make,
                                           copse_err *err)
{
    copse_err why = {0};
    *folder = (copse_block_cache_folder){0};
    copse_status status = copse_pack_io_init(&folder->io, env, os, path, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_block_cache_folder_list(folder, &why);
    if (status == COPSE_NOT_FOUND && make) {
        status = block_cache_make_folder(&folder->io, &why);
        if (status == COPSE_OK) {
            status = copse_block_cache_folder_list(folder, &why);
            if (status == COPSE_NOT_FOUND) {
                status = COPSE_ERR(&why, COPSE_CORRUPT, "%.200s is no folder", path);
            }
        }
    }
    if (status == COPSE_OK && folder->has_foreign) {
        status = COPSE_ERR(&why, COPSE_CORRUPT, "%.200s holds files that are no cache's", path);
    }
    if (status != COPSE_OK) {
        copse_block_cache_folder_release(folder);
        if (err != NULL) {
            *err = why;
        }
    }
    return status;
}

void copse_block_cache_folder_release(copse_block_cache_folder *folder)
{
    if (folder->io.env != NULL) {
        copse_free_array(folder->io.env, folder->numbers, folder->capacity,
                         sizeof folder->numbers[0]);
        copse_pack_io_release(&folder->io);
        *folder = (copse_block_cache_folder){0};
    }
}

copse_status copse_block_cache_folder_lock(copse_block_cache_folder *folder, copse_file **ret_lock,
                                           copse_err *err)
{
    copse_file *lock = NULL;
    copse_status status = copse_pack_io_open(&folder->io, block_cache_lock_name,
                                             COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &lock, err);
    if (status == COPSE_OK) {
        status = lock->ops->lock(lock, COPSE_LOCK_EXCLUSIVE, true, err);
    }
    if (status == COPSE_OK) {
        *ret_lock = lock;
    } else {
        (void)copse_pack_io_close(lock);
    }
    return status;
}

/* ---- Generations ---- */

/* What is done to the files of one generation. */
typedef struct block_cache_files {
    copse_pack_io io;
    uint64_t size;
    copse_status status; /* of the first that could not be removed */
} block_cache_files;

static copse_status block_cache_files_visit(copse_block_cache_folder *folder, uint64_t number,
                                            copse_os_visit_fn visit, block_cache_files *files,
                                            copse_err *err)
{
    char path[COPSE_PACK_PATH_SIZE_MAX];
    copse_block_cache_folder_path(folder, number, path);
    copse_status status = copse_pack_io_init(&files->io, folder->io.env, folder->io.os, path, err);
    if (status == COPSE_OK) {
        status = copse_pack_io_list(&files->io, visit, files, err);
    }
    return status;
}

static copse_status block_cache_add_size(void *ctx, const char *name, copse_err *err)
{
    block_cache_files *files = ctx;
    copse_file *file = NULL;
    uint64_t size = 0;
    (void)err;
    if (copse_pack_name_parse(name).kind != COPSE_PACK_NAME_FOREIGN &&
        copse_pack_io_open(&files->io, name, 0, &file, NULL) == COPSE_OK) {
        if (file->ops->size(file, &size, NULL) == COPSE_OK) {
            files->size += size;
        }
        (void)copse_pack_io_close(file);
    }
    return COPSE_OK;
}

copse_status copse_block_cache_folder_size(copse_block_cache_folder *folder, uint64_t number,
                                           uint64_t *ret_size, copse_err *err)
{
    block_cache_files files = {.size = 0};
    copse_status status =
        block_cache_files_visit(folder, number, block_cache_add_size, &files, err);
    copse_pack_io_release(&files.io);
    if (status == COPSE_NOMEM) {
        return status;
    }
    *ret_size = files.size;
    return COPSE_OK;
}

static copse_status block_cache_check_name(void *ctx, const char *name, copse_err *err)
{
    const block_cache_files *files = ctx;
    return copse_pack_name_parse(name).kind != COPSE_PACK_NAME_FOREIGN
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_CORRUPT, "%.120s holds %.100s, which is no cache's",
                           files->io.path, name);
}

copse_status copse_block_cache_folder_check(copse_block_cache_folder *folder, uint64_t number,
                                            copse_err *err)
{
    block_cache_files files = {.size = 0};
    copse_status status =
        block_cache_files_visit(folder, number, block_cache_check_name, &files, err);
    copse_pack_io_release(&files.io);
    return status;
}

static copse_status block_cache_remove_name(void *ctx, const char *name, copse_err *err)
{
    block_cache_files *files = ctx;
    if (copse_pack_name_parse(name).kind != COPSE_PACK_NAME_FOREIGN) {
        copse_status status = copse_pack_io_remove(&files->io, name, err);
        files->status = files->status == COPSE_OK ? status : files->status;
    }
    return COPSE_OK;
}

copse_status copse_block_cache_folder_remove(copse_block_cache_folder *folder, uint64_t number,
                                             copse_err *err)
{
    block_cache_files files = {.status = COPSE_OK};
    char path[COPSE_PACK_PATH_SIZE_MAX];
    copse_block_cache_folder_path(folder, number, path);
    copse_status status = copse_pack_io_init(&files.io, folder->io.env, folder->io.os, path, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_pack_io_remove(&files.io, "format", err); /* F2 */
    if (status == COPSE_OK) {
        status = copse_pack_io_list(&files.io, block_cache_remove_name, &files, err);
    }
    status = status == COPSE_OK ? files.status : status;
    if (status == COPSE_OK) {
        status = folder->io.os->ops->remove_dir(folder->io.os, path, err);
    }
    copse_pack_io_release(&files.io);
    return status;
}
