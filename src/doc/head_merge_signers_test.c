/* Heads that several persons made, merged by who signed what: head_merge.c (G).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/review_world.h"

/* G2, G3: three who may write different collections merge each other's heads, also automatic
 * merges, and come to rest at one; what a fourth head smuggled in stays out everywhere. */
static void test_those_who_merge_each_other_come_to_one_head(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    copse_cid heads[3];
    review_world_init(&world);
    copse_cid first =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "posts", 0, NULL);
    first = review_world_grant(&world, &first, REVIEW_CAT, COPSE_RIGHT_WRITE, "notes", 0, NULL);
    heads[0] = review_world_put(&world, &first, REVIEW_ANN, "posts", "{\"_id\":10}");
    heads[1] = review_world_put(&world, &first, REVIEW_BEN, "posts", "{\"_id\":11}");
    heads[2] = review_world_put(&world, &first, REVIEW_CAT, "notes", "{\"_id\":12}");
    bool is_new = true;
    for (int round = 0; round < 6 && is_new; round++) {
        is_new = false;
        for (size_t i = 0; i < 9; i++) {
            const copse_cid before = heads[i / 3];
            heads[i / 3] = review_world_take(&world, &before, &heads[i % 3], &result);
            assert_int_equal(result->refused, 0);
            is_new = is_new || !copse_cid_equal(&before, &heads[i / 3]);
        }
        if (round == 0) { /* BEN writes on a merge, which is not his */
            heads[1] = review_world_put(&world, &heads[1], REVIEW_BEN, "posts", "{\"_id\":13}");
            is_new = true;
        }
    }
    assert_false(is_new);
    assert_true(copse_cid_equal(&heads[0], &heads[1]) && copse_cid_equal(&heads[1], &heads[2]));
    review_world_expect(&world, &heads[0], "posts", "13", "{\"_id\":13}");
    review_world_expect(&world, &heads[0], "notes", "12", "{\"_id\":12}");
    /* CAT changes a post in her tree, and BEN builds on it: his word is good for posts. */
    copse_cid evil = review_world_put(&world, &heads[2], REVIEW_CAT, "posts", "{\"_id\":66}");
    assert_int_equal(review_world_merge(&world, &heads[0], &evil)->kind, COPSE_HEAD_MERGE_REFUSED);
    copse_cid cats = review_world_put(&world, &heads[0], REVIEW_CAT, "notes", "{\"_id\":14}");
    copse_cid bens = review_world_put(&world, &cats, REVIEW_BEN, "posts", "{\"_id\":15}");
    copse_cid head = review_world_take(&world, &heads[0], &bens, &result);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_FORWARD);
    assert_true(copse_cid_equal(&head, &bens));
    bens = review_world_put(&world, &evil, REVIEW_BEN, "notes", "{\"_id\":16}");
    head = review_world_take(&world, &heads[0], &bens, &result);
    assert_int_equal(result->refused, 2); /* a post by CAT, then a note by BEN, whose post it is */
    review_world_expect(&world, &head, "notes", "16", NULL);
    review_world_release(&world);
}

/* An automatic merge that has more than its parents brings only what these have. */
static void test_a_merge_that_has_more_brings_what_its_parents_have(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid a = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":10}");
    copse_cid b = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":11}");
    copse_cid both = review_world_take(&world, &a, &b, &result);
    review_world_at(&world, &both);
    database_world_insert(&world.db, "posts", "{\"_id\":66}");
    database_world_commit(&world.db);
    const copse_env *env = database_world_env(&world.db);
    const copse_cid parents[2] = {a, b};
    copse_commit commit;
    copse_block *block = NULL;
    assert_int_equal(copse_commit_merge(env, world.db.world.source, copse_tree_root(world.db.tree),
                                        parents, 2, &commit, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(world.db.world.store, &block, 1, NULL), COPSE_OK);
    copse_cid head = review_world_take(&world, &world.first, copse_block_cid(block), &result);
    copse_block_unref(block);
    assert_true(copse_cid_equal(&head, &both));
    review_world_expect(&world, &head, "posts", "66", NULL);
    review_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_who_merge_each_other_come_to_one_head),
        cmocka_unit_test(test_a_merge_that_has_more_brings_what_its_parents_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
