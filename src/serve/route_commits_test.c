/* History over HTTP, without a socket: what is answered is what the wanted have more, whatever the
 * limits cut off.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/service.h"
#include "serve/work_clock.h"
#include "sync/commits_request.h"

#include <copse/dag_cbor.h>
#include <copse/memory_refs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/proof_support.h"
#include "support/sim_exchange.h"

enum { COMMITS = 60, LINE = 200, URL_SIZE = 256 };

/* Commits, served as "blog", whose head is the last one. The service has an env of its own. */
typedef struct world {
    commit_world commits;
    size_t count;
    copse_refs *refs;
    test_env env;
    uint64_t now_ms;
    uint64_t tick_ms; /* the clock goes on by this whenever it is looked at */
    copse_service service;
} world;

static uint64_t world_clock(void *ctx)
{
    world *self = ctx;
    self->now_ms += self->tick_ms;
    return self->now_ms;
}

/* Serves what is there. */
static void world_serve(world *self)
{
    test_env_init(&self->env);
    self->env.env.clock = world_clock;
    self->env.env.clock_ctx = self;
    self->now_ms = 1000;
    self->tick_ms = 0;
    assert_int_equal(copse_memory_refs_new(&self->env.env, &self->refs, NULL), COPSE_OK);
    assert_int_equal(copse_refs_swap(self->refs, copse_bytes_of_text("main"), NULL,
                                     &self->commits.cids[self->count - 1], NULL),
                     COPSE_OK);
    assert_int_equal(copse_service_init(&self->service, &self->env.env, NULL), COPSE_OK);
    copse_served served = {.name = "blog", .store = self->commits.store, .refs = self->refs};
    assert_int_equal(copse_served_list_add(&self->service.databases, &served, NULL), COPSE_OK);
}

static void world_init_random(world *self, uint32_t seed)
{
    commit_world_init_random(&self->commits, COMMITS, seed);
    self->count = COMMITS;
    world_serve(self);
}

static void world_init_line(world *self)
{
    commit_world_init(&self->commits);
    for (size_t i = 0; i < LINE; i++) {
        copse_commit next =
            commit_world_next(&self->commits, i > 0 ? &self->commits.cids[i - 1] : NULL, i > 0);
        self->commits.cids[i] = commit_world_put(&self->commits, &next);
    }
    self->count = LINE;
    world_serve(self);
}

static void world_release(world *self)
{
    copse_service_release(&self->service);
    copse_refs_close(self->refs);
    test_env_assert_empty(&self->env);
    commit_world_release(&self->commits);
}

static copse_limits *world_limits(world *self)
{
    return &self->service.budget.env.limits;
}

static const copse_cid *world_cid(const world *self, size_t at)
{
    return &self->commits.cids[at];
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* What is asked, beside the path. */
typedef struct question {
    const copse_cid *want;
    size_t want_count;
    const copse_cid *have;
    size_t have_count;
    uint64_t limit;
} question;

/* What came. */
typedef struct reply {
    copse_env env;
    sim_exchange exchange;
    bool is_whole;
    proof_support_section sections[COMMIT_WORLD_LINE_MAX];
    size_t count;
} reply;

static void ask_bytes(world *self, const char *subject, copse_bytes body, reply *ret_reply)
{
    char url[URL_SIZE];
    (void)snprintf(url, sizeof url, "http://peer/copse/v1/%s/commits", subject);
    const copse_transport_request request = {.url = url,
                                             .accept = "application/vnd.ipld.car",
                                             .content_type = "application/vnd.ipld.dag-cbor",
                                             .body = body};
    *ret_reply = (reply){.count = 0};
    copse_env_init(&ret_reply->env);
    sim_exchange_init(&ret_reply->exchange, &ret_reply->env, &request, "peer");
    sim_exchange_ask(&ret_reply->exchange, &self->service);
    ret_reply->is_whole = sim_exchange_gather(&ret_reply->exchange);
    if (ret_reply->exchange.answer.status == 200) {
        ret_reply->count =
            proof_support_sections(&ret_reply->env, copse_buf_view(&ret_reply->exchange.bytes),
                                   ret_reply->sections, COMMIT_WORLD_LINE_MAX);
    }
}

static void ask(world *self, const char *subject, const question *asked, reply *ret_reply)
{
    copse_env env;
    copse_buf body;
    copse_env_init(&env);
    copse_buf_init(&body, &env, SIZE_MAX);
    assert_int_equal(copse_commits_request_encode(asked->want, asked->want_count, asked->have,
                                                  asked->have_count, asked->limit, &body, NULL),
                     COPSE_OK);
    ask_bytes(self, subject, copse_buf_view(&body), ret_reply);
    copse_buf_release(&body);
}

static const char *subject_of(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX])
{
    (void)copse_cid_to_text(cid, COPSE_BASE32, ret_text);
    return ret_text;
}

static void reply_release(reply *self)
{
    sim_exchange_release(&self->exchange);
}

static unsigned reply_status(const reply *self)
{
    return self->exchange.answer.status;
}

static bool reply_has_header(const reply *self, const char *name, const char *value)
{
    char line[512];
    const copse_buf *headers = &self->exchange.answer.headers;
    (void)snprintf(line, sizeof line, "%s: %s\r\n", name, value);
    return memmem(headers->ptr, headers->len, line, strlen(line)) != NULL;
}

/* How often a commit came. */
static size_t reply_times(const reply *self, const copse_cid *cid)
{
    size_t times = 0;
    for (size_t i = 0; i < self->count; i++) {
        times += copse_cid_equal(&self->sections[i].cid, cid);
    }
    return times;
}

/* 200 and whole; `count` commits of the line, from its `from`th down. */
static void assert_line(const world *self, const reply *got, size_t from, size_t count)
{
    assert_int_equal(reply_status(got), 200);
    assert_true(got->is_whole);
    assert_int_equal(got->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(copse_cid_equal(&got->sections[i].cid, world_cid(self, from - i)));
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

static bool is_reached(world *self, const copse_cid *heads, size_t count, const copse_cid *cid)
{
    bool is = false;
    for (size_t i = 0; i < count; i++) {
        is = is || commit_world_reaches(&self->commits, &heads[i], cid);
    }
    return is;
}

/* Exactly what the wanted have more; none before one that was made on it. */
static void assert_range(world *self, const reply *got, const copse_cid *want, size_t want_count,
                         const copse_cid *have, size_t have_count)
{
    size_t expected = 0;
    assert_int_equal(reply_status(got), 200);
    assert_true(got->is_whole);
    for (size_t n = 0; n < self->count; n++) {
        const copse_cid *cid = world_cid(self, n);
        bool is_in =
            is_reached(self, want, want_count, cid) && !is_reached(self, have, have_count, cid);
        assert_int_equal(reply_times(got, cid), is_in);
        expected += is_in;
    }
    assert_int_equal(got->count, expected);
    for (size_t i = 0; i < got->count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(
                commit_world_reaches(&self->commits, &got->sections[i].cid, &got->sections[j].cid));
        }
    }
}

static void test_what_the_wanted_have_more(void **state)
{
    (void)state;
    size_t some = 0;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        world self;
        uint64_t random = seed;
        world_init_random(&self, seed);
        for (size_t i = 0; i < 8; i++) {
            char subject[COPSE_CID_TEXT_SIZE_MAX];
            copse_cid want[3];
            copse_cid have[4];
            reply got;
            size_t want_count = 1 + i % 3;
            size_t have_count = i % 4;
            /* Deep enough to be quick to check, and not too far apart. */
            for (size_t j = 0; j < 3; j++) {
                want[j] = *world_cid(&self, 10 + test_random_below(&random, 14));
            }
            for (size_t j = 0; j < 3; j++) {
                have[j] = *world_cid(&self, 4 + test_random_below(&random, 16));
            }
            copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("unknown"), &have[3]);
            const question asked = {want + 1, want_count - 1, have + (3 - have_count),
                                    have_count + 1, 0};
            ask(&self, subject_of(&want[0], subject), &asked, &got);
            assert_range(&self, &got, want, want_count, asked.have, have_count);
            assert_true(reply_has_header(&got, "Copse-Root", subject));
            assert_true(
                reply_has_header(&got, "Content-Type", "application/vnd.ipld.car; version=1"));
            assert_true(reply_has_header(&got, "Cache-Control", "no-store"));
            some += got.count > 0;
            reply_release(&got);
        }
        assert_int_equal(self.service.metrics.answers_short, 0);
        world_release(&self);
    }
    assert_true(some > 30);
}

static void test_a_name_stands_for_its_head(void **state)
{
    (void)state;
    world self;
    reply got;
    world_init_line(&self);
    ask(&self, "blog", &(question){.limit = 0}, &got);
    assert_line(&self, &got, LINE - 1, LINE);
    assert_int_equal(self.service.metrics.blocks_sent, LINE);
    reply_release(&got);
    ask(&self, "bl%6Fg", &(question){.have = world_cid(&self, 149), .have_count = 1}, &got);
    assert_line(&self, &got, LINE - 1, 50);
    reply_release(&got);
    /* What is had is what is wanted, or was made on it. */
    for (size_t at = 100; at < LINE; at += LINE - 101) {
        char subject[COPSE_CID_TEXT_SIZE_MAX];
        const question asked = {.have = world_cid(&self, at), .have_count = 1};
        ask(&self, subject_of(world_cid(&self, 100), subject), &asked, &got);
        assert_line(&self, &got, 0, 0);
        reply_release(&got);
    }
    world_release(&self);
}

static void test_of_lists_what_is_not_here_is_passed_over(void **state)
{
    (void)state;
    world self;
    reply got;
    copse_cid lists[4];
    copse_block *block = NULL;
    world_init_line(&self);
    assert_int_equal(copse_block_of_data(&self.commits.test.env, COPSE_CODEC_DAG_CBOR,
                                         copse_bytes_of_text("\xa1\x64tree\x01"), &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(self.commits.store, &block, 1, NULL), COPSE_OK);
    lists[0] = *copse_block_cid(block); /* looks like a commit, and is none */
    block = copse_block_unref(block);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("x"), &lists[1]);
    assert_int_equal(copse_cid_from_text(copse_bytes_of_text("bafkqaaa"), &lists[2], NULL),
                     COPSE_OK);
    lists[3] = *world_cid(&self, 190);
    ask(&self, "blog", &(question){lists, 3, lists, 4, 0}, &got);
    assert_line(&self, &got, LINE - 1, 9);
    reply_release(&got);
    world_release(&self);
}

static void test_a_limit_is_gone_on_from(void **state)
{
    (void)state;
    enum { ROUND = 7 };
    world self;
    size_t left = LINE;
    size_t rounds = 0;
    world_init_line(&self);
    while (left > 0) {
        char subject[COPSE_CID_TEXT_SIZE_MAX];
        reply got;
        ask(&self, subject_of(world_cid(&self, left - 1), subject), &(question){.limit = ROUND},
            &got);
        assert_line(&self, &got, left - 1, left < ROUND ? left : ROUND);
        left -= got.count;
        rounds++;
        reply_release(&got);
    }
    assert_int_equal(rounds, (LINE + ROUND - 1) / ROUND);
    assert_int_equal(self.service.metrics.answers_short, 0);
    world_release(&self);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* A whole CAR of the first commits, of which there are fewer than all. */
static void assert_short(world *self, const question *asked)
{
    uint64_t before = self->service.metrics.answers_short;
    reply got;
    ask(self, "blog", asked, &got);
    assert_in_range(got.count, 1, LINE - 1);
    assert_line(self, &got, LINE - 1, got.count);
    assert_int_equal(self->service.metrics.answers_short, before + 1);
    reply_release(&got);
}

static void test_limits(void **state)
{
    (void)state;
    world self;
    world_init_line(&self);
    const copse_limits limits = *world_limits(&self);
    for (int i = 0; i < 3; i++) {
        world_limits(&self)->answer_blocks_max = i == 0 ? 20 : limits.answer_blocks_max;
        world_limits(&self)->answer_size_bytes_max = i == 1 ? 5000 : limits.answer_size_bytes_max;
        world_limits(&self)->answer_ms_max = i == 2 ? 200 : limits.answer_ms_max;
        self.tick_ms = 1;
        assert_short(&self, &(question){.limit = 0});
    }
    *world_limits(&self) = limits;
    fault_store_hide(self.commits.store, world_cid(&self, 50));
    assert_short(&self, &(question){.limit = 0});
    world_release(&self);
}

/* Also of commits that are read and not sent: the wanted one lies far behind the one that is had.
 */
static void test_time(void **state)
{
    (void)state;
    world self;
    reply got;
    char subject[COPSE_CID_TEXT_SIZE_MAX];
    world_init_line(&self);
    const question asked = {.have = world_cid(&self, LINE - 1), .have_count = 1};
    self.tick_ms = COPSE_WORK_PULL_MS_MAX / 100;
    fault_store_forget(self.commits.store);
    ask(&self, subject_of(world_cid(&self, 0), subject), &asked, &got);
    assert_line(&self, &got, 0, 0);
    assert_int_equal(self.service.metrics.answers_short, 1);
    assert_in_range(commit_world_gets(&self.commits), 50, 110);
    reply_release(&got);
    world_release(&self);
}

/* What an asker lists costs no more time than the walk does, and what no commit can have as its CID
 * is not looked for. */
static void test_time_of_lists(void **state)
{
    (void)state;
    enum { LISTED = 250, TICKS = 50, LAST = 5 };
    world self;
    reply got;
    copse_cid listed[LISTED];
    char subject[COPSE_CID_TEXT_SIZE_MAX];
    world_init_line(&self);
    (void)subject_of(world_cid(&self, LAST - 1), subject);
    for (int is_name = 0; is_name < 2; is_name++) {
        for (uint64_t i = 0; i < LISTED; i++) {
            copse_cid_of_data(is_name ? COPSE_CODEC_DAG_CBOR : COPSE_CODEC_RAW,
                              (copse_bytes){(const uint8_t *)&i, sizeof i}, &listed[i]);
        }
        self.tick_ms = COPSE_WORK_PULL_MS_MAX / TICKS;
        fault_store_forget(self.commits.store);
        ask(&self, subject, &(question){listed, LISTED, listed, LISTED, 0}, &got);
        assert_line(&self, &got, LAST - 1, LAST);
        assert_in_range(commit_world_gets(&self.commits), is_name ? TICKS / 4 : 0,
                        is_name ? TICKS : 2 * LAST + 2);
        reply_release(&got);
    }
    world_release(&self);
}

/* Whatever one answer may hold, it is refused, cut short or whole, and gives all back. */
static void test_memory(void **state)
{
    (void)state;
    world self;
    size_t counts[3] = {0};
    world_init_line(&self);
    size_t held = 0;
    for (size_t max = (size_t)1 << 20; max > 0; max -= 1 + max / 16) {
        reply got;
        world_limits(&self)->answer_memory_bytes_max = max;
        ask(&self, "blog", &(question){.limit = 0}, &got);
        counts[reply_status(&got) == 503 ? 0 : got.count < LINE ? 1 : 2]++;
        if (reply_status(&got) != 503) {
            assert_line(&self, &got, LINE - 1, got.count);
        }
        reply_release(&got);
        held = held == 0 ? self.service.budget.size_bytes : held; /* blocks are cached now */
        assert_int_equal(self.service.budget.size_bytes, held);
    }
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    world_release(&self);
}

/* Wherever memory ends, it is a 503, or less comes; and nothing is held after. */
static void test_no_memory(void **state)
{
    (void)state;
    enum { ALL = LINE - 172 };
    world self;
    uint64_t runs = 0;
    size_t counts[3] = {0};
    bool failed = true;
    reply got;
    world_init_line(&self);
    const question asked = {world_cid(&self, 120), 1, world_cid(&self, 170), 2, 0};
    ask(&self, "blog", &asked, &got);
    assert_line(&self, &got, LINE - 1, ALL);
    reply_release(&got);
    size_t held = self.service.budget.size_bytes; /* blocks are cached now */
    while (failed) {
        self.env.failed = false;
        self.env.fail_at = self.env.calls + runs++;
        ask(&self, "blog", &asked, &got);
        failed = self.env.failed;
        bool is_all = got.is_whole && got.count == ALL;
        assert_true(failed || is_all);
        counts[reply_status(&got) == 503 ? 0 : is_all ? 2 : 1]++;
        if (got.is_whole && reply_status(&got) != 503) {
            assert_line(&self, &got, LINE - 1, got.count);
        }
        reply_release(&got);
        assert_int_equal(self.service.budget.size_bytes, held);
    }
    self.env.fail_at = UINT64_MAX;
    assert_true(counts[0] > 3 && counts[1] > 3 && counts[2] > 0);
    world_release(&self);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

/* Asks for the history of a subject that has none. */
static void check_refused(world *self, const char *subject, unsigned status)
{
    reply got;
    ask(self, subject, &(question){.limit = 0}, &got);
    assert_int_equal(reply_status(&got), status);
    assert_true(reply_has_header(&got, "Content-Type", "text/plain; charset=utf-8"));
    reply_release(&got);
}

static void test_refused(void **state)
{
    (void)state;
    world self;
    reply got;
    copse_cid cid;
    char subject[COPSE_CID_TEXT_SIZE_MAX];
    world_init_line(&self);
    check_refused(&self, "log", 404);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("unknown"), &cid);
    check_refused(&self, subject_of(&cid, subject), 404);
    check_refused(&self, "bafkqaaa", 400); /* an identity CID holds its block: it is no commit */
    ask_bytes(&self, "blog", copse_bytes_of_text("\xa0"), &got);
    assert_int_equal(reply_status(&got), 400);
    reply_release(&got);
    assert_int_equal(copse_refs_swap(self.refs, copse_bytes_of_text("main"),
                                     world_cid(&self, LINE - 1), NULL, NULL),
                     COPSE_OK);
    check_refused(&self, "blog", 404);
    world_release(&self);
}

static void test_too_many(void **state)
{
    (void)state;
    static const uint8_t before[] = "\xa3\x64have\x99\x01\x01";
    static const uint8_t behind[] = "\x64want\x80\x65limit\x00";
    world self;
    reply got;
    copse_env env;
    copse_buf body;
    world_init_line(&self);
    copse_env_init(&env);
    copse_buf_init(&body, &env, SIZE_MAX);
    const copse_cid *cid = world_cid(&self, 0);
    assert_int_equal(copse_buf_append(&body, (copse_bytes){before, sizeof before - 1}), COPSE_OK);
    for (size_t i = 0; i <= COPSE_COMMITS_HAVE_MAX; i++) {
        assert_int_equal(copse_cbor_write_link(&body, (copse_bytes){cid->bytes, cid->size}),
                         COPSE_OK);
    }
    assert_int_equal(copse_buf_append(&body, (copse_bytes){behind, sizeof behind - 1}), COPSE_OK);
    ask_bytes(&self, "blog", copse_buf_view(&body), &got);
    assert_int_equal(reply_status(&got), 413);
    reply_release(&got);
    copse_buf_release(&body);
    world_release(&self);
}

/* A store that fails cuts the answer, or is a 500 before it. */
static void test_a_store_that_fails(void **state)
{
    (void)state;
    world self;
    size_t counts[2] = {0};
    for (uint64_t n = 0;; n += 1 + n / 8) {
        reply got;
        world_init_line(&self);
        fault_store_fail_at(self.commits.store, n, COPSE_IO);
        ask(&self, "blog", &(question){.have = world_cid(&self, 9), .have_count = 1}, &got);
        bool failed = fault_store_has_failed(self.commits.store);
        if (failed) {
            assert_true(reply_status(&got) == 500 || !got.is_whole);
            counts[reply_status(&got) == 500]++;
        } else {
            assert_line(&self, &got, LINE - 1, LINE - 10);
        }
        reply_release(&got);
        world_release(&self);
        if (!failed) {
            break;
        }
    }
    assert_true(counts[0] > 3 && counts[1] > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_wanted_have_more),
        cmocka_unit_test(test_a_name_stands_for_its_head),
        cmocka_unit_test(test_of_lists_what_is_not_here_is_passed_over),
        cmocka_unit_test(test_a_limit_is_gone_on_from),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_of_lists),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_a_store_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
