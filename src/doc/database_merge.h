/* The inside of a merge of databases: collections, then indexes, then documents by primary key.
 *
 *   M1  WANT leaves the state from which the call goes on: what is read for operations is there
 *       before the first of them is added.
 *   M2  What becomes of a document is a function of its rows in the three databases (and, of a
 *       conflict, of both heads): a walk finds the rows of those that differ, and a look-up
 *       those of any one, so that it can be asked again.
 *   M3  A side's document is the one in its collection, or else the one that waits in the row
 *       of its conflict: merging asks what there is, and then who of those may be in the
 *       collection.
 *   M4  Ours and theirs play the same part everywhere but where a conflict is refused, or
 *       settled for one of them by name.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DATABASE_MERGE_H
#define COPSE_DOC_DATABASE_MERGE_H

#include "base/arena.h"
#include "doc/document.h"
#include "doc/document_conflict.h"
#include "doc/document_version.h"
#include "doc/head_review.h"
#include "doc/write.h"

#include <copse/cursor.h>
#include <copse/database_merge.h>
#include <copse/diff.h>

/** A row, or a document, that is not there. */
static const copse_bytes copse_merge_nothing = {NULL, 0};

typedef enum copse_merge_side {
    COPSE_MERGE_BASE,
    COPSE_MERGE_OURS,
    COPSE_MERGE_THEIRS,
    COPSE_MERGE_SIDES
} copse_merge_side;

/** The kinds of rows that a document may have, in the order of their keys. */
typedef enum copse_merge_kind {
    COPSE_MERGE_CONFLICT_ROW,
    COPSE_MERGE_DOCUMENT_ROW,
    COPSE_MERGE_VERSION_ROW,
    COPSE_MERGE_KINDS
} copse_merge_kind;

/** The rows of one primary key; values of len 0: there is none. Views. */
typedef struct copse_merge_rows {
    copse_bytes key; /**< order(pk) */
    copse_bytes values[COPSE_MERGE_KINDS][COPSE_MERGE_SIDES];
    bool is_known[COPSE_MERGE_KINDS]; /**< False: all sides have the same, which was not read. */
} copse_merge_rows;

/** Where a document comes from. */
typedef enum copse_merge_origin {
    COPSE_MERGE_FROM_OURS,
    COPSE_MERGE_FROM_THEIRS,
    COPSE_MERGE_FROM_BOTH /**< Made of the two: in merge->merged. */
} copse_merge_origin;

/** What becomes of a document. */
typedef struct copse_merge_verdict {
    copse_merge_origin origin;
    bool is_there;                    /**< Else it is deleted, or never was. */
    bool is_refused;                  /**< It is a conflict that ends the merge. */
    bool is_recorded;                 /**< It is one that gets a row. */
    bool is_settled;                  /**< It is one that was settled for OURS or THEIRS. */
    bool is_superseded;               /**< A version that one side wrote gave way. */
    bool is_denied;                   /**< What theirs has does not count: merge->denial. */
    copse_bytes version;              /**< The value of its row; len 0: none. */
    copse_document_conflict conflict; /**< Its row, waiting document aside. */
    copse_version written;            /**< For the order of those that clash. */
} copse_merge_verdict;

/** The rows that differ between two of the databases, of one kind, one after the other. */
typedef struct copse_merge_stream {
    copse_diff *diff;
    size_t prefix_size;  /**< Of keys, before order(pk). */
    copse_change change; /**< If has_change. */
    bool has_change;
    bool has_ended;
} copse_merge_stream;

/** A walk over the primary keys of a collection that matter. Zeroed: not begun. */
typedef struct copse_merge_walk {
    copse_merge_stream theirs[COPSE_MERGE_KINDS]; /**< Three-way: from base; else from ours. */
    copse_merge_stream ours[COPSE_MERGE_KINDS];   /**< Three-way: from base. */
    copse_cursor *conflicts;                      /**< Over those of ours. */
    size_t prefix_size;                           /**< Of their keys, before order(pk). */
    bool has_conflict;                            /**< The cursor stands on one. */
    bool has_ended;
    bool is_touched; /**< Something differs in the collection. */
} copse_merge_walk;

/** A document that has a value of a unique index which another one has too, or that an index can't
 * hold. */
typedef struct copse_merge_holder {
    copse_bytes collection;
    copse_bytes index;
    copse_bytes key; /**< order(pk) */
    size_t value;    /**< The number of the value. */
    bool is_unfit;   /**< The index can't hold the document; the value is nobody else's. */
} copse_merge_holder;

/** All that clash; in the arena. */
typedef struct copse_merge_clashes {
    copse_arena arena;
    copse_merge_holder *holders;
    size_t count;
    size_t capacity;
    size_t values_count;
    bool are_noted;   /**< All of them, by an apply. */
    bool are_settled; /**< The operations that end them are there. */
} copse_merge_clashes;

typedef enum copse_merge_stage {
    COPSE_MERGE_STAGE_OPTIONS,
    COPSE_MERGE_STAGE_INDEXES,
    COPSE_MERGE_STAGE_DOCUMENTS
} copse_merge_stage;

struct copse_database_merge {
    const copse_env *env;
    copse_database_merge_options options;
    copse_database *databases[COPSE_MERGE_SIDES]; /**< Base: NULL if they have none. */
    copse_head_review *review;                    /**< NULL: all that theirs changed counts. */
    bool is_forward; /**< Ours is the base, and theirs is taken as it stands (V4). */
    copse_write *write;
    bool has_statements; /**< Their operations are there. */
    bool has_ended;      /**< All operations are there. */
    copse_database_merge_stats stats;

    copse_bytes last; /**< The last collection that is done; ptr NULL: none. */
    copse_bytes name; /**< Of the present one; ptr NULL: none. */
    const copse_collection *collections[COPSE_MERGE_SIDES]; /**< NULL: not there. */
    const copse_collection *agreed; /**< The one whose options it gets; NULL: it is left alone. */
    bool is_disputed;               /**< Both sides changed the options: that is a conflict. */
    copse_merge_policy policy;      /**< Of its documents. */
    bool is_taken_whole;            /**< Only theirs has it. */
    uint64_t forgotten_ms;          /**< The greater one of both sides. */
    copse_merge_stage stage;
    copse_bytes index_last; /**< As `last`, among its indexes. */
    copse_merge_walk walk;

    /* The document at hand. */
    copse_arena arena; /**< What was looked up. */
    copse_merge_rows rows;
    copse_document_conflict conflicts[COPSE_MERGE_SIDES];
    copse_document documents[COPSE_MERGE_SIDES];
    bool is_loaded[COPSE_MERGE_SIDES];
    copse_merge_verdict verdict;
    bool is_checked; /**< What theirs has was found to be valid. */
    bool is_signed;  /**< It is signed by itself, by `signer`. */
    copse_public_key signer;
    copse_err denial; /**< Why it does not count. */
    copse_buf id;     /**< Its primary key, one item. */
    copse_buf key;
    copse_buf merged;
    copse_buf row;
    copse_block_list blocks; /**< That the rows lead to. */

    copse_merge_clashes clashes;
    copse_err failure; /**< What it failed with, and does again. */
};

/** What all of it is read from. */
copse_source *copse_merge_source(const copse_database_merge *merge);

/** Makes a merge that has not begun one under a review, which must outlive it; `is_forward`: ours
 * is the base, and is to become theirs (V4). */
void copse_database_merge_review(copse_database_merge *merge, copse_head_review *review,
                                 bool is_forward);

/** For a forward merge whose outcome is not what theirs has: lets the next apply leave those
 * indexes unbuilt whose rows it took from theirs. False: it took none. */
bool copse_database_merge_leave_indexes(copse_database_merge *merge);

/** Whether two collections have the same options, indexes aside. */
bool copse_merge_has_same_options(const copse_collection *a, const copse_collection *b);

/** Whether documents of both can stand in one collection. */
bool copse_merge_is_like(const copse_collection *a, const copse_collection *b);

/** Whether what theirs made of the present collection, and ours did not, may be. DENIED: it was
 * refused, and the collection was entered anew without it. WANT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_review_collection(copse_database_merge *merge,
                                                          copse_err *err);

/** Whether theirs may have changed the present collection at all. DENIED: it was refused. Likewise.
 */
COPSE_MUST_USE copse_status copse_merge_review_survival(copse_database_merge *merge,
                                                        copse_err *err);

/** Whether theirs may have changed an index. Likewise. */
COPSE_MUST_USE copse_status copse_merge_review_index(copse_database_merge *merge, copse_bytes name,
                                                     copse_err *err);

/** Begins with a document whose rows are `rows`, or are looked up: forgets the one before. */
void copse_merge_begin_document(copse_database_merge *merge);

/** Decides what becomes of the document of merge->rows, in merge->verdict, under the review if
 * there is one: of what does not count merge->denial says why. WANT: all that is known to be needed
 * is wanted. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_decide(copse_database_merge *merge, copse_err *err);

/** The head that ours or theirs is of. */
const copse_merge_head *copse_merge_get_head(const copse_database_merge *merge,
                                             copse_merge_side side);

/** Decides that the document is the one of a side, or what is in merge->merged. */
void copse_merge_decide_origin(copse_database_merge *merge, copse_merge_origin origin);

/** Decides that it is what is in merge->merged; where that is what a side has, it is that side's.
 */
void copse_merge_decide_made(copse_database_merge *merge,
                             const copse_bytes documents[COPSE_MERGE_SIDES]);

/** Decides by a policy that is a join; the rows of conflicts were read. As copse_merge_decide. */
COPSE_MUST_USE copse_status copse_merge_decide_union(copse_database_merge *merge, copse_err *err);
COPSE_MUST_USE copse_status copse_merge_decide_join(copse_database_merge *merge, copse_err *err);

/** The document that a side has (M3), one map; len 0: none. Valid until the next document begins.
 * WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_load(copse_database_merge *merge, copse_merge_side side,
                                             copse_bytes *ret_document, copse_err *err);

/** The document that was decided on, likewise. */
COPSE_MUST_USE copse_status copse_merge_load_decided(copse_database_merge *merge,
                                                     copse_bytes *ret_document, copse_err *err);

/** Likewise, of both sides and, if `first` is the base, of that: of others, len 0. WANT: for all of
 * them. */
COPSE_MUST_USE copse_status copse_merge_load_all(copse_database_merge *merge,
                                                 copse_merge_side first,
                                                 copse_bytes ret_documents[COPSE_MERGE_SIDES],
                                                 copse_err *err);

/** The row of versions of a side, one map; len 0: none. Likewise. */
COPSE_MUST_USE copse_status copse_merge_load_version(copse_database_merge *merge,
                                                     copse_merge_side side, copse_bytes *ret_row,
                                                     copse_err *err);

/** The value of the row of a side's document (M3); len 0: there is none. */
copse_bytes copse_merge_document_row(const copse_database_merge *merge, copse_merge_side side);

/** Whether theirs is merged document by document from the base (and not joined). */
bool copse_merge_is_three_way(const copse_database_merge *merge);

/** Decides by the policy alone, or takes what theirs has (V4). As copse_merge_decide. */
COPSE_MUST_USE copse_status copse_merge_decide_policy(copse_database_merge *merge, copse_err *err);
COPSE_MUST_USE copse_status copse_merge_decide_forward(copse_database_merge *merge, copse_err *err);

/** The state of a side (M3), whose rows are known: a document that waits is none where its versions
 * say that it was deleted since. Statuses of copse_merge_load. */
COPSE_MUST_USE copse_status copse_merge_load_state(copse_database_merge *merge,
                                                   copse_merge_side side,
                                                   copse_version_state *ret_state, copse_err *err);

/** Whether a side's document waits. */
bool copse_merge_is_waiting(const copse_database_merge *merge, copse_merge_side side);

/** Whether two sides have the same document, or none. Equal documents have equal rows, but where
 * one waits while its collection has documents linked: then both are loaded. */
COPSE_MUST_USE copse_status copse_merge_is_same_document(copse_database_merge *merge,
                                                         copse_merge_side a, copse_merge_side b,
                                                         bool *ret_same, copse_err *err);

/** Reads the rows of conflicts of merge->rows into merge->conflicts. CORRUPT. */
COPSE_MUST_USE copse_status copse_merge_read_conflicts(copse_database_merge *merge, copse_err *err);

/** Finds the row of a kind of merge->rows.key on a side, in merge->arena; len 0: there is none.
 * Within an operation on the source that was begun before. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_find(copse_database_merge *merge, copse_merge_kind kind,
                                             copse_merge_side side, copse_bytes *ret_value,
                                             copse_err *err);

/** Makes the rows of a kind known where all sides have the same. As copse_merge_find. */
COPSE_MUST_USE copse_status copse_merge_know(copse_database_merge *merge, copse_merge_kind kind,
                                             copse_err *err);

/** Finds all rows of merge->rows.key that its policy asks for. As copse_merge_find; WANT: for all
 * of them. */
COPSE_MUST_USE copse_status copse_merge_find_rows(copse_database_merge *merge, copse_err *err);

/** Makes merge->id the primary key of merge->rows.key. CORRUPT, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_read_id(copse_database_merge *merge, copse_err *err);

/** What counts the operation on the document at hand that was decided on; NULL: ours needs none. */
uint64_t *copse_merge_counter(copse_database_merge *merge);

/** Adds the blocks that the documents of a conflict are in to merge->blocks: of what comes with a
 * row of theirs nothing is missing then. WANT: for all of them. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_hold_conflict(copse_database_merge *merge,
                                                      const copse_document_conflict *conflict,
                                                      copse_err *err);

/** Adds the operation that gives the document at hand the row of its conflict, or none if it is
 * empty. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_merge_put_conflict(copse_database_merge *merge,
                                                     const copse_document_conflict *conflict,
                                                     copse_err *err);

/** Appends a document as rows of conflicts hold them to merge->row, and its blocks to
 * merge->blocks. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_store_document(copse_database_merge *merge,
                                                       copse_bytes document, copse_bytes *ret_value,
                                                       copse_err *err);

/** The key of a row: its kind and collection, then order(pk). LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_write_prefix(copse_buf *buf, copse_bytes collection,
                                                     copse_merge_kind kind, copse_err *err);

/** Settles the next documents of the present collection. OK: a conflict. END: all are done. WANT,
 * CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_documents(copse_database_merge *merge,
                                                  copse_database_conflict *ret_conflict,
                                                  copse_err *err);

/** Moves the walk to the next primary key that matters, in *ret_key: order(pk), a view of a row.
 * END: there are no more. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_walk_next(copse_database_merge *merge, copse_bytes *ret_key,
                                                  copse_err *err);

/** Begins with the document of that key, whose rows become merge->rows. Likewise. */
COPSE_MUST_USE copse_status copse_merge_walk_read(copse_database_merge *merge, copse_bytes key,
                                                  copse_err *err);

/** Leaves that key behind. */
void copse_merge_walk_pass(copse_merge_walk *walk, copse_bytes key);

/** Ends the walk of a collection. */
void copse_merge_walk_release(copse_merge_walk *walk);

/** Whether the sides `a` and `b` (either may be the base) have the same rows of a kind in the
 * present collection. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_merge_is_same_kind(copse_database_merge *merge,
                                                     copse_merge_kind kind, copse_merge_side a,
                                                     copse_merge_side b, bool *ret_same,
                                                     copse_err *err);

/** The same, of documents, conflicts and versions. */
COPSE_MUST_USE copse_status copse_merge_is_same(copse_database_merge *merge, copse_merge_side a,
                                                copse_merge_side b, bool *ret_same, copse_err *err);

/** Settles the next indexes of the present collection. OK: a conflict. END: all are done. NOMEM. */
COPSE_MUST_USE copse_status copse_merge_indexes(copse_database_merge *merge,
                                                copse_database_conflict *ret_conflict,
                                                copse_err *err);

/** Whether two collections have the same definitions of indexes, built or not. NOMEM. */
COPSE_MUST_USE copse_status copse_merge_has_same_indexes(const copse_env *env,
                                                         const copse_collection *a,
                                                         const copse_collection *b, bool *ret_same,
                                                         copse_err *err);

/** Unites the rows of statements. WANT, CORRUPT, LIMIT, IO, NOMEM: no operation was added. */
COPSE_MUST_USE copse_status copse_merge_statements(copse_database_merge *merge, copse_err *err);

/** Makes `name` the present collection. */
void copse_merge_enter_collection(copse_database_merge *merge, copse_bytes name);

/** Notes a document that clashes: for copse_write_on_clash. `ctx` is the merge. NOMEM. */
COPSE_MUST_USE copse_status copse_merge_note_clash(void *ctx, const copse_write_clash *clash,
                                                   copse_err *err);

/** Adds the operations that move documents which clash out of their collections. WANT, CORRUPT,
 * LIMIT, IO, NOMEM: none were added. */
COPSE_MUST_USE copse_status copse_merge_settle_clashes(copse_database_merge *merge, copse_err *err);

/** Forgets all that were noted. */
void copse_merge_clashes_clear(copse_merge_clashes *clashes);

/** Frees all that is in it. */
void copse_merge_clashes_release(copse_merge_clashes *clashes);

#endif
