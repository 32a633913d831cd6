/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <copse/memory_store.h>

void sim_client_init(sim_client *client, const copse_env *env, sim_network *network, size_t peers,
                     copse_store *store)
{
    char urls[SIM_PEERS_MAX][SIM_URL_SIZE];
    const char *pointers[SIM_PEERS_MAX];
    copse_err err = {0};
    *client = (sim_client){.env = env, .store = store};
    for (size_t i = 0; i < peers; i++) {
        pointers[i] = sim_network_url(i, urls[i]);
    }
    if (store == NULL) {
        assert_int_equal(copse_memory_store_new(env, &client->store, NULL), COPSE_OK);
    }
    const copse_remote_options options = {
        .peers = pointers,
        .peers_count = peers,
        .transport = sim_network_transport(network),
        .store = client->store,
        .store_keeps = store == NULL,
    };
    copse_status status = copse_remote_new(env, &options, &client->remote, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
}

void sim_client_release(sim_client *client)
{
    client->remote = copse_remote_free(client->remote);
    client->store = copse_store_close(client->store);
}

/* ---- Block by block -------------------------------------------------------------------------- */

/* After `status` of an operation: whether to call it again. */
static bool client_again(sim_client *client, sim_client_database *database, copse_status *status,
                         copse_err *err)
{
    if (*status != COPSE_WANT) {
        return false;
    }
    *status = copse_remote_fetch(client->remote, database->source, err);
    return *status == COPSE_OK;
}

copse_status sim_client_open(sim_client *client, const copse_cid *tree,
                             sim_client_database *ret_database, copse_err *err)
{
    sim_client_database *self = ret_database;
    copse_status status;
    *self = (sim_client_database){.source = NULL};
    assert_int_equal(
        copse_source_new(client->env, copse_remote_store(client->remote), &self->source, NULL),
        COPSE_OK);
    assert_int_equal(copse_node_cache_new(client->env, self->source, &self->cache, NULL), COPSE_OK);
    do {
        status = copse_tree_open(self->cache, tree, &self->tree, err);
    } while (client_again(client, self, &status, err));
    if (status != COPSE_OK) {
        return status;
    }
    do {
        status = copse_database_open(self->tree, &self->database, err);
    } while (client_again(client, self, &status, err));
    return status;
}

void sim_client_close(sim_client_database *database)
{
    copse_database_close(database->database);
    copse_tree_close(database->tree);
    copse_node_cache_free(database->cache);
    copse_source_free(database->source);
    *database = (sim_client_database){.source = NULL};
}

copse_status sim_client_count(sim_client *client, sim_client_database *database,
                              const copse_query_options *options, uint64_t *ret_count,
                              copse_err *err)
{
    copse_query *query = NULL;
    copse_status status = copse_query_new(client->env, options, &query, err);
    if (status == COPSE_OK) {
        do {
            status = copse_query_count(query, database->database, ret_count, NULL, NULL, err);
        } while (client_again(client, database, &status, err));
    }
    copse_query_free(query);
    return status;
}
