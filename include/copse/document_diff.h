/* What differs between two states of a database: collections, indexes, documents, fields.
 *
 * Costs what differs, not what there is: equal subtrees are passed over unread (diff.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOCUMENT_DIFF_H
#define COPSE_DOCUMENT_DIFF_H

#include <copse/database.h>
#include <copse/diff.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_document_change_what {
    COPSE_CHANGE_COLLECTION, /**< Made, dropped, or its options changed. */
    COPSE_CHANGE_INDEX,      /**< An index was made, dropped, or defined anew. */
    COPSE_CHANGE_DOCUMENT
} copse_document_change_what;

/** One change. Views are valid until the next call. */
typedef struct copse_document_change {
    copse_document_change_what what;
    copse_change_kind kind;
    copse_bytes collection;
    copse_bytes index;  /**< INDEX: its name. */
    copse_bytes id;     /**< DOCUMENT: the primary key, one item. */
    copse_bytes before; /**< DOCUMENT: one map; empty: it was not there. */
    copse_bytes after;  /**< Likewise. */
} copse_document_change;

typedef struct copse_document_diff_options {
    copse_bytes collection; /**< Only this one; len 0: all. */
    bool ids_only; /**< before and after stay empty: documents in blocks of their own are not
                      loaded. */
} copse_document_diff_options;

/** Belongs to the databases' thread. */
typedef struct copse_document_diff copse_document_diff;

/** Both must stay open, and have one node cache. `before` NULL: a database without anything.
 * `options` NULL: all. NOMEM, MISUSE. */
COPSE_API COPSE_MUST_USE copse_status copse_document_diff_new(
    copse_database *before, copse_database *after, const copse_document_diff_options *options,
    copse_document_diff **ret_diff, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_document_diff *copse_document_diff_free(copse_document_diff *diff);

/** Gives the next change: collections and indexes first, then documents in the order of collection
 * and primary key. END. WANT: supply and call again. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_document_diff_next(copse_document_diff *diff,
                                                               copse_document_change *ret_change,
                                                               copse_err *err);

/** A field that differs between two documents. */
typedef struct copse_field_change {
    copse_change_kind kind;
    copse_bytes path;   /**< Dotted; elements of arrays by number. */
    copse_bytes before; /**< One item; empty: it was missing. */
    copse_bytes after;
} copse_field_change;

/** Calls `visit` for each field that differs, deepest first level that does: objects are gone into,
 * arrays of equal length too, other values compared as wholes. Any status but OK from it is
 * returned. CORRUPT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_document_fields_diff(
    const copse_env *env, copse_bytes before, copse_bytes after,
    copse_status (*visit)(void *ctx, const copse_field_change *change, copse_err *err), void *ctx,
    copse_err *err);

COPSE_EXTERN_C_END

#endif
