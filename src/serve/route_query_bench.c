/* Queries over HTTP, without a socket: the first 32 posts of a tag, newest first, of posts on a
 * disk. What an answer has of bytes, plain and compressed, and what a request costs, warm.
 *
 *     build/release/bench/serve-route_query [posts]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/answer_request.h"
#include "serve/service.h"

#include <copse/ext_json.h>
#include <copse/pack_store.h>
#include <copse/sys/os.h>
#include <copse/write.h>

#include "support/bench.h"
#include "support/temp_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_POSTS = 100000, BENCH_BATCH = 50000, BENCH_TAGS = 200, BENCH_WORDS = 2000 };

/* The same posts, kept in three ways. */
static const struct bench_form {
    const char *collection;
    copse_documents_form documents;
    bool link;
    const char *include;
    const char *projection;
} bench_forms[] = {
    {"inline", COPSE_DOCUMENTS_INLINE, false, NULL, NULL},
    {"linked", COPSE_DOCUMENTS_LINKED, true, NULL, NULL},
    {"covered", COPSE_DOCUMENTS_INLINE, false, "text", "{\"createdAt\":1,\"text\":1}"},
};

enum { BENCH_FORMS = sizeof bench_forms / sizeof *bench_forms };

typedef struct bench_world {
    copse_env env;
    copse_err err;
    copse_pack_db *pack;
    copse_store *store;
    copse_service service;
} bench_world;

/* ---- Posts ----------------------------------------------------------------------------------- */

static void bench_word(uint64_t number, char ret_word[16])
{
    uint64_t random = number + 777;
    size_t len = 3 + bench_random(&random) % 8;
    for (size_t i = 0; i < len; i++) {
        ret_word[i] = (char)('a' + bench_random(&random) % 22);
    }
    ret_word[len] = '\0';
}

/* A tag; the first ones are the most frequent. */
static uint64_t bench_tag(uint64_t *random)
{
    uint64_t a = bench_random(random) % BENCH_TAGS;
    uint64_t b = bench_random(random) % BENCH_TAGS;
    return a * b / BENCH_TAGS;
}

/* {"_id": time-ordered hex, "tags": [two], "text": 200 bytes, "author", "createdAt"} as JSON. */
static copse_bytes bench_post(bench_world *world, uint64_t number, copse_buf *buf)
{
    char json[1024];
    char text[256];
    uint64_t random = number;
    size_t len = 0;
    while (len < 190) {
        bench_word(bench_random(&random) % BENCH_WORDS, text + len);
        len += strlen(text + len);
        text[len++] = ' ';
    }
    text[len] = '\0';
    snprintf(json, sizeof json,
             "{\"_id\":\"%08llx%016llx\",\"author\":\"user%llu\",\"createdAt\":%llu,"
             "\"tags\":[\"tag%llu\",\"tag%llu\"],\"text\":\"%s\"}",
             0x60000000ULL + (unsigned long long)number, (unsigned long long)bench_random(&random),
             (unsigned long long)(bench_random(&random) % 2000),
             1609459200000ULL + (unsigned long long)number * 933120 +
                 bench_random(&random) % 900000,
             (unsigned long long)bench_tag(&random), (unsigned long long)bench_tag(&random), text);
    copse_buf_truncate(buf, 0);
    bench_check(copse_ext_json_to_cbor(&world->env, copse_bytes_of_text(json), COPSE_EXT_JSON_VALUE,
                                       buf, &world->err),
                &world->err);
    return copse_buf_view(buf);
}

static void bench_create(bench_world *world, copse_write *write, const struct bench_form *form)
{
    copse_bytes name = copse_bytes_of_text(form->collection);
    copse_sort_spec spec;
    copse_bytes include = copse_bytes_of_text(form->include != NULL ? form->include : "");
    bench_check(copse_write_create_collection(write, name, copse_bytes_of_text("_id"),
                                              form->documents, &world->err),
                &world->err);
    bench_check(copse_sort_spec_parse(&world->env, copse_bytes_of_text("tags[],-createdAt"), true,
                                      &spec, &world->err),
                &world->err);
    const copse_index_definition definition = {.name = copse_bytes_of_text("tags"),
                                               .fields = spec.fields,
                                               .fields_count = spec.count,
                                               .link = form->link,
                                               .include = &include,
                                               .include_count = include.len > 0};
    bench_check(copse_write_create_index(write, name, &definition, &world->err), &world->err);
    copse_sort_spec_release(&spec);
}

static void bench_load(bench_world *world, uint64_t count)
{
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_write *write;
    copse_buf buf;
    copse_buf_init(&buf, &world->env, SIZE_MAX);
    bench_check(copse_source_new(&world->env, world->store, &source, &world->err), &world->err);
    bench_check(copse_node_cache_new(&world->env, source, &cache, &world->err), &world->err);
    bench_check(copse_tree_new(cache, world->store, NULL, &tree, &world->err), &world->err);
    bench_check(copse_write_new(&world->env, &write, &world->err), &world->err);
    for (size_t i = 0; i < BENCH_FORMS; i++) {
        bench_create(world, write, &bench_forms[i]);
        for (uint64_t j = 0; j < count; j += BENCH_BATCH) {
            for (uint64_t k = j; k < count && k < j + BENCH_BATCH; k++) {
                bench_check(copse_write_insert(write,
                                               copse_bytes_of_text(bench_forms[i].collection),
                                               bench_post(world, k, &buf), NULL, &world->err),
                            &world->err);
            }
            copse_tree *next;
            bench_check(
                copse_write_apply(write, tree, world->store, NULL, &next, NULL, NULL, &world->err),
                &world->err);
            copse_tree_close(tree);
            tree = next;
            copse_write_clear(write);
        }
    }
    bench_check(copse_refs_swap(copse_pack_db_refs(world->pack), copse_bytes_of_text("main"), NULL,
                                copse_tree_root(tree), &world->err),
                &world->err);
    copse_write_free(write);
    copse_tree_close(tree);
    copse_node_cache_free(cache);
    copse_source_free(source);
    copse_buf_release(&buf);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void bench_request(bench_world *world, const struct bench_form *form, copse_buf *ret_body)
{
    copse_sort_spec sort;
    copse_buf filter;
    copse_buf projection;
    copse_buf_init(&filter, &world->env, SIZE_MAX);
    copse_buf_init(&projection, &world->env, SIZE_MAX);
    bench_check(copse_ext_json_to_cbor(&world->env, copse_bytes_of_text("{\"tags\":\"tag4\"}"),
                                       COPSE_EXT_JSON_QUERY, &filter, &world->err),
                &world->err);
    if (form->projection != NULL) {
        bench_check(copse_ext_json_to_cbor(&world->env, copse_bytes_of_text(form->projection),
                                           COPSE_EXT_JSON_QUERY, &projection, &world->err),
                    &world->err);
    }
    bench_check(copse_sort_spec_parse(&world->env, copse_bytes_of_text("-createdAt"), false, &sort,
                                      &world->err),
                &world->err);
    const copse_query_options query = {.collection = copse_bytes_of_text(form->collection),
                                       .filter = copse_buf_view(&filter),
                                       .projection = copse_buf_view(&projection),
                                       .sort = &sort,
                                       .limit = 32};
    bench_check(copse_answer_request_encode(&query, NULL, NULL, 0, ret_body, &world->err),
                &world->err);
    copse_sort_spec_release(&sort);
    copse_buf_release(&filter);
    copse_buf_release(&projection);
}

/* One exchange; returns the bytes of the body. */
static size_t bench_ask(bench_world *world, copse_bytes body, const char *encoding)
{
    const copse_http_header header = {copse_bytes_of_text("Accept-Encoding"),
                                      copse_bytes_of_text(encoding)};
    copse_http_request request = {.method = COPSE_HTTP_POST,
                                  .path = copse_bytes_of_text("/copse/v1/posts/query"),
                                  .headers = &header,
                                  .headers_count = 1,
                                  .body = body};
    copse_http_answer answer = {.status = 0};
    copse_buf piece;
    size_t size = 0;
    copse_status status = COPSE_OK;
    copse_buf_init(&answer.headers, &world->env, SIZE_MAX);
    copse_buf_init(&piece, &world->env, SIZE_MAX);
    copse_service_answer(&world->service, &request, &answer);
    while (answer.status == 200 && status == COPSE_OK) {
        copse_buf_truncate(&piece, 0);
        status = answer.body.pull(answer.body.ctx, &piece, COPSE_HTTP_PIECE_SIZE_BYTES, NULL);
        size += piece.len;
    }
    if (status != COPSE_END) {
        bench_fail("the query was not answered");
    }
    answer.body.free(answer.body.ctx);
    copse_buf_release(&piece);
    copse_buf_release(&answer.headers);
    return size;
}

static void bench_measure(bench_world *world, const struct bench_form *form)
{
    static const char *const encodings[] = {"", "gzip", "zstd"};
    enum { ROUNDS = 500 };
    copse_buf body;
    copse_buf_init(&body, &world->env, SIZE_MAX);
    bench_request(world, form, &body);
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        char what[128];
        size_t size = bench_ask(world, copse_buf_view(&body), encodings[i]);
        double begin = bench_now();
        for (unsigned round = 0; round < ROUNDS; round++) {
            size = bench_ask(world, copse_buf_view(&body), encodings[i]);
        }
        double seconds = (bench_now() - begin) / ROUNDS;
        snprintf(what, sizeof what, "%s, %s: bytes", form->collection,
                 *encodings[i] != '\0' ? encodings[i] : "plain");
        bench_row(what, (double)size, "B");
        snprintf(what, sizeof what, "%s, %s: a request", form->collection,
                 *encodings[i] != '\0' ? encodings[i] : "plain");
        bench_row(what, seconds * 1e6, "µs");
    }
    copse_buf_release(&body);
}

int main(int argc, char **argv)
{
    static bench_world world;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : BENCH_POSTS;
    char folder[TEMP_FOLDER_SIZE];
    copse_os *os;
    temp_folder_make(folder);
    copse_env_init(&world.env);
    copse_env_init_posix(&world.env);
    bench_check(copse_os_posix_new(&world.env, &os, &world.err), &world.err);
    const copse_pack_options options = {.create = true, .durability = COPSE_DURABILITY_OFF};
    bench_check(copse_pack_db_open(&world.env, os, folder, &options, &world.pack, &world.err),
                &world.err);
    world.store = copse_pack_db_store(world.pack);
    bench_load(&world, count);
    bench_check(copse_service_init(&world.service, &world.env, &world.err), &world.err);
    const copse_served served = {
        .name = "posts", .store = world.store, .refs = copse_pack_db_refs(world.pack)};
    bench_check(copse_served_list_add(&world.service.databases, &served, &world.err), &world.err);
    for (size_t i = 0; i < BENCH_FORMS; i++) {
        bench_measure(&world, &bench_forms[i]);
    }
    copse_service_release(&world.service);
    copse_pack_db_close(world.pack);
    copse_os_free(os);
    temp_folder_remove(folder);
    return 0;
}
