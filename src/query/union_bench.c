/* The newest of many databases, warm, beside the newest of one that has all their posts.
 *
 *     build/release/bench/query-union [databases [posts of each]]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/union.h>
#include <copse/write.h>

#include "support/bench_posts.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNION_DATABASES = 100, UNION_POSTS = 10000, UNION_NEWEST = 32, UNION_ROUNDS = 50 };

/* Posts number `number`, and every `step`-th after it. */
static copse_tree *union_bench_load(bench_db *db, size_t number, size_t step, size_t count)
{
    copse_tree *tree = bench_posts_schema(db);
    copse_write *write = NULL;
    copse_tree *next = NULL;
    copse_buf buf;
    copse_buf_init(&buf, &db->env, SIZE_MAX);
    bench_check(copse_write_new(&db->env, &write, &db->err), &db->err);
    for (size_t i = 0; i < count; i++) {
        copse_buf_truncate(&buf, 0);
        bench_posts_make(&buf, number + i * step, BENCH_POSTS_AS_MADE, 0);
        bench_check(copse_write_insert(write, copse_bytes_of_text("posts"), copse_buf_view(&buf),
                                       NULL, &db->err),
                    &db->err);
    }
    bench_check(copse_write_apply(write, tree, db->store, NULL, &next, NULL, NULL, &db->err),
                &db->err);
    copse_write_free(write);
    copse_buf_release(&buf);
    copse_tree_close(tree);
    return next;
}

/* The newest of all, asked anew. */
static uint64_t union_bench_ask(bench_db *db, copse_database *const *databases, size_t count,
                                const copse_query_options *query)
{
    copse_union *all = NULL;
    copse_bytes document;
    size_t source;
    uint64_t found = 0;
    copse_status status;
    bench_check(copse_union_new(&db->env, query, &all, &db->err), &db->err);
    for (size_t i = 0; i < count; i++) {
        bench_check(copse_union_add_database(all, databases[i], &db->err), &db->err);
    }
    while ((status = copse_union_next(all, &document, &source, &db->err)) == COPSE_OK) {
        found += document.len;
    }
    bench_check(status == COPSE_END ? COPSE_OK : status, &db->err);
    copse_union_free(all);
    return found;
}

static uint64_t union_bench_ask_one(bench_db *db, copse_database *database,
                                    const copse_query_options *options)
{
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    uint64_t found = 0;
    copse_status status;
    bench_check(copse_query_new(&db->env, options, &query, &db->err), &db->err);
    bench_check(copse_result_open(query, database, &result, &db->err), &db->err);
    while ((status = copse_result_next(result, &document, &db->err)) == COPSE_OK) {
        found += document.len;
    }
    bench_check(status == COPSE_END ? COPSE_OK : status, &db->err);
    copse_result_close(result);
    copse_query_free(query);
    return found;
}

static int union_bench_compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double union_bench_median(double *seconds)
{
    qsort(seconds, UNION_ROUNDS, sizeof *seconds, union_bench_compare);
    return seconds[UNION_ROUNDS / 2];
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : UNION_DATABASES;
    size_t posts = argc > 2 ? strtoul(argv[2], NULL, 10) : UNION_POSTS;
    bench_db db;
    bench_db_open(&db);
    copse_tree **trees = calloc(count + 1, sizeof *trees);
    copse_database **databases = calloc(count + 1, sizeof *databases);
    double of_all[UNION_ROUNDS];
    double of_one[UNION_ROUNDS];
    copse_sort_spec sort = {.count = 0};
    if (trees == NULL || databases == NULL) {
        bench_fail("out of memory");
    }
    for (size_t i = 0; i <= count; i++) { /* the last has all */
        trees[i] = i < count ? union_bench_load(&db, i, count, posts)
                             : bench_posts_load(&db, count * posts);
        bench_check(copse_database_open(trees[i], &databases[i], &db.err), &db.err);
    }
    bench_check(copse_sort_spec_parse(&db.env, copse_bytes_of_text("-at"), false, &sort, &db.err),
                &db.err);
    const copse_query_options query = {
        .collection = copse_bytes_of_text("posts"), .sort = &sort, .limit = UNION_NEWEST};
    uint64_t right = union_bench_ask_one(&db, databases[count], &query);
    for (size_t i = 0; i < UNION_ROUNDS; i++) {
        double begun = bench_now();
        if (union_bench_ask(&db, databases, count, &query) != right) {
            bench_fail("another answer");
        }
        of_all[i] = bench_now() - begun;
        begun = bench_now();
        bench_keep(union_bench_ask_one(&db, databases[count], &query));
        of_one[i] = bench_now() - begun;
    }
    double all = union_bench_median(of_all);
    double one = union_bench_median(of_one);
    bench_row("the newest 32 of all databases", all * 1e3, "ms");
    bench_row("of one database with all posts", one * 1e3, "ms");
    bench_row("ratio", all / one, "");
    copse_sort_spec_release(&sort);
    for (size_t i = 0; i <= count; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
    free(databases);
    free(trees);
    bench_db_close(&db);
    return 0;
}
