/* The documents that an operation of a batch is about: the matches of a filter in the database as
 * the operations before have left it (modify_pending.h).
 *
 *   M1  A document is given at most once: from the database, if no operation was on it, else as it
 *       is pending.
 *   M2  What operations do while it runs is not seen: the database does not change, and of what is
 *       pending only what was so at its begin is gone through.
 *   M3  A filter that says what the primary key is reads one document, without a plan.
 *   M4  On WANT it stays where it is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_MODIFY_MATCH_H
#define COPSE_QUERY_MODIFY_MATCH_H

#include "query/modify_pending.h"

#include <copse/query.h>

typedef enum copse_match_stage {
    COPSE_MATCH_BY_KEY,
    COPSE_MATCH_DATABASE,
    COPSE_MATCH_PENDING,
    COPSE_MATCH_ENDED
} copse_match_stage;

/** A zeroed one may be released. Stays where it is. */
typedef struct copse_match {
    const copse_env *env;
    copse_database *database;
    const copse_pending *pending;
    const copse_collection *collection; /**< Of the database; NULL: it has none of it, or what it
                                             has was dropped. */
    size_t made;                        /**< The number of the pending collection, or SIZE_MAX. */
    copse_bytes primary_key;
    copse_query *query; /**< Its filter and order are those of all that is done here. */
    bool one;           /**< Only the first is given. */
    copse_match_stage stage;
    copse_result *result;
    copse_document document;
    copse_buf key;
    size_t next; /**< The number of the next pending document. */
} copse_match;

/** Begins. `options` says collection, filter, sort and hint; `one`: the first by that order, or any
 * one. All that is pending must be folded. On failure it is zeroed. Statuses as copse_query_new. */
COPSE_MUST_USE copse_status copse_match_init(copse_match *match, copse_database *database,
                                             const copse_pending *pending,
                                             const copse_query_options *options, bool one,
                                             copse_err *err);

void copse_match_release(copse_match *match);

/** The next match, lent until the next call on this match, or until an operation is added. END.
 * Statuses as copse_result_open and copse_result_next. */
COPSE_MUST_USE copse_status copse_match_next(copse_match *match, copse_bytes *ret_document,
                                             copse_err *err);

#endif
