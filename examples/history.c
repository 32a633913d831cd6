/* History: each state of a database gets a commit on top of the one before. Skip links lead back
 * over any distance in few steps, and an old commit is as readable as the last. What differs
 * between two is found at the cost of the difference.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/commit.h>
#include <copse/document_diff.h>
#include <copse/history_log.h>
#include <copse/memory_refs.h>
#include <copse/revision.h>

#include <stdio.h>

enum { VERSIONS = 40 };

/* The ref `main` names the last commit. */
typedef struct branch {
    copse_refs *refs;
    copse_cid head; /* size 0 at first */
} branch;

static void commit(example_db *example, branch *main_branch, const char *message)
{
    copse_err err = {0};
    copse_commit next;
    copse_block *block = NULL;
    bool is_first = main_branch->head.size == 0;
    example_must(copse_commit_next(&example->env, example->source, copse_tree_root(example->tree),
                                   &main_branch->head, is_first ? 0 : 1, &next, &err),
                 &err);
    next.message = copse_bytes_of_text(message);
    example_must(copse_commit_encode(&example->env, &next, &block, &err), &err);
    example_must(copse_store_put(example->store, &block, 1, &err), &err);
    example_must(copse_refs_swap(main_branch->refs, copse_bytes_of_text("main"),
                                 is_first ? NULL : &main_branch->head, copse_block_cid(block),
                                 &err),
                 &err);
    main_branch->head = *copse_block_cid(block);
    copse_block_unref(block);
}

/* Prints what the commit says, and what the one document was then. */
static void print_commit(example_db *example, const copse_cid *cid)
{
    copse_err err = {0};
    copse_block *block = NULL;
    copse_commit found;
    copse_tree *tree = NULL;
    copse_database *database = NULL;
    copse_document document = {.block = NULL};
    copse_buf id = example_json(&example->env, "1");
    example_must(copse_store_get(example->store, cid, &block, &err), &err);
    if (!copse_commit_is(block)) { /* the root of a tree would be the other thing a ref may name */
        example_must(COPSE_MISUSE, &err);
    }
    example_must(copse_commit_decode(&example->env, block, &found, &err), &err);
    (void)printf("generation %d, %zu skip links, \"%.*s\": ", (int)found.generation,
                 found.skips_count, (int)found.message.len, (const char *)found.message.ptr);
    example_must(copse_tree_open(example->cache, &found.tree, &tree, &err), &err);
    example_must(copse_database_open(tree, &database, &err), &err);
    const copse_collection *pages =
        copse_database_collection(database, copse_bytes_of_text("pages"));
    example_must(copse_database_get(database, pages, copse_buf_view(&id), &document, &err), &err);
    example_print(&example->env, "", document.encoded);
    copse_document_release(&document);
    copse_database_close(database);
    copse_tree_close(tree);
    copse_block_unref(block);
    copse_buf_release(&id);
}

static void write_versions(example_db *example, branch *main_branch)
{
    copse_err err = {0};
    copse_write *write = NULL;
    example_must(copse_write_new(&example->env, &write, &err), &err);
    for (int version = 0; version < VERSIONS; version++) {
        char json[64];
        char message[32];
        (void)snprintf(json, sizeof json, "{\"_id\": 1, \"text\": \"version %d\"}", version);
        (void)snprintf(message, sizeof message, "edit %d", version);
        copse_buf page = example_json(&example->env, json);
        example_must(copse_write_replace(write, copse_bytes_of_text("pages"), copse_buf_view(&page),
                                         true, &err),
                     &err);
        example_apply(example, write);
        commit(example, main_branch, message);
        copse_buf_release(&page);
    }
    copse_write_free(write);
}

/* The commit that a user names. */
static copse_cid resolve(example_db *example, const branch *main_branch, const char *text)
{
    copse_err err = {0};
    copse_revision revision;
    copse_cid cid = main_branch->head;
    example_must(copse_revision_parse(copse_bytes_of_text(text), &revision, &err), &err);
    if (revision.kind == COPSE_REVISION_TIME) {
        example_must(
            copse_commit_at(&example->env, example->source, &cid, revision.time_ms, &cid, &err),
            &err);
    }
    example_must(
        copse_commit_ancestor(&example->env, example->source, &cid, revision.back, &cid, &err),
        &err);
    return cid;
}

/* Makes a branch, if a user may name one so. */
static void make_branch(const branch *main_branch, const char *name, const copse_cid *cid)
{
    copse_err err = {0};
    if (copse_revision_check_name(copse_bytes_of_text(name), &err) != COPSE_OK) {
        (void)printf("no branch '%s': %s\n", name, err.message);
        return;
    }
    example_must(copse_refs_swap(main_branch->refs, copse_bytes_of_text(name), NULL, cid, &err),
                 &err);
    (void)printf("branch '%s'\n", name);
}

/* The last three commits. */
static void print_log(example_db *example, const branch *main_branch)
{
    copse_err err = {0};
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *found;
    example_must(
        copse_history_log_new(&example->env, example->source, &main_branch->head, 1, &log, &err),
        &err);
    for (int i = 0; i < 3 && copse_history_log_next(log, &cid, &found, &err) == COPSE_OK; i++) {
        (void)printf("log: \"%.*s\"\n", (int)found->message.len, (const char *)found->message.ptr);
    }
    copse_history_log_free(log);
}

static copse_status print_field(void *ctx, const copse_field_change *change, copse_err *err)
{
    const example_db *example = ctx;
    (void)err;
    (void)printf("  %.*s", (int)change->path.len, (const char *)change->path.ptr);
    example_print(&example->env, " was ", change->before);
    return COPSE_OK;
}

/* What is different in `after`. */
static void print_difference(example_db *example, const copse_cid *before, const copse_cid *after)
{
    copse_err err = {0};
    const copse_cid *cids[2] = {before, after};
    copse_tree *trees[2] = {NULL, NULL};
    copse_database *databases[2] = {NULL, NULL};
    copse_document_diff *diff = NULL;
    copse_document_change change;
    for (int i = 0; i < 2; i++) {
        copse_block *block = NULL;
        copse_commit found;
        example_must(copse_store_get(example->store, cids[i], &block, &err), &err);
        example_must(copse_commit_decode(&example->env, block, &found, &err), &err);
        example_must(copse_tree_open(example->cache, &found.tree, &trees[i], &err), &err);
        example_must(copse_database_open(trees[i], &databases[i], &err), &err);
        copse_block_unref(block);
    }
    example_must(copse_document_diff_new(databases[0], databases[1], NULL, &diff, &err), &err);
    while (copse_document_diff_next(diff, &change, &err) == COPSE_OK) {
        example_print(&example->env, "changed: ", change.after);
        example_must(copse_document_fields_diff(&example->env, change.before, change.after,
                                                print_field, example, &err),
                     &err);
    }
    copse_document_diff_free(diff);
    for (int i = 0; i < 2; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
}

int main(void)
{
    static const uint64_t distances[] = {0, 1, 7, 32, VERSIONS - 1, VERSIONS};
    example_db example;
    branch main_branch = {.refs = NULL};
    copse_err err = {0};
    example_open(&example);
    example_must(copse_memory_refs_new(&example.env, &main_branch.refs, &err), &err);
    write_versions(&example, &main_branch);
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        copse_cid cid;
        copse_status status = copse_commit_ancestor(&example.env, example.source, &main_branch.head,
                                                    distances[i], &cid, &err);
        (void)printf("%d back: ", (int)distances[i]);
        if (status == COPSE_NOT_FOUND) {
            (void)printf("%s\n", err.message);
        } else {
            example_must(status, &err);
            print_commit(&example, &cid);
        }
    }
    print_log(&example, &main_branch);
    copse_cid before = resolve(&example, &main_branch, "HEAD~5");
    copse_cid now = resolve(&example, &main_branch, "9999-12-31");
    print_difference(&example, &before, &now);
    make_branch(&main_branch, "draft", &before);
    make_branch(&main_branch, "HEAD~5", &before);
    copse_refs_close(main_branch.refs);
    example_close(&example);
    return 0;
}
