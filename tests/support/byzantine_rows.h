/* Rows of a database, and nodes of its tree, that no write would make.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BYZANTINE_ROWS_H
#define COPSE_TESTS_BYZANTINE_ROWS_H

#include "support/byzantine_world.h"

#include <copse/batch.h>

/** Where a document stands. */
typedef struct byzantine_place {
    byzantine_collection collection;
    int id;
} byzantine_place;

/** Closes `tree`, and opens one that has at `to` the document and the version that `from` has at
 * another place. `n` above 0: in the document n is that. */
copse_tree *byzantine_copy_document(byzantine_world *world, copse_tree *from, byzantine_place place,
                                    copse_tree *tree, byzantine_place to, int n);

/** Closes `tree`, and opens one without the last row of the index of a collection, or with one that
 * no document makes. */
copse_tree *byzantine_break_index(byzantine_world *world, copse_tree *tree,
                                  byzantine_collection collection, bool is_missing);

/** Closes `tree`, and opens one with a row of statements about a person: a list of these. */
copse_tree *byzantine_put_statements(byzantine_world *world, copse_tree *tree, byzantine_person to,
                                     const copse_bytes *statements, size_t count);

/** Closes `tree`; the root of one with the same rows, cut where the rule does not cut it.
 * `is_miscounted`: and it says of a node that it has one row more. */
copse_cid byzantine_recut(byzantine_world *world, copse_tree *tree, bool is_miscounted);

#endif
