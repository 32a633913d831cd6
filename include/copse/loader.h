/* Loading many documents into a collection that is empty or not there yet: documents and index rows
 * are sorted in bounded memory and built in one pass. The tree is the very one that inserting the
 * documents one by one (write.h) makes.
 *
 *     copse_loader_new(tree, store, posts, id, COPSE_DOCUMENTS_INLINE, 0, &runs, &loader, &err);
 *     for each line: copse_loader_add(loader, document, line, &err);
 *     copse_loader_finish(loader, &loaded, &stats, &conflict, &err);
 *
 * Memory: that of the sorter, one document with its rows, up to 2 MiB of linked documents, and a
 * path of the tree.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_LOADER_H
#define COPSE_LOADER_H

#include <copse/sorter.h>
#include <copse/write.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_loader copse_loader;

/** Makes a loader for `collection`, which has no documents in `tree`; its definition and indexes
 * are kept, or it is made as `primary_key` and `documents` say. `memory_bytes_max` and `runs` as
 * for copse_sorter_new. `tree` and `store` must stay open until the loader is freed. Blocks of
 * linked documents go into `store` as they come. CONFLICT: it has documents, or rows of deleted
 * ones. MISUSE: too little memory, a tree that Copse does not write, or documents of the collection
 * have versions (copse_write_set_merge), of the time at which the loader is made, and there is no
 * clock. WANT: supply and call again. CORRUPT: no database,
 * or a bad name or primary key. IO, LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_loader_new(copse_tree *tree, copse_store *store, copse_bytes collection,
                 copse_bytes primary_key, copse_documents_form documents, size_t memory_bytes_max,
                 const copse_run_store *runs, copse_loader **ret_loader, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_loader *copse_loader_free(copse_loader *loader);

/** Sets who writes, as did:key text, for versions (copse_write_options.author): before the first
 * document is added; else, or of more than COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX bytes, MISUSE. NOMEM.
 * On failure it is as before. */
COPSE_API COPSE_MUST_USE copse_status copse_loader_set_author(copse_loader *loader,
                                                              copse_bytes author, copse_err *err);

/** Likewise sets the author's key, by which documents of a collection of signed ones
 * (copse_write_set_signed) are signed; it must stay until the loader is freed. */
COPSE_API COPSE_MUST_USE copse_status copse_loader_set_key(copse_loader *loader,
                                                           const copse_key *key, copse_err *err);

/** Sets who is told of the sorter's progress. */
COPSE_API void copse_loader_on_progress(copse_loader *loader, copse_sorter_progress_fn progress,
                                        void *ctx);

/** Adds a document (copied). `tag`: any number, such as its line, that tells it apart in a
 * conflict. A missing `_id` becomes a new ObjectId. CORRUPT: no document, no primary key, parallel
 * arrays; LIMIT: too large a document, key or row: the loader goes on without it. MISUSE: it was
 * finished, or there is no clock or random source for an ObjectId: goes on likewise. DENIED:
 * documents of the collection are signed, and there is no key: likewise. NOMEM, IO, another failure
 * of the store or the run store, or LIMIT because the memory is full and there is no run store: it
 * is poisoned and repeats that failure. */
COPSE_API COPSE_MUST_USE copse_status copse_loader_add(copse_loader *loader, copse_bytes document,
                                                       uint64_t tag, copse_err *err);

/** The tags of the two documents that copse_loader_finish found in conflict, in the order of their
 * rows: of one primary key, the one that was added first comes first. */
typedef struct copse_loader_conflict {
    uint64_t tag_first;
    uint64_t tag_second;
} copse_loader_conflict;

/** Builds: puts the blocks into `store` and opens the tree with the collection in it. The loader
 * can then only be freed. `ret_stats` and `ret_conflict` may be NULL. CONFLICT: two documents have
 * one primary key, or equal values in a unique index; the message says which, and *ret_conflict
 * where they came from: the first conflict in key order, primary keys before indexes. DENIED: in a
 * database with a creator the author may not insert there, or not make the collection
 * (copse_authority_can); whether the author is who signs is for the caller to see. WANT: supply,
 * also from `store`, and call again; nothing is sorted or built twice. CORRUPT, IO, LIMIT, NOMEM,
 * those of the stores: after these, as after CONFLICT, it can only be freed. */
COPSE_API COPSE_MUST_USE copse_status copse_loader_finish(copse_loader *loader,
                                                          copse_tree **ret_tree,
                                                          copse_write_stats *ret_stats,
                                                          copse_loader_conflict *ret_conflict,
                                                          copse_err *err);

COPSE_EXTERN_C_END

#endif
