/* The simulated network itself: times, shares, windows, each fault, and that a seed says all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/sim_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/answer_request.h"
#include "support/answer_support.h"
#include "support/sim_server.h"
#include <copse/dag_cbor.h>

enum { SIM_TEST_LATENCY_US = 25000, SIM_TEST_BLOCK_BYTES = 500000, SIM_TEST_TRIES_MAX = 400 };

/* A database that all peers serve as "one", and a large block. */
typedef struct sim_test {
    answer_world world;
    answer_query query;
    sim_server server;
    copse_env env; /* with the network's clock */
    sim_network *network;
    copse_transport *transport;
    copse_cid large;
    char large_target[COPSE_CID_TEXT_SIZE_MAX + 24];
    copse_buf query_body;
    copse_buf blocks_body;
} sim_test;

/* What a client got. */
typedef struct sim_outcome {
    unsigned status;
    uint32_t retry_after_ms;
    bool failed; /* else it ended */
    bool given_up;
    char copse_root[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf body;
    uint64_t head_us;
    uint64_t end_us;
} sim_outcome;

/* ---- The world ------------------------------------------------------------------------------- */

static void sim_test_put_large(sim_test *test)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_block *block = NULL;
    uint8_t *bytes = calloc(1, SIM_TEST_BLOCK_BYTES);
    assert_non_null(bytes);
    assert_int_equal(copse_block_of_data(&test->env, COPSE_CODEC_RAW,
                                         (copse_bytes){bytes, SIM_TEST_BLOCK_BYTES}, &block, NULL),
                     COPSE_OK);
    test->large = *copse_block_cid(block);
    assert_int_equal(copse_store_put(test->world.db.world.store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    (void)copse_cid_to_text(&test->large, COPSE_BASE32, text);
    (void)snprintf(test->large_target, sizeof test->large_target, "/ipfs/%s?format=raw", text);
    free(bytes);
}

static void sim_test_init(sim_test *test, uint64_t seed)
{
    *test = (sim_test){.network = NULL};
    answer_world_init_posts(&test->world, 200);
    answer_query_init(&test->query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 12);
    test->network = sim_network_new(seed);
    test->transport = sim_network_transport(test->network);
    test->env = *database_world_env(&test->world.db);
    sim_network_give_clock(test->network, &test->env);
    sim_server_init(&test->server, &test->env, "one", test->world.db.world.store,
                    &test->world.commit);
    sim_test_put_large(test);
    copse_buf_init(&test->query_body, &test->env, SIZE_MAX);
    copse_buf_init(&test->blocks_body, &test->env, SIZE_MAX);
    assert_int_equal(
        copse_answer_request_encode(&test->query.options, NULL, NULL, 0, &test->query_body, NULL),
        COPSE_OK);
    const copse_cid *cids[] = {&test->world.commit, copse_tree_root(test->world.db.tree)};
    assert_int_equal(copse_cbor_write_array(&test->blocks_body, 2), COPSE_OK);
    for (size_t i = 0; i < 2; i++) {
        copse_bytes cid = {cids[i]->bytes, cids[i]->size};
        assert_int_equal(copse_cbor_write_link(&test->blocks_body, cid), COPSE_OK);
    }
}

static void sim_test_release(sim_test *test)
{
    test->transport = copse_transport_free(test->transport);
    sim_server_release(&test->server);
    copse_buf_release(&test->query_body);
    copse_buf_release(&test->blocks_body);
    answer_query_release(&test->query);
    answer_world_release(&test->world);
}

/* A peer that serves the database over a link of 25 ms each way. */
static sim_peer *sim_test_add(sim_test *test)
{
    const sim_peer peer = {.service = &test->server.service,
                           .link = {.latency_us = SIM_TEST_LATENCY_US},
                           .refs = test->server.refs,
                           .old_head = *copse_tree_root(test->world.db.tree)};
    return sim_network_peer(test->network, sim_network_add(test->network, &peer));
}

/* ---- A client -------------------------------------------------------------------------------- */

static uint64_t sim_test_start(sim_test *test, size_t peer, const char *target, copse_bytes body)
{
    char url[300];
    char host[SIM_URL_SIZE];
    uint64_t id = 0;
    (void)snprintf(url, sizeof url, "%s%s", sim_network_url(peer, host), target);
    const copse_transport_request request = {
        .url = url,
        .content_type = body.len > 0 ? "application/vnd.ipld.dag-cbor" : NULL,
        .body = body,
    };
    assert_int_equal(test->transport->ops->start(test->transport, &request, &id, NULL), COPSE_OK);
    return id;
}

static void sim_outcome_take(sim_test *test, sim_outcome *outcome,
                             const copse_transport_event *event)
{
    switch (event->kind) {
    case COPSE_TRANSPORT_HEAD:
        outcome->status = event->status;
        outcome->retry_after_ms = event->retry_after_ms;
        outcome->head_us = sim_network_now_us(test->network);
        (void)snprintf(outcome->copse_root, sizeof outcome->copse_root, "%.*s",
                       (int)event->copse_root.len, (const char *)event->copse_root.ptr);
        break;
    case COPSE_TRANSPORT_BODY:
        assert_true(event->body.len > 0 && event->body.len <= COPSE_TRANSPORT_PIECE_MAX);
        assert_int_equal(copse_buf_append(&outcome->body, event->body), COPSE_OK);
        break;
    default:
        outcome->failed = event->kind == COPSE_TRANSPORT_FAILED;
        outcome->end_us = sim_network_now_us(test->network);
        assert_true(!outcome->failed || event->reason != NULL);
        break;
    }
}

/* Waits for `count` requests, `first` and those behind it, for two minutes. A body above two
 * megabytes is given up. */
static void sim_test_finish(sim_test *test, uint64_t first, size_t count, sim_outcome *outcomes)
{
    copse_transport_event event;
    uint64_t until = test->transport->ops->now(test->transport) + 120000;
    size_t left = count;
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (sim_outcome){.status = 0};
        copse_buf_init(&outcomes[i].body, &test->env, SIZE_MAX);
    }
    while (left > 0 &&
           test->transport->ops->wait(test->transport, until, &event, NULL) == COPSE_OK) {
        assert_in_range(event.request, first, first + count - 1);
        sim_outcome *outcome = &outcomes[event.request - first];
        assert_false(outcome->given_up || outcome->end_us > 0);
        sim_outcome_take(test, outcome, &event);
        if (outcome->body.len > 4 * SIM_TEST_BLOCK_BYTES) {
            test->transport->ops->cancel(test->transport, event.request);
            outcome->given_up = true;
        }
        left -= outcome->given_up || outcome->end_us > 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].end_us == 0) {
            test->transport->ops->cancel(test->transport, first + i);
            outcomes[i].given_up = true;
        }
    }
}

static sim_outcome sim_test_ask(sim_test *test, size_t peer, const char *target, copse_bytes body)
{
    sim_outcome outcome;
    uint64_t id = sim_test_start(test, peer, target, body);
    sim_test_finish(test, id, 1, &outcome);
    return outcome;
}

static const copse_bytes no_body = {NULL, 0};

/* ---- Links ----------------------------------------------------------------------------------- */

/* N2, N3: a new connection costs a round trip, each answer one. */
static void test_latency(void **state)
{
    (void)state;
    sim_test test;
    sim_test_init(&test, 1);
    (void)sim_test_add(&test);
    for (uint64_t i = 0; i < 3; i++) {
        sim_outcome outcome = sim_test_ask(&test, 0, "/health", no_body);
        assert_int_equal(outcome.status, 200);
        assert_false(outcome.failed);
        assert_int_equal(outcome.body.len, 3);
        assert_int_equal(outcome.end_us, (2 * i + 4) * SIM_TEST_LATENCY_US);
        copse_buf_release(&outcome.body);
    }
    copse_transport_stats stats = test.transport->ops->stats(test.transport);
    assert_int_equal(stats.requests, 3);
    assert_int_equal(stats.connections, 1);
    assert_in_range(stats.sent_bytes, 3 * 60, 3 * 200);
    assert_in_range(stats.received_bytes, 3 * 60, 3 * 500);
    sim_test_release(&test);
}

/* N3: a link is shared, links are not. */
static void test_bandwidth(void **state)
{
    (void)state;
    sim_test test;
    sim_outcome outcomes[4];
    sim_test_init(&test, 2);
    for (size_t i = 0; i < 4; i++) {
        sim_test_add(&test)->link.bytes_per_s = 1250000;
    }
    const uint64_t once_us = SIM_TEST_BLOCK_BYTES * UINT64_C(1000000) / 1250000;
    for (size_t peers = 1; peers <= 4; peers++) {
        uint64_t begin = sim_network_now_us(test.network);
        uint64_t first = sim_test_start(&test, 0, test.large_target, no_body);
        for (size_t i = 1; i < 4; i++) {
            (void)sim_test_start(&test, i % peers, test.large_target, no_body);
        }
        sim_test_finish(&test, first, 4, outcomes);
        uint64_t last = 0;
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(outcomes[i].body.len, SIM_TEST_BLOCK_BYTES);
            last = outcomes[i].end_us > last ? outcomes[i].end_us : last;
            copse_buf_release(&outcomes[i].body);
        }
        uint64_t shares = (4 + peers - 1) / peers;
        assert_in_range(last - begin, shares * once_us, shares * once_us * 23 / 20 + 200000);
    }
    sim_test_release(&test);
}

/* N3: the first answer of a connection comes in flights that double. */
static void test_window(void **state)
{
    (void)state;
    sim_test test;
    sim_test_init(&test, 3);
    (void)sim_test_add(&test);
    sim_outcome cold = sim_test_ask(&test, 0, test.large_target, no_body);
    sim_outcome warm = sim_test_ask(&test, 0, test.large_target, no_body);
    uint64_t cold_flights = (cold.end_us - cold.head_us) / 2 / SIM_TEST_LATENCY_US;
    uint64_t warm_flights = (warm.end_us - warm.head_us) / 2 / SIM_TEST_LATENCY_US;
    assert_in_range(cold_flights, 4, 6); /* 14.6 kB times 1, 3, 7, 15, 31, 63 */
    assert_in_range(warm_flights, 0, 1);
    copse_buf_release(&cold.body);
    copse_buf_release(&warm.body);
    sim_test_release(&test);
}

/* A cancelled request is silent, and an event later than the wait stays for the next. */
static void test_cancel(void **state)
{
    (void)state;
    sim_test test;
    copse_transport_event event;
    sim_test_init(&test, 4);
    (void)sim_test_add(&test);
    const copse_transport_ops *ops = test.transport->ops;
    uint64_t first = sim_test_start(&test, 0, "/health", no_body);
    uint64_t second = sim_test_start(&test, 0, "/health", no_body);
    assert_int_equal(ops->wait(test.transport, 60, &event, NULL), COPSE_END);
    assert_int_equal(ops->now(test.transport), 60);
    ops->cancel(test.transport, first);
    ops->cancel(test.transport, first);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ops->wait(test.transport, 1000, &event, NULL), COPSE_OK);
        assert_int_equal(event.request, second);
        assert_int_equal(ops->now(test.transport), 100);
    }
    assert_int_equal(event.kind, COPSE_TRANSPORT_END);
    assert_int_equal(ops->wait(test.transport, 1000, &event, NULL), COPSE_END);
    assert_int_equal(ops->now(test.transport), 1000);
    sim_test_release(&test);
}

static void test_nobody(void **state)
{
    (void)state;
    sim_test test;
    sim_test_init(&test, 5);
    sim_test_add(&test)->service = NULL;
    sim_outcome outcome = sim_test_ask(&test, 0, "/health", no_body);
    assert_true(outcome.failed);
    assert_int_equal(outcome.end_us, 2 * SIM_TEST_LATENCY_US);
    copse_buf_release(&outcome.body);
    sim_test_release(&test);
}

/* A peer without a way is reached later, or not at all. */
static void test_parted(void **state)
{
    (void)state;
    sim_test test;
    size_t counts[2] = {0};
    sim_test_init(&test, 6);
    sim_peer *peer = sim_test_add(&test);
    peer->link.part_every_ms = 60000;
    peer->link.part_ms = 30000;
    for (size_t i = 0; i < 40; i++) {
        sim_outcome outcome = sim_test_ask(&test, 0, "/health", no_body);
        assert_false(outcome.given_up);
        counts[outcome.failed]++;
        copse_buf_release(&outcome.body);
        copse_transport_event event;
        uint64_t later = test.transport->ops->now(test.transport) + 3700;
        assert_int_equal(test.transport->ops->wait(test.transport, later, &event, NULL), COPSE_END);
    }
    assert_int_equal(counts[0], 40); /* an open connection only waits */
    assert_true(sim_network_fault_count(test.network, SIM_FAULT_PARTED) > 0);
    sim_test_release(&test);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

typedef struct sim_test_page {
    sim_page page;
    const char *target;
    copse_bytes body;
} sim_test_page;

static void sim_test_pages(const sim_test *test, sim_test_page pages[4])
{
    pages[0] = (sim_test_page){SIM_PAGE_HEAD, "/copse/v1/one", no_body};
    pages[1] =
        (sim_test_page){SIM_PAGE_QUERY, "/copse/v1/one/query", copse_buf_view(&test->query_body)};
    pages[2] =
        (sim_test_page){SIM_PAGE_BLOCKS, "/copse/v1/blocks", copse_buf_view(&test->blocks_body)};
    pages[3] = (sim_test_page){SIM_PAGE_BLOCK, test->large_target, no_body};
}

static bool sim_outcome_equal(const sim_outcome *a, const sim_outcome *b)
{
    return a->status == b->status && a->failed == b->failed && a->given_up == b->given_up &&
           strcmp(a->copse_root, b->copse_root) == 0 &&
           copse_bytes_equal(copse_buf_view(&a->body), copse_buf_view(&b->body));
}

/* Asks for a page with every request faulty, until the fault has been seen a few times. */
static void sim_test_fault(sim_fault fault, size_t page_index)
{
    sim_test test;
    sim_test_page pages[4];
    sim_test_init(&test, 100 + fault);
    sim_test_pages(&test, pages);
    sim_peer *peer = sim_test_add(&test);
    const sim_test_page *page = &pages[page_index];
    sim_outcome right = sim_test_ask(&test, 0, page->target, page->body);
    assert_int_equal(right.status, 200);
    assert_false(right.failed || right.given_up);
    peer->faults = SIM_FAULT_BIT(fault);
    peer->fault_permille = 1000;
    size_t seen = 0;
    for (size_t i = 0; i < 12; i++) {
        uint64_t before = sim_network_fault_count(test.network, fault);
        sim_outcome outcome = sim_test_ask(&test, 0, page->target, page->body);
        bool counted = sim_network_fault_count(test.network, fault) > before;
        bool same = sim_outcome_equal(&outcome, &right) && fault != SIM_FAULT_STALLED;
        if (counted == same && fault != SIM_FAULT_VANISHED) {
            fail_msg("%s: %s, but the answer is %s", sim_fault_name(fault),
                     counted ? "counted" : "not counted", same ? "right" : "wrong");
        }
        seen += counted;
        copse_buf_release(&outcome.body);
    }
    if (seen == 0) {
        fail_msg("%s: never seen at page %zu", sim_fault_name(fault), page_index);
    }
    copse_buf_release(&right.body);
    sim_test_release(&test);
}

/* N4: each fault of a peer, at each page that it fits. */
static void test_faults(void **state)
{
    (void)state;
    sim_test test;
    sim_test_page pages[4];
    sim_test_init(&test, 7);
    sim_test_pages(&test, pages);
    for (unsigned fault = SIM_FAULT_STALLED; fault < SIM_FAULT_COUNT; fault++) {
        for (size_t i = 0; i < 4; i++) {
            if (sim_fault_fits((sim_fault)fault, pages[i].page)) {
                sim_test_fault((sim_fault)fault, i);
            }
        }
    }
    sim_test_release(&test);
}

/* Small batches over a bad link, four at a time. Returns the trace. */
static uint64_t sim_test_bad_link(uint64_t seed, uint64_t counts[SIM_FAULT_COUNT])
{
    sim_test test;
    sim_outcome outcomes[4];
    sim_test_init(&test, seed);
    sim_peer *peer = sim_test_add(&test);
    peer->link = (sim_link){.latency_us = 20000,
                            .jitter_us = 30000,
                            .bytes_per_s = 100000,
                            .lost_permille = 30,
                            .broken_permille = 10};
    for (size_t round = 0; round < 20; round++) {
        uint64_t first = 0;
        for (size_t i = 0; i < 4; i++) {
            uint64_t id =
                sim_test_start(&test, 0, "/copse/v1/blocks", copse_buf_view(&test.blocks_body));
            first = i == 0 ? id : first;
        }
        sim_test_finish(&test, first, 4, outcomes);
        for (size_t i = 0; i < 4; i++) {
            copse_buf_release(&outcomes[i].body);
        }
    }
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        counts[i] = sim_network_fault_count(test.network, (sim_fault)i);
    }
    uint64_t trace = sim_network_trace(test.network);
    sim_test_release(&test);
    return trace;
}

/* N1, and the faults of links. */
static void test_seeds(void **state)
{
    (void)state;
    uint64_t counts[2][SIM_FAULT_COUNT];
    uint64_t trace = sim_test_bad_link(8, counts[0]);
    assert_true(trace == sim_test_bad_link(8, counts[1]));
    assert_memory_equal(counts[0], counts[1], sizeof counts[0]);
    assert_true(trace != sim_test_bad_link(9, counts[1]));
    assert_true(counts[0][SIM_FAULT_LOST] > 0);
    assert_true(counts[0][SIM_FAULT_BROKEN] > 0);
    assert_true(counts[0][SIM_FAULT_OVERTAKEN] > 0);
}

/* N4: a lie that was sent, but not taken, does not count. */
static void test_unseen(void **state)
{
    (void)state;
    sim_test test;
    copse_transport_event event;
    sim_test_init(&test, 10);
    sim_peer *peer = sim_test_add(&test);
    peer->faults = SIM_FAULT_BIT(SIM_FAULT_WRONG_RAW);
    peer->fault_permille = 1000;
    for (size_t i = 0; i < 10; i++) {
        uint64_t id = sim_test_start(&test, 0, test.large_target, no_body);
        assert_int_equal(test.transport->ops->wait(test.transport, UINT64_MAX, &event, NULL),
                         COPSE_OK);
        assert_int_equal(event.kind, COPSE_TRANSPORT_HEAD);
        test.transport->ops->cancel(test.transport, id);
    }
    assert_int_equal(sim_network_fault_count(test.network, SIM_FAULT_WRONG_RAW), 0);
    sim_test_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latency), cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_window),  cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_nobody),  cmocka_unit_test(test_parted),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
