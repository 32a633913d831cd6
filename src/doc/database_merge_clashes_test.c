/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/database_merge.h>

#include <copse/cursor.h>
#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_sides.h"
#include "support/merge_pair.h"

enum { CLASH_TEXT_SIZE = 2048 };

/* Operations: "put JSON", "del ID", "end ID" (of its conflict), separated by ';'. */
typedef struct clash_row {
    const char *name;
    const char *base;
    const char *ours; /* by a head that was made earlier than that of theirs */
    const char *theirs;
    const char *merged; /* the documents, and behind each that waits its index */
    const char *then;   /* NULL: nothing; else what ours does then, and theirs does "put 99" */
    const char *after;  /* merged again with that */
    copse_merge_policy policy;
} clash_row;

#define CLASH_ADA "{\"_id\":1,\"e\":\"ada\"}"
#define CLASH_TWO "{\"_id\":2,\"e\":\"ada\"}"
#define CLASH_BOB "{\"_id\":2,\"e\":\"bob\"}"
#define CLASH_LAST "{\"_id\":99}"

static const clash_row clash_rows[] = {
    {"the later of two that were inserted waits", "", "put " CLASH_TWO, "put " CLASH_ADA,
     "2:{\"_id\":2,\"e\":\"ada\"} 1~e:{\"_id\":1,\"e\":\"ada\"}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"what base has comes before all", "put {\"_id\":9,\"e\":\"ada\"}", "put {\"_id\":3,\"x\":1}",
     "put {\"_id\":4,\"e\":\"eve\"}",
     "3:{\"_id\":3,\"x\":1} 4:{\"_id\":4,\"e\":\"eve\"} 9:{\"_id\":9,\"e\":\"ada\"}",
     "put {\"_id\":5,\"e\":\"eva\"}",
     "3:{\"_id\":3,\"x\":1} 4:{\"_id\":4,\"e\":\"eve\"} 5:{\"_id\":5,\"e\":\"eva\"} "
     "9:{\"_id\":9,\"e\":\"ada\"} 99:{\"_id\":99}",
     COPSE_MERGE_THREE_WAY},
    {"one that moves to a value which the other side gave away", "put " CLASH_ADA,
     "put {\"_id\":1,\"e\":\"amy\"}", "put {\"_id\":2,\"e\":\"bob\"}",
     "1:{\"_id\":1,\"e\":\"amy\"} 2:{\"_id\":2,\"e\":\"bob\"}", NULL, NULL, COPSE_MERGE_THREE_WAY},
    {"both sides move two documents to each other's values", "put " CLASH_ADA ";put " CLASH_BOB,
     "del 1;put {\"_id\":2,\"e\":\"ada\"};put {\"_id\":1,\"e\":\"bob\"}", "put {\"_id\":3}",
     "1:{\"_id\":1,\"e\":\"bob\"} 2:{\"_id\":2,\"e\":\"ada\"} 3:{\"_id\":3}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"the holder is deleted: who waits comes back", "", "put " CLASH_ADA, "put " CLASH_TWO,
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"}", "del 1",
     "2:{\"_id\":2,\"e\":\"ada\"} 99:{\"_id\":99}", COPSE_MERGE_THREE_WAY},
    {"the holder stays: who waits does too", "", "put " CLASH_ADA, "put " CLASH_TWO,
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"}", "put {\"_id\":7}",
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"} 7:{\"_id\":7} 99:{\"_id\":99}",
     COPSE_MERGE_THREE_WAY},
    {"a conflict that was ended is gone", "", "put " CLASH_ADA, "put " CLASH_TWO,
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"}", "end 2;del 1", "99:{\"_id\":99}",
     COPSE_MERGE_THREE_WAY},
    {"one that waits gets another value", "", "put " CLASH_ADA, "put " CLASH_TWO,
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"}", "put {\"_id\":2,\"e\":\"eve\"}",
     "1:{\"_id\":1,\"e\":\"ada\"} 2:{\"_id\":2,\"e\":\"eve\"} 99:{\"_id\":99}",
     COPSE_MERGE_THREE_WAY},
    {"a chain: who waits for one that waits does not wait", "",
     "put {\"_id\":1,\"e\":\"a\",\"t\":1}", "put {\"_id\":2,\"e\":\"a\",\"t\":2}",
     "1:{\"_id\":1,\"e\":\"a\",\"t\":1} 2~e:{\"_id\":2,\"e\":\"a\",\"t\":2}",
     "put {\"_id\":3,\"t\":2}",
     "1:{\"_id\":1,\"e\":\"a\",\"t\":1} 2~e:{\"_id\":2,\"e\":\"a\",\"t\":2} "
     "3:{\"_id\":3,\"t\":2} 99:{\"_id\":99}",
     COPSE_MERGE_THREE_WAY},
    {"elements of arrays clash", "", "put {\"_id\":1,\"t\":[1,2]}", "put {\"_id\":2,\"t\":[2,3]}",
     "1:{\"_id\":1,\"t\":[1,2]} 2~t:{\"_id\":2,\"t\":[2,3]}", NULL, NULL, COPSE_MERGE_THREE_WAY},
    {"of two indexes the first by name is told", "", "put {\"_id\":1,\"e\":1,\"t\":1}",
     "put {\"_id\":2,\"e\":1,\"t\":1}",
     "1:{\"_id\":1,\"e\":1,\"t\":1} 2~e:{\"_id\":2,\"e\":1,\"t\":1}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"one document against two", "", "put {\"_id\":1,\"e\":1};put {\"_id\":2,\"t\":1}",
     "put {\"_id\":3,\"e\":1,\"t\":1}",
     "1:{\"_id\":1,\"e\":1} 2:{\"_id\":2,\"t\":1} 3~e:{\"_id\":3,\"e\":1,\"t\":1}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"a missing value clashes with nothing", "", "put {\"_id\":1,\"x\":1}",
     "put {\"_id\":2,\"x\":1}", "1:{\"_id\":1,\"x\":1} 2:{\"_id\":2,\"x\":1}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"in a union the primary key says who is first", "", "put " CLASH_TWO, "put " CLASH_ADA,
     "1:{\"_id\":1,\"e\":\"ada\"} 2~e:{\"_id\":2,\"e\":\"ada\"}", NULL, NULL, COPSE_MERGE_UNION},
    {"by versions", "", "put " CLASH_TWO, "put " CLASH_ADA,
     "2:{\"_id\":2,\"e\":\"ada\"} 1~e:{\"_id\":1,\"e\":\"ada\"}", "del 2",
     "1:{\"_id\":1,\"e\":\"ada\"} 99:{\"_id\":99}", COPSE_MERGE_LWW},
    {"by versions, ended", "", "put " CLASH_TWO, "put " CLASH_ADA,
     "2:{\"_id\":2,\"e\":\"ada\"} 1~e:{\"_id\":1,\"e\":\"ada\"}", "end 1;del 2", "99:{\"_id\":99}",
     COPSE_MERGE_LWW},
    {"by versions, written over and deleted", "", "put " CLASH_TWO, "put " CLASH_ADA,
     "2:{\"_id\":2,\"e\":\"ada\"} 1~e:{\"_id\":1,\"e\":\"ada\"}",
     "put {\"_id\":1,\"e\":\"amy\"};del 1;del 2", "99:{\"_id\":99}", COPSE_MERGE_LWW},
    {"what an index can't hold waits too", "put {\"_id\":1,\"a\":1,\"b\":1}",
     "put {\"_id\":1,\"a\":[1,2],\"b\":1}", "put {\"_id\":1,\"a\":1,\"b\":[1,2]}",
     "1~p:{\"_id\":1,\"a\":[1,2],\"b\":[1,2]}", "put {\"_id\":1,\"a\":[1,2],\"b\":3}",
     "1:{\"_id\":1,\"a\":[1,2],\"b\":3} 99:{\"_id\":99}", COPSE_MERGE_THREE_WAY},
    {"what waits for an index that can't hold it leaves its values to others",
     "put {\"_id\":1,\"a\":1,\"b\":1,\"e\":1}", "put {\"_id\":1,\"a\":[1,2],\"b\":1,\"e\":2}",
     "put {\"_id\":1,\"a\":1,\"b\":[1,2],\"e\":1};put {\"_id\":2,\"e\":2}",
     "2:{\"_id\":2,\"e\":2} 1~p:{\"_id\":1,\"a\":[1,2],\"b\":[1,2],\"e\":2}", NULL, NULL,
     COPSE_MERGE_THREE_WAY},
    {"by fields: the value of one goes with the version of another", "put {\"_id\":5,\"x\":1}",
     "put {\"_id\":5,\"x\":1,\"e\":\"ada\"}", "put {\"_id\":4,\"e\":\"ada\"}",
     "5:{\"_id\":5,\"e\":\"ada\",\"x\":1} 4~e:{\"_id\":4,\"e\":\"ada\"}", NULL, NULL,
     COPSE_MERGE_FIELD_WISE},
};

/* ---- Databases --------------------------------------------------------------------------------
 */

static uint64_t clash_clock(void *ctx)
{
    return ++*(uint64_t *)ctx;
}

static void clash_do(database_world *db, const char *operations)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s", operations);
    for (char *part = strtok(text, ";"); part != NULL; part = strtok(NULL, ";")) {
        if (strncmp(part, "put ", 4) == 0) {
            database_world_replace(db, "posts", part + 4, true);
        } else if (strncmp(part, "del ", 4) == 0) {
            database_world_delete(db, "posts", part + 4);
        } else {
            copse_bytes id = database_world_value(part + 4);
            assert_int_equal(copse_write_resolve(db->write, copse_bytes_of_text("posts"), id, NULL),
                             COPSE_OK);
            database_world_free(id);
        }
        database_world_commit(db);
    }
}

static copse_cid clash_done(database_world *db, const copse_cid *root, const char *operations)
{
    database_world_reopen(db, root);
    clash_do(db, operations);
    return *copse_tree_root(db->tree);
}

static copse_cid clash_begin(database_world *db, copse_merge_policy policy,
                             copse_documents_form form, uint64_t *clock)
{
    database_world_init(db, NULL);
    db->world.test.env.clock = clash_clock;
    db->world.test.env.clock_ctx = clock;
    database_world_create(db, "posts", "_id", form);
    database_world_index(db, "posts", "e", "e", "unique");
    database_world_index(db, "posts", "t", "t", "unique");
    database_world_index(db, "posts", "x", "x", NULL);
    database_world_index(db, "posts", "p", "a,b", NULL);
    assert_int_equal(
        copse_write_set_merge(db->write, copse_bytes_of_text("posts"), policy, 0, NULL), COPSE_OK);
    return merge_pair_commit(db);
}

static merge_pair_case clash_case(const copse_cid *base, const copse_cid *ours,
                                  const copse_cid *theirs, uint64_t time_ms)
{
    merge_pair_case merge = {.base = base, .ours = ours, .theirs = theirs};
    merge.ours_head.time_ms = time_ms;
    merge.ours_head.commit = *ours;
    merge.theirs_head.time_ms = time_ms + 1;
    merge.theirs_head.commit = *theirs;
    return merge;
}

/* ---- What there is ----------------------------------------------------------------------------
 */

static void clash_print(const database_world *db, const char *form, copse_bytes id,
                        copse_bytes index, copse_bytes document, char text[CLASH_TEXT_SIZE])
{
    size_t len = strlen(text);
    copse_buf json;
    copse_buf_init(&json, database_world_env(db), SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(database_world_env(db), id, false, &json, NULL),
                     COPSE_OK);
    len += (size_t)snprintf(text + len, CLASH_TEXT_SIZE - len, "%s%.*s%s%.*s:", len > 0 ? " " : "",
                            (int)json.len, (const char *)json.ptr, form, (int)index.len,
                            (const char *)index.ptr);
    copse_buf_truncate(&json, 0);
    assert_int_equal(copse_ext_json_from_cbor(database_world_env(db), document, false, &json, NULL),
                     COPSE_OK);
    (void)snprintf(text + len, CLASH_TEXT_SIZE - len, "%.*s", (int)json.len,
                   (const char *)json.ptr);
    copse_buf_release(&json);
}

typedef struct clash_shown {
    database_world *db;
    char text[CLASH_TEXT_SIZE];
} clash_shown;

static void clash_show_waiting(void *ctx, const copse_document_conflict *conflict)
{
    clash_shown *shown = ctx;
    clash_print(shown->db, "~", conflict->id, conflict->waiting.index, conflict->waiting.document,
                shown->text);
}

/* All documents by primary key, small numbers, then those that wait. */
static void clash_show(clash_shown *shown, const copse_cid *root)
{
    database_world *db = shown->db;
    copse_database *database = NULL;
    const copse_bytes posts = copse_bytes_of_text("posts");
    database_world_reopen(db, root);
    shown->text[0] = '\0';
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    for (uint8_t id = 0; id < 100; id++) {
        copse_document document = {.block = NULL};
        const uint8_t item[2] = {0x18, id};
        const copse_bytes key = {id < 24 ? &item[1] : item, id < 24 ? 1 : 2};
        copse_status status = copse_database_get(
            database, copse_database_collection(database, posts), key, &document, NULL);
        assert_true(status == COPSE_OK || status == COPSE_NOT_FOUND);
        if (status == COPSE_OK) {
            clash_print(db, "", key, (copse_bytes){NULL, 0}, document.encoded, shown->text);
        }
        copse_document_release(&document);
    }
    copse_database_close(database);
    (void)database_world_conflicts(db, "posts", clash_show_waiting, shown);
}

/* Whether the word, of this length, is one of those in `text`, which loses it. */
static bool clash_strike(char *text, const char *word, size_t len)
{
    for (char *at = text; *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
        if (strcspn(at, " ") == len && memcmp(at, word, len) == 0) {
            memset(at, '-', len);
            return true;
        }
    }
    return false;
}

/* Whether both have the same words; their order says nothing. */
static bool clash_same(const char *a, const char *b)
{
    char left[CLASH_TEXT_SIZE];
    bool same = strlen(a) == strlen(b);
    (void)snprintf(left, sizeof left, "%s", b);
    for (const char *word = a; *word != '\0' && same; word += *word == ' ') {
        size_t len = strcspn(word, " ");
        same = clash_strike(left, word, len);
        word += len;
    }
    return same;
}

static void clash_expect(database_world *db, const clash_row *row, const copse_cid *root,
                         const char *expected)
{
    clash_shown shown = {.db = db};
    clash_show(&shown, root);
    if (!clash_same(shown.text, expected)) {
        fail_msg("%s: %s, and not %s", row->name, shown.text, expected);
    }
}

static void clash_run(const clash_row *row, copse_documents_form form)
{
    database_world db;
    merge_pair_outcome outcome;
    uint64_t clock = 1000;
    copse_cid root = clash_begin(&db, row->policy, form, &clock);
    copse_cid base = clash_done(&db, &root, row->base);
    copse_cid ours = clash_done(&db, &base, row->ours);
    copse_cid theirs = clash_done(&db, &base, row->theirs);
    merge_pair_case merge = clash_case(&base, &ours, &theirs, 2000);
    merge_pair_run(&db, &merge, &outcome);
    (void)merge_pair_fetch(&db, &merge, &outcome);
    clash_expect(&db, row, &outcome.root, row->merged);
    if (row->then != NULL) {
        copse_cid merged = outcome.root;
        ours = clash_done(&db, &merged, row->then);
        theirs = clash_done(&db, &merged, "put " CLASH_LAST);
        merge_pair_check(&db, &ours);
        merge = clash_case(&merged, &ours, &theirs, 3000);
        merge_pair_run(&db, &merge, &outcome);
        (void)merge_pair_fetch(&db, &merge, &outcome);
        clash_expect(&db, row, &outcome.root, row->after);
    }
    database_world_release(&db);
}

static void test_who_clashes_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof clash_rows / sizeof clash_rows[0]; i++) {
        clash_run(&clash_rows[i], COPSE_DOCUMENTS_INLINE);
        clash_run(&clash_rows[i], COPSE_DOCUMENTS_LINKED);
    }
}

/* K2: nothing but the index differs, and who waited comes back, whichever side dropped it. */
static void test_an_index_that_is_dropped_lets_go(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_THREE_WAY; policy <= COPSE_MERGE_FIELD_WISE;
         policy++) {
        database_world db;
        merge_pair_outcome outcome;
        uint64_t clock = 1000;
        copse_cid base = clash_begin(&db, policy, COPSE_DOCUMENTS_INLINE, &clock);
        copse_cid ours = clash_done(&db, &base, "put " CLASH_ADA);
        copse_cid theirs = clash_done(&db, &base, "put " CLASH_TWO);
        merge_pair_case merge = clash_case(&base, &ours, &theirs, 2000);
        merge_pair_run(&db, &merge, &outcome);
        assert_int_equal(outcome.stats.waiting, 1);
        copse_cid merged = outcome.root;
        database_world_reopen(&db, &merged);
        assert_int_equal(copse_write_drop_index(db.write, copse_bytes_of_text("posts"),
                                                copse_bytes_of_text("e"), NULL),
                         COPSE_OK);
        copse_cid dropped = merge_pair_commit(&db);
        merge = clash_case(&merged, &merged, &dropped, 3000);
        merge_pair_run(&db, &merge, &outcome);
        assert_int_equal(outcome.stats.returned, 1);
        clash_shown shown = {.db = &db};
        clash_show(&shown, &outcome.root);
        assert_string_equal(shown.text, "1:" CLASH_ADA " 2:" CLASH_TWO);
        database_world_release(&db);
    }
}

/* Who goes on asking after the end hears of the end, also when those that clash were settled. */
static void test_the_end_stays_the_end(void **state)
{
    (void)state;
    database_world db;
    uint64_t clock = 1000;
    database_sides sides;
    copse_tree *merged = NULL;
    copse_database_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_cid base = clash_begin(&db, COPSE_MERGE_THREE_WAY, COPSE_DOCUMENTS_INLINE, &clock);
    const copse_cid roots[3] = {base, clash_done(&db, &base, "put " CLASH_ADA),
                                clash_done(&db, &base, "put " CLASH_TWO)};
    assert_int_equal(database_sides_open(db.world.cache, roots, &sides), COPSE_OK);
    const copse_database_merge_options options = {
        .base = sides.databases[0], .ours = sides.databases[1], .theirs = sides.databases[2]};
    assert_int_equal(copse_database_merge_new(&options, &merge, NULL), COPSE_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(copse_database_merge_next(merge, &conflict, NULL), COPSE_END);
        assert_int_equal(copse_database_merge_next(merge, &conflict, NULL), COPSE_END);
        assert_int_equal(copse_database_merge_apply(merge, db.world.store, &merged, NULL, NULL),
                         COPSE_OK);
        copse_tree_close(merged);
    }
    assert_int_equal(copse_database_merge_get_stats(merge).waiting, 1);
    copse_database_merge_free(merge);
    database_sides_close(&sides);
    database_world_release(&db);
}

/* ---- Failing allocations, also while those that clash are settled -----------------------------
 */

static void clash_sweep_all(copse_merge_policy policy)
{
    database_world db;
    uint64_t clock = 1000;
    merge_pair_outcome outcome;
    copse_cid root = clash_begin(&db, policy, COPSE_DOCUMENTS_LINKED, &clock);
    copse_cid base = clash_done(&db, &root, "put {\"_id\":7,\"x\":1}");
    copse_cid ours = clash_done(&db, &base, "put " CLASH_ADA ";put {\"_id\":7,\"x\":2}");
    copse_cid theirs = clash_done(&db, &base, "put " CLASH_TWO ";put {\"_id\":7,\"x\":3}");
    merge_pair_case merge = clash_case(&base, &ours, &theirs, 2000);
    merge.conflicts = COPSE_MERGE_CONFLICTS_RECORD;
    merge_pair_run(&db, &merge, &outcome); /* all blocks are there then */
    assert_int_equal(outcome.stats.waiting, 1);
    assert_true(merge_pair_sweep(&db, &merge, true) > 50);
    database_world_release(&db);
}

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    clash_sweep_all(COPSE_MERGE_THREE_WAY);
    clash_sweep_all(COPSE_MERGE_FIELD_WISE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_clashes_waits),
        cmocka_unit_test(test_an_index_that_is_dropped_lets_go),
        cmocka_unit_test(test_the_end_stays_the_end),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
