/* Queries on a remote: each way of being answered, and from an answer to blocks. Whatever happens,
 * the documents are those that the query gives on the whole database (support/remote_world.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/find_case.h"

/* ---- The plain ways -------------------------------------------------------------------------- */

static void test_answer(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 2, FIND_CASE_STORE);
    remote_found first = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&first, COPSE_REMOTE_ANSWER);
    assert_true(copse_cid_equal(&first.root, &one.world.newer));
    assert_int_equal(first.stats.round_trips, 1);
    assert_int_equal(first.stats.requests, 1);
    assert_int_equal(first.stats.answers, 1);
    assert_int_equal(first.stats.refused, 0);
    assert_int_equal(first.stats.had, 0);
    assert_true(first.stats.blocks > 4);
    assert_true(first.stats.received_bytes > first.stats.block_bytes);
    assert_int_equal(copse_remote_get_stats(one.client.remote).peers, 1);

    remote_found again = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&again, COPSE_REMOTE_LOCAL);
    assert_int_equal(again.stats.requests, 0);
    assert_int_equal(again.stats.had, first.stats.blocks);
    assert_int_equal(again.result.documents_examined, first.result.documents_examined);
    find_case_release(&one);
}

/* A name takes no more; what is here already is not sent. */
static void test_name(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, FIND_CASE_STORE);
    remote_found first = find_case_run(&one, NULL, false);
    find_case_assert_ended(&first, COPSE_REMOTE_ANSWER);
    assert_int_equal(first.stats.round_trips, 1);
    assert_true(copse_cid_equal(&first.root, &one.world.newer));
    assert_true(copse_cid_equal(&one.heads.head, &one.world.newer));
    assert_string_equal(one.heads.address, "http://p0/blog");
    assert_int_equal(find_case_peer(&one, 0)->have_count, 0);

    remote_found again = find_case_run(&one, NULL, false);
    find_case_assert_ended(&again, COPSE_REMOTE_ANSWER);
    assert_int_equal(again.stats.blocks, 0);
    assert_int_equal(again.stats.round_trips, 1);
    assert_int_equal(find_case_peer(&one, 0)->have_count, first.stats.blocks);
    assert_true(again.stats.received_bytes < 700);

    /* Another commit of the same tree: only that block is sent. */
    find_case_peer(&one, 0)->head = one.world.older;
    remote_found other = find_case_run(&one, NULL, false);
    find_case_assert_ended(&other, COPSE_REMOTE_ANSWER);
    assert_int_equal(other.stats.blocks, 1);
    assert_true(copse_cid_equal(&other.root, &one.world.older));
    find_case_release(&one);
}

static void test_blocks(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= FIND_CASE_STORE; flags += FIND_CASE_STORE) {
        find_case one;
        find_case_init(&one, 1, flags);
        remote_found first = find_case_run(&one, NULL, true);
        find_case_assert_ended(&first, COPSE_REMOTE_BLOCKS);
        assert_int_equal(find_case_peer(&one, 0)->queries, 0);
        assert_int_equal(find_case_peer(&one, 0)->heads, 1);
        assert_int_equal(first.stats.blocks, find_case_peer(&one, 0)->asked_blocks);
        assert_int_equal(first.stats.requests, 1 + find_case_peer(&one, 0)->batches);
        /* The head, and at most 3 (levels - 1) + 3: commit, root and top node; then, in a tree of
         * three levels, the ways to the catalogue, to marks and entries, to the documents. */
        assert_in_range(first.stats.round_trips, 1 + 6, 1 + 9);
        remote_found again = find_case_run(&one, &one.world.newer, true);
        find_case_assert_ended(&again, flags != 0 ? COPSE_REMOTE_LOCAL : COPSE_REMOTE_BLOCKS);
        assert_int_equal(again.stats.blocks, flags != 0 ? 0 : first.stats.blocks);
        find_case_release(&one);
    }
}

/* A part of the blocks is here: the answer brings the rest. */
static void test_have(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, FIND_CASE_STORE);
    remote_found whole = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&whole, COPSE_REMOTE_ANSWER);
    answer_query_release(&one.query);
    answer_query_init(&one.query, "{\"tags\":\"t5\"}", "-createdAt", NULL, 0, 12);
    remote_found part = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&part, COPSE_REMOTE_ANSWER);
    assert_true(find_case_peer(&one, 0)->have_count >= 4);
    assert_true(part.stats.blocks > 0 && part.stats.blocks < whole.stats.blocks);
    assert_int_equal(part.stats.round_trips, 1);
    find_case_release(&one);
}

/* A query that reads more than is noted of a root that is here for the most part: peers are not
 * asked for an answer, but for the blocks that lack. */
static void test_notes_full(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, FIND_CASE_STORE);
    find_case_end(&one);
    remote_world_release(&one.world);
    answer_query_release(&one.query);
    answer_world_init_random(&one.world.world, 1, 400); /* of linked documents */
    one.world.newer = one.world.world.commit;
    answer_query_init(&one.query, NULL, "_id", NULL, 0, 0);
    find_case_begin(&one, 1, FIND_CASE_STORE);
    remote_found whole = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&whole, COPSE_REMOTE_ANSWER);
    assert_true(whole.stats.blocks > COPSE_REMOTE_HAVE_MAX + 100);
    remote_found again = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&again, COPSE_REMOTE_LOCAL);
    assert_int_equal(again.stats.had, whole.stats.blocks);

    find_case_renew(&one, 1, FIND_CASE_STORE);
    one.query.options.limit = 320;
    remote_found most = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&most, COPSE_REMOTE_ANSWER);
    one.query.options.limit = 0;
    remote_found rest = find_case_run(&one, &one.world.newer, false);
    find_case_assert_ended(&rest, COPSE_REMOTE_BLOCKS);
    assert_int_equal(find_case_peer(&one, 0)->queries, 1);
    assert_int_equal(most.stats.blocks + rest.stats.blocks, whole.stats.blocks);
    find_case_release(&one);
}

/* ---- From an answer to blocks ---------------------------------------------------------------- */

/* A peer that stops at its limits, wherever that is: each block comes once. */
static void check_cuts(find_case *one, unsigned flags)
{
    find_case_renew(one, 1, flags);
    remote_found whole = find_case_run(one, &one->world.newer, false);
    find_case_assert_ended(&whole, COPSE_REMOTE_ANSWER);
    bool has_order = one->query.options.sort != NULL && one->query.options.sort->count > 0;
    for (uint64_t max = 1; max <= whole.stats.blocks; max++) {
        find_case_renew(one, 1, flags);
        find_case_peer(one, 0)->blocks_max = max;
        remote_found found = find_case_run(one, &one->world.newer, false);
        find_case_assert_ended(&found, max > 1 ? COPSE_REMOTE_MIXED : COPSE_REMOTE_BLOCKS);
        assert_int_equal(find_case_peer(one, 0)->queries, 1);
        assert_int_equal(found.stats.blocks, max - 1 + find_case_peer(one, 0)->asked_blocks);
        /* By the same plan, then. */
        if (found.count > 0 && max > whole.stats.blocks / 2 && !has_order) {
            assert_int_equal(found.stats.blocks, whole.stats.blocks);
        }
        find_case_assert_said(one, 0, "answered in part");
    }
}

static void test_cut(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 1, 0);
    for (size_t i = 0; i < FIND_CASE_ROWS_COUNT; i++) {
        find_case_ask(&one, &find_case_rows[i]);
        check_cuts(&one, 0);
        check_cuts(&one, FIND_CASE_STORE);
        check_cuts(&one, FIND_CASE_KEEPS);
    }
    find_case_release(&one);
}

/* ---- Two at once ----------------------------------------------------------------------------- */

/* Another query ends the answer that is under way; its query goes on by blocks. */
static void test_interrupted(void **state)
{
    (void)state;
    find_case one;
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_buf explain;
    copse_err err = {0};
    find_case_init(&one, 1, 0);
    find_case_ask(&one, &find_case_rows[FIND_CASE_ROWS_COUNT - 1]);
    const copse_remote_find_options options = {.root = &one.world.newer,
                                               .query = &one.query.options};
    assert_int_equal(copse_remote_find_new(one.client.remote, &options, &find, &err), COPSE_OK);
    copse_buf_init(&explain, &one.env, SIZE_MAX);
    assert_int_equal(copse_remote_find_explain(find, &explain, NULL), COPSE_MISUSE);
    assert_int_equal(copse_remote_find_next(find, &document, &err), COPSE_OK);
    assert_int_equal(copse_remote_find_way(find), COPSE_REMOTE_ANSWER);
    assert_int_equal(copse_remote_find_explain(find, &explain, &err), COPSE_OK);
    remote_found other = find_case_run(&one, &one.world.newer, true);
    find_case_assert_ended(&other, COPSE_REMOTE_BLOCKS);
    uint64_t count = 1;
    while (copse_remote_find_next(find, &document, &err) == COPSE_OK) {
        count++;
    }
    assert_int_equal(copse_remote_find_next(find, &document, &err), COPSE_END);
    assert_int_equal(count, 300);
    assert_int_equal(copse_remote_find_way(find), COPSE_REMOTE_MIXED);
    assert_int_equal(copse_remote_find_explain(find, &explain, &err), COPSE_OK);
    copse_remote_find_free(find);

    /* One that is left in the middle leaves nothing behind. */
    assert_int_equal(copse_remote_find_new(one.client.remote, &options, &find, &err), COPSE_OK);
    assert_int_equal(copse_remote_find_next(find, &document, &err), COPSE_OK);
    copse_remote_find_free(find);
    copse_buf_release(&explain);
    find_case_release(&one);
}

static void test_misuse(void **state)
{
    (void)state;
    find_case one;
    copse_remote_find *find = NULL;
    find_case_init(&one, 0, 0);
    copse_remote_find_options options = {.query = &one.query.options};
    assert_int_equal(copse_remote_find_new(one.client.remote, &options, &find, NULL), COPSE_MISUSE);
    options.name = "blog";
    assert_int_equal(copse_remote_find_new(one.client.remote, &options, &find, NULL), COPSE_MISUSE);
    copse_query_options broken = one.query.options;
    broken.filter = copse_bytes_of_text("\xa1");
    options = (copse_remote_find_options){.root = &one.world.newer, .query = &broken};
    assert_int_equal(copse_remote_find_new(one.client.remote, &options, &find, NULL),
                     COPSE_CORRUPT);
    assert_null(find);
    remote_found found = find_case_run(&one, &one.world.newer, false);
    assert_int_equal(found.status, COPSE_IO);
    assert_non_null(strstr(found.err.message, "nobody can be asked"));
    find_case_release(&one);
}

/* ---- Allocations ----------------------------------------------------------------------------- */

typedef struct find_sweep {
    remote_world *world;
    const copse_query_options *query;
    bool blocks_only;
    uint64_t blocks_max;
} find_sweep;

static copse_status sweep_once(const copse_env *env, void *ctx)
{
    const find_sweep *sweep = ctx;
    copse_store *store = NULL;
    remote_client client = {.remote = NULL};
    remote_heads heads;
    remote_heads_init(&heads);
    heads.head = sweep->world->older;
    (void)strcpy(heads.address, "http://p0/blog");
    copse_status status = copse_memory_store_new(env, &store, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    const remote_setup setup = {.env = env, .peers_count = 2, .store = store, .heads = &heads};
    status = remote_client_init(&client, sweep->world, &setup);
    if (status == COPSE_OK) {
        script_transport_peer(client.script, 0)->blocks_max = sweep->blocks_max;
        remote_found found =
            remote_client_find(&client, sweep->world, sweep->query, NULL, sweep->blocks_only);
        status = found.status == COPSE_END ? COPSE_OK : found.status;
    }
    remote_client_release(&client);
    copse_store_close(store);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    find_case one;
    find_case_init(&one, 0, 0);
    find_sweep sweeps[] = {{.blocks_max = 0}, {.blocks_only = true}, {.blocks_max = 7}};
    for (size_t i = 0; i < 3; i++) {
        sweeps[i].world = &one.world;
        sweeps[i].query = &one.query.options;
        assert_true(test_env_sweep(sweep_once, &sweeps[i], 5000) > 60);
    }
    find_case_release(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),      cmocka_unit_test(test_name),
        cmocka_unit_test(test_blocks),      cmocka_unit_test(test_have),
        cmocka_unit_test(test_notes_full),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
