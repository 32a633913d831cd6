/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/remote_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer_support.h"
#include "support/sim_client.h"
#include "support/sim_server.h"

typedef enum counts_query {
    COUNTS_TAG,    /* the 32 newest of a tag */
    COUNTS_AUTHOR, /* the 20 newest of an author */
    COUNTS_MONTH,  /* all of a month */
    COUNTS_GET,    /* one by its _id */
    COUNTS_COUNT,  /* how many of a tag; block by block only */
    COUNTS_QUERIES
} counts_query;

static const char *const counts_names[COUNTS_QUERIES] = {"TAG", "AUTHOR", "MONTH", "GET", "COUNT"};

typedef struct counts_cost {
    uint64_t blocks;
    uint64_t bytes; /* of these */
    uint64_t round_trips;
} counts_cost;

/* One row of the table. */
typedef struct counts_row {
    uint64_t posts;
    bool random_ids;
    bool linked;
    counts_query query;
    counts_cost by_answer;
    counts_cost by_blocks;
} counts_row;

/* Posts, random ids, linked, query; by answer and block by block: blocks, their bytes, round trips.
 */
static const counts_row counts_table[] = {
    {1000, false, false, COUNTS_TAG, {38, 79851, 1}, {38, 79851, 8}},
    {1000, false, false, COUNTS_AUTHOR, {31, 63047, 1}, {31, 63047, 11}},
    {1000, false, false, COUNTS_MONTH, {15, 30471, 1}, {15, 30471, 11}},
    {1000, false, false, COUNTS_GET, {6, 11526, 1}, {6, 11526, 6}},
    {1000, false, false, COUNTS_COUNT, {0, 0, 0}, {8, 16809, 7}},
    {1000, true, false, COUNTS_TAG, {42, 86573, 1}, {43, 89042, 8}},
    {1000, true, false, COUNTS_AUTHOR, {32, 70825, 1}, {33, 72952, 8}},
    {1000, true, false, COUNTS_MONTH, {40, 85997, 1}, {40, 85997, 10}},
    {1000, true, false, COUNTS_GET, {6, 10170, 1}, {6, 10170, 6}},
    {1000, true, false, COUNTS_COUNT, {0, 0, 0}, {9, 15684, 7}},
    {1000, false, true, COUNTS_TAG, {43, 29601, 1}, {43, 29601, 9}},
    {1000, false, true, COUNTS_AUTHOR, {41, 44823, 1}, {41, 44823, 11}},
    {1000, false, true, COUNTS_MONTH, {37, 24244, 1}, {37, 24244, 10}},
    {1000, false, true, COUNTS_GET, {6, 8601, 1}, {6, 8601, 6}},
    {1000, false, true, COUNTS_COUNT, {0, 0, 0}, {9, 17279, 7}},
    {1000, true, true, COUNTS_TAG, {42, 26559, 1}, {42, 26559, 7}},
    {1000, true, true, COUNTS_AUTHOR, {43, 51861, 1}, {44, 54179, 8}},
    {1000, true, true, COUNTS_MONTH, {56, 64455, 1}, {56, 64455, 12}},
    {1000, true, true, COUNTS_GET, {6, 7834, 1}, {6, 7834, 6}},
    {1000, true, true, COUNTS_COUNT, {0, 0, 0}, {9, 14915, 7}},
    {10000, false, false, COUNTS_TAG, {43, 89006, 1}, {44, 90345, 12}},
    {10000, false, false, COUNTS_AUTHOR, {45, 90129, 1}, {46, 91213, 11}},
    {10000, false, false, COUNTS_MONTH, {68, 134347, 1}, {68, 134347, 17}},
    {10000, false, false, COUNTS_GET, {8, 13740, 1}, {8, 13740, 8}},
    {10000, false, false, COUNTS_COUNT, {0, 0, 0}, {13, 26542, 10}},
    {10000, true, false, COUNTS_TAG, {73, 147962, 1}, {73, 147962, 11}},
    {10000, true, false, COUNTS_AUTHOR, {51, 112221, 1}, {52, 113185, 11}},
    {10000, true, false, COUNTS_MONTH, {339, 726867, 1}, {339, 726867, 15}},
    {10000, true, false, COUNTS_GET, {8, 11953, 1}, {8, 11953, 8}},
    {10000, true, false, COUNTS_COUNT, {0, 0, 0}, {12, 21043, 10}},
    {10000, false, true, COUNTS_TAG, {44, 31117, 1}, {45, 32657, 9}},
    {10000, false, true, COUNTS_AUTHOR, {54, 70733, 1}, {55, 71817, 11}},
    {10000, false, true, COUNTS_MONTH, {312, 144727, 1}, {312, 144727, 18}},
    {10000, false, true, COUNTS_GET, {8, 9584, 1}, {8, 9584, 8}},
    {10000, false, true, COUNTS_COUNT, {0, 0, 0}, {13, 24892, 10}},
    {10000, true, true, COUNTS_TAG, {44, 31116, 1}, {45, 32554, 10}},
    {10000, true, true, COUNTS_AUTHOR, {61, 85445, 1}, {62, 86409, 11}},
    {10000, true, true, COUNTS_MONTH, {505, 531766, 1}, {505, 531766, 17}},
    {10000, true, true, COUNTS_GET, {8, 9900, 1}, {8, 9900, 8}},
    {10000, true, true, COUNTS_COUNT, {0, 0, 0}, {12, 23235, 10}},
    {100000, false, false, COUNTS_TAG, {44, 93132, 1}, {46, 96698, 14}},
    {100000, false, false, COUNTS_AUTHOR, {62, 133079, 1}, {63, 134903, 14}},
    {100000, false, false, COUNTS_MONTH, {556, 1149566, 1}, {556, 1149566, 41}},
    {100000, false, false, COUNTS_GET, {9, 16494, 1}, {9, 16494, 9}},
    {100000, false, false, COUNTS_COUNT, {0, 0, 0}, {16, 30183, 13}},
    {100000, true, false, COUNTS_TAG, {96, 201492, 1}, {97, 203288, 14}},
    {100000, true, false, COUNTS_AUTHOR, {65, 140425, 1}, {65, 140425, 13}},
    {100000, true, false, COUNTS_MONTH, {3318, 7336916, 1}, {3318, 7336916, 40}},
    {100000, true, false, COUNTS_GET, {9, 15421, 1}, {9, 15421, 9}},
    {100000, true, false, COUNTS_COUNT, {0, 0, 0}, {15, 27050, 12}},
    {100000, false, true, COUNTS_TAG, {47, 38386, 1}, {48, 39600, 12}},
    {100000, false, true, COUNTS_AUTHOR, {75, 115683, 1}, {76, 116897, 14}},
    {100000, false, true, COUNTS_MONTH, {2987, 1230874, 1}, {2987, 1230874, 47}},
    {100000, false, true, COUNTS_GET, {10, 13501, 1}, {10, 13501, 10}},
    {100000, false, true, COUNTS_COUNT, {0, 0, 0}, {15, 29684, 11}},
    {100000, true, true, COUNTS_TAG, {47, 35649, 1}, {48, 37983, 12}},
    {100000, true, true, COUNTS_AUTHOR, {76, 120658, 1}, {76, 120658, 13}},
    {100000, true, true, COUNTS_MONTH, {5062, 5479328, 1}, {5062, 5479328, 46}},
    {100000, true, true, COUNTS_GET, {10, 14173, 1}, {10, 14173, 10}},
    {100000, true, true, COUNTS_COUNT, {0, 0, 0}, {16, 27617, 12}},
};

/* ---- A peer and a client --------------------------------------------------------------------- */

typedef struct counts_world {
    posts_world posts;
    copse_env env;
    sim_network *network;
    copse_transport *transport;
    sim_server server;
    size_t levels;
} counts_world;

static void counts_world_init(counts_world *world, const posts_world_options *options,
                              unsigned edits)
{
    const sim_link link = {.latency_us = 25000};
    posts_world_init(&world->posts, options);
    const copse_cid root = *copse_tree_root(world->posts.db.tree);
    if (edits > 0) {
        posts_world_edit(&world->posts, edits);
        assert_true(copse_cid_equal(&root, copse_tree_root(world->posts.db.tree)));
    }
    assert_int_equal(copse_tree_height(world->posts.db.tree, &world->levels, NULL), COPSE_OK);
    world->network = sim_network_new(1);
    world->transport = sim_network_transport(world->network);
    world->env = *database_world_env(&world->posts.db);
    sim_network_give_clock(world->network, &world->env);
    sim_server_init(&world->server, &world->env, "blog", world->posts.db.world.store,
                    &world->posts.commit);
    (void)sim_network_add(world->network,
                          &(sim_peer){.service = &world->server.service, .link = link});
}

static void counts_world_release(counts_world *world)
{
    world->transport = copse_transport_free(world->transport);
    sim_server_release(&world->server);
    posts_world_release(&world->posts);
}

static void counts_query_init(const counts_world *world, counts_query kind, answer_query *query)
{
    char filter[96];
    switch (kind) {
    case COUNTS_AUTHOR:
        answer_query_init(query, "{\"author\":\"user7\"}", "-createdAt", NULL, 0, 20);
        break;
    case COUNTS_MONTH:
        (void)snprintf(filter, sizeof filter, "{\"createdAt\":{\"$gte\":%lld,\"$lt\":%lld}}",
                       (long long)POSTS_MONTH_FROM, (long long)POSTS_MONTH_TO);
        answer_query_init(query, filter, NULL, NULL, 0, 0);
        break;
    case COUNTS_GET:
        (void)snprintf(filter, sizeof filter, "{\"_id\":\"%s\"}", world->posts.middle);
        answer_query_init(query, filter, NULL, NULL, 0, 0);
        break;
    default:
        answer_query_init(query, "{\"tags\":\"cats\"}", "-createdAt", NULL, 0,
                          kind == COUNTS_TAG ? 32 : 0);
        break;
    }
}

/* ---- Costs ----------------------------------------------------------------------------------- */

static counts_cost counts_of(const sim_client *client)
{
    copse_remote_stats stats = copse_remote_get_stats(client->remote);
    assert_int_equal(stats.refused, 0);
    return (counts_cost){stats.blocks, stats.block_bytes, stats.round_trips};
}

static bool counts_cost_equal(const counts_cost *a, const counts_cost *b)
{
    return a->blocks == b->blocks && a->bytes == b->bytes && a->round_trips == b->round_trips;
}

/* Finds with an empty store; the documents must be those of the whole database. `name` NULL: by the
 * root of the tree. */
static counts_cost counts_find(counts_world *world, counts_query kind, const char *name,
                               bool blocks_only)
{
    sim_client client;
    answer_query query;
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_status status;
    copse_err err = {0};
    uint64_t documents = 0;
    counts_query_init(world, kind, &query);
    sim_client_init(&client, &world->env, world->network, 1, NULL);
    const copse_remote_find_options options = {
        .name = name,
        .root = name == NULL ? copse_tree_root(world->posts.db.tree) : NULL,
        .query = &query.options,
        .blocks_only = blocks_only,
    };
    assert_int_equal(copse_remote_find_new(client.remote, &options, &find, &err), COPSE_OK);
    while ((status = copse_remote_find_next(find, &document, &err)) == COPSE_OK) {
        documents++;
    }
    if (status != COPSE_END) {
        fail_msg("%s: %s: %s", counts_names[kind], copse_status_name(status), err.message);
    }
    assert_int_equal(copse_remote_find_way(find),
                     blocks_only ? COPSE_REMOTE_BLOCKS : COPSE_REMOTE_ANSWER);
    assert_true(kind == COUNTS_TAG      ? documents == 32
                : kind == COUNTS_AUTHOR ? documents == 20
                : kind == COUNTS_GET    ? documents == 1
                                        : documents > world->posts.options.count / 40);
    copse_remote_find_free(find);
    counts_cost cost = counts_of(&client);
    sim_client_release(&client);
    answer_query_release(&query);
    return cost;
}

static counts_cost counts_count(counts_world *world)
{
    sim_client client;
    sim_client_database database;
    answer_query query;
    copse_err err = {0};
    uint64_t count = 0;
    counts_query_init(world, COUNTS_COUNT, &query);
    sim_client_init(&client, &world->env, world->network, 1, NULL);
    assert_int_equal(
        sim_client_open(&client, copse_tree_root(world->posts.db.tree), &database, &err), COPSE_OK);
    assert_int_equal(sim_client_count(&client, &database, &query.options, &count, &err), COPSE_OK);
    assert_true(count > world->posts.options.count / 20);
    sim_client_close(&database);
    counts_cost cost = counts_of(&client);
    sim_client_release(&client);
    answer_query_release(&query);
    return cost;
}

static counts_row counts_measure(counts_world *world, counts_query kind)
{
    counts_row row = {.posts = world->posts.options.count,
                      .random_ids = world->posts.options.random_ids,
                      .linked = world->posts.options.linked,
                      .query = kind};
    if (kind == COUNTS_COUNT) {
        row.by_blocks = counts_count(world);
    } else {
        row.by_answer = counts_find(world, kind, NULL, false);
        row.by_blocks = counts_find(world, kind, NULL, true);
        assert_int_equal(row.by_answer.round_trips, 1);
    }
    if (kind == COUNTS_TAG) {
        assert_true(row.by_blocks.round_trips <= 3 * (world->levels - 1) + 3);
    }
    return row;
}

/* ---- The table ------------------------------------------------------------------------------- */

static const counts_row *counts_expected(const counts_row *row)
{
    for (size_t i = 0; i < sizeof counts_table / sizeof *counts_table; i++) {
        const counts_row *expected = &counts_table[i];
        if (expected->posts == row->posts && expected->random_ids == row->random_ids &&
            expected->linked == row->linked && expected->query == row->query) {
            return expected;
        }
    }
    return NULL;
}

static void counts_print(const counts_row *row)
{
    print_message(
        "{%llu, %s, %s, COUNTS_%s, {%llu, %llu, %llu}, {%llu, %llu, %llu}},\n",
        (unsigned long long)row->posts, row->random_ids ? "true" : "false",
        row->linked ? "true" : "false", counts_names[row->query],
        (unsigned long long)row->by_answer.blocks, (unsigned long long)row->by_answer.bytes,
        (unsigned long long)row->by_answer.round_trips, (unsigned long long)row->by_blocks.blocks,
        (unsigned long long)row->by_blocks.bytes, (unsigned long long)row->by_blocks.round_trips);
}

static void counts_check_world(counts_world *world)
{
    bool right = true;
    for (unsigned kind = 0; kind < COUNTS_QUERIES; kind++) {
        counts_row row = counts_measure(world, (counts_query)kind);
        const counts_row *expected = counts_expected(&row);
        counts_print(&row);
        right &= expected != NULL && counts_cost_equal(&expected->by_answer, &row.by_answer) &&
                 counts_cost_equal(&expected->by_blocks, &row.by_blocks);
    }
    if (!right) {
        fail_msg(
            "other costs than in the table of tests/support/remote_counts.c: if they are meant to "
            "be, put the rows above in their place");
    }
}

void remote_counts_check(const posts_world_options *options)
{
    counts_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    counts_world_init(world, options, 0);
    counts_check_world(world);
    counts_world_release(world);
    free(world);
}

void remote_counts_check_edited(const posts_world_options *options)
{
    counts_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    counts_world_init(world, options, 10);
    counts_check_world(world);
    counts_cost of_tree = counts_find(world, COUNTS_TAG, NULL, false);
    counts_cost of_name = counts_find(world, COUNTS_TAG, "blog", false);
    assert_int_equal(of_name.blocks, of_tree.blocks + 1);
    assert_int_equal(of_name.round_trips, 1);
    counts_world_release(world);
    free(world);
}
