/* Scanning: rows of 16-byte keys and 100-byte values, warm, in memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cursor.h>

#include "support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_ROWS = 1000000, BENCH_RUNS = 5, BENCH_FILL = 64 };

typedef uint64_t (*bench_scan_fn)(copse_cursor *cursor, copse_err *err);

static uint64_t scan_next(copse_cursor *cursor, copse_err *err)
{
    uint64_t sum = 0;
    while (copse_cursor_next(cursor, err) == COPSE_OK) {
        copse_bytes value = copse_cursor_value(cursor);
        sum += copse_cursor_key(cursor).ptr[0] + value.ptr[value.len - 1];
    }
    return sum;
}

static uint64_t scan_prev(copse_cursor *cursor, copse_err *err)
{
    uint64_t sum = 0;
    while (copse_cursor_prev(cursor, err) == COPSE_OK) {
        copse_bytes value = copse_cursor_value(cursor);
        sum += copse_cursor_key(cursor).ptr[0] + value.ptr[value.len - 1];
    }
    return sum;
}

static uint64_t scan_fill(copse_cursor *cursor, copse_err *err)
{
    copse_cursor_entry entries[BENCH_FILL];
    uint64_t sum = 0;
    size_t count = 0;
    while (copse_cursor_fill(cursor, entries, BENCH_FILL, &count, err) == COPSE_OK) {
        for (size_t i = 0; i < count; i++) {
            sum += entries[i].key.ptr[0] + entries[i].value.ptr[entries[i].value.len - 1];
        }
    }
    return sum;
}

static uint64_t scan_copy(copse_cursor *cursor, copse_err *err)
{
    uint8_t row[128];
    uint64_t sum = 0;
    while (copse_cursor_next(cursor, err) == COPSE_OK) {
        copse_bytes key = copse_cursor_key(cursor);
        copse_bytes value = copse_cursor_value(cursor);
        memcpy(row, key.ptr, key.len);
        memcpy(row + key.len, value.ptr, value.len);
        sum += row[sum % 100];
    }
    return sum;
}

static void bench_scan(copse_tree *tree, copse_err *err, const char *what, bench_scan_fn scan)
{
    double best = 1e9;
    for (int i = 0; i < BENCH_RUNS + 1; i++) { /* the first one warms the node cache */
        copse_cursor *cursor = NULL;
        bench_check(copse_cursor_new(tree, &cursor, err), err);
        double start = bench_now();
        bench_keep(scan(cursor, err));
        double seconds = bench_now() - start;
        best = i > 0 && seconds < best ? seconds : best;
        copse_cursor_free(cursor);
    }
    bench_row(what, BENCH_ROWS / best / 1e6, "M rows/s");
}

/* What it costs to move as many bytes. */
static void bench_memcpy(void)
{
    size_t size = (size_t)BENCH_ROWS * 118;
    uint8_t *from = malloc(size);
    uint8_t *to = malloc(size);
    double best = 1e9;
    if (from == NULL || to == NULL) {
        bench_fail("out of memory");
        return;
    }
    memset(from, 1, size);
    for (int i = 0; i < BENCH_RUNS; i++) {
        double start = bench_now();
        memcpy(to, from, size);
        bench_keep(to[size / 2]);
        double seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
    }
    bench_row("memcpy of the same bytes", BENCH_ROWS / best / 1e6, "M rows/s");
    free(from);
    free(to);
}

int main(void)
{
    bench_db db;
    copse_tree *tree = NULL;
    bench_tree_data data = bench_tree_data_new(BENCH_ROWS, 16, 100);
    bench_db_open(&db);
    copse_cid root = bench_db_build(&db, &data, NULL);
    bench_check(copse_tree_open(db.cache, &root, &tree, &db.err), &db.err);
    bench_scan(tree, &db.err, "scan, next", scan_next);
    bench_scan(tree, &db.err, "scan, prev", scan_prev);
    bench_scan(tree, &db.err, "scan, fill of 64", scan_fill);
    bench_scan(tree, &db.err, "scan, next, each row copied", scan_copy);
    bench_memcpy();
    copse_tree_close(tree);
    bench_db_close(&db);
    bench_tree_data_free(&data);
    return 0;
}
