/* copse gc: drops the blocks that no ref leads to.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"
#include "origin.h"
#include "progress.h"
#include "text.h"

#include <copse/dag_walk.h>
#include <copse/pack_maintenance.h>

#include <string.h>

static const copse_option gc_options[] = {
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
    copse_dag_walk walk;
    copse_progress progress;
    copse_buf roots; /* of copse_cid: what refs name */
    uint64_t blocks;
    uint64_t garbage;
    uint64_t garbage_bytes;
} gc;

/* ---- What would be dropped ---- */

static copse_status gc_add_root(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    gc *self = ctx;
    (void)name;
    (void)err;
    return copse_buf_append(&self->roots, (copse_bytes){(const uint8_t *)cid, sizeof *cid});
}

static copse_status gc_marked(void *ctx, copse_block *block, copse_err *err)
{
    gc *self = ctx;
    (void)block;
    (void)err;
    copse_progress_update(&self->progress, self->walk.seen.count, self->walk.seen.count);
    return COPSE_OK;
}

static copse_status gc_mark(gc *self)
{
    copse_call *call = self->call;
    copse_status status = copse_refs_iterate(self->local.refs, gc_add_root, self, &call->err);
    for (size_t at = 0; status == COPSE_OK && at < self->roots.len; at += sizeof(copse_cid)) {
        copse_cid root;
        memcpy(&root, self->roots.ptr + at, sizeof root);
        status = copse_dag_walk_run(&self->walk, &root, &call->err);
    }
    return status;
}

static copse_status gc_count(void *ctx, copse_block *block, copse_err *err)
{
    gc *self = ctx;
    (void)err;
    self->blocks++;
    copse_progress_update(&self->progress, self->blocks, self->blocks);
    if (!copse_cid_set_has(&self->walk.seen, copse_block_cid(block))) {
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
        copse_output_end(out);
        return;
    }
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
    copse_buf_init(&self->roots, &call->env, SIZE_MAX / 2);
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
    copse_buf_release(&self->roots);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be read", self->local.path);
    }
    gc_report_dry(self);
    return COPSE_EXIT_OK;
}

/* ---- Dropping ---- */

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
        copse_output_end(out);
        return;
    }
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
        .wait = copse_options_has(&call->options, "--wait"),
        .progress = gc_show,
        .progress_ctx = self,
    };
    copse_pack_db_stat(self->local.db, &stat);
    copse_progress_init(&self->progress, call, "collecting", stat.blocks, "blocks");
    copse_status status = copse_pack_gc(self->local.db, &options, &stats, &call->err);
    (void)copse_progress_end(&self->progress);
    if (status == COPSE_CONFLICT) {
        return copse_failure(call, status, "--wait waits for it; or run the command again",
                             "'%s' is busy: %s; nothing was changed", self->local.path,
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
    if (!copse_local_open(&self.local, call, call->options.arguments[0],
                          dry ? COPSE_LOCAL_READ : COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = dry ? gc_dry_run(&self) : gc_collect(&self);
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
        "the parts that are here stay, those that were fetched since too.\n",
    .options = gc_options,
    .examples = "copse gc fruit.db --dry-run\n"
                "copse gc fruit.db",
    .run = gc_run,
};
