/* Pipelines over posts, warm and prepared: grouping, sorting, joining. If asked to by a name,
 * writes the posts as JSON lines instead, for other programs to load.
 *
 *     build/release/bench/query-pipeline [documents [part of a pipeline's name]]
 *     build/release/bench/query-pipeline 100000 --json > posts.jsonl
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/bench.h"
#include "support/memory_runs.h"

#include <copse/ext_json.h>
#include <copse/pipeline.h>
#include <copse/write.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_DOCUMENTS = 100000, BENCH_AUTHORS = 1000, BENCH_TAGS = 200, BENCH_BATCH = 100000 };

static void bench_text(copse_buf *buf, const char *text)
{
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(text)), NULL);
}

/* {"_id", "tags": [two], "text", "score", "author"}: about 200 bytes. */
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
    bench_text(buf, "author");
    snprintf(text, sizeof text, "author%04u", (unsigned)(bench_random(&random) % BENCH_AUTHORS));
    bench_text(buf, text);
    bench_check(copse_cbor_finish_map(buf, 0, 5), NULL);
    return copse_buf_view(buf);
}

static void bench_write_json(const copse_env *env, uint64_t count)
{
    copse_buf buf;
    copse_buf json;
    copse_buf_init(&buf, env, SIZE_MAX);
    copse_buf_init(&json, env, SIZE_MAX);
    for (uint64_t i = 0; i < count; i++) {
        copse_buf_truncate(&json, 0);
        bench_check(copse_ext_json_from_cbor(env, bench_post(&buf, i), false, &json, NULL), NULL);
        printf("%.*s\n", (int)json.len, (const char *)json.ptr);
    }
    copse_buf_release(&buf);
    copse_buf_release(&json);
}

static copse_tree *bench_load(bench_db *db, uint64_t count, bool has_index)
{
    copse_buf buf;
    copse_tree *tree;
    copse_write *write;
    copse_bytes posts = copse_bytes_of_text("posts");
    const copse_sort_field field = {.path = copse_bytes_of_text("author")};
    const copse_index_definition definition = {.fields = &field, .fields_count = 1};
    copse_buf_init(&buf, &db->env, SIZE_MAX);
    bench_check(copse_tree_new(db->cache, db->store, NULL, &tree, &db->err), &db->err);
    bench_check(copse_write_new(&db->env, &write, &db->err), &db->err);
    bench_check(copse_write_create_collection(write, posts, copse_bytes_of_text("_id"),
                                              COPSE_DOCUMENTS_INLINE, &db->err),
                &db->err);
    if (has_index) {
        bench_check(copse_write_create_index(write, posts, &definition, &db->err), &db->err);
    }
    for (uint64_t i = 0; i < count || i == 0; i += BENCH_BATCH) {
        copse_tree *next;
        for (uint64_t j = i; j < count && j < i + BENCH_BATCH; j++) {
            bench_check(copse_write_insert(write, posts, bench_post(&buf, j), NULL, &db->err),
                        &db->err);
        }
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

/* A pipeline as text. */
typedef struct bench_pipeline {
    const char *what;
    const char *stages;
    size_t memory_bytes_max; /* 0: as much as there is */
    unsigned rounds;
    bool indexed;
} bench_pipeline;

static uint64_t bench_run(bench_db *db, copse_database *database, copse_pipeline *pipeline)
{
    uint64_t count = 0;
    copse_bytes document;
    copse_pipeline_run *run;
    bench_check(copse_pipeline_open(pipeline, database, &run, &db->err), &db->err);
    copse_status status = copse_pipeline_next(run, &document, &db->err);
    for (; status == COPSE_OK; count++) {
        bench_keep(document.len);
        status = copse_pipeline_next(run, &document, &db->err);
    }
    if (status != COPSE_END) {
        bench_check(status, &db->err);
    }
    copse_pipeline_close(run);
    return count;
}

static void bench_measure(bench_db *db, copse_database *database, const bench_pipeline *test)
{
    memory_runs memory;
    copse_run_store runs = memory_runs_init(&memory);
    copse_buf stages;
    copse_pipeline *pipeline;
    char what[128];
    copse_buf_init(&stages, &db->env, SIZE_MAX);
    bench_check(
        copse_pipeline_read_json(&db->env, copse_bytes_of_text(test->stages), &stages, &db->err),
        &db->err);
    const copse_pipeline_options options = {.collection = copse_bytes_of_text("posts"),
                                            .stages = copse_buf_view(&stages),
                                            .runs = &runs,
                                            .memory_bytes_max = test->memory_bytes_max};
    bench_check(copse_pipeline_new(&db->env, &options, &pipeline, &db->err), &db->err);
    uint64_t count = bench_run(db, database, pipeline);
    double begin = bench_now();
    for (unsigned i = 0; i < test->rounds; i++) {
        (void)bench_run(db, database, pipeline);
    }
    double seconds = (bench_now() - begin) / test->rounds;
    snprintf(what, sizeof what, "%s (%llu)", test->what, (unsigned long long)count);
    bench_row(what, seconds * 1e3, "ms");
    copse_pipeline_free(pipeline);
    copse_buf_release(&stages);
}

int main(int argc, char **argv)
{
    static const bench_pipeline pipelines[] = {
        {"group by author, count", "[{\"$group\":{\"_id\":\"$author\",\"n\":{\"$sum\":1}}}]", 0, 10,
         false},
        {"the same over an index", "[{\"$group\":{\"_id\":\"$author\",\"n\":{\"$sum\":1}}}]", 0, 10,
         true},
        {"group by author, sum and average",
         "[{\"$group\":{\"_id\":\"$author\",\"n\":{\"$sum\":\"$score\"},\"a\":{\"$avg\":"
         "\"$score\"}}}]",
         0, 10, false},
        {"group by _id", "[{\"$group\":{\"_id\":\"$_id\",\"n\":{\"$sum\":1}}}]", 0, 3, false},
        {"the same in 4 MiB", "[{\"$group\":{\"_id\":\"$_id\",\"n\":{\"$sum\":1}}}]", 4 << 20, 3,
         false},
        {"sort by score", "[{\"$sort\":{\"score\":1}}]", 0, 3, false},
        {"the same in 4 MiB", "[{\"$sort\":{\"score\":1}}]", 4 << 20, 3, false},
        {"sort by score, first 10", "[{\"$sort\":{\"score\":1}},{\"$limit\":10}]", 0, 3, false},
        {"unwind tags, sort by count", "[{\"$unwind\":\"$tags\"},{\"$sortByCount\":\"$tags\"}]", 0,
         3, false},
        {"count", "[{\"$count\":\"n\"}]", 0, 1000, false},
        {"1000 lookups by _id",
         "[{\"$limit\":1000},{\"$lookup\":{\"from\":\"posts\",\"localField\":\"score\","
         "\"foreignField\":\"_id\",\"as\":\"p\"}}]",
         0, 10, false},
    };
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : BENCH_DOCUMENTS;
    const char *part = argc > 2 ? argv[2] : "";
    bench_db db;
    bench_db_open(&db);
    db.env.limits.node_cache_bytes_max = (size_t)4 << 30;
    if (strcmp(part, "--json") == 0) {
        bench_write_json(&db.env, count);
        bench_db_close(&db);
        return 0;
    }
    for (int indexed = 0; indexed < 2; indexed++) {
        copse_database *database;
        copse_tree *tree = bench_load(&db, count, indexed);
        bench_check(copse_database_open(tree, &database, &db.err), &db.err);
        for (size_t i = 0; i < sizeof pipelines / sizeof *pipelines; i++) {
            if (pipelines[i].indexed == indexed && strstr(pipelines[i].what, part) != NULL) {
                bench_measure(&db, database, &pipelines[i]);
            }
        }
        copse_database_close(database);
        copse_tree_close(tree);
    }
    bench_db_close(&db);
    return 0;
}
