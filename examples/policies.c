/* Policies of merging: how the documents of a collection are merged stands in the database. Of two
 * copies that were written to apart, whoever merges gets the same, also without a common past; and
 * where two documents claim one value of a unique index, the later one waits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/database_conflicts.h>
#include <copse/database_merge.h>

#include <stdio.h>

/* A collection of users in which the last write counts, and no two have one mail address. */
static void make_users(example_db *example)
{
    static const copse_sort_field mail[] = {{.path = {(const uint8_t *)"mail", 4}}};
    const copse_index_definition by_mail = {.fields = mail, .fields_count = 1, .unique = true};
    const copse_bytes users = copse_bytes_of_text("users");
    copse_err err = {0};
    copse_write *write = NULL;
    copse_merge_policy policy = COPSE_MERGE_THREE_WAY;
    (void)printf("there is a policy 'lww': %s\n",
                 copse_merge_policy_find(copse_bytes_of_text("lww"), &policy) ? "yes" : "no");
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_create_collection(write, users, copse_bytes_of_text("_id"),
                                               COPSE_DOCUMENTS_INLINE, &err),
                 &err);
    example_must(copse_write_set_merge(write, users, policy, 30, &err), &err);
    example_must(copse_write_create_index(write, users, &by_mail, &err), &err);
    example_apply(example, write);
    copse_write_free(write);
}

/* Merges what is open and `theirs`; the outcome is then what is open. */
static void merge(example_db *example, copse_tree *theirs)
{
    copse_err err = {0};
    copse_database *databases[2] = {NULL, NULL};
    copse_database_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    copse_status status;
    example_must(copse_database_open(example->tree, &databases[0], &err), &err);
    example_must(copse_database_open(theirs, &databases[1], &err), &err);
    const copse_database_merge_options options = {.ours = databases[0], .theirs = databases[1]};
    example_must(copse_database_merge_new(&options, &merge, &err), &err);
    while ((status = copse_database_merge_next(merge, &conflict, &err)) == COPSE_OK) {
        example_print(&example->env, "conflict: ", conflict.id); /* not of the last writes */
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    example_must(copse_database_merge_apply(merge, example->store, &tree, NULL, &err), &err);
    const copse_database_merge_stats stats = copse_database_merge_get_stats(merge);
    (void)printf("%d inserted, %d replaced, %d superseded, %d waiting\n", (int)stats.inserted,
                 (int)stats.replaced, (int)stats.superseded, (int)stats.waiting);
    copse_database_merge_free(merge);
    copse_database_close(databases[1]);
    copse_database_close(databases[0]);
    copse_tree_close(example->tree);
    example->tree = tree;
}

/* Prints who waits, and gives up on them. */
static void resolve(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict;
    size_t count = 0;
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_database_open(example->tree, &database, &err), &err);
    const copse_collection *all = copse_database_collections(database, &count);
    (void)printf("'users' is merged by %s\n", copse_merge_policy_name(all[0].merge));
    example_must(
        copse_database_conflicts_new(database, copse_bytes_of_text("users"), &conflicts, &err),
        &err);
    while (copse_database_conflicts_next(conflicts, &conflict, &err) == COPSE_OK) {
        example_print(&example->env, "waits: ", conflict->waiting.document);
        example_must(copse_write_resolve(write, conflict->collection, conflict->id, &err), &err);
    }
    copse_database_conflicts_free(conflicts);
    copse_database_close(database);
    example_apply(example, write);
    copse_write_free(write);
}

/* Drops the rows of deletions that no copy needs any more. */
static void forget(example_db *example, uint64_t before_ms)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_write_stats stats;
    copse_tree *next = NULL;
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_forget_deleted(write, copse_bytes_of_text("users"), before_ms, &err),
                 &err);
    example_must(
        copse_write_apply(write, example->tree, example->store, NULL, &next, &stats, NULL, &err),
        &err);
    (void)printf("%d deletions forgotten\n", (int)stats.forgotten);
    copse_tree_close(example->tree);
    example->tree = next;
    copse_write_free(write);
}

int main(void)
{
    static const char *const ours[] = {"{\"_id\": 1, \"mail\": \"a@example.org\"}"};
    static const char *const theirs[] = {"{\"_id\": 2, \"mail\": \"a@example.org\"}",
                                         "{\"_id\": 3, \"mail\": \"c@example.org\"}"};
    copse_err err = {0};
    copse_tree *other = NULL;
    example_db example;
    example_open(&example);
    make_users(&example);
    copse_cid start = *copse_tree_root(example.tree);
    example_insert(&example, "users", ours, 1);
    copse_cid mine = *copse_tree_root(example.tree);
    copse_tree_close(example.tree);
    example_must(copse_tree_open(example.cache, &start, &example.tree, &err), &err);
    example_insert(&example, "users", theirs, 2);
    other = example.tree;
    example_must(copse_tree_open(example.cache, &mine, &example.tree, &err), &err);
    merge(&example, other);
    resolve(&example);
    forget(&example, example.env.clock(example.env.clock_ctx));
    copse_tree_close(other);
    example_close(&example);
    return 0;
}
