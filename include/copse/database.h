/* A database: collections of documents with indexes, in one tree.
 *
 * Format: docs/formats/database.md. A database is opened on a tree and is as immutable as that:
 * writing (write.h) makes another tree. Reads return COPSE_WANT where a block is not present.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DATABASE_H
#define COPSE_DATABASE_H

#include <copse/identity.h>
#include <copse/index.h>
#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** An open database: the catalogue of a tree, read once. Belongs to the tree's thread. */
typedef struct copse_database copse_database;

/** How a collection keeps its documents. */
typedef enum copse_documents_form {
    COPSE_DOCUMENTS_INLINE, /**< Up to COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX in the leaf, larger ones
                                 in a block of their own. */
    COPSE_DOCUMENTS_LINKED  /**< Always a block of its own. */
} copse_documents_form;

#define COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX 1024

/** What becomes of a document of a collection that two sides have changed (database_merge.h). */
typedef enum copse_merge_policy {
    COPSE_MERGE_THREE_WAY, /**< By what each side changed since the common base; else a conflict. */
    COPSE_MERGE_UNION,     /**< Both sides' documents; nothing is deleted. */
    COPSE_MERGE_LWW,       /**< The version that was written last, of the whole document. */
    COPSE_MERGE_FIELD_WISE /**< The value that was written last, of each field of the document. */
} copse_merge_policy;

/** Its name: "three-way", "union", "lww" or "field-wise". */
COPSE_API const char *copse_merge_policy_name(copse_merge_policy policy);

/** Whether there is a policy of this name; which, in *ret_policy. */
COPSE_API bool copse_merge_policy_find(copse_bytes name, copse_merge_policy *ret_policy);

#define COPSE_TOMBSTONE_DAYS_MAX 36500

/** A collection, lent by the database. */
typedef struct copse_collection {
    copse_bytes name;
    copse_bytes primary_key; /**< The field of the document itself that is the primary key: "_id".
                                  len 0 in version 1, where it stands nowhere. */
    copse_documents_form documents;
    copse_merge_policy merge;
    uint32_t tombstone_days; /**< After so many days a deletion may be forgotten; 0: never. At most
                                  COPSE_TOMBSTONE_DAYS_MAX. */
    uint64_t forgotten_ms; /**< Deletions from before that time of Unix, in milliseconds, have been
                                forgotten; 0: none ever was. */
    bool is_signed; /**< Of all documents, and deletions, the author signs what he wrote: only where
                         `merge` is LWW, in a database with a creator (copse_write_set_signed). */
    const copse_index_definition *indexes; /**< In the order of their names. */
    size_t indexes_count;
} copse_collection;

/** Reads the catalogue of `tree`, which must stay open until the database is closed. An empty tree
 * is a database without collections. WANT: supply and call again. CORRUPT: not a database, or a
 * version that this Copse doesn't know. IO, NOMEM, LIMIT. */
COPSE_API COPSE_MUST_USE copse_status copse_database_open(copse_tree *tree,
                                                          copse_database **ret_database,
                                                          copse_err *err);

/** Closes it; queries on it must be gone. NULL is allowed. Returns NULL. */
COPSE_API copse_database *copse_database_close(copse_database *database);

COPSE_API copse_tree *copse_database_tree(const copse_database *database);

/** 2, or 1 for those of ipld-prolly-indexer, which are read only and have no indexes here. */
COPSE_API uint64_t copse_database_version(const copse_database *database);

/** Who made the database, as its first row says; valid until the database is closed. NULL: it has
 * no creator. Whether it is signed, copse_identity_verify finds out, and copse_database_check. */
COPSE_API const copse_identity *copse_database_identity(const copse_database *database);

/** The collections in the order of their names; valid until the database is closed. */
COPSE_API const copse_collection *copse_database_collections(const copse_database *database,
                                                             size_t *ret_count);

/** The collection `name`, valid until the database is closed; NULL: there is none. */
COPSE_API const copse_collection *copse_database_collection(const copse_database *database,
                                                            copse_bytes name);

/** The number of documents in a collection: two paths of the tree. WANT, CORRUPT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_database_count(copse_database *database,
                                                           const copse_collection *collection,
                                                           uint64_t *ret_count, copse_err *err);

/** The number of entries of an index. */
COPSE_API COPSE_MUST_USE copse_status copse_database_index_count(
    copse_database *database, const copse_collection *collection,
    const copse_index_definition *index, uint64_t *ret_count, copse_err *err);

/** A document, wherever its bytes are. Zeroed at first; release it at the end. */
typedef struct copse_document {
    copse_bytes encoded; /**< One strict map; valid until the next call with this document that
                              returns OK, or its release; if it is inline, only until the next call
                              that reads through the database's node cache. */
    copse_block *block;  /**< Of a linked document. */
    copse_buf buf;       /**< Of one in chunks. */
} copse_document;

/** Frees and zeroes it; NULL and a zeroed one are allowed. */
COPSE_API void copse_document_release(copse_document *document);

/** Gets the document whose primary key is `id`, one value. NOT_FOUND; WANT: *document is unchanged.
 * CORRUPT: also an `id` that can't be one. LIMIT: limits.document_size_bytes_max. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_database_get(copse_database *database,
                                                         const copse_collection *collection,
                                                         copse_bytes id, copse_document *document,
                                                         copse_err *err);

/** Gets the document that the row value `value` of the tree holds or leads to: a map, a link, or a
 * list of links to chunks. As copse_database_get; for who scans the documents' range. */
COPSE_API COPSE_MUST_USE copse_status copse_document_load(copse_database *database,
                                                          copse_bytes value,
                                                          copse_document *document, copse_err *err);

COPSE_EXTERN_C_END

#endif
