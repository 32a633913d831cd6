/* The tree in memory: what the targets name, each beside its limit, in one run.
 *
 * Usage: bench-tree [entries]      default 1,000,000
 *
 * Machines are noisy: compare the ratios of one run, never times of two.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/bench.h"
#include "tree/chunker.h"
#include "tree/node.h"

#include <copse/batch.h>
#include <copse/cursor.h>
#include <copse/diff.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 16, VALUE_SIZE = 100, HASHED_SIZE = 4096 };

/* SHA-256 of as many bytes, in pieces of 4 KiB: what building can't be faster than. */
static double hash_alone(size_t bytes)
{
    uint8_t *piece = calloc(1, HASHED_SIZE);
    uint8_t digest[32];
    double start = bench_now();
    for (size_t done = 0; done < bytes; done += HASHED_SIZE) {
        memcpy(piece, &done, sizeof done);
        copse_sha2_256((copse_bytes){piece, HASHED_SIZE}, digest);
        bench_keep(digest[0]);
    }
    double seconds = bench_now() - start;
    free(piece);
    return seconds;
}

static void bench_build(size_t count)
{
    bench_tree_data data = bench_tree_data_new(count, KEY_SIZE, VALUE_SIZE);
    size_t raw = count * (KEY_SIZE + VALUE_SIZE);
    double best = 1e9;
    double hash = 1e9;
    size_t stored = 0;
    for (int run = 0; run < 3; run++) {
        bench_db db;
        bench_db_open(&db);
        double start = bench_now();
        copse_cid root = bench_db_build(&db, &data, NULL);
        double seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
        stored = bench_db_size_bytes(&db);
        (void)root;
        bench_db_close(&db);
        seconds = hash_alone(stored);
        hash = seconds < hash ? seconds : hash;
    }
    bench_row("bulk build, sorted", (double)count / best / 1e6, "M entries/s");
    bench_row("  of the speed of hashing the same bytes alone", 100 * hash / best, "% (>= 60)");
    bench_row("size / raw keys and values", (double)stored / (double)raw, "x (<= 1.15)");
    bench_tree_data_free(&data);
}

/* Leaves of about 4 KiB, parsed to offsets again and again. */
static void bench_parse(bench_db *db, copse_tree *tree)
{
    copse_node *leaf = bench_leaf_near(db, tree, 4096);
    copse_block *block = leaf->block;
    size_t rounds = 300000;
    double start = bench_now();
    for (size_t i = 0; i < rounds; i++) {
        copse_node *node;
        bench_check(copse_node_parse(&db->env, block, COPSE_TREE_OURS, &node, &db->err), &db->err);
        bench_keep(node->count);
        copse_node_unref(&db->env, node);
    }
    double ns = (bench_now() - start) / (double)rounds * 1e9;
    double size = (double)copse_block_data(block).len;
    printf("  (a leaf of %.0f bytes, %u entries)\n", size, leaf->count);
    bench_row("strict parse of a leaf, per 4 KiB", ns * 4096 / size / 1000, "us (<= 1.2)");
    copse_node_unref(&db->env, leaf);
}

static void bench_get(bench_db *db, copse_tree *tree, const bench_tree_data *data)
{
    uint64_t seed = 7;
    size_t rounds = 1000000;
    for (size_t i = 0; i < data->count; i += 8) { /* warm */
        copse_bytes value;
        bench_check(copse_tree_get(tree, bench_tree_key(data, i), &value, &db->err), &db->err);
    }
    double start = bench_now();
    for (size_t i = 0; i < rounds; i++) {
        copse_bytes value;
        size_t index = (size_t)(bench_random(&seed) % data->count);
        bench_check(copse_tree_get(tree, bench_tree_key(data, index), &value, &db->err), &db->err);
        bench_keep(value.len);
    }
    double ns = (bench_now() - start) / (double)rounds * 1e9;
    bench_row("get, warm, random", ns / 1000, "us (<= 1)");
    bench_row("  limit: dependent loads from memory", bench_memory_latency_ns(), "ns each");
}

static void bench_scan(bench_db *db, copse_tree *tree, const bench_tree_data *data)
{
    copse_cursor *cursor;
    size_t rows = 0;
    uint64_t sum = 0;
    bench_check(copse_cursor_new(tree, &cursor, &db->err), &db->err);
    double start = bench_now();
    for (int run = 0; run < 3; run++) {
        copse_status status = copse_cursor_seek_first(cursor, &db->err);
        while (status == COPSE_OK) {
            sum += copse_cursor_key(cursor).ptr[0] + copse_cursor_value(cursor).len;
            rows++;
            status = copse_cursor_next(cursor, &db->err);
        }
    }
    double seconds = bench_now() - start;
    bench_keep(sum);
    if (rows != 3 * data->count) {
        bench_fail("a scan gave another number of rows");
    }
    bench_row("scan, warm", (double)rows / seconds / 1e6, "M rows/s (>= 10)");
    copse_cursor_free(cursor);
}

static void bench_commit(bench_db *db, copse_tree *tree, const bench_tree_data *data)
{
    uint64_t seed = 11;
    size_t rounds = 20000;
    copse_apply_stats total = {0};
    copse_tree *at = tree;
    double start = bench_now();
    for (size_t i = 0; i < rounds; i++) {
        size_t index = (size_t)(bench_random(&seed) % data->count);
        copse_apply_stats stats;
        copse_tree *next = bench_put(db, at, bench_tree_key(data, index), i, VALUE_SIZE, &stats);
        total.nodes_written += stats.nodes_written;
        total.nodes_written_bytes += stats.nodes_written_bytes;
        if (at != tree) {
            copse_tree_close(at);
        }
        at = next;
    }
    double seconds = bench_now() - start;
    double bytes = (double)total.nodes_written_bytes / (double)rounds;
    bench_row("single-key commits in memory", (double)rounds / seconds / 1000, "k/s");
    bench_row("  nodes written each", (double)total.nodes_written / (double)rounds, "nodes");
    bench_row("  bytes written each", bytes, "bytes");
    bench_row("  of the time: hashing those bytes",
              100 * hash_alone((size_t)bytes * rounds) / seconds, "%");
    if (at != tree) {
        copse_tree_close(at);
    }
}

static void bench_diff(bench_db *db, copse_tree *tree, const bench_tree_data *data, size_t changes,
                       const char *name, const char *unit)
{
    copse_batch *batch;
    copse_tree *other;
    uint64_t seed = 13;
    bench_check(copse_batch_new(&db->env, &batch, &db->err), &db->err);
    for (size_t i = 0; i < changes; i++) {
        size_t index = (size_t)(bench_random(&seed) % data->count);
        bench_batch_put(db, batch, bench_tree_key(data, index), i, VALUE_SIZE);
    }
    bench_check(copse_tree_apply(tree, batch, db->store, &other, NULL, &db->err), &db->err);
    copse_batch_free(batch);
    double best = 1e9;
    size_t found = 0;
    for (int run = 0; run < 7; run++) {
        double start = bench_now();
        found = bench_diff_count(db, tree, other);
        double seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
    }
    if (found == 0 || found > changes) {
        bench_fail("a diff gave another number of changes");
    }
    bench_row(name, best * 1000, unit);
    copse_tree_close(other);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    /* Memory that was freed stays here: the first run pays for its pages, the others don't. */
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    printf("%zu entries, keys of %d bytes, values of %d bytes\n", count, KEY_SIZE, VALUE_SIZE);
    bench_build(count);

    bench_db db;
    copse_tree *tree;
    bench_db_open(&db);
    bench_tree_data data = bench_tree_data_new(count, KEY_SIZE, VALUE_SIZE);
    copse_cid root = bench_db_build(&db, &data, NULL);
    bench_check(copse_tree_open(db.cache, &root, &tree, &db.err), &db.err);
    bench_parse(&db, tree);
    bench_get(&db, tree, &data);
    bench_scan(&db, tree, &data);
    bench_commit(&db, tree, &data);
    bench_diff(&db, tree, &data, 1, "diff, one changed key", "ms (< 0.1)");
    bench_diff(&db, tree, &data, 1000, "diff, 1,000 scattered", "ms (< 20)");
    copse_tree_close(tree);
    bench_tree_data_free(&data);
    bench_db_close(&db);
    return 0;
}
