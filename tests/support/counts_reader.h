/* A reader of a database who has the blocks that it was given, and what it was given: blocks, their
 * bytes, rounds of asking.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_COUNTS_READER_H
#define COPSE_TESTS_COUNTS_READER_H

#include "support/database_world.h"

typedef struct counts_cost {
    uint64_t blocks;
    uint64_t bytes; /* of these */
    uint64_t round_trips;
} counts_cost;

typedef struct counts_reader {
    database_world *full; /* what has them all */
    copse_source *source;
    copse_node_cache *cache;
    counts_cost cost; /* until now */
} counts_reader;

/** One without a block. */
void counts_reader_init(counts_reader *reader, database_world *full);

void counts_reader_release(counts_reader *reader);

/** Supplies all that is wanted, if the status is that. */
bool counts_reader_supply(counts_reader *reader, copse_status status);

/** Opens the database at `root`. */
copse_database *counts_reader_open(counts_reader *reader, const copse_cid *root,
                                   copse_tree **ret_tree);

#endif
