/* Names over a simulated network: an author publishes, peers get the records late or never, and
 * some lie, are silent or break. Whatever happens, a reader never goes back behind what it has
 * seen, and never takes what the author did not sign.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/remote.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/name_author.h"
#include "support/sim_network.h"
#include "support/test_env.h"

enum { PEERS = 4, VERSIONS = 9, STEPS = 24, SEEDS = 30 };

static const uint64_t far_ms = UINT64_C(1) << 42;

/* What a peer has to say. */
typedef enum story {
    STORY_NONE,
    STORY_TRUE,  /* a version that was published */
    STORY_OTHER, /* signed by another key */
    STORY_ENDED,
    STORY_GARBAGE,
    STORY_KINDS
} story;

typedef struct world world;

typedef struct name_peer {
    world *world;
    copse_service service;
    story story;
    size_t version;
} name_peer;

struct world {
    copse_env env;
    sim_network *network;
    name_author author;
    name_author other;
    copse_bytes versions[VERSIONS];
    copse_bytes forged;
    copse_bytes ended;
    size_t published; /* versions */
    name_peer peers[PEERS];
    uint64_t random;
    copse_buf memory;
    uint64_t seen; /* the highest sequence that was taken */
    copse_remote *remote;
    /* What was met. */
    size_t taken;
    size_t remembered;
    size_t failed;
    size_t suspects;
};

static uint64_t sequence_of(size_t version)
{
    return 100 + version;
}

/* ---- Peers ---- */

static copse_status peer_record(void *ctx, copse_bytes *ret_record, copse_ipns_record *ret_said,
                                copse_err *err)
{
    const name_peer *peer = ctx;
    const world *self = peer->world;
    const copse_bytes records[STORY_KINDS] = {
        [STORY_TRUE] = self->versions[peer->version],
        [STORY_OTHER] = self->forged,
        [STORY_ENDED] = self->ended,
        [STORY_GARBAGE] = copse_bytes_of_text("garbage"),
    };
    (void)err;
    if (peer->story == STORY_NONE) {
        return COPSE_NOT_FOUND;
    }
    *ret_record = records[peer->story];
    *ret_said = (copse_ipns_record){.eol_ms = far_ms};
    return COPSE_OK;
}

static void peer_init(world *self, size_t number)
{
    name_peer *peer = &self->peers[number];
    peer->world = self;
    assert_int_equal(copse_service_init(&peer->service, &self->env, NULL), COPSE_OK);
    const copse_served served = {.name = "blog",
                                 .record = peer_record,
                                 .key = *name_author_name(&self->author),
                                 .ctx = peer};
    assert_int_equal(copse_served_list_add(&peer->service.databases, &served, NULL), COPSE_OK);
    const sim_peer reached = {.service = &peer->service, .link = {.latency_us = 20000}};
    assert_int_equal(sim_network_add(self->network, &reached), number);
}

/* ---- The reader ---- */

static copse_status world_get(void *ctx, const copse_public_key *name, copse_buf *ret_record,
                              uint64_t *ret_seen_ms, copse_err *err)
{
    const world *self = ctx;
    (void)name;
    (void)err;
    *ret_seen_ms = 0;
    return self->memory.len > 0 ? copse_buf_append(ret_record, copse_buf_view(&self->memory))
                                : COPSE_NOT_FOUND;
}

static copse_status world_set(void *ctx, const copse_public_key *name, copse_bytes record,
                              copse_err *err)
{
    world *self = ctx;
    (void)name;
    (void)err;
    copse_buf_truncate(&self->memory, 0);
    return copse_buf_append(&self->memory, record);
}

static void world_init(world *self, uint64_t seed)
{
    char urls[PEERS][SIM_URL_SIZE];
    const char *peers[PEERS];
    copse_cid head;
    *self = (world){.random = seed};
    copse_env_init(&self->env);
    self->network = sim_network_new(seed);
    sim_network_give_clock(self->network, &self->env);
    name_author_init(&self->author, &self->env, 1);
    name_author_init(&self->other, &self->env, 2);
    copse_buf_init(&self->memory, &self->env, SIZE_MAX);
    for (size_t i = 0; i < VERSIONS; i++) {
        name_author_head((uint8_t)i, &head);
        self->versions[i] = name_author_record(&self->author, sequence_of(i), &head, far_ms);
    }
    name_author_head(200, &head);
    self->forged = name_author_record(&self->other, sequence_of(200), &head, far_ms);
    self->ended = name_author_record(&self->author, sequence_of(200), &head, 1);
    for (size_t i = 0; i < PEERS; i++) {
        peer_init(self, i);
        peers[i] = sim_network_url(i, urls[i]);
    }
    const copse_remote_records records = {world_get, world_set, self};
    const copse_remote_options options = {.peers = peers,
                                          .peers_count = PEERS,
                                          .transport = sim_network_transport(self->network),
                                          .records = &records};
    assert_int_equal(copse_remote_new(&self->env, &options, &self->remote, NULL), COPSE_OK);
}

static void world_release(world *self)
{
    copse_remote_free(self->remote);
    copse_transport_free(sim_network_transport(self->network));
    for (size_t i = 0; i < PEERS; i++) {
        copse_service_release(&self->peers[i].service);
    }
    copse_buf_release(&self->memory);
    name_author_release(&self->author);
    name_author_release(&self->other);
}

/* ---- A step ---- */

/* The author goes on, and what peers have and do changes. */
static void world_change(world *self)
{
    static const uint64_t faults = SIM_FAULT_BIT(SIM_FAULT_STALLED) |
                                   SIM_FAULT_BIT(SIM_FAULT_STUCK) | SIM_FAULT_BIT(SIM_FAULT_BUSY) |
                                   SIM_FAULT_BIT(SIM_FAULT_TRUNCATED) |
                                   SIM_FAULT_BIT(SIM_FAULT_PADDED) | SIM_FAULT_BIT(SIM_FAULT_BOMB) |
                                   SIM_FAULT_BIT(SIM_FAULT_GARBAGE);
    if (self->published < VERSIONS && test_random_below(&self->random, 3) == 0) {
        self->published++;
    }
    for (size_t i = 0; i < PEERS; i++) {
        name_peer *peer = &self->peers[i];
        uint64_t chance = test_random_below(&self->random, 8);
        bool lies = chance > 5;
        peer->story = lies ? (story)(STORY_OTHER + test_random_below(&self->random, 3))
                      : self->published > 0 && chance > 0 ? STORY_TRUE
                                                          : STORY_NONE;
        peer->version =
            self->published > 0 ? (size_t)test_random_below(&self->random, self->published) : 0;
        sim_peer *reached = sim_network_peer(self->network, i);
        reached->faults = faults;
        reached->fault_permille = test_random_below(&self->random, 3) == 0 ? 1000 : 0;
    }
}

/* The newest version that a peer without fault has; VERSIONS: none. */
static size_t world_reachable(world *self)
{
    size_t best = VERSIONS;
    for (size_t i = 0; i < PEERS; i++) {
        const name_peer *peer = &self->peers[i];
        if (peer->story == STORY_TRUE && sim_network_peer(self->network, i)->fault_permille == 0 &&
            (best == VERSIONS || peer->version > best)) {
            best = peer->version;
        }
    }
    return best;
}

/* Peers that said the truth, and nothing old, are not suspected; liars without other fault are. */
static void world_check_suspects(world *self, uint64_t suspects, uint64_t seen_before)
{
    for (size_t i = 0; i < PEERS; i++) {
        const name_peer *peer = &self->peers[i];
        bool is_suspect = (suspects >> i & 1) != 0;
        if (sim_network_peer(self->network, i)->fault_permille == 0) {
            bool is_old = peer->story == STORY_TRUE && sequence_of(peer->version) < seen_before;
            assert_int_equal(is_suspect, is_old || peer->story > STORY_TRUE);
        }
        self->suspects += is_suspect;
    }
}

static void world_step(world *self)
{
    copse_remote_name name;
    copse_cid head;
    copse_err err = {.message = ""};
    world_change(self);
    size_t reachable = world_reachable(self);
    uint64_t seen_before = self->seen;
    uint64_t begun_us = sim_network_now_us(self->network);
    copse_status status =
        copse_remote_resolve(self->remote, name_author_name(&self->author), &name, &err);
    uint64_t took_ms = (sim_network_now_us(self->network) - begun_us) / 1000;
    assert_true(took_ms <= self->env.limits.fetch_silence_ms_max); /* M3 */
    assert_int_equal(sim_network_running(self->network), 0);
    if (status != COPSE_OK) {
        assert_true(seen_before == 0 && reachable == VERSIONS);
        self->failed++;
        return;
    }
    size_t version = (size_t)(name.sequence - sequence_of(0));
    assert_true(version < self->published); /* M1 */
    name_author_head((uint8_t)version, &head);
    assert_true(copse_cid_equal(&head, &name.head));
    assert_true(name.sequence >= seen_before); /* M2 */
    assert_true(reachable == VERSIONS || version >= reachable);
    world_check_suspects(self, name.suspects, seen_before);
    self->seen = name.sequence;
    self->taken += name.peer != SIZE_MAX;
    self->remembered += name.peer == SIZE_MAX;
}

static void test_simulation(void **state)
{
    (void)state;
    size_t taken = 0;
    size_t remembered = 0;
    size_t failed = 0;
    size_t suspects = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world self;
        world_init(&self, seed);
        for (size_t i = 0; i < STEPS; i++) {
            world_step(&self);
        }
        taken += self.taken;
        remembered += self.remembered;
        failed += self.failed;
        suspects += self.suspects;
        world_release(&self);
    }
    printf("%zu taken, %zu remembered, %zu failed; %zu suspects\n", taken, remembered, failed,
           suspects);
    assert_true(taken > 200 && remembered > 100 && failed > 30 && suspects > 400);
}

/* The cost of a name in exact numbers: one round trip, whatever it stands for. */
static void test_cost(void **state)
{
    (void)state;
    world self;
    copse_remote_name name;
    world_init(&self, 1);
    self.published = 2;
    for (size_t i = 0; i < PEERS; i++) {
        self.peers[i].story = STORY_TRUE;
        self.peers[i].version = i % 2;
    }
    uint64_t begun_us = sim_network_now_us(self.network);
    assert_int_equal(copse_remote_resolve(self.remote, name_author_name(&self.author), &name, NULL),
                     COPSE_OK);
    copse_remote_stats stats = copse_remote_get_stats(self.remote);
    assert_int_equal(name.sequence, sequence_of(1));
    assert_int_equal(stats.requests, PEERS);
    assert_int_equal(stats.round_trips, 1);
    uint64_t took_us = sim_network_now_us(self.network) - begun_us;
    assert_true(took_us >= 80000 && took_us < 82000); /* connecting, and asking: 2 × 2 × 20 ms */
    assert_true(stats.received_bytes < PEERS * 1300);
    world_release(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulation),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
