/* What 10,000 commits of others cost, from the name of their head on: exact numbers of round trips
 * and blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/history_log.h>
#include <copse/memory_store.h>
#include <copse/merge_base.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/sim_client.h"
#include "support/sim_server.h"

enum { COMMITS = 10000, COMMON = 500, SIDES_EVERY = 10, SIDE_COMMITS = 3 };

/* How a history goes. */
typedef enum counts_shape {
    COUNTS_LINE,
    COUNTS_MERGES /* every SIDES_EVERY commits a side of SIDE_COMMITS, from before, is merged */
} counts_shape;

/* A peer that has COMMON commits and COMMITS more, and a client, which is another for each cost. */
typedef struct counts_world {
    copse_env env;
    uint64_t now_ms; /* of commits */
    copse_store *store;
    copse_source *source;
    copse_cid tree;
    copse_cid line[COMMON]; /* what both have, the oldest first */
    copse_cid head;
    size_t made; /* commits that the peer has alone: COMMITS, or a few more */
    sim_network *network;
    sim_server server;
    sim_client client;
} counts_world;

static uint64_t counts_clock(void *ctx)
{
    return ++((counts_world *)ctx)->now_ms;
}

/* Puts a commit. */
static copse_cid counts_commit(counts_world *world, copse_store *store, copse_source *source,
                               const copse_cid *parents, size_t count)
{
    copse_env env = world->env;
    copse_commit commit;
    copse_block *block = NULL;
    env.clock = counts_clock;
    env.clock_ctx = world;
    assert_int_equal(copse_commit_next(&env, source, &world->tree, parents, count, &commit, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_encode(&world->env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

/* Puts what the peer has alone. Sides leave the line up to 40 commits before they are merged, also
 * before what both have ends. */
static void counts_grow(counts_world *world, counts_shape shape)
{
    copse_cid recent[40];
    world->head = world->line[COMMON - 1];
    for (size_t i = 0; i < 40; i++) {
        recent[i] = world->line[COMMON - 40 + i];
    }
    for (size_t i = 0; world->made < COMMITS; i++) {
        copse_cid parents[2] = {world->head, recent[i % 40]};
        size_t count = shape == COUNTS_MERGES && i % SIDES_EVERY == 0 ? 2 : 1;
        for (size_t j = 0; j < SIDE_COMMITS && count == 2; j++, world->made++) {
            parents[1] = counts_commit(world, world->store, world->source, &parents[1], 1);
        }
        world->head = counts_commit(world, world->store, world->source, parents, count);
        recent[i % 40] = world->head;
        world->made++;
    }
}

static void counts_world_init(counts_world *world, counts_shape shape)
{
    const sim_link link = {.latency_us = 25000};
    copse_block *block = NULL;
    copse_env_init(&world->env);
    assert_int_equal(copse_memory_store_new(&world->env, &world->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(&world->env, world->store, &world->source, NULL), COPSE_OK);
    assert_int_equal(copse_block_of_data(&world->env, COPSE_CODEC_DAG_CBOR,
                                         copse_bytes_of_text("\xa0"), &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(world->store, &block, 1, NULL), COPSE_OK);
    world->tree = *copse_block_cid(block);
    copse_block_unref(block);
    for (size_t i = 0; i < COMMON; i++) {
        world->line[i] = counts_commit(world, world->store, world->source,
                                       i > 0 ? &world->line[i - 1] : NULL, i > 0);
    }
    counts_grow(world, shape);
    world->network = sim_network_new(1);
    sim_network_give_clock(world->network, &world->env);
    sim_server_init(&world->server, &world->env, "blog", world->store, &world->head);
    (void)sim_network_add(world->network,
                          &(sim_peer){.service = &world->server.service, .link = link});
}

static counts_world *counts_world_new(counts_shape shape)
{
    counts_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    counts_world_init(world, shape);
    return world;
}

static void counts_world_free(counts_world *world)
{
    copse_transport_free(sim_network_transport(world->network));
    sim_server_release(&world->server);
    copse_source_free(world->source);
    copse_store_close(world->store);
    free(world);
}

static void counts_copy(copse_store *from, const copse_cid *cid, copse_store *to)
{
    copse_block *block = NULL;
    assert_int_equal(copse_store_get(from, cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(to, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
}

/* Gives the client the last `count` commits that both have, and `own` more on top that it alone
 * has. Returns its head. */
static copse_cid counts_give(counts_world *world, size_t count, size_t own)
{
    copse_store *whole = NULL; /* which skip links are made from */
    copse_source *source = NULL;
    copse_cid head = world->line[COMMON - 1];
    assert_int_equal(copse_memory_store_new(&world->env, &whole, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(&world->env, whole, &source, NULL), COPSE_OK);
    for (size_t i = 0; i < COMMON; i++) {
        counts_copy(world->store, &world->line[i], whole);
        if (i >= COMMON - count) {
            counts_copy(whole, &world->line[i], world->client.store);
        }
    }
    for (size_t i = 0; i < own; i++) {
        head = counts_commit(world, whole, source, &head, 1);
        counts_copy(whole, &head, world->client.store);
    }
    copse_source_free(source);
    copse_store_close(whole);
    return head;
}

/* ---- Costs ----------------------------------------------------------------------------------- */

typedef struct counts_cost {
    uint64_t round_trips; /* each of one request */
    uint64_t blocks;
} counts_cost;

/* Begins with a client that has nothing. */
static void counts_begin(counts_world *world)
{
    sim_client_init(&world->client, &world->env, world->network, 1, NULL);
}

/* Ends it: what it asked for has cost that. */
static void counts_end(counts_world *world, counts_cost expected)
{
    copse_remote_stats stats = copse_remote_get_stats(world->client.remote);
    print_message("round trips %llu, blocks %llu\n", (unsigned long long)stats.round_trips,
                  (unsigned long long)stats.blocks);
    assert_int_equal(stats.refused, 0);
    assert_int_equal(stats.round_trips, expected.round_trips);
    assert_int_equal(stats.requests, expected.round_trips);
    assert_int_equal(stats.blocks, expected.blocks);
    sim_client_release(&world->client);
}

/* Asks what the name stands for, and makes the source for what is read of it. */
static copse_cid counts_head(counts_world *world, copse_source **ret_source)
{
    copse_cid head;
    assert_int_equal(copse_remote_head(world->client.remote, "blog", &head, NULL), COPSE_OK);
    assert_true(copse_cid_equal(&head, &world->head));
    assert_int_equal(
        copse_source_new(&world->env, copse_remote_store(world->client.remote), ret_source, NULL),
        COPSE_OK);
    return head;
}

/* Walks through the newest `count` commits of the peer's head, or all (0). */
static void counts_log(counts_world *world, size_t count, uint64_t first_limit)
{
    copse_source *source = NULL;
    copse_history_log *log = NULL;
    copse_remote_history history = {.limit = first_limit};
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = COPSE_OK;
    counts_begin(world);
    copse_cid head = counts_head(world, &source);
    assert_int_equal(copse_history_log_new(&world->env, source, &head, 1, &log, NULL), COPSE_OK);
    for (size_t i = 0; (count == 0 || i < count) && status != COPSE_END;) {
        status = copse_history_log_next(log, &cid, &commit, NULL);
        i += status == COPSE_OK;
        if (status == COPSE_WANT) {
            status = copse_remote_fetch_history(world->client.remote, source, &history, NULL);
        }
        assert_true(status >= COPSE_OK);
    }
    copse_history_log_free(log);
    copse_source_free(source);
}

/* Finds where the peer's head and the client's part: the client has `count` commits that both have,
 * and 5 of its own. */
static void counts_merge_base(counts_world *world, size_t count)
{
    copse_source *source = NULL;
    copse_merge_base *search = NULL;
    const copse_cid *bases = NULL;
    size_t bases_count = 0;
    copse_status status;
    counts_begin(world);
    const copse_cid ours = counts_give(world, count, 5);
    copse_remote_history history = {.ours = ours};
    copse_cid theirs = counts_head(world, &source);
    assert_int_equal(copse_merge_base_new(&world->env, source, &ours, &theirs, &search, NULL),
                     COPSE_OK);
    while ((status = copse_merge_base_find(search, &bases, &bases_count, NULL)) == COPSE_WANT) {
        assert_int_equal(copse_remote_fetch_history(world->client.remote, source, &history, NULL),
                         COPSE_OK);
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(bases_count, 1);
    assert_true(copse_cid_equal(&bases[0], &world->line[COMMON - 1]));
    copse_merge_base_free(search);
    copse_source_free(source);
}

/* The head is one round trip, its block and that of its tree are another. */

static void test_line(void **state)
{
    (void)state;
    counts_world *world = counts_world_new(COUNTS_LINE);
    counts_log(world, 1, 1);
    counts_end(world, (counts_cost){2, 2});
    counts_log(world, 10, 9);
    counts_end(world, (counts_cost){3, 2 + 9});
    counts_log(world, 0, 0);
    counts_end(world, (counts_cost){3, 1 + world->made + COMMON});
    counts_log(world, 0, 4096); /* as `copse log` asks */
    counts_end(world, (counts_cost){4, 1 + world->made + COMMON});
    counts_merge_base(world, COMMON);
    /* Between the client's milestones, 4 and 8 commits back, lie 3 that it has. */
    counts_end(world, (counts_cost){3, 1 + world->made + 3});
    counts_merge_base(world, 1); /* of a clone: all that it has of what both have is the last */
    counts_end(world, (counts_cost){3, 1 + world->made});
    counts_world_free(world);
}

static void test_merges(void **state)
{
    (void)state;
    counts_world *world = counts_world_new(COUNTS_MERGES);
    counts_log(world, 0, 0);
    counts_end(world, (counts_cost){3, 1 + world->made + COMMON});
    counts_log(world, 0, 4096);
    counts_end(world, (counts_cost){4, 1 + world->made + COMMON});
    counts_merge_base(world, COMMON);
    counts_end(world, (counts_cost){3, 1 + world->made + 3});
    /* Sides that left the line before the clone's commit were merged since: what comes before it is
     * needed, and comes too. */
    counts_merge_base(world, 1);
    counts_end(world, (counts_cost){4, 1 + world->made + COMMON - 1});
    counts_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
