/* What the benchmarks share: a clock, deterministic data, a database in memory, rows of a table.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BENCH_H
#define COPSE_TESTS_BENCH_H

#include "crypto/hash.h"
#include "tree/node.h"

#include <copse/batch.h>
#include <copse/builder.h>

/** Seconds of a monotonic clock. */
double bench_now(void);

/** Makes the compiler believe that `value` is needed. */
void bench_keep(uint64_t value);

/** Prints one figure. */
void bench_row(const char *what, double value, const char *unit);

/** Ends the program with `message` on stderr and status 1. */
void bench_fail(const char *message);

/** Ends the program unless `status` is COPSE_OK. */
void bench_check(copse_status status, const copse_err *err);

/** splitmix64. */
uint64_t bench_random(uint64_t *state);

/** Nanoseconds of a load that depends on the one before, over 256 MiB: what memory costs here. */
double bench_memory_latency_ns(void);

/** Sorted distinct random keys, as in workload W1: hexadecimal digits if key_size is 16. */
typedef struct bench_tree_data {
    size_t count;
    size_t key_size;
    size_t value_size;
    uint8_t *keys;
} bench_tree_data;

bench_tree_data bench_tree_data_new(size_t count, size_t key_size, size_t value_size);
void bench_tree_data_free(bench_tree_data *data);
copse_bytes bench_tree_key(const bench_tree_data *data, size_t index);

/** A database in memory. */
typedef struct bench_db {
    copse_env env;
    copse_err err;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
} bench_db;

void bench_db_open(bench_db *db);
void bench_db_close(bench_db *db);

/** Bytes of all blocks. */
size_t bench_db_size_bytes(bench_db *db);

/** Builds the tree of all the data; `config` NULL: the default. */
copse_cid bench_db_build(bench_db *db, const bench_tree_data *data,
                         const copse_tree_config *config);

/** Adds a put of a value made from `salt` to the batch. */
void bench_batch_put(bench_db *db, copse_batch *batch, copse_bytes key, uint64_t salt,
                     size_t value_size);

/** Applies one put and gives the new tree. */
copse_tree *bench_put(bench_db *db, copse_tree *tree, copse_bytes key, uint64_t salt,
                      size_t value_size, copse_apply_stats *ret_stats);

/** A leaf whose block is the nearest to `size` bytes among some; with a reference. */
copse_node *bench_leaf_near(bench_db *db, copse_tree *tree, size_t size);

/** The number of changes between two trees. */
size_t bench_diff_count(bench_db *db, copse_tree *before, copse_tree *after);

#endif
