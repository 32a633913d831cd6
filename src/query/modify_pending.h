/* What the operations of a write have made of documents, before they are applied.
 *
 * What an operation of a batch sees is the database, but for the documents that operations before
 * it have put or deleted: those are known here, by the keys of their rows. So no tree is made in
 * between, and whatever the batch does, it is one apply.
 *
 *   N1  Operations are folded in their order, each once, and not before a run needs to know: a
 *       batch of inserts alone costs nothing here.
 *   N2  Whether an operation is allowed is not looked at. If it is not, the apply fails, and it
 *       does not matter what was made of it here.
 *   N3  A collection that is dropped or created begins anew: of what was there before, neither
 *       the database's documents nor those here are seen.
 *
 * Indexes don't matter: an answer never depends on them.
 *
 * Cost: an operation is folded in O(1). A query by primary key looks here once; any other goes
 * through all documents that the batch has put, besides its plan on the database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_MODIFY_PENDING_H
#define COPSE_QUERY_MODIFY_PENDING_H

#include "base/arena.h"
#include "doc/write.h"

/** A collection that operations have named. */
typedef struct copse_pending_collection {
    copse_bytes name;
    copse_bytes primary_key;
    bool hides_database; /**< N3 */
    size_t count;        /**< Documents that were first met in it, deleted ones too. */
} copse_pending_collection;

/** A document. */
typedef struct copse_pending_document {
    copse_bytes key; /**< Of its row. */
    uint64_t hash;
    size_t collection; /**< Its number. */
    size_t op;         /**< The last operation on it. */
    copse_bytes made; /**< With the `_id` that was made for it; ptr NULL: what the operation has. */
} copse_pending_document;

typedef struct copse_pending {
    const copse_env *env;
    const copse_write *write;
    copse_arena arena;
    size_t folded; /**< Operations. */
    uint64_t seed[2];
    copse_pending_collection *collections; /**< The last of a name counts. */
    size_t collections_count;
    size_t collections_capacity;
    copse_pending_document *documents; /**< In the order in which they were first met. */
    size_t count;
    size_t capacity;
    uint32_t *slots; /**< 0: free; else the number of a document + 1. */
    size_t slots_count;
    copse_buf key;
    copse_buf scratch;
} copse_pending;

/** Of the operations of `write`, which outlives it. */
void copse_pending_init(copse_pending *pending, const copse_env *env, const copse_write *write);

void copse_pending_release(copse_pending *pending);

/** Forgets all; for a write that was cleared. */
void copse_pending_reset(copse_pending *pending);

/** Folds the operations that were added since, on `database`. NOMEM; LIMIT: 2^32 documents. What
 * was folded by then is kept. */
COPSE_MUST_USE copse_status copse_pending_fold(copse_pending *pending,
                                               const copse_database *database, copse_err *err);

/** The number of the collection `name`; SIZE_MAX: no operation has named it. */
size_t copse_pending_find_collection(const copse_pending *pending, copse_bytes name);

/** The number of the document with the row key `key` in the collection; SIZE_MAX: no operation was
 * on it. */
size_t copse_pending_find(const copse_pending *pending, size_t collection, copse_bytes key);

/** The document as the operations have left it, valid until one is added; len 0: it is deleted. */
copse_bytes copse_pending_encoded(const copse_pending *pending, size_t number);

#endif
