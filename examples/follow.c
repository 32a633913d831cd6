/* Following: heads that others have published are judged, and become one with ours. Whoever takes
 * the same heads comes to the same one. What fetches blocks, and keeps the list, is the program's;
 * `copse follow` is one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/follow_list.h>
#include <copse/head_fold.h>
#include <copse/head_frontier.h>
#include <copse/head_merge.h>

#include <stdio.h>

enum { LIST_SIZE_MAX = 1 << 16 };

static copse_cid put_commit(example_db *example, const copse_commit *commit)
{
    copse_err err = {0};
    copse_block *block = NULL;
    example_must(copse_commit_encode(&example->env, commit, &block, &err), &err);
    example_must(copse_store_put(example->store, &block, 1, &err), &err);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

/* Makes the tree of a commit what is open. */
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

/* A post on top of `parent` (size 0: the first). */
static copse_cid write_post(example_db *example, const copse_cid *parent, const char *post)
{
    copse_err err = {0};
    copse_commit commit;
    if (parent->size > 0) {
        check_out(example, parent);
    }
    example_insert(example, "posts", &post, 1);
    example_must(copse_commit_next(&example->env, example->source, copse_tree_root(example->tree),
                                   parent, parent->size > 0, &commit, &err),
                 &err);
    commit.message = copse_bytes_of_text("post");
    return put_commit(example, &commit);
}

static copse_cid merge_two(example_db *example, const copse_cid *ours, const copse_cid *theirs)
{
    copse_err err = {0};
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    const copse_head_merge_options options = {.cache = example->cache,
                                              .store = example->store,
                                              .ours = *ours,
                                              .theirs = *theirs,
                                              .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    example_must(copse_head_merge_new(&example->env, &options, &merge, &err), &err);
    copse_status status = copse_head_merge_next(merge, &conflict, &err);
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_cid cid = put_commit(example, &copse_head_merge_get_result(merge)->commit);
    copse_head_merge_free(merge);
    return cid;
}

/* Makes one head of many. */
static copse_cid fold(example_db *example, const copse_cid *heads, size_t count)
{
    copse_err err = {0};
    copse_head_fold *fold = NULL;
    const copse_cid *ours;
    const copse_cid *theirs;
    copse_status status;
    int merges = 0;
    example_must(copse_head_fold_new(&example->env, example->source, heads, count, &fold, &err),
                 &err);
    while ((status = copse_head_fold_next(fold, &ours, &theirs, &err)) == COPSE_OK) {
        copse_cid merged = merge_two(example, ours, theirs);
        copse_head_fold_merged(fold, &merged);
        merges++;
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_cid head = *copse_head_fold_head(fold);
    copse_head_fold_free(fold);
    (void)printf("%d heads, %d merges\n", (int)count, merges);
    return head;
}

/* Whether what an address has now may follow what was taken there last. */
static void hear(example_db *example, copse_follow_list *list, const char *address,
                 const copse_cid *last, const copse_cid *head)
{
    static const char *const states[] = {"taken", "rolled back", "forked"};
    copse_err err = {0};
    copse_head_order *order = NULL;
    copse_head_relation relation;
    example_must(copse_head_order_new(&example->env, example->source, last, head, &order, &err),
                 &err);
    example_must(copse_head_order_find(order, &relation, &err), &err);
    const copse_cid *standing = copse_head_order_standing(order);
    (void)printf("%s: %s", address, standing != NULL ? "one stands for both" : "they are apart");
    copse_head_order_free(order);
    size_t index = copse_follow_list_find(list, address);
    copse_follow_state state = copse_follow_list_hear(list, index, head, relation, 0, 1000);
    (void)printf(", %s\n", states[state]);
    if (state != COPSE_FOLLOW_GOING) {
        copse_follow_list_accept(list, index); /* when somebody has said so */
    }
}

/* Whose the commits are that a head has and ours has not: they may have to be judged one by one. */
static void show_authors(example_db *example, const copse_cid *ours, const copse_cid *head)
{
    copse_err err = {0};
    copse_head_frontier *frontier = NULL;
    const copse_head_frontier_commit *commits;
    size_t count;
    example_must(
        copse_head_frontier_new(&example->env, example->source, ours, head, &frontier, &err), &err);
    example_must(copse_head_frontier_find(frontier, &commits, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        char did[COPSE_KEY_TEXT_SIZE_MAX] = "nobody";
        if (commits[i].kind == COPSE_HEAD_SIGNED) {
            (void)copse_public_key_to_did(&commits[i].signer, did);
        }
        (void)printf("signed by %s\n", did);
    }
    copse_head_frontier_free(frontier);
}

/* As it is kept, and read again. */
static copse_follow_list *keep(example_db *example, copse_follow_list *list)
{
    copse_err err = {0};
    copse_buf bytes;
    copse_follow_list *again = NULL;
    copse_buf_init(&bytes, &example->env, LIST_SIZE_MAX);
    example_must(copse_follow_list_encode(list, &bytes, &err), &err);
    copse_follow_list_free(list);
    example_must(copse_follow_list_decode(&example->env, copse_buf_view(&bytes), &again, &err),
                 &err);
    copse_buf_release(&bytes);
    return again;
}

int main(void)
{
    const copse_cid none = {.size = 0};
    copse_err err = {0};
    example_db example;
    copse_follow_list *list = NULL;
    example_open(&example);
    copse_cid start = write_post(&example, &none, "{\"_id\": 1, \"text\": \"Hello\"}");
    const copse_cid heads[3] = {
        write_post(&example, &start, "{\"_id\": 2, \"text\": \"ours\"}"),
        write_post(&example, &start, "{\"_id\": 3, \"text\": \"Ben's\"}"),
        write_post(&example, &start, "{\"_id\": 4, \"text\": \"Cho's\"}"),
    };
    copse_cid head = fold(&example, heads, 3);
    const copse_cid other_way[3] = {heads[2], heads[1], head};
    copse_cid same = fold(&example, other_way, 3);
    (void)printf("%s\n", copse_cid_equal(&head, &same) ? "they rest" : "never");

    show_authors(&example, &heads[0], &head);

    example_must(copse_follow_list_new(&example.env, &list, &err), &err);
    example_must(copse_follow_list_add(list, "../ben.copse", &err), &err);
    example_must(copse_follow_list_add(list, "http://127.0.0.1:4180/cho", &err), &err);
    hear(&example, list, "../ben.copse", &heads[1], &head);
    hear(&example, list, "../ben.copse", &heads[1], &start);
    hear(&example, list, "http://127.0.0.1:4180/cho", &heads[2], &heads[0]);
    copse_follow_list_set_backfilled(list, copse_follow_list_backfilled(list) + 4096);
    list = keep(&example, list);
    copse_follow_list_remove(list, 0);
    for (size_t i = 0; i < copse_follow_list_count(list); i++) {
        (void)printf("followed: %s\n", copse_follow_list_at(list, i)->address);
    }
    copse_follow_pause pause = {.until_ms = 0};
    copse_follow_pause_grow(&pause, 1000);
    copse_follow_pause_grow(&pause, pause.until_ms);
    (void)printf("after two failures it is tried again at %d ms\n", (int)pause.until_ms);
    copse_follow_list_free(list);
    example_close(&example);
    return 0;
}
