/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/database_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/merge_pair.h"

enum { MERGE_IDS = 120, MERGE_FIELDS = 3, MERGE_JSON_SIZE = 160, MERGE_RUNS = 60 };

/* A document by its fields; 0: the field is not there. */
typedef struct merge_doc {
    bool is_there;
    int fields[MERGE_FIELDS];
} merge_doc;

typedef struct merge_state {
    merge_doc docs[MERGE_IDS];
} merge_state;

static void merge_json(int id, const merge_doc *doc, char ret_json[MERGE_JSON_SIZE])
{
    int len = snprintf(ret_json, MERGE_JSON_SIZE, "{\"_id\":%d", id);
    for (int i = 0; i < MERGE_FIELDS; i++) {
        if (doc->fields[i] != 0) {
            len += snprintf(ret_json + len, MERGE_JSON_SIZE - (size_t)len, ",\"f%d\":%d", i,
                            doc->fields[i]);
        }
    }
    (void)snprintf(ret_json + len, MERGE_JSON_SIZE - (size_t)len, "}");
}

/* ---- Databases ---- */

static void merge_define(database_world *db, copse_documents_form form)
{
    database_world_create(db, "posts", "_id", form);
    database_world_index(db, "posts", "by-f0", "f0", NULL);
    database_world_index(db, "posts", "by-f1", "f1,-f2",
                         form == COPSE_DOCUMENTS_LINKED ? "link" : NULL);
}

/* The root of the plain build of a state. */
static copse_cid merge_build(database_world *db, const merge_state *state,
                             copse_documents_form form)
{
    char json[MERGE_JSON_SIZE];
    merge_pair_reopen(db, NULL);
    merge_define(db, form);
    for (int id = 0; id < MERGE_IDS; id++) {
        if (state->docs[id].is_there) {
            merge_json(id, &state->docs[id], json);
            database_world_insert(db, "posts", json);
        }
    }
    database_world_commit(db);
    return *copse_tree_root(db->tree);
}

static void merge_run(database_world *db, const copse_cid *base, const copse_cid *ours,
                      const copse_cid *theirs, copse_merge_policy policy,
                      merge_pair_outcome *ret_outcome)
{
    const merge_pair_case merge = {.base = base, .ours = ours, .theirs = theirs, .policy = policy};
    merge_pair_run(db, &merge, ret_outcome);
}

/* ---- The model ---- */

static void merge_mutate(merge_state *state, uint64_t *random, size_t changes)
{
    for (size_t i = 0; i < changes; i++) {
        merge_doc *doc = &state->docs[test_random_below(random, MERGE_IDS)];
        if (!doc->is_there || test_random_below(random, 4) == 0) {
            doc->is_there = !doc->is_there;
            memset(doc->fields, 0, sizeof doc->fields);
        }
        doc->fields[test_random_below(random, MERGE_FIELDS)] =
            doc->is_there ? (int)test_random_below(random, 5) : 0;
    }
}

static bool merge_doc_same(const merge_doc *a, const merge_doc *b)
{
    return memcmp(a->fields, b->fields, sizeof a->fields) == 0 && a->is_there == b->is_there;
}

/* The rules of three-way, by their words. False: a conflict. */
static bool merge_model_doc(const merge_doc *base, const merge_doc *ours, const merge_doc *theirs,
                            merge_doc *ret_merged)
{
    bool is_clean = true;
    *ret_merged = *ours;
    if (merge_doc_same(ours, theirs) || merge_doc_same(base, theirs)) {
        return true;
    }
    if (merge_doc_same(base, ours)) {
        *ret_merged = *theirs;
        return true;
    }
    if (!base->is_there || !ours->is_there || !theirs->is_there) {
        return false;
    }
    for (size_t i = 0; i < MERGE_FIELDS; i++) {
        if (base->fields[i] == ours->fields[i]) {
            ret_merged->fields[i] = theirs->fields[i];
        } else if (base->fields[i] != theirs->fields[i] && ours->fields[i] != theirs->fields[i]) {
            is_clean = false;
        }
    }
    *ret_merged = is_clean ? *ret_merged : *ours;
    return is_clean;
}

static void merge_model(const merge_state *base, const merge_state *ours, const merge_state *theirs,
                        merge_state *ret_merged, char ret_conflicts[1024])
{
    size_t len = 0;
    ret_conflicts[0] = '\0';
    for (int id = 0; id < MERGE_IDS; id++) {
        if (!merge_model_doc(&base->docs[id], &ours->docs[id], &theirs->docs[id],
                             &ret_merged->docs[id])) {
            len += (size_t)snprintf(ret_conflicts + len, 1024 - len, " d posts  %d", id);
        }
    }
}

/* Three states, their roots, and what must come of them. */
typedef struct merge_case {
    merge_state base;
    merge_state ours;
    merge_state theirs;
    copse_cid roots[3];
} merge_case;

static void merge_case_make(database_world *db, uint64_t *random, copse_documents_form form,
                            merge_case *ret_case)
{
    memset(ret_case, 0, sizeof *ret_case);
    merge_mutate(&ret_case->base, random, 150);
    ret_case->ours = ret_case->base;
    ret_case->theirs = ret_case->base;
    merge_mutate(&ret_case->ours, random, test_random_below(random, 25));
    merge_mutate(&ret_case->theirs, random, test_random_below(random, 25));
    ret_case->roots[0] = merge_build(db, &ret_case->base, form);
    ret_case->roots[1] = merge_build(db, &ret_case->ours, form);
    ret_case->roots[2] = merge_build(db, &ret_case->theirs, form);
}

static void test_three_way_is_that_of_the_rules(void **state)
{
    (void)state;
    database_world db;
    uint64_t random = 11;
    uint64_t merged_by_fields = 0;
    size_t conflicted = 0;
    database_world_init(&db, NULL);
    for (int run = 0; run < MERGE_RUNS; run++) {
        copse_documents_form form = run % 2 == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED;
        merge_case world;
        merge_state merged;
        merge_pair_outcome outcome;
        merge_pair_outcome back;
        char conflicts[1024];
        merge_case_make(&db, &random, form, &world);
        merge_model(&world.base, &world.ours, &world.theirs, &merged, conflicts);
        copse_cid expected = merge_build(&db, &merged, form);
        merge_run(&db, &world.roots[0], &world.roots[1], &world.roots[2], COPSE_MERGE_THREE_WAY,
                  &outcome);
        assert_string_equal(outcome.conflicts, conflicts);
        assert_true(copse_cid_equal(&outcome.root, &expected));
        /* What was merged is merged: doing it again changes nothing. */
        merge_run(&db, &world.roots[0], &outcome.root, &world.roots[2], COPSE_MERGE_THREE_WAY,
                  &back);
        assert_string_equal(back.conflicts, conflicts);
        assert_true(copse_cid_equal(&back.root, &outcome.root));
        conflicted += conflicts[0] != '\0';
        merged_by_fields += outcome.stats.merged;
    }
    print_message("%zu of %d merges with conflicts, %llu documents merged by fields\n", conflicted,
                  MERGE_RUNS, (unsigned long long)merged_by_fields);
    assert_true(conflicted > MERGE_RUNS / 10 && conflicted < MERGE_RUNS * 9 / 10);
    assert_true(merged_by_fields > 5);
    database_world_release(&db);
}

static void test_unions_are_the_same_both_ways_and_in_any_order(void **state)
{
    (void)state;
    database_world db;
    uint64_t random = 5;
    database_world_init(&db, NULL);
    for (int run = 0; run < 10; run++) {
        merge_case world;
        merge_pair_outcome ab;
        merge_pair_outcome bc;
        merge_pair_outcome left;
        merge_pair_outcome right;
        merge_case_make(&db, &random, COPSE_DOCUMENTS_INLINE, &world);
        const copse_cid *a = &world.roots[0];
        const copse_cid *b = &world.roots[1];
        const copse_cid *c = &world.roots[2];
        merge_run(&db, NULL, a, b, COPSE_MERGE_UNION, &ab);
        assert_string_equal(ab.conflicts, "");
        merge_run(&db, NULL, b, c, COPSE_MERGE_UNION, &bc);
        merge_run(&db, NULL, &ab.root, c, COPSE_MERGE_UNION, &left);
        merge_run(&db, NULL, a, &bc.root, COPSE_MERGE_UNION, &right);
        assert_true(copse_cid_equal(&left.root, &right.root));
        merge_run(&db, NULL, &left.root, a, COPSE_MERGE_UNION, &right);
        assert_true(copse_cid_equal(&left.root, &right.root));
    }
    database_world_release(&db);
}

/* ---- The catalogue ---- */

/* What is done to a database: each letter an operation. */
static void merge_do(database_world *db, const char *operations)
{
    for (; *operations != '\0'; operations++) {
        switch (*operations) {
        case 'c': /* a collection with a document */
            database_world_create(db, "more", "_id", COPSE_DOCUMENTS_INLINE);
            database_world_insert(db, "more", "{\"_id\":1,\"a\":1}");
            break;
        case 'l': /* one of that name with other options */
            database_world_create(db, "more", "_id", COPSE_DOCUMENTS_LINKED);
            break;
        case 'd':
            assert_int_equal(
                copse_write_drop_collection(db->write, copse_bytes_of_text("posts"), &db->err),
                COPSE_OK);
            break;
        case 'i':
            database_world_index(db, "posts", "by-f2", "f2", NULL);
            break;
        case 'u':
            database_world_index(db, "posts", "by-f2", "f2", "unique");
            break;
        case 'r':
            assert_int_equal(copse_write_drop_index(db->write, copse_bytes_of_text("posts"),
                                                    copse_bytes_of_text("by-f0"), &db->err),
                             COPSE_OK);
            break;
        case 'o': /* another index of a name that there is */
            merge_do(db, "r");
            database_world_index(db, "posts", "by-f0", "f0,f2", NULL);
            break;
        case 'n':
            database_world_index(db, "posts", "by-f2", "f2", "unbuilt");
            break;
        case 'O':
            merge_do(db, "r");
            database_world_index(db, "posts", "by-f0", "f0,f2", "unbuilt");
            break;
        case 'w':
        case 'f':
            assert_int_equal(
                copse_write_set_merge(db->write, copse_bytes_of_text("posts"),
                                      *operations == 'w' ? COPSE_MERGE_LWW : COPSE_MERGE_FIELD_WISE,
                                      30, &db->err),
                COPSE_OK);
            break;
        case 'p':
            database_world_insert(db, "posts", "{\"_id\":1000,\"f2\":9}");
            break;
        default:
            fail_msg("no operation %c", *operations);
        }
    }
}

static copse_cid merge_done(database_world *db, const copse_cid *base, const char *operations)
{
    merge_pair_reopen(db, base);
    merge_do(db, operations);
    return merge_pair_commit(db);
}

typedef struct merge_catalogue_row {
    const char *ours;
    const char *theirs;
    const char *merged; /* from base; NULL: as ours */
    const char *conflicts;
    copse_merge_policy policy;
    const char *base; /* NULL: nothing is done to it */
} merge_catalogue_row;

static const merge_catalogue_row merge_catalogue_rows[] = {
    {"", "c", "c", "", COPSE_MERGE_THREE_WAY, NULL},
    {"p", "c", "pc", "", COPSE_MERGE_THREE_WAY, NULL},
    {"c", "c", "c", "", COPSE_MERGE_THREE_WAY, NULL},
    {"c", "l", NULL, " c more  -1", COPSE_MERGE_THREE_WAY, NULL},
    {"", "d", "d", "", COPSE_MERGE_THREE_WAY, NULL},
    {"d", "d", "d", "", COPSE_MERGE_THREE_WAY, NULL},
    {"p", "d", NULL, " c posts  -1", COPSE_MERGE_THREE_WAY, NULL},
    {"d", "i", NULL, " c posts  -1", COPSE_MERGE_THREE_WAY, NULL},
    {"d", "w", NULL, " c posts  -1", COPSE_MERGE_THREE_WAY, NULL},
    {"d", "c", "dc", "", COPSE_MERGE_THREE_WAY, NULL},
    {"", "i", "n", "", COPSE_MERGE_THREE_WAY, NULL},
    {"p", "i", "pn", "", COPSE_MERGE_THREE_WAY, NULL},
    {"i", "i", "i", "", COPSE_MERGE_THREE_WAY, NULL},
    {"i", "n", "n", "", COPSE_MERGE_THREE_WAY, NULL},
    {"n", "n", "n", "", COPSE_MERGE_THREE_WAY, NULL},
    {"i", "u", NULL, " i posts by-f2 -1", COPSE_MERGE_THREE_WAY, NULL},
    {"i", "", "", "", COPSE_MERGE_THREE_WAY, "n"}, /* built on one side: not in the outcome */
    {"i", "i", "i", "", COPSE_MERGE_THREE_WAY, "n"},
    {"", "r", "r", "", COPSE_MERGE_THREE_WAY, NULL},
    {"r", "p", "rp", "", COPSE_MERGE_THREE_WAY, NULL},
    {"r", "r", "r", "", COPSE_MERGE_THREE_WAY, NULL},
    {"p", "o", "pO", "", COPSE_MERGE_THREE_WAY, NULL},
    {"o", "o", "o", "", COPSE_MERGE_THREE_WAY, NULL},
    {"r", "o", NULL, " i posts by-f0 -1", COPSE_MERGE_THREE_WAY, NULL},
    {"", "w", "w", "", COPSE_MERGE_THREE_WAY, NULL},
    {"w", "w", "w", "", COPSE_MERGE_THREE_WAY, NULL},
    {"w", "f", NULL, " c posts  -1", COPSE_MERGE_THREE_WAY, NULL},
    {"", "f", "f", "", COPSE_MERGE_THREE_WAY, "w"},
    {"", "c", "c", "", COPSE_MERGE_UNION, NULL},
    {"", "d", "", "", COPSE_MERGE_UNION, NULL},
    {"r", "", "r", "", COPSE_MERGE_UNION, NULL}, /* an index is no data */
    {"i", "u", NULL, " i posts by-f2 -1", COPSE_MERGE_UNION, NULL},
    {"c", "l", NULL, " c more  -1", COPSE_MERGE_UNION, NULL},
};

static void test_catalogues_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof merge_catalogue_rows / sizeof merge_catalogue_rows[0]; i++) {
        const merge_catalogue_row *row = &merge_catalogue_rows[i];
        database_world db;
        merge_state content = {.docs = {{.is_there = true}, {.is_there = true, .fields = {1, 2}}}};
        merge_pair_outcome outcome;
        database_world_init(&db, NULL);
        copse_cid base = merge_build(&db, &content, COPSE_DOCUMENTS_INLINE);
        base = row->base != NULL ? merge_done(&db, &base, row->base) : base;
        copse_cid ours = merge_done(&db, &base, row->ours);
        copse_cid theirs = merge_done(&db, &base, row->theirs);
        copse_cid merged = row->merged != NULL ? merge_done(&db, &base, row->merged) : ours;
        merge_run(&db, &base, &ours, &theirs, row->policy, &outcome);
        if (strcmp(outcome.conflicts, row->conflicts) != 0 ||
            !copse_cid_equal(&outcome.root, &merged)) {
            fail_msg("%s | %s: conflicts '%s', %s", row->ours, row->theirs, outcome.conflicts,
                     copse_cid_equal(&outcome.root, &merged) ? "right" : "wrong root");
        }
        database_world_release(&db);
    }
}

/* ---- What is read, what is missing, what fails ---- */

static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    database_world db;
    uint64_t random = 3;
    merge_case world;
    merge_pair_outcome here;
    database_world_init(&db, NULL);
    merge_case_make(&db, &random, COPSE_DOCUMENTS_LINKED, &world);
    const merge_pair_case merge = {
        .base = &world.roots[0], .ours = &world.roots[1], .theirs = &world.roots[2]};
    merge_pair_run(&db, &merge, &here);
    print_message("%zu blocks fetched\n", merge_pair_fetch(&db, &merge, &here));
    database_world_release(&db);
}

typedef struct merge_sweep {
    database_world *db;
    merge_case world;
} merge_sweep;

static copse_status merge_sweep_run(const copse_env *env, void *ctx)
{
    merge_sweep *sweep = ctx;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    merge_pair_outcome outcome;
    copse_status status = copse_source_new(env, sweep->db->world.store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, source, &cache, NULL);
    }
    if (status == COPSE_OK) {
        const merge_pair_case merge = {.base = &sweep->world.roots[0],
                                       .ours = &sweep->world.roots[1],
                                       .theirs = &sweep->world.roots[2]};
        status = merge_pair_over(cache, NULL, &merge, &outcome, NULL);
    }
    copse_node_cache_free(cache);
    copse_source_free(source);
    return status;
}

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    merge_sweep sweep = {.db = &db};
    uint64_t random = 23;
    database_world_init(&db, NULL);
    merge_case_make(&db, &random, COPSE_DOCUMENTS_INLINE, &sweep.world);
    assert_true(test_env_sweep(merge_sweep_run, &sweep, 5000) > 20);
    database_world_release(&db);
}

/* Documents that swap, hand on or repair unique values on one side. */
static void test_unique_values_count_in_the_end(void **state)
{
    (void)state;
    static const char *const theirs[][3] = {
        {"{\"_id\":1,\"e\":7}", "{\"_id\":2,\"e\":6}", NULL}, /* swapped */
        {"{\"_id\":1,\"e\":8}", "{\"_id\":2,\"e\":6}", NULL}, /* handed on */
        {"{\"_id\":0,\"e\":7}", "{\"_id\":2,\"e\":9}", NULL}, /* to one before it */
    };
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        database_world db;
        merge_pair_outcome outcome;
        database_world_init(&db, NULL);
        database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
        database_world_index(&db, "posts", "e", "e", "unique");
        database_world_insert(&db, "posts", "{\"_id\":1,\"e\":6}");
        database_world_insert(&db, "posts", "{\"_id\":2,\"e\":7}");
        database_world_commit(&db);
        copse_cid base = *copse_tree_root(db.tree);
        copse_cid ours = merge_done(&db, &base, "p");
        merge_pair_reopen(&db, &base);
        database_world_delete(&db, "posts", "1");
        database_world_delete(&db, "posts", "2");
        for (size_t k = 0; theirs[i][k] != NULL; k++) {
            database_world_insert(&db, "posts", theirs[i][k]);
        }
        database_world_commit(&db);
        copse_cid other = *copse_tree_root(db.tree);
        merge_run(&db, &base, &ours, &other, COPSE_MERGE_THREE_WAY, &outcome);
        copse_cid expected = merge_done(&db, &other, "p");
        assert_true(copse_cid_equal(&outcome.root, &expected));
        database_world_release(&db);
    }
}

/* Theirs repaired what a unique index would refuse, and then made it: it comes unbuilt. */
static void test_a_new_unique_index_stops_no_merge(void **state)
{
    (void)state;
    database_world db;
    merge_pair_outcome outcome;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_insert(&db, "posts", "{\"_id\":1,\"f2\":6}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"f2\":6}");
    database_world_commit(&db);
    copse_cid base = *copse_tree_root(db.tree);
    copse_cid ours = merge_done(&db, &base, "p");
    merge_pair_reopen(&db, &base);
    database_world_delete(&db, "posts", "2");
    database_world_commit(&db);
    copse_cid repaired = *copse_tree_root(db.tree);
    copse_cid theirs = merge_done(&db, &repaired, "u");
    merge_run(&db, &base, &ours, &theirs, COPSE_MERGE_THREE_WAY, &outcome);
    merge_pair_reopen(&db, &repaired);
    merge_do(&db, "p");
    database_world_index(&db, "posts", "by-f2", "f2", "unique unbuilt");
    copse_cid expected = merge_pair_commit(&db);
    assert_true(copse_cid_equal(&outcome.root, &expected));
    database_world_release(&db);
}

/* Both sides made the collection anew with another primary key: what base has under a key is
 * another document. */
static void test_a_base_with_another_primary_key_is_none(void **state)
{
    (void)state;
    database_world db;
    merge_pair_outcome outcome;
    copse_cid roots[3];
    static const char *const names[3] = {"a", "b", "a"};
    database_world_init(&db, NULL);
    for (size_t i = 0; i < 3; i++) {
        char json[MERGE_JSON_SIZE];
        merge_pair_reopen(&db, NULL);
        database_world_create(&db, "posts", i == 0 ? "_id" : "id", COPSE_DOCUMENTS_INLINE);
        (void)snprintf(json, sizeof json, "{\"_id\":1,\"id\":%d,\"n\":\"%s\"}", i == 0 ? 5 : 1,
                       names[i]);
        database_world_insert(&db, "posts", json);
        database_world_commit(&db);
        roots[i] = *copse_tree_root(db.tree);
    }
    merge_run(&db, &roots[0], &roots[1], &roots[2], COPSE_MERGE_THREE_WAY, &outcome);
    assert_string_equal(outcome.conflicts, " d posts  1");
    database_world_release(&db);
}

static void test_without_a_base_only_unions_merge(void **state)
{
    (void)state;
    database_world db;
    merge_state content = {.docs = {{.is_there = true}}};
    merge_pair_outcome outcome;
    copse_err err = {.message = ""};
    database_world_init(&db, NULL);
    copse_cid root = merge_build(&db, &content, COPSE_DOCUMENTS_INLINE);
    copse_cid other = merge_done(&db, &root, "p");
    const merge_pair_case merge = {.ours = &root, .theirs = &other};
    assert_int_equal(merge_pair_over(db.world.cache, db.world.store, &merge, &outcome, &err),
                     COPSE_CONFLICT);
    assert_non_null(strstr(err.message, "no common past"));
    /* What only one has is taken, and what both have alike is no matter. */
    other = merge_done(&db, &root, "c");
    merge_run(&db, NULL, &root, &other, COPSE_MERGE_THREE_WAY, &outcome);
    assert_true(copse_cid_equal(&outcome.root, &other));
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_way_is_that_of_the_rules),
        cmocka_unit_test(test_unions_are_the_same_both_ways_and_in_any_order),
        cmocka_unit_test(test_catalogues_merge),
        cmocka_unit_test(test_unique_values_count_in_the_end),
        cmocka_unit_test(test_a_new_unique_index_stops_no_merge),
        cmocka_unit_test(test_a_base_with_another_primary_key_is_none),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
        cmocka_unit_test(test_without_a_base_only_unions_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
