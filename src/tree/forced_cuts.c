/* Counting forced cuts by the aheads that branches hold, without reading leaves.
 *
 *   X1  A node was ended by a forced cut exactly if the ahead of the next node is not 0.
 *
 * A forced cut looks at the entry that did not fit, which is behind its node; so the next node has
 * an ahead. Any other boundary looks no further than its own node, and could leave an ahead only if
 * it stood before the last entry that an earlier forced cut looked at. There it can't stand: that
 * cut's chunk went past it without a boundary, and now that the entries are fed again, s is smaller
 * there, and with it s - min and D of the rule (C1 of chunker.h). An entry above max (C3) is always
 * the last that is looked at. (Where C5 joins the last two chunks of a level, the cut between them
 * is gone, and is not counted.)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/check.h>

#include "base/err.h"
#include "tree/walk.h"

static copse_status forced_check_level(copse_walk *walk, copse_err *err)
{
    size_t max = walk->tree->env->limits.forced_cuts_run_max;
    size_t run = 0;
    copse_status status = copse_walk_seek(walk, (copse_bytes){NULL, 0}, err);
    while (status == COPSE_OK) {
        run = copse_walk_ahead(walk) > 0 ? run + 1 : 0;
        if (run > max) {
            return COPSE_ERR(err, COPSE_LIMIT,
                             "the tree has more than %zu forced cuts in a row on level %zu", max,
                             walk->level);
        }
        status = copse_walk_next(walk, err);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_tree_check_forced_cuts(copse_tree *tree, copse_err *err)
{
    copse_source_begin(tree->cache->source);
    copse_status status = copse_tree_require_ours(tree, "counting forced cuts", err);
    if (status == COPSE_OK) {
        status = copse_tree_find_height(tree, (copse_bytes){NULL, 0}, err);
    }
    for (size_t level = 0; status == COPSE_OK && level + 1 < tree->height; level++) {
        copse_walk walk;
        copse_walk_init(&walk, tree, level);
        status = forced_check_level(&walk, err);
        copse_walk_release(&walk);
    }
    return status;
}
