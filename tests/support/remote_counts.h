/* What named queries cost a peer with an empty store: exact numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_REMOTE_COUNTS_H
#define COPSE_TESTS_REMOTE_COUNTS_H

#include "support/posts_world.h"

/** Fails the test unless the queries on such a database cost what the table says, by a peer's
 * answer and block by block; prints the rows as they are now. */
void remote_counts_check(const posts_world_options *options);

/** The same for a database whose posts were all edited ten times, by real writes; asked by its name
 * too, it costs one block more: the commit. */
void remote_counts_check_edited(const posts_world_options *options);

#endif
