/* What a reader has seen, on a simulated disk: round trips, whose it is, faults, crashes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/watch_state.h>

#include <copse/ext_json.h>

#include "support/database_world.h"
#include "support/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRASH_SEEDS = 200, FOLDER_CALLS_MAX = 40 };

static const char folder[] = "/watch";

typedef struct state_world {
    test_env env;
    os_sim *sim;
    copse_os *os;
    copse_bytes filter;
    copse_watch_reader reader;
} state_world;

static uint64_t state_clock(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

static void state_world_init(state_world *world)
{
    *world = (state_world){.sim = os_sim_new()};
    test_env_init(&world->env);
    world->env.env.clock = state_clock;
    world->os = os_sim_process(world->sim);
    world->filter = database_world_value("{\"a\":{\"$gt\":1},\"d\":{\"$date\":7}}");
    world->reader = (copse_watch_reader){
        .database = "/home/blog.copse",
        .collection = "posts",
        .filter = world->filter,
        .name = "default",
    };
}

static void state_world_release(state_world *world)
{
    copse_os_free(world->os);
    os_sim_free(world->sim);
    database_world_free(world->filter);
    test_env_assert_empty(&world->env);
}

static copse_cid state_cid(uint64_t number)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){(const uint8_t *)&number, sizeof number},
                      &cid);
    return cid;
}

static copse_watch_state state_number(uint64_t number)
{
    copse_watch_state state = {.seen = state_cid(number)};
    if (number % 2 == 1) {
        state.toward = state_cid(number + 1000);
        state.told = number;
        state.membership_only = number % 4 == 1;
    }
    return state;
}

static copse_status state_write(state_world *world, const copse_env *env, uint64_t number)
{
    const copse_watch_state state = state_number(number);
    return copse_watch_state_write(env, world->os, folder, &world->reader, &state, NULL);
}

/* Reads; the state must be one of those numbers. */
static copse_status state_read(state_world *world, copse_os *os, uint64_t number, uint64_t other)
{
    copse_watch_state state;
    copse_status status =
        copse_watch_state_read(&world->env.env, os, folder, &world->reader, &state, NULL);
    if (status == COPSE_OK) {
        uint64_t found = copse_cid_equal(&state.seen, &(copse_cid){0}) ? UINT64_MAX : number;
        const copse_watch_state expected = state_number(number);
        if (!copse_cid_equal(&state.seen, &expected.seen)) {
            found = other;
        }
        const copse_watch_state is = state_number(found);
        assert_true(copse_cid_equal(&state.seen, &is.seen));
        assert_int_equal(state.toward.size, is.toward.size);
        assert_int_equal(state.told, is.told);
        assert_int_equal(state.membership_only, is.membership_only);
        assert_int_equal(state.time_ms, state_clock(NULL));
    }
    return status;
}

static void test_round_trip(void **state)
{
    state_world world;
    copse_watch_state read;
    (void)state;
    state_world_init(&world);
    assert_int_equal(state_read(&world, world.os, 0, 0), COPSE_NOT_FOUND);
    for (uint64_t number = 0; number < 4; number++) {
        assert_int_equal(state_write(&world, &world.env.env, number), COPSE_OK);
        assert_int_equal(state_read(&world, world.os, number, number), COPSE_OK);
    }
    const copse_watch_state nothing = {.told = 0};
    assert_int_equal(
        copse_watch_state_write(&world.env.env, world.os, folder, &world.reader, &nothing, NULL),
        COPSE_OK);
    assert_int_equal(
        copse_watch_state_read(&world.env.env, world.os, folder, &world.reader, &read, NULL),
        COPSE_OK);
    assert_int_equal(read.seen.size, 0);
    assert_int_equal(read.toward.size, 0);
    world.env.env.clock = NULL;
    assert_int_equal(state_write(&world, &world.env.env, 1), COPSE_MISUSE);
    state_world_release(&world);
}

/* Z3: each of the four makes another reader. */
static void test_readers(void **state)
{
    state_world world;
    copse_watch_state read;
    (void)state;
    state_world_init(&world);
    assert_int_equal(state_write(&world, &world.env.env, 1), COPSE_OK);
    copse_watch_reader others[4] = {world.reader, world.reader, world.reader, world.reader};
    others[0].database = "/home/blog.copsf";
    others[1].collection = "post";
    others[2].filter = (copse_bytes){NULL, 0};
    others[3].name = "phone";
    for (size_t i = 0; i < 4; i++) {
        const copse_watch_state other = state_number(100 + i);
        assert_int_equal(
            copse_watch_state_read(&world.env.env, world.os, folder, &others[i], &read, NULL),
            COPSE_NOT_FOUND);
        assert_int_equal(
            copse_watch_state_write(&world.env.env, world.os, folder, &others[i], &other, NULL),
            COPSE_OK);
    }
    assert_int_equal(state_read(&world, world.os, 1, 1), COPSE_OK);
    state_world_release(&world);
}

static copse_status find_name(void *ctx, const char *name, copse_err *err)
{
    (void)err;
    if (strstr(name, ".json") != NULL) {
        (void)snprintf(ctx, 256, "%s/%s", folder, name);
    }
    return COPSE_OK;
}

/* The file, which is then damaged. */
static void state_find_file(state_world *world, char ret_path[256])
{
    ret_path[0] = '\0';
    assert_int_equal(world->os->ops->list_dir(world->os, folder, find_name, ret_path, NULL),
                     COPSE_OK);
    assert_true(ret_path[0] != '\0');
}

/* The file is what docs/formats/watch.md shows; what is no such file is refused. */
static void test_files(void **state)
{
    state_world world;
    char path[256];
    copse_bytes content;
    static const char text[] =
        "{\"collection\":\"posts\",\"database\":\"/home/blog.copse\",\"filter\":\"{\\\"a\\\":"
        "{\\\"$gt\\\":1},\\\"d\\\":{\\\"$date\\\":\\\"1970-01-01T00:00:00.007Z\\\"}}\","
        "\"reader\":\"default\",\"seen\":{\"/\":\"";
    (void)state;
    state_world_init(&world);
    assert_int_equal(state_write(&world, &world.env.env, 2), COPSE_OK);
    state_find_file(&world, path);
    assert_true(os_sim_peek(world.sim, path, &content));
    assert_true(content.len > sizeof text);
    assert_memory_equal(content.ptr, text, sizeof text - 1);
    for (size_t cut = 0; cut < content.len - 1; cut += 7) {
        char *part = malloc(cut + 1);
        assert_non_null(part);
        memcpy(part, content.ptr, cut);
        os_sim_plant(world.sim, path, (copse_bytes){(const uint8_t *)part, cut});
        assert_int_equal(state_read(&world, world.os, 2, 2), COPSE_CORRUPT);
        free(part);
        assert_int_equal(state_write(&world, &world.env.env, 2), COPSE_OK);
        assert_true(os_sim_peek(world.sim, path, &content));
    }
    os_sim_plant(world.sim, path, copse_bytes_of_text("{\"version\":1}"));
    assert_int_equal(state_read(&world, world.os, 2, 2), COPSE_CORRUPT);
    state_world_release(&world);
}

/* Z1: whichever call fails, the old state is there, or the new one. */
static void test_faults(void **state)
{
    uint64_t fired = 0;
    (void)state;
    for (uint64_t n = 0; n < FOLDER_CALLS_MAX; n++) {
        state_world world;
        state_world_init(&world);
        assert_int_equal(state_write(&world, &world.env.env, 2), COPSE_OK);
        os_sim_fail(world.sim, OS_SIM_MASK_ALL, n, 5 /* EIO */, false);
        copse_status status = state_write(&world, &world.env.env, 4);
        uint64_t failed = os_sim_failed(world.sim);
        os_sim_fail(world.sim, 0, 0, 0, false);
        assert_int_equal(status, failed > 0 ? COPSE_IO : COPSE_OK);
        assert_int_equal(state_read(&world, world.os, failed > 0 ? 2 : 4, 4), COPSE_OK);
        assert_int_equal(state_write(&world, &world.env.env, 6), COPSE_OK);
        assert_int_equal(state_read(&world, world.os, 6, 6), COPSE_OK);
        fired += failed;
        state_world_release(&world);
    }
    assert_true(fired >= 6); /* folder, lock, file, write, sync, rename, sync of the folder */
}

/* ---- Losses of power ---- */

typedef struct crash_run {
    os_sim *sim;
    uint64_t at; /* the call in which it happens */
    uint64_t seed;
    os_sim *after;
} crash_run;

static void crash_hook(void *ctx, const os_sim_call *call)
{
    crash_run *run = ctx;
    if (run->after == NULL && call->number >= run->at) {
        run->after = os_sim_crash(run->sim, run->seed);
    }
}

/* What is there after the power was lost in call number `call` of the second write, or behind it.
 * `mutant` NULL: none; else the path whose sync does nothing. *ret_behind: it was behind. False:
 * it is neither the old state nor the new one. */
static bool crash_once(uint64_t call, uint64_t seed, const char *mutant, bool is_dir,
                       bool *ret_behind)
{
    state_world world;
    copse_watch_state found;
    state_world_init(&world);
    assert_int_equal(state_write(&world, &world.env.env, 2), COPSE_OK);
    if (mutant != NULL) {
        os_sim_drop_sync(world.sim, mutant, is_dir);
    }
    crash_run run = {.sim = world.sim, .at = os_sim_calls(world.sim) + call, .seed = seed};
    os_sim_set_hook(world.sim, crash_hook, &run);
    assert_int_equal(state_write(&world, &world.env.env, 4), COPSE_OK);
    os_sim_set_hook(world.sim, NULL, NULL);
    *ret_behind = run.after == NULL;
    if (*ret_behind) {
        run.after = os_sim_crash(world.sim, seed);
    }
    copse_os *os = os_sim_process(run.after);
    copse_status status =
        copse_watch_state_read(&world.env.env, os, folder, &world.reader, &found, NULL);
    const copse_watch_state old = state_number(2);
    const copse_watch_state new = state_number(4);
    bool good = status == COPSE_OK && (copse_cid_equal(&found.seen, &new.seen) ||
                                       (!*ret_behind && copse_cid_equal(&found.seen, &old.seen)));
    copse_os_free(os);
    os_sim_free(run.after);
    state_world_release(&world);
    return good;
}

static uint64_t crash_all(const char *mutant, bool is_dir)
{
    uint64_t bad = 0;
    bool is_behind = false;
    uint64_t calls = 0;
    for (; !is_behind; calls++) {
        for (uint64_t seed = 0; seed < CRASH_SEEDS; seed++) {
            bad += !crash_once(calls, seed, mutant, is_dir, &is_behind);
        }
    }
    assert_true(calls > 6);
    return bad;
}

/* Z1; and each sync is needed for it. */
static void test_crashes(void **state)
{
    (void)state;
    assert_int_equal(crash_all(NULL, false), 0);
    assert_true(crash_all(".new", false) > 0);
    assert_true(crash_all(folder, true) > 0);
}

/* ---- Listing --------------------------------------------------------------------------------- */

typedef struct listed {
    uint64_t sum; /* of the numbers of the states */
    size_t good;
    size_t bad;
    copse_status says; /* what each visit returns */
} listed;

static copse_status list_visit(void *ctx, const copse_watch_reader *reader,
                               const copse_watch_state *state, copse_err *err)
{
    listed *self = ctx;
    if (reader == NULL) {
        assert_non_null(strstr(err->message, ".json: "));
        self->bad++;
        return self->says;
    }
    for (uint64_t number = 0; number < 8; number++) {
        const copse_watch_state is = state_number(number);
        if (copse_cid_equal(&state->seen, &is.seen)) {
            assert_true(copse_cid_equal(&state->toward, &is.toward));
            assert_int_equal(state->told, is.told);
            assert_int_equal(state->membership_only, is.membership_only);
            self->sum += number;
        }
    }
    assert_int_equal(state->time_ms, state_clock(NULL));
    assert_true(strcmp(reader->database, "/home/blog.copse") == 0 || reader->filter.len == 1);
    assert_true(strcmp(reader->name, "default") == 0 || strcmp(reader->name, "phone") == 0);
    assert_string_equal(reader->collection, "posts");
    self->good++;
    return self->says;
}

static listed state_list(state_world *world, copse_status says)
{
    listed found = {.says = says};
    assert_int_equal(
        copse_watch_state_list(&world->env.env, world->os, folder, list_visit, &found, NULL),
        found.says);
    return found;
}

/* All readers' states; what is damaged or has another's name is told, and the rest is listed. */
static void test_list(void **state)
{
    state_world world;
    char path[256];
    copse_bytes content;
    (void)state;
    state_world_init(&world);
    assert_int_equal(state_list(&world, COPSE_OK).good, 0); /* no folder */
    assert_int_equal(state_write(&world, &world.env.env, 1), COPSE_OK);
    state_find_file(&world, path);
    world.reader.name = "phone";
    assert_int_equal(state_write(&world, &world.env.env, 2), COPSE_OK);
    world.reader.database = "http://127.0.0.1/blog";
    world.reader.filter = (copse_bytes){(const uint8_t *)"\xa0", 1};
    assert_int_equal(state_write(&world, &world.env.env, 3), COPSE_OK);
    listed found = state_list(&world, COPSE_OK);
    assert_int_equal(found.good, 3);
    assert_int_equal(found.bad, 0);
    assert_int_equal(found.sum, 6);
    assert_int_equal(state_list(&world, COPSE_NOT_FOUND).good, 1);
    os_sim_plant(world.sim, "/watch/other.txt", copse_bytes_of_text("no state"));
    assert_true(os_sim_peek(world.sim, path, &content));
    uint8_t copy[1024];
    assert_true(content.len <= sizeof copy);
    memcpy(copy, content.ptr, content.len);
    os_sim_plant(world.sim, "/watch/other.json", (copse_bytes){copy, content.len});
    for (size_t cut = 1; cut < content.len - 1; cut += 5) {
        os_sim_plant(world.sim, path, (copse_bytes){copy, cut});
        found = state_list(&world, COPSE_OK);
        assert_int_equal(found.good, 2);
        assert_int_equal(found.bad, 2);
        assert_int_equal(found.sum, 5);
    }
    assert_int_equal(state_list(&world, COPSE_DENIED).good + state_list(&world, COPSE_DENIED).bad,
                     2);
    world.reader.filter = world.filter;
    state_world_release(&world);
}

/* A call that fails ends it, and says so. */
static void test_list_faults(void **state)
{
    state_world world;
    uint64_t failed = 1;
    (void)state;
    state_world_init(&world);
    assert_int_equal(state_write(&world, &world.env.env, 1), COPSE_OK);
    for (uint64_t n = 0; failed > 0; n++) {
        listed found = {.says = COPSE_OK};
        os_sim_fail(world.sim, OS_SIM_MASK_ALL, n, 5 /* EIO */, false);
        copse_status status =
            copse_watch_state_list(&world.env.env, world.os, folder, list_visit, &found, NULL);
        failed = os_sim_failed(world.sim);
        os_sim_fail(world.sim, 0, 0, 0, false);
        assert_int_equal(status, failed > 0 ? COPSE_IO : COPSE_OK);
        assert_true(n < FOLDER_CALLS_MAX);
    }
    state_world_release(&world);
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    state_world *world = ctx;
    copse_watch_state read;
    copse_env own = *env;
    own.clock = state_clock;
    copse_status status = state_write(world, &own, 4);
    if (status == COPSE_OK) {
        status = copse_watch_state_read(&own, world->os, folder, &world->reader, &read, NULL);
    }
    if (status == COPSE_OK) {
        listed found = {.says = COPSE_OK};
        status = copse_watch_state_list(&own, world->os, folder, list_visit, &found, NULL);
        assert_true(status != COPSE_OK || found.good == 1);
    }
    return status;
}

static void test_sweep(void **state)
{
    state_world world;
    (void)state;
    state_world_init(&world);
    assert_true(test_env_sweep(sweep_run, &world, 500) > 5);
    state_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_readers),
        cmocka_unit_test(test_files),       cmocka_unit_test(test_faults),
        cmocka_unit_test(test_crashes),     cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_faults), cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
