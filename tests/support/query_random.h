/* Random documents, indexes and queries that meet: for tests of the planner.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_QUERY_RANDOM_H
#define COPSE_TESTS_QUERY_RANDOM_H

#include <copse/query.h>

/** How documents of a world are: deeper values have arrays and objects; 0: neither. */
typedef struct query_random_shape {
    unsigned depth_max;
    bool has_long; /* some texts are cut in an index */
} query_random_shape;

/** Appends a document with this `_id`. Equal states make equal documents. */
void query_random_document(uint64_t *state, const query_random_shape *shape, uint64_t id,
                           copse_buf *buf);

/** Writes an index as for database_world_index. */
void query_random_index(uint64_t *state, bool linked, char ret_fields[64], char ret_options[96]);

/** Appends a filter; it may be one that does not compile. */
void query_random_filter(uint64_t *state, copse_buf *buf);

/** A sort order as text, or NULL for none. */
const char *query_random_sort(uint64_t *state, char ret_text[64]);

/** Appends a projection; false: none. */
bool query_random_projection(uint64_t *state, copse_buf *buf);

#endif
