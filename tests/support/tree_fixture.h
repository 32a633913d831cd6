/* A tree with known entries, for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_FIXTURE_H
#define COPSE_TESTS_TREE_FIXTURE_H

#include <copse/tree.h>

typedef struct tree_fixture_entry {
    uint8_t key[16];
    size_t key_len;
    uint8_t value[64]; /* one encoded item */
    size_t value_len;
} tree_fixture_entry;

/** Entries and the tree of them, in a memory store. */
typedef struct tree_fixture {
    const copse_env *env;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_cid root;
    size_t height;
    tree_fixture_entry *entries; /* in key order */
    size_t count;
} tree_fixture;

/** A config by which a few hundred entries make four levels. */
copse_tree_config tree_fixture_small_config(void);

/** Makes a tree of about `count` entries (exactly, up to 1) that depend on `seed`. Fails the test
 * if it can't. */
void tree_fixture_init(tree_fixture *fixture, const copse_env *env, const copse_tree_config *config,
                       uint64_t seed, size_t count);

void tree_fixture_release(tree_fixture *fixture);

/** Opens the tree anew over an empty store: everything is wanted. `fixture` becomes a second one
 * with a copy of the root only; release it too. */
void tree_fixture_init_sparse(tree_fixture *sparse, const tree_fixture *full);

static inline copse_bytes tree_fixture_key(const tree_fixture *fixture, size_t index)
{
    return (copse_bytes){fixture->entries[index].key, fixture->entries[index].key_len};
}

static inline copse_bytes tree_fixture_value(const tree_fixture *fixture, size_t index)
{
    return (copse_bytes){fixture->entries[index].value, fixture->entries[index].value_len};
}

/** The first entry whose key is not below `key`. */
size_t tree_fixture_lower(const tree_fixture *fixture, copse_bytes key);

/** A key of `size` (at most 16) bytes, or of a random size if `size` is 0. */
copse_bytes tree_fixture_random_key(uint64_t *random, size_t size, uint8_t ret_key[16]);

#endif
