/* Proofs that are not what they should be: every one is refused, with the reason.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/proof.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/proof_support.h"
#include "support/test_env.h"

enum { DAMAGE_SECTIONS_MAX = 2048 };

/* A proof that is right, taken apart. */
typedef struct proof_damage {
    test_env test;
    tree_fixture fixture;
    const copse_proof_query *query;
    copse_buf proof;
    proof_support_section sections[DAMAGE_SECTIONS_MAX];
    size_t count;
    copse_buf work; /* the damaged proof */
} proof_damage;

static proof_damage *damage_new(uint64_t seed, size_t entries)
{
    const copse_tree_config small = tree_fixture_small_config();
    proof_damage *made = calloc(1, sizeof *made);
    assert_non_null(made);
    test_env_init(&made->test);
    tree_fixture_init(&made->fixture, &made->test.env, &small, seed, entries);
    copse_buf_init(&made->work, &made->test.env, SIZE_MAX);
    return made;
}

static void damage_prove(proof_damage *damage, const copse_proof_query *query)
{
    copse_buf_release(&damage->proof);
    damage->query = query;
    proof_support_write(&damage->fixture, query, &damage->proof);
    damage->count = proof_support_sections(&damage->test.env, copse_buf_view(&damage->proof),
                                           damage->sections, DAMAGE_SECTIONS_MAX);
}

static void damage_free(proof_damage *damage)
{
    copse_buf_release(&damage->proof);
    copse_buf_release(&damage->work);
    tree_fixture_release(&damage->fixture);
    test_env_assert_empty(&damage->test);
    free(damage);
}

static void work_begin(proof_damage *damage)
{
    copse_buf_truncate(&damage->work, 0);
}

static void work_add(proof_damage *damage, size_t from, size_t to)
{
    copse_bytes bytes = {damage->proof.ptr + from, to - from};
    assert_int_equal(copse_buf_append(&damage->work, bytes), COPSE_OK);
}

static void work_add_section(proof_damage *damage, size_t index)
{
    const proof_support_section *section = &damage->sections[index];
    work_add(damage, section->offset, section->offset + section->size);
}

/* Header and sections 0 .. end - 1. */
static void work_add_until(proof_damage *damage, size_t end)
{
    work_add(damage, 0, end < damage->count ? damage->sections[end].offset : damage->proof.len);
}

/* That the damaged proof is refused as CORRUPT, with `reason` in the message. */
static void assert_refused(proof_damage *damage, const char *reason)
{
    copse_err err = {0};
    copse_status status =
        proof_support_verify(&damage->fixture, damage->query, copse_buf_view(&damage->work), &err);
    if (status != COPSE_CORRUPT || strstr(err.message, reason) == NULL) {
        fail_msg("%s (%s), where CORRUPT (%s) was expected", copse_status_name(status), err.message,
                 reason);
    }
    assert_int_equal(err.status, COPSE_CORRUPT);
}

/* Each block removed, doubled, swapped with its neighbour; a block added at each place. */
static void damage_blocks(proof_damage *damage, const proof_support_section *foreign,
                          const uint8_t *foreign_bytes)
{
    for (size_t i = 0; i < damage->count; i++) {
        bool last = i + 1 == damage->count;
        work_begin(damage);
        work_add_until(damage, i);
        work_add(damage, last ? damage->proof.len : damage->sections[i + 1].offset,
                 damage->proof.len);
        assert_refused(damage, last ? "ends before block" : "unexpected block");

        work_begin(damage);
        work_add_until(damage, i + 1);
        work_add_section(damage, i);
        work_add(damage, damage->sections[i].offset + damage->sections[i].size, damage->proof.len);
        assert_refused(damage, last ? "is left over" : "unexpected block");

        if (!last) {
            work_begin(damage);
            work_add_until(damage, i);
            work_add_section(damage, i + 1);
            work_add_section(damage, i);
            work_add(damage, damage->sections[i + 1].offset + damage->sections[i + 1].size,
                     damage->proof.len);
            assert_refused(damage, "unexpected block");
        }

        work_begin(damage);
        work_add_until(damage, i);
        assert_int_equal(
            copse_buf_append(&damage->work, (copse_bytes){foreign_bytes, foreign->size}), COPSE_OK);
        work_add(damage, damage->sections[i].offset, damage->proof.len);
        assert_refused(damage, "unexpected block");
    }
}

static void test_every_block(void **state)
{
    (void)state;
    uint64_t random = 1;
    proof_damage *other = damage_new(100, 200);
    const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    damage_prove(other, &all);
    const proof_support_section *foreign = &other->sections[other->count - 1];
    size_t blocks = 0;
    for (size_t i = 0; i < 6; i++) {
        proof_damage *damage = damage_new(i, i * 60);
        for (size_t j = 0; j < 15; j++) {
            proof_support_query query;
            proof_support_random_query(&random, &damage->fixture, &query);
            damage_prove(damage, &query.query);
            damage_blocks(damage, foreign, other->proof.ptr + foreign->offset);
            blocks += damage->count;
        }
        damage_free(damage);
    }
    print_message("%zu blocks, each damaged in four ways\n", blocks);
    assert_true(blocks > 400);
    damage_free(other);
}

/* Every byte of a small proof with two bits flipped in turn, a sample of a large one. */
static void test_every_byte(void **state)
{
    (void)state;
    uint64_t random = 2;
    size_t flips = 0;
    for (size_t i = 0; i < 8; i++) {
        proof_damage *damage = damage_new(i, i * 40);
        for (size_t j = 0; j < 4; j++) {
            proof_support_query query;
            proof_support_random_query(&random, &damage->fixture, &query);
            damage_prove(damage, &query.query);
            size_t step = damage->proof.len < 2000 ? 1 : 1 + damage->proof.len / 700;
            for (size_t at = 0; at < damage->proof.len; at += step) {
                work_begin(damage);
                work_add_until(damage, damage->count);
                damage->work.ptr[at] ^= (uint8_t)(1u << test_random_below(&random, 8));
                copse_status status = proof_support_verify(&damage->fixture, damage->query,
                                                           copse_buf_view(&damage->work), NULL);
                /* LIMIT: a length that became huge */
                assert_true(status == COPSE_CORRUPT || status == COPSE_LIMIT);
                flips++;
            }
        }
        damage_free(damage);
    }
    print_message("%zu bytes flipped\n", flips);
}

/* A byte of a block's data, not of its CID: the message says that it does not hash. */
static void test_wrong_data(void **state)
{
    (void)state;
    const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    proof_damage *damage = damage_new(3, 150);
    damage_prove(damage, &all);
    for (size_t i = 0; i < damage->count; i++) {
        work_begin(damage);
        work_add_until(damage, damage->count);
        damage->work.ptr[damage->sections[i].offset + damage->sections[i].size - 1] ^= 1;
        assert_refused(damage, "does not hash to its CID");
    }
    damage_free(damage);
}

/* Cut short at every byte: never accepted. */
static void test_cut_short(void **state)
{
    (void)state;
    proof_damage *damage = damage_new(4, 60);
    copse_bytes key = tree_fixture_key(&damage->fixture, 30);
    const copse_proof_query query = {.kind = COPSE_PROOF_KEYS, .keys = &key, .keys_count = 1};
    damage_prove(damage, &query);
    for (size_t end = 0; end < damage->proof.len; end++) {
        work_begin(damage);
        work_add(damage, 0, end);
        assert_refused(damage, "");
    }
    damage_free(damage);
}

/* The right blocks under another root, a second root, and an envelope of version 2. */
static void test_wrong_root(void **state)
{
    (void)state;
    proof_damage *damage = damage_new(5, 100);
    tree_fixture *fixture = &damage->fixture;
    const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    damage_prove(damage, &all);
    work_begin(damage);
    work_add_until(damage, damage->count);
    copse_cid root = fixture->root;
    fixture->root = *copse_tree_top(fixture->tree);
    assert_refused(damage, "another root");
    fixture->root = root;

    for (uint64_t version = 1; version <= 2; version++) {
        const copse_car_writer_options options = {.version = version, .without_index = true};
        copse_car_writer *writer;
        copse_cid roots[2] = {root, root};
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        work_begin(damage);
        assert_int_equal(copse_car_writer_new(&damage->test.env, &options,
                                              proof_support_sink(&damage->work), roots,
                                              version == 1 ? 2 : 1, &writer, NULL),
                         COPSE_OK);
        for (size_t i = 0; i < damage->count; i++) {
            copse_block *block;
            assert_int_equal(
                copse_store_get(fixture->store, &damage->sections[i].cid, &block, NULL), COPSE_OK);
            assert_int_equal(
                copse_car_writer_put(writer, copse_block_cid(block), copse_block_data(block), NULL),
                COPSE_OK);
            copse_block_unref(block);
        }
        assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
        copse_car_writer_free(writer);
        if (version == 2) {
            memcpy(damage->work.ptr, start, sizeof start);
        }
        assert_refused(damage, version == 1 ? "with 2 roots" : "of version 2");
    }
    damage_free(damage);
}

/* The proof of one query does not pass for another, unless it happens to be the same proof. */
static void test_wrong_query(void **state)
{
    (void)state;
    uint64_t random = 6;
    size_t refused = 0;
    size_t same = 0;
    proof_damage *damage = damage_new(6, 300);
    for (size_t i = 0; i < 200; i++) {
        proof_support_query query;
        proof_support_query other;
        copse_buf right;
        proof_support_random_query(&random, &damage->fixture, &query);
        proof_support_random_query(&random, &damage->fixture, &other);
        damage_prove(damage, &query.query);
        proof_support_write(&damage->fixture, &other.query, &right);
        work_begin(damage);
        work_add_until(damage, damage->count);
        damage->query = &other.query;
        if (copse_bytes_equal(copse_buf_view(&right), copse_buf_view(&damage->work))) {
            assert_int_equal(proof_support_verify(&damage->fixture, &other.query,
                                                  copse_buf_view(&damage->work), NULL),
                             COPSE_OK);
            same++;
        } else {
            assert_refused(damage, "block");
            refused++;
        }
        copse_buf_release(&right);
    }
    print_message("%zu refused, %zu were the same proof\n", refused, same);
    assert_true(refused > 100);
    damage_free(damage);
}

/* The verifier stops while the proof still comes, at the first block that it did not ask for. */
static void test_stops_early(void **state)
{
    (void)state;
    const copse_proof_query all = {.kind = COPSE_PROOF_RANGE, .limit = UINT64_MAX};
    proof_damage *damage = damage_new(7, 300);
    damage_prove(damage, &all);
    for (size_t i = 0; i + 1 < damage->count; i += 3) {
        copse_proof_verifier *verifier;
        copse_err err = {0};
        copse_bytes head = {damage->proof.ptr, damage->sections[i].offset};
        const proof_support_section *wrong = &damage->sections[i + 1];
        assert_int_equal(copse_proof_verifier_new(&damage->test.env, &damage->fixture.root, &all,
                                                  NULL, NULL, &verifier, NULL),
                         COPSE_OK);
        assert_int_equal(copse_proof_verifier_feed(verifier, head, NULL), COPSE_OK);
        copse_bytes section = {damage->proof.ptr + wrong->offset, wrong->size};
        assert_int_equal(copse_proof_verifier_feed(verifier, section, &err), COPSE_CORRUPT);
        assert_non_null(strstr(err.message, "unexpected block"));
        assert_int_equal(copse_proof_verifier_finish(verifier, NULL), COPSE_CORRUPT);
        copse_proof_verifier_free(verifier);
    }
    damage_free(damage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_block), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_wrong_data),  cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_wrong_root),  cmocka_unit_test(test_wrong_query),
        cmocka_unit_test(test_stops_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
