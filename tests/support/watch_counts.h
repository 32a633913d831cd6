/* What a watch costs a reader: the blocks that it has to fetch for one new match, exact numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_WATCH_COUNTS_H
#define COPSE_TESTS_WATCH_COUNTS_H

#include "support/posts_world.h"

/** Fails the test unless watches of {"tags": "cats"} on such a database cost what the table says;
 * prints the rows as they are now. */
void watch_counts_check(const posts_world_options *options);

#endif
