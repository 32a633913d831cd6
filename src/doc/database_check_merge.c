/* Checking the rows that only merging reads: conflicts and versions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include "base/err.h"
#include "doc/document_conflict.h"
#include "doc/document_signature.h"
#include "doc/document_version.h"
#include "tree/tree.h"

/* The row at hand. */
typedef struct dbcheck_subject {
    copse_dbcheck_run *run;
    copse_database_defect_kind kind; /* of what is wrong with it */
    copse_bytes key;
    copse_bytes primary; /* order(pk), of the key */
} dbcheck_subject;

static dbcheck_subject dbcheck_subject_of(copse_dbcheck_run *run, copse_database_defect_kind kind,
                                          copse_bytes key, size_t tail)
{
    return (dbcheck_subject){run, kind, key, {key.ptr + tail, key.len - tail}};
}

static copse_status dbcheck_subject_tell(const dbcheck_subject *subject, copse_bytes id,
                                         const char *message, const copse_err *detail,
                                         copse_err *err)
{
    copse_database_defect defect = {.kind = subject->kind,
                                    .collection = subject->run->collection->collection.name,
                                    .id = id,
                                    .key = subject->key,
                                    .message = message};
    return copse_dbcheck_tell(subject->run, &defect, detail, err);
}

/* ---- conflicts ---- */

/* Checks a document of a conflict; len 0: there is none. */
static copse_status dbcheck_conflict_document(const dbcheck_subject *subject, copse_bytes value,
                                              copse_err *err)
{
    copse_dbcheck_run *run = subject->run;
    copse_dbcheck_document document = {.id = {NULL, 0}};
    if (value.len == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_dbcheck_read_document(run, subject->key, value,
                                                      COPSE_DOCUMENTS_INLINE, true, &document, err);
    if (status == COPSE_OK) {
        copse_buf_truncate(&run->key, 0);
        status = copse_order_write_primary(&run->key, document.id, NULL);
        if (status == COPSE_NOMEM) {
            status = COPSE_ERR_NOMEM(err);
        } else if (status != COPSE_OK ||
                   !copse_bytes_equal(subject->primary, copse_buf_view(&run->key))) {
            status = dbcheck_subject_tell(subject, document.id,
                                          "it has a document of another primary key", NULL, err);
        }
    }
    copse_dbcheck_document_release(&document);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status; /* told already */
}

copse_status copse_dbcheck_conflict(copse_dbcheck_run *run, copse_bytes key, size_t tail,
                                    copse_bytes value, copse_err *err)
{
    const dbcheck_subject subject =
        dbcheck_subject_of(run, COPSE_DATABASE_DEFECT_CONFLICT, key, tail);
    copse_document_conflict conflict;
    copse_err detail = {0};
    copse_status status = copse_conflict_decode(value, &conflict, &detail);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        return dbcheck_subject_tell(&subject, (copse_bytes){NULL, 0}, NULL, &detail, err);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", detail.message);
    }
    status = dbcheck_conflict_document(&subject, conflict.base, err);
    for (size_t i = 0; i < conflict.sides_count && status == COPSE_OK; i++) {
        status = dbcheck_conflict_document(&subject, conflict.sides[i].document, err);
    }
    if (status == COPSE_OK) {
        status = dbcheck_conflict_document(&subject, conflict.waiting.document, err);
    }
    return status == COPSE_OK && conflict.waiting.document.len > 0
               ? copse_dbcheck_has_version(run, key, tail, (copse_bytes){NULL, 0}, err)
               : status;
}

/* ---- versions ---- */

typedef copse_status (*dbcheck_write_prefix)(copse_buf *buf, copse_bytes collection);

/* Copies the value of the document's row of another kind to run->value; NOT_FOUND: it has none. */
static copse_status dbcheck_find_row(const dbcheck_subject *subject, dbcheck_write_prefix prefix,
                                     copse_err *err)
{
    copse_dbcheck_run *run = subject->run;
    copse_bytes value;
    copse_buf_truncate(&run->key, 0);
    copse_buf_truncate(&run->value, 0);
    if (prefix(&run->key, run->collection->collection.name) != COPSE_OK ||
        copse_buf_append(&run->key, subject->primary) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_tree_get(run->tree, copse_buf_view(&run->key), &value, err);
    return status == COPSE_OK && copse_buf_append(&run->value, value) != COPSE_OK
               ? COPSE_ERR_NOMEM(err)
               : status;
}

/* Reads the document that a row of versions is of; of no bytes: there is none. One that waits in a
 * conflict counts as there, unless the row says that it was deleted since. NOT_FOUND: it can't be
 * used, and that was told at its own row. */
static copse_status dbcheck_version_document(const dbcheck_subject *subject, copse_bytes row,
                                             copse_dbcheck_document *document, copse_err *err)
{
    copse_dbcheck_run *run = subject->run;
    copse_documents_form form = run->collection->collection.documents;
    copse_status status = dbcheck_find_row(subject, copse_key_write_documents, err);
    copse_bytes value = copse_buf_view(&run->value);
    if (status == COPSE_NOT_FOUND) {
        copse_document_conflict conflict;
        bool is_deleted = false;
        if (copse_version_is_deleted(row, &is_deleted, NULL) == COPSE_OK && is_deleted) {
            return COPSE_OK;
        }
        form = COPSE_DOCUMENTS_INLINE;
        status = dbcheck_find_row(subject, copse_key_write_conflicts, err);
        if (status == COPSE_OK) {
            status = copse_conflict_decode(copse_buf_view(&run->value), &conflict, NULL);
            value = status == COPSE_OK ? conflict.waiting.document : value;
        }
        if (status == COPSE_NOT_FOUND || (status == COPSE_OK && value.len == 0)) {
            return COPSE_OK;
        }
        status = status == COPSE_CORRUPT ? COPSE_NOT_FOUND : status;
    }
    return status == COPSE_OK
               ? copse_dbcheck_read_document(run, subject->key, value, form, false, document, err)
               : status;
}

/* Whether a state is signed as it must be, if it is. */
static copse_status dbcheck_version_signature(const dbcheck_subject *subject,
                                              const copse_version_state *state, copse_err *err)
{
    const copse_catalogue *catalogue = &subject->run->catalogue;
    const copse_collection *collection = &subject->run->collection->collection;
    const copse_document_place place = {catalogue->has_identity ? &catalogue->identity.cid : NULL,
                                        collection->name, subject->primary};
    copse_status status =
        copse_document_check_signature(subject->run->env, collection, &place, state, err);
    return status == COPSE_NOT_FOUND ? COPSE_CORRUPT : status;
}

copse_status copse_dbcheck_has_version(copse_dbcheck_run *run, copse_bytes key, size_t tail,
                                       copse_bytes id, copse_err *err)
{
    const dbcheck_subject subject =
        dbcheck_subject_of(run, COPSE_DATABASE_DEFECT_VERSION, key, tail);
    if (!run->collection->collection.is_signed) {
        return COPSE_OK;
    }
    copse_status status = dbcheck_find_row(&subject, copse_key_write_versions, err);
    return status == COPSE_NOT_FOUND
               ? dbcheck_subject_tell(&subject, id,
                                      "the document is not signed, in a collection of signed ones",
                                      NULL, err)
               : status;
}

/* Checks a row against its document. */
static copse_status dbcheck_version_state(const dbcheck_subject *subject, copse_bytes row,
                                          copse_err *err)
{
    copse_dbcheck_run *run = subject->run;
    copse_dbcheck_document document = {.id = {NULL, 0}};
    copse_err detail = {0};
    copse_status status = dbcheck_version_document(subject, row, &document, err);
    if (status == COPSE_OK) {
        const copse_version_state state = {document.document.encoded, row};
        status =
            copse_version_check(run->env, run->collection->collection.primary_key, &state, &detail);
        if (status == COPSE_OK) {
            status = dbcheck_version_signature(subject, &state, &detail);
        }
        if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
            status = dbcheck_subject_tell(subject, document.id, NULL, &detail, err);
        } else if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "%s", detail.message);
        }
    }
    copse_dbcheck_document_release(&document);
    return status;
}

copse_status copse_dbcheck_version(copse_dbcheck_run *run, copse_bytes key, size_t tail,
                                   copse_bytes value, bool *ret_past, copse_err *err)
{
    const dbcheck_subject subject =
        dbcheck_subject_of(run, COPSE_DATABASE_DEFECT_VERSION, key, tail);
    copse_dbcheck_document row = {.id = {NULL, 0}};
    if (!copse_merge_has_versions(run->collection->collection.merge)) {
        *ret_past = true; /* they are the last rows of the collection */
        return dbcheck_subject_tell(&subject, (copse_bytes){NULL, 0},
                                    "versions in a collection whose policy has none", NULL, err);
    }
    copse_status status = copse_dbcheck_read_row(run, key, value, &row, err);
    if (status == COPSE_OK) {
        status = dbcheck_version_state(&subject, row.document.encoded, err);
    }
    copse_dbcheck_document_release(&row);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status; /* told already */
}
