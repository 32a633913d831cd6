/* Reverting: what was changed between two states of a database is taken back from a later one, in
 * which other things were changed since. Copse keeps every state, so that any change can be.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/change_merge.h>

#include <stdio.h>

/* Writes a page on what is open. The root of what comes of it. */
static copse_cid write_page(example_db *example, const char *json)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_buf page = example_json(&example->env, json);
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(
        copse_write_replace(write, copse_bytes_of_text("pages"), copse_buf_view(&page), true, &err),
        &err);
    example_apply(example, write);
    copse_buf_release(&page);
    copse_write_free(write);
    return *copse_tree_root(example->tree);
}

typedef struct page_state {
    copse_tree *tree;
    copse_database *database;
} page_state;

static page_state open_state(example_db *example, const copse_cid *root)
{
    copse_err err = {0};
    page_state state = {NULL, NULL};
    example_must(copse_tree_open(example->cache, root, &state.tree, &err), &err);
    example_must(copse_database_open(state.tree, &state.database, &err), &err);
    return state;
}

static void close_state(page_state *state)
{
    copse_database_close(state->database);
    copse_tree_close(state->tree);
}

/* Makes of what is open what it is without the change from `parent` to `changed`. */
static void revert(example_db *example, const copse_cid *parent, const copse_cid *changed)
{
    copse_err err = {0};
    page_state before = open_state(example, changed);
    page_state after = open_state(example, parent);
    page_state ours = open_state(example, copse_tree_root(example->tree));
    copse_write *write = NULL;
    copse_change_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    const copse_change_merge_options options = {before.database, after.database, ours.database};
    const copse_write_options in_the_end = {.is_unique_in_the_end = true};
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_change_merge_new(&options, write, &merge, &err), &err);
    while (copse_change_merge_next(merge, &conflict, &err) == COPSE_OK) {
        example_print(&example->env, "changed again since: ", conflict.id);
    }
    copse_database_merge_stats stats = copse_change_merge_get_stats(merge);
    (void)printf("%d by fields, %d conflicts\n", (int)stats.merged, (int)stats.conflicts);
    if (stats.conflicts == 0) {
        example_must(copse_write_apply(write, ours.tree, example->store, &in_the_end, &tree, NULL,
                                       NULL, &err),
                     &err);
    }
    copse_change_merge_free(merge);
    copse_write_free(write);
    close_state(&ours);
    close_state(&after);
    close_state(&before);
    if (tree != NULL) {
        copse_tree_close(example->tree);
        example->tree = tree;
    }
}

static void print_page(example_db *example)
{
    copse_err err = {0};
    page_state state = open_state(example, copse_tree_root(example->tree));
    copse_document document = {.block = NULL};
    copse_buf id = example_json(&example->env, "1");
    example_must(
        copse_database_get(state.database,
                           copse_database_collection(state.database, copse_bytes_of_text("pages")),
                           copse_buf_view(&id), &document, &err),
        &err);
    example_print(&example->env, "", document.encoded);
    copse_document_release(&document);
    copse_buf_release(&id);
    close_state(&state);
}

int main(void)
{
    example_db example;
    example_open(&example);
    copse_cid first = write_page(&example, "{\"_id\": 1, \"title\": \"Hi\", \"likes\": 1}");
    copse_cid second = write_page(&example, "{\"_id\": 1, \"title\": \"Ho\", \"likes\": 1}");
    copse_cid third = write_page(&example, "{\"_id\": 1, \"title\": \"Ho\", \"likes\": 2}");
    revert(&example, &first, &second);
    print_page(&example);
    (void)write_page(&example, "{\"_id\": 1, \"title\": \"Hi\", \"likes\": 5}");
    revert(&example, &second, &third);
    example_close(&example);
    return 0;
}
