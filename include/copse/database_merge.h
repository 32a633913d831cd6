/* Merging databases: what changed from a common base to theirs is made of operations on ours.
 *
 *     copse_database_merge_new(&options, write, &merge, &err);
 *     while ((status = copse_database_merge_next(merge, &conflict, &err)) == COPSE_OK) report;
 *     options.is_unique_in_the_end = true;
 *     copse_write_apply(write, tree of ours, …, &options, …);       on END
 *
 * Only what differs is read, of each side. Index entries of theirs play no part: applying the
 * operations derives them from the documents that come, so that nobody's wrong indexes are taken
 * over. The operations are the same whatever is in the caches; who applies them to ours gets the
 * merged database.
 *
 * Rules, for collections, definitions of indexes, and documents by their primary keys:
 *
 *   three-way   What one side changed is taken, what both changed alike too. A document that both
 *               changed is merged by its fields (document_merge.h). Where that can't be, one side
 *               deleting what the other changed too, there is a conflict, and ours stays whole.
 *   union       Documents of both sides. Of two that differ under one primary key, the one whose
 *               encoding is greater, which is no conflict: whoever merges takes the same. Nothing
 * is deleted; base plays no part.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DATABASE_MERGE_H
#define COPSE_DATABASE_MERGE_H

#include <copse/write.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_merge_policy { COPSE_MERGE_THREE_WAY, COPSE_MERGE_UNION } copse_merge_policy;

typedef struct copse_database_merge_options {
    copse_database
        *base; /**< NULL: they have none. All three stay open, and have one node cache. */
    copse_database *ours;
    copse_database *theirs;
    copse_merge_policy policy;
} copse_database_merge_options;

typedef enum copse_database_conflict_what {
    COPSE_CONFLICT_COLLECTION, /**< Made, dropped or with other options on both sides. */
    COPSE_CONFLICT_INDEX,
    COPSE_CONFLICT_DOCUMENT
} copse_database_conflict_what;

/** What could not be merged; ours stays as it is. Views are valid until the next call. */
typedef struct copse_database_conflict {
    copse_database_conflict_what what;
    copse_bytes collection;
    copse_bytes index;  /**< INDEX: its name. */
    copse_bytes id;     /**< DOCUMENT: the primary key, one item. */
    copse_bytes base;   /**< DOCUMENT: one map; empty: it was not there. */
    copse_bytes ours;   /**< Likewise. */
    copse_bytes theirs; /**< Likewise. */
} copse_database_conflict;

typedef struct copse_database_merge_stats {
    uint64_t inserted; /**< Documents of theirs that ours did not have. */
    uint64_t replaced; /**< By theirs. */
    uint64_t merged;   /**< By their fields. */
    uint64_t deleted;
    uint64_t conflicts;
} copse_database_merge_stats;

/** A merge in progress. Belongs to the databases' thread. */
typedef struct copse_database_merge copse_database_merge;

/** Begins: operations will be added to `write`, behind those that are there. Reads nothing yet.
 * CONFLICT: three-way without a base. MISUSE: a database of version 1, or another node cache.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_database_merge_new(const copse_database_merge_options *options, copse_write *write,
                         copse_database_merge **ret_merge, copse_err *err);

/** Frees it; the operations stay. NULL is allowed. Returns NULL. */
COPSE_API copse_database_merge *copse_database_merge_free(copse_database_merge *merge);

/** Goes on to the next conflict. END: all operations are there. WANT: supply and call again.
 * CORRUPT, LIMIT, IO, NOMEM: for ever; the
 * operations are not to be used. */
COPSE_API COPSE_MUST_USE copse_status copse_database_merge_next(
    copse_database_merge *merge, copse_database_conflict *ret_conflict, copse_err *err);

COPSE_API copse_database_merge_stats
copse_database_merge_get_stats(const copse_database_merge *merge);

COPSE_EXTERN_C_END

#endif
