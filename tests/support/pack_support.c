/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/pack_support.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void pack_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s (%s)", copse_status_name(status), err->message, err->where);
    }
}

void pack_folder_init(pack_folder *folder)
{
    const char *base = getenv("TMPDIR");
    memset(folder, 0, sizeof *folder);
    (void)snprintf(folder->path, sizeof folder->path - 16, "%.200s/copse-pack-XXXXXX",
                   base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder->path));
    (void)strcat(folder->path, "/store");
    copse_env_init(&folder->own);
    copse_env_init_posix(&folder->own);
    folder->options.create = true;
}

void pack_folder_clear(pack_folder *folder)
{
    DIR *dir = opendir(folder->path);
    if (dir == NULL) {
        return;
    }
    (void)chmod(folder->path, 0700);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[600];
        (void)snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    (void)rmdir(folder->path);
}

void pack_folder_release(pack_folder *folder)
{
    pack_folder_close(folder);
    pack_folder_clear(folder);
    *strrchr(folder->path, '/') = 0;
    (void)rmdir(folder->path);
}

copse_status pack_folder_open(pack_folder *folder, copse_err *err)
{
    const copse_env *env = folder->env != NULL ? folder->env : &folder->own;
    copse_status status = copse_os_posix_new(env, &folder->os, err);
    if (status == COPSE_OK) {
        status =
            copse_pack_db_open(env, folder->os, folder->path, &folder->options, &folder->db, err);
    }
    if (status != COPSE_OK) {
        folder->os = copse_os_free(folder->os);
    }
    return status;
}

copse_pack_db *pack_folder_must_open(pack_folder *folder)
{
    copse_err err = {0};
    pack_must(pack_folder_open(folder, &err), &err);
    return folder->db;
}

void pack_folder_close(pack_folder *folder)
{
    folder->db = copse_pack_db_close(folder->db);
    folder->os = copse_os_free(folder->os);
}

static void pack_folder_close_store(copse_store *store)
{
    pack_folder *folder =
        (pack_folder *)(void *)((char *)(uintptr_t)store->ops - offsetof(pack_folder, ops));
    pack_folder_close(folder);
}

copse_store *pack_folder_open_owned_store(pack_folder *folder)
{
    copse_store *store = copse_pack_db_store(pack_folder_must_open(folder));
    folder->ops = *store->ops;
    folder->ops.close = pack_folder_close_store;
    store->ops = &folder->ops;
    return store;
}
