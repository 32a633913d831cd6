/* Many databases of many peers, asked as one over a simulated network: what it takes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>
#include <copse/remote.h>
#include <copse/union.h>

#include "support/posts_world.h"
#include "support/remote_world.h"
#include "support/sim_network.h"
#include "support/sim_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CROWD_MAX = 100, CROWD_WORLDS = 4, LATENCY_US = 25000, NEWEST = 32 };

/* A database that is served by a peer of its own, and the remote that asks for it. */
typedef struct crowd_person {
    const posts_world *posts;
    sim_server server;
    copse_store *store; /* of the one who asks */
    remote_heads heads; /* likewise */
    copse_remote *remote;
    copse_remote_find *find;
    copse_remote_one asked;
    copse_database *database; /* where it is */
    bool is_gone;             /* nobody is there */
} crowd_person;

typedef struct crowd {
    test_env env;
    sim_network *network;
    posts_world worlds[CROWD_WORLDS];
    crowd_person people[CROWD_MAX];
    size_t count;
} crowd;

/* What a database holds: how many posts, spread over 36 months. */
typedef struct crowd_posts {
    uint64_t first;  /* the first one's */
    uint64_t others; /* about; people with the same posts are no trouble */
} crowd_posts;

static void crowd_add(crowd *self, size_t number)
{
    crowd_person *person = &self->people[number];
    char name[32];
    size_t world = number == 0 ? 0 : 1 + number % (CROWD_WORLDS - 1);
    person->posts = &self->worlds[world];
    (void)snprintf(name, sizeof name, "blog%zu", number);
    remote_heads_init(&person->heads);
    sim_server_init(&person->server, &self->env.env, name, person->posts->db.world.store,
                    &person->posts->commit);
    const sim_peer peer = {.service = person->is_gone ? NULL : &person->server.service,
                           .link = {.latency_us = LATENCY_US}};
    assert_int_equal(sim_network_add(self->network, &peer), number);
    assert_int_equal(copse_memory_store_new(&self->env.env, &person->store, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(person->posts->db.tree, &person->database, NULL),
                     COPSE_OK);
}

/* Of each `gone`-th nobody is there; 0: all are. */
static crowd *crowd_new(size_t count, const crowd_posts *posts_of, size_t gone)
{
    crowd *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->count = count;
    test_env_init(&self->env);
    self->network = sim_network_new(1);
    sim_network_give_clock(self->network, &self->env.env);
    for (size_t i = 0; i < CROWD_WORLDS; i++) {
        posts_world_init(
            &self->worlds[i],
            &(posts_world_options){.count = i == 0 ? posts_of->first : posts_of->others + i});
    }
    for (size_t i = 0; i < count; i++) {
        self->people[i].is_gone = gone > 0 && i % gone == gone - 1;
        crowd_add(self, i);
    }
    return self;
}

static void crowd_free(crowd *self)
{
    copse_transport_free(sim_network_transport(self->network));
    for (size_t i = 0; i < self->count; i++) {
        sim_server_release(&self->people[i].server);
        copse_store_close(self->people[i].store);
        copse_database_close(self->people[i].database);
    }
    test_env_assert_empty(&self->env);
    for (size_t i = 0; i < CROWD_WORLDS; i++) {
        posts_world_release(&self->worlds[i]);
    }
    free(self);
}

/* Makes remotes, and finds that ask for the newest. `share`: of each. */
static void crowd_begin(crowd *self, const copse_query_options *query, bool blocks_only)
{
    for (size_t i = 0; i < self->count; i++) {
        crowd_person *person = &self->people[i];
        char url[SIM_URL_SIZE];
        char name[32];
        const char *peers[] = {sim_network_url(i, url)};
        const copse_remote_options options = {.peers = peers,
                                              .peers_count = 1,
                                              .transport = sim_network_transport(self->network),
                                              .store = person->store,
                                              .store_keeps = true,
                                              .heads = &person->heads.heads};
        (void)snprintf(name, sizeof name, "blog%zu", i);
        const copse_remote_find_options find = {
            .name = name, .query = query, .blocks_only = blocks_only};
        assert_int_equal(copse_remote_new(&self->env.env, &options, &person->remote, NULL),
                         COPSE_OK);
        assert_int_equal(copse_remote_find_new(person->remote, &find, &person->find, NULL),
                         COPSE_OK);
    }
}

static void crowd_end(crowd *self)
{
    for (size_t i = 0; i < self->count; i++) {
        crowd_person *person = &self->people[i];
        person->find = copse_remote_find_free(person->find);
        person->remote = copse_remote_free(person->remote);
    }
}

/* copse_union_source.open */
static copse_status crowd_open(void *ctx, copse_database **ret_database, copse_err *err)
{
    crowd_person *person = ctx;
    return person->asked.status == COPSE_OK
               ? copse_remote_find_database(person->find, ret_database, err)
               : person->asked.status;
}

/* What asking took. */
typedef struct crowd_cost {
    size_t documents;
    size_t failed;        /* sources */
    uint64_t round_trips; /* one after the other */
    uint64_t blocks;
    uint64_t bytes; /* of these */
    uint64_t ms;    /* of simulated time */
} crowd_cost;

/* Fetches what those wait for that wait. */
static void crowd_fetch(crowd *self, copse_union *all)
{
    copse_remote_one ones[CROWD_MAX];
    size_t numbers[CROWD_MAX];
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (copse_union_is_waiting(all, i)) {
            numbers[count] = i;
            ones[count++] = (copse_remote_one){.remote = self->people[i].remote,
                                               .source = self->people[i].asked.source};
        }
    }
    assert_true(count > 0);
    assert_int_equal(copse_remote_fetch_all(ones, count, NULL), COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        if (ones[i].status != COPSE_OK) {
            copse_union_leave_out(all, numbers[i]);
        }
    }
}

/* What the union of the databases where they are gives must come. */
static void crowd_run(crowd *self, copse_union *all, copse_union *expected, crowd_cost *cost)
{
    copse_bytes document;
    copse_bytes right;
    size_t source;
    size_t right_source;
    copse_status status;
    while ((status = copse_union_next(all, &document, &source, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            crowd_fetch(self, all);
        } else if (status != COPSE_OK) {
            assert_in_range(copse_union_failed(all), 0, self->count - 1);
            cost->failed++;
        } else {
            cost->documents++;
            do {
                assert_int_equal(copse_union_next(expected, &right, &right_source, NULL), COPSE_OK);
            } while (self->people[right_source].is_gone);
            assert_int_equal(source, right_source);
            assert_true(copse_bytes_equal(document, right));
        }
    }
}

/* Asks for the newest of all; `share` of each at first. */
static crowd_cost crowd_ask(crowd *self, uint64_t share, bool blocks_only)
{
    crowd_cost cost = {.documents = 0};
    copse_sort_spec sort = {.count = 0};
    copse_remote_one ones[CROWD_MAX];
    copse_union *all = NULL;
    copse_union *expected = NULL;
    const copse_env *env = &self->env.env;
    uint64_t begun_us = sim_network_now_us(self->network);
    copse_query_options query = {
        .collection = copse_bytes_of_text("posts"), .sort = &sort, .limit = share};
    assert_int_equal(
        copse_sort_spec_parse(env, copse_bytes_of_text("-createdAt"), false, &sort, NULL),
        COPSE_OK);
    crowd_begin(self, &query, blocks_only);
    query.limit = NEWEST;
    assert_int_equal(copse_union_new(env, &query, &all, NULL), COPSE_OK);
    for (size_t i = 0; i < self->count; i++) {
        ones[i] = (copse_remote_one){.find = self->people[i].find};
    }
    query.limit = 0;
    assert_int_equal(copse_union_new(env, &query, &expected, NULL), COPSE_OK);
    assert_int_equal(copse_remote_find_all(ones, self->count, NULL), COPSE_OK);
    for (size_t i = 0; i < self->count; i++) {
        const copse_union_source source = {
            .open = crowd_open, .ctx = &self->people[i], .is_foreign = true};
        self->people[i].asked = ones[i];
        assert_int_equal(copse_union_add(all, &source, NULL), COPSE_OK);
        assert_int_equal(copse_union_add_database(expected, self->people[i].database, NULL),
                         COPSE_OK);
    }
    crowd_run(self, all, expected, &cost);
    for (size_t i = 0; i < self->count; i++) {
        copse_remote_stats stats = copse_remote_get_stats(self->people[i].remote);
        cost.round_trips =
            stats.round_trips > cost.round_trips ? stats.round_trips : cost.round_trips;
        cost.blocks += stats.blocks;
        cost.bytes += stats.block_bytes;
    }
    cost.ms = (sim_network_now_us(self->network) - begun_us) / 1000;
    copse_union_free(all);
    copse_union_free(expected);
    crowd_end(self);
    copse_sort_spec_release(&sort);
    return cost;
}

/* Costs are exact: whatever changes them is looked at. */
static void check_cost(const char *what, crowd_cost cost, crowd_cost right)
{
    print_message("%s: %zu documents, %zu failed, %llu round trips, %llu blocks of %llu bytes, "
                  "%llu ms\n",
                  what, cost.documents, cost.failed, (unsigned long long)cost.round_trips,
                  (unsigned long long)cost.blocks, (unsigned long long)cost.bytes,
                  (unsigned long long)cost.ms);
    assert_int_equal(cost.documents, right.documents);
    assert_int_equal(cost.failed, right.failed);
    assert_int_equal(cost.round_trips, right.round_trips);
    assert_int_equal(cost.blocks, right.blocks);
    assert_int_equal(cost.bytes, right.bytes);
    assert_int_equal(cost.ms, right.ms);
}

/* The newest 32 of 100 databases of 10,000 posts with 50 ms to each, and half a second to spend:
 * connecting, asking, and a round trip in which the first window of each connection opens. */
static void test_hundred(void **state)
{
    (void)state;
    crowd *self = crowd_new(CROWD_MAX, &(crowd_posts){.first = 10000, .others = 10000}, 0);
    check_cost("cold", crowd_ask(self, 2, false), (crowd_cost){NEWEST, 0, 1, 1499, 2354347, 150});
    check_cost("warm", crowd_ask(self, 2, false), (crowd_cost){NEWEST, 0, 1, 0, 0, 50});
    crowd_free(self);
}

/* One has written all of the newest: what is lacking of theirs comes in few rounds. */
static void test_one_writes_most(void **state)
{
    (void)state;
    crowd *self = crowd_new(CROWD_MAX, &(crowd_posts){.first = 10000, .others = 10}, 0);
    check_cost("one writes most", crowd_ask(self, 2, false),
               (crowd_cost){NEWEST, 0, 6, 648, 723567, 400});
    crowd_free(self);
}

static void test_some_are_gone(void **state)
{
    (void)state;
    crowd *self = crowd_new(20, &(crowd_posts){.first = 400, .others = 400}, 5);
    check_cost("four are gone", crowd_ask(self, 4, false),
               (crowd_cost){NEWEST, 4, 2, 186, 266415, 200});
    crowd_free(self);
}

/* Without answers of peers: all wait together for each step down a tree. */
static void test_blocks(void **state)
{
    (void)state;
    crowd *self = crowd_new(20, &(crowd_posts){.first = 400, .others = 400}, 0);
    check_cost("by blocks", crowd_ask(self, 4, true), (crowd_cost){NEWEST, 0, 9, 259, 382452, 500});
    crowd_free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hundred),
        cmocka_unit_test(test_one_writes_most),
        cmocka_unit_test(test_some_are_gone),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
