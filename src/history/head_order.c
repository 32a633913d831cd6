/* Both histories are walked at once (marked_walk.h), each commit with the marks of the heads that
 * it is reached from.
 *
 *   O1  A commit with one mark is one that the other head lacks: it counts unless it is an
 * automatic merge. What is reached from both is not walked further. O2  As soon as each side has
 * something that the other has not, they are APART for good. O3  The relation depends on the two
 * heads alone, and so does what stands for both. The choice between two that are the SAME never
 * goes back in generation.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_order.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/commit.h"
#include "history/marked_walk.h"

enum { HEAD_ORDER_OF_A = 1, HEAD_ORDER_OF_B = 2, HEAD_ORDER_OF_BOTH = 3 };

typedef struct head_order_side {
    copse_cid cid;
    copse_cid tree; /* once it was met */
    uint64_t generation;
    bool has_more;
} head_order_side;

struct copse_head_order {
    const copse_env *env;
    copse_marked_walk *walk;
    head_order_side a;
    head_order_side b;
    bool is_found;
};

copse_status copse_head_order_new(const copse_env *env, copse_source *source, const copse_cid *a,
                                  const copse_cid *b, copse_head_order **ret_order, copse_err *err)
{
    const copse_marked_head heads[2] = {{*a, HEAD_ORDER_OF_A}, {*b, HEAD_ORDER_OF_B}};
    copse_head_order *order = copse_alloc_zeroed(env, sizeof *order);
    if (order == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    order->env = env;
    order->a.cid = *a;
    order->b.cid = *b;
    copse_status status = copse_marked_walk_new(env, source, heads, 2, &order->walk, err);
    if (status != COPSE_OK) {
        copse_head_order_free(order);
        return status;
    }
    *ret_order = order;
    return COPSE_OK;
}

copse_head_order *copse_head_order_free(copse_head_order *order)
{
    if (order != NULL) {
        copse_marked_walk_free(order->walk);
        copse_free(order->env, order, sizeof *order);
    }
    return NULL;
}

static void head_order_meet(head_order_side *side, const copse_cid *cid, const copse_commit *commit)
{
    if (copse_cid_equal(&side->cid, cid)) {
        side->tree = commit->tree;
        side->generation = commit->generation;
    }
}

/* O1 */
static void head_order_visit(copse_head_order *order, const copse_cid *cid,
                             const copse_commit *commit, unsigned marks)
{
    head_order_meet(&order->a, cid, commit);
    head_order_meet(&order->b, cid, commit);
    if (marks == HEAD_ORDER_OF_BOTH) {
        copse_marked_walk_add_marks(order->walk, COPSE_MARK_DONE);
    } else if (!copse_commit_is_automatic(commit)) {
        order->a.has_more |= marks == HEAD_ORDER_OF_A;
        order->b.has_more |= marks == HEAD_ORDER_OF_B;
    }
}

copse_status copse_head_order_find(copse_head_order *order, copse_head_relation *ret_relation,
                                   copse_err *err)
{
    const copse_cid *cid;
    const copse_commit *commit;
    unsigned marks;
    while (!order->is_found) {
        copse_status status = copse_marked_walk_next(order->walk, &cid, &commit, &marks, err);
        if (status == COPSE_OK) {
            head_order_visit(order, cid, commit, marks);
        } else if (status != COPSE_END) {
            return status;
        }
        order->is_found = status == COPSE_END || (order->a.has_more && order->b.has_more); /* O2 */
    }
    *ret_relation = order->a.has_more   ? order->b.has_more ? COPSE_HEADS_APART : COPSE_HEADS_AHEAD
                    : order->b.has_more ? COPSE_HEADS_BEHIND
                                        : COPSE_HEADS_SAME;
    return COPSE_OK;
}

const copse_cid *copse_head_order_standing(const copse_head_order *order)
{
    const head_order_side *a = &order->a;
    const head_order_side *b = &order->b;
    if (a->has_more || b->has_more) {
        return a->has_more && b->has_more ? NULL : a->has_more ? &a->cid : &b->cid;
    }
    if (!copse_cid_equal(&a->tree, &b->tree)) {
        return NULL;
    }
    if (a->generation != b->generation) {
        return a->generation > b->generation ? &a->cid : &b->cid;
    }
    return copse_cid_compare(&a->cid, &b->cid) <= 0 ? &a->cid : &b->cid;
}
