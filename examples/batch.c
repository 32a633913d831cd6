/* Updates and deletes by filter, and inserts between them, as one batch: each operation sees what
 * those before it did, and all become one tree, or none.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/modify.h>

#include <stdio.h>

static const char *const items[] = {
    "{\"_id\": 1, \"name\": \"pen\", \"stock\": 5}",
    "{\"_id\": 2, \"name\": \"ink\", \"stock\": 0}",
    "{\"_id\": 3, \"name\": \"pad\", \"stock\": 1}",
};

/* An operation as text. */
typedef struct operation {
    const char *filter;
    const char *update; /* NULL: what matches is deleted */
    bool multi;
    bool upsert;
} operation;

/* Runs one and prints what it did. A remote database would return COPSE_WANT now and then: fetch
 * the blocks, and call again with the same options (want_loop.c). */
static copse_status run(example_db *example, copse_modify *modify, const operation *what)
{
    copse_err err = {0};
    copse_update *update = NULL;
    copse_modify_result result;
    copse_buf filter = example_json(&example->env, what->filter);
    if (what->update != NULL) {
        copse_buf encoded = example_json(&example->env, what->update);
        example_must(copse_update_new(&example->env, copse_buf_view(&encoded),
                                      (copse_bytes){NULL, 0}, &update, &err),
                     &err);
        copse_buf_release(&encoded);
    }
    const copse_modify_options options = {
        .collection = copse_bytes_of_text("items"),
        .filter = copse_buf_view(&filter),
        .update = update,
        .multi = what->multi,
        .upsert = what->upsert,
        .return_document = COPSE_MODIFY_RETURN_AFTER,
    };
    copse_status status = copse_modify_run(modify, &options, &result, &err);
    if (status != COPSE_OK) {
        (void)printf("refused: %s\n", err.message);
    } else {
        (void)printf("matched %d, modified %d%s\n", (int)result.matched, (int)result.modified,
                     result.upserted ? ", inserted 1" : "");
    }
    if (status == COPSE_OK && result.document.len > 0) {
        example_print(&example->env, "  ", result.document);
    }
    copse_update_free(update);
    copse_buf_release(&filter);
    return status;
}

static void run_all(example_db *example, copse_modify *modify)
{
    static const operation operations[] = {
        {"{\"stock\": {\"$lt\": 2}}", "{\"$inc\": {\"stock\": 10}}", true, false},
        {"{\"name\": \"pad\"}", "{\"$set\": {\"new\": true}}", false, false},
        {"{\"_id\": 4}", "{\"$set\": {\"name\": \"cap\"}}", false, true},
        {"{\"_id\": 1}", "{\"$push\": {\"stock\": 1}}", false, false}, /* refused: no array */
        {"{\"_id\": 1}", NULL, false, false},
    };
    copse_err err = {0};
    copse_buf document = example_json(&example->env, "{\"_id\": 5, \"name\": \"cup\"}");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        (void)run(example, modify, &operations[i]); /* what was refused has left nothing behind */
    }
    example_must(copse_write_insert(copse_modify_write(modify), copse_bytes_of_text("items"),
                                    copse_buf_view(&document), NULL, &err),
                 &err);
    copse_buf_release(&document);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_database *database = NULL;
    copse_modify *modify = NULL;
    copse_tree *changed = NULL;
    copse_write_stats stats;
    example_open(&example);
    example_insert(&example, "items", items, sizeof items / sizeof *items);

    example_must(copse_modify_new(&example.env, &modify, &err), &err);
    example_must(copse_database_open(example.tree, &database, &err), &err);
    copse_modify_begin(modify, database);
    run_all(&example, modify);
    example_must(copse_modify_finish(modify, example.store, NULL, &changed, &stats, NULL, &err),
                 &err);
    (void)printf("one new tree: %d inserted, %d replaced, %d deleted\n", (int)stats.inserted,
                 (int)stats.replaced, (int)stats.deleted);

    copse_database_close(database);
    copse_tree_close(changed); /* a commit would name it (history.c) */
    copse_modify_free(modify);
    example_close(&example);
    return 0;
}
