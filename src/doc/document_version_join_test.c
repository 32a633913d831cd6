/* Joins and writes against a model of what a state is: a version and a value for each name, by
 * number. Versions and values stand in tables in their order, so that the model compares numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <copse/dag_json.h>
#include <copse/value.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum {
    MODEL_TEXT_SIZE = 2048,
    MODEL_RUNS = 2000,
    MODEL_HISTORIES = 200,
    MODEL_STEPS = 24,
    MODEL_PEERS = 3
};

/* In the order of DAG-CBOR. A document that lacks the first has `$` before all other fields. */
static const char *const model_names[] = {"", "$", "a", "$x", "_id", "$long", "other"};
enum { MODEL_NAMES = 7, MODEL_ID = 4 };

/* In the order of their encodings; the first and the last are the same primary key. */
static const char *const model_values[] = {"1", "\"x\"", "{\"k\":[1]}", "null", "1.0"};
enum { MODEL_NONE = -1, MODEL_VALUES = 5 };

/* In their order. States are made with those before MODEL_LATER. */
static const char *const model_versions[] = {
    "[[0,0],\"\"",           "[[0,0],\"did:key:zB\"",  "[[1,0],\"\"",
    "[[1,0],\"did:key:zA\"", "[[1,0],\"did:key:zAA\"", "[[1,0],\"did:key:zB\"",
    "[[1,1],\"\"",           "[[2,0],\"did:key:zA\"",  "[[2,4000000000],\"\"",
    "[[9,0],\"did:key:zA\"",
};
enum { MODEL_LATER = 8, MODEL_VERSIONS = 10 };
static const copse_version model_later[] = {
    {.time_ms = 2, .time_counter = 4000000000},
    {.time_ms = 9, .author = {(const uint8_t *)"did:key:zA", 10}},
};

typedef struct model_state {
    int floor;
    bool is_deleted;
    int version[MODEL_NAMES];
    int value[MODEL_NAMES];
} model_state;

/* A state of the library. */
typedef struct model_coded {
    copse_buf document;
    copse_buf row;
} model_coded;

static void model_coded_init(model_coded *coded, const copse_env *env)
{
    copse_buf_init(&coded->document, env, SIZE_MAX);
    copse_buf_init(&coded->row, env, SIZE_MAX);
}

static void model_coded_release(model_coded *coded)
{
    copse_buf_release(&coded->document);
    copse_buf_release(&coded->row);
}

static copse_version_state model_view(const model_coded *coded)
{
    return (copse_version_state){copse_buf_view(&coded->document), copse_buf_view(&coded->row)};
}

static bool model_same(const model_coded *a, const model_coded *b)
{
    return copse_bytes_equal(copse_buf_view(&a->document), copse_buf_view(&b->document)) &&
           copse_bytes_equal(copse_buf_view(&a->row), copse_buf_view(&b->row));
}

/* ---- The model ---- */

static int model_random_below(uint64_t *random, int bound)
{
    return (int)test_random_below(random, (uint64_t)bound);
}

static void model_random(uint64_t *random, model_state *ret_state)
{
    ret_state->floor = model_random_below(random, MODEL_LATER);
    ret_state->is_deleted = test_random_below(random, 3) == 0;
    for (int i = 0; i < MODEL_NAMES; i++) {
        int version = model_random_below(random, 2 * MODEL_LATER) - MODEL_LATER;
        ret_state->version[i] = version > ret_state->floor ? version : ret_state->floor;
        ret_state->value[i] = test_random_below(random, 2) == 0
                                  ? MODEL_NONE
                                  : model_random_below(random, MODEL_VALUES);
    }
    ret_state->version[MODEL_ID] = ret_state->floor;
    ret_state->value[MODEL_ID] = ret_state->is_deleted               ? MODEL_NONE
                                 : test_random_below(random, 2) == 0 ? 0
                                                                     : MODEL_VALUES - 1;
}

/* Which values the document shows; returns whether it is without some that there are. */
static bool model_show(const model_state *state, bool ret_shown[MODEL_NAMES])
{
    bool is_led = false;
    bool is_hiding = false;
    for (int i = 0; i < MODEL_NAMES; i++) {
        bool is_there = state->value[i] != MODEL_NONE;
        ret_shown[i] = is_there && !state->is_deleted && (is_led || model_names[i][0] != '$');
        is_led = is_led || ret_shown[i];
        is_hiding = is_hiding || (is_there && !ret_shown[i]);
    }
    return is_hiding;
}

static void model_join(const model_state *a, const model_state *b, model_state *ret_state)
{
    ret_state->floor = a->floor > b->floor ? a->floor : b->floor;
    ret_state->is_deleted = !((a->floor == ret_state->floor && !a->is_deleted) ||
                              (b->floor == ret_state->floor && !b->is_deleted));
    for (int i = 0; i < MODEL_NAMES; i++) {
        const model_state *later = a->version[i] != b->version[i]
                                       ? (a->version[i] > b->version[i] ? a : b)
                                       : (a->value[i] > b->value[i] ? a : b);
        ret_state->version[i] = later->version[i];
        ret_state->value[i] = later->value[i];
    }
}

/* Whether a value that `hidden` hides as it is deleted is one of `joined`. */
static bool model_shows_again(const model_state *hidden, const model_state *other,
                              const model_state *joined)
{
    bool is_again = false;
    for (int i = 0; i < MODEL_NAMES && hidden->is_deleted && !joined->is_deleted; i++) {
        is_again =
            is_again || (hidden->value[i] != MODEL_NONE && hidden->version[i] > other->version[i]);
    }
    return is_again;
}

static int model_latest(const model_state *state)
{
    int latest = state->floor;
    for (int i = 0; i < MODEL_NAMES; i++) {
        latest = state->version[i] > latest ? state->version[i] : latest;
    }
    return latest;
}

/* ---- Its encoding, by way of JSON ---- */

typedef struct model_text {
    char bytes[MODEL_TEXT_SIZE];
    size_t size;
    size_t pairs;
} model_text;

static void model_text_add(model_text *text, const char *name, const char *value, const char *end)
{
    int size = snprintf(text->bytes + text->size, sizeof text->bytes - text->size, "%s\"%s\":%s%s",
                        text->pairs++ > 0 ? "," : "{", name, value, end);
    assert_true(size > 0 && (size_t)size < sizeof text->bytes - text->size);
    text->size += (size_t)size;
}

static const char *model_text_end(model_text *text)
{
    text->bytes[text->size] = '}';
    text->bytes[text->size + 1] = '\0';
    return text->bytes;
}

static void model_read(const copse_env *env, const char *json, copse_buf *buf)
{
    copse_err err;
    if (copse_dag_json_to_cbor(env, copse_bytes_of_text(json), buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
}

static void model_encode(const copse_env *env, const model_state *state, model_coded *coded)
{
    model_text document = {.size = 0};
    model_text fields = {.size = 0};
    model_text hidden = {.size = 0};
    model_text row = {.size = 0};
    bool shown[MODEL_NAMES];
    (void)model_show(state, shown);
    for (int i = 0; i < MODEL_NAMES; i++) {
        if (state->version[i] > state->floor) {
            model_text_add(&fields, model_names[i], model_versions[state->version[i]], "]");
        }
        if (state->value[i] != MODEL_NONE) {
            model_text_add(shown[i] ? &document : &hidden, model_names[i],
                           model_values[state->value[i]], "");
        }
    }
    copse_buf_truncate(&coded->document, 0);
    copse_buf_truncate(&coded->row, 0);
    if (document.pairs > 0) {
        model_read(env, model_text_end(&document), &coded->document);
    }
    if (state->floor == 0 && fields.pairs == 0 && hidden.pairs == 0) {
        return;
    }
    model_text_add(&row, "version", model_versions[state->floor],
                   state->is_deleted ? ",true]" : ",false]");
    if (fields.pairs > 0) {
        model_text_add(&row, "fields", model_text_end(&fields), "");
    }
    if (hidden.pairs > 0) {
        model_text_add(&row, "hidden", model_text_end(&hidden), "");
    }
    model_read(env, model_text_end(&row), &coded->row);
}

/* ---- Calls of the library ---- */

static copse_bytes model_id(void)
{
    return copse_bytes_of_text("_id");
}

static void model_call_join(const copse_env *env, copse_merge_policy policy, const model_coded *a,
                            const model_coded *b, model_coded *joined)
{
    copse_err err = {.message = ""};
    const copse_version_state left = model_view(a);
    const copse_version_state right = model_view(b);
    copse_buf_truncate(&joined->document, 0);
    copse_buf_truncate(&joined->row, 0);
    if (copse_version_join(env, policy, model_id(), &left, &right, &joined->document, &joined->row,
                           &err) != COPSE_OK) {
        fail_msg("join: %s", err.message);
    }
    const copse_version_state state = model_view(joined);
    if (copse_version_check(env, model_id(), &state, &err) != COPSE_OK ||
        (state.document.len > 0 &&
         copse_document_check(state.document, &env->limits, &err) != COPSE_OK)) {
        fail_msg("a join is no state: %s", err.message);
    }
}

static void model_call_write(const copse_env *env, copse_merge_policy policy,
                             const model_coded *before, copse_bytes after, bool is_whole,
                             const copse_version *version, model_coded *written)
{
    copse_err err = {.message = ""};
    const copse_version_state state = model_view(before);
    copse_buf_truncate(&written->document, 0);
    copse_buf_truncate(&written->row, 0);
    if (copse_version_write(env, policy, model_id(), &state, after, is_whole, version,
                            &written->row, &err) != COPSE_OK) {
        fail_msg("write: %s", err.message);
    }
    assert_int_equal(copse_buf_append(&written->document, after), COPSE_OK);
    const copse_version_state next = model_view(written);
    if (copse_version_check(env, model_id(), &next, &err) != COPSE_OK) {
        fail_msg("what was written is no state: %s", err.message);
    }
}

enum { MODEL_CODED = 8 };

static void model_begin(test_env *test, model_coded coded[MODEL_CODED])
{
    test_env_init(test);
    for (size_t i = 0; i < MODEL_CODED; i++) {
        model_coded_init(&coded[i], &test->env);
    }
}

static void model_finish(const test_env *test, model_coded coded[MODEL_CODED])
{
    for (size_t i = 0; i < MODEL_CODED; i++) {
        model_coded_release(&coded[i]);
    }
    test_env_assert_empty(test);
}

/* ---- Tests ---- */

/* Of three random states, which stand in the first three; the fourth is the join of two. */
static void laws_check(const copse_env *env, copse_merge_policy policy, uint64_t *random,
                       model_state in[3], model_coded coded[MODEL_CODED])
{
    for (size_t i = 0; i < 3; i++) {
        model_random(random, &in[i]);
        model_encode(env, &in[i], &coded[i]);
    }
    model_call_join(env, policy, &coded[0], &coded[1], &coded[3]);
    model_call_join(env, policy, &coded[1], &coded[0], &coded[4]);
    assert_true(model_same(&coded[3], &coded[4]));
    model_call_join(env, policy, &coded[3], &coded[1], &coded[4]);
    assert_true(model_same(&coded[3], &coded[4]));
    model_call_join(env, policy, &coded[3], &coded[3], &coded[4]);
    assert_true(model_same(&coded[3], &coded[4]));
    model_call_join(env, policy, &coded[3], &coded[2], &coded[5]);
    model_call_join(env, policy, &coded[1], &coded[2], &coded[4]);
    model_call_join(env, policy, &coded[0], &coded[4], &coded[6]);
    assert_true(model_same(&coded[5], &coded[6]));
}

static void test_join_is_the_models(void **state)
{
    test_env test;
    model_coded coded[MODEL_CODED];
    uint64_t random = 1;
    size_t led_by_dollar = 0;
    size_t shown_again = 0;
    size_t ties = 0;
    (void)state;
    model_begin(&test, coded);
    for (size_t run = 0; run < MODEL_RUNS; run++) {
        model_state in[3];
        model_state out;
        bool shown[MODEL_NAMES];
        laws_check(&test.env, COPSE_MERGE_FIELD_WISE, &random, in, coded);
        model_join(&in[0], &in[1], &out);
        model_encode(&test.env, &out, &coded[7]);
        assert_true(model_same(&coded[3], &coded[7]));
        bool is_hiding = model_show(&out, shown);
        led_by_dollar += is_hiding && !out.is_deleted;
        shown_again += model_shows_again(&in[0], &in[1], &out);
        ties += in[0].floor == in[1].floor && in[0].is_deleted != in[1].is_deleted;
    }
    assert_true(led_by_dollar > MODEL_RUNS / 20);
    assert_true(shown_again > MODEL_RUNS / 40);
    assert_true(ties > MODEL_RUNS / 40);
    model_finish(&test, coded);
}

/* Of rows that list fields too: the policy of a collection can be changed. */
static void test_lww_is_a_maximum(void **state)
{
    test_env test;
    model_coded coded[MODEL_CODED];
    uint64_t random = 2;
    size_t ties = 0;
    (void)state;
    model_begin(&test, coded);
    for (size_t run = 0; run < MODEL_RUNS; run++) {
        model_state in[3];
        laws_check(&test.env, COPSE_MERGE_LWW, &random, in, coded);
        int order = model_latest(&in[0]) - model_latest(&in[1]);
        if (order == 0 && in[0].is_deleted != in[1].is_deleted) {
            order = in[0].is_deleted ? -1 : 1;
        }
        ties += order == 0;
        assert_true(order != 0
                        ? model_same(&coded[3], &coded[order > 0 ? 0 : 1])
                        : model_same(&coded[3], &coded[0]) || model_same(&coded[3], &coded[1]));
    }
    assert_true(ties > MODEL_RUNS / 100);
    model_finish(&test, coded);
}

/* A document that may be one, or none. */
static void write_random_after(uint64_t *random, model_state *ret_after)
{
    bool shown[MODEL_NAMES];
    model_random(random, ret_after);
    (void)model_show(ret_after, shown);
    for (int i = 0; i < MODEL_NAMES; i++) {
        ret_after->value[i] = shown[i] ? ret_after->value[i] : MODEL_NONE;
        ret_after->version[i] = ret_after->floor = 0;
    }
}

/* What the write of `after` makes of `before`. Returns whether it is one of the whole document. */
static bool write_model(const model_state *before, bool is_whole, int version, model_state *after)
{
    bool shown[MODEL_NAMES];
    is_whole = is_whole || before->is_deleted || after->is_deleted || model_show(before, shown) ||
               before->value[MODEL_ID] != after->value[MODEL_ID];
    after->floor = is_whole ? version : before->floor;
    for (int i = 0; i < MODEL_NAMES; i++) {
        after->version[i] =
            is_whole || before->value[i] != after->value[i] ? version : before->version[i];
    }
    return is_whole;
}

static void test_write_is_the_models(void **state)
{
    test_env test;
    model_coded coded[MODEL_CODED];
    uint64_t random = 3;
    size_t partial = 0;
    (void)state;
    model_begin(&test, coded);
    for (size_t run = 0; run < MODEL_RUNS; run++) {
        model_state before;
        model_state after;
        int version = model_random_below(&random, MODEL_VERSIONS - MODEL_LATER);
        bool is_whole = test_random_below(&random, 4) == 0;
        model_random(&random, &before);
        write_random_after(&random, &after);
        model_encode(&test.env, &before, &coded[0]);
        model_encode(&test.env, &after, &coded[1]);
        model_call_write(&test.env, COPSE_MERGE_FIELD_WISE, &coded[0],
                         copse_buf_view(&coded[1].document), is_whole, &model_later[version],
                         &coded[2]);
        partial += !write_model(&before, is_whole, MODEL_LATER + version, &after);
        model_encode(&test.env, &after, &coded[3]);
        assert_true(model_same(&coded[2], &coded[3]));
        model_call_join(&test.env, COPSE_MERGE_FIELD_WISE, &coded[0], &coded[2], &coded[4]);
        assert_true(model_same(&coded[2], &coded[4]));
        model_call_write(&test.env, COPSE_MERGE_LWW, &coded[0], copse_buf_view(&coded[1].document),
                         is_whole, &model_later[version], &coded[2]);
        (void)write_model(&before, true, MODEL_LATER + version, &after);
        model_encode(&test.env, &after, &coded[3]);
        assert_true(model_same(&coded[2], &coded[3]));
    }
    assert_true(partial > MODEL_RUNS / 20);
    model_finish(&test, coded);
}

/* Peers write and merge at random, by clocks that stand still and authors that are often none, so
 * that equal versions have different values. In the end all of them have seen all. */
static void converge(const copse_env *env, copse_merge_policy policy, uint64_t *random,
                     model_coded coded[MODEL_CODED])
{
    model_coded *scratch = &coded[MODEL_PEERS];
    model_coded *after = &coded[MODEL_PEERS + 1];
    for (size_t i = 0; i < MODEL_PEERS; i++) {
        copse_buf_truncate(&coded[i].document, 0);
        copse_buf_truncate(&coded[i].row, 0);
    }
    for (size_t step = 0; step < MODEL_STEPS; step++) {
        model_coded *peer = &coded[test_random_below(random, MODEL_PEERS)];
        if (test_random_below(random, 3) == 0) {
            model_call_join(env, policy, peer, &coded[test_random_below(random, MODEL_PEERS)],
                            scratch);
        } else {
            static const copse_version versions[] = {{.time_ms = 1}, {.time_ms = 2}};
            model_state model;
            write_random_after(random, &model);
            model_encode(env, &model, after);
            model_call_write(env, policy, peer, copse_buf_view(&after->document),
                             test_random_below(random, 3) == 0,
                             &versions[test_random_below(random, 2)], scratch);
        }
        model_coded swap = *peer;
        *peer = *scratch;
        *scratch = swap;
    }
}

static void test_peers_converge(void **state)
{
    test_env test;
    model_coded coded[MODEL_CODED];
    uint64_t random = 4;
    (void)state;
    model_begin(&test, coded);
    for (size_t run = 0; run < MODEL_HISTORIES; run++) {
        copse_merge_policy policy = run % 4 == 0 ? COPSE_MERGE_LWW : COPSE_MERGE_FIELD_WISE;
        converge(&test.env, policy, &random, coded);
        model_call_join(&test.env, policy, &coded[0], &coded[1], &coded[4]);
        model_call_join(&test.env, policy, &coded[4], &coded[2], &coded[5]);
        model_call_join(&test.env, policy, &coded[2], &coded[0], &coded[4]);
        model_call_join(&test.env, policy, &coded[1], &coded[4], &coded[6]);
        assert_true(model_same(&coded[5], &coded[6]));
    }
    model_finish(&test, coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_is_the_models),
        cmocka_unit_test(test_lww_is_a_maximum),
        cmocka_unit_test(test_write_is_the_models),
        cmocka_unit_test(test_peers_converge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
