/* What a watch tells against looking at every document of both states (W1): random documents,
 * filters and indexes, random writes between the states, indexes and collections that come and go.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>
#include <copse/order.h>
#include <copse/watch.h>

#include "query/watch_plan.h"
#include "support/query_world.h"

enum { WORLDS = 60, QUERIES = 40 };

/* What the two states are to each other. */
typedef enum model_step {
    STEP_WRITES,
    STEP_WRITES_AND_INDEX, /* an index is made or dropped between */
    STEP_ALL_NEW,          /* nothing was there before */
    STEP_ALL_GONE,         /* the collection was dropped */
    STEP_NONE,             /* nothing was written */
    STEP_COUNT
} model_step;

typedef enum model_way {
    WAY_ALL,
    WAY_DOCUMENTS, /* with bounds on the primary key */
    WAY_LINKS,
    WAY_EXACT,
    WAY_UNION,
    WAY_COUNT
} model_way;

static const char *const way_names[WAY_COUNT] = {"all documents", "primary key", "links", "exact",
                                                 "union"};

typedef struct model_totals {
    uint64_t ways[WAY_COUNT];
    uint64_t told[3];
    uint64_t some; /* watches that told some, and not of all that differ */
    uint64_t watches;
    uint64_t unloaded; /* counts of some, for which no document was loaded */
} model_totals;

typedef struct model {
    query_world world;
    model_step step;
    query_brute_documents before;
    copse_tree *tree_before; /* NULL: nothing */
    copse_database *databases[COPSE_WATCH_SIDES];
} model;

/* ---- The states ------------------------------------------------------------------------------ */

static void model_copy_documents(const query_brute_documents *from, query_brute_documents *to)
{
    for (uint64_t i = 0; i < QUERY_BRUTE_DOCUMENTS_MAX; i++) {
        if (from->encoded[i].len > 0) {
            query_brute_put(to, i, from->encoded[i]);
        }
    }
}

static void model_change_index(model *self)
{
    char fields[64];
    char options[96];
    database_world *db = &self->world.db;
    copse_bytes posts = copse_bytes_of_text("posts");
    assert_int_equal(copse_write_drop_index(db->write, posts, copse_bytes_of_text("i0"), NULL),
                     COPSE_OK);
    if (database_world_apply(db) != COPSE_OK) {
        copse_write_clear(db->write); /* there is none */
    }
    query_random_index(&self->world.state, self->world.linked, fields, options);
    database_world_index(db, "posts", test_random_below(&self->world.state, 2) > 0 ? "i0" : "new",
                         fields, options);
    if (database_world_apply(db) != COPSE_OK) {
        copse_write_clear(db->write); /* parallel arrays, or it is there */
    }
}

static void model_drop(model *self)
{
    database_world *db = &self->world.db;
    assert_int_equal(copse_write_drop_collection(db->write, copse_bytes_of_text("posts"), NULL),
                     COPSE_OK);
    database_world_commit(db);
    query_brute_release(&self->world.documents);
}

static void model_init(model *self, uint64_t seed, model_step step)
{
    *self = (model){.step = step};
    query_world_init(&self->world, seed);
    const copse_cid before = *copse_tree_root(self->world.db.tree);
    if (step != STEP_ALL_NEW) {
        model_copy_documents(&self->world.documents, &self->before);
        self->tree_before = tree_world_open(&self->world.db.world, &before);
        assert_int_equal(
            copse_database_open(self->tree_before, &self->databases[COPSE_WATCH_BEFORE], NULL),
            COPSE_OK);
    }
    if (step != STEP_NONE) {
        query_world_change(&self->world);
    }
    if (step == STEP_WRITES_AND_INDEX) {
        model_change_index(self);
    } else if (step == STEP_ALL_GONE) {
        model_drop(self);
    }
    assert_int_equal(
        copse_database_open(self->world.db.tree, &self->databases[COPSE_WATCH_AFTER], NULL),
        COPSE_OK);
}

static void model_release(model *self)
{
    copse_database_close(self->databases[COPSE_WATCH_AFTER]);
    copse_database_close(self->databases[COPSE_WATCH_BEFORE]);
    copse_tree_close(self->tree_before);
    query_brute_release(&self->before);
    query_world_release(&self->world);
}

/* ---- One watch ------------------------------------------------------------------------------- */

static void model_fail(const model *self, const query_world_query *query, const char *what)
{
    const copse_env *env = database_world_env(&self->world.db);
    copse_buf text;
    copse_buf_init(&text, env, SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(env, query->options.filter, false, &text, NULL),
                     COPSE_OK);
    fail_msg("world %llu, step %d: %s: %.*s hint \"%.*s\"", (unsigned long long)self->world.seed,
             (int)self->step, what, (int)text.len, (const char *)text.ptr,
             (int)query->options.hint.len, (const char *)query->options.hint.ptr);
}

/* What must be told of document `id`, if anything. */
static bool model_expect(const model *self, copse_filter *filter, bool membership_only, uint64_t id,
                         copse_watch_change *ret_change)
{
    const query_brute_documents *documents[] = {&self->before, &self->world.documents};
    bool matches[COPSE_WATCH_SIDES] = {false, false};
    for (size_t side = 0; side < COPSE_WATCH_SIDES; side++) {
        if (documents[side]->encoded[id].len > 0) {
            assert_int_equal(
                copse_filter_match(filter, documents[side]->encoded[id], &matches[side], NULL),
                COPSE_OK);
        }
    }
    copse_bytes before = matches[0] ? documents[0]->encoded[id] : (copse_bytes){NULL, 0};
    copse_bytes after = matches[1] ? documents[1]->encoded[id] : (copse_bytes){NULL, 0};
    *ret_change = (copse_watch_change){
        .kind = before.len == 0  ? COPSE_ADDED
                : after.len == 0 ? COPSE_REMOVED
                                 : COPSE_CHANGED,
        .before = before,
        .after = after,
    };
    return !copse_bytes_equal(before, after) &&
           !(membership_only && before.len > 0 && after.len > 0);
}

static bool model_has_differences(const model *self)
{
    for (size_t i = 0; i < QUERY_BRUTE_DOCUMENTS_MAX; i++) {
        if (!copse_bytes_equal(self->before.encoded[i], self->world.documents.encoded[i])) {
            return true;
        }
    }
    return false;
}

static void model_compare(const model *self, const query_world_query *query, copse_watch *watch,
                          copse_filter *filter, bool membership_only, model_totals *totals)
{
    copse_watch_change change;
    copse_watch_change expected;
    copse_err err = {0};
    uint64_t told = 0;
    for (uint64_t id = 0; id < QUERY_BRUTE_DOCUMENTS_MAX; id++) {
        copse_cbor_reader reader;
        copse_cbor_item item;
        if (!model_expect(self, filter, membership_only, id, &expected)) {
            continue;
        }
        if (copse_watch_next(watch, &change, &err) != COPSE_OK) {
            model_fail(self, query, err.status != COPSE_OK ? err.message : "told too little");
        }
        copse_cbor_reader_init(&reader, change.id);
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        if (item.kind != COPSE_CBOR_INT || item.arg != id || change.kind != expected.kind ||
            !copse_bytes_equal(change.before, expected.before) ||
            !copse_bytes_equal(change.after, expected.after)) {
            model_fail(self, query, "another change");
        }
        totals->told[change.kind]++;
        told++;
    }
    if (copse_watch_next(watch, &change, &err) != COPSE_END) {
        model_fail(self, query, "told too much");
    }
    totals->some += told > 0 && model_has_differences(self);
}

/* What the trees were compared by. */
static void model_note_way(model *self, copse_query *prepared, bool membership_only,
                           model_totals *totals)
{
    copse_watch_plan plan;
    const copse_access *access = NULL;
    const copse_key_range *ranges;
    size_t count;
    assert_int_equal(copse_watch_plan_make(prepared, self->databases[0], self->databases[1],
                                           membership_only, &plan, NULL),
                     COPSE_OK);
    if (copse_watch_plan_scan(&plan, 0, &access, &ranges, &count)) {
        bool is_bounded = !plan.is_all && plan.planned.accesses[0].fields_used > 0;
        model_way way = plan.planned.plan.scans_count > 1 ? WAY_UNION
                        : access != NULL                  ? plan.is_whole ? WAY_LINKS : WAY_EXACT
                        : is_bounded                      ? WAY_DOCUMENTS
                                                          : WAY_ALL;
        totals->ways[way]++;
    }
    copse_watch_plan_release(&plan);
}

/* Counts what is left when some was told: as many as are told of each kind. */
static void model_count(model *self, const query_world_query *query, copse_query *prepared,
                        copse_filter *filter, bool membership_only, uint64_t told,
                        model_totals *totals)
{
    copse_watch *watch = NULL;
    copse_watch_change change;
    copse_watch_counts counts;
    uint64_t expected[3] = {0, 0, 0};
    uint64_t seen = 0;
    copse_err err = {0};
    assert_int_equal(copse_watch_new(prepared, self->databases[COPSE_WATCH_BEFORE],
                                     self->databases[COPSE_WATCH_AFTER], membership_only, &watch,
                                     NULL),
                     COPSE_OK);
    for (uint64_t id = 0; id < QUERY_BRUTE_DOCUMENTS_MAX; id++) {
        bool is_change = model_expect(self, filter, membership_only, id, &change);
        if (is_change && seen < told) {
            assert_int_equal(copse_watch_next(watch, &change, NULL), COPSE_OK);
            seen++;
        } else if (is_change) {
            expected[change.kind]++;
        }
    }
    copse_watch_stats before = copse_watch_get_stats(watch);
    if (copse_watch_count(watch, &counts, &err) != COPSE_OK) {
        model_fail(self, query, err.message);
    }
    if (counts.added != expected[COPSE_ADDED] || counts.changed != expected[COPSE_CHANGED] ||
        counts.removed != expected[COPSE_REMOVED]) {
        model_fail(self, query, "another count");
    }
    totals->unloaded += counts.added + counts.changed + counts.removed > 0 &&
                        copse_watch_get_stats(watch).documents == before.documents;
    copse_watch_free(watch);
}

static void model_watch(model *self, const query_world_query *query, bool membership_only,
                        model_totals *totals)
{
    const copse_env *env = database_world_env(&self->world.db);
    copse_query *prepared = NULL;
    copse_filter *filter = NULL;
    copse_watch *watch = NULL;
    copse_err err;
    if (copse_query_new(env, &query->options, &prepared, &err) != COPSE_OK) {
        return;
    }
    assert_int_equal(copse_filter_new(env, query->options.filter, &filter, NULL), COPSE_OK);
    assert_int_equal(copse_watch_new(prepared, self->databases[COPSE_WATCH_BEFORE],
                                     self->databases[COPSE_WATCH_AFTER], membership_only, &watch,
                                     NULL),
                     COPSE_OK);
    model_compare(self, query, watch, filter, membership_only, totals);
    if (self->step < STEP_ALL_NEW) {
        model_note_way(self, prepared, membership_only, totals);
    }
    model_count(self, query, prepared, filter, membership_only, totals->watches % 8 == 7 ? 3 : 0,
                totals);
    totals->watches++;
    copse_watch_free(watch);
    copse_filter_free(filter);
    copse_query_free(prepared);
}

/* Makes the filter one of two that need match. */
static void model_add_branch(model *self, query_world_query *query)
{
    copse_buf both;
    copse_buf branch;
    copse_buf_init(&both, database_world_env(&self->world.db), SIZE_MAX);
    copse_buf_init(&branch, database_world_env(&self->world.db), SIZE_MAX);
    query_random_filter(&self->world.state, &branch);
    assert_int_equal(copse_cbor_write_map(&both, 1), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&both, copse_bytes_of_text("$or")), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(&both, 2), COPSE_OK);
    assert_int_equal(copse_buf_append(&both, query->options.filter), COPSE_OK);
    assert_int_equal(copse_buf_append(&both, copse_buf_view(&branch)), COPSE_OK);
    copse_buf_release(&branch);
    copse_buf_release(&query->filter);
    query->filter = both;
    query->options.filter = copse_buf_view(&query->filter);
}

static void model_run(uint64_t seed, model_step step, model_totals *totals)
{
    model *self = malloc(sizeof *self);
    assert_non_null(self);
    model_init(self, seed, step);
    for (unsigned i = 0; i < QUERIES; i++) {
        query_world_query query;
        query_world_query_init(&self->world, &query);
        query.options.sort = i % 2 == 0 ? NULL : query.options.sort;
        query.options.projection = (copse_bytes){NULL, 0};
        query.options.skip = 0;
        query.options.limit = 0;
        if (i % 3 == 1) {
            model_add_branch(self, &query);
        }
        if (i % 5 == 4) {
            query.options.hint = copse_bytes_of_text("$natural");
        }
        for (unsigned membership = 0; membership < 2; membership++) {
            model_watch(self, &query, membership > 0, totals);
        }
        query_world_query_release(&query);
    }
    model_release(self);
    free(self);
}

static void test_against_the_model(void **state)
{
    model_totals totals = {.watches = 0};
    (void)state;
    for (uint64_t i = 0; i < WORLDS; i++) {
        uint64_t seed = i % 2 == 0 ? i : 4 * i + 3; /* which has linked documents */
        model_run(seed, i % 4 < 2 ? STEP_WRITES : (model_step)((i / 4) % STEP_COUNT), &totals);
    }
    print_message("%llu watches; %llu told some; new %llu, gone %llu, changed %llu\n",
                  (unsigned long long)totals.watches, (unsigned long long)totals.some,
                  (unsigned long long)totals.told[COPSE_ADDED],
                  (unsigned long long)totals.told[COPSE_REMOVED],
                  (unsigned long long)totals.told[COPSE_CHANGED]);
    print_message("counts without a document: %llu\n", (unsigned long long)totals.unloaded);
    assert_true(totals.unloaded > 200);
    for (size_t i = 0; i < WAY_COUNT; i++) {
        print_message("%s: %llu\n", way_names[i], (unsigned long long)totals.ways[i]);
        assert_true(totals.ways[i] >= 5);
    }
    assert_true(totals.some * 10 >= totals.watches * 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(totals.told[i] > 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
