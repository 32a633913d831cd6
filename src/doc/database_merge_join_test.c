/* The policies that need no base: against a model, in any order, with a unique index.
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

#include "doc/write.h"
#include "support/merge_pair.h"

enum { JOIN_IDS = 12, JOIN_FIELDS = 3, JOIN_REPLICAS = 4, JOIN_JSON_SIZE = 96, JOIN_VALUES = 7 };

static const char *const join_fields[JOIN_FIELDS] = {"e", "f", "g"}; /* e: in a unique index */

/* ---- The model: each field with its version, by the words of database_merge.h -----------------
 */

typedef struct join_version {
    uint64_t ms;
    uint32_t counter;
    int author; /* 'a' + number of the replica; 0: none */
} join_version;

typedef struct join_doc {
    join_version floor; /* of the whole document */
    bool is_there;
    join_version versions[JOIN_FIELDS];
    int values[JOIN_FIELDS]; /* 0: the field is missing */
    bool is_waiting;
} join_doc;

typedef struct join_state {
    join_doc docs[JOIN_IDS];
} join_state;

static int join_version_compare(const join_version *a, const join_version *b)
{
    return a->ms != b->ms             ? (a->ms < b->ms ? -1 : 1)
           : a->counter != b->counter ? (a->counter < b->counter ? -1 : 1)
           : a->author != b->author   ? (a->author < b->author ? -1 : 1)
                                      : 0;
}

static join_version join_latest(const join_doc *doc, copse_merge_policy policy)
{
    join_version latest = doc->floor;
    for (size_t i = 0; i < JOIN_FIELDS && policy == COPSE_MERGE_FIELD_WISE; i++) {
        latest = join_version_compare(&latest, &doc->versions[i]) < 0 ? doc->versions[i] : latest;
    }
    return policy == COPSE_MERGE_UNION ? (join_version){.ms = 0} : latest;
}

/* Union: both have it, and one is greater by its encoding: of documents with these keys and small
 * numbers the longer one, then the later field by name that is there, then the values. */
static bool join_is_greater(const join_doc *a, const join_doc *b)
{
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < JOIN_FIELDS; i++) {
        counts[0] += a->values[i] != 0;
        counts[1] += b->values[i] != 0;
    }
    if (counts[0] != counts[1]) {
        return counts[0] > counts[1];
    }
    for (size_t i = 0; i < JOIN_FIELDS; i++) {
        bool has_a = a->values[i] != 0;
        bool has_b = b->values[i] != 0;
        if (has_a != has_b) {
            return has_b; /* a goes on with a greater key, or with "_id", whose key is longer */
        }
        if (a->values[i] != b->values[i]) {
            return a->values[i] > b->values[i];
        }
    }
    return false;
}

static join_doc join_docs(const join_doc *a, const join_doc *b, copse_merge_policy policy)
{
    join_doc joined = *a;
    if (policy == COPSE_MERGE_UNION) {
        joined = !a->is_there || (b->is_there && join_is_greater(b, a)) ? *b : *a;
    } else if (join_version_compare(&a->floor, &b->floor) < 0) {
        joined.floor = b->floor;
        joined.is_there = b->is_there;
    }
    for (size_t i = 0; i < JOIN_FIELDS && policy != COPSE_MERGE_UNION; i++) {
        if (join_version_compare(&a->versions[i], &b->versions[i]) < 0) {
            joined.versions[i] = b->versions[i];
            joined.values[i] = b->values[i];
        }
    }
    joined.is_waiting = false;
    return joined;
}

/* Who of all may be in the collection. */
static void join_settle(join_state *state, copse_merge_policy policy)
{
    bool is_taken[JOIN_VALUES + 1] = {false};
    bool is_done[JOIN_IDS] = {false};
    for (size_t n = 0; n < JOIN_IDS; n++) {
        size_t next = SIZE_MAX;
        for (size_t id = 0; id < JOIN_IDS; id++) {
            join_version at = join_latest(&state->docs[id], policy);
            join_version least = next != SIZE_MAX ? join_latest(&state->docs[next], policy) : at;
            if (!is_done[id] && (next == SIZE_MAX || join_version_compare(&at, &least) < 0)) {
                next = id;
            }
        }
        join_doc *doc = &state->docs[next];
        is_done[next] = true;
        doc->is_waiting = doc->is_there && doc->values[0] != 0 && is_taken[doc->values[0]];
        if (doc->is_there) {
            is_taken[doc->values[0]] = true;
        }
    }
}

static join_state join_states(const join_state *a, const join_state *b, copse_merge_policy policy)
{
    join_state joined;
    for (size_t id = 0; id < JOIN_IDS; id++) {
        joined.docs[id] = join_docs(&a->docs[id], &b->docs[id], policy);
    }
    join_settle(&joined, policy);
    return joined;
}

/* ---- The database -----------------------------------------------------------------------------
 */

typedef struct join_replica {
    join_state state;
    copse_cid root;
    int number;
} join_replica;

typedef struct join_world {
    database_world db;
    copse_merge_policy policy;
    uint64_t random;
    uint64_t now_ms;
    uint64_t waited;
    uint64_t superseded;
} join_world;

static uint64_t join_clock(void *ctx)
{
    return ((join_world *)ctx)->now_ms;
}

static void join_json(size_t id, const join_doc *doc, char ret_json[JOIN_JSON_SIZE])
{
    int len = snprintf(ret_json, JOIN_JSON_SIZE, "{\"_id\":%d", (int)id);
    for (size_t i = 0; i < JOIN_FIELDS; i++) {
        if (doc->values[i] != 0) {
            len += snprintf(ret_json + len, JOIN_JSON_SIZE - (size_t)len, ",\"%s\":%d",
                            join_fields[i], doc->values[i]);
        }
    }
    (void)snprintf(ret_json + len, JOIN_JSON_SIZE - (size_t)len, "}");
}

static copse_cid join_world_init(join_world *world, copse_merge_policy policy, uint64_t seed,
                                 copse_documents_form form)
{
    *world = (join_world){.policy = policy, .random = seed, .now_ms = 1000};
    database_world_init(&world->db, NULL);
    world->db.world.test.env.clock = join_clock;
    world->db.world.test.env.clock_ctx = world;
    database_world_create(&world->db, "posts", "_id", form);
    database_world_index(&world->db, "posts", "e", "e", "unique");
    database_world_index(&world->db, "posts", "f", "f,-g", NULL);
    assert_int_equal(
        copse_write_set_merge(world->db.write, copse_bytes_of_text("posts"), policy, 0, NULL),
        COPSE_OK);
    return merge_pair_commit(&world->db);
}

static bool join_has_value(const join_state *state, int value, size_t but)
{
    bool has = false;
    for (size_t id = 0; id < JOIN_IDS; id++) {
        const join_doc *doc = &state->docs[id];
        has = has || (id != but && value != 0 && doc->is_there && !doc->is_waiting &&
                      doc->values[0] == value);
    }
    return has;
}

/* The version of a write at this time: above what the document has. */
static join_version join_stamp(const join_world *world, const join_replica *replica,
                               const join_doc *doc)
{
    join_version latest = join_latest(doc, COPSE_MERGE_FIELD_WISE);
    join_version stamp = {world->now_ms, 0, 'a' + replica->number};
    if (latest.ms >= stamp.ms) {
        stamp.ms = latest.ms;
        stamp.counter = latest.counter + 1;
    }
    return stamp;
}

static void join_stamp_whole(join_doc *doc, join_version stamp)
{
    doc->floor = stamp;
    for (size_t i = 0; i < JOIN_FIELDS; i++) {
        doc->versions[i] = stamp;
    }
}

/* A write of some fields of a document, or of all of it. */
static void join_put(join_world *world, join_replica *replica, size_t id)
{
    join_doc *doc = &replica->state.docs[id];
    join_doc next = *doc;
    bool is_present = doc->is_there && !doc->is_waiting;
    bool is_whole = !is_present || test_random_below(&world->random, 3) == 0;
    size_t changed = test_random_below(&world->random, JOIN_FIELDS);
    char json[JOIN_JSON_SIZE];
    for (size_t i = 0; i < JOIN_FIELDS; i++) {
        if (is_whole || i == changed) {
            next.values[i] = (int)test_random_below(&world->random, JOIN_VALUES);
        }
    }
    if (join_has_value(&replica->state, next.values[0], id) ||
        (is_present && memcmp(next.values, doc->values, sizeof next.values) == 0)) {
        return; /* refused, or no change */
    }
    join_version stamp = join_stamp(world, replica, doc);
    next.is_there = true;
    next.is_waiting = false;
    if (is_whole || world->policy != COPSE_MERGE_FIELD_WISE) {
        join_stamp_whole(&next, stamp);
    } else {
        next.versions[changed] = stamp;
    }
    join_json(id, &next, json);
    *doc = next;
    copse_bytes item = database_world_value(json);
    assert_int_equal(
        is_whole
            ? copse_write_replace(world->db.write, copse_bytes_of_text("posts"), item, true, NULL)
            : copse_write_replace_fields(world->db.write, copse_bytes_of_text("posts"), item, NULL),
        COPSE_OK);
    database_world_free(item);
}

static void join_delete(join_world *world, join_replica *replica, size_t id)
{
    join_doc *doc = &replica->state.docs[id];
    char json[JOIN_JSON_SIZE];
    if (!doc->is_there || world->policy == COPSE_MERGE_UNION) {
        return;
    }
    (void)snprintf(json, sizeof json, "%d", (int)id);
    if (doc->is_waiting) { /* it is no document of the collection: its conflict is resolved */
        copse_bytes item = database_world_value(json);
        assert_int_equal(
            copse_write_resolve(world->db.write, copse_bytes_of_text("posts"), item, NULL),
            COPSE_OK);
        database_world_free(item);
    } else {
        database_world_delete(&world->db, "posts", json);
    }
    join_stamp_whole(doc, join_stamp(world, replica, doc));
    memset(doc->values, 0, sizeof doc->values);
    doc->is_there = doc->is_waiting = false;
}

/* Some commits of one replica, by a clock that is early or late. */
static void join_work(join_world *world, join_replica *replica, size_t commits)
{
    uint64_t now_ms = world->now_ms;
    char author = (char)('a' + replica->number);
    database_world_reopen(&world->db, &replica->root);
    world->db.options.author = (copse_bytes){(const uint8_t *)&author, 1};
    for (size_t i = 0; i < commits; i++) {
        size_t id = test_random_below(&world->random, JOIN_IDS);
        world->now_ms = now_ms + 10 * i + test_random_below(&world->random, 30);
        if (test_random_below(&world->random, 4) == 0) {
            join_delete(world, replica, id);
        } else {
            join_put(world, replica, id);
        }
        database_world_commit(&world->db);
    }
    replica->root = *copse_tree_root(world->db.tree);
    world->now_ms = now_ms + 10 * commits;
}

/* ---- Comparing --------------------------------------------------------------------------------
 */

/* Marks who waits. */
static void join_note_waiting(void *ctx, const copse_document_conflict *conflict)
{
    bool *waiting = ctx;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, conflict->id);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    assert_int_equal(conflict->sides_count, 0);
    assert_true(copse_bytes_equal(conflict->waiting.index, copse_bytes_of_text("e")));
    waiting[item.arg] = true;
}

static void join_expect(join_world *world, const copse_cid *root, const join_state *state)
{
    bool waiting[JOIN_IDS] = {false};
    database_world_reopen(&world->db, root);
    (void)database_world_conflicts(&world->db, "posts", join_note_waiting, waiting);
    for (size_t id = 0; id < JOIN_IDS; id++) {
        const join_doc *doc = &state->docs[id];
        char key[8];
        char json[JOIN_JSON_SIZE];
        (void)snprintf(key, sizeof key, "%d", (int)id);
        join_json(id, doc, json);
        char *found = database_world_get(&world->db, "posts", key);
        bool is_there = doc->is_there && !doc->is_waiting;
        if ((found != NULL) != is_there || (is_there && strcmp(found, json) != 0) ||
            waiting[id] != doc->is_waiting) {
            fail_msg("%d: %s%s, and not %s%s", (int)id, found != NULL ? found : "nothing",
                     waiting[id] ? ", waiting" : "", is_there ? json : "nothing",
                     doc->is_waiting ? ", waiting" : "");
        }
        world->waited += doc->is_waiting;
        free(found);
    }
}

static join_replica join_merge(join_world *world, const join_replica *a, const join_replica *b,
                               const copse_cid *base)
{
    const merge_pair_case merge = {.base = base, .ours = &a->root, .theirs = &b->root};
    merge_pair_outcome outcome;
    merge_pair_run(&world->db, &merge, &outcome);
    assert_string_equal(outcome.conflicts, "");
    assert_int_equal(outcome.stats.recorded, 0);
    world->superseded += outcome.stats.superseded;
    return (join_replica){.state = join_states(&a->state, &b->state, world->policy),
                          .root = outcome.root,
                          .number = a->number};
}

/* Merges all replicas in a random order, two by two. */
static join_replica join_merge_all(join_world *world, const join_replica *replicas, size_t count,
                                   const copse_cid *base)
{
    join_replica left[JOIN_REPLICAS];
    memcpy(left, replicas, count * sizeof *left);
    while (count > 1) {
        size_t from = test_random_below(&world->random, count);
        join_replica taken = left[from];
        left[from] = left[--count];
        size_t into = test_random_below(&world->random, count);
        left[into] = join_merge(world, &left[into], &taken, base);
    }
    return left[0];
}

static void join_run(copse_merge_policy policy, uint64_t seed, copse_documents_form form,
                     join_world *world)
{
    copse_cid root = join_world_init(world, policy, seed, form);
    join_replica start = {.root = root};
    join_replica replicas[JOIN_REPLICAS];
    size_t count = 2 + seed % (JOIN_REPLICAS - 1);
    join_work(world, &start, 6);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < count; i++) {
            replicas[i] = start;
            replicas[i].number = (int)i;
            join_work(world, &replicas[i], 5);
        }
        join_replica merged = join_merge_all(world, replicas, count, &start.root);
        join_expect(world, &merged.root, &merged.state);
        for (size_t order = 0; order < 3; order++) { /* commutative, associative, without a base */
            join_replica again =
                join_merge_all(world, replicas, count, order == 0 ? &start.root : NULL);
            assert_true(copse_cid_equal(&again.root, &merged.root));
        }
        for (size_t i = 0; i < count; i++) { /* idempotent */
            join_replica again = join_merge(world, &merged, &replicas[i], &start.root);
            assert_true(copse_cid_equal(&again.root, &merged.root));
        }
        start = merged;
    }
}

static void join_test(copse_merge_policy policy)
{
    uint64_t waited = 0;
    uint64_t superseded = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        join_world world;
        join_run(policy, seed, seed % 2 == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED,
                 &world);
        waited += world.waited;
        superseded += world.superseded;
        database_world_release(&world.db);
    }
    print_message("%d documents waited, %d versions were superseded\n", (int)waited,
                  (int)superseded);
    assert_true(waited > 24);
    assert_true(policy == COPSE_MERGE_UNION ? superseded == 0 : superseded > 24);
}

static void test_unions(void **state)
{
    (void)state;
    join_test(COPSE_MERGE_UNION);
}

static void test_last_writers_win(void **state)
{
    (void)state;
    join_test(COPSE_MERGE_LWW);
}

static void test_fields_of_last_writers_win(void **state)
{
    (void)state;
    join_test(COPSE_MERGE_FIELD_WISE);
}

/* ---- What is read ------------------------------------------------------------------------------
 */

enum { JOIN_MANY = 3000 };

/* A database of many documents, and one with `changed` of them written again, all over it. */
static void join_make_many(join_world *world, copse_merge_policy policy, size_t changed,
                           copse_cid ret_roots[2])
{
    copse_cid root = join_world_init(world, policy, 1, COPSE_DOCUMENTS_INLINE);
    database_world_reopen(&world->db, &root);
    for (int id = 0; id < JOIN_MANY; id++) {
        char json[JOIN_JSON_SIZE];
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"e\":%d}", id, id);
        database_world_insert(&world->db, "posts", json);
    }
    ret_roots[0] = merge_pair_commit(&world->db);
    world->now_ms++;
    for (size_t i = 0; i < changed; i++) {
        char json[JOIN_JSON_SIZE];
        int id = (int)(i * JOIN_MANY / changed);
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"e\":%d,\"g\":1}", id, id);
        database_world_replace(&world->db, "posts", json, false);
    }
    ret_roots[1] = merge_pair_commit(&world->db);
}

/* From nothing, in trees of small nodes, six levels deep: both roots and catalogues, of each
 * document that differs the paths to its row and to that of its version in both trees, the path to
 * where conflicts of ours would be, and those to its entries in both indexes of ours. Nothing of an
 * index of theirs. */
static void test_what_is_read_is_what_differs(void **state)
{
    (void)state;
    static const struct {
        size_t changed;
        size_t blocks;
    } cases[] = {{0, 8}, {1, 47}, {2, 86}, {8, 260}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        join_world world;
        copse_cid roots[2];
        merge_pair_outcome outcome;
        join_make_many(&world, COPSE_MERGE_LWW, cases[i].changed, roots);
        const merge_pair_case merge = {.ours = &roots[0], .theirs = &roots[1]};
        merge_pair_run(&world.db, &merge, &outcome);
        assert_true(copse_cid_equal(&outcome.root, &roots[1]));
        size_t blocks = merge_pair_fetch(&world.db, &merge, &outcome);
        size_t height = 0;
        assert_int_equal(copse_tree_height(world.db.tree, &height, NULL), COPSE_OK);
        print_message("%d documents differ: %d blocks of %d levels\n", (int)cases[i].changed,
                      (int)blocks, (int)height);
        assert_int_equal(blocks, cases[i].blocks);
        database_world_release(&world.db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unions),
        cmocka_unit_test(test_last_writers_win),
        cmocka_unit_test(test_fields_of_last_writers_win),
        cmocka_unit_test(test_what_is_read_is_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
