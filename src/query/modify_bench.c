/* Updates of one document each, by `_id`, of posts with three indexes: what one takes without a
 * disk, and where the time goes.
 *
 *     build/release/bench/query-modify [documents]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/modify.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bench.h"
#include "support/posts_world.h"

enum { BENCH_DOCUMENTS = 100000, BENCH_COMMITS = 5000, BENCH_BATCH = 1000 };

static const copse_env *bench_env(const posts_world *world)
{
    return database_world_env(&world->db);
}

/* The ids of all posts, one behind the other, with their NULs. */
static char *bench_ids(const posts_world *world, uint64_t count)
{
    copse_buf buf;
    posts *all = posts_new(count, false);
    char *ids = malloc(count * (POSTS_ID_SIZE + 1));
    copse_buf_init(&buf, bench_env(world), SIZE_MAX);
    if (ids == NULL) {
        bench_fail("out of memory");
    }
    for (uint64_t i = 0; posts_next(all, 0, &buf); i++) {
        memcpy(ids + i * (POSTS_ID_SIZE + 1), posts_id(all), POSTS_ID_SIZE + 1);
        copse_buf_truncate(&buf, 0);
    }
    copse_buf_release(&buf);
    posts_free(all);
    return ids;
}

static void bench_text_pair(copse_buf *buf, const char *name, const char *value)
{
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(name)), NULL);
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(value)), NULL);
}

/* Runs {"_id": id}, {"$set": {"author": "author n"}}. */
static void bench_run(posts_world *world, copse_modify *modify, const char *id, uint64_t n)
{
    char author[32];
    copse_buf filter;
    copse_buf update;
    copse_update *compiled;
    copse_modify_result result;
    copse_err err;
    copse_buf_init(&filter, bench_env(world), SIZE_MAX);
    copse_buf_init(&update, bench_env(world), SIZE_MAX);
    (void)snprintf(author, sizeof author, "author%u", (unsigned)n);
    bench_check(copse_cbor_write_map(&filter, 1), NULL);
    bench_text_pair(&filter, "_id", id);
    bench_check(copse_cbor_write_map(&update, 1), NULL);
    bench_check(copse_cbor_write_text(&update, copse_bytes_of_text("$set")), NULL);
    bench_check(copse_cbor_write_map(&update, 1), NULL);
    bench_text_pair(&update, "author", author);
    bench_check(copse_update_new(bench_env(world), copse_buf_view(&update), (copse_bytes){NULL, 0},
                                 &compiled, &err),
                &err);
    const copse_modify_options options = {.collection = copse_bytes_of_text("posts"),
                                          .filter = copse_buf_view(&filter),
                                          .update = compiled};
    bench_check(copse_modify_run(modify, &options, &result, &err), &err);
    if (result.modified != 1) {
        bench_fail("an update changed nothing");
    }
    copse_update_free(compiled);
    copse_buf_release(&filter);
    copse_buf_release(&update);
}

/* Times of the parts of a commit, in seconds, and what was written. */
typedef struct bench_sums {
    double open;
    double run;
    double finish;
    copse_write_stats stats;
} bench_sums;

/* A commit of `count` updates. */
static void bench_commit(posts_world *world, copse_modify *modify, const char *ids, uint64_t count,
                         uint64_t *random, bench_sums *sums)
{
    copse_err err;
    copse_tree *next;
    copse_database *database;
    copse_write_stats stats;
    double start = bench_now();
    bench_check(copse_database_open(world->db.tree, &database, &err), &err);
    copse_modify_begin(modify, database);
    double opened = bench_now();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = bench_random(random) % world->options.count;
        bench_run(world, modify, ids + at * (POSTS_ID_SIZE + 1), bench_random(random));
    }
    double run = bench_now();
    bench_check(copse_modify_finish(modify, world->db.world.store, NULL, &next, &stats, NULL, &err),
                &err);
    copse_database_close(database);
    copse_tree_close(world->db.tree);
    world->db.tree = next;
    sums->open += opened - start;
    sums->run += run - opened;
    sums->finish += bench_now() - run;
    sums->stats.nodes_written += stats.nodes_written;
    sums->stats.bytes_written += stats.bytes_written;
    sums->stats.index_rows_added += stats.index_rows_added;
}

int main(int argc, char **argv)
{
    posts_world world;
    copse_modify *modify;
    copse_err err;
    bench_sums single = {0};
    bench_sums batch = {0};
    uint64_t random = 1;
    const posts_world_options options = {.count = argc > 1 ? strtoull(argv[1], NULL, 10)
                                                           : BENCH_DOCUMENTS};
    posts_world_init(&world, &options);
    char *ids = bench_ids(&world, options.count);
    bench_check(copse_modify_new(bench_env(&world), &modify, &err), &err);
    for (unsigned i = 0; i < BENCH_COMMITS; i++) {
        bench_commit(&world, modify, ids, 1, &random, &single);
    }
    bench_row("an update, open the database", single.open / BENCH_COMMITS * 1e6, "us");
    bench_row("an update, find and change", single.run / BENCH_COMMITS * 1e6, "us");
    bench_row("an update, apply", single.finish / BENCH_COMMITS * 1e6, "us");
    bench_row("nodes an update", (double)single.stats.nodes_written / BENCH_COMMITS, "");
    bench_row("bytes an update", (double)single.stats.bytes_written / BENCH_COMMITS, "B");
    bench_row("index rows an update", (double)single.stats.index_rows_added / BENCH_COMMITS, "");
    bench_commit(&world, modify, ids, BENCH_BATCH, &random, &batch);
    bench_row("of a batch of 1,000, find and change", batch.run / BENCH_BATCH * 1e6, "us");
    bench_row("of a batch of 1,000, apply", batch.finish / BENCH_BATCH * 1e6, "us");
    copse_modify_free(modify);
    free(ids);
    posts_world_release(&world);
    return 0;
}
