/* The block cache on a simulated machine: the bound, what stays, heads, damage and faults,
 * clearing. Numbers in brackets are those of block_cache.h and block_cache_folder.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_cache_support.h"
#include "support/block_support.h"
#include "support/os_sim_use.h"

enum { CACHE_TEST_BOUND = 1 << 20, CACHE_TEST_LARGE = 16 << 20 };

/* ---- What callers may not ask for ---- */

static void cache_refuses_misuse(void **state)
{
    (void)state;
    cache_world world;
    copse_block_cache *cache = NULL;
    copse_cid cid;
    uint64_t seen = 0;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    const copse_env *env = &world.env.env;
    assert_int_equal(
        copse_block_cache_open(env, world.os, "/c", CACHE_TEST_BOUND - 1, &cache, NULL),
        COPSE_MISUSE);
    assert_int_equal(copse_block_cache_open(env, world.os, "", CACHE_TEST_BOUND, &cache, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_block_cache_open(env, NULL, "/c", CACHE_TEST_BOUND, &cache, NULL),
                     COPSE_MISUSE);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("a"), &cid);
    assert_int_equal(copse_block_cache_set_head(world.cache, "\xff", &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_block_cache_get_head(world.cache, "a", &cid, &seen, NULL),
                     COPSE_NOT_FOUND);
    world.env.env.clock = NULL;
    assert_int_equal(copse_block_cache_set_head(world.cache, "a", &cid, NULL), COPSE_MISUSE);
    assert_null(copse_block_cache_close(NULL));
    assert_int_equal(copse_block_cache_clear(env, world.os, "/nowhere", NULL), COPSE_NOT_FOUND);
    cache_world_release(&world);
}

/* ---- The bound (B1), what stays (B2) ---- */

/* Four times the bound goes in; the files are never larger than it. */
static void cache_stays_below_its_bound(void **state)
{
    (void)state;
    const uint64_t bounds[] = {CACHE_TEST_BOUND, 1500001, 4 * CACHE_TEST_BOUND};
    for (size_t i = 0; i < 3; i++) {
        cache_world world;
        uint64_t number = 0;
        uint64_t peak = 0;
        cache_world_init(&world, bounds[i]);
        cache_world_open(&world);
        for (uint64_t bytes = 0; bytes < 4 * bounds[i]; number++) {
            cache_world_put(&world, number);
            bytes += cache_world_size(number);
            uint64_t size = os_sim_size_bytes(world.sim);
            peak = size > peak ? size : peak;
            assert_true(size <= bounds[i] + CACHE_WORLD_SLACK_BYTES);
            if (number % 1000 == 999) {
                cache_world_reopen(&world);
            }
        }
        cache_world_flush(&world);
        copse_block_cache_stats stats = cache_world_stats(&world);
        assert_true(peak > bounds[i] / 8 * 6);
        assert_true(stats.generations <= 8 && stats.failures == 0);
        assert_int_equal(stats.size_bytes_max, bounds[i]);
        assert_true(stats.size_bytes <= bounds[i] + CACHE_WORLD_SLACK_BYTES);
        assert_true(stats.size_bytes > bounds[i] / 8 * 5);
        /* What came last is there; what came first is not. */
        uint64_t last = number;
        for (uint64_t bytes = 0; bytes < bounds[i] / 2; bytes += cache_world_size(last)) {
            assert_true(cache_world_has(&world, --last));
        }
        assert_false(cache_world_has(&world, 0));
        cache_world_release(&world);
    }
}

static void cache_shrinks_to_a_smaller_bound(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, 4 * CACHE_TEST_BOUND);
    cache_world_open(&world);
    for (uint64_t number = 0; number < 1000; number++) {
        cache_world_put(&world, number);
    }
    cache_world_close(&world);
    assert_true(os_sim_size_bytes(world.sim) > 2 * CACHE_TEST_BOUND);
    world.bound = CACHE_TEST_BOUND;
    cache_world_open(&world);
    cache_world_put(&world, 1001);
    cache_world_flush(&world);
    assert_true(cache_world_stats(&world).size_bytes <= CACHE_TEST_BOUND + CACHE_WORLD_SLACK_BYTES);
    assert_true(cache_world_has(&world, 1001));
    cache_world_release(&world);
}

/* Blocks that are read now and then stay, and heads; their neighbours go. */
static void cache_keeps_what_is_used(void **state)
{
    (void)state;
    cache_world world;
    copse_cid head;
    copse_cid got;
    uint64_t seen = 0;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xa0"), &head);
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    assert_int_equal(copse_block_cache_set_head(world.cache, "used", &head, NULL), COPSE_OK);
    assert_int_equal(copse_block_cache_set_head(world.cache, "unused", &head, NULL), COPSE_OK);
    world.now += 5;
    for (uint64_t number = 0; number < 4000; number++) {
        cache_world_put(&world, number);
        if (number % 64 == 63) {
            for (uint64_t used = 0; used < 40; used += 2) {
                assert_true(cache_world_has(&world, used));
            }
            assert_int_equal(copse_block_cache_get_head(world.cache, "used", &got, &seen, NULL),
                             COPSE_OK);
            assert_true(copse_cid_equal(&head, &got));
            assert_true(seen == world.now - 5); /* when it was seen, not when it was moved */
        }
        if (number % 500 == 499) {
            cache_world_reopen(&world);
        }
    }
    for (uint64_t unused = 1; unused < 40; unused += 2) {
        assert_false(cache_world_has(&world, unused));
    }
    assert_int_equal(copse_block_cache_get_head(world.cache, "unused", &got, &seen, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(cache_world_stats(&world).heads, 1);
    cache_world_release(&world);
}

/* Whoever reads what lies in the newer half over and over writes nothing. */
static void cache_writes_nothing_for_recent_blocks(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, CACHE_TEST_LARGE);
    cache_world_open(&world);
    uint64_t number = 0;
    for (uint64_t bytes = 0; bytes < CACHE_TEST_LARGE / 8 * 3; number++) {
        cache_world_put(&world, number);
        bytes += cache_world_size(number);
    }
    cache_world_reopen(&world);
    assert_true(cache_world_stats(&world).generations >= 3);
    uint64_t written = os_sim_get_counts(world.sim)->written_bytes;
    for (uint64_t i = 0; i < 2 * number; i++) {
        assert_true(cache_world_has(&world, i % number));
    }
    copse_block_cache_stats stats = cache_world_stats(&world);
    assert_true(stats.hits == 2 * number && stats.misses == 0);
    cache_world_close(&world);
    assert_true(os_sim_get_counts(world.sim)->written_bytes == written);
    cache_world_release(&world);
}

/* Blocks of one query are one write; opening reads no more than the folder. */
static void cache_writes_seldom(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, CACHE_TEST_LARGE);
    cache_world_open(&world);
    cache_world_put(&world, 0);
    cache_world_close(&world);
    const os_sim_counts *counts = os_sim_get_counts(world.sim);
    uint64_t writes = counts->calls[OS_SIM_WRITE];
    uint64_t syncs = counts->calls[OS_SIM_SYNC] + counts->calls[OS_SIM_SYNC_DIR];
    uint64_t calls = os_sim_calls(world.sim);
    cache_world_open(&world);
    assert_int_equal(os_sim_calls(world.sim) - calls, 1);
    for (uint64_t number = 1; number < 50; number++) {
        cache_world_put(&world, number);
    }
    cache_world_close(&world);
    assert_int_equal(counts->calls[OS_SIM_WRITE] - writes, 1);
    assert_true(counts->calls[OS_SIM_SYNC] + counts->calls[OS_SIM_SYNC_DIR] == syncs);
    cache_world_release(&world);
}

static void cache_passes_over_large_blocks(void **state)
{
    (void)state;
    cache_world world;
    copse_block *got = NULL;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    copse_block *large = block_support_make(&world.env.env, 1, CACHE_TEST_BOUND / 16);
    copse_block *fits = block_support_make(&world.env.env, 1, CACHE_TEST_BOUND / 16 - 200);
    copse_block *both[2] = {large, fits};
    assert_int_equal(copse_store_put(world.store, both, 2, NULL), COPSE_OK);
    cache_world_reopen(&world);
    assert_int_equal(copse_store_get(world.store, copse_block_cid(large), &got, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(copse_store_get(world.store, copse_block_cid(fits), &got, NULL), COPSE_OK);
    copse_block_unref(got);
    copse_block_unref(fits);
    copse_block_unref(large);
    cache_world_release(&world);
}

/* ---- Heads ---- */

static void cache_test_check_head(cache_world *world, const char *address, const copse_cid *head,
                                  uint64_t seen)
{
    copse_cid got;
    uint64_t got_seen = 0;
    assert_int_equal(copse_block_cache_get_head(world->cache, address, &got, &got_seen, NULL),
                     COPSE_OK);
    assert_true(copse_cid_equal(head, &got));
    assert_int_equal(got_seen, seen);
}

static void cache_remembers_heads(void **state)
{
    (void)state;
    cache_world world;
    cache_world other;
    copse_cid heads[2];
    char *address = calloc(1, 5001);
    assert_non_null(address);
    memset(address, 'x', 5000);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xa0"), &heads[0]);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\x80"), &heads[1]);
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    other = world; /* another process */
    test_env_init(&other.env);
    other.env.env.clock = world.env.env.clock;
    other.env.env.clock_ctx = &other.now;
    cache_world_open(&other);
    uint64_t before = world.now;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(copse_block_cache_set_head(world.cache, "http://a/blog", &heads[i], NULL),
                         COPSE_OK);
        cache_test_check_head(&other, "http://a/blog", &heads[i], before + i);
        world.now++;
    }
    other.now = before + 7;
    assert_int_equal(copse_block_cache_set_head(other.cache, address, &heads[0], NULL), COPSE_OK);
    cache_test_check_head(&world, address, &heads[0], before + 7);
    assert_int_equal(cache_world_stats(&world).heads, 2);
    other.now = before + 9;
    assert_int_equal(copse_block_cache_set_head(other.cache, address, &heads[0], NULL), COPSE_OK);
    cache_world_close(&other);
    cache_world_reopen(&world);
    cache_test_check_head(&world, address, &heads[0], before + 9);
    cache_test_check_head(&world, "http://a/blog", &heads[1], before + 1);
    test_env_assert_empty(&other.env);
    cache_world_release(&world);
    free(address);
}

/* ---- Damage ---- */

/* A copy of the file at `path` with byte `at` changed, or (at its size) cut in half. */
static void cache_test_damage(os_sim *sim, const char *path, size_t at)
{
    copse_bytes content;
    assert_true(os_sim_peek(sim, path, &content));
    size_t size = content.len;
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, content.ptr, size);
    if (at < size) {
        copy[at] ^= 0x40;
    } else {
        size /= 2;
    }
    os_sim_plant(sim, path, (copse_bytes){copy, size});
    free(copy);
}

/* Whatever byte of whatever file is wrong: right blocks or none, and good copies are taken. */
static void cache_survives_damage(void **state)
{
    (void)state;
    const char *const paths[] = {CACHE_WORLD_PATH "/gen-000001/journal-0000000000000001",
                                 CACHE_WORLD_PATH "/gen-000001/format"};
    cache_world world;
    size_t lost = 0;
    size_t damages = 0;
    cache_world_init(&world, CACHE_TEST_LARGE);
    cache_world_open(&world);
    for (uint64_t number = 0; number < 5; number++) {
        cache_world_put(&world, number);
    }
    cache_world_close(&world);
    os_sim *whole = world.sim;
    for (size_t i = 0; i < 2; i++) {
        copse_bytes content;
        assert_true(os_sim_peek(whole, paths[i], &content));
        for (size_t at = 0; at <= content.len; at += i == 1 ? 1 : at < 400 ? 3 : 97, damages++) {
            world.sim = os_sim_copy(whole);
            cache_test_damage(world.sim, paths[i], at);
            cache_world_open(&world);
            for (uint64_t number = 0; number < 5; number++) {
                lost += !cache_world_has(&world, number);
                cache_world_put(&world, number);
            }
            cache_world_reopen(&world);
            for (uint64_t number = 0; number < 5; number++) {
                assert_true(cache_world_has(&world, number)); /* B3 */
            }
            cache_world_close(&world);
            os_sim_free(world.sim);
        }
    }
    assert_true(lost >= damages / 2); /* it was damage */
    world.sim = whole;
    cache_world_release(&world);
}

/* Bytes that change while the cache is open: no wrong block is handed out, and a good copy goes
 * where it is found first (B3). */
static void cache_verifies_what_it_reads(void **state)
{
    (void)state;
    const char *path = CACHE_WORLD_PATH "/gen-000001/journal-0000000000000001";
    cache_world world;
    copse_bytes content;
    cache_world_init(&world, CACHE_TEST_LARGE);
    cache_world_open(&world);
    cache_world_put(&world, 1);
    cache_world_reopen(&world);
    assert_true(cache_world_has(&world, 1));
    assert_true(os_sim_peek(world.sim, path, &content));
    cache_test_damage(world.sim, path, content.len - 50); /* in the block, the last */
    assert_false(cache_world_has(&world, 1));
    cache_world_put(&world, 1);
    cache_world_flush(&world);
    assert_true(cache_world_has(&world, 1));
    copse_block_cache_stats stats = cache_world_stats(&world);
    assert_true(stats.failures == 1 && stats.generations == 2);
    cache_world_release(&world);
}

static void cache_leaves_other_folders_alone(void **state)
{
    (void)state;
    cache_world world;
    copse_block_cache *cache = NULL;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    cache_world_put(&world, 1);
    cache_world_close(&world);
    world.os = os_sim_process(world.sim);
    copse_os *os = world.os;
    const copse_env *env = &world.env.env;
    sim_make(os, CACHE_WORLD_PATH "/.nobackup", "x"); /* is passed over */
    cache_world_reopen(&world);
    assert_true(cache_world_has(&world, 1));
    cache_world_close(&world);
    world.os = os = os_sim_process(world.sim);
    sim_make(os, CACHE_WORLD_PATH "/letters", "x");
    assert_int_equal(
        copse_block_cache_open(env, os, CACHE_WORLD_PATH, CACHE_TEST_BOUND, &cache, NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_block_cache_clear(env, os, CACHE_WORLD_PATH, NULL), COPSE_CORRUPT);
    assert_int_equal(os->ops->remove(os, CACHE_WORLD_PATH "/letters", NULL), COPSE_OK);
    sim_make(os, CACHE_WORLD_PATH "/gen-000001/letters", "x"); /* F3 */
    assert_int_equal(copse_block_cache_clear(env, os, CACHE_WORLD_PATH, NULL), COPSE_CORRUPT);
    assert_true(sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/format"));
    sim_make(os, "/file", "x");
    assert_int_equal(copse_block_cache_open(env, os, "/file", CACHE_TEST_BOUND, &cache, NULL),
                     COPSE_CORRUPT);
    assert_null(cache);
    cache_world_release(&world);
}

/* A generation that was half made, or half removed, is removed by who writes next (F2). */
static void cache_removes_what_was_half_made(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    cache_world_put(&world, 1);
    cache_world_flush(&world);
    world.os->ops->make_dir(world.os, CACHE_WORLD_PATH "/gen-000002", NULL);
    sim_make(world.os, CACHE_WORLD_PATH "/gen-000002/format-0.tmp", "");
    cache_world_reopen(&world);
    assert_true(cache_world_has(&world, 1));
    assert_int_equal(cache_world_stats(&world).generations, 2);
    cache_world_put(&world, 2);
    cache_world_flush(&world);
    assert_false(sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000002/format-0.tmp"));
    assert_true(cache_world_has(&world, 1) && cache_world_has(&world, 2));
    cache_world_release(&world);
}

/* ---- Faults (B5) ---- */

static void cache_survives_a_full_disk(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, CACHE_TEST_LARGE);
    cache_world_open(&world);
    cache_world_put(&world, 0);
    cache_world_flush(&world);
    os_sim_set_space(world.sim, os_sim_size_bytes(world.sim) + 1000);
    for (uint64_t number = 1; number < 1500; number++) {
        cache_world_put(&world, number);
    }
    cache_world_flush(&world);
    assert_true(cache_world_stats(&world).failures >= 4);
    assert_true(cache_world_has(&world, 0));
    assert_false(cache_world_has(&world, 1));
    os_sim_set_space(world.sim, UINT64_MAX);
    cache_world_put(&world, 1);
    cache_world_reopen(&world);
    assert_true(cache_world_has(&world, 0) && cache_world_has(&world, 1));
    cache_world_release(&world);
}

static void cache_reads_from_a_disk_that_takes_nothing(void **state)
{
    (void)state;
    cache_world world;
    copse_cid head;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xa0"), &head);
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    cache_world_put(&world, 1);
    assert_int_equal(copse_block_cache_set_head(world.cache, "a", &head, NULL), COPSE_OK);
    cache_world_close(&world);
    os_sim_set_read_only(world.sim, true);
    cache_world_open(&world);
    cache_world_put(&world, 2);
    assert_int_equal(copse_block_cache_set_head(world.cache, "b", &head, NULL), COPSE_OK);
    cache_world_flush(&world);
    assert_true(cache_world_has(&world, 1));
    assert_false(cache_world_has(&world, 2));
    cache_test_check_head(&world, "a", &head, world.now);
    assert_int_equal(cache_world_stats(&world).failures, 1);
    assert_int_equal(copse_block_cache_clear(&world.env.env, world.os, CACHE_WORLD_PATH, NULL),
                     COPSE_DENIED);
    os_sim_set_read_only(world.sim, false);
    cache_world_release(&world);
}

/* Each call of the system fails once, and all from some point on. */
static void cache_survives_faults(void **state)
{
    (void)state;
    cache_world world;
    size_t failures = 0;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    assert_true(cache_world_live(&world.env.env, world.cache, 0));
    assert_true(cache_world_live(&world.env.env, world.cache, 1000));
    cache_world_close(&world);
    os_sim *before = world.sim;
    for (int lasting = 0; lasting < 2; lasting++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n += 1 + n / (lasting ? 3 : 12)) {
            world.sim = os_sim_copy(before);
            cache_world_open(&world);
            os_sim_fail(world.sim, OS_SIM_MASK_ALL, n - 1, EIO, lasting != 0);
            assert_true(cache_world_live(&world.env.env, world.cache, 2000));
            failed = os_sim_failed(world.sim) > 0;
            os_sim_fail(world.sim, 0, 0, 0, false);
            assert_true(cache_world_live(&world.env.env, world.cache, 3000));
            cache_world_reopen(&world);
            assert_true(cache_world_has(&world, 3119));
            failures += failed;
            cache_world_close(&world);
            os_sim_free(world.sim);
        }
    }
    print_message("%zu faults\n", failures);
    assert_true(failures > 40);
    world.sim = before;
    cache_world_release(&world);
}

static copse_status cache_test_sweep(const copse_env *env, void *ctx)
{
    cache_world *world = ctx;
    copse_block_cache *cache = NULL;
    copse_block_cache_stats stats;
    copse_block *block = NULL;
    copse_cid head;
    uint64_t seen = 0;
    copse_env own = *env;
    own.clock = world->env.env.clock;
    own.clock_ctx = &world->now;
    world->sim = os_sim_free(world->sim);
    world->sim = os_sim_new();
    world->os = os_sim_process(world->sim);
    copse_status status =
        copse_block_cache_open(&own, world->os, "/cache", CACHE_TEST_BOUND, &cache, NULL);
    copse_store *store = status == COPSE_OK ? copse_block_cache_store(cache) : NULL;
    for (uint64_t number = 0; number < 80 && status == COPSE_OK; number++) {
        status = block_support_try(&own, number, 3000, &block);
        status = status == COPSE_OK ? copse_store_put(store, &block, 1, NULL) : status;
        if (status == COPSE_OK && number == 0) {
            status = copse_block_cache_set_head(cache, "a", copse_block_cid(block), NULL);
        }
        block = copse_block_unref(block);
    }
    status = status == COPSE_OK ? copse_store_flush(store, NULL) : status;
    for (uint64_t number = 0; number < 80 && status == COPSE_OK; number += 40) {
        copse_block *got = NULL;
        status = block_support_try(&own, number, 3000, &block);
        status = status == COPSE_OK ? copse_store_get(store, copse_block_cid(block), &got, NULL)
                                    : status;
        block = copse_block_unref(block);
        copse_block_unref(got);
    }
    status =
        status == COPSE_OK ? copse_block_cache_get_head(cache, "a", &head, &seen, NULL) : status;
    status = status == COPSE_OK ? copse_block_cache_get_stats(cache, &stats, NULL) : status;
    (void)copse_block_cache_close(cache);
    if (status == COPSE_OK) {
        status = copse_block_cache_clear(&own, world->os, "/cache", NULL);
    }
    world->os = copse_os_free(world->os);
    return status;
}

/* Each allocation fails once. What a pack store has written counts, whatever fails behind it, so
 * that OK is an answer too. */
static void cache_survives_no_memory(void **state)
{
    (void)state;
    cache_world world;
    size_t refused = 0;
    bool failed = true;
    cache_world_init(&world, CACHE_TEST_BOUND);
    for (uint64_t n = 0; failed; n++) {
        test_env env;
        test_env_init(&env);
        env.fail_at = n;
        copse_status status = cache_test_sweep(&env.env, &world);
        failed = env.failed;
        assert_true(status == COPSE_OK || (failed && status == COPSE_NOMEM));
        refused += status == COPSE_NOMEM;
        test_env_assert_empty(&env);
    }
    print_message("%zu allocations refused\n", refused);
    assert_true(refused > 100);
    cache_world_release(&world);
}

/* ---- Clearing ---- */

static void cache_is_cleared(void **state)
{
    (void)state;
    cache_world world;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    for (uint64_t number = 0; number < 200; number++) {
        cache_world_put(&world, number);
    }
    cache_world_flush(&world);
    assert_true(cache_world_stats(&world).generations > 3);
    assert_int_equal(copse_block_cache_clear(&world.env.env, world.os, CACHE_WORLD_PATH, NULL),
                     COPSE_OK);
    assert_int_equal(copse_block_cache_clear(&world.env.env, world.os, CACHE_WORLD_PATH, NULL),
                     COPSE_OK);
    /* Who has it open goes on. */
    for (uint64_t number = 0; number < 200; number++) {
        (void)cache_world_has(&world, number);
        cache_world_put(&world, number + 200);
    }
    cache_world_flush(&world);
    for (uint64_t number = 350; number < 400; number++) {
        assert_true(cache_world_has(&world, number));
    }
    assert_int_equal(copse_block_cache_clear(&world.env.env, world.os, CACHE_WORLD_PATH, NULL),
                     COPSE_OK);
    cache_world_reopen(&world);
    copse_block_cache_stats stats = cache_world_stats(&world);
    assert_true(stats.generations == 0 && stats.size_bytes == 0 && stats.blocks == 0);
    assert_false(sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/format"));
    cache_world_release(&world);
}

static void cache_test_kill_at(void *ctx, const os_sim_call *call)
{
    if (call->number == *(const uint64_t *)ctx) {
        os_sim_kill(call->process);
    }
}

/* Whoever removes is killed at each call: what is no longer whole is no store (F2). */
static void cache_removes_the_format_first(void **state)
{
    (void)state;
    cache_world world;
    size_t halves = 0;
    cache_world_init(&world, CACHE_TEST_BOUND);
    cache_world_open(&world);
    cache_world_put(&world, 1);
    cache_world_close(&world);
    os_sim *whole = world.sim;
    copse_status status = COPSE_IO;
    for (uint64_t n = 0; status != COPSE_OK; n++) {
        world.sim = os_sim_copy(whole);
        copse_os *os = os_sim_process(world.sim);
        uint64_t at = os_sim_calls(world.sim) + n;
        os_sim_set_hook(world.sim, cache_test_kill_at, &at);
        status = copse_block_cache_clear(&world.env.env, os, CACHE_WORLD_PATH, NULL);
        os_sim_set_hook(world.sim, NULL, NULL);
        bool is_whole =
            sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/lock") &&
            sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/gc.lock") &&
            sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/journal-0000000000000001");
        bool is_store = sim_is_there(world.sim, CACHE_WORLD_PATH "/gen-000001/format");
        assert_true(is_whole || !is_store);
        halves += !is_whole && status != COPSE_OK;
        (void)copse_os_free(os);
        cache_world_open(&world);
        assert_int_equal(cache_world_has(&world, 1), is_store);
        cache_world_close(&world);
        os_sim_free(world.sim);
    }
    assert_true(halves >= 3);
    world.sim = whole;
    cache_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_refuses_misuse),
        cmocka_unit_test(cache_stays_below_its_bound),
        cmocka_unit_test(cache_shrinks_to_a_smaller_bound),
        cmocka_unit_test(cache_keeps_what_is_used),
        cmocka_unit_test(cache_writes_nothing_for_recent_blocks),
        cmocka_unit_test(cache_writes_seldom),
        cmocka_unit_test(cache_passes_over_large_blocks),
        cmocka_unit_test(cache_remembers_heads),
        cmocka_unit_test(cache_survives_damage),
        cmocka_unit_test(cache_verifies_what_it_reads),
        cmocka_unit_test(cache_leaves_other_folders_alone),
        cmocka_unit_test(cache_removes_what_was_half_made),
        cmocka_unit_test(cache_survives_a_full_disk),
        cmocka_unit_test(cache_reads_from_a_disk_that_takes_nothing),
        cmocka_unit_test(cache_survives_faults),
        cmocka_unit_test(cache_survives_no_memory),
        cmocka_unit_test(cache_is_cleared),
        cmocka_unit_test(cache_removes_the_format_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
