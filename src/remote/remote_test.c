/* A remote apart from queries: its life, blocks that a source wants, heads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/remote_world.h"

enum { WANTED_MAX = 64 };

/* A remote, a source over it, and some CIDs of the world's blocks. */
typedef struct remote_case {
    remote_world world;
    copse_env env;
    copse_store *store;
    remote_heads heads;
    remote_client client;
    copse_source *source;
    copse_cid cids[WANTED_MAX];
    size_t count;
} remote_case;

static copse_status list_block(void *ctx, copse_block *block, copse_err *err)
{
    remote_case *one = ctx;
    (void)err;
    if (one->count == WANTED_MAX) {
        return COPSE_END;
    }
    one->cids[one->count++] = *copse_block_cid(block);
    return COPSE_OK;
}

static void remote_case_connect(remote_case *one, size_t peers, bool offline, bool keeps)
{
    const remote_setup setup = {.env = &one->env,
                                .peers_count = peers,
                                .offline = offline,
                                .store = one->store,
                                .store_keeps = keeps,
                                .heads = &one->heads};
    assert_int_equal(remote_client_init(&one->client, &one->world, &setup), COPSE_OK);
    assert_int_equal(
        copse_source_new(&one->env, copse_remote_store(one->client.remote), &one->source, NULL),
        COPSE_OK);
}

static void remote_case_init(remote_case *one, size_t peers, bool offline, bool keeps)
{
    *one = (remote_case){.count = 0};
    remote_world_init(&one->world);
    copse_env_init(&one->env);
    remote_heads_init(&one->heads);
    assert_int_equal(copse_memory_store_new(&one->env, &one->store, NULL), COPSE_OK);
    copse_status status =
        copse_store_iterate(one->world.world.db.world.store, list_block, one, NULL);
    assert_true(status == COPSE_END || status == COPSE_OK);
    assert_true(one->count > 10);
    remote_case_connect(one, peers, offline, keeps);
}

static void remote_case_release(remote_case *one)
{
    copse_source_free(one->source);
    remote_client_release(&one->client);
    copse_store_close(one->store);
    remote_world_release(&one->world);
}

static script_peer *remote_peer(remote_case *one, size_t peer)
{
    return script_transport_peer(one->client.script, peer);
}

/* Wants cids[from..to), the first as a miss, the others as hints. */
static void want(remote_case *one, size_t from, size_t to)
{
    copse_block *block = NULL;
    copse_source_begin(one->source);
    assert_int_equal(copse_source_get(one->source, &one->cids[from], &block, NULL), COPSE_WANT);
    for (size_t i = from + 1; i < to; i++) {
        assert_int_equal(copse_source_hint(one->source, &one->cids[i], NULL), COPSE_OK);
    }
}

static bool is_here(remote_case *one, size_t at)
{
    copse_block *block = NULL;
    copse_source_begin(one->source);
    copse_status status = copse_source_get(one->source, &one->cids[at], &block, NULL);
    copse_block_unref(block);
    assert_true(status == COPSE_OK || status == COPSE_WANT);
    return status == COPSE_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void test_new(void **state)
{
    (void)state;
    static const char *const broken[] = {"http://h", "h:80"};
    const char *many[COPSE_REMOTE_PEERS_MAX + 1];
    copse_env env;
    copse_remote *remote = NULL;
    copse_err err = {0};
    copse_env_init(&env);
    for (size_t i = 0; i <= COPSE_REMOTE_PEERS_MAX; i++) {
        many[i] = "HTTP://Host/";
    }
    copse_remote_options options = {.peers = many, .peers_count = COPSE_REMOTE_PEERS_MAX + 1};
    assert_int_equal(copse_remote_new(&env, &options, &remote, &err), COPSE_MISUSE);
    options = (copse_remote_options){.peers = broken, .peers_count = 2};
    assert_int_equal(copse_remote_new(&env, &options, &remote, &err), COPSE_MISUSE);
    assert_non_null(strstr(err.message, "h:80"));
    assert_null(remote);
    options = (copse_remote_options){.peers = many, .peers_count = COPSE_REMOTE_PEERS_MAX};
    assert_int_equal(copse_remote_new(&env, &options, &remote, &err), COPSE_OK);
    assert_string_equal(copse_remote_peer(remote, COPSE_REMOTE_PEERS_MAX - 1), "http://host");
    assert_null(copse_remote_peer(remote, COPSE_REMOTE_PEERS_MAX));
    assert_string_equal(copse_remote_reason(remote, SIZE_MAX, COPSE_REMOTE_PEERS_MAX), "");
    assert_null(copse_remote_free(remote));
    assert_null(copse_remote_free(NULL));
}

/* The store that sources read: counted, and read only. */
static void test_store(void **state)
{
    (void)state;
    remote_case one;
    remote_case_init(&one, 1, false, true);
    copse_store *store = copse_remote_store(one.client.remote);
    copse_block *block = NULL;
    bool is_present = true;
    assert_int_equal(copse_store_get(store, &one.cids[0], &block, NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_store_has(store, &one.cids[0], &is_present, NULL), COPSE_OK);
    assert_false(is_present);
    want(&one, 0, 1);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(is_here(&one, 0));
    }
    assert_int_equal(copse_remote_get_stats(one.client.remote).had, 1);
    assert_int_equal(copse_store_get(one.store, &one.cids[0], &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_remove(store, &one.cids[0], 1, NULL), COPSE_MISUSE);
    copse_block_unref(block);
    one.count = 0;
    assert_int_equal(copse_store_iterate(store, list_block, &one, NULL), COPSE_OK);
    assert_int_equal(one.count, 1);
    remote_case_release(&one);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void count_call(void *ctx)
{
    ++*(size_t *)ctx;
}

static void test_fetch(void **state)
{
    (void)state;
    for (size_t peers = 1; peers <= 3; peers++) {
        for (int keeps = 0; keeps < 2; keeps++) {
            remote_case one;
            remote_case_init(&one, peers, false, keeps != 0);
            want(&one, 0, one.count);
            assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
            copse_remote_stats stats = copse_remote_get_stats(one.client.remote);
            size_t missing = 1;
            assert_null(copse_remote_missing(one.client.remote, &missing));
            assert_int_equal(missing, 0);
            assert_int_equal(stats.blocks, one.count);
            assert_int_equal(stats.had, 0);
            assert_true(stats.received_bytes > stats.block_bytes);
            assert_true(stats.sent_bytes > 36 * one.count);
            assert_int_equal(stats.round_trips, 1);
            for (size_t i = 0; i < one.count; i++) {
                assert_true(is_here(&one, i));
            }
            /* Kept blocks are the store's, others are pinned too. */
            assert_int_equal(copse_remote_get_stats(one.client.remote).had,
                             keeps != 0 ? one.count : 0);
            remote_case_release(&one);
        }
    }
}

static void test_progress(void **state)
{
    (void)state;
    remote_case one;
    size_t calls = 0;
    remote_case_init(&one, 0, true, false);
    script_transport *script = script_transport_new(1);
    copse_remote *remote = NULL;
    const copse_remote_options options = {.peers = script_peers,
                                          .peers_count = 1,
                                          .transport = script_transport_base(script),
                                          .progress = count_call,
                                          .progress_ctx = &calls};
    script_transport_peer(script, 0)->world = &one.world.world;
    assert_int_equal(copse_remote_new(&one.env, &options, &remote, NULL), COPSE_OK);
    want(&one, 0, 3);
    assert_int_equal(copse_remote_fetch(remote, one.source, NULL), COPSE_OK);
    assert_true(calls > 0);
    copse_remote_free(remote);
    copse_transport_free(script_transport_base(script));
    remote_case_release(&one);
}

/* A plain gateway gives the same blocks, one by one. */
static void test_gateway(void **state)
{
    (void)state;
    remote_case one;
    remote_case_init(&one, 1, false, false);
    remote_peer(&one, 0)->fault = SCRIPT_REFUSES;
    remote_peer(&one, 0)->pages = SCRIPT_BATCH;
    remote_peer(&one, 0)->status = 404;
    want(&one, 0, 9);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
    assert_int_equal(copse_remote_get_stats(one.client.remote).blocks, 9);
    assert_int_equal(remote_peer(&one, 0)->raws, 9);
    remote_case_release(&one);
}

/* Hints may lack; what is most urgent may not. */
static void test_missing(void **state)
{
    (void)state;
    remote_case one;
    copse_err err = {0};
    size_t count = 0;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    remote_case_init(&one, 2, false, false);
    for (size_t i = 0; i < 2; i++) {
        remote_peer(&one, i)->hidden[0] = one.cids[2];
        remote_peer(&one, i)->hidden_count = 1;
    }
    want(&one, 0, 5);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_OK);
    assert_true(copse_cid_equal(copse_remote_missing(one.client.remote, &count), &one.cids[2]));
    assert_int_equal(count, 1);
    assert_int_equal(copse_remote_get_stats(one.client.remote).blocks, 4);

    want(&one, 2, 3);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_NOT_FOUND);
    (void)copse_cid_to_text(&one.cids[2], COPSE_BASE32, cid);
    assert_non_null(strstr(err.message, cid));
    assert_non_null(strstr(err.message, "; http://p0: "));
    assert_true(strlen(copse_remote_reason(one.client.remote, 0, 1)) > 0);
    assert_false(is_here(&one, 2));

    /* One that can't be asked may have it. */
    remote_peer(&one, 1)->fault = SCRIPT_AWAY;
    want(&one, 2, 3);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_IO);
    assert_non_null(strstr(err.message, "connection refused"));

    copse_source_begin(one.source);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_MISUSE);
    remote_case_release(&one);
}

static void test_offline(void **state)
{
    (void)state;
    remote_case one;
    copse_err err = {0};
    size_t count = 0;
    remote_case_init(&one, 2, true, false);
    want(&one, 0, 4);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_IO);
    assert_non_null(strstr(err.message, "nobody can be asked"));
    assert_true(copse_cid_equal(copse_remote_missing(one.client.remote, &count), &one.cids[0]));
    assert_int_equal(count, 4);
    assert_string_equal(copse_remote_reason(one.client.remote, 0, 0), "");
    remote_case_release(&one);
}

/* A peer that lies is found out, and others are asked. */
static void test_liar(void **state)
{
    (void)state;
    remote_case one;
    remote_case_init(&one, 2, false, false);
    remote_peer(&one, 0)->fault = SCRIPT_FLIPS;
    remote_peer(&one, 0)->at = 200;
    want(&one, 0, one.count);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
    copse_remote_stats stats = copse_remote_get_stats(one.client.remote);
    assert_int_equal(stats.blocks, one.count);
    assert_true(stats.refused > 0);
    for (size_t i = 0; i < one.count; i++) {
        assert_true(is_here(&one, i));
    }
    remote_case_release(&one);
}

/* What a hash that isn't known names can't be had from anybody. */
static void test_unknown_hash(void **state)
{
    (void)state;
    remote_case one;
    copse_err err = {0};
    const uint8_t digest[32] = {1};
    remote_case_init(&one, 1, false, false);
    assert_int_equal(copse_cid_from_parts(COPSE_CODEC_RAW, 0xb220, (copse_bytes){digest, 32},
                                          &one.cids[0], NULL),
                     COPSE_OK);
    want(&one, 0, 3);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_CORRUPT);
    assert_int_equal(script_transport_running(one.client.script), 0);
    one.cids[3] = one.cids[0];
    want(&one, 1, 4);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, &err), COPSE_OK);
    assert_true(is_here(&one, 1) && is_here(&one, 2));
    remote_case_release(&one);
}

/* A source that is full ends the call, and leaves no request behind. */
static void test_full(void **state)
{
    (void)state;
    remote_case one;
    remote_case_init(&one, 2, false, false);
    copse_source_free(one.source);
    one.env.limits.pinned_size_bytes_max = 6000;
    assert_int_equal(copse_source_new(&one.env, NULL, &one.source, NULL), COPSE_OK);
    want(&one, 0, one.count);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_LIMIT);
    assert_int_equal(script_transport_running(one.client.script), 0);
    copse_source_unpin(one.source);
    want(&one, 0, 2);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
    remote_case_release(&one);
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static void test_head(void **state)
{
    (void)state;
    remote_case one;
    copse_cid head;
    copse_err err = {0};
    remote_case_init(&one, 2, false, false);
    assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, &err), COPSE_OK);
    assert_true(copse_cid_equal(&head, &one.world.newer));
    assert_true(copse_cid_equal(&one.heads.head, &one.world.newer));
    /* the head, then its block; this peer names no tree */
    assert_int_equal(copse_remote_get_stats(one.client.remote).round_trips, 2);
    assert_int_equal(copse_remote_get_stats(one.client.remote).blocks, 1);
    assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, &err), COPSE_OK);
    assert_int_equal(copse_remote_get_stats(one.client.remote).round_trips, 3);
    assert_int_equal(copse_remote_head(one.client.remote, "b/log", &head, &err), COPSE_NOT_FOUND);
    assert_non_null(strstr(err.message, "http://p0: answered 404: there is no database of that"));

    static const struct {
        script_fault fault;
        size_t at;
        copse_status seen; /* what is answered if the head was seen */
        copse_status unseen;
    } rows[] = {{SCRIPT_AWAY, 0, COPSE_OK, COPSE_IO},
                {SCRIPT_STALLS, 5, COPSE_OK, COPSE_IO},
                {SCRIPT_BREAKS, 5, COPSE_OK, COPSE_IO},
                {SCRIPT_REFUSES, 0, COPSE_OK, COPSE_IO},
                {SCRIPT_CUT, 20, COPSE_CORRUPT, COPSE_CORRUPT},
                {SCRIPT_OTHER_TYPE, 0, COPSE_CORRUPT, COPSE_CORRUPT},
                {SCRIPT_FLIPS, 2, COPSE_CORRUPT, COPSE_CORRUPT},
                {SCRIPT_PADS, 0, COPSE_CORRUPT, COPSE_CORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        remote_peer(&one, 0)->fault = rows[i].fault;
        remote_peer(&one, 0)->at = rows[i].at;
        remote_peer(&one, 0)->status = 503;
        one.heads.head = one.world.newer;
        assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, &err), rows[i].seen);
        assert_int_equal(copse_remote_get_stats(one.client.remote).is_stale,
                         rows[i].seen == COPSE_OK);
        one.heads.head.size = 0;
        assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, &err), rows[i].unseen);
        assert_non_null(strstr(err.message, "http://p0: "));
        remote_peer(&one, 0)->fault = SCRIPT_SOUND;
        assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, &err), COPSE_OK);
        assert_false(copse_remote_get_stats(one.client.remote).is_stale);
    }
    assert_int_equal(remote_peer(&one, 1)->heads, 0);
    remote_case_release(&one);
}

/* An older head is told of, and not remembered; the block that tells is fetched once. */
static void test_older_head(void **state)
{
    (void)state;
    remote_case one;
    copse_cid head;
    remote_case_init(&one, 1, false, true);
    one.heads.head = one.world.newer;
    (void)strcpy(one.heads.address, "http://p0/blog");
    one.cids[0] = one.world.newer;
    want(&one, 0, 1);
    assert_int_equal(copse_remote_fetch(one.client.remote, one.source, NULL), COPSE_OK);
    remote_peer(&one, 0)->head = one.world.older;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_remote_head(one.client.remote, "blog", &head, NULL), COPSE_OK);
        assert_true(copse_cid_equal(&head, &one.world.older));
        assert_true(copse_remote_get_stats(one.client.remote).is_older);
        assert_true(copse_cid_equal(&one.heads.head, &one.world.newer));
        assert_int_equal(remote_peer(&one, 0)->asked_blocks, 2);
    }
    remote_case_release(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),          cmocka_unit_test(test_store),
        cmocka_unit_test(test_fetch),        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_gateway),      cmocka_unit_test(test_missing),
        cmocka_unit_test(test_offline),      cmocka_unit_test(test_liar),
        cmocka_unit_test(test_unknown_hash), cmocka_unit_test(test_full),
        cmocka_unit_test(test_head),         cmocka_unit_test(test_older_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
