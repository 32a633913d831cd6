/* Databases that queries are answered from, kept open for the next ones.
 *
 * They are found by the root of their tree. All of them read through one node cache, which so holds
 * their catalogues and the branches that planning looks at.
 *
 *   O1  Those in use stay; of the others the COPSE_OPEN_DATABASES_MAX used last.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_OPEN_DATABASES_H
#define COPSE_SERVE_OPEN_DATABASES_H

#include <copse/database.h>

enum { COPSE_OPEN_DATABASES_MAX = 16 };

/** One of them. */
typedef struct copse_open_database {
    copse_database *database;
    copse_tree *tree;
    size_t uses;
    struct copse_open_database *next;
} copse_open_database;

/** Belongs to one thread; stays where it is. A zeroed one may be released. */
typedef struct copse_open_databases {
    copse_env env; /* with a node cache of its own bound */
    copse_source *source;
    copse_node_cache *cache;
    copse_open_database *first; /* that used last */
} copse_open_databases;

/** Readies an empty one. `env` and `store` must outlive it. NOMEM. */
COPSE_MUST_USE copse_status copse_open_databases_init(copse_open_databases *self,
                                                      const copse_env *env, copse_store *store,
                                                      size_t node_cache_bytes_max, copse_err *err);

/** Closes them; none may be in use. */
void copse_open_databases_release(copse_open_databases *self);

/** Opens the database in the tree `root`, or gives the one that is open, to be given back. WANT: a
 * block is not there: the source's want list names it. CORRUPT: no database. IO, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_open_databases_take(copse_open_databases *self,
                                                      const copse_cid *root,
                                                      copse_open_database **ret_database,
                                                      copse_err *err);

/** Gives it back; NULL is allowed. Returns NULL. */
copse_open_database *copse_open_databases_give(copse_open_databases *self,
                                               copse_open_database *database);

#endif
