/* What lambda, the scale of node sizes, costs and gains: the table of decision 0005.
 *
 * Usage: bench-chunk_sizes [entries]      default 1,000,000
 *
 * Cold reads start from an empty node cache and count each block once. Their round trips are those
 * of a reader that asks for all it knows at once: the root, then one a level.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/bench.h"
#include "tree/walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLD_READS = 32, COLD_RUNS = 200, COMMITS = 5000 };

typedef struct cold_cost {
    double bytes;
    double blocks;
} cold_cost;

/* Sums up the blocks that a read touches. */
typedef struct cold_touches {
    copse_cid *seen;
    size_t count;
    size_t bytes;
} cold_touches;

static copse_status cold_touch(void *ctx, copse_block *block, copse_err *err)
{
    cold_touches *touches = ctx;
    (void)err;
    for (size_t i = 0; i < touches->count; i++) {
        if (copse_cid_equal(&touches->seen[i], copse_block_cid(block))) {
            return COPSE_OK;
        }
    }
    touches->seen[touches->count++] = *copse_block_cid(block);
    touches->bytes += copse_block_data(block).len;
    return COPSE_OK;
}

/* Reads the 32 entries from `index` on. */
static void cold_scan(bench_db *db, copse_tree *tree, copse_bytes from)
{
    copse_walk walk;
    uint32_t left = COLD_READS;
    bench_check(copse_tree_find_height(tree, from, &db->err), &db->err);
    copse_walk_init(&walk, tree, 0);
    copse_status status = copse_walk_seek(&walk, from, &db->err);
    while (status == COPSE_OK && left > 0) {
        copse_node *leaf;
        bench_check(copse_walk_load(&walk, &leaf, &db->err), &db->err);
        uint32_t begin = copse_node_lower(leaf, from);
        left -= leaf->count - begin < left ? leaf->count - begin : left;
        copse_node_unref(&db->env, leaf);
        if (left > 0) {
            status = copse_walk_next(&walk, &db->err);
        }
    }
    copse_walk_release(&walk);
}

static cold_cost cold_measure(bench_db *db, const copse_cid *root, const bench_tree_data *data,
                              bool gets)
{
    cold_touches touches = {.seen = calloc(4096, sizeof(copse_cid))};
    cold_cost cost = {0};
    uint64_t seed = 3;
    copse_node_cache_on_touch(db->cache, cold_touch, &touches);
    for (int run = 0; run < COLD_RUNS; run++) {
        copse_tree *tree;
        touches.count = 0;
        touches.bytes = 0;
        bench_check(copse_tree_open(db->cache, root, &tree, &db->err), &db->err);
        for (int i = 0; i < (gets ? COLD_READS : 1); i++) {
            copse_bytes key = bench_tree_key(data, (size_t)(bench_random(&seed) % data->count));
            copse_bytes value;
            if (gets) {
                bench_check(copse_tree_get(tree, key, &value, &db->err), &db->err);
            } else {
                cold_scan(db, tree, key);
            }
        }
        cost.bytes += (double)touches.bytes / COLD_RUNS;
        cost.blocks += (double)touches.count / COLD_RUNS;
        copse_tree_close(tree);
    }
    copse_node_cache_on_touch(db->cache, NULL, NULL);
    free(touches.seen);
    return cost;
}

static double warm_get_ns(bench_db *db, copse_tree *tree, const bench_tree_data *data)
{
    uint64_t seed = 7;
    size_t rounds = 400000;
    copse_bytes value;
    for (size_t i = 0; i < data->count; i += 4) {
        bench_check(copse_tree_get(tree, bench_tree_key(data, i), &value, &db->err), &db->err);
    }
    double start = bench_now();
    for (size_t i = 0; i < rounds; i++) {
        size_t index = (size_t)(bench_random(&seed) % data->count);
        bench_check(copse_tree_get(tree, bench_tree_key(data, index), &value, &db->err), &db->err);
        bench_keep(value.len);
    }
    return (bench_now() - start) / (double)rounds * 1e9;
}

static void measure(const bench_tree_data *data, const copse_tree_config *config)
{
    bench_db db;
    copse_tree *tree;
    size_t height;
    uint64_t seed = 11;
    bench_db_open(&db);
    copse_cid root = bench_db_build(&db, data, config);
    double stored = (double)bench_db_size_bytes(&db);
    double raw = (double)(data->count * (data->key_size + data->value_size));
    bench_check(copse_tree_open(db.cache, &root, &tree, &db.err), &db.err);
    bench_check(copse_tree_height(tree, &height, &db.err), &db.err);
    cold_cost scan = cold_measure(&db, &root, data, false);
    cold_cost gets = cold_measure(&db, &root, data, true);
    double get_ns = warm_get_ns(&db, tree, data);
    double bytes = 0;
    double nodes = 0;
    double start = bench_now();
    for (int i = 0; i < COMMITS; i++) {
        size_t index = (size_t)(bench_random(&seed) % data->count);
        copse_apply_stats stats;
        copse_tree *next = bench_put(&db, tree, bench_tree_key(data, index), (uint64_t)i,
                                     data->value_size, &stats);
        bytes += (double)stats.nodes_written_bytes / COMMITS;
        nodes += (double)stats.nodes_written / COMMITS;
        copse_tree_close(tree);
        tree = next;
    }
    double commit_us = (bench_now() - start) / COMMITS * 1e6;
    printf("%6u %6u %6u | %zu | %.3f | %5.0f | %5.1f %6.0f | %6.1f | %5.1f %6.0f | %5.1f %6.0f | "
           "%zu\n",
           config->lambda_bytes, config->size_bytes_min, config->size_bytes_max, height,
           stored / raw, get_ns, nodes, bytes, commit_us, scan.blocks, scan.bytes, gets.blocks,
           gets.bytes, height + 1);
    (void)fflush(stdout);
    copse_tree_close(tree);
    bench_db_close(&db);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    const size_t value_sizes[] = {100, 600};
    for (size_t v = 0; v < 2; v++) {
        size_t entries = v == 0 ? count : count / 5;
        bench_tree_data data = bench_tree_data_new(entries, 16, value_sizes[v]);
        printf("%zu entries, keys of 16 bytes, values of %zu bytes\n", data.count, value_sizes[v]);
        printf("lambda    min    max | levels | size/raw | get ns | commit: nodes bytes | us | "
               "cold scan of 32: blocks bytes | 32 cold gets: blocks bytes | round trips\n");
        for (uint32_t lambda = 1024; lambda <= 8192; lambda *= 2) {
            copse_tree_config config = {lambda / 4, 4 * lambda, lambda};
            measure(&data, &config);
        }
        bench_tree_data_free(&data);
    }
    return 0;
}
