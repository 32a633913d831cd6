/* Several processes update one database at once, on a simulated machine, in an order that a seed
 * says; in some lives one of them is killed in the middle of any call.
 *
 *   W1  Nobody's update is lost: each that was acknowledged is there once, one that a killed
 *       process was at may be.
 *   W2  A reader sees batches whole: what one document gives, another has.
 *   W3  Every commit is one batch further than the one before, and copse_database_check finds
 *       nothing in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/commit.h>
#include <copse/database_check.h>
#include <copse/modify.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/document_actor.h"
#include "support/os_sim_turns.h"

enum {
    WRITERS = 3,
    WRITERS_TASKS = 4, /* the last one reads */
    WRITERS_BATCHES = 4,
    WRITERS_TRIES_MAX = 200,
    WRITERS_DOCUMENTS = 6,
    WRITERS_SEEDS = 100
};

/* Documents have n, of which the sum stays; the first one counts the batches besides. */
static const char *const writers_documents[WRITERS_DOCUMENTS] = {
    "{\"_id\":0,\"n\":100,\"count\":0}",
    "{\"_id\":1,\"n\":100}",
    "{\"_id\":2,\"n\":100}",
    "{\"_id\":3,\"n\":100}",
    "{\"_id\":4,\"n\":100}",
    "{\"_id\":5,\"n\":100}",
};

/* A process. */
typedef struct writers_task {
    copse_env env;
    uint64_t random;
    bool reads;
    bool careless; /* after a conflict it moves the head to what it has made before */
    uint64_t acknowledged;
    uint64_t conflicts;
    uint64_t seen; /* states read */
} writers_task;

/* ---- a batch ---- */

static copse_status writers_run(const writers_task *task, copse_modify *modify, const char *filter,
                                const char *update, const char *sort)
{
    copse_update *compiled = NULL;
    copse_sort_spec spec = {.count = 0};
    copse_modify_result result;
    copse_bytes none = {NULL, 0};
    copse_bytes where = database_world_value(filter);
    copse_bytes what = database_world_value(update);
    copse_status status = copse_update_new(&task->env, what, none, &compiled, NULL);
    if (status == COPSE_OK) {
        status = copse_sort_spec_parse(&task->env, copse_bytes_of_text(sort), false, &spec, NULL);
    }
    if (status == COPSE_OK) {
        const copse_modify_options options = {.collection = copse_bytes_of_text("posts"),
                                              .filter = where,
                                              .sort = &spec,
                                              .update = compiled};
        status = copse_modify_run(modify, &options, &result, NULL);
        status = status == COPSE_OK && result.modified != 1 ? COPSE_NOT_FOUND : status;
    }
    copse_update_free(compiled);
    copse_sort_spec_release(&spec);
    database_world_free(where);
    database_world_free(what);
    return status;
}

/* Takes 1 from the document that has most, gives it to the one that has least, and counts. */
static copse_status writers_make(writers_task *task, document_actor *actor, copse_modify *modify,
                                 copse_tree **ret_tree)
{
    copse_database *database = NULL;
    copse_status status = copse_database_open(actor->tree, &database, NULL);
    if (status == COPSE_OK) {
        copse_modify_begin(modify, database);
        status = writers_run(task, modify, "{}", "{\"$inc\":{\"n\":-1}}", "-n");
    }
    if (status == COPSE_OK) {
        status = writers_run(task, modify, "{}", "{\"$inc\":{\"n\":1}}", "n,-_id");
    }
    if (status == COPSE_OK) {
        status = writers_run(task, modify, "{\"_id\":0}", "{\"$inc\":{\"count\":1}}", "");
    }
    if (status == COPSE_OK) {
        status = copse_modify_finish(modify, document_actor_store(actor), NULL, ret_tree, NULL,
                                     NULL, NULL);
    }
    copse_database_close(database);
    return status;
}

/* Makes the batch on the head as it is known, and moves it. */
static copse_status writers_try(writers_task *task, document_actor *actor, copse_modify *modify,
                                copse_cid *made)
{
    copse_tree *tree = NULL;
    copse_cid commit;
    copse_status status = COPSE_OK;
    if (task->careless && made->size > 0) {
        status = copse_tree_open(actor->cache, made, &tree, NULL);
    } else {
        status = writers_make(task, actor, modify, &tree);
    }
    if (status == COPSE_OK) {
        *made = *copse_tree_root(tree);
        status = document_actor_make_commit(actor, tree, &commit, NULL);
    }
    if (status == COPSE_OK) {
        status = document_actor_move(actor, tree, &commit, NULL);
    }
    if (status != COPSE_OK) {
        copse_tree_close(tree);
    }
    return status;
}

static copse_status writers_write(writers_task *task, document_actor *actor)
{
    copse_modify *modify = NULL;
    copse_status status = copse_modify_new(&task->env, &modify, NULL);
    for (size_t i = 0; i < WRITERS_BATCHES && status == COPSE_OK; i++) {
        copse_cid made = {0};
        status = COPSE_CONFLICT;
        for (size_t tries = 0; tries < WRITERS_TRIES_MAX && status == COPSE_CONFLICT; tries++) {
            task->conflicts += tries > 0;
            status = document_actor_refresh(actor, NULL);
            if (status == COPSE_OK) {
                status = writers_try(task, actor, modify, &made);
            }
        }
        task->acknowledged += status == COPSE_OK;
    }
    copse_modify_free(modify);
    return status;
}

/* ---- reading ---- */

static copse_status writers_field(copse_bytes document, const char *name, uint64_t *ret_value)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, document);
    copse_status status = copse_cbor_find_key(&reader, copse_bytes_of_text(name), NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, NULL);
    }
    if (status == COPSE_OK) {
        *ret_value = item.arg;
    }
    return status;
}

/* Reads by the index of n; CORRUPT: the state is not whole. */
static copse_status writers_look(const copse_env *env, copse_tree *tree, uint64_t *ret_count)
{
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    uint64_t sum = 0;
    uint64_t documents = 0;
    const copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                         .hint = copse_bytes_of_text("n")};
    copse_status status = copse_database_open(tree, &database, NULL);
    if (status == COPSE_OK) {
        status = copse_query_new(env, &options, &query, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_result_open(query, database, &result, NULL);
    }
    while (status == COPSE_OK &&
           (status = copse_result_next(result, &document, NULL)) == COPSE_OK) {
        uint64_t n = 0;
        (void)writers_field(document, "count", ret_count);
        status = writers_field(document, "n", &n);
        sum += n;
        documents++;
    }
    if (status == COPSE_END) {
        bool whole = documents == WRITERS_DOCUMENTS && sum == 100 * WRITERS_DOCUMENTS;
        status = whole ? COPSE_OK : COPSE_CORRUPT;
    }
    copse_result_close(result);
    copse_query_free(query);
    copse_database_close(database);
    return status;
}

static copse_status writers_read(writers_task *task, document_actor *actor)
{
    uint64_t before = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < WRITERS * WRITERS_BATCHES && status == COPSE_OK; i++) {
        uint64_t count = 0;
        status = writers_look(&task->env, actor->tree, &count);
        task->seen += count != before;
        status = status == COPSE_OK && count < before ? COPSE_CORRUPT : status; /* W2 */
        before = count;
        if (status == COPSE_OK) {
            status = document_actor_refresh(actor, NULL);
        }
    }
    return status;
}

static copse_status writers_live(void *ctx, copse_os *os)
{
    writers_task *task = ctx;
    document_actor actor;
    const copse_pack_options options = {.create = false};
    copse_status status = document_actor_open(&actor, &task->env, os, &options, NULL);
    if (status == COPSE_OK) {
        status = task->reads ? writers_read(task, &actor) : writers_write(task, &actor);
    }
    document_actor_close(&actor);
    return status;
}

/* ---- a life ---- */

static void writers_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static void writers_begin(const copse_env *env, os_sim *sim)
{
    document_actor actor;
    copse_write *write = NULL;
    copse_tree *tree = NULL;
    copse_cid commit;
    copse_bytes posts = copse_bytes_of_text("posts");
    const copse_pack_options options = {.create = true};
    const copse_sort_field field = {copse_bytes_of_text("n"), false, false};
    const copse_index_definition index = {.fields = &field, .fields_count = 1};
    copse_os *os = os_sim_process(sim);
    writers_must(document_actor_open(&actor, env, os, &options, NULL));
    writers_must(copse_write_new(env, &write, NULL));
    for (size_t i = 0; i < WRITERS_DOCUMENTS; i++) {
        copse_bytes document = database_world_value(writers_documents[i]);
        writers_must(copse_write_insert(write, posts, document, NULL, NULL));
        database_world_free(document);
    }
    writers_must(copse_write_create_index(write, posts, &index, NULL));
    writers_must(copse_write_apply(write, actor.tree, document_actor_store(&actor), NULL, &tree,
                                   NULL, NULL, NULL));
    writers_must(document_actor_make_commit(&actor, tree, &commit, NULL));
    writers_must(document_actor_move(&actor, tree, &commit, NULL));
    copse_write_free(write);
    document_actor_close(&actor);
    copse_os_free(os);
}

/* W3, from the head down to the first commit. Returns the batches. False in *ret_whole: one is not
 * there, though its writer was told so. */
static uint64_t writers_check_history(const copse_env *env, os_sim *sim, bool *ret_whole)
{
    document_actor actor;
    uint64_t batches = 0;
    const copse_pack_options options = {.create = false};
    copse_os *os = os_sim_process(sim);
    writers_must(document_actor_open(&actor, env, os, &options, NULL));
    writers_must(writers_look(env, actor.tree, &batches));
    *ret_whole = true;
    copse_cid at = actor.head;
    for (uint64_t i = 0; at.size > 0; i++) {
        copse_block *block = NULL;
        copse_commit commit;
        copse_tree *tree = NULL;
        copse_database_check_stats stats;
        uint64_t count = 0;
        writers_must(copse_store_get(document_actor_store(&actor), &at, &block, NULL));
        writers_must(copse_commit_decode(env, block, &commit, NULL));
        writers_must(copse_tree_open(actor.cache, &commit.tree, &tree, NULL));
        writers_must(writers_look(env, tree, &count));
        writers_must(copse_database_check(env, document_actor_store(&actor), &commit.tree, NULL,
                                          &stats, NULL));
        assert_int_equal(stats.defects, 0);
        *ret_whole = *ret_whole && count + i == batches && commit.generation == count;
        at = commit.parents_count > 0 ? commit.parents[0] : (copse_cid){0};
        copse_tree_close(tree);
        copse_block_unref(block);
    }
    document_actor_close(&actor);
    copse_os_free(os);
    return batches;
}

/* Kills the process of one call: the n-th, or the next sync behind it. */
typedef struct writers_killer {
    uint64_t at;
    bool syncs;
    bool done;
} writers_killer;

static void writers_kill(void *ctx, const os_sim_call *call)
{
    writers_killer *killer = ctx;
    if (call->number >= killer->at && !killer->done &&
        (call->kind == OS_SIM_SYNC || !killer->syncs)) {
        killer->done = true;
        os_sim_kill(call->process);
    }
}

typedef struct writers_counts {
    uint64_t conflicts;
    uint64_t kills;
    uint64_t in_flight; /* there though its writer was killed before it was told so */
    uint64_t seen;
} writers_counts;

/* False: an update was lost. */
static bool writers_run_life(uint64_t seed, bool kills, bool careless, writers_counts *counts)
{
    writers_task tasks[WRITERS_TASKS];
    os_sim_task turns[WRITERS_TASKS];
    writers_killer killer = {0};
    uint64_t acknowledged = 0;
    uint64_t killed = 0;
    bool whole;
    os_sim *sim = os_sim_new();
    for (size_t i = 0; i < WRITERS_TASKS; i++) {
        tasks[i] =
            (writers_task){.random = seed * 100 + i, .reads = i == WRITERS, .careless = careless};
        copse_env_init(&tasks[i].env);
        database_world_give_random(&tasks[i].env, &tasks[i].random);
        turns[i] = (os_sim_task){.run = writers_live, .ctx = &tasks[i]};
    }
    writers_begin(&tasks[0].env, sim);
    if (kills) {
        killer.at = os_sim_calls(sim) + seed * 137 % 1000;
        killer.syncs = seed % 4 == 0;
        os_sim_set_hook(sim, writers_kill, &killer);
    }
    os_sim_take_turns(sim, turns, WRITERS_TASKS, seed);
    os_sim_set_hook(sim, NULL, NULL);
    for (size_t i = 0; i < WRITERS_TASKS; i++) {
        killed += turns[i].status == COPSE_IO;
        if (turns[i].status != COPSE_OK && (turns[i].status != COPSE_IO || !killer.done)) {
            fail_msg("seed %d: process %d: %s", (int)seed, (int)i,
                     copse_status_name(turns[i].status));
        }
        acknowledged += tasks[i].acknowledged;
        counts->conflicts += tasks[i].conflicts;
        counts->seen += tasks[i].seen;
    }
    assert_true(killed <= killer.done);
    uint64_t batches = writers_check_history(&tasks[0].env, sim, &whole);
    os_sim_free(sim);
    counts->kills += killed;
    counts->in_flight += batches > acknowledged;
    return whole && batches >= acknowledged && batches <= acknowledged + killed; /* W1 */
}

static void modify_loses_no_update(void **state)
{
    (void)state;
    writers_counts counts = {0};
    for (uint64_t seed = 1; seed <= WRITERS_SEEDS; seed++) {
        if (!writers_run_life(seed, seed % 2 == 0, false, &counts)) {
            fail_msg("seed %d: an update was lost", (int)seed);
        }
    }
    print_message("%llu conflicts, %llu kills (%llu in flight and there), %llu states read\n",
                  (unsigned long long)counts.conflicts, (unsigned long long)counts.kills,
                  (unsigned long long)counts.in_flight, (unsigned long long)counts.seen);
    assert_true(counts.conflicts > 100 && counts.kills > 20 && counts.in_flight > 0 &&
                counts.seen > 50);
}

/* A writer that doesn't make its batch anew after a conflict is found out: the lives can fail. */
static void modify_writers_can_lose_updates(void **state)
{
    (void)state;
    writers_counts counts = {0};
    uint64_t lost = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        lost += !writers_run_life(seed, false, true, &counts);
    }
    print_message("updates were lost with %llu of 20 seeds\n", (unsigned long long)lost);
    assert_true(lost > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modify_loses_no_update),
        cmocka_unit_test(modify_writers_can_lose_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
