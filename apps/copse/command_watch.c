/* copse watch: the matches of a filter that are new, changed or gone, as they come.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "explanation.h"
#include "failure.h"
#include "head_source.h"
#include "watch_tell.h"

enum { WATCH_RETRY_MS_MIN = 1000, WATCH_RETRY_MS_MAX = 30000 };

static const copse_option watch_options[] = {
    {"--since", "REVISION", COPSE_OPTION_TEXT, "begin behind this: HEAD~2, a commit, 2026-11-22",
     0},
    {"--all", NULL, COPSE_OPTION_FLAG, "begin with everything that is there", 0},
    {"--once", NULL, COPSE_OPTION_FLAG, "tell what there is by now, and end", 0},
    {"--count", "N", COPSE_OPTION_COUNT, "end after N changes", 0},
    {"--unread", NULL, COPSE_OPTION_FLAG, "only count what there is by now; it stays unread", 0},
    {"--mark-read", NULL, COPSE_OPTION_FLAG, "take what there is by now for seen, untold", 0},
    {"--membership", NULL, COPSE_OPTION_FLAG, "tell new and gone ones only, not changed ones", 0},
    COPSE_OPTION_READER,
    COPSE_OPTION_HINT,
    {"--explain", NULL, COPSE_OPTION_FLAG, "in the end, say what was compared, read and fetched",
     0},
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref to watch instead of main", 0},
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct watch_run {
    copse_call *call;
    copse_place place;
    copse_reader reader;
    bool has_begun; /* the reader's state says from where on */
    copse_watch_tell tell;
} watch_run;

static bool watch_has(const watch_run *self, const char *option)
{
    return copse_options_has(&self->call->options, option);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* The head as it is now. */
static bool watch_find_head(watch_run *self, copse_cid *ret_head)
{
    return copse_place_resolve(&self->place, copse_place_ref(self->call), ret_head);
}

static bool watch_load(watch_run *self)
{
    copse_watch_state *state = &self->reader.state;
    if (!copse_reader_load(&self->reader, &self->has_begun)) {
        return false;
    }
    if (state->membership_only != self->tell.membership_only && !self->tell.print.only_counts) {
        state->told = 0; /* another count: it is told again */
    }
    return true;
}

/* From where on changes are told. */
static bool watch_find_begin(watch_run *self)
{
    const char *since = copse_options_text(&self->call->options, "--since", NULL);
    copse_cid head;
    if (since == NULL && !watch_has(self, "--all")) {
        return watch_has(self, "--mark-read") || watch_load(self);
    }
    self->has_begun = true;
    return since == NULL ||
           (watch_find_head(self, &head) &&
            copse_past_resolve(&self->place, &head, since, &self->reader.state.seen));
}

/* ---- Following ------------------------------------------------------------------------------- */

/* A reader who has seen nothing begins with the head that is there. */
static bool watch_begin_at(watch_run *self, const copse_cid *head)
{
    self->has_begun = true;
    return copse_reader_mark(&self->reader, head);
}

/* Tells what differs up to `head` (of size 0: only the way that was begun), as often as it takes
 * for the blocks to come; or up to a later head that comes first, and may have what this one
 * lacks. */
static copse_watch_outcome watch_insist(watch_run *self, copse_head_source *source, copse_cid head)
{
    unsigned wait_ms = WATCH_RETRY_MS_MIN;
    copse_watch_outcome outcome = copse_watch_tell_all(&self->tell, &head);
    while (outcome == COPSE_WATCH_LATER) {
        bool is_absent = self->place.failed == COPSE_NOT_FOUND;
        copse_cid tried = head;
        copse_note(self->call, "copse: it is tried again");
        if (!copse_head_source_pause(source, wait_ms, &head)) {
            return COPSE_WATCH_FAILED;
        }
        if (self->reader.state.told == 0 || (is_absent && !copse_cid_equal(&head, &tried))) {
            copse_watch_tell_leave_way(&self->tell);
        }
        wait_ms = wait_ms < WATCH_RETRY_MS_MAX / 2 ? 2 * wait_ms : WATCH_RETRY_MS_MAX;
        outcome = copse_watch_tell_all(&self->tell, &head);
    }
    return outcome;
}

static int watch_follow(watch_run *self)
{
    copse_head_source source;
    copse_cid head;
    copse_watch_outcome outcome = COPSE_WATCH_TOLD;
    if (!copse_head_source_open(&source, &self->place, NULL)) {
        return COPSE_EXIT_FAILED;
    }
    if (self->has_begun && self->reader.state.toward.size > 0) {
        outcome = watch_insist(self, &source, (copse_cid){.size = 0});
    }
    while (outcome == COPSE_WATCH_TOLD) {
        if (!copse_head_source_next(&source, self->has_begun ? &self->reader.state.seen : NULL,
                                    &head)) {
            outcome = COPSE_WATCH_FAILED;
        } else if (!self->has_begun) {
            outcome = watch_begin_at(self, &head) ? COPSE_WATCH_TOLD : COPSE_WATCH_FAILED;
        } else {
            outcome = watch_insist(self, &source, head);
        }
    }
    copse_head_source_close(&source);
    return outcome == COPSE_WATCH_ENOUGH ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* Tells, counts or marks what there is by now. */
static int watch_once(watch_run *self)
{
    copse_cid head;
    if (!watch_find_head(self, &head)) {
        return COPSE_EXIT_FAILED;
    }
    if (watch_has(self, "--mark-read")) {
        return watch_begin_at(self, &head) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
    }
    copse_watch_outcome outcome = copse_watch_tell_all(&self->tell, &head);
    if (outcome == COPSE_WATCH_TOLD && self->tell.print.only_counts) {
        copse_watch_print_counts(&self->tell.print);
    }
    return outcome == COPSE_WATCH_TOLD || outcome == COPSE_WATCH_ENOUGH ? COPSE_EXIT_OK
                                                                        : COPSE_EXIT_FAILED;
}

static int watch_start(watch_run *self, copse_call *call)
{
    bool is_once =
        watch_has(self, "--once") || watch_has(self, "--unread") || watch_has(self, "--mark-read");
    if (!copse_place_open(&self->place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    self->place.is_begun_anew = false;
    if (!copse_reader_open(&self->reader, &self->place) || !watch_find_begin(self)) {
        return COPSE_EXIT_FAILED;
    }
    int code = is_once ? watch_once(self) : watch_follow(self);
    if (code == COPSE_EXIT_OK && watch_has(self, "--explain")) {
        copse_watch_print_cost(&self->tell.print, &self->place);
    }
    return code;
}

static int watch_with_filter(copse_call *call, copse_bytes filter)
{
    watch_run self = {.call = call};
    const char *collection = call->options.arguments[1];
    const copse_query_options options = {
        .collection = copse_bytes_of_text(collection),
        .filter = filter,
        .hint = copse_bytes_of_text(copse_options_text(&call->options, "--hint", "")),
    };
    self.reader.key = (copse_watch_reader){
        .collection = collection,
        .filter = filter,
        .name = copse_options_text(&call->options, "--as", COPSE_READER_DEFAULT),
    };
    self.tell = (copse_watch_tell){
        .call = call,
        .place = &self.place,
        .reader = &self.reader,
        .print = {.call = call,
                  .collection = collection,
                  .only_counts = watch_has(&self, "--unread")},
        .membership_only = watch_has(&self, "--membership"),
        .told_max = copse_options_number(&call->options, "--count", UINT64_MAX),
    };
    int code = copse_argument_query(call, &options, &self.tell.query) ? watch_start(&self, call)
                                                                      : COPSE_EXIT_FAILED;
    copse_query_free(self.tell.query);
    copse_place_close(&self.place);
    copse_reader_close(&self.reader);
    return call->output.failed ? COPSE_EXIT_OK : code;
}

static int watch_run_command(copse_call *call)
{
    copse_buf filter;
    int code = COPSE_EXIT_FAILED;
    if (copse_options_has(&call->options, "--since") &&
        copse_options_has(&call->options, "--all")) {
        return copse_failure_usage(call, "--since and --all say where to begin: one of them");
    }
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_filter(call, 2, &filter)) {
        code = watch_with_filter(call, copse_buf_view(&filter));
    }
    copse_buf_release(&filter);
    return code;
}

const copse_command copse_command_watch = {
    .name = "watch",
    .arguments = "DB COLL [FILTER]",
    .summary = "Tell which matches of a filter are new, changed or gone, as they come",
    .details =
        "A line is a sign, the collection, the _id, and the document or its fields that changed:\n"
        "  +  it is new, or matches now    -  it is gone, or matches no more    ~  it changed\n"
        "DB is a folder, or a database that a peer serves: its heads come as they move, and only\n"
        "what differs is loaded. What was told is remembered, for each database, collection,\n"
        "filter and reader (--as), in $XDG_STATE_HOME/copse/watch or ~/.local/state/copse/watch:\n"
        "the next run goes on there, and tells nothing twice but what was under way when it was\n"
        "killed. A reader who has seen nothing begins with what comes from now on; --all, --once\n"
        "and --unread begin with everything that is there.\n",
    .options = watch_options,
    .examples = "copse watch blog.copse posts '{\"tags\":\"cats\"}'\n"
                "copse watch http://127.0.0.1:4180/blog posts '{\"tags\":\"cats\"}' --json\n"
                "copse watch blog.copse posts --since HEAD~3 --once\n"
                "copse watch blog.copse posts '{\"tags\":\"cats\"}' --unread --as phone",
    .run = watch_run_command,
};
