/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/store_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum {
    CONFORMANCE_BLOCKS = 240, /* that may be in the store */
    CONFORMANCE_HELD = 24,    /* references kept across operations (S5) */
    CONFORMANCE_BATCH = 12
};

/* The model: every block of a small universe, and whether it is in the store. */
typedef struct conformance {
    const store_conformance_options *options;
    test_env own;    /* of the universe */
    test_env tested; /* of the store */
    copse_store *store;
    uint64_t random;
    size_t operation;
    copse_block *blocks[CONFORMANCE_BLOCKS];
    bool present[CONFORMANCE_BLOCKS];
    unsigned visits[CONFORMANCE_BLOCKS];
    copse_block *held[CONFORMANCE_HELD];
    size_t held_of[CONFORMANCE_HELD];
    size_t answers[2]; /* blocks asked for that were absent, present */
} conformance;

#define CONFORMANCE_CHECK(run, condition)                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu, operation %zu, line %d: %s",                                      \
                     (unsigned long long)(run)->options->seed, (run)->operation, __LINE__,         \
                     #condition);                                                                  \
        }                                                                                          \
    } while (false)

static size_t conformance_below(conformance *run, size_t bound)
{
    return (size_t)test_random_below(&run->random, bound);
}

static bool conformance_same(const copse_block *a, const copse_block *b)
{
    return copse_cid_equal(copse_block_cid(a), copse_block_cid(b)) &&
           copse_bytes_equal(copse_block_data(a), copse_block_data(b));
}

static size_t conformance_block_size(conformance *run, size_t index)
{
    size_t max = run->options->block_size_bytes_max;
    if (index < 2) {
        return index; /* an empty one, and one byte */
    }
    if (index == 2) {
        return max;
    }
    size_t bound = index % 16 == 0 ? 65536 : index % 4 == 0 ? 4096 : 200;
    return 8 + conformance_below(run, bound < max - 8 ? bound : max - 8);
}

static void conformance_make_block(conformance *run, size_t index)
{
    size_t size = conformance_block_size(run, index);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        uint64_t value = i < 8 ? index >> (8 * (i % 2)) : test_random(&run->random);
        bytes[i] = (uint8_t)value;
    }
    copse_bytes data = {bytes, size};
    const copse_env *env = &run->own.env;
    copse_status status;
    if (index % 10 == 9) {
        /* The bytes of the block before, under another codec: another block. */
        status =
            copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_block_data(run->blocks[index - 1]),
                                &run->blocks[index], NULL);
    } else if (index % 10 == 7) {
        copse_cid cid;
        size_t identity_size = size < 32 ? size : 32;
        data.len = identity_size;
        assert_int_equal(
            copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_IDENTITY, data, &cid, NULL), COPSE_OK);
        status = copse_block_new(env, &cid, data, &run->blocks[index], NULL);
    } else {
        status = copse_block_of_data(env, COPSE_CODEC_RAW, data, &run->blocks[index], NULL);
    }
    assert_int_equal(status, COPSE_OK);
    free(bytes);
}

/* Which block this is, or CONFORMANCE_BLOCKS. */
static size_t conformance_index(const conformance *run, const copse_block *block)
{
    size_t index = 0;
    while (index < CONFORMANCE_BLOCKS && !conformance_same(run->blocks[index], block)) {
        index++;
    }
    return index;
}

static const copse_cid *conformance_cid(const conformance *run, size_t index)
{
    return copse_block_cid(run->blocks[index]);
}

/* Keeps some of the references that the store hands out; gives the others back. */
static void conformance_keep(conformance *run, copse_block *block, size_t index)
{
    if (conformance_below(run, 4) != 0) {
        copse_block_unref(block);
        return;
    }
    size_t at = conformance_below(run, CONFORMANCE_HELD);
    copse_block_unref(run->held[at]);
    run->held[at] = block;
    run->held_of[at] = index;
}

static void conformance_check_held(conformance *run)
{
    for (size_t i = 0; i < CONFORMANCE_HELD; i++) {
        if (run->held[i] != NULL) {
            CONFORMANCE_CHECK(run, conformance_same(run->held[i], run->blocks[run->held_of[i]]));
        }
    }
}

static void conformance_get(conformance *run, size_t index)
{
    copse_block *const untouched = run->blocks[0];
    copse_block *block = untouched;
    copse_err err = {0};
    copse_status status = copse_store_get(run->store, conformance_cid(run, index), &block, &err);
    run->answers[run->present[index]]++;
    if (!run->present[index]) {
        CONFORMANCE_CHECK(run, status == COPSE_NOT_FOUND && block == untouched);
        CONFORMANCE_CHECK(run, err.status == COPSE_NOT_FOUND);
        return;
    }
    CONFORMANCE_CHECK(run, status == COPSE_OK && err.status == COPSE_OK);
    CONFORMANCE_CHECK(run, conformance_same(block, run->blocks[index]));
    conformance_keep(run, block, index);
}

static void conformance_get_many(conformance *run)
{
    size_t indexes[CONFORMANCE_BATCH];
    copse_cid cids[CONFORMANCE_BATCH];
    copse_block *blocks[CONFORMANCE_BATCH];
    size_t count = conformance_below(run, CONFORMANCE_BATCH + 1);
    for (size_t i = 0; i < count; i++) {
        bool is_again = i > 0 && conformance_below(run, 8) == 0;
        indexes[i] = is_again ? indexes[i - 1] : conformance_below(run, CONFORMANCE_BLOCKS);
        cids[i] = *conformance_cid(run, indexes[i]);
        blocks[i] = run->blocks[0];
    }
    copse_err err = {0};
    CONFORMANCE_CHECK(run, copse_store_get_many(run->store, cids, count, blocks, &err) == COPSE_OK);
    CONFORMANCE_CHECK(run, err.status == COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        run->answers[run->present[indexes[i]]]++;
        CONFORMANCE_CHECK(run, (blocks[i] != NULL) == run->present[indexes[i]]);
        if (blocks[i] != NULL) {
            CONFORMANCE_CHECK(run, conformance_same(blocks[i], run->blocks[indexes[i]]));
            conformance_keep(run, blocks[i], indexes[i]);
        }
    }
}

static void conformance_put(conformance *run)
{
    copse_block *blocks[CONFORMANCE_BATCH];
    size_t count = conformance_below(run, CONFORMANCE_BATCH + 1);
    for (size_t i = 0; i < count; i++) {
        size_t index = conformance_below(run, CONFORMANCE_BLOCKS);
        /* A copy now and then: the store must not count on one block a CID. */
        blocks[i] = copse_block_ref(run->blocks[index]);
        if (conformance_below(run, 3) == 0) {
            copse_block_unref(blocks[i]);
            assert_int_equal(copse_block_new(&run->own.env, conformance_cid(run, index),
                                             copse_block_data(run->blocks[index]), &blocks[i],
                                             NULL),
                             COPSE_OK);
        }
        run->present[index] = true;
    }
    CONFORMANCE_CHECK(run, copse_store_put(run->store, blocks, count, NULL) == COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        copse_block_unref(blocks[i]);
    }
}

static void conformance_remove(conformance *run)
{
    copse_cid cids[CONFORMANCE_BATCH];
    size_t count = conformance_below(run, CONFORMANCE_BATCH + 1);
    for (size_t i = 0; i < count; i++) {
        size_t index = conformance_below(run, CONFORMANCE_BLOCKS);
        cids[i] = *conformance_cid(run, index);
        run->present[index] = false;
    }
    CONFORMANCE_CHECK(run, copse_store_remove(run->store, cids, count, NULL) == COPSE_OK);
}

static void conformance_has(conformance *run, size_t index)
{
    bool is_present = !run->present[index];
    CONFORMANCE_CHECK(run, copse_store_has(run->store, conformance_cid(run, index), &is_present,
                                           NULL) == COPSE_OK);
    CONFORMANCE_CHECK(run, is_present == run->present[index]);
}

static copse_status conformance_visit(void *ctx, copse_block *block, copse_err *err)
{
    (void)err;
    conformance *run = ctx;
    size_t index = conformance_index(run, block);
    CONFORMANCE_CHECK(run, index < CONFORMANCE_BLOCKS);
    run->visits[index]++;
    return COPSE_OK;
}

typedef struct conformance_stop {
    size_t left;
    copse_status status;
} conformance_stop;

static copse_status conformance_visit_until(void *ctx, copse_block *block, copse_err *err)
{
    (void)block;
    (void)err;
    conformance_stop *stop = ctx;
    assert_true(stop->left > 0);
    return --stop->left == 0 ? stop->status : COPSE_OK;
}

static void conformance_iterate(conformance *run)
{
    size_t count = 0;
    memset(run->visits, 0, sizeof run->visits);
    CONFORMANCE_CHECK(run,
                      copse_store_iterate(run->store, conformance_visit, run, NULL) == COPSE_OK);
    for (size_t i = 0; i < CONFORMANCE_BLOCKS; i++) {
        CONFORMANCE_CHECK(run, run->visits[i] == (run->present[i] ? 1 : 0));
        count += run->present[i];
    }
    if (count > 0) {
        /* The first status but OK stops it, and comes back: an answer and a failure. */
        conformance_stop stop = {1 + conformance_below(run, count), COPSE_END};
        CONFORMANCE_CHECK(run, copse_store_iterate(run->store, conformance_visit_until, &stop,
                                                   NULL) == COPSE_END);
        stop = (conformance_stop){1 + conformance_below(run, count), COPSE_DENIED};
        CONFORMANCE_CHECK(run, copse_store_iterate(run->store, conformance_visit_until, &stop,
                                                   NULL) == COPSE_DENIED);
    }
}

static void conformance_flush(conformance *run)
{
    CONFORMANCE_CHECK(run, copse_store_flush(run->store, NULL) == COPSE_OK);
    if (run->options->reopen != NULL && conformance_below(run, 4) == 0) {
        run->store = copse_store_close(run->store);
        conformance_check_held(run);
        run->store = run->options->reopen(run->options->ctx, &run->tested.env);
        conformance_iterate(run);
    }
}

static void conformance_step(conformance *run)
{
    size_t index = conformance_below(run, CONFORMANCE_BLOCKS);
    size_t choice = conformance_below(run, 100);
    if (choice < 35) {
        conformance_get(run, index);
    } else if (choice < 50) {
        conformance_get_many(run);
    } else if (choice < 70) {
        conformance_put(run);
    } else if (choice < 85) {
        conformance_remove(run);
    } else if (choice < 95) {
        conformance_has(run, index);
    } else if (choice < 98) {
        conformance_flush(run);
    } else {
        conformance_iterate(run);
        conformance_check_held(run);
    }
}

/* What a caller may not ask for, and what costs nothing. */
static void conformance_arguments(conformance *run)
{
    copse_store *store = run->store;
    const copse_cid none = {0};
    const copse_cid *cid = conformance_cid(run, 0);
    copse_block *const untouched = run->blocks[0];
    copse_block *block = untouched;
    copse_block *many[2] = {untouched, untouched};
    copse_cid cids[2] = {*cid, none};
    bool is_present = true;
    assert_int_equal(copse_store_get(NULL, cid, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_get(store, NULL, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_get(store, &none, &block, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_get(store, cid, NULL, NULL), COPSE_MISUSE);
    assert_ptr_equal(block, untouched);
    assert_int_equal(copse_store_get_many(store, cids, 2, many, NULL), COPSE_MISUSE);
    assert_null(many[0]);
    assert_null(many[1]);
    assert_int_equal(copse_store_get_many(store, NULL, 1, many, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_get_many(store, cids, 1, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_get_many(store, NULL, 0, NULL, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(store, NULL, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_put(store, many, 1, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_put(store, NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_store_has(store, cid, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_has(store, &none, &is_present, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_remove(store, cids, 2, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_remove(store, NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_store_iterate(store, NULL, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_store_flush(NULL, NULL), COPSE_MISUSE);
    assert_null(copse_store_close(NULL));
}

static void conformance_release(conformance *run)
{
    run->store = copse_store_close(run->store);
    conformance_check_held(run);
    for (size_t i = 0; i < CONFORMANCE_HELD; i++) {
        run->held[i] = copse_block_unref(run->held[i]);
    }
    for (size_t i = 0; i < CONFORMANCE_BLOCKS; i++) {
        run->blocks[i] = copse_block_unref(run->blocks[i]);
    }
    test_env_assert_empty(&run->own);
    test_env_assert_empty(&run->tested);
}

void store_conformance_run_with(const store_conformance_options *options)
{
    store_conformance_options filled = *options;
    filled.seed = options->seed != 0 ? options->seed : 1;
    filled.operations = options->operations != 0 ? options->operations : 5000;
    filled.block_size_bytes_max =
        options->block_size_bytes_max != 0 ? options->block_size_bytes_max : (size_t)1 << 20;
    conformance *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->options = &filled;
    run->random = filled.seed;
    test_env_init(&run->own);
    test_env_init(&run->tested);
    for (size_t i = 0; i < CONFORMANCE_BLOCKS; i++) {
        conformance_make_block(run, i);
    }
    run->store = filled.make(filled.ctx, &run->tested.env);
    assert_non_null(run->store);
    conformance_arguments(run);
    conformance_iterate(run);
    for (run->operation = 0; run->operation < filled.operations; run->operation++) {
        conformance_step(run);
    }
    conformance_iterate(run);
    /* A suite in which nearly everything was there, or nothing, has shown little. */
    size_t asked = run->answers[0] + run->answers[1];
    CONFORMANCE_CHECK(run, asked < 100 || run->answers[0] * 10 >= asked * 3);
    CONFORMANCE_CHECK(run, asked < 100 || run->answers[1] * 10 >= asked * 3);
    conformance_release(run);
    free(run);
}

void store_conformance_run(store_conformance_make_fn make, void *ctx)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        store_conformance_run_with(
            &(store_conformance_options){.make = make, .ctx = ctx, .seed = seed});
    }
}
