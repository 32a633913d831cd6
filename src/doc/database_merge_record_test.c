/* Three-way merges that settle their conflicts, over several rounds, with a unique index: against a
 * model.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/merge_pair.h"

enum { RECORD_IDS = 10, RECORD_FIELDS = 3, RECORD_JSON_SIZE = 96, RECORD_VALUES = 6 };

static const char *const record_fields[RECORD_FIELDS] = {"e", "f", "g"}; /* e: in a unique index */

/* ---- The model: by the words of database_merge.h ----------------------------------------------
 */

typedef struct record_written {
    uint64_t ms; /* heads of one merge differ in it */
    char author; /* 0: none */
} record_written;

typedef struct record_doc {
    bool is_there;
    int values[RECORD_FIELDS]; /* 0: the field is missing */
    bool is_waiting;
    record_written written; /* of one that waits */
    int sides;              /* names the sides of its conflict; 0: it has none */
} record_doc;

typedef struct record_state {
    record_doc docs[RECORD_IDS];
} record_state;

/* A merge of the model. */
typedef struct record_merge {
    copse_merge_conflicts conflicts;
    record_written heads[2]; /* ours, theirs */
    int sides_last;          /* the last name that was given */
} record_merge;

static bool record_same(const record_doc *a, const record_doc *b)
{
    return a->is_there == b->is_there && memcmp(a->values, b->values, sizeof a->values) == 0;
}

/* Merges the fields of a document that both have. Whether that is a conflict. */
static bool record_merge_fields(const record_doc *base, const record_doc *first,
                                const record_doc *second, record_doc *ret_merged)
{
    bool is_conflict = !base->is_there;
    *ret_merged = *first;
    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        if (base->values[i] == first->values[i]) {
            ret_merged->values[i] = second->values[i];
        } else if (base->values[i] != second->values[i]) {
            is_conflict = is_conflict || first->values[i] != second->values[i];
        }
    }
    return is_conflict;
}

/* Both changed it, differently. Whether that is a conflict. */
static bool record_merge_both(const record_merge *merge, const record_doc *base,
                              const record_doc *ours, const record_doc *theirs,
                              record_doc *ret_merged)
{
    bool is_theirs = merge->conflicts == COPSE_MERGE_CONFLICTS_THEIRS ||
                     (merge->conflicts == COPSE_MERGE_CONFLICTS_RECORD &&
                      merge->heads[1].ms > merge->heads[0].ms);
    if (ours->is_there && theirs->is_there) {
        return is_theirs ? record_merge_fields(base, theirs, ours, ret_merged)
                         : record_merge_fields(base, ours, theirs, ret_merged);
    }
    if (merge->conflicts == COPSE_MERGE_CONFLICTS_RECORD) {
        is_theirs = theirs->is_there;
    }
    *ret_merged = is_theirs ? *theirs : *ours;
    return true;
}

static record_written record_later(record_written a, record_written b)
{
    return a.ms > b.ms || (a.ms == b.ms && a.author > b.author) ? a : b;
}

static record_doc record_merge_doc(record_merge *merge, const record_doc *base,
                                   const record_doc *ours, const record_doc *theirs)
{
    record_doc merged = record_same(base, theirs) ? *ours : *theirs;
    const record_doc *sides[2] = {ours, theirs};
    bool is_any = !record_same(base, ours) || !record_same(base, theirs);
    bool is_conflict = false;
    if (!record_same(base, ours) && !record_same(base, theirs) && !record_same(ours, theirs)) {
        is_conflict = record_merge_both(merge, base, ours, theirs, &merged);
    }
    merged.written = (record_written){0, 0};
    for (size_t i = 0; i < 2; i++) {
        if (is_any ? !record_same(base, sides[i]) : sides[i]->is_waiting) {
            merged.written = record_later(merged.written, sides[i]->is_waiting ? sides[i]->written
                                                                               : merge->heads[i]);
        }
    }
    merged.sides = ours->sides == base->sides     ? theirs->sides
                   : theirs->sides == base->sides ? ours->sides
                   : ours->sides == 0             ? theirs->sides
                   : theirs->sides == 0           ? ours->sides
                                                  : ++merge->sides_last;
    if (is_conflict && merge->conflicts == COPSE_MERGE_CONFLICTS_RECORD) {
        merged.sides = ++merge->sides_last;
    }
    return merged;
}

/* Who of all may be in the collection. */
static void record_settle(record_state *state)
{
    bool is_taken[RECORD_VALUES + 1] = {false};
    bool is_done[RECORD_IDS] = {false};
    for (size_t n = 0; n < RECORD_IDS; n++) {
        record_doc *next = NULL;
        for (size_t id = 0; id < RECORD_IDS; id++) {
            record_doc *doc = &state->docs[id];
            bool is_before =
                next == NULL || doc->written.ms < next->written.ms ||
                (doc->written.ms == next->written.ms && doc->written.author < next->written.author);
            next = !is_done[id] && is_before ? doc : next;
        }
        is_done[next - state->docs] = true;
        next->is_waiting = next->is_there && next->values[0] != 0 && is_taken[next->values[0]];
        if (next->is_there) {
            is_taken[next->values[0]] = true;
        }
    }
}

/* ---- The database -----------------------------------------------------------------------------
 */

typedef struct record_side {
    record_state state;
    copse_cid root;
} record_side;

typedef struct record_world {
    database_world db;
    uint64_t random;
    uint64_t now_ms;
    record_merge model;
    uint64_t waited;
    uint64_t returned;
    uint64_t in_conflict;
} record_world;

static void record_json(size_t id, const record_doc *doc, char ret_json[RECORD_JSON_SIZE])
{
    int len = snprintf(ret_json, RECORD_JSON_SIZE, "{\"_id\":%d", (int)id);
    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        if (doc->values[i] != 0) {
            len += snprintf(ret_json + len, RECORD_JSON_SIZE - (size_t)len, ",\"%s\":%d",
                            record_fields[i], doc->values[i]);
        }
    }
    (void)snprintf(ret_json + len, RECORD_JSON_SIZE - (size_t)len, "}");
}

static bool record_has_value(const record_state *state, int value, size_t but)
{
    bool has = false;
    for (size_t id = 0; id < RECORD_IDS; id++) {
        const record_doc *doc = &state->docs[id];
        has = has || (id != but && value != 0 && doc->is_there && !doc->is_waiting &&
                      doc->values[0] == value);
    }
    return has;
}

static void record_put(record_world *world, record_side *side, size_t id)
{
    record_doc *doc = &side->state.docs[id];
    record_doc next = *doc;
    char json[RECORD_JSON_SIZE];
    bool is_new = !doc->is_there || doc->is_waiting;
    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        if (is_new || test_random_below(&world->random, RECORD_FIELDS) == 0) {
            next.values[i] = (int)test_random_below(&world->random, RECORD_VALUES);
        }
    }
    if (!record_has_value(&side->state, next.values[0], id)) {
        next.is_there = true;
        next.is_waiting = false;
        *doc = next;
        record_json(id, doc, json);
        database_world_replace(&world->db, "posts", json, true);
        database_world_commit(&world->db);
    }
}

/* Deletes it, or ends its conflict. */
static void record_drop(record_world *world, record_side *side, size_t id)
{
    record_doc *doc = &side->state.docs[id];
    char json[RECORD_JSON_SIZE];
    (void)snprintf(json, sizeof json, "%d", (int)id);
    if (doc->is_waiting || doc->sides != 0) {
        copse_bytes item = database_world_value(json);
        assert_int_equal(
            copse_write_resolve(world->db.write, copse_bytes_of_text("posts"), item, NULL),
            COPSE_OK);
        database_world_free(item);
        doc->sides = 0;
        doc->is_there = doc->is_there && !doc->is_waiting;
    } else {
        database_world_delete(&world->db, "posts", json);
        doc->is_there = false;
    }
    if (!doc->is_there) {
        memset(doc->values, 0, sizeof doc->values);
        doc->is_waiting = false;
    }
    database_world_commit(&world->db);
}

static record_side record_work(record_world *world, const record_side *from, size_t changes)
{
    record_side side = *from;
    database_world_reopen(&world->db, &from->root);
    for (size_t i = 0; i < changes; i++) {
        size_t id = test_random_below(&world->random, RECORD_IDS);
        if (test_random_below(&world->random, 4) == 0) {
            record_drop(world, &side, id);
        } else {
            record_put(world, &side, id);
        }
    }
    side.root = *copse_tree_root(world->db.tree);
    return side;
}

/* ---- Comparing --------------------------------------------------------------------------------
 */

/* What the rows of conflicts say. */
typedef struct record_rows {
    bool are_waiting[RECORD_IDS];
    bool have_sides[RECORD_IDS];
} record_rows;

static void record_note(void *ctx, const copse_document_conflict *conflict)
{
    record_rows *rows = ctx;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, conflict->id);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    rows->are_waiting[item.arg] = conflict->waiting.document.len > 0;
    rows->have_sides[item.arg] = conflict->sides_count > 0;
}

static void record_expect(record_world *world, const record_side *side)
{
    record_rows rows = {.are_waiting = {false}};
    const bool *waiting = rows.are_waiting;
    const bool *sides = rows.have_sides;
    database_world_reopen(&world->db, &side->root);
    (void)database_world_conflicts(&world->db, NULL, record_note, &rows);
    for (size_t id = 0; id < RECORD_IDS; id++) {
        const record_doc *doc = &side->state.docs[id];
        char key[8];
        char json[RECORD_JSON_SIZE];
        (void)snprintf(key, sizeof key, "%d", (int)id);
        record_json(id, doc, json);
        char *found = database_world_get(&world->db, "posts", key);
        bool is_there = doc->is_there && !doc->is_waiting;
        if ((found != NULL) != is_there || (is_there && strcmp(found, json) != 0) ||
            waiting[id] != doc->is_waiting || sides[id] != (doc->sides != 0)) {
            fail_msg("%d: %s%s%s, and not %s%s%s", (int)id, found != NULL ? found : "nothing",
                     waiting[id] ? ", waiting" : "", sides[id] ? ", in conflict" : "",
                     is_there ? json : "nothing", doc->is_waiting ? ", waiting" : "",
                     doc->sides != 0 ? ", in conflict" : "");
        }
        world->waited += doc->is_waiting;
        world->in_conflict += doc->sides != 0;
        free(found);
    }
}

static copse_merge_head record_head(record_world *world, record_written *ret_written)
{
    static const char authors[] = "abc";
    const char *author = &authors[test_random_below(&world->random, sizeof authors)];
    world->now_ms += 1 + test_random_below(&world->random, 5);
    copse_merge_head head = {.time_ms = world->now_ms,
                             .author = {(const uint8_t *)author, *author != '\0'}};
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR,
                      (copse_bytes){(const uint8_t *)&world->now_ms, sizeof world->now_ms},
                      &head.commit);
    *ret_written = (record_written){head.time_ms, *author};
    return head;
}

static record_side record_merge_sides(record_world *world, const record_side *base,
                                      const record_side sides[2])
{
    record_merge *model = &world->model;
    merge_pair_outcome outcome;
    bool is_swapped = test_random_below(&world->random, 2) == 0;
    copse_merge_head heads[2];
    heads[is_swapped] = record_head(world, &model->heads[is_swapped]);
    heads[!is_swapped] = record_head(world, &model->heads[!is_swapped]);
    const merge_pair_case merge = {.base = &base->root,
                                   .ours = &sides[0].root,
                                   .theirs = &sides[1].root,
                                   .ours_head = heads[0],
                                   .theirs_head = heads[1],
                                   .conflicts = model->conflicts};
    merge_pair_run(&world->db, &merge, &outcome);
    (void)merge_pair_fetch(&world->db, &merge, &outcome);
    assert_string_equal(outcome.conflicts, "");
    record_side merged = {.root = outcome.root};
    for (size_t id = 0; id < RECORD_IDS; id++) {
        merged.state.docs[id] = record_merge_doc(
            model, &base->state.docs[id], &sides[0].state.docs[id], &sides[1].state.docs[id]);
    }
    record_settle(&merged.state);
    world->returned += outcome.stats.returned;
    return merged;
}

static void record_run(record_world *world, uint64_t seed, copse_merge_conflicts conflicts)
{
    *world = (record_world){.random = seed, .now_ms = 1000, .model = {.conflicts = conflicts}};
    database_world_init(&world->db, NULL);
    database_world_create(&world->db, "posts", "_id",
                          seed % 2 == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
    database_world_index(&world->db, "posts", "e", "e", "unique");
    database_world_index(&world->db, "posts", "f", "f,-g", NULL);
    record_side base = {.root = merge_pair_commit(&world->db)};
    base = record_work(world, &base, 8);
    for (size_t round = 0; round < 4; round++) {
        const record_side sides[2] = {record_work(world, &base, 5), record_work(world, &base, 5)};
        base = record_merge_sides(world, &base, sides);
        record_expect(world, &base);
    }
}

static void record_test(copse_merge_conflicts conflicts)
{
    uint64_t waited = 0;
    uint64_t returned = 0;
    uint64_t in_conflict = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        record_world world;
        record_run(&world, seed, conflicts);
        waited += world.waited;
        returned += world.returned;
        in_conflict += world.in_conflict;
        database_world_release(&world.db);
    }
    print_message("%d documents waited, %d came back, %d were in conflict\n", (int)waited,
                  (int)returned, (int)in_conflict);
    assert_true(waited > 30 && returned > 5);
    assert_true((in_conflict > 30) == (conflicts == COPSE_MERGE_CONFLICTS_RECORD));
}

static void test_conflicts_are_recorded(void **state)
{
    (void)state;
    record_test(COPSE_MERGE_CONFLICTS_RECORD);
}

static void test_ours_prevails(void **state)
{
    (void)state;
    record_test(COPSE_MERGE_CONFLICTS_OURS);
}

static void test_theirs_prevails(void **state)
{
    (void)state;
    record_test(COPSE_MERGE_CONFLICTS_THEIRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts_are_recorded),
        cmocka_unit_test(test_ours_prevails),
        cmocka_unit_test(test_theirs_prevails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
