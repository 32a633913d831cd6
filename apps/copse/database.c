/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "database.h"

#include "failure.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Opening ---- */

static copse_durability database_durability(const copse_call *call)
{
    const char *text = copse_options_text(&call->options, "--durability", "full");
    return strcmp(text, "off") == 0      ? COPSE_DURABILITY_OFF
           : strcmp(text, "normal") == 0 ? COPSE_DURABILITY_NORMAL
                                         : COPSE_DURABILITY_FULL;
}

void copse_database_failure_open(copse_call *call, copse_status status, const char *path)
{
    struct stat info;
    if (status != COPSE_NOT_FOUND) {
        (void)copse_failure_of(call, status, "the store '%s' can't be opened", path);
    } else if (stat(path, &info) != 0) {
        (void)copse_failure(call, status, "`copse tree load STORE FILE.tsv` makes one",
                            "there is no store '%s'", path);
    } else if (S_ISDIR(info.st_mode)) {
        (void)copse_failure(call, status,
                            "a store is a folder made by `copse tree load`, put or import",
                            "the folder '%s' holds no store", path);
    } else {
        (void)copse_failure(call, status,
                            "a store is a folder; `copse tree verify` reads proofs, "
                            "`copse tree import` CARs",
                            "'%s' is no folder", path);
    }
}

bool copse_database_open(copse_database *database, copse_call *call, const char *path,
                         copse_database_mode mode)
{
    copse_database db = {.call = call, .path = path};
    copse_pack_options options = {.read_only = mode == COPSE_DATABASE_READ};
    bool made = false;
    *database = (copse_database){0};
    if (mode != COPSE_DATABASE_READ) {
        options.durability = database_durability(call);
    }
    copse_status status = copse_os_posix_new(&call->env, &db.os, &call->err);
    if (status == COPSE_OK) {
        status = copse_pack_db_open(&call->env, db.os, path, &options, &db.db, &call->err);
    }
    if (status == COPSE_NOT_FOUND && mode == COPSE_DATABASE_CREATE) {
        options.create = true;
        made = true;
        status = copse_pack_db_open(&call->env, db.os, path, &options, &db.db, &call->err);
    }
    if (status == COPSE_OK) {
        db.store = copse_pack_db_store(db.db);
        db.refs = copse_pack_db_refs(db.db);
        status = copse_source_new(&call->env, db.store, &db.source, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&call->env, db.source, &db.cache, &call->err);
    }
    if (status != COPSE_OK) {
        copse_database_close(&db);
        copse_database_failure_open(call, status, path);
        return false;
    }
    if (made) {
        copse_note(call, "copse: made the store '%s'", path);
    }
    *database = db;
    return true;
}

void copse_database_close(copse_database *database)
{
    database->cache = copse_node_cache_free(database->cache);
    database->source = copse_source_free(database->source);
    database->db = copse_pack_db_close(database->db);
    database->os = copse_os_free(database->os);
}

/* ---- Names ---- */

const char *copse_cid_show(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX])
{
    (void)copse_cid_to_text(cid, COPSE_BASE32, ret_text);
    return ret_text;
}

/* Names of refs, as many as fit. */
typedef struct database_names {
    char text[512];
    size_t len;
    bool cut;
} database_names;

static copse_status database_add_name(void *ctx, copse_bytes name, const copse_cid *cid,
                                      copse_err *err)
{
    database_names *names = ctx;
    (void)cid;
    (void)err;
    if (names->len + name.len + 8 < sizeof names->text) {
        int len = snprintf(names->text + names->len, sizeof names->text - names->len, "%s%.*s",
                           names->len > 0 ? ", " : "", (int)name.len, (const char *)name.ptr);
        names->len += len > 0 ? (size_t)len : 0;
    } else if (!names->cut) {
        names->cut = true;
        names->len += (size_t)snprintf(names->text + names->len, sizeof ", …", "%s", ", …");
    }
    return COPSE_OK;
}

static void database_report_unknown(copse_database *database, const char *name)
{
    database_names names = {.len = 0};
    char hint[640] = "the store has no refs yet; `copse tree load STORE FILE.tsv` makes main";
    copse_status status =
        copse_refs_iterate(database->refs, database_add_name, &names, &database->call->err);
    if (status == COPSE_OK && names.len > 0) {
        (void)snprintf(hint, sizeof hint, "its refs: %s", names.text);
    }
    (void)copse_failure(database->call, COPSE_NOT_FOUND, hint,
                        "'%s' is neither a ref of '%s' nor a CID", name, database->path);
}

bool copse_database_resolve(copse_database *database, const char *name, copse_cid *ret_cid)
{
    copse_call *call = database->call;
    copse_bytes text = copse_bytes_of_text(name);
    copse_status status = COPSE_NOT_FOUND;
    if (copse_ref_name_is_valid(text)) {
        status = copse_refs_get(database->refs, text, ret_cid, &call->err);
    }
    if (status == COPSE_NOT_FOUND) {
        status = copse_cid_from_text(text, ret_cid, NULL);
        if (status != COPSE_OK) {
            database_report_unknown(database, name);
            return false;
        }
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", name);
    }
    return status == COPSE_OK;
}

bool copse_database_check_ref_name(copse_call *call, const char *name)
{
    if (copse_ref_name_is_valid(copse_bytes_of_text(name))) {
        return true;
    }
    (void)copse_failure_usage(call,
                              "'%s' can't be the name of a ref: 1 to %d bytes of UTF-8 "
                              "without control characters",
                              name, COPSE_REF_NAME_SIZE_BYTES_MAX);
    return false;
}

/* ---- Trees ---- */

int copse_database_failure(copse_database *database, copse_status status, const char *name)
{
    copse_call *call = database->call;
    if (status == COPSE_WANT) {
        size_t count = 0;
        char text[COPSE_CID_TEXT_SIZE_MAX];
        const copse_cid *wants = copse_source_wants(database->source, &count);
        return copse_failure(call, status,
                             "`copse fsck STORE` lists what is missing; import it again from a CAR",
                             "%s: the block %s is not in the store", name,
                             count > 0 ? copse_cid_show(&wants[0], text) : "that is needed next");
    }
    return copse_failure_of(call, status, "%s", name);
}

static bool database_open_cid(copse_database *database, const char *name, const copse_cid *cid,
                              copse_tree **ret_tree)
{
    copse_call *call = database->call;
    copse_status status = copse_tree_open(database->cache, cid, ret_tree, &call->err);
    if (status == COPSE_CORRUPT) {
        (void)copse_failure(call, status, "`copse block get STORE CID` shows what it is",
                            "%s is not the root of a tree: %s", name, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_database_failure(database, status, name);
    }
    return status == COPSE_OK;
}

bool copse_database_tree(copse_database *database, const char *name, copse_tree **ret_tree)
{
    copse_cid cid;
    return copse_database_resolve(database, name, &cid) &&
           database_open_cid(database, name, &cid, ret_tree);
}

bool copse_database_tree_of_ref(copse_database *database, const char *ref, copse_cid *ret_before,
                                copse_tree **ret_tree)
{
    copse_call *call = database->call;
    *ret_before = (copse_cid){0};
    copse_status status =
        copse_refs_get(database->refs, copse_bytes_of_text(ref), ret_before, &call->err);
    if (status == COPSE_OK) {
        return database_open_cid(database, ref, ret_before, ret_tree);
    }
    if (status == COPSE_NOT_FOUND) {
        copse_tree_config config;
        copse_tree_config_init(&config);
        *ret_before = (copse_cid){0};
        status = copse_tree_new(database->cache, database->store, &config, ret_tree, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", ref);
    }
    return status == COPSE_OK;
}

copse_status copse_database_move_ref(copse_database *database, const char *ref,
                                     const copse_cid *before, const copse_cid *cid)
{
    copse_call *call = database->call;
    copse_status status = copse_refs_swap(database->refs, copse_bytes_of_text(ref),
                                          before->size > 0 ? before : NULL, cid, &call->err);
    if (status != COPSE_OK && status != COPSE_CONFLICT) {
        (void)copse_failure_of(call, status, "the ref '%s' could not be moved", ref);
    }
    return status;
}
