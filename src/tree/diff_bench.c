/* Diff and merge among 1M entries in memory (16-byte keys, 100-byte values): time and nodes read.
 *
 *     diff_bench [entries]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/builder.h>
#include <copse/diff.h>
#include <copse/memory_store.h>
#include <copse/merge.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/test_env.h"

enum { BENCH_VALUE_SIZE = 100, BENCH_ROUNDS = 20 };

static double bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void bench_require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "diff_bench: %s\n", what);
        exit(1);
    }
}

typedef struct bench_world {
    copse_env env;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    uint64_t entries;
} bench_world;

static copse_bytes bench_key(uint64_t index, char text[17])
{
    (void)snprintf(text, 17, "%016llx", (unsigned long long)index * 0x10001);
    return (copse_bytes){(const uint8_t *)text, 16};
}

static copse_tree *bench_build(bench_world *world)
{
    copse_builder *builder;
    copse_cid root;
    copse_tree *tree = NULL;
    uint8_t value[BENCH_VALUE_SIZE];
    char text[17];
    uint64_t seed = 1;
    bool ok = copse_builder_new(&world->env, world->store, NULL, &builder, NULL) == COPSE_OK;
    bench_require(ok, "no builder");
    for (uint64_t i = 0; i < world->entries; i++) {
        for (size_t j = 0; j < sizeof value; j++) {
            value[j] = (uint8_t)test_random(&seed);
        }
        ok = ok && copse_builder_add_bytes(builder, bench_key(i, text),
                                           (copse_bytes){value, sizeof value}, NULL) == COPSE_OK;
    }
    ok = ok && copse_builder_finish(builder, &root, NULL) == COPSE_OK;
    copse_builder_free(builder);
    ok = ok && copse_tree_open(world->cache, &root, &tree, NULL) == COPSE_OK;
    bench_require(ok, "no tree");
    return tree;
}

/* A tree with `count` other values, scattered. */
static copse_tree *bench_change(bench_world *world, copse_tree *tree, uint64_t count, uint64_t seed)
{
    copse_batch *batch;
    copse_tree *changed = NULL;
    uint8_t value[2 + BENCH_VALUE_SIZE] = {0x58, BENCH_VALUE_SIZE};
    char text[17];
    bool ok = copse_batch_new(&world->env, &batch, NULL) == COPSE_OK;
    bench_require(ok, "no batch");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t index = test_random_below(&seed, world->entries);
        memcpy(value + 2, &seed, sizeof seed);
        ok = ok && copse_batch_put(batch, bench_key(index, text),
                                   (copse_bytes){value, sizeof value}, NULL) == COPSE_OK;
    }
    ok = ok && copse_tree_apply(tree, batch, world->store, &changed, NULL, NULL) == COPSE_OK;
    bench_require(ok, "no changed tree");
    copse_batch_free(batch);
    return changed;
}

static void bench_diff(const char *name, copse_tree *before, copse_tree *after,
                       const copse_diff_options *options)
{
    double best = 1e9;
    double first = 0;
    uint64_t changes = 0;
    uint64_t nodes_read = 0;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        copse_diff *diff = NULL;
        copse_change change;
        double started = bench_now();
        bench_require(copse_diff_new(before, after, options, &diff, NULL) == COPSE_OK, "no diff");
        changes = 0;
        while (copse_diff_next(diff, &change, NULL) == COPSE_OK) {
            changes++;
        }
        nodes_read = copse_diff_nodes_read(diff);
        copse_diff_free(diff);
        double took = bench_now() - started;
        first = round == 0 ? took : first;
        best = took < best ? took : best;
    }
    (void)printf("%-34s %8.4f ms (first %8.4f)  %6llu changes  %6llu nodes read\n", name, best,
                 first, (unsigned long long)changes, (unsigned long long)nodes_read);
}

static copse_status bench_take_theirs(void *ctx, const copse_conflict *conflict,
                                      copse_resolution *ret_resolution, copse_err *err)
{
    (void)ctx, (void)conflict, (void)err;
    ret_resolution->kind = COPSE_TAKE_THEIRS;
    return COPSE_OK;
}

static void bench_merge(bench_world *world, const char *name, copse_tree *base, copse_tree *ours,
                        copse_tree *theirs)
{
    double best = 1e9;
    copse_merge_stats stats = {0};
    for (int round = 0; round < 5; round++) {
        copse_tree *merged = NULL;
        double started = bench_now();
        copse_status status = copse_merge3(base, ours, theirs, bench_take_theirs, NULL,
                                           world->store, &merged, &stats, NULL);
        double took = bench_now() - started;
        bench_require(status == COPSE_OK, "no merge");
        best = took < best ? took : best;
        copse_tree_close(merged);
    }
    (void)printf(
        "%-34s %8.4f ms  %llu splices  %llu entries  %llu + %llu nodes read  %llu written\n", name,
        best, (unsigned long long)stats.splices, (unsigned long long)stats.entries,
        (unsigned long long)stats.nodes_read, (unsigned long long)stats.apply.nodes_read,
        (unsigned long long)stats.apply.nodes_written);
}

int main(int argc, char **argv)
{
    bench_world world = {.entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};
    copse_env_init(&world.env);
    world.env.limits.node_cache_bytes_max = (size_t)1 << 30;
    bool ok = copse_memory_store_new(&world.env, &world.store, NULL) == COPSE_OK &&
              copse_source_new(&world.env, world.store, &world.source, NULL) == COPSE_OK &&
              copse_node_cache_new(&world.env, world.source, &world.cache, NULL) == COPSE_OK;
    bench_require(ok, "no store");
    copse_tree *base = bench_build(&world);
    copse_tree *one = bench_change(&world, base, 1, 3);
    copse_tree *ours = bench_change(&world, base, 1000, 4);
    copse_tree *theirs = bench_change(&world, base, 1000, 5);
    bench_diff("diff, 1 changed", base, one, NULL);
    bench_diff("diff, 1 changed, downwards", base, one, &(copse_diff_options){.reverse = true});
    bench_diff("diff, 1,000 scattered", base, ours, NULL);
    bench_diff("diff, 1,000 scattered, downwards", base, ours,
               &(copse_diff_options){.reverse = true});
    bench_diff("diff, 1,000 scattered, ranges taken", base, ours,
               &(copse_diff_options){.ranges = true});
    bench_merge(&world, "merge, 1 into 1,000", base, ours, one);
    bench_merge(&world, "merge, 1,000 into 1,000", base, ours, theirs);
    copse_tree_close(base);
    copse_tree_close(one);
    copse_tree_close(ours);
    copse_tree_close(theirs);
    copse_node_cache_free(world.cache);
    copse_source_free(world.source);
    copse_store_close(world.store);
    return 0;
}
