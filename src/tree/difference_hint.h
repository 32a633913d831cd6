/* Asking ahead for what two trees don't have in common.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_DIFFERENCE_HINT_H
#define COPSE_TREE_DIFFERENCE_HINT_H

#include "tree/tree.h"

/** Puts on the want list the nodes that one of two trees has and the other has not, as far as the
 * branches that are here show, level by level down from the tops, `levels` of them at most: the
 * children of the top are the first. For who will go through their difference anyway, and has
 * something else to wait for first. Both have one node cache; part of an operation on its source
 * that was begun before.
 *
 * Which nodes of two trees stand on one level shows in how many entries they hold: the trees may
 * have different heights. It is advice: a damaged node ends it, and is told of where it is read.
 * NOMEM, IO; else OK. */
COPSE_MUST_USE copse_status copse_tree_hint_difference(copse_tree *a, copse_tree *b, size_t levels,
                                                       copse_err *err);

#endif
