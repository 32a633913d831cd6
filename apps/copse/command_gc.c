/* copse gc: drops the blocks that no ref leads to, and if asked to, trees of the past.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"
#include "origin.h"
#include "past.h"
#include "progress.h"
#include "text.h"

#include <copse/dag_walk.h>
#include <copse/history_keep.h>
#include <copse/pack_maintenance.h>

static const copse_option gc_options[] = {
    {"--keep-history", "TIME", COPSE_OPTION_TEXT,
     "drop what only commits older than TIME (12h, 30d) hold", 0},
    {"--shallow", NULL, COPSE_OPTION_FLAG, "drop what only the past holds: keep heads alone", 0},
    {"--dry-run", NULL, COPSE_OPTION_FLAG, "only say what would be dropped", 'n'},
    {"--wait", NULL, COPSE_OPTION_FLAG, "wait for writers that are in the middle of something", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct gc {
    copse_call *call;
    copse_local local;
    copse_progress progress;
    uint64_t before_ms;   /* trees of commits before that are dropped; 0: none */
    uint64_t commits;     /* that refs lead to */
    uint64_t commits_old; /* before before_ms */
    uint64_t commits_cut; /* whose trees are not kept */
    /* while collecting */
    copse_pack_gc_keep_fn keep;
    void *keep_ctx;
    /* in a dry run */
    copse_dag_walk walk;
    copse_cid_set alone; /* what is kept, and not what it links to */
    uint64_t blocks;
    uint64_t garbage;
    uint64_t garbage_bytes;
} gc;

/* ---- What of the past is kept ---- */

/* How long the past is kept, if the user says so; UINT64_MAX: all of it. */
static bool gc_read_keep(copse_call *call, uint64_t *ret_keep_ms)
{
    const char *text = copse_options_text(&call->options, "--keep-history", NULL);
    bool is_shallow = copse_options_has(&call->options, "--shallow");
    *ret_keep_ms = is_shallow ? 0 : UINT64_MAX;
    if (text == NULL) {
        return true;
    }
    if (is_shallow) {
        (void)copse_failure_usage(call, "--shallow keeps nothing of the past, and --keep-history "
                                        "some of it: only one of them can be");
        return false;
    }
    if (!copse_text_to_ms(text, ret_keep_ms) || *ret_keep_ms == 0) {
        (void)copse_failure_usage(call,
                                  "--keep-history takes a time, such as 12h or 30d, and not '%s'; "
                                  "--shallow keeps nothing of the past",
                                  text);
        return false;
    }
    return true;
}

static copse_status gc_look_at(void *ctx, const copse_history_part *part, copse_err *err)
{
    gc *self = ctx;
    (void)err;
    bool is_commit = part->kind == COPSE_HISTORY_COMMIT && part->time_ms > 0;
    self->commits += is_commit ? 1 : 0;
    self->commits_old += is_commit && part->time_ms < self->before_ms ? 1 : 0;
    self->commits_cut += part->kind == COPSE_HISTORY_DROPPED ? 1 : 0;
    return COPSE_OK;
}

/* Finds out which trees are to be dropped, and how many commits that are. */
static copse_status gc_look(gc *self, uint64_t keep_ms)
{
    copse_call *call = self->call;
    copse_local *local = &self->local;
    if (keep_ms == UINT64_MAX) {
        return COPSE_OK;
    }
    copse_status status = copse_history_keep_before(&call->env, local->refs, local->store, keep_ms,
                                                    &self->before_ms, &call->err);
    return status == COPSE_OK ? copse_history_keep(&call->env, local->refs, local->store,
                                                   self->before_ms, gc_look_at, self, &call->err)
                              : status;
}

static void gc_report_history(gc *self, bool is_dry)
{
    copse_output *out = &self->call->output;
    char texts[2][COPSE_TEXT_NUMBER_SIZE];
    char time[COPSE_PAST_TIME_SIZE];
    if (self->before_ms == 0) {
        return;
    }
    if (out->json) {
        copse_output_number(out, "history_before_ms", self->before_ms);
        copse_output_number(out, "commits", self->commits);
        copse_output_number(out, "commits_dropped", self->commits_cut);
        return;
    }
    copse_output_format(
        out, "%s of %s %s %s what they held: history before %s\n",
        copse_text_of_count(self->commits_cut, texts[0]),
        copse_text_of_count(self->commits, texts[1]), self->commits == 1 ? "commit" : "commits",
        is_dry ? "would be without" : "are without", copse_past_time(self->before_ms, time));
}

/* ---- What would be dropped ---- */

static copse_status gc_marked(void *ctx, copse_block *block, copse_err *err)
{
    gc *self = ctx;
    (void)block;
    (void)err;
    copse_progress_update(&self->progress, self->walk.seen.count, self->walk.seen.count);
    return COPSE_OK;
}

static copse_status gc_mark_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    gc *self = ctx;
    bool added;
    switch (part->kind) {
    case COPSE_HISTORY_COMMIT:
        return copse_cid_set_add(&self->alone, &part->cid, &added);
    case COPSE_HISTORY_WHOLE:
    case COPSE_HISTORY_CURRENT:
        return copse_dag_walk_run(&self->walk, &part->cid, err);
    default:
        return COPSE_OK;
    }
}

static copse_status gc_mark(gc *self)
{
    copse_call *call = self->call;
    return copse_history_keep(&call->env, self->local.refs, self->local.store, self->before_ms,
                              gc_mark_part, self, &call->err);
}

static copse_status gc_count(void *ctx, copse_block *block, copse_err *err)
{
    gc *self = ctx;
    (void)err;
    self->blocks++;
    copse_progress_update(&self->progress, self->blocks, self->blocks);
    const copse_cid *cid = copse_block_cid(block);
    if (!copse_cid_set_has(&self->walk.seen, cid) && !copse_cid_set_has(&self->alone, cid)) {
        self->garbage++;
        self->garbage_bytes += copse_block_data(block).len;
    }
    return COPSE_OK;
}

static void gc_report_dry(gc *self)
{
    copse_output *out = &self->call->output;
    char texts[3][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_bool(out, "dry_run", true);
        copse_output_number(out, "blocks", self->blocks);
        copse_output_number(out, "garbage", self->garbage);
        copse_output_number(out, "garbage_bytes", self->garbage_bytes);
        gc_report_history(self, true);
        copse_output_end(out);
        return;
    }
    gc_report_history(self, true);
    copse_output_format(out, "would drop %s of %s blocks, %s\n",
                        copse_text_of_count(self->garbage, texts[0]),
                        copse_text_of_count(self->blocks, texts[1]),
                        copse_text_of_size(self->garbage_bytes, texts[2]));
}

static int gc_dry_run(gc *self)
{
    copse_call *call = self->call;
    copse_dag_observer observer = {gc_marked, NULL, self};
    copse_pack_stat stat;
    copse_pack_db_stat(self->local.db, &stat);
    copse_cid_set_init(&self->alone, &call->env);
    copse_dag_walk_init(&self->walk, &call->env, self->local.store, &observer);
    copse_progress_init(&self->progress, call, "marking", stat.blocks, "blocks");
    copse_status status = gc_mark(self);
    (void)copse_progress_end(&self->progress);
    copse_progress_init(&self->progress, call, "counting", stat.blocks, "blocks");
    if (status == COPSE_OK) {
        status = copse_store_iterate(self->local.store, gc_count, self, &call->err);
    }
    (void)copse_progress_end(&self->progress);
    copse_dag_walk_release(&self->walk);
    copse_cid_set_release(&self->alone);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be read", self->local.path);
    }
    gc_report_dry(self);
    return COPSE_EXIT_OK;
}

/* ---- Dropping ---- */

static copse_status gc_keep_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    gc *self = ctx;
    (void)gc_look_at(self, part, err);
    return part->kind == COPSE_HISTORY_DROPPED
               ? COPSE_OK
               : self->keep(self->keep_ctx, &part->cid, part->kind != COPSE_HISTORY_COMMIT, err);
}

static copse_status gc_keep_roots(void *ctx, copse_pack_gc_keep_fn keep, void *keep_ctx,
                                  copse_err *err)
{
    gc *self = ctx;
    self->keep = keep;
    self->keep_ctx = keep_ctx;
    self->commits = self->commits_old = self->commits_cut = 0;
    return copse_history_keep(&self->call->env, self->local.refs, self->local.store,
                              self->before_ms, gc_keep_part, self, err);
}

static copse_status gc_show(void *ctx, const copse_pack_gc_stats *stats, copse_err *err)
{
    gc *self = ctx;
    (void)err;
    self->progress.calls |= 255; /* called seldom: look at the clock each time */
    copse_progress_update(&self->progress, stats->live_blocks, stats->live_blocks);
    return COPSE_OK;
}

static void gc_report(gc *self, const copse_pack_gc_stats *stats)
{
    copse_output *out = &self->call->output;
    char texts[4][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_bool(out, "dry_run", false);
        copse_output_number(out, "blocks", stats->live_blocks);
        copse_output_number(out, "bytes", stats->live_bytes);
        copse_output_number(out, "absent", stats->absent);
        copse_output_number(out, "before_bytes", stats->before_bytes);
        copse_output_number(out, "after_bytes", stats->after_bytes);
        copse_output_number(out, "tails", stats->tails);
        gc_report_history(self, false);
        copse_output_end(out);
        return;
    }
    gc_report_history(self, false);
    if (stats->tails > 0) {
        copse_output_format(out, "removed %s %s of a journal that writers had put aside\n",
                            copse_text_of_count(stats->tails, texts[0]),
                            stats->tails == 1 ? "tail" : "tails");
    }
    copse_output_format(out, "kept %s blocks, %s; the store was %s and is %s\n",
                        copse_text_of_count(stats->live_blocks, texts[0]),
                        copse_text_of_size(stats->live_bytes, texts[1]),
                        copse_text_of_size(stats->before_bytes, texts[2]),
                        copse_text_of_size(stats->after_bytes, texts[3]));
}

/* Of a clone, what it lacks was never here. */
static void gc_note_origin(gc *self)
{
    copse_origin origin;
    char url[512];
    if (copse_origin_read(&self->local, &origin) && copse_origin_is_there(&origin)) {
        copse_note(self->call, "copse: blocks that this %s has not are at %s",
                   copse_origin_is_sparse(&origin) ? "sparse clone" : "clone",
                   copse_origin_show(&origin, url, sizeof url));
        copse_origin_release(&origin);
    }
}

static int gc_collect(gc *self)
{
    copse_call *call = self->call;
    copse_pack_gc_stats stats;
    copse_pack_stat stat;
    copse_pack_gc_options options = {
        .roots = gc_keep_roots,
        .roots_ctx = self,
        .wait = copse_options_has(&call->options, "--wait"),
        .progress = gc_show,
        .progress_ctx = self,
    };
    copse_pack_db_stat(self->local.db, &stat);
    copse_progress_init(&self->progress, call, "collecting", stat.blocks, "blocks");
    copse_status status = COPSE_OK;
    if (self->commits_old > 0) { /* Any of them may be dropped, also one that is a head now. */
        status = copse_history_note_dropped(&call->env, self->local.refs, self->local.store,
                                            self->before_ms, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_gc(self->local.db, &options, &stats, &call->err);
    }
    (void)copse_progress_end(&self->progress);
    if (status == COPSE_CONFLICT) {
        return copse_failure(call, status, "--wait waits for it; or run the command again",
                             "'%s' is busy: %s; nothing was dropped", self->local.path,
                             call->err.message);
    }
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' was not collected", self->local.path);
    }
    gc_report(self, &stats);
    gc_note_origin(self);
    return COPSE_EXIT_OK;
}

static int gc_run(copse_call *call)
{
    gc self = {.call = call};
    bool dry = copse_options_has(&call->options, "--dry-run");
    uint64_t keep_ms;
    if (!gc_read_keep(call, &keep_ms)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_local_open(&self.local, call, call->options.arguments[0],
                          dry ? COPSE_LOCAL_READ : COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = gc_look(&self, keep_ms);
    int code = status != COPSE_OK
                   ? copse_failure_of(call, status, "the history of '%s' can't be read",
                                      call->options.arguments[0])
               : dry ? gc_dry_run(&self)
                     : gc_collect(&self);
    copse_local_close(&self.local);
    return code;
}

const copse_command copse_command_gc = {
    .name = "gc",
    .arguments = "STORE",
    .summary = "Drop the blocks that no ref leads to",
    .details =
        "Earlier roots stay readable by their CID until then. Readers and writers can go on.\n"
        "Needs room for a copy of what is kept, which is hashed on the way. Of a sparse clone\n"
        "the parts that are here stay, those that were fetched since too.\n"
        "\n"
        "History stays unless it is said how much of it is to: --keep-history 30d drops the\n"
        "documents and indexes as they were before that, --shallow all but those of branches and\n"
        "tags as they are now. The commits themselves stay, so that `log` lists them and a merge\n"
        "finds where two sides parted; what needs a state that was dropped says so, and `--peer\n"
        "URL` fetches it from who still has it.\n",
    .options = gc_options,
    .examples = "copse gc fruit.db --dry-run\n"
                "copse gc fruit.db\n"
                "copse gc fruit.db --keep-history 30d\n"
                "copse gc fruit.db --shallow --dry-run",
    .run = gc_run,
};
