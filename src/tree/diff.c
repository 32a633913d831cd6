/* The diff: two frontiers (frontier.h) that move past each other.
 *
 * Upwards, the side that begins first is looked at:
 *
 *   D1  Both heads are the same subtree, or the same entry: both are dropped, unread.
 *   D2  Both begin at the same key. Two entries: a change. Two subtrees that end at the same
 *       key, in the range that is looked at: a range, if ranges are wanted. Else the larger is
 *       expanded, or both if they are equally large (F3).
 *   D3  One begins first. If it ends before the other begins, only its side has it: an entry
 *       or, if ranges are wanted, a range; else it is expanded.
 *
 * Downwards the ends of subtrees would have to meet, but they are not exact (F1). So D1 and D2 are
 * as above, by first keys, and:
 *
 *   D4  The head with the lower first key may reach up to the other one. If the other tree
 *       holds the same subtree further down, it doesn't (F2), and waits. Else it is expanded.
 *       Finding that out reads branches of the other tree that have more entries, down to the
 *       place of the first key. They differ between the trees, so that they would be read
 *       anyway, but where that key was deleted: then they may be left neighbours of the place.
 *   D5  If it doesn't reach up, the one with the higher first key is there on its side only.
 *
 * Upwards a node of either tree is so read only if the other tree hasn't got it, but for the tops,
 * and a path at each end of the range that is looked at (I1). On a missing node a copy of the
 * frontiers walks on without it (copse_frontier_pass_by), to learn what else is missing; the diff
 * itself stays where it is (I2).
 *
 * The level of a subtree is not given: it is known only after a path has been read down to a leaf,
 * which would often be one that both trees have.
 *
 * Cost: the entries of the nodes that differ, and of the branches above them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/diff.h>

#include "base/alloc.h"
#include "base/err.h"
#include "tree/frontier.h"

#include <string.h>

enum { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

enum { MASK_BEFORE = 1u << DIFF_BEFORE, MASK_AFTER = 1u << DIFF_AFTER, MASK_BOTH = 3 };

/* The two frontiers. */
typedef struct diff_pair {
    copse_frontier sides[DIFF_SIDES];
    bool waits[DIFF_SIDES]; /* D4: the other side is known to hold the head, further down */
    bool reverse;
    bool ranges;
} diff_pair;

/* What is to be done with the heads named in the mask. */
typedef enum diff_step_kind { STEP_END, STEP_DROP, STEP_EXPAND, STEP_CHANGE } diff_step_kind;

typedef struct diff_step {
    diff_step_kind kind;
    unsigned mask;
} diff_step;

struct copse_diff {
    const copse_env *env;
    diff_pair pair;
    diff_step due; /* STEP_DROP: past what was given; STEP_EXPAND: into it; else nothing */
    bool gave_range;
    copse_bytes bounds[2]; /* copies of the range's */
};

copse_status copse_diff_new(copse_tree *before, copse_tree *after,
                            const copse_diff_options *options, copse_diff **ret_diff,
                            copse_err *err)
{
    static const copse_diff_options all = {{NULL, 0}, NULL, false, false};
    options = options != NULL ? options : &all;
    copse_status status = copse_tree_require_ours(after, "a diff", err);
    if (status == COPSE_OK && before != NULL) {
        status = copse_tree_require_ours(before, "a diff", err);
    }
    if (status == COPSE_OK && before != NULL && before->cache != after->cache) {
        status = COPSE_ERR(err, COPSE_MISUSE, "a diff of trees with two node caches");
    }
    if (status != COPSE_OK) {
        return status;
    }
    /* The bounds stand behind the struct. */
    size_t to_len = options->to != NULL ? options->to->len : 0;
    size_t size = sizeof(copse_diff) + options->from.len + to_len;
    copse_diff *diff = copse_alloc_zeroed(after->env, size);
    if (diff == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    uint8_t *bounds = (uint8_t *)diff + sizeof *diff;
    if (options->from.len > 0) {
        memcpy(bounds, options->from.ptr, options->from.len);
    }
    if (to_len > 0) {
        memcpy(bounds + options->from.len, options->to->ptr, to_len);
    }
    copse_frontier_range range = {
        {bounds, options->from.len}, {bounds + options->from.len, to_len}, options->to != NULL};
    diff->env = after->env;
    diff->pair.reverse = options->reverse;
    diff->pair.ranges = options->ranges;
    diff->bounds[0] = range.from;
    diff->bounds[1] = range.to;
    copse_frontier_init(&diff->pair.sides[DIFF_BEFORE], before != NULL ? before : after, &range,
                        options->reverse);
    copse_frontier_init(&diff->pair.sides[DIFF_AFTER], after, &range, options->reverse);
    /* A frontier that has started and holds nothing is at its end: whose tree it is doesn't
     * matter. */
    diff->pair.sides[DIFF_BEFORE].started = before == NULL;
    *ret_diff = diff;
    return COPSE_OK;
}

static void diff_pair_release(diff_pair *pair)
{
    copse_frontier_release(&pair->sides[DIFF_BEFORE]);
    copse_frontier_release(&pair->sides[DIFF_AFTER]);
}

copse_diff *copse_diff_free(copse_diff *diff)
{
    if (diff != NULL) {
        diff_pair_release(&diff->pair);
        copse_free(diff->env, diff, sizeof *diff + diff->bounds[0].len + diff->bounds[1].len);
    }
    return NULL;
}

/* ---- what comes next ---- */

/* F3: which of the heads of the mask are the largest. */
static unsigned diff_largest(const diff_pair *pair, unsigned mask)
{
    if (mask == MASK_BOTH) {
        uint64_t before = pair->sides[DIFF_BEFORE].head.count;
        uint64_t after = pair->sides[DIFF_AFTER].head.count;
        mask = before > after ? MASK_BEFORE : before < after ? MASK_AFTER : MASK_BOTH;
    }
    return mask;
}

/* The head of `side` is there on that side only. */
static diff_step diff_one_sided(const diff_pair *pair, unsigned side)
{
    const copse_frontier *frontier = &pair->sides[side];
    bool given =
        frontier->head.count == 0 || (pair->ranges && copse_frontier_head_is_whole(frontier));
    return (diff_step){given ? STEP_CHANGE : STEP_EXPAND, 1u << side};
}

/* D1 and D2. */
static diff_step diff_same_first(const diff_pair *pair)
{
    const copse_frontier *before = &pair->sides[DIFF_BEFORE];
    const copse_frontier *after = &pair->sides[DIFF_AFTER];
    const copse_item *x = &before->head;
    const copse_item *y = &after->head;
    if (copse_frontier_same(before, after)) {
        return (diff_step){STEP_DROP, MASK_BOTH};
    }
    if (x->count == 0 && y->count == 0) {
        return (diff_step){STEP_CHANGE, MASK_BOTH};
    }
    if (pair->ranges && x->count > 0 && y->count > 0 && x->has_end == y->has_end &&
        (!x->has_end || copse_bytes_equal(x->end, y->end)) &&
        copse_frontier_head_is_whole(before)) {
        return (diff_step){STEP_CHANGE, MASK_BOTH};
    }
    return (diff_step){STEP_EXPAND, diff_largest(pair, MASK_BOTH)};
}

/* Whether the head `low` may have keys at or above the first key of `high`. */
static bool diff_reaches(const copse_item *low, const copse_item *high)
{
    return low->count > 0 && (!low->has_end || copse_bytes_compare(low->end, high->first) > 0);
}

/* D4 and D5; `low` is the side with the lower first key. */
static copse_status diff_downwards(diff_pair *pair, unsigned low, diff_step *ret_step,
                                   copse_err *err)
{
    copse_frontier *frontier = &pair->sides[low];
    copse_frontier *other = &pair->sides[!low];
    copse_status status = COPSE_OK;
    bool reaches = !pair->waits[low] && diff_reaches(&frontier->head, &other->head);
    if (reaches) {
        status = copse_frontier_holds(other, &frontier->head, &pair->waits[low], err);
    }
    if (status == COPSE_OK && reaches && !pair->waits[low]) {
        *ret_step = (diff_step){STEP_EXPAND, 1u << low};
    } else if (status == COPSE_OK) {
        *ret_step = diff_one_sided(pair, !low);
    }
    return status;
}

/* Writes *ret_step on OK only. WANT: see D4. */
static copse_status diff_decide(diff_pair *pair, diff_step *ret_step, copse_err *err)
{
    const copse_frontier *before = &pair->sides[DIFF_BEFORE];
    const copse_frontier *after = &pair->sides[DIFF_AFTER];
    if (!before->has_head || !after->has_head) {
        *ret_step = before->has_head  ? diff_one_sided(pair, DIFF_BEFORE)
                    : after->has_head ? diff_one_sided(pair, DIFF_AFTER)
                                      : (diff_step){STEP_END, 0};
        return COPSE_OK;
    }
    int order = copse_bytes_compare(before->head.first, after->head.first);
    if (order == 0) {
        *ret_step = diff_same_first(pair);
        return COPSE_OK;
    }
    unsigned low = order < 0 ? DIFF_BEFORE : DIFF_AFTER;
    if (pair->reverse) {
        return diff_downwards(pair, low, ret_step, err);
    }
    if (diff_reaches(&pair->sides[low].head, &pair->sides[!low].head)) {
        *ret_step = (diff_step){STEP_EXPAND, 1u << low};
    } else {
        *ret_step = diff_one_sided(pair, low);
    }
    return COPSE_OK;
}

static void diff_drop(diff_pair *pair, unsigned mask)
{
    for (unsigned side = DIFF_BEFORE; side < DIFF_SIDES; side++) {
        if ((mask & 1u << side) != 0) {
            copse_frontier_drop(&pair->sides[side]);
            pair->waits[side] = false;
        }
    }
}

/* Expands the heads of the mask, and takes those that were there out of it. All of them are tried,
 * so that all are wanted. */
static copse_status diff_expand(diff_pair *pair, unsigned *mask, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (unsigned side = DIFF_BEFORE; side < DIFF_SIDES && status >= 0; side++) {
        if ((*mask & 1u << side) == 0) {
            continue;
        }
        copse_status opened = copse_frontier_expand(&pair->sides[side], err);
        if (opened == COPSE_OK) {
            *mask &= ~(1u << side);
            pair->waits[side] = false;
        } else {
            status = opened;
        }
    }
    return status;
}

/* ---- looking ahead (I2) ---- */

/* Goes on without the heads of the mask. */
static copse_status diff_pass_by(diff_pair *pair, unsigned mask, copse_err *err)
{
    unsigned side = (mask & MASK_BEFORE) != 0 ? DIFF_BEFORE : DIFF_AFTER;
    pair->waits[DIFF_BEFORE] = false;
    pair->waits[DIFF_AFTER] = false;
    return copse_frontier_pass_by(pair->sides, DIFF_SIDES, side, true, err);
}

static copse_status diff_ahead_step(diff_pair *pair, diff_step step, copse_err *err)
{
    if (step.kind != STEP_EXPAND) {
        diff_drop(pair, step.mask);
        return COPSE_OK;
    }
    copse_status status = diff_expand(pair, &step.mask, err);
    return status == COPSE_WANT ? diff_pass_by(pair, step.mask, err) : status;
}

/* `due`: what has to be done before anything is decided. */
static copse_status diff_look_ahead(const diff_pair *pair, diff_step due, copse_err *err)
{
    diff_pair ahead = *pair;
    copse_frontier_copy(&ahead.sides[DIFF_BEFORE], &pair->sides[DIFF_BEFORE]);
    copse_frontier_copy(&ahead.sides[DIFF_AFTER], &pair->sides[DIFF_AFTER]);
    uint64_t nodes_read = copse_frontier_nodes_read(ahead.sides, DIFF_SIDES);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && due.kind != STEP_END &&
           !copse_frontier_is_far(ahead.sides, DIFF_SIDES, nodes_read)) {
        status = due.mask != 0 ? diff_ahead_step(&ahead, due, err) : COPSE_OK;
        if (status == COPSE_OK) {
            status = diff_decide(&ahead, &due, err);
        }
        if (status == COPSE_WANT) { /* D4 could not be decided */
            bool is_before = copse_bytes_compare(ahead.sides[DIFF_BEFORE].head.first,
                                                 ahead.sides[DIFF_AFTER].head.first) < 0;
            due = (diff_step){STEP_DROP, 0};
            status = diff_pass_by(&ahead, is_before ? MASK_BEFORE : MASK_AFTER, err);
        }
    }
    diff_pair_release(&ahead);
    return status;
}

/* ---- the iterator ---- */

/* Both tops are tried, so that both are wanted. */
static copse_status diff_start(diff_pair *pair, copse_err *err)
{
    copse_frontier *before = &pair->sides[DIFF_BEFORE];
    copse_frontier *after = &pair->sides[DIFF_AFTER];
    if (!before->started && copse_cid_equal(&before->tree->top, &after->tree->top)) {
        return COPSE_OK; /* neither is ever read */
    }
    copse_status status = copse_frontier_start(before, err);
    if (status < 0) {
        return status;
    }
    copse_status other = copse_frontier_start(after, err);
    return other != COPSE_OK ? other : status;
}

static void diff_give(const diff_pair *pair, unsigned mask, copse_change *ret_change)
{
    const copse_item *x = &pair->sides[DIFF_BEFORE].head;
    const copse_item *y = &pair->sides[DIFF_AFTER].head;
    const copse_item *any = (mask & MASK_BEFORE) != 0 ? x : y;
    *ret_change = (copse_change){.kind = mask == MASK_BOTH     ? COPSE_CHANGED
                                         : mask == MASK_BEFORE ? COPSE_REMOVED
                                                               : COPSE_ADDED,
                                 .is_range = any->count > 0,
                                 .key = any->first};
    if (!ret_change->is_range) {
        ret_change->before = (mask & MASK_BEFORE) != 0 ? x->content : (copse_bytes){NULL, 0};
        ret_change->after = (mask & MASK_AFTER) != 0 ? y->content : (copse_bytes){NULL, 0};
        return;
    }
    ret_change->has_end = any->has_end;
    if (any->has_end) {
        ret_change->end = any->end;
    }
    if ((mask & MASK_BEFORE) != 0) {
        ret_change->subtree_before = (copse_change_subtree){x->content, x->count};
    }
    if ((mask & MASK_AFTER) != 0) {
        ret_change->subtree_after = (copse_change_subtree){y->content, y->count};
    }
}

copse_status copse_diff_next(copse_diff *diff, copse_change *ret_change, copse_err *err)
{
    diff_pair *pair = &diff->pair;
    copse_source_begin(pair->sides[DIFF_BEFORE].tree->cache->source);
    diff->gave_range = false;
    copse_status status = diff_start(pair, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (status == COPSE_OK) {
        if (diff->due.kind == STEP_EXPAND) {
            status = diff_expand(pair, &diff->due.mask, err);
        } else {
            diff_drop(pair, diff->due.mask);
            diff->due.mask = 0;
        }
        if (status == COPSE_OK) {
            status = diff_decide(pair, &diff->due, err);
        }
        if (status == COPSE_OK && diff->due.kind == STEP_END) {
            return COPSE_END;
        }
        if (status == COPSE_OK && diff->due.kind == STEP_CHANGE) {
            diff_give(pair, diff->due.mask, ret_change);
            diff->gave_range = ret_change->is_range;
            diff->due.kind = STEP_DROP;
            return COPSE_OK;
        }
    }
    if (status == COPSE_WANT) {
        copse_status ahead = diff_look_ahead(pair, diff->due, err);
        status = ahead != COPSE_OK ? ahead : status;
    }
    return status;
}

copse_status copse_diff_descend(copse_diff *diff, copse_err *err)
{
    if (!diff->gave_range) {
        return COPSE_ERR(err, COPSE_MISUSE, "there is no range to descend into");
    }
    diff->due = (diff_step){STEP_EXPAND, diff_largest(&diff->pair, diff->due.mask)};
    diff->gave_range = false;
    return COPSE_OK;
}

uint64_t copse_diff_nodes_read(const copse_diff *diff)
{
    return copse_frontier_nodes_read(diff->pair.sides, DIFF_SIDES);
}
