/* Building from unsorted entries: a million rows of 16-byte keys and 100-byte values.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sorter.h>

#include "support/bench.h"
#include "support/memory_runs.h"

#include <copse/memory_store.h>

#include <stdlib.h>
#include <string.h>

enum { BENCH_ROWS = 1000000, BENCH_KEY = 16, BENCH_VALUE = 102, BENCH_RUNS = 3 };

typedef struct bench_times {
    double add;
    double build;
} bench_times;

static bench_times bench_sort(const uint8_t *keys, size_t memory, bool with_tree)
{
    bench_db db;
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    copse_sorter *sorter = NULL;
    copse_builder *builder = NULL;
    copse_cid root;
    bench_times times;
    uint8_t value[BENCH_VALUE] = {0x58, 100};
    bench_db_open(&db);
    bench_check(copse_sorter_new(&db.env, memory, &store, &sorter, &db.err), &db.err);
    bench_check(copse_builder_new(&db.env, db.store, NULL, &builder, &db.err), &db.err);
    double start = bench_now();
    for (size_t i = 0; i < BENCH_ROWS; i++) {
        memcpy(value + 2, &i, sizeof i);
        bench_check(copse_sorter_add(sorter, (copse_bytes){keys + i * BENCH_KEY, BENCH_KEY},
                                     (copse_bytes){value, BENCH_VALUE}, &db.err),
                    &db.err);
    }
    times.add = bench_now() - start;
    start = bench_now();
    if (with_tree) {
        bench_check(copse_sorter_build(sorter, builder, &db.err), &db.err);
        bench_check(copse_builder_finish(builder, &root, &db.err), &db.err);
    } else {
        copse_bytes key;
        copse_bytes bytes;
        uint64_t sum = 0;
        while (copse_sorter_next(sorter, &key, &bytes, &db.err) == COPSE_OK) {
            sum += key.ptr[0] + bytes.ptr[2];
        }
        bench_keep(sum);
    }
    times.build = bench_now() - start;
    copse_sorter_free(sorter);
    copse_builder_free(builder);
    bench_db_close(&db);
    return times;
}

static void bench_best(const uint8_t *keys, const char *what, size_t memory, bool with_tree)
{
    bench_times best = {1e9, 0};
    for (int i = 0; i < BENCH_RUNS; i++) {
        bench_times times = bench_sort(keys, memory, with_tree);
        if (times.add + times.build < best.add + best.build) {
            best = times;
        }
    }
    bench_row(what, BENCH_ROWS / (best.add + best.build) / 1e6, "M rows/s");
    bench_row("   of that, adding", best.add * 1e9 / BENCH_ROWS, "ns/row");
    bench_row("   the rest", best.build * 1e9 / BENCH_ROWS, "ns/row");
}

int main(void)
{
    uint64_t random = 3;
    uint8_t *keys = malloc((size_t)BENCH_ROWS * BENCH_KEY);
    if (keys == NULL) {
        bench_fail("out of memory");
        return 1;
    }
    for (size_t i = 0; i < (size_t)BENCH_ROWS * BENCH_KEY; i += 8) {
        uint64_t word = bench_random(&random);
        memcpy(keys + i, &word, 8);
    }
    bench_best(keys, "sort 1M rows in memory", (size_t)256 << 20, false);
    bench_best(keys, "sort 1M rows in 16 MiB", (size_t)16 << 20, false);
    bench_best(keys, "sort 1M rows and build, in memory", (size_t)256 << 20, true);
    bench_best(keys, "sort 1M rows and build, in 16 MiB", (size_t)16 << 20, true);
    free(keys);
    return 0;
}
