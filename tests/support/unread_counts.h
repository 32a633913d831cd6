/* What counting unread posts costs: the blocks that are read, exact numbers, against the leaves of
 * the compared ranges that changed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_UNREAD_COUNTS_H
#define COPSE_TESTS_UNREAD_COUNTS_H

#include "support/posts_world.h"

/** Fails the test unless counts of what 1,000 posts bring, to readers that have no block and to
 * such as have counted before, cost what the table says, and at most 3 blocks a changed leaf and
 * the depth of the tree; prints the rows as they are now. */
void unread_counts_check(const posts_world_options *options);

#endif
