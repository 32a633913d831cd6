/* Many commits are compared at once, and what all of these want is fetched together.
 *
 *   H1  A lot of commits takes a round for each level of their trees, and one more for each
 *       limits.wants_max blocks; a round is not for one commit, nor for a few.
 *   H2  Memory: CIDs, of the commits of a lot and of limits.wants_max blocks; and the paths of
 *       HISTORY_COPY_OPEN commits. The comparisons of those behind them begin anew in each round:
 *       of what has come they find the blocks here, and there is little of it, as those before
 *       them want less than a round can bring.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "history_copy.h"

#include <copse/cid_set.h>
#include <copse/database_conflicts.h>
#include <copse/history_keep.h>
#include <copse/history_range.h>
#include <copse/pull.h>

#include <stdio.h>
#include <string.h>

enum { HISTORY_COPY_OPEN = 64, HISTORY_COPY_AHEAD_MS = 24 * 60 * 60 * 1000 };

/* A commit whose tree is brought. Zeroed: none. */
typedef struct history_copy_line {
    copse_cid roots[2]; /* of the tree before, of size 0: none; and of its own */
    copse_tree *trees[2];
    copse_pull *pull;
    uint64_t time_ms; /* of the commit */
    bool is_needed;   /* it is what is wanted, and no part of its past */
    bool is_done;
} history_copy_line;

typedef struct history_copy_lot {
    copse_history_copy *copy;
    copse_buf lines; /* of history_copy_line */
    size_t done;     /* so many of them, from the first one on */
    copse_cid had; /* the tree that all is compared with whose tree before is lost; size 0: none */
    copse_buf wants;      /* of copse_cid: what all lines wait for, each once */
    copse_cid_set wanted; /* the same */
} history_copy_lot;

static size_t history_copy_count(const history_copy_lot *lot)
{
    return lot->lines.len / sizeof(history_copy_line);
}

static history_copy_line *history_copy_line_at(const history_copy_lot *lot, size_t index)
{
    return (history_copy_line *)(void *)lot->lines.ptr + index;
}

/* ---- Trees ---- */

static void history_copy_close(history_copy_line *line)
{
    line->pull = copse_pull_free(line->pull);
    line->trees[0] = copse_tree_close(line->trees[0]);
    line->trees[1] = copse_tree_close(line->trees[1]);
}

/* Compares the trees of one commit, as far as it goes. END: it is done. WANT, or what can't be
 * read. */
static copse_status history_copy_compare(history_copy_lot *lot, history_copy_line *line)
{
    copse_err *err = &lot->copy->call->err;
    const copse_pull_options options = {.slots = copse_database_row_slots};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        if (line->roots[i].size > 0 && line->trees[i] == NULL) {
            status = copse_tree_open(lot->copy->nodes, &line->roots[i], &line->trees[i], err);
        }
    }
    if (status == COPSE_WANT && line->trees[1] == NULL) {
        copse_source *source = copse_node_cache_source(lot->copy->nodes);
        copse_status hinted = copse_source_hint(source, &line->roots[1], err);
        status = hinted == COPSE_OK ? COPSE_WANT : hinted;
    }
    if (status == COPSE_OK && line->pull == NULL) {
        status = copse_pull_new(line->trees[0], line->trees[1], &options, &line->pull, err);
    }
    while (status == COPSE_OK) {
        status = copse_pull_next(line->pull, err);
    }
    return status;
}

/* Goes on with the commit number `index`. OK: it is done. WANT, or what can't be read. */
static copse_status history_copy_step(history_copy_lot *lot, size_t index)
{
    history_copy_line *line = history_copy_line_at(lot, index);
    copse_status status = line->is_done ? COPSE_OK : history_copy_compare(lot, line);
    if (status == COPSE_END) {
        line->is_done = true;
        lot->copy->commits++;
        status = COPSE_OK;
    }
    if (line->is_done || index - lot->done >= HISTORY_COPY_OPEN) {
        history_copy_close(line); /* H2 */
    }
    return status;
}

/* Adds what the last step wanted. */
static copse_status history_copy_gather(history_copy_lot *lot)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(copse_node_cache_source(lot->copy->nodes), &count);
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        bool added = false;
        status = copse_cid_set_add(&lot->wanted, &wants[i], &added);
        if (status == COPSE_OK && added) {
            status = copse_buf_append(&lot->wants,
                                      (copse_bytes){(const uint8_t *)&wants[i], sizeof wants[i]});
        }
    }
    return status;
}

/* Goes on with the commits, until they want as much as can be wanted at once. OK: all are done.
 * WANT: what they want is in lot->wants. */
static copse_status history_copy_step_all(history_copy_lot *lot)
{
    size_t count = history_copy_count(lot);
    size_t wants_max = lot->copy->call->env.limits.wants_max;
    copse_status status = COPSE_OK;
    copse_buf_truncate(&lot->wants, 0);
    copse_cid_set_release(&lot->wanted);
    copse_cid_set_init(&lot->wanted, &lot->copy->call->env);
    while (lot->done < count && history_copy_line_at(lot, lot->done)->is_done) {
        lot->done++;
    }
    for (size_t i = lot->done;
         i < count && status == COPSE_OK && lot->wants.len / sizeof(copse_cid) < wants_max; i++) {
        status = history_copy_step(lot, i);
        status = status == COPSE_WANT ? history_copy_gather(lot) : status;
    }
    return status == COPSE_OK && lot->wants.len > 0 ? COPSE_WANT : status;
}

/* Makes what all commits want what the source wants. */
static copse_status history_copy_want(const history_copy_lot *lot)
{
    copse_err *err = &lot->copy->call->err;
    copse_source *source = copse_node_cache_source(lot->copy->nodes);
    copse_status status = COPSE_OK;
    copse_source_begin(source);
    for (size_t at = 0; at < lot->wants.len && status == COPSE_OK; at += sizeof(copse_cid)) {
        copse_cid cid;
        memcpy(&cid, lot->wants.ptr + at, sizeof cid);
        status = copse_source_hint(source, &cid, err);
    }
    return status == COPSE_OK ? COPSE_WANT : status;
}

/* Finds those of the blocks that were wanted that nobody has. */
static copse_status history_copy_find_lost(const history_copy_lot *lot, copse_cid_set *lost)
{
    copse_history_copy *copy = lot->copy;
    copse_status status = COPSE_OK;
    for (size_t at = 0; at < lot->wants.len && status == COPSE_OK; at += sizeof(copse_cid)) {
        copse_cid cid;
        bool added;
        memcpy(&cid, lot->wants.ptr + at, sizeof cid);
        status = copy->lacks(copy->ctx, &cid) ? copse_cid_set_add(lost, &cid, &added) : COPSE_OK;
    }
    return status;
}

/* Whether one of the blocks that the last step wanted is lost. */
static bool history_copy_wants_lost(const history_copy_lot *lot, const copse_cid_set *lost)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(copse_node_cache_source(lot->copy->nodes), &count);
    for (size_t i = 0; i < count; i++) {
        if (copse_cid_set_has(lost, &wants[i])) {
            return true;
        }
    }
    return false;
}

/* Leaves out the tree of a commit. WANT: it is needed. LIMIT: what would be noted goes too far. */
static copse_status history_copy_lose_tree(copse_history_copy *copy, history_copy_line *line)
{
    const copse_env *env = &copy->call->env;
    copse_err *err = &copy->call->err;
    if (line->is_needed) {
        return COPSE_WANT;
    }
    if (line->time_ms > env->clock(env->clock_ctx) + HISTORY_COPY_AHEAD_MS) {
        *err = (copse_err){.status = COPSE_LIMIT};
        (void)snprintf(err->message, sizeof err->message,
                       "what a commit held can't be had, and its time is ahead of the clock here");
        return COPSE_LIMIT;
    }
    copy->lost_ms = line->time_ms >= copy->lost_ms ? line->time_ms + 1 : copy->lost_ms;
    line->is_done = true;
    copy->commits++;
    return COPSE_OK;
}

/* Does without what one commit lacks: first compares it with what was there before, then with
 * nothing, then leaves it out. */
static copse_status history_copy_lose_line(history_copy_lot *lot, history_copy_line *line,
                                           bool is_root)
{
    const copse_cid none = {.size = 0};
    bool was_had = copse_cid_equal(&line->roots[0], &lot->had);
    history_copy_close(line);
    if (line->roots[0].size > 0 && !is_root) {
        line->roots[0] = was_had ? none : lot->had;
        return COPSE_OK;
    }
    return history_copy_lose_tree(lot->copy, line);
}

/* Does without what nobody has of trees of the past. OK: go on. WANT: it can't. */
static copse_status history_copy_lose(history_copy_lot *lot)
{
    copse_cid_set lost;
    bool has_changed = false;
    copse_cid_set_init(&lost, &lot->copy->call->env);
    copse_status status = history_copy_find_lost(lot, &lost);
    for (size_t i = lot->done; i < history_copy_count(lot) && status == COPSE_OK; i++) {
        history_copy_line *line = history_copy_line_at(lot, i);
        bool is_root = copse_cid_set_has(&lost, &line->roots[1]);
        status = history_copy_step(lot, i);
        if (status == COPSE_WANT && history_copy_wants_lost(lot, &lost)) {
            status = history_copy_lose_line(lot, line, is_root);
            has_changed = true;
        } else if (status == COPSE_WANT) {
            status = COPSE_OK;
        }
    }
    copse_cid_set_release(&lost);
    return status == COPSE_OK && !has_changed ? COPSE_WANT : status;
}

/* Brings the trees of the lot, and empties it. */
static copse_status history_copy_bring(history_copy_lot *lot)
{
    copse_history_copy *copy = lot->copy;
    copse_status status;
    bool goes_on;
    do {
        status = history_copy_step_all(lot);
        status = status == COPSE_WANT ? history_copy_want(lot) : status;
        goes_on = copy->fetched(copy->ctx, &status);
        if (!goes_on && status == COPSE_WANT) {
            status = history_copy_lose(lot);
            goes_on = status == COPSE_OK;
        }
    } while (goes_on);
    for (size_t i = 0; i < history_copy_count(lot); i++) {
        history_copy_close(history_copy_line_at(lot, i));
    }
    copse_buf_truncate(&lot->lines, 0);
    lot->done = 0;
    return status;
}

/* Adds the tree of `commit`, which is compared with the tree `before` (of size 0: nothing). */
static copse_status history_copy_add(history_copy_lot *lot, const copse_cid *before,
                                     const copse_commit *commit, bool is_needed)
{
    const history_copy_line line = {
        .roots = {*before, commit->tree}, .time_ms = commit->time_ms, .is_needed = is_needed};
    copse_status status =
        copse_buf_append(&lot->lines, (copse_bytes){(const uint8_t *)&line, sizeof line});
    return status == COPSE_OK && history_copy_count(lot) >= lot->copy->lot ? history_copy_bring(lot)
                                                                           : status;
}

/* ---- Commits ---- */

static copse_status history_copy_read(copse_history_copy *copy, const copse_cid *cid,
                                      copse_commit *ret_commit, copse_block **ret_block)
{
    copse_status status;
    do {
        status = copse_commit_read(copy->call, copse_node_cache_source(copy->nodes), cid,
                                   ret_commit, ret_block);
    } while (copy->fetched(copy->ctx, &status));
    return status;
}

static copse_status history_copy_add_commit(history_copy_lot *lot, const copse_commit *commit,
                                            bool is_needed)
{
    copse_commit parent = {.tree = {.size = 0}};
    copse_block *block = NULL;
    copse_status status = commit->parents_count > 0
                              ? history_copy_read(lot->copy, &commit->parents[0], &parent, &block)
                              : COPSE_OK;
    if (status == COPSE_OK) {
        status = history_copy_add(lot, &parent.tree, commit, is_needed);
    }
    copse_block_unref(block);
    return status;
}

static copse_status history_copy_add_range(history_copy_lot *lot, const copse_cid *want,
                                           const copse_cid *have)
{
    copse_history_copy *copy = lot->copy;
    copse_call *call = copy->call;
    copse_history_range *range = NULL;
    const copse_commit *commit = NULL;
    const copse_cid *cid = NULL;
    copse_status status =
        copse_history_range_new(&call->env, copse_node_cache_source(copy->nodes), want, 1, have,
                                have->size > 0 ? 1 : 0, &range, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_history_range_next(range, &cid, &commit, &call->err);
        } while (copy->fetched(copy->ctx, &status));
        if (status == COPSE_OK) {
            status = history_copy_add_commit(lot, commit, copse_cid_equal(cid, want));
        }
    }
    copse_history_range_free(range);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status history_copy_run(history_copy_lot *lot, const copse_cid *want,
                                     const copse_cid *have)
{
    const copse_cid none = {.size = 0};
    copse_history_copy *copy = lot->copy;
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status = COPSE_OK;
    if (have->size > 0) {
        status = history_copy_read(copy, have, &commit, &block);
        lot->had = status == COPSE_OK ? commit.tree : none;
        block = copse_block_unref(block);
    }
    if (status == COPSE_OK) {
        status = history_copy_read(copy, want, &commit, &block);
    }
    if (status == COPSE_OK) {
        status = block != NULL ? history_copy_add_range(lot, want, have)
                               : history_copy_add(lot, &none, &commit, true);
    }
    copse_block_unref(block);
    return status == COPSE_OK ? history_copy_bring(lot) : status;
}

copse_status copse_history_copy_run(copse_history_copy *copy, const copse_cid *want,
                                    const copse_cid *have)
{
    copse_local *local = copy->local;
    history_copy_lot lot = {.copy = copy};
    copse_buf_init(&lot.lines, &copy->call->env, SIZE_MAX / 2);
    copse_buf_init(&lot.wants, &copy->call->env, SIZE_MAX / 2);
    copse_cid_set_init(&lot.wanted, &copy->call->env);
    copse_status status = history_copy_run(&lot, want, have);
    copse_buf_release(&lot.lines);
    copse_buf_release(&lot.wants);
    copse_cid_set_release(&lot.wanted);
    if (status == COPSE_OK && copy->lost_ms > 0) {
        status = copse_history_note_dropped(&copy->call->env, local->refs, local->store,
                                            copy->lost_ms, &copy->call->err);
    }
    return status;
}
