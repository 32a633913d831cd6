/* Pulls for tests: a peer with trees whose values lead to blocks of their own, what a replica must
 * have of them, and a replica that counts what it fetches.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PULL_WORLD_H
#define COPSE_TESTS_PULL_WORLD_H

#include "support/tree_pair.h"

#include <copse/pull.h>

/* ---- The peer ---- */

enum { PULL_LINKS_MAX = 12, PULL_LINKED_VALUES = 40 };

/** A value, and the blocks that a pull must bring with it. */
typedef struct pull_linked_value {
    uint8_t bytes[600];
    size_t size;
    copse_cid cids[PULL_LINKS_MAX];
    size_t count;
} pull_linked_value;

/** The peer: a store with trees, and the values in them that lead to blocks. */
typedef struct pull_peer {
    tree_world world;
    pull_linked_value values[PULL_LINKED_VALUES];
} pull_peer;

void pull_peer_init(pull_peer *p);

/** Trees must be closed before. */
void pull_peer_release(pull_peer *p);

/** Gives one in `share` of the entries such values, and values that only look like them. */
void pull_peer_link_some(pull_peer *p, tree_model *model, uint64_t share, uint64_t *seed);

/* ---- What must be here ---- */

static const copse_pull_range pull_everything = {{NULL, 0}, NULL};

bool pull_is_within(copse_bytes key, const copse_pull_range *range);

/** Adds what a pull of the range must bring; `tree` is that of the model, at the peer. */
void pull_reach(const pull_peer *p, cid_set *set, const tree_model *model, copse_tree *tree,
                const copse_pull_range *range);

/** How many of `set` are not in `from`. */
size_t pull_count_missing(const cid_set *set, const cid_set *from);

/* ---- The replica ---- */

/** A store that is filled from a peer. Its blocks have an env of their own, so that what a pull
 * takes can be told from them. */
typedef struct pull_replica {
    test_env test;
    test_env blocks;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    cid_set had;     /* before the pull at hand */
    cid_set fetched; /* by it */
    size_t rounds;
    size_t budget; /* of blocks that may still be fetched */
} pull_replica;

void pull_replica_init(pull_replica *r, size_t wants_max);

/** Its trees must be closed before. Fails the test if an allocation is left. */
void pull_replica_release(pull_replica *r);

/** Source and node cache, anew: as in another process. */
void pull_replica_open(pull_replica *r);
void pull_replica_close(pull_replica *r);

/** Forgets what was counted; what was fetched is now what it had. */
void pull_replica_reset(pull_replica *r);

/** Puts what is wanted, as far as the budget goes. I2: nothing that is here, nothing twice. */
void pull_replica_fetch(pull_replica *r, copse_store *from);

/** Opens a tree; its root's blocks are fetched outside of the budget and not counted. */
copse_tree *pull_replica_tree(pull_replica *r, const pull_peer *p, const copse_cid *root);

/** Pulls until the END, or until the budget is used up: then false. I7: a WANT that nothing was
 * supplied for comes again. */
bool pull_replica_run(pull_replica *r, const pull_peer *p, copse_pull *pull);

/** Pulls the tree `after`, from `before` (NULL: from nothing). Whether it came to the END. */
bool pull_replica_pull(pull_replica *r, const pull_peer *p, const copse_cid *before,
                       const copse_cid *after, const copse_pull_options *options,
                       copse_pull_stats *ret_stats);

/** I2: fetched was what is in `needed` and was not here, and nothing else. */
void pull_assert_fetched(const pull_replica *r, const cid_set *needed);

#endif
