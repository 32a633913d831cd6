/* A database in memory that is driven by lines: the side of Copse in comparisons of queries with
 * other programs. Each line of stdin is a JSON object with one of these members, each answer a
 * line:
 *
 *     {"insert": [document, …]}          {"ok": true}
 *     {"replace": document}              an upsert
 *     {"delete": id}
 *     {"index": "a,-b[]", "unique": …, "where": {…}, "include": "c,d"}
 *     {"dropIndex": "a,-b[]"}
 *     {"find": {…}, "sort": "a,-b", "skip": 1, "limit": 2, "project": {…}, "hint": "…"}
 *                                        {"documents": […], "explain": {…}}
 *     {"count": {…}}                     {"count": 3}
 *     {"distinct": "path", "where": {…}} {"values": […]}
 *     {"aggregate": "[stages as JSON]", "memory": bytes}
 *                                        {"documents": […], "explain": {…}}
 *     {"check": true}                    {"defects": 0}
 *     {"reset": true}                    an empty database
 * or, for what fails, {"error": message}. Each may have a "collection"; without one it is "things".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/ext_json.h>
#include <copse/memory_store.h>
#include <copse/pipeline.h>
#include <copse/query.h>
#include <copse/write.h>

#include "support/memory_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct driver {
    copse_env env;
    copse_err err;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_write *write;
    copse_ext_json_reader *json;
    copse_buf request; /* of the line, as DAG-CBOR */
    copse_buf answer;  /* as DAG-CBOR */
    copse_buf text;
} driver;

static const char *const COLLECTION = "things";

static void driver_require(driver *d, copse_status status, const char *what)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "query_driver: %s: %s: %s\n", what, copse_status_name(status),
                      d->err.message);
        exit(1);
    }
}

/* The member `name` of the request; false: there is none. */
static bool driver_member(driver *d, const char *name, copse_bytes *ret_encoded)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, copse_buf_view(&d->request));
    return copse_cbor_find_key(&reader, copse_bytes_of_text(name), NULL) == COPSE_OK &&
           copse_cbor_take(&reader, ret_encoded, NULL) == COPSE_OK;
}

static copse_cbor_item driver_item(driver *d, const char *name)
{
    copse_bytes encoded;
    copse_cbor_item item = {.kind = COPSE_CBOR_NULL};
    if (driver_member(d, name, &encoded)) {
        copse_cbor_reader reader;
        copse_cbor_reader_init(&reader, encoded);
        driver_require(d, copse_cbor_next(&reader, &item, &d->err), name);
    }
    return item;
}

static copse_bytes driver_collection(driver *d)
{
    copse_bytes name = driver_item(d, "collection").bytes;
    return name.len > 0 ? name : copse_bytes_of_text(COLLECTION);
}

/* ---- Writing ---- */

static void driver_reset(driver *d)
{
    copse_tree_close(d->tree);
    copse_node_cache_free(d->cache);
    copse_source_free(d->source);
    copse_store_close(d->store);
    driver_require(d, copse_memory_store_new(&d->env, &d->store, &d->err), "store");
    driver_require(d, copse_source_new(&d->env, d->store, &d->source, &d->err), "source");
    driver_require(d, copse_node_cache_new(&d->env, d->source, &d->cache, &d->err), "cache");
    driver_require(d, copse_tree_new(d->cache, d->store, NULL, &d->tree, &d->err), "tree");
}

static copse_status driver_apply(driver *d)
{
    copse_tree *next = NULL;
    copse_status status =
        copse_write_apply(d->write, d->tree, d->store, NULL, &next, NULL, NULL, &d->err);
    if (status == COPSE_OK) {
        copse_tree_close(d->tree);
        d->tree = next;
    }
    return status;
}

static copse_status driver_insert(driver *d, copse_bytes documents)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, documents);
    copse_status status = copse_cbor_next(&reader, &head, &d->err);
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes document;
        status = copse_cbor_take(&reader, &document, &d->err);
        if (status == COPSE_OK) {
            status = copse_write_insert(d->write, driver_collection(d), document, NULL, &d->err);
        }
    }
    return status;
}

static copse_status driver_index(driver *d, copse_bytes fields)
{
    copse_sort_spec spec = {.count = 0};
    copse_sort_spec include = {.count = 0};
    copse_bytes paths[COPSE_SORT_FIELDS_MAX];
    copse_index_definition definition = {.unique = driver_item(d, "unique").boolean};
    copse_status status = copse_sort_spec_parse(&d->env, fields, true, &spec, &d->err);
    if (status == COPSE_OK) {
        status = copse_sort_spec_parse(&d->env, driver_item(d, "include").bytes, false, &include,
                                       &d->err);
    }
    for (size_t i = 0; i < include.count; i++) {
        paths[i] = include.fields[i].path;
    }
    definition.fields = spec.fields;
    definition.fields_count = spec.count;
    definition.include = paths;
    definition.include_count = include.count;
    (void)driver_member(d, "where", &definition.filter);
    if (status == COPSE_OK) {
        status = copse_write_create_index(d->write, driver_collection(d), &definition, &d->err);
    }
    copse_sort_spec_release(&spec);
    copse_sort_spec_release(&include);
    return status;
}

/* Adds the operation that the request is; END: it is none. */
static copse_status driver_operation(driver *d)
{
    copse_bytes encoded;
    copse_write_clear(d->write);
    if (driver_member(d, "insert", &encoded)) {
        return driver_insert(d, encoded);
    }
    if (driver_member(d, "replace", &encoded)) {
        return copse_write_replace(d->write, driver_collection(d), encoded, true, &d->err);
    }
    if (driver_member(d, "delete", &encoded)) {
        return copse_write_delete(d->write, driver_collection(d), encoded, &d->err);
    }
    if (driver_member(d, "index", &encoded)) {
        return driver_index(d, driver_item(d, "index").bytes);
    }
    if (driver_member(d, "dropIndex", &encoded)) {
        return copse_write_drop_index(d->write, driver_collection(d),
                                      driver_item(d, "dropIndex").bytes, &d->err);
    }
    return COPSE_END;
}

/* ---- Reading ---- */

static copse_status driver_documents(driver *d, copse_result *result)
{
    copse_bytes document;
    uint64_t count = 0;
    copse_status status;
    driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("documents")),
                   "answer");
    size_t start = d->answer.len;
    while ((status = copse_result_next(result, &document, &d->err)) == COPSE_OK) {
        driver_require(d, copse_cbor_write_encoded(&d->answer, document), "answer");
        count++;
    }
    driver_require(d, copse_cbor_finish_array(&d->answer, start, count), "answer");
    driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("explain")), "answer");
    return status == COPSE_END ? copse_result_explain(result, &d->answer, &d->err) : status;
}

static copse_status driver_query(driver *d, copse_database *database, copse_query *query)
{
    copse_bytes encoded;
    copse_result *result = NULL;
    copse_status status;
    if (driver_member(d, "count", &encoded)) {
        uint64_t count = 0;
        status = copse_query_count(query, database, &count, NULL, NULL, &d->err);
        driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("count")),
                       "answer");
        driver_require(d, copse_cbor_write_uint(&d->answer, count), "answer");
        return status == COPSE_OK ? copse_cbor_finish_map(&d->answer, 0, 1) : status;
    }
    if (driver_member(d, "distinct", &encoded)) {
        driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("values")),
                       "answer");
        status = copse_query_distinct(query, database, driver_item(d, "distinct").bytes, &d->answer,
                                      &d->err);
        return status == COPSE_OK ? copse_cbor_finish_map(&d->answer, 0, 1) : status;
    }
    status = copse_result_open(query, database, &result, &d->err);
    if (status == COPSE_OK) {
        status = driver_documents(d, result);
    }
    copse_result_close(result);
    return status == COPSE_OK ? copse_cbor_finish_map(&d->answer, 0, 2) : status;
}

static copse_status driver_read(driver *d)
{
    copse_sort_spec spec = {.count = 0};
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_query_options options = {.collection = driver_collection(d),
                                   .sort = &spec,
                                   .skip = driver_item(d, "skip").arg,
                                   .limit = driver_item(d, "limit").arg,
                                   .hint = driver_item(d, "hint").bytes};
    if (!driver_member(d, "find", &options.filter) && !driver_member(d, "count", &options.filter)) {
        (void)driver_member(d, "where", &options.filter);
    }
    (void)driver_member(d, "project", &options.projection);
    copse_status status =
        copse_sort_spec_parse(&d->env, driver_item(d, "sort").bytes, false, &spec, &d->err);
    if (status == COPSE_OK) {
        status = copse_query_new(&d->env, &options, &query, &d->err);
    }
    if (status == COPSE_OK) {
        status = copse_database_open(d->tree, &database, &d->err);
    }
    if (status == COPSE_OK) {
        status = driver_query(d, database, query);
    }
    copse_query_free(query);
    copse_database_close(database);
    copse_sort_spec_release(&spec);
    return status;
}

/* ---- Pipelines ---- */

static copse_status driver_pipeline_documents(driver *d, copse_pipeline_run *run)
{
    copse_bytes document;
    uint64_t count = 0;
    copse_status status;
    driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("documents")),
                   "answer");
    size_t start = d->answer.len;
    while ((status = copse_pipeline_next(run, &document, &d->err)) == COPSE_OK) {
        driver_require(d, copse_cbor_write_encoded(&d->answer, document), "answer");
        count++;
    }
    driver_require(d, copse_cbor_finish_array(&d->answer, start, count), "answer");
    driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("explain")), "answer");
    status = status == COPSE_END ? copse_pipeline_explain(run, &d->answer, &d->err) : status;
    return status == COPSE_OK ? copse_cbor_finish_map(&d->answer, 0, 2) : status;
}

static copse_status driver_aggregate(driver *d, copse_bytes text)
{
    memory_runs memory;
    copse_run_store runs = memory_runs_init(&memory);
    copse_buf stages;
    copse_pipeline *pipeline = NULL;
    copse_pipeline_run *run = NULL;
    copse_database *database = NULL;
    copse_buf_init(&stages, &d->env, 1 << 28);
    copse_status status = copse_pipeline_read_json(&d->env, text, &stages, &d->err);
    if (status == COPSE_OK) {
        const copse_pipeline_options options = {.collection = driver_collection(d),
                                                .stages = copse_buf_view(&stages),
                                                .runs = &runs,
                                                .memory_bytes_max =
                                                    (size_t)driver_item(d, "memory").arg};
        status = copse_pipeline_new(&d->env, &options, &pipeline, &d->err);
    }
    if (status == COPSE_OK) {
        status = copse_database_open(d->tree, &database, &d->err);
    }
    if (status == COPSE_OK) {
        status = copse_pipeline_open(pipeline, database, &run, &d->err);
    }
    if (status == COPSE_OK) {
        status = driver_pipeline_documents(d, run);
    }
    copse_pipeline_close(run);
    copse_database_close(database);
    copse_pipeline_free(pipeline);
    copse_buf_release(&stages);
    return status;
}

static copse_status driver_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)ctx;
    (void)err;
    (void)fprintf(stderr, "query_driver: %s: %s\n", copse_database_defect_name(defect->kind),
                  defect->message);
    return COPSE_OK;
}

static copse_status driver_check(driver *d)
{
    copse_database_check_options options = {.found = driver_found};
    copse_database_check_stats stats;
    copse_status status = copse_database_check(&d->env, d->store, copse_tree_root(d->tree),
                                               &options, &stats, &d->err);
    if (status == COPSE_OK) {
        driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("defects")),
                       "answer");
        driver_require(d, copse_cbor_write_uint(&d->answer, stats.defects), "answer");
        driver_require(d, copse_cbor_finish_map(&d->answer, 0, 1), "answer");
    }
    return status;
}

/* ---- Lines ---- */

static copse_status driver_line(driver *d)
{
    copse_bytes encoded;
    copse_buf_truncate(&d->answer, 0);
    if (driver_member(d, "reset", &encoded)) {
        driver_reset(d);
        return COPSE_OK;
    }
    if (driver_member(d, "check", &encoded)) {
        return driver_check(d);
    }
    if (driver_member(d, "aggregate", &encoded)) {
        return driver_aggregate(d, driver_item(d, "aggregate").bytes);
    }
    copse_status status = driver_operation(d);
    if (status == COPSE_END) {
        return driver_read(d);
    }
    return status == COPSE_OK ? driver_apply(d) : status;
}

static void driver_answer(driver *d, copse_status status)
{
    if (status != COPSE_OK) {
        copse_buf_truncate(&d->answer, 0);
        driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text("error")),
                       "answer");
        driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text(d->err.message)),
                       "answer");
        driver_require(d, copse_cbor_finish_map(&d->answer, 0, 1), "answer");
    }
    copse_buf_truncate(&d->text, 0);
    if (d->answer.len > 0) {
        driver_require(
            d,
            copse_ext_json_from_cbor(&d->env, copse_buf_view(&d->answer), false, &d->text, &d->err),
            "answer");
    }
    (void)printf("%.*s\n", d->text.len > 0 ? (int)d->text.len : 11,
                 d->text.len > 0 ? (const char *)d->text.ptr : "{\"ok\":true}");
    (void)fflush(stdout);
}

int main(void)
{
    static driver d;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    copse_env_init(&d.env);
    copse_buf_init(&d.request, &d.env, 1 << 28);
    copse_buf_init(&d.answer, &d.env, 1 << 28);
    copse_buf_init(&d.text, &d.env, 1 << 28);
    driver_reset(&d);
    driver_require(&d, copse_write_new(&d.env, &d.write, &d.err), "write");
    driver_require(&d, copse_ext_json_reader_new(&d.env, &d.json, &d.err), "json");
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        copse_buf_truncate(&d.request, 0);
        copse_status status =
            copse_ext_json_read(d.json, (copse_bytes){(const uint8_t *)line, (size_t)size},
                                COPSE_EXT_JSON_QUERY, &d.request, &d.err);
        driver_answer(&d, status == COPSE_OK ? driver_line(&d) : status);
    }
    free(line);
    return 0;
}
