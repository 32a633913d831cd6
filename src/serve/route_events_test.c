/* Streams of heads without a network: what they say and when, and what looking costs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/service.h"

#include <copse/count_store.h>
#include <copse/memory_refs.h>
#include <copse/memory_store.h>

#include "support/commit_world.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS_WATCHERS = 4, EVENTS_TEXT_SIZE = 4096 };

/* Two databases, "one" and "two", on one store. */
typedef struct events_world {
    test_env env;
    uint64_t now_ms;
    copse_store *memory;
    copse_store *store; /* counted */
    copse_refs *refs[2];
    uint64_t refreshes;
    copse_status refresh_status;
    copse_service service;
} events_world;

static uint64_t events_clock(void *ctx)
{
    return ((events_world *)ctx)->now_ms;
}

static copse_status events_refresh(void *ctx, copse_err *err)
{
    events_world *world = ctx;
    (void)err;
    world->refreshes++;
    return world->refresh_status;
}

static void events_world_init(events_world *world)
{
    static const char *const names[2] = {"one", "two"};
    *world = (events_world){.now_ms = 1700000000000};
    test_env_init(&world->env);
    world->env.env.clock = events_clock;
    world->env.env.clock_ctx = world;
    world->env.env.limits.serve_watchers_max = EVENTS_WATCHERS;
    assert_int_equal(copse_memory_store_new(&world->env.env, &world->memory, NULL), COPSE_OK);
    assert_int_equal(copse_count_store_new(&world->env.env, world->memory, &world->store, NULL),
                     COPSE_OK);
    assert_int_equal(copse_service_init(&world->service, &world->env.env, NULL), COPSE_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(copse_memory_refs_new(&world->env.env, &world->refs[i], NULL), COPSE_OK);
        const copse_served served = {.name = names[i],
                                     .store = world->store,
                                     .refs = world->refs[i],
                                     .refresh = events_refresh,
                                     .ctx = world};
        assert_int_equal(copse_served_list_add(&world->service.databases, &served, NULL), COPSE_OK);
    }
}

static void events_world_release(events_world *world)
{
    copse_service_release(&world->service);
    for (size_t i = 0; i < 2; i++) {
        copse_refs_close(world->refs[i]);
    }
    copse_store_close(world->store);
    test_env_assert_empty(&world->env);
}

/* Moves the head of a database to a block that holds `number`. */
static void events_move(events_world *world, size_t database, uint8_t number, char ret_cid[])
{
    copse_block *block = NULL;
    copse_cid before;
    copse_bytes name = copse_bytes_of_text("main");
    bool had = copse_refs_get(world->refs[database], name, &before, NULL) == COPSE_OK;
    assert_int_equal(copse_block_of_data(&world->env.env, COPSE_CODEC_DAG_CBOR,
                                         (copse_bytes){&number, 1}, &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(world->store, &block, 1, NULL), COPSE_OK);
    assert_int_equal(copse_refs_swap(world->refs[database], name, had ? &before : NULL,
                                     copse_block_cid(block), NULL),
                     COPSE_OK);
    (void)copse_cid_to_text(copse_block_cid(block), COPSE_BASE32, ret_cid);
    copse_block_unref(block);
}

/* Asks for the events; the answer's body is to be freed if its status is 200. */
static copse_http_answer events_ask(events_world *world, const char *name, const char *last_id)
{
    char path[64];
    const copse_http_header header = {copse_bytes_of_text("Last-Event-ID"),
                                      copse_bytes_of_text(last_id != NULL ? last_id : "")};
    (void)snprintf(path, sizeof path, "/copse/v1/%s/events", name);
    const copse_http_request request = {
        .method = COPSE_HTTP_GET,
        .path = copse_bytes_of_text(path),
        .headers = &header,
        .headers_count = last_id != NULL ? 1 : 0,
    };
    copse_http_answer answer = {.status = 0};
    copse_buf_init(&answer.headers, world->service.env, 65536);
    copse_service_answer(&world->service, &request, &answer);
    return answer;
}

static void events_end(copse_http_answer *answer)
{
    if (answer->body.free != NULL) {
        answer->body.free(answer->body.ctx);
    }
    copse_buf_release(&answer->headers);
}

/* What a stream has now; it never ends. */
static void expect_text(events_world *world, const copse_http_answer *answer, const char *expected)
{
    copse_buf buf;
    copse_buf_init(&buf, world->service.env, EVENTS_TEXT_SIZE);
    assert_int_equal(answer->body.pull(answer->body.ctx, &buf, EVENTS_TEXT_SIZE, NULL), COPSE_WANT);
    assert_int_equal(copse_buf_append_byte(&buf, 0), COPSE_OK);
    assert_string_equal((const char *)buf.ptr, expected);
    copse_buf_release(&buf);
}

static void expect_head(events_world *world, const copse_http_answer *answer, const char *name,
                        const char *cid)
{
    char text[512];
    (void)snprintf(text, sizeof text, "id: %s\ndata: {\"head\":{\"/\":\"%s\"},\"name\":\"%s\"}\n\n",
                   cid, cid, name);
    expect_text(world, answer, text);
}

/* ---- Tests ---- */

static void test_tells_heads(void **state)
{
    events_world world;
    char cids[3][COPSE_CID_TEXT_SIZE_MAX];
    (void)state;
    events_world_init(&world);
    copse_http_answer answer = events_ask(&world, "one", NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.length, COPSE_HTTP_LENGTH_UNKNOWN);
    expect_text(&world, &answer, ""); /* there is no head yet */
    events_move(&world, 0, 1, cids[0]);
    expect_text(&world, &answer, ""); /* not looked at so soon */
    world.now_ms += COPSE_HEADS_LOOK_MS;
    expect_head(&world, &answer, "one", cids[0]);
    expect_text(&world, &answer, "");
    events_move(&world, 0, 2, cids[1]);
    events_move(&world, 0, 3, cids[2]);
    world.now_ms += COPSE_HEADS_LOOK_MS;
    expect_head(&world, &answer, "one", cids[2]); /* the last one counts */
    events_move(&world, 1, 1, cids[0]);           /* of another database */
    world.now_ms += COPSE_HEADS_LOOK_MS;
    expect_text(&world, &answer, "");
    world.now_ms += 15000 - COPSE_HEADS_LOOK_MS - 1;
    expect_text(&world, &answer, "");
    world.now_ms += 1;
    expect_text(&world, &answer, ":\n\n");
    expect_text(&world, &answer, "");
    events_end(&answer);
    events_world_release(&world);
}

static void test_last_event_id(void **state)
{
    events_world world;
    char cids[2][COPSE_CID_TEXT_SIZE_MAX];
    (void)state;
    events_world_init(&world);
    events_move(&world, 0, 1, cids[0]);
    events_move(&world, 0, 2, cids[1]);
    copse_http_answer knows = events_ask(&world, "one", cids[1]);
    copse_http_answer is_behind = events_ask(&world, "one", cids[0]);
    copse_http_answer says_nonsense = events_ask(&world, "one", "zzz");
    expect_text(&world, &knows, "");
    expect_head(&world, &is_behind, "one", cids[1]);
    expect_head(&world, &says_nonsense, "one", cids[1]);
    events_end(&knows);
    events_end(&is_behind);
    events_end(&says_nonsense);
    events_world_release(&world);
}

/* E1, E2 */
static void test_looking_costs_the_same_for_all(void **state)
{
    events_world world;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    copse_http_answer answers[EVENTS_WATCHERS];
    copse_store_counts before;
    copse_store_counts after;
    (void)state;
    events_world_init(&world);
    events_move(&world, 0, 1, cid);
    for (size_t i = 0; i < EVENTS_WATCHERS; i++) {
        answers[i] = events_ask(&world, "one", NULL);
        expect_head(&world, &answers[i], "one", cid);
    }
    assert_int_equal(world.refreshes, 1);
    copse_count_store_snapshot(world.store, &before);
    for (size_t round = 0; round < 10; round++) {
        world.now_ms += COPSE_HEADS_LOOK_MS / 2;
        for (size_t i = 0; i < EVENTS_WATCHERS; i++) {
            expect_text(&world, &answers[i], "");
        }
    }
    assert_int_equal(world.refreshes, 6);
    copse_count_store_snapshot(world.store, &after);
    assert_int_equal(after.get.calls, before.get.calls);
    for (size_t i = 0; i < EVENTS_WATCHERS; i++) {
        events_end(&answers[i]);
    }
    events_world_release(&world);
}

/* E4 */
static void test_what_cannot_be_read(void **state)
{
    events_world world;
    char cids[2][COPSE_CID_TEXT_SIZE_MAX];
    (void)state;
    events_world_init(&world);
    events_move(&world, 0, 1, cids[0]);
    copse_http_answer answer = events_ask(&world, "one", NULL);
    expect_head(&world, &answer, "one", cids[0]);
    events_move(&world, 0, 2, cids[1]);
    world.refresh_status = COPSE_IO;
    world.now_ms += COPSE_HEADS_LOOK_MS;
    expect_text(&world, &answer, "");
    world.refresh_status = COPSE_OK;
    world.now_ms += COPSE_HEADS_LOOK_MS;
    expect_head(&world, &answer, "one", cids[1]);
    world.now_ms -= 1000000; /* the clock is set back */
    events_move(&world, 0, 1, cids[0]);
    expect_head(&world, &answer, "one", cids[0]);
    events_end(&answer);
    events_world_release(&world);
}

static void test_bounds(void **state)
{
    events_world world;
    copse_http_answer answers[EVENTS_WATCHERS];
    (void)state;
    events_world_init(&world);
    for (size_t i = 0; i < EVENTS_WATCHERS; i++) {
        answers[i] = events_ask(&world, i % 2 == 0 ? "one" : "two", NULL);
        assert_int_equal(answers[i].status, 200);
    }
    copse_http_answer refused = events_ask(&world, "one", NULL);
    assert_int_equal(refused.status, 503);
    events_end(&refused);
    events_end(&answers[0]);
    answers[0] = events_ask(&world, "two", NULL);
    assert_int_equal(answers[0].status, 200);
    copse_http_answer unknown = events_ask(&world, "three", NULL);
    assert_int_equal(unknown.status, 404);
    events_end(&unknown);
    for (size_t i = 0; i < EVENTS_WATCHERS; i++) {
        events_end(&answers[i]);
    }
    assert_int_equal(world.service.heads.watchers, 0);
    events_world_release(&world);
}

/* Whatever allocation fails, a later pull has the head. */
static void test_memory(void **state)
{
    uint64_t failures = 0;
    bool failed = true;
    (void)state;
    for (uint64_t n = 0; failed; n++) {
        events_world world;
        char cid[COPSE_CID_TEXT_SIZE_MAX];
        copse_buf buf;
        events_world_init(&world);
        events_move(&world, 0, 1, cid);
        world.env.fail_at = world.env.calls + n;
        copse_http_answer answer = events_ask(&world, "one", NULL);
        copse_buf_init(&buf, &world.env.env, EVENTS_TEXT_SIZE);
        copse_status status = COPSE_WANT;
        if (answer.status == 200) {
            status = answer.body.pull(answer.body.ctx, &buf, EVENTS_TEXT_SIZE, NULL);
        }
        failed = world.env.failed;
        assert_true(status == COPSE_WANT || (failed && status == COPSE_NOMEM));
        if (answer.status == 200 && buf.len == 0) {
            world.now_ms += COPSE_HEADS_LOOK_MS;
            expect_head(&world, &answer, "one", cid);
        }
        assert_true(answer.status == 200 || (failed && answer.status == 503));
        failures += failed;
        copse_buf_release(&buf);
        events_end(&answer);
        events_world_release(&world);
    }
    assert_true(failures > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_heads),
        cmocka_unit_test(test_last_event_id),
        cmocka_unit_test(test_looking_costs_the_same_for_all),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
