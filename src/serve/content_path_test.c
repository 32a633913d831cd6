/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/content_path.h"

#include <copse/dag_json.h>
#include <copse/memory_store.h>

#include "base/protobuf.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 4096 };

/* root: {"a":{"b":leaf,"list":[1,leaf,missing]},"folder":folder,"shard":shard,"json":json,
 * }; folder and shard have a link "leaf" each; leaf is raw. */
typedef struct world {
    copse_store *store;
    copse_cid leaf;
    copse_cid folder;
    copse_cid root;
    copse_block *root_block;
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
    copse_block_unref(block);
    return status;
}

static copse_status world_put_json(const copse_env *env, world *self, const char *text,
                                   copse_cid *ret_cid)
{
    copse_buf buf;
    copse_buf_init(&buf, env, TEXT_SIZE);
    copse_status status = copse_dag_json_to_cbor(env, copse_bytes_of_text(text), &buf, NULL);
    if (status == COPSE_OK) {
        status = world_put(env, self, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_cid);
    }
    copse_buf_release(&buf);
    return status;
}

/* A UnixFS node of `type` with the leaf as its link "leaf". */
static copse_status world_put_unixfs(const copse_env *env, world *self, uint8_t type,
                                     copse_cid *ret_cid)
{
    copse_buf link;
    copse_buf node;
    copse_bytes cid = {self->leaf.bytes, self->leaf.size};
    uint8_t data[] = {0x08, type};
    copse_buf_init(&link, env, TEXT_SIZE);
    copse_buf_init(&node, env, TEXT_SIZE);
    copse_status status = copse_protobuf_write_bytes(&link, 1, cid);
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(&link, 2, copse_bytes_of_text("leaf"));
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(&node, 2, copse_buf_view(&link));
    }
    if (status == COPSE_OK) {
        status = copse_protobuf_write_bytes(&node, 1, (copse_bytes){data, sizeof data});
    }
    if (status == COPSE_OK) {
        status = world_put(env, self, COPSE_CODEC_DAG_PB, copse_buf_view(&node), ret_cid);
    }
    copse_buf_release(&link);
    copse_buf_release(&node);
    return status;
}

static const char *world_text(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX])
{
    (void)copse_cid_to_text(cid, COPSE_BASE32, ret_text);
    return ret_text;
}

static copse_status world_init(const copse_env *env, world *self)
{
    char leaf[COPSE_CID_TEXT_SIZE_MAX];
    char folder[COPSE_CID_TEXT_SIZE_MAX];
    char shard[COPSE_CID_TEXT_SIZE_MAX];
    char json[COPSE_CID_TEXT_SIZE_MAX];
    char text[TEXT_SIZE];
    copse_cid cid;
    *self = (world){.store = NULL};
    copse_status status = copse_memory_store_new(env, &self->store, NULL);
    if (status == COPSE_OK) {
        status = world_put(env, self, COPSE_CODEC_RAW, copse_bytes_of_text("leaf"), &self->leaf);
    }
    if (status == COPSE_OK) {
        status = world_put_unixfs(env, self, 1, &self->folder);
    }
    if (status == COPSE_OK) {
        status = world_put_unixfs(env, self, 5, &cid);
        (void)world_text(&cid, shard);
    }
    if (status == COPSE_OK) {
        status = world_put(env, self, COPSE_CODEC_DAG_JSON, copse_bytes_of_text("{}"), &cid);
        (void)world_text(&cid, json);
    }
    if (status == COPSE_OK) {
        (void)snprintf(
            text, sizeof text,
            "{\"a\":{\"b\":{\"/\":\"%s\"},\"list\":[1,{\"/\":\"%s\"},"
            "{\"/\":\"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy\"}]},"
            "\"folder\":{\"/\":\"%s\"},\"json\":{\"/\":\"%s\"},\"shard\":{\"/\":\"%s\"}}",
            world_text(&self->leaf, leaf), leaf, world_text(&self->folder, folder), json, shard);
        status = world_put_json(env, self, text, &self->root);
    }
    return status == COPSE_OK ? copse_store_get(self->store, &self->root, &self->root_block, NULL)
                              : status;
}

static void world_release(world *self)
{
    copse_block_unref(self->root_block);
    copse_store_close(self->store);
}

/* What a path leads to: its status, where it ends, and over how many blocks. */
static const struct path_case {
    const char *text;
    copse_status status;
    copse_content_end end;
    size_t blocks;
} path_cases[] = {
    {"", COPSE_OK, COPSE_CONTENT_BLOCK, 1},
    {"//", COPSE_OK, COPSE_CONTENT_BLOCK, 1},
    {"/a/b", COPSE_OK, COPSE_CONTENT_BLOCK, 2},
    {"a//%62/", COPSE_OK, COPSE_CONTENT_BLOCK, 2},
    {"/a/list/1", COPSE_OK, COPSE_CONTENT_BLOCK, 2},
    {"/folder/leaf", COPSE_OK, COPSE_CONTENT_BLOCK, 3},
    {"/a", COPSE_OK, COPSE_CONTENT_INSIDE, 1},
    {"/a/list/0", COPSE_OK, COPSE_CONTENT_INSIDE, 1},
    {"/shard", COPSE_OK, COPSE_CONTENT_BLOCK, 2},
    {"/shard/leaf", COPSE_OK, COPSE_CONTENT_OPAQUE, 2},
    {"/json/x", COPSE_OK, COPSE_CONTENT_OPAQUE, 2},
    {"/a/c", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/b/c", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0}, /* inside of a raw block */
    {"/a/list/3", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/list/01", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/list/-1", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/list/99999999999999999999", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/list/0/x", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0}, /* of an integer */
    {"/a/list/2", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},   /* not in the store */
    {"/folder/nothing", COPSE_NOT_FOUND, COPSE_CONTENT_BLOCK, 0},
    {"/a/%", COPSE_MISUSE, COPSE_CONTENT_BLOCK, 0},
    {"/a/%00", COPSE_MISUSE, COPSE_CONTENT_BLOCK, 0},
};

static copse_status path_check(const copse_env *env, world *self, const struct path_case *row)
{
    copse_content_path path = {.block = NULL};
    copse_status status = copse_content_path_follow(env, self->store, self->root_block,
                                                    copse_bytes_of_text(row->text), &path, NULL);
    if (status == COPSE_NOMEM) {
        return status;
    }
    assert_int_equal(status, row->status);
    assert_int_equal(copse_content_path_count(&path), row->blocks);
    if (status == COPSE_OK) {
        copse_cid first = copse_content_path_cid(&path, 0);
        copse_cid last = copse_content_path_cid(&path, row->blocks - 1);
        assert_int_equal(path.end, row->end);
        assert_true(copse_cid_equal(&first, &self->root));
        assert_true(copse_cid_equal(&last, copse_block_cid(path.block)));
    }
    copse_content_path_release(&path);
    return COPSE_OK;
}

/* B1, B2 */
static copse_status paths_run(const copse_env *env, void *ctx)
{
    world self;
    (void)ctx;
    copse_status status = world_init(env, &self);
    for (size_t i = 0; status == COPSE_OK && i < sizeof path_cases / sizeof path_cases[0]; i++) {
        status = path_check(env, &self, &path_cases[i]);
    }
    world_release(&self);
    return status;
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(test_env_sweep(paths_run, NULL, 1000) > 20);
}

/* B3: a map in a map, and so on. */
static void test_many_segments(void **state)
{
    enum { DEPTH = COPSE_CONTENT_SEGMENTS_MAX + 1 };
    test_env env;
    char text[8 * DEPTH] = "";
    char path[2 * DEPTH + 2] = "";
    copse_content_path followed = {.block = NULL};
    world self = {.store = NULL};
    (void)state;
    test_env_init(&env);
    env.env.limits.cbor_depth_max = 2 * DEPTH;
    assert_int_equal(copse_memory_store_new(&env.env, &self.store, NULL), COPSE_OK);
    for (size_t i = 0; i < DEPTH; i++) {
        (void)strcat(text, "{\"a\":");
        (void)strcat(path, "/a");
    }
    (void)strcat(text, "1");
    for (size_t i = 0; i < DEPTH; i++) {
        (void)strcat(text, "}");
    }
    assert_int_equal(world_put_json(&env.env, &self, text, &self.root), COPSE_OK);
    assert_int_equal(copse_store_get(self.store, &self.root, &self.root_block, NULL), COPSE_OK);
    assert_int_equal(copse_content_path_follow(&env.env, self.store, self.root_block,
                                               copse_bytes_of_text(path), &followed, NULL),
                     COPSE_MISUSE);
    path[2 * COPSE_CONTENT_SEGMENTS_MAX] = '\0';
    assert_int_equal(copse_content_path_follow(&env.env, self.store, self.root_block,
                                               copse_bytes_of_text(path), &followed, NULL),
                     COPSE_OK);
    assert_int_equal(followed.end, COPSE_CONTENT_INSIDE);
    copse_content_path_release(&followed);
    world_release(&self);
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_many_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
