/* Merging two commits of a database, as commands do: what is missing is fetched, and what both were
 * when they parted is done without where nobody has it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_MERGING_H
#define COPSE_APPS_MERGING_H

#include "documents.h"
#include "merge_print.h"

#include <copse/head_merge.h>

typedef struct copse_merging {
    copse_documents *documents; /**< Over whose place both are read. */
    copse_cid ours;             /**< Commits. */
    copse_cid theirs;
    copse_merge_policy policy;
    copse_merge_conflicts conflicts; /**< What becomes of them. */
    const copse_author *author;      /**< Of a commit that settles them; NULL: nobody. */
    const char *message;
    bool is_base_lost;              /**< What both were when they parted is to be had nowhere. */
    copse_cid base;                 /**< The tree of that. */
    copse_merge_print print;        /**< Conflicts are printed as they come. */
    bool is_last_lost;              /**< Nobody has the last commit that a revocation names. */
    copse_head_merge *merge;        /**< What lends parts of the result. */
    copse_head_merge_result result; /**< Without what its commit borrowed. */
    copse_cid head; /**< The merge: ours, theirs, a commit of theirs, or one that was put. */
} copse_merging;

/** Closes one that was run, or is zeroed: what its result lends is no more. Before its documents.
 */
void copse_merging_close(copse_merging *merging);

/** Merges; close it then. Where there are conflicts that were not to be settled, no commit is put,
 * and `head` says nothing. Statuses as copse_head_merge_next; unreported. */
COPSE_MUST_USE copse_status copse_merging_run(copse_merging *merging);

#endif
