/* A query is compiled once and run many times. Its plan is data: it can be explained, written down,
 * sent, checked and run again exactly.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/query.h>

#include <stdio.h>

static const char *const posts[] = {
    "{\"_id\": 1, \"title\": \"kittens\", \"tags\": [\"cats\", \"young\"], \"stars\": 4}",
    "{\"_id\": 2, \"title\": \"walks\", \"tags\": [\"dogs\"], \"stars\": 5}",
    "{\"_id\": 3, \"title\": \"lions\", \"tags\": [\"cats\", \"large\"], \"stars\": 5}",
    "{\"_id\": 4, \"title\": \"naps\", \"tags\": [\"cats\", \"dogs\"], \"stars\": 3}",
};

static void make_index(example_db *example, const char *fields)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_sort_spec spec;
    example_must(
        copse_sort_spec_parse(&example->env, copse_bytes_of_text(fields), true, &spec, &err), &err);
    copse_index_definition definition = {.fields = spec.fields, .fields_count = spec.count};
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, &err),
                 &err);
    example_apply(example, write);
    copse_write_free(write);
    copse_sort_spec_release(&spec);
}

/* A cursor lends each document as DAG-CBOR: here one field is read, without a copy. */
static void print_titles(copse_result *result)
{
    copse_err err = {0};
    copse_bytes document;
    copse_status status;
    while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) {
        copse_cbor_reader reader;
        copse_cbor_item title;
        copse_cbor_reader_init(&reader, document);
        example_must(copse_cbor_find_key(&reader, copse_bytes_of_text("title"), &err), &err);
        example_must(copse_cbor_next(&reader, &title, &err), &err);
        (void)printf("  %.*s\n", (int)title.bytes.len, (const char *)title.bytes.ptr);
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_result_stats stats = copse_result_get_stats(result);
    (void)printf("  %d returned, %d index keys and %d documents read, %d sorted\n",
                 (int)stats.returned, (int)stats.keys_examined, (int)stats.documents_examined,
                 (int)stats.sorted);
}

static void run(example_db *example, copse_query *query, copse_database *database)
{
    copse_err err = {0};
    copse_result *result = NULL;
    copse_buf explained;
    copse_buf_init(&explained, &example->env, SIZE_MAX);
    example_must(copse_result_open(query, database, &result, &err), &err);
    print_titles(result);
    example_must(copse_result_explain(result, &explained, &err), &err);
    example_print(&example->env, "  explained: ", copse_buf_view(&explained));
    copse_result_close(result);
    copse_buf_release(&explained);
}

/* The plan, made here and run again as if it had come from elsewhere: it is checked first. */
static void run_plan(example_db *example, copse_query *query, copse_database *database)
{
    copse_err err = {0};
    copse_result *result = NULL;
    copse_buf plan;
    copse_buf_init(&plan, &example->env, SIZE_MAX);
    example_must(copse_query_plan(query, database, &plan, &err), &err);
    example_print(&example->env, "the plan: ", copse_buf_view(&plan));
    example_must(copse_result_open_plan(query, database, copse_buf_view(&plan), &result, &err),
                 &err);
    print_titles(result);
    copse_result_close(result);
    copse_buf_release(&plan);
}

static void count_and_distinct(example_db *example, copse_query *query, copse_database *database)
{
    copse_err err = {0};
    uint64_t count;
    copse_buf values;
    copse_buf_init(&values, &example->env, SIZE_MAX);
    example_must(copse_query_count(query, database, &count, NULL, NULL, &err), &err);
    (void)printf("%d match; ", (int)count);
    example_must(copse_query_distinct(query, database, copse_bytes_of_text("tags"), &values, &err),
                 &err);
    example_print(&example->env, "their tags: ", copse_buf_view(&values));
    copse_buf_release(&values);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_sort_spec sort;
    example_open(&example);
    example_insert(&example, "posts", posts, sizeof posts / sizeof *posts);
    make_index(&example, "tags,-stars");

    copse_buf filter = example_json(&example.env, "{\"tags\": \"cats\"}");
    example_must(
        copse_sort_spec_parse(&example.env, copse_bytes_of_text("-stars"), false, &sort, &err),
        &err);
    copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                   .filter = copse_buf_view(&filter),
                                   .sort = &sort,
                                   .limit = 10};
    example_must(copse_query_new(&example.env, &options, &query, &err), &err);
    copse_sort_spec_release(&sort); /* the query has copies */
    copse_buf_release(&filter);

    example_must(copse_database_open(example.tree, &database, &err), &err);
    run(&example, query, database);
    run_plan(&example, query, database);
    count_and_distinct(&example, query, database);
    copse_query_free(query);
    copse_database_close(database);
    example_close(&example);
    return 0;
}
