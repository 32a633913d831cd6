/* The builder, for those who know that their values are right or count what it writes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_BUILDER_H
#define COPSE_TREE_BUILDER_H

#include <copse/builder.h>

/** As copse_builder_add, for a value that was checked to be one strict DAG-CBOR item. */
COPSE_MUST_USE copse_status copse_builder_add_checked(copse_builder *builder, copse_bytes key,
                                                      copse_bytes value, copse_err *err);

/** What a builder has made so far: nodes, and when it has finished the root tuple. */
typedef struct copse_builder_written {
    uint64_t blocks;
    uint64_t size_bytes;
} copse_builder_written;

copse_builder_written copse_builder_get_written(const copse_builder *builder);

#endif
