/* A random database that is queried: documents that are also kept beside it, indexes that meet them
 * (query_random.h), and random queries.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_QUERY_WORLD_H
#define COPSE_TESTS_QUERY_WORLD_H

#include "support/database_world.h"
#include "support/query_brute.h"
#include "support/query_random.h"

enum { QUERY_WORLD_DOCUMENTS = 60 };

/** Its collection is "posts", its tree db.tree. */
typedef struct query_world {
    database_world db;
    query_brute_documents documents;
    query_random_shape shape;
    uint64_t state; /* random */
    uint64_t seed;
    bool linked;
} query_world;

/** QUERY_WORLD_DOCUMENTS documents, fewer if an index can't hold some. Equal seeds make equal ones.
 */
void query_world_init(query_world *world, uint64_t seed);

/** Replaces, adds and deletes. */
void query_world_change(query_world *world);

void query_world_release(query_world *world);

/** A random query with what its options borrow. Stays where it is. It may be one that does not
 * compile. */
typedef struct query_world_query {
    copse_buf filter;
    copse_buf projection;
    copse_sort_spec sort;
    char sort_text[64];
    copse_query_options options;
} query_world_query;

void query_world_query_init(query_world *world, query_world_query *query);
void query_world_query_release(query_world_query *query);

#endif
