/* Who may do an operation of a write, and the statements that say so: write.h, W8.
 *
 * The creator is asked for nothing, so that a database of one writer costs no more than one
 * without. Of all others the authority is made once, of the tree that is written to, and then kept
 * with the write; a right that the author was found to have is kept for the run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "doc/write.h"
#include "doc/writers.h"
#include "tree/tree.h"

/* ---- asking ---- */

static copse_status write_open_authority(copse_write_run *run, copse_err *err)
{
    copse_write *write = run->write;
    return write->authority != NULL
               ? COPSE_OK
               : copse_writers_authority_of(run->tree, &write->catalogue.identity,
                                            &write->authority, err);
}

/* DENIED: `who` has not the right; `what` it was asked for. */
static copse_status write_ask(copse_write_run *run, const copse_public_key *who, copse_right right,
                              copse_bytes collection, const char *what, copse_err *err)
{
    copse_write *write = run->write;
    if (copse_public_key_equal(who, &write->catalogue.identity.creator)) {
        return COPSE_OK;
    }
    copse_status status = write_open_authority(run, err);
    return status == COPSE_OK
               ? copse_writers_ask(run->env, write->authority, who, right, collection, what, err)
               : status;
}

copse_status copse_write_check_right(copse_write_run *run, copse_right right,
                                     copse_bytes collection, copse_err *err)
{
    static const char *const names[] = {"insert into", "write", "change the catalogue of"};
    if (!run->write->catalogue.has_identity || run->options.is_merge) {
        return COPSE_OK;
    }
    if (run->has_right && right <= run->right && copse_bytes_equal(collection, run->right_in)) {
        return COPSE_OK;
    }
    if (run->options.key == NULL) {
        return COPSE_ERR(err, COPSE_DENIED,
                         "no right to %s %.*s: the database has a creator, and who writes it signs "
                         "with a key",
                         names[right], (int)collection.len, (const char *)collection.ptr);
    }
    copse_status status =
        write_ask(run, copse_key_public(run->options.key), right, collection, names[right], err);
    if (status == COPSE_OK) {
        run->has_right = true;
        run->right = right;
        run->right_in = collection;
    }
    return status;
}

copse_status copse_write_check_operation(copse_write_run *run, const copse_write_op *op,
                                         copse_err *err)
{
    const copse_write *write = run->write;
    copse_bytes collection = copse_write_bytes(write, op->collection);
    copse_right right = COPSE_RIGHT_ADMIN;
    switch (op->kind) {
    case COPSE_WRITE_CREATE_DATABASE:
    case COPSE_WRITE_ADD_STATEMENT: /* whoever brings it: who signed it is asked */
    case COPSE_WRITE_PUT_STATEMENTS:
        return COPSE_OK;
    case COPSE_WRITE_INSERT:
    case COPSE_WRITE_UPSERT: /* of a document that is there more is asked when it was found */
        right = copse_catalogue_find(&write->catalogue, collection) != NULL ? COPSE_RIGHT_INSERT
                                                                            : COPSE_RIGHT_ADMIN;
        break;
    case COPSE_WRITE_REPLACE:
    case COPSE_WRITE_DELETE:
    case COPSE_WRITE_RESOLVE:
    case COPSE_WRITE_PUT_ROW:
        right = COPSE_RIGHT_WRITE;
        break;
    default:
        break;
    }
    return copse_write_check_right(run, right, collection, err);
}

/* ---- statements ---- */

/* Whether who signed a grant may give what it says. */
static copse_status write_check_grant(copse_write_run *run, const copse_statement *grant,
                                      copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < grant->items_count && status == COPSE_OK; i++) {
        status = write_ask(run, &grant->by, COPSE_RIGHT_ADMIN, grant->can[i].collection,
                           "say who may write", err);
    }
    return status;
}

/* Counts the rights of a grant that `to` has. */
static copse_status write_count_rights(copse_write_run *run, const copse_statement *grant,
                                       size_t *count, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < grant->items_count && status == COPSE_OK; i++) {
        status = write_ask(run, &grant->to, grant->can[i].right, grant->can[i].collection, "", err);
        *count += status == COPSE_OK;
        status = status == COPSE_DENIED ? COPSE_OK : status;
    }
    return status;
}

/* Finds the grant of that name among the statements of a row. */
static copse_status write_find_grant(copse_write_run *run, copse_bytes row, const copse_cid *name,
                                     copse_statement *ret_grant, copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    copse_status status =
        row.len > 0 ? copse_statement_row_read(run->env, row, statements, &count, err) : COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_cid cid;
        copse_statement_cid(statements[i], &cid);
        if (copse_cid_equal(&cid, name) &&
            copse_statement_decode(run->env, statements[i], ret_grant, NULL) == COPSE_OK &&
            ret_grant->kind == COPSE_STATEMENT_GRANT) {
            return COPSE_OK;
        }
    }
    return status == COPSE_OK
               ? COPSE_ERR(err, COPSE_NOT_FOUND, "a revocation of a grant that is not there")
               : status;
}

/* Of the grants that a revocation names: whether all are there; *ret_is_own: all are by who signed
 * it, or that is the creator; *ret_rights: how many of their rights are had. */
static copse_status write_weigh_revocation(copse_write_run *run, const copse_statement *revocation,
                                           copse_bytes row, bool *ret_is_own, size_t *ret_rights,
                                           copse_err *err)
{
    copse_status status = COPSE_OK;
    bool is_creator =
        copse_public_key_equal(&revocation->by, &run->write->catalogue.identity.creator);
    *ret_is_own = true;
    *ret_rights = 0;
    for (size_t i = 0; i < revocation->items_count && status == COPSE_OK; i++) {
        copse_statement grant;
        status = write_find_grant(run, row, &revocation->grants[i], &grant, err);
        if (status == COPSE_OK) {
            *ret_is_own =
                *ret_is_own && (is_creator || copse_public_key_equal(&grant.by, &revocation->by));
            status = write_count_rights(run, &grant, ret_rights, err);
        }
    }
    return status;
}

/* Adds a revocation to the authority. Whoever gave a grant may take it back; others must be above
 * it: then `to` may do less with the revocation than without. */
static copse_status write_add_revocation(copse_write_run *run, const copse_statement *revocation,
                                         copse_bytes encoded, copse_bytes row, copse_err *err)
{
    bool is_own;
    size_t before;
    size_t after;
    copse_status status = write_weigh_revocation(run, revocation, row, &is_own, &before, err);
    if (status == COPSE_OK) {
        status = copse_authority_add(run->write->authority, encoded, err);
    }
    if (status == COPSE_OK) {
        status = write_weigh_revocation(run, revocation, row, &is_own, &after, err);
    }
    if (status == COPSE_OK && !is_own && after >= before) {
        char did[COPSE_KEY_TEXT_SIZE_MAX];
        (void)copse_public_key_to_did(&revocation->by, did);
        status =
            COPSE_ERR(err, COPSE_DENIED,
                      "no right to revoke: %s neither gave these grants nor is above who did", did);
    }
    return status;
}

/* Puts the row, whose key is in run->scratch, with one statement more. */
static copse_status write_put_statement(copse_write_run *run, const copse_public_key *to,
                                        copse_bytes value, copse_bytes encoded, copse_err *err)
{
    copse_buf row;
    copse_buf one;
    copse_buf all;
    copse_buf_init(&row, run->env, SIZE_MAX);
    copse_buf_init(&one, run->env, SIZE_MAX);
    copse_buf_init(&all, run->env, SIZE_MAX);
    copse_status status = copse_cbor_write_array(&row, 1);
    if (status == COPSE_OK) {
        status = copse_buf_append(&row, encoded);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_bytes(&one, copse_buf_view(&row));
    }
    if (status == COPSE_OK) {
        const copse_bytes values[] = {value, copse_buf_view(&one)};
        status = copse_writers_row_union(run->env, to, values, &all, err);
    } else {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = copse_batch_put(run->write->batch, copse_buf_view(&run->scratch),
                                 copse_buf_view(&all), err);
    }
    copse_buf_release(&row);
    copse_buf_release(&one);
    copse_buf_release(&all);
    return status;
}

static copse_status write_add_statement(copse_write_run *run, copse_bytes encoded, copse_err *err)
{
    copse_statement statement;
    copse_bytes value;
    copse_bytes row = {NULL, 0};
    copse_status status = copse_statement_decode(run->env, encoded, &statement, err);
    if (status == COPSE_OK && !run->write->catalogue.has_identity) {
        status = COPSE_ERR(err, COPSE_DENIED,
                           "the database has no creator, who could say who may write it");
    }
    if (status == COPSE_OK) {
        status = copse_write_flush(run, err); /* what is read must be in the tree */
    }
    if (status == COPSE_OK) {
        status = write_open_authority(run, err);
    }
    copse_buf_truncate(&run->scratch, 0);
    if (status == COPSE_OK) {
        status = copse_writers_key(&run->scratch, &statement.to, err);
    }
    if (status == COPSE_OK) {
        copse_source_begin(copse_node_cache_source(copse_tree_cache(run->tree)));
        status = copse_tree_find_value(run->tree, copse_buf_view(&run->scratch), &run->arena,
                                       &value, err);
    }
    if (status == COPSE_OK && value.len > 0) {
        status = copse_writers_row_read(run->env, value, &row, err);
    }
    if (status == COPSE_OK && statement.kind == COPSE_STATEMENT_REVOCATION) {
        status = write_add_revocation(run, &statement, encoded, row, err);
    } else if (status == COPSE_OK) {
        status = write_check_grant(run, &statement, err);
        status =
            status == COPSE_OK ? copse_authority_add(run->write->authority, encoded, err) : status;
    }
    run->has_right = false;
    return status == COPSE_OK ? write_put_statement(run, &statement.to, value, encoded, err)
                              : status;
}

static copse_status write_put_statements(copse_write_run *run, const copse_write_op *op,
                                         copse_err *err)
{
    copse_write *write = run->write;
    copse_bytes key = copse_write_bytes(write, op->id);
    copse_bytes row = copse_write_bytes(write, op->item);
    write->authority = copse_authority_free(write->authority);
    return row.len > 0 ? copse_batch_put(write->batch, key, row, err)
                       : copse_batch_delete(write->batch, key, err);
}

copse_status copse_write_run_statement(copse_write_run *run, const copse_write_op *op,
                                       copse_err *err)
{
    return op->kind == COPSE_WRITE_ADD_STATEMENT
               ? write_add_statement(run, copse_write_bytes(run->write, op->item), err)
               : write_put_statements(run, op, err);
}
