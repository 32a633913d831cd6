/* One turn of a program with a document database in a pack store: open, query, write, commit, query
 * again, close. Each allocation and each call of the system fails once. Then the failure was
 * reported as what it was, nothing leaked, and the store is at the head before or the one after,
 * whole. The sweeps over single modules stand beside those.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/document_actor.h"
#include "support/os_sim.h"

enum { TURN_DOCUMENTS = 12 };

/* The machine with the database before the turn, and the head after a turn without faults. */
typedef struct turn_world {
    os_sim *before;
    copse_cid first;
    copse_cid second;
    uint64_t random;
} turn_world;

/* ---- one turn ---- */

static copse_status turn_put(copse_write *write, int id, int n, copse_err *err)
{
    char json[128];
    (void)snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d,\"tags\":[\"t%d\",\"u\"]}", id, n,
                   n % 3);
    copse_bytes document = database_world_value(json);
    copse_status status =
        copse_write_replace(write, copse_bytes_of_text("posts"), document, true, err);
    database_world_free(document);
    return status;
}

static copse_status turn_index(copse_write *write, const char *field, copse_err *err)
{
    copse_sort_field fields[] = {{copse_bytes_of_text(field), false, false}};
    copse_index_definition definition = {.fields = fields, .fields_count = 1};
    return copse_write_create_index(write, copse_bytes_of_text("posts"), &definition, err);
}

/* The first turn makes the database, the second changes it. */
static copse_status turn_collect(copse_write *write, bool is_first, copse_err *err)
{
    static const uint8_t id = 3;
    copse_status status = COPSE_OK;
    for (int i = 0; i < (is_first ? TURN_DOCUMENTS : 3) && status == COPSE_OK; i++) {
        status = turn_put(write, is_first ? i : i * 6, is_first ? i : i + 40, err);
    }
    if (status == COPSE_OK) {
        status = turn_index(write, is_first ? "n" : "tags", err);
    }
    return status == COPSE_OK && !is_first
               ? copse_write_delete(write, copse_bytes_of_text("posts"), (copse_bytes){&id, 1}, err)
               : status;
}

static copse_status turn_write(document_actor *actor, bool is_first, copse_err *err)
{
    copse_write *write = NULL;
    copse_tree *tree = NULL;
    copse_cid commit;
    copse_status status = copse_write_new(actor->env, &write, err);
    if (status == COPSE_OK) {
        status = turn_collect(write, is_first, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_apply(write, actor->tree, document_actor_store(actor), NULL, &tree,
                                   NULL, NULL, err);
    }
    if (status == COPSE_OK) {
        status = document_actor_make_commit(actor, tree, &commit, err);
    }
    if (status == COPSE_OK) {
        status = document_actor_move(actor, tree, &commit, err);
    }
    if (status != COPSE_OK) {
        copse_tree_close(tree);
    }
    copse_write_free(write);
    return status;
}

static copse_status turn_count_results(copse_query *query, copse_database *database,
                                       size_t *ret_count, copse_err *err)
{
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status = copse_result_open(query, database, &result, err);
    *ret_count = 0;
    while (status == COPSE_OK && (status = copse_result_next(result, &document, err)) == COPSE_OK) {
        ++*ret_count;
    }
    copse_result_close(result);
    return status == COPSE_END ? COPSE_OK : status;
}

/* Reads all documents with n >= 2 through the index. */
static copse_status turn_read(document_actor *actor, size_t expected, copse_err *err)
{
    copse_database *database = NULL;
    copse_query *query = NULL;
    size_t count = 0;
    copse_bytes filter = database_world_value("{\"n\":{\"$gte\":2}}");
    copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                   .filter = filter,
                                   .hint = copse_bytes_of_text("n")};
    copse_status status = copse_query_new(actor->env, &options, &query, err);
    if (status == COPSE_OK) {
        status = copse_database_open(actor->tree, &database, err);
    }
    if (status == COPSE_OK) {
        status = turn_count_results(query, database, &count, err);
    }
    assert_true(status != COPSE_OK || count == expected);
    copse_query_free(query);
    copse_database_close(database);
    database_world_free(filter);
    return status;
}

static copse_status turn_run(const copse_env *env, copse_os *os, bool is_first, copse_err *err)
{
    document_actor actor;
    copse_pack_options options = {.create = is_first};
    copse_status status = document_actor_open(&actor, env, os, &options, err);
    if (status == COPSE_OK && !is_first) {
        status = turn_read(&actor, TURN_DOCUMENTS - 2, err);
    }
    if (status == COPSE_OK) {
        status = turn_write(&actor, is_first, err);
    }
    if (status == COPSE_OK && !is_first) {
        /* 0 and 12 came in, 3 is gone. */
        status = turn_read(&actor, TURN_DOCUMENTS - 1, err);
    }
    document_actor_close(&actor);
    return status;
}

/* ---- what is there afterwards ---- */

/* The head on `sim`; fails the test unless its database is whole. */
static copse_cid turn_head(os_sim *sim)
{
    test_env env;
    uint64_t random = 0;
    copse_err err = {0};
    document_actor actor;
    copse_database_check_stats stats;
    copse_pack_options options = {.create = false};
    test_env_init(&env);
    database_world_give_random(&env.env, &random);
    copse_os *os = os_sim_process(sim);
    if (document_actor_open(&actor, &env.env, os, &options, &err) != COPSE_OK ||
        copse_database_check(&env.env, document_actor_store(&actor), copse_tree_root(actor.tree),
                             NULL, &stats, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(stats.defects, 0);
    copse_cid head = actor.head;
    document_actor_close(&actor);
    copse_os_free(os);
    test_env_assert_empty(&env);
    return head;
}

/* After OK it is the second head; after a failure one of the two. */
static void turn_examine(const turn_world *world, os_sim *sim, copse_status status)
{
    copse_cid head = turn_head(sim);
    assert_true(copse_cid_equal(&head, &world->second) ||
                (status != COPSE_OK && copse_cid_equal(&head, &world->first)));
}

static void turn_world_init(turn_world *world)
{
    copse_env env;
    copse_err err = {0};
    *world = (turn_world){.before = os_sim_new()};
    copse_env_init(&env);
    database_world_give_random(&env, &world->random);
    for (int i = 0; i < 2; i++) {
        os_sim *sim = i == 0 ? world->before : os_sim_copy(world->before);
        copse_os *os = os_sim_process(sim);
        if (turn_run(&env, os, i == 0, &err) != COPSE_OK) {
            fail_msg("%s", err.message);
        }
        copse_os_free(os);
        *(i == 0 ? &world->first : &world->second) = turn_head(sim);
        if (i != 0) {
            os_sim_free(sim);
        }
    }
}

/* ---- the sweeps ---- */

/* What fails in a run: the allocation, or the call of the system, with that number. */
typedef struct turn_fault {
    bool is_call;
    bool is_lasting; /* with all calls after it */
    uint64_t number;
} turn_fault;

/* Runs a turn with one fault. False: it didn't come to that. What fails only when the store is
 * closed loses nothing and has nobody to report to; all else is reported as what it is. */
static bool turn_run_with(turn_world *world, const turn_fault *fault, uint64_t *reported)
{
    test_env env;
    copse_err err = {0};
    os_sim *sim = os_sim_copy(world->before);
    copse_os *os = os_sim_process(sim);
    test_env_init(&env);
    database_world_give_random(&env.env, &world->random);
    if (fault->is_call) {
        os_sim_fail(sim, OS_SIM_MASK_ALL, fault->number, EIO, fault->is_lasting);
    } else {
        env.fail_at = fault->number;
    }
    copse_status status = turn_run(&env.env, os, false, &err);
    bool has_failed = env.failed || os_sim_failed(sim) > 0;
    os_sim_fail(sim, 0, 0, 0, false);
    copse_os_free(os);
    test_env_assert_empty(&env);
    copse_status expected = fault->is_call ? COPSE_IO : COPSE_NOMEM;
    if (status != COPSE_OK && (!has_failed || status != expected)) {
        fail_msg("number %llu: %s: %s", (unsigned long long)fault->number,
                 copse_status_name(status), err.message);
    }
    *reported += status != COPSE_OK;
    turn_examine(world, sim, status);
    os_sim_free(sim);
    return has_failed;
}

static void turn_sweep(bool is_call, bool is_lasting)
{
    turn_world world;
    turn_fault fault = {.is_call = is_call, .is_lasting = is_lasting};
    uint64_t reported = 0;
    turn_world_init(&world);
    while (turn_run_with(&world, &fault, &reported)) {
        fault.number++;
    }
    print_message("%llu faults, %llu reported\n", (unsigned long long)fault.number,
                  (unsigned long long)reported);
    assert_true(fault.number > 10 && reported > fault.number * 2 / 3);
    os_sim_free(world.before);
}

static void document_turn_survives_each_allocation(void **state)
{
    (void)state;
    turn_sweep(false, false);
}

static void document_turn_survives_each_call_of_the_system(void **state)
{
    (void)state;
    turn_sweep(true, false);
    turn_sweep(true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_turn_survives_each_allocation),
        cmocka_unit_test(document_turn_survives_each_call_of_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
