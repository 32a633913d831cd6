/* Answers that are not what they should be: every one is refused, with the reason, and none gives a
 * document that is wrong.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/answer_head.h"
#include "query/plan.h"
#include "support/answer_support.h"

enum { DAMAGE_SECTIONS_MAX = 2048, DAMAGE_FAULTS = COPSE_ANSWER_BROKEN_ROOT + 1 };

/* An answer that is right, taken apart. */
typedef struct answer_damage {
    answer_world world;
    answer_query query;
    answer_expected expected;
    const copse_cid *root;
    copse_buf car;
    copse_buf work; /* the damaged one */
    proof_support_section sections[DAMAGE_SECTIONS_MAX];
    size_t count;
    size_t faults[DAMAGE_FAULTS]; /* those that were found */
} answer_damage;

static answer_damage *damage_new(uint64_t seed, size_t documents)
{
    answer_damage *damage = calloc(1, sizeof *damage);
    assert_non_null(damage);
    answer_world_init_random(&damage->world, seed, documents);
    copse_buf_init(&damage->work, database_world_env(&damage->world.db), SIZE_MAX);
    return damage;
}

/* Makes the right answer to damage->query. */
static void damage_make(answer_damage *damage, const copse_cid *root)
{
    copse_err err = {0};
    damage->root = root;
    answer_expected_init(&damage->expected, &damage->world, &damage->query.options);
    copse_status status = answer_support_make(&damage->world, root, &damage->query.options, NULL,
                                              &damage->car, NULL, &err);
    if (status != COPSE_END) {
        fail_msg("no answer: %s, %s", copse_status_name(status), err.message);
    }
    damage->count =
        proof_support_sections(database_world_env(&damage->world.db), copse_buf_view(&damage->car),
                               damage->sections, DAMAGE_SECTIONS_MAX);
}

static void damage_unmake(answer_damage *damage)
{
    copse_buf_release(&damage->car);
    answer_expected_release(&damage->expected);
    answer_query_release(&damage->query);
}

static void damage_free(answer_damage *damage)
{
    copse_buf_release(&damage->work);
    answer_world_release(&damage->world);
    free(damage);
}

static void damage_add_bytes(answer_damage *damage, copse_bytes bytes)
{
    assert_int_equal(copse_buf_append(&damage->work, bytes), COPSE_OK);
}

static void damage_add(answer_damage *damage, size_t from, size_t to)
{
    damage_add_bytes(damage, (copse_bytes){damage->car.ptr + from, to - from});
}

/* Where section number `index` begins; behind the last: where the answer ends. */
static size_t damage_offset(const answer_damage *damage, size_t index)
{
    return index < damage->count ? damage->sections[index].offset : damage->car.len;
}

/* Begins anew with header and sections 0 .. end - 1. */
static void damage_begin(answer_damage *damage, size_t end)
{
    copse_buf_truncate(&damage->work, 0);
    damage_add(damage, 0, damage_offset(damage, end));
}

static void damage_add_sections(answer_damage *damage, size_t begin, size_t end)
{
    damage_add(damage, damage_offset(damage, begin), damage_offset(damage, end));
}

static answer_verdict damage_verify(answer_damage *damage)
{
    return answer_support_verify(database_world_env(&damage->world.db), damage->root,
                                 &damage->query.options, NULL, copse_buf_view(&damage->work),
                                 SIZE_MAX / 2, &damage->expected);
}

static void damage_assert(answer_damage *damage, copse_answer_fault fault)
{
    answer_verdict verdict = damage_verify(damage);
    if (verdict.status != COPSE_CORRUPT || verdict.fault != fault) {
        fail_msg("%s, %s (%s), where %s was expected", copse_status_name(verdict.status),
                 copse_answer_fault_name(verdict.fault), verdict.err.message,
                 copse_answer_fault_name(fault));
    }
    assert_int_equal(verdict.err.status, COPSE_CORRUPT);
    assert_true(verdict.err.message[0] != '\0');
    damage->faults[fault]++;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* Adds a block that is no part of the answer where one is; `foreign` is the whole section. */
static void damage_block_exchanged(answer_damage *damage, size_t i, copse_bytes foreign)
{
    copse_answer_fault wrong = i == 0 ? COPSE_ANSWER_NO_ANSWER : COPSE_ANSWER_OTHER_BLOCK;
    damage_begin(damage, i);
    damage_add_bytes(damage, foreign);
    damage_add_sections(damage, i + 1, damage->count);
    damage_assert(damage, wrong);
    damage_begin(damage, i);
    damage_add_bytes(damage, foreign);
    damage_add_sections(damage, i, damage->count);
    damage_assert(damage, wrong);
}

/* Block number `i` removed, doubled, swapped with the next, wrong in its last byte, exchanged. */
static void damage_block(answer_damage *damage, size_t i, copse_bytes foreign)
{
    bool last = i + 1 == damage->count;
    copse_answer_fault wrong = i == 0 ? COPSE_ANSWER_NO_ANSWER : COPSE_ANSWER_OTHER_BLOCK;
    damage_begin(damage, i);
    damage_add_sections(damage, i + 1, damage->count);
    damage_assert(damage, last ? COPSE_ANSWER_CUT_SHORT : wrong);

    damage_begin(damage, i + 1);
    damage_add_sections(damage, i, damage->count);
    damage_assert(damage, last ? COPSE_ANSWER_LEFT_OVER : COPSE_ANSWER_OTHER_BLOCK);

    if (!last) {
        damage_begin(damage, i);
        damage_add_sections(damage, i + 1, i + 2);
        damage_add_sections(damage, i, i + 1);
        damage_add_sections(damage, i + 2, damage->count);
        damage_assert(damage, wrong);
    }
    damage_begin(damage, damage->count);
    damage->work.ptr[damage_offset(damage, i + 1) - 1] ^= 1;
    damage_assert(damage, COPSE_ANSWER_DAMAGED_BLOCK);
    damage_block_exchanged(damage, i, foreign);
}

/* Appends the section of a block of the database that is no part of the answer, if there is one. */
static bool damage_find_foreign(answer_damage *damage, const answer_damage *all, copse_buf *ret)
{
    for (size_t i = 1; i < all->count; i++) {
        bool used = false;
        for (size_t j = 0; j < damage->count; j++) {
            used = used || copse_cid_equal(&all->sections[i].cid, &damage->sections[j].cid);
        }
        if (!used) {
            copse_bytes section = {all->car.ptr + all->sections[i].offset, all->sections[i].size};
            copse_buf_truncate(ret, 0);
            assert_int_equal(copse_buf_append(ret, section), COPSE_OK);
            return true;
        }
    }
    return false;
}

static void test_every_block(void **state)
{
    (void)state;
    uint64_t random = 1;
    size_t blocks = 0;
    for (uint64_t i = 0; i < 5; i++) {
        answer_damage *damage = damage_new(i, 10 + i * 15);
        answer_damage *all = damage_new(i, 10 + i * 15);
        copse_buf foreign;
        copse_buf_init(&foreign, database_world_env(&damage->world.db), SIZE_MAX);
        answer_query_init(&all->query, NULL, "c", NULL, 0, 0);
        damage_make(all, copse_tree_root(all->world.db.tree));
        for (size_t j = 0; j < 10; j++) {
            answer_query_init_random(&damage->query, &random);
            damage_make(damage, j % 2 == 0 ? copse_tree_root(damage->world.db.tree)
                                           : &damage->world.commit);
            bool any = damage_find_foreign(damage, all, &foreign);
            for (size_t k = 0; any && k < damage->count; k++) {
                damage_block(damage, k, copse_buf_view(&foreign));
                blocks++;
            }
            damage_unmake(damage);
        }
        copse_buf_release(&foreign);
        damage_unmake(all);
        damage_free(all);
        damage_free(damage);
    }
    print_message("%zu blocks, each damaged in six ways\n", blocks);
    assert_true(blocks > 300);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static void damage_small(answer_damage *damage)
{
    answer_query_init(&damage->query, "{\"_id\":{\"$in\":[3,9]}}", NULL, NULL, 0, 0);
    damage_make(damage, &damage->world.commit);
}

static void test_every_byte(void **state)
{
    (void)state;
    answer_damage *damage = damage_new(2, 8);
    damage_small(damage);
    for (size_t at = 0; at < damage->car.len; at++) {
        for (size_t bit = at % 4; bit < 8; bit += 4) {
            damage_begin(damage, damage->count);
            damage->work.ptr[at] ^= (uint8_t)(1u << bit);
            answer_verdict verdict = damage_verify(damage);
            /* LIMIT: a length that became huge */
            assert_true(verdict.status == COPSE_CORRUPT || verdict.status == COPSE_LIMIT);
            assert_true(verdict.fault != COPSE_ANSWER_BROKEN_ROOT);
            damage->faults[verdict.fault]++;
        }
    }
    for (unsigned fault = 0; fault < DAMAGE_FAULTS; fault++) {
        print_message("%s: %zu\n", copse_answer_fault_name(fault), damage->faults[fault]);
    }
    assert_true(damage->faults[COPSE_ANSWER_DAMAGED_BLOCK] > damage->car.len);
    damage_unmake(damage);
    damage_free(damage);
}

static void test_cut_short(void **state)
{
    (void)state;
    answer_damage *damage = damage_new(2, 8);
    damage_small(damage);
    for (size_t end = 0; end < damage->car.len; end++) {
        copse_buf_truncate(&damage->work, 0);
        damage_add(damage, 0, end);
        damage_assert(damage, COPSE_ANSWER_CUT_SHORT);
    }
    damage_unmake(damage);
    damage_free(damage);
}

/* A byte more is the length of a section: of none, or of one that does not come. */
static void test_appended(void **state)
{
    (void)state;
    answer_damage *damage = damage_new(2, 8);
    damage_small(damage);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t junk[] = {(uint8_t)byte, 0x01};
        damage_begin(damage, damage->count);
        damage_add_bytes(damage, (copse_bytes){junk, 1});
        damage_assert(damage, byte == 0 ? COPSE_ANSWER_NO_CAR : COPSE_ANSWER_CUT_SHORT);
        damage_begin(damage, damage->count);
        damage_add_bytes(damage, (copse_bytes){junk, 2});
        assert_int_equal(damage_verify(damage).status, COPSE_CORRUPT);
    }
    damage_unmake(damage);
    damage_free(damage);
}

/* ---- Root, query and plan -------------------------------------------------------------------- */

/* Puts a header of these roots and another first block before the blocks of the right answer; in
 * version 2, before none. */
static void damage_rebegin(answer_damage *damage, uint64_t version, const copse_cid *roots,
                           size_t roots_count, copse_bytes block)
{
    const copse_env *env = database_world_env(&damage->world.db);
    const copse_car_writer_options options = {.version = version, .without_index = true};
    copse_car_writer *writer;
    copse_cid cid;
    copse_buf_truncate(&damage->work, 0);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, block, &cid);
    assert_int_equal(copse_car_writer_new(env, &options, proof_support_sink(&damage->work), roots,
                                          roots_count, &writer, NULL),
                     COPSE_OK);
    assert_int_equal(copse_car_writer_put(writer, &cid, block, NULL), COPSE_OK);
    if (version == 2) {
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
        memcpy(damage->work.ptr, start, sizeof start);
    } else {
        damage_add_sections(damage, 1, damage->count);
    }
    copse_car_writer_free(writer);
}

/* The same with the block of `head`; `change` is XORed to its last byte, the version. */
static void damage_rehead_changed(answer_damage *damage, uint64_t version, const copse_cid *roots,
                                  size_t roots_count, const copse_answer_head *head, uint8_t change)
{
    copse_buf block;
    copse_buf_init(&block, database_world_env(&damage->world.db), SIZE_MAX);
    assert_int_equal(copse_answer_head_encode(head, &block, NULL), COPSE_OK);
    block.ptr[block.len - 1] ^= change;
    damage_rebegin(damage, version, roots, roots_count, copse_buf_view(&block));
    copse_buf_release(&block);
}

static void damage_rehead(answer_damage *damage, uint64_t version, const copse_cid *roots,
                          size_t roots_count, const copse_answer_head *head)
{
    damage_rehead_changed(damage, version, roots, roots_count, head, 0);
}

/* What the first block of the right answer holds. */
static copse_answer_head damage_head(const answer_damage *damage)
{
    const proof_support_section *section = &damage->sections[0];
    copse_answer_head head;
    copse_limits limits = database_world_env(&damage->world.db)->limits;
    size_t at = section->offset + section->size;
    size_t size = 0;
    copse_cid cid = {0};
    while (!copse_cid_equal(&cid, &section->cid)) { /* the block is the section's end */
        size++;
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){damage->car.ptr + at - size, size},
                          &cid);
    }
    assert_int_equal(copse_answer_head_decode((copse_bytes){damage->car.ptr + at - size, size},
                                              &limits, &head, NULL),
                     COPSE_OK);
    return head;
}

static void test_other_root(void **state)
{
    (void)state;
    answer_damage *damage = damage_new(3, 60);
    const copse_cid *tree = copse_tree_root(damage->world.db.tree);
    answer_query_init(&damage->query, "{\"a\":1}", "b", NULL, 0, 0);
    damage_make(damage, tree);
    copse_answer_head head = damage_head(damage);
    const copse_cid roots[] = {*tree, damage->world.commit};

    damage_rehead(damage, 1, roots, 1, &head);
    assert_true(copse_bytes_equal(copse_buf_view(&damage->work), copse_buf_view(&damage->car)));
    damage->root = &damage->world.commit;
    damage_assert(damage, COPSE_ANSWER_OTHER_ROOT);
    damage_rehead(damage, 1, &roots[1], 1, &head);
    damage_assert(damage, COPSE_ANSWER_OTHER_BLOCK);
    damage->root = tree;
    damage_assert(damage, COPSE_ANSWER_OTHER_ROOT);
    damage_rehead(damage, 1, roots, 2, &head);
    damage_assert(damage, COPSE_ANSWER_NO_CAR);
    damage_rehead(damage, 2, roots, 1, &head);
    damage_assert(damage, COPSE_ANSWER_NO_CAR);
    damage_unmake(damage);
    damage_free(damage);
}

static void test_other_query(void **state)
{
    (void)state;
    static const char *const names[] = {"skip", "sort", "limit", "filter", "project", "collection"};
    answer_damage *damage = damage_new(5, 80);
    answer_query other;
    answer_query_init(&damage->query, "{\"a\":{\"$gt\":0}}", "a,-b", "{\"a\":1}", 2, 5);
    damage_make(damage, copse_tree_root(damage->world.db.tree));
    damage_begin(damage, damage->count);
    answer_query_init(&other, "{\"a\":{\"$gte\":0}}", "a,b", "{\"b\":1}", 3, 6);
    other.options.collection = copse_bytes_of_text("post");
    const copse_query_options right = damage->query.options;
    for (size_t i = 0; i < 6; i++) {
        copse_query_options *asked = &damage->query.options;
        *asked = right;
        asked->skip = i == 0 ? other.options.skip : asked->skip;
        asked->sort = i == 1 ? other.options.sort : asked->sort;
        asked->limit = i == 2 ? other.options.limit : asked->limit;
        asked->filter = i == 3 ? other.options.filter : asked->filter;
        asked->projection = i == 4 ? other.options.projection : asked->projection;
        asked->collection = i == 5 ? other.options.collection : asked->collection;
        damage_assert(damage, COPSE_ANSWER_OTHER_QUERY);
        answer_verdict verdict = damage_verify(damage);
        assert_non_null(strstr(verdict.err.message, names[i]));
    }
    damage->query.options = right;
    answer_query_release(&other);
    damage_unmake(damage);
    damage_free(damage);
}

/* Makes the answer to one random query say that it is for another. Both are sorted: without an
 * order another plan may give other documents, which are as right. */
static void damage_hide_query(answer_damage *damage, const copse_sort_spec *sort, uint64_t *random)
{
    const copse_cid *tree = copse_tree_root(damage->world.db.tree);
    answer_query first;
    copse_buf asked;
    answer_query_init_random(&first, random);
    damage->query.options = first.options;
    damage_make(damage, tree);
    answer_expected_release(&damage->expected);
    answer_query_init_random(&damage->query, random);
    if (damage->query.options.sort == NULL) {
        damage->query.options.sort = sort;
    }
    damage->query.options.hint = (copse_bytes){NULL, 0};
    answer_expected_init(&damage->expected, &damage->world, &damage->query.options);
    copse_buf_init(&asked, database_world_env(&damage->world.db), SIZE_MAX);
    assert_int_equal(copse_answer_head_write_query(&damage->query.options, &asked, NULL), COPSE_OK);
    const copse_answer_head head = {damage_head(damage).plan, copse_buf_view(&asked)};
    damage_rehead(damage, 1, tree, 1, &head);
    copse_buf_release(&asked);
    answer_query_release(&first);
}

/* Never a wrong document. */
static void test_hidden_query(void **state)
{
    (void)state;
    uint64_t random = 7;
    size_t sound = 0;
    answer_query by_id;
    answer_damage *damage = damage_new(7, 100);
    answer_query_init(&by_id, NULL, "_id", NULL, 0, 0);
    for (size_t i = 0; i < 300; i++) {
        damage_hide_query(damage, &by_id.sort, &random);
        answer_verdict verdict = damage_verify(damage);
        assert_true(verdict.status == COPSE_END || verdict.status == COPSE_CORRUPT);
        assert_true(verdict.fault != COPSE_ANSWER_OTHER_QUERY &&
                    verdict.fault != COPSE_ANSWER_BROKEN_ROOT);
        sound += verdict.status == COPSE_END;
        damage->faults[verdict.fault]++;
        damage_unmake(damage);
    }
    print_message("%zu refused, %zu were right for the other query too\n", 300 - sound, sound);
    assert_true(damage->faults[COPSE_ANSWER_WRONG_PLAN] > 100);
    answer_query_release(&by_id);
    damage_free(damage);
}

/* What is changed in a plan. */
typedef enum plan_change {
    CHANGE_UNION,
    CHANGE_ORDER,
    CHANGE_FILTER,
    CHANGE_UNIQUE,
    CHANGE_COVERED,
    CHANGE_INDEX,
    CHANGE_REVERSE,
    CHANGE_FROM,
    CHANGE_TO,
    CHANGE_RANGES,
    CHANGE_SCANS,
    CHANGE_COUNT
} plan_change;

/* False: there is nothing of the kind in this plan. */
static bool plan_apply_change(copse_plan *plan, plan_change change)
{
    static const uint8_t key[] = {0, 'x'};
    copse_plan_scan *scan = plan->scans_count > 0 ? &plan->scans[0] : NULL;
    copse_key_range *range = scan != NULL && scan->ranges_count > 0 ? scan->ranges : NULL;
    bool in_scan = change >= CHANGE_INDEX && change <= CHANGE_REVERSE;
    bool in_range = change >= CHANGE_FROM && change <= CHANGE_RANGES;
    if ((in_scan && scan == NULL) || (in_range && range == NULL)) {
        return false;
    }
    switch (change) {
    case CHANGE_UNION:
        plan->is_union = !plan->is_union;
        return true;
    case CHANGE_ORDER:
        plan->order = (plan->order + 1) % COPSE_ORDERED_COUNT;
        return true;
    case CHANGE_FILTER:
        plan->filter = !plan->filter;
        return true;
    case CHANGE_UNIQUE:
        plan->unique = !plan->unique;
        return true;
    case CHANGE_COVERED:
        plan->covered = !plan->covered;
        return true;
    case CHANGE_INDEX:
        scan->index = copse_bytes_of_text("ghost");
        return true;
    case CHANGE_REVERSE:
        scan->reverse = !scan->reverse;
        return true;
    case CHANGE_FROM:
        range->from = (copse_bytes){key, sizeof key};
        return true;
    case CHANGE_TO:
        range->to = (copse_bytes){key, sizeof key};
        return true;
    case CHANGE_RANGES:
        scan->ranges_count--;
        return true;
    default:
        plan->scans_count -= plan->scans_count > 0;
        return scan != NULL;
    }
}

/* Refuses the answer with `change` made in its plan. False: there is nothing to change. */
static bool damage_plan(answer_damage *damage, const copse_answer_head *head, plan_change change)
{
    const copse_env *env = database_world_env(&damage->world.db);
    copse_arena arena;
    copse_plan plan;
    copse_buf encoded;
    copse_arena_init(&arena, env);
    copse_buf_init(&encoded, env, SIZE_MAX);
    assert_int_equal(copse_plan_decode(&arena, head->plan, &env->limits, &plan, NULL), COPSE_OK);
    bool changed = plan_apply_change(&plan, change);
    if (changed) {
        assert_int_equal(copse_plan_encode(&plan, &encoded, NULL), COPSE_OK);
        const copse_answer_head other = {copse_buf_view(&encoded), head->query};
        damage_rehead(damage, 1, damage->root, 1, &other);
        damage_assert(damage, COPSE_ANSWER_WRONG_PLAN);
    }
    copse_buf_release(&encoded);
    copse_arena_release(&arena);
    return changed;
}

static void test_other_plan(void **state)
{
    (void)state;
    uint64_t random = 8;
    size_t changes[CHANGE_COUNT] = {0};
    for (uint64_t seed = 8; seed < 12; seed++) {
        answer_damage *damage = damage_new(seed, 60);
        for (size_t i = 0; i < 25; i++) {
            answer_query_init_random(&damage->query, &random);
            damage_make(damage, &damage->world.commit);
            const copse_answer_head head = damage_head(damage);
            for (unsigned change = 0; change < CHANGE_COUNT; change++) {
                changes[change] += damage_plan(damage, &head, (plan_change)change);
            }
            damage_unmake(damage);
        }
        damage_free(damage);
    }
    for (unsigned change = 0; change < CHANGE_COUNT; change++) {
        assert_true(changes[change] > 20);
    }
}

/* A first block that is none: each of its three parts, and another block altogether. */
static void test_no_answer(void **state)
{
    (void)state;
    static const uint8_t null[] = {0xf6};
    answer_damage *damage = damage_new(4, 20);
    damage_small(damage);
    copse_answer_head head = damage_head(damage);
    copse_answer_head other = {head.plan, {null, sizeof null}};
    damage_rehead(damage, 1, damage->root, 1, &other);
    damage_assert(damage, COPSE_ANSWER_NO_ANSWER);
    other = (copse_answer_head){{null, sizeof null}, head.query};
    damage_rehead(damage, 1, damage->root, 1, &other);
    damage_assert(damage, COPSE_ANSWER_WRONG_PLAN);
    damage_rehead_changed(damage, 1, damage->root, 1, &head, 3);
    damage_assert(damage, COPSE_ANSWER_NO_ANSWER);
    damage_rebegin(damage, 1, damage->root, 1, head.plan);
    damage_assert(damage, COPSE_ANSWER_NO_ANSWER);
    damage_rebegin(damage, 1, damage->root, 1, (copse_bytes){null, 0});
    damage_assert(damage, COPSE_ANSWER_NO_ANSWER);
    damage_unmake(damage);
    damage_free(damage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_block),  cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_cut_short),    cmocka_unit_test(test_appended),
        cmocka_unit_test(test_other_root),   cmocka_unit_test(test_other_query),
        cmocka_unit_test(test_hidden_query), cmocka_unit_test(test_other_plan),
        cmocka_unit_test(test_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
