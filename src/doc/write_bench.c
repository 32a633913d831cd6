/* Writing documents with three indexes: what one commit costs, what deriving rows costs, and what
 * building an index does.
 *
 *     build/release/bench/doc-write [documents]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "index/entries.h"
#include "support/bench.h"

#include <copse/memory_store.h>
#include <copse/write.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_TAGS = 200, BENCH_AUTHORS = 5000, BENCH_BATCH = 100000, BENCH_COMMITS = 5000 };

static void bench_write_text(copse_buf *buf, const char *text)
{
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(text)), NULL);
}

/* {"_id", "tags": [two], "text", "author", "createdAt"}: about 220 bytes. */
static copse_bytes bench_post(copse_buf *buf, uint64_t number)
{
    uint64_t random = number;
    char text[128];
    copse_buf_truncate(buf, 0);
    bench_write_text(buf, "_id");
    bench_check(copse_cbor_write_uint(buf, number), NULL);
    bench_write_text(buf, "tags");
    bench_check(copse_cbor_write_array(buf, 2), NULL);
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "tag%03u", (unsigned)(bench_random(&random) % BENCH_TAGS));
        bench_write_text(buf, text);
    }
    bench_write_text(buf, "text");
    snprintf(text, sizeof text, "%0100llu", (unsigned long long)bench_random(&random));
    bench_write_text(buf, text);
    bench_write_text(buf, "author");
    snprintf(text, sizeof text, "author%04u", (unsigned)(bench_random(&random) % BENCH_AUTHORS));
    bench_write_text(buf, text);
    bench_write_text(buf, "createdAt");
    bench_check(
        copse_value_write_date(buf, 1700000000000 + (int64_t)(bench_random(&random) % 63072000000)),
        NULL);
    bench_check(copse_cbor_finish_map(buf, 0, 5), NULL);
    return copse_buf_view(buf);
}

static const copse_sort_field bench_fields[3][2] = {
    {{{(const uint8_t *)"tags", 4}, false, false},
     {{(const uint8_t *)"createdAt", 9}, true, false}},
    {{{(const uint8_t *)"createdAt", 9}, true, false}},
    {{{(const uint8_t *)"author", 6}, false, false},
     {{(const uint8_t *)"createdAt", 9}, true, false}},
};

static copse_index_definition bench_definition(size_t index)
{
    static const char *const names[] = {"tags,-createdAt", "-createdAt", "author,-createdAt"};
    return (copse_index_definition){.name = copse_bytes_of_text(names[index]),
                                    .fields = bench_fields[index],
                                    .fields_count = index == 1 ? 1 : 2};
}

static copse_tree *bench_apply(bench_db *db, copse_write *write, copse_tree *tree,
                               copse_write_stats *ret_stats)
{
    copse_tree *next;
    bench_check(copse_write_apply(write, tree, db->store, NULL, &next, ret_stats, NULL, &db->err),
                &db->err);
    copse_tree_close(tree);
    copse_write_clear(write);
    return next;
}

static copse_tree *bench_load(bench_db *db, copse_write *write, copse_tree *tree, uint64_t count)
{
    copse_buf buf;
    double start = bench_now();
    copse_buf_init(&buf, &db->env, SIZE_MAX);
    for (uint64_t i = 0; i < count; i++) {
        bench_check(copse_write_insert(write, copse_bytes_of_text("posts"), bench_post(&buf, i),
                                       NULL, &db->err),
                    &db->err);
        if ((i + 1) % BENCH_BATCH == 0 || i + 1 == count) {
            tree = bench_apply(db, write, tree, NULL);
        }
    }
    copse_buf_release(&buf);
    bench_row("insert, no index", (double)count / (bench_now() - start), "documents/s");
    return tree;
}

static copse_tree *bench_index(bench_db *db, copse_write *write, copse_tree *tree, uint64_t count)
{
    for (size_t i = 0; i < 3; i++) {
        copse_index_definition definition = bench_definition(i);
        double start = bench_now();
        bench_check(
            copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, &db->err),
            &db->err);
        tree = bench_apply(db, write, tree, NULL);
        bench_row((const char *)definition.name.ptr, (double)count / (bench_now() - start),
                  "documents/s");
    }
    return tree;
}

static copse_tree *bench_commits(bench_db *db, copse_write *write, copse_tree *tree, uint64_t first)
{
    copse_buf buf;
    copse_write_stats stats;
    copse_write_stats sum = {0};
    copse_buf_init(&buf, &db->env, SIZE_MAX);
    double start = bench_now();
    for (uint64_t i = 0; i < BENCH_COMMITS; i++) {
        bench_check(copse_write_insert(write, copse_bytes_of_text("posts"),
                                       bench_post(&buf, first + i), NULL, &db->err),
                    &db->err);
        tree = bench_apply(db, write, tree, &stats);
        sum.nodes_written += stats.nodes_written;
        sum.bytes_written += stats.bytes_written;
    }
    double seconds = bench_now() - start;
    copse_buf_release(&buf);
    bench_row("insert one and apply", seconds / BENCH_COMMITS * 1e6, "us");
    bench_row("nodes a commit", (double)sum.nodes_written / BENCH_COMMITS, "");
    bench_row("bytes a commit", (double)sum.bytes_written / BENCH_COMMITS, "B");
    return tree;
}

static copse_status bench_visit(void *ctx, const copse_index_row *row, copse_err *err)
{
    (void)err;
    *(uint64_t *)ctx += row->key.len;
    return COPSE_OK;
}

static void bench_derive(bench_db *db)
{
    enum { POSTS = 1000, ROUNDS = 200 };
    copse_index_deriver *derivers[3];
    copse_buf posts[POSTS];
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        copse_index_definition definition = bench_definition(i);
        bench_check(copse_index_deriver_new(&db->env, copse_bytes_of_text("posts"), &definition,
                                            &derivers[i], &db->err),
                    &db->err);
    }
    for (size_t i = 0; i < POSTS; i++) {
        copse_buf_init(&posts[i], &db->env, SIZE_MAX);
        bench_post(&posts[i], i);
    }
    double start = bench_now();
    for (size_t i = 0; i < POSTS * ROUNDS; i++) {
        copse_cbor_reader reader;
        copse_bytes id;
        copse_bytes post = copse_buf_view(&posts[i % POSTS]);
        copse_cbor_reader_init(&reader, post);
        bench_check(copse_cbor_find_key(&reader, copse_bytes_of_text("_id"), NULL), NULL);
        bench_check(copse_cbor_take(&reader, &id, NULL), NULL);
        for (size_t j = 0; j < 3; j++) {
            bench_check(copse_index_derive(derivers[j], post, id, (copse_bytes){NULL, 0},
                                           bench_visit, &sum, &db->err),
                        &db->err);
        }
    }
    bench_row("derive the rows of a post", (bench_now() - start) / (POSTS * ROUNDS) * 1e6, "us");
    bench_keep(sum);
    for (size_t i = 0; i < POSTS; i++) {
        copse_buf_release(&posts[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        copse_index_deriver_free(derivers[i]);
    }
}

int main(int argc, char **argv)
{
    bench_db db;
    copse_tree *tree;
    copse_write *write;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    bench_db_open(&db);
    db.env.limits.sort_memory_bytes_max = (size_t)1 << 30;
    copse_tree_config config;
    copse_tree_config_init(&config);
    bench_check(copse_tree_new(db.cache, db.store, &config, &tree, &db.err), &db.err);
    bench_check(copse_write_new(&db.env, &write, &db.err), &db.err);
    bench_derive(&db);
    tree = bench_load(&db, write, tree, count);
    tree = bench_index(&db, write, tree, count);
    tree = bench_commits(&db, write, tree, count);
    copse_write_free(write);
    copse_tree_close(tree);
    bench_db_close(&db);
    return 0;
}
