/* Checking a database: every block against its hash, the tree, and each index against its
 * documents. Here a row of an index is taken away behind the database's back, and found missing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/batch.h>
#include <copse/cursor.h>
#include <copse/database_check.h>

#include <stdio.h>

static const char *const posts[] = {
    "{\"_id\": 1, \"author\": \"ada\"}",
    "{\"_id\": 2, \"author\": \"grace\"}",
};

static copse_status print_defect(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    const example_db *example = ctx;
    (void)err;
    (void)printf("  %s in %.*s: %s\n", copse_database_defect_name(defect->kind),
                 (int)defect->index.len, (const char *)defect->index.ptr, defect->message);
    if (defect->id.len > 0) {
        example_print(&example->env, "  the document ", defect->id);
    }
    return COPSE_OK; /* go on; anything else would end the check */
}

static void check(example_db *example)
{
    copse_err err = {0};
    copse_database_check_stats stats;
    copse_database_check_options options = {.found = print_defect, .found_ctx = example};
    example_must(copse_database_check(&example->env, example->store, copse_tree_root(example->tree),
                                      &options, &stats, &err),
                 &err);
    (void)printf("%d documents, %d index rows, %d defects\n", (int)stats.documents,
                 (int)stats.index_rows, (int)stats.defects);
}

/* Removes the last row of the index. */
static void damage(example_db *example)
{
    static const uint8_t from[] = "\0posts\0i\0author"; /* docs/formats/database.md */
    static const uint8_t to[] = "\0posts\0i\0author\1";
    const copse_bytes end = {to, sizeof to - 1};
    copse_err err = {0};
    copse_cursor *cursor = NULL;
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    example_must(copse_cursor_new(example->tree, &cursor, &err), &err);
    example_must(copse_cursor_set_range(cursor, (copse_bytes){from, sizeof from}, &end, &err),
                 &err);
    example_must(copse_cursor_seek_last(cursor, &err), &err);
    example_must(copse_batch_new(&example->env, &batch, &err), &err);
    example_must(copse_batch_delete(batch, copse_cursor_key(cursor), &err), &err);
    copse_cursor_free(cursor);
    example_must(copse_tree_apply(example->tree, batch, example->store, &next, NULL, &err), &err);
    copse_tree_close(example->tree);
    example->tree = next;
    copse_batch_free(batch);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_write *write = NULL;
    copse_sort_field fields[] = {{.path = copse_bytes_of_text("author")}};
    copse_index_definition author = {.fields = fields, .fields_count = 1};
    example_open(&example);
    example_insert(&example, "posts", posts, sizeof posts / sizeof *posts);
    example_must(copse_write_new(&example.env, &write, &err), &err);
    example_must(copse_write_create_index(write, copse_bytes_of_text("posts"), &author, &err),
                 &err);
    example_apply(&example, write);
    copse_write_free(write);
    check(&example);
    damage(&example);
    check(&example);
    example_close(&example);
    return 0;
}
