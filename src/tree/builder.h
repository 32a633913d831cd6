/* The builder, for those who know that their values are right.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_BUILDER_H
#define COPSE_TREE_BUILDER_H

#include <copse/builder.h>

/** As copse_builder_add, for a value that was checked to be one strict DAG-CBOR item. */
COPSE_MUST_USE copse_status copse_builder_add_checked(copse_builder *builder, copse_bytes key,
                                                      copse_bytes value, copse_err *err);

#endif
