/* copse branch, tag and reset: names for states of a database. All are refs; those of tags begin
 * with COPSE_REVISION_TAGS, and don't move.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"

#include <copse/revision.h>

#include <stdio.h>
#include <string.h>

enum { BRANCH_NAME_SIZE = 300 };

static const copse_option branch_options[] = {
    {"--delete", NULL, COPSE_OPTION_FLAG, "take the name away; its commits stay until `copse gc`",
     0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static bool branch_is_tag(copse_bytes name)
{
    return copse_bytes_has_prefix(name, copse_bytes_of_text(COPSE_REVISION_TAGS));
}

/* ---- Listing ---- */

typedef struct branch_list {
    copse_call *call;
    copse_place *place;
    bool tags;
} branch_list;

/* A line NAME TAB CID TAB TIME, as far as that is known. */
static copse_status branch_print(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    branch_list *list = ctx;
    copse_output *out = &list->call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)err;
    if (branch_is_tag(name) != list->tags || copse_revision_is_note(name)) {
        return COPSE_OK;
    }
    if (list->tags) {
        name.ptr += strlen(COPSE_REVISION_TAGS);
        name.len -= strlen(COPSE_REVISION_TAGS);
    }
    if (out->json) {
        copse_output_begin(out);
        copse_output_text_bytes(out, list->tags ? "tag" : "branch", name);
        copse_output_cid(out, "commit", cid);
        copse_output_end(out);
    } else {
        copse_output_bytes(out, name);
        copse_output_format(out, "\t%s\n", copse_cid_show(cid, text));
    }
    return COPSE_OK;
}

static int branch_list_all(copse_call *call, bool tags)
{
    copse_place place;
    if (!copse_place_open(&place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    branch_list list = {.call = call, .place = &place, .tags = tags};
    int code = COPSE_EXIT_OK;
    if (place.local.refs == NULL) {
        code = copse_failure(call, COPSE_MISUSE, "`copse clone` makes a copy of your own",
                             "only a database in a folder has branches and tags");
    } else {
        copse_status status = copse_refs_iterate(place.local.refs, branch_print, &list, &call->err);
        code = status == COPSE_OK ? COPSE_EXIT_OK
                                  : copse_failure_of(call, status, "the refs of '%s'", place.name);
    }
    copse_place_close(&place);
    return code;
}

/* ---- Making and taking away ---- */

/* Moves a ref from `before` (of size 0: not there) to `cid`. */
static int branch_move(copse_place *place, const char *ref, const copse_cid *before,
                       const copse_cid *cid)
{
    copse_call *call = place->call;
    copse_status status = copse_refs_swap(place->local.refs, copse_bytes_of_text(ref),
                                          before->size > 0 ? before : NULL, cid, &call->err);
    if (status == COPSE_CONFLICT) {
        return copse_failure(call, status, "run the command again",
                             "'%s' was moved by somebody else meanwhile", ref);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "'%s' can't be moved", ref);
}

static int branch_make(copse_place *place, const char *ref)
{
    copse_call *call = place->call;
    const char *revision =
        call->options.arguments_count > 2 ? call->options.arguments[2] : COPSE_REF_DEFAULT;
    copse_cid before;
    copse_cid head;
    copse_cid cid;
    copse_past past;
    copse_status status = copse_local_ref_now(&place->local, ref, &before);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be read", ref);
    }
    if (before.size > 0) {
        return copse_failure(
            call, COPSE_CONFLICT,
            "--delete takes it away; `copse reset DB REVISION --ref NAME` moves a branch",
            "there is a '%s' already", ref);
    }
    if (!copse_place_resolve(place, COPSE_REF_DEFAULT, &head) ||
        !copse_past_resolve(place, &head, revision, &cid) ||
        !copse_past_open(&past, place, &cid, revision)) {
        return COPSE_EXIT_FAILED;
    }
    copse_past_close(&past);
    int code = branch_move(place, ref, &before, &cid);
    if (code == COPSE_EXIT_OK) {
        copse_output_cid_line(&call->output, "commit", &cid);
    }
    return code;
}

/* Makes the ref of the name that is the second argument, or takes it away. */
static int branch_change(copse_call *call, const char *ref)
{
    copse_place place;
    bool is_delete = copse_options_has(&call->options, "--delete");
    if (!copse_local_check_ref_name(call, call->options.arguments[1])) {
        return COPSE_EXIT_USAGE;
    }
    if (is_delete && call->options.arguments_count > 2) {
        return copse_failure_usage(call, "--delete takes no revision");
    }
    if (!copse_place_open(&place, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = is_delete ? copse_local_delete_ref(&place.local, ref) : branch_make(&place, ref);
    copse_place_close(&place);
    return code;
}

/* `prefix` stands before the names, as refs. */
static int branch_or_tag_run(copse_call *call, const char *prefix)
{
    char ref[BRANCH_NAME_SIZE];
    if (call->options.arguments_count == 1 && copse_options_has(&call->options, "--delete")) {
        return copse_failure_usage(call, "--delete needs a name");
    }
    if (call->options.arguments_count == 1) {
        return branch_list_all(call, prefix[0] != '\0');
    }
    int size = snprintf(ref, sizeof ref, "%s%s", prefix, call->options.arguments[1]);
    if (size < 0 || (size_t)size >= sizeof ref) {
        return copse_failure_usage(call, "the name is too long");
    }
    return branch_change(call, ref);
}

static int branch_run(copse_call *call)
{
    return branch_or_tag_run(call, "");
}

static int tag_run(copse_call *call)
{
    return branch_or_tag_run(call, COPSE_REVISION_TAGS);
}

const copse_command copse_command_branch = {
    .name = "branch",
    .arguments = "DB [NAME] [REVISION]",
    .summary = "List the branches of a database, or make or delete one",
    .details =
        "A branch is a name that moves with what is written to it: `copse insert DB … --ref "
        "NAME`,\n"
        "`copse find DB … --ref NAME`. It begins at REVISION, or where main is. It costs nothing:\n"
        "what the branches have in common is there once. --delete says where it was, so that it "
        "can\n"
        "be undone; main stays.\n",
    .options = branch_options,
    .examples = "copse branch blog.copse\n"
                "copse branch blog.copse draft\n"
                "copse branch blog.copse old HEAD~10\n"
                "copse branch blog.copse draft --delete",
    .run = branch_run,
};

const copse_command copse_command_tag = {
    .name = "tag",
    .arguments = "DB [NAME] [REVISION]",
    .summary = "List the tags of a database, or make or delete one",
    .details =
        "A tag is a name that does not move: `copse find DB … --at NAME` reads what it named.\n"
        "--delete says where it was, so that it can be undone.\n",
    .options = branch_options,
    .examples = "copse tag blog.copse v1\n"
                "copse tag blog.copse before-import HEAD~1\n"
                "copse find blog.copse posts --at v1 --limit 3",
    .run = tag_run,
};

/* ---- reset ---- */

static const copse_option reset_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int reset_to(copse_documents *documents, const copse_cid *cid)
{
    copse_call *call = documents->call;
    copse_past past;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (!copse_past_open(&past, &documents->place, cid, call->options.arguments[1])) {
        return COPSE_EXIT_FAILED;
    }
    bool is_commit = past.block != NULL;
    copse_past_close(&past);
    if (!is_commit && documents->has_history) {
        return copse_failure(call, COPSE_MISUSE, "`copse log DB` lists commits",
                             "'%s' is a tree, and no commit", call->options.arguments[1]);
    }
    int code = branch_move(&documents->place, documents->ref, &documents->head, cid);
    if (code == COPSE_EXIT_OK) {
        copse_output_cid_line(&call->output, "commit", cid);
        copse_note(call, "copse: '%s' was at %s", documents->ref,
                   copse_cid_show(&documents->head, text));
    }
    return code;
}

static int reset_run(copse_call *call)
{
    copse_documents documents;
    copse_cid cid;
    int code = COPSE_EXIT_FAILED;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_past_resolve(&documents.place, &documents.head, call->options.arguments[1], &cid)) {
        code = reset_to(&documents, &cid);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_reset = {
    .name = "reset",
    .arguments = "DB REVISION",
    .summary = "Move a branch to another commit",
    .details = "main, or the branch of --ref, is from then on what it was at REVISION. The commits "
               "behind\n"
               "stay until `copse gc`; where the branch was is told, so that it can be undone.\n",
    .options = reset_options,
    .examples = "copse reset blog.copse HEAD~1\n"
                "copse reset blog.copse v1 --ref draft",
    .run = reset_run,
};
