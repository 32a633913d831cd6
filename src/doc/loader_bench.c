/* Loading posts of about 400 bytes with three indexes, and checking them: JSON is not part of it.
 * COPSE_BENCH_POSTS: how many, a million if it is not set.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/loader.h>

#include "support/bench_posts.h"
#include "support/memory_runs.h"

#include <stdlib.h>

enum { BENCH_POSTS = 1000000, BENCH_MEMORY = 256 << 20 };

int main(void)
{
    const char *wish = getenv("COPSE_BENCH_POSTS");
    size_t count = wish != NULL ? strtoul(wish, NULL, 10) : BENCH_POSTS;
    bench_db db;
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    copse_loader *loader;
    copse_tree *loaded;
    copse_write_stats stats;
    copse_buf post;
    uint64_t size = 0;
    double adding = 0;
    bench_db_open(&db);
    copse_tree *tree = bench_posts_schema(&db);
    copse_buf_init(&post, &db.env, SIZE_MAX);
    bench_check(copse_loader_new(tree, db.store, copse_bytes_of_text("posts"),
                                 copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, BENCH_MEMORY,
                                 &store, &loader, &db.err),
                &db.err);
    for (size_t i = 0; i < count; i++) {
        bench_posts_make(&post, i, BENCH_POSTS_AS_MADE, 0);
        double start = bench_now();
        bench_check(copse_loader_add(loader, copse_buf_view(&post), i, &db.err), &db.err);
        adding += bench_now() - start;
        size += post.len;
    }
    double start = bench_now();
    bench_check(copse_loader_finish(loader, &loaded, &stats, NULL, &db.err), &db.err);
    double finishing = bench_now() - start;
    bench_row("bytes a post", (double)size / (double)count, "B");
    bench_row("index rows a post", (double)stats.index_rows_added / (double)count, "");
    bench_row("adding", adding * 1e6 / (double)count, "us/post");
    bench_row("building", finishing * 1e6 / (double)count, "us/post");
    bench_row("together", (double)count / (adding + finishing), "posts/s");
    copse_loader_free(loader);
    copse_database_check_stats checked;
    start = bench_now();
    bench_check(
        copse_database_check(&db.env, db.store, copse_tree_root(loaded), NULL, &checked, &db.err),
        &db.err);
    bench_row("checking", (bench_now() - start) * 1e6 / (double)count, "us/post");
    if (checked.defects > 0 || checked.documents != count) {
        bench_fail("the check found defects");
    }
    copse_tree_close(loaded);
    copse_tree_close(tree);
    copse_buf_release(&post);
    bench_db_close(&db);
    return 0;
}
