/* copse merge: what another branch, commit or database has, brought into a branch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "dropped.h"
#include "failure.h"
#include "history_copy.h"
#include "merge_print.h"
#include "merging.h"
#include "review_print.h"
#include "theirs.h"

#include <copse/document_diff.h>

#include <stdio.h>
#include <string.h>

enum { MERGE_TRIES_MAX = 100, MERGE_TITLE_SIZE = 600 };

static const copse_option merge_options[] = {
    COPSE_OPTION_REF,
    {"--policy", "three-way|union", COPSE_OPTION_TEXT, "how documents of both sides are merged", 0},
    {"--conflicts", "refuse|record|ours|theirs", COPSE_OPTION_CHOICE,
     "what becomes of documents in conflict; refuse if not given", 0},
    {"--message", "TEXT", COPSE_OPTION_TEXT, "of a commit that settles conflicts for one side",
     'm'},
    COPSE_OPTIONS_KEY,
    {"--dry-run", NULL, COPSE_OPTION_FLAG, "tell what would be, and change nothing", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct merge_call {
    copse_call *call;
    copse_documents documents;
    copse_merge_policy policy;
    copse_merge_conflicts conflicts; /* what becomes of them */
    const copse_author *author;
    char title[MERGE_TITLE_SIZE];
    const char *message; /* of a commit that settles conflicts */
    bool is_dry;
    bool is_base_lost; /* what both were when they parted is to be had nowhere */
    copse_cid base;    /* the tree of that */
    copse_theirs from;
    copse_cid theirs;
    copse_merge_print print;
    copse_merging merging; /* the last one */
    copse_head_merge_result result;
    copse_cid head;    /* that the branch gets */
    copse_past merged; /* what that is */
} merge_call;

/* ---- Merging ---- */

static int merge_refuse(merge_call *self)
{
    char count[64];
    return copse_failure(
        self->call, COPSE_CONFLICT,
        self->print.of_policies > 0
            ? "`copse policy DB COLL POLICY` gives one of the two the policy of the other; then "
              "merge again"
        : self->print.of_catalogue > 0
            ? "change the collection or index on one of the two, as the other has it; then merge "
              "again"
            : "--conflicts record merges and keeps them, ours or theirs settles them; or change "
              "one of the two with `copse update`, then merge again",
        "%s: nothing was merged",
        copse_documents_plural(self->result.stats.conflicts, "conflict", count, sizeof count));
}

/* Makes the merge; where there are no conflicts `head` is what the branch gets. */
static copse_status merge_make(merge_call *self, bool *ret_are_strangers)
{
    copse_merging_close(&self->merging);
    self->merging = (copse_merging){
        .documents = &self->documents,
        .ours = self->documents.head,
        .theirs = self->theirs,
        .policy = self->policy,
        .conflicts = self->conflicts,
        .author = self->author,
        .message = self->message,
    };
    copse_status status = copse_merging_run(&self->merging);
    self->is_base_lost = self->merging.is_base_lost;
    self->base = self->merging.base;
    self->print = self->merging.print;
    self->result = self->merging.result;
    self->head = self->merging.head;
    *ret_are_strangers = self->result.bases == 0;
    return status;
}

static int merge_fail(merge_call *self, copse_status status, bool are_strangers)
{
    copse_call *call = self->call;
    char text[COPSE_DROPPED_TEXT_SIZE];
    if (status == COPSE_CONFLICT && self->is_base_lost) {
        const char *why = copse_dropped_show(&self->documents.place.local, &self->base, text);
        return copse_failure(call, status, copse_dropped_hint(call), "they can't be merged: %s%s%s",
                             call->err.message, why != NULL ? "; " : "", why != NULL ? why : "");
    }
    if (status != COPSE_CONFLICT) {
        return copse_place_failure(&self->documents.place, status, "the merge");
    }
    return copse_failure(
        call, status,
        self->policy == COPSE_MERGE_THREE_WAY && are_strangers
            ? "--policy union takes the documents of both sides, if one creator made both or none"
            : "keep the newer one, and bring over what only the other has: `copse cherry-pick "
              "NEWER "
              "COMMIT… --from OTHER`",
        "they can't be merged: %s", call->err.message);
}

/* Merges once, and moves the branch unless that is only to be told. *ret_again: it was moved by
 * somebody else. */
static int merge_once(merge_call *self, bool *ret_again)
{
    copse_documents *documents = &self->documents;
    bool are_strangers = false;
    *ret_again = false;
    copse_status status = merge_make(self, &are_strangers);
    if (status != COPSE_OK) {
        return merge_fail(self, status, are_strangers);
    }
    if (self->result.stats.conflicts > 0) {
        return merge_refuse(self);
    }
    copse_past_close(&self->merged);
    if (!copse_past_open(&self->merged, &documents->place, &self->head, "the merge")) {
        return COPSE_EXIT_FAILED;
    }
    if (self->is_dry || copse_cid_equal(&self->head, &documents->head)) {
        return COPSE_EXIT_OK;
    }
    if (!copse_theirs_keep(&self->from, &self->theirs)) {
        return COPSE_EXIT_FAILED;
    }
    status = copse_local_move_ref(&documents->place.local, documents->ref, &documents->head,
                                  &self->head);
    *ret_again = status == COPSE_CONFLICT;
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* The indexes that somebody has to build now. */
static void merge_tell_unbuilt(merge_call *self)
{
    const copse_documents *documents = &self->documents;
    copse_call *call = self->call;
    bool is_main = strcmp(documents->ref, COPSE_REF_DEFAULT) == 0;
    copse_status status =
        copse_merge_print_unbuilt(call, documents->database, self->merged.database,
                                  documents->place.name, is_main ? NULL : documents->ref);
    if (status != COPSE_OK) {
        copse_note(call, "copse: out of memory: `copse indexes DB` lists those that are not built");
    }
}

/* What is only told where it happened. */
static void merge_tell_rest(copse_output *out, const copse_database_merge_stats *stats)
{
    const struct {
        const char *member;
        const char *text;
        uint64_t count;
    } parts[] = {
        {"recorded", "kept as conflicts: `copse conflicts DB` lists them", stats->recorded},
        {"settled", "in conflict, and settled", stats->settled},
        {"superseded", "written on both sides, of which one gave way, all or a part of it",
         stats->superseded},
        {"waiting", "waiting for a unique value that another one has: `copse conflicts DB`",
         stats->waiting},
        {"returned", "back in the collection, after waiting for a unique value", stats->returned},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char count[64];
        if (out->json) {
            copse_output_number(out, parts[i].member, parts[i].count);
        } else if (parts[i].count > 0) {
            copse_output_format(
                out, "%s %s\n",
                copse_documents_plural(parts[i].count, "document", count, sizeof count),
                parts[i].text);
        }
    }
}

/* Counts what the branch gets where it only moves forward. All of it is here by now, but for what a
 * sparse clone leaves at its origin: that is not asked for. A dry run copies nothing, and asks.
 * False: something is not to be had. */
static bool merge_count_forward(merge_call *self)
{
    copse_err *err = &self->call->err;
    copse_database_merge_stats *stats = &self->result.stats;
    const copse_document_diff_options options = {.ids_only = true};
    copse_document_diff *diff = NULL;
    copse_document_change change;
    uint64_t counts[3] = {0};
    copse_status status = copse_document_diff_new(self->documents.database, self->merged.database,
                                                  &options, &diff, err);
    while (status == COPSE_OK) {
        do {
            status = copse_document_diff_next(diff, &change, err);
        } while (self->is_dry && copse_place_fetch(&self->documents.place, status));
        if (status == COPSE_OK && change.what == COPSE_CHANGE_DOCUMENT) {
            counts[change.kind]++;
        }
    }
    copse_document_diff_free(diff);
    stats->inserted = counts[COPSE_ADDED];
    stats->replaced = counts[COPSE_CHANGED];
    stats->deleted = counts[COPSE_REMOVED];
    return status == COPSE_END;
}

/* What came, as JSON. */
static void merge_tell_counts(merge_call *self)
{
    static const char *const names[] = {"inserted", "replaced", "merged", "deleted"};
    copse_output *out = &self->call->output;
    if (self->result.kind != COPSE_HEAD_MERGE_FORWARD || merge_count_forward(self)) {
        copse_merge_print_stats(out, &self->result.stats);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        copse_output_null(out, names[i]);
    }
}

static void merge_tell(merge_call *self)
{
    static const char *const kinds[] = {"nothing", "forward", "merge", "refused", "held"};
    const copse_head_merge_result *result = &self->result;
    copse_output *out = &self->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "kind", kinds[result->kind]);
        merge_tell_counts(self);
        merge_tell_rest(out, &result->stats);
        merge_tell_unbuilt(self);
        copse_output_bool(out, "dry_run", self->is_dry);
        copse_output_cid(out, "commit", &self->head);
        copse_theirs_print(&self->from);
        if (copse_review_print(self->call, result) != COPSE_OK) {
            copse_note(self->call, "copse: out of memory: not all that was refused is told");
        }
        copse_output_end(out);
        return;
    }
    copse_review_warn(self->call, self->from.name, result);
    if (result->kind == COPSE_HEAD_MERGE_REFUSED || result->kind == COPSE_HEAD_MERGE_HELD) {
        copse_output_format(out, "'%s' stays as it is: nothing was taken\n", self->documents.ref);
    } else if (result->kind == COPSE_HEAD_MERGE_NOTHING) {
        copse_output_format(out, "'%s' has all of it already\n", self->documents.ref);
    } else if (result->kind == COPSE_HEAD_MERGE_FORWARD) {
        copse_output_format(out, "%s %s, which has all that '%s' has\n",
                            self->is_dry ? "it would move to" : "moved to",
                            copse_cid_show(&self->head, text), self->documents.ref);
        merge_tell_unbuilt(self);
    } else {
        copse_merge_print_stats(out, &result->stats);
        merge_tell_rest(out, &result->stats);
        merge_tell_unbuilt(self);
        copse_output_format(out, "%s\n",
                            self->is_dry ? "nothing was changed: --dry-run"
                                         : copse_cid_show(&self->head, text));
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
        if ((i > 0 && !copse_documents_refresh(documents)) ||
            !copse_theirs_commit(&self->from, &self->theirs)) {
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

static bool merge_read_conflicts(merge_call *self)
{
    static const char *const names[] = {"refuse", "record", "ours", "theirs"};
    copse_call *call = self->call;
    const char *name = copse_options_text(&call->options, "--conflicts", names[0]);
    while (strcmp(names[self->conflicts], name) != 0) {
        self->conflicts++;
    }
    bool is_settled = self->conflicts >= COPSE_MERGE_CONFLICTS_OURS;
    const char *message = copse_options_text(&call->options, "--message", NULL);
    if ((message != NULL || copse_options_has(&call->options, "--key")) && !is_settled) {
        (void)copse_failure_usage(call,
                                  "%s is about --conflicts ours and theirs: whoever merges the "
                                  "same makes the same commit",
                                  message != NULL ? "--message" : "--key");
        return false;
    }
    int size = snprintf(self->title, sizeof self->title, "merge %s", call->options.arguments[1]);
    bool is_cut = size < 0 || (size_t)size >= sizeof self->title;
    self->message = message != NULL ? message : is_cut ? "merge" : self->title;
    return true;
}

static int merge_run(copse_call *call)
{
    merge_call self = {.call = call, .is_dry = copse_options_has(&call->options, "--dry-run")};
    const char *policy = copse_options_text(&call->options, "--policy", "three-way");
    if (strcmp(policy, "union") == 0) {
        self.policy = COPSE_MERGE_UNION;
    } else if (strcmp(policy, "three-way") != 0) {
        return copse_failure_usage(call,
                                   "--policy is three-way or union, and not '%s': `copse policy DB "
                                   "COLL POLICY` sets lww and field-wise, on both sides",
                                   policy);
    }
    call->env.limits.wants_max = COPSE_HISTORY_COPY_WANTS;
    if (!merge_read_conflicts(&self)) {
        return call->misused ? COPSE_EXIT_USAGE : COPSE_EXIT_FAILED;
    }
    if (!copse_documents_open(&self.documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    bool is_ready = copse_theirs_open(&self.from, &self.documents, call->options.arguments[1]);
    if (is_ready && self.conflicts >= COPSE_MERGE_CONFLICTS_OURS) {
        self.author = copse_documents_author(&self.documents);
        is_ready = self.author != NULL;
    }
    int code = is_ready ? merge_into_head(&self) : COPSE_EXIT_FAILED;
    copse_past_close(&self.merged);
    copse_merging_close(&self.merging);
    copse_theirs_close(&self.from);
    copse_documents_close(&self.documents);
    return code;
}

const copse_command copse_command_merge = {
    .name = "merge",
    .arguments = "DB THEIRS",
    .summary = "Bring what a branch or another database has into a branch",
    .details =
        "What THEIRS changed since both were one is made on main, or on the branch of --ref.\n"
        "THEIRS is a branch or another revision of DB, or else a database elsewhere: a folder, a\n"
        "CAR file, http://peer/name, an IPNS name (k51…); or a CID with --peer. Only what differs\n"
        "is read, and from elsewhere all of THEIRS that is new is copied, before the branch "
        "moves;\n"
        "a sparse clone leaves at its origin what that has.\n"
        "\n"
        "What becomes of a document that both changed says the policy of its collection (`copse\n"
        "policy`). By default changes of different fields go together; where both sides changed\n"
        "one thing differently there is a conflict: they are listed, and nothing is merged. With\n"
        "--conflicts record they are kept in the database (`copse conflicts`, `copse resolve`);\n"
        "ours and theirs take one side's, in a commit of yours. Otherwise whoever merges the same\n"
        "two gets the same commit.\n"
        "\n"
        "An index that only one side has made is in the merge, but not built, also where it was:\n"
        "it is told, and `copse index` builds it. A unique one is not enforced until then.\n"
        "\n"
        "Into a database with a creator comes only what those who signed THEIRS may write (`copse\n"
        "writers`). What is refused is told with the reason, and stays as it is here.\n"
        "\n"
        "--policy union takes, of collections without a policy, the documents of both sides,\n"
        "deletes none, and of two that differ the one whose encoding is greater; it needs no\n"
        "common past.\n",
    .options = merge_options,
    .examples = "copse merge blog.copse draft\n"
                "copse merge blog.copse draft --dry-run\n"
                "copse merge blog.copse draft --conflicts record\n"
                "copse merge blog.copse main --ref draft\n"
                "copse merge blog.copse ../theirs/blog.copse\n"
                "copse merge blog.copse http://127.0.0.1:4180/blog",
    .run = merge_run,
};
