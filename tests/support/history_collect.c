/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/history_collect.h"

#include <copse/dag_walk.h>
#include <copse/history_keep.h>
#include <copse/pack_maintenance.h>

#include <stdio.h>

/* ---- Dropping ---- */

typedef struct history_roots {
    const copse_env *env;
    copse_pack_db *db;
    uint64_t before_ms;
    copse_pack_gc_keep_fn keep;
    void *keep_ctx;
} history_roots;

static copse_status history_keep_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    const history_roots *roots = ctx;
    return part->kind == COPSE_HISTORY_DROPPED
               ? COPSE_OK
               : roots->keep(roots->keep_ctx, &part->cid, part->kind != COPSE_HISTORY_COMMIT, err);
}

static copse_status history_keep_roots(void *ctx, copse_pack_gc_keep_fn keep, void *keep_ctx,
                                       copse_err *err)
{
    history_roots *roots = ctx;
    roots->keep = keep;
    roots->keep_ctx = keep_ctx;
    return copse_history_keep(roots->env, copse_pack_db_refs(roots->db),
                              copse_pack_db_store(roots->db), roots->before_ms, history_keep_part,
                              roots, err);
}

copse_status history_collect(const copse_env *env, copse_pack_db *db, uint64_t before_ms,
                             copse_err *err)
{
    history_roots roots = {.env = env, .db = db, .before_ms = before_ms};
    const copse_pack_gc_options options = {.roots = history_keep_roots, .roots_ctx = &roots};
    copse_status status = copse_history_note_dropped(env, copse_pack_db_refs(db),
                                                     copse_pack_db_store(db), before_ms, err);
    return status == COPSE_OK ? copse_pack_gc(db, &options, NULL, err) : status;
}

/* ---- Looking ---- */

typedef struct history_look {
    const copse_env *env;
    copse_pack_db *db;
    copse_dag_walk walk;
} history_look;

static copse_status history_fail(const copse_cid *cid, const char *what, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    (void)snprintf(err->message, sizeof err->message, "%s: %s", what, text);
    return COPSE_CORRUPT;
}

static copse_status history_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    (void)ctx;
    return history_fail(cid, "a tree is not whole", err);
}

static copse_status history_look_at(void *ctx, const copse_history_part *part, copse_err *err)
{
    history_look *look = ctx;
    copse_store *store = copse_pack_db_store(look->db);
    copse_history_part found;
    bool is_there = false;
    copse_status status = copse_store_has(store, &part->cid, &is_there, err);
    if (status == COPSE_OK && !is_there && part->kind == COPSE_HISTORY_COMMIT) {
        return history_fail(&part->cid, "a commit is gone", err);
    }
    if (status != COPSE_OK || part->kind == COPSE_HISTORY_COMMIT) {
        return status;
    }
    if (is_there) {
        return copse_dag_walk_run(&look->walk, &part->cid, err);
    }
    return copse_history_find_dropped(look->env, copse_pack_db_refs(look->db), store, &part->cid,
                                      &found, err);
}

bool history_is_told(const copse_env *env, copse_pack_db *db, copse_err *err)
{
    const copse_dag_observer observer = {NULL, history_missing, NULL};
    history_look look = {.env = env, .db = db};
    copse_dag_walk_init(&look.walk, env, copse_pack_db_store(db), &observer);
    copse_status status = copse_history_keep(env, copse_pack_db_refs(db), copse_pack_db_store(db),
                                             0, history_look_at, &look, err);
    copse_dag_walk_release(&look.walk);
    return status == COPSE_OK;
}
