/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_fold.h>

#include <copse/head_order.h>

#include "base/alloc.h"
#include "base/err.h"

/* The pair (low, high) is compared next; all before it, by low and then by high, are apart. */
struct copse_head_fold {
    const copse_env *env;
    copse_source *source;
    copse_cid heads[COPSE_HEAD_FOLD_MAX]; /* by CID, behind what was merged until now */
    size_t count;
    size_t low;
    size_t high;
    bool is_merged;          /* all but the first are known to be apart */
    copse_head_order *order; /* of the pair; NULL: not begun */
    copse_err failure;       /* what it failed with, and does again */
};

/* Puts a head in its place, once. */
static void head_fold_add(copse_head_fold *fold, const copse_cid *head)
{
    size_t at = fold->count;
    while (at > 0 && copse_cid_compare(head, &fold->heads[at - 1]) < 0) {
        at--;
    }
    if (at > 0 && copse_cid_equal(head, &fold->heads[at - 1])) {
        return;
    }
    for (size_t i = fold->count++; i > at; i--) {
        fold->heads[i] = fold->heads[i - 1];
    }
    fold->heads[at] = *head;
}

copse_status copse_head_fold_new(const copse_env *env, copse_source *source, const copse_cid *heads,
                                 size_t count, copse_head_fold **ret_fold, copse_err *err)
{
    if (count == 0 || count > COPSE_HEAD_FOLD_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "a fold is of 1 to %d heads", COPSE_HEAD_FOLD_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (heads[i].size == 0) {
            return COPSE_ERR(err, COPSE_MISUSE, "a head that is folded is no CID");
        }
    }
    copse_head_fold *fold = copse_alloc_zeroed(env, sizeof *fold);
    if (fold == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    fold->env = env;
    fold->source = source;
    fold->high = 1;
    for (size_t i = 0; i < count; i++) {
        head_fold_add(fold, &heads[i]);
    }
    *ret_fold = fold;
    return COPSE_OK;
}

copse_head_fold *copse_head_fold_free(copse_head_fold *fold)
{
    if (fold != NULL) {
        copse_head_order_free(fold->order);
        copse_free(fold->env, fold, sizeof *fold);
    }
    return NULL;
}

static void head_fold_remove(copse_head_fold *fold, size_t at)
{
    fold->count--;
    for (size_t i = at; i < fold->count; i++) {
        fold->heads[i] = fold->heads[i + 1];
    }
}

/* Goes on to the next pair, without the head of this one that the other stands for. */
static void head_fold_settle(copse_head_fold *fold, const copse_cid *standing)
{
    if (standing == NULL) {
        fold->high++;
    } else if (copse_cid_equal(standing, &fold->heads[fold->low])) {
        head_fold_remove(fold, fold->high);
    } else {
        head_fold_remove(fold, fold->low);
        fold->high = fold->low + 1;
    }
    if (fold->high >= fold->count) {
        fold->low = fold->is_merged ? fold->count : fold->low + 1;
        fold->high = fold->low + 1;
    }
}

static copse_status head_fold_compare(copse_head_fold *fold, copse_err *err)
{
    copse_head_relation relation;
    copse_status status = COPSE_OK;
    if (fold->order == NULL) {
        status = copse_head_order_new(fold->env, fold->source, &fold->heads[fold->low],
                                      &fold->heads[fold->high], &fold->order, err);
    }
    if (status == COPSE_OK) {
        status = copse_head_order_find(fold->order, &relation, err);
    }
    if (status == COPSE_OK) {
        head_fold_settle(fold, copse_head_order_standing(fold->order));
        fold->order = copse_head_order_free(fold->order);
    }
    return status;
}

copse_status copse_head_fold_next(copse_head_fold *fold, const copse_cid **ret_ours,
                                  const copse_cid **ret_theirs, copse_err *err)
{
    copse_status status = fold->failure.status;
    while (status == COPSE_OK && fold->high < fold->count) {
        status = head_fold_compare(fold, &fold->failure);
    }
    status = copse_err_keep(&fold->failure, status, err);
    if (status != COPSE_OK || fold->count == 1) {
        return status == COPSE_OK ? COPSE_END : status;
    }
    *ret_ours = &fold->heads[0];
    *ret_theirs = &fold->heads[1];
    return COPSE_OK;
}

void copse_head_fold_merged(copse_head_fold *fold, const copse_cid *commit)
{
    fold->heads[0] = *commit;
    head_fold_remove(fold, 1);
    fold->low = 0; /* it may stand for others now */
    fold->high = 1;
    fold->is_merged = true;
}

const copse_cid *copse_head_fold_head(const copse_head_fold *fold)
{
    return &fold->heads[0];
}
