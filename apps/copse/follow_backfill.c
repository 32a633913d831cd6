/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "follow_backfill.h"

#include "argument.h"
#include "documents.h"
#include "failure.h"
#include "text.h"

#include <copse/history_range.h>

#include <stdio.h>
#include <string.h>

enum {
    BACKFILL_BLOCK_BYTES = 1 << 14, /* about a large one: so many are asked for at once as are left
                                       of the quota */
    BACKFILL_WANTS_MAX = 1024,
    BACKFILL_SAVE_BYTES = 1 << 20 /* so many are counted before they are noted */
};

/* A run. */
typedef struct backfill_run {
    copse_follow_backfill *backfill;
    copse_call *call;
    copse_documents documents;
    uint64_t before; /* bytes that were fetched in earlier runs */
    uint64_t bytes;  /* in this one */
    uint64_t quota;  /* UINT64_MAX: none */
    bool is_full;    /* it is used up */
    bool is_enough;  /* `between` said so */
} backfill_run;

static bool backfill_is_asked_for(const copse_call *call)
{
    return copse_options_has(&call->options, "--backfill") ||
           copse_options_has(&call->options, "--backfill-history");
}

bool copse_follow_backfill_check(copse_call *call)
{
    if (copse_options_has(&call->options, "--quota") && !backfill_is_asked_for(call)) {
        (void)copse_failure_usage(call, "--quota is about --backfill and --backfill-history");
        return false;
    }
    return true;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static bool backfill_count(void *ctx, copse_follow_list *list)
{
    const copse_follow_backfill *backfill = ctx;
    copse_follow_list_set_backfilled(list, copse_follow_list_backfilled(list) + backfill->unsaved);
    return true;
}

static bool backfill_save(backfill_run *run)
{
    copse_follow_backfill *backfill = run->backfill;
    bool saved = backfill->unsaved == 0 ||
                 copse_following_edit(&run->documents.place.local, backfill_count, backfill);
    backfill->unsaved = saved ? 0 : backfill->unsaved;
    return saved;
}

/* Whether the quota is used up. */
static bool backfill_is_full(backfill_run *run)
{
    run->is_full = run->before + run->bytes >= run->quota;
    return run->is_full;
}

/* How many blocks the next request is of: fewer toward the end of the quota. */
static void backfill_limit_wants(backfill_run *run)
{
    uint64_t used = run->before + run->bytes;
    uint64_t left = used < run->quota ? (run->quota - used) / BACKFILL_BLOCK_BYTES : 0;
    run->call->env.limits.wants_max = left < 1                    ? 1
                                      : left > BACKFILL_WANTS_MAX ? BACKFILL_WANTS_MAX
                                                                  : (size_t)left;
}

/* As copse_place_fetch_commits (`history` NULL: copse_place_fetch), but keeps to the quota, and
 * what came is safe from the end of this process. */
static bool backfill_fetched(backfill_run *run, copse_status *status, copse_remote_history *history)
{
    copse_place *place = &run->documents.place;
    copse_follow_backfill *backfill = run->backfill;
    if (*status != COPSE_WANT || backfill_is_full(run) || run->is_enough ||
        !(history != NULL ? copse_place_fetch_commits(place, *status, history)
                          : copse_place_fetch(place, *status))) {
        return false;
    }
    uint64_t bytes =
        place->peers.remote != NULL ? copse_remote_get_stats(place->peers.remote).block_bytes : 0;
    backfill->unsaved += bytes - run->bytes;
    run->bytes = bytes;
    copse_status flushed = copse_store_flush(place->local.store, &run->call->err);
    if (flushed != COPSE_OK || (backfill->unsaved >= BACKFILL_SAVE_BYTES && !backfill_save(run))) {
        *status = flushed != COPSE_OK ? flushed : COPSE_IO;
        return false;
    }
    run->is_enough = backfill->between != NULL && !backfill->between(backfill->ctx);
    backfill_limit_wants(run);
    return !run->is_enough;
}

/* ---- What is fetched ------------------------------------------------------------------------- */

static copse_status backfill_run_query(backfill_run *run, copse_query *query)
{
    copse_err *err = &run->call->err;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status;
    do {
        status = copse_result_open(query, run->documents.database, &result, err);
    } while (backfill_fetched(run, &status, NULL));
    while (status == COPSE_OK) {
        do {
            status = copse_result_next(result, &document, err);
        } while (backfill_fetched(run, &status, NULL));
    }
    copse_result_close(result);
    return status == COPSE_END ? COPSE_OK : status;
}

/* `text` is COLL, or COLL FILTER. */
static copse_status backfill_query(backfill_run *run, const char *text)
{
    copse_call *call = run->call;
    const char *space = strchr(text, ' ');
    copse_query *query = NULL;
    copse_buf filter;
    copse_status status = COPSE_MISUSE;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    if (space == NULL ||
        copse_argument_json(call, "the filter", space + 1, COPSE_EXT_JSON_QUERY, &filter)) {
        const copse_query_options options = {
            .collection = {(const uint8_t *)text,
                           space != NULL ? (size_t)(space - text) : strlen(text)},
            .filter = copse_buf_view(&filter),
        };
        if (copse_argument_query(call, &options, &query)) {
            status = backfill_run_query(run, query);
        }
    }
    copse_query_free(query);
    copse_buf_release(&filter);
    return status;
}

static copse_status backfill_history(backfill_run *run)
{
    copse_call *call = run->call;
    copse_remote_history history = {.limit = 0};
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status =
        copse_history_range_new(&call->env, run->documents.place.source, &run->documents.head, 1,
                                NULL, 0, &range, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_history_range_next(range, &cid, &commit, &call->err);
        } while (backfill_fetched(run, &status, &history));
    }
    copse_history_range_free(range);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status backfill_all(backfill_run *run)
{
    const copse_options *options = &run->call->options;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK; i++) {
        const char *text = copse_options_nth(options, "--backfill", i);
        if (text == NULL) {
            break;
        }
        status = backfill_query(run, text);
    }
    if (status == COPSE_OK && copse_options_has(options, "--backfill-history")) {
        status = backfill_history(run);
    }
    return status;
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static void backfill_tell(backfill_run *run)
{
    copse_output *out = &run->call->output;
    uint64_t total = run->before + run->bytes;
    char bytes[COPSE_TEXT_NUMBER_SIZE];
    char all[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "event", "backfill");
        copse_output_number(out, "bytes", run->bytes);
        copse_output_number(out, "total", total);
        copse_output_bool(out, "done", !run->is_full);
        copse_output_end(out);
    } else if (run->is_full) {
        copse_output_format(out, "backfill  %s, %s in all: the quota is used up\n",
                            copse_text_of_size(run->bytes, bytes), copse_text_of_size(total, all));
    } else {
        copse_output_format(out, "backfill  %s, %s in all: what was asked for is here\n",
                            copse_text_of_size(run->bytes, bytes), copse_text_of_size(total, all));
    }
    (void)copse_output_flush(out);
}

static bool backfill_open(backfill_run *run)
{
    copse_follow_list *list = NULL;
    if (!copse_documents_open(&run->documents, run->call, COPSE_LOCAL_WRITE)) {
        return false;
    }
    if (!copse_following_read(&run->documents.place.local, &list, NULL)) {
        return false;
    }
    run->before = copse_follow_list_backfilled(list);
    copse_follow_list_free(list);
    backfill_limit_wants(run);
    return true;
}

static bool backfill_do(backfill_run *run)
{
    copse_follow_backfill *backfill = run->backfill;
    copse_cid head = run->documents.head;
    if (copse_cid_equal(&head, &backfill->done)) {
        return true;
    }
    copse_status status = backfill_all(run);
    bool saved = backfill_save(run);
    if (status == COPSE_OK) {
        backfill->done = head;
    }
    if (status == COPSE_OK || run->is_full) {
        backfill->is_over = run->is_full;
        backfill_tell(run);
        return saved;
    }
    if (status != COPSE_MISUSE && !run->is_enough) {
        (void)copse_place_failure(&run->documents.place, status, "the backfill");
    }
    return false;
}

bool copse_follow_backfill_run(copse_follow_backfill *backfill)
{
    copse_call *call = backfill->call;
    uint64_t now = call->env.clock(call->env.clock_ctx);
    backfill_run run = {
        .backfill = backfill,
        .call = call,
        .quota = copse_options_number(&call->options, "--quota", UINT64_MAX),
    };
    if (!backfill_is_asked_for(call)) {
        backfill->is_over = true;
    }
    if (backfill->is_over || now < backfill->pause.until_ms) {
        return true;
    }
    bool done = backfill_open(&run) && backfill_do(&run);
    copse_documents_close(&run.documents);
    if (done) {
        backfill->pause = (copse_follow_pause){.until_ms = 0};
    } else {
        copse_follow_pause_grow(&backfill->pause, now);
    }
    return done;
}
