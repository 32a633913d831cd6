/* Pairs of trees to compare: variants of a model, the nodes that two trees don't share, and a
 * reader that counts what it reads and fetches.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_PAIR_H
#define COPSE_TESTS_TREE_PAIR_H

#include "support/tree_model.h"

/** A set of CIDs; memory from malloc. Zeroed: empty. */
typedef struct cid_set {
    copse_cid *slots;
    size_t capacity;
    size_t count;
} cid_set;

/** Whether it was new. */
bool cid_set_add(cid_set *set, const copse_cid *cid);
bool cid_set_has(const cid_set *set, const copse_cid *cid);
void cid_set_release(cid_set *set);

/** Adds all nodes of the tree. */
void cid_set_add_nodes(cid_set *set, copse_tree *tree);

/** Adds the nodes of each of the two trees that the other one hasn't. */
void tree_pair_differing(copse_tree *a, copse_tree *b, cid_set *set);

enum { TREE_VARIANTS = 11 };

/** Makes of `model` a variant: 0 the same, 1 one value changed, 2 a few puts and deletes, 3 many,
 * 4 a range deleted, 5 every other entry, 6 entries added at the end, 7 the last nine tenths cut
 * off, 8 empty, 9 quite other keys, 10 a few values so big that nodes are cut. */
void tree_variant(tree_model *model, size_t variant, tree_keys keys,
                  const copse_tree_config *config, uint64_t *seed);

/** A source and a node cache over a store. */
typedef struct tree_reader {
    copse_source *source;
    copse_node_cache *cache;
    cid_set read;    /* blocks used */
    cid_set fetched; /* blocks supplied */
    size_t rounds;   /* in which something was supplied */
    size_t wants_most;
} tree_reader;

/** `store` NULL: only what is supplied. */
void tree_reader_init(tree_reader *reader, const copse_env *env, copse_store *store);
void tree_reader_release(tree_reader *reader);

/** Supplies all that is wanted from `full`; fails the test if nothing is, or something that was
 * supplied before. */
void tree_reader_supply(tree_reader *reader, copse_store *full);

/** Opens the tree, supplying what it wants from `full`, and then forgets what was counted. */
copse_tree *tree_reader_open(tree_reader *reader, copse_store *full, const copse_cid *root);

/** Forgets what was counted. */
void tree_reader_reset(tree_reader *reader);

#endif
