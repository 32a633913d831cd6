/* A sorted array beside the tree, and what tests of trees need around it: a store with a node
 * cache, keys and values of many kinds, configs, and the plain build that every other way must
 * agree with.
 *
 * The model's memory comes from malloc, so that it does not disturb a sweep over allocations.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_MODEL_H
#define COPSE_TESTS_TREE_MODEL_H

#include "support/test_env.h"

#include <copse/batch.h>
#include <copse/builder.h>
#include <copse/tree.h>

/* ---- the world of a tree ---- */

/** A memory store, a source over it and a node cache over that, in a counting env. */
typedef struct tree_world {
    test_env test;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
} tree_world;

void tree_world_init(tree_world *world);

/** Closes all; fails the test if an allocation is left. Trees must be closed before. */
void tree_world_release(tree_world *world);

/** Opens the tree with this root; fails the test if it can't be opened. */
copse_tree *tree_world_open(tree_world *world, const copse_cid *root);

/* ---- configs ---- */

enum { TREE_MODEL_CONFIGS = 8 };

/** Config number `index` of those worth testing: 0 is the default, 1 has a lambda of 128. */
copse_tree_config tree_model_config(size_t index);

/** {32, 1024, 128}: 500 entries make about four levels. */
copse_tree_config tree_model_small_config(void);

/* ---- keys and values ---- */

typedef enum tree_keys {
    TREE_KEYS_RANDOM,     /* 8 to 32 random bytes */
    TREE_KEYS_SEQUENTIAL, /* 8 bytes, big-endian */
    TREE_KEYS_PREFIX,     /* a long prefix that all share, then few bytes */
    TREE_KEYS_LONGEST,    /* as long as the config allows; they differ at the end */
    TREE_KEYS_SHORT,      /* 0 to 2 bytes: the empty key, keys that are prefixes of others */
    TREE_KEYS_COUNT
} tree_keys;

typedef enum tree_values {
    TREE_VALUES_SMALL, /* byte strings of 0 to 100 bytes */
    TREE_VALUES_ITEMS, /* small items of every kind */
    TREE_VALUES_EDGE,  /* mostly small; one in six makes an entry of just about max */
    TREE_VALUES_HUGE,  /* mostly small; one in 12 is up to 300 KiB */
    TREE_VALUES_COUNT
} tree_values;

typedef struct tree_key {
    uint8_t bytes[COPSE_KEY_SIZE_BYTES_MAX];
    size_t len;
} tree_key;

static inline copse_bytes tree_key_view(const tree_key *key)
{
    return (copse_bytes){key->bytes, key->len};
}

/** Key number `index` of a kind: the same for the same arguments, distinct for distinct indexes
 * (below 2^24; of TREE_KEYS_SHORT below 60,000). Ascending with the index for all kinds but RANDOM
 * and SHORT. */
void tree_key_make(tree_keys kind, const copse_tree_config *config, uint64_t index,
                   tree_key *ret_key);

/** A random value of a kind, encoded; malloc'ed. `key_len` is of the key it goes with. */
uint8_t *tree_value_make(tree_values kind, const copse_tree_config *config, size_t key_len,
                         uint64_t *seed, size_t *ret_len);

/** Encodes a byte string of `size` bytes that repeat `fill`; malloc'ed. */
uint8_t *tree_value_bytes(size_t size, uint8_t fill, size_t *ret_len);

/* ---- the model ---- */

typedef struct tree_model_entry {
    copse_bytes key;   /* both malloc'ed, never NULL */
    copse_bytes value; /* encoded */
} tree_model_entry;

typedef struct tree_model {
    tree_model_entry *entries; /* in key order */
    size_t count;
    size_t capacity;
} tree_model;

/** A zeroed model is empty. */
void tree_model_release(tree_model *model);

/** The first entry whose key is not below `key`. */
size_t tree_model_lower(const tree_model *model, copse_bytes key);

/** Whether `key` is there; *ret_index as tree_model_lower. */
bool tree_model_find(const tree_model *model, copse_bytes key, size_t *ret_index);

void tree_model_put(tree_model *model, copse_bytes key, copse_bytes value);
void tree_model_delete(tree_model *model, copse_bytes key);
void tree_model_delete_range(tree_model *model, copse_bytes from, const copse_bytes *to);

/** Replaces [from, to) by what `other` holds there. */
void tree_model_splice(tree_model *model, const tree_model *other, copse_bytes from,
                       const copse_bytes *to);

/** Makes an empty `copy` equal to `model`. */
void tree_model_copy(const tree_model *model, tree_model *copy);

/** Puts `count` entries with keys number [first, first + count * step) in steps, random values. */
void tree_model_fill(tree_model *model, tree_keys keys, tree_values values,
                     const copse_tree_config *config, uint64_t first, size_t count, uint64_t step,
                     uint64_t *seed);

/** The plain build of the model into `store`; statuses of the builder. */
copse_status tree_model_try_build(const tree_model *model, const copse_env *env, copse_store *store,
                                  const copse_tree_config *config, copse_cid *ret_root,
                                  copse_err *err);

/** The same; fails the test if it fails. */
copse_cid tree_model_build(const tree_model *model, const copse_env *env, copse_store *store,
                           const copse_tree_config *config);

/** The root that a plain build has; stores nothing. */
copse_cid tree_model_root(const tree_model *model, const copse_tree_config *config);

/** Builds into the world's store and opens it. */
copse_tree *tree_model_open(const tree_model *model, tree_world *world,
                            const copse_tree_config *config);

/** Fails the test, naming `what`, unless the tree's root is that of a plain build. */
void tree_model_assert_root(const tree_model *model, copse_tree *tree, const char *what);

#endif
