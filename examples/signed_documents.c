/* Signed documents: a collection where whoever writes a document signs it, so that nobody who
 * passes it on can change it, or say that it is somebody else's. Documents that are written or
 * loaded there are signed with the author's key, and checking finds what is not.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/database_check.h>
#include <copse/loader.h>

#include <stdio.h>
#include <string.h>

/* An application gives the env random bytes that nobody can foresee. */
static copse_status not_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, ++*(int *)ctx, size);
    return COPSE_OK;
}

/* Applies as the key's owner. The outcome is then what is open. */
static copse_status apply_as(example_db *example, copse_write *write, const copse_key *key,
                             copse_err *err)
{
    const copse_write_options options = {.key = key};
    copse_tree *next = NULL;
    copse_status status =
        copse_write_apply(write, example->tree, example->store, &options, &next, NULL, NULL, err);
    if (status == COPSE_OK) {
        copse_tree_close(example->tree);
        example->tree = next;
    }
    copse_write_clear(write);
    return status;
}

/* A database of this creator, and in it a collection of signed letters. */
static void make_letters(example_db *example, copse_write *write, const copse_key *creator)
{
    const copse_bytes letters = copse_bytes_of_text("letters");
    copse_identity identity;
    copse_err err = {0};
    example_must(copse_identity_new(&example->env, creator, &identity, &err), &err);
    example_must(copse_write_create_database(write, &identity, &err), &err);
    example_must(copse_write_create_collection(write, letters, copse_bytes_of_text("_id"),
                                               COPSE_DOCUMENTS_INLINE, &err),
                 &err);
    example_must(copse_write_set_merge(write, letters, COPSE_MERGE_LWW, 0, &err), &err);
    example_must(copse_write_set_signed(write, letters, &err), &err);
    example_must(apply_as(example, write, creator, &err), &err);
}

/* Loads a first letter. */
static void load(example_db *example, const copse_key *key)
{
    copse_err err = {0};
    copse_loader *loader = NULL;
    copse_tree *tree = NULL;
    copse_buf letter = example_json(&example->env, "{\"_id\": 1, \"text\": \"good day\"}");
    example_must(copse_loader_new(example->tree, example->store, copse_bytes_of_text("letters"),
                                  copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, 0, NULL,
                                  &loader, &err),
                 &err);
    example_must(copse_loader_set_key(loader, key, &err), &err);
    example_must(copse_loader_add(loader, copse_buf_view(&letter), 1, &err), &err);
    example_must(copse_loader_finish(loader, &tree, NULL, NULL, &err), &err);
    copse_loader_free(loader);
    copse_buf_release(&letter);
    copse_tree_close(example->tree);
    example->tree = tree;
}

/* Adds another one, or tells why not. */
static void insert(example_db *example, copse_write *write, const copse_key *key)
{
    copse_err err = {0};
    copse_buf letter = example_json(&example->env, "{\"_id\": 2, \"text\": \"thank you\"}");
    example_must(copse_write_insert(write, copse_bytes_of_text("letters"), copse_buf_view(&letter),
                                    NULL, &err),
                 &err);
    copse_status status = apply_as(example, write, key, &err);
    (void)printf("%s\n", status == COPSE_OK ? "written, and signed" : err.message);
    copse_buf_release(&letter);
}

int main(void)
{
    int numbers = 0;
    example_db example;
    copse_err err = {0};
    copse_key *creator = NULL;
    copse_write *write = NULL;
    copse_database_check_stats stats;
    example_open(&example);
    example.env.random = not_random;
    example.env.random_ctx = &numbers;
    example_must(copse_key_new(&example.env, &creator, &err), &err);
    example_must(copse_write_new(&example.env, &write, &err), &err);
    make_letters(&example, write, creator);
    load(&example, creator);
    insert(&example, write, NULL);
    insert(&example, write, creator);
    example_must(copse_database_check(&example.env, example.store, copse_tree_root(example.tree),
                                      NULL, &stats, &err),
                 &err);
    (void)printf("%d letters, %d not as they were signed\n", (int)stats.documents,
                 (int)stats.defects);
    copse_write_free(write);
    copse_key_free(creator);
    example_close(&example);
    return 0;
}
