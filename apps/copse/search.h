/* The documents that a query finds, in whatever place: run here over blocks that are fetched as
 * they are needed, or, where the blocks are with peers alone, answered by one of them with a proof.
 *
 *     opened = copse_search_open(&search, call, &query, COPSE_SEARCH_ANSWER);
 *     while (opened && (status = copse_search_next(&search, &document)) == COPSE_OK) use(document);
 *     code = opened ? copse_search_finish(&search, status, "the query") : COPSE_EXIT_FAILED;
 *     copse_search_close(&search);
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SEARCH_H
#define COPSE_APPS_SEARCH_H

#include "explanation.h"

/** How peers are asked. */
typedef enum copse_search_way {
    COPSE_SEARCH_ANSWER, /**< For the answer; what they refuse, block by block. */
    COPSE_SEARCH_BLOCKS
} copse_search_way;

/** Stays where it is while it is open. */
typedef struct copse_search {
    copse_call *call;
    copse_documents documents;          /**< Of a remote place: opened when names are looked up. */
    const copse_collection *collection; /**< NULL: not looked up. */
    copse_query *query;
    copse_result *result;
    copse_remote_find *find; /**< In a remote place, instead of result. */
    uint64_t returned;       /**< Documents, until now. */
} copse_search;

/** Opens the database that the command names, and begins; the collection is its second argument.
 * False: reported; close it nevertheless. */
bool copse_search_open(copse_search *search, copse_call *call, const copse_query_options *query,
                       copse_search_way way);

/** A zeroed one is allowed. */
void copse_search_close(copse_search *search);

/** The next document, lent until the next call. END; else for copse_search_finish. */
copse_status copse_search_next(copse_search *search, copse_bytes *ret_document);

/** Ends with the status of the last copse_search_next: reports what is no END, and that there is
 * no such collection. Returns an exit code. */
int copse_search_finish(copse_search *search, copse_status status, const char *what);

/** Fills in what was done. False: reported. */
bool copse_search_explain(copse_search *search, copse_explanation *explanation);

#endif
