/* Merging the statements about who may write: database_merge.h.
 *
 *   M7  A row that differs becomes the union of both sides' well signed statements, whatever the
 *       base has: nothing that was said gets lost, and neither side's order matters. One whose
 *       key is nobody's, or of which nothing is left, goes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "doc/writers.h"
#include "index/key_space.h"

/* Adds the operation that unites a row. */
static copse_status merge_statement_row(copse_database_merge *merge, const copse_change *change,
                                        copse_err *err)
{
    const copse_bytes values[] = {change->before, change->after};
    copse_public_key to;
    copse_buf value;
    copse_buf_init(&value, merge->env, SIZE_MAX);
    copse_status status = copse_writers_key_read(merge->env, change->key, &to, err);
    if (status == COPSE_OK) {
        status = copse_writers_row_union(merge->env, &to, values, &value, err);
    }
    if (status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_NOT_FOUND) {
        status = copse_write_put_statements(merge->write, change->key, copse_buf_view(&value), err);
    }
    copse_buf_release(&value);
    return status;
}

copse_status copse_merge_statements(copse_database_merge *merge, copse_err *err)
{
    copse_diff *diff = NULL;
    copse_change change;
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
    while (status == COPSE_OK) {
        status = copse_diff_next(diff, &change, err);
        if (status == COPSE_OK) {
            status = merge_statement_row(merge, &change, err);
        }
    }
    copse_diff_free(diff);
    copse_buf_release(&range);
    if (status != COPSE_END) {
        copse_write_rewind(merge->write, 0);
    }
    return status == COPSE_END ? COPSE_OK : status;
}
