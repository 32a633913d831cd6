/* Merges of heads whose base was dropped: what does not depend on it is the same as with it, what
 * does is refused.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include "doc/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/head_world.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

/* A step of a write: what follows the word. */
typedef struct lost_step {
    const char *word;
    void (*run)(database_world *db, const char *collection, const char *argument);
} lost_step;

static void lost_make(database_world *db, const char *collection, const char *policy)
{
    static const char *const names[] = {"three-way", "union", "lww", "field-wise"};
    copse_merge_policy number = COPSE_MERGE_THREE_WAY;
    while (strcmp(names[number], policy) != 0) {
        number++;
    }
    database_world_create(db, collection, "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(
        copse_write_set_merge(db->write, copse_bytes_of_text(collection), number, 0, NULL),
        COPSE_OK);
}

static void lost_keep(database_world *db, const char *collection, const char *days)
{
    assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text(collection),
                                           COPSE_MERGE_LWW, (uint32_t)strtoul(days, NULL, 10),
                                           NULL),
                     COPSE_OK);
}

static void lost_put(database_world *db, const char *collection, const char *json)
{
    database_world_replace(db, collection, json, true);
}

static void lost_index(database_world *db, const char *collection, const char *field)
{
    database_world_index(db, collection, field, field, NULL);
}

/* The row of a conflict, of a form that is looked at by nobody here. */
static void lost_conflict(database_world *db, const char *collection, const char *id)
{
    copse_bytes key = database_world_value(id);
    copse_bytes value = database_world_value("{}");
    assert_int_equal(copse_write_put_row(db->write, COPSE_WRITE_CONFLICT_ROW,
                                         copse_bytes_of_text(collection), key, value, NULL, NULL),
                     COPSE_OK);
    database_world_free(key);
    database_world_free(value);
}

static const lost_step lost_steps[] = {
    {"make", lost_make},   {"keep", lost_keep},
    {"put", lost_put},     {"del", database_world_delete},
    {"index", lost_index}, {"conflict", lost_conflict},
};

/* Steps "word collection argument", separated by ';'. */
static void lost_run(database_world *db, const char *steps)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s", steps);
    for (char *part = strtok(text, ";"); part != NULL; part = strtok(NULL, ";")) {
        char *collection = strchr(part, ' ');
        char *argument = strchr(collection + 1, ' ');
        size_t i = 0;
        *collection++ = *argument++ = '\0';
        while (strcmp(lost_steps[i].word, part) != 0) {
            i++;
        }
        lost_steps[i].run(db, collection, argument);
    }
    database_world_commit(db);
}

/* A commit of what `steps` make of the tree `tree` of `parent` (NULL: of nothing). */
static copse_cid lost_commit(database_world *db, const copse_cid *parent, const copse_cid *tree,
                             const char *steps)
{
    database_world_reopen(db, tree);
    lost_run(db, steps);
    return head_world_commit_tree(db, parent, parent != NULL ? 1 : 0, steps);
}

typedef struct lost_outcome {
    copse_status status;
    copse_cid commit; /* END */
    copse_cid want;   /* WANT: the first */
    copse_err err;
} lost_outcome;

/* Merges over a source and a cache of its own: over the store, or if `is_sparse` over an empty one,
 * which is given what is wanted. */
static lost_outcome lost_merge(database_world *db, const copse_cid heads[2],
                               copse_merge_policy policy, bool is_base_lost, bool is_sparse)
{
    const copse_env *env = database_world_env(db);
    lost_outcome outcome = {.status = COPSE_OK};
    sparse_cache sparse;
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_block *block = NULL;
    size_t count = 0;
    assert_int_equal(is_sparse ? sparse_cache_init_own(&sparse, env, NULL)
                               : sparse_cache_init(&sparse, env, db->world.store),
                     COPSE_OK);
    const copse_head_merge_options options = {.cache = sparse.cache,
                                              .store = is_sparse ? sparse.store : db->world.store,
                                              .ours = heads[0],
                                              .theirs = heads[1],
                                              .is_base_lost = is_base_lost,
                                              .policy = policy};
    assert_int_equal(copse_head_merge_new(env, &options, &merge, NULL), COPSE_OK);
    do {
        outcome.status = copse_head_merge_next(merge, &conflict, &outcome.err);
    } while (is_sparse && outcome.status == COPSE_WANT &&
             want_supply_some(sparse.source, db->world.store, SIZE_MAX) > 0);
    assert_int_equal(copse_head_merge_wants_base(merge), outcome.status == COPSE_WANT);
    if (outcome.status == COPSE_WANT) {
        outcome.want = copse_source_wants(sparse.source, &count)[0];
    } else if (outcome.status == COPSE_END) {
        const copse_head_merge_result *result = copse_head_merge_get_result(merge);
        assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
        assert_int_equal(result->bases, 1);
        assert_int_equal(copse_commit_encode(env, &result->commit, &block, NULL), COPSE_OK);
        outcome.commit = *copse_block_cid(block);
        copse_block_unref(block);
    }
    copse_head_merge_free(merge);
    sparse_cache_release(&sparse);
    return outcome;
}

typedef struct lost_case {
    const char *base;
    const char *sides[2];
    copse_merge_policy policy;
    const char *refused; /* NULL: it merges as with the base */
} lost_case;

#define LWW "make a lww;put a {\"_id\":1,\"x\":1};put a {\"_id\":2};"
#define THREE "make a three-way;put a {\"_id\":1,\"x\":1};put a {\"_id\":2};"

static const lost_case lost_cases[] = {
    {LWW,
     {"put a {\"_id\":1,\"x\":2};del a 2", "put a {\"_id\":1,\"x\":3};put a {\"_id\":4}"},
     0,
     NULL},
    {"make a field-wise;put a {\"_id\":1,\"x\":1,\"y\":1}",
     {"put a {\"_id\":1,\"x\":2,\"y\":1}", "del a 1"},
     0,
     NULL},
    {"make a union;put a {\"_id\":1,\"x\":1}",
     {"put a {\"_id\":1,\"x\":2};put a {\"_id\":3}", "del a 1"},
     0,
     NULL},
    /* One that is three-way beside it is no hindrance where it is the same. */
    {LWW "make b three-way;put b {\"_id\":9}",
     {"del a 1;put b {\"_id\":8}", "put a {\"_id\":3};put b {\"_id\":8}"},
     0,
     NULL},
    {LWW "make b three-way;put b {\"_id\":9}",
     {"del a 1;put b {\"_id\":8}", "put a {\"_id\":3}"},
     0,
     "b: its documents differ"},
    {THREE, {"put a {\"_id\":1,\"x\":2}", "put a {\"_id\":3}"}, 0, "a: its documents differ"},
    {THREE, {"put a {\"_id\":1,\"x\":2}", "put a {\"_id\":3}"}, COPSE_MERGE_UNION, NULL},
    {THREE, {"del a 1", "put a {\"_id\":3};make b lww"}, COPSE_MERGE_UNION, NULL},
    {LWW, {"del a 1", "make b lww"}, 0, "b: one side has it"},
    {LWW, {"keep a 5", "del a 1"}, 0, "a: its options differ"},
    {LWW, {"index a x", "del a 1"}, 0, "a: its indexes differ"},
    {THREE, {"index a x", "del a 1"}, COPSE_MERGE_UNION, "a: its indexes differ"},
    {LWW, {"conflict a 7", "del a 1"}, 0, "a: its conflicts differ"},
    /* The policy was set behind the documents: those that no side has versions of. */
    {THREE, {"put a {\"_id\":1,\"x\":2};keep a 5", "keep a 5"}, 0, "a: documents from before"},
    {THREE, {"keep a 5", "del a 2;keep a 5"}, 0, "a: documents from before"},
    {THREE,
     {"keep a 5;put a {\"_id\":1,\"x\":2}", "put a {\"_id\":1,\"x\":3};keep a 5"},
     0,
     "a: documents from before"},
    {THREE,
     {"put a {\"_id\":2,\"x\":2};keep a 5", "keep a 5;del a 2"},
     0,
     "a: documents from before"},
    {THREE, {"keep a 5;put a {\"_id\":3}", "keep a 5;put a {\"_id\":4}"}, 0, NULL},
    {THREE, {"del a 2", "make b lww;put b {\"_id\":1};del b 1"}, COPSE_MERGE_UNION, NULL},
};

static void lost_check(const lost_case *lost)
{
    database_world db;
    copse_cid heads[2];
    database_world_init(&db, NULL);
    copse_cid base = lost_commit(&db, NULL, NULL, lost->base);
    const copse_cid tree = *copse_tree_root(db.tree);
    for (size_t side = 0; side < 2; side++) {
        heads[side] = lost_commit(&db, &base, &tree, lost->sides[side]);
    }
    lost_outcome with = {.status = COPSE_CONFLICT};
    if (lost->refused == NULL) {
        with = lost_merge(&db, heads, lost->policy, false, false);
    }
    assert_int_equal(copse_store_remove(db.world.store, &tree, 1, NULL), COPSE_OK);
    lost_outcome refused = lost_merge(&db, heads, lost->policy, false, false);
    assert_int_equal(refused.status, COPSE_WANT);
    assert_true(copse_cid_equal(&refused.want, &tree));
    for (unsigned turn = 0; turn < 4; turn++) {
        const copse_cid turned[2] = {heads[turn & 1], heads[1 - (turn & 1)]};
        lost_outcome without = lost_merge(&db, turned, lost->policy, true, turn >= 2);
        if (without.status != (lost->refused != NULL ? COPSE_CONFLICT : COPSE_END)) {
            fail_msg("%s: %s: %s", lost->sides[0], copse_status_name(without.status),
                     without.err.message);
        }
        if (lost->refused != NULL) {
            assert_non_null(strstr(without.err.message, lost->refused));
        } else {
            assert_true(copse_cid_equal(&with.commit, &without.commit));
        }
    }
    database_world_release(&db);
}

static void test_what_does_not_depend_on_the_base_is_merged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lost_cases / sizeof *lost_cases; i++) {
        lost_check(&lost_cases[i]);
    }
}

/* ---- Memory ---- */

typedef struct lost_sweep {
    database_world *db;
    copse_cid heads[2];
} lost_sweep;

static copse_status lost_sweep_run(const copse_env *env, void *ctx)
{
    lost_sweep *sweep = ctx;
    sparse_cache sparse;
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_status status = sparse_cache_init(&sparse, env, sweep->db->world.store);
    if (status == COPSE_OK) {
        const copse_head_merge_options options = {.cache = sparse.cache,
                                                  .store = sweep->db->world.store,
                                                  .ours = sweep->heads[0],
                                                  .theirs = sweep->heads[1],
                                                  .is_base_lost = true};
        status = copse_head_merge_new(env, &options, &merge, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_head_merge_next(merge, &conflict, NULL);
    }
    copse_head_merge_free(merge);
    sparse_cache_release(&sparse);
    return status == COPSE_CONFLICT ? COPSE_OK : status;
}

/* Refused, so that the store takes in no block of the run. */
static void test_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    lost_sweep sweep = {.db = &db};
    database_world_init(&db, NULL);
    copse_cid base = lost_commit(&db, NULL, NULL, LWW "make b three-way;put b {\"_id\":9}");
    const copse_cid tree = *copse_tree_root(db.tree);
    sweep.heads[0] = lost_commit(&db, &base, &tree, "del a 1;put b {\"_id\":8}");
    sweep.heads[1] = lost_commit(&db, &base, &tree, "put a {\"_id\":3}");
    assert_true(test_env_sweep(lost_sweep_run, &sweep, 2000) > 20);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_depend_on_the_base_is_merged),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
