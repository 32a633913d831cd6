/* copse fsck: checks every block of a store, and every tree that a ref names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"
#include "origin.h"
#include "progress.h"
#include "text.h"

#include <copse/check.h>
#include <copse/dag_walk.h>
#include <copse/history_keep.h>
#include <copse/pack_maintenance.h>

#include <stdio.h>
#include <string.h>

static const copse_option fsck_options[] = {
    {"--repair", NULL, COPSE_OPTION_FLAG, "keep all that is good, put damaged files aside", 0},
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
    copse_local local;
    copse_progress progress;
    bool repair;
    copse_pack_fsck_stats files;
    const char *ref;       /* whose tree is at hand */
    bool has_documents;    /* That tree is of a commit, whose history is walked too. */
    copse_buf refs;        /* of fsck_ref */
    char origin[512];      /* of a clone: its address; else empty */
    bool is_sparse;        /* a clone that hasn't all of its trees */
    bool is_history;       /* walked are commits whose trees were walked before */
    copse_cid_set absent;  /* left at the origin, and not here */
    uint64_t dropped_ms;   /* trees of commits before may be missing; 0: none */
    copse_cid_set dropped; /* those that are, by their roots */
    uint64_t entries;
    uint64_t findings;
    uint64_t faults; /* findings that are still wrong in the end */
} fsck;

typedef struct fsck_history {
    fsck *self;
    copse_dag_walk walk; /* over all trees */
} fsck_history;

/* A finding is a line KIND TAB place TAB CID TAB message: the place is a file and an offset, or a
 * ref. What has no place or is about no block has `-` there. */
static void fsck_print(fsck *self, const char *kind, const char *place, const copse_cid *cid,
                       const char *message)
{
    copse_output *out = &self->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    self->findings++;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "finding", kind);
        copse_output_text(out, "place", place);
        copse_output_cid(out, "cid", cid);
        copse_output_text(out, "message", message);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "%s\t%s\t%s\t%s\n", kind, place,
                        cid != NULL ? copse_cid_show(cid, text) : "-", message);
}

/* ---- Files ---- */

/* The built-in config is linked by every tree and stands in no store. */
static bool fsck_is_builtin(const fsck *self, const copse_cid *cid)
{
    copse_tree_config config;
    copse_block *block = NULL;
    copse_tree_config_init(&config);
    bool same = copse_tree_config_block(&self->call->env, &config, &block, NULL) == COPSE_OK &&
                copse_cid_equal(copse_block_cid(block), cid);
    copse_block_unref(block);
    return same;
}

static copse_status fsck_file_finding(void *ctx, const copse_pack_finding *finding, copse_err *err)
{
    static const char *const kinds[] = {
        [COPSE_PACK_FINDING_DAMAGE] = "DAMAGE",
        [COPSE_PACK_FINDING_TAIL] = "TAIL",
        [COPSE_PACK_FINDING_ABSENT] = "ABSENT",
        [COPSE_PACK_FINDING_LEFTOVER] = "LEFTOVER",
    };
    fsck *self = ctx;
    char place[512] = "-";
    (void)err;
    /* The walk below tells blocks that must be here from those of a clone that were never, and from
     * those that were dropped. */
    if (finding->kind == COPSE_PACK_FINDING_ABSENT &&
        (self->origin[0] != '\0' || self->dropped_ms > 0 || fsck_is_builtin(self, &finding->cid))) {
        return COPSE_OK;
    }
    if (finding->file[0] != '\0') {
        (void)snprintf(place, sizeof place, "%s:%llu", finding->file,
                       (unsigned long long)finding->offset);
    }
    fsck_print(self, kinds[finding->kind], place, finding->cid.size > 0 ? &finding->cid : NULL,
               finding->message);
    /* A file that the store doesn't need is no fault, and what --repair mends is none any more. */
    bool fault = finding->kind != COPSE_PACK_FINDING_LEFTOVER && !self->repair;
    self->faults += fault ? 1 : 0;
    return COPSE_OK;
}

/* Sees whether the store is a clone, and what was dropped of its past; one that can't be opened yet
 * passes for whole. */
static void fsck_find_absent(fsck *self, const char *path)
{
    copse_call *call = self->call;
    copse_local local = {.call = call, .path = path};
    copse_origin origin;
    const copse_pack_options options = {.read_only = true};
    copse_status status = copse_os_posix_new(&call->env, &local.os, NULL);
    if (status == COPSE_OK) {
        status = copse_pack_db_open(&call->env, local.os, path, &options, &local.db, NULL);
    }
    if (status == COPSE_OK) {
        local.store = copse_pack_db_store(local.db);
        local.refs = copse_pack_db_refs(local.db);
        if (copse_origin_read(&local, &origin) && copse_origin_is_there(&origin)) {
            (void)copse_origin_show(&origin, self->origin, sizeof self->origin);
            self->is_sparse = copse_origin_is_sparse(&origin);
            copse_origin_release(&origin);
        }
        status = copse_history_dropped(&call->env, local.refs, local.store, &self->dropped_ms,
                                       NULL); /* Damage is found below. */
    }
    (void)status;
    copse_pack_db_close(local.db);
    copse_os_free(local.os);
}

/* Reads every byte. False: reported. */
static bool fsck_files(fsck *self, const char *path)
{
    copse_call *call = self->call;
    copse_os *os = NULL;
    copse_pack_fsck_options options = {
        .repair = self->repair,
        .found = fsck_file_finding,
        .found_ctx = self,
    };
    copse_status status = copse_os_posix_new(&call->env, &os, &call->err);
    if (status == COPSE_OK) {
        status = copse_pack_fsck(&call->env, os, path, &options, &self->files, &call->err);
    }
    os = copse_os_free(os);
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status, "run it again when no other process has the store open",
                            "'%s' is in use, and can't be repaired: %s", path, call->err.message);
    } else if (status != COPSE_OK) {
        copse_local_failure_open(call, status, path);
    }
    return status == COPSE_OK;
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
    fsck *self = ctx;
    if ((self->has_documents || self->is_sparse) && finding->kind == COPSE_CHECK_MISSING) {
        return COPSE_OK; /* The walk names it. */
    }
    self->faults++;
    fsck_print(self, copse_check_kind_name(finding->kind), self->ref, finding->cid,
               finding->message);
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
    fsck *self = ctx;
    (void)err;
    if (self->is_sparse || (self->origin[0] != '\0' && self->is_history)) {
        bool added = false;
        return copse_cid_set_add(&self->absent, cid, &added);
    }
    self->faults++;
    fsck_print(self, copse_check_kind_name(COPSE_CHECK_MISSING), self->ref, cid,
               "the block is not there");
    return COPSE_OK;
}

/* Of commits, whether each that is signed is so by its author. */
static copse_status fsck_signature(void *ctx, copse_block *block, copse_err *err)
{
    fsck *self = ctx;
    const copse_env *env = &self->call->env;
    copse_commit commit;
    if (!self->is_history || !copse_commit_is(block) ||
        copse_commit_decode(env, block, &commit, NULL) != COPSE_OK) {
        return COPSE_OK;
    }
    copse_status status = copse_commit_verify(env, &commit, err);
    if (status == COPSE_CORRUPT) {
        self->faults++;
        fsck_print(self, "SIGNATURE", self->ref, copse_block_cid(block),
                   "the commit is not signed by its author");
    }
    return status == COPSE_CORRUPT || status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

/* What is no tree, or a commit with its history, whose tree comes first: only that all blocks are
 * there. */
static copse_status fsck_dag(fsck *self, const copse_cid *root, const copse_cid *tree)
{
    copse_dag_walk walk;
    copse_dag_observer observer = {fsck_signature, fsck_missing, self};
    copse_dag_walk_init(&walk, &self->call->env, self->local.store, &observer);
    copse_status status =
        tree->size > 0 ? copse_dag_walk_run(&walk, tree, &self->call->err) : COPSE_OK;
    self->is_history = tree->size > 0;
    /* Where some of the past was dropped, fsck_past walks it. */
    if (status == COPSE_OK &&
        (self->dropped_ms == 0 || tree->size == 0 || copse_cid_equal(root, tree))) {
        status = copse_dag_walk_run(&walk, root, &self->call->err);
    }
    self->is_history = false;
    copse_dag_walk_release(&walk);
    if (status == COPSE_CORRUPT) {
        self->faults++;
        fsck_print(self, "FORMAT", self->ref, root, self->call->err.message);
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
    copse_commit commit = {.parents_count = 0};
    copse_block *block = NULL;
    self->ref = ref->name;
    copse_progress_init(&self->progress, call, ref->name, 0, "entries");
    copse_status status = copse_local_commit(&self->local, &ref->cid, &commit, &block);
    self->has_documents = block != NULL;
    if (status == COPSE_OK) {
        status = copse_tree_open(self->local.cache, &commit.tree, &tree, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_check(tree, &observer, &stats, &call->err);
        self->entries += status == COPSE_OK ? stats.entries : 0;
    }
    if (status == COPSE_WANT || status == COPSE_CORRUPT ||
        (status == COPSE_OK && (self->has_documents || self->is_sparse))) {
        status = fsck_dag(self, &ref->cid, &commit.tree);
    }
    copse_block_unref(block);
    (void)copse_progress_end(&self->progress);
    tree = copse_tree_close(tree);
    self->ref = NULL;
    return status;
}

static copse_status fsck_part(void *ctx, const copse_history_part *part, copse_err *err)
{
    fsck_history *history = ctx;
    fsck *self = history->self;
    bool is_there = false;
    bool added;
    if (part->kind == COPSE_HISTORY_WHOLE) {
        return copse_dag_walk_run(&history->walk, &part->cid, err);
    }
    copse_status status = copse_store_has(self->local.store, &part->cid, &is_there, err);
    if (status == COPSE_OK && !is_there) {
        status = part->kind == COPSE_HISTORY_COMMIT
                     ? fsck_missing(self, &part->cid, err)
                     : copse_cid_set_add(&self->dropped, &part->cid, &added);
    }
    return status;
}

/* The past of a store that was dropped in part: commits, and the trees that must be there. */
static copse_status fsck_past(fsck *self)
{
    copse_call *call = self->call;
    fsck_history history = {.self = self};
    copse_dag_observer observer = {fsck_signature, fsck_missing, self};
    copse_dag_walk_init(&history.walk, &call->env, self->local.store, &observer);
    self->ref = "history";
    self->is_history = true;
    copse_status status = copse_history_keep(&call->env, self->local.refs, self->local.store,
                                             self->dropped_ms, fsck_part, &history, &call->err);
    self->is_history = false;
    copse_dag_walk_release(&history.walk);
    if (status == COPSE_CORRUPT) {
        self->faults++;
        fsck_print(self, "FORMAT", self->ref, NULL, call->err.message);
        status = COPSE_OK;
    }
    self->ref = NULL;
    return status;
}

static copse_status fsck_trees(fsck *self)
{
    copse_status status =
        copse_refs_iterate(self->local.refs, fsck_add_ref, self, &self->call->err);
    for (size_t at = 0; status == COPSE_OK && at < self->refs.len; at += sizeof(fsck_ref)) {
        fsck_ref ref;
        memcpy(&ref, self->refs.ptr + at, sizeof ref);
        status = fsck_tree(self, &ref);
    }
    return status == COPSE_OK && self->dropped_ms > 0 ? fsck_past(self) : status;
}

/* ---- Together ---- */

static void fsck_report(fsck *self)
{
    copse_output *out = &self->call->output;
    uint64_t refs = self->refs.len / sizeof(fsck_ref);
    char texts[4][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, "files", self->files.files);
        copse_output_number(out, "blocks", self->files.blocks);
        copse_output_number(out, "refs", refs);
        copse_output_number(out, "entries", self->entries);
        copse_output_number(out, "findings", self->findings);
        copse_output_number(out, "absent", self->absent.count);
        copse_output_number(out, "dropped", self->dropped.count);
        if (self->origin[0] != '\0') {
            copse_output_text(out, "origin", self->origin);
        }
        copse_output_bool(out, "repaired", self->repair && self->findings > 0);
        copse_output_bool(out, "good", self->faults == 0);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "checked %s files, %s blocks; %s %s with %s entries: %s\n",
                        copse_text_of_count(self->files.files, texts[0]),
                        copse_text_of_count(self->files.blocks, texts[1]),
                        copse_text_of_count(refs, texts[2]), refs == 1 ? "ref" : "refs",
                        copse_text_of_count(self->entries, texts[3]),
                        self->faults == 0 ? "all is well" : "there is damage");
    if (self->dropped.count > 0) {
        copse_output_format(out, "%s earlier %s not here: `copse gc` dropped %s\n",
                            copse_text_of_count(self->dropped.count, texts[0]),
                            self->dropped.count == 1 ? "state is" : "states are",
                            self->dropped.count == 1 ? "it" : "them");
    }
    if (self->absent.count > 0) {
        copse_output_format(out, "%s more %s left at %s: %s\n",
                            copse_text_of_count(self->absent.count, texts[0]),
                            self->absent.count == 1 ? "block was" : "blocks were", self->origin,
                            self->is_sparse ? "this is a sparse clone" : "earlier versions");
    }
}

static int fsck_run(copse_call *call)
{
    fsck self = {.call = call, .repair = copse_options_has(&call->options, "--repair")};
    const char *path = call->options.arguments[0];
    if (!copse_local_check_path(call, path, "`copse check URL` checks a database where it is")) {
        return COPSE_EXIT_FAILED;
    }
    copse_cid_set_init(&self.absent, &call->env);
    copse_cid_set_init(&self.dropped, &call->env);
    fsck_find_absent(&self, path);
    if (!fsck_files(&self, path) || !copse_local_open(&self.local, call, path, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    copse_buf_init(&self.refs, &call->env, (size_t)1 << 30);
    copse_status status = fsck_trees(&self);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be checked", path);
        self.faults++;
    } else {
        fsck_report(&self);
    }
    copse_local_close(&self.local);
    copse_buf_release(&self.refs);
    copse_cid_set_release(&self.absent);
    copse_cid_set_release(&self.dropped);
    return self.faults == 0 ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

const copse_command copse_command_fsck = {
    .name = "fsck",
    .arguments = "STORE",
    .summary = "Check every byte of a store and every tree that a ref names",
    .details =
        "Hashes all blocks again; checks that each tree is whole and is the one that its\n"
        "entries make. A finding is a line KIND TAB PLACE TAB CID TAB message, a place being\n"
        "FILE:OFFSET or a ref; exit code 1 if something is wrong. What is not named can still\n"
        "be read. What a clone left at its origin is counted, and no fault; so is history that\n"
        "`copse gc` was told to drop. --repair keeps every\n"
        "good block, takes back commits that a writer took for torn writes and put aside\n"
        "(LEFTOVER …damaged), and puts damaged files aside.\n",
    .options = fsck_options,
    .examples = "copse fsck fruit.db\n"
                "copse fsck fruit.db --repair && copse tree import fruit.db backup.car",
    .run = fsck_run,
};
