/* A database with all kinds of rows, to be damaged row by row.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_PLANT_H
#define COPSE_TESTS_DATABASE_PLANT_H

#include "support/database_world.h"

#include <copse/batch.h>

typedef struct plant_world {
    database_world db;
    copse_batch *batch;
    copse_store *damaged; /* a fault store over what the world's has */
    copse_cid target;     /* a block to hide or garble; size 0: none */
    bool is_hidden;
} plant_world;

/** A key or value in the making. */
typedef struct plant_bytes {
    uint8_t bytes[8192];
    size_t len;
} plant_bytes;

/** A sound database of five collections: notes (linked, with versions: documents 1 and 2, 3 that
 * was deleted, 4 that waits in a conflict), posts (inline, indexes tags, n, odd), links (linked,
 * index n that holds links), pairs (index ab; marks), large (one document in three chunks). */
void database_plant_init(plant_world *plant);

void database_plant_release(plant_world *plant);

/** Borrows. */
copse_bytes database_plant_view(const plant_bytes *bytes);

/** The encoding of Extended JSON. */
plant_bytes database_plant_value(const char *json);

/* Keys of rows. */
plant_bytes database_plant_document_key(plant_world *plant, const char *collection, const char *id);

plant_bytes database_plant_version_key(plant_world *plant, const char *collection, const char *id);
plant_bytes database_plant_conflict_key(plant_world *plant, const char *collection, const char *id);

/** `index` NULL: of the collection. */
plant_bytes database_plant_catalogue_key(plant_world *plant, const char *collection,
                                         const char *index);

/** Row number `number` of an index, of its entries or of all (marks come first), and its value
 * (NULL allowed). */
plant_bytes database_plant_row(plant_world *plant, const char *collection, const char *index,
                               uint64_t number, bool entries, plant_bytes *ret_value);

/* What is collected for database_plant_apply. */
void database_plant_put(plant_world *plant, plant_bytes key, plant_bytes value);

/** Puts null under a key. */
void database_plant_put_raw(plant_world *plant, const char *key, size_t size);

void database_plant_delete(plant_world *plant, plant_bytes key);

/** The value of a row of the sound database. */
plant_bytes database_plant_get(plant_world *plant, plant_bytes key);

/** Stores `data` and appends the link to it. */
void database_plant_link(plant_world *plant, uint64_t codec, copse_bytes data, plant_bytes *value);

/** Makes the block of a linked document the one that is garbled, or hidden if is_hidden. */
void database_plant_target_document(plant_world *plant, const char *collection, const char *id);

/** Applies all that, and gives the root; plant->damaged is the store to read it from, to be closed.
 */
copse_cid database_plant_apply(plant_world *plant);

#endif
