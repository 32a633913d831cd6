/* A policy that was set since the two sides parted (database_merge_join.c, J2): what a side wrote
 * before it had the policy is not lost, whenever its head was made. All that two sides and a third
 * one may do, against a model.
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

enum { POLICY_FIELDS = 2, POLICY_JSON_SIZE = 64 };

/* What a side does with a document. */
typedef enum policy_act {
    POLICY_NOTHING,
    POLICY_F,     /* writes the field f */
    POLICY_G,     /* writes g */
    POLICY_WHOLE, /* writes all of it, with f alone */
    POLICY_ALIKE, /* writes what others who do so write, too */
    POLICY_DELETE,
    POLICY_ACTS
} policy_act;

/* Each document has another number: all combinations of what the sides do. */
enum { POLICY_IDS = 2 * POLICY_ACTS * 2 * POLICY_ACTS * 2 };

typedef struct policy_plan {
    bool is_in_base;
    policy_act acts[3];     /* ours, theirs, a third one */
    bool is_with_policy[2]; /* after the side set the policy */
} policy_plan;

static policy_plan policy_plan_of(size_t id)
{
    policy_plan plan;
    plan.acts[2] = (policy_act)(id / 3 % POLICY_ACTS);
    plan.is_in_base = id % 2 == 0;
    id /= 2;
    plan.acts[0] = (policy_act)(id % POLICY_ACTS);
    id /= POLICY_ACTS;
    plan.is_with_policy[0] = id % 2 == 0;
    id /= 2;
    plan.acts[1] = (policy_act)(id % POLICY_ACTS);
    plan.is_with_policy[1] = id / POLICY_ACTS == 0;
    return plan;
}

/* ---- The model: times name writes; 0 comes before all, POLICY_UNTIMED before all others --------
 */

enum { POLICY_UNTIMED = 1 };

typedef struct policy_doc {
    bool is_there;
    int values[POLICY_FIELDS]; /* 0: the field is missing */
    uint64_t floor;
    uint64_t times[POLICY_FIELDS];
} policy_doc;

static policy_doc policy_doc_base(const policy_plan *plan)
{
    return plan->is_in_base ? (policy_doc){.is_there = true, .values = {1, 2}}
                            : (policy_doc){.is_there = false};
}

static policy_doc policy_doc_acted(const policy_doc *base, policy_act act, size_t side)
{
    policy_doc doc = *base;
    int value = (int)(10 * (side + 1));
    if (act == POLICY_DELETE) {
        return (policy_doc){.is_there = false};
    }
    doc.is_there = base->is_there || act != POLICY_NOTHING;
    doc.values[0] = act == POLICY_F || act == POLICY_WHOLE ? value
                    : act == POLICY_ALIKE                  ? 7
                                                           : doc.values[0];
    doc.values[1] = act == POLICY_G ? value : act == POLICY_WHOLE ? 0 : doc.values[1];
    return doc;
}

static bool policy_doc_same(const policy_doc *a, const policy_doc *b)
{
    return a->is_there == b->is_there && memcmp(a->values, b->values, sizeof a->values) == 0;
}

/* Gives what changed since the base its time. */
static void policy_doc_stamp(policy_doc *doc, const policy_doc *base, bool is_whole, uint64_t time)
{
    bool is_all = is_whole || !doc->is_there || !base->is_there;
    bool is_any = !policy_doc_same(doc, base);
    for (size_t i = 0; i < POLICY_FIELDS && is_any; i++) {
        bool is_written = is_all || doc->values[i] != base->values[i];
        doc->times[i] = is_written ? time : doc->times[i];
    }
    doc->floor = is_any && is_all ? time : doc->floor;
}

/* Whether the encoding of `a` is greater: it has more fields, or later ones, or greater values. */
static bool policy_doc_is_greater(const policy_doc *a, const policy_doc *b)
{
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < POLICY_FIELDS; i++) {
        counts[0] += a->values[i] != 0;
        counts[1] += b->values[i] != 0;
    }
    for (size_t i = 0; i < POLICY_FIELDS && counts[0] == counts[1]; i++) {
        if (a->values[i] != b->values[i]) {
            return b->values[i] != 0 && (a->values[i] == 0 || a->values[i] > b->values[i]);
        }
    }
    return counts[0] > counts[1];
}

static policy_doc policy_doc_join(copse_merge_policy policy, const policy_doc *a,
                                  const policy_doc *b)
{
    policy_doc joined = b->floor > a->floor ? *b : *a;
    if (policy == COPSE_MERGE_LWW && a->floor == b->floor) {
        return policy_doc_is_greater(a, b) ? *a : *b;
    }
    for (size_t i = 0; i < POLICY_FIELDS; i++) {
        bool is_b = b->times[i] > a->times[i] ||
                    (b->times[i] == a->times[i] && b->values[i] > a->values[i]);
        const policy_doc *later = is_b ? b : a;
        joined.times[i] = later->times[i];
        joined.values[i] = later->values[i];
    }
    return joined;
}

static void policy_doc_json(size_t id, const policy_doc *doc, char ret_json[POLICY_JSON_SIZE])
{
    static const char names[POLICY_FIELDS] = {'f', 'g'};
    int len = snprintf(ret_json, POLICY_JSON_SIZE, "{\"_id\":%d", (int)id);
    for (size_t i = 0; i < POLICY_FIELDS; i++) {
        if (doc->values[i] != 0) {
            len += snprintf(ret_json + len, POLICY_JSON_SIZE - (size_t)len, ",\"%c\":%d", names[i],
                            doc->values[i]);
        }
    }
    (void)snprintf(ret_json + len, POLICY_JSON_SIZE - (size_t)len, "}");
}

/* ---- The databases ----------------------------------------------------------------------------
 */

typedef struct policy_world {
    database_world db;
    copse_merge_policy policy;
    bool is_set[2]; /* ours sets the policy, theirs does */
    bool is_anew;   /* all had it, took it off first, and have it in the end */
    copse_merge_head heads[3];
    copse_cid base;
    copse_cid sides[3];
    uint64_t now_ms;
} policy_world;

static const char *const policy_authors[] = {"a", "b", "c"};

static uint64_t policy_clock(void *ctx)
{
    return ((policy_world *)ctx)->now_ms;
}

static void policy_set(policy_world *world, copse_merge_policy policy)
{
    assert_int_equal(
        copse_write_set_merge(world->db.write, copse_bytes_of_text("posts"), policy, 0, NULL),
        COPSE_OK);
    database_world_commit(&world->db);
}

static void policy_act_do(policy_world *world, size_t id, const policy_plan *plan, size_t side)
{
    const policy_doc base = policy_doc_base(plan);
    policy_act act = plan->acts[side];
    policy_doc doc = policy_doc_acted(&base, act, side);
    char json[POLICY_JSON_SIZE];
    policy_doc_json(id, &doc, json);
    if (act == POLICY_DELETE) {
        (void)snprintf(json, sizeof json, "%d", (int)id);
        database_world_delete(&world->db, "posts", json);
    } else if (act != POLICY_NOTHING && (act == POLICY_WHOLE || !base.is_there)) {
        database_world_replace(&world->db, "posts", json, true);
    } else if (act != POLICY_NOTHING) {
        copse_bytes item = database_world_value(json);
        assert_int_equal(
            copse_write_replace_fields(world->db.write, copse_bytes_of_text("posts"), item, NULL),
            COPSE_OK);
        database_world_free(item);
    }
}

static void policy_act_all(policy_world *world, size_t side, bool is_with_policy, uint64_t now_ms)
{
    world->now_ms = now_ms;
    world->db.options.author = copse_bytes_of_text(policy_authors[side]);
    for (size_t id = 0; id < POLICY_IDS; id++) {
        policy_plan plan = policy_plan_of(id);
        bool is_with = side < 2 && world->is_set[side] && plan.is_with_policy[side];
        if (is_with == is_with_policy) {
            policy_act_do(world, id, &plan, side);
        }
    }
    database_world_commit(&world->db);
}

static void policy_world_side(policy_world *world, size_t side, uint64_t head_ms)
{
    database_world_reopen(&world->db, &world->base);
    if (world->is_anew) {
        policy_set(world, COPSE_MERGE_THREE_WAY);
    }
    policy_act_all(world, side, false, 200 + side);
    if (side < 2 && world->is_set[side]) {
        policy_set(world, world->policy);
        policy_act_all(world, side, true, 300 + side);
    } else if (world->is_anew) {
        policy_set(world, world->policy);
    }
    world->sides[side] = *copse_tree_root(world->db.tree);
    world->heads[side] = (copse_merge_head){.commit = world->sides[side],
                                            .time_ms = head_ms,
                                            .author = copse_bytes_of_text(policy_authors[side])};
}

/* Of the sides, whose heads were made at these times. */
static void policy_world_init(policy_world *world, copse_merge_policy policy, bool is_set_by_theirs,
                              bool is_anew, const uint64_t heads_ms[3])
{
    *world = (policy_world){
        .policy = policy, .is_set = {true, is_set_by_theirs}, .is_anew = is_anew, .now_ms = 100};
    database_world_init(&world->db, NULL);
    world->db.world.test.env.clock = policy_clock;
    world->db.world.test.env.clock_ctx = world;
    database_world_create(&world->db, "posts", "_id",
                          is_set_by_theirs ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    for (size_t id = 0; id < POLICY_IDS; id++) {
        policy_plan plan = policy_plan_of(id);
        const policy_doc doc = policy_doc_base(&plan);
        char json[POLICY_JSON_SIZE];
        policy_doc_json(id, &doc, json);
        if (doc.is_there) {
            database_world_insert(&world->db, "posts", json);
        }
    }
    database_world_commit(&world->db);
    if (is_anew) {
        policy_set(world, policy);
    }
    world->base = merge_pair_commit(&world->db);
    for (size_t side = 0; side < 3; side++) {
        policy_world_side(world, side, heads_ms[side]);
    }
}

/* ---- What comes of it -------------------------------------------------------------------------
 */

/* Merges two of them; the head of what comes of it. */
static copse_merge_head policy_merge(policy_world *world, const copse_cid *base,
                                     const copse_merge_head *a, const copse_merge_head *b,
                                     merge_pair_outcome *ret_outcome)
{
    const merge_pair_case merge = {
        .base = base, .ours = &a->commit, .theirs = &b->commit, .ours_head = *a, .theirs_head = *b};
    merge_pair_run(&world->db, &merge, ret_outcome);
    assert_string_equal(ret_outcome->conflicts, "");
    return (copse_merge_head){.commit = ret_outcome->root,
                              .time_ms = a->time_ms > b->time_ms ? a->time_ms : b->time_ms};
}

static void policy_expect(policy_world *world, size_t id, const policy_doc *doc)
{
    char key[8];
    char json[POLICY_JSON_SIZE];
    (void)snprintf(key, sizeof key, "%d", (int)id);
    policy_doc_json(id, doc, json);
    char *found = database_world_get(&world->db, "posts", key);
    if ((found != NULL) != doc->is_there || (found != NULL && strcmp(found, json) != 0)) {
        policy_plan plan = policy_plan_of(id);
        fail_msg("acts %d (%d), %d (%d): %s, and not %s", plan.acts[0], plan.is_with_policy[0],
                 plan.acts[1], plan.is_with_policy[1], found != NULL ? found : "nothing",
                 doc->is_there ? json : "nothing");
    }
    free(found);
}

/* The document of a side, with the times of what it wrote. */
static policy_doc policy_doc_of(const policy_world *world, const policy_plan *plan, size_t side)
{
    const policy_doc base = policy_doc_base(plan);
    policy_act act = plan->acts[side];
    policy_doc doc = policy_doc_acted(&base, act, side);
    bool is_with = side < 2 && world->is_set[side] && plan->is_with_policy[side];
    bool is_whole =
        world->policy == COPSE_MERGE_LWW || (is_with && act == POLICY_WHOLE && base.is_there);
    policy_doc_stamp(&doc, &base, is_whole, is_with ? 300 + side : POLICY_UNTIMED);
    return doc;
}

/* Lww: documents of which both wrote a version, and one gave way. */
static void policy_expect_all(policy_world *world, const merge_pair_outcome *outcome)
{
    uint64_t superseded = 0;
    database_world_reopen(&world->db, &outcome->root);
    for (size_t id = 0; id < POLICY_IDS; id++) {
        policy_plan plan = policy_plan_of(id);
        const policy_doc ours = policy_doc_of(world, &plan, 0);
        const policy_doc theirs = policy_doc_of(world, &plan, 1);
        policy_doc joined = policy_doc_join(world->policy, &ours, &theirs);
        policy_expect(world, id, &joined);
        superseded += !policy_doc_same(&ours, &theirs) && ours.times[0] > 0 && theirs.times[0] > 0;
    }
    if (world->policy == COPSE_MERGE_LWW) {
        assert_int_equal(outcome->stats.superseded, superseded);
    }
}

/* Merging again changes nothing: since the common past, and since each of the sides. */
static void policy_expect_rest(policy_world *world, const copse_merge_head *merged)
{
    merge_pair_outcome again;
    for (size_t side = 0; side < 2; side++) {
        (void)policy_merge(world, &world->base, merged, &world->heads[side], &again);
        assert_true(copse_cid_equal(&again.root, &merged->commit));
        (void)policy_merge(world, &world->sides[side], merged, &world->heads[side], &again);
        assert_true(copse_cid_equal(&again.root, &merged->commit));
    }
}

static void policy_expect_same(policy_world *world, const copse_cid *a, const copse_cid *b)
{
    char *documents[POLICY_IDS];
    for (size_t id = 0; id < POLICY_IDS; id++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%d", (int)id);
        if (id == 0) {
            database_world_reopen(&world->db, a);
        }
        documents[id] = database_world_get(&world->db, "posts", key);
    }
    database_world_reopen(&world->db, b);
    for (size_t id = 0; id < POLICY_IDS; id++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%d", (int)id);
        char *found = database_world_get(&world->db, "posts", key);
        assert_string_equal(found != NULL ? found : "", documents[id] != NULL ? documents[id] : "");
        free(found);
        free(documents[id]);
    }
}

/* A third one, who has no policy, comes to the same in any order, and then so do all. */
static void policy_expect_third(policy_world *world, const copse_merge_head *merged)
{
    merge_pair_outcome outcome;
    const copse_merge_head *heads = world->heads;
    copse_merge_head last = policy_merge(world, &world->base, merged, &heads[2], &outcome);
    copse_merge_head first = policy_merge(world, &world->base, &heads[0], &heads[2], &outcome);
    first = policy_merge(world, &world->base, &first, &heads[1], &outcome);
    policy_expect_same(world, &first.commit, &last.commit);
    (void)policy_merge(world, &world->sides[2], &first, &last, &outcome);
    policy_expect_same(world, &outcome.root, &last.commit);
}

static void policy_run(copse_merge_policy policy, bool is_set_by_theirs, bool is_anew,
                       const uint64_t heads_ms[3])
{
    policy_world world;
    merge_pair_outcome outcome;
    policy_world_init(&world, policy, is_set_by_theirs, is_anew, heads_ms);
    copse_merge_head merged =
        policy_merge(&world, &world.base, &world.heads[0], &world.heads[1], &outcome);
    policy_expect_all(&world, &outcome);
    policy_expect_rest(&world, &merged);
    policy_expect_third(&world, &merged);
    database_world_release(&world.db);
}

static void test_writes_without_versions_count(void **state)
{
    (void)state;
    static const uint64_t heads_ms[][3] = {{400, 250, 420}, {400, 450, 270}, {340, 350, 345}};
    for (size_t i = 0; i < sizeof heads_ms / sizeof heads_ms[0]; i++) {
        for (int is_anew = 0; is_anew < 2; is_anew++) {
            policy_run(COPSE_MERGE_LWW, i == 2, is_anew == 1, heads_ms[i]);
            policy_run(COPSE_MERGE_FIELD_WISE, i == 2, is_anew == 1, heads_ms[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_without_versions_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
