/* Collections and documents: made, inserted, replaced, deleted, got by their primary key, and read
 * from the tree in key order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/cursor.h>

#include <stdio.h>

/* Operations are collected, then applied together: all or none. */
static void write_people(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_bytes people = copse_bytes_of_text("people");
    copse_buf ada = example_json(&example->env, "{\"email\": \"ada@x.org\", \"born\": 1815}");
    copse_buf grace = example_json(&example->env, "{\"email\": \"grace@x.org\", \"born\": 1900}");
    copse_buf corrected =
        example_json(&example->env, "{\"email\": \"grace@x.org\", \"born\": 1906}");
    copse_buf nobody = example_json(&example->env, "\"nobody@x.org\"");
    example_must(copse_write_new(&example->env, &write, &err), &err);
    /* The primary key is a field of the documents; each is a block of its own. */
    example_must(copse_write_create_collection(write, people, copse_bytes_of_text("email"),
                                               COPSE_DOCUMENTS_LINKED, &err),
                 &err);
    example_must(copse_write_insert(write, people, copse_buf_view(&ada), NULL, &err), &err);
    example_must(copse_write_replace(write, people, copse_buf_view(&grace), true, &err), &err);
    example_must(copse_write_replace(write, people, copse_buf_view(&corrected), false, &err), &err);
    example_must(copse_write_delete(write, people, copse_buf_view(&nobody), &err), &err);
    example_apply(example, write);
    copse_write_free(write);
    copse_buf_release(&ada);
    copse_buf_release(&grace);
    copse_buf_release(&corrected);
    copse_buf_release(&nobody);
}

/* One document that can't be inserted, and so none is. */
static void fail_to_insert(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_tree *next = NULL;
    size_t failed = 0;
    copse_buf alan = example_json(&example->env, "{\"email\": \"alan@x.org\"}");
    copse_buf ada = example_json(&example->env, "{\"email\": \"ada@x.org\"}");
    copse_bytes people = copse_bytes_of_text("people");
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_insert(write, people, copse_buf_view(&alan), NULL, &err), &err);
    example_must(copse_write_insert(write, people, copse_buf_view(&ada), NULL, &err), &err);
    copse_status status =
        copse_write_apply(write, example->tree, example->store, NULL, &next, NULL, &failed, &err);
    (void)printf("%s: operation %zu of %zu: %s\n", copse_status_name(status), failed,
                 copse_write_count(write), err.message);
    copse_write_clear(write); /* forgets them, to begin anew */
    copse_write_free(write);
    copse_buf_release(&alan);
    copse_buf_release(&ada);
}

static void print_collections(copse_database *database)
{
    copse_err err = {0};
    size_t count = 0;
    const copse_collection *collections = copse_database_collections(database, &count);
    (void)printf("a database of version %d:\n", (int)copse_database_version(database));
    for (size_t i = 0; i < count; i++) {
        uint64_t documents = 0;
        example_must(copse_database_count(database, &collections[i], &documents, &err), &err);
        (void)printf("  %.*s: %d documents\n", (int)collections[i].name.len,
                     (const char *)collections[i].name.ptr, (int)documents);
    }
}

static void get_one(example_db *example, copse_database *database)
{
    copse_err err = {0};
    copse_document document = {.block = NULL};
    copse_buf id = example_json(&example->env, "\"grace@x.org\"");
    const copse_collection *people =
        copse_database_collection(database, copse_bytes_of_text("people"));
    example_must(copse_database_get(database, people, copse_buf_view(&id), &document, &err), &err);
    example_print(&example->env, "got: ", document.encoded);
    copse_document_release(&document);
    copse_buf_release(&id);
}

/* The rows of a collection stand together (docs/formats/database.md): a cursor goes over them, and
 * copse_document_load follows the links. */
static void scan(example_db *example, copse_database *database)
{
    static const uint8_t from[] = "\0people\0d";
    static const uint8_t to[] = "\0people\0e";
    const copse_bytes end = {to, sizeof to};
    copse_err err = {0};
    copse_cursor *cursor = NULL;
    copse_document document = {.block = NULL};
    copse_status status;
    example_must(copse_cursor_new(copse_database_tree(database), &cursor, &err), &err);
    example_must(copse_cursor_set_range(cursor, (copse_bytes){from, sizeof from}, &end, &err),
                 &err);
    while ((status = copse_cursor_next(cursor, &err)) == COPSE_OK) {
        example_must(copse_document_load(database, copse_cursor_value(cursor), &document, &err),
                     &err);
        example_print(&example->env, "row: ", document.encoded);
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_document_release(&document);
    copse_cursor_free(cursor);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_database *database = NULL;
    copse_write *write = NULL;
    example_open(&example);
    write_people(&example);
    fail_to_insert(&example);
    example_must(copse_database_open(example.tree, &database, &err), &err);
    print_collections(database);
    get_one(&example, database);
    scan(&example, database);
    copse_database_close(database);

    example_must(copse_write_new(&example.env, &write, &err), &err);
    example_must(copse_write_drop_collection(write, copse_bytes_of_text("people"), &err), &err);
    example_apply(&example, write);
    copse_write_free(write);
    example_close(&example);
    return 0;
}
