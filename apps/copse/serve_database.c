/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_database.h"

#include "failure.h"

#include <copse/memory_refs.h>

#include <string.h>
#include <sys/stat.h>

/* ---- Names ---- */

bool copse_serve_database_name(const char *path,
                               char ret_name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1])
{
    static const char *const suffixes[] = {".copse", ".car"};
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    size_t len = end - start;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t suffix_len = strlen(suffixes[i]);
        if (len > suffix_len &&
            memcmp(path + start + len - suffix_len, suffixes[i], suffix_len) == 0) {
            len -= suffix_len;
            break;
        }
    }
    if (len > COPSE_SERVED_NAME_SIZE_BYTES_MAX) {
        return false;
    }
    memcpy(ret_name, path + start, len);
    ret_name[len] = '\0';
    return true;
}

/* ---- CAR files ---- */

static bool serve_database_open_car(copse_serve_database *self, copse_call *call)
{
    size_t roots = 0;
    copse_status status = copse_os_posix_new(&call->env, &self->os, &call->err);
    if (status == COPSE_OK) {
        status = copse_car_file_open(&call->env, self->os, self->path, &self->car, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_memory_refs_new(&call->env, &self->refs, &call->err);
    }
    if (status == COPSE_OK) {
        const copse_cid *root = copse_car_file_roots(self->car, &roots);
        status = roots > 0 ? copse_refs_swap(self->refs, copse_bytes_of_text(COPSE_REF_DEFAULT),
                                             NULL, &root[0], &call->err)
                           : COPSE_OK;
    }
    if (status != COPSE_OK) {
        (void)copse_failure(call, status, "a database is a folder, or a CAR file",
                            "'%s' can't be read as a CAR file: %s", self->path, call->err.message);
    }
    return status == COPSE_OK;
}

/* ---- Both ---- */

bool copse_serve_database_open(copse_serve_database *database, copse_call *call, const char *path)
{
    copse_serve_database self = {.path = path};
    struct stat info;
    if (!copse_serve_database_name(path, self.name)) {
        (void)copse_failure_usage(call, "the name of '%s' is too long", path);
        return false;
    }
    bool is_car = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (!(is_car ? serve_database_open_car(&self, call)
                 : copse_local_open(&self.local, call, path, COPSE_LOCAL_READ))) {
        copse_serve_database_close(&self);
        return false;
    }
    *database = self;
    return true;
}

void copse_serve_database_close(copse_serve_database *database)
{
    database->refs = copse_refs_close(database->refs);
    database->car = copse_car_file_close(database->car);
    database->os = copse_os_free(database->os);
    copse_local_close(&database->local);
    *database = (copse_serve_database){.path = NULL};
}

static copse_status serve_database_refresh(void *ctx, copse_err *err)
{
    copse_serve_database *database = ctx;
    return copse_pack_db_refresh(database->local.db, err);
}

static copse_status serve_database_record(void *ctx, copse_bytes *ret_record,
                                          copse_ipns_record *ret_said, copse_err *err)
{
    const copse_serve_database *database = ctx;
    return copse_publication_record(database->publication, ret_record, ret_said, err);
}

copse_served copse_serve_database_served(copse_serve_database *database)
{
    bool is_car = database->car != NULL;
    copse_local *local = &database->local;
    copse_served served = {
        .name = database->name,
        .store = is_car ? copse_car_file_store(database->car) : local->store,
        .refs = is_car ? database->refs : local->refs,
        .ref = is_car ? COPSE_REF_DEFAULT
                      : copse_options_text(&local->call->options, "--ref", COPSE_REF_DEFAULT),
        .refresh = is_car ? NULL : serve_database_refresh,
        .ctx = database,
    };
    if (database->publication != NULL) {
        served.record = serve_database_record;
        served.key = *copse_key_public(database->publication->key);
    }
    return served;
}

static copse_status serve_database_head(void *ctx, copse_cid *ret_head, copse_err *err)
{
    const copse_served served = copse_serve_database_served(ctx);
    copse_status status = served.refresh != NULL ? served.refresh(served.ctx, err) : COPSE_OK;
    return status == COPSE_OK
               ? copse_refs_get(served.refs, copse_bytes_of_text(served.ref), ret_head, err)
               : status;
}

bool copse_serve_database_publish(copse_serve_database *database, copse_publication *publication)
{
    database->publication = publication;
    return copse_publication_begin(publication, serve_database_head, database);
}
