/* The catalogue of a database: its collections and indexes, read from the first rows of its tree.
 *
 * Format: docs/formats/database.md, "The catalogue". Each index comes with its deriver, so that a
 * catalogue that was read holds only definitions that work.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_CATALOGUE_H
#define COPSE_DOC_CATALOGUE_H

#include "base/arena.h"
#include "index/entries.h"

#include <copse/database.h>
#include <copse/identity.h>

/** The version of the key space that is written. */
#define COPSE_DATABASE_VERSION 2

/** A collection of the catalogue; stays where it is until it is removed. */
typedef struct copse_catalogue_collection {
    copse_collection collection; /**< What is lent; `indexes` are the derivers' definitions. */
    copse_index_definition *definitions;
    copse_index_deriver **derivers; /**< In the order of `indexes`. */
    size_t definitions_capacity;
    size_t derivers_capacity;
    copse_arena arena;
    bool is_new; /**< The writer's: the tree that is written to holds nothing of it. */
} copse_catalogue_collection;

/** Belongs to one thread. A zeroed one is empty, but needs `env` before it is filled. */
typedef struct copse_catalogue {
    const copse_env *env;
    copse_catalogue_collection **collections; /**< In the order of their names. */
    size_t count;
    size_t capacity;
    bool has_header;         /**< The tree is not empty. */
    bool has_identity;       /**< The database has a creator. */
    copse_identity identity; /**< As it stands there: whether it is signed nobody has looked. */
} copse_catalogue;

/** Whether documents of a collection with this policy have rows of versions. */
static inline bool copse_merge_has_versions(copse_merge_policy policy)
{
    return policy == COPSE_MERGE_LWW || policy == COPSE_MERGE_FIELD_WISE;
}

/** Reads the catalogue of `tree` into an empty `catalogue`. WANT; CORRUPT: not a database, or one
 * of another version; IO, LIMIT, NOMEM: it is as before. */
COPSE_MUST_USE copse_status copse_catalogue_read(copse_catalogue *catalogue, copse_tree *tree,
                                                 copse_err *err);

/** Reads one row, in the order of keys: for who checks a catalogue. CORRUPT: it is none; then it is
 * passed over. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_catalogue_read_row(copse_catalogue *catalogue, copse_bytes key,
                                                     copse_bytes value, copse_err *err);

/** Frees all that is in it. */
void copse_catalogue_release(copse_catalogue *catalogue);

/** The collection `name`, or NULL. */
copse_catalogue_collection *copse_catalogue_find(const copse_catalogue *catalogue,
                                                 copse_bytes name);

/** Adds a collection that is not there. CORRUPT: a bad name or primary key. NOMEM. */
COPSE_MUST_USE copse_status copse_catalogue_add(copse_catalogue *catalogue, copse_bytes name,
                                                copse_bytes primary_key,
                                                copse_documents_form documents,
                                                copse_catalogue_collection **ret_collection,
                                                copse_err *err);

/** Removes and frees a collection. */
void copse_catalogue_remove(copse_catalogue *catalogue, copse_catalogue_collection *collection);

/** The position of the index `name`; SIZE_MAX: there is none. */
size_t copse_catalogue_find_index(const copse_catalogue_collection *collection, copse_bytes name);

/** Adds an index that is not there, with its deriver, copied. Statuses of copse_index_deriver_new.
 */
COPSE_MUST_USE copse_status copse_catalogue_add_index(copse_catalogue_collection *collection,
                                                      const copse_index_definition *definition,
                                                      copse_err *err);

/** Removes index number `position`. */
void copse_catalogue_remove_index(copse_catalogue_collection *collection, size_t position);

/** CONFLICT: the tree holds data of the collection `name`, also of documents that were deleted.
 * WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_catalogue_check_empty(copse_tree *tree, copse_bytes name,
                                                        copse_err *err);

/** CORRUPT: `primary_key` can't be the name of a primary key: it is no path of one part. */
COPSE_MUST_USE copse_status copse_catalogue_check_primary(copse_bytes primary_key, copse_err *err);

#endif
