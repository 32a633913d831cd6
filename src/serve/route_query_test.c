/* Queries over HTTP, without a socket: what is answered verifies at the other end, whatever the
 * limits cut off.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/answer_request.h"
#include "serve/service.h"
#include "serve/work_clock.h"

#include <copse/commit.h>
#include <copse/memory_refs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer_support.h"
#include "support/test_env.h"

enum { POSTS = 2000, PIECE_BYTES = 4096 };

/* Posts, served as "blog". The service has an env and a clock of its own. */
typedef struct world {
    answer_world posts;
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

static copse_status world_serve(const copse_env *env, world *self)
{
    copse_served served = {.name = "blog", .store = self->posts.db.world.store, .refs = self->refs};
    copse_status status = copse_service_init(&self->service, env, NULL);
    return status == COPSE_OK ? copse_served_list_add(&self->service.databases, &served, NULL)
                              : status;
}

/* Without a service yet. */
static void world_init_posts(world *self)
{
    *self = (world){.now_ms = 1000};
    answer_world_init_posts(&self->posts, POSTS);
    const copse_env *env = database_world_env(&self->posts.db);
    assert_int_equal(copse_memory_refs_new(env, &self->refs, NULL), COPSE_OK);
    assert_int_equal(
        copse_refs_swap(self->refs, copse_bytes_of_text("main"), NULL, &self->posts.commit, NULL),
        COPSE_OK);
    test_env_init(&self->env);
    self->env.env.clock = world_clock;
    self->env.env.clock_ctx = self;
}

static void world_init(world *self)
{
    world_init_posts(self);
    assert_int_equal(world_serve(&self->env.env, self), COPSE_OK);
}

static void world_release_posts(world *self)
{
    self->refs = copse_refs_close(self->refs);
    answer_world_release(&self->posts);
}

static void world_release(world *self)
{
    copse_service_release(&self->service);
    test_env_assert_empty(&self->env);
    world_release_posts(self);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* What came back. */
typedef struct route_reply {
    copse_env env;
    copse_http_answer answer;
    copse_buf body;
    bool ended; /* and was not cut */
} route_reply;

static void reply_begin(world *self, copse_http_method method, const char *path, copse_bytes body,
                        route_reply *ret_reply)
{
    copse_http_request request = {
        .method = method, .path = copse_bytes_of_text(path), .body = body};
    *ret_reply = (route_reply){.ended = false};
    copse_env_init(&ret_reply->env);
    copse_buf_init(&ret_reply->answer.headers, &ret_reply->env, 65536);
    copse_buf_init(&ret_reply->body, &ret_reply->env, SIZE_MAX);
    copse_service_answer(&self->service, &request, &ret_reply->answer);
    ret_reply->ended = ret_reply->answer.body.pull == NULL;
}

/* Pulls up to `pieces` pieces. */
static void reply_pull(route_reply *self, size_t pieces)
{
    copse_http_body *body = &self->answer.body;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < pieces && status == COPSE_OK && !self->ended; i++) {
        status = body->pull(body->ctx, &self->body, PIECE_BYTES, NULL);
        self->ended = status == COPSE_END;
    }
}

static void reply_release(route_reply *self)
{
    if (self->answer.body.free != NULL) {
        self->answer.body.free(self->answer.body.ctx);
    }
    copse_buf_release(&self->answer.headers);
    copse_buf_release(&self->body);
}

static copse_bytes request_encode(const copse_query_options *query, const copse_cid *root,
                                  const copse_cid *have, size_t have_count, copse_buf *buf)
{
    copse_buf_truncate(buf, 0);
    assert_int_equal(copse_answer_request_encode(query, root, have, have_count, buf, NULL),
                     COPSE_OK);
    return copse_buf_view(buf);
}

/* Asks and pulls all of the answer. */
static void ask(world *self, const char *path, const copse_query_options *query,
                const copse_cid *root, route_reply *ret_reply)
{
    copse_env env;
    copse_buf body;
    copse_env_init(&env);
    copse_buf_init(&body, &env, SIZE_MAX);
    reply_begin(self, COPSE_HTTP_POST, path, request_encode(query, root, NULL, 0, &body),
                ret_reply);
    reply_pull(ret_reply, SIZE_MAX);
    copse_buf_release(&body);
}

static bool reply_has_header(const route_reply *self, const char *name, const char *value)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s: %s\r\n", name, value);
    return memmem(self->answer.headers.ptr, self->answer.headers.len, line, strlen(line)) != NULL;
}

static const char *path_of(const copse_cid *cid, char ret_path[256])
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    (void)snprintf(ret_path, 256, "/copse/v1/%s/query", text);
    return ret_path;
}

/* Whole, sound, and from this root. */
static void assert_answer(world *self, const route_reply *reply, const copse_cid *root,
                          const copse_query_options *query,
                          const copse_answer_verifier_options *options)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    answer_expected expected;
    (void)copse_cid_to_text(root, COPSE_BASE32, text);
    assert_int_equal(reply->answer.status, 200);
    assert_true(reply->ended);
    assert_true(reply_has_header(reply, "Copse-Root", text));
    answer_expected_init(&expected, &self->posts, query);
    answer_verdict verdict = answer_support_verify(&reply->env, root, query, options,
                                                   copse_buf_view(&reply->body), 1000, &expected);
    assert_int_equal(verdict.status, COPSE_END);
    answer_expected_release(&expected);
}

/* 200, but the CAR is cut short behind whole sections of the right one. */
static void assert_short(const route_reply *reply, const copse_buf *right)
{
    assert_int_equal(reply->answer.status, 200);
    assert_true(reply->ended);
    assert_in_range(reply->body.len, 1, right->len - 1);
    assert_memory_equal(reply->body.ptr, right->ptr, reply->body.len);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* By the name, by the CID of a commit and of a tree, by a name and a root of one's own: the very
 * answer that a maker on the database makes. */
static void test_answers(void **state)
{
    (void)state;
    world self;
    answer_query query;
    char path[256];
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    const copse_cid *tree = copse_tree_root(self.posts.db.tree);
    const copse_cid *commit = &self.posts.commit;
    const struct {
        const char *path;
        const copse_cid *asked;
        const copse_cid *root;
    } cases[] = {{"/copse/v1/blog/query", NULL, commit},
                 {"/copse/v1/bl%6Fg/query/", NULL, commit},
                 {"/copse/v1/blog/query", tree, tree},
                 {path_of(commit, path), NULL, commit},
                 {path, commit, commit}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        route_reply reply;
        copse_buf car;
        ask(&self, cases[i].path, &query.options, cases[i].asked, &reply);
        assert_answer(&self, &reply, cases[i].root, &query.options, NULL);
        assert_int_equal(
            answer_support_make(&self.posts, cases[i].root, &query.options, NULL, &car, NULL, NULL),
            COPSE_END);
        assert_true(copse_bytes_equal(copse_buf_view(&car), copse_buf_view(&reply.body)));
        assert_true(
            reply_has_header(&reply, "Content-Type", "application/vnd.ipld.car; version=1"));
        assert_true(reply_has_header(&reply, "X-Content-Type-Options", "nosniff"));
        assert_true(reply_has_header(&reply, "Cache-Control", "no-store"));
        copse_buf_release(&car);
        reply_release(&reply);
    }
    assert_int_equal(self.service.metrics.answers_short, 0);
    answer_query_release(&query);
    world_release(&self);
}

/* A collection that is not there has no documents; nor has what nothing matches. */
static void test_nothing(void **state)
{
    (void)state;
    world self;
    answer_query query;
    route_reply reply;
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"none\"}", NULL, NULL, 0, 0);
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
    assert_answer(&self, &reply, &self.posts.commit, &query.options, NULL);
    reply_release(&reply);
    query.options.collection = copse_bytes_of_text("users");
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
    assert_answer(&self, &reply, &self.posts.commit, &query.options, NULL);
    reply_release(&reply);
    answer_query_release(&query);
    world_release(&self);
}

/* What the asker has is left out, and it verifies all the same. */
static void test_have(void **state)
{
    (void)state;
    world self;
    answer_query query;
    route_reply whole;
    route_reply rest;
    copse_buf body;
    proof_support_section sections[ANSWER_ONE_SECTIONS_MAX];
    copse_cid have[ANSWER_ONE_SECTIONS_MAX];
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &whole);
    size_t count = proof_support_sections(&whole.env, copse_buf_view(&whole.body), sections,
                                          ANSWER_ONE_SECTIONS_MAX);
    for (size_t i = 2; i < count; i++) { /* behind the plan and the commit */
        have[i - 2] = sections[i].cid;
    }
    copse_buf_init(&body, &whole.env, SIZE_MAX);
    reply_begin(&self, COPSE_HTTP_POST, "/copse/v1/blog/query",
                request_encode(&query.options, NULL, have, count - 2, &body), &rest);
    reply_pull(&rest, SIZE_MAX);
    const copse_answer_verifier_options options = {
        .have = have, .have_count = count - 2, .store = self.posts.db.world.store};
    assert_answer(&self, &rest, &self.posts.commit, &query.options, &options);
    assert_int_equal(rest.body.len, sections[2].offset);
    copse_buf_release(&body);
    reply_release(&rest);
    reply_release(&whole);
    answer_query_release(&query);
    world_release(&self);
}

/* Inserts a post, commits, and moves the head. */
static void world_move_head(world *self, const char *json)
{
    const copse_env *env = database_world_env(&self->posts.db);
    copse_commit commit;
    copse_block *block = NULL;
    copse_cid before = self->posts.commit;
    copse_database_close(self->posts.database);
    database_world_insert(&self->posts.db, "posts", json);
    database_world_commit(&self->posts.db);
    assert_int_equal(copse_database_open(self->posts.db.tree, &self->posts.database, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_next(env, self->posts.db.world.source,
                                       copse_tree_root(self->posts.db.tree), &before, 1, &commit,
                                       NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_encode(env, &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(self->posts.db.world.store, &block, 1, NULL), COPSE_OK);
    self->posts.commit = *copse_block_cid(block);
    block = copse_block_unref(block);
    assert_int_equal(copse_refs_swap(self->refs, copse_bytes_of_text("main"), &before,
                                     &self->posts.commit, NULL),
                     COPSE_OK);
}

/* A head that moves while an answer is sent: that goes on from its root, the next one begins at the
 * new head, and the old root can still be asked. More roots than are kept open. */
static void test_head_moves(void **state)
{
    (void)state;
    world self;
    answer_query query;
    copse_buf body;
    route_reply slow;
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    copse_buf_init(&body, &query.env, SIZE_MAX);
    copse_cid first = self.posts.commit;
    copse_buf right;
    assert_int_equal(
        answer_support_make(&self.posts, &first, &query.options, NULL, &right, NULL, NULL),
        COPSE_END);
    reply_begin(&self, COPSE_HTTP_POST, "/copse/v1/blog/query",
                request_encode(&query.options, NULL, NULL, 0, &body), &slow);
    reply_pull(&slow, 3);
    for (int i = 0; i < COPSE_OPEN_DATABASES_MAX + 4; i++) {
        char json[128];
        route_reply reply;
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"createdAt\":%d,\"tags\":[\"t3\"]}",
                       POSTS + i, 10 * POSTS + i);
        world_move_head(&self, json);
        ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
        assert_answer(&self, &reply, &self.posts.commit, &query.options, NULL);
        reply_release(&reply);
    }
    reply_pull(&slow, SIZE_MAX);
    assert_true(slow.ended);
    assert_true(copse_bytes_equal(copse_buf_view(&right), copse_buf_view(&slow.body)));
    reply_release(&slow);
    ask(&self, "/copse/v1/blog/query", &query.options, &first, &slow);
    assert_true(copse_bytes_equal(copse_buf_view(&right), copse_buf_view(&slow.body)));
    reply_release(&slow);
    size_t open = 0;
    for (copse_open_database *at = self.service.answers.databases.first; at != NULL;
         at = at->next) {
        open++;
    }
    assert_int_equal(open, COPSE_OPEN_DATABASES_MAX);
    copse_buf_release(&right);
    copse_buf_release(&body);
    answer_query_release(&query);
    world_release(&self);
}

/* ---- What is refused ------------------------------------------------------------------------- */

typedef struct refusal_case {
    const char *path; /* NULL: of the blog */
    const char *filter;
    const char *hint;
    const copse_cid *root;
    unsigned status;
    const char *line; /* a part of it */
} refusal_case;

static void check_refusal(world *self, const refusal_case *refusal)
{
    answer_query query;
    route_reply reply;
    answer_query_init(&query, refusal->filter, NULL, NULL, 0, 0);
    if (refusal->hint != NULL) {
        query.options.hint = copse_bytes_of_text(refusal->hint);
    }
    ask(self, refusal->path != NULL ? refusal->path : "/copse/v1/blog/query", &query.options,
        refusal->root, &reply);
    if (reply.answer.status != refusal->status) {
        fail_msg("%s: %u", refusal->line, reply.answer.status);
    }
    assert_true(reply.ended);
    assert_int_equal(reply.body.ptr[reply.body.len - 1], '\n');
    if (memmem(reply.body.ptr, reply.body.len, refusal->line, strlen(refusal->line)) == NULL) {
        fail_msg("%.*s", (int)reply.body.len, (const char *)reply.body.ptr);
    }
    reply_release(&reply);
    answer_query_release(&query);
}

static void test_refused(void **state)
{
    (void)state;
    world self;
    char nowhere[256];
    char of_node[256];
    copse_cid unknown;
    world_init(&self);
    database_world_index(&self.posts.db, "posts", "part", "createdAt", "filter={\"a\":1}");
    world_move_head(&self, "{\"_id\":-1}");
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("nowhere"), &unknown);
    const copse_cid *tree = copse_tree_root(self.posts.db.tree);
    const copse_cid *node = copse_tree_top(self.posts.db.tree);
    (void)path_of(&unknown, nowhere);
    (void)path_of(node, of_node);
    const refusal_case refusals[] = {
        {"/copse/v1/other/query", NULL, NULL, NULL, 404, "/ lists those"},
        {nowhere, NULL, NULL, NULL, 404, "has the block bafy"},
        {NULL, NULL, NULL, &unknown, 404, "has the block bafy"},
        {of_node, NULL, NULL, NULL, 400, "neither a commit nor the tree of a database"},
        {NULL, NULL, NULL, node, 400, "neither a commit nor the tree of a database"},
        {of_node, NULL, NULL, tree, 400, "leave out one"},
        {NULL, "{\"a\":{\"$near\":1}}", NULL, NULL, 400, "$near"},
        {NULL, "{\"a\":1}", "ghost", NULL, 400, "ghost"},
        {NULL, "{\"b\":1}", "part", NULL, 400, "can't answer the query"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        check_refusal(&self, &refusals[i]);
    }
    route_reply reply;
    reply_begin(&self, COPSE_HTTP_POST, "/copse/v1/blog/query", copse_bytes_of_text("{}"), &reply);
    assert_int_equal(reply.answer.status, 400);
    reply_release(&reply);
    reply_begin(&self, COPSE_HTTP_GET, "/copse/v1/blog/query", (copse_bytes){NULL, 0}, &reply);
    assert_int_equal(reply.answer.status, 405);
    assert_true(reply_has_header(&reply, "Allow", "POST, OPTIONS"));
    reply_release(&reply);
    world_release(&self);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* Changes a limit of the service. */
static copse_limits *world_limits(world *self)
{
    return &self->service.budget.env.limits;
}

/* Blocks, bytes and time end an answer behind a whole section, and the reader is told nothing but
 * by the CAR; a sort in memory and a filter that matches nothing end too. */
static void test_limits(void **state)
{
    (void)state;
    world self;
    answer_query query;
    route_reply reply;
    copse_buf right;
    world_init(&self);
    answer_query_init(&query, "{\"title\":\"none\"}", "title", NULL, 0, 0);
    assert_int_equal(answer_support_make(&self.posts, &self.posts.commit, &query.options, NULL,
                                         &right, NULL, NULL),
                     COPSE_END);
    const copse_limits limits = *world_limits(&self);
    for (int i = 0; i < 3; i++) {
        world_limits(&self)->answer_blocks_max = i == 0 ? 20 : limits.answer_blocks_max;
        world_limits(&self)->answer_size_bytes_max = i == 1 ? 50000 : limits.answer_size_bytes_max;
        world_limits(&self)->answer_ms_max = i == 2 ? 200 : limits.answer_ms_max;
        self.tick_ms = 1;
        ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
        assert_short(&reply, &right);
        assert_int_equal(self.service.metrics.answers_short, i + 1);
        reply_release(&reply);
    }
    copse_buf_release(&right);
    answer_query_release(&query);
    world_release(&self);
}

/* Time is counted while the server works: what passes between two pulls is the reader's. */
static void test_time(void **state)
{
    (void)state;
    world self;
    answer_query query;
    route_reply reply;
    copse_buf body;
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    copse_buf_init(&body, &query.env, SIZE_MAX);
    reply_begin(&self, COPSE_HTTP_POST, "/copse/v1/blog/query",
                request_encode(&query.options, NULL, NULL, 0, &body), &reply);
    while (!reply.ended) {
        self.now_ms += 5000;
        reply_pull(&reply, 1);
    }
    assert_answer(&self, &reply, &self.posts.commit, &query.options, NULL);
    reply_release(&reply);
    self.tick_ms = COPSE_WORK_PULL_MS_MAX; /* nobody else is heard for longer than that */
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
    assert_int_equal(reply.answer.status, 413);
    reply_release(&reply);
    world_limits(&self)->answer_ms_max = 10;
    self.tick_ms = 11;
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
    assert_int_equal(reply.answer.status, 413); /* planning alone took too long */
    reply_release(&reply);
    copse_buf_release(&body);
    answer_query_release(&query);
    world_release(&self);
}

/* Z1: whatever one answer may hold, it is refused, cut short or whole, and gives all back. */
static void test_memory_of_one(void **state)
{
    (void)state;
    world self;
    answer_query query;
    route_reply reply;
    copse_buf right;
    size_t counts[3] = {0};
    world_init(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    assert_int_equal(answer_support_make(&self.posts, &self.posts.commit, &query.options, NULL,
                                         &right, NULL, NULL),
                     COPSE_END);
    ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
    reply_release(&reply);
    size_t held = self.service.budget.size_bytes;
    for (size_t max = 0; max < (size_t)1 << 20; max += 1 + max / 16) {
        world_limits(&self)->answer_memory_bytes_max = max;
        ask(&self, "/copse/v1/blog/query", &query.options, NULL, &reply);
        if (reply.answer.status == 503) {
            counts[0]++;
        } else if (reply.body.len == right.len) {
            counts[2]++;
        } else {
            assert_short(&reply, &right);
            counts[1]++;
        }
        reply_release(&reply);
        assert_int_equal(self.service.budget.size_bytes, held);
    }
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    copse_buf_release(&right);
    answer_query_release(&query);
    world_release(&self);
}

/* Z1: readers that stop in the middle of large answers don't keep others from theirs. */
static void test_room(void **state)
{
    (void)state;
    enum { SLOW = 24 };
    world self;
    answer_query large;
    answer_query small;
    copse_buf body;
    route_reply slow[SLOW];
    route_reply reply;
    size_t ended = 0;
    world_init(&self);
    answer_query_init(&large, NULL, "title", NULL, 0, 0);
    answer_query_init(&small, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32);
    copse_buf_init(&body, &large.env, SIZE_MAX);
    self.service.answers.budget.size_bytes_max = (size_t)4 << 20;
    for (size_t i = 0; i < SLOW; i++) {
        reply_begin(&self, COPSE_HTTP_POST, "/copse/v1/blog/query",
                    request_encode(&large.options, NULL, NULL, 0, &body), &slow[i]);
        assert_int_equal(slow[i].answer.status, 200);
        reply_pull(&slow[i], 100);
        assert_false(slow[i].ended);
        ask(&self, "/copse/v1/blog/query", &small.options, NULL, &reply);
        assert_answer(&self, &reply, &self.posts.commit, &small.options, NULL);
        reply_release(&reply);
    }
    for (size_t i = 0; i < SLOW; i++) {
        reply_pull(&slow[i], 1);
        ended += slow[i].ended;
        reply_release(&slow[i]);
    }
    assert_in_range(ended, 1, SLOW - 1);
    assert_int_equal(self.service.answers.budget.size_bytes, 0);
    copse_buf_release(&body);
    answer_query_release(&large);
    answer_query_release(&small);
    world_release(&self);
}

/* ---- No memory ------------------------------------------------------------------------------- */

/* One exchange with a service of its own. True: the answer is whole. */
static bool ask_once(world *self, const copse_query_options *query, const copse_buf *right)
{
    route_reply reply;
    bool whole = false;
    if (world_serve(&self->env.env, self) == COPSE_OK) {
        ask(self, "/copse/v1/blog/query", query, NULL, &reply);
        whole = reply.answer.status == 200 && reply.body.len == right->len;
        if (reply.answer.status == 200 && !whole) {
            assert_short(&reply, right);
        } else {
            assert_int_equal(reply.answer.status, whole ? 200 : 503);
        }
        reply_release(&reply);
    }
    copse_service_release(&self->service);
    return whole;
}

/* The n-th allocation fails, for all n: then there is no service, a 503, or a short answer; or a
 * whole one, where the tree goes on without what it would have read ahead. */
static void test_no_memory(void **state)
{
    (void)state;
    world self;
    answer_query query;
    copse_buf right;
    size_t whole = 0;
    uint64_t at = 0;
    world_init_posts(&self);
    answer_query_init(&query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 8);
    assert_int_equal(answer_support_make(&self.posts, &self.posts.commit, &query.options, NULL,
                                         &right, NULL, NULL),
                     COPSE_END);
    do {
        self.env.calls = 0;
        self.env.failed = false;
        self.env.fail_at = at++;
        whole += ask_once(&self, &query.options, &right);
        test_env_assert_empty(&self.env);
    } while (self.env.failed);
    assert_true(at > 100);
    assert_in_range(whole, 1, at / 4);
    copse_buf_release(&right);
    answer_query_release(&query);
    world_release_posts(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_have),    cmocka_unit_test(test_head_moves),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_time),    cmocka_unit_test(test_memory_of_one),
        cmocka_unit_test(test_room),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
