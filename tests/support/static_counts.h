/* What named queries cost on a database that is a CAR on a web server: exact.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_STATIC_COUNTS_H
#define COPSE_TESTS_STATIC_COUNTS_H

#include "support/posts_world.h"

/** Fails the test, and prints the rows as they are, unless the costs on such posts are those of the
 * table. */
void static_counts_check(const posts_world_options *options);

#endif
