/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/unread_counts.h"

#include "query/watch_plan.h"
#include "support/counts_reader.h"
#include "tree/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <copse/cid_set.h>
#include <copse/watch.h>

#define UNREAD_DID "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"

enum { UNREAD_NEWS = 1000, UNREAD_MENTIONS = 100 };

/* How the posts came between one state and the next. */
typedef enum unread_step {
    UNREAD_FIRST,     /* after all others in time; the reader has no block of either state */
    UNREAD_FOLLOWING, /* the same; it has what the count before left */
    UNREAD_SPREAD,    /* anywhere in time, as from people who were offline; it has no block */
    UNREAD_STEPS
} unread_step;

enum { UNREAD_STATES = UNREAD_STEPS + 1 };

static const struct unread_question {
    const char *filter;
    uint64_t matches;   /* of those that came */
    bool is_everything; /* all posts match */
} unread_questions[] = {
    {"{\"tags\":\"cats\"}", UNREAD_NEWS, false},
    {"{\"mentions\":\"" UNREAD_DID "\"}", UNREAD_MENTIONS, false},
    {"{\"createdAt\":{\"$gte\":0}}", UNREAD_NEWS, true},
};

enum { UNREAD_QUESTIONS = sizeof unread_questions / sizeof unread_questions[0] };

/* What a step costs. */
typedef struct unread_cost {
    uint64_t blocks;
    uint64_t bytes;
    uint64_t leaves; /* in the compared ranges that were not there before */
} unread_cost;

typedef struct unread_row {
    uint64_t posts;
    bool random_ids;
    bool linked;
    size_t depth;
    unread_cost costs[UNREAD_QUESTIONS][UNREAD_STEPS];
} unread_row;

/* Posts, random ids, linked, depth; of each question, at first, following, strewn: blocks, their
 * bytes, leaves that changed. */
static const unread_row unread_table[] = {
    {10000,
     false,
     false,
     4,
     {{{51, 93482, 30}, {50, 98649, 33}, {87, 169151, 42}},
      {{31, 50951, 9}, {16, 29965, 8}, {32, 57318, 9}},
      {{53, 92415, 29}, {40, 74806, 27}, {329, 616601, 162}}}},
    {10000,
     true,
     true,
     4,
     {{{74, 137059, 52}, {56, 113714, 46}, {117, 237179, 70}},
      {{25, 43916, 6}, {20, 36882, 9}, {36, 63974, 9}},
      {{55, 91543, 30}, {42, 76654, 27}, {334, 625321, 161}}}},
    {100000,
     false,
     false,
     5,
     {{{60, 111600, 32}, {43, 83258, 33}, {314, 609864, 153}},
      {{36, 65058, 9}, {17, 32135, 8}, {35, 62769, 9}},
      {{60, 104255, 29}, {42, 78064, 27}, {1229, 2453631, 532}}}},
    {100000,
     true,
     true,
     5,
     {{{76, 144742, 51}, {60, 125726, 47}, {492, 962972, 246}},
      {{30, 54589, 6}, {20, 38821, 9}, {37, 67649, 9}},
      {{62, 106479, 30}, {44, 81975, 27}, {1126, 2255359, 489}}}},
    {1000000,
     false,
     false,
     6,
     {{{62, 114849, 32}, {44, 84821, 33}, {1175, 2366361, 519}},
      {{39, 68955, 9}, {24, 46598, 8}, {39, 75466, 9}},
      {{65, 110616, 29}, {46, 83801, 27}, {2075, 4222865, 638}}}},
    {1000000,
     true,
     true,
     6,
     {{{99, 179855, 55}, {62, 124685, 47}, {1434, 2872517, 611}},
      {{33, 56117, 6}, {25, 45291, 9}, {40, 69664, 9}},
      {{68, 118993, 30}, {50, 92684, 27}, {1957, 4010724, 597}}}},
};

/* ---- States ---------------------------------------------------------------------------------- */

typedef struct unread_world {
    posts_world posts;
    copse_cid roots[UNREAD_STATES];
    uint64_t random;
    uint64_t added;
} unread_world;

static void unread_add(unread_world *world, bool is_spread)
{
    char json[384];
    uint64_t number = world->added++;
    uint64_t high = world->posts.options.random_ids ? test_random(&world->random)
                                                    : UINT64_C(0xffffffff00000000);
    uint64_t past_ms = test_random_below(&world->random, UINT64_C(90000000000));
    int64_t time_ms = is_spread ? POSTS_MONTH_TO - (int64_t)past_ms
                                : POSTS_MONTH_TO + 100000000000 + (int64_t)number;
    (void)snprintf(json, sizeof json,
                   "{\"_id\":\"%016llx%08llx\",\"author\":\"user%llu\",\"createdAt\":%lld,"
                   "\"text\":\"what is new number %llu\",\"tags\":[\"cats\"]%s}",
                   (unsigned long long)high, (unsigned long long)number,
                   (unsigned long long)(number % 300), (long long)time_ms,
                   (unsigned long long)number,
                   number % (UNREAD_NEWS / UNREAD_MENTIONS) == 0
                       ? ",\"mentions\":[\"did:key:another\",\"" UNREAD_DID "\"]"
                       : "");
    database_world_insert(&world->posts.db, "posts", json);
}

/* Each state has UNREAD_NEWS posts more. */
static void unread_world_init(unread_world *world, const posts_world_options *options)
{
    *world = (unread_world){.random = 7};
    posts_world_init(&world->posts, options);
    for (size_t state = 0; state < UNREAD_STATES; state++) {
        for (size_t i = 0; i < UNREAD_NEWS; i++) {
            unread_add(world, state == UNREAD_SPREAD + 1);
        }
        database_world_commit(&world->posts.db);
        world->roots[state] = *copse_tree_root(world->posts.db.tree);
    }
}

/* ---- The leaves that changed ----------------------------------------------------------------- */

/* Adds the leaves of a range; returns how many of them were not in the set. */
static uint64_t unread_add_leaves(copse_tree *tree, const copse_key_range *range,
                                  copse_cid_set *leaves)
{
    copse_walk walk;
    uint64_t added = 0;
    bool is_inside = true;
    copse_walk_init(&walk, tree, 0);
    copse_status status = copse_walk_seek(&walk, range->from, NULL);
    while (status == COPSE_OK && is_inside) {
        copse_node *node = NULL;
        copse_bytes next = {NULL, 0};
        bool is_new = false;
        assert_int_equal(copse_walk_load(&walk, &node, NULL), COPSE_OK);
        assert_int_equal(copse_cid_set_add(leaves, &node->cid, &is_new), COPSE_OK);
        copse_node_unref(leaves->env, node);
        added += is_new;
        is_inside = copse_walk_next_key(&walk, &next) && copse_bytes_compare(next, range->to) < 0;
        if (is_inside) {
            status = copse_walk_next(&walk, NULL);
        }
    }
    assert_int_equal(status, COPSE_OK);
    copse_walk_release(&walk);
    return added;
}

static uint64_t unread_leaves(copse_query *query, copse_tree *const trees[2],
                              copse_database *const databases[2])
{
    copse_watch_plan plan;
    copse_cid_set leaves;
    uint64_t added = 0;
    copse_cid_set_init(&leaves, query->env);
    assert_int_equal(copse_watch_plan_make(query, databases[0], databases[1], true, &plan, NULL),
                     COPSE_OK);
    for (size_t side = 0; side < 2; side++) {
        const copse_access *access;
        const copse_key_range *ranges;
        size_t count;
        added = 0;
        for (size_t at = 0; copse_watch_plan_scan(&plan, at, &access, &ranges, &count); at++) {
            for (size_t i = 0; i < count; i++) {
                added += unread_add_leaves(trees[side], &ranges[i], &leaves);
            }
        }
    }
    copse_watch_plan_release(&plan);
    copse_cid_set_release(&leaves);
    return added;
}

/* ---- Costs ----------------------------------------------------------------------------------- */

/* Counts from one state to the next. */
static unread_cost unread_count(counts_reader *reader, copse_query *query, const copse_cid *roots,
                                uint64_t expected)
{
    copse_tree *trees[2];
    copse_database *databases[2];
    copse_watch *watch = NULL;
    copse_watch_counts counts;
    copse_status status;
    reader->cost = (counts_cost){0, 0, 0};
    for (size_t i = 0; i < 2; i++) {
        databases[i] = counts_reader_open(reader, &roots[i], &trees[i]);
    }
    assert_int_equal(copse_watch_new(query, databases[0], databases[1], true, &watch, NULL),
                     COPSE_OK);
    do {
        status = copse_watch_count(watch, &counts, NULL);
    } while (counts_reader_supply(reader, status));
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(counts.added, expected);
    assert_int_equal(counts.changed + counts.removed, 0);
    assert_int_equal(copse_watch_get_stats(watch).documents, 0);
    copse_watch_free(watch);
    for (size_t i = 0; i < 2; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
    return (unread_cost){.blocks = reader->cost.blocks, .bytes = reader->cost.bytes};
}

/* The same with all blocks there, to look at the leaves. */
static uint64_t unread_look(unread_world *world, copse_query *query, size_t step)
{
    database_world *db = &world->posts.db;
    copse_tree *trees[2];
    copse_database *databases[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        trees[i] = tree_world_open(&db->world, &world->roots[step + i]);
        assert_int_equal(copse_database_open(trees[i], &databases[i], NULL), COPSE_OK);
    }
    uint64_t leaves = unread_leaves(query, trees, databases);
    for (size_t i = 0; i < 2; i++) {
        copse_database_close(databases[i]);
        copse_tree_close(trees[i]);
    }
    return leaves;
}

static void unread_measure(unread_world *world, const struct unread_question *question,
                           unread_cost ret_costs[UNREAD_STEPS])
{
    database_world *db = &world->posts.db;
    copse_query *query = NULL;
    counts_reader readers[2];
    copse_bytes filter = database_world_value(question->filter);
    const copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                         .filter = filter};
    assert_int_equal(copse_query_new(database_world_env(db), &options, &query, NULL), COPSE_OK);
    counts_reader_init(&readers[0], db);
    counts_reader_init(&readers[1], db);
    for (size_t step = 0; step < UNREAD_STEPS; step++) {
        ret_costs[step] = unread_count(&readers[step == UNREAD_SPREAD], query, &world->roots[step],
                                       question->matches);
        ret_costs[step].leaves = unread_look(world, query, step);
    }
    counts_reader_release(&readers[0]);
    counts_reader_release(&readers[1]);
    copse_query_free(query);
    database_world_free(filter);
}

static void unread_print(const unread_row *row)
{
    print_message("    {%llu, %s, %s, %zu, {", (unsigned long long)row->posts,
                  row->random_ids ? "true" : "false", row->linked ? "true" : "false", row->depth);
    for (size_t q = 0; q < UNREAD_QUESTIONS; q++) {
        for (size_t step = 0; step < UNREAD_STEPS; step++) {
            const unread_cost *cost = &row->costs[q][step];
            print_message("%s{%llu, %llu, %llu}",
                          step > 0 ? ", "
                          : q > 0  ? "}, {"
                                   : "{",
                          (unsigned long long)cost->blocks, (unsigned long long)cost->bytes,
                          (unsigned long long)cost->leaves);
        }
    }
    print_message("}}},\n");
}

static void unread_compare(const unread_row *now)
{
    for (size_t i = 0; i < sizeof unread_table / sizeof unread_table[0]; i++) {
        const unread_row *row = &unread_table[i];
        if (row->posts == now->posts && row->random_ids == now->random_ids &&
            row->linked == now->linked) {
            assert_int_equal(row->depth, now->depth);
            assert_memory_equal(row->costs, now->costs, sizeof row->costs);
            return;
        }
    }
    fail_msg("there is no such row");
}

/* At most 3 blocks a changed leaf and the depth, of a thousand matches, and of fewer for who
 * follows: who has nothing reads what both states are planned by, too, some 30 blocks. And where a
 * thousand are strewn over all entries of an index, there may be a branch for each changed leaf. */
static bool unread_is_bounded(const struct unread_question *question, size_t step)
{
    return step == UNREAD_FOLLOWING || (question->matches == UNREAD_NEWS &&
                                        !(question->is_everything && step == UNREAD_SPREAD));
}

static void unread_check_bound(const unread_row *row)
{
    for (size_t q = 0; q < UNREAD_QUESTIONS; q++) {
        for (size_t step = 0; step < UNREAD_STEPS; step++) {
            const unread_cost *cost = &row->costs[q][step];
            if (unread_is_bounded(&unread_questions[q], step) &&
                cost->blocks > 3 * cost->leaves + row->depth) {
                fail_msg("%s costs too much in step %zu", unread_questions[q].filter, step);
            }
        }
    }
}

void unread_counts_check(const posts_world_options *options)
{
    unread_world *world = malloc(sizeof *world);
    unread_row now = {
        .posts = options->count, .random_ids = options->random_ids, .linked = options->linked};
    assert_non_null(world);
    unread_world_init(world, options);
    assert_int_equal(copse_tree_height(world->posts.db.tree, &now.depth, NULL), COPSE_OK);
    for (size_t q = 0; q < UNREAD_QUESTIONS; q++) {
        unread_measure(world, &unread_questions[q], now.costs[q]);
    }
    unread_print(&now);
    unread_check_bound(&now);
    unread_compare(&now);
    posts_world_release(&world->posts);
    free(world);
}
