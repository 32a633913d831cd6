/* How a query was answered, for people and programs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_EXPLANATION_H
#define COPSE_APPS_EXPLANATION_H

#include "documents.h"

#include <copse/query.h>

#define COPSE_OPTION_EXPLAIN                                                                       \
    {                                                                                              \
        "--explain", NULL, COPSE_OPTION_FLAG,                                                      \
            "run it, and print how it was answered instead of the answer", 0                       \
    }
#define COPSE_OPTION_HINT                                                                          \
    {                                                                                              \
        "--hint", "INDEX", COPSE_OPTION_TEXT, "use this index; $natural: none", 0                  \
    }

/** What one query did. */
typedef struct copse_explanation {
    copse_documents *documents;
    copse_buf plan; /**< Of copse_result_explain. */
    copse_result_stats stats;
    const uint64_t *count; /**< Where the answer is a number: that; else NULL. */
    uint64_t blocks_read;  /**< In all, from the commit on: what a peer without any would fetch. */
    copse_remote_way way;  /**< Of a remote query; NOT_YET: as what was fetched says. */
    double seconds;        /**< Of the query, once the database was open. */
} copse_explanation;

/** Begins: takes the time. Release it at the end. */
void copse_explanation_init(copse_explanation *explanation, copse_documents *documents);
void copse_explanation_release(copse_explanation *explanation);

/** Prints it, `plan` and `stats` being filled in: lines, or with --json one object. Returns an exit
 * code. */
int copse_explanation_print(copse_explanation *explanation);

/** Reports what a query failed with, `what` being done; an unknown --hint with the nearest. */
int copse_explanation_failure(copse_documents *documents, const copse_collection *collection,
                              copse_status status, const char *what);

/** Adds to a failure, if any documents were printed before, that these are right. */
void copse_explanation_note_partial(const copse_call *call, uint64_t printed);

#endif
