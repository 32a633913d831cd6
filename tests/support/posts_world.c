/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/posts_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <copse/commit.h>
#include <copse/loader.h>

enum { POSTS_WORLD_LOAD_BYTES = 2000 << 20, POSTS_WORLD_BATCH = 10000 };

static void posts_world_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
}

/* Commits the tree as it is now. */
static void posts_world_commit(posts_world *world)
{
    const copse_env *env = database_world_env(&world->db);
    copse_err err = {0};
    copse_commit commit;
    copse_block *block = NULL;
    posts_world_must(copse_commit_next(env, world->db.world.source, copse_tree_root(world->db.tree),
                                       &world->commit, world->commit.size > 0, &commit, &err),
                     &err);
    posts_world_must(copse_commit_encode(env, &commit, &block, &err), &err);
    posts_world_must(copse_store_put(world->db.world.store, &block, 1, &err), &err);
    world->commit = *copse_block_cid(block);
    copse_block_unref(block);
}

static void posts_world_load(posts_world *world)
{
    copse_err err = {0};
    copse_loader *loader = NULL;
    copse_tree *next = NULL;
    copse_buf buf;
    posts *made = posts_new(world->options.count, world->options.random_ids);
    copse_buf_init(&buf, database_world_env(&world->db), SIZE_MAX);
    posts_world_must(copse_loader_new(world->db.tree, world->db.world.store,
                                      copse_bytes_of_text("posts"), copse_bytes_of_text("_id"),
                                      COPSE_DOCUMENTS_INLINE, POSTS_WORLD_LOAD_BYTES, NULL, &loader,
                                      &err),
                     &err);
    for (uint64_t i = 0; posts_next(made, 0, &buf); i++) {
        posts_world_must(copse_loader_add(loader, copse_buf_view(&buf), i, &err), &err);
        copse_buf_truncate(&buf, 0);
        if (i == world->options.count / 2) {
            memcpy(world->middle, posts_id(made), sizeof world->middle);
        }
    }
    posts_world_must(copse_loader_finish(loader, &next, NULL, NULL, &err), &err);
    copse_loader_free(loader);
    copse_tree_close(world->db.tree);
    world->db.tree = next;
    copse_buf_release(&buf);
    posts_free(made);
}

void posts_world_init(posts_world *world, const posts_world_options *options)
{
    copse_tree_config config;
    bool linked = options->linked;
    *world = (posts_world){.options = *options};
    copse_tree_config_init(&config);
    database_world_init(&world->db, &config);
    database_world_create(&world->db, "posts", "_id",
                          linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    database_world_index(&world->db, "posts", "tag", "tags[],-createdAt", linked ? "link" : NULL);
    database_world_index(&world->db, "posts", "time", "createdAt", NULL);
    database_world_index(&world->db, "posts", "author", "author,-createdAt", NULL);
    if (options->has_mentions) {
        database_world_index(&world->db, "posts", "mention", "mentions[],-createdAt", NULL);
    }
    database_world_commit(&world->db);
    posts_world_load(world);
    posts_world_commit(world);
}

void posts_world_edit(posts_world *world, unsigned edits)
{
    copse_buf buf;
    copse_err err = {0};
    posts *made = posts_new(world->options.count, world->options.random_ids);
    copse_buf_init(&buf, database_world_env(&world->db), SIZE_MAX);
    for (unsigned edit = 1; edit <= edits; edit++) {
        posts_rewind(made);
        while (posts_next(made, edit == edits ? 0 : edit, &buf)) {
            posts_world_must(copse_write_replace(world->db.write, copse_bytes_of_text("posts"),
                                                 copse_buf_view(&buf), false, &err),
                             &err);
            copse_buf_truncate(&buf, 0);
            if (copse_write_count(world->db.write) == POSTS_WORLD_BATCH) {
                database_world_commit(&world->db);
            }
        }
        database_world_commit(&world->db);
        posts_world_commit(world);
    }
    copse_buf_release(&buf);
    posts_free(made);
}

void posts_world_release(posts_world *world)
{
    database_world_release(&world->db);
}
