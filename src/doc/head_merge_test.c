/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_merge.h>

#include <copse/database_conflicts.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/want_supply.h"

/* A commit of what `operations` make of the first parent's tree: "put JSON", "del ID", "keep
 * DAYS" or "days DAYS" each, separated by ';'. */
static copse_cid head_commit(database_world *db, const copse_cid *parents, size_t count,
                             const char *operations)
{
    const copse_env *env = database_world_env(db);
    char text[512];
    copse_cid tree;
    copse_commit commit;
    copse_block *block = NULL;
    if (count > 0) {
        assert_int_equal(copse_store_get(db->world.store, &parents[0], &block, NULL), COPSE_OK);
        assert_int_equal(copse_commit_decode(env, block, &commit, NULL), COPSE_OK);
        copse_block_unref(block);
        copse_tree_close(db->tree);
        db->tree = tree_world_open(&db->world, &commit.tree);
    } else {
        copse_tree_config config;
        assert_int_equal(copse_tree_get_config(db->tree, &config, NULL), COPSE_OK);
        copse_tree_close(db->tree);
        assert_int_equal(copse_tree_new(db->world.cache, db->world.store, &config, &db->tree, NULL),
                         COPSE_OK);
        database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
        database_world_index(db, "posts", "n", "n", "unique");
    }
    (void)snprintf(text, sizeof text, "%s", operations);
    for (char *part = strtok(text, ";"); part != NULL; part = strtok(NULL, ";")) {
        if (strncmp(part, "keep ", 5) == 0) { /* last writers win, and deletions are kept so long */
            assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text("posts"),
                                                   COPSE_MERGE_LWW,
                                                   (uint32_t)strtoul(part + 5, NULL, 10), NULL),
                             COPSE_OK);
        } else if (strncmp(part, "days ", 5) == 0) { /* an option that says nothing here */
            assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text("posts"),
                                                   COPSE_MERGE_THREE_WAY,
                                                   (uint32_t)strtoul(part + 5, NULL, 10), NULL),
                             COPSE_OK);
        } else if (strncmp(part, "put ", 4) == 0) {
            database_world_replace(db, "posts", part + 4, true);
        } else {
            database_world_delete(db, "posts", part + 4);
        }
    }
    database_world_commit(db);
    tree = *copse_tree_root(db->tree);
    assert_int_equal(copse_commit_next(env, db->world.source, &tree, parents, count, &commit, NULL),
                     COPSE_OK);
    commit.message = copse_bytes_of_text(operations);
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(db->world.store, &block, 1, NULL), COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

typedef struct head_outcome {
    copse_head_merge_result result;
    copse_cid commit; /* of a MADE one */
    size_t conflicts;
    copse_err err;
} head_outcome;

/* Blocks that `cache`'s source wants come from `from`. */
static copse_status head_merge_over(const copse_env *env, const copse_head_merge_options *options,
                                    copse_store *from, head_outcome *ret_outcome)
{
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_source *source = copse_node_cache_source(options->cache);
    *ret_outcome = (head_outcome){.conflicts = 0};
    copse_status status = copse_head_merge_new(env, options, &merge, &ret_outcome->err);
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_head_merge_next(merge, &conflict, &ret_outcome->err);
        ret_outcome->conflicts += status == COPSE_OK;
        if (status == COPSE_WANT) {
            (void)want_supply_some(source, from, SIZE_MAX);
        }
    }
    if (status == COPSE_END) {
        ret_outcome->result = *copse_head_merge_get_result(merge);
        status = COPSE_OK;
    }
    if (status == COPSE_OK && ret_outcome->result.kind == COPSE_HEAD_MERGE_MADE) {
        copse_block *block = NULL;
        status = copse_commit_encode(env, &ret_outcome->result.commit, &block, &ret_outcome->err);
        if (status == COPSE_OK) {
            ret_outcome->commit = *copse_block_cid(block);
            status = copse_store_put(options->store, &block, 1, &ret_outcome->err);
        }
        copse_block_unref(block);
    }
    copse_head_merge_free(merge);
    return status;
}

static copse_status head_merge(database_world *db, const copse_cid *ours, const copse_cid *theirs,
                               copse_merge_policy policy, copse_merge_conflicts conflicts,
                               head_outcome *ret_outcome)
{
    const copse_head_merge_options options = {.cache = db->world.cache,
                                              .store = db->world.store,
                                              .ours = *ours,
                                              .theirs = *theirs,
                                              .policy = policy,
                                              .conflicts = conflicts,
                                              .author = copse_bytes_of_text("did:key:z6MkOurs"),
                                              .message = copse_bytes_of_text("as I say")};
    return head_merge_over(database_world_env(db), &options, NULL, ret_outcome);
}

/* Merges both ways; unless conflicts are refused both make the same commit. */
static void head_merge_both_ways(database_world *db, const copse_cid *a, const copse_cid *b,
                                 copse_merge_conflicts conflicts, head_outcome *ret_outcome)
{
    head_outcome back;
    copse_status status = head_merge(db, a, b, COPSE_MERGE_THREE_WAY, conflicts, ret_outcome);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), ret_outcome->err.message);
    }
    assert_int_equal(head_merge(db, b, a, COPSE_MERGE_THREE_WAY, conflicts, &back), COPSE_OK);
    assert_int_equal(ret_outcome->conflicts, back.conflicts);
    assert_int_equal(ret_outcome->result.bases, back.result.bases);
    if (ret_outcome->conflicts == 0 && ret_outcome->result.kind == COPSE_HEAD_MERGE_MADE) {
        assert_true(copse_cid_equal(&ret_outcome->commit, &back.commit));
    }
}

static void head_expect(database_world *db, const copse_cid *tree, const char *id,
                        const char *expected)
{
    copse_tree_close(db->tree);
    db->tree = tree_world_open(&db->world, tree);
    char *json = database_world_get(db, "posts", id);
    if (expected == NULL) {
        assert_null(json);
    } else {
        assert_non_null(json);
        assert_string_equal(json, expected);
    }
    free(json);
}

/* The number of conflicts that a tree has. */
static size_t head_conflicts(database_world *db, const copse_cid *tree)
{
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict = NULL;
    size_t count = 0;
    copse_tree_close(db->tree);
    db->tree = tree_world_open(&db->world, tree);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(
        copse_database_conflicts_new(database, copse_bytes_of_text("posts"), &conflicts, NULL),
        COPSE_OK);
    while (copse_database_conflicts_next(conflicts, &conflict, NULL) == COPSE_OK) {
        count++;
    }
    copse_database_conflicts_free(conflicts);
    copse_database_close(database);
    return count;
}

/* A history that was merged crosswise: a and b went on from the root, each then merged the other,
 * keeping its own tree but for `operations`, of the root, a, b, and the two merges. */
typedef struct head_cross {
    copse_cid a;
    copse_cid b;
    copse_cid merged_a;
    copse_cid merged_b;
} head_cross;

static head_cross head_cross_make(database_world *db, const char *const operations[5])
{
    copse_cid root = head_commit(db, NULL, 0, operations[0]);
    head_cross cross = {.a = head_commit(db, &root, 1, operations[1])};
    cross.b = head_commit(db, &root, 1, operations[2]);
    const copse_cid ab[2] = {cross.a, cross.b};
    const copse_cid ba[2] = {cross.b, cross.a};
    cross.merged_a = head_commit(db, ab, 2, operations[3]);
    cross.merged_b = head_commit(db, ba, 2, operations[4]);
    return cross;
}

/* x was changed on both sides, and each decided for its own. */
static const char *const head_x_decided_twice[5] = {
    "put {\"_id\":1,\"x\":0};put {\"_id\":2}", "put {\"_id\":1,\"x\":1}", "put {\"_id\":1,\"x\":2}",
    "put {\"_id\":3,\"by\":\"a\"}", "put {\"_id\":4,\"by\":\"b\"}"};

static void test_what_comes_from_the_other_is_no_merge(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1}");
    copse_cid next = head_commit(&db, &root, 1, "put {\"_id\":2,\"n\":2}");
    assert_int_equal(head_merge(&db, &root, &next, COPSE_MERGE_THREE_WAY,
                                COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_FORWARD);
    assert_int_equal(head_merge(&db, &next, &root, COPSE_MERGE_THREE_WAY,
                                COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_NOTHING);
    assert_int_equal(head_merge(&db, &next, &next, COPSE_MERGE_THREE_WAY,
                                COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
                     COPSE_OK);
    assert_int_equal(outcome.result.kind, COPSE_HEAD_MERGE_NOTHING);
    database_world_release(&db);
}

static void test_both_ways_make_one_commit(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1};put {\"_id\":2,\"n\":2}");
    copse_cid a = head_commit(&db, &root, 1, "put {\"_id\":1,\"n\":1,\"a\":1};put {\"_id\":3}");
    copse_cid b = head_commit(&db, &root, 1, "put {\"_id\":1,\"n\":1,\"b\":1};del 2");
    (void)head_commit(&db, &root, 1,
                      "put {\"_id\":1,\"n\":1,\"a\":1,\"b\":1};put {\"_id\":3};del 2");
    copse_cid expected = *copse_tree_root(db.tree);
    head_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 0);
    assert_int_equal(outcome.result.bases, 1);
    assert_true(copse_cid_equal(&outcome.result.commit.tree, &expected));
    assert_int_equal(outcome.result.commit.parents_count, 2);
    assert_int_equal(outcome.result.stats.inserted + outcome.result.stats.merged +
                         outcome.result.stats.deleted,
                     2); /* into either: one document merged, and one inserted or deleted */
    /* A conflict is told, and ours stays. */
    copse_cid c = head_commit(&db, &root, 1, "put {\"_id\":1,\"n\":7}");
    copse_cid d = head_commit(&db, &root, 1, "put {\"_id\":1,\"n\":8}");
    head_merge_both_ways(&db, &c, &d, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 1);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"n\":7}");
    database_world_release(&db);
}

/* x was decided differently on both sides: that is a conflict again, whichever of the bases comes
 * first; all else merges from what the bases make together. */
static void test_crosswise_histories_merge_their_bases_first(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                         &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.conflicts, 1);
    head_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_RECORD,
                         &outcome);
    assert_int_equal(outcome.result.stats.recorded, 1);
    head_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"by\":\"a\"}");
    head_expect(&db, &outcome.result.commit.tree, "4", "{\"_id\":4,\"by\":\"b\"}");
    database_world_release(&db);
}

static void test_strangers_only_unite(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid a = head_commit(&db, NULL, 0, "put {\"_id\":1}");
    copse_cid b = head_commit(&db, NULL, 0, "put {\"_id\":2}");
    assert_int_equal(
        head_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
        COPSE_CONFLICT);
    assert_non_null(strstr(outcome.err.message, "no common past"));
    assert_int_equal(
        head_merge(&db, &a, &b, COPSE_MERGE_UNION, COPSE_MERGE_CONFLICTS_REFUSE, &outcome),
        COPSE_OK);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1}");
    head_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2}");
    database_world_release(&db);
}

/* The document of the head that was made later waits, whichever is ours. */
static void test_who_clashes_waits(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_commit(&db, NULL, 0, "put {\"_id\":1,\"n\":1}");
    copse_cid a = head_commit(&db, &root, 1, "put {\"_id\":3,\"n\":5}");
    copse_cid b = head_commit(&db, &root, 1, "put {\"_id\":4}");
    b = head_commit(&db, &b, 1, "put {\"_id\":2,\"n\":5}");
    head_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.conflicts, 0);
    assert_int_equal(outcome.result.stats.waiting, 1);
    head_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"n\":5}");
    head_expect(&db, &outcome.result.commit.tree, "2", NULL);
    database_world_release(&db);
}

/* W7: 2 or 3 waits (whose head is the later by its CID). It is written over, which ends nothing
 * that shows, and deleted: when its old value is free again, it stays away. */
static void test_what_waited_and_was_deleted_stays_away(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    char text[64];
    database_world_init(&db, NULL);
    copse_cid root = head_commit(&db, NULL, 0, "put {\"_id\":1}");
    copse_cid a = head_commit(&db, &root, 1, "put {\"_id\":2,\"n\":5}");
    copse_cid b = head_commit(&db, &root, 1, "put {\"_id\":3,\"n\":5}");
    head_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    copse_cid both = outcome.commit;
    copse_tree_close(db.tree);
    db.tree = tree_world_open(&db.world, &outcome.result.commit.tree);
    char *json = database_world_get(&db, "posts", "2");
    const char *waits = json == NULL ? "2" : "3";
    const char *stays = json == NULL ? "3" : "2";
    free(json);
    (void)snprintf(text, sizeof text, "put {\"_id\":%s,\"n\":9}", waits);
    copse_cid written = head_commit(&db, &both, 1, text);
    (void)snprintf(text, sizeof text, "del %s", waits);
    copse_cid deleted = head_commit(&db, &written, 1, text);
    (void)snprintf(text, sizeof text, "del %s", stays);
    copse_cid freed = head_commit(&db, &both, 1, text);
    head_merge_both_ways(&db, &deleted, &freed, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    head_expect(&db, &outcome.result.commit.tree, waits, NULL);
    head_expect(&db, &outcome.result.commit.tree, stays, NULL);
    database_world_release(&db);
}

static void test_conflicts_are_recorded_or_settled(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    copse_cid root = head_commit(&db, NULL, 0, "put {\"_id\":1,\"x\":0};put {\"_id\":2}");
    copse_cid a = head_commit(&db, &root, 1, "put {\"_id\":1,\"a\":1,\"x\":1};del 2");
    copse_cid b =
        head_commit(&db, &root, 1, "put {\"_id\":1,\"b\":1,\"x\":2};put {\"_id\":2,\"y\":1}");
    b = head_commit(&db, &b, 1, "put {\"_id\":4}");
    head_merge_both_ways(&db, &a, &b, COPSE_MERGE_CONFLICTS_RECORD, &outcome);
    assert_int_equal(outcome.result.stats.recorded, 2);
    assert_int_equal(outcome.result.commit.author.len, 0);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":2}");
    head_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2,\"y\":1}");
    assert_int_equal(
        head_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_OURS, &outcome),
        COPSE_OK);
    assert_int_equal(outcome.result.stats.settled, 2);
    assert_true(copse_cid_equal(&outcome.result.commit.parents[0], &a));
    assert_true(copse_bytes_equal(outcome.result.commit.message, copse_bytes_of_text("as I say")));
    assert_true(outcome.result.commit.author.len > 0);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":1}");
    head_expect(&db, &outcome.result.commit.tree, "2", NULL);
    assert_int_equal(
        head_merge(&db, &a, &b, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_THEIRS, &outcome),
        COPSE_OK);
    assert_true(copse_cid_equal(&outcome.result.commit.parents[0], &a));
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"a\":1,\"b\":1,\"x\":2}");
    head_expect(&db, &outcome.result.commit.tree, "2", "{\"_id\":2,\"y\":1}");
    /* Without a conflict it is the automatic merge, whatever was to be done with one. */
    copse_cid c = head_commit(&db, &root, 1, "put {\"_id\":5}");
    assert_int_equal(
        head_merge(&db, &a, &c, COPSE_MERGE_THREE_WAY, COPSE_MERGE_CONFLICTS_OURS, &outcome),
        COPSE_OK);
    assert_int_equal(outcome.result.commit.message.len, 0);
    database_world_release(&db);
}

static uint64_t head_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

/* Deletions are kept for ten days: who parted before that has to be cloned anew. */
static void test_old_replicas_are_refused(void **state)
{
    (void)state;
    static const uint64_t day_ms = 86400000;
    for (uint64_t age = 0; age < 2; age++) {
        database_world db;
        head_outcome outcome;
        uint64_t now_ms = 20000 * day_ms;
        database_world_init(&db, NULL);
        db.world.test.env.clock = head_clock;
        db.world.test.env.clock_ctx = &now_ms;
        copse_cid root = head_commit(&db, NULL, 0, "keep 10;put {\"_id\":1}");
        copse_cid a = head_commit(&db, &root, 1, "put {\"_id\":2}");
        now_ms += 10 * day_ms + age;
        copse_cid b = head_commit(&db, &root, 1, "del 1");
        const copse_cid *heads[2] = {&a, &b};
        for (size_t ours = 0; ours < 2; ours++) {
            copse_status status =
                head_merge(&db, heads[ours], heads[1 - ours], COPSE_MERGE_THREE_WAY,
                           COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
            assert_int_equal(status, age == 0 ? COPSE_OK : COPSE_CONFLICT);
            assert_true((strstr(outcome.err.message, "cloned anew") != NULL) == (age == 1));
        }
        database_world_release(&db);
    }
}

/* Both sides settled one clash, each in its own way: their bases clash, what they are does not. */
static void test_bases_that_clash_are_no_obstacle(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {"put {\"_id\":9}", "put {\"_id\":1,\"n\":5}",
                                              "put {\"_id\":2,\"n\":5}", "put {\"_id\":3}",
                                              "del 2;put {\"_id\":1,\"n\":5};put {\"_id\":4}"};
    const head_cross cross = head_cross_make(&db, operations);
    head_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                         &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.conflicts, 0);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"n\":5}");
    database_world_release(&db);
}

/* The bases differ in an option of the collection: their documents merge all the same. So what each
 * side did to what it has of the other is the only change. */
static void test_bases_merge_documents_of_disputed_collections(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {
        "put {\"_id\":1,\"x\":0};put {\"_id\":3,\"x\":0}", "days 10;put {\"_id\":1,\"x\":1}",
        "days 20;put {\"_id\":3,\"x\":1}",
        "days 30;put {\"_id\":3,\"x\":1};put {\"_id\":1,\"x\":2}",
        "days 30;put {\"_id\":1,\"x\":1};put {\"_id\":3,\"x\":2}"};
    const head_cross cross = head_cross_make(&db, operations);
    head_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                         &outcome);
    assert_int_equal(outcome.conflicts, 0);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"x\":2}");
    head_expect(&db, &outcome.result.commit.tree, "3", "{\"_id\":3,\"x\":2}");
    database_world_release(&db);
}

/* Two heads with three bases, of which the second and the third have a past that the first has not:
 * what the third wrote over it is no conflict with the second. */
static void head_three_bases_make(database_world *db, copse_cid *ret_ours, copse_cid *ret_theirs)
{
    copse_cid bases[3];
    copse_cid root = head_commit(db, NULL, 0, "put {\"_id\":1,\"x\":0}");
    copse_cid past = head_commit(db, &root, 1, "put {\"_id\":1,\"x\":1}");
    bases[1] = head_commit(db, &past, 1, "put {\"_id\":5}");
    bases[2] = head_commit(db, &past, 1, "put {\"_id\":1,\"x\":2}");
    bool is_first = false;
    for (int id = 10; !is_first; id++) { /* bases are taken in the order of their CIDs */
        char operations[64];
        (void)snprintf(operations, sizeof operations, "put {\"_id\":%d}", id);
        bases[0] = head_commit(db, &root, 1, operations);
        is_first = copse_cid_compare(&bases[0], &bases[1]) < 0 &&
                   copse_cid_compare(&bases[0], &bases[2]) < 0;
    }
    *ret_ours = head_commit(db, bases, 3, "put {\"_id\":1,\"x\":2}");
    *ret_theirs = head_commit(db, bases, 3, "put {\"_id\":1,\"x\":3}");
}

static void test_each_base_parts_from_all_before_it(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    copse_cid ours;
    copse_cid theirs;
    database_world_init(&db, NULL);
    head_three_bases_make(&db, &ours, &theirs);
    head_merge_both_ways(&db, &ours, &theirs, COPSE_MERGE_CONFLICTS_REFUSE, &outcome);
    assert_int_equal(outcome.result.bases, 3);
    assert_int_equal(outcome.conflicts, 0);
    head_expect(&db, &outcome.result.commit.tree, "1", "{\"_id\":1,\"x\":3}");
    database_world_release(&db);
}

/* Both merged the bases and kept the conflict; one has ended it since: it does not come back. */
static void test_a_resolved_conflict_stays_resolved(void **state)
{
    (void)state;
    database_world db;
    head_outcome outcome;
    database_world_init(&db, NULL);
    static const char *const operations[5] = {"put {\"_id\":1,\"x\":0}", "put {\"_id\":1,\"x\":1}",
                                              "put {\"_id\":1,\"x\":2}", "put {\"_id\":3}",
                                              "put {\"_id\":4}"};
    const head_cross cross = head_cross_make(&db, operations);
    /* What both made of a and b by hand has no conflict, where an automatic merge has one. */
    head_merge_both_ways(&db, &cross.a, &cross.b, COPSE_MERGE_CONFLICTS_RECORD, &outcome);
    assert_int_equal(outcome.result.stats.recorded, 1);
    const head_outcome recorded = outcome;
    copse_block *block = NULL;
    assert_int_equal(
        copse_commit_encode(database_world_env(&db), &outcome.result.commit, &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_put(db.world.store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    head_merge_both_ways(&db, &recorded.commit, &cross.merged_a, COPSE_MERGE_CONFLICTS_RECORD,
                         &outcome);
    assert_int_equal(outcome.result.bases, 2);
    assert_int_equal(outcome.result.stats.recorded, 0);
    assert_int_equal(head_conflicts(&db, &recorded.result.commit.tree), 1);
    assert_int_equal(head_conflicts(&db, &outcome.result.commit.tree), 0);
    database_world_release(&db);
}

static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    database_world db;
    head_outcome here;
    head_outcome there;
    copse_store *store = NULL;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_merge_both_ways(&db, &cross.merged_a, &cross.merged_b, COPSE_MERGE_CONFLICTS_REFUSE,
                         &here);
    const copse_env *env = database_world_env(&db);
    assert_int_equal(copse_memory_store_new(env, &store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, store, &source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, source, &cache, NULL), COPSE_OK);
    const copse_head_merge_options options = {
        .cache = cache, .store = store, .ours = cross.merged_a, .theirs = cross.merged_b};
    assert_int_equal(head_merge_over(env, &options, db.world.store, &there), COPSE_OK);
    assert_true(copse_cid_equal(&there.commit, &here.commit));
    copse_node_cache_free(cache);
    copse_source_free(source);
    copse_store_close(store);
    database_world_release(&db);
}

/* ---- Failing allocations --------------------------------------------------------------------- */

typedef struct head_sweep {
    copse_store *from;
    copse_cid ours;
    copse_cid theirs;
} head_sweep;

/* Where copies of blocks go. */
typedef struct head_copy {
    const copse_env *env;
    copse_store *to;
} head_copy;

static copse_status head_copy_block(void *ctx, copse_block *from, copse_err *err)
{
    head_copy *copy = ctx;
    copse_block *block = NULL;
    copse_status status =
        copse_block_new(copy->env, copse_block_cid(from), copse_block_data(from), &block, err);
    if (status == COPSE_OK) {
        status = copse_store_put(copy->to, &block, 1, err);
    }
    copse_block_unref(block);
    return status;
}

static copse_status head_sweep_run(const copse_env *env, void *ctx)
{
    const head_sweep *sweep = ctx;
    copse_store *store = NULL;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    head_outcome outcome;
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status == COPSE_OK) {
        head_copy copy = {env, store};
        status = copse_store_iterate(sweep->from, head_copy_block, &copy, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_source_new(env, store, &source, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, source, &cache, NULL);
    }
    if (status == COPSE_OK) {
        const copse_head_merge_options options = {
            .cache = cache, .store = store, .ours = sweep->ours, .theirs = sweep->theirs};
        status = head_merge_over(env, &options, NULL, &outcome);
    }
    copse_node_cache_free(cache);
    copse_source_free(source);
    copse_store_close(store);
    return status;
}

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    database_world_init(&db, NULL);
    const head_cross cross = head_cross_make(&db, head_x_decided_twice);
    head_sweep sweep = {db.world.store, cross.merged_a, cross.merged_b};
    assert_true(test_env_sweep(head_sweep_run, &sweep, 5000) > 50);
    head_three_bases_make(&db, &sweep.ours, &sweep.theirs);
    assert_true(test_env_sweep(head_sweep_run, &sweep, 5000) > 50);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_from_the_other_is_no_merge),
        cmocka_unit_test(test_both_ways_make_one_commit),
        cmocka_unit_test(test_crosswise_histories_merge_their_bases_first),
        cmocka_unit_test(test_strangers_only_unite),
        cmocka_unit_test(test_who_clashes_waits),
        cmocka_unit_test(test_what_waited_and_was_deleted_stays_away),
        cmocka_unit_test(test_conflicts_are_recorded_or_settled),
        cmocka_unit_test(test_old_replicas_are_refused),
        cmocka_unit_test(test_bases_that_clash_are_no_obstacle),
        cmocka_unit_test(test_bases_merge_documents_of_disputed_collections),
        cmocka_unit_test(test_each_base_parts_from_all_before_it),
        cmocka_unit_test(test_a_resolved_conflict_stays_resolved),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
