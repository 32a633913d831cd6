/* What `copse watch` prints.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_WATCH_PRINT_H
#define COPSE_APPS_WATCH_PRINT_H

#include "place.h"

#include <copse/watch.h>

enum { COPSE_WATCH_INDEX_SIZE = 129 };

/** Zeroed at first but for what is named first. */
typedef struct copse_watch_print {
    copse_call *call;
    const char *collection;
    bool only_counts; /**< Changes are counted, and nothing printed as it comes. */
    copse_watch_counts counts;
    char index[COPSE_WATCH_INDEX_SIZE]; /**< Compared last; "": the documents, or several. */
    copse_watch_stats stats;            /**< Of all watches. */
} copse_watch_print;

/** Prints a change that is so at `commit`. CORRUPT, LIMIT, NOMEM: call->err. */
COPSE_MUST_USE copse_status copse_watch_print_change(const copse_watch_print *print,
                                                     const copse_watch_change *change,
                                                     const copse_cid *commit);

/** Tells that the head `after` does not follow from `before`, the one that was seen. */
void copse_watch_print_jump(const copse_watch_print *print, const copse_cid *before,
                            const copse_cid *after, bool is_older);

/** Adds what a watch counted. */
void copse_watch_print_add_counts(copse_watch_print *print, const copse_watch_counts *counts);

/** Prints how many changes there were of each kind. */
void copse_watch_print_counts(const copse_watch_print *print);

/** Adds what a watch took. */
void copse_watch_print_add_cost(copse_watch_print *print, const copse_watch *watch);

/** Prints what all took, and what was read and fetched. */
void copse_watch_print_cost(const copse_watch_print *print, const copse_place *place);

#endif
