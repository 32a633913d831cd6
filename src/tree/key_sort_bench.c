/* Sorting keys: a million, of several kinds. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/key_sort.h"

#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_COUNT = 1000000, BENCH_KEY = 32 };

static void bench_keys(const char *what, const uint8_t *keys, size_t key_size, size_t equal_of)
{
    copse_env env;
    copse_err err;
    double best = 1e9;
    copse_env_init(&env);
    copse_sort_item *items = malloc(BENCH_COUNT * sizeof *items);
    if (items == NULL) {
        bench_fail("out of memory");
        return;
    }
    for (int run = 0; run < 5; run++) {
        for (size_t i = 0; i < BENCH_COUNT; i++) {
            size_t at = i % equal_of;
            items[i] = (copse_sort_item){.key = {keys + at * BENCH_KEY, key_size}, .tag = i};
        }
        double start = bench_now();
        bench_check(copse_key_sort(&env, items, BENCH_COUNT, &err), &err);
        double seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
    }
    bench_keep(items[0].tag);
    bench_row(what, BENCH_COUNT / best / 1e6, "M items/s");
    free(items);
}

int main(void)
{
    uint8_t *keys = calloc(BENCH_COUNT, BENCH_KEY);
    uint64_t random = 1;
    if (keys == NULL) {
        bench_fail("out of memory");
        return 1;
    }
    for (size_t i = 0; i < (size_t)BENCH_COUNT * BENCH_KEY; i += 8) {
        uint64_t word = bench_random(&random);
        memcpy(keys + i, &word, 8);
    }
    bench_keys("sort 1M, 16 random bytes", keys, 16, BENCH_COUNT);
    bench_keys("sort 1M, 1,000 distinct keys", keys, 16, 1000);
    for (size_t i = 0; i < BENCH_COUNT; i++) {
        char text[BENCH_KEY + 1];
        (void)snprintf(text, sizeof text, "%016llx%016llx",
                       (unsigned long long)bench_random(&random),
                       (unsigned long long)bench_random(&random));
        memcpy(keys + i * BENCH_KEY, text, BENCH_KEY);
    }
    bench_keys("sort 1M, 16 hexadecimal digits", keys, 16, BENCH_COUNT);
    for (size_t i = 0; i < BENCH_COUNT; i++) {
        memcpy(keys + i * BENCH_KEY, "\0collection\0d\0\0", 15);
    }
    bench_keys("sort 1M, 15 bytes in common", keys, 32, BENCH_COUNT);
    for (size_t i = 0; i < BENCH_COUNT; i++) {
        memcpy(keys + i * BENCH_KEY, "\0collection\0d\0\0", 15);
        keys[i * BENCH_KEY] = (uint8_t)(i % 2);
    }
    bench_keys("sort 1M, two such ranges", keys, 32, BENCH_COUNT);
    free(keys);
    return 0;
}
