/* A database in memory for tests: opens trees, writes through copse_write, reads JSON.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_WORLD_H
#define COPSE_TESTS_DATABASE_WORLD_H

#include "support/tree_model.h"

#include <copse/database_conflicts.h>
#include <copse/write.h>

/** A tree world with the tree of the database, a write, and a clock and random source that count.
 */
typedef struct database_world {
    tree_world world;
    copse_tree *tree;
    copse_write *write;
    copse_write_options options; /* of applies; zeroed at first */
    copse_write_stats stats;     /* of the last apply */
    copse_err err;               /* of the last apply that failed */
    size_t failed;               /* of the last apply that failed; SIZE_MAX: none was named */
    uint64_t random;             /* the state of the random source */
} database_world;

/** An empty database. `config` NULL: one of small nodes. */
void database_world_init(database_world *db, const copse_tree_config *config);

/** Fails the test if an allocation is left. */
void database_world_release(database_world *db);

static inline const copse_env *database_world_env(const database_world *db)
{
    return &db->world.test.env;
}

/** Gives `env` a clock that stands still and a random source that counts in `state`. */
void database_world_give_random(copse_env *env, uint64_t *state);

/** The encoding of a value in Extended JSON, in QUERY mode; malloc'ed, also if it is empty. */
copse_bytes database_world_value(const char *json);

/** Frees what database_world_value gave. */
void database_world_free(copse_bytes value);

/** Makes db->tree the tree with this root; NULL: an empty one. */
void database_world_reopen(database_world *db, const copse_cid *root);

/* Each adds one operation; fails the test if it is refused. */

void database_world_create(database_world *db, const char *name, const char *primary_key,
                           copse_documents_form documents);
void database_world_insert(database_world *db, const char *collection, const char *json);
void database_world_replace(database_world *db, const char *collection, const char *json,
                            bool upsert);
void database_world_delete(database_world *db, const char *collection, const char *id);

/** `fields` as for copse_sort_spec_parse with arrays; `options`: any of "unique", "link",
 * "filter=JSON", "include=a,b", "unbuilt", separated by blanks; NULL: none. */
void database_world_index(database_world *db, const char *collection, const char *name,
                          const char *fields, const char *options);

/** Applies all operations and forgets them. On OK the tree is the new one. */
copse_status database_world_apply(database_world *db);

/** Applies and fails the test unless it is OK. */
void database_world_commit(database_world *db);

/** The document with this primary key as JSON, malloc'ed; NULL: there is none. */
char *database_world_get(database_world *db, const char *collection, const char *id);

/** The numbers of documents of a collection and of entries of an index. */
uint64_t database_world_count(database_world *db, const char *collection);
uint64_t database_world_index_count(database_world *db, const char *collection, const char *index);

typedef void (*database_world_conflict_fn)(void *ctx, const copse_document_conflict *conflict);

/** Gives the conflicts of a collection (NULL: of all) to `visit` (NULL: to none), and returns their
 * number. Fails the test unless they can be read to their end. */
size_t database_world_conflicts(database_world *db, const char *collection,
                                database_world_conflict_fn visit, void *ctx);

#endif
