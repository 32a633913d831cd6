/* Requests to the gateway, whatever their path, query, Accept and Host are (four lines), and for
 * history, whatever their body is (all of the input): each gets a status that the specification
 * has, headers of whole lines, and a body that ends; nothing is held after.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/service.h"

#include <copse/commit.h>
#include <copse/dag_json.h>
#include <copse/memory_refs.h>
#include <copse/memory_store.h>

#include "support/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUZZ_PARTS = 4, FUZZ_BODY_BYTES_MAX = 1 << 20, FUZZ_TEXT_SIZE = 4096, FUZZ_COMMITS = 20 };

static uint64_t fuzz_clock(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

static void fuzz_put(copse_store *store, const copse_env *env, uint64_t codec, copse_bytes data,
                     copse_cid *ret_cid)
{
    copse_block *block = NULL;
    fuzz_must(copse_block_of_data(env, codec, data, &block, NULL) == COPSE_OK &&
              copse_store_put(store, &block, 1, NULL) == COPSE_OK);
    *ret_cid = *copse_block_cid(block);
    copse_block_unref(block);
}

/* {"a":{"b":leaf,"list":[1,leaf]},"pb":folder}; the folder has the leaf as its "x". */
static void fuzz_fill(copse_store *store, const copse_env *env, copse_cid *ret_root)
{
    uint8_t node[64] = {0x12, 41, 0x0a, 36};
    char leaf_text[COPSE_CID_TEXT_SIZE_MAX];
    char folder_text[COPSE_CID_TEXT_SIZE_MAX];
    char text[FUZZ_TEXT_SIZE];
    copse_cid leaf;
    copse_cid folder;
    copse_buf cbor;
    fuzz_put(store, env, COPSE_CODEC_RAW, copse_bytes_of_text("leaf"), &leaf);
    memcpy(node + 4, leaf.bytes, 36);
    memcpy(node + 40, "\x12\x01x\x0a\x02\x08\x01", 7);
    fuzz_put(store, env, COPSE_CODEC_DAG_PB, (copse_bytes){node, 47}, &folder);
    (void)copse_cid_to_text(&leaf, COPSE_BASE32, leaf_text);
    (void)copse_cid_to_text(&folder, COPSE_BASE32, folder_text);
    (void)snprintf(
        text, sizeof text,
        "{\"a\":{\"b\":{\"/\":\"%s\"},\"list\":[1,{\"/\":\"%s\"}]},\"pb\":{\"/\":\"%s\"}}",
        leaf_text, leaf_text, folder_text);
    copse_buf_init(&cbor, env, FUZZ_TEXT_SIZE);
    fuzz_must(copse_dag_json_to_cbor(env, copse_bytes_of_text(text), &cbor, NULL) == COPSE_OK);
    fuzz_put(store, env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&cbor), ret_root);
    copse_buf_release(&cbor);
}

/* The lines of the input; what a reader of requests refuses, which is control characters and
 * spaces in a target, becomes 'x'. */
static void fuzz_split(uint8_t *text, size_t size, copse_bytes ret_parts[FUZZ_PARTS])
{
    size_t at = 0;
    for (size_t i = 0; i < FUZZ_PARTS; i++) {
        size_t start = at;
        while (at < size && (text[at] != '\n' || i == FUZZ_PARTS - 1)) {
            if (text[at] < 0x20 || text[at] == 0x7f || (i < 2 && text[at] == ' ')) {
                text[at] = 'x';
            }
            at++;
        }
        ret_parts[i] = (copse_bytes){text + start, at - start};
        at += at < size ? 1 : 0;
    }
}

static void fuzz_check_headers(copse_bytes headers)
{
    size_t start = 0;
    for (size_t i = 0; i < headers.len; i++) {
        if (headers.ptr[i] == '\r' || headers.ptr[i] == '\n') {
            fuzz_must(headers.ptr[i] == '\r' && i + 1 < headers.len && headers.ptr[i + 1] == '\n');
            fuzz_must(memchr(headers.ptr + start, ':', i - start) != NULL);
            start = i + 2;
            i++;
        }
    }
    fuzz_must(start == headers.len);
}

/* A line of commits on `tree`; some are in requests of the corpus. */
static void fuzz_put_commits(copse_store *store, const copse_env *env, const copse_cid *tree,
                             copse_cid *ret_head)
{
    for (uint64_t i = 0; i < FUZZ_COMMITS; i++) {
        copse_commit commit = {.tree = *tree, .generation = i, .time_ms = i};
        copse_block *block = NULL;
        if (i > 0) {
            commit.parents[commit.parents_count++] = *ret_head;
        }
        fuzz_must(copse_commit_encode(env, &commit, &block, NULL) == COPSE_OK &&
                  copse_store_put(store, &block, 1, NULL) == COPSE_OK);
        *ret_head = *copse_block_cid(block);
        copse_block_unref(block);
    }
}

/* Has a request answered, and looks at what comes. */
static void fuzz_answer(copse_service *service, const copse_http_request *request)
{
    static const unsigned statuses[] = {200, 206, 304, 400, 404, 405, 406, 412, 413, 416, 422, 501};
    copse_http_answer answer = {.status = 0};
    copse_buf body;
    bool known = false;
    copse_buf_init(&body, service->env, FUZZ_BODY_BYTES_MAX);
    copse_buf_init(&answer.headers, service->env, FUZZ_BODY_BYTES_MAX);
    copse_service_answer(service, request, &answer);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        known |= statuses[i] == answer.status;
    }
    fuzz_must(known);
    fuzz_check_headers(copse_buf_view(&answer.headers));
    if (answer.body.pull != NULL) {
        copse_status status = COPSE_OK;
        while (status == COPSE_OK) {
            status = answer.body.pull(answer.body.ctx, &body, 1 << 12, NULL);
        }
        fuzz_must(status == COPSE_END);
        fuzz_must(answer.length == COPSE_HTTP_LENGTH_UNKNOWN || answer.length == body.len);
        answer.body.free(answer.body.ctx);
    }
    copse_buf_release(&answer.headers);
    copse_buf_release(&body);
}

/* Asks for `prefix` CID `suffix`. */
static void fuzz_ask(copse_service *service, const char *prefix, const copse_cid *cid,
                     copse_bytes suffix, copse_http_request *request)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf path;
    copse_buf_init(&path, service->env, FUZZ_BODY_BYTES_MAX);
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    fuzz_must(copse_buf_append(&path, copse_bytes_of_text(prefix)) == COPSE_OK &&
              copse_buf_append(&path, copse_bytes_of_text(text)) == COPSE_OK &&
              copse_buf_append(&path, suffix) == COPSE_OK);
    request->path = copse_buf_view(&path);
    fuzz_answer(service, request);
    copse_buf_release(&path);
}

static void fuzz_get(copse_service *service, const char *prefix, const copse_cid *cid,
                     const copse_bytes parts[FUZZ_PARTS])
{
    const copse_http_header headers[] = {{copse_bytes_of_text("Accept"), parts[2]},
                                         {copse_bytes_of_text("Host"), parts[3]}};
    copse_http_request request = {
        .method = COPSE_HTTP_GET,
        .query = parts[0],
        .headers = headers,
        .headers_count = 2,
    };
    fuzz_ask(service, prefix, cid, parts[1], &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_store *store = NULL;
    copse_refs *refs = NULL;
    copse_service service;
    copse_cid root;
    copse_cid head;
    copse_bytes parts[FUZZ_PARTS];
    uint8_t text[FUZZ_TEXT_SIZE];
    size = size < sizeof text ? size : sizeof text;
    memcpy(text, data, size);
    fuzz_split(text, size, parts);
    copse_env_init(&env);
    env.clock = fuzz_clock;
    fuzz_must(copse_memory_store_new(&env, &store, NULL) == COPSE_OK &&
              copse_memory_refs_new(&env, &refs, NULL) == COPSE_OK &&
              copse_service_init(&service, &env, NULL) == COPSE_OK);
    copse_served served = {.name = "one", .store = store, .refs = refs};
    fuzz_must(copse_served_list_add(&service.databases, &served, NULL) == COPSE_OK);
    fuzz_fill(store, &env, &root);
    fuzz_put_commits(store, &env, &root, &head);
    copse_http_request history = {.method = COPSE_HTTP_POST, .body = {data, size}};
    size_t held = service.budget.size_bytes;
    fuzz_get(&service, "/ipfs/", &root, parts);
    fuzz_get(&service, "/routing/v1/providers/", &root, parts);
    fuzz_ask(&service, "/copse/v1/", &head, copse_bytes_of_text("/commits"), &history);
    fuzz_must(service.budget.size_bytes == held);
    copse_service_release(&service);
    copse_refs_close(refs);
    copse_store_close(store);
    return 0;
}
