/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/service.h"

#include <copse/dag_cbor.h>
#include <copse/memory_refs.h>
#include <copse/memory_store.h>
#include <copse/sys/os.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LEAF_BYTES = 40000, PATHS_DEPTH = 24 };

/* A database of one block that links to a raw one twice, served as "one". */
typedef struct world {
    copse_store *store;
    copse_refs *refs;
    copse_cid root;
    copse_service service;
    uint64_t blocks_at_once; /* the most that a pull took */
} world;

static copse_status world_put(const copse_env *env, world *self, uint64_t codec, copse_bytes data,
                              copse_cid *ret_cid)
{
    copse_block *block = NULL;
    copse_status status = copse_block_of_data(env, codec, data, &block, NULL);
    if (status == COPSE_OK) {
        *ret_cid = *copse_block_cid(block);
        status = copse_store_put(self->store, &block, 1, NULL);
    }
    block = copse_block_unref(block);
    return status;
}

static copse_status world_fill(const copse_env *env, world *self)
{
    static uint8_t leaf[LEAF_BYTES];
    copse_cid cid;
    copse_buf buf;
    copse_buf_init(&buf, env, 4096);
    copse_status status =
        world_put(env, self, COPSE_CODEC_RAW, (copse_bytes){leaf, sizeof leaf}, &cid);
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(&buf, 2);
    }
    for (int i = 0; status == COPSE_OK && i < 2; i++) {
        status = copse_cbor_write_link(&buf, (copse_bytes){cid.bytes, cid.size});
    }
    if (status == COPSE_OK) {
        status = world_put(env, self, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &self->root);
    }
    if (status == COPSE_OK) {
        status = copse_refs_swap(self->refs, copse_bytes_of_text("main"), NULL, &self->root, NULL);
    }
    copse_buf_release(&buf);
    return status;
}

static copse_status world_init(const copse_env *env, world *self)
{
    *self = (world){.store = NULL};
    copse_status status = copse_memory_store_new(env, &self->store, NULL);
    if (status == COPSE_OK) {
        status = copse_memory_refs_new(env, &self->refs, NULL);
    }
    if (status == COPSE_OK) {
        status = world_fill(env, self);
    }
    if (status == COPSE_OK) {
        status = copse_service_init(&self->service, env, NULL);
    }
    if (status == COPSE_OK) {
        copse_served served = {.name = "one", .store = self->store, .refs = self->refs};
        status = copse_served_list_add(&self->service.databases, &served, NULL);
    }
    return status;
}

static void world_release(world *self)
{
    copse_service_release(&self->service);
    self->refs = copse_refs_close(self->refs);
    self->store = copse_store_close(self->store);
}

/* Asks, and pulls the whole body. *ret_ended: it came to its end. */
static unsigned world_ask(world *self, const char *path, const char *query, const char *encoding,
                          size_t *ret_size, bool *ret_ended)
{
    const copse_http_header headers[] = {
        {copse_bytes_of_text("Accept-Encoding"), copse_bytes_of_text(encoding)},
        {copse_bytes_of_text("Host"), copse_bytes_of_text("a.example:81")}};
    copse_http_request request = {
        .method = COPSE_HTTP_GET,
        .path = copse_bytes_of_text(path),
        .query = copse_bytes_of_text(query),
        .headers = headers,
        .headers_count = 2,
    };
    copse_http_answer answer = {.status = 0};
    copse_buf piece;
    copse_status status = COPSE_END;
    copse_buf_init(&answer.headers, self->service.env, 65536);
    copse_buf_init(&piece, self->service.env, 4096);
    copse_service_answer(&self->service, &request, &answer);
    *ret_size = 0;
    if (answer.body.pull != NULL) {
        do {
            uint64_t before = self->service.metrics.blocks_sent;
            copse_buf_truncate(&piece, 0);
            status = answer.body.pull(answer.body.ctx, &piece, 4096, NULL);
            *ret_size += piece.len;
            uint64_t blocks = self->service.metrics.blocks_sent - before;
            self->blocks_at_once = blocks > self->blocks_at_once ? blocks : self->blocks_at_once;
        } while (status == COPSE_OK);
        answer.body.free(answer.body.ctx);
    }
    *ret_ended = status == COPSE_END;
    copse_buf_release(&piece);
    copse_buf_release(&answer.headers);
    return answer.status;
}

static const char *world_path(const world *self, char ret_path[COPSE_CID_TEXT_SIZE_MAX + 8])
{
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(&self->root, COPSE_BASE32, cid);
    (void)snprintf(ret_path, COPSE_CID_TEXT_SIZE_MAX + 8, "/ipfs/%s", cid);
    return ret_path;
}

static void test_answers(void **state)
{
    test_env env;
    world self;
    char path[COPSE_CID_TEXT_SIZE_MAX + 8];
    size_t once = 0;
    size_t twice = 0;
    size_t packed = 0;
    bool ended = false;
    (void)state;
    test_env_init(&env);
    copse_env_init_posix(&env.env);
    assert_int_equal(world_init(&env.env, &self), COPSE_OK);
    (void)world_path(&self, path);
    assert_int_equal(world_ask(&self, path, "format=car", "", &once, &ended), 200);
    assert_true(ended);
    assert_int_equal(world_ask(&self, path, "format=car&car-dups=y", "", &twice, &ended), 200);
    assert_true(ended);
    assert_int_equal(twice - once, LEAF_BYTES + 36 + 3);
    assert_int_equal(self.service.metrics.blocks_sent, 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            world_ask(&self, path, "format=car", i == 0 ? "gzip" : "zstd", &packed, &ended), 200);
        assert_true(ended && packed < once / 10);
    }
    assert_int_equal(world_ask(&self, "/copse/v1/one", "", "", &once, &ended), 200);
    assert_int_equal(world_ask(&self, "/copse/v1/on%65/", "", "", &twice, &ended), 200);
    assert_int_equal(once, twice);
    assert_int_equal(world_ask(&self, "/copse/v1/one/", "", "", &twice, &ended), 200);
    assert_int_equal(world_ask(&self, "/copse/v1/", "", "", &twice, &ended), 404);
    assert_int_equal(world_ask(&self, "/copse/v1/one/two", "", "", &twice, &ended), 404);
    world_release(&self);
    test_env_assert_empty(&env);
}

/* Puts a chain of blocks each of which links twice to the next one: 2^24 paths. */
static void world_put_paths(world *self, char ret_path[COPSE_CID_TEXT_SIZE_MAX + 8])
{
    copse_buf buf;
    copse_buf_init(&buf, self->service.env, 4096);
    for (size_t i = 0; i <= PATHS_DEPTH; i++) {
        copse_bytes link = {self->root.bytes, self->root.size};
        size_t links = i == 0 ? 0 : 2;
        copse_buf_truncate(&buf, 0);
        assert_int_equal(copse_cbor_write_array(&buf, links), COPSE_OK);
        for (size_t j = 0; j < links; j++) {
            assert_int_equal(copse_cbor_write_link(&buf, link), COPSE_OK);
        }
        assert_int_equal(world_put(self->service.env, self, COPSE_CODEC_DAG_CBOR,
                                   copse_buf_view(&buf), &self->root),
                         COPSE_OK);
    }
    copse_buf_release(&buf);
    (void)world_path(self, ret_path);
}

/* A CAR with duplicates ends, however many paths there are (car_body.h: Y5), and a piece of it
 * takes no more than some of its input to make, however well that packs. */
static void test_bounds_duplicates(void **state)
{
    static const char *const encodings[] = {"", "gzip", "zstd"};
    test_env env;
    world self;
    char path[COPSE_CID_TEXT_SIZE_MAX + 8];
    size_t plain = 0;
    (void)state;
    test_env_init(&env);
    copse_env_init_posix(&env.env);
    assert_int_equal(world_init(&env.env, &self), COPSE_OK);
    world_put_paths(&self, path);
    for (size_t i = 0; i < 3; i++) {
        size_t size = 0;
        bool ended = true;
        self.blocks_at_once = 0;
        self.service.metrics.blocks_sent = 0;
        assert_int_equal(
            world_ask(&self, path, "format=car&car-dups=y", encodings[i], &size, &ended), 200);
        assert_false(ended);
        assert_in_range(self.service.metrics.blocks_sent, 16384, 16384 + 16 * (PATHS_DEPTH + 2));
        plain = i == 0 ? size : plain;
        assert_true(i == 0 || size < plain / 10);
        assert_true(self.blocks_at_once * (plain / self.service.metrics.blocks_sent) <= 300 << 10);
    }
    world_release(&self);
    test_env_assert_empty(&env);
}

/* Whatever the budget: a status that says so, or a body that ends, or one that is cut; nothing
 * beyond it is held, and nothing after. */
static void test_budget(void **state)
{
    static const char *const encodings[] = {"", "gzip", "zstd"};
    test_env env;
    world self;
    char path[COPSE_CID_TEXT_SIZE_MAX + 8];
    size_t counts[3] = {0};
    size_t size = 0;
    (void)state;
    test_env_init(&env);
    copse_env_init_posix(&env.env);
    assert_int_equal(world_init(&env.env, &self), COPSE_OK);
    (void)world_path(&self, path);
    size_t held = self.service.budget.size_bytes;
    for (size_t budget = 0; budget < (size_t)1 << 23; budget += 1 + budget / 16) {
        for (size_t i = 0; i < 3; i++) {
            bool ended = false;
            self.service.budget.size_bytes_max = held + budget;
            unsigned status = world_ask(&self, path, "format=car", encodings[i], &size, &ended);
            assert_true(status == 200 || status == 503);
            counts[status == 503 ? 0 : ended ? 1 : 2]++;
            assert_int_equal(self.service.budget.size_bytes, held);
        }
    }
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    world_release(&self);
    test_env_assert_empty(&env);
}

/* Wherever memory ends in an answer, it is a 503, or is cut; and nothing is held after. */
static void test_no_memory_to_answer(void **state)
{
    static const struct {
        const char *prefix; /* before the CID */
        const char *suffix; /* behind it */
        const char *query;
        unsigned status;
    } cases[] = {
        {"/ipfs/", "", "format=raw&filename=%C3%A4", 200},
        {"/ipfs/", "/0", "format=raw", 200},
        {"/ipfs/", "/%31/", "format=car&filename=a", 200},
        {"/ipfs/", "", "format=car&entity-bytes=0:*", 200},
        {"/ipfs/", "", "format=dag-cbor", 200},
        {"/ipfs/", "", "format=dag-json", 406},
        {"/ipfs/", "/2", "format=raw", 404},
        {"/routing/v1/providers/", "", "", 200},
        {"/routing/v1/providers/", "", "filter-addrs=http,!tls&filter-protocols=unknown", 200},
    };
    test_env env;
    world self;
    size_t size = 0;
    bool ended = false;
    (void)state;
    test_env_init(&env);
    copse_env_init_posix(&env.env);
    assert_int_equal(world_init(&env.env, &self), COPSE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char cid[COPSE_CID_TEXT_SIZE_MAX];
        char path[COPSE_CID_TEXT_SIZE_MAX + 64];
        uint64_t runs = 0;
        (void)copse_cid_to_text(&self.root, COPSE_BASE32, cid);
        (void)snprintf(path, sizeof path, "%s%s%s", cases[i].prefix, cid, cases[i].suffix);
        do {
            size_t held = self.service.budget.size_bytes;
            env.failed = false;
            env.fail_at = env.calls + runs++;
            unsigned status = world_ask(&self, path, cases[i].query, "", &size, &ended);
            assert_int_equal(self.service.budget.size_bytes, held);
            assert_true(status == 503 || status == cases[i].status);
            assert_true(env.failed ? status == 503 || !ended : status == cases[i].status);
        } while (env.failed);
        env.fail_at = UINT64_MAX;
        assert_true(ended && runs > 3);
    }
    world_release(&self);
    test_env_assert_empty(&env);
}

static void test_names(void **state)
{
    static const char *const refused[] = {"", "a/b", "blocks", ".", "..", "a\nb", "\xff"};
    test_env env;
    world self;
    (void)state;
    test_env_init(&env);
    copse_env_init_posix(&env.env);
    assert_int_equal(world_init(&env.env, &self), COPSE_OK);
    copse_served served = {.name = "one", .store = self.store, .refs = self.refs};
    assert_int_equal(copse_served_list_add(&self.service.databases, &served, NULL), COPSE_CONFLICT);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        served.name = refused[i];
        assert_int_equal(copse_served_list_add(&self.service.databases, &served, NULL),
                         COPSE_MISUSE);
    }
    assert_int_equal(self.service.databases.count, 1);
    world_release(&self);
    test_env_assert_empty(&env);
}

static uint64_t no_time(void *ctx)
{
    (void)ctx;
    return 1000;
}

static copse_status start(const copse_env *env, void *ctx)
{
    copse_env with_clock = *env;
    world self;
    (void)ctx;
    with_clock.clock = no_time;
    copse_status status = world_init(&with_clock, &self);
    world_release(&self);
    return status;
}

static void test_no_memory_to_start(void **state)
{
    (void)state;
    assert_true(test_env_sweep(start, NULL, 1000) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_bounds_duplicates),
        cmocka_unit_test(test_budget),  cmocka_unit_test(test_no_memory_to_answer),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_no_memory_to_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
