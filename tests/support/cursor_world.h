/* Trees to move a cursor over: sorted entries as a model, and the same as a tree of ours or as a
 * foreign one, in a store that a test reads from, or fetches from block by block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_CURSOR_WORLD_H
#define COPSE_TESTS_CURSOR_WORLD_H

#include "support/test_env.h"
#include "tree/config.h"

#include <copse/cursor.h>

enum { CURSOR_WORLD_KEY_MAX = 48 };

typedef struct cursor_world_entry {
    size_t key_len;
    uint8_t key[CURSOR_WORLD_KEY_MAX];
    uint8_t value[9]; /* encoded: 1b and 8 bytes */
} cursor_world_entry;

/** The complete tree. Its memory comes from an env of its own. */
typedef struct cursor_world {
    test_env env;
    copse_store *store;
    copse_cid root;
    size_t count;
    cursor_world_entry *entries; /* sorted */
} cursor_world;

/** `count` entries with random keys, in a tree with lambda 128 (min 32, max 1024), or in a foreign
 * tree with leaves and branches of two to seven. */
void cursor_world_init(cursor_world *world, copse_tree_kind kind, size_t count, uint64_t seed);
void cursor_world_release(cursor_world *world);

copse_bytes cursor_world_key(const cursor_world *world, size_t index);

/** The number of entries with a key below `key`. */
size_t cursor_world_rank(const cursor_world *world, copse_bytes key);

/** Fails the test unless the cursor stands on entry `index`; `index` == SIZE_MAX: nowhere. */
void cursor_world_assert_at(const cursor_world *world, const copse_cursor *cursor, size_t index);

/** A fault store (fault_store.h) over a copy of the world's blocks, to be closed before the world
 * is released. */
copse_store *cursor_world_fault_store(cursor_world *world);

/** A reader: a source over `store` (NULL: only what is supplied), a node cache. */
typedef struct cursor_reader {
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_cursor *cursor;
} cursor_reader;

/** NOMEM: the reader is still to be released. */
copse_status cursor_reader_init(cursor_reader *reader, const copse_env *env, copse_store *store);
void cursor_reader_release(cursor_reader *reader);

/** Opens the tree and makes the cursor; WANT as copse_tree_open. */
copse_status cursor_reader_open(cursor_reader *reader, const cursor_world *world);

/** Supplies all that is wanted from the world's store; returns how many. The status of the first
 * that failed is written if `ret_status` is given, else it must be OK. */
size_t cursor_reader_supply(cursor_reader *reader, const cursor_world *world,
                            copse_status *ret_status);

#endif
