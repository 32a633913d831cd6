/* Merging the statements about who may write: database_merge.h.
 *
 *   M7  A row that differs becomes the union of both sides' well signed statements by whoever, by
 *       the statements of both, was ever admin, whatever the base has: nothing that can count
 *       gets lost, neither side's order matters, and strangers can't fill a row. One whose key
 *       is nobody's, or of which nothing is left, goes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "auth/authority.h"
#include "base/err.h"
#include "doc/writers.h"
#include "index/key_space.h"

static copse_status merge_statements_add(void *ctx, const copse_public_key *to, copse_bytes row,
                                         copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    copse_status status = copse_authority_add_row(ctx, to, row, &detail);
    return status == COPSE_CORRUPT ? COPSE_OK : copse_err_keep(&detail, status, err);
}

/* Makes the authority of what both sides say; NULL: the database has no creator. */
static copse_status merge_statements_authority(copse_database_merge *merge,
                                               copse_authority **ret_authority, copse_err *err)
{
    static const copse_merge_side sides[] = {COPSE_MERGE_OURS, COPSE_MERGE_THEIRS};
    const copse_identity *identity = copse_database_identity(merge->databases[COPSE_MERGE_OURS]);
    copse_authority *authority = NULL;
    copse_status status =
        identity != NULL ? copse_authority_new(merge->env, identity, &authority, err) : COPSE_OK;
    for (size_t i = 0; i < 2 && authority != NULL && status == COPSE_OK; i++) {
        status =
            copse_writers_walk(merge->databases[sides[i]], merge_statements_add, authority, err);
    }
    if (status != COPSE_OK) {
        copse_authority_free(authority);
        return status;
    }
    if (authority != NULL) {
        copse_authority_find_admins(authority);
    }
    *ret_authority = authority;
    return COPSE_OK;
}

/* Appends the list of those statements of a row that may count; nothing: there are none. */
static copse_status merge_statements_sift(const copse_database_merge *merge,
                                          const copse_authority *authority, copse_bytes row,
                                          copse_buf *ret_row, copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    copse_bytes kept[COPSE_STATEMENT_ROW_MAX];
    size_t kept_count = 0;
    size_t count = 0;
    if (copse_statement_row_read(merge->env, row, statements, &count, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < count; i++) {
        copse_statement statement;
        if (copse_statement_decode(merge->env, statements[i], &statement, NULL) == COPSE_OK &&
            copse_authority_was_admin(authority, &statement.by)) {
            kept[kept_count++] = statements[i];
        }
    }
    copse_status status = kept_count > 0 ? copse_cbor_write_array(ret_row, kept_count) : COPSE_OK;
    for (size_t i = 0; i < kept_count && status == COPSE_OK; i++) {
        status = copse_buf_append(ret_row, kept[i]);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* Appends the value of a row without what can't count. */
static copse_status merge_statements_sift_value(const copse_database_merge *merge,
                                                const copse_authority *authority, copse_bytes value,
                                                copse_buf *ret_value, copse_err *err)
{
    copse_bytes row;
    copse_buf sifted;
    if (value.len == 0 || authority == NULL) {
        return copse_buf_append(ret_value, value) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    }
    copse_buf_init(&sifted, merge->env, SIZE_MAX);
    copse_status status = COPSE_OK;
    if (copse_writers_row_read(merge->env, value, &row, NULL) == COPSE_OK) {
        status = merge_statements_sift(merge, authority, row, &sifted, err);
    }
    if (status == COPSE_OK && sifted.len > 0 &&
        copse_cbor_write_bytes(ret_value, copse_buf_view(&sifted)) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&sifted);
    return status;
}

/* Adds the operation that unites a row. */
static copse_status merge_statement_row(copse_database_merge *merge,
                                        const copse_authority *authority,
                                        const copse_change *change, copse_err *err)
{
    copse_public_key to;
    copse_buf sides[2];
    copse_buf value;
    copse_buf_init(&sides[0], merge->env, SIZE_MAX);
    copse_buf_init(&sides[1], merge->env, SIZE_MAX);
    copse_buf_init(&value, merge->env, SIZE_MAX);
    copse_status status =
        merge_statements_sift_value(merge, authority, change->before, &sides[0], err);
    if (status == COPSE_OK) {
        status = merge_statements_sift_value(merge, authority, change->after, &sides[1], err);
    }
    if (status == COPSE_OK) {
        status = copse_writers_key_read(merge->env, change->key, &to, err);
    }
    if (status == COPSE_OK) {
        const copse_bytes values[] = {copse_buf_view(&sides[0]), copse_buf_view(&sides[1])};
        status = copse_writers_row_union(merge->env, &to, values, &value, err);
    }
    if (status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_NOT_FOUND) {
        status = copse_write_put_statements(merge->write, change->key, copse_buf_view(&value), err);
    }
    copse_buf_release(&sides[0]);
    copse_buf_release(&sides[1]);
    copse_buf_release(&value);
    return status;
}

/* Adds the operations of all rows that differ. END: that was all. */
static copse_status merge_statement_rows(copse_database_merge *merge, copse_diff *diff,
                                         copse_err *err)
{
    copse_authority *authority = NULL;
    copse_change change;
    copse_status status = copse_diff_next(diff, &change, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = merge_statements_authority(merge, &authority, err);
    while (status == COPSE_OK) {
        status = merge_statement_row(merge, authority, &change, err);
        if (status == COPSE_OK) {
            status = copse_diff_next(diff, &change, err);
        }
    }
    copse_authority_free(authority);
    return status;
}

copse_status copse_merge_statements(copse_database_merge *merge, copse_err *err)
{
    copse_diff *diff = NULL;
    copse_buf range;
    copse_buf_init(&range, merge->env, SIZE_MAX);
    copse_status status = copse_key_write_statements(&range);
    size_t size = range.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&range, 0);
    }
    if (status == COPSE_OK) {
        const copse_bytes end = {range.ptr + size, range.len - size};
        const copse_diff_options options = {.from = {range.ptr, size}, .to = &end};
        status = copse_diff_new(copse_database_tree(merge->databases[COPSE_MERGE_OURS]),
                                copse_database_tree(merge->databases[COPSE_MERGE_THEIRS]), &options,
                                &diff, err);
    } else {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = merge_statement_rows(merge, diff, err);
    }
    copse_diff_free(diff);
    copse_buf_release(&range);
    if (status != COPSE_END) {
        copse_write_rewind(merge->write, 0);
    }
    return status == COPSE_END ? COPSE_OK : status;
}
