/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/remote_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/commit.h>
#include <copse/memory_store.h>

#include "base/siphash.h"
#include "support/forgetful_store.h"
#include "support/query_world.h"
#include "support/sim_client.h"
#include "support/sim_server.h"

enum {
    SIMULATION_VERSIONS = 3,
    SIMULATION_PEERS_MAX = 6,
    SIMULATION_QUERIES_MAX = 4,
    SIMULATION_SEEDS_EACH = 16, /* of one database */
    SIMULATION_SILENCE_MS = 5000,
    SIMULATION_QUERY_MS_MAX = 20 * 60 * 1000
};

/* ---- The database ---------------------------------------------------------------------------- */

/* One that was committed; heads move from the first to the last. */
typedef struct simulation_version {
    copse_cid commit;
    copse_cid tree;
    query_brute_documents documents;
} simulation_version;

typedef struct simulation_world {
    query_world data;
    simulation_version versions[SIMULATION_VERSIONS];
} simulation_world;

static void simulation_commit(simulation_world *world, size_t number)
{
    const copse_env *env = database_world_env(&world->data.db);
    simulation_version *version = &world->versions[number];
    copse_commit commit;
    copse_block *block = NULL;
    version->tree = *copse_tree_root(world->data.db.tree);
    assert_int_equal(copse_commit_next(env, world->data.db.world.source, &version->tree,
                                       number > 0 ? &world->versions[number - 1].commit : NULL,
                                       number > 0, &commit, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(world->data.db.world.store, &block, 1, NULL), COPSE_OK);
    version->commit = *copse_block_cid(block);
    copse_block_unref(block);
    for (uint64_t id = 0; id < QUERY_BRUTE_DOCUMENTS_MAX; id++) {
        if (world->data.documents.encoded[id].len > 0) {
            query_brute_put(&version->documents, id, world->data.documents.encoded[id]);
        }
    }
}

static simulation_world *simulation_world_new(uint64_t seed)
{
    simulation_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    query_world_init(&world->data, seed);
    for (size_t i = 0; i < SIMULATION_VERSIONS; i++) {
        if (i > 0) {
            query_world_change(&world->data);
        }
        simulation_commit(world, i);
    }
    return world;
}

static void simulation_world_free(simulation_world *world)
{
    for (size_t i = 0; i < SIMULATION_VERSIONS; i++) {
        query_brute_release(&world->versions[i].documents);
    }
    query_world_release(&world->data);
    free(world);
}

/* ---- Peers ----------------------------------------------------------------------------------- */

typedef struct simulation {
    simulation_world *world;
    uint64_t seed;
    uint64_t random;
    copse_env env;
    sim_network *network;
    copse_transport *transport;
    size_t peers;
    sim_server servers[SIMULATION_PEERS_MAX];
    copse_env envs[SIMULATION_PEERS_MAX];     /* theirs: with limits of their own */
    copse_store *parts[SIMULATION_PEERS_MAX]; /* of those that don't have all blocks */
    bool honest[SIMULATION_PEERS_MAX];        /* and has all, and is always there */
    bool any_honest;
    sim_client client;
    remote_simulation_totals *totals;
} simulation;

static uint64_t simulation_below(simulation *self, uint64_t bound)
{
    return test_random_below(&self->random, bound);
}

/* What a peer takes of the database: each block, by chance. */
typedef struct simulation_part {
    simulation *self;
    copse_store *store;
    uint64_t percent;
} simulation_part;

static copse_status simulation_take(void *ctx, copse_block *block, copse_err *err)
{
    simulation_part *part = ctx;
    if (simulation_below(part->self, 100) >= part->percent) {
        return COPSE_OK;
    }
    return copse_store_put(part->store, &block, 1, err);
}

static copse_store *simulation_part_new(simulation *self)
{
    simulation_part part = {self, NULL, 30 + simulation_below(self, 65)};
    assert_int_equal(copse_memory_store_new(&self->env, &part.store, NULL), COPSE_OK);
    assert_int_equal(
        copse_store_iterate(self->world->data.db.world.store, simulation_take, &part, NULL),
        COPSE_OK);
    return part.store;
}

static sim_link simulation_link(simulation *self, bool flaky)
{
    sim_link link = {
        .latency_us = (uint32_t)(1000 + simulation_below(self, 100000)),
        .jitter_us = (uint32_t)simulation_below(self, 50000),
        .bytes_per_s = UINT64_C(50000) << simulation_below(self, 8),
        .lost_permille = (unsigned)simulation_below(self, 20),
    };
    if (flaky) {
        link.broken_permille = (unsigned)simulation_below(self, 100);
        link.part_every_ms = (uint32_t)(simulation_below(self, 2) * 30000);
        link.part_ms = (uint32_t)(2000 + simulation_below(self, 20000));
    }
    return link;
}

/* Some of a set, at least one. */
static uint64_t simulation_choose(simulation *self, uint64_t faults)
{
    uint64_t chosen = 0;
    while (chosen == 0) {
        chosen = faults & test_random(&self->random) & test_random(&self->random);
    }
    return chosen;
}

static void simulation_add_peer(simulation *self)
{
    size_t at = self->peers++;
    uint64_t kind = simulation_below(self, 10);
    bool flaky = kind >= 4 && kind < 6;
    bool partial = kind == 3 || (kind > 3 && simulation_below(self, 3) == 0);
    copse_store *store = self->world->data.db.world.store;
    if (partial) {
        store = self->parts[at] = simulation_part_new(self);
    }
    self->envs[at] = self->env;
    if (simulation_below(self, 3) == 0) { /* its answers are cut */
        self->envs[at].limits.answer_blocks_max = 1 + simulation_below(self, 24);
    }
    sim_server_init(&self->servers[at], &self->envs[at], "blog", store,
                    &self->world->versions[1].commit);
    sim_peer peer = {.service = &self->servers[at].service,
                     .link = simulation_link(self, flaky),
                     .refs = self->servers[at].refs,
                     .old_head = self->world->versions[0].commit};
    if (kind >= 6) {
        peer.faults = simulation_choose(self, kind < 8 ? SIM_FAULTS_AWAY : SIM_FAULTS_LIES);
        peer.fault_permille = (unsigned)(100 + simulation_below(self, 1000));
    }
    if (kind < 6 && simulation_below(self, 3) == 0) {
        peer.faults = SIM_FAULT_BIT(SIM_FAULT_OTHER_PLAN);
        peer.fault_permille = 1000;
    }
    peer.is_gateway = simulation_below(self, 6) == 0;
    self->honest[at] = !partial && !flaky && kind < 6;
    self->any_honest |= self->honest[at];
    if (kind == 5 && simulation_below(self, 4) == 0) {
        peer.service = NULL;
    }
    (void)sim_network_add(self->network, &peer);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void simulation_init(simulation *self, simulation_world *world, uint64_t seed,
                            remote_simulation_totals *totals)
{
    *self = (simulation){.world = world, .seed = seed, .random = seed, .totals = totals};
    world->data.state = test_random(&self->random);
    self->network = sim_network_new(seed);
    self->transport = sim_network_transport(self->network);
    self->env = *database_world_env(&world->data.db);
    self->env.limits.fetch_silence_ms_max = SIMULATION_SILENCE_MS;
    sim_network_give_clock(self->network, &self->env);
    size_t peers = 1 + simulation_below(self, SIMULATION_PEERS_MAX);
    while (self->peers < peers) {
        simulation_add_peer(self);
    }
    copse_store *store = simulation_below(self, 2) == 0
                             ? forgetful_store_new(&self->env, 1 + simulation_below(self, 24))
                             : NULL;
    sim_client_init(&self->client, &self->env, self->network, peers, store);
}

static void simulation_release(simulation *self)
{
    uint64_t sums[2] = {self->totals->trace, sim_network_trace(self->network)};
    self->totals->trace = copse_siphash(sums, (copse_bytes){NULL, 0});
    self->totals->virtual_ms += sim_network_now_us(self->network) / 1000;
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        self->totals->faults[i] += sim_network_fault_count(self->network, (sim_fault)i);
    }
    sim_client_release(&self->client);
    self->transport = copse_transport_free(self->transport);
    for (size_t i = 0; i < self->peers; i++) {
        sim_server_release(&self->servers[i]);
        self->parts[i] = copse_store_close(self->parts[i]);
    }
}

static void simulation_fail(const simulation *self, const char *what, const char *why)
{
    for (size_t i = 0; i < self->peers; i++) {
        const sim_peer *peer = sim_network_peer(self->network, i);
        print_message("peer%zu:%s%s%s", i, self->honest[i] ? " honest" : "",
                      self->parts[i] != NULL ? " some blocks" : "",
                      peer->service == NULL ? " nobody"
                      : peer->is_gateway    ? " plain gateway"
                                            : "");
        for (unsigned fault = 0; fault < SIM_FAULT_COUNT; fault++) {
            if ((peer->faults & SIM_FAULT_BIT(fault)) != 0) {
                print_message(" %s,", sim_fault_name((sim_fault)fault));
            }
        }
        print_message(" %u of 1000: %s\n", peer->fault_permille,
                      copse_remote_reason(self->client.remote, SIZE_MAX, i));
    }
    fail_msg("seed %llu at %llu ms: %s: %s", (unsigned long long)self->seed,
             (unsigned long long)sim_network_now_us(self->network) / 1000, what, why);
}

/* ---- What a query asks ----------------------------------------------------------------------- */

typedef struct simulation_ask {
    query_world_query query;
    const char *name;      /* NULL: by `root` */
    const copse_cid *root; /* of a version */
    bool blocks_only;
    bool must_come; /* an honest peer has all that it takes */
} simulation_ask;

static void simulation_ask_init(simulation *self, simulation_ask *ask)
{
    const simulation_version *version =
        &self->world->versions[simulation_below(self, SIMULATION_VERSIONS)];
    *ask = (simulation_ask){.name = NULL};
    query_world_query_init(&self->world->data, &ask->query);
    if (simulation_below(self, 3) == 0) {
        ask->query.options.sort = NULL;
    }
    ask->blocks_only = simulation_below(self, 3) == 0;
    if (simulation_below(self, 5) < 2) {
        ask->name = "blog";
        ask->must_come = self->honest[0] && !sim_network_peer(self->network, 0)->is_gateway;
    } else {
        ask->root = simulation_below(self, 2) == 0 ? &version->commit : &version->tree;
        ask->must_come = self->any_honest;
    }
}

static const simulation_version *simulation_find_version(const simulation *self,
                                                         const copse_cid *root)
{
    for (size_t i = 0; i < SIMULATION_VERSIONS; i++) {
        const simulation_version *version = &self->world->versions[i];
        if (copse_cid_equal(root, &version->commit) || copse_cid_equal(root, &version->tree)) {
            return version;
        }
    }
    return NULL;
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* A failure says who was asked for what, and why that did not help. */
static void simulation_check_failure(simulation *self, const simulation_ask *ask,
                                     copse_status status, const copse_err *err)
{
    copse_remote *remote = self->client.remote;
    remote_simulation_totals *totals = self->totals;
    size_t missing = 0;
    size_t reasons = 0;
    const copse_cid *cids = copse_remote_missing(remote, &missing);
    if (ask->must_come) {
        simulation_fail(self, "an honest peer has it", err->message);
    }
    if (status != COPSE_NOT_FOUND && status != COPSE_IO && status != COPSE_CORRUPT) {
        simulation_fail(self, copse_status_name(status), err->message);
    }
    for (size_t i = 0; i <= missing; i++) {
        size_t of_one = 0;
        for (size_t peer = 0; peer < self->peers; peer++) {
            of_one += copse_remote_reason(remote, i < missing ? i : SIZE_MAX, peer)[0] != '\0';
        }
        if (of_one == 0 && i < missing) {
            simulation_fail(self, "a block is missing without a reason", err->message);
        }
        reasons += of_one;
    }
    if (reasons == 0 || err->message[0] == '\0' || (missing > 0 && cids == NULL)) {
        simulation_fail(self, "no reason", err->message);
    }
    totals->not_found += status == COPSE_NOT_FOUND;
    totals->unreachable += status == COPSE_IO;
    totals->refused += status == COPSE_CORRUPT;
}

static copse_status simulation_verify(void *ctx, copse_block *block, copse_err *err)
{
    (void)ctx;
    return copse_block_verify(block, err);
}

/* What holds after each query, however it ended. */
static void simulation_check_rest(simulation *self, uint64_t begin_us)
{
    copse_err err = {0};
    if (copse_store_iterate(self->client.store, simulation_verify, NULL, &err) != COPSE_OK) {
        simulation_fail(self, "a wrong block was stored", err.message);
    }
    if (sim_network_running(self->network) > 0) {
        simulation_fail(self, "requests are left", "");
    }
    if (sim_network_now_us(self->network) - begin_us > SIMULATION_QUERY_MS_MAX * UINT64_C(1000)) {
        simulation_fail(self, "it took too long", "");
    }
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* A query on its way, and what it must give. */
typedef struct simulation_find {
    const simulation_ask *ask;
    copse_remote_find *find;
    bool is_known;    /* which version is asked */
    size_t documents; /* of the version */
    query_brute_answer answer;
    query_brute_check check;
} simulation_find;

/* The root is known: looks at all documents. */
static void simulation_expect(simulation *self, simulation_find *find)
{
    if (find->is_known) {
        return;
    }
    const copse_cid root = copse_remote_find_root(find->find);
    const simulation_version *version = simulation_find_version(self, &root);
    if (version == NULL) {
        simulation_fail(self, "an answer of a root that there is not", "");
        return;
    }
    find->is_known = true;
    find->documents = version->documents.count;
    assert_int_equal(
        query_brute_run(&self->env, &version->documents, &find->ask->query.options, &find->answer),
        COPSE_OK);
    query_brute_check_init(&find->check, &find->answer, &find->ask->query.options);
}

static void simulation_found(simulation *self, simulation_find *find)
{
    remote_simulation_totals *totals = self->totals;
    simulation_expect(self, find);
    if (find->check.count != find->check.expected) {
        simulation_fail(self, "another number of documents", "");
    }
    totals->ways[copse_remote_find_way(find->find)]++;
    totals->some += find->answer.count > 0 && find->answer.count < find->documents;
    totals->promised += find->ask->must_come;
}

static void simulation_find_all(simulation *self, const simulation_ask *ask)
{
    const copse_remote_find_options options = {.name = ask->name,
                                               .root = ask->root,
                                               .query = &ask->query.options,
                                               .blocks_only = ask->blocks_only};
    copse_bytes row;
    copse_err err = {0};
    simulation_find *find = calloc(1, sizeof *find);
    assert_non_null(find);
    find->ask = ask;
    copse_status status = copse_remote_find_new(self->client.remote, &options, &find->find, &err);
    while (status == COPSE_OK &&
           (status = copse_remote_find_next(find->find, &row, &err)) == COPSE_OK) {
        simulation_expect(self, find);
        if (!query_brute_check_take(&find->check, row)) {
            simulation_fail(self, "another document",
                            options.query->sort != NULL ? ask->query.sort_text : "no order");
        }
    }
    if (status == COPSE_END) {
        simulation_found(self, find);
    } else {
        simulation_check_failure(self, ask, status, &err);
        self->totals->cut += find->check.count > 0;
    }
    find->find = copse_remote_find_free(find->find);
    query_brute_answer_release(&find->answer);
    free(find);
}

/* ---- Counting -------------------------------------------------------------------------------- */

static void simulation_count(simulation *self, const simulation_ask *ask)
{
    const simulation_version *version = simulation_find_version(self, ask->root);
    sim_client_database database;
    copse_err err = {0};
    uint64_t count = 0;
    copse_status status = sim_client_open(&self->client, &version->tree, &database, &err);
    if (status == COPSE_OK) {
        status = sim_client_count(&self->client, &database, &ask->query.options, &count, &err);
    }
    sim_client_close(&database);
    if (status != COPSE_OK) {
        simulation_check_failure(self, ask, status, &err);
        return;
    }
    query_brute_answer *answer = calloc(1, sizeof *answer);
    query_brute_check *check = calloc(1, sizeof *check);
    assert_true(answer != NULL && check != NULL);
    assert_int_equal(query_brute_run(&self->env, &version->documents, &ask->query.options, answer),
                     COPSE_OK);
    query_brute_check_init(check, answer, &ask->query.options);
    if (count != check->expected) {
        simulation_fail(self, "another count", "");
    }
    self->totals->counts++;
    self->totals->promised += ask->must_come;
    query_brute_answer_release(answer);
    free(check);
    free(answer);
}

/* ---- Seeds ----------------------------------------------------------------------------------- */

static bool simulation_compiles(const simulation *self, const simulation_ask *ask)
{
    copse_query *query = NULL;
    copse_status status = copse_query_new(&self->env, &ask->query.options, &query, NULL);
    copse_query_free(query);
    return status == COPSE_OK;
}

static void simulation_query(simulation *self)
{
    uint64_t begin_us = sim_network_now_us(self->network);
    simulation_ask ask;
    simulation_ask_init(self, &ask);
    if (simulation_compiles(self, &ask)) {
        self->totals->queries++;
        if (ask.root != NULL && simulation_below(self, 5) == 0) {
            simulation_count(self, &ask);
        } else {
            simulation_find_all(self, &ask);
        }
        simulation_check_rest(self, begin_us);
    }
    query_world_query_release(&ask.query);
}

/* Some peers learn of the newest version. */
static void simulation_move_heads(simulation *self)
{
    for (size_t i = 0; i < self->peers; i++) {
        if (simulation_below(self, 3) > 0) {
            sim_server_move(&self->servers[i],
                            &self->world->versions[SIMULATION_VERSIONS - 1].commit);
        }
    }
}

static void simulation_run_seed(simulation_world *world, uint64_t seed,
                                remote_simulation_totals *totals)
{
    simulation *self = calloc(1, sizeof *self);
    assert_non_null(self);
    simulation_init(self, world, seed, totals);
    size_t queries = 1 + simulation_below(self, SIMULATION_QUERIES_MAX);
    for (size_t i = 0; i < queries; i++) {
        if (i > 0 && simulation_below(self, 2) == 0) {
            simulation_move_heads(self);
        }
        simulation_query(self);
    }
    totals->seeds++;
    simulation_release(self);
    free(self);
}

void remote_simulation_run(uint64_t first, uint64_t count, remote_simulation_totals *totals)
{
    simulation_world *world = NULL;
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (world == NULL || seed % SIMULATION_SEEDS_EACH == 0) {
            if (world != NULL) {
                simulation_world_free(world);
            }
            world = simulation_world_new(seed / SIMULATION_SEEDS_EACH);
        }
        simulation_run_seed(world, seed, totals);
    }
    if (world != NULL) {
        simulation_world_free(world);
    }
}

void remote_simulation_print(const remote_simulation_totals *totals)
{
    print_message("%llu seeds, %llu queries, %llu s of virtual time, trace %016llx\n",
                  (unsigned long long)totals->seeds, (unsigned long long)totals->queries,
                  (unsigned long long)totals->virtual_ms / 1000, (unsigned long long)totals->trace);
    print_message("answered: %llu here, %llu by an answer, %llu mixed, %llu block by block; %llu "
                  "with some of the documents; %llu counted; %llu of all had to be\n",
                  (unsigned long long)totals->ways[COPSE_REMOTE_LOCAL],
                  (unsigned long long)totals->ways[COPSE_REMOTE_ANSWER],
                  (unsigned long long)totals->ways[COPSE_REMOTE_MIXED],
                  (unsigned long long)totals->ways[COPSE_REMOTE_BLOCKS],
                  (unsigned long long)totals->some, (unsigned long long)totals->counts,
                  (unsigned long long)totals->promised);
    print_message("failed: %llu not found, %llu unreachable, %llu refused; %llu after documents\n",
                  (unsigned long long)totals->not_found, (unsigned long long)totals->unreachable,
                  (unsigned long long)totals->refused, (unsigned long long)totals->cut);
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        print_message("  %-14s %llu\n", sim_fault_name((sim_fault)i),
                      (unsigned long long)totals->faults[i]);
    }
}
