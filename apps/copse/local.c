/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "local.h"

#include "dropped.h"
#include "failure.h"

#include <copse/address.h>
#include <copse/count_store.h>
#include <copse/revision.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LOCAL_TRIES_MAX = 100 };

/* ---- Opening ---- */

static copse_durability local_durability(const copse_call *call)
{
    const char *text = copse_options_text(&call->options, "--durability", "full");
    return strcmp(text, "off") == 0      ? COPSE_DURABILITY_OFF
           : strcmp(text, "normal") == 0 ? COPSE_DURABILITY_NORMAL
                                         : COPSE_DURABILITY_FULL;
}

void copse_local_failure_open(copse_call *call, copse_status status, const char *path)
{
    struct stat info;
    if (status != COPSE_NOT_FOUND) {
        (void)copse_failure_of(call, status, "the store '%s' can't be opened", path);
    } else if (stat(path, &info) != 0) {
        (void)copse_failure(call, status, "`copse init STORE` makes one", "there is no store '%s'",
                            path);
    } else if (S_ISDIR(info.st_mode)) {
        (void)copse_failure(call, status,
                            "a store is a folder made by `copse init`, or by `copse tree load`",
                            "the folder '%s' holds no store", path);
    } else {
        (void)copse_failure(call, status,
                            "a store is a folder; `copse tree verify` reads proofs, "
                            "`copse tree import` CARs",
                            "'%s' is no folder", path);
    }
}

bool copse_local_check_path(copse_call *call, const char *path, const char *hint_of_url)
{
    copse_address address;
    copse_status status = copse_address_parse(&call->env, path, &address, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure(call, status, NULL, "'%s': %s", path, call->err.message);
        return false;
    }
    copse_address_kind kind = address.kind;
    copse_address_release(&address);
    if (kind == COPSE_ADDRESS_URL || kind == COPSE_ADDRESS_NAME) {
        char hint[512];
        (void)snprintf(hint, sizeof hint,
                       "`copse clone %s mine.copse` makes a copy that is yours to change, `copse "
                       "fork` one with its history, to be merged",
                       path);
        (void)copse_failure(call, COPSE_DENIED, hint_of_url != NULL ? hint_of_url : hint,
                            "'%s' is a remote database, which can only be queried", path);
    } else if (kind == COPSE_ADDRESS_CID) {
        (void)copse_failure(call, COPSE_DENIED, "name the folder of a store",
                            "'%s' is the root of a tree, which never changes", path);
    }
    return kind == COPSE_ADDRESS_PATH;
}

bool copse_local_open(copse_local *local, copse_call *call, const char *path, copse_local_mode mode)
{
    copse_local db = {.call = call, .path = path};
    copse_pack_options options = {.read_only = mode == COPSE_LOCAL_READ,
                                  .durability = COPSE_DURABILITY_OFF};
    *local = (copse_local){0};
    if (!copse_local_check_path(call, path, NULL)) {
        return false;
    }
    if (mode == COPSE_LOCAL_WRITE || mode == COPSE_LOCAL_CREATE) {
        options.durability = local_durability(call);
    }
    copse_status status = copse_os_posix_new(&call->env, &db.os, &call->err);
    if (status == COPSE_OK) {
        status = copse_pack_db_open(&call->env, db.os, path, &options, &db.db, &call->err);
    }
    if (status == COPSE_NOT_FOUND && mode == COPSE_LOCAL_CREATE) {
        options.create = true;
        db.made = true;
        status = copse_pack_db_open(&call->env, db.os, path, &options, &db.db, &call->err);
    }
    if (status == COPSE_OK) {
        db.refs = copse_pack_db_refs(db.db);
        status =
            copse_count_store_new(&call->env, copse_pack_db_store(db.db), &db.store, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_source_new(&call->env, db.store, &db.source, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&call->env, db.source, &db.cache, &call->err);
    }
    if (status != COPSE_OK) {
        copse_local_close(&db);
        copse_local_failure_open(call, status, path);
        return false;
    }
    if (db.made) {
        copse_note(call, "copse: made the store '%s'", path);
    }
    *local = db;
    return true;
}

void copse_local_close(copse_local *local)
{
    local->cache = copse_node_cache_free(local->cache);
    local->source = copse_source_free(local->source);
    local->store = copse_store_close(local->store);
    local->db = copse_pack_db_close(local->db);
    local->os = copse_os_free(local->os);
}

/* ---- Names ---- */

const char *copse_cid_show(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX])
{
    (void)copse_cid_to_text(cid, COPSE_BASE32, ret_text);
    return ret_text;
}

/* Names of refs, as many as fit. */
typedef struct local_names {
    char text[512];
    size_t len;
    bool cut;
} local_names;

static copse_status local_add_name(void *ctx, copse_bytes name, const copse_cid *cid,
                                   copse_err *err)
{
    local_names *names = ctx;
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

static void local_report_unknown(copse_local *local, const char *name)
{
    local_names names = {.len = 0};
    char hint[640] = "the store has no refs yet; `copse init STORE --ref NAME` makes one";
    copse_status status =
        copse_refs_iterate(local->refs, local_add_name, &names, &local->call->err);
    if (status == COPSE_OK && names.len > 0) {
        (void)snprintf(hint, sizeof hint, "its refs: %s", names.text);
    }
    (void)copse_failure(local->call, COPSE_NOT_FOUND, hint,
                        "'%s' is neither a ref of '%s' nor a CID", name, local->path);
}

bool copse_local_resolve(copse_local *local, const char *name, copse_cid *ret_cid)
{
    copse_call *call = local->call;
    copse_bytes text = copse_bytes_of_text(name);
    copse_status status = COPSE_NOT_FOUND;
    if (copse_ref_name_is_valid(text)) {
        status = copse_refs_get(local->refs, text, ret_cid, &call->err);
    }
    if (status == COPSE_NOT_FOUND) {
        status = copse_cid_from_text(text, ret_cid, NULL);
        if (status != COPSE_OK) {
            local_report_unknown(local, name);
            return false;
        }
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", name);
    }
    return status == COPSE_OK;
}

bool copse_local_check_ref_name(copse_call *call, const char *name)
{
    copse_status status = copse_revision_check_name(copse_bytes_of_text(name), &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_usage(call, "'%s' can't be the name of a ref: %s", name,
                                  call->err.message);
    }
    return status == COPSE_OK;
}

copse_status copse_local_get_ref(const copse_local *local, const char *ref, copse_cid *ret_cid)
{
    copse_cid cid;
    copse_status status =
        copse_refs_get(local->refs, copse_bytes_of_text(ref), &cid, &local->call->err);
    if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        *ret_cid = status == COPSE_OK ? cid : (copse_cid){0};
        return COPSE_OK;
    }
    return status;
}

copse_status copse_local_ref_now(copse_local *local, const char *ref, copse_cid *ret_cid)
{
    copse_status status = copse_pack_db_refresh(local->db, &local->call->err);
    return status == COPSE_OK ? copse_local_get_ref(local, ref, ret_cid) : status;
}

static void local_tell_deleted(copse_call *call, const char *ref, const copse_cid *was)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_note(call, "copse: '%s' was at %s", ref, copse_cid_show(was, text));
    if (call->output.json) {
        copse_output_begin(&call->output);
        copse_output_text(&call->output, "deleted", ref);
        copse_output_cid(&call->output, "was", was);
        copse_output_end(&call->output);
    }
}

int copse_local_delete_ref(copse_local *local, const char *ref)
{
    copse_call *call = local->call;
    copse_cid was = {0};
    copse_status status = COPSE_CONFLICT;
    if (strcmp(ref, COPSE_REF_DEFAULT) == 0) {
        return copse_failure(call, COPSE_DENIED, "`copse reset DB REVISION` moves it",
                             "'%s' is the database itself; nothing was changed", ref);
    }
    for (int i = 0; i < LOCAL_TRIES_MAX && status == COPSE_CONFLICT; i++) {
        status = copse_local_ref_now(local, ref, &was);
        if (status == COPSE_OK && was.size == 0) {
            return copse_failure(call, COPSE_NOT_FOUND,
                                 "`copse refs list STORE` shows what there is",
                                 "there is no '%s' in '%s'", ref, local->path);
        }
        if (status == COPSE_OK) {
            status = copse_refs_swap(local->refs, copse_bytes_of_text(ref), &was, NULL, &call->err);
        }
    }
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be taken away", ref);
    }
    local_tell_deleted(call, ref, &was);
    return COPSE_EXIT_OK;
}

/* ---- Trees ---- */

int copse_local_failure(copse_local *local, copse_status status, const char *name)
{
    copse_call *call = local->call;
    if (status == COPSE_WANT && copse_dropped_report_want(local, local->source, name)) {
        return COPSE_EXIT_FAILED;
    }
    if (status == COPSE_WANT) {
        size_t count = 0;
        char text[COPSE_CID_TEXT_SIZE_MAX];
        const copse_cid *wants = copse_source_wants(local->source, &count);
        return copse_failure(call, status,
                             "`copse fsck STORE` lists what is missing; import it again from a CAR",
                             "%s: the block %s is not in the store", name,
                             count > 0 ? copse_cid_show(&wants[0], text) : "that is needed next");
    }
    return copse_failure_of(call, status, "%s", name);
}

static bool local_open_cid(copse_local *local, const char *name, const copse_cid *cid,
                           copse_tree **ret_tree)
{
    copse_call *call = local->call;
    copse_status status = copse_tree_open(local->cache, cid, ret_tree, &call->err);
    if (status == COPSE_CORRUPT) {
        (void)copse_failure(call, status, "`copse block get STORE CID` shows what it is",
                            "%s is not the root of a tree: %s", name, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_local_failure(local, status, name);
    }
    return status == COPSE_OK;
}

copse_status copse_commit_read(copse_call *call, copse_source *source, const copse_cid *cid,
                               copse_commit *ret_commit, copse_block **ret_block)
{
    copse_block *block = NULL;
    copse_source_begin(source);
    copse_status status = copse_source_get(source, cid, &block, &call->err);
    if (status == COPSE_OK && !copse_commit_is(block)) {
        *ret_commit = (copse_commit){.tree = *cid};
        block = copse_block_unref(block);
    } else if (status == COPSE_OK) {
        status = copse_commit_decode(&call->env, block, ret_commit, &call->err);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

copse_status copse_local_commit(copse_local *local, const copse_cid *cid, copse_commit *ret_commit,
                                copse_block **ret_block)
{
    return copse_commit_read(local->call, local->source, cid, ret_commit, ret_block);
}

bool copse_local_check_replaceable(copse_local *local, const char *ref, const copse_cid *before)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status =
        before->size > 0 ? copse_local_commit(local, before, &commit, &block) : COPSE_OK;
    bool is_commit = block != NULL;
    copse_block_unref(block);
    if (is_commit) {
        (void)copse_failure(local->call, COPSE_CONFLICT,
                            "`copse insert`, delete, … change it; --ref NAME names another ref",
                            "the ref '%s' holds a database of documents; nothing was changed", ref);
    }
    /* What is there and can't be read may be replaced: that is how damage is mended. */
    return status != COPSE_OK || !is_commit;
}

bool copse_local_tree(copse_local *local, const char *name, copse_tree **ret_tree)
{
    copse_cid cid;
    copse_commit commit;
    copse_block *block = NULL;
    if (!copse_local_resolve(local, name, &cid)) {
        return false;
    }
    copse_status status = copse_local_commit(local, &cid, &commit, &block);
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_local_failure(local, status, name);
        return false;
    }
    return local_open_cid(local, name, &commit.tree, ret_tree);
}

bool copse_local_tree_of_ref(copse_local *local, const char *ref, copse_cid *ret_before,
                             copse_tree **ret_tree)
{
    copse_call *call = local->call;
    *ret_before = (copse_cid){0};
    copse_status status =
        copse_refs_get(local->refs, copse_bytes_of_text(ref), ret_before, &call->err);
    if (status == COPSE_OK) {
        return copse_local_check_replaceable(local, ref, ret_before) &&
               local_open_cid(local, ref, ret_before, ret_tree);
    }
    if (status == COPSE_NOT_FOUND) {
        copse_tree_config config;
        copse_tree_config_init(&config);
        *ret_before = (copse_cid){0};
        status = copse_tree_new(local->cache, local->store, &config, ret_tree, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", ref);
    }
    return status == COPSE_OK;
}

uint64_t copse_local_blocks_read(const copse_local *local)
{
    copse_store_counts counts;
    copse_count_store_snapshot(local->store, &counts);
    return counts.get.blocks + counts.get_many.blocks;
}

copse_status copse_local_move_ref(copse_local *local, const char *ref, const copse_cid *before,
                                  const copse_cid *cid)
{
    copse_call *call = local->call;
    copse_status status = copse_refs_swap(local->refs, copse_bytes_of_text(ref),
                                          before->size > 0 ? before : NULL, cid, &call->err);
    if (status != COPSE_OK && status != COPSE_CONFLICT) {
        (void)copse_failure_of(call, status, "the ref '%s' could not be moved", ref);
    }
    return status;
}
