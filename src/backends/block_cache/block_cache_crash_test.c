/* Block caches whose processes are killed, lose power, or work at the same time: on a simulated
 * machine, from seeds.
 *
 *   K1  A get answers the right block or NOT_FOUND, a put and a flush OK, whatever happened before.
 *   K2  The cache opens, and what is put and closed is there for the next.
 *   K3  The files stay below the bound (B1), once something was written again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/block_cache_support.h"
#include "support/os_sim_turns.h"

enum { CACHE_CRASH_BOUND = 1 << 20, CACHE_CRASH_LIVES = 6, CACHE_CRASH_TASKS = 4 };

typedef struct cache_crash {
    cache_world world;
    uint64_t random;
    uint64_t at;  /* the call in which it happens */
    bool is_kill; /* else a loss of power */
    bool happened;
    os_sim *after;
    size_t kills;
    size_t crashes;
    size_t kept; /* blocks of the life before that were there */
} cache_crash;

/* How often the runs are made: $COPSE_CRASH_EFFORT times. */
static uint64_t cache_crash_effort(void)
{
    const char *effort = getenv("COPSE_CRASH_EFFORT");
    return effort != NULL ? strtoull(effort, NULL, 10) : 1;
}

static void cache_crash_hook(void *ctx, const os_sim_call *call)
{
    cache_crash *crash = ctx;
    if (crash->happened || call->number < crash->at) {
        return;
    }
    crash->happened = true;
    if (!crash->is_kill) {
        crash->after = os_sim_crash(crash->world.sim, test_random(&crash->random));
    }
    os_sim_kill(call->process);
}

/* One life, which ends in the middle of a call. */
static void cache_crash_live(cache_crash *crash, uint64_t first)
{
    cache_world *world = &crash->world;
    copse_err err = {0};
    crash->happened = false;
    crash->is_kill = test_random_below(&crash->random, 3) == 0;
    crash->at = os_sim_calls(world->sim) + test_random_below(&crash->random, 400);
    world->os = os_sim_process(world->sim);
    os_sim_set_hook(world->sim, cache_crash_hook, crash);
    copse_status status = copse_block_cache_open(&world->env.env, world->os, CACHE_WORLD_PATH,
                                                 world->bound, &world->cache, &err);
    assert_true(status == COPSE_OK || (crash->happened && status == COPSE_IO)); /* K2 */
    if (status == COPSE_OK) {
        assert_true(cache_world_live(&world->env.env, world->cache, first)); /* K1 */
    }
    cache_world_close(world);
    os_sim_set_hook(world->sim, NULL, NULL);
    crash->kills += crash->happened && crash->is_kill;
    crash->crashes += crash->happened && !crash->is_kill;
    if (crash->after != NULL) {
        os_sim_free(world->sim);
        world->sim = crash->after;
        crash->after = NULL;
    }
}

/* What is left is a cache as any other. */
static void cache_crash_check(cache_crash *crash, uint64_t first)
{
    cache_world *world = &crash->world;
    cache_world_open(world);
    for (uint64_t number = first; number < first + 120; number++) {
        crash->kept += cache_world_has(world, number);
    }
    for (uint64_t number = 0; number < 10; number++) {
        cache_world_put(world, 900000 + number);
    }
    cache_world_reopen(world);
    for (uint64_t number = 0; number < 10; number++) {
        assert_true(cache_world_has(world, 900000 + number));
    }
    assert_true(cache_world_stats(world).size_bytes <=
                CACHE_CRASH_BOUND + CACHE_WORLD_SLACK_BYTES); /* K3 */
    cache_world_close(world);
}

static void cache_survives_crashes(void **state)
{
    (void)state;
    cache_crash crash = {.kills = 0};
    for (uint64_t seed = 1; seed <= 24 * cache_crash_effort(); seed++) {
        crash.random = seed;
        cache_world_init(&crash.world, CACHE_CRASH_BOUND);
        for (uint64_t life = 0; life < CACHE_CRASH_LIVES; life++) {
            cache_crash_live(&crash, seed * 10000 + life * 150);
            cache_crash_check(&crash, seed * 10000 + life * 150);
        }
        cache_world_release(&crash.world);
    }
    print_message("%zu kills, %zu losses of power, %zu blocks kept\n", crash.kills, crash.crashes,
                  crash.kept);
    assert_true(crash.kills > 20 && crash.crashes > 40 && crash.kept > 400);
}

/* ---- At the same time ---- */

typedef struct cache_crash_task {
    test_env env;
    uint64_t now;
    uint64_t bound;
    uint64_t first;
    bool clears;
    uint64_t failures;
} cache_crash_task;

static uint64_t cache_crash_clock(void *ctx)
{
    return *(const uint64_t *)ctx;
}

/* Opens, lives from block `first` on, closes. */
static copse_status cache_crash_work_once(cache_crash_task *task, copse_os *os, uint64_t first)
{
    copse_block_cache *cache = NULL;
    copse_block_cache_stats stats = {0};
    const copse_env *env = &task->env.env;
    copse_status status =
        task->clears ? copse_block_cache_clear(env, os, CACHE_WORLD_PATH, NULL) : COPSE_OK;
    if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        status = copse_block_cache_open(env, os, CACHE_WORLD_PATH, task->bound, &cache, NULL);
    }
    if (status == COPSE_OK && !cache_world_live(env, cache, first)) {
        status = COPSE_CORRUPT; /* K1 */
    }
    if (status == COPSE_OK) {
        status = copse_block_cache_get_stats(cache, &stats, NULL);
    }
    if (status == COPSE_OK && stats.size_bytes > task->bound + CACHE_WORLD_SLACK_BYTES) {
        status = COPSE_LIMIT; /* K3 */
    }
    task->failures += stats.failures;
    (void)copse_block_cache_close(cache);
    return status;
}

static copse_status cache_crash_work(void *ctx, copse_os *os)
{
    cache_crash_task *task = ctx;
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; i < 3 && status == COPSE_OK; i++) {
        status = cache_crash_work_once(task, os, task->first + 150 * i);
    }
    return status;
}

/* Runs four of them at the same time; the last one clears if `clears`. Returns what was passed
 * over.
 */
static uint64_t cache_crash_share(cache_world *world, bool clears, uint64_t seed)
{
    cache_crash_task tasks[CACHE_CRASH_TASKS];
    os_sim_task turns[CACHE_CRASH_TASKS];
    uint64_t failures = 0;
    for (size_t i = 0; i < CACHE_CRASH_TASKS; i++) {
        /* Two of them put the same blocks. */
        tasks[i] = (cache_crash_task){.bound = world->bound,
                                      .first = i / 2 * 1000,
                                      .clears = clears && i == CACHE_CRASH_TASKS - 1};
        test_env_init(&tasks[i].env);
        tasks[i].env.env.clock = cache_crash_clock;
        tasks[i].env.env.clock_ctx = &tasks[i].now;
        turns[i] = (os_sim_task){.run = cache_crash_work, .ctx = &tasks[i]};
    }
    os_sim_take_turns(world->sim, turns, CACHE_CRASH_TASKS, seed);
    for (size_t i = 0; i < CACHE_CRASH_TASKS; i++) {
        if (turns[i].status != COPSE_OK) {
            fail_msg("seed %llu, task %zu: %s", (unsigned long long)seed, i,
                     copse_status_name(turns[i].status));
        }
        test_env_assert_empty(&tasks[i].env);
        failures += tasks[i].failures;
    }
    return failures;
}

/* Writers that make and remove generations, and one that clears in between. */
static void cache_is_shared(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3 * cache_crash_effort(); seed++) {
        cache_world world;
        cache_world_init(&world, CACHE_CRASH_BOUND);
        (void)cache_crash_share(&world, seed % 2 == 0, seed);
        cache_world_open(&world);
        cache_world_put(&world, 1);
        cache_world_reopen(&world);
        assert_true(cache_world_has(&world, 1));
        cache_world_release(&world);
    }
}

/* Where all of it has room, all that anybody put is there, and nothing failed: nobody takes what
 * another makes for half made (F1). */
static void cache_loses_nothing_among_processes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3 * cache_crash_effort(); seed++) {
        cache_world world;
        cache_world_init(&world, 8 * CACHE_CRASH_BOUND);
        assert_int_equal(cache_crash_share(&world, false, seed), 0);
        cache_world_open(&world);
        for (uint64_t number = 0; number < 420; number++) {
            if (number % 150 < 120) {
                assert_true(cache_world_has(&world, number));
                assert_true(cache_world_has(&world, 1000 + number));
            }
        }
        assert_true(cache_world_stats(&world).generations >= 2);
        cache_world_release(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_survives_crashes),
        cmocka_unit_test(cache_is_shared),
        cmocka_unit_test(cache_loses_nothing_among_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
