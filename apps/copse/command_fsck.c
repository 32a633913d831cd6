/* copse fsck: checks every block of a store, and every tree that a ref names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "dag_walk.h"
#include "database.h"
#include "failure.h"
#include "progress.h"
#include "text.h"

#include <copse/check.h>

#include <stdio.h>
#include <string.h>

static const copse_option fsck_options[] = {
    {"--repair", NULL, COPSE_OPTION_FLAG,
     "mend a torn end, drop damaged blocks: they can be imported again", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct fsck_ref {
    copse_cid cid;
    char name[COPSE_REF_NAME_SIZE_BYTES_MAX + 1];
} fsck_ref;

typedef struct fsck {
    copse_call *call;
    copse_database database;
    copse_progress progress;
    const char *ref;   /* the tree at hand */
    copse_buf refs;    /* of fsck_ref */
    copse_buf damaged; /* of copse_cid */
    uint64_t blocks;
    uint64_t bytes;
    uint64_t entries;
    uint64_t findings;
} fsck;

/* A finding is a line KIND TAB REF TAB CID TAB message; what is not about a ref or a block has `-`
 * there. */
static void fsck_print(fsck *self, const char *kind, const copse_cid *cid, const char *message)
{
    copse_output *out = &self->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    self->findings++;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "finding", kind);
        if (self->ref != NULL) {
            copse_output_text(out, "ref", self->ref);
        }
        copse_output_cid(out, "cid", cid);
        copse_output_text(out, "message", message);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "%s\t%s\t%s\t%s\n", kind, self->ref != NULL ? self->ref : "-",
                        cid != NULL ? copse_cid_show(cid, text) : "-", message);
}

/* ---- Blocks ---- */

static copse_status fsck_block(void *ctx, copse_block *block, copse_err *err)
{
    fsck *self = ctx;
    const copse_cid *cid = copse_block_cid(block);
    copse_err found = {0};
    (void)err;
    copse_status status = copse_block_verify(block, &found);
    self->blocks++;
    self->bytes += copse_block_data(block).len;
    copse_progress_update(&self->progress, self->blocks, self->blocks);
    if (status == COPSE_CORRUPT) {
        fsck_print(self, "HASH", cid, "the bytes of the block don't match its CID");
        return copse_buf_append(&self->damaged, (copse_bytes){(const uint8_t *)cid, sizeof *cid});
    }
    if (status == COPSE_MISUSE) {
        return COPSE_OK; /* a hash that nobody here computes */
    }
    return status;
}

static copse_status fsck_blocks(fsck *self)
{
    copse_call *call = self->call;
    copse_pack_stat stat;
    copse_pack_db_stat(self->database.db, &stat);
    copse_progress_init(&self->progress, call, "blocks", stat.blocks, "blocks");
    copse_status status = copse_store_iterate(self->database.store, fsck_block, self, &call->err);
    (void)copse_progress_end(&self->progress);
    if (status == COPSE_CORRUPT) {
        fsck_print(self, "STORE", NULL, call->err.message);
        status = COPSE_OK;
    }
    return status;
}

/* ---- Trees ---- */

static copse_status fsck_add_ref(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    fsck *self = ctx;
    fsck_ref ref = {.cid = *cid};
    (void)err;
    memcpy(ref.name, name.ptr, name.len);
    return copse_buf_append(&self->refs, (copse_bytes){(const uint8_t *)&ref, sizeof ref});
}

static copse_status fsck_tree_finding(void *ctx, const copse_check_finding *finding, copse_err *err)
{
    (void)err;
    fsck_print(ctx, copse_check_kind_name(finding->kind), finding->cid, finding->message);
    return COPSE_OK;
}

static copse_status fsck_tree_progress(void *ctx, uint64_t done, uint64_t total, copse_err *err)
{
    fsck *self = ctx;
    (void)err;
    self->progress.total = total;
    copse_progress_update(&self->progress, done, done);
    return COPSE_OK;
}

static copse_status fsck_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    (void)err;
    fsck_print(ctx, copse_check_kind_name(COPSE_CHECK_MISSING), cid, "the block is not there");
    return COPSE_OK;
}

/* A ref to something that is no tree: only that all its blocks are there. */
static copse_status fsck_dag(fsck *self, const copse_cid *root)
{
    copse_dag_walk walk;
    copse_dag_observer observer = {NULL, fsck_missing, self};
    copse_dag_walk_init(&walk, &self->call->env, self->database.store, &observer);
    copse_status status = copse_dag_walk_run(&walk, root, &self->call->err);
    copse_dag_walk_release(&walk);
    if (status == COPSE_CORRUPT) {
        fsck_print(self, "FORMAT", NULL, self->call->err.message);
        status = COPSE_OK;
    }
    return status;
}

static copse_status fsck_tree(fsck *self, const fsck_ref *ref)
{
    copse_call *call = self->call;
    copse_tree *tree = NULL;
    copse_tree_stats stats;
    copse_check_observer observer = {fsck_tree_finding, fsck_tree_progress, self};
    self->ref = ref->name;
    copse_progress_init(&self->progress, call, ref->name, 0, "entries");
    copse_status status = copse_tree_open(self->database.cache, &ref->cid, &tree, &call->err);
    if (status == COPSE_WANT || status == COPSE_CORRUPT) {
        status = fsck_dag(self, &ref->cid);
    } else if (status == COPSE_OK) {
        status = copse_tree_check(tree, &observer, &stats, &call->err);
        self->entries += status == COPSE_OK ? stats.entries : 0;
    }
    (void)copse_progress_end(&self->progress);
    tree = copse_tree_close(tree);
    self->ref = NULL;
    return status;
}

static copse_status fsck_trees(fsck *self)
{
    copse_status status =
        copse_refs_iterate(self->database.refs, fsck_add_ref, self, &self->call->err);
    for (size_t at = 0; status == COPSE_OK && at < self->refs.len; at += sizeof(fsck_ref)) {
        fsck_ref ref;
        memcpy(&ref, self->refs.ptr + at, sizeof ref);
        status = fsck_tree(self, &ref);
    }
    return status;
}

/* ---- Together ---- */

static copse_status fsck_repair(fsck *self)
{
    copse_store *store = self->database.store;
    const copse_cid *cids = (const copse_cid *)(const void *)self->damaged.ptr;
    copse_status status =
        copse_store_remove(store, cids, self->damaged.len / sizeof *cids, &self->call->err);
    return status == COPSE_OK ? copse_store_flush(store, &self->call->err) : status;
}

static void fsck_report(fsck *self, bool repaired)
{
    copse_output *out = &self->call->output;
    uint64_t refs = self->refs.len / sizeof(fsck_ref);
    uint64_t damaged = self->damaged.len / sizeof(copse_cid);
    char texts[5][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, "blocks", self->blocks);
        copse_output_number(out, "bytes", self->bytes);
        copse_output_number(out, "refs", refs);
        copse_output_number(out, "entries", self->entries);
        copse_output_number(out, "findings", self->findings);
        copse_output_number(out, "dropped", repaired ? damaged : 0);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "checked %s blocks, %s; %s %s with %s entries: %s\n",
                        copse_text_of_count(self->blocks, texts[0]),
                        copse_text_of_size(self->bytes, texts[1]),
                        copse_text_of_count(refs, texts[2]), refs == 1 ? "ref" : "refs",
                        copse_text_of_count(self->entries, texts[3]),
                        self->findings == 0 ? "all is well" : "there is damage");
    if (repaired && damaged > 0) {
        copse_output_format(out, "dropped %s damaged blocks; import them again from a CAR\n",
                            copse_text_of_count(damaged, texts[4]));
    }
}

static int fsck_check(fsck *self)
{
    copse_call *call = self->call;
    bool repair = copse_options_has(&call->options, "--repair");
    copse_status status = fsck_blocks(self);
    if (status == COPSE_OK) {
        status = fsck_trees(self);
    }
    if (status == COPSE_OK && repair && self->damaged.len > 0) {
        status = fsck_repair(self);
    }
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be checked", self->database.path);
    }
    fsck_report(self, repair);
    return self->findings == 0 ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int fsck_run(copse_call *call)
{
    fsck self = {.call = call};
    bool repair = copse_options_has(&call->options, "--repair");
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.refs, &call->env, (size_t)1 << 30);
    copse_buf_init(&self.damaged, &call->env, (size_t)1 << 30);
    if (copse_database_open(&self.database, call, call->options.arguments[0],
                            repair ? COPSE_DATABASE_WRITE : COPSE_DATABASE_READ)) {
        code = fsck_check(&self);
    }
    copse_database_close(&self.database);
    copse_buf_release(&self.refs);
    copse_buf_release(&self.damaged);
    return code;
}

const copse_command copse_command_fsck = {
    .name = "fsck",
    .arguments = "STORE",
    .summary = "Check every block of a store and every tree that a ref names",
    .details =
        "Hashes all blocks again; checks that each tree is whole and is the one that its\n"
        "entries make. A finding is a line KIND TAB REF TAB CID TAB message; exit code 1 if\n"
        "there is one. What is not named can still be read.\n",
    .options = fsck_options,
    .examples = "copse fsck fruit.db\n"
                "copse fsck fruit.db --repair && copse tree import fruit.db backup.car",
    .run = fsck_run,
};
