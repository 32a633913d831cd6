/* Posts for benchmarks: some 400 bytes each, with three indexes.
 *
 * {"at": date, "_id": ObjectId, "tags": [3 of 200], "text": 250 bytes, "title", "author": one of
 * 1,000}, indexed by tags and -at, at, author and -at.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BENCH_POSTS_H
#define COPSE_TESTS_BENCH_POSTS_H

#include "support/bench.h"

#include <copse/tree.h>

/** An empty database with the collection "posts" and its indexes. */
copse_tree *bench_posts_schema(bench_db *db);

/** What an edit changes. */
typedef enum bench_posts_edit {
    BENCH_POSTS_AS_MADE,
    BENCH_POSTS_TEXT,   /**< What no index has. */
    BENCH_POSTS_AUTHOR, /**< What one index has. */
    BENCH_POSTS_ALL     /**< "at" and "tags": its entries in all indexes. */
} bench_posts_edit;

/** Fills `buf` with post `number`, edited; `salt` tells edits of one kind apart. */
void bench_posts_make(copse_buf *buf, uint64_t number, bench_posts_edit edit, uint64_t salt);

/** An empty database with so many posts loaded. */
copse_tree *bench_posts_load(bench_db *db, size_t count);

#endif
