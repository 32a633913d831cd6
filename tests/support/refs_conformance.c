/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/refs_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { REFS_NAMES = 12, REFS_CIDS = 4 };

/* Sorted bytewise: iterate must give them in this order. */
static const char *const refs_names[REFS_NAMES] = {
    " ", "-", "Main", "a", "a/b", "a/b/c", "ab", "main", "main2", "\xc3\xa4", "\xe6\xb0\xb4", NULL};

typedef struct refs_model {
    char longest[COPSE_REF_NAME_SIZE_BYTES_MAX + 1]; /* the last name: U+FFFF over and over */
    copse_cid cids[REFS_CIDS];
    int values[REFS_NAMES]; /* an index into cids; -1: not there */
} refs_model;

static copse_bytes refs_name(const refs_model *model, size_t i)
{
    return copse_bytes_of_text(refs_names[i] != NULL ? refs_names[i] : model->longest);
}

static void refs_model_init(refs_model *model)
{
    memset(model, 0, sizeof *model);
    for (size_t i = 0; i < COPSE_REF_NAME_SIZE_BYTES_MAX; i++) {
        model->longest[i] = "\xef\xbf\xbf"[i % 3];
    }
    for (size_t i = 0; i < REFS_CIDS; i++) {
        uint8_t byte = (uint8_t)i;
        copse_cid_of_data(i == 0 ? COPSE_CODEC_RAW : COPSE_CODEC_DAG_CBOR, (copse_bytes){&byte, 1},
                          &model->cids[i]);
    }
    for (size_t i = 0; i < REFS_NAMES; i++) {
        model->values[i] = -1;
    }
}

static const copse_cid *refs_model_cid(const refs_model *model, int value)
{
    return value < 0 ? NULL : &model->cids[value];
}

static void refs_refresh(const refs_conformance_world *world)
{
    if (world->refresh != NULL) {
        world->refresh(world->ctx);
    }
}

/* ---- the whole content ---- */

typedef struct refs_walk {
    const refs_model *model;
    size_t at;
    size_t seen;
    size_t stop_after;
} refs_walk;

static copse_status refs_visit(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    refs_walk *walk = ctx;
    (void)err;
    while (walk->at < REFS_NAMES && walk->model->values[walk->at] < 0) {
        walk->at++;
    }
    assert_true(walk->at < REFS_NAMES);
    assert_true(copse_bytes_equal(name, refs_name(walk->model, walk->at)));
    assert_true(copse_cid_equal(cid, &walk->model->cids[walk->model->values[walk->at]]));
    walk->at++;
    return ++walk->seen == walk->stop_after ? COPSE_LIMIT : COPSE_OK;
}

static void refs_expect(copse_refs *refs, const refs_model *model)
{
    refs_walk walk = {.model = model, .stop_after = SIZE_MAX};
    size_t count = 0;
    for (size_t i = 0; i < REFS_NAMES; i++) {
        copse_cid cid = model->cids[0];
        copse_err err = {0};
        copse_status status = copse_refs_get(refs, refs_name(model, i), &cid, &err);
        if (model->values[i] < 0) {
            assert_int_equal(status, COPSE_NOT_FOUND);
            assert_int_equal(err.status, COPSE_NOT_FOUND);
            assert_true(copse_cid_equal(&cid, &model->cids[0])); /* untouched */
        } else {
            assert_int_equal(status, COPSE_OK);
            assert_true(copse_cid_equal(&cid, &model->cids[model->values[i]]));
            count++;
        }
    }
    assert_int_equal(copse_refs_iterate(refs, refs_visit, &walk, NULL), COPSE_OK);
    assert_int_equal(walk.seen, count);
    if (count > 0) {
        walk = (refs_walk){.model = model, .stop_after = 1};
        assert_int_equal(copse_refs_iterate(refs, refs_visit, &walk, NULL), COPSE_LIMIT);
        assert_int_equal(walk.seen, 1);
    }
}

/* ---- steps ---- */

/* R1: it moves exactly if it was where it was expected. */
static void refs_swap(copse_refs *refs, refs_model *model, size_t i, int expected, int value)
{
    copse_err err = {0};
    copse_status status =
        copse_refs_swap(refs, refs_name(model, i), refs_model_cid(model, expected),
                        refs_model_cid(model, value), &err);
    if (expected < 0 && value < 0) {
        assert_int_equal(status, COPSE_MISUSE);
    } else if (model->values[i] == expected) {
        if (status != COPSE_OK) {
            fail_msg("a ref did not move: %s", err.message);
        }
        model->values[i] = value;
    } else {
        assert_int_equal(status, COPSE_CONFLICT);
        assert_int_equal(err.status, COPSE_CONFLICT);
        assert_true(strlen(err.message) > 0);
    }
}

/* Every state, expectation and target of one ref. */
static void refs_check_all_moves(const refs_conformance_world *world, refs_model *model)
{
    for (int from = -1; from < 2; from++) {
        for (int expected = -1; expected < 3; expected++) {
            for (int to = -1; to < 3; to++) {
                refs_swap(world->refs, model, 0, model->values[0], from);
                refs_swap(world->refs, model, 0, expected, to);
                refs_expect(world->refs, model);
            }
        }
    }
    refs_swap(world->refs, model, 0, model->values[0], -1);
}

static void refs_check_random(const refs_conformance_world *world, refs_model *model)
{
    uint64_t random = 1;
    for (int step = 0; step < 400; step++) {
        copse_refs *refs = test_random_below(&random, 2) == 0 ? world->refs : world->other;
        size_t i = (size_t)test_random_below(&random, REFS_NAMES);
        bool guesses = test_random_below(&random, 4) == 0;
        int guess = (int)test_random_below(&random, REFS_CIDS + 1) - 1;
        int value = (int)test_random_below(&random, REFS_CIDS + 1) - 1;
        refs_swap(refs, model, i, guesses ? guess : model->values[i], value);
        if (step % 10 == 0) {
            refs_refresh(world);
            refs_expect(world->refs, model);
            refs_expect(world->other, model);
        }
    }
    for (size_t i = 0; i < REFS_NAMES; i++) {
        refs_swap(world->refs, model, i, model->values[i], -1);
    }
    refs_refresh(world);
    refs_expect(world->other, model);
}

static void refs_check_misuse(const refs_conformance_world *world, const refs_model *model)
{
    static const char *const bad[] = {"",     "a\nb",         "\x7f",     "tab\t", "\xc2\x85",
                                      "\xc3", "\xed\xa0\x80", "\x1b[31m", NULL};
    copse_refs *refs = world->refs;
    copse_cid cid = model->cids[0];
    copse_cid empty = {0};
    copse_bytes name = copse_bytes_of_text("main");
    char long_name[COPSE_REF_NAME_SIZE_BYTES_MAX + 1];
    memset(long_name, 'a', sizeof long_name);
    copse_bytes too_long = {(const uint8_t *)long_name, sizeof long_name};
    for (size_t i = 0; bad[i] != NULL; i++) {
        copse_bytes wrong = copse_bytes_of_text(bad[i]);
        assert_false(copse_ref_name_is_valid(wrong));
        assert_int_equal(copse_refs_get(refs, wrong, &cid, NULL), COPSE_MISUSE);
        assert_int_equal(copse_refs_swap(refs, wrong, NULL, &cid, NULL), COPSE_MISUSE);
    }
    assert_int_equal(copse_refs_get(refs, too_long, &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_get(refs, (copse_bytes){NULL, 0}, &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_get(refs, (copse_bytes){(const uint8_t *)"a\0b", 3}, &cid, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_refs_get(NULL, name, &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_get(refs, name, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_swap(NULL, name, NULL, &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_swap(refs, name, NULL, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_swap(refs, name, NULL, &empty, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_swap(refs, name, &empty, &cid, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_iterate(refs, NULL, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_refs_iterate(NULL, refs_visit, NULL, NULL), COPSE_MISUSE);
    assert_null(copse_refs_close(NULL));
    refs_expect(refs, model);
}

void refs_conformance_run(const refs_conformance_world *world)
{
    refs_model model;
    refs_model_init(&model);
    refs_expect(world->refs, &model);
    refs_check_misuse(world, &model);
    refs_check_all_moves(world, &model);
    refs_check_random(world, &model);
}
