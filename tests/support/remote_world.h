/* A remote over scripted peers (script_transport.h), with what it needs: a database that the peers
 * have, a store of its own, heads that are remembered.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_REMOTE_WORLD_H
#define COPSE_TESTS_REMOTE_WORLD_H

#include "support/script_transport.h"

#include <copse/remote.h>

/** A database of 300 posts (answer_support.h), and two commits of it, one on top of the other.
 * Lasts through many remotes. */
typedef struct remote_world {
    answer_world world;
    copse_cid older;
    copse_cid newer;
} remote_world;

void remote_world_init(remote_world *world);
void remote_world_release(remote_world *world);

/** What remembers heads: one address. */
typedef struct remote_heads {
    copse_remote_heads heads;
    char address[64];
    copse_cid head; /* size 0: none */
    uint64_t seen_ms;
} remote_heads;

void remote_heads_init(remote_heads *heads);

/** How a remote is made. */
typedef struct remote_setup {
    const copse_env *env;
    size_t peers_count; /* all have the world, and name its newer commit */
    bool offline;
    copse_store *store;
    bool store_keeps;
    const remote_heads *heads;
} remote_setup;

/** A remote with its peers. */
typedef struct remote_client {
    script_transport *script;
    copse_remote *remote; /* NULL: NOMEM */
} remote_client;

/** Makes them; fails the test but for NOMEM. */
copse_status remote_client_init(remote_client *client, remote_world *world,
                                const remote_setup *setup);

/** Frees them; fails the test if a request is still under way. */
void remote_client_release(remote_client *client);

/** How a query ended. */
typedef struct remote_found {
    copse_status status; /* END: it was answered */
    uint64_t count;      /* documents */
    copse_remote_way way;
    copse_cid root;
    copse_remote_stats stats; /* of this query alone */
    copse_result_stats result;
    copse_err err;
} remote_found;

/** Asks `query` of `root`; NULL: of the name "blog". Each document must be what the query gives on
 * the world, and at END all must have come; without a sort, in any order. */
remote_found remote_client_find(remote_client *client, remote_world *world,
                                const copse_query_options *query, const copse_cid *root,
                                bool blocks_only);

#endif
