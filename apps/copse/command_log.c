/* copse log: the commits of a database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "past.h"

#include <copse/history_log.h>

/* Commits that are fetched at first, of how many there may be: more come in later rounds. */
enum { LOG_FIRST_FETCH = 4096 };

static const copse_option log_options[] = {
    {"--limit", "N", COPSE_OPTION_COUNT, "at most N commits", 0},
    {"--ref", "NAME|CID", COPSE_OPTION_TEXT, "what HEAD is, instead of the ref main", 0},
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void log_print(copse_call *call, const copse_cid *cid, const copse_commit *commit)
{
    copse_output *out = &call->output;
    if (out->json) {
        copse_output_begin(out);
    }
    copse_past_print(call, cid, commit);
    if (out->json) {
        copse_output_end(out);
    }
}

static int log_walk(copse_place *place, const copse_cid *head)
{
    copse_call *call = place->call;
    copse_history_log *log = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    uint64_t limit = copse_options_number(&call->options, "--limit", UINT64_MAX);
    copse_remote_history history = {.limit = limit < LOG_FIRST_FETCH ? limit : LOG_FIRST_FETCH};
    copse_status status =
        copse_history_log_new(&call->env, place->source, head, 1, &log, &call->err);
    for (uint64_t i = 0; i < limit && status == COPSE_OK && !call->output.failed; i++) {
        do {
            status = copse_history_log_next(log, &cid, &commit, &call->err);
        } while (copse_place_fetch_commits(place, status, &history));
        if (status == COPSE_OK) {
            log_print(call, cid, commit);
        }
    }
    copse_history_log_free(log);
    return status == COPSE_OK || status == COPSE_END
               ? COPSE_EXIT_OK
               : copse_place_failure(place, status, "the history");
}

/* Finds what HEAD is: a commit. Nothing of its tree is read. False: reported. */
static bool log_find_head(copse_place *place, copse_cid *ret_head)
{
    const char *ref = copse_place_ref(place->call);
    copse_commit commit;
    copse_block *block = NULL;
    if (!copse_place_resolve(place, ref, ret_head)) {
        return false;
    }
    copse_status status = copse_place_commit(place, ret_head, &commit, &block);
    bool is_commit = block != NULL;
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, ref);
    } else if (!is_commit) {
        (void)copse_failure(place->call, COPSE_NOT_FOUND,
                            "the first `copse insert` or import makes one",
                            "'%s' is a tree without history", ref);
    }
    return is_commit;
}

static int log_run(copse_call *call)
{
    copse_place place;
    copse_cid head;
    copse_cid from;
    const char *revision = call->options.arguments_count > 1 ? call->options.arguments[1] : "HEAD";
    if (!copse_place_open(&place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = log_find_head(&place, &head) && copse_past_resolve(&place, &head, revision, &from)
                   ? log_walk(&place, &from)
                   : COPSE_EXIT_FAILED;
    copse_place_close(&place);
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
