/* Checking a database: blocks, tree, catalogue, documents, and each index against its documents.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DATABASE_CHECK_H
#define COPSE_DATABASE_CHECK_H

#include <copse/check.h>
#include <copse/database.h>

COPSE_EXTERN_C_BEGIN

/** What is wrong. The name of each stands in copse_database_defect_name. */
typedef enum copse_database_defect_kind {
    COPSE_DATABASE_DEFECT_TREE,           /**< The tree itself (check.h); the message names it. */
    COPSE_DATABASE_DEFECT_HEADER,         /**< No row 00 00, or not that of a database. */
    COPSE_DATABASE_DEFECT_KEY,            /**< A key that is none of the key space. */
    COPSE_DATABASE_DEFECT_COLLECTION,     /**< The row of a collection is malformed. */
    COPSE_DATABASE_DEFECT_INDEX,          /**< The definition of an index is malformed. */
    COPSE_DATABASE_DEFECT_NO_COLLECTION,  /**< Data or an index of a collection that isn't there. */
    COPSE_DATABASE_DEFECT_NO_INDEX,       /**< Rows of an index that isn't there, or not built. */
    COPSE_DATABASE_DEFECT_DOCUMENT_FORM,  /**< Inline where it must be linked, or the reverse. */
    COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK, /**< A linked document's block is missing or damaged. */
    COPSE_DATABASE_DEFECT_DOCUMENT_VALUE, /**< Not a document, or not as values must be. */
    COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS, /**< Chunks of the wrong size, or too few. */
    COPSE_DATABASE_DEFECT_PRIMARY_KEY,   /**< The key is not order(primary key), or it has none. */
    COPSE_DATABASE_DEFECT_ENTRY_MISSING, /**< A document lacks a row in an index. */
    COPSE_DATABASE_DEFECT_ENTRY_EXTRA,   /**< A row that no document makes. */
    COPSE_DATABASE_DEFECT_ENTRY_VALUE,   /**< A row with another value than its document makes. */
    COPSE_DATABASE_DEFECT_MARK_MISSING,
    COPSE_DATABASE_DEFECT_MARK_EXTRA,
    COPSE_DATABASE_DEFECT_UNIQUE,          /**< Two documents have the values of a unique index. */
    COPSE_DATABASE_DEFECT_PARALLEL_ARRAYS, /**< A document that an index can't hold: arrays in two
                                                fields, too many entries, too long a key. */
    COPSE_DATABASE_DEFECT_VERSION,  /**< A row of versions is malformed, is not one of its document,
                                         has a wrong signature, or is in a collection without; or a
                                         signature is missing in a collection of signed ones. */
    COPSE_DATABASE_DEFECT_CONFLICT, /**< The row of a conflict is malformed, or has documents of
                                         another primary key. */
    COPSE_DATABASE_DEFECT_STATEMENTS /**< A row of statements is malformed, or one of them is not
                                          well signed. */
} copse_database_defect_kind;

/** One finding; valid during the call. */
typedef struct copse_database_defect {
    copse_database_defect_kind kind;
    copse_bytes collection; /**< len 0: about none. */
    copse_bytes index;      /**< len 0: about none. */
    copse_bytes id;         /**< The document's primary key, one item; len 0: about none. */
    copse_bytes key;        /**< The row's key; len 0: about none. */
    const char *message;    /**< One line. */
} copse_database_defect;

/** "entry-missing" and so on; static storage. */
COPSE_API const char *copse_database_defect_name(copse_database_defect_kind kind);

typedef struct copse_database_check_options {
    /** Any status but OK ends the check and is returned. NULL: only counts. */
    copse_status (*found)(void *ctx, const copse_database_defect *defect, copse_err *err);
    void *found_ctx;
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
} copse_database_check_options;

typedef struct copse_database_check_stats {
    uint64_t documents;
    uint64_t index_rows;
    uint64_t collections;
    uint64_t indexes;
    uint64_t defects;
} copse_database_check_stats;

/** Checks all of the database at `root` in `store`: every block is hashed again. OK also if there
 * are defects; one that makes another impossible to tell is told alone: nothing behind the tree if
 * nodes of it can't be read, no rows of a document that can't, none of a collection or index whose
 * definition can't. Of a database of version 1, tree and records are checked. Memory is bounded: an
 * index is compared with its documents by a sum of keyed hashes first, and only where they differ
 * row by row. `options` and `ret_stats` may be NULL. `root` must be readable: NOT_FOUND, CORRUPT.
 * MISUSE, LIMIT, IO, NOMEM; what `found` returned. */
COPSE_API COPSE_MUST_USE copse_status
copse_database_check(const copse_env *env, copse_store *store, const copse_cid *root,
                     const copse_database_check_options *options,
                     copse_database_check_stats *ret_stats, copse_err *err);

COPSE_EXTERN_C_END

#endif
