/* Queries over posts with tags, authors and dates, warm and prepared.
 *
 *     build/release/bench/query-query [documents [part of a query's name]]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/bench.h"

#include <copse/ext_json.h>
#include <copse/query.h>
#include <copse/write.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_DOCUMENTS = 1000000, BENCH_TAGS = 200, BENCH_BATCH = 100000 };

static const int64_t bench_begin_ms = 1700000000000;
static const int64_t bench_span_ms = 63072000000; /* two years */

static void bench_text(copse_buf *buf, const char *text)
{
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(text)), NULL);
}

/* {"_id", "tags": [two], "text", "score", "createdAt"}: about 200 bytes. */
static copse_bytes bench_post(copse_buf *buf, uint64_t number)
{
    uint64_t random = number;
    char text[128];
    copse_buf_truncate(buf, 0);
    bench_text(buf, "_id");
    bench_check(copse_cbor_write_uint(buf, number), NULL);
    bench_text(buf, "tags");
    bench_check(copse_cbor_write_array(buf, 2), NULL);
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "tag%03u", (unsigned)(bench_random(&random) % BENCH_TAGS));
        bench_text(buf, text);
    }
    bench_text(buf, "text");
    snprintf(text, sizeof text, "%0100llu", (unsigned long long)bench_random(&random));
    bench_text(buf, text);
    bench_text(buf, "score");
    bench_check(copse_cbor_write_uint(buf, bench_random(&random) % 1000), NULL);
    bench_text(buf, "createdAt");
    bench_check(copse_value_write_date(buf, bench_begin_ms + (int64_t)(bench_random(&random) %
                                                                       (uint64_t)bench_span_ms)),
                NULL);
    bench_check(copse_cbor_finish_map(buf, 0, 5), NULL);
    return copse_buf_view(buf);
}

static void bench_index(bench_db *db, copse_write *write, const char *fields, const char *include)
{
    copse_sort_spec spec;
    copse_bytes included = copse_bytes_of_text(include);
    bench_check(copse_sort_spec_parse(&db->env, copse_bytes_of_text(fields), true, &spec, &db->err),
                &db->err);
    copse_index_definition definition = {.name = copse_bytes_of_text(fields),
                                         .fields = spec.fields,
                                         .fields_count = spec.count,
                                         .include = &included,
                                         .include_count = included.len > 0};
    bench_check(
        copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, &db->err),
        &db->err);
    copse_sort_spec_release(&spec);
}

static copse_tree *bench_load(bench_db *db, uint64_t count)
{
    copse_buf buf;
    copse_tree *tree;
    copse_write *write;
    copse_buf_init(&buf, &db->env, SIZE_MAX);
    bench_check(copse_tree_new(db->cache, db->store, NULL, &tree, &db->err), &db->err);
    bench_check(copse_write_new(&db->env, &write, &db->err), &db->err);
    bench_check(copse_write_create_collection(write, copse_bytes_of_text("posts"),
                                              copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE,
                                              &db->err),
                &db->err);
    bench_index(db, write, "tags[],-createdAt", "text");
    bench_index(db, write, "-createdAt", "");
    for (uint64_t i = 0; i < count || i == 0; i += BENCH_BATCH) {
        for (uint64_t j = i; j < count && j < i + BENCH_BATCH; j++) {
            bench_check(copse_write_insert(write, copse_bytes_of_text("posts"), bench_post(&buf, j),
                                           NULL, &db->err),
                        &db->err);
        }
        copse_tree *next;
        bench_check(copse_write_apply(write, tree, db->store, NULL, &next, NULL, NULL, &db->err),
                    &db->err);
        copse_tree_close(tree);
        tree = next;
        copse_write_clear(write);
    }
    copse_write_free(write);
    copse_buf_release(&buf);
    return tree;
}

/* A query as text. */
typedef struct bench_query {
    const char *what;
    const char *filter;
    const char *sort;
    const char *projection;
    uint64_t skip;
    uint64_t limit;
    unsigned rounds;
    bool counts;
} bench_query;

static copse_query *bench_prepare(bench_db *db, const bench_query *query)
{
    copse_buf filter;
    copse_buf projection;
    copse_sort_spec sort;
    copse_query *prepared;
    copse_buf_init(&filter, &db->env, SIZE_MAX);
    copse_buf_init(&projection, &db->env, SIZE_MAX);
    bench_check(copse_ext_json_to_cbor(&db->env, copse_bytes_of_text(query->filter),
                                       COPSE_EXT_JSON_QUERY, &filter, &db->err),
                &db->err);
    if (query->projection != NULL) {
        bench_check(copse_ext_json_to_cbor(&db->env, copse_bytes_of_text(query->projection),
                                           COPSE_EXT_JSON_QUERY, &projection, &db->err),
                    &db->err);
    }
    bench_check(
        copse_sort_spec_parse(&db->env, copse_bytes_of_text(query->sort), false, &sort, &db->err),
        &db->err);
    copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                   .filter = copse_buf_view(&filter),
                                   .sort = &sort,
                                   .projection = copse_buf_view(&projection),
                                   .skip = query->skip,
                                   .limit = query->limit};
    bench_check(copse_query_new(&db->env, &options, &prepared, &db->err), &db->err);
    copse_sort_spec_release(&sort);
    copse_buf_release(&filter);
    copse_buf_release(&projection);
    return prepared;
}

static uint64_t bench_run(bench_db *db, copse_database *database, copse_query *prepared,
                          bool counts)
{
    uint64_t count = 0;
    copse_bytes document;
    copse_result *result;
    if (counts) {
        bench_check(copse_query_count(prepared, database, &count, NULL, NULL, &db->err), &db->err);
        return count;
    }
    bench_check(copse_result_open(prepared, database, &result, &db->err), &db->err);
    copse_status status = copse_result_next(result, &document, &db->err);
    for (; status == COPSE_OK; count++) {
        bench_keep(document.len);
        status = copse_result_next(result, &document, &db->err);
    }
    if (status != COPSE_END) {
        bench_check(status, &db->err);
    }
    copse_result_close(result);
    return count;
}

static void bench_measure(bench_db *db, copse_database *database, const bench_query *query)
{
    copse_query *prepared = bench_prepare(db, query);
    char what[128];
    uint64_t count = bench_run(db, database, prepared, query->counts);
    double begin = bench_now();
    for (unsigned i = 0; i < query->rounds; i++) {
        (void)bench_run(db, database, prepared, query->counts);
    }
    double seconds = (bench_now() - begin) / query->rounds;
    snprintf(what, sizeof what, "%s (%llu)", query->what, (unsigned long long)count);
    bench_row(what, seconds * 1e6, "µs");
    copse_query_free(prepared);
}

int main(int argc, char **argv)
{
    static const bench_query queries[] = {
        {"first 32 of a tag, newest first", "{\"tags\":\"tag007\"}", "-createdAt", NULL, 0, 32,
         20000, false},
        {"the same, covered", "{\"tags\":\"tag007\"}", "-createdAt", "{\"text\":1,\"createdAt\":1}",
         0, 32, 20000, false},
        {"the same, one document", "{\"tags\":\"tag007\"}", "-createdAt", NULL, 0, 1, 20000, false},
        {"of one of three tags, merged", "{\"tags\":{\"$in\":[\"tag006\",\"tag007\",\"tag008\"]}}",
         "-createdAt", NULL, 0, 32, 10000, false},
        {"after half of all, by the index", "{}", "-createdAt", NULL, 500000, 10, 10000, false},
        {"one month",
         "{\"createdAt\":{\"$gte\":{\"$date\":1710000000000},\"$lt\":{\"$date\":1712592000000}}}",
         "", NULL, 0, 0, 3, false},
        {"by _id", "{\"_id\":4711}", "", NULL, 0, 0, 20000, false},
        {"count of a tag", "{\"tags\":\"tag007\"}", "", NULL, 0, 0, 20000, true},
        {"scan, unindexed filter", "{\"score\":{\"$lt\":10}}", "", NULL, 0, 0, 1, false},
        {"scan, sorted, first 10", "{\"score\":{\"$gt\":10}}", "score,text", NULL, 0, 10, 1, false},
    };
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : BENCH_DOCUMENTS;
    bench_db db;
    copse_database *database;
    bench_db_open(&db);
    db.env.limits.node_cache_bytes_max = (size_t)4 << 30;
    copse_tree *tree = bench_load(&db, count);
    bench_check(copse_database_open(tree, &database, &db.err), &db.err);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        if (argc < 3 || strstr(queries[i].what, argv[2]) != NULL) {
            bench_measure(&db, database, &queries[i]);
        }
    }
    copse_database_close(database);
    copse_tree_close(tree);
    bench_db_close(&db);
    return 0;
}
