/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sorter.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/memory_runs.h"
#include "support/test_env.h"

#include <copse/memory_store.h>

enum { KIB = 1024, BESIDES = 64 * KIB }; /* BESIDES: what sorter.h allows over the bound */

/* An entry of the model: its key, when it was added, and how large its value is. */
typedef struct entry {
    size_t key_len;
    size_t value_len; /* encoded */
    uint32_t number;
    uint8_t key[28];
} entry;

typedef struct entries {
    size_t count;
    entry *added;  /* in the order of adding */
    size_t kept;   /* distinct keys */
    entry *sorted; /* the last of each key */
} entries;

static copse_bytes entry_key(const entry *e)
{
    return (copse_bytes){e->key, e->key_len};
}

static int compare_entries(const void *a, const void *b)
{
    const entry *left = a;
    const entry *right = b;
    int order = copse_bytes_compare(entry_key(left), entry_key(right));
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

/* Keys of up to `key_max` bytes out of `letters` letters; values of up to `value_max` bytes. */
static void entries_init(entries *all, size_t count, size_t key_max, size_t letters,
                         size_t value_max, uint64_t seed)
{
    uint64_t random = seed;
    *all = (entries){.count = count};
    all->added = calloc(count + 1, sizeof(entry));
    all->sorted = calloc(count + 1, sizeof(entry));
    assert_true(all->added != NULL && all->sorted != NULL);
    for (size_t i = 0; i < count; i++) {
        entry *e = &all->added[i];
        e->number = (uint32_t)i;
        e->key_len = test_random_below(&random, key_max + 1);
        e->value_len = 10 + test_random_below(&random, value_max + 1);
        for (size_t j = 0; j < e->key_len; j++) {
            e->key[j] = (uint8_t)(test_random_below(&random, letters) * 17);
        }
    }
    memcpy(all->sorted, all->added, count * sizeof(entry));
    qsort(all->sorted, count, sizeof(entry), compare_entries);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count ||
            !copse_bytes_equal(entry_key(&all->sorted[i]), entry_key(&all->sorted[i + 1]))) {
            all->sorted[all->kept++] = all->sorted[i];
        }
    }
}

static void entries_release(entries *all)
{
    free(all->added);
    free(all->sorted);
}

/* A byte string whose head is five bytes, so that it is strict from 65,536 bytes on; smaller ones
 * have shorter heads. Its first four bytes are the entry's number. */
static copse_bytes entry_value(const entry *e, uint8_t *room)
{
    size_t len = e->value_len;
    size_t head = len < 2 + 256 ? 2 : len < 3 + 65536 ? 3 : 5;
    size_t data = len - head;
    if (head == 2 && data < 24) { /* a head of one byte */
        head = 1;
        data = len - 1 < 24 ? len - 1 : 23;
    }
    memset(room, (int)e->number, head + data);
    room[0] = (uint8_t)(head == 1 ? 0x40 + data : head == 2 ? 0x58 : head == 3 ? 0x59 : 0x5a);
    for (size_t i = 1; i < head; i++) {
        room[i] = (uint8_t)(data >> 8 * (head - 1 - i));
    }
    memcpy(room + head, &e->number, sizeof e->number);
    return (copse_bytes){room, head + data};
}

static copse_status entries_add(const entries *all, copse_sorter *sorter, uint8_t *room)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < all->count; i++) {
        const entry *e = &all->added[i];
        status = copse_sorter_add(sorter, entry_key(e), entry_value(e, room), NULL);
    }
    return status;
}

/* Takes everything out; what comes must be the model's, from its begin. */
static copse_status entries_take(const entries *all, copse_sorter *sorter, uint8_t *room,
                                 size_t *ret_count)
{
    copse_bytes key;
    copse_bytes value;
    copse_status status;
    size_t count = 0;
    while ((status = copse_sorter_next(sorter, &key, &value, NULL)) == COPSE_OK) {
        assert_true(count < all->kept);
        const entry *e = &all->sorted[count++];
        copse_bytes expected = entry_value(e, room);
        assert_true(copse_bytes_equal(key, entry_key(e)));
        assert_true(copse_bytes_equal(value, expected));
    }
    *ret_count = count;
    return status;
}

/* Sorts within `bound` and checks all of it; returns how many runs were written. */
static uint64_t check_sort(const entries *all, size_t bound, bool spills)
{
    test_env env;
    memory_runs runs;
    copse_sorter *sorter = NULL;
    size_t taken = 0;
    test_env_init(&env);
    uint8_t *room = malloc((size_t)2 << 20);
    copse_run_store store = memory_runs_init(&runs);
    runs.read_size_max = 3000; /* short reads */
    assert_non_null(room);
    assert_int_equal(copse_sorter_new(&env.env, bound, spills ? &store : NULL, &sorter, NULL), 0);
    assert_int_equal(entries_add(all, sorter, room), COPSE_OK);
    assert_int_equal(entries_take(all, sorter, room, &taken), COPSE_END);
    assert_int_equal(taken, all->kept);
    copse_bytes none;
    assert_int_equal(copse_sorter_next(sorter, &none, &none, NULL), COPSE_END);
    assert_int_equal(copse_sorter_add(sorter, (copse_bytes){NULL, 0},
                                      (copse_bytes){(const uint8_t *)"\xf6", 1}, NULL),
                     COPSE_MISUSE);
    copse_sorter_progress progress = copse_sorter_get_progress(sorter);
    assert_int_equal(progress.entries_added, all->count);
    assert_int_equal(progress.entries_given, all->kept);
    assert_null(copse_sorter_free(sorter));
    assert_true(env.peak_bytes <= bound + BESIDES);
    assert_true(runs.open_max <= 64);
    assert_int_equal(runs.live, 0);
    test_env_assert_empty(&env);
    free(room);
    return progress.runs_written;
}

static void test_in_memory(void **state)
{
    (void)state;
    for (size_t count = 0; count < 60; count++) {
        entries all;
        entries_init(&all, count, 3, 4, 30, count + 1);
        assert_int_equal(check_sort(&all, 64 * KIB, count % 2 == 0), 0);
        entries_release(&all);
    }
    entries all;
    entries_init(&all, 30000, 20, 15, 40, 7); /* the memory grows step by step */
    assert_int_equal(check_sort(&all, 8192 * KIB, false), 0);
    entries_release(&all);
}

/* Runs, several tiers of them, and equal keys across runs. */
static void test_runs(void **state)
{
    entries all;
    (void)state;
    entries_init(&all, 3000, 20, 15, 40, 1);
    assert_true(check_sort(&all, 64 * KIB, true) > 1);
    entries_release(&all);
    entries_init(&all, 20000, 6, 3, 60, 2); /* about 1,000 keys: most entries are replaced */
    assert_true(all.kept < 1500);
    assert_true(check_sort(&all, 64 * KIB, true) > 20);
    entries_release(&all);
    entries_init(&all, 90000, 16, 15, 40, 3);
    uint64_t written = check_sort(&all, 64 * KIB, true);
    print_message("90,000 entries in 64 KiB: %llu runs\n", (unsigned long long)written);
    assert_true(written > 64);
    entries_release(&all);
}

/* Values of many sizes, up to the block limit; the zero-length key too. */
static void test_huge_values(void **state)
{
    entries all;
    (void)state;
    entries_init(&all, 60, 2, 5, (1 << 20) - 200, 4);
    assert_int_equal(all.sorted[0].key_len, 0);
    assert_true(check_sort(&all, 5 * KIB * KIB, true) > 5);
    entries_release(&all);
    entries_init(&all, 700, 4, 15, 14000, 5); /* up to nearly a quarter of the bound */
    assert_true(check_sort(&all, 64 * KIB, true) > 50);
    entries_release(&all);
}

/* ---- contracts ---- */

static void test_refusals(void **state)
{
    test_env env;
    memory_runs runs;
    copse_sorter *sorter = NULL;
    static uint8_t bytes[70000];
    copse_bytes null = {(const uint8_t *)"\xf6", 1};
    copse_bytes key = {bytes, 1024};
    (void)state;
    test_env_init(&env);
    copse_run_store store = memory_runs_init(&runs);
    assert_int_equal(copse_sorter_new(&env.env, 1000, NULL, &sorter, NULL), COPSE_MISUSE);
    assert_null(sorter);
    assert_null(copse_sorter_free(NULL));
    assert_int_equal(copse_sorter_new(&env.env, 64 * KIB, &store, &sorter, NULL), COPSE_OK);
    assert_int_equal(copse_sorter_add(sorter, (copse_bytes){bytes, 1025}, null, NULL), COPSE_LIMIT);
    assert_int_equal(copse_sorter_add(sorter, key, (copse_bytes){bytes, 2}, NULL), COPSE_CORRUPT);
    assert_int_equal(copse_sorter_add(sorter, key, (copse_bytes){bytes, 0}, NULL), COPSE_CORRUPT);
    bytes[0] = 0x59; /* a byte string of 16,200 bytes: over a quarter of the memory */
    bytes[1] = 16200 >> 8;
    bytes[2] = 16200 & 255;
    assert_int_equal(
        copse_sorter_add(sorter, (copse_bytes){bytes, 1}, (copse_bytes){bytes, 16203}, NULL),
        COPSE_LIMIT);
    assert_int_equal(copse_sorter_add(sorter, key, null, NULL), COPSE_OK);
    copse_sorter_free(sorter);

    /* Without a run store the memory is the limit, and what was added stays. */
    entries all;
    size_t taken = 0;
    size_t added = 0;
    uint8_t room[100];
    copse_status status = COPSE_OK;
    entries_init(&all, 4000, 16, 15, 40, 1);
    assert_int_equal(copse_sorter_new(&env.env, 64 * KIB, NULL, &sorter, NULL), COPSE_OK);
    while (status == COPSE_OK) {
        const entry *e = &all.added[added];
        status = copse_sorter_add(sorter, entry_key(e), entry_value(e, room), NULL);
        added += status == COPSE_OK;
    }
    assert_int_equal(status, COPSE_LIMIT);
    entries_release(&all);
    entries_init(&all, added, 16, 15, 40, 1);
    assert_int_equal(entries_take(&all, sorter, room, &taken), COPSE_END);
    assert_int_equal(taken, all.kept);
    copse_sorter_free(sorter);
    entries_release(&all);
    test_env_assert_empty(&env);
}

typedef struct progress_seen {
    size_t calls;
    copse_sorter_progress last;
} progress_seen;

static void see_progress(void *ctx, const copse_sorter_progress *progress)
{
    progress_seen *seen = ctx;
    seen->calls++;
    assert_true(progress->entries_added >= seen->last.entries_added);
    assert_true(progress->entries_given >= seen->last.entries_given);
    assert_true(progress->runs_written >= seen->last.runs_written);
    assert_true(progress->entries_merged <= progress->entries_merging);
    seen->last = *progress;
}

/* Unsorted entries and sorted ones make the same tree. */
static void test_build(void **state)
{
    test_env env;
    memory_runs runs;
    entries all;
    copse_store *blocks = NULL;
    copse_cid roots[2];
    uint8_t room[200];
    copse_tree_config config = {32, 1024, 128};
    (void)state;
    test_env_init(&env);
    copse_run_store store = memory_runs_init(&runs);
    entries_init(&all, 5000, 20, 15, 60, 9);
    assert_int_equal(copse_memory_store_new(&env.env, &blocks, NULL), COPSE_OK);
    for (size_t i = 0; i < 2; i++) {
        copse_builder *builder = NULL;
        assert_int_equal(copse_builder_new(&env.env, blocks, &config, &builder, NULL), COPSE_OK);
        for (size_t j = 0; i == 0 && j < all.kept; j++) {
            const entry *e = &all.sorted[j];
            assert_int_equal(copse_builder_add(builder, entry_key(e), entry_value(e, room), NULL),
                             COPSE_OK);
        }
        if (i == 1) {
            copse_sorter *sorter = NULL;
            progress_seen seen = {0};
            assert_int_equal(copse_sorter_new(&env.env, 64 * KIB, &store, &sorter, NULL), 0);
            copse_sorter_on_progress(sorter, see_progress, &seen);
            assert_int_equal(entries_add(&all, sorter, room), COPSE_OK);
            assert_int_equal(copse_sorter_build(sorter, builder, NULL), COPSE_OK);
            assert_int_equal(seen.calls, seen.last.runs_written);
            assert_true(seen.calls > 3);
            copse_sorter_free(sorter);
        }
        assert_int_equal(copse_builder_finish(builder, &roots[i], NULL), COPSE_OK);
        copse_builder_free(builder);
    }
    assert_true(copse_cid_equal(&roots[0], &roots[1]));
    copse_store_close(blocks);
    entries_release(&all);
    test_env_assert_empty(&env);
}

/* ---- faults ---- */

/* A whole sort; OK if all came out right. */
static copse_status sort_all(const copse_env *env, const entries *all, copse_run_store store)
{
    copse_sorter *sorter = NULL;
    uint8_t room[200];
    size_t taken = 0;
    copse_status status = copse_sorter_new(env, 64 * KIB, &store, &sorter, NULL);
    if (status == COPSE_OK) {
        status = entries_add(all, sorter, room);
    }
    if (status == COPSE_OK) {
        status = entries_take(all, sorter, room, &taken);
        assert_true(status != COPSE_END || taken == all->kept);
    }
    if (status < 0 && sorter != NULL) { /* it stays so */
        copse_bytes key = {room, 1};
        copse_bytes null = {(const uint8_t *)"\xf6", 1};
        assert_int_equal(copse_sorter_add(sorter, key, null, NULL), status);
        assert_int_equal(copse_sorter_next(sorter, &key, &null, NULL), status);
    }
    copse_sorter_free(sorter);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status sweep_sort(const copse_env *env, void *ctx)
{
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    copse_status status = sort_all(env, ctx, store);
    assert_int_equal(runs.live, 0);
    return status;
}

static void test_allocation_sweep(void **state)
{
    entries all;
    (void)state;
    entries_init(&all, 3000, 16, 15, 40, 5);
    (void)test_env_sweep(sweep_sort, &all, 1000);
    entries_release(&all);
}

/* Every call of the run store fails in turn: IO is reported, nothing is left behind. */
static void test_run_store_failures(void **state)
{
    entries all;
    memory_runs runs;
    uint64_t failures = 0;
    (void)state;
    entries_init(&all, 6000, 16, 15, 40, 6);
    for (uint64_t n = 0;; n++) {
        test_env env;
        test_env_init(&env);
        copse_run_store store = memory_runs_init(&runs);
        runs.fail_at = n;
        copse_status status = sort_all(&env.env, &all, store);
        assert_int_equal(runs.live, 0);
        test_env_assert_empty(&env);
        if (!runs.failed) {
            assert_int_equal(status, COPSE_OK);
            break;
        }
        /* Only the removals when all is done have nobody to tell. */
        assert_true(status == COPSE_IO || (status == COPSE_OK && n + 64 >= runs.calls));
        failures += status == COPSE_IO;
    }
    print_message("%llu failing calls\n", (unsigned long long)failures);
    assert_true(failures > 100);
    entries_release(&all);
}

/* A wrong bit in any part of a run is CORRUPT, never another entry. */
static void test_garbled_runs(void **state)
{
    entries all;
    memory_runs runs;
    (void)state;
    entries_init(&all, 3000, 16, 15, 40, 8);
    for (uint64_t n = 0;; n++) {
        test_env env;
        test_env_init(&env);
        copse_run_store store = memory_runs_init(&runs);
        runs.garble_read = n;
        copse_status status = sort_all(&env.env, &all, store);
        assert_int_equal(runs.live, 0);
        test_env_assert_empty(&env);
        if (!runs.garbled) {
            assert_int_equal(status, COPSE_OK);
            assert_true(n > 50);
            break;
        }
        assert_int_equal(status, COPSE_CORRUPT);
    }
    entries_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_huge_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_allocation_sweep),
        cmocka_unit_test(test_run_store_failures),
        cmocka_unit_test(test_garbled_runs),
    };
    return cmocka_run_group_tests_name("sorter", tests, NULL, NULL);
}
