/* What the peers of a merge_world do to the past: they forget deletions, drop history, and who
 * can't be merged for that clones anew.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_PAST_H
#define COPSE_TESTS_MERGE_PAST_H

#include "support/merge_peer.h"

/** All wait for so long that all clocks are past what they were, and the peer forgets what was
 * deleted before, in the collections that have versions. */
merge_peer_ending merge_past_forget(merge_world *world, merge_peer *peer);

/** Everybody drops all trees but those of the heads that the peers have, or are being told of:
 * `copse gc --shallow`. */
void merge_past_drop(merge_world *world);

/** After a merge that was refused: the one that has forgotten less goes on from the other's head.
 * If that is not this peer, nothing happens. */
merge_peer_ending merge_past_clone_anew(merge_world *world, merge_peer *peer,
                                        const copse_cid *theirs);

#endif
