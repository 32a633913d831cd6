/* Copse in workload W2 of the peers' benchmark: posts with three indexes. bench/w2/run builds and
 * runs it beside SQLite.
 *
 * usage: copse PEER N FOLDER; FOLDER is made.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "w2.h"

#include <copse/commit.h>
#include <copse/document_diff.h>
#include <copse/ext_json.h>
#include <copse/loader.h>
#include <copse/modify.h>
#include <copse/pack_store.h>
#include <copse/pipeline.h>
#include <copse/run_file.h>

#define CHECK(call) check((call), #call)

static copse_env env;
static copse_err err;
static copse_os *os;
static copse_pack_db *db;
static copse_source *source;
static copse_node_cache *cache;
static copse_tree *tree;
static copse_database *database;
static copse_cid head; /* of the last commit; size 0: none */
static copse_ext_json_reader *json;
static copse_buf cbor;

static void check(copse_status status, const char *call)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "%s: %s: %s\n", call, copse_status_name(status), err.message);
        exit(1);
    }
}

static copse_bytes text(const char *string)
{
    return copse_bytes_of_text(string);
}

static void open_all(const char *folder)
{
    copse_pack_options options = {.create = true, .durability = COPSE_DURABILITY_OFF};
    copse_env_init(&env);
    copse_env_init_posix(&env);
    CHECK(copse_os_posix_new(&env, &os, &err));
    CHECK(copse_pack_db_open(&env, os, folder, &options, &db, &err));
    CHECK(copse_source_new(&env, copse_pack_db_store(db), &source, &err));
    CHECK(copse_node_cache_new(&env, source, &cache, &err));
    CHECK(copse_tree_new(cache, copse_pack_db_store(db), NULL, &tree, &err));
    CHECK(copse_ext_json_reader_new(&env, &json, &err));
    copse_buf_init(&cbor, &env, 1 << 26);
}

static copse_bytes encoded(const char *line, size_t size, copse_ext_json_mode mode)
{
    copse_buf_truncate(&cbor, 0);
    CHECK(copse_ext_json_read(json, (copse_bytes){(const uint8_t *)line, size}, mode, &cbor, &err));
    return copse_buf_view(&cbor);
}

/* Makes `next` the database, with a commit, as a writer does. */
static void commit(copse_tree *next)
{
    copse_commit commit;
    copse_block *block;
    CHECK(copse_commit_next(&env, source, copse_tree_root(next), &head, head.size > 0, &commit,
                            &err));
    CHECK(copse_commit_encode(&env, &commit, &block, &err));
    CHECK(copse_store_put(copse_pack_db_store(db), &block, 1, &err));
    copse_cid cid = *copse_block_cid(block);
    CHECK(copse_refs_swap(copse_pack_db_refs(db), text("main"), head.size > 0 ? &head : NULL, &cid,
                          &err));
    copse_block_unref(block);
    head = cid;
    database = copse_database_close(database);
    copse_tree_close(tree);
    tree = next;
    CHECK(copse_database_open(tree, &database, &err));
}

static void apply(copse_write *write, const copse_write_options *options)
{
    copse_tree *next;
    CHECK(
        copse_write_apply(write, tree, copse_pack_db_store(db), options, &next, NULL, NULL, &err));
    commit(next);
}

static void add_index(copse_write *write, const char *fields, copse_bytes include)
{
    copse_sort_spec spec;
    CHECK(copse_sort_spec_parse(&env, text(fields), true, &spec, &err));
    copse_index_definition definition = {.fields = spec.fields,
                                         .fields_count = spec.count,
                                         .include = &include,
                                         .include_count = include.len > 0};
    CHECK(copse_write_create_index(write, text("posts"), &definition, &err));
    copse_sort_spec_release(&spec);
}

static void load(const char *folder)
{
    copse_write *write;
    copse_loader *loader;
    copse_run_file *run_file;
    copse_tree *next;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    uint64_t lines = 0;
    FILE *file = w2_open("posts");
    double started = w2_now();
    CHECK(copse_write_new(&env, &write, &err));
    CHECK(copse_write_create_collection(write, text("posts"), text("_id"), COPSE_DOCUMENTS_INLINE,
                                        &err));
    add_index(write, "tags[],-createdAt", (copse_bytes){0});
    add_index(write, "createdAt", (copse_bytes){0});
    add_index(write, "author,-createdAt", (copse_bytes){0});
    apply(write, NULL);
    copse_write_free(write);
    CHECK(copse_run_file_new(&env, os, folder, &run_file, &err));
    copse_run_store runs = copse_run_file_store(run_file);
    CHECK(copse_pack_db_begin_bulk(db, &err));
    CHECK(copse_loader_new(tree, copse_pack_db_store(db), text("posts"), text("_id"),
                           COPSE_DOCUMENTS_INLINE, (size_t)180 << 20, &runs, &loader, &err));
    while ((size = getline(&line, &capacity, file)) > 0) {
        CHECK(copse_loader_add(loader, encoded(line, (size_t)size, COPSE_EXT_JSON_VALUE), ++lines,
                               &err));
    }
    double read = w2_now();
    CHECK(copse_loader_finish(loader, &next, NULL, NULL, &err));
    commit(next);
    w2_row("load", (double)lines / (w2_now() - started), "docs/s");
    w2_row("load_read_share", (read - started) / (w2_now() - started), "");
    w2_row("rss_load", w2_peak_mb(), "MB");
    copse_loader_free(loader);
    copse_run_file_free(run_file);
    free(line);
    (void)fclose(file);
}

/* ---- Queries ---- */

static copse_query *prepare(const char *filter, const char *sort, const char *projection,
                            uint64_t limit)
{
    copse_query *query;
    copse_buf fields;
    copse_sort_spec spec = {.count = 0};
    copse_buf_init(&fields, &env, 1 << 20);
    CHECK(copse_ext_json_read(json, text(projection), COPSE_EXT_JSON_QUERY, &fields, &err));
    CHECK(copse_sort_spec_parse(&env, text(sort), false, &spec, &err));
    copse_query_options options = {.collection = text("posts"),
                                   .filter = encoded(filter, strlen(filter), COPSE_EXT_JSON_QUERY),
                                   .sort = &spec,
                                   .projection = copse_buf_view(&fields),
                                   .limit = limit};
    CHECK(copse_query_new(&env, &options, &query, &err));
    copse_sort_spec_release(&spec);
    copse_buf_release(&fields);
    return query;
}

static long run(void *ctx)
{
    volatile size_t sink = 0;
    copse_result *result;
    copse_bytes document;
    copse_status status;
    long rows = 0;
    CHECK(copse_result_open(ctx, database, &result, &err));
    while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) {
        sink += document.len + document.ptr[document.len / 2];
        rows++;
    }
    if (status != COPSE_END) {
        CHECK(status);
    }
    copse_result_close(result);
    return rows;
}

static void query(const char *metric, const char *filter, const char *sort, const char *projection,
                  uint64_t limit, long expected, int repeats)
{
    copse_query *prepared = prepare(filter, sort, projection, limit);
    w2_measure(metric, run, prepared, expected, repeats);
    copse_query_free(prepared);
}

static void queries(void)
{
    char month[160];
    (void)snprintf(month, sizeof month, "{\"createdAt\":{\"$gte\":%lld,\"$lt\":%lld}}",
                   W2_MONTH_FROM, W2_MONTH_TO);
    query("q_tag", "{\"tags\":\"cats\"}", "-createdAt", "{}", 32, 32, W2_REPEATS);
    query("q_tag_covered", "{\"tags\":\"cats\"}", "-createdAt", "{\"createdAt\":1}", 32, 32,
          W2_REPEATS);
    query("q_month", month, "", "{}", 0, -1, W2_REPEATS);
    query("q_author", "{\"author\":\"user7\"}", "-createdAt", "{}", 20, 20, W2_REPEATS);
    query("q_scan", "{\"text\":{\"$lt\":\"b\"}}", "", "{}", 0, -1, 5);
}

static long run_pipeline(void *ctx)
{
    volatile size_t sink = 0;
    copse_pipeline_run *pipeline_run;
    copse_bytes document;
    copse_status status;
    long rows = 0;
    CHECK(copse_pipeline_open(ctx, database, &pipeline_run, &err));
    while ((status = copse_pipeline_next(pipeline_run, &document, &err)) == COPSE_OK) {
        sink += document.len;
        rows++;
    }
    if (status != COPSE_END) {
        CHECK(status);
    }
    copse_pipeline_close(pipeline_run);
    return rows;
}

static void groups(void)
{
    copse_pipeline *pipeline;
    copse_buf stages;
    copse_buf_init(&stages, &env, 1 << 16);
    CHECK(copse_pipeline_read_json(
        &env, text("[{\"$group\":{\"_id\":\"$author\",\"n\":{\"$sum\":1}}}]"), &stages, &err));
    copse_pipeline_options options = {
        .collection = text("posts"), .stages = copse_buf_view(&stages), .hint = text("$natural")};
    CHECK(copse_pipeline_new(&env, &options, &pipeline, &err));
    w2_measure("group", run_pipeline, pipeline, -1, 5);
    copse_pipeline_free(pipeline);
    copse_buf_release(&stages);
}

/* ---- Writing ---- */

static void inserts(void)
{
    copse_write *write;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    int count = 0;
    FILE *file = w2_open("more");
    CHECK(copse_write_new(&env, &write, &err));
    double written = w2_written();
    double started = w2_now();
    while ((size = getline(&line, &capacity, file)) > 0) {
        copse_write_clear(write);
        CHECK(copse_write_insert(write, text("posts"),
                                 encoded(line, (size_t)size, COPSE_EXT_JSON_VALUE), NULL, &err));
        apply(write, NULL);
        count++;
    }
    w2_row("insert", count / (w2_now() - started), "commits/s");
    w2_row("insert_wchar", (w2_written() - written) / count, "B/commit");
    copse_write_free(write);
    free(line);
    (void)fclose(file);
}

/* Sets the author of the post with `id`: *ret_next is the tree with it. */
static void update(copse_modify *modify, const char *id, int count, copse_tree **ret_next)
{
    char json_text[128];
    copse_buf filter;
    copse_update *change;
    copse_modify_result result;
    copse_buf_init(&filter, &env, 1 << 10);
    (void)snprintf(json_text, sizeof json_text, "{\"_id\":\"%s\"}", id);
    CHECK(copse_ext_json_read(json, text(json_text), COPSE_EXT_JSON_QUERY, &filter, &err));
    (void)snprintf(json_text, sizeof json_text, "{\"$set\":{\"author\":\"writer%d\"}}", count);
    CHECK(copse_update_new(&env, encoded(json_text, strlen(json_text), COPSE_EXT_JSON_QUERY),
                           (copse_bytes){0}, &change, &err));
    copse_modify_options options = {
        .collection = text("posts"), .filter = copse_buf_view(&filter), .update = change};
    copse_modify_begin(modify, database);
    CHECK(copse_modify_run(modify, &options, &result, &err));
    if (result.modified != 1) {
        (void)fprintf(stderr, "%s: not updated\n", id);
        exit(1);
    }
    CHECK(copse_modify_finish(modify, copse_pack_db_store(db), NULL, ret_next, NULL, NULL, &err));
    copse_update_free(change);
    copse_buf_release(&filter);
}

static void updates(void)
{
    copse_modify *modify;
    copse_tree *next;
    char id[W2_ID_SIZE];
    int count = 0;
    FILE *file = w2_open("ids");
    CHECK(copse_modify_new(&env, &modify, &err));
    double written = w2_written();
    double cpu = w2_cpu();
    double started = w2_now();
    while (w2_next_id(file, id)) {
        update(modify, id, count++, &next);
        commit(next);
    }
    w2_row("update", count / (w2_now() - started), "commits/s");
    w2_row("update_cpu", (w2_cpu() - cpu) / count * 1e6, "us/commit");
    w2_row("update_wchar", (w2_written() - written) / count, "B/commit");
    copse_modify_free(modify);
    (void)fclose(file);
}

/* ---- Two versions ---- */

static copse_database *changed;

static long run_diff(void *ctx)
{
    copse_document_diff *diff;
    copse_document_change change;
    copse_status status;
    long rows = 0;
    (void)ctx;
    CHECK(copse_document_diff_new(database, changed, NULL, &diff, &err));
    while ((status = copse_document_diff_next(diff, &change, &err)) == COPSE_OK) {
        rows++;
    }
    if (status != COPSE_END) {
        CHECK(status);
    }
    copse_document_diff_free(diff);
    return rows;
}

static void diffs(void)
{
    copse_modify *modify;
    copse_tree *next;
    char id[W2_ID_SIZE];
    FILE *file = w2_open("ids");
    if (!w2_next_id(file, id)) {
        exit(1);
    }
    CHECK(copse_modify_new(&env, &modify, &err));
    update(modify, id, -1, &next);
    CHECK(copse_database_open(next, &changed, &err));
    w2_measure("diff", run_diff, NULL, 1, W2_REPEATS);
    copse_database_close(changed);
    copse_tree_close(next);
    copse_modify_free(modify);
    (void)fclose(file);
}

static void index_build(const char *folder)
{
    copse_write *write;
    copse_run_file *run_file;
    CHECK(copse_run_file_new(&env, os, folder, &run_file, &err));
    copse_run_store runs = copse_run_file_store(run_file);
    copse_write_options options = {.runs = &runs, .memory_bytes_max = (size_t)180 << 20};
    CHECK(copse_write_new(&env, &write, &err));
    add_index(write, "text", (copse_bytes){0});
    double started = w2_now();
    CHECK(copse_pack_db_begin_bulk(db, &err));
    apply(write, &options);
    w2_row("index", w2_now() - started, "s");
    copse_write_free(write);
    copse_run_file_free(run_file);
}

int main(int argc, char **argv)
{
    char command[600];
    if (argc < 4) {
        return 2;
    }
    w2_peer = argv[1];
    w2_posts = atol(argv[2]);
    open_all(argv[3]);
    load(argv[3]);
    (void)snprintf(command, sizeof command, "du -sB1 '%s' | cut -f1", argv[3]);
    FILE *pipe = popen(command, "r");
    double disk = 0;
    if (pipe != NULL && fscanf(pipe, "%lf", &disk) == 1) {
        w2_row("disk", disk, "B");
    }
    if (pipe != NULL) {
        (void)pclose(pipe);
    }
    queries();
    groups();
    inserts();
    updates();
    diffs();
    index_build(argv[3]);
    w2_row("rss_peak", w2_peak_mb(), "MB");
    return 0;
}
