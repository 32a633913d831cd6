/* Merging two heads; in a database with a creator, head by head of those who made theirs.
 *
 *   G0  Before anything else is read of theirs, its frontier is found: so a history that was made
 *       up to be walked for ever ends the merge with LIMIT, in bounded memory. Only the creator's
 *       own head is merged as one, however much is new.
 *   G1  Theirs is merged as one, unless it is an automatic merge: it is its signer's word for
 *       all of it. Where that is taken whole and without conflicts, or nobody else made any of
 *       it, or they are databases without a creator, it is the end.
 *   G2  Else the frontier of theirs (head_frontier.h) is merged in its order, each commit under
 *       the rights of its own signer.
 *   G3  Whose head has all that somebody made, and the same tree, stands for both (head_order.h):
 *       so those who take the same commits come to rest at one head.
 *   G4  What changes nothing, and is by nobody who may write, is in no head that is taken.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include <copse/head_frontier.h>
#include <copse/head_order.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/head_pair.h"
#include "doc/head_refusals.h"
#include "doc/head_review.h"

typedef enum head_merge_stage {
    HEAD_MERGE_OURS,     /* is it a database with a creator? */
    HEAD_MERGE_FRONTIER, /* G0 */
    HEAD_MERGE_WHOLE,    /* G1 */
    HEAD_MERGE_BEFORE,   /* does one of the heads stand for both? */
    HEAD_MERGE_PARTS,    /* G2 */
    HEAD_MERGE_AFTER,    /* does theirs stand for what came of it? */
    HEAD_MERGE_DONE
} head_merge_stage;

struct copse_head_merge {
    const copse_env *env;
    copse_head_merge_options options;
    head_merge_stage stage;
    copse_head_pair *pair; /* the merge under way, or the last one */
    copse_head_order *order;
    copse_head_frontier *frontier;
    copse_public_key creator;
    bool is_try;    /* of the whole: parts may be merged instead */
    size_t part;    /* of the frontier: the present one */
    bool has_empty; /* parts that were not taken, as they change nothing (head_pair.h) */
    copse_cid head; /* what ours has become */
    copse_head_refusals refusals;
    copse_head_merge_result result;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_head_merge_new(const copse_env *env, const copse_head_merge_options *options,
                                  copse_head_merge **ret_merge, copse_err *err)
{
    copse_head_merge *merge = copse_alloc_zeroed(env, sizeof *merge);
    if (merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    merge->env = env;
    merge->options = *options;
    merge->head = options->ours;
    copse_head_refusals_init(&merge->refusals, env);
    copse_status status = copse_head_pair_new(env, options, &merge->pair, err);
    if (status != COPSE_OK) {
        copse_head_merge_free(merge);
        return status;
    }
    *ret_merge = merge;
    return COPSE_OK;
}

copse_head_merge *copse_head_merge_free(copse_head_merge *merge)
{
    if (merge != NULL) {
        copse_head_pair_free(merge->pair);
        copse_head_order_free(merge->order);
        copse_head_frontier_free(merge->frontier);
        copse_head_refusals_release(&merge->refusals);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

const copse_head_merge_result *copse_head_merge_get_result(const copse_head_merge *merge)
{
    return &merge->result;
}

bool copse_head_merge_wants_base(const copse_head_merge *merge)
{
    return merge->pair != NULL && copse_head_pair_wants_base(merge->pair);
}

bool copse_head_merge_wants_last(const copse_head_merge *merge)
{
    return merge->pair != NULL && copse_head_pair_wants_last(merge->pair);
}

/* ---- Before ---------------------------------------------------------------------------------- */

static copse_status head_merge_open_ours(copse_head_merge *merge, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    copse_head_merge_commit ours = {.block = NULL};
    copse_head_merge_commit theirs = {.block = NULL};
    copse_head_merge_sides sides = {.trees = {NULL}};
    copse_cid roots[3] = {{.size = 0}};
    copse_status status = copse_head_merge_read(merge->env, options, &options->ours, &ours, err);
    if (status == COPSE_OK) {
        roots[1] = ours.tree;
        status = copse_head_merge_open(options, roots, &sides, err);
    }
    bool has_creator = status == COPSE_OK && copse_database_identity(sides.databases[1]) != NULL;
    if (has_creator) {
        merge->creator = copse_database_identity(sides.databases[1])->creator;
        status = copse_head_merge_read(merge->env, options, &options->theirs, &theirs, err);
    }
    if (has_creator && status == COPSE_OK) {
        status = copse_head_review_hold(merge->env, theirs.head.time_ms,
                                        &merge->result.held_until_ms, err);
    }
    if (status == COPSE_OK && merge->result.held_until_ms > 0) {
        merge->result.kind = COPSE_HEAD_MERGE_HELD;
        merge->stage = HEAD_MERGE_DONE;
    } else if (status == COPSE_OK) {
        merge->stage = has_creator ? HEAD_MERGE_FRONTIER : HEAD_MERGE_WHOLE;
    }
    copse_head_merge_close(&sides);
    copse_head_merge_forget(&theirs);
    copse_head_merge_forget(&ours);
    return status;
}

static void head_merge_begin_parts(copse_head_merge *merge)
{
    merge->pair = copse_head_pair_free(merge->pair);
    merge->result =
        (copse_head_merge_result){.kind = COPSE_HEAD_MERGE_NOTHING, .bases = merge->result.bases};
    merge->stage = HEAD_MERGE_PARTS;
}

/* Whether the creator signed theirs. */
static copse_status head_merge_is_creators(const copse_head_merge *merge, bool *ret_is,
                                           copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    copse_head_merge_commit theirs = {.block = NULL};
    copse_public_key author;
    copse_commit commit;
    copse_status status =
        copse_head_merge_read(merge->env, options, &options->theirs, &theirs, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(merge->env, theirs.block, &commit, err);
    }
    bool is_said = status == COPSE_OK &&
                   copse_public_key_from_did(commit.author, &author, NULL) == COPSE_OK &&
                   copse_public_key_equal(&author, &merge->creator);
    *ret_is = is_said && copse_commit_verify(merge->env, &commit, NULL) == COPSE_OK;
    copse_head_merge_forget(&theirs);
    return status;
}

/* G0. What one run brings is what it has otherwise than what it was made on (head_frontier.h). */
static copse_status head_merge_find_frontier(copse_head_merge *merge, copse_err *err)
{
    const copse_head_frontier_commit *commits = NULL;
    const copse_head_merge_options *options = &merge->options;
    size_t count = 0;
    copse_status status = COPSE_OK;
    if (merge->frontier == NULL) {
        status = copse_head_frontier_new(merge->env, copse_node_cache_source(options->cache),
                                         &options->ours, &options->theirs, &merge->frontier, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_err detail = {.status = COPSE_OK};
    bool is_creators = false;
    status = copse_head_frontier_find(merge->frontier, &commits, &count, &detail);
    copse_status read =
        status == COPSE_LIMIT ? head_merge_is_creators(merge, &is_creators, err) : COPSE_OK;
    if (read != COPSE_OK || (status != COPSE_OK && !is_creators)) {
        return read != COPSE_OK ? read : copse_err_keep(&detail, status, err);
    }
    bool is_somebodys = count == 0 || copse_cid_equal(&commits[count - 1].cid, &options->theirs);
    merge->stage = HEAD_MERGE_WHOLE;
    merge->is_try = count > 1;
    if (!is_somebodys) {
        head_merge_begin_parts(merge);
    } else if (count == 1) {
        copse_head_pair_set_base(merge->pair, &commits[0].base);
    }
    return COPSE_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Ends it with a head that is there already. */
static void head_merge_end_at(copse_head_merge *merge, const copse_cid *head)
{
    copse_head_merge_result *result = &merge->result;
    result->kind = copse_cid_equal(head, &merge->options.ours) ? COPSE_HEAD_MERGE_NOTHING
                                                               : COPSE_HEAD_MERGE_FORWARD;
    result->head = result->kind == COPSE_HEAD_MERGE_FORWARD ? *head : (copse_cid){.size = 0};
    result->stats = (copse_database_merge_stats){.inserted = 0};
    result->refused = 0; /* what would have been refused is in the tree already, or undone in it */
    result->refusals_count = 0;
    merge->stage = HEAD_MERGE_DONE;
}

static copse_status head_merge_run_whole(copse_head_merge *merge,
                                         copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_database_merge_stats *stats = &merge->result.stats;
    copse_status status;
    do {
        status = copse_head_pair_next(merge->pair, ret_conflict, err);
    } while (status == COPSE_OK && merge->is_try); /* the parts tell of their own conflicts */
    merge->result = *copse_head_pair_get_result(merge->pair);
    if (status == COPSE_END) {
        bool is_clean = merge->result.refused == 0 && stats->conflicts == 0 &&
                        stats->recorded == 0 && stats->settled == 0;
        bool is_reviewed = copse_head_pair_is_reviewed(merge->pair);
        merge->is_try = merge->is_try && !is_clean;
        merge->stage = is_reviewed && (merge->is_try || stats->conflicts == 0) ? HEAD_MERGE_BEFORE
                                                                               : HEAD_MERGE_DONE;
    }
    return status;
}

/* Finds the head that stands for `head` and theirs (G3): *ret_standing, of size 0 where neither
 * does. Whoever has more stands for both only if that made no difference, or it is ours. */
static copse_status head_merge_find_standing(copse_head_merge *merge, const copse_cid *head,
                                             copse_cid *ret_standing, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    copse_head_merge_commit commits[2] = {{.block = NULL}, {.block = NULL}};
    copse_head_relation relation = COPSE_HEADS_APART;
    copse_status status = COPSE_OK;
    if (merge->order == NULL) {
        status = copse_head_order_new(merge->env, copse_node_cache_source(options->cache), head,
                                      &options->theirs, &merge->order, err);
    }
    if (status == COPSE_OK) {
        status = copse_head_order_find(merge->order, &relation, err);
    }
    if (status == COPSE_OK) {
        status = copse_head_merge_read(merge->env, options, head, &commits[0], err);
    }
    if (status == COPSE_OK) {
        status = copse_head_merge_read(merge->env, options, &options->theirs, &commits[1], err);
    }
    if (status == COPSE_OK) {
        bool is_same_tree = copse_cid_equal(&commits[0].tree, &commits[1].tree);
        const copse_cid *standing = copse_head_order_standing(merge->order);
        bool is_found = standing != NULL && (relation == COPSE_HEADS_AHEAD || is_same_tree);
        *ret_standing = is_found ? *standing : (copse_cid){.size = 0};
        merge->order = copse_head_order_free(merge->order);
    }
    copse_head_merge_forget(&commits[0]);
    copse_head_merge_forget(&commits[1]);
    return status;
}

static copse_status head_merge_compare_before(copse_head_merge *merge, copse_err *err)
{
    copse_cid standing;
    copse_status status = head_merge_find_standing(merge, &merge->options.ours, &standing, err);
    if (status == COPSE_OK) {
        merge->stage = HEAD_MERGE_DONE;
        if (standing.size > 0) {
            head_merge_end_at(merge, &standing);
        } else if (merge->is_try) {
            head_merge_begin_parts(merge);
        }
    }
    return status;
}

/* ---- The parts ------------------------------------------------------------------------------- */

/* Puts the merge of a part, on which the next is made. */
static copse_status head_merge_put_part(copse_head_merge *merge, const copse_commit *made,
                                        bool is_settled, copse_err *err)
{
    const copse_key *key = merge->options.key;
    copse_commit commit = *made;
    copse_commit_signature signature;
    copse_block *block = NULL;
    copse_status status = is_settled && key != NULL
                              ? copse_commit_sign(merge->env, &commit, key, &signature, err)
                              : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_commit_encode(merge->env, &commit, &block, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(merge->options.store, &block, 1, err);
    }
    if (status == COPSE_OK) {
        merge->head = *copse_block_cid(block);
        merge->result.commit = *made;
        merge->result.kind = COPSE_HEAD_MERGE_MADE;
    }
    copse_block_unref(block);
    return status;
}

static void head_merge_add_stats(copse_database_merge_stats *sum,
                                 const copse_database_merge_stats *stats)
{
    sum->inserted += stats->inserted;
    sum->replaced += stats->replaced;
    sum->merged += stats->merged;
    sum->deleted += stats->deleted;
    sum->conflicts += stats->conflicts;
    sum->recorded += stats->recorded;
    sum->settled += stats->settled;
    sum->superseded += stats->superseded;
    sum->waiting += stats->waiting;
    sum->returned += stats->returned;
}

static void head_merge_add_written(copse_write_stats *sum, const copse_write_stats *written)
{
    sum->inserted += written->inserted;
    sum->replaced += written->replaced;
    sum->deleted += written->deleted;
    sum->forgotten += written->forgotten;
    sum->index_rows_added += written->index_rows_added;
    sum->index_rows_removed += written->index_rows_removed;
    sum->nodes_written += written->nodes_written;
    sum->bytes_written += written->bytes_written;
}

/* Adds what was not taken of a part. */
static copse_status head_merge_add_refusals(copse_head_merge *merge,
                                            const copse_head_merge_result *part, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < part->refusals_count && status == COPSE_OK; i++) {
        status = copse_head_refusals_add(&merge->refusals, &part->refusals[i], err);
    }
    merge->refusals.count += part->refused - part->refusals_count;
    return status;
}

/* Goes on from a part that was merged to the next. */
static copse_status head_merge_end_part(copse_head_merge *merge, const copse_cid *commit,
                                        copse_err *err)
{
    copse_head_merge_result *result = &merge->result;
    const copse_head_merge_result *part = copse_head_pair_get_result(merge->pair);
    copse_status status = head_merge_add_refusals(merge, part, err);
    if (status == COPSE_OK && part->kind == COPSE_HEAD_MERGE_FORWARD) {
        merge->head = *commit;
        result->kind = COPSE_HEAD_MERGE_FORWARD;
    } else if (status == COPSE_OK && part->kind == COPSE_HEAD_MERGE_MADE) {
        status = head_merge_put_part(merge, &part->commit, part->stats.settled > 0, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (part->kind == COPSE_HEAD_MERGE_HELD && result->held_until_ms < part->held_until_ms) {
        result->held_until_ms = part->held_until_ms;
    }
    result->is_form_wrong = result->is_form_wrong || part->is_form_wrong;
    head_merge_add_stats(&result->stats, &part->stats);
    head_merge_add_written(&result->written, &part->written);
    result->bases = merge->part == 0 && result->bases == 0 ? part->bases : result->bases;
    merge->has_empty = merge->has_empty || copse_head_pair_is_empty(merge->pair);
    merge->pair = copse_head_pair_free(merge->pair);
    merge->part++;
    return COPSE_OK;
}

/* Merges the parts, from the present one on. END: all are merged. OK: a conflict. */
static copse_status head_merge_run_parts(copse_head_merge *merge,
                                         copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_head_frontier_commit *commits = NULL;
    size_t count = 0;
    copse_status status = copse_head_frontier_find(merge->frontier, &commits, &count, err);
    while (status == COPSE_OK && merge->part < count) {
        const copse_cid *commit = &commits[merge->part].cid;
        if (merge->pair == NULL) {
            copse_head_merge_options options = merge->options;
            options.ours = merge->head;
            options.theirs = *commit;
            status = copse_head_pair_new(merge->env, &options, &merge->pair, err);
            if (status == COPSE_OK) {
                copse_head_pair_set_base(merge->pair, &commits[merge->part].base);
            }
        }
        if (status == COPSE_OK) {
            status = copse_head_pair_next(merge->pair, ret_conflict, err);
        }
        if (status != COPSE_END) {
            return status;
        }
        status = head_merge_end_part(merge, commit, err);
    }
    merge->stage = status == COPSE_OK ? HEAD_MERGE_AFTER : merge->stage;
    return status == COPSE_OK ? COPSE_END : status;
}

/* Says what came of the parts. */
static copse_status head_merge_compare_after(copse_head_merge *merge, copse_err *err)
{
    copse_head_merge_result *result = &merge->result;
    copse_cid standing;
    copse_status status = head_merge_find_standing(merge, &merge->head, &standing, err);
    if (status != COPSE_OK) {
        return status;
    }
    merge->stage = HEAD_MERGE_DONE;
    result->refused = merge->refusals.count;
    result->refusals = merge->refusals.kept;
    result->refusals_count = merge->refusals.kept_count;
    if (result->stats.conflicts == 0 && !merge->has_empty &&
        copse_cid_equal(&standing, &merge->options.theirs)) {
        head_merge_end_at(merge, &standing);
    } else if (result->kind == COPSE_HEAD_MERGE_FORWARD) {
        result->head = merge->head;
    } else if (result->kind == COPSE_HEAD_MERGE_NOTHING && result->refused > 0) {
        result->kind = COPSE_HEAD_MERGE_REFUSED;
    } else if (result->kind == COPSE_HEAD_MERGE_NOTHING && result->held_until_ms > 0) {
        result->kind = COPSE_HEAD_MERGE_HELD;
    }
    return COPSE_OK;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* OK: a conflict. END: a stage is done. */
static copse_status head_merge_step(copse_head_merge *merge, copse_database_conflict *ret_conflict,
                                    copse_err *err)
{
    copse_status status = COPSE_OK;
    switch (merge->stage) {
    case HEAD_MERGE_OURS:
        status = head_merge_open_ours(merge, err);
        break;
    case HEAD_MERGE_FRONTIER:
        status = head_merge_find_frontier(merge, err);
        break;
    case HEAD_MERGE_WHOLE:
        return head_merge_run_whole(merge, ret_conflict, err);
    case HEAD_MERGE_BEFORE:
        status = head_merge_compare_before(merge, err);
        break;
    case HEAD_MERGE_PARTS:
        return head_merge_run_parts(merge, ret_conflict, err);
    case HEAD_MERGE_AFTER:
        status = head_merge_compare_after(merge, err);
        break;
    case HEAD_MERGE_DONE:
        break;
    }
    return status == COPSE_OK ? COPSE_END : status;
}

copse_status copse_head_merge_next(copse_head_merge *merge, copse_database_conflict *ret_conflict,
                                   copse_err *err)
{
    copse_database_conflict conflict;
    copse_status status = merge->failure.status;
    if (status == COPSE_OK) {
        do {
            status = head_merge_step(merge, &conflict, &merge->failure);
        } while (status == COPSE_END && merge->stage != HEAD_MERGE_DONE);
    }
    status = copse_err_keep(&merge->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}
