/* A peer that asks in a simulated network: a remote with a store of its own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_CLIENT_H
#define COPSE_TESTS_SIM_CLIENT_H

#include <copse/remote.h>

#include "support/sim_network.h"

/** Stays where it is. */
typedef struct sim_client {
    const copse_env *env;
    copse_store *store;
    copse_remote *remote;
} sim_client;

/** Makes a remote of the network's first `peers` peers. `store` is where blocks go: it is closed
 * with the client; NULL: a memory store, which keeps them. */
void sim_client_init(sim_client *client, const copse_env *env, sim_network *network, size_t peers,
                     copse_store *store);

/** The network must still be there. */
void sim_client_release(sim_client *client);

/** A database of the client's, opened block by block from a tree's root. */
typedef struct sim_client_database {
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
} sim_client_database;

/** Opens, or fails as copse_remote_fetch; release it in any case. */
copse_status sim_client_open(sim_client *client, const copse_cid *tree,
                             sim_client_database *ret_database, copse_err *err);
void sim_client_close(sim_client_database *database);

/** Counts block by block. Statuses as copse_remote_fetch and copse_query_count. */
copse_status sim_client_count(sim_client *client, sim_client_database *database,
                              const copse_query_options *query, uint64_t *ret_count,
                              copse_err *err);

#endif
