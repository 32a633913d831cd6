/* Watches: what is told, by which index, and what is refused. That it is right for any documents,
 * filters and indexes is tests/watch_model_test.c; what is wanted, watch_want_test.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/watch.h>

#include "support/database_plant.h"
#include "support/watch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a watch told, and how. */
typedef struct watch_outcome {
    watch_told told;
    char index[64];
    copse_watch_stats stats;
} watch_outcome;

static void outcome_end(watch_outcome *self, const copse_watch *watch)
{
    copse_bytes index = copse_watch_index(watch);
    (void)snprintf(self->index, sizeof self->index, "%.*s", (int)index.len,
                   (const char *)index.ptr);
    self->stats = copse_watch_get_stats(watch);
}

/* Watches with all blocks there; `before` NULL: nothing was there. END or what it failed with. */
static copse_status watch_roots(database_world *db, const copse_cid *before, const copse_cid *after,
                                const watch_question *asked, watch_outcome *ret_outcome,
                                copse_err *err)
{
    watch_states both = {.cache = db->world.cache};
    copse_query *query = NULL;
    copse_watch *watch = NULL;
    copse_watch_change change;
    both.roots[0] = before != NULL ? *before : *after;
    both.roots[1] = *after;
    *ret_outcome = (watch_outcome){.index = ""};
    assert_int_equal(watch_states_open(&both, NULL), COPSE_OK);
    assert_int_equal(watch_question_prepare(database_world_env(db), asked, &query, NULL), COPSE_OK);
    copse_status status = copse_watch_new(query, before != NULL ? both.databases[0] : NULL,
                                          both.databases[1], asked->membership_only, &watch, err);
    while (status == COPSE_OK) {
        status = copse_watch_next(watch, &change, err);
        if (status == COPSE_OK) {
            watch_told_add(&ret_outcome->told, &change);
        }
    }
    if (watch != NULL) {
        outcome_end(ret_outcome, watch);
    }
    copse_watch_free(watch);
    copse_query_free(query);
    watch_states_close(&both);
    return status;
}

static copse_cid root_of(const database_world *db)
{
    return *copse_tree_root(db->tree);
}

static copse_status watch_between(database_world *db, const copse_cid *before,
                                  const watch_question *asked, watch_outcome *ret_outcome,
                                  copse_err *err)
{
    const copse_cid after = root_of(db);
    return watch_roots(db, before, &after, asked, ret_outcome, err);
}

/* Fails the test unless this is told, by this index ("": the documents, or several). */
static void assert_tells(database_world *db, const copse_cid *before, const watch_question *asked,
                         const char *text, const char *index)
{
    watch_outcome outcome;
    copse_err err = {.message = ""};
    if (watch_between(db, before, asked, &outcome, &err) != COPSE_END) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(outcome.told.text, text);
    assert_string_equal(outcome.index, index);
}

/* ---- What is told ---------------------------------------------------------------------------- */

static void test_tells(void **state)
{
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    for (int i = 0; i < 6; i++) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d,\"t\":0}", i, i % 2);
        database_world_insert(&db, "posts", json);
    }
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    database_world_replace(&db, "posts", "{\"_id\":0,\"a\":1,\"t\":0}", false);
    database_world_replace(&db, "posts", "{\"_id\":1,\"a\":1,\"t\":1}", false);
    database_world_replace(&db, "posts", "{\"_id\":3,\"a\":0,\"t\":0}", false);
    database_world_delete(&db, "posts", "5");
    database_world_replace(&db, "posts", "{\"_id\":4,\"a\":2,\"t\":7}", false);
    database_world_insert(&db, "posts", "{\"_id\":9,\"a\":1}");
    database_world_commit(&db);
    const watch_question all = {.collection = "posts", .filter = "{\"a\":1}"};
    const watch_question members = {
        .collection = "posts", .filter = "{\"a\":1}", .membership_only = true};
    const watch_question one = {.collection = "posts", .filter = "{\"a\":1,\"_id\":{\"$lte\":1}}"};
    const watch_question other = {.collection = "people", .filter = "{\"a\":1}"};
    assert_tells(&db, &before, &all, "+0 ~1 -3 -5 +9 ", "");
    assert_tells(&db, &before, &members, "+0 -3 -5 +9 ", "");
    assert_tells(&db, &before, &one, "+0 ~1 ", "");
    assert_tells(&db, NULL, &all, "+0 +1 +9 ", "");
    assert_tells(&db, &before, &other, "", "");
    const copse_cid now = root_of(&db);
    assert_tells(&db, &now, &all, "", "");
    database_world_release(&db);
}

/* K2: an index with links shows what changes in other fields; of documents that are not linked it
 * doesn't, and is not taken; nor is one that does not decide the filter alone. */
static void test_links(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        database_world db;
        database_world_init(&db, NULL);
        database_world_create(&db, "posts", "_id",
                              form == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
        database_world_index(&db, "posts", "a", "a", "link");
        database_world_index(&db, "posts", "at", "a,t", "link unbuilt");
        database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1,\"t\":0}");
        database_world_insert(&db, "posts", "{\"_id\":2,\"a\":2,\"t\":0}");
        database_world_insert(&db, "posts", "{\"_id\":3,\"a\":1,\"t\":0}");
        database_world_commit(&db);
        const copse_cid before = root_of(&db);
        database_world_replace(&db, "posts", "{\"_id\":1,\"a\":1,\"t\":5}", false);
        database_world_replace(&db, "posts", "{\"_id\":2,\"a\":2,\"t\":5}", false);
        database_world_replace(&db, "posts", "{\"_id\":3,\"a\":1,\"t\":4}", false);
        database_world_commit(&db);
        const watch_question asked = {.collection = "posts", .filter = "{\"a\":1}"};
        const watch_question narrow = {.collection = "posts", .filter = "{\"a\":1,\"t\":5}"};
        assert_tells(&db, &before, &asked, "~1 ~3 ", form == 0 ? "" : "a");
        assert_tells(&db, &before, &narrow, "+1 ", "");
        database_world_release(&db);
    }
}

/* A document of so many letters in `text`, malloc'ed. */
static char *large_document(size_t size, int n)
{
    char *json = malloc(size + 64);
    assert_non_null(json);
    int head = sprintf(json, "{\"_id\":1,\"a\":1,\"n\":%d,\"text\":\"", n);
    memset(json + head, 'x', size);
    memcpy(json + head + size, "\"}", 3);
    return json;
}

/* K2, in brackets: a document in chunks has no link in its entries. That it becomes one shows. */
static void test_chunks(void **state)
{
    enum { SMALL = 2000, LARGE = 1200000 };
    static const struct {
        size_t size;
        int n;
        const char *by_index;
    } steps[] = {{SMALL, 1, "~1 "}, {LARGE, 1, "~1 "}, {LARGE, 2, ""}, {SMALL, 2, "~1 "}};
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", "link");
    database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1}");
    database_world_commit(&db);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const copse_cid before = root_of(&db);
        char *json = large_document(steps[i].size, steps[i].n);
        database_world_replace(&db, "posts", json, false);
        database_world_commit(&db);
        free(json);
        const watch_question asked = {.collection = "posts", .filter = "{\"a\":1}"};
        const watch_question natural = {
            .collection = "posts", .filter = "{\"a\":1}", .hint = "$natural"};
        assert_tells(&db, &before, &asked, steps[i].by_index, "a");
        assert_tells(&db, &before, &natural, "~1 ", "");
    }
    database_world_release(&db);
}

/* K2: whether a document in chunks begins or ceases to match is told, whatever field decides it. */
static void test_chunks_that_match_no_more(void **state)
{
    enum { LARGE = 1200000 };
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", "link");
    char *json = large_document(LARGE, 1);
    database_world_insert(&db, "posts", json);
    free(json);
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    json = large_document(LARGE, 2);
    database_world_replace(&db, "posts", json, false);
    free(json);
    database_world_commit(&db);
    const watch_question gone = {.collection = "posts", .filter = "{\"a\":1,\"n\":1}"};
    const watch_question new = {.collection = "posts", .filter = "{\"a\":1,\"n\":2}"};
    assert_tells(&db, &before, &gone, "-1 ", "");
    assert_tells(&db, &before, &new, "+1 ", "");
    database_world_release(&db);
}

/* W5: a document in chunks that leaves one of two ranges is still in the other. */
static void test_chunks_of_arrays(void **state)
{
    enum { LARGE = 1200000 };
    static const char *const tags[] = {"[\"a\",\"b\"]", "[\"b\"]", "[\"a\",\"b\",\"c\"]"};
    database_world db;
    copse_cid roots[3];
    char *text = malloc(LARGE + 1);
    char *json = malloc(LARGE + 100);
    (void)state;
    assert_non_null(text);
    assert_non_null(json);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "tags", "tags[]", "link");
    for (size_t i = 0; i < 3; i++) {
        (void)sprintf(json, "{\"_id\":1,\"tags\":%s,\"text\":\"%s\"}", tags[i], text);
        if (i == 0) {
            database_world_insert(&db, "posts", json);
        } else {
            database_world_replace(&db, "posts", json, false);
        }
        database_world_commit(&db);
        roots[i] = root_of(&db);
        const watch_question asked = {.collection = "posts",
                                      .filter = "{\"tags\":{\"$in\":[\"a\",\"b\"]}}"};
        if (i > 0) {
            assert_tells(&db, &roots[i - 1], &asked, "~1 ", "tags");
        }
    }
    free(text);
    free(json);
    database_world_release(&db);
}

/* K3: a document stays a match when an element of its array is added or taken away. */
static void test_membership_of_arrays(void **state)
{
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "tags", "tags[]", NULL);
    database_world_insert(&db, "posts", "{\"_id\":1,\"tags\":[\"a\"]}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"tags\":[\"a\",\"b\"]}");
    database_world_insert(&db, "posts", "{\"_id\":3,\"tags\":[\"a\",\"b\"]}");
    database_world_insert(&db, "posts", "{\"_id\":4,\"tags\":[\"x\"]}");
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    database_world_replace(&db, "posts", "{\"_id\":1,\"tags\":[\"a\",\"b\"]}", false);
    database_world_replace(&db, "posts", "{\"_id\":2,\"tags\":[\"b\"]}", false);
    database_world_replace(&db, "posts", "{\"_id\":3,\"tags\":[\"c\"]}", false);
    database_world_replace(&db, "posts", "{\"_id\":4,\"tags\":[\"x\",\"b\",\"a\"]}", false);
    database_world_commit(&db);
    const watch_question asked = {
        .collection = "posts",
        .filter = "{\"tags\":{\"$in\":[\"a\",\"b\"]}}",
        .membership_only = true,
    };
    const watch_question all = {.collection = "posts", .filter = asked.filter};
    assert_tells(&db, &before, &asked, "-3 +4 ", "tags");
    assert_tells(&db, &before, &all, "~1 ~2 -3 +4 ", "");
    database_world_release(&db);
}

/* Where the states don't agree on an index, the documents are compared. */
static void test_another_definition(void **state)
{
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "i", "a", "link");
    database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1,\"b\":0}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"a\":1,\"b\":1}");
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    assert_int_equal(copse_write_drop_index(db.write, copse_bytes_of_text("posts"),
                                            copse_bytes_of_text("i"), NULL),
                     COPSE_OK);
    database_world_commit(&db);
    database_world_index(&db, "posts", "i", "a,-b", "link");
    database_world_replace(&db, "posts", "{\"_id\":2,\"a\":1,\"b\":2}", false);
    database_world_commit(&db);
    const watch_question asked = {.collection = "posts", .filter = "{\"a\":1}"};
    assert_tells(&db, &before, &asked, "~2 ", "");
    const watch_question hinted = {.collection = "posts", .filter = "{\"a\":1}", .hint = "i"};
    watch_outcome outcome;
    copse_err err;
    assert_int_equal(watch_between(&db, &before, &hinted, &outcome, &err), COPSE_MISUSE);
    database_world_release(&db);
}

/* W1: rows that differ where documents don't: the collection was made anew in another form. */
static void test_another_form(void **state)
{
    database_world db;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"a\":1}");
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    assert_int_equal(copse_write_drop_collection(db.write, copse_bytes_of_text("posts"), NULL),
                     COPSE_OK);
    database_world_commit(&db);
    const copse_cid dropped = root_of(&db);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", "link");
    database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1}");
    database_world_insert(&db, "posts", "{\"_id\":2,\"a\":1,\"b\":2}");
    database_world_commit(&db);
    const watch_question asked = {.collection = "posts", .filter = "{\"a\":1}"};
    assert_tells(&db, &before, &asked, "~2 ", "");
    assert_tells(&db, &dropped, &asked, "+1 +2 ", "a");
    database_world_release(&db);
}

/* The branches of an $or each by its index; a document that moves between them is one change. */
static void test_union(void **state)
{
    database_world db;
    char json[64];
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", "link");
    database_world_index(&db, "posts", "b", "b", "link");
    for (int i = 0; i < 400; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d,\"b\":%d}", i, i, 1000 - i);
        database_world_insert(&db, "posts", json);
    }
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    database_world_replace(&db, "posts", "{\"_id\":3,\"a\":-1,\"b\":-7}", false);
    database_world_replace(&db, "posts", "{\"_id\":4,\"a\":3,\"b\":-7}", false);
    database_world_replace(&db, "posts", "{\"_id\":200,\"a\":0,\"b\":0}", false);
    database_world_commit(&db);
    const watch_question asked = {.collection = "posts",
                                  .filter = "{\"$or\":[{\"a\":3},{\"b\":-7}]}"};
    watch_outcome outcome;
    copse_err err = {.message = ""};
    assert_int_equal(watch_between(&db, &before, &asked, &outcome, &err), COPSE_END);
    assert_string_equal(outcome.told.text, "~3 +4 ");
    assert_int_equal(outcome.stats.rows, 4); /* of the 200th document none */
    database_world_release(&db);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void test_hints(void **state)
{
    database_world db;
    watch_outcome outcome;
    copse_err err;
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", NULL);
    database_world_index(&db, "posts", "b", "b", "link");
    database_world_insert(&db, "posts", "{\"_id\":1,\"a\":1,\"b\":1}");
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    database_world_insert(&db, "posts", "{\"_id\":2,\"a\":1,\"b\":1}");
    database_world_commit(&db);
    watch_question asked = {.collection = "posts", .filter = "{\"b\":1}", .hint = "b"};
    assert_tells(&db, &before, &asked, "+2 ", "b");
    asked.filter = "{\"a\":1,\"b\":1}";
    assert_int_equal(watch_between(&db, &before, &asked, &outcome, &err), COPSE_MISUSE);
    assert_non_null(strstr(err.message, "\"b\""));
    asked.hint = "$natural";
    assert_tells(&db, &before, &asked, "+2 ", "");
    asked.hint = "none";
    assert_int_equal(watch_between(&db, &before, &asked, &outcome, &err), COPSE_NOT_FOUND);
    asked.hint = "a";
    assert_int_equal(watch_between(&db, &before, &asked, &outcome, &err), COPSE_MISUSE);
    assert_non_null(strstr(err.message, "\"a\""));
    asked.filter = "{\"a\":1}";
    asked.membership_only = true;
    assert_tells(&db, &before, &asked, "+2 ", "a");
    database_world_release(&db);
}

static void test_two_caches(void **state)
{
    database_world dbs[2];
    copse_database *databases[2] = {NULL, NULL};
    copse_query *query = NULL;
    copse_watch *watch = NULL;
    const watch_question asked = {.collection = "posts", .filter = "{}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        database_world_init(&dbs[i], NULL);
        assert_int_equal(copse_database_open(dbs[i].tree, &databases[i], NULL), COPSE_OK);
    }
    assert_int_equal(watch_question_prepare(database_world_env(&dbs[0]), &asked, &query, NULL),
                     COPSE_OK);
    assert_int_equal(copse_watch_new(query, databases[0], databases[1], false, &watch, NULL),
                     COPSE_MISUSE);
    assert_null(watch);
    assert_null(copse_watch_free(NULL));
    copse_query_free(query);
    for (size_t i = 0; i < 2; i++) {
        copse_database_close(databases[i]);
        database_world_release(&dbs[i]);
    }
}

/* J2's memory: what differs in an index, and no more than the limit. */
static void test_limit(void **state)
{
    database_world db;
    char json[64];
    watch_outcome outcome;
    copse_err err;
    (void)state;
    database_world_init(&db, NULL);
    db.world.test.env.limits.query_memory_bytes_max = 64 << 10;
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "posts", "a", "a", "link");
    database_world_insert(&db, "posts", "{\"_id\":-1,\"a\":0}");
    database_world_commit(&db);
    const copse_cid before = root_of(&db);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"a\":%d}", i, i % 2);
        database_world_insert(&db, "posts", json);
    }
    database_world_commit(&db);
    const watch_question asked = {.collection = "posts", .filter = "{\"a\":1}", .hint = "a"};
    assert_int_equal(watch_between(&db, &before, &asked, &outcome, &err), COPSE_LIMIT);
    database_world_release(&db);
}

/* W4: an entry that leads to another document, or to none. */
static void test_lying_entries(void **state)
{
    (void)state;
    for (size_t lie = 0; lie < 2; lie++) {
        plant_world plant;
        watch_outcome outcome;
        copse_err err;
        plant_bytes value;
        database_plant_init(&plant);
        const copse_cid sound = root_of(&plant.db);
        const char *collection = lie == 0 ? "links" : "posts";
        plant_bytes key = database_plant_row(&plant, collection, "n", 0, true, NULL);
        if (lie == 0) {
            (void)database_plant_row(&plant, collection, "n", 1, true, &value);
            database_plant_put(&plant, key, value);
        } else {
            database_plant_delete(&plant, database_plant_document_key(&plant, collection, "1"));
        }
        const copse_cid root = database_plant_apply(&plant);
        const watch_question asked = {
            .collection = collection, .filter = "{\"n\":{\"$gte\":-1000}}", .hint = "n"};
        assert_int_equal(
            watch_roots(&plant.db, lie == 0 ? &sound : NULL, &root, &asked, &outcome, &err),
            COPSE_CORRUPT);
        assert_non_null(strstr(err.message, "index entry"));
        copse_store_close(plant.damaged);
        database_plant_release(&plant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunks_that_match_no_more),
        cmocka_unit_test(test_chunks_of_arrays),
        cmocka_unit_test(test_membership_of_arrays),
        cmocka_unit_test(test_another_definition),
        cmocka_unit_test(test_another_form),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_two_caches),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_lying_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
