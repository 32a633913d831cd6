/* What commands that merge print: conflicts, and what became of documents.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_MERGE_PRINT_H
#define COPSE_APPS_MERGE_PRINT_H

#include "command.h"

#include <copse/database_merge.h>

/** Begin it zeroed. */
typedef struct copse_merge_print {
    copse_call *call;
    uint64_t conflicts;    /**< That were printed, or only counted. */
    uint64_t of_catalogue; /**< Of these: of collections and indexes. */
    uint64_t of_policies;  /**< Of these: of collections that have two policies. */
} copse_merge_print;

/** Prints a conflict: for people a line with collection, what, and why, of the first ones; as JSON
 * one object, with what the document is on each side. CORRUPT, LIMIT, NOMEM: call->err. */
COPSE_MUST_USE copse_status copse_merge_print_conflict(copse_merge_print *print,
                                                       const copse_database_conflict *conflict);

/** Says how many conflicts were not printed, if any. */
void copse_merge_print_end(const copse_merge_print *print);

/** Prints which indexes are not built in `merged`, that were so or were not there `before`, and how
 * they are built: as JSON a member of an object that is open. `place` and `ref` (NULL: main) name
 * where. NOMEM: some may be printed. */
COPSE_MUST_USE copse_status copse_merge_print_unbuilt(copse_call *call,
                                                      const copse_database *before,
                                                      const copse_database *merged,
                                                      const char *place, const char *ref);

/** Prints the numbers of documents: as JSON the members of an object that is open. */
void copse_merge_print_stats(copse_output *out, const copse_database_merge_stats *stats);

#endif
