/* Conflicts that merges left in a database, to be looked at and resolved.
 *
 *     copse_database_conflicts_new(database, posts, &conflicts, &err);
 *     while (copse_database_conflicts_next(conflicts, &conflict, &err) == COPSE_OK) show;
 *     copse_write_resolve(write, conflict->collection, conflict->id, &err);
 *     beside it, what the document is to become, as any other operation (write.h)
 *
 * A document has at most one conflict, which has up to two parts. Its *sides* are what heads made
 * of it that could not be merged: the collection has one of them, or a mix. What is *waiting* is a
 * document that is not in the collection, since an older one has its value in a unique index, or
 * since an index can't hold it. Merging ends that by itself where it is no longer so.
 *
 * Format: docs/formats/database.md, "Conflicts".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DATABASE_CONFLICTS_H
#define COPSE_DATABASE_CONFLICTS_H

#include <copse/database.h>

COPSE_EXTERN_C_BEGIN

/** The most sides of a conflict: of more, the earliest stay. */
#define COPSE_CONFLICT_SIDES_MAX 16

/** What one head made of the document; of heads that made the same of it, the earliest. */
typedef struct copse_conflict_side {
    uint64_t time_ms; /**< Of the head's commit (commit.h), with time_counter. */
    uint32_t time_counter;
    copse_bytes author;   /**< Of the head's commit; len 0: none. */
    copse_cid commit;     /**< The head. */
    copse_bytes document; /**< One map; len 0: it is deleted there. */
} copse_conflict_side;

/** A document that is not in the collection. */
typedef struct copse_conflict_waiting {
    copse_bytes index; /**< Why. */
    uint64_t time_ms;  /**< When the document was written, with time_counter; 0: nobody knows. */
    uint32_t time_counter;
    copse_bytes author;   /**< len 0: none. */
    copse_bytes document; /**< One map; len 0: none is waiting. */
} copse_conflict_waiting;

/** The conflict of one document. */
typedef struct copse_document_conflict {
    copse_bytes collection;
    copse_bytes id;   /**< The document's primary key, one item. */
    copse_bytes base; /**< What all sides come from, one map; len 0: it was not there. */
    copse_conflict_side sides[COPSE_CONFLICT_SIDES_MAX]; /**< By the bytes of their commits. */
    size_t sides_count; /**< 0: nothing but a document that is waiting; else at least 2. */
    copse_conflict_waiting waiting;
} copse_document_conflict;

/** Goes through conflicts. Belongs to the database's thread. */
typedef struct copse_database_conflicts copse_database_conflicts;

/** Begins with the conflicts of the collection `name`, or of all (len 0). Reads nothing yet. The
 * database must stay open. NOT_FOUND: no such collection. MISUSE: a database of version 1. NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status
copse_database_conflicts_new(copse_database *database, copse_bytes name,
                             copse_database_conflicts **ret_conflicts, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_database_conflicts *
copse_database_conflicts_free(copse_database_conflicts *conflicts);

/** Before copse_database_conflicts_next is called: it is to begin, in each collection, with the
 * conflict of the document `id` (one item), or what comes behind it. MISUSE: it was called. LIMIT,
 * CORRUPT: `id` can't be a primary key. NOMEM. After a failure it begins with the first one. */
COPSE_API COPSE_MUST_USE copse_status
copse_database_conflicts_seek(copse_database_conflicts *conflicts, copse_bytes id, copse_err *err);

/** Gives the next conflict, in the order of collections and primary keys; lent until the next call.
 * END. WANT: supply and call again. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_database_conflicts_next(copse_database_conflicts *conflicts,
                              const copse_document_conflict **ret_conflict, copse_err *err);

/** Calls `slot` for each part of a database's row where a document stands, itself, as a link or as
 * a list of links: the value, or of a conflict each document in it; for copse_pull_options. Returns
 * what it returned, at the first one that is not OK. */
COPSE_API COPSE_MUST_USE copse_status copse_database_row_slots(
    copse_bytes key, copse_bytes value,
    copse_status (*slot)(void *ctx, copse_bytes slot, copse_err *err), void *ctx, copse_err *err);

COPSE_EXTERN_C_END

#endif
