/* Writing: operations on a database, collected in order and applied at once, all or none.
 *
 *     copse_write_new(env, &write, &err);
 *     copse_write_insert(write, posts, document, NULL, &err);
 *     copse_write_apply(write, tree, store, &next, &stats, &err);
 *     then a commit on top (commit.h), and the head moves by compare-and-swap
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_WRITE_H
#define COPSE_WRITE_H

#include <copse/database.h>
#include <copse/sys/run_store.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_write copse_write;

COPSE_API COPSE_MUST_USE copse_status copse_write_new(const copse_env *env, copse_write **ret_write,
                                                      copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_write *copse_write_free(copse_write *write);

/** Forgets all operations; keeps the memory. */
COPSE_API void copse_write_clear(copse_write *write);

/* Each of the following adds one operation; operations take effect in the order in which they were
 * added. All arguments are copied. CORRUPT: an argument is not what it must be. LIMIT, NOMEM. On
 * failure nothing was added. */

/** Makes the database one of this identity's creator (identity.h). CONFLICT (at apply): it is there
 * already, its tree is not empty. */
COPSE_API COPSE_MUST_USE copse_status copse_write_create_database(copse_write *write,
                                                                  const copse_identity *identity,
                                                                  copse_err *err);

/** Makes a collection. CONFLICT (at apply): there is one of that name. Inserting into a collection
 * that isn't there makes it with the defaults: primary key `_id`, documents inline. */
COPSE_API COPSE_MUST_USE copse_status copse_write_create_collection(copse_write *write,
                                                                    copse_bytes name,
                                                                    copse_bytes primary_key,
                                                                    copse_documents_form documents,
                                                                    copse_err *err);

/** Removes a collection with all its documents and indexes, as one range. NOT_FOUND (at apply). */
COPSE_API COPSE_MUST_USE copse_status copse_write_drop_collection(copse_write *write,
                                                                  copse_bytes name, copse_err *err);

/** Makes an index, over the documents that there are when it takes effect. If none of its fields is
 * named as the array field, the first field in which a document has an array becomes it. One that
 * is_unbuilt gets no rows, only its place in the catalogue; to make it again without that builds
 * it. LIMIT also: its fields make a name over 128 bytes, and none is given. CONFLICT (at apply):
 * another index of that name (the same definition again is no change), or, unique, two documents
 * with equal values (the message has both _ids and the values). NOT_FOUND (at apply): no such
 * collection. CORRUPT (at apply): a document has arrays in two of the fields. LIMIT (at apply): the
 * rows don't fit into the memory, and options.runs is not set. */
COPSE_API COPSE_MUST_USE copse_status
copse_write_create_index(copse_write *write, copse_bytes collection,
                         const copse_index_definition *definition, copse_err *err);

/** NOT_FOUND (at apply). */
COPSE_API COPSE_MUST_USE copse_status copse_write_drop_index(copse_write *write,
                                                             copse_bytes collection,
                                                             copse_bytes index, copse_err *err);

/** Says how documents of a collection are merged, and after how many days its deletions may be
 * forgotten (0: never), which is for who calls copse_write_forget_deleted to keep to. Where the
 * policy is LWW or FIELD_WISE, each document that is written from then on gets a version
 * (docs/formats/database.md, "Versions"); those that have none count as older than all, unless a
 * merge sees that they were written since the base (database_merge.h). A change to another policy
 * than these two removes the versions, and what waits in conflicts but was deleted by its version;
 * copse_collection.forgotten_ms stays. LIMIT: tombstone_days. NOT_FOUND (at apply). CONFLICT (at
 * apply): documents of the collection are signed, and this is not LWW. */
COPSE_API COPSE_MUST_USE copse_status copse_write_set_merge(copse_write *write,
                                                            copse_bytes collection,
                                                            copse_merge_policy policy,
                                                            uint32_t tombstone_days,
                                                            copse_err *err);

/** Makes a collection whose documents are merged LWW one of signed documents: whatever is written
 * into it from then on, also a deletion, is signed with options.key, copse_database_check finds
 * what is not, and merges refuse it. That and the policy then stay, until the collection is dropped
 * (copse_write_set_merge: CONFLICT). CONFLICT (at apply): the database has no creator, the policy
 * is another one, or the collection has documents, or had some. NOT_FOUND (at apply). */
COPSE_API COPSE_MUST_USE copse_status copse_write_set_signed(copse_write *write,
                                                             copse_bytes collection,
                                                             copse_err *err);

/** Forgets the documents of an LWW or FIELD_WISE collection that were deleted before `before_ms`, a
 * time of Unix in milliseconds, and notes that it did, if it found some or none
 * (copse_collection.forgotten_ms, which is never lowered): who has not merged for longer than that
 * is refused (head_merge.h). Versions that are made from then on are no earlier than that; so one
 * in the future moves them there. LIMIT: `before_ms` is above 2^63 - 1. NOT_FOUND (at apply). */
COPSE_API COPSE_MUST_USE copse_status copse_write_forget_deleted(copse_write *write,
                                                                 copse_bytes collection,
                                                                 uint64_t before_ms,
                                                                 copse_err *err);

/** Adds a statement (copse_statement_make) about who may write to the database that it is about;
 * one that is there changes nothing. CORRUPT: it is none. At apply: DENIED: the database has no
 * creator or is another one; or who signed it may not say that: a grant is for the creator, and for
 * admins of its collections; a revocation for those, and for who gave the grants. NOT_FOUND: a
 * revocation of a grant that is not there. CORRUPT: it is not well signed. LIMIT: no room for more
 * about that key (COPSE_STATEMENT_ROW_MAX), or in an authority (COPSE_AUTHORITY_STATEMENTS_MAX). */
COPSE_API COPSE_MUST_USE copse_status copse_write_add_statement(copse_write *write,
                                                                copse_bytes encoded,
                                                                copse_err *err);

/** Inserts a document (an object). If the primary key is `_id` and it is missing, a new ObjectId is
 * put in. `ret_id` (NULL allowed): the item of the document's `_id`, or of the new one, is
 * appended; what the primary key is, is only known at apply. CONFLICT (at apply): there is a
 * document with that key, or a unique index has the values. CORRUPT (at apply): no primary key, or
 * one that can't be one; arrays in two fields of an index. LIMIT (at apply): a key that is too
 * long, or too many entries. MISUSE: `ret_id` asks for a new ObjectId, and the env has no clock or
 * random source. */
COPSE_API COPSE_MUST_USE copse_status copse_write_insert(copse_write *write, copse_bytes collection,
                                                         copse_bytes document, copse_buf *ret_id,
                                                         copse_err *err);

/** Replaces the document with the same primary key. NOT_FOUND (at apply): there is none, unless
 * `upsert`, which then inserts as copse_write_insert. At apply else as that, but that the document
 * may be there. */
COPSE_API COPSE_MUST_USE copse_status copse_write_replace(copse_write *write,
                                                          copse_bytes collection,
                                                          copse_bytes document, bool upsert,
                                                          copse_err *err);

/** Deletes the document with the primary key `id`; no matter if there is none. */
COPSE_API COPSE_MUST_USE copse_status copse_write_delete(copse_write *write, copse_bytes collection,
                                                         copse_bytes id, copse_err *err);

/** Ends the conflict of the document with the primary key `id` (database_conflicts.h): its row is
 * dropped, with what waits there; what the document is to become, if not what it is, is another
 * operation. Where documents have versions, one that waited and is in the collection by no other
 * operation is deleted, so that it doesn't come back by a merge. NOT_FOUND (at apply): there is no
 * such conflict. */
COPSE_API COPSE_MUST_USE copse_status copse_write_resolve(copse_write *write,
                                                          copse_bytes collection, copse_bytes id,
                                                          copse_err *err);

/** The number of operations. */
COPSE_API size_t copse_write_count(const copse_write *write);

/** What an apply did. Of documents it counts what came of all operations together: one that was
 * inserted and deleted again counts nowhere. */
typedef struct copse_write_stats {
    uint64_t inserted;
    uint64_t replaced; /**< By a document that differs. */
    uint64_t deleted;
    uint64_t forgotten; /**< Deleted ones (copse_write_forget_deleted). */
    uint64_t index_rows_added;
    uint64_t index_rows_removed;
    uint64_t nodes_written;
    uint64_t bytes_written; /**< Nodes and linked documents. */
} copse_write_stats;

/** How the apply works. Zeroed: in memory of at most limits.sort_memory_bytes_max. */
typedef struct copse_write_options {
    const copse_run_store *runs; /**< Where an index build sorts what doesn't fit. */
    size_t memory_bytes_max;
    /** Unique values are looked at as they are in the end, and not after each operation: so that
     * documents may swap theirs. For who has at most one operation on each document. */
    bool is_unique_in_the_end;
    /** The operations are those of a merge (database_merge.h): of several on one document the last
     * counts, unique values are looked at as they are in the end, and versions are those that come
     * with the operations. */
    bool is_merge;
    /** Who writes, as did:key text, for versions (copse_write_set_merge); len 0: nobody. Their
     * clock is that of the env: without one, writing to such a collection is MISUSE. */
    copse_bytes author;
    /** The author's key; NULL: none. Without `author` it says who that is; MISUSE: another. What is
     * written into collections of signed documents (copse_write_set_signed) is signed with it. In a
     * database with a creator (identity.h) the statements in it say what this key may do
     * (copse_authority_can, by the clock of the env): inserting documents that are not there asks
     * for INSERT; replacing, deleting and resolving for WRITE; all else for ADMIN, in that
     * collection. */
    const copse_key *key;
    /** Told how far an index build is, now and then. NULL: nobody. */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
} copse_write_options;

/** Applies the operations to the database in `tree`: puts the new blocks into `store`, which must
 * be among what the tree's source reads from, and opens the new tree. All or nothing: on failure
 * there is no new tree, and what was put is no part of any. The operations are kept. `options` and
 * `ret_stats` may be NULL. *ret_failed (NULL allowed) is set where a failure is about one
 * operation, to its number from 0: with CONFLICT, NOT_FOUND, DENIED, and CORRUPT or LIMIT of a
 * document; no operation before it fails. DENIED: options.key may not do that; the message says
 * why. WANT: supply the blocks and call again. CORRUPT, LIMIT, IO, NOMEM; MISUSE: a version 1
 * database. */
COPSE_API COPSE_MUST_USE copse_status copse_write_apply(
    copse_write *write, copse_tree *tree, copse_store *store, const copse_write_options *options,
    copse_tree **ret_tree, copse_write_stats *ret_stats, size_t *ret_failed, copse_err *err);

COPSE_EXTERN_C_END

#endif
