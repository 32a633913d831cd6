/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "auth/authority.h"

#include "support/authority_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NO COPSE_AUTHORITY_NO
#define YES COPSE_AUTHORITY_YES
#define UP_TO COPSE_AUTHORITY_UP_TO
#define INSERT COPSE_RIGHT_INSERT
#define WRITE COPSE_RIGHT_WRITE
#define ADMIN COPSE_RIGHT_ADMIN

/* ---- Grants ---- */

static void test_rights(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_expect(&world, 0, ADMIN, "", YES, "made the database");
    authority_world_expect(&world, 1, INSERT, "posts", NO, "has no grant");
    authority_world_grant(&world, 0, 1, WRITE, "posts");
    authority_world_expect(&world, 1, WRITE, "posts", YES, "has a grant by did:key:z6Mk");
    authority_world_expect(&world, 1, INSERT, "posts", YES, "");
    authority_world_expect(&world, 1, ADMIN, "posts", NO, "has no grant for this: admin in posts");
    authority_world_expect(&world, 1, INSERT, "mail", NO, "insert in mail");
    authority_world_expect(&world, 1, INSERT, "", NO, "insert in the whole database");
    authority_world_grant(&world, 0, 2, ADMIN, "");
    authority_world_expect(&world, 2, WRITE, "any", YES, "");
    authority_world_expect(&world, 2, ADMIN, "", YES, "");
    copse_authority_question question = {.who = world.identity.creator, .right = (copse_right)3};
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_MISUSE);
    authority_world_release(&world);
}

/* A1 */
static void test_who_is_admin_may_grant(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 1, 2, WRITE, "posts");
    authority_world_expect(&world, 2, WRITE, "posts", NO, ", who may not give it");
    authority_world_grant(&world, 0, 1, WRITE, "posts");
    authority_world_expect(&world, 2, WRITE, "posts", NO, ", who may not give it");
    authority_world_grant(&world, 0, 1, ADMIN, "posts");
    authority_world_expect(&world, 2, WRITE, "posts", YES, "");
    authority_world_grant(&world, 1, 3, WRITE, "mail");
    authority_world_grant(&world, 1, 3, WRITE, "");
    authority_world_expect(&world, 3, WRITE, "mail", NO, "who may not give it");
    authority_world_expect(&world, 3, WRITE, "posts", NO, "who may not give it");
    authority_world_grant(&world, 0, 1, ADMIN, "");
    authority_world_expect(&world, 3, WRITE, "mail", YES, "");
    authority_world_release(&world);
}

static void test_a_chain_has_its_longest(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    for (size_t i = 0; i < COPSE_AUTHORITY_CHAIN_MAX + 1; i++) {
        authority_world_grant(&world, i, i + 1, ADMIN, "");
    }
    authority_world_expect(&world, COPSE_AUTHORITY_CHAIN_MAX, ADMIN, "posts", YES, "");
    authority_world_expect(&world, COPSE_AUTHORITY_CHAIN_MAX + 1, INSERT, "posts", NO,
                           "chain is too long: more than 8");
    authority_world_grant(&world, 0, 2, ADMIN, ""); /* a shorter way */
    authority_world_expect(&world, COPSE_AUTHORITY_CHAIN_MAX + 1, INSERT, "posts", YES, "");
    authority_world_release(&world);
}

static void test_cycles_give_nothing(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 1, 2, ADMIN, "");
    authority_world_grant(&world, 2, 1, ADMIN, "");
    authority_world_grant(&world, 3, 3, ADMIN, "");
    authority_world_expect(&world, 1, INSERT, "posts", NO, "who may not give it");
    authority_world_expect(&world, 2, INSERT, "posts", NO, "who may not give it");
    authority_world_expect(&world, 3, INSERT, "posts", NO, "who may not give it");
    size_t grant = authority_world_grant(&world, 0, 1, ADMIN, "");
    authority_world_expect(&world, 2, ADMIN, "posts", YES, "");
    authority_world_revoke(&world, 0, 1, grant, 0);
    authority_world_expect(&world, 1, INSERT, "posts", NO, "");
    authority_world_expect(&world, 2, INSERT, "posts", NO, "");
    authority_world_release(&world);
}

/* A2 */
static void test_a_grant_expires(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    copse_statement grant = authority_world_grant_of(&world, 1, ADMIN, "", AUTHORITY_WORLD_TIME);
    authority_world_add(&world, 0, &grant);
    authority_world_grant(&world, 1, 2, WRITE, "posts");
    authority_world_expect(&world, 1, WRITE, "posts", YES, "");
    authority_world_expect(&world, 2, WRITE, "posts", YES, "");
    copse_authority_question question = {.who = *copse_key_public(world.keys[1]),
                                         .right = COPSE_RIGHT_WRITE,
                                         .time_ms = AUTHORITY_WORLD_TIME + 1};
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_OK);
    assert_int_equal(world.answer.verdict, NO);
    assert_string_equal(world.answer.reason, "has a grant that expired 1970-01-01T00:30:00Z");
    question.who = *copse_key_public(world.keys[2]);
    question.collection = copse_bytes_of_text("posts");
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_OK);
    assert_int_equal(world.answer.verdict, NO);
    authority_world_release(&world);
}

/* ---- Revocations ---- */

/* A2 */
static void test_who_may_revoke(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 0, 1, ADMIN, "");
    authority_world_grant(&world, 1, 2, ADMIN, "");
    size_t grant = authority_world_grant(&world, 2, 3, WRITE, "posts");
    authority_world_grant(&world, 0, 4, ADMIN, "");
    authority_world_revoke(&world, 3, 3, grant, 0); /* himself */
    authority_world_revoke(&world, 4, 3, grant, 0); /* an admin, but not of this chain */
    authority_world_revoke(&world, 5, 3, grant, 0); /* anybody */
    authority_world_revoke(&world, 1, 4, grant, 0); /* about another */
    authority_world_expect(&world, 3, WRITE, "posts", YES, "");
    authority_world_revoke(&world, 1, 3, grant, 0); /* who made admin who gave it */
    authority_world_expect(&world, 3, WRITE, "posts", NO, "was revoked by did:key:z6Mk");
    size_t again = authority_world_grant(&world, 2, 3, INSERT, "posts");
    authority_world_expect(&world, 3, INSERT, "posts", YES, "");
    authority_world_revoke(&world, 2, 3, again, 0); /* who gave it */
    authority_world_expect(&world, 3, INSERT, "posts", NO, "was revoked by");
    again = authority_world_grant(&world, 2, 3, WRITE, "mail");
    authority_world_revoke(&world, 0, 3, again, 0); /* the creator */
    authority_world_expect(&world, 3, WRITE, "mail", NO, "was revoked by");
    authority_world_expect(&world, 2, ADMIN, "", YES, "");
    authority_world_release(&world);
}

/* A3: another chain to the same grant, in which the revoker has no place. */
static void test_a_revocation_breaks_the_chains_of_who_made_it(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 0, 1, ADMIN, "");
    authority_world_grant(&world, 1, 2, ADMIN, "");
    size_t grant = authority_world_grant(&world, 2, 3, WRITE, "posts");
    authority_world_revoke(&world, 1, 3, grant, 0);
    authority_world_expect(&world, 3, WRITE, "posts", NO, "was revoked");
    authority_world_grant(&world, 0, 4, ADMIN, "");
    authority_world_grant(&world, 4, 2, ADMIN, "posts");
    authority_world_expect(&world, 3, WRITE, "posts", YES, "");
    authority_world_release(&world);
}

/* A2: two who revoke each other; who is out of a chain has no say. */
static void test_revokers_revoked(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    size_t one = authority_world_grant(&world, 0, 1, ADMIN, "");
    size_t two = authority_world_grant(&world, 1, 2, ADMIN, "");
    authority_world_revoke(&world, 2, 1, one, 0);
    authority_world_expect(&world, 1, ADMIN, "", YES, "");
    authority_world_revoke(&world, 1, 2, two, 0);
    authority_world_expect(&world, 2, ADMIN, "", NO, "was revoked");
    authority_world_grant(&world, 0, 2, ADMIN, "");
    authority_world_expect(&world, 2, ADMIN, "", YES, "");
    authority_world_grant(&world, 2, 3, WRITE, "");
    authority_world_revoke(&world, 0, 1, one, 0);
    authority_world_expect(&world, 1, INSERT, "posts", NO, "was revoked");
    authority_world_expect(&world, 3, WRITE, "posts", YES, "");
    authority_world_release(&world);
}

static void test_up_to_the_last_commit(void **state)
{
    (void)state;
    authority_world world;
    copse_cid last = authority_world_commit(1);
    copse_cid lasts[2] = {authority_world_commit(1), authority_world_commit(2)};
    authority_world_init(&world);
    size_t grant = authority_world_grant(&world, 0, 1, ADMIN, "");
    authority_world_revoke(&world, 0, 1, grant, 1);
    authority_world_grant(&world, 1, 2, WRITE, "posts");
    authority_world_expect(&world, 1, WRITE, "posts", UP_TO, "with the last commit bafyrei");
    assert_true(copse_cid_equal(&world.answer.last, &last));
    authority_world_expect(&world, 2, WRITE, "posts", UP_TO, "with the last commit bafyrei");
    copse_authority_question question = {.who = *copse_key_public(world.keys[1]),
                                         .right = COPSE_RIGHT_WRITE,
                                         .reaching = lasts,
                                         .reaching_count = 1};
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_OK);
    assert_int_equal(world.answer.verdict, YES);
    authority_world_revoke(&world, 0, 1, grant, 2); /* once more */
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_OK);
    assert_int_equal(world.answer.verdict, UP_TO);
    assert_true(copse_cid_equal(&world.answer.last, &lasts[1]));
    question.others = &lasts[1];
    question.others_count = 1;
    assert_int_equal(copse_authority_can(world.authority, &question, &world.answer, NULL),
                     COPSE_OK);
    assert_int_equal(world.answer.verdict, NO);
    authority_world_grant(&world, 0, 1, WRITE, "");
    assert_int_equal(authority_world_ask(&world, 1, WRITE, "posts"), YES);
    assert_int_equal(authority_world_ask(&world, 1, ADMIN, "posts"), UP_TO);
    authority_world_revoke(&world, 0, 1, grant, 0);
    assert_int_equal(authority_world_ask(&world, 1, ADMIN, "posts"), NO);
    authority_world_release(&world);
}

/* ---- What is not taken ---- */

static void test_what_is_not_added(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    copse_statement grant = authority_world_grant_of(&world, 1, ADMIN, "", 0);
    grant.database = authority_world_commit(1);
    size_t other = authority_world_make(&world, 0, &grant);
    assert_int_equal(
        copse_authority_add(world.authority, authority_world_statement(&world, other), NULL),
        COPSE_DENIED);
    grant.database = world.identity.cid;
    size_t forged = authority_world_make(&world, 0, &grant);
    world.statements[forged].ptr[world.statements[forged].len - 1] ^= 1;
    assert_int_equal(
        copse_authority_add(world.authority, authority_world_statement(&world, forged), NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_authority_add(world.authority, (copse_bytes){NULL, 0}, NULL),
                     COPSE_CORRUPT);
    authority_world_expect(&world, 1, INSERT, "", NO, "has no grant");
    copse_authority *authority = NULL;
    world.identity.nonce[0] ^= 1;
    assert_int_equal(copse_authority_new(&world.test.env, &world.identity, &authority, NULL),
                     COPSE_CORRUPT);
    assert_null(authority);
    authority_world_release(&world);
}

static void test_limits(void **state)
{
    (void)state;
    static char names[COPSE_STATEMENT_ITEMS_MAX][4];
    authority_world world;
    authority_world_init(&world);
    copse_statement grant = authority_world_grant_of(&world, 1, WRITE, "", 0);
    grant.items_count = COPSE_STATEMENT_ITEMS_MAX;
    for (size_t i = 0; i < COPSE_STATEMENT_ITEMS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        grant.can[i] = (copse_capability){COPSE_RIGHT_WRITE, copse_bytes_of_text(names[i])};
    }
    for (size_t i = 0; i < COPSE_AUTHORITY_ITEMS_MAX / COPSE_STATEMENT_ITEMS_MAX; i++) {
        grant.time_ms = i;
        size_t number = authority_world_add(&world, 0, &grant);
        assert_int_equal(
            copse_authority_add(world.authority, authority_world_statement(&world, number), NULL),
            COPSE_OK);
        copse_buf_release(&world.statements[number]);
        world.statements_count--;
    }
    grant.time_ms = AUTHORITY_WORLD_TIME;
    size_t over = authority_world_make(&world, 0, &grant);
    assert_int_equal(
        copse_authority_add(world.authority, authority_world_statement(&world, over), NULL),
        COPSE_LIMIT);
    authority_world_expect(&world, 1, WRITE, "63", YES, "");
    authority_world_expect(&world, 1, WRITE, "64", NO, "has no grant for this");
    authority_world_release(&world);
}

/* A3: all chains are looked at. */
static void test_chains_that_are_all_broken(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 0, 1, ADMIN, "");
    for (size_t i = 1; i < 7; i++) { /* each makes all behind him admin */
        for (size_t j = i + 1; j <= 7; j++) {
            authority_world_grant(&world, i, j, ADMIN, "");
        }
    }
    size_t last = authority_world_grant(&world, 7, 8, WRITE, "posts");
    authority_world_expect(&world, 8, WRITE, "posts", YES, "");
    authority_world_revoke(&world, 3, 8, last, 0);
    authority_world_expect(&world, 8, WRITE, "posts", YES, "");
    authority_world_revoke(&world, 1, 8, last, 0); /* who is in all chains */
    authority_world_expect(&world, 8, WRITE, "posts", NO, "was revoked");
    authority_world_expect(&world, 7, ADMIN, "", YES, "");
    authority_world_release(&world);
}

/* More broken chains than anybody would look at, 8^7, end soon, and hide no shorter one. */
static void test_too_many_broken_chains(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    copse_statement revocation = {.items_count = 0};
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            copse_statement grant = authority_world_grant_of(&world, i + 1, ADMIN, "", 0);
            grant.time_ms = j;
            size_t number = authority_world_add(&world, i, &grant);
            if (i == 7) {
                copse_statement one = authority_world_revocation_of(&world, 8, number, 0);
                size_t count = revocation.items_count;
                revocation = j == 0 ? one : revocation;
                revocation.grants[count] = one.grants[0];
                revocation.items_count = count + 1;
            }
        }
    }
    authority_world_expect(&world, 8, WRITE, "posts", YES, "");
    authority_world_add(&world, 1, &revocation);
    authority_world_expect(&world, 8, WRITE, "posts", NO, "more broken chains");
    authority_world_grant(&world, 0, 8, WRITE, "posts");
    authority_world_expect(&world, 8, WRITE, "posts", YES, "");
    authority_world_release(&world);
}

/* ---- Memory ---- */

typedef struct authority_run {
    const copse_identity *identity;
    const authority_world *world;
    copse_bytes row;
} authority_run;

static copse_status authority_run_all(const copse_env *env, void *ctx)
{
    const authority_run *run = ctx;
    const copse_public_key *to = copse_key_public(run->world->keys[1]);
    copse_authority *authority = NULL;
    copse_buf joined;
    copse_buf_init(&joined, env, 8192);
    copse_status status = copse_authority_new(env, run->identity, &authority, NULL);
    for (size_t i = 0; i < run->world->statements_count && status == COPSE_OK; i++) {
        status = copse_authority_add(authority, authority_world_statement(run->world, i), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_statement_row_union(env, to, &run->row, 1, &joined, NULL);
        assert_true(status == COPSE_OK || joined.len == 0);
    }
    if (status == COPSE_OK) {
        status = copse_authority_add_row(authority, to, copse_buf_view(&joined), NULL);
    }
    copse_buf_release(&joined);
    copse_authority_free(authority);
    return status;
}

static bool authority_was_admin(authority_world *world, size_t who)
{
    copse_authority_find_admins(world->authority);
    return copse_authority_was_admin(world->authority, copse_key_public(world->keys[who]));
}

/* Whatever has expired or was revoked since. */
static void test_who_was_ever_admin(void **state)
{
    (void)state;
    authority_world world;
    authority_world_init(&world);
    authority_world_grant(&world, 0, 1, WRITE, "");
    authority_world_grant(&world, 2, 3, ADMIN, "");
    authority_world_grant(&world, 3, 2, ADMIN, "");
    assert_true(authority_was_admin(&world, 0));
    for (size_t who = 1; who < 5; who++) {
        assert_false(authority_was_admin(&world, who));
    }
    const copse_statement expired =
        authority_world_grant_of(&world, 4, ADMIN, "posts", AUTHORITY_WORLD_TIME - 1);
    authority_world_add(&world, 0, &expired);
    size_t grant = authority_world_grant(&world, 0, 5, ADMIN, "");
    authority_world_revoke(&world, 0, 5, grant, 0);
    authority_world_grant(&world, 5, 6, ADMIN, "mail");
    authority_world_grant(&world, 6, 7, ADMIN, "posts"); /* not his to give */
    for (size_t who = 4; who < 7; who++) {
        authority_world_expect(&world, who, INSERT, "posts", NO, "");
        assert_true(authority_was_admin(&world, who));
    }
    assert_false(authority_was_admin(&world, 7));
    authority_world_release(&world);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    authority_world world;
    copse_buf list;
    authority_world_init(&world);
    size_t grant = authority_world_grant(&world, 0, 1, WRITE, "a");
    authority_world_revoke(&world, 0, 1, grant, 1);
    copse_buf_init(&list, &world.test.env, 8192);
    assert_int_equal(copse_buf_append(&list, copse_bytes_of_text("\x81")), COPSE_OK);
    assert_int_equal(copse_buf_append(&list, authority_world_statement(&world, grant)), COPSE_OK);
    authority_run run = {&world.identity, &world, copse_buf_view(&list)};
    assert_in_range(test_env_sweep(authority_run_all, &run, 80), 15, 70);
    copse_buf_release(&list);
    authority_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_who_is_admin_may_grant),
        cmocka_unit_test(test_a_chain_has_its_longest),
        cmocka_unit_test(test_cycles_give_nothing),
        cmocka_unit_test(test_a_grant_expires),
        cmocka_unit_test(test_who_may_revoke),
        cmocka_unit_test(test_a_revocation_breaks_the_chains_of_who_made_it),
        cmocka_unit_test(test_revokers_revoked),
        cmocka_unit_test(test_up_to_the_last_commit),
        cmocka_unit_test(test_what_is_not_added),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_chains_that_are_all_broken),
        cmocka_unit_test(test_too_many_broken_chains),
        cmocka_unit_test(test_who_was_ever_admin),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
