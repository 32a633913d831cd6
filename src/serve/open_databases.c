/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/open_databases.h"

#include "base/alloc.h"
#include "base/err.h"

copse_status copse_open_databases_init(copse_open_databases *self, const copse_env *env,
                                       copse_store *store, size_t node_cache_bytes_max,
                                       copse_err *err)
{
    *self = (copse_open_databases){.env = *env};
    if (self->env.limits.node_cache_bytes_max > node_cache_bytes_max) {
        self->env.limits.node_cache_bytes_max = node_cache_bytes_max;
    }
    copse_status status = copse_source_new(&self->env, store, &self->source, err);
    return status == COPSE_OK ? copse_node_cache_new(&self->env, self->source, &self->cache, err)
                              : status;
}

static void open_databases_close(copse_open_databases *self, copse_open_database *database)
{
    copse_database_close(database->database);
    copse_tree_close(database->tree);
    copse_free(&self->env, database, sizeof *database);
}

/* Closes all that are not in use but the first `keep` (O1). */
static void open_databases_trim(copse_open_databases *self, size_t keep)
{
    copse_open_database **link = &self->first;
    while (*link != NULL) {
        copse_open_database *database = *link;
        if (database->uses > 0) {
            link = &database->next;
        } else if (keep > 0) {
            keep--;
            link = &database->next;
        } else {
            *link = database->next;
            open_databases_close(self, database);
        }
    }
}

void copse_open_databases_release(copse_open_databases *self)
{
    open_databases_trim(self, 0);
    self->cache = copse_node_cache_free(self->cache);
    self->source = copse_source_free(self->source);
}

/* Takes the database out of the list; NULL: it is not open. */
static copse_open_database *open_databases_remove(copse_open_databases *self, const copse_cid *root)
{
    for (copse_open_database **link = &self->first; *link != NULL; link = &(*link)->next) {
        copse_open_database *database = *link;
        if (copse_cid_equal(copse_tree_root(database->tree), root)) {
            *link = database->next;
            return database;
        }
    }
    return NULL;
}

static copse_status open_databases_open(copse_open_databases *self, const copse_cid *root,
                                        copse_open_database **ret_database, copse_err *err)
{
    copse_open_database *database = copse_alloc_zeroed(&self->env, sizeof *database);
    if (database == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_tree_open(self->cache, root, &database->tree, err);
    if (status == COPSE_OK) {
        status = copse_database_open(database->tree, &database->database, err);
    }
    if (status != COPSE_OK) {
        open_databases_close(self, database);
        return status;
    }
    *ret_database = database;
    return COPSE_OK;
}

copse_status copse_open_databases_take(copse_open_databases *self, const copse_cid *root,
                                       copse_open_database **ret_database, copse_err *err)
{
    copse_open_database *database = open_databases_remove(self, root);
    if (database == NULL) {
        copse_status status = open_databases_open(self, root, &database, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    database->uses++;
    database->next = self->first;
    self->first = database;
    *ret_database = database;
    return COPSE_OK;
}

copse_open_database *copse_open_databases_give(copse_open_databases *self,
                                               copse_open_database *database)
{
    if (database != NULL) {
        database->uses--;
        open_databases_trim(self, COPSE_OPEN_DATABASES_MAX);
    }
    return NULL;
}
