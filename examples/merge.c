/* Merging: two lines of history that have gone on from one commit are brought together again. What
 * each has changed since is taken; where both changed one field there is a conflict. Whoever merges
 * the same two gets the same commit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/document_merge.h>
#include <copse/head_merge.h>
#include <copse/history_range.h>
#include <copse/merge_base.h>

#include <stdio.h>

/* Writes a page on what is open, as a commit on `parent` (size 0: the first). */
static copse_cid write_page(example_db *example, const copse_cid *parent, const char *json)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_commit commit;
    copse_block *block = NULL;
    copse_buf page = example_json(&example->env, json);
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(
        copse_write_replace(write, copse_bytes_of_text("pages"), copse_buf_view(&page), true, &err),
        &err);
    example_apply(example, write);
    example_must(copse_commit_next(&example->env, example->source, copse_tree_root(example->tree),
                                   parent, parent->size > 0, &commit, &err),
                 &err);
    example_must(copse_commit_encode(&example->env, &commit, &block, &err), &err);
    example_must(copse_store_put(example->store, &block, 1, &err), &err);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    copse_buf_release(&page);
    copse_write_free(write);
    return cid;
}

/* Makes the tree of `commit` what is open. */
static void check_out(example_db *example, const copse_cid *cid)
{
    copse_err err = {0};
    copse_block *block = NULL;
    copse_commit commit;
    example_must(copse_store_get(example->store, cid, &block, &err), &err);
    example_must(copse_commit_decode(&example->env, block, &commit, &err), &err);
    copse_block_unref(block);
    copse_tree_close(example->tree);
    example_must(copse_tree_open(example->cache, &commit.tree, &example->tree, &err), &err);
}

/* Where the two parted, and what theirs has more. */
static void print_histories(example_db *example, const copse_cid *ours, const copse_cid *theirs)
{
    copse_err err = {0};
    copse_merge_base *search = NULL;
    copse_history_range *range = NULL;
    const copse_cid *bases;
    const copse_cid *cid;
    const copse_commit *commit;
    size_t count = 0;
    example_must(copse_merge_base_new(&example->env, example->source, ours, theirs, &search, &err),
                 &err);
    example_must(copse_merge_base_find(search, &bases, &count, &err), &err);
    (void)printf("%zu merge base, after %d commits, of which one side alone has the first since "
                 "%llu\n",
                 count, (int)copse_merge_base_commits_read(search),
                 (unsigned long long)copse_merge_base_earliest_ms(search));
    copse_merge_base_free(search);
    example_must(
        copse_history_range_new(&example->env, example->source, theirs, 1, ours, 1, &range, &err),
        &err);
    while (copse_history_range_next(range, &cid, &commit, &err) == COPSE_OK) {
        (void)printf("they have a commit of generation %d\n", (int)commit->generation);
    }
    (void)printf("%d commits were read for that\n", (int)copse_history_range_commits_read(range));
    copse_history_range_free(range);
}

/* Merges both heads; the merged database is then what is open. */
static void merge_heads(example_db *example, const copse_cid *ours, const copse_cid *theirs)
{
    copse_err err = {0};
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_status status;
    const copse_head_merge_options options = {.cache = example->cache,
                                              .store = example->store,
                                              .ours = *ours,
                                              .theirs = *theirs,
                                              .policy = COPSE_MERGE_THREE_WAY};
    example_must(copse_head_merge_new(&example->env, &options, &merge, &err), &err);
    while ((status = copse_head_merge_next(merge, &conflict, &err)) == COPSE_OK) {
        example_print(&example->env, "conflict: ", conflict.id);
    }
    if (status == COPSE_WANT && copse_head_merge_wants_base(merge)) {
        (void)printf("what both were when they parted is not here: with is_base_lost what does not "
                     "depend on it is merged\n");
    }
    if (status == COPSE_WANT && copse_head_merge_wants_last(merge)) {
        (void)printf("the last commit of a revocation is not here: with is_last_lost nothing "
                     "counts that it lets stand\n");
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    const copse_head_merge_result *result = copse_head_merge_get_result(merge);
    for (size_t i = 0; i < result->refusals_count; i++) { /* in a database with a creator */
        (void)printf("not taken: %s\n", result->refusals[i].reason);
    }
    copse_commit commit = result->commit; /* to be encoded and put; here it is made once more */
    (void)printf("merged %d by fields, %d conflicts\n", (int)result->stats.merged,
                 (int)result->stats.conflicts);
    example_must(copse_commit_merge(&example->env, example->source, &result->commit.tree,
                                    (copse_cid[]){*theirs, *ours}, 2, &commit, &err),
                 &err);
    (void)printf("the same commit either way: %s\n",
                 copse_cid_equal(&commit.parents[0], &result->commit.parents[0]) ? "yes" : "no");
    copse_tree_close(example->tree);
    example_must(copse_tree_open(example->cache, &commit.tree, &example->tree, &err), &err);
    copse_head_merge_free(merge);
}

/* The documents of two databases, also without a common past. */
static void unite(example_db *example, copse_tree *other)
{
    copse_err err = {0};
    copse_database *databases[2] = {NULL, NULL};
    copse_database_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    example_must(copse_database_open(example->tree, &databases[0], &err), &err);
    example_must(copse_database_open(other, &databases[1], &err), &err);
    const copse_database_merge_options options = {
        .ours = databases[0], .theirs = databases[1], .policy = COPSE_MERGE_UNION};
    example_must(copse_database_merge_new(&options, &merge, &err), &err);
    while (copse_database_merge_next(merge, &conflict, &err) == COPSE_OK) {
        /* a union of documents has none, but collections may differ */
    }
    (void)printf("the union inserts %d\n", (int)copse_database_merge_get_stats(merge).inserted);
    example_must(copse_database_merge_apply(merge, example->store, &tree, NULL, &err), &err);
    copse_database_merge_free(merge);
    copse_database_close(databases[1]);
    copse_database_close(databases[0]);
    copse_tree_close(example->tree);
    example->tree = tree;
}

static copse_status print_conflict(void *ctx, const copse_field_conflict *conflict, copse_err *err)
{
    const example_db *example = ctx;
    (void)err;
    (void)printf("both changed %.*s", (int)conflict->path.len, (const char *)conflict->path.ptr);
    example_print(&example->env, ", ours to ", conflict->ours);
    return COPSE_OK;
}

/* Documents alone. */
static void merge_documents(example_db *example)
{
    copse_err err = {0};
    size_t conflicts = 0;
    copse_buf base = example_json(&example->env, "{\"title\": \"Hi\", \"likes\": 1}");
    copse_buf ours = example_json(&example->env, "{\"title\": \"Hello\", \"likes\": 2}");
    copse_buf theirs =
        example_json(&example->env, "{\"title\": \"Hi\", \"likes\": 3, \"tags\": []}");
    copse_buf merged;
    copse_buf_init(&merged, &example->env, SIZE_MAX);
    example_must(copse_document_merge(&example->env, copse_buf_view(&base), copse_buf_view(&ours),
                                      copse_buf_view(&theirs), print_conflict, example, &merged,
                                      &conflicts, &err),
                 &err);
    example_print(&example->env, "merged: ", copse_buf_view(&merged));
    copse_buf_release(&merged);
    copse_buf_release(&theirs);
    copse_buf_release(&ours);
    copse_buf_release(&base);
}

int main(void)
{
    static const char *const other[] = {"{\"_id\": 9, \"text\": \"from elsewhere\"}"};
    const copse_cid none = {.size = 0};
    copse_err err = {0};
    example_db example;
    example_open(&example);
    copse_cid start = write_page(&example, &none, "{\"_id\": 1, \"title\": \"Hi\", \"likes\": 1}");
    copse_cid ours = write_page(&example, &start, "{\"_id\": 1, \"title\": \"Hi\", \"likes\": 2}");
    check_out(&example, &start);
    copse_cid theirs =
        write_page(&example, &start, "{\"_id\": 1, \"title\": \"Hello\", \"likes\": 1}");
    print_histories(&example, &ours, &theirs);
    merge_heads(&example, &ours, &theirs);
    /* Another database, which went on from the same commit. */
    copse_cid merged = *copse_tree_root(example.tree);
    copse_tree *elsewhere = NULL;
    check_out(&example, &start);
    example_insert(&example, "pages", other, 1);
    example_must(copse_tree_open(example.cache, copse_tree_root(example.tree), &elsewhere, &err),
                 &err);
    copse_tree_close(example.tree);
    example_must(copse_tree_open(example.cache, &merged, &example.tree, &err), &err);
    unite(&example, elsewhere);
    copse_tree_close(elsewhere);
    merge_documents(&example);
    example_close(&example);
    return 0;
}
