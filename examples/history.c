/* History: each state of a database gets a commit on top of the one before. Skip links lead back
 * over any distance in few steps, and an old commit is as readable as the last. What differs
 * between two is found at the cost of the difference, and of each field who gave it its value. The
 * past can be dropped.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/commit.h>
#include <copse/document_blame.h>
#include <copse/document_diff.h>
#include <copse/history_keep.h>
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

/* Which commit gave the fields of the document their values. */
static void print_blame(example_db *example, const copse_cid *head)
{
    copse_err err = {0};
    copse_document_blame *blame = NULL;
    size_t count;
    copse_buf id = example_json(&example->env, "1");
    example_must(copse_document_blame_new(example->cache, head, copse_bytes_of_text("pages"),
                                          copse_buf_view(&id), &blame, &err),
                 &err);
    example_must(copse_document_blame_run(blame, &err), &err);
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    for (size_t i = 0; i < count; i++) {
        (void)printf("blame: \"%.*s\" is of \"%.*s\"\n", (int)lines[i].path.len,
                     (const char *)lines[i].path.ptr, (int)lines[i].message.len,
                     (const char *)lines[i].message.ptr);
    }
    copse_document_blame_free(blame);
    copse_buf_release(&id);
}

static copse_cid tree_of(example_db *example, const copse_cid *cid)
{
    copse_err err = {0};
    copse_block *block = NULL;
    copse_commit found;
    example_must(copse_store_get(example->store, cid, &block, &err), &err);
    example_must(copse_commit_decode(&example->env, block, &found, &err), &err);
    copse_block_unref(block);
    return found.tree;
}

/* Takes away the root of each tree that is not kept: without it none of that can be read. A store
 * on a disk gets its room back by copse_pack_gc, whose `roots` are the parts that are kept. */
static copse_status drop_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    const example_db *example = ctx;
    return part->kind == COPSE_HISTORY_DROPPED
               ? copse_store_remove(example->store, &part->cid, 1, err)
               : COPSE_OK;
}

/* Drops the past but for what branches are now; `lost` is the tree of a commit of it. */
static void drop_past(example_db *example, copse_refs *refs, const copse_cid *lost)
{
    copse_err err = {0};
    copse_history_part part;
    const copse_env *env = &example->env;
    copse_store *store = example->store;
    uint64_t before;
    example_must(copse_history_keep_before(env, refs, store, 0, &before, &err), &err);
    example_must(copse_history_note_dropped(env, refs, store, before, &err), &err);
    example_must(copse_history_keep(env, refs, store, before, drop_part, example, &err), &err);
    example_must(copse_history_dropped(env, refs, store, &before, &err), &err);
    example_must(copse_history_find_dropped(env, refs, store, lost, &part, &err), &err);
    (void)printf("dropped: what a commit held that was made %s\n",
                 part.time_ms < before ? "before the note says" : "later");
}

static copse_status print_branch(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    (void)ctx;
    (void)cid;
    (void)err;
    if (!copse_revision_is_note(name)) {
        (void)printf("kept: '%.*s'\n", (int)name.len, (const char *)name.ptr);
    }
    return COPSE_OK;
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
    print_blame(&example, &before);
    make_branch(&main_branch, "draft", &before);
    make_branch(&main_branch, "HEAD~5", &before);
    copse_cid earlier = resolve(&example, &main_branch, "HEAD~6");
    copse_cid lost = tree_of(&example, &earlier);
    drop_past(&example, main_branch.refs, &lost);
    example_must(copse_refs_iterate(main_branch.refs, print_branch, NULL, &err), &err);
    copse_refs_close(main_branch.refs);
    example_close(&example);
    return 0;
}
