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
    database_world_reopen(db, NULL);
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
            len += (size_t)snprintf(ret_conflicts + len, 1024 - len, " document:posts:%d", id);
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

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    merge_case world;
    uint64_t random = 23;
    database_world_init(&db, NULL);
    merge_case_make(&db, &random, COPSE_DOCUMENTS_INLINE, &world);
    const merge_pair_case merge = {
        .base = &world.roots[0], .ours = &world.roots[1], .theirs = &world.roots[2]};
    assert_true(merge_pair_sweep(&db, &merge, false) > 20);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_way_is_that_of_the_rules),
        cmocka_unit_test(test_unions_are_the_same_both_ways_and_in_any_order),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
