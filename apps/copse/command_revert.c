/* copse revert and cherry-pick: what a commit changed, taken back, or made again.
 *
 * Commit by commit on the tree that the one before made; the branch moves once, in the end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "merge_print.h"
#include "theirs.h"

#include <copse/change_merge.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REVERT_TRIES_MAX = 100, REVERT_SUBJECT_SIZE_MAX = 200 };

#define REVERT_OPTIONS                                                                             \
    COPSE_OPTION_REF, COPSE_OPTIONS_COMMIT,                                                        \
        {"--parent", "N", COPSE_OPTION_COUNT,                                                      \
         "of a merge: what it changed since its Nth parent, from 1", 0},                           \
        {"--dry-run", NULL, COPSE_OPTION_FLAG, "tell what would be, and change nothing", 0},       \
        COPSE_OPTION_DURABILITY, COPSE_OPTION_JSON, COPSE_OPTIONS_PEERS

static const copse_option revert_options[] = {
    REVERT_OPTIONS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static const copse_option revert_pick_options[] = {
    {"--from", "PLACE", COPSE_OPTION_TEXT,
     "the database that has the commits: a folder, a CAR file, a URL or a name", 0},
    REVERT_OPTIONS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* What became of a commit. */
typedef struct revert_outcome {
    copse_cid of;
    copse_cid made; /* of size 0: there was nothing to do */
    copse_database_merge_stats stats;
} revert_outcome;

typedef struct revert {
    copse_call *call;
    bool is_revert; /* else a cherry-pick */
    bool is_dry;
    uint64_t parent; /* --parent; 0: not given */
    copse_documents documents;
    copse_theirs from;
    copse_cid head;  /* as it becomes */
    copse_past ours; /* the database of that, once it is another one than that of `documents` */
    copse_past commit;
    copse_past before; /* its parent */
    copse_buf message;
    copse_buf outcomes; /* of revert_outcome */
} revert;

/* ---- The commit and its parent ---- */

static int revert_ask_parent(revert *self, const char *name)
{
    const copse_commit *commit = &self->commit.commit;
    char hint[512];
    char text[COPSE_CID_TEXT_SIZE_MAX];
    size_t len = (size_t)snprintf(hint, sizeof hint, "its parents:");
    for (size_t i = 0; i < commit->parents_count && len < sizeof hint; i++) {
        len += (size_t)snprintf(hint + len, sizeof hint - len, " %zu %s", i + 1,
                                copse_cid_show(&commit->parents[i], text));
    }
    return self->parent == 0
               ? copse_failure(self->call, COPSE_MISUSE, hint,
                               "'%s' is a merge: --parent N says since which parent", name)
               : copse_failure(self->call, COPSE_MISUSE, commit->parents_count > 0 ? hint : NULL,
                               "'%s' has no parent number %" PRIu64, name, self->parent);
}

/* The empty database that a first commit began with. */
static bool revert_open_nothing(revert *self)
{
    copse_place *place = &self->documents.place;
    copse_tree_config config;
    self->before = (copse_past){.place = place};
    copse_tree_config_init(&config);
    copse_status status = copse_tree_new(place->nodes, place->local.store, &config,
                                         &self->before.tree, &self->call->err);
    if (status == COPSE_OK) {
        status = copse_database_open(self->before.tree, &self->before.database, &self->call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(self->call, status, "an empty database");
    }
    return status == COPSE_OK;
}

static bool revert_open_commit(revert *self, const copse_cid *cid, const char *name)
{
    copse_place *place = &self->documents.place;
    if (!copse_past_open(&self->commit, place, cid, name)) {
        return false;
    }
    const copse_commit *commit = &self->commit.commit;
    size_t count = commit->parents_count;
    if (self->parent == 0 ? count > 1 : self->parent > count) {
        (void)revert_ask_parent(self, name);
        return false;
    }
    return count == 0
               ? revert_open_nothing(self)
               : copse_past_open(&self->before, place,
                                 &commit->parents[self->parent > 0 ? self->parent - 1 : 0], name);
}

static void revert_close_commit(revert *self)
{
    copse_past_close(&self->commit);
    copse_past_close(&self->before);
}

/* ---- The message ---- */

/* The first line, as much as is good in a title. */
static copse_bytes revert_subject(copse_bytes message)
{
    const uint8_t *end = message.len > 0 ? memchr(message.ptr, '\n', message.len) : NULL;
    message.len = end != NULL ? (size_t)(end - message.ptr) : message.len;
    if (message.len > REVERT_SUBJECT_SIZE_MAX) {
        message.len = REVERT_SUBJECT_SIZE_MAX;
        while (message.len > 0 && (message.ptr[message.len] & 0xc0) == 0x80) {
            message.len--;
        }
    }
    return message;
}

/* With a NUL; a trailer that doesn't fit is left out. */
static copse_status revert_write_message(revert *self)
{
    copse_bytes message = self->commit.commit.message;
    copse_bytes subject = revert_subject(message);
    copse_buf *buf = &self->message;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    char trailer[COPSE_CID_TEXT_SIZE_MAX + 64];
    (void)copse_cid_show(&self->commit.cid, cid);
    (void)snprintf(
        trailer, sizeof trailer,
        self->is_revert ? "\"\n\nThis reverts commit %s." : "\n\n(picked from commit %s)", cid);
    copse_buf_truncate(buf, 0);
    copse_status status = COPSE_OK;
    if (self->is_revert) {
        status = copse_buf_append(buf, copse_bytes_of_text("Revert \""));
        message = subject.len > 0 ? subject : copse_bytes_of_text(cid);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, message);
    }
    if (status == COPSE_OK && buf->len + strlen(trailer) <= COPSE_COMMIT_MESSAGE_SIZE_BYTES_MAX) {
        status = copse_buf_append(buf, copse_bytes_of_text(trailer));
    }
    return status == COPSE_OK ? copse_buf_append_byte(buf, '\0') : status;
}

/* ---- Making it ---- */

static copse_database *revert_ours(revert *self)
{
    return self->ours.database != NULL ? self->ours.database : self->documents.database;
}

/* Adds the operations; conflicts are printed as they come. */
static copse_status revert_fill(revert *self, copse_write *write,
                                copse_database_merge_stats *ret_stats)
{
    copse_call *call = self->call;
    copse_merge_print print = {.call = call};
    copse_change_merge *merge = NULL;
    copse_database_conflict conflict;
    const copse_change_merge_options options = {
        .before = self->is_revert ? self->commit.database : self->before.database,
        .after = self->is_revert ? self->before.database : self->commit.database,
        .ours = revert_ours(self),
    };
    copse_status status = copse_change_merge_new(&options, write, &merge, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_change_merge_next(merge, &conflict, &call->err);
        } while (copse_place_fetch(&self->documents.place, status));
        if (status == COPSE_OK) {
            status = copse_merge_print_conflict(&print, &conflict);
        }
    }
    copse_merge_print_end(&print);
    if (status == COPSE_END) {
        *ret_stats = copse_change_merge_get_stats(merge);
        status = COPSE_OK;
    }
    copse_change_merge_free(merge);
    return status;
}

static copse_status revert_apply(revert *self, copse_write *write, copse_cid *ret_root)
{
    copse_call *call = self->call;
    copse_place *place = &self->documents.place;
    copse_tree *tree = NULL;
    copse_write_options options = {.is_unique_in_the_end = true};
    const copse_author *author = copse_documents_author(&self->documents);
    if (author == NULL) {
        return COPSE_MISUSE;
    }
    options.author = copse_bytes_of_text(author->did);
    options.key = author->key;
    copse_status status;
    do {
        status = copse_write_apply(write, copse_database_tree(revert_ours(self)),
                                   place->local.store, &options, &tree, NULL, NULL, &call->err);
    } while (copse_place_fetch(place, status));
    if (status == COPSE_OK) {
        *ret_root = *copse_tree_root(tree);
    }
    copse_tree_close(tree);
    return status;
}

static int revert_refuse(revert *self, const char *name, uint64_t conflicts)
{
    char count[64];
    return copse_failure(self->call, COPSE_CONFLICT,
                         "what was changed since stands in the way: change it first",
                         "'%s': %s; nothing was changed", name,
                         copse_documents_plural(conflicts, "conflict", count, sizeof count));
}

/* Goes on from the tree `root`, by a commit of it. */
static bool revert_go_on(revert *self, const copse_cid *root, copse_cid *ret_made)
{
    copse_past next;
    copse_status status = revert_write_message(self);
    if (status != COPSE_OK) {
        (void)copse_failure_of(self->call, status, "the message");
        return false;
    }
    status = copse_documents_put_commit(&self->documents, &self->head, root,
                                        (const char *)self->message.ptr, ret_made);
    if (status != COPSE_OK ||
        !copse_past_open(&next, &self->documents.place, ret_made, "the commit that was made")) {
        return false;
    }
    copse_past_close(&self->ours);
    self->ours = next;
    self->head = *ret_made;
    return true;
}

/* Makes what `commit`, which is open, stands for. */
static bool revert_make(revert *self, const char *name, revert_outcome *outcome)
{
    copse_call *call = self->call;
    copse_write *write = NULL;
    copse_cid root = {.size = 0};
    copse_status status = copse_write_new(&call->env, &write, &call->err);
    if (status == COPSE_OK) {
        status = revert_fill(self, write, &outcome->stats);
    }
    if (status == COPSE_OK && outcome->stats.conflicts == 0) {
        status = revert_apply(self, write, &root);
    }
    copse_write_free(write);
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status,
                            "give one of the two another value first (`copse update`)",
                            "'%s': %s; nothing was changed", name, call->err.message);
        return false;
    }
    if (status != COPSE_OK) {
        (void)copse_documents_failure(&self->documents, status, name);
        return false;
    }
    if (outcome->stats.conflicts > 0) {
        (void)revert_refuse(self, name, outcome->stats.conflicts);
        return false;
    }
    bool is_same = copse_cid_equal(&root, copse_tree_root(copse_database_tree(revert_ours(self))));
    return is_same || revert_go_on(self, &root, &outcome->made);
}

static bool revert_one(revert *self, const char *name)
{
    revert_outcome outcome = {.made = {.size = 0}};
    if (!copse_theirs_revision(&self->from, name, &outcome.of)) {
        return false;
    }
    bool made = revert_open_commit(self, &outcome.of, name) && revert_make(self, name, &outcome);
    revert_close_commit(self);
    if (made && copse_buf_append(&self->outcomes, (copse_bytes){(const uint8_t *)&outcome,
                                                                sizeof outcome}) != COPSE_OK) {
        (void)copse_failure(self->call, COPSE_NOMEM, NULL, "out of memory");
        made = false;
    }
    return made;
}

/* ---- Together ---- */

static bool revert_all(revert *self)
{
    const copse_options *options = &self->call->options;
    copse_past_close(&self->ours);
    copse_buf_truncate(&self->outcomes, 0);
    self->head = self->documents.head;
    for (size_t i = 1; i < options->arguments_count; i++) {
        if (!revert_one(self, options->arguments[i])) {
            return false;
        }
    }
    return true;
}

/* Makes all of it on the head as it is, again on what it is then where somebody else moves it. */
static int revert_into_head(revert *self)
{
    copse_documents *documents = &self->documents;
    copse_status status = COPSE_CONFLICT;
    for (int i = 0; status == COPSE_CONFLICT && i < REVERT_TRIES_MAX; i++) {
        if ((i > 0 && !copse_documents_refresh(documents)) || !revert_all(self)) {
            return COPSE_EXIT_FAILED;
        }
        bool is_moved = !self->is_dry && !copse_cid_equal(&self->head, &documents->head);
        status = is_moved ? copse_local_move_ref(&documents->place.local, documents->ref,
                                                 &documents->head, &self->head)
                          : COPSE_OK;
    }
    if (status == COPSE_CONFLICT) {
        return copse_failure(self->call, status, "run the command again",
                             "'%s' was moved by somebody else %d times", documents->ref,
                             REVERT_TRIES_MAX);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static void revert_tell_one(const revert *self, const revert_outcome *outcome)
{
    copse_output *out = &self->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    bool is_nothing = outcome->made.size == 0;
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, self->is_revert ? "reverted" : "picked", &outcome->of);
        copse_merge_print_stats(out, &outcome->stats);
        copse_output_bool(out, "dry_run", self->is_dry);
        copse_output_cid(out, "commit", is_nothing || self->is_dry ? NULL : &outcome->made);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "%s %s: ", self->is_revert ? "reverted" : "picked",
                        copse_cid_show(&outcome->of, text));
    if (is_nothing) {
        copse_output_format(out, "nothing to do, '%s' is so already\n", self->documents.ref);
        return;
    }
    const copse_database_merge_stats *stats = &outcome->stats;
    if (stats->inserted + stats->replaced + stats->merged + stats->deleted > 0) {
        copse_merge_print_stats(out, stats);
    } else {
        copse_output_format(out, "collections and indexes, no documents\n");
    }
    copse_output_format(out, "%s\n",
                        self->is_dry ? "nothing was changed: --dry-run"
                                     : copse_cid_show(&outcome->made, text));
}

static void revert_tell(const revert *self)
{
    for (size_t at = 0; at < self->outcomes.len; at += sizeof(revert_outcome)) {
        revert_outcome outcome;
        memcpy(&outcome, self->outcomes.ptr + at, sizeof outcome);
        revert_tell_one(self, &outcome);
    }
}

static bool revert_open(revert *self)
{
    copse_documents *documents = &self->documents;
    copse_call *call = self->call;
    const char *from = self->is_revert ? NULL : copse_options_text(&call->options, "--from", NULL);
    if (!copse_documents_open(documents, call, COPSE_LOCAL_WRITE)) {
        return false;
    }
    if (!documents->has_history) {
        (void)copse_failure(call, COPSE_MISUSE, "`copse tree merge` merges trees",
                            "'%s' is a tree without history", documents->ref);
        return false;
    }
    self->from = (copse_theirs){.mine = documents};
    return from == NULL || copse_theirs_open_place(&self->from, documents, from);
}

static int revert_run_any(copse_call *call, bool is_revert)
{
    revert self = {
        .call = call,
        .is_revert = is_revert,
        .is_dry = copse_options_has(&call->options, "--dry-run"),
        .parent = copse_options_number(&call->options, "--parent", 0),
    };
    if (copse_options_has(&call->options, "--parent") && self.parent == 0) {
        return copse_failure_usage(call, "--parent counts from 1");
    }
    copse_buf_init(&self.message, &call->env, 2 * COPSE_COMMIT_MESSAGE_SIZE_BYTES_MAX);
    copse_buf_init(&self.outcomes, &call->env, SIZE_MAX / 2);
    int code = revert_open(&self) ? revert_into_head(&self) : COPSE_EXIT_FAILED;
    if (code == COPSE_EXIT_OK) {
        revert_tell(&self);
    }
    copse_past_close(&self.ours);
    copse_theirs_close(&self.from);
    copse_documents_close(&self.documents);
    copse_buf_release(&self.message);
    copse_buf_release(&self.outcomes);
    return code;
}

static int revert_run(copse_call *call)
{
    return revert_run_any(call, true);
}

static int revert_run_pick(copse_call *call)
{
    return revert_run_any(call, false);
}

const copse_command copse_command_revert = {
    .name = "revert",
    .arguments = "DB COMMIT...",
    .summary = "Take back what commits changed",
    .details =
        "Makes a commit that undoes what COMMIT changed since its parent, on main or on the\n"
        "branch of --ref; what was changed since stays. Each COMMIT gets one, in the order given.\n"
        "Where something that COMMIT changed was changed again since there is a conflict: they\n"
        "are listed, and nothing is changed. Of a merge --parent says which side stays. What was\n"
        "kept as a conflict and settled since (`copse resolve`) is no conflict again.\n",
    .options = revert_options,
    .examples = "copse revert blog.copse HEAD\n"
                "copse revert blog.copse HEAD~2 --dry-run\n"
                "copse revert blog.copse bafyreib… --parent 1",
    .run = revert_run,
};

const copse_command copse_command_cherry_pick = {
    .name = "cherry-pick",
    .arguments = "DB COMMIT...",
    .summary = "Make again what commits changed elsewhere",
    .details =
        "Makes a commit that changes what COMMIT changed since its parent, on main or on the\n"
        "branch of --ref: of another branch, or with --from of another database. Each COMMIT\n"
        "gets one, in the order given, with its message and CID. Where main has otherwise what\n"
        "COMMIT changed there is a conflict: they are listed, and nothing is changed. Of a merge\n"
        "--parent says since which side.\n",
    .options = revert_pick_options,
    .examples = "copse cherry-pick blog.copse draft\n"
                "copse cherry-pick blog.copse HEAD~1 --from ../theirs/blog.copse\n"
                "copse cherry-pick blog.copse bafyreib… --ref draft",
    .run = revert_run_pick,
};
