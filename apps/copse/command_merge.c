/* copse merge: what another branch or commit has, brought into a branch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"

#include <copse/head_merge.h>

#include <stdio.h>
#include <string.h>

enum { MERGE_TRIES_MAX = 100, MERGE_CONFLICTS_SHOWN = 20 };

static const copse_option merge_options[] = {
    COPSE_OPTION_REF,
    {"--policy", "three-way|union", COPSE_OPTION_TEXT, "how documents of both sides are merged", 0},
    {"--dry-run", NULL, COPSE_OPTION_FLAG, "tell what would be, and change nothing", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct merge_call {
    copse_call *call;
    copse_documents documents;
    copse_merge_policy policy;
    bool is_dry;
    copse_cid theirs;
    copse_head_merge_result result;
    copse_cid head; /* that the branch gets */
} merge_call;

/* ---- Conflicts ---- */

/* One object; what the document is on each side is there too. CORRUPT, LIMIT, NOMEM: call->err. */
static copse_status merge_print_json(copse_call *call, const copse_database_conflict *conflict)
{
    static const char *const kinds[] = {"collection", "index", "document"};
    const copse_bytes sides[3] = {conflict->base, conflict->ours, conflict->theirs};
    static const char *const names[3] = {"base", "ours", "theirs"};
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_text(out, "conflict", kinds[conflict->what]);
    copse_output_text_bytes(out, "collection", conflict->collection);
    if (conflict->what == COPSE_CONFLICT_INDEX) {
        copse_output_text_bytes(out, "index", conflict->index);
    }
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        status = copse_output_ext_json(out, "_id", conflict->id, &call->err);
    }
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (sides[i].len > 0) {
            status = copse_output_ext_json(out, names[i], sides[i], &call->err);
        }
    }
    copse_output_end(out);
    return status;
}

static const char *merge_what_happened(const copse_database_conflict *conflict)
{
    return conflict->ours.len == 0     ? "deleted here, changed there"
           : conflict->theirs.len == 0 ? "changed here, deleted there"
           : conflict->base.len == 0   ? "made on both sides, differently"
                                       : "the same field was changed on both sides";
}

/* A line: collection, what, and why. */
static copse_status merge_print_line(copse_call *call, const copse_database_conflict *conflict)
{
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_raw(out, copse_bytes_of_text("conflict\t"));
    copse_output_bytes(out, conflict->collection);
    copse_output_raw(out, copse_bytes_of_text("\t"));
    switch (conflict->what) {
    case COPSE_CONFLICT_COLLECTION:
        copse_output_raw(out, copse_bytes_of_text("dropped, made or changed on both sides"));
        break;
    case COPSE_CONFLICT_INDEX:
        copse_output_bytes(out, conflict->index);
        copse_output_raw(out, copse_bytes_of_text("\tan index that differs on both sides"));
        break;
    case COPSE_CONFLICT_DOCUMENT:
        status = copse_output_value_ext_json(out, conflict->id, &call->err);
        copse_output_format(out, "\t%s", merge_what_happened(conflict));
        break;
    }
    copse_output_raw(out, copse_bytes_of_text("\n"));
    return status;
}

/* ---- Merging ---- */

/* Runs the merge to its end. Conflicts are printed as they come. */
static copse_status merge_run_all(merge_call *self, copse_head_merge *merge)
{
    copse_call *call = self->call;
    copse_database_conflict conflict;
    uint64_t shown = 0;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        do {
            status = copse_head_merge_next(merge, &conflict, &call->err);
        } while (copse_place_fetch(&self->documents.place, status));
        if (status == COPSE_OK && (call->output.json || shown++ < MERGE_CONFLICTS_SHOWN)) {
            status = call->output.json ? merge_print_json(call, &conflict)
                                       : merge_print_line(call, &conflict);
        }
    }
    if (shown > MERGE_CONFLICTS_SHOWN) {
        copse_output_format(&call->output, "… and %llu more\n",
                            (unsigned long long)(shown - MERGE_CONFLICTS_SHOWN));
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Puts the commit of a merge that was made. */
static copse_status merge_put_commit(merge_call *self)
{
    copse_call *call = self->call;
    copse_block *block = NULL;
    copse_status status = copse_commit_encode(&call->env, &self->result.commit, &block, &call->err);
    if (status == COPSE_OK) {
        self->head = *copse_block_cid(block);
        status = copse_store_put(self->documents.place.local.store, &block, 1, &call->err);
    }
    copse_block_unref(block);
    return status;
}

static int merge_refuse(merge_call *self)
{
    char count[64];
    return copse_failure(
        self->call, COPSE_CONFLICT,
        "settle them on one of the branches with `copse update`, then merge again",
        "%s: nothing was merged",
        copse_documents_plural(self->result.stats.conflicts, "conflict", count, sizeof count));
}

/* Makes the merge, and puts its commit unless there are conflicts, or none is needed. False:
 * reported. */
static bool merge_make(merge_call *self)
{
    copse_documents *documents = &self->documents;
    copse_call *call = self->call;
    copse_head_merge *merge = NULL;
    bool are_strangers = false;
    const copse_head_merge_options options = {
        .cache = documents->place.nodes,
        .store = documents->place.local.store,
        .ours = documents->head,
        .theirs = self->theirs,
        .policy = self->policy,
    };
    copse_status status = copse_head_merge_new(&call->env, &options, &merge, &call->err);
    if (status == COPSE_OK) {
        status = merge_run_all(self, merge);
        self->result = *copse_head_merge_get_result(merge);
        are_strangers = self->result.bases == 0;
    }
    copse_head_merge_free(merge);
    if (status == COPSE_OK) {
        self->head = self->result.kind == COPSE_HEAD_MERGE_FORWARD ? self->theirs : documents->head;
    }
    if (status == COPSE_OK && self->result.stats.conflicts == 0 &&
        self->result.kind == COPSE_HEAD_MERGE_MADE) {
        status = merge_put_commit(self);
    }
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status,
                            self->policy == COPSE_MERGE_THREE_WAY && are_strangers
                                ? "--policy union takes the documents of both sides"
                                : "change one of the two on a branch, then merge again",
                            "they can't be merged: %s", call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_place_failure(&documents->place, status, "the merge");
    }
    return status == COPSE_OK;
}

/* Merges once, and moves the branch unless that is only to be told. *ret_again: it was moved by
 * somebody else. */
static int merge_once(merge_call *self, bool *ret_again)
{
    copse_documents *documents = &self->documents;
    *ret_again = false;
    if (!merge_make(self)) {
        return COPSE_EXIT_FAILED;
    }
    if (self->result.stats.conflicts > 0) {
        return merge_refuse(self);
    }
    if (self->is_dry || self->result.kind == COPSE_HEAD_MERGE_NOTHING) {
        return COPSE_EXIT_OK;
    }
    copse_status status = copse_local_move_ref(&documents->place.local, documents->ref,
                                               &documents->head, &self->head);
    *ret_again = status == COPSE_CONFLICT;
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* What REVISION names, which must be a commit. */
static bool merge_find_theirs(merge_call *self)
{
    copse_documents *documents = &self->documents;
    copse_call *call = self->call;
    const char *revision = call->options.arguments[1];
    copse_block *block = NULL;
    copse_commit commit;
    if (!copse_past_resolve(&documents->place, &documents->head, revision, &self->theirs)) {
        return false;
    }
    copse_status status = copse_place_commit(&documents->place, &self->theirs, &commit, &block);
    bool is_commit = block != NULL;
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_place_failure(&documents->place, status, revision);
    } else if (!is_commit) {
        (void)copse_failure(call, COPSE_MISUSE,
                            "`copse branch DB` and `copse log DB` list what can be merged",
                            "'%s' is no commit", revision);
    }
    return is_commit;
}

static void merge_tell(merge_call *self)
{
    static const char *const kinds[] = {"nothing", "forward", "merge"};
    const copse_head_merge_result *result = &self->result;
    copse_output *out = &self->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "kind", kinds[result->kind]);
        copse_output_number(out, "inserted", result->stats.inserted);
        copse_output_number(out, "replaced", result->stats.replaced);
        copse_output_number(out, "merged", result->stats.merged);
        copse_output_number(out, "deleted", result->stats.deleted);
        copse_output_bool(out, "dryRun", self->is_dry);
        copse_output_cid(out, "commit", &self->head);
        copse_output_end(out);
    } else if (result->kind == COPSE_HEAD_MERGE_NOTHING) {
        copse_output_format(out, "'%s' has all of it already\n", self->documents.ref);
    } else if (result->kind == COPSE_HEAD_MERGE_FORWARD) {
        copse_output_format(out, "%s %s, which has all that '%s' has\n",
                            self->is_dry ? "it would move to" : "moved to",
                            copse_cid_show(&self->head, text), self->documents.ref);
    } else {
        copse_output_format(
            out, "%llu inserted, %llu replaced, %llu merged by fields, %llu deleted\n%s\n",
            (unsigned long long)result->stats.inserted, (unsigned long long)result->stats.replaced,
            (unsigned long long)result->stats.merged, (unsigned long long)result->stats.deleted,
            self->is_dry ? "nothing was changed: --dry-run" : copse_cid_show(&self->head, text));
    }
}

/* Merges into the head as it is, again on what it is then where somebody else moves it. */
static int merge_into_head(merge_call *self)
{
    copse_documents *documents = &self->documents;
    bool again = true;
    int code = COPSE_EXIT_OK;
    if (!documents->has_history) {
        return copse_failure(self->call, COPSE_MISUSE, "`copse tree merge` merges trees",
                             "'%s' is a tree without history", documents->ref);
    }
    for (int i = 0; again && code == COPSE_EXIT_OK && i < MERGE_TRIES_MAX; i++) {
        if ((i > 0 && !copse_documents_refresh(documents)) || !merge_find_theirs(self)) {
            return COPSE_EXIT_FAILED;
        }
        code = merge_once(self, &again);
        code = again ? COPSE_EXIT_OK : code;
    }
    if (again) {
        return copse_failure(self->call, COPSE_CONFLICT, "run the command again",
                             "'%s' was moved by somebody else %d times", documents->ref,
                             MERGE_TRIES_MAX);
    }
    if (code == COPSE_EXIT_OK) {
        merge_tell(self);
    }
    return code;
}

static int merge_run(copse_call *call)
{
    merge_call self = {.call = call, .is_dry = copse_options_has(&call->options, "--dry-run")};
    const char *policy = copse_options_text(&call->options, "--policy", "three-way");
    if (strcmp(policy, "union") == 0) {
        self.policy = COPSE_MERGE_UNION;
    } else if (strcmp(policy, "three-way") != 0) {
        return copse_failure_usage(call, "--policy is three-way or union, and not '%s'", policy);
    }
    if (!copse_documents_open(&self.documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = merge_into_head(&self);
    copse_documents_close(&self.documents);
    return code;
}

const copse_command copse_command_merge = {
    .name = "merge",
    .arguments = "DB REVISION",
    .summary = "Bring what a branch or a commit has into a branch",
    .details =
        "What the branch REVISION changed since both were one is made on main, or on the\n"
        "branch of --ref. Changes of different fields of a document go together; where both\n"
        "sides changed one thing differently there is a conflict: they are listed, and nothing\n"
        "is merged. Whoever merges the same two gets the same commit. Indexes are kept by this\n"
        "side.\n"
        "\n"
        "--policy union takes the documents of both sides, deletes none, and of two that differ\n"
        "the one whose encoding is greater; it needs no common past.\n",
    .options = merge_options,
    .examples = "copse merge blog.copse draft\n"
                "copse merge blog.copse draft --dry-run\n"
                "copse merge blog.copse main --ref draft",
    .run = merge_run,
};
