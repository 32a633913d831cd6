/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/bench.h"

#include "tree/walk.h"

#include <copse/diff.h>
#include <copse/memory_store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_keep(uint64_t value)
{
    static volatile uint64_t sink;
    sink = value;
    (void)sink;
}

void bench_row(const char *what, double value, const char *unit)
{
    printf("%-48s %12.3f %s\n", what, value, unit);
    (void)fflush(stdout);
}

void bench_fail(const char *message)
{
    (void)fprintf(stderr, "bench: %s\n", message);
    exit(1);
}

void bench_check(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "bench: %s: %s (%s)\n", copse_status_name(status), err->message,
                      err->where);
        exit(1);
    }
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double bench_memory_latency_ns(void)
{
    size_t slots = (size_t)256 << 17; /* of 8 bytes: 256 MiB */
    size_t *chain = malloc(slots * sizeof *chain);
    uint64_t seed = 5;
    if (chain == NULL) {
        bench_fail("out of memory");
        return 0;
    }
    for (size_t i = 0; i < slots; i++) {
        chain[i] = i;
    }
    for (size_t i = slots - 1; i > 0; i--) { /* one cycle (Sattolo) */
        size_t j = (size_t)(bench_random(&seed) % i);
        size_t swap = chain[i];
        chain[i] = chain[j];
        chain[j] = swap;
    }
    size_t steps = 2000000;
    size_t at = 0;
    double start = bench_now();
    for (size_t i = 0; i < steps; i++) {
        at = chain[at];
    }
    double seconds = bench_now() - start;
    bench_keep(at);
    free(chain);
    return seconds / (double)steps * 1e9;
}

/* ---- data ---- */

static size_t bench_compare_size;

static int bench_compare(const void *a, const void *b)
{
    return memcmp(a, b, bench_compare_size);
}

bench_tree_data bench_tree_data_new(size_t count, size_t key_size, size_t value_size)
{
    bench_tree_data data = {.count = 0, .key_size = key_size, .value_size = value_size};
    uint64_t seed = 1;
    data.keys = malloc(count * key_size);
    if (data.keys == NULL) {
        bench_fail("out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        char text[33];
        (void)snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)bench_random(&seed),
                       (unsigned long long)bench_random(&seed));
        memcpy(data.keys + i * key_size, text, key_size < 32 ? key_size : 32);
    }
    bench_compare_size = key_size;
    qsort(data.keys, count, key_size, bench_compare);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *key = data.keys + i * key_size;
        if (data.count == 0 || memcmp(key - key_size * (i - data.count + 1), key, key_size) != 0) {
            memmove(data.keys + data.count++ * key_size, key, key_size);
        }
    }
    return data;
}

void bench_tree_data_free(bench_tree_data *data)
{
    free(data->keys);
}

copse_bytes bench_tree_key(const bench_tree_data *data, size_t index)
{
    return (copse_bytes){data->keys + index * data->key_size, data->key_size};
}

/* ---- the database ---- */

void bench_db_open(bench_db *db)
{
    copse_env_init(&db->env);
    db->env.limits.node_cache_bytes_max = (size_t)8 << 30;
    bench_check(copse_memory_store_new(&db->env, &db->store, &db->err), &db->err);
    bench_check(copse_source_new(&db->env, db->store, &db->source, &db->err), &db->err);
    bench_check(copse_node_cache_new(&db->env, db->source, &db->cache, &db->err), &db->err);
}

void bench_db_close(bench_db *db)
{
    copse_node_cache_free(db->cache);
    copse_source_free(db->source);
    copse_store_close(db->store);
}

static copse_status bench_add_size(void *ctx, copse_block *block, copse_err *err)
{
    size_t *size = ctx;
    (void)err;
    *size += copse_block_data(block).len;
    return COPSE_OK;
}

size_t bench_db_size_bytes(bench_db *db)
{
    size_t size = 0;
    bench_check(copse_store_iterate(db->store, bench_add_size, &size, &db->err), &db->err);
    return size;
}

/* A value depends on its salt in every 8 bytes, and is not all equal. */
static copse_bytes bench_value(uint8_t *value, size_t size, uint64_t salt)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = salt * 0x9e3779b97f4a7c15u + i;
        memcpy(value + i, &word, size - i < 8 ? size - i : 8);
    }
    return (copse_bytes){value, size};
}

/* Values that cost nothing to make: windows of one random piece. */
static uint8_t bench_pool[1 << 16];

static copse_bytes bench_pool_value(size_t size, uint64_t salt)
{
    if (bench_pool[0] == 0) {
        for (size_t i = 0; i < sizeof bench_pool; i += 8) {
            (void)bench_value(bench_pool + i, 8, i + 1);
        }
        bench_pool[0] = 1;
    }
    return (copse_bytes){bench_pool + salt * 8 % (sizeof bench_pool - size), size};
}

copse_cid bench_db_build(bench_db *db, const bench_tree_data *data, const copse_tree_config *config)
{
    copse_builder *builder;
    copse_cid root;
    bench_check(copse_builder_new(&db->env, db->store, config, &builder, &db->err), &db->err);
    for (size_t i = 0; i < data->count; i++) {
        bench_check(copse_builder_add_bytes(builder, bench_tree_key(data, i),
                                            bench_pool_value(data->value_size, i), &db->err),
                    &db->err);
    }
    bench_check(copse_builder_finish(builder, &root, &db->err), &db->err);
    copse_builder_free(builder);
    return root;
}

void bench_batch_put(bench_db *db, copse_batch *batch, copse_bytes key, uint64_t salt,
                     size_t value_size)
{
    uint8_t value[4096 + 3];
    value[0] = value_size < 256 ? 0x58 : 0x59;
    value[1] = (uint8_t)(value_size < 256 ? value_size : value_size >> 8);
    value[2] = (uint8_t)value_size;
    size_t head = value_size < 256 ? 2 : 3;
    (void)bench_value(value + head, value_size, ~salt);
    bench_check(copse_batch_put(batch, key, (copse_bytes){value, head + value_size}, &db->err),
                &db->err);
}

copse_tree *bench_put(bench_db *db, copse_tree *tree, copse_bytes key, uint64_t salt,
                      size_t value_size, copse_apply_stats *ret_stats)
{
    copse_batch *batch;
    copse_tree *next;
    bench_check(copse_batch_new(&db->env, &batch, &db->err), &db->err);
    bench_batch_put(db, batch, key, salt, value_size);
    bench_check(copse_tree_apply(tree, batch, db->store, &next, ret_stats, &db->err), &db->err);
    copse_batch_free(batch);
    return next;
}

copse_node *bench_leaf_near(bench_db *db, copse_tree *tree, size_t size)
{
    copse_node *best = NULL;
    size_t best_off = SIZE_MAX;
    copse_walk walk;
    bench_check(copse_tree_find_height(tree, (copse_bytes){NULL, 0}, &db->err), &db->err);
    copse_walk_init(&walk, tree, 0);
    bench_check(copse_walk_seek(&walk, (copse_bytes){NULL, 0}, &db->err), &db->err);
    for (int i = 0; i < 500; i++) {
        copse_node *node;
        bench_check(copse_walk_load(&walk, &node, &db->err), &db->err);
        size_t len = copse_block_data(node->block).len;
        size_t off = len > size ? len - size : size - len;
        if (off < best_off) {
            copse_node_unref(&db->env, best);
            best = copse_node_ref(node);
            best_off = off;
        }
        copse_node_unref(&db->env, node);
        if (copse_walk_next(&walk, &db->err) != COPSE_OK) {
            break;
        }
    }
    copse_walk_release(&walk);
    return best;
}

size_t bench_diff_count(bench_db *db, copse_tree *before, copse_tree *after)
{
    copse_diff *diff;
    copse_change change;
    size_t count = 0;
    bench_check(copse_diff_new(before, after, NULL, &diff, &db->err), &db->err);
    while (copse_diff_next(diff, &change, &db->err) == COPSE_OK) {
        count++;
    }
    copse_diff_free(diff);
    return count;
}
