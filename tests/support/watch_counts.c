/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/watch_counts.h"

#include "support/counts_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/watch.h>

enum { COUNTS_OTHERS = 1000, COUNTS_STATES = 4 };

typedef enum counts_case {
    COUNTS_FIRST,     /* one new match; the reader has no block of either state */
    COUNTS_FOLLOWING, /* one more; it has what the watch before left */
    COUNTS_AMONG,     /* one more, among COUNTS_OTHERS new documents that don't match */
    COUNTS_CASES
} counts_case;

static const char *const counts_case_names[COUNTS_CASES] = {"FIRST", "FOLLOWING", "AMONG"};

/* One row of the table. */
typedef struct counts_row {
    uint64_t posts;
    bool random_ids;
    bool linked;
    bool membership_only;
    counts_cost costs[COUNTS_CASES];
} counts_row;

/* Posts, random ids, linked, membership only; first, following, among others: blocks, their bytes,
 * round trips; from the root of the tree on. */
static const counts_row counts_table[] = {
    {10000, false, false, false, {{19, 32497, 13}, {5, 6252, 5}, {84, 162271, 6}}},
    {10000, false, false, true, {{22, 39535, 19}, {8, 13401, 8}, {9, 15224, 8}}},
    {10000, true, true, false, {{17, 26993, 15}, {8, 11157, 8}, {9, 12813, 9}}},
    {10000, true, true, true, {{17, 26993, 15}, {8, 11157, 8}, {9, 12813, 9}}},
    {100000, false, false, false, {{21, 35265, 16}, {6, 6627, 6}, {82, 159111, 7}}},
    {100000, false, false, true, {{25, 45159, 22}, {9, 13554, 9}, {9, 15638, 9}}},
    {100000, true, false, false, {{30, 53982, 16}, {11, 21224, 7}, {3776, 8214221, 12}}},
    {100000, true, false, true, {{26, 45735, 23}, {12, 22100, 12}, {15, 28128, 15}}},
    {100000, false, true, false, {{21, 37998, 17}, {8, 12298, 8}, {8, 12394, 8}}},
    {100000, false, true, true, {{21, 37998, 17}, {8, 12298, 8}, {8, 12394, 8}}},
    {100000, true, true, false, {{21, 32663, 17}, {9, 12526, 9}, {10, 14844, 10}}},
    {100000, true, true, true, {{21, 32663, 17}, {9, 12526, 9}, {10, 14844, 10}}},
    {1000000, false, false, false, {{27, 45599, 19}, {8, 11031, 8}, {84, 162142, 8}}},
    {1000000, false, false, true, {{32, 55424, 28}, {12, 19414, 12}, {12, 20519, 12}}},
    {1000000, true, true, false, {{23, 35580, 19}, {9, 12473, 9}, {10, 14486, 10}}},
    {1000000, true, true, true, {{23, 35580, 19}, {9, 12473, 9}, {10, 14486, 10}}},
};

/* ---- States ---------------------------------------------------------------------------------- */

typedef struct counts_world {
    posts_world posts;
    copse_cid roots[COUNTS_STATES];
    uint64_t random;
    uint64_t added;
} counts_world;

static void counts_add(counts_world *world, const char *tag)
{
    char json[256];
    uint64_t number = world->added++;
    uint64_t high = world->posts.options.random_ids ? test_random(&world->random)
                                                    : UINT64_C(0xffffffff00000000);
    (void)snprintf(json, sizeof json,
                   "{\"_id\":\"%016llx%08llx\",\"author\":\"user1\",\"createdAt\":%lld,"
                   "\"text\":\"what is new number %llu\",\"tags\":[\"%s\"]}",
                   (unsigned long long)high, (unsigned long long)number,
                   (long long)(POSTS_MONTH_TO + 100000000000 + (int64_t)number),
                   (unsigned long long)number, tag);
    database_world_insert(&world->posts.db, "posts", json);
}

/* Each state has one match more; the last one many others, too. */
static void counts_world_init(counts_world *world, const posts_world_options *options)
{
    *world = (counts_world){.random = 7};
    posts_world_init(&world->posts, options);
    for (size_t state = 0; state < COUNTS_STATES; state++) {
        if (state > 0) {
            counts_add(world, "cats");
        }
        for (size_t i = 0; state == COUNTS_STATES - 1 && i < COUNTS_OTHERS; i++) {
            counts_add(world, "unheard-of");
        }
        if (state > 0) {
            database_world_commit(&world->posts.db);
        }
        world->roots[state] = *copse_tree_root(world->posts.db.tree);
    }
}

/* ---- A watch ----------------------------------------------------------------------------------
 */

/* Watches from one state to the next, in which one match is new. */
static counts_cost counts_watch(counts_reader *reader, copse_query *query, const copse_cid *roots,
                                bool membership_only)
{
    copse_tree *trees[2];
    copse_database *databases[2];
    copse_watch *watch = NULL;
    copse_watch_change change;
    copse_status status;
    size_t told = 0;
    reader->cost = (counts_cost){0, 0, 0};
    for (size_t i = 0; i < 2; i++) {
        databases[i] = counts_reader_open(reader, &roots[i], &trees[i]);
    }
    assert_int_equal(
        copse_watch_new(query, databases[0], databases[1], membership_only, &watch, NULL),
        COPSE_OK);
    do {
        status = copse_watch_next(watch, &change, NULL);
        told += status == COPSE_OK;
    } while (status == COPSE_OK || counts_reader_supply(reader, status));
    assert_int_equal(status, COPSE_END);
    assert_int_equal(told, 1);
    copse_watch_free(watch);
    for (size_t i = 0; i < 2; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
    return reader->cost;
}

/* ---- Costs ----------------------------------------------------------------------------------- */

static void counts_measure(counts_world *world, bool membership_only, counts_row *ret_row)
{
    copse_query *query = NULL;
    counts_reader reader;
    copse_bytes filter = database_world_value("{\"tags\":\"cats\"}");
    const copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                         .filter = filter};
    *ret_row = (counts_row){.posts = world->posts.options.count,
                            .random_ids = world->posts.options.random_ids,
                            .linked = world->posts.options.linked,
                            .membership_only = membership_only};
    assert_int_equal(copse_query_new(database_world_env(&world->posts.db), &options, &query, NULL),
                     COPSE_OK);
    counts_reader_init(&reader, &world->posts.db);
    for (size_t i = 0; i < COUNTS_CASES; i++) {
        ret_row->costs[i] = counts_watch(&reader, query, &world->roots[i], membership_only);
    }
    counts_reader_release(&reader);
    copse_query_free(query);
    database_world_free(filter);
}

static void counts_print(const counts_row *row)
{
    print_message("    {%llu, %s, %s, %s, {", (unsigned long long)row->posts,
                  row->random_ids ? "true" : "false", row->linked ? "true" : "false",
                  row->membership_only ? "true" : "false");
    for (size_t i = 0; i < COUNTS_CASES; i++) {
        print_message(
            "%s{%llu, %llu, %llu}", i > 0 ? ", " : "", (unsigned long long)row->costs[i].blocks,
            (unsigned long long)row->costs[i].bytes, (unsigned long long)row->costs[i].round_trips);
    }
    print_message("}},\n");
}

static const counts_row *counts_find(const counts_row *like)
{
    for (size_t i = 0; i < sizeof counts_table / sizeof counts_table[0]; i++) {
        const counts_row *row = &counts_table[i];
        if (row->posts == like->posts && row->random_ids == like->random_ids &&
            row->linked == like->linked && row->membership_only == like->membership_only) {
            return row;
        }
    }
    fail_msg("there is no such row");
    return NULL;
}

static void counts_compare(const counts_row *now)
{
    const counts_row *row = counts_find(now);
    for (size_t i = 0; i < COUNTS_CASES; i++) {
        const counts_cost *a = &row->costs[i];
        const counts_cost *b = &now->costs[i];
        if (a->blocks != b->blocks || a->bytes != b->bytes || a->round_trips != b->round_trips) {
            fail_msg("%s costs something else", counts_case_names[i]);
        }
    }
}

void watch_counts_check(const posts_world_options *options)
{
    counts_world *world = malloc(sizeof *world);
    assert_non_null(world);
    counts_world_init(world, options);
    for (unsigned membership = 0; membership < 2; membership++) {
        counts_row now;
        counts_measure(world, membership > 0, &now);
        counts_print(&now);
        counts_compare(&now);
    }
    posts_world_release(&world->posts);
    free(world);
}
