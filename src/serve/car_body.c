/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/car_body.h"

#include <copse/car.h>
#include <copse/dag_walk.h>

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

enum { CAR_BODY_REPEATS_FACTOR = 16, CAR_BODY_REPEATS_FREE = 16384 };

typedef struct car_body {
    const copse_env *env;
    copse_store *store;
    copse_car_writer *writer;
    copse_buf pending; /* of the writer, up to a section */
    size_t pending_at; /* how far it was sent */
    uint64_t *blocks_sent;
    copse_buf cids; /* of the list, or of the path to the DAG */
    size_t cids_at;
    bool is_list;
    copse_cid_set sent;      /* of a list, or of a DAG with duplicates */
    uint64_t distinct;       /* blocks of a DAG with duplicates: how many are in `sent`, */
    uint64_t sections;       /* and how many sections were made of them */
    copse_dag_walk walk;     /* of a DAG */
    copse_car_blocks blocks; /* next NULL: of a list or a DAG */
} car_body;

static copse_status car_body_write(void *ctx, copse_bytes bytes, copse_err *err)
{
    car_body *body = ctx;
    copse_status status = copse_buf_append(&body->pending, bytes);
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a section");
}

/* Takes the next CID of the list or path. False: there is none. */
static bool car_body_take_cid(car_body *body, copse_cid *ret_cid)
{
    if (body->cids_at == body->cids.len) {
        return false;
    }
    memcpy(ret_cid, body->cids.ptr + body->cids_at, sizeof *ret_cid);
    body->cids_at += sizeof *ret_cid;
    return true;
}

static bool car_body_is_identity(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    return parts.hash == COPSE_HASH_IDENTITY;
}

/* The next block of the list. END: there is none. */
static copse_status car_body_next_of_list(car_body *body, copse_block **ret_block, copse_err *err)
{
    copse_cid cid;
    while (car_body_take_cid(body, &cid)) {
        bool added = false;
        copse_status status = copse_cid_set_add(&body->sent, &cid, &added);
        if (status == COPSE_OK && added && !car_body_is_identity(&cid)) {
            status = copse_store_get(body->store, &cid, ret_block, err);
            if (status != COPSE_NOT_FOUND) {
                return status;
            }
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_END;
}

/* Counts a block of a DAG with duplicates. LIMIT: there are too many of them (Y5). */
static copse_status car_body_count(car_body *body, const copse_cid *cid, copse_err *err)
{
    bool added = false;
    if (copse_cid_set_add(&body->sent, cid, &added) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    body->distinct += added;
    body->sections++;
    return body->sections <= CAR_BODY_REPEATS_FACTOR * body->distinct + CAR_BODY_REPEATS_FREE
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_LIMIT, "too many duplicates");
}

/* The next block of the path, then of the DAG. END: there is none. A failure: it is not whole
 * (Y2). */
static copse_status car_body_next_of_dag(car_body *body, copse_block **ret_block, copse_err *err)
{
    copse_cid cid;
    while (car_body_take_cid(body, &cid)) {
        if (!car_body_is_identity(&cid)) {
            return copse_store_get(body->store, &cid, ret_block, err);
        }
    }
    copse_status status = copse_dag_walk_next(&body->walk, ret_block, NULL, err);
    if (status == COPSE_OK && !copse_dag_links_are_known(copse_block_cid(*ret_block))) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "links of this codec are not followed");
    } else if (status == COPSE_OK && body->walk.repeats) {
        status = car_body_count(body, copse_block_cid(*ret_block), err);
    }
    if (status != COPSE_OK) {
        *ret_block = copse_block_unref(*ret_block);
    }
    return status;
}

/* Makes the next section in `pending`. */
static copse_status car_body_make_section(car_body *body, copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = body->blocks.next != NULL
                              ? body->blocks.next(body->blocks.ctx, &block, err)
                          : body->is_list ? car_body_next_of_list(body, &block, err)
                                          : car_body_next_of_dag(body, &block, err);
    copse_buf_truncate(&body->pending, 0);
    body->pending_at = 0;
    if (status == COPSE_OK) {
        status = copse_car_writer_put(body->writer, copse_block_cid(block), copse_block_data(block),
                                      err);
        *body->blocks_sent += 1;
    }
    block = copse_block_unref(block);
    return status;
}

static copse_status car_body_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    car_body *body = ctx;
    copse_status status = COPSE_OK;
    if (body->pending_at == body->pending.len) {
        status = car_body_make_section(body, err);
    }
    if (status == COPSE_OK) {
        size_t left = body->pending.len - body->pending_at;
        size_t size = left < size_max ? left : size_max;
        status = copse_buf_append(buf, (copse_bytes){body->pending.ptr + body->pending_at, size});
        body->pending_at += status == COPSE_OK ? size : 0;
    }
    return status;
}

static void car_body_free(void *ctx)
{
    car_body *body = ctx;
    body->writer = copse_car_writer_free(body->writer);
    copse_buf_release(&body->pending);
    copse_buf_release(&body->cids);
    copse_cid_set_release(&body->sent);
    copse_dag_walk_release(&body->walk);
    if (body->blocks.free != NULL) {
        body->blocks.free(body->blocks.ctx);
    }
    copse_free(body->env, body, sizeof *body);
}

static copse_status car_body_new(const copse_env *env, copse_store *store, const copse_cid *root,
                                 uint64_t *blocks_sent, car_body **ret_body, copse_err *err)
{
    copse_car_writer_options options = {.version = 1};
    car_body *body = copse_alloc_zeroed(env, sizeof *body);
    if (body == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    body->env = env;
    body->store = store;
    body->blocks_sent = blocks_sent;
    copse_buf_init(&body->pending, env, SIZE_MAX / 2);
    copse_cid_set_init(&body->sent, env);
    copse_dag_walk_init(&body->walk, env, store, NULL);
    copse_status status = copse_car_writer_new(
        env, &options, (copse_car_sink){car_body_write, body}, root, 1, &body->writer, err);
    if (status != COPSE_OK) {
        car_body_free(body);
        return status;
    }
    *ret_body = body;
    return COPSE_OK;
}

static void car_body_give(car_body *body, copse_http_answer *answer)
{
    answer->body = (copse_http_body){car_body_pull, car_body_free, body};
    answer->length = COPSE_HTTP_LENGTH_UNKNOWN;
}

copse_status copse_car_body_of_dag(const copse_env *env, copse_store *store, copse_buf *cids,
                                   copse_car_scope scope, bool duplicates, uint64_t *blocks_sent,
                                   copse_http_answer *answer, copse_err *err)
{
    car_body *body = NULL;
    copse_cid root;
    memcpy(&root, cids->ptr + cids->len - sizeof root, sizeof root);
    copse_status status = car_body_new(env, store, &root, blocks_sent, &body, err);
    if (status != COPSE_OK) {
        return status;
    }
    body->walk.repeats = duplicates;
    if (scope == COPSE_CAR_SCOPE_ALL) {
        status = copse_dag_walk_begin(&body->walk, &root, err);
    }
    if (status != COPSE_OK) {
        car_body_free(body);
        return status;
    }
    body->cids = *cids;
    *cids = (copse_buf){0};
    if (scope == COPSE_CAR_SCOPE_ALL) {
        copse_buf_truncate(&body->cids, body->cids.len - sizeof root); /* the walk begins with it */
    }
    car_body_give(body, answer);
    return COPSE_OK;
}

copse_status copse_car_body_of_list(const copse_env *env, copse_store *store, copse_buf *cids,
                                    uint64_t *blocks_sent, copse_http_answer *answer,
                                    copse_err *err)
{
    static const copse_cid none = {.size = 4, .bytes = {0x01, COPSE_CODEC_RAW, 0x00, 0x00}};
    car_body *body = NULL;
    copse_status status = car_body_new(env, store, &none, blocks_sent, &body, err);
    if (status != COPSE_OK) {
        return status;
    }
    body->is_list = true;
    body->cids = *cids;
    *cids = (copse_buf){0};
    car_body_give(body, answer);
    return COPSE_OK;
}

copse_status copse_car_body_of_blocks(const copse_env *env, const copse_cid *root,
                                      const copse_car_blocks *blocks, uint64_t *blocks_sent,
                                      copse_http_answer *answer, copse_err *err)
{
    car_body *body = NULL;
    copse_status status = car_body_new(env, NULL, root, blocks_sent, &body, err);
    if (status == COPSE_OK) {
        body->blocks = *blocks;
        car_body_give(body, answer);
    }
    return status;
}
