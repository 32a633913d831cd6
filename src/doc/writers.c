/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/writers.h"

#include "base/err.h"
#include "index/key_space.h"
#include "tree/tree.h"
#include "value/cbor_map.h"

#include <copse/cursor.h>

/* ---- keys ---- */

copse_status copse_writers_key(copse_buf *buf, const copse_public_key *to, copse_err *err)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    const copse_bytes text = {(const uint8_t *)did, copse_public_key_to_did(to, did)};
    size_t offset = buf->len;
    copse_buf item;
    copse_buf_init(&item, buf->env, SIZE_MAX);
    copse_status status = copse_cbor_write_text(&item, text);
    if (status == COPSE_OK) {
        status = copse_key_write_statements(buf);
    }
    status = status == COPSE_OK ? copse_order_write_primary(buf, copse_buf_view(&item), err)
                                : COPSE_ERR(err, status, "no memory for a key");
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    copse_buf_release(&item);
    return status;
}

/* The did that the key has behind its prefix. */
static copse_status writers_key_decode(copse_bytes key, size_t prefix_size, copse_buf *item,
                                       copse_public_key *ret_to, copse_err *err)
{
    const bool descending = false;
    const copse_bytes tail = {key.ptr + prefix_size, key.len - prefix_size};
    copse_order_decoded part;
    copse_cbor_reader reader;
    copse_cbor_item did;
    copse_status status = copse_order_decode(tail, &descending, 1, item, &part, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader_init(&reader, (copse_bytes){item->ptr + part.offset, part.size});
    if (part.kind != COPSE_ORDER_VALUE || part.cut ||
        !copse_cbor_map_item(&reader, COPSE_CBOR_TEXT, &did)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of statements whose key is no text");
    }
    return copse_public_key_from_did(did.bytes, ret_to, err);
}

copse_status copse_writers_key_read(const copse_env *env, copse_bytes key, copse_public_key *ret_to,
                                    copse_err *err)
{
    copse_public_key to;
    copse_buf buf;
    copse_buf again;
    copse_buf_init(&buf, env, SIZE_MAX);
    copse_buf_init(&again, env, SIZE_MAX);
    copse_status status = copse_key_write_statements(&again);
    if (status != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    } else if (!copse_bytes_has_prefix(key, copse_buf_view(&again))) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a key that is none of statements");
    } else {
        status = writers_key_decode(key, again.len, &buf, &to, err);
    }
    copse_buf_truncate(&again, 0);
    if (status == COPSE_OK) {
        status = copse_writers_key(&again, &to, err);
    }
    if (status == COPSE_OK && !copse_bytes_equal(copse_buf_view(&again), key)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a row of statements whose key is no did:key");
    }
    if (status == COPSE_OK) {
        *ret_to = to;
    }
    copse_buf_release(&again);
    copse_buf_release(&buf);
    return status;
}

/* ---- rows ---- */

copse_status copse_writers_row_read(const copse_env *env, copse_bytes value, copse_bytes *ret_row,
                                    copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, value, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK && !copse_cbor_map_item(&reader, COPSE_CBOR_BYTES, &item)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a row of statements that is no byte string");
    }
    if (status == COPSE_OK) {
        *ret_row = item.bytes;
    }
    return status;
}

copse_status copse_writers_row_union(const copse_env *env, const copse_public_key *to,
                                     const copse_bytes values[2], copse_buf *ret_value,
                                     copse_err *err)
{
    copse_bytes rows[2] = {{NULL, 0}, {NULL, 0}};
    copse_buf row;
    copse_buf_init(&row, env, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        if (values[i].len > 0 &&
            copse_writers_row_read(env, values[i], &rows[i], NULL) != COPSE_OK) {
            rows[i].len = 0;
        }
    }
    copse_status status = copse_statement_row_union(env, to, rows, 2, &row, err);
    if (status == COPSE_OK && copse_cbor_write_bytes(ret_value, copse_buf_view(&row)) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&row);
    return status;
}

static copse_status writers_visit(const copse_env *env, const copse_cursor *cursor,
                                  copse_writers_fn visit, void *ctx, copse_err *err)
{
    copse_public_key to;
    copse_err detail = {0};
    copse_status status = copse_writers_key_read(env, copse_cursor_key(cursor), &to, &detail);
    if (status == COPSE_CORRUPT) {
        return COPSE_OK; /* nobody's */
    }
    copse_bytes row;
    if (status == COPSE_OK) {
        status = copse_writers_row_read(env, copse_cursor_value(cursor), &row, &detail);
    }
    return status == COPSE_OK ? visit(ctx, &to, row, err) : copse_err_keep(&detail, status, err);
}

static copse_status writers_walk(copse_tree *tree, copse_writers_fn visit, void *ctx,
                                 copse_err *err)
{
    copse_cursor *cursor = NULL;
    copse_buf range;
    copse_buf_init(&range, tree->env, SIZE_MAX);
    copse_status status = copse_key_write_statements(&range);
    size_t size = range.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&range, 0);
    }
    status = status == COPSE_OK ? copse_cursor_new(tree, &cursor, err) : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        const copse_bytes end = {range.ptr + size, range.len - size};
        status = copse_cursor_set_range(cursor, (copse_bytes){range.ptr, size}, &end, err);
    }
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK) {
            status = writers_visit(tree->env, cursor, visit, ctx, err);
        }
    }
    copse_cursor_free(cursor);
    copse_buf_release(&range);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_writers_walk(copse_database *database, copse_writers_fn visit, void *ctx,
                                copse_err *err)
{
    return writers_walk(copse_database_tree(database), visit, ctx, err);
}

/* ---- authority ---- */

static copse_status writers_add_row(void *ctx, const copse_public_key *to, copse_bytes row,
                                    copse_err *err)
{
    return copse_authority_add_row(ctx, to, row, err);
}

copse_status copse_writers_authority_of(copse_tree *tree, const copse_identity *identity,
                                        copse_authority **ret_authority, copse_err *err)
{
    copse_authority *authority = NULL;
    copse_status status = copse_authority_new(tree->env, identity, &authority, err);
    if (status == COPSE_OK) {
        status = writers_walk(tree, writers_add_row, authority, err);
    }
    if (status == COPSE_OK) {
        *ret_authority = authority;
    } else {
        copse_authority_free(authority);
    }
    return status;
}

copse_status copse_writers_authority(copse_database *database, copse_authority **ret_authority,
                                     copse_err *err)
{
    const copse_identity *identity = copse_database_identity(database);
    return identity != NULL ? copse_writers_authority_of(copse_database_tree(database), identity,
                                                         ret_authority, err)
                            : COPSE_ERR(err, COPSE_NOT_FOUND, "the database has no creator");
}

/* A new commit is never one that a revocation lets stand: what is right up to a last commit is not
 * right. */
copse_status copse_writers_ask(const copse_env *env, copse_authority *authority,
                               const copse_public_key *who, copse_right right,
                               copse_bytes collection, const char *what, copse_err *err)
{
    copse_authority_answer answer;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    const copse_bytes shown = collection.len > 0 ? collection : copse_bytes_of_text("all");
    const copse_authority_question question = {
        .who = *who,
        .right = right,
        .collection = collection,
        .time_ms = env->clock != NULL ? env->clock(env->clock_ctx) : 0,
    };
    copse_status status = copse_authority_can(authority, &question, &answer, err);
    if (status != COPSE_OK || answer.verdict == COPSE_AUTHORITY_YES) {
        return status;
    }
    (void)copse_public_key_to_did(who, did);
    return COPSE_ERR(err, COPSE_DENIED, "no right to %s %.*s: %s %s", what, (int)shown.len,
                     (const char *)shown.ptr, did, answer.reason);
}
