/* copse log: the commits of a database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"

#include <copse/history_log.h>

static const copse_option log_options[] = {
    {"--limit", "N", COPSE_OPTION_COUNT, "at most N commits", 0},
    {"--ref", "NAME|CID", COPSE_OPTION_TEXT, "what HEAD is, instead of the ref main", 0},
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void log_print(copse_output *out, const copse_cid *cid, const copse_commit *commit)
{
    if (out->json) {
        copse_output_begin(out);
    }
    copse_past_print(out, cid, commit);
    if (out->json) {
        copse_output_end(out);
    }
}

static int log_walk(copse_documents *documents, const copse_cid *head)
{
    copse_call *call = documents->call;
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    uint64_t limit = copse_options_number(&call->options, "--limit", UINT64_MAX);
    copse_status status =
        copse_history_log_new(&call->env, documents->place.source, head, 1, &log, &call->err);
    for (uint64_t i = 0; i < limit && status == COPSE_OK && !call->output.failed; i++) {
        do {
            status = copse_history_log_next(log, &cid, &commit, &call->err);
        } while (copse_place_fetch(&documents->place, status));
        if (status == COPSE_OK) {
            log_print(&call->output, cid, commit);
        }
    }
    copse_history_log_free(log);
    return status == COPSE_OK || status == COPSE_END
               ? COPSE_EXIT_OK
               : copse_place_failure(&documents->place, status, "the history");
}

static int log_run(copse_call *call)
{
    copse_documents documents;
    copse_cid from;
    int code = COPSE_EXIT_FAILED;
    const char *revision = call->options.arguments_count > 1 ? call->options.arguments[1] : "HEAD";
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (!documents.has_history) {
        code = copse_failure(call, COPSE_NOT_FOUND, "the first `copse insert` or import makes one",
                             "'%s' is a tree without history", documents.ref);
    } else if (copse_past_resolve(&documents.place, &documents.head, revision, &from)) {
        code = log_walk(&documents, &from);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_log = {
    .name = "log",
    .arguments = "DB [REVISION]",
    .summary = "Print the commits of a database, newest first",
    .details =
        "Each write is a commit: who wrote, when, and what. REVISION is where to begin: HEAD~3, a\n"
        "branch, a tag, a commit, or a day such as 2026-11-22.\n",
    .options = log_options,
    .examples = "copse log blog.copse --limit 10\n"
                "copse log blog.copse 2026-11-22\n"
                "copse log http://127.0.0.1:4180/blog --limit 3",
    .run = log_run,
};
