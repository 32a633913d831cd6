/* What the users of the peers of a merge_world do, by chance.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_ACTOR_H
#define COPSE_TESTS_MERGE_ACTOR_H

#include "support/merge_peer.h"

/** Inserts documents of most primary keys. */
merge_peer_ending merge_actor_fill(merge_world *world, merge_peer *peer);

/** Inserts, replaces, changes and deletes a few documents, as one commit. */
merge_peer_ending merge_actor_write(merge_world *world, merge_peer *peer);

/** Writes a document that only this peer writes, into each collection. */
merge_peer_ending merge_actor_touch(merge_world *world, merge_peer *peer);

/** Resolves what is open about some document, if anything is. */
merge_peer_ending merge_actor_resolve(merge_world *world, merge_peer *peer);

/** Makes, builds or drops an index, or changes how long deletions are kept. */
merge_peer_ending merge_actor_catalogue(merge_world *world, merge_peer *peer);

/** Writes what theirs has wherever that refused a merge, so that it goes through. */
merge_peer_ending merge_actor_yield(merge_world *world, merge_peer *peer, const copse_cid *theirs,
                                    const merge_outcome *outcome);

#endif
