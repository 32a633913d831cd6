/* The row of the statements about one key: a list, as it stands in a database.
 *
 *   R1  1 to COPSE_STATEMENT_ROW_MAX statements, sorted by the bytes of their encoding, none twice,
 *       in at most COPSE_STATEMENT_ROW_SIZE_BYTES_MAX bytes.
 *   R2  All are about the key of the row, of right form and well signed.
 *   R3  Rows join as sets of what keeps R2: in any order, any number of times, to the same row.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/statement.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/cbor_map.h"

copse_status copse_statement_row_read(const copse_env *env, copse_bytes row,
                                      copse_bytes ret_statements[COPSE_STATEMENT_ROW_MAX],
                                      size_t *ret_count, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item list;
    if (row.len > COPSE_STATEMENT_ROW_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a row of statements has at most %d bytes, not %zu",
                         COPSE_STATEMENT_ROW_SIZE_BYTES_MAX, row.len);
    }
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, row, &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_item(&reader, COPSE_CBOR_ARRAY, &list) || list.arg == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a list of statements");
    }
    if (list.arg > COPSE_STATEMENT_ROW_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a row has at most %d statements",
                         COPSE_STATEMENT_ROW_MAX);
    }
    for (uint64_t i = 0; i < list.arg && status == COPSE_OK; i++) {
        status = copse_cbor_take(&reader, &ret_statements[i], err);
    }
    if (status == COPSE_OK) {
        *ret_count = (size_t)list.arg;
    }
    return status;
}

/* R2, of one statement. */
static copse_status statement_row_check_one(const copse_env *env, const copse_public_key *to,
                                            copse_bytes encoded, copse_err *err)
{
    copse_statement statement;
    copse_status status = copse_statement_decode(env, encoded, &statement, err);
    if (status == COPSE_OK && !copse_public_key_equal(&statement.to, to)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a statement about another key than its row's");
    }
    return status == COPSE_OK ? copse_statement_verify(env, &statement, err) : status;
}

copse_status copse_statement_row_check(const copse_env *env, const copse_public_key *to,
                                       copse_bytes row, copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    copse_status status = copse_statement_row_read(env, row, statements, &count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (i > 0 && copse_bytes_compare(statements[i - 1], statements[i]) >= 0) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the statements of a row are not in order");
        }
        status = statement_row_check_one(env, to, statements[i], err);
    }
    return status;
}

/* ---- Joining -------------------------------------------------------------------------------- */

/* Statements in the order of their bytes, none twice. They borrow. */
typedef struct statement_set {
    const copse_env *env;
    copse_bytes *items;
    size_t count;
    size_t capacity;
} statement_set;

/* Takes a statement in, unless it is there or breaks R2. */
static copse_status statement_set_add(statement_set *set, const copse_public_key *to,
                                      copse_bytes encoded, copse_err *err)
{
    size_t at = set->count;
    void *items = set->items;
    int order = 1;
    while (at > 0 && (order = copse_bytes_compare(encoded, set->items[at - 1])) < 0) {
        at--;
    }
    if (at > 0 && order == 0) {
        return COPSE_OK;
    }
    copse_status status = statement_row_check_one(set->env, to, encoded, err);
    if (status != COPSE_OK) {
        return status == COPSE_NOMEM ? status : COPSE_OK;
    }
    if (!copse_array_grow(set->env, &items, &set->capacity, set->count + 1, sizeof encoded)) {
        return COPSE_ERR_NOMEM(err);
    }
    set->items = items;
    for (size_t i = set->count; i > at; i--) {
        set->items[i] = set->items[i - 1];
    }
    set->items[at] = encoded;
    set->count++;
    return COPSE_OK;
}

static copse_status statement_set_add_row(statement_set *set, const copse_public_key *to,
                                          copse_bytes row, copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    copse_status status = COPSE_OK;
    if (copse_statement_row_read(set->env, row, statements, &count, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = statement_set_add(set, to, statements[i], err);
    }
    return status;
}

static copse_status statement_set_write(const statement_set *set, copse_buf *ret_row,
                                        copse_err *err)
{
    size_t start = ret_row->len;
    if (set->count == 0) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "no statement is left");
    }
    copse_status status = set->count > COPSE_STATEMENT_ROW_MAX
                              ? COPSE_LIMIT
                              : copse_cbor_write_array(ret_row, set->count);
    for (size_t i = 0; i < set->count && status == COPSE_OK; i++) {
        status = copse_buf_append(ret_row, set->items[i]);
    }
    if (status == COPSE_OK && ret_row->len - start > COPSE_STATEMENT_ROW_SIZE_BYTES_MAX) {
        status = COPSE_LIMIT;
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_row, start);
    }
    return status == COPSE_LIMIT
               ? COPSE_ERR(err, status, "more statements about one key than a row holds")
           : status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err)
                                   : status;
}

copse_status copse_statement_row_union(const copse_env *env, const copse_public_key *to,
                                       const copse_bytes *rows, size_t rows_count,
                                       copse_buf *ret_row, copse_err *err)
{
    statement_set set = {.env = env};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < rows_count && status == COPSE_OK; i++) {
        status = statement_set_add_row(&set, to, rows[i], err);
    }
    if (status == COPSE_OK) {
        status = statement_set_write(&set, ret_row, err);
    }
    copse_free_array(env, set.items, set.capacity, sizeof *set.items);
    return status;
}
