/* Merging databases: what changed from a common base to theirs is made of operations on ours.
 *
 *     copse_database_merge_new(&options, &merge, &err);
 *     while ((status = copse_database_merge_next(merge, &conflict, &err)) == COPSE_OK) report;
 *     copse_database_merge_apply(merge, store, &tree, NULL, &err);       on END
 *
 * Only what differs is read, of each side. Index entries of theirs play no part: applying the
 * operations derives them from the documents that come, so that nobody's wrong indexes are taken
 * over. Whoever merges the same databases gets the same tree, whatever is in the caches, and
 * whichever of the two is ours, unless conflicts are settled for ours or theirs by name.
 *
 * What becomes of a document that differs says the policy of its collection:
 *
 *   three-way   What one side changed is taken, what both changed alike too. A document that
 *               both changed is merged by its fields (document_merge.h). Where that can't be, or
 *               one side deleted what the other changed, there is a conflict
 *               (copse_merge_conflicts). Without a base nothing may differ.
 *   union       Documents of both sides. Of two that differ under one primary key, the one whose
 *               encoding is greater. Nothing is deleted.
 *   lww         The version that was written last; a deletion is one too.
 *   field-wise  Of each field the value that was written last; a deletion holds until the
 *               document is inserted again.
 *
 * The last three need no base, and have no conflicts: of any replicas, merged in any order, the
 * same documents come out.
 *
 * But a policy may have been set since the base, by one side or both. What a side wrote without
 * versions since then counts, and is older than what was written with them (lww, field-wise): of
 * two without, the one that differs from the base, or else the one whose encoding is greater. In a
 * union, what only one side changed counts. Without a base nobody knows what was written: what has
 * no versions is older than what has, and collections whose policies differ are conflicts.
 *
 * Indexes never stop a merge. Of documents that have one value of a unique index, those of all but
 * the first go to the conflicts (database_conflicts.h), where they wait; so does one that an index
 * can't hold, as both sides made an array of another field. Whoever waits already takes part again,
 * and comes back if his values are free. First is who was written first: by clock and author of its
 * version (lww, field-wise) or of the head that changed it (three-way; unchanged documents come
 * before all), then by primary key, which alone counts in a union.
 *
 * Conflicts that are in the databases merge three-way: one that a side resolved is gone, unless the
 * other added to it.
 *
 * The catalogue merges three-way, whatever the policies: collections, their options, indexes. What
 * both sides changed differently, or one dropped and the other changed, is a conflict that somebody
 * has to settle first; a merge by options.policy UNION drops no collection. A collection that only
 * one side has is taken with its indexes. In collections that both have, an index that only one
 * side has, or has built, is there but unbuilt (index.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DATABASE_MERGE_H
#define COPSE_DATABASE_MERGE_H

#include <copse/write.h>

COPSE_EXTERN_C_BEGIN

/** What becomes of documents in conflict. */
typedef enum copse_merge_conflicts {
    COPSE_MERGE_CONFLICTS_REFUSE, /**< They are given to the caller, and ours stays as it is. */
    COPSE_MERGE_CONFLICTS_RECORD, /**< They get a row (database_conflicts.h). In the collection is
                                       what merges; of a field in conflict the later head's
                                       value, by time and CID; of a document that one side deleted
                                       the one that the other changed. */
    COPSE_MERGE_CONFLICTS_OURS,   /**< What merges, and of the rest ours. */
    COPSE_MERGE_CONFLICTS_THEIRS  /**< What merges, and of the rest theirs. */
} copse_merge_conflicts;

/** The head that a side is of. Zeroed: of none. */
typedef struct copse_merge_head {
    copse_cid commit;
    uint64_t time_ms;
    uint32_t time_counter;
    copse_bytes author; /**< len 0: none. */
} copse_merge_head;

typedef struct copse_database_merge_options {
    copse_database *base; /**< NULL: they have none. All stay open, and have one node cache. */
    bool is_base_lost;    /**< They have one, which can't be had (history_keep.h), and `base` is
                               NULL: what depends on it is refused. */
    copse_database *ours;
    copse_database *theirs;
    copse_merge_head ours_head; /**< For conflicts that are recorded, and for the order of those
                                     that clash. Their authors are borrowed. */
    copse_merge_head theirs_head;
    copse_merge_policy policy; /**< THREE_WAY, or UNION: that of collections that are three-way. */
    copse_merge_conflicts conflicts;
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
    copse_bytes index;                        /**< INDEX: its name. */
    copse_bytes id;                           /**< DOCUMENT: the primary key, one item. */
    copse_bytes base;                         /**< DOCUMENT: one map; empty: it was not there. */
    copse_bytes ours;                         /**< Likewise. */
    copse_bytes theirs;                       /**< Likewise. */
    const copse_collection *our_collection;   /**< COLLECTION, where two databases are merged: as
                                                   ours has it; NULL: it doesn't. */
    const copse_collection *their_collection; /**< Likewise. */
} copse_database_conflict;

typedef struct copse_database_merge_stats {
    uint64_t inserted; /**< Documents of theirs that ours did not have. */
    uint64_t replaced; /**< By theirs. */
    uint64_t merged;   /**< Made of both. */
    uint64_t deleted;
    uint64_t conflicts;  /**< That were given to the caller. */
    uint64_t recorded;   /**< Conflicts that got a row, or more sides. */
    uint64_t settled;    /**< Conflicts that were settled for OURS or THEIRS. */
    uint64_t superseded; /**< Documents of which both sides wrote a version since the base, and all
                              or part of one gave way (lww, field-wise). */
    uint64_t waiting;    /**< Documents of ours or theirs that went to wait (after the apply). */
    uint64_t returned;   /**< Documents that waited and are in the collection (after the apply). */
} copse_database_merge_stats;

/** A merge in progress. Belongs to the databases' thread. */
typedef struct copse_database_merge copse_database_merge;

/** Begins. Reads nothing yet. MISUSE: a database of version 1, or another node cache, or a policy
 * that needs versions. CONFLICT: they are databases of different identities (identity.h). NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_database_merge_new(
    const copse_database_merge_options *options, copse_database_merge **ret_merge, copse_err *err);

/** Frees it. NULL is allowed. Returns NULL. */
COPSE_API copse_database_merge *copse_database_merge_free(copse_database_merge *merge);

/** Goes on to the next conflict. END: all is decided. WANT: supply and call again. CONFLICT: a
 * collection that is three-way differs, and they have no base; a lost base matters. CORRUPT, LIMIT,
 * IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_database_merge_next(
    copse_database_merge *merge, copse_database_conflict *ret_conflict, copse_err *err);

/** After END: makes the merged database of ours, as copse_write_apply: puts the new blocks into
 * `store` and opens the new tree. `ret_stats` may be NULL. MISUSE: before END. WANT: supply and
 * call again. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_database_merge_apply(copse_database_merge *merge,
                                                                 copse_store *store,
                                                                 copse_tree **ret_tree,
                                                                 copse_write_stats *ret_stats,
                                                                 copse_err *err);

COPSE_API copse_database_merge_stats
copse_database_merge_get_stats(const copse_database_merge *merge);

COPSE_EXTERN_C_END

#endif
