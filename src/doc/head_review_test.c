/* What is taken from whom: R1 to R4 of head_review.h, V1 to V5 of database_merge_review.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/review_world.h"

/* ---- What is taken whole ---- */

/* V4: whoever may do it, and did what he says, moves ours to his head. */
static void test_what_is_allowed_and_honest_is_taken_as_it_is(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "", 0, NULL);
    assert_int_equal(review_world_merge(&world, &world.first, &ours)->kind,
                     COPSE_HEAD_MERGE_FORWARD);
    review_world_at(&world, &ours);
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"n\":3,\"more\":[1,2]}");
    database_world_replace(&world.db, "posts", "{\"_id\":1,\"n\":7}", false);
    database_world_delete(&world.db, "posts", "2");
    database_world_replace(&world.db, "notes", "{\"_id\":1,\"n\":8}", false);
    database_world_insert(&world.db, "notes", "{\"_id\":2}");
    copse_cid theirs = review_world_commit(&world, REVIEW_BEN, REVIEW_BEN);
    database_world_delete(&world.db, "notes", "1");
    theirs = review_world_commit(&world, REVIEW_BEN, REVIEW_BEN);
    const copse_head_merge_result *result = review_world_merge(&world, &ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_FORWARD);
    assert_int_equal(result->refused, 0);
    assert_false(result->is_form_wrong);
    review_world_release(&world);
}

enum { ADMIN_STEPS = 12 };

/* Adds what an admin does at a step. */
static copse_status review_administer(database_world *db, int step)
{
    const copse_bytes notes = copse_bytes_of_text("notes");
    const copse_bytes posts = copse_bytes_of_text("posts");
    copse_status status = COPSE_OK;
    switch (step) {
    case 0:
        database_world_create(db, "tags", "name", COPSE_DOCUMENTS_LINKED);
        database_world_index(db, "tags", "a", "a", NULL);
        database_world_insert(db, "tags", "{\"name\":\"x\",\"a\":[1,2]}");
        break;
    case 1: /* an index over documents that are there, and one that comes with it */
        database_world_index(db, "posts", "m", "m,n", NULL);
        database_world_insert(db, "posts", "{\"_id\":9,\"n\":9,\"m\":[1,2]}");
        break;
    case 2:
        database_world_replace(db, "posts", "{\"_id\":1,\"n\":11,\"m\":3}", false);
        break;
    case 3:
        return copse_write_drop_index(db->write, posts, copse_bytes_of_text("n"), NULL);
    case 4:
        return copse_write_set_merge(db->write, posts, COPSE_MERGE_FIELD_WISE, 7, NULL);
    case 5:
        database_world_replace(db, "posts", "{\"_id\":1,\"n\":12,\"m\":3}", false);
        database_world_delete(db, "posts", "2");
        break;
    case 6:
        return copse_write_forget_deleted(db->write, posts, UINT64_C(1) << 62, NULL);
    case 7:
        return copse_write_set_merge(db->write, posts, COPSE_MERGE_UNION, 0, NULL);
    case 8: /* a union takes what is smaller, or deleted, when somebody wrote it so */
        database_world_replace(db, "posts", "{\"_id\":1}", false);
        database_world_delete(db, "posts", "9");
        break;
    case 9:
        return copse_write_drop_collection(db->write, notes, NULL);
    case 10: /* the same name, other keys */
        status = copse_write_drop_collection(db->write, copse_bytes_of_text("tags"), NULL);
        database_world_create(db, "tags", "id", COPSE_DOCUMENTS_INLINE);
        database_world_insert(db, "tags", "{\"id\":1,\"a\":1}");
        break;
    default:
        database_world_index(db, "tags", "late", "a", "unbuilt");
        break;
    }
    return status;
}

/* The catalogue, one change a commit, each of which is taken as it is; then several at once. */
static void test_what_an_admin_makes_is_taken_as_it_is(void **state)
{
    (void)state;
    review_world world;
    copse_cid heads[1 + ADMIN_STEPS];
    review_world_init(&world);
    heads[0] = review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_ADMIN, "", 0, NULL);
    review_world_at(&world, &heads[0]);
    for (int step = 0; step < ADMIN_STEPS; step++) {
        assert_int_equal(review_administer(&world.db, step), COPSE_OK);
        heads[1 + step] = review_world_commit(&world, REVIEW_BEN, REVIEW_BEN);
    }
    for (size_t i = 0; i < ADMIN_STEPS; i++) {
        for (size_t k = i + 1; k <= ADMIN_STEPS; k += i + 2 < k ? 3 : 1) {
            const copse_head_merge_result *result =
                review_world_merge(&world, &heads[i], &heads[k]);
            if (result->kind != COPSE_HEAD_MERGE_FORWARD) {
                fail_msg("%zu to %zu: kind %d, form wrong %d, %zu refused: %s", i, k, result->kind,
                         result->is_form_wrong, (size_t)result->refused,
                         result->refused > 0 ? result->refusals[0].reason : "");
            }
        }
    }
    review_world_release(&world);
}

/* ---- Reasons ---- */

/* Theirs changes document 1 of posts; what is refused, and why. */
static void review_expect_refused(review_world *world, const copse_cid *ours, size_t signer,
                                  const char *reason)
{
    copse_cid theirs = review_world_put(world, ours, signer, "posts", "{\"_id\":1,\"n\":\"evil\"}");
    const copse_head_merge_result *result = review_world_merge(world, ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    assert_false(result->is_form_wrong);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "1", reason);
}

static void test_who_has_no_right_is_refused(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    review_expect_refused(&world, &world.first, REVIEW_NOBODY, "the commit is not signed");
    review_expect_refused(&world, &world.first, REVIEW_BEN, " has no grant");
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "notes", 0, NULL);
    review_expect_refused(&world, &ours, REVIEW_BEN, " has no grant for this: write in posts");
    ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_INSERT, "posts", 0, NULL);
    review_expect_refused(&world, &ours, REVIEW_BEN, " has no grant for this: write in posts");
    review_world_release(&world);
}

static void test_what_expired_does_not_count(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    copse_cid ours = review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE,
                                        "posts", world.now_ms + 10000, NULL);
    copse_cid theirs = review_world_put(&world, &ours, REVIEW_BEN, "posts", "{\"_id\":3,\"n\":3}");
    assert_int_equal(review_world_merge(&world, &ours, &theirs)->kind, COPSE_HEAD_MERGE_FORWARD);
    world.now_ms += 20000; /* by the own clock, whatever the commit says */
    const copse_head_merge_result *result = review_world_merge(&world, &ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "3", " expired ");
    review_world_release(&world);
}

static void test_a_wrong_signature_is_none(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    copse_cid good = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":3}");
    copse_block *block = NULL;
    copse_block *forged = NULL;
    copse_commit commit;
    const copse_env *env = database_world_env(&world.db);
    assert_int_equal(copse_store_get(world.db.world.store, &good, &block, NULL), COPSE_OK);
    assert_int_equal(copse_commit_decode(env, block, &commit, NULL), COPSE_OK);
    commit.message = copse_bytes_of_text("changed");
    assert_int_equal(copse_commit_encode(env, &commit, &forged, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(world.db.world.store, &forged, 1, NULL), COPSE_OK);
    const copse_head_merge_result *result =
        review_world_merge(&world, &world.first, copse_block_cid(forged));
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "3",
                                "the signature of the commit is wrong");
    copse_block_unref(block);
    copse_block_unref(forged);
    review_world_release(&world);
}

/* R3: what BEN wrote up to the last commit counts, and nothing after it. */
static void test_a_revocation_lets_stand_what_was_before_its_last_commit(void **state)
{
    (void)state;
    review_world world;
    copse_cid grant;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "posts", 0, &grant);
    copse_cid before = review_world_put(&world, &ours, REVIEW_BEN, "posts", "{\"_id\":3,\"n\":3}");
    copse_cid last = review_world_put(&world, &before, REVIEW_BEN, "posts", "{\"_id\":4,\"n\":4}");
    copse_cid after = review_world_put(&world, &last, REVIEW_BEN, "posts", "{\"_id\":5,\"n\":5}");
    copse_cid beside = review_world_put(&world, &ours, REVIEW_BEN, "posts", "{\"_id\":6,\"n\":6}");
    copse_cid revoked = review_world_revoke(&world, &ours, REVIEW_BEN, &grant, &last);
    const copse_head_merge_result *result = review_world_merge(&world, &revoked, &before);
    assert_int_equal(result->refused, 0);
    assert_int_equal(result->stats.inserted, 1);
    result = review_world_merge(&world, &revoked, &last);
    assert_int_equal(result->refused, 0);
    assert_int_equal(result->stats.inserted, 2);
    result = review_world_merge(&world, &revoked, &after);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    assert_int_equal(result->refused, 3);
    assert_non_null(strstr(result->refusals[2].reason, " was revoked by did:key:"));
    assert_ptr_equal(result->refusals[0].reason, result->refusals[2].reason);
    result = review_world_merge(&world, &revoked, &beside);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "6", " was revoked by ");
    /* Without a last commit nothing of it counts. */
    revoked = review_world_revoke(&world, &ours, REVIEW_BEN, &grant, NULL);
    result = review_world_merge(&world, &revoked, &before);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "3", " was revoked by ");
    review_world_release(&world);
}

/* Where nobody has the last commit, what can't be told does not count. */
static void test_a_last_commit_that_is_lost(void **state)
{
    (void)state;
    review_world world;
    copse_cid grant;
    copse_cid nowhere;
    copse_database_conflict conflict;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "posts", 0, &grant);
    copse_cid theirs = review_world_put(&world, &ours, REVIEW_BEN, "posts", "{\"_id\":3}");
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("nowhere"), &nowhere);
    copse_cid revoked = review_world_revoke(&world, &ours, REVIEW_BEN, &grant, &nowhere);
    world.options.ours = revoked;
    world.options.theirs = theirs;
    assert_int_equal(
        copse_head_merge_new(database_world_env(&world.db), &world.options, &world.merge, NULL),
        COPSE_OK);
    assert_int_equal(copse_head_merge_next(world.merge, &conflict, NULL), COPSE_WANT);
    assert_true(copse_head_merge_wants_last(world.merge));
    assert_false(copse_head_merge_wants_base(world.merge));
    world.options.is_last_lost = true;
    const copse_head_merge_result *result = review_world_merge(&world, &revoked, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "3", " was revoked by ");
    review_world_release(&world);
}

/* V2: what is there is not changed by who may only insert, and comes apart from what he may. */
static void test_who_may_insert_inserts(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_INSERT, "", 0, NULL);
    review_world_at(&world, &ours);
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"n\":3}");
    database_world_insert(&world.db, "notes", "{\"_id\":3,\"n\":3}");
    copse_cid theirs = review_world_commit(&world, REVIEW_BEN, REVIEW_BEN);
    assert_int_equal(review_world_merge(&world, &ours, &theirs)->kind, COPSE_HEAD_MERGE_FORWARD);
    review_world_at(&world, &theirs);
    database_world_replace(&world.db, "posts", "{\"_id\":1,\"n\":\"evil\"}", false);
    database_world_delete(&world.db, "posts", "2");
    database_world_delete(&world.db, "notes", "1");
    theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    copse_cid head = review_world_take(&world, &ours, &theirs, &result);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
    assert_int_equal(result->refused, 3);
    assert_int_equal(result->stats.inserted, 2);
    review_world_expect(&world, &head, "posts", "1", "{\"_id\":1,\"n\":1}");
    review_world_expect(&world, &head, "posts", "2", "{\"_id\":2,\"n\":2}");
    review_world_expect(&world, &head, "posts", "3", "{\"_id\":3,\"n\":3}");
    review_world_expect(&world, &head, "notes", "1", "{\"_id\":1,\"n\":1}");
    review_world_expect(&world, &head, "notes", "3", "{\"_id\":3,\"n\":3}");
    review_world_release(&world);
}

/* V3 */
static void test_the_catalogue_is_for_admins(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    database_world *db = &world.db;
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "", 0, NULL);
    for (int step = 0; step < 6; step++) {
        const copse_bytes posts = copse_bytes_of_text("posts");
        bool is_index = step == 2 || step == 3;
        review_world_at(&world, &ours);
        switch (step) {
        case 0:
            database_world_create(db, "tags", "_id", COPSE_DOCUMENTS_INLINE);
            database_world_insert(db, "tags", "{\"_id\":1}");
            break;
        case 1:
            assert_int_equal(copse_write_drop_collection(db->write, posts, NULL), COPSE_OK);
            break;
        case 2:
            database_world_index(db, "posts", "m", "m", NULL);
            break;
        case 3:
            assert_int_equal(
                copse_write_drop_index(db->write, posts, copse_bytes_of_text("n"), NULL), COPSE_OK);
            break;
        case 4:
            assert_int_equal(copse_write_set_merge(db->write, posts, COPSE_MERGE_LWW, 0, NULL),
                             COPSE_OK);
            break;
        default:
            assert_int_equal(copse_write_drop_collection(db->write, posts, NULL), COPSE_OK);
            database_world_create(db, "posts", "id", COPSE_DOCUMENTS_INLINE);
            break;
        }
        copse_cid theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
        const copse_head_merge_result *result = review_world_merge(&world, &ours, &theirs);
        assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
        review_world_expect_refusal(result,
                                    is_index ? COPSE_CONFLICT_INDEX : COPSE_CONFLICT_COLLECTION,
                                    step == 0 ? "tags" : "posts", NULL, " has no grant for this: ");
        /* The same where ours went on: what he may comes without it. */
        copse_cid more = review_world_put(&world, &ours, REVIEW_ANN, "notes", "{\"_id\":5}");
        theirs = review_world_put(&world, &theirs, REVIEW_BEN, "notes", "{\"_id\":6}");
        copse_cid head = review_world_take(&world, &more, &theirs, &result);
        assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
        assert_int_equal(result->refused, 1);
        review_world_expect(&world, &head, "notes", "6", "{\"_id\":6}");
        review_world_expect(&world, &head, "posts", "1", "{\"_id\":1,\"n\":1}");
        assert_int_equal(database_world_index_count(db, "posts", "n"), 2);
    }
    review_world_release(&world);
}

/* ---- Time ---- */

/* Who may write, but not say up to when deletions are forgotten, could else end what others wrote.
 */
static void test_who_is_no_admin_makes_nobody_forget(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    const copse_bytes notes = copse_bytes_of_text("notes");
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "", 0, NULL);
    review_world_at(&world, &ours);
    assert_int_equal(copse_write_forget_deleted(world.db.write, notes, 1000, NULL), COPSE_OK);
    copse_cid by_ben = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    const copse_head_merge_result *result = review_world_merge(&world, &ours, &by_ben);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_COLLECTION, "notes", NULL,
                                " has no grant for this: admin");
    review_world_at(&world, &ours);
    assert_int_equal(copse_write_forget_deleted(world.db.write, notes, 1000, NULL), COPSE_OK);
    copse_cid by_ann = review_world_commit(&world, REVIEW_ANN, REVIEW_ANN);
    result = review_world_merge(&world, &ours, &by_ann);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_FORWARD);
    assert_int_equal(result->refused, 0);
    review_world_release(&world);
}

static void test_a_head_of_the_future_is_held(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    world.now_ms += COPSE_HEAD_MERGE_AHEAD_MS_MAX + 1;
    uint64_t then_ms = world.now_ms;
    copse_cid theirs = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":3}");
    world.now_ms = then_ms - COPSE_HEAD_MERGE_AHEAD_MS_MAX - 1;
    const copse_head_merge_result *result = review_world_merge(&world, &world.first, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_HELD);
    assert_int_equal(result->held_until_ms, world.now_ms + 1);
    world.now_ms++;
    assert_int_equal(review_world_merge(&world, &world.first, &theirs)->kind,
                     COPSE_HEAD_MERGE_FORWARD);
    review_world_release(&world);
}

/* V5 */
static void test_no_version_is_later_than_its_head(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "", 0, NULL);
    review_world_at(&world, &ours);
    database_world_replace(&world.db, "notes", "{\"_id\":1,\"n\":\"late\"}", false);
    world.now_ms += 60000;
    world.db.options = (copse_write_options){.key = world.keys[REVIEW_BEN]};
    database_world_commit(&world.db);
    world.now_ms -= 60000;
    copse_cid theirs = review_world_commit_tree(&world, copse_tree_root(world.db.tree), REVIEW_BEN);
    const copse_head_merge_result *result = review_world_merge(&world, &ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "notes", "1",
                                "its time is later than that of the commit");
    review_world_release(&world);
}

/* V4: a version that was written over does not come back. */
static void test_an_old_version_is_not_taken_forward(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    copse_cid granted =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "", 0, NULL);
    copse_cid ours =
        review_world_put(&world, &granted, REVIEW_ANN, "notes", "{\"_id\":1,\"n\":\"new\"}");
    copse_cid old = review_world_tree(&world, &granted);
    review_world_at(&world, &ours);
    copse_cid theirs = review_world_commit_tree(&world, &old, REVIEW_BEN);
    const copse_head_merge_result *result = review_world_merge(&world, &ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "notes", "1",
                                "it is older than what it replaces");
    review_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_allowed_and_honest_is_taken_as_it_is),
        cmocka_unit_test(test_what_an_admin_makes_is_taken_as_it_is),
        cmocka_unit_test(test_who_has_no_right_is_refused),
        cmocka_unit_test(test_what_expired_does_not_count),
        cmocka_unit_test(test_a_wrong_signature_is_none),
        cmocka_unit_test(test_a_revocation_lets_stand_what_was_before_its_last_commit),
        cmocka_unit_test(test_a_last_commit_that_is_lost),
        cmocka_unit_test(test_who_may_insert_inserts),
        cmocka_unit_test(test_the_catalogue_is_for_admins),
        cmocka_unit_test(test_who_is_no_admin_makes_nobody_forget),
        cmocka_unit_test(test_a_head_of_the_future_is_held),
        cmocka_unit_test(test_no_version_is_later_than_its_head),
        cmocka_unit_test(test_an_old_version_is_not_taken_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
