/* A decoded node: offsets into the bytes of its block. docs/formats/tree.md has the byte table.
 *
 * Leaf:   [true,  keys, values]
 * Branch: [false, keys, links, counts]  or  [false, keys, links, counts, aheads]
 *
 * Parsing is strict; what it accepts has these properties:
 *   N1  keys are byte strings in strictly ascending order, at most COPSE_KEY_SIZE_BYTES_MAX
 *       long N2 the lists are of one length; a branch of ours has at least one child (the
 *       descent refuses a branch of one child below, see tree.h) N3 values are strict DAG-CBOR
 *       items; links are tag 42; ours are CIDv1 dag-cbor sha2-256 N4 counts are at least 1, and
 *       their sum does not overflow N5 aheads is present only if one of them is not 0 What a
 *       single node can't show (its place under its parent) is checked on the way down.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_NODE_H
#define COPSE_TREE_NODE_H

#include "base/compiler.h"
#include "base/loadstore.h"
#include "tree/config.h"

#include <copse/block.h>

enum {
    COPSE_LINK_SIZE_BYTES = 41,    /* d8 2a 58 25 00 and the 36 bytes of the CID */
    COPSE_LINK_HEAD_BYTES = 5,     /* d8 2a 58 25 00 */
    COPSE_NODE_HEAD_BYTES_MAX = 32 /* all heads of a node that are not part of an entry */
};

typedef struct copse_node {
    const uint8_t *data;
    uint64_t *prefixes; /* the 8 bytes of each key behind the `shared` ones, big-endian, 0-padded */
    uint32_t *keys;     /* count + 1 offsets of the keys' CBOR heads; the last ends the list */
    uint32_t *values;   /* count + 1 offsets of values or links; NULL in a branch of ours */
    uint32_t count;     /* keys */
    uint32_t shared;    /* leading bytes that all keys have in common */
    uint32_t links;     /* branch of ours: offset of the first link */
    uint32_t key_size_max; /* bytes of the longest key */
    uint32_t ahead_max;    /* the largest of the aheads */
    uint32_t refs;
    bool leaf;
    bool used; /* since the cache's hand last passed */
    copse_tree_kind kind;
    uint64_t *sums;   /* branch with counts: count + 1; sums[i] entries below children 0..i */
    uint32_t *aheads; /* branch of ours: count numbers, or NULL if all are 0 */
    uint8_t *checked; /* branch: a bit a child: it was found to be in its place */
    struct copse_node **children; /* branch: decoded children, NULL where none is known */
    struct copse_node **place;    /* where a parent points to this node, or NULL */
    size_t alloc_size;
    copse_block *block;
    copse_cid cid; /* the block's, here to save a look at the block */
} copse_node;

/** Whether key a stands strictly below key b. */
COPSE_INLINE bool copse_key_below(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len >= 8 && b_len >= 8) {
        uint64_t a8 = copse_load_u64be(a);
        uint64_t b8 = copse_load_u64be(b);
        if (a8 != b8) {
            return a8 < b8;
        }
    }
    return copse_bytes_compare((copse_bytes){a, a_len}, (copse_bytes){b, b_len}) < 0;
}

/** Decodes `block` (takes a reference of its own). CORRUPT names the rule and the place; LIMIT,
 * NOMEM. The node has one reference. */
COPSE_MUST_USE copse_status copse_node_parse(const copse_env *env, copse_block *block,
                                             copse_tree_kind kind, copse_node **ret_node,
                                             copse_err *err);

/** Gives a reference back; a node that goes is forgotten by its parent and its children. NULL is
 * allowed. Returns NULL. */
copse_node *copse_node_unref(const copse_env *env, copse_node *node);

/** Remembers a decoded child, without a reference. A node is remembered by one parent at a time,
 * the last that asks. */
void copse_node_remember_child(copse_node *parent, uint32_t index, copse_node *child);

static inline copse_node *copse_node_ref(copse_node *node)
{
    node->refs++;
    return node;
}

/** Key number `index`; borrows from the node. */
static inline copse_bytes copse_node_key(const copse_node *node, uint32_t index)
{
    const uint8_t *head = node->data + node->keys[index];
    const uint8_t *end = node->data + node->keys[index + 1];
    const uint8_t *key = head + 1 + (*head == 0x58) + 2 * (*head == 0x59);
    return (copse_bytes){key, (size_t)(end - key)};
}

/** The encoded value number `index` of a leaf. */
static inline copse_bytes copse_node_value(const copse_node *node, uint32_t index)
{
    return (copse_bytes){node->data + node->values[index],
                         node->values[index + 1] - node->values[index]};
}

/** The binary CID of child number `index` of a branch. */
static inline copse_bytes copse_node_link(const copse_node *node, uint32_t index)
{
    if (node->values == NULL) {
        return (copse_bytes){node->data + node->links + COPSE_LINK_HEAD_BYTES +
                                 (size_t)index * COPSE_LINK_SIZE_BYTES,
                             COPSE_CID_SHA2_256_SIZE_BYTES};
    }
    /* d8 2a, a head of one or two bytes (a CID is at most 71 bytes), 00, CID */
    const uint8_t *link = node->data + node->values[index];
    size_t skip = link[2] == 0x58 ? 5 : 4;
    return (copse_bytes){link + skip, node->values[index + 1] - node->values[index] - skip};
}

/** Entries below child number `index` of a branch with counts. */
static inline uint64_t copse_node_child_count(const copse_node *node, uint32_t index)
{
    return node->sums[index + 1] - node->sums[index];
}

/** How many entries of child number `index` an earlier forced cut depends on. */
static inline uint32_t copse_node_ahead(const copse_node *node, uint32_t index)
{
    return node->aheads != NULL ? node->aheads[index] : 0;
}

/** Whether entries are counted: true for leaves and for branches with counts. */
static inline bool copse_node_has_total(const copse_node *node)
{
    return node->leaf || node->sums != NULL;
}

/** Entries in or below the node, if it has a total. */
static inline uint64_t copse_node_total(const copse_node *node)
{
    return node->leaf ? node->count : node->sums[node->count];
}

/** The first index whose key is not below `key`; count if there is none. */
uint32_t copse_node_lower(const copse_node *node, copse_bytes key);

/** The first index whose key is above `key`; count if there is none. */
uint32_t copse_node_upper(const copse_node *node, copse_bytes key);

#endif
