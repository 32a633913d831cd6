/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/memory_store.h>

#include "tree/config.h"

static void *model_alloc(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL) {
        fail_msg("the machine is out of memory");
        abort();
    }
    return memory;
}

/* ---- the world ---- */

void tree_world_init(tree_world *world)
{
    test_env_init(&world->test);
    const copse_env *env = &world->test.env;
    assert_int_equal(copse_memory_store_new(env, &world->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, world->store, &world->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, world->source, &world->cache, NULL), COPSE_OK);
}

void tree_world_release(tree_world *world)
{
    assert_null(copse_node_cache_free(world->cache));
    assert_null(copse_source_free(world->source));
    assert_null(copse_store_close(world->store));
    test_env_assert_empty(&world->test);
}

copse_tree *tree_world_open(tree_world *world, const copse_cid *root)
{
    copse_tree *tree = NULL;
    copse_err err = {0};
    copse_status status = copse_tree_open(world->cache, root, &tree, &err);
    if (status != COPSE_OK) {
        fail_msg("open: %s, %s (%s)", copse_status_name(status), err.message, err.where);
    }
    return tree;
}

/* ---- configs ---- */

copse_tree_config tree_model_config(size_t index)
{
    static const copse_tree_config configs[TREE_MODEL_CONFIGS] = {
        {0, 0, 0},      {32, 1024, 128}, {0, 256, 16},   {100, 256, 256},
        {16, 300, 200}, {0, 1024, 128},  {512, 512, 64}, {256, 4096, 1024}};
    copse_tree_config config = configs[index];
    if (index == 0) {
        copse_tree_config_init(&config);
    }
    return config;
}

copse_tree_config tree_model_small_config(void)
{
    return tree_model_config(1);
}

/* ---- keys ---- */

static void model_store_be(uint8_t *at, size_t size, uint64_t number)
{
    for (size_t i = size; i-- > 0; number >>= 8) {
        at[i] = (uint8_t)number;
    }
}

void tree_key_make(tree_keys kind, const copse_tree_config *config, uint64_t index,
                   tree_key *ret_key)
{
    uint64_t seed = index;
    size_t longest = copse_tree_config_key_size_max(config);
    memset(ret_key->bytes, 'k', sizeof ret_key->bytes);
    switch (kind) {
    case TREE_KEYS_RANDOM:
        ret_key->len = 8 + test_random_below(&seed, 25);
        for (size_t i = 0; i < ret_key->len; i++) {
            ret_key->bytes[i] = (uint8_t)test_random(&seed);
        }
        break;
    case TREE_KEYS_SEQUENTIAL:
        ret_key->len = 8;
        model_store_be(ret_key->bytes, 8, index);
        break;
    case TREE_KEYS_PREFIX:
        ret_key->len = longest / 2 < 100 ? longest / 2 : 100;
        model_store_be(ret_key->bytes + ret_key->len - 3, 3, index);
        break;
    case TREE_KEYS_LONGEST:
        ret_key->len = longest;
        model_store_be(ret_key->bytes + longest - 3, 3, index);
        break;
    default: /* the empty key, 256 of one byte, then of two bytes */
        ret_key->len = index == 0 ? 0 : index <= 256 ? 1 : 2;
        model_store_be(ret_key->bytes, ret_key->len, index <= 256 ? index - 1 : index - 257);
        break;
    }
}

/* ---- values ---- */

static uint8_t *model_head(uint8_t *at, uint8_t major, uint64_t arg)
{
    size_t more = arg < 24 ? 0 : arg <= UINT8_MAX ? 1 : arg <= UINT16_MAX ? 2 : 4;
    static const uint8_t info[] = {0, 24, 25, 0, 26};
    *at = (uint8_t)(major * 32u + (more == 0 ? arg : info[more]));
    model_store_be(at + 1, more, arg);
    return at + 1 + more;
}

uint8_t *tree_value_bytes(size_t size, uint8_t fill, size_t *ret_len)
{
    uint8_t *value = model_alloc(size + 5);
    uint8_t *at = model_head(value, 2, size);
    memset(at, fill, size);
    *ret_len = (size_t)(at - value) + size;
    return value;
}

/* null, booleans, integers, text, lists and maps. */
static uint8_t *model_value_item(uint64_t *seed, size_t *ret_len)
{
    static const char *const items[] = {"\xf6",
                                        "\xf4",
                                        "\x18\x2a",
                                        "\x38\x63",
                                        "\x63xyz",
                                        "\x82\x01\x81\x02",
                                        "\xa2\x61\x61\x01\x61\x62\xf5",
                                        "\xfb\x3f\xf8\x01\x01\x01\x01\x01\x01"};
    const char *item = items[test_random_below(seed, sizeof items / sizeof *items)];
    *ret_len = strlen(item);
    uint8_t *value = model_alloc(*ret_len);
    memcpy(value, item, *ret_len);
    return value;
}

uint8_t *tree_value_make(tree_values kind, const copse_tree_config *config, size_t key_len,
                         uint64_t *seed, size_t *ret_len)
{
    size_t size = test_random_below(seed, 101);
    uint8_t fill = (uint8_t)test_random(seed);
    if (kind == TREE_VALUES_ITEMS) {
        return model_value_item(seed, ret_len);
    }
    if (kind == TREE_VALUES_EDGE && test_random_below(seed, 6) == 0) {
        size_t around = config->size_bytes_max - 8 + test_random_below(seed, 8);
        size = around > key_len ? around - key_len : 0;
    }
    if (kind == TREE_VALUES_HUGE && test_random_below(seed, 12) == 0) {
        size = test_random_below(seed, 300 * 1024);
    }
    return tree_value_bytes(size, fill, ret_len);
}

/* ---- the model ---- */

static copse_bytes model_dup(copse_bytes bytes)
{
    uint8_t *copy = model_alloc(bytes.len);
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return (copse_bytes){copy, bytes.len};
}

static void model_free(copse_bytes bytes)
{
    void *memory; /* ours, and not const */
    memcpy(&memory, &bytes.ptr, sizeof memory);
    free(memory);
}

void tree_model_release(tree_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        model_free(model->entries[i].key);
        model_free(model->entries[i].value);
    }
    free(model->entries);
    *model = (tree_model){0};
}

size_t tree_model_lower(const tree_model *model, copse_bytes key)
{
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copse_bytes_compare(model->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool tree_model_find(const tree_model *model, copse_bytes key, size_t *ret_index)
{
    *ret_index = tree_model_lower(model, key);
    return *ret_index < model->count && copse_bytes_equal(model->entries[*ret_index].key, key);
}

void tree_model_put(tree_model *model, copse_bytes key, copse_bytes value)
{
    size_t index;
    if (tree_model_find(model, key, &index)) {
        model_free(model->entries[index].value);
        model->entries[index].value = model_dup(value);
        return;
    }
    if (model->count == model->capacity) {
        model->capacity = model->capacity * 2 + 16;
        void *grown = realloc(model->entries, model->capacity * sizeof *model->entries);
        if (grown == NULL) {
            fail_msg("the machine is out of memory");
            return;
        }
        model->entries = grown;
    }
    memmove(model->entries + index + 1, model->entries + index,
            (model->count - index) * sizeof *model->entries);
    model->entries[index] = (tree_model_entry){model_dup(key), model_dup(value)};
    model->count++;
}

static void model_remove(tree_model *model, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        model_free(model->entries[i].key);
        model_free(model->entries[i].value);
    }
    if (first < end) {
        memmove(model->entries + first, model->entries + end,
                (model->count - end) * sizeof *model->entries);
        model->count -= end - first;
    }
}

void tree_model_delete(tree_model *model, copse_bytes key)
{
    size_t index;
    if (tree_model_find(model, key, &index)) {
        model_remove(model, index, index + 1);
    }
}

void tree_model_delete_range(tree_model *model, copse_bytes from, const copse_bytes *to)
{
    size_t end = to != NULL ? tree_model_lower(model, *to) : model->count;
    model_remove(model, tree_model_lower(model, from), end);
}

void tree_model_splice(tree_model *model, const tree_model *other, copse_bytes from,
                       const copse_bytes *to)
{
    tree_model_delete_range(model, from, to);
    for (size_t i = tree_model_lower(other, from); i < other->count; i++) {
        if (to != NULL && copse_bytes_compare(other->entries[i].key, *to) >= 0) {
            break;
        }
        tree_model_put(model, other->entries[i].key, other->entries[i].value);
    }
}

void tree_model_copy(const tree_model *model, tree_model *copy)
{
    for (size_t i = 0; i < model->count; i++) {
        tree_model_put(copy, model->entries[i].key, model->entries[i].value);
    }
}

void tree_model_fill(tree_model *model, tree_keys keys, tree_values values,
                     const copse_tree_config *config, uint64_t first, size_t count, uint64_t step,
                     uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        tree_key key;
        size_t len;
        tree_key_make(keys, config, first + i * step, &key);
        uint8_t *value = tree_value_make(values, config, key.len, seed, &len);
        tree_model_put(model, tree_key_view(&key), (copse_bytes){value, len});
        free(value);
    }
}

/* ---- building ---- */

copse_status tree_model_try_build(const tree_model *model, const copse_env *env, copse_store *store,
                                  const copse_tree_config *config, copse_cid *ret_root,
                                  copse_err *err)
{
    copse_builder *builder;
    copse_status status = copse_builder_new(env, store, config, &builder, err);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; status == COPSE_OK && i < model->count; i++) {
        status = copse_builder_add(builder, model->entries[i].key, model->entries[i].value, err);
    }
    if (status == COPSE_OK) {
        status = copse_builder_finish(builder, ret_root, err);
    }
    copse_builder_free(builder);
    return status;
}

copse_cid tree_model_build(const tree_model *model, const copse_env *env, copse_store *store,
                           const copse_tree_config *config)
{
    copse_cid root = {0};
    copse_err err = {0};
    copse_status status = tree_model_try_build(model, env, store, config, &root, &err);
    if (status != COPSE_OK) {
        fail_msg("build: %s, %s (%s)", copse_status_name(status), err.message, err.where);
    }
    return root;
}

static copse_status model_discard_put(copse_store *store, copse_block *const *blocks, size_t count,
                                      copse_err *err)
{
    (void)store, (void)blocks, (void)count, (void)err;
    return COPSE_OK;
}

copse_cid tree_model_root(const tree_model *model, const copse_tree_config *config)
{
    static const copse_store_ops ops = {.put = model_discard_put};
    copse_store discard = {&ops};
    copse_env env;
    copse_env_init(&env);
    return tree_model_build(model, &env, &discard, config);
}

copse_tree *tree_model_open(const tree_model *model, tree_world *world,
                            const copse_tree_config *config)
{
    copse_cid root = tree_model_build(model, &world->test.env, world->store, config);
    return tree_world_open(world, &root);
}

void tree_model_assert_root(const tree_model *model, copse_tree *tree, const char *what)
{
    copse_tree_config config;
    assert_int_equal(copse_tree_get_config(tree, &config, NULL), COPSE_OK);
    copse_cid want = tree_model_root(model, &config);
    if (!copse_cid_equal(&want, copse_tree_root(tree))) {
        fail_msg("%s: the root is not that of a plain build (%zu entries, config {%u,%u,%u})", what,
                 model->count, config.size_bytes_min, config.size_bytes_max, config.lambda_bytes);
    }
}
