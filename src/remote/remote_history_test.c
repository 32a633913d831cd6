/* History fetched from peers, by walks that are made again after each fetch: what comes is what a
 * walk over all of it finds, whatever peers do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/history_log.h>
#include <copse/memory_store.h>
#include <copse/merge_base.h>
#include <copse/remote.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/proof_support.h"
#include "support/script_transport.h"
#include "support/sim_network.h"
#include "support/sim_server.h"

enum { LINE = 290, PEERS_MAX = 3 };

/* Commits that peers have, and a client with a store of its own. */
typedef struct world {
    commit_world commits;
    copse_env env; /* of servers and network */
    sim_network *network;
    sim_server servers[PEERS_MAX];
    size_t peers_count;
    copse_store *part; /* what a peer has that has not all; NULL: there is none */
} world;

static void world_add_peer(world *self, copse_store *store, const copse_cid *head)
{
    sim_server *server = &self->servers[self->peers_count++];
    const sim_link link = {.latency_us = 20000};
    sim_server_init(server, &self->env, "blog", store, head);
    (void)sim_network_add(self->network, &(sim_peer){.service = &server->service, .link = link});
}

/* A line, which all peers have. */
static void world_init(world *self, size_t peers, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    commit_world_init(&self->commits);
    for (size_t i = 0; i < LINE; i++) {
        copse_commit next =
            commit_world_next(&self->commits, i > 0 ? &self->commits.cids[i - 1] : NULL, i > 0);
        self->commits.cids[i] = commit_world_put(&self->commits, &next);
    }
    copse_env_init(&self->env);
    self->network = sim_network_new(seed);
    sim_network_give_clock(self->network, &self->env);
    for (size_t i = 0; i < peers; i++) {
        world_add_peer(self, self->commits.store, &self->commits.cids[LINE - 1]);
    }
}

static void world_release(world *self)
{
    copse_transport_free(sim_network_transport(self->network));
    for (size_t i = 0; i < self->peers_count; i++) {
        sim_server_release(&self->servers[i]);
    }
    copse_store_close(self->part);
    commit_world_release(&self->commits);
}

static const copse_cid *world_cid(const world *self, size_t at)
{
    return &self->commits.cids[at];
}

/* Adds a commit to what peers have. */
static copse_cid world_commit(world *self, const copse_cid *parents, size_t count,
                              const char *message)
{
    copse_commit commit = commit_world_next(&self->commits, parents, count);
    commit.message = copse_bytes_of_text(message);
    return commit_world_put(&self->commits, &commit);
}

/* ---- A client -------------------------------------------------------------------------------- */

typedef struct client {
    copse_store *store;
    copse_remote *remote;
    copse_source *source;
} client;

/* In any case to be released. */
static copse_status client_open(client *self, const copse_env *env, world *peers, bool keeps)
{
    char urls[PEERS_MAX][SIM_URL_SIZE];
    const char *pointers[PEERS_MAX];
    *self = (client){.store = NULL};
    for (size_t i = 0; i < peers->peers_count; i++) {
        pointers[i] = sim_network_url(i, urls[i]);
    }
    copse_status status = copse_memory_store_new(env, &self->store, NULL);
    const copse_remote_options options = {
        .peers = pointers,
        .peers_count = peers->peers_count,
        .transport = sim_network_transport(peers->network),
        .store = keeps ? self->store : NULL,
        .store_keeps = keeps,
    };
    if (status == COPSE_OK) {
        status = copse_remote_new(env, &options, &self->remote, NULL);
    }
    return status == COPSE_OK
               ? copse_source_new(env, copse_remote_store(self->remote), &self->source, NULL)
               : status;
}

static void client_init(client *self, world *peers)
{
    assert_int_equal(client_open(self, &peers->env, peers, true), COPSE_OK);
}

static void client_release(client *self)
{
    copse_source_free(self->source);
    copse_remote_free(self->remote);
    copse_store_close(self->store);
}

/* Puts a block that peers have into the client's store. */
static void client_copy(client *self, const world *peers, const copse_cid *cid)
{
    copse_block *block = NULL;
    assert_int_equal(copse_store_get(peers->commits.store, cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(self->store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
}

static copse_remote_stats client_stats(const client *self)
{
    return copse_remote_get_stats(self->remote);
}

/* Walks through all that `head` comes from, fetching what lacks. OK with the number of commits. */
static copse_status client_walk(client *self, const copse_env *env, const copse_cid *head,
                                copse_remote_history *history, size_t *ret_count, copse_err *err)
{
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_history_log_new(env, self->source, head, 1, &log, err);
    *ret_count = 0;
    while (status == COPSE_OK) {
        status = copse_history_log_next(log, &cid, &commit, err);
        if (status == COPSE_OK) {
            ++*ret_count;
        } else if (status == COPSE_WANT) {
            status = copse_remote_fetch_history(self->remote, self->source, history, err);
        }
    }
    copse_history_log_free(log);
    return status == COPSE_END ? COPSE_OK : status;
}

/* Walks, and asserts that it came to its end. */
static size_t client_log(client *self, world *peers, const copse_cid *head,
                         copse_remote_history *history)
{
    size_t count = 0;
    copse_err err = {.message = ""};
    copse_status status = client_walk(self, &peers->env, head, history, &count, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    return count;
}

/* The one merge base. */
static copse_cid client_base(client *self, world *peers, const copse_cid *ours,
                             const copse_cid *theirs)
{
    copse_merge_base *search = NULL;
    copse_remote_history history = {.ours = *ours};
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_err err = {.message = ""};
    assert_int_equal(copse_merge_base_new(&peers->env, self->source, ours, theirs, &search, NULL),
                     COPSE_OK);
    copse_status status;
    while ((status = copse_merge_base_find(search, &bases, &count, &err)) == COPSE_WANT &&
           (status = copse_remote_fetch_history(self->remote, self->source, &history, &err)) ==
               COPSE_OK) {
    }
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    assert_int_equal(count, 1);
    copse_cid base = bases[0];
    copse_merge_base_free(search);
    return base;
}

/* ---- One round trip -------------------------------------------------------------------------- */

static void test_all_comes_at_once(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        world peers;
        client here;
        copse_remote_history history = {.limit = 0};
        world_init(&peers, 1, 1);
        assert_int_equal(client_open(&here, &peers.env, &peers, keeps != 0), COPSE_OK);
        assert_int_equal(client_log(&here, &peers, world_cid(&peers, LINE - 1), &history), LINE);
        copse_remote_stats stats = client_stats(&here);
        assert_int_equal(stats.round_trips, 1);
        assert_int_equal(stats.requests, 1);
        assert_int_equal(stats.blocks, LINE);
        assert_int_equal(stats.refused, 0);
        assert_int_equal(stats.peers, 1);
        assert_int_equal(copse_memory_store_block_count(here.store), keeps != 0 ? LINE : 0);
        client_release(&here);
        world_release(&peers);
    }
}

static void test_rounds_grow(void **state)
{
    (void)state;
    world peers;
    client here;
    copse_remote_history history = {.limit = 5};
    size_t count = 0;
    world_init(&peers, 1, 1);
    client_init(&here, &peers);
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, 24), &history), 25);
    assert_int_equal(client_stats(&here).round_trips, 2); /* 5 and 20 */
    client_release(&here);
    client_init(&here, &peers);
    history = (copse_remote_history){.limit = 5};
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, LINE - 1), &history), LINE);
    assert_int_equal(client_stats(&here).round_trips, 4); /* 5, 20, 80 and what is left of 320 */
    assert_int_equal(client_stats(&here).blocks, LINE);
    client_release(&here);
    /* What the peer's own limits allow. */
    peers.servers[0].service.budget.env.limits.answer_blocks_max = 100;
    client_init(&here, &peers);
    history = (copse_remote_history){.limit = 0};
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, LINE - 1), &history), LINE);
    assert_int_equal(client_stats(&here).round_trips, 3);
    client_release(&here);
    /* One's own. */
    peers.servers[0].service.budget.env.limits.answer_blocks_max = 1000;
    peers.env.limits.answer_blocks_max = 100;
    client_init(&here, &peers);
    history = (copse_remote_history){.limit = 200};
    assert_int_equal(
        client_walk(&here, &peers.env, world_cid(&peers, LINE - 1), &history, &count, NULL),
        COPSE_OK);
    assert_int_equal(client_stats(&here).round_trips, 3);
    assert_int_equal(client_stats(&here).refused, 0);
    client_release(&here);
    world_release(&peers);
}

/* ---- What is here ---------------------------------------------------------------------------- */

/* Puts `count` commits on top of `head` that the client alone has. Returns the last. */
static copse_cid client_commit(client *self, world *peers, const copse_cid *head, size_t count)
{
    copse_cid made[64];
    copse_cid at = *head;
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        made[i] = at = world_commit(peers, &at, 1, "ours");
        client_copy(self, peers, &at);
    }
    for (size_t i = 0; i < count; i++) {
        fault_store_hide(peers->commits.store, &made[i]);
    }
    return at;
}

/* The client has the older part and, on top of it, commits of its own. */
static void test_what_is_here_is_left_out(void **state)
{
    (void)state;
    enum { PARTED = 150 };
    for (size_t own = 0; own <= 20; own += 4) {
        world peers;
        client here;
        world_init(&peers, 1, 1);
        client_init(&here, &peers);
        for (size_t i = 0; i <= PARTED; i++) {
            client_copy(&here, &peers, world_cid(&peers, i));
        }
        copse_cid ours = client_commit(&here, &peers, world_cid(&peers, PARTED), own);
        copse_cid base = client_base(&here, &peers, &ours, world_cid(&peers, LINE - 1));
        assert_true(copse_cid_equal(&base, world_cid(&peers, PARTED)));
        copse_remote_stats stats = client_stats(&here);
        assert_int_equal(stats.round_trips, 1);
        /* What both have is found less than twice as far back as they part. */
        assert_in_range(stats.blocks, LINE - 1 - PARTED, LINE - 1 - PARTED + own);
        client_release(&here);
        world_release(&peers);
    }
}

/* A clone has its head and what it made of that, and no past. Where theirs merges a side that left
 * before the clone's head, the past is needed, and comes. */
static void test_a_past_that_is_not_here(void **state)
{
    (void)state;
    static const size_t backs[] = {1, 3, 200};
    for (size_t i = 0; i < sizeof backs / sizeof *backs; i++) {
        world peers;
        client here;
        world_init(&peers, 1, 1);
        client_init(&here, &peers);
        const copse_cid *cloned = world_cid(&peers, LINE - 1);
        copse_cid heads[2] = {
            *cloned, world_commit(&peers, world_cid(&peers, LINE - 1 - backs[i]), 1, "a side")};
        copse_cid theirs = world_commit(&peers, heads, 2, "");
        client_copy(&here, &peers, cloned);
        copse_cid ours = client_commit(&here, &peers, cloned, 2);
        copse_cid base = client_base(&here, &peers, &ours, &theirs);
        assert_true(copse_cid_equal(&base, cloned));
        copse_remote_stats stats = client_stats(&here);
        assert_in_range(stats.round_trips, 2, 3);
        assert_int_equal(stats.refused, 0);
        client_release(&here);
        world_release(&peers);
    }
}

/* That it is not here is learned once. */
static void test_a_past_that_is_left_out(void **state)
{
    (void)state;
    world peers;
    client here;
    world_init(&peers, 1, 1);
    client_init(&here, &peers);
    const copse_cid *cloned = world_cid(&peers, LINE - 1);
    copse_remote_history history = {.ours = *cloned, .limit = 50};
    client_copy(&here, &peers, cloned);
    assert_int_equal(client_log(&here, &peers, cloned, &history), LINE);
    assert_int_equal(client_stats(&here).round_trips, 1 + 3); /* nothing, 50, 200, what is left */
    assert_int_equal(client_stats(&here).blocks, LINE - 1);
    assert_int_equal(history.ours.size, 0);
    client_release(&here);
    world_release(&peers);
}

/* Nothing is asked where all is here, and what is had already does not come again. */
static void test_nothing_is_asked(void **state)
{
    (void)state;
    world peers;
    client here;
    copse_remote_history history = {.limit = 0};
    world_init(&peers, 1, 1);
    client_init(&here, &peers);
    copse_source_begin(here.source);
    assert_int_equal(copse_remote_fetch_history(here.remote, here.source, &history, NULL),
                     COPSE_MISUSE);
    for (size_t i = 0; i < LINE; i++) {
        client_copy(&here, &peers, world_cid(&peers, i));
    }
    copse_cid base = client_base(&here, &peers, world_cid(&peers, 10), world_cid(&peers, 99));
    assert_true(copse_cid_equal(&base, world_cid(&peers, 10)));
    assert_int_equal(client_stats(&here).requests, 0);
    client_release(&here);
    world_release(&peers);
}

/* ---- Peers that don't serve history ---------------------------------------------------------- */

static void test_block_by_block(void **state)
{
    (void)state;
    enum { SHORT = 12 };
    world peers;
    client here;
    copse_remote_history history = {.limit = 0};
    world_init(&peers, 1, 1);
    sim_network_peer(peers.network, 0)->is_gateway = true;
    client_init(&here, &peers);
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, SHORT - 1), &history), SHORT);
    /* Once for history, once for a batch. */
    assert_int_equal(client_stats(&here).requests, SHORT + 2);
    client_release(&here);
    /* One that serves it is found. */
    world_add_peer(&peers, peers.commits.store, world_cid(&peers, LINE - 1));
    client_init(&here, &peers);
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, LINE - 1), &history), LINE);
    assert_in_range(client_stats(&here).requests, 1, 2);
    client_release(&here);
    world_release(&peers);
}

/* Servers that have the newer part alone, as a clone that is served does. */
static void test_peers_that_have_a_part(void **state)
{
    (void)state;
    enum { FROM = 200 };
    world peers;
    client here;
    copse_remote_history history = {.limit = 0};
    copse_err err = {.message = ""};
    size_t count = 0;
    world_init(&peers, 0, 1);
    assert_int_equal(copse_memory_store_new(&peers.env, &peers.part, NULL), COPSE_OK);
    here.store = peers.part;
    for (size_t i = FROM; i < LINE; i++) {
        client_copy(&here, &peers, world_cid(&peers, i));
    }
    world_add_peer(&peers, peers.part, world_cid(&peers, LINE - 1));
    client_init(&here, &peers);
    assert_int_equal(
        client_walk(&here, &peers.env, world_cid(&peers, LINE - 1), &history, &count, &err),
        COPSE_NOT_FOUND);
    assert_non_null(strstr(err.message, "is with no peer"));
    assert_int_equal(count, LINE - FROM);
    client_release(&here);
    world_add_peer(&peers, peers.commits.store, world_cid(&peers, LINE - 1));
    client_init(&here, &peers);
    assert_int_equal(client_log(&here, &peers, world_cid(&peers, LINE - 1), &history), LINE);
    assert_in_range(client_stats(&here).requests, 1, 3);
    client_release(&here);
    world_release(&peers);
}

static void test_offline(void **state)
{
    (void)state;
    world peers;
    client here;
    copse_remote_history history = {.limit = 0};
    copse_err err = {.message = ""};
    size_t count = 0;
    world_init(&peers, 0, 1);
    client_init(&here, &peers);
    assert_int_equal(client_walk(&here, &peers.env, world_cid(&peers, 9), &history, &count, &err),
                     COPSE_IO);
    assert_non_null(strstr(err.message, "nobody can be asked"));
    client_release(&here);
    world_release(&peers);
}

/* ---- Peers that fail and lie ----------------------------------------------------------------- */

/* Peer number 0 always does this, and the other one, if there is one, is sound. Returns how often
 * the client met it. */
static uint64_t check_fault(sim_fault fault, size_t peers_count, uint64_t seed)
{
    world peers;
    client here;
    copse_remote_history history = {.limit = 40};
    copse_err err = {.message = ""};
    size_t count = 0;
    world_init(&peers, peers_count, seed);
    sim_peer *liar = sim_network_peer(peers.network, 0);
    liar->faults = SIM_FAULT_BIT(fault);
    liar->fault_permille = peers_count > 1 ? 1000 : 500;
    client_init(&here, &peers);
    copse_status status =
        client_walk(&here, &peers.env, world_cid(&peers, LINE - 1), &history, &count, &err);
    if (status == COPSE_OK) {
        assert_int_equal(count, LINE);
    } else {
        assert_int_equal(peers_count, 1);
        assert_true(status == COPSE_IO || status == COPSE_NOT_FOUND || status == COPSE_CORRUPT);
        assert_true(strlen(err.message) > 10);
    }
    /* Nothing but what was asked for is kept. */
    assert_true(copse_memory_store_block_count(here.store) <= LINE);
    for (size_t i = 0; i < LINE && status == COPSE_OK; i++) {
        bool is_here = false;
        assert_int_equal(copse_store_has(here.store, world_cid(&peers, i), &is_here, NULL),
                         COPSE_OK);
        assert_true(is_here);
    }
    uint64_t met = sim_network_fault_count(peers.network, fault);
    client_release(&here);
    world_release(&peers);
    return met;
}

static void test_faults(void **state)
{
    (void)state;
    for (unsigned fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        uint64_t met = 0;
        if (!sim_fault_fits((sim_fault)fault, SIM_PAGE_COMMITS)) {
            continue;
        }
        for (uint64_t seed = 1; seed <= 6; seed++) {
            met += check_fault((sim_fault)fault, 1 + seed % 2, seed);
        }
        if (met == 0) {
            fail_msg("%s was never met", sim_fault_name((sim_fault)fault));
        }
    }
}

/* What a lie is called. */
static void check_lie(sim_fault fault, const char *said)
{
    bool is_said = false;
    for (uint64_t seed = 1; seed <= 8 && !is_said; seed++) {
        world peers;
        client here;
        copse_block *block = NULL;
        copse_remote_history history = {.limit = 40};
        world_init(&peers, 1, seed);
        sim_network_peer(peers.network, 0)->faults = SIM_FAULT_BIT(fault);
        sim_network_peer(peers.network, 0)->fault_permille = 600;
        client_init(&here, &peers);
        copse_source_begin(here.source);
        assert_int_equal(copse_source_get(here.source, world_cid(&peers, 200), &block, NULL),
                         COPSE_WANT);
        copse_status status = copse_remote_fetch_history(here.remote, here.source, &history, NULL);
        assert_true(status == COPSE_OK || status == COPSE_IO || status == COPSE_NOT_FOUND);
        const char *reason = copse_remote_reason(here.remote, SIZE_MAX, 0);
        is_said = strstr(reason, said) != NULL;
        assert_true(!is_said || client_stats(&here).refused > 0);
        client_release(&here);
        world_release(&peers);
    }
    if (!is_said) {
        fail_msg("%s: '%s' was not said", sim_fault_name(fault), said);
    }
}

static void test_lies_are_named(void **state)
{
    (void)state;
    check_lie(SIM_FAULT_ADDED_BLOCK, "a block that nobody asked for");
    check_lie(SIM_FAULT_MOVED_BLOCK, "a block that nobody asked for");
    check_lie(SIM_FAULT_LACKED_BLOCK, "a block that nobody asked for");
    check_lie(SIM_FAULT_WRONG_BYTES, "hash");
    check_lie(SIM_FAULT_TRUNCATED, "sent a wrong history");
}

/* ---- Answers of the test's own --------------------------------------------------------------- */

/* A CAR of some commits, in whatever order and as often as they stand there. */
static void write_car(const copse_env *env, copse_store *store, const copse_cid *cids, size_t count,
                      copse_buf *ret_car)
{
    static const copse_car_writer_options options = {.version = 1};
    copse_car_writer *writer = NULL;
    copse_buf_init(ret_car, env, SIZE_MAX);
    assert_int_equal(
        copse_car_writer_new(env, &options, proof_support_sink(ret_car), cids, 1, &writer, NULL),
        COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(store, &cids[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_car_writer_put(writer, &cids[i], copse_block_data(block), NULL),
                         COPSE_OK);
        copse_block_unref(block);
    }
    assert_int_equal(copse_car_writer_finish(writer, NULL, NULL), COPSE_OK);
    copse_car_writer_free(writer);
}

/* Asks a peer that answers with these blocks for the first of them; what it says then. */
static void check_sent(const copse_cid *cids, size_t count, uint64_t limit, world *peers,
                       size_t expected_blocks, const char *said)
{
    script_transport *script = script_transport_new(1);
    copse_store *store = NULL;
    copse_remote *remote = NULL;
    copse_source *source = NULL;
    copse_block *block = NULL;
    copse_remote_history history = {.limit = limit};
    copse_buf car;
    write_car(&peers->env, peers->commits.store, cids, count, &car);
    script_transport_peer(script, 0)->history = copse_buf_view(&car);
    assert_int_equal(copse_memory_store_new(&peers->env, &store, NULL), COPSE_OK);
    const copse_remote_options options = {.peers = script_peers,
                                          .peers_count = 1,
                                          .transport = script_transport_base(script),
                                          .store = store,
                                          .store_keeps = true};
    assert_int_equal(copse_remote_new(&peers->env, &options, &remote, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(&peers->env, store, &source, NULL), COPSE_OK);
    copse_source_begin(source);
    assert_int_equal(copse_source_get(source, &cids[0], &block, NULL), COPSE_WANT);
    copse_status status = copse_remote_fetch_history(remote, source, &history, NULL);
    assert_int_equal(status, expected_blocks > 0 ? COPSE_OK : COPSE_NOT_FOUND);
    assert_int_equal(copse_memory_store_block_count(store), expected_blocks);
    assert_int_equal(copse_remote_get_stats(remote).blocks, expected_blocks);
    assert_int_equal(copse_remote_get_stats(remote).refused, said != NULL);
    assert_true(said == NULL || strstr(copse_remote_reason(remote, SIZE_MAX, 0), said) != NULL);
    copse_source_free(source);
    copse_remote_free(remote);
    copse_store_close(store);
    copse_transport_free(script_transport_base(script));
    copse_buf_release(&car);
}

/* Each peer that sends sound blocks, and not those that it should. */
static void test_lies_with_sound_blocks(void **state)
{
    (void)state;
    world peers;
    world_init(&peers, 0, 1);
    const copse_cid *line = peers.commits.cids;
    const copse_cid sound[] = {line[9], line[8], line[7], line[6]};
    check_sent(sound, 4, 0, &peers, 4, NULL);
    check_sent(sound, 4, 4, &peers, 4, NULL);
    check_sent(sound, 4, 3, &peers, 3, "a block that nobody asked for");
    const copse_cid twice[] = {line[9], line[8], line[8], line[7]};
    check_sent(twice, 4, 0, &peers, 2, "a commit twice");
    const copse_cid child[] = {line[9], line[10], line[8], line[7]};
    check_sent(child, 4, 0, &peers, 1, "a block that nobody asked for");
    const copse_cid gap[] = {line[9], line[7], line[6], line[5]};
    check_sent(gap, 4, 0, &peers, 1, "a block that nobody asked for");

    /* What is wanted is no commit. */
    copse_block *block = NULL;
    assert_int_equal(copse_block_of_data(&peers.commits.test.env, COPSE_CODEC_DAG_CBOR,
                                         copse_bytes_of_text("\xa0"), &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(peers.commits.store, &block, 1, NULL), COPSE_OK);
    check_sent(copse_block_cid(block), 1, 0, &peers, 0, "a block that is no commit");
    copse_block_unref(block);
    world_release(&peers);
}

/* ---- No memory ------------------------------------------------------------------------------- */

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    world *peers = ctx;
    client here;
    copse_remote_history history = {.ours = *world_cid(peers, 3), .limit = 3};
    size_t count = 0;
    copse_status status = client_open(&here, env, peers, true);
    for (size_t i = 0; i < 4 && status == COPSE_OK; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(peers->commits.store, world_cid(peers, i), &block, NULL),
                         COPSE_OK);
        status = copse_store_put(here.store, &block, 1, NULL);
        copse_block_unref(block);
    }
    if (status == COPSE_OK) {
        status = client_walk(&here, env, world_cid(peers, 12), &history, &count, NULL);
        assert_true(status != COPSE_OK || count == 13);
    }
    client_release(&here);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    world peers;
    world_init(&peers, 1, 1);
    assert_true(test_env_sweep(sweep_run, &peers, 5000) > 30);
    world_release(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_comes_at_once),
        cmocka_unit_test(test_rounds_grow),
        cmocka_unit_test(test_what_is_here_is_left_out),
        cmocka_unit_test(test_a_past_that_is_not_here),
        cmocka_unit_test(test_a_past_that_is_left_out),
        cmocka_unit_test(test_nothing_is_asked),
        cmocka_unit_test(test_block_by_block),
        cmocka_unit_test(test_peers_that_have_a_part),
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_lies_are_named),
        cmocka_unit_test(test_lies_with_sound_blocks),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
