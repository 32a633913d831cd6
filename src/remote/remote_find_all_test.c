/* Queries on three remotes at the same time, over one transport: what one peer does to its answer
 * is no harm to the others.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/union.h>

#include "support/remote_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TRIO = SCRIPT_PEERS_MAX, TRIO_POSTS = 300, TRIO_SHARE = 5 };

typedef struct trio {
    remote_world *world;
    script_transport *script;
    copse_remote *remotes[TRIO];
    copse_remote_find *finds[TRIO];
    copse_remote_one ones[TRIO];
} trio;

/* Each remote has one peer. Those that failed to be made are NULL. */
static copse_status trio_init(trio *self, const copse_env *env, remote_world *world)
{
    const copse_query_options query = {.collection = copse_bytes_of_text("posts"),
                                       .limit = TRIO_SHARE};
    copse_status status = COPSE_OK;
    *self = (trio){.world = world, .script = script_transport_new(TRIO)};
    for (size_t i = 0; i < TRIO && status == COPSE_OK; i++) {
        const copse_remote_options options = {.peers = &script_peers[i],
                                              .peers_count = 1,
                                              .transport = script_transport_base(self->script)};
        const copse_remote_find_options find = {.name = "blog", .query = &query};
        *script_transport_peer(self->script, i) =
            (script_peer){.world = &world->world, .head = world->newer};
        status = copse_remote_new(env, &options, &self->remotes[i], NULL);
        if (status == COPSE_OK) {
            status = copse_remote_find_new(self->remotes[i], &find, &self->finds[i], NULL);
        }
        self->ones[i] = (copse_remote_one){.find = self->finds[i]};
    }
    return status;
}

static void trio_release(trio *self)
{
    for (size_t i = 0; i < TRIO; i++) {
        copse_remote_find_free(self->finds[i]);
        copse_remote_free(self->remotes[i]);
    }
    assert_int_equal(script_transport_running(self->script), 0);
    copse_transport_free(script_transport_base(self->script));
}

/* copse_union_source.open */
static copse_status trio_open(void *ctx, copse_database **ret_database, copse_err *err)
{
    const copse_remote_one *one = ctx;
    return one->status == COPSE_OK ? copse_remote_find_database(one->find, ret_database, err)
                                   : one->status;
}

static copse_status trio_fetch(trio *self, copse_union *all)
{
    copse_remote_one waiting[TRIO];
    size_t numbers[TRIO];
    size_t count = 0;
    for (size_t i = 0; i < TRIO; i++) {
        if (copse_union_is_waiting(all, i)) {
            numbers[count] = i;
            waiting[count++] =
                (copse_remote_one){.remote = self->remotes[i], .source = self->ones[i].source};
        }
    }
    assert_true(count > 0);
    copse_status status = copse_remote_fetch_all(waiting, count, NULL);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (waiting[i].status == COPSE_NOMEM) {
            status = COPSE_NOMEM;
        } else if (waiting[i].status != COPSE_OK) {
            copse_union_leave_out(all, numbers[i]);
        }
    }
    return status;
}

/* Counts the documents of each. */
static copse_status trio_ask(trio *self, copse_union *all, size_t ret_counts[TRIO])
{
    copse_bytes document;
    size_t source;
    copse_status status;
    while ((status = copse_union_next(all, &document, &source, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            status = trio_fetch(self, all);
        } else if (status == COPSE_OK) {
            ret_counts[source]++;
        }
        if (status == COPSE_NOMEM) {
            return status;
        }
    }
    return COPSE_OK;
}

static copse_status trio_run(trio *self, const copse_env *env, size_t ret_counts[TRIO])
{
    const copse_query_options query = {.collection = copse_bytes_of_text("posts")};
    copse_union *all = NULL;
    copse_status status = copse_remote_find_all(self->ones, TRIO, NULL);
    for (size_t i = 0; i < TRIO && status == COPSE_OK; i++) {
        ret_counts[i] = 0;
        status = self->ones[i].status == COPSE_NOMEM ? COPSE_NOMEM : COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = copse_union_new(env, &query, &all, NULL);
    }
    for (size_t i = 0; i < TRIO && status == COPSE_OK; i++) {
        const copse_union_source source = {
            .open = trio_open, .ctx = &self->ones[i], .is_foreign = true};
        status = copse_union_add(all, &source, NULL);
    }
    if (status == COPSE_OK) {
        status = trio_ask(self, all, ret_counts);
    }
    copse_union_free(all);
    return status;
}

/* One answers wrongly, or not: its blocks are asked for otherwise, and the others are as ever. */
static void test_answer_faults(void **state)
{
    remote_world world;
    test_env env;
    (void)state;
    remote_world_init(&world);
    for (script_fault fault = SCRIPT_SOUND; fault <= SCRIPT_OTHER_TYPE; fault++) {
        trio self;
        size_t counts[TRIO];
        test_env_init(&env);
        assert_int_equal(trio_init(&self, &env.env, &world), COPSE_OK);
        script_peer *peer = script_transport_peer(self.script, 1);
        peer->fault = fault;
        peer->pages = SCRIPT_QUERY;
        peer->status = 503;
        peer->at = 700;
        assert_int_equal(trio_run(&self, &env.env, counts), COPSE_OK);
        for (size_t i = 0; i < TRIO; i++) {
            assert_int_equal(counts[i], TRIO_POSTS);
            /* What its head is, a peer alone can say. */
            assert_true(copse_cid_equal(&self.ones[i].head, &world.newer) ||
                        (fault == SCRIPT_WRONG_ROOT && i == 1));
            assert_int_equal(script_transport_peer(self.script, i)->queries, 1);
        }
        trio_release(&self);
        test_env_assert_empty(&env);
    }
    remote_world_release(&world);
}

/* One gives nothing at all: it is left out, with its status, and the others are as ever; whatever
 * it does costs no more time than it takes to give one peer up. */
static void test_gone(void **state)
{
    static const script_fault faults[] = {SCRIPT_REFUSES, SCRIPT_AWAY, SCRIPT_STALLS,
                                          SCRIPT_OTHER_TYPE};
    remote_world world;
    test_env env;
    (void)state;
    remote_world_init(&world);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        trio self;
        size_t counts[TRIO];
        test_env_init(&env);
        assert_int_equal(trio_init(&self, &env.env, &world), COPSE_OK);
        script_peer *peer = script_transport_peer(self.script, 2);
        peer->fault = faults[i];
        peer->status = 404;
        assert_int_equal(trio_run(&self, &env.env, counts), COPSE_OK);
        assert_int_equal(counts[0], TRIO_POSTS);
        assert_int_equal(counts[1], TRIO_POSTS);
        assert_int_equal(counts[2], 0);
        /* Before one stalls, its head was heard. */
        assert_true(self.ones[2].status < 0 || faults[i] == SCRIPT_STALLS);
        assert_in_range(script_transport_elapsed_ms(self.script), 0,
                        4 * env.env.limits.fetch_silence_ms_max);
        trio_release(&self);
        test_env_assert_empty(&env);
    }
    remote_world_release(&world);
}

/* A remote may stand there only once. */
static void test_misuse(void **state)
{
    remote_world world;
    test_env env;
    trio self;
    copse_source *source = NULL;
    copse_block *block = NULL;
    (void)state;
    remote_world_init(&world);
    test_env_init(&env);
    assert_int_equal(trio_init(&self, &env.env, &world), COPSE_OK);
    assert_int_equal(copse_source_new(&env.env, NULL, &source, NULL), COPSE_OK);
    copse_source_begin(source);
    assert_int_equal(copse_source_get(source, &world.newer, &block, NULL), COPSE_WANT);
    copse_remote_one twice[] = {{.remote = self.remotes[0], .source = source},
                                {.remote = self.remotes[0], .source = source}};
    assert_int_equal(copse_remote_fetch_all(twice, 2, NULL), COPSE_OK);
    assert_int_equal(twice[0].status, COPSE_OK);
    assert_int_equal(twice[1].status, COPSE_MISUSE);
    assert_int_equal(copse_remote_fetch_all(NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_remote_head_all(NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_remote_resolve_all(NULL, 0, NULL), COPSE_OK);
    assert_int_equal(copse_remote_find_all(NULL, 0, NULL), COPSE_OK);
    copse_source_free(source);
    trio_release(&self);
    test_env_assert_empty(&env);
    remote_world_release(&world);
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    trio self;
    size_t counts[TRIO];
    copse_status status = trio_init(&self, env, ctx);
    script_peer *peer = script_transport_peer(self.script, 1);
    peer->fault = SCRIPT_REFUSES;
    peer->pages = SCRIPT_QUERY;
    peer->status = 404;
    if (status == COPSE_OK) {
        status = trio_run(&self, env, counts);
    }
    if (status == COPSE_OK) {
        for (size_t i = 0; i < TRIO; i++) {
            assert_int_equal(counts[i], TRIO_POSTS);
        }
    }
    trio_release(&self);
    return status;
}

static void test_allocations(void **state)
{
    remote_world world;
    (void)state;
    remote_world_init(&world);
    assert_true(test_env_sweep(sweep_run, &world, 20000) > 100);
    remote_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_faults),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
