/* Streams of heads over a transport that plays a script, in its own time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_stream.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SCRIPT_STARTS_MAX = 64 };

#define HEAD_A "bafyreif2tlhkgmttx5bae3c3ariojpomhudrzbb74jhh672keyjq46bnoq"
#define HEAD_B "bafyreicskigr4fdi6id73btchxrwhe3rpvtqsupaxeerybmhlmotftiw5a"
#define MAP_A "{\"head\":{\"/\":\"" HEAD_A "\"},\"name\":\"blog\"}"
#define MAP_B "{\"head\":{\"/\":\"" HEAD_B "\"},\"name\":\"blog\",\"tree\":{\"/\":\"" HEAD_A "\"}}"
#define EVENT_A "id: " HEAD_A "\ndata: " MAP_A "\n\n"
#define EVENT_B "id: " HEAD_B "\ndata: " MAP_B "\n\n"

/* ---- A transport ---- */

/* What comes next on the request that runs. `delay_ms` counts from what came before. */
typedef struct script_step {
    size_t request; /* its number, from 0 */
    uint32_t delay_ms;
    copse_transport_event_kind kind;
    unsigned status;  /* HEAD */
    const char *text; /* HEAD: the type; BODY; FAILED: why */
} script_step;

/* When requests were started, and of what. */
typedef struct script_start {
    uint64_t ms;
    bool is_events;
    char last_id[COPSE_CID_TEXT_SIZE_MAX]; /* "": none */
} script_start;

typedef struct script {
    copse_transport base; /* first */
    const script_step *steps;
    size_t steps_count;
    size_t step;
    uint64_t now_ms;
    uint64_t last_ms; /* when something came last */
    size_t started;
    bool is_running;
    script_start starts[SCRIPT_STARTS_MAX];
    uint64_t random; /* the state of the random source; 0: it gives zeros */
    test_env env;
} script;

static copse_status script_start_request(copse_transport *transport,
                                         const copse_transport_request *request,
                                         uint64_t *ret_request, copse_err *err)
{
    script *self = (script *)transport;
    (void)err;
    assert_false(self->is_running);
    assert_true(self->started < SCRIPT_STARTS_MAX);
    bool is_events = strcmp(request->accept, "text/event-stream") == 0;
    assert_string_equal(request->url, is_events ? "http://peer/x/copse/v1/my%20blog/events"
                                                : "http://peer/x/copse/v1/my%20blog");
    script_start *start = &self->starts[self->started];
    *start = (script_start){self->now_ms, is_events, ""};
    if (request->last_event_id != NULL) {
        (void)snprintf(start->last_id, sizeof start->last_id, "%s", request->last_event_id);
    }
    *ret_request = ++self->started;
    self->is_running = true;
    self->last_ms = self->now_ms;
    return COPSE_OK;
}

static void script_cancel(copse_transport *transport, uint64_t request)
{
    script *self = (script *)transport;
    assert_true(self->is_running && request == self->started);
    self->is_running = false;
}

static copse_status script_wait(copse_transport *transport, uint64_t until_ms,
                                copse_transport_event *ret_event, copse_err *err)
{
    script *self = (script *)transport;
    (void)err;
    while (self->step < self->steps_count && self->steps[self->step].request + 1 < self->started) {
        self->step++; /* of a request that was cancelled */
    }
    const script_step *step = &self->steps[self->step];
    bool comes = self->is_running && self->step < self->steps_count &&
                 step->request + 1 == self->started && self->last_ms + step->delay_ms <= until_ms;
    if (!comes) {
        assert_true(until_ms != UINT64_MAX);
        self->now_ms = until_ms > self->now_ms ? until_ms : self->now_ms;
        return COPSE_END;
    }
    self->step++;
    self->now_ms = self->last_ms + step->delay_ms;
    self->last_ms = self->now_ms;
    const char *text = step->text != NULL ? step->text : "";
    *ret_event = (copse_transport_event){
        .kind = step->kind, .request = self->started, .status = step->status, .reason = text};
    if (step->kind == COPSE_TRANSPORT_HEAD) {
        ret_event->content_type = copse_bytes_of_text(text);
    } else if (step->kind == COPSE_TRANSPORT_BODY) {
        ret_event->body = copse_bytes_of_text(text);
    } else {
        self->is_running = false;
    }
    return COPSE_OK;
}

static uint64_t script_now(copse_transport *transport)
{
    return ((script *)transport)->now_ms;
}

static const copse_transport_ops script_ops = {
    .start = script_start_request, .cancel = script_cancel, .wait = script_wait, .now = script_now};

static copse_status script_give_random(void *ctx, void *ret_bytes, size_t size)
{
    script *self = ctx;
    uint64_t bytes = self->random > 0 ? test_random(&self->random) : 0;
    assert_true(size <= sizeof bytes);
    memcpy(ret_bytes, &bytes, size);
    return COPSE_OK;
}

static void script_init(script *self, const script_step *steps, size_t steps_count)
{
    *self = (script){
        .base.ops = &script_ops, .steps = steps, .steps_count = steps_count, .now_ms = 5000000};
    test_env_init(&self->env);
    self->env.env.random = script_give_random;
    self->env.env.random_ctx = self;
}

static copse_head_stream *script_open(script *self, const char *known)
{
    copse_cid cid;
    copse_head_stream *stream = NULL;
    copse_head_stream_options options = {
        .peer = "http://peer/x/", .name = "my blog", .transport = &self->base};
    if (known != NULL) {
        assert_int_equal(copse_cid_from_text(copse_bytes_of_text(known), &cid, NULL), COPSE_OK);
        options.known = &cid;
    }
    assert_int_equal(copse_head_stream_new(&self->env.env, &options, &stream, NULL), COPSE_OK);
    return stream;
}

static void script_close(script *self, copse_head_stream *stream)
{
    copse_head_stream_free(stream);
    assert_false(self->is_running);
    test_env_assert_empty(&self->env);
}

/* The next head must be this; NULL: none comes in `ms`. */
static void expect_head(script *self, copse_head_stream *stream, uint64_t ms, const char *expected)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid head;
    copse_status status = copse_head_stream_next(stream, self->now_ms + ms, &head, NULL);
    if (expected == NULL) {
        assert_int_equal(status, COPSE_END);
        return;
    }
    assert_int_equal(status, COPSE_OK);
    (void)copse_cid_to_text(&head, COPSE_BASE32, text);
    assert_string_equal(text, expected);
}

#define HEAD_OK(request)                                                                           \
    {                                                                                              \
        request, 5, COPSE_TRANSPORT_HEAD, 200, "text/event-stream"                                 \
    }

/* ---- Tests ---- */

/* H1 */
static void test_tells_states(void **state)
{
    static const script_step steps[] = {
        HEAD_OK(0),
        {0, 5, COPSE_TRANSPORT_BODY, 0, EVENT_A},
        {0, 100, COPSE_TRANSPORT_BODY, 0, ":\n\n" EVENT_A},
        {0, 100, COPSE_TRANSPORT_BODY, 0, EVENT_A EVENT_B "data: "},
        {0, 100, COPSE_TRANSPORT_BODY, 0, MAP_A "\n"},
        {0, 100, COPSE_TRANSPORT_BODY, 0, "\n"},
    };
    script self;
    (void)state;
    script_init(&self, steps, sizeof steps / sizeof steps[0]);
    copse_head_stream *stream = script_open(&self, NULL);
    expect_head(&self, stream, 1000, HEAD_A);
    expect_head(&self, stream, 150, NULL);
    expect_head(&self, stream, 150, HEAD_B);
    expect_head(&self, stream, 1000, HEAD_A);
    expect_head(&self, stream, 1000, NULL);
    assert_int_equal(self.started, 1);
    assert_string_equal(copse_head_stream_trouble(stream), "");
    script_close(&self, stream);
    script_init(&self, steps, sizeof steps / sizeof steps[0]);
    stream = script_open(&self, HEAD_A);
    expect_head(&self, stream, 1000, HEAD_B);
    assert_string_equal(self.starts[0].last_id, HEAD_A);
    script_close(&self, stream);
}

/* H2: the whole of each time, and then a part of it. */
static void test_backs_off(void **state)
{
    enum { TRIES = 12 };
    script_step steps[TRIES + 3];
    (void)state;
    for (size_t i = 0; i < TRIES; i++) {
        steps[i] = (script_step){i, 0, COPSE_TRANSPORT_FAILED, 0, "connection refused"};
    }
    steps[TRIES] = (script_step)HEAD_OK(TRIES);
    steps[TRIES + 1] = (script_step){TRIES, 0, COPSE_TRANSPORT_BODY, 0, EVENT_A};
    steps[TRIES + 2] = (script_step){TRIES, 1000, COPSE_TRANSPORT_END, 0, NULL};
    for (uint64_t random = 0; random < 20; random++) {
        script self;
        uint64_t wait_ms = 250;
        uint64_t left_out_ms = 0;
        script_init(&self, steps, TRIES + 3);
        self.random = random;
        copse_head_stream *stream = script_open(&self, NULL);
        expect_head(&self, stream, 100, NULL);
        assert_string_equal(copse_head_stream_trouble(stream), "connection refused");
        expect_head(&self, stream, 400000, HEAD_A);
        assert_string_equal(copse_head_stream_trouble(stream), "");
        for (size_t i = 0; i < TRIES; i++) {
            uint64_t waited_ms = self.starts[i + 1].ms - self.starts[i].ms;
            assert_in_range(waited_ms, wait_ms - wait_ms / 2, wait_ms);
            left_out_ms += wait_ms - waited_ms;
            wait_ms = 2 * wait_ms < 30000 ? 2 * wait_ms : 30000;
        }
        assert_int_equal(left_out_ms > 0, random > 0);
        expect_head(&self, stream, 1300, NULL); /* it ends, and the time begins anew */
        assert_int_equal(self.started, TRIES + 2);
        assert_in_range(self.starts[TRIES + 1].ms - self.starts[TRIES].ms, 1005 + 125, 1005 + 250);
        script_close(&self, stream);
    }
}

/* H3 */
static void test_silence(void **state)
{
    static const script_step steps[] = {
        HEAD_OK(0),
        {0, 0, COPSE_TRANSPORT_BODY, 0, EVENT_A},
        {0, 44000, COPSE_TRANSPORT_BODY, 0, ":\n\n"},
        HEAD_OK(1),
        {1, 700, COPSE_TRANSPORT_BODY, 0, EVENT_B},
    };
    script self;
    (void)state;
    script_init(&self, steps, sizeof steps / sizeof steps[0]);
    copse_head_stream *stream = script_open(&self, NULL);
    expect_head(&self, stream, 1000, HEAD_A);
    expect_head(&self, stream, 44000 + 45000, NULL);
    assert_string_equal(copse_head_stream_trouble(stream), "was silent for too long");
    expect_head(&self, stream, 300, NULL);
    assert_string_equal(copse_head_stream_trouble(stream), ""); /* it answers; nothing is new */
    expect_head(&self, stream, 1000, HEAD_B);
    assert_string_equal(copse_head_stream_trouble(stream), "");
    assert_int_equal(self.started, 2);
    assert_string_equal(self.starts[0].last_id, "");
    assert_string_equal(self.starts[1].last_id, HEAD_A);
    script_close(&self, stream);
}

/* H4 */
static void test_polls(void **state)
{
    static const unsigned refusals[] = {404, 405, 503, 501, 200};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        script_step steps[100] = {{0, 0, COPSE_TRANSPORT_HEAD, refusals[i], "text/plain"}};
        size_t count = 1;
        script self;
        for (size_t request = 1; request < 32; request++) {
            steps[count++] =
                (script_step){request, 0, COPSE_TRANSPORT_HEAD, 200, "application/json"};
            steps[count++] =
                (script_step){request, 0, COPSE_TRANSPORT_BODY, 0, request < 20 ? MAP_A : MAP_B};
            steps[count++] = (script_step){request, 0, COPSE_TRANSPORT_END, 0, NULL};
        }
        script_init(&self, steps, count);
        copse_head_stream *stream = script_open(&self, NULL);
        expect_head(&self, stream, 10, HEAD_A);
        expect_head(&self, stream, 60000, HEAD_B);
        assert_int_equal(self.started, 21);
        for (size_t request = 2; request < 21; request++) {
            assert_false(self.starts[request].is_events);
            assert_int_equal(self.starts[request].ms - self.starts[request - 1].ms, 2000);
        }
        expect_head(&self, stream, 25000, NULL);
        assert_true(self.starts[31].is_events); /* a minute later */
        script_close(&self, stream);
    }
}

/* H5 */
static void test_nonsense(void **state)
{
    static char endless[20000];
    static const char *const bodies[] = {
        "data: {}\n\n",
        "data: {\"head\":7}\n\n",
        "data: [[[[[[[[\n\n",
        "data: {\"head\":{\"/\":\"bafy\"}}\n\n",
        endless,
    };
    (void)state;
    memset(endless, 'x', sizeof endless - 1);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const script_step steps[] = {
            HEAD_OK(0),
            {0, 0, COPSE_TRANSPORT_BODY, 0, bodies[i]},
            HEAD_OK(1),
            {1, 0, COPSE_TRANSPORT_BODY, 0, EVENT_A},
        };
        script self;
        script_init(&self, steps, sizeof steps / sizeof steps[0]);
        copse_head_stream *stream = script_open(&self, NULL);
        expect_head(&self, stream, 100, NULL);
        assert_memory_equal(copse_head_stream_trouble(stream), "sent ", 5);
        expect_head(&self, stream, 1000, HEAD_A);
        assert_int_equal(self.started, 2);
        script_close(&self, stream);
    }
}

static void test_misuse(void **state)
{
    script self;
    copse_head_stream *stream = NULL;
    copse_head_stream_options options = {.peer = "peer", .name = "a"};
    (void)state;
    script_init(&self, NULL, 0);
    options.transport = &self.base;
    assert_int_equal(copse_head_stream_new(&self.env.env, &options, &stream, NULL), COPSE_MISUSE);
    self.env.env.random = NULL;
    options.peer = "http://peer";
    assert_int_equal(copse_head_stream_new(&self.env.env, &options, &stream, NULL), COPSE_MISUSE);
    assert_null(stream);
    assert_null(copse_head_stream_free(NULL));
    test_env_assert_empty(&self.env);
}

/* A failure of memory loses no head: what came is asked for again. */
static copse_status sweep_run(const copse_env *env, void *ctx)
{
    static const script_step steps[] = {
        HEAD_OK(0),
        {0, 0, COPSE_TRANSPORT_BODY, 0, EVENT_A},
        HEAD_OK(1),
        {1, 0, COPSE_TRANSPORT_BODY, 0, EVENT_A},
    };
    script self;
    copse_env own = *env;
    copse_head_stream *stream = NULL;
    copse_cid head;
    (void)ctx;
    script_init(&self, steps, sizeof steps / sizeof steps[0]);
    own.random = script_give_random;
    own.random_ctx = &self;
    const copse_head_stream_options options = {
        .peer = "http://peer/x", .name = "my blog", .transport = &self.base};
    copse_status status = copse_head_stream_new(&own, &options, &stream, NULL);
    if (status == COPSE_OK) {
        status = copse_head_stream_next(stream, self.now_ms + 1000, &head, NULL);
        if (status == COPSE_NOMEM) {
            assert_int_equal(copse_head_stream_next(stream, self.now_ms + 1000, &head, NULL),
                             COPSE_OK);
        }
    }
    copse_head_stream_free(stream);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    assert_true(test_env_sweep(sweep_run, NULL, 200) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_states), cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_silence),      cmocka_unit_test(test_polls),
        cmocka_unit_test(test_nonsense),     cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
