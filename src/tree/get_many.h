/* Gets of many keys in one operation.
 *
 *   G1  The want list of a WANT is the union over all keys: a reader of documents that stand
 *       anywhere takes as many rounds as the tree has levels, however many keys there are.
 *   G2  The leaves are held, so that all values are lent together.
 *
 * Cost: a descent a key; neighbours that fall into the leaf before are found there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_GET_MANY_H
#define COPSE_TREE_GET_MANY_H

#include "tree/tree.h"

/** Holds the leaves of the last get. Belongs to the tree's thread. A zeroed one may be released. */
typedef struct copse_get_many {
    copse_tree *tree;
    copse_node **leaves;
    size_t leaves_count;
    size_t leaves_capacity;
} copse_get_many;

void copse_get_many_init(copse_get_many *gets, copse_tree *tree);

/** Lets go of the leaves; keeps the memory. Ends the life of the values. */
void copse_get_many_clear(copse_get_many *gets);

/** Frees and zeroes it. */
void copse_get_many_release(copse_get_many *gets);

/** Gets the values of `count` keys, in any order: of one that is not there the ptr is NULL. The
 * values are valid until the next call with this object. WANT, CORRUPT, IO, NOMEM: what is in
 * `ret_values` means nothing. */
COPSE_MUST_USE copse_status copse_get_many_run(copse_get_many *gets, const copse_bytes *keys,
                                               size_t count, copse_bytes *ret_values,
                                               copse_err *err);

#endif
