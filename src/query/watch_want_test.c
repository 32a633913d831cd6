/* Watches over blocks that are not there, can't be read, and with memory that is not there: what is
 * wanted is supplied and what is told is the same; each is taken away in turn.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/watch.h>

#include "support/fault_store.h"
#include "support/want_supply.h"
#include "support/watch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 40 };

static copse_cid root_of(const database_world *db)
{
    return *copse_tree_root(db->tree);
}

/* A reader that has nothing but what it was given. */
typedef struct want_reader {
    database_world *full;
    copse_source *source;
    watch_states both;
    copse_watch *watch;
    want_supply supply;
} want_reader;

/* The next change, or all counts: then END. */
static copse_status reader_step(want_reader *reader, copse_query *query,
                                const watch_question *asked, watch_told *told)
{
    copse_watch_change change;
    copse_watch_counts counts;
    copse_status status = watch_states_open(&reader->both, NULL);
    if (status == COPSE_OK && reader->watch == NULL) {
        status = copse_watch_new(query, reader->both.databases[0], reader->both.databases[1],
                                 asked->membership_only, &reader->watch, NULL);
    }
    if (status == COPSE_OK && asked->is_counted) {
        status = copse_watch_count(reader->watch, &counts, NULL);
        if (status == COPSE_OK) {
            watch_told_add_counts(told, &counts);
            status = COPSE_END;
        }
    } else if (status == COPSE_OK) {
        status = copse_watch_next(reader->watch, &change, NULL);
        if (status == COPSE_OK) {
            watch_told_add(told, &change);
        }
    }
    return status;
}

/* Watches from nothing. END, or WANT if a block stays missing. What the reader reads through has
 * memory of the database's, the watch that of `env`. */
static copse_status reader_run(const copse_env *env, database_world *full, const copse_cid *before,
                               const watch_question *asked, const copse_cid *missing,
                               want_reader *reader, watch_told *ret_told)
{
    const copse_env *own = database_world_env(full);
    copse_query *query = NULL;
    *reader = (want_reader){.full = full, .both.roots = {*before, root_of(full)}};
    *ret_told = (watch_told){.len = 0};
    if (missing != NULL) {
        reader->supply.missing = *missing;
    }
    assert_int_equal(copse_source_new(own, NULL, &reader->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(own, reader->source, &reader->both.cache, NULL),
                     COPSE_OK);
    copse_status status = watch_question_prepare(env, asked, &query, NULL);
    while (status == COPSE_OK ||
           (status == COPSE_WANT &&
            want_supply_round(&reader->supply, reader->source, reader->full->world.store))) {
        assert_true(reader->supply.rounds < ROUNDS_MAX);
        status = reader_step(reader, query, asked, ret_told);
    }
    copse_watch_free(reader->watch);
    copse_query_free(query);
    watch_states_close(&reader->both);
    copse_node_cache_free(reader->both.cache);
    copse_source_free(reader->source);
    return status;
}

/* 600 posts, of which every third has the tag, and then two changes among them and two beside. */
static copse_cid wanted_init(database_world *db)
{
    char json[96];
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(db, "posts", "tags", "tags[]", "link");
    for (int i = 0; i < 600; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"tags\":[\"t%d\"],\"n\":%d}", i, i % 3, i);
        database_world_insert(db, "posts", json);
    }
    database_world_commit(db);
    const copse_cid before = root_of(db);
    database_world_replace(db, "posts", "{\"_id\":300,\"tags\":[\"t0\",\"t1\"],\"n\":-1}", false);
    database_world_insert(db, "posts", "{\"_id\":601,\"tags\":[\"t0\"],\"n\":-2}");
    database_world_replace(db, "posts", "{\"_id\":200,\"tags\":[\"t2\"],\"n\":-3}", false);
    database_world_insert(db, "posts", "{\"_id\":602,\"tags\":[\"t2\"],\"n\":-4}");
    database_world_commit(db);
    return before;
}

static const watch_question wanted_questions[] = {
    {.collection = "posts", .filter = "{\"tags\":\"t0\"}"},
    {.collection = "posts", .filter = "{\"tags\":\"t0\"}", .membership_only = true},
    {.collection = "posts", .filter = "{\"tags\":\"t0\"}", .hint = "$natural"},
    {.collection = "posts", .filter = "{\"_id\":{\"$gte\":590}}"},
    {.collection = "posts", .filter = "{\"tags\":\"t0\"}", .is_counted = true},
    {.collection = "posts",
     .filter = "{\"tags\":\"t0\"}",
     .membership_only = true,
     .is_counted = true},
};

static const struct wanted_cost {
    const char *text;
    size_t blocks;
    size_t rounds;
} wanted_costs[] = {
    {"~300 +601 ", 31, 20}, {"+601 ", 29, 20},     {"~300 +601 ", 33, 14},
    {"+601 +602 ", 17, 14}, {"+1 ~1 -0 ", 31, 20}, {"+1 ~0 -0 ", 28, 19},
};

/* W2, W3, and of each block taken away: WANT, and never a wrong word. */
static void test_wants(void **state)
{
    database_world db;
    (void)state;
    const copse_cid before = wanted_init(&db);
    for (size_t i = 0; i < sizeof wanted_questions / sizeof wanted_questions[0]; i++) {
        const watch_question *asked = &wanted_questions[i];
        want_reader all;
        watch_told whole;
        assert_int_equal(
            reader_run(database_world_env(&db), &db, &before, asked, NULL, &all, &whole),
            COPSE_END);
        print_message("%zu: %zu blocks, %zu rounds\n", i, all.supply.got_count, all.supply.rounds);
        assert_string_equal(whole.text, wanted_costs[i].text);
        assert_int_equal(all.supply.got_count, wanted_costs[i].blocks);
        assert_int_equal(all.supply.rounds, wanted_costs[i].rounds);
        size_t unneeded = 0; /* asked for in advance */
        for (size_t b = 0; b < all.supply.got_count; b++) {
            want_reader reader;
            watch_told part;
            copse_status status = reader_run(database_world_env(&db), &db, &before, asked,
                                             &all.supply.got[b], &reader, &part);
            assert_true(status == COPSE_WANT || status == COPSE_END);
            assert_memory_equal(part.text, whole.text, part.len);
            assert_true(status == COPSE_WANT || part.len == whole.len);
            unneeded += status == COPSE_END;
        }
        assert_true(unneeded <= 4);
    }
    database_world_release(&db);
}

/* Watches over a fault store, whose n-th read from now fails; false: there are fewer. */
static bool faulty_run(database_world *db, const copse_cid *before, const watch_question *asked,
                       uint64_t n, const char *expected)
{
    const copse_env *env = database_world_env(db);
    want_reader reader = {.full = db, .both.roots = {*before, root_of(db)}};
    watch_told told = {.len = 0};
    copse_query *query = NULL;
    copse_store *faulty = db->world.store;
    assert_int_equal(copse_source_new(env, faulty, &reader.source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, reader.source, &reader.both.cache, NULL), COPSE_OK);
    assert_int_equal(watch_question_prepare(env, asked, &query, NULL), COPSE_OK);
    fault_store_fail_at(faulty, n, COPSE_IO);
    copse_status status = COPSE_OK;
    size_t failures = 0;
    while (status == COPSE_OK || (status == COPSE_IO && failures == 1)) {
        status = reader_step(&reader, query, asked, &told);
        failures += status == COPSE_IO;
    }
    assert_int_equal(status, COPSE_END);
    assert_string_equal(told.text, expected);
    bool failed = fault_store_has_failed(faulty);
    assert_int_equal(failures, failed);
    copse_watch_free(reader.watch);
    copse_query_free(query);
    watch_states_close(&reader.both);
    copse_node_cache_free(reader.both.cache);
    copse_source_free(reader.source);
    fault_store_heal(faulty);
    return failed;
}

/* Each read of a block fails once: it is reported, and the next call goes on as if it had not. */
static void test_faults(void **state)
{
    database_world db;
    (void)state;
    const copse_cid before = wanted_init(&db);
    db.world.store = fault_store_new(database_world_env(&db), db.world.store); /* which owns it */
    for (size_t i = 0; i < sizeof wanted_questions / sizeof wanted_questions[0]; i++) {
        bool fires = true;
        uint64_t n = 0;
        for (; fires; n++) {
            fires = faulty_run(&db, &before, &wanted_questions[i], n, wanted_costs[i].text);
        }
        assert_true(n > 5);
    }
    database_world_release(&db);
}

typedef struct want_sweep {
    database_world *full;
    const copse_cid *before;
    const watch_question *asked;
} want_sweep;

static copse_status want_sweep_run(const copse_env *env, void *ctx)
{
    const want_sweep *sweep = ctx;
    want_reader reader;
    watch_told told;
    copse_status status =
        reader_run(env, sweep->full, sweep->before, sweep->asked, NULL, &reader, &told);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_sweep(void **state)
{
    database_world db;
    (void)state;
    const copse_cid before = wanted_init(&db);
    for (size_t i = 0; i < sizeof wanted_questions / sizeof wanted_questions[0]; i++) {
        want_sweep sweep = {&db, &before, &wanted_questions[i]};
        assert_true(test_env_sweep(want_sweep_run, &sweep, 2000) > 10);
    }
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
