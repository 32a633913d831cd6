/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "dropped.h"

#include "failure.h"
#include "past.h"

#include <copse/dag_walk.h>
#include <copse/history_keep.h>

#include <stdio.h>

/* A search for the tree that a block is missing in. */
typedef struct dropped_search {
    copse_local *local;
    copse_dag_walk walk;
    const copse_cid *cid;
    copse_history_part *ret_part;
    bool is_found;
    uint64_t found_ms; /* the time of the commit of *ret_part; UINT64_MAX: none was found */
} dropped_search;

static copse_status dropped_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    dropped_search *search = ctx;
    (void)err;
    search->is_found = copse_cid_equal(cid, search->cid);
    return search->is_found ? COPSE_END : COPSE_OK;
}

/* Of a tree that was dropped a part may be there: what a peer gave, or other trees have. */
static copse_status dropped_look_in(void *ctx, const copse_history_part *part, copse_err *err)
{
    dropped_search *search = ctx;
    if (part->kind != COPSE_HISTORY_DROPPED && part->kind != COPSE_HISTORY_CURRENT) {
        return COPSE_OK;
    }
    copse_status status = copse_dag_walk_run(&search->walk, &part->cid, err);
    if (search->is_found) {
        *search->ret_part = *part;
    }
    return search->is_found ? COPSE_END : status;
}

/* The tree that `cid` is the root of, or that it is missing in. False: of none. */
static bool dropped_find(copse_local *local, const copse_cid *cid, uint64_t before_ms,
                         copse_history_part *ret_part)
{
    const copse_env *env = &local->call->env;
    dropped_search search = {.cid = cid, .ret_part = ret_part};
    const copse_dag_observer observer = {NULL, dropped_missing, &search};
    copse_status status =
        copse_history_find_dropped(env, local->refs, local->store, cid, ret_part, NULL);
    if (status == COPSE_NOT_FOUND && before_ms > 0) {
        copse_dag_walk_init(&search.walk, env, local->store, &observer);
        status = copse_history_keep(env, local->refs, local->store, before_ms, dropped_look_in,
                                    &search, NULL);
        copse_dag_walk_release(&search.walk);
        return status == COPSE_END && search.is_found;
    }
    return status == COPSE_OK;
}

const char *copse_dropped_show(copse_local *local, const copse_cid *cid,
                               char ret_text[COPSE_DROPPED_TEXT_SIZE])
{
    const copse_env *env = &local->call->env;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char times[2][COPSE_PAST_TIME_SIZE];
    copse_history_part part;
    uint64_t before_ms = 0;
    copse_status status = copse_history_dropped(env, local->refs, local->store, &before_ms, NULL);
    if (status != COPSE_OK || !dropped_find(local, cid, before_ms, &part)) {
        return NULL;
    }
    (void)snprintf(
        ret_text, COPSE_DROPPED_TEXT_SIZE,
        "what the commit %s of %s held is not here: `copse gc` dropped the history before %s",
        copse_cid_show(&part.commit, text), copse_past_time(part.time_ms, times[0]),
        copse_past_time(before_ms, times[1]));
    return ret_text;
}

/* Looks for the earliest commit whose tree has the block. */
static copse_status dropped_look_left(void *ctx, const copse_history_part *part, copse_err *err)
{
    dropped_search *search = ctx;
    const copse_dag_observer observer = {NULL, dropped_missing, search};
    copse_status status = COPSE_OK;
    if (part->commit.size == 0 || part->time_ms >= search->found_ms) {
        return COPSE_OK;
    }
    search->is_found = false;
    copse_dag_walk_init(&search->walk, &search->local->call->env, search->local->store, &observer);
    status = copse_dag_walk_run(&search->walk, &part->cid, err);
    copse_dag_walk_release(&search->walk);
    if (search->is_found) {
        *search->ret_part = *part;
        search->found_ms = part->time_ms;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

const char *copse_dropped_show_left(copse_local *local, const copse_cid *cid,
                                    char ret_text[COPSE_DROPPED_TEXT_SIZE])
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char time[COPSE_PAST_TIME_SIZE];
    copse_history_part part;
    dropped_search search = {.local = local, .cid = cid, .ret_part = &part, .found_ms = UINT64_MAX};
    copse_status status = copse_history_keep(&local->call->env, local->refs, local->store, 0,
                                             dropped_look_left, &search, NULL);
    if (status != COPSE_OK || search.found_ms == UINT64_MAX) {
        return NULL;
    }
    (void)snprintf(ret_text, COPSE_DROPPED_TEXT_SIZE,
                   "what the commit %s of %s held is not all here, and nobody who was asked has it "
                   "any more: history was dropped there",
                   copse_cid_show(&part.commit, text), copse_past_time(part.time_ms, time));
    return ret_text;
}

const char *copse_dropped_hint(const copse_call *call)
{
    bool has_policy = copse_options_knows(&call->options, "--policy");
    bool has_peers = copse_options_knows(&call->options, "--peer");
    return has_policy && has_peers
               ? "--policy union needs no earlier state; --peer URL fetches it from a peer that "
                 "still has it"
           : has_peers  ? "--peer URL fetches it from a peer that still has it"
           : has_policy ? "--policy union needs no earlier state"
                        : NULL;
}

bool copse_dropped_report(copse_local *local, const copse_cid *cid, const char *what)
{
    copse_call *call = local->call;
    char text[COPSE_DROPPED_TEXT_SIZE];
    bool is_dropped = copse_dropped_show(local, cid, text) != NULL;
    if (is_dropped) {
        (void)copse_failure(call, COPSE_NOT_FOUND, copse_dropped_hint(call), "%s: %s", what, text);
    }
    return is_dropped;
}

bool copse_dropped_report_left(copse_local *local, const copse_cid *cid, bool is_sparse,
                               const char *what)
{
    char text[COPSE_DROPPED_TEXT_SIZE];
    bool is_left = copse_dropped_show_left(local, cid, text) != NULL;
    if (is_left) {
        (void)copse_failure(
            local->call, COPSE_NOT_FOUND,
            is_sparse ? "--peer URL fetches it from a peer that still has it, a copy or a "
                        "whole fork; else `copse clone` or `copse fork` makes a new one "
                        "of what is there now"
                      : "--peer URL fetches it from a peer that still has it",
            "%s: %s", what, text);
    }
    return is_left;
}

bool copse_dropped_report_want(copse_local *local, const copse_source *source, const char *what)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(source, &count);
    if (count == 0) {
        return false;
    }
    copse_cid cid = wants[0];
    return copse_dropped_report(local, &cid, what);
}
