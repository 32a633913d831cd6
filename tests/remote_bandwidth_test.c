/* A scan of a whole database block by block, from one peer of 10 Mbit/s and from four: virtual
 * time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/answer_support.h"
#include "support/posts_world.h"
#include "support/sim_client.h"
#include "support/sim_server.h"

enum { POSTS = 20000, PEERS_MAX = 4, BYTES_PER_S = 1250000 };

/* Scans with an empty store. Returns the time that it took, in microseconds. */
static uint64_t scan_from(const posts_world *world, size_t peers, uint32_t latency_us)
{
    const sim_link link = {.latency_us = latency_us, .bytes_per_s = BYTES_PER_S};
    sim_server servers[PEERS_MAX];
    sim_client client;
    answer_query query;
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_status status;
    copse_err err = {0};
    uint64_t documents = 0;
    sim_network *network = sim_network_new(peers);
    copse_transport *transport = sim_network_transport(network);
    copse_env env = *database_world_env(&world->db);
    sim_network_give_clock(network, &env);
    for (size_t i = 0; i < peers; i++) {
        sim_server_init(&servers[i], &env, "blog", world->db.world.store, &world->commit);
        (void)sim_network_add(network, &(sim_peer){.service = &servers[i].service, .link = link});
    }
    sim_client_init(&client, &env, network, peers, NULL);
    answer_query_init(&query, NULL, NULL, NULL, 0, 0);
    const copse_remote_find_options options = {
        .root = &world->commit, .query = &query.options, .blocks_only = true};
    assert_int_equal(copse_remote_find_new(client.remote, &options, &find, &err), COPSE_OK);
    while ((status = copse_remote_find_next(find, &document, &err)) == COPSE_OK) {
        documents++;
    }
    assert_int_equal(status, COPSE_END);
    assert_int_equal(documents, POSTS);
    copse_remote_stats stats = copse_remote_get_stats(client.remote);
    uint64_t time_us = sim_network_now_us(network);
    print_message("%zu peers: %llu ms; %llu blocks, %llu bytes received, %llu requests, %llu round "
                  "trips\n",
                  peers, (unsigned long long)time_us / 1000, (unsigned long long)stats.blocks,
                  (unsigned long long)stats.received_bytes, (unsigned long long)stats.requests,
                  (unsigned long long)stats.round_trips);
    copse_remote_find_free(find);
    answer_query_release(&query);
    sim_client_release(&client);
    copse_transport_free(transport);
    for (size_t i = 0; i < peers; i++) {
        sim_server_release(&servers[i]);
    }
    return time_us;
}

/* Paths are read in round trips that no number of peers makes fewer: at 50 ms each they are a third
 * of the time from four peers. */
static void test_four_peers(void **state)
{
    static const struct {
        uint32_t latency_us;  /* one way */
        uint64_t percent_min; /* four peers' speed, of one peer's */
    } links[] = {{5000, 350}, {25000, 250}};
    posts_world *world = calloc(1, sizeof *world);
    (void)state;
    assert_non_null(world);
    posts_world_init(world, &(posts_world_options){.count = POSTS});
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        uint64_t one_us = scan_from(world, 1, links[i].latency_us);
        uint64_t four_us = scan_from(world, PEERS_MAX, links[i].latency_us);
        uint64_t percent = one_us * 100 / four_us;
        print_message("%u ms one way: %llu%% of the speed\n", links[i].latency_us / 1000,
                      (unsigned long long)percent);
        assert_true(percent >= links[i].percent_min);
    }
    posts_world_release(world);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_four_peers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
