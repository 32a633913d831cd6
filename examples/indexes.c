/* Indexes of every kind, made over documents that are there, and dropped again. Whatever indexes
 * there are, the answer is the same; only its cost changes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/query.h>

#include <stdio.h>

static const char *const books[] = {
    "{\"_id\": 1, \"isbn\": \"a\", \"year\": 1931, \"tags\": [\"x\", \"y\"], \"title\": \"A\"}",
    "{\"_id\": 2, \"isbn\": \"b\", \"year\": 2004, \"tags\": [\"x\"], \"title\": \"B\"}",
    "{\"_id\": 3, \"year\": 2019, \"title\": \"C\"}",
};

static copse_bytes collection(void)
{
    return copse_bytes_of_text("books");
}

/* `fields` as in copse_sort_spec_parse; `rest` is what else the definition says. */
static void create(example_db *example, const char *fields, copse_index_definition rest)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_sort_spec spec;
    example_must(
        copse_sort_spec_parse(&example->env, copse_bytes_of_text(fields), true, &spec, &err), &err);
    rest.fields = spec.fields;
    rest.fields_count = spec.count;
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_create_index(write, collection(), &rest, &err), &err);
    example_apply(example, write);
    copse_write_free(write);
    copse_sort_spec_release(&spec);
}

static void print_indexes(example_db *example)
{
    copse_err err = {0};
    copse_database *database = NULL;
    example_must(copse_database_open(example->tree, &database, &err), &err);
    const copse_collection *found = copse_database_collection(database, collection());
    for (size_t i = 0; i < found->indexes_count; i++) {
        const copse_index_definition *index = &found->indexes[i];
        uint64_t entries = 0;
        example_must(copse_database_index_count(database, found, index, &entries, &err), &err);
        (void)printf("  %.*s: %d entries%s\n", (int)index->name.len, (const char *)index->name.ptr,
                     (int)entries, index->unique ? ", unique" : "");
    }
    copse_database_close(database);
}

/* Prints the titles of the books since 2000, and what finding them took. */
static void find(example_db *example)
{
    copse_err err = {0};
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status;
    copse_buf filter = example_json(&example->env, "{\"year\": {\"$gte\": 2000}}");
    copse_buf projection = example_json(&example->env, "{\"title\": 1, \"year\": 1}");
    copse_query_options options = {.collection = collection(),
                                   .filter = copse_buf_view(&filter),
                                   .projection = copse_buf_view(&projection)};
    example_must(copse_query_new(&example->env, &options, &query, &err), &err);
    example_must(copse_database_open(example->tree, &database, &err), &err);
    example_must(copse_result_open(query, database, &result, &err), &err);
    while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) {
        example_print(&example->env, "  ", document);
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_result_stats stats = copse_result_get_stats(result);
    (void)printf("  read %d keys and %d documents\n", (int)stats.keys_examined,
                 (int)stats.documents_examined);
    copse_result_close(result);
    copse_query_free(query);
    copse_database_close(database);
    copse_buf_release(&projection);
    copse_buf_release(&filter);
}

/* A second book with the ISBN of another: the index refuses it, and the tree stays as it was. */
static void insert_twice(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_tree *next = NULL;
    copse_buf book = example_json(&example->env, "{\"_id\": 9, \"isbn\": \"a\"}");
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_insert(write, collection(), copse_buf_view(&book), NULL, &err), &err);
    copse_status status =
        copse_write_apply(write, example->tree, example->store, NULL, &next, NULL, NULL, &err);
    (void)printf("%s: %s\n", copse_status_name(status), err.message);
    copse_write_free(write);
    copse_buf_release(&book);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_write *write = NULL;
    const copse_bytes title = copse_bytes_of_text("title");
    example_open(&example);
    example_insert(&example, "books", books, sizeof books / sizeof *books);
    (void)printf("without an index:\n");
    find(&example);

    copse_buf recent = example_json(&example.env, "{\"year\": {\"$gte\": 1950}}");
    create(&example, "tags,-year", (copse_index_definition){.unique = false});
    create(&example, "isbn", (copse_index_definition){.unique = true});
    create(&example, "title", (copse_index_definition){.filter = copse_buf_view(&recent)});
    create(&example, "year", (copse_index_definition){.include = &title, .include_count = 1});
    copse_buf_release(&recent);
    (void)printf("compound, unique, partial, and one that covers the query:\n");
    print_indexes(&example);
    find(&example);
    insert_twice(&example);

    example_must(copse_write_new(&example.env, &write, &err), &err);
    example_must(
        copse_write_drop_index(write, collection(), copse_bytes_of_text("tags,-year"), &err), &err);
    example_apply(&example, write);
    copse_write_free(write);
    (void)printf("after one is dropped:\n");
    print_indexes(&example);
    example_close(&example);
    return 0;
}
