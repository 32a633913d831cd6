/* Merging two histories of a million posts with three indexes, a thousand changes each: how long it
 * takes where all is in memory, and what it reads, writes and asks a peer for where nothing is.
 * COPSE_BENCH_POSTS, COPSE_BENCH_CHANGES: how many.
 *
 * A third of the changes are of a field without an index, a third of one that stands in one index,
 * a third move the document in all three.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/commit.h>
#include <copse/dag_walk.h>
#include <copse/head_merge.h>
#include <copse/memory_store.h>

#include "history/commit.h"
#include "support/bench_posts.h"

#include <stdlib.h>

enum {
    BENCH_POSTS = 1000000,
    BENCH_CHANGES = 1000,
    BENCH_RUNS = 5,
    BENCH_WANTS_MAX = 8192 /* as copse merge */
};

static size_t bench_wish(const char *name, size_t otherwise)
{
    const char *wish = getenv(name);
    return wish != NULL ? strtoul(wish, NULL, 10) : otherwise;
}

static uint64_t bench_clock(void *ctx)
{
    uint64_t *time = ctx;
    return ++*time;
}

/* ---- Two histories ---- */

static copse_cid bench_commit(bench_db *db, const copse_tree *tree, const copse_cid *parent)
{
    copse_commit commit;
    copse_block *block;
    bench_check(copse_commit_next(&db->env, db->source, copse_tree_root(tree), parent,
                                  parent != NULL, &commit, &db->err),
                &db->err);
    bench_check(copse_commit_encode(&db->env, &commit, &block, &db->err), &db->err);
    bench_check(copse_store_put(db->store, &block, 1, &db->err), &db->err);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

/* A commit of `changes` edits on top of `parent`. */
static copse_cid bench_go_on(bench_db *db, copse_tree *tree, const copse_cid *parent, size_t posts,
                             size_t changes, uint64_t salt)
{
    copse_write *write;
    copse_tree *next;
    copse_buf post;
    uint64_t random = salt;
    copse_buf_init(&post, &db->env, SIZE_MAX);
    bench_check(copse_write_new(&db->env, &write, &db->err), &db->err);
    for (size_t i = 0; i < changes; i++) {
        bench_posts_make(&post, bench_random(&random) % posts,
                         (bench_posts_edit)(BENCH_POSTS_TEXT + i % 3), salt);
        bench_check(copse_write_replace(write, copse_bytes_of_text("posts"), copse_buf_view(&post),
                                        false, &db->err),
                    &db->err);
    }
    bench_check(copse_write_apply(write, tree, db->store, NULL, &next, NULL, NULL, &db->err),
                &db->err);
    copse_cid cid = bench_commit(db, next, parent);
    copse_tree_close(next);
    copse_write_free(write);
    copse_buf_release(&post);
    return cid;
}

/* ---- Merging ---- */

/* What a merge took from elsewhere. */
typedef struct bench_fetched {
    uint64_t blocks;
    uint64_t size_bytes;
    uint64_t rounds;
} bench_fetched;

static void bench_supply(copse_source *source, bench_db *from, bench_fetched *fetched)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(source, &count);
    fetched->rounds++;
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        bench_check(copse_store_get(from->store, &wants[i], &block, &from->err), &from->err);
        bench_check(copse_source_supply(source, &wants[i], copse_block_data(block), &from->err),
                    &from->err);
        fetched->blocks++;
        fetched->size_bytes += copse_block_data(block).len;
        copse_block_unref(block);
    }
}

/* Merges in `db`; what it lacks comes from `from`. */
static copse_head_merge_result bench_merge(bench_db *db, const copse_cid heads[2], bench_db *from,
                                           bench_fetched *fetched)
{
    const copse_head_merge_options options = {
        .cache = db->cache, .store = db->store, .ours = heads[0], .theirs = heads[1]};
    copse_head_merge *merge;
    copse_database_conflict conflict;
    copse_status status;
    bench_check(copse_head_merge_new(&db->env, &options, &merge, &db->err), &db->err);
    while ((status = copse_head_merge_next(merge, &conflict, &db->err)) != COPSE_END) {
        if (status == COPSE_WANT) {
            bench_supply(db->source, from, fetched);
        } else {
            bench_check(status, &db->err);
        }
    }
    copse_head_merge_result result = *copse_head_merge_get_result(merge);
    copse_head_merge_free(merge);
    return result;
}

/* The blocks of `root` that were not walked yet. */
static bench_fetched bench_walk(bench_db *db, copse_dag_walk *walk, const copse_cid *root)
{
    bench_fetched fetched = {.blocks = 0};
    copse_block *block;
    copse_status status;
    bench_check(copse_dag_walk_begin(walk, root, &db->err), &db->err);
    while ((status = copse_dag_walk_next(walk, &block, NULL, &db->err)) == COPSE_OK) {
        fetched.blocks++;
        fetched.size_bytes += copse_block_data(block).len;
        copse_block_unref(block);
    }
    bench_check(status == COPSE_END ? COPSE_OK : status, &db->err);
    return fetched;
}

/* The blocks of `a` that `b` does not have. */
static bench_fetched bench_differ(bench_db *db, const copse_cid *a, const copse_cid *b)
{
    copse_dag_walk walk;
    copse_dag_walk_init(&walk, &db->env, db->store, NULL);
    (void)bench_walk(db, &walk, b);
    bench_fetched differing = bench_walk(db, &walk, a);
    copse_dag_walk_release(&walk);
    return differing;
}

static void bench_warm(bench_db *db, const copse_cid heads[2])
{
    double best = 1e9;
    for (int i = 0; i < BENCH_RUNS; i++) {
        double start = bench_now();
        (void)bench_merge(db, heads, db, &(bench_fetched){.blocks = 0});
        double seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
    }
    bench_row("warm, the best of five", best, "s");
}

static copse_cid bench_tree_of(bench_db *db, const copse_cid *commit)
{
    copse_cid tree;
    bench_check(copse_commit_find_tree(&db->env, db->source, commit, &tree, &db->err), &db->err);
    return tree;
}

static void bench_sparse(bench_db *db, const copse_cid heads[2], const copse_cid *base)
{
    bench_db sparse;
    bench_fetched fetched = {.blocks = 0};
    bench_db_open(&sparse);
    sparse.env.limits.wants_max = BENCH_WANTS_MAX;
    copse_head_merge_result result = bench_merge(&sparse, heads, db, &fetched);
    copse_cid trees[2] = {bench_tree_of(db, &heads[0]), bench_tree_of(db, &heads[1])};
    copse_cid first = bench_tree_of(db, base);
    bench_fetched path = bench_differ(db, &result.commit.tree, &first);
    bench_fetched here = bench_differ(db, &trees[0], &trees[1]);
    bench_fetched there = bench_differ(db, &trees[1], &trees[0]);
    copse_tree *tree;
    size_t height = 0;
    bench_check(copse_tree_open(db->cache, &first, &tree, &db->err), &db->err);
    bench_check(copse_tree_height(tree, &height, &db->err), &db->err);
    copse_tree_close(tree);
    bench_row("height of the tree", (double)height, "levels");
    bench_row("distinct nodes on changed paths", (double)path.blocks, "blocks");
    bench_row("read, with nothing there", (double)fetched.blocks, "blocks");
    bench_row("written", (double)result.written.nodes_written, "blocks");
    bench_row("read and written to those on the paths",
              (double)(fetched.blocks + result.written.nodes_written) / (double)path.blocks, "");
    bench_row("blocks in which both differ", (double)(here.blocks + there.blocks), "blocks");
    bench_row("bytes read to those in which both differ",
              (double)fetched.size_bytes / (double)(here.size_bytes + there.size_bytes), "");
    bench_row("round trips", (double)fetched.rounds, "");
    bench_db_close(&sparse);
}

int main(void)
{
    size_t posts = bench_wish("COPSE_BENCH_POSTS", BENCH_POSTS);
    size_t changes = bench_wish("COPSE_BENCH_CHANGES", BENCH_CHANGES);
    uint64_t time = 1600000000000;
    bench_db db;
    bench_db_open(&db);
    db.env.clock = bench_clock;
    db.env.clock_ctx = &time;
    copse_tree *tree = bench_posts_load(&db, posts);
    copse_cid base = bench_commit(&db, tree, NULL);
    copse_cid heads[2];
    for (size_t i = 0; i < 2; i++) {
        heads[i] = bench_go_on(&db, tree, &base, posts, changes, i + 1);
    }
    copse_tree_close(tree);
    bench_warm(&db, heads);
    bench_sparse(&db, heads, &base);
    bench_db_close(&db);
    return 0;
}
