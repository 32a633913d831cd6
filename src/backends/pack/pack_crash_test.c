/* Losses of power and killed processes on a simulated disk: the quick part. pack_crash_slow_test.c
 * runs more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/os_sim.h"
#include "support/pack_crash.h"
#include "support/pack_support.h"
#include "support/test_env.h"

/* Lives `count` lives from seed `first` on. $COPSE_CRASH_SEED: only that one. */
static void crash_test_lives(uint64_t first, uint64_t count)
{
    pack_crash_counts counts = {0};
    char why[600] = "";
    const char *only = getenv("COPSE_CRASH_SEED");
    if (only != NULL) {
        first = strtoull(only, NULL, 10);
        count = 1;
    }
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!pack_crash_run(seed, &counts, why, sizeof why)) {
            fail_msg("%s", why);
        }
    }
    print_message("%llu crashes (%llu half-way, %llu in creation, %llu in loads, %llu in gc), "
                  "%llu kills, %llu commits, %llu lost, %llu torn writes, %llu packs and %llu "
                  "tails at the end\n",
                  (unsigned long long)counts.crashes, (unsigned long long)counts.half_way,
                  (unsigned long long)counts.in_creation, (unsigned long long)counts.in_bulk,
                  (unsigned long long)counts.in_gc, (unsigned long long)counts.kills,
                  (unsigned long long)counts.commits, (unsigned long long)counts.lost,
                  (unsigned long long)counts.torn, (unsigned long long)counts.packs,
                  (unsigned long long)counts.asides);
    if (only == NULL) {
        assert_true(counts.half_way > 0 && counts.in_creation > 0 && counts.in_bulk > 0 &&
                    counts.in_gc > 0 && counts.kills > 0 && counts.lost > 0 && counts.torn > 0 &&
                    counts.asides > 0);
    }
}

static void crash_loses_nothing(void **state)
{
    (void)state;
    const char *count = getenv("COPSE_CRASH_LIVES"); /* tools/test-mutants gives 500 */
    crash_test_lives(1, count != NULL ? strtoull(count, NULL, 10) : 150);
}

/* ---- Frames that must not count ---- */

/* A db on a machine of its own. */
typedef struct crash_single {
    test_env env;
    os_sim *sim;
    copse_os *os;
    copse_pack_db *db;
} crash_single;

static void crash_single_open(crash_single *single, copse_durability durability)
{
    copse_pack_options options = {.create = true, .durability = durability};
    copse_err err = {0};
    single->os = os_sim_process(single->sim);
    pack_must(
        copse_pack_db_open(&single->env.env, single->os, "/store", &options, &single->db, &err),
        &err);
}

static void crash_single_close(crash_single *single)
{
    single->db = copse_pack_db_close(single->db);
    single->os = copse_os_free(single->os);
}

/* Moves ref "r" to the block with `number`, which is put first; always the same frame. */
static void crash_single_commit(crash_single *single, uint64_t number)
{
    copse_err err = {0};
    copse_cid now;
    copse_refs *refs = copse_pack_db_refs(single->db);
    copse_bytes name = copse_bytes_of_text("r");
    copse_block *block = block_support_make(&single->env.env, number, 100);
    pack_must(copse_store_put(copse_pack_db_store(single->db), &block, 1, &err), &err);
    bool is_there = copse_refs_get(refs, name, &now, NULL) == COPSE_OK;
    pack_must(copse_refs_swap(refs, name, is_there ? &now : NULL, copse_block_cid(block), &err),
              &err);
    copse_block_unref(block);
}

/* Whether ref "r" names the block with `number`. */
static bool crash_single_is(crash_single *single, uint64_t number)
{
    copse_cid cid;
    copse_block *block = block_support_make(&single->env.env, number, 100);
    bool is_it = copse_refs_get(copse_pack_db_refs(single->db), copse_bytes_of_text("r"), &cid,
                                NULL) == COPSE_OK &&
                 copse_cid_equal(&cid, copse_block_cid(block));
    copse_block_unref(block);
    return is_it;
}

static void crash_single_lose_power(crash_single *single, uint64_t seed)
{
    os_sim *after = os_sim_crash(single->sim, seed);
    crash_single_close(single);
    os_sim_free(single->sim);
    single->sim = after;
}

/* Commits 1, 2, 3 without syncs; power is lost, and with it 2 and 3, or so it seems. Commit 2 is
 * made again, to the bit, and power is lost again: 3 must not come back from behind it. */
static void crash_does_not_bring_back_what_was_lost(void **state)
{
    (void)state;
    size_t met = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        crash_single single = {.sim = os_sim_new()};
        test_env_init(&single.env);
        crash_single_open(&single, COPSE_DURABILITY_FULL);
        crash_single_commit(&single, 1);
        crash_single_close(&single);
        crash_single_open(&single, COPSE_DURABILITY_NORMAL);
        crash_single_commit(&single, 2);
        crash_single_commit(&single, 3);
        crash_single_lose_power(&single, seed);
        crash_single_open(&single, COPSE_DURABILITY_NORMAL);
        if (crash_single_is(&single, 1)) {
            met++;
            crash_single_commit(&single, 2);
            crash_single_lose_power(&single, seed + 1000000);
            crash_single_open(&single, COPSE_DURABILITY_NORMAL);
            if (!crash_single_is(&single, 1) && !crash_single_is(&single, 2)) {
                fail_msg("seed %llu: a commit that was lost is back", (unsigned long long)seed);
            }
        }
        crash_single_close(&single);
        os_sim_free(single.sim);
        test_env_assert_empty(&single.env);
    }
    assert_true(met > 30);
}

/* A frame of the same journal in another place, as a misdirected write leaves it. */
static void crash_does_not_believe_stale_frames(void **state)
{
    (void)state;
    crash_single single = {.sim = os_sim_new()};
    copse_bytes content;
    test_env_init(&single.env);
    crash_single_open(&single, COPSE_DURABILITY_FULL);
    crash_single_commit(&single, 1);
    assert_true(os_sim_peek(single.sim, "/store/journal-0000000000000001", &content));
    size_t first_end = content.len;
    crash_single_commit(&single, 2);
    assert_true(os_sim_peek(single.sim, "/store/journal-0000000000000001", &content));
    size_t second = content.len - first_end;
    crash_single_commit(&single, 1);
    crash_single_commit(&single, 3);
    crash_single_close(&single);
    assert_true(os_sim_peek(single.sim, "/store/journal-0000000000000001", &content));
    uint8_t *bytes = malloc(content.len + second);
    assert_non_null(bytes);
    memcpy(bytes, content.ptr, content.len);
    memcpy(bytes + content.len, content.ptr + first_end, second);
    os_sim_plant(single.sim, "/store/journal-0000000000000001",
                 (copse_bytes){bytes, content.len + second});
    free(bytes);
    crash_single_open(&single, COPSE_DURABILITY_FULL);
    assert_true(crash_single_is(&single, 3));
    crash_single_close(&single);
    os_sim_free(single.sim);
    test_env_assert_empty(&single.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_loses_nothing),
        cmocka_unit_test(crash_does_not_bring_back_what_was_lost),
        cmocka_unit_test(crash_does_not_believe_stale_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
