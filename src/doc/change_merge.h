/* The catalogues first, which are in memory; then documents, as their diff gives them; then the
 * indexes that are to be made, which may be unique because of what became of documents.
 *
 *   C1  WANT leaves the state from which the call goes on: what is read for an operation is there
 *       before the operation is added.
 *   C2  What a collection or an index becomes depends on the three catalogues alone, so that it is
 *       judged anew wherever that matters. Only whether a collection may be dropped is read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_CHANGE_MERGE_H
#define COPSE_DOC_CHANGE_MERGE_H

#include "doc/document.h"

#include <copse/change_merge.h>
#include <copse/document_diff.h>

enum {
    COPSE_CHANGE_MERGE_BEFORE,
    COPSE_CHANGE_MERGE_AFTER,
    COPSE_CHANGE_MERGE_OURS,
    COPSE_CHANGE_MERGE_SIDES
};

/** A collection as the sides have it; NULL: not at all. */
typedef struct copse_change_merge_collection {
    const copse_collection *of[COPSE_CHANGE_MERGE_SIDES];
} copse_change_merge_collection;

typedef enum copse_change_merge_stage {
    COPSE_CHANGE_MERGE_CATALOGUE,
    COPSE_CHANGE_MERGE_DOCUMENTS,
    COPSE_CHANGE_MERGE_CREATE, /**< Indexes. */
    COPSE_CHANGE_MERGE_DONE
} copse_change_merge_stage;

struct copse_change_merge {
    const copse_env *env;
    copse_database *databases[COPSE_CHANGE_MERGE_SIDES];
    copse_write *write;
    copse_database_merge_stats stats;
    copse_change_merge_stage stage;
    copse_bytes last; /**< The last collection that is done; ptr NULL: none. */
    copse_bytes name; /**< The present one; ptr NULL: none. */
    copse_change_merge_collection collection; /**< That. */
    bool is_begun;                /**< It itself is settled, and its indexes are next. */
    copse_bytes index_last;       /**< As `last`. */
    copse_document_diff *drop;    /**< What ours changed in a collection that is to be dropped. */
    copse_document_diff *diff;    /**< From before to after. */
    copse_document_change change; /**< If has_change. */
    bool has_change;
    copse_document document; /**< Of ours. */
    copse_buf merged;
    copse_err failure; /**< What it failed with, and does again. */
};

/** Counts a conflict of this kind, and makes it *ret_conflict. Always OK. */
copse_status copse_change_merge_give(copse_change_merge *merge, copse_database_conflict_what what,
                                     copse_bytes collection, copse_database_conflict *ret_conflict);

/** The collection of this name. */
copse_change_merge_collection copse_change_merge_find(const copse_change_merge *merge,
                                                      copse_bytes name);

/** Whether indexes and documents of the collection are changed one by one. */
bool copse_change_merge_is_open(const copse_change_merge_collection *collection);

/** Whether ours has dropped the collection, or made it anew with another primary key. */
bool copse_change_merge_is_foreign(const copse_change_merge_collection *collection);

/** The next conflict of the catalogue; in the stage CREATE, of what indexes are to be made. END:
 * all of it is done. WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_change_merge_catalogue(copse_change_merge *merge,
                                                         copse_database_conflict *ret_conflict,
                                                         copse_err *err);

#endif
