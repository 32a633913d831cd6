/* Walking over what is kept of the past, and the note on what is not.
 *
 *   K3  A collection keeps or drops a tree as a whole: where one that it dropped is needed, its
 *       root is missing, unless a tree that is kept is equal, or a peer gave a part of it since.
 *   K4  The note is durable before anything is dropped, and its time never goes back: whatever is
 *       missing by a drop, half-done or done, is told by it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/history_keep.h>

#include <copse/buf.h>
#include <copse/cid_set.h>
#include <copse/dag_cbor.h>
#include <copse/revision.h>

#include "base/err.h"

#include <string.h>

enum { HISTORY_NOTE_VERSION = 1, HISTORY_NOTE_SIZE_MAX = 256 };

/* ---- What is kept ---- */

typedef struct history_keep {
    const copse_env *env;
    copse_store *store;
    uint64_t before_ms;
    copse_history_part_fn visit;
    void *ctx;
    copse_cid_set heads;
    copse_cid_set current; /* commits that are older than before_ms, and with a head or a parent
                              of one that is not */
    copse_cid_set seen;
    copse_buf roots; /* of copse_cid: what refs name */
    copse_buf links; /* of copse_cid: commits that are still to be visited */
} history_keep;

typedef copse_status (*history_keep_step)(history_keep *keep, const copse_cid *cid, copse_err *err);

static copse_status history_keep_push(copse_buf *cids, const copse_cid *cid, copse_err *err)
{
    copse_bytes bytes = {(const uint8_t *)cid, sizeof *cid};
    return copse_buf_append(cids, bytes) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static copse_status history_keep_add_head(void *ctx, copse_bytes name, const copse_cid *cid,
                                          copse_err *err)
{
    history_keep *keep = ctx;
    bool added;
    (void)name;
    if (copse_cid_set_add(&keep->heads, cid, &added) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return history_keep_push(&keep->roots, cid, err);
}

/* Reads a commit. NOT_FOUND: the store lacks it. OK with a NULL block: it is no commit. */
static copse_status history_keep_read(const history_keep *keep, const copse_cid *cid,
                                      copse_commit *ret_commit, copse_block **ret_block,
                                      copse_err *err)
{
    copse_block *block = NULL;
    copse_err why;
    copse_status status = copse_store_get(keep->store, cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_commit_decode(keep->env, block, ret_commit, &why);
    if (status != COPSE_OK) {
        block = copse_block_unref(block);
        if (status != COPSE_CORRUPT && status != COPSE_LIMIT) {
            return COPSE_ERR(err, status, "%s", why.message);
        }
    }
    *ret_block = block;
    return COPSE_OK;
}

/* Goes on from a commit that is not older than before_ms, and notes one that is. */
static copse_status history_keep_look(history_keep *keep, const copse_cid *cid, copse_err *err)
{
    copse_block *block = NULL;
    copse_commit commit;
    bool added;
    copse_status status = history_keep_read(keep, cid, &commit, &block, err);
    if (status == COPSE_OK && block != NULL && commit.time_ms < keep->before_ms) {
        status = copse_cid_set_add(&keep->current, cid, &added) == COPSE_OK ? COPSE_OK
                                                                            : COPSE_ERR_NOMEM(err);
    } else if (status == COPSE_OK && block != NULL) {
        for (size_t i = 0; i < commit.parents_count && status == COPSE_OK; i++) {
            status = history_keep_push(&keep->links, &commit.parents[i], err);
        }
    }
    copse_block_unref(block);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_history_part_kind history_keep_kind(const history_keep *keep, const copse_cid *cid,
                                                 uint64_t time_ms)
{
    if (time_ms >= keep->before_ms || copse_cid_set_has(&keep->heads, cid)) {
        return COPSE_HISTORY_WHOLE;
    }
    return copse_cid_set_has(&keep->current, cid) ? COPSE_HISTORY_CURRENT : COPSE_HISTORY_DROPPED;
}

/* A commit, its tree, and what it links to. */
static copse_status history_keep_commit(history_keep *keep, const copse_cid *cid,
                                        const copse_commit *commit, copse_err *err)
{
    copse_history_part part = {COPSE_HISTORY_COMMIT, *cid, {0}, commit->time_ms};
    copse_status status = keep->visit(keep->ctx, &part, err);
    if (status == COPSE_OK) {
        part.kind = history_keep_kind(keep, cid, commit->time_ms);
        part.cid = commit->tree;
        part.commit = *cid;
        status = keep->visit(keep->ctx, &part, err);
    }
    for (size_t i = commit->skips_count; i > 0 && status == COPSE_OK; i--) {
        status = history_keep_push(&keep->links, &commit->skips[i - 1], err);
    }
    for (size_t i = commit->parents_count; i > 0 && status == COPSE_OK; i--) {
        status = history_keep_push(&keep->links, &commit->parents[i - 1], err);
    }
    return status;
}

static copse_status history_keep_one(history_keep *keep, const copse_cid *cid, copse_err *err)
{
    copse_block *block = NULL;
    copse_commit commit;
    copse_history_part part = {COPSE_HISTORY_COMMIT, *cid, {0}, 0};
    copse_status status = history_keep_read(keep, cid, &commit, &block, err);
    if (status == COPSE_NOT_FOUND) {
        part.kind = copse_cid_set_has(&keep->heads, cid) ? COPSE_HISTORY_WHOLE : part.kind;
        return keep->visit(keep->ctx, &part, err);
    }
    if (status == COPSE_OK && block != NULL) {
        status = history_keep_commit(keep, cid, &commit, err);
    } else if (status == COPSE_OK) {
        part.kind = COPSE_HISTORY_WHOLE;
        status = keep->visit(keep->ctx, &part, err);
    }
    copse_block_unref(block);
    return status;
}

/* Takes a step for each of what refs name and of what the steps push, once. */
static copse_status history_keep_walk(history_keep *keep, history_keep_step step, copse_err *err)
{
    copse_status status = copse_buf_append(&keep->links, copse_buf_view(&keep->roots));
    status = status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    copse_cid_set_release(&keep->seen);
    copse_cid_set_init(&keep->seen, keep->env);
    while (keep->links.len > 0 && status == COPSE_OK) {
        copse_cid cid;
        bool added;
        memcpy(&cid, keep->links.ptr + keep->links.len - sizeof cid, sizeof cid);
        copse_buf_truncate(&keep->links, keep->links.len - sizeof cid);
        if (copse_cid_set_add(&keep->seen, &cid, &added) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
        status = added ? step(keep, &cid, err) : COPSE_OK;
    }
    return status;
}

copse_status copse_history_keep(const copse_env *env, copse_refs *refs, copse_store *store,
                                uint64_t before_ms, copse_history_part_fn visit, void *ctx,
                                copse_err *err)
{
    history_keep keep = {
        .env = env, .store = store, .before_ms = before_ms, .visit = visit, .ctx = ctx};
    copse_cid_set_init(&keep.heads, env);
    copse_cid_set_init(&keep.current, env);
    copse_cid_set_init(&keep.seen, env);
    copse_buf_init(&keep.roots, env, SIZE_MAX / 2);
    copse_buf_init(&keep.links, env, SIZE_MAX / 2);
    copse_status status = copse_refs_iterate(refs, history_keep_add_head, &keep, err);
    if (status == COPSE_OK) {
        status = before_ms > 0 ? history_keep_walk(&keep, history_keep_look, err) : COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = history_keep_walk(&keep, history_keep_one, err);
    }
    copse_cid_set_release(&keep.heads);
    copse_cid_set_release(&keep.current);
    copse_cid_set_release(&keep.seen);
    copse_buf_release(&keep.roots);
    copse_buf_release(&keep.links);
    return status;
}

static copse_status history_keep_latest(void *ctx, const copse_history_part *part, copse_err *err)
{
    uint64_t *latest_ms = ctx;
    (void)err;
    *latest_ms = part->time_ms > *latest_ms ? part->time_ms : *latest_ms;
    return COPSE_OK;
}

copse_status copse_history_keep_before(const copse_env *env, copse_refs *refs, copse_store *store,
                                       uint64_t keep_ms, uint64_t *ret_before_ms, copse_err *err)
{
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "history: how old commits are needs a clock");
    }
    uint64_t now = env->clock(env->clock_ctx);
    copse_status status = COPSE_OK;
    if (keep_ms == 0) {
        status = copse_history_keep(env, refs, store, 0, history_keep_latest, &now, err);
        now++;
    }
    if (status == COPSE_OK) {
        *ret_before_ms = now > keep_ms ? now - keep_ms : 0;
    }
    return status;
}

/* ---- The note ---- */

static copse_status history_note_write(copse_buf *buf, uint64_t before_ms)
{
    copse_status status = copse_cbor_write_map(buf, 3);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("Format"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(COPSE_REVISION_DROPPED));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("before"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, before_ms);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("Version"));
    }
    return status == COPSE_OK ? copse_cbor_write_uint(buf, HISTORY_NOTE_VERSION) : status;
}

static copse_status history_note_encode(const copse_env *env, uint64_t before_ms,
                                        copse_block **ret_block, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, HISTORY_NOTE_SIZE_MAX);
    copse_status status = history_note_write(&buf, before_ms);
    status = status == COPSE_OK ? copse_block_of_data(env, COPSE_CODEC_DAG_CBOR,
                                                      copse_buf_view(&buf), ret_block, err)
                                : COPSE_ERR_NOMEM(err);
    copse_buf_release(&buf);
    return status;
}

/* The value of `key`, which must be of this kind. */
static bool history_note_find(copse_bytes data, const char *key, copse_cbor_kind kind,
                              copse_cbor_item *ret_item)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, data);
    return copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL) == COPSE_OK &&
           copse_cbor_next(&reader, ret_item, NULL) == COPSE_OK && ret_item->kind == kind &&
           !ret_item->negative;
}

static copse_status history_note_decode(const copse_env *env, const copse_block *block,
                                        uint64_t *ret_before_ms, copse_err *err)
{
    copse_bytes data = copse_block_data(block);
    copse_cbor_item format;
    copse_cbor_item version;
    copse_cbor_item before;
    copse_status status = copse_dag_cbor_check(data, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_NOMEM) {
        return status;
    }
    if (status != COPSE_OK || !history_note_find(data, "Format", COPSE_CBOR_TEXT, &format) ||
        !copse_bytes_equal(format.bytes, copse_bytes_of_text(COPSE_REVISION_DROPPED)) ||
        !history_note_find(data, "Version", COPSE_CBOR_INT, &version) ||
        version.arg != HISTORY_NOTE_VERSION ||
        !history_note_find(data, "before", COPSE_CBOR_INT, &before) || before.arg == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "the ref " COPSE_REVISION_DROPPED " names no note on dropped history");
    }
    *ret_before_ms = before.arg;
    return COPSE_OK;
}

/* What the ref is now, of size 0 without one, and what the note says, 0. */
static copse_status history_note_read(const copse_env *env, copse_refs *refs, copse_store *store,
                                      copse_cid *ret_cid, uint64_t *ret_before_ms, copse_err *err)
{
    copse_block *block = NULL;
    copse_cid cid;
    uint64_t before_ms = 0;
    copse_status status =
        copse_refs_get(refs, copse_bytes_of_text(COPSE_REVISION_DROPPED), &cid, err);
    if (status == COPSE_NOT_FOUND) {
        *ret_cid = (copse_cid){0};
        *ret_before_ms = 0;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = copse_store_get(store, &cid, &block, err);
        status = status == COPSE_NOT_FOUND
                     ? COPSE_ERR(err, COPSE_CORRUPT,
                                 "what the ref " COPSE_REVISION_DROPPED " names is not there")
                     : status;
    }
    if (status == COPSE_OK) {
        status = history_note_decode(env, block, &before_ms, err);
    }
    copse_block_unref(block);
    if (status == COPSE_OK) {
        *ret_cid = cid;
        *ret_before_ms = before_ms;
    }
    return status;
}

copse_status copse_history_dropped(const copse_env *env, copse_refs *refs, copse_store *store,
                                   uint64_t *ret_before_ms, copse_err *err)
{
    copse_cid cid;
    return history_note_read(env, refs, store, &cid, ret_before_ms, err);
}

copse_status copse_history_note_dropped(const copse_env *env, copse_refs *refs, copse_store *store,
                                        uint64_t before_ms, copse_err *err)
{
    copse_block *block = NULL;
    copse_cid was;
    uint64_t was_ms;
    copse_status status = history_note_read(env, refs, store, &was, &was_ms, err);
    if (status != COPSE_OK || before_ms <= was_ms) { /* K4 */
        return status;
    }
    status = history_note_encode(env, before_ms, &block, err);
    if (status == COPSE_OK) {
        status = copse_store_put(store, &block, 1, err);
    }
    if (status == COPSE_OK) {
        status = copse_refs_swap(refs, copse_bytes_of_text(COPSE_REVISION_DROPPED),
                                 was.size > 0 ? &was : NULL, copse_block_cid(block), err);
    }
    copse_block_unref(block);
    return status;
}

typedef struct history_search {
    const copse_cid *tree;
    copse_history_part *ret_part;
} history_search;

static copse_status history_search_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    history_search *search = ctx;
    (void)err;
    if ((part->kind != COPSE_HISTORY_DROPPED && part->kind != COPSE_HISTORY_CURRENT) ||
        !copse_cid_equal(&part->cid, search->tree)) {
        return COPSE_OK;
    }
    *search->ret_part = *part;
    return COPSE_END;
}

copse_status copse_history_find_dropped(const copse_env *env, copse_refs *refs, copse_store *store,
                                        const copse_cid *tree, copse_history_part *ret_part,
                                        copse_err *err)
{
    history_search search = {tree, ret_part};
    uint64_t before_ms = 0;
    copse_status status = copse_history_dropped(env, refs, store, &before_ms, err);
    if (status == COPSE_OK && before_ms > 0) {
        status = copse_history_keep(env, refs, store, before_ms, history_search_part, &search, err);
    }
    if (status == COPSE_END) {
        return COPSE_OK;
    }
    return status == COPSE_OK ? COPSE_ERR(err, COPSE_NOT_FOUND,
                                          "history: no commit that was dropped has this tree")
                              : status;
}
