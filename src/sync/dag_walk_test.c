/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_cbor.h>
#include <copse/dag_walk.h>
#include <copse/memory_store.h>
#include <copse/tree.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A store with a diamond: top -> left, right, an identity CID, left again; both -> bottom, and
 * right
 * -> what is missing too. */
typedef struct diamond {
    copse_store *store;
    copse_cid top;
    copse_cid left;
    copse_cid right;
    copse_cid bottom;
    copse_cid missing;
} diamond;

static copse_status diamond_put(const copse_env *env, diamond *self, const copse_cid *const *links,
                                size_t count, copse_cid *ret_cid)
{
    copse_buf buf;
    copse_block *block = NULL;
    copse_buf_init(&buf, env, 4096);
    copse_status status = copse_cbor_write_array(&buf, count);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_cbor_write_link(&buf, (copse_bytes){links[i]->bytes, links[i]->size});
    }
    if (status == COPSE_OK) {
        status = copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &block, NULL);
    }
    if (status == COPSE_OK) {
        *ret_cid = *copse_block_cid(block);
        status = copse_store_put(self->store, &block, 1, NULL);
    }
    block = copse_block_unref(block);
    copse_buf_release(&buf);
    return status;
}

static copse_status diamond_init(const copse_env *env, diamond *self)
{
    static const copse_cid identity = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    *self = (diamond){.store = NULL};
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("missing"), &self->missing);
    copse_status status = copse_memory_store_new(env, &self->store, NULL);
    if (status == COPSE_OK) {
        status = diamond_put(env, self, NULL, 0, &self->bottom);
    }
    if (status == COPSE_OK) {
        status = diamond_put(env, self, (const copse_cid *[]){&self->bottom}, 1, &self->left);
    }
    if (status == COPSE_OK) {
        status = diamond_put(env, self, (const copse_cid *[]){&self->bottom, &self->missing}, 2,
                             &self->right);
    }
    if (status == COPSE_OK) {
        status = diamond_put(
            env, self, (const copse_cid *[]){&self->left, &self->right, &identity, &self->left}, 4,
            &self->top);
    }
    return status;
}

/* The walk from the top visits these, in this order; what is missing is told in its place. */
static copse_status diamond_check(const copse_env *env, diamond *self, bool repeats,
                                  const copse_cid *const *expected, size_t count)
{
    copse_dag_walk walk;
    size_t visited = 0;
    copse_dag_walk_init(&walk, env, self->store, NULL);
    walk.repeats = repeats;
    copse_status status = copse_dag_walk_begin(&walk, &self->top, NULL);
    while (status == COPSE_OK) {
        copse_block *block = NULL;
        copse_cid cid;
        status = copse_dag_walk_next(&walk, &block, &cid, NULL);
        if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
            assert_true(visited < count);
            assert_true(copse_cid_equal(status == COPSE_OK ? copse_block_cid(block) : &cid,
                                        expected[visited++]));
            status = COPSE_OK;
        }
        block = copse_block_unref(block);
    }
    copse_dag_walk_release(&walk);
    assert_true(status != COPSE_END || visited == count);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status diamond_run(const copse_env *env, void *ctx)
{
    diamond self;
    (void)ctx;
    copse_status status = diamond_init(env, &self);
    if (status == COPSE_OK) {
        status = diamond_check(
            env, &self, false,
            (const copse_cid *[]){&self.top, &self.left, &self.bottom, &self.right, &self.missing},
            5);
    }
    if (status == COPSE_OK) {
        status = diamond_check(env, &self, true,
                               (const copse_cid *[]){&self.top, &self.left, &self.bottom,
                                                     &self.right, &self.bottom, &self.missing,
                                                     &self.left, &self.bottom},
                               8);
    }
    self.store = copse_store_close(self.store);
    return status;
}

static void test_order(void **state)
{
    test_env env;
    (void)state;
    test_env_init(&env);
    assert_int_equal(diamond_run(&env.env, NULL), COPSE_OK);
    test_env_assert_empty(&env);
    assert_true(test_env_sweep(diamond_run, NULL, 1000) > 10);
}

static copse_status count_block(void *ctx, copse_block *block, copse_err *err)
{
    size_t *count = ctx;
    (void)block;
    (void)err;
    *count += 1;
    return COPSE_OK;
}

/* Several roots: what was seen stays seen. The built-in config needs no store. */
static void test_observer(void **state)
{
    test_env env;
    diamond self;
    copse_dag_walk walk;
    copse_tree_config config;
    copse_block *block = NULL;
    size_t count = 0;
    copse_dag_observer observer = {count_block, NULL, &count};
    (void)state;
    test_env_init(&env);
    assert_int_equal(diamond_init(&env.env, &self), COPSE_OK);
    copse_dag_walk_init(&walk, &env.env, self.store, &observer);
    assert_int_equal(copse_dag_walk_run(&walk, &self.left, NULL), COPSE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(copse_dag_walk_run(&walk, &self.top, NULL), COPSE_OK);
    assert_int_equal(count, 4);
    copse_tree_config_init(&config);
    assert_int_equal(copse_tree_config_block(&env.env, &config, &block, NULL), COPSE_OK);
    assert_int_equal(copse_dag_walk_run(&walk, copse_block_cid(block), NULL), COPSE_OK);
    assert_int_equal(count, 5);
    block = copse_block_unref(block);
    copse_dag_walk_release(&walk);
    self.store = copse_store_close(self.store);
    test_env_assert_empty(&env);
}

static copse_status links_put(const copse_env *env, copse_store *store, uint64_t codec,
                              copse_bytes data, copse_cid *ret_cid)
{
    copse_block *block = NULL;
    copse_status status = copse_block_of_data(env, codec, data, &block, NULL);
    if (status == COPSE_OK) {
        *ret_cid = *copse_block_cid(block);
        status = copse_store_put(store, &block, 1, NULL);
    }
    copse_block_unref(block);
    return status;
}

/* A DAG-PB node, whose link is to an identity CID, which holds the DAG-CBOR of a link to a leaf:
 * the walk visits node and leaf. */
static copse_status links_run(const copse_env *env, void *ctx)
{
    copse_store *store = NULL;
    copse_cid leaf;
    copse_cid middle;
    copse_cid node;
    copse_buf buf;
    size_t count = 0;
    copse_dag_walk walk;
    copse_dag_observer observer = {count_block, NULL, &count};
    (void)ctx;
    copse_buf_init(&buf, env, 4096);
    copse_status status = copse_memory_store_new(env, &store, NULL);
    copse_dag_walk_init(&walk, env, store, &observer);
    if (status == COPSE_OK) {
        status = links_put(env, store, COPSE_CODEC_RAW, copse_bytes_of_text("leaf"), &leaf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_link(&buf, (copse_bytes){leaf.bytes, leaf.size});
    }
    if (status == COPSE_OK) {
        status = copse_cid_from_parts(COPSE_CODEC_DAG_CBOR, COPSE_HASH_IDENTITY,
                                      copse_buf_view(&buf), &middle, NULL);
    }
    if (status == COPSE_OK) {
        uint8_t data[80] = {0x12, (uint8_t)(middle.size + 2), 0x0a, middle.size};
        memcpy(data + 4, middle.bytes, middle.size);
        status = links_put(env, store, COPSE_CODEC_DAG_PB,
                           (copse_bytes){data, (size_t)middle.size + 4}, &node);
    }
    if (status == COPSE_OK) {
        assert_true(copse_dag_links_are_known(&node));
        status = copse_dag_walk_run(&walk, &node, NULL);
    }
    if (status == COPSE_OK) {
        assert_int_equal(count, 2);
    }
    copse_dag_walk_release(&walk);
    copse_buf_release(&buf);
    copse_store_close(store);
    return status;
}

static void test_links(void **state)
{
    static const copse_cid json = {.size = 5, .bytes = {1, 0xa9, 0x02, 0, 0}};
    (void)state;
    assert_true(test_env_sweep(links_run, NULL, 1000) > 5);
    assert_false(copse_dag_links_are_known(&json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_observer),
        cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
