/* copse watch: the matches of a filter that are new, changed or gone, as they come.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "explanation.h"
#include "failure.h"
#include "head_source.h"
#include "past.h"
#include "state_folder.h"
#include "watch_print.h"

#include <copse/watch_state.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WATCH_DATABASE_SIZE = 8192,
    WATCH_CHECKPOINT = 1000, /* changes between two writes of the state */
    WATCH_RETRY_MS_MIN = 1000,
    WATCH_RETRY_MS_MAX = 30000
};

static const copse_option watch_options[] = {
    {"--since", "REVISION", COPSE_OPTION_TEXT, "begin behind this: HEAD~2, a commit, 2026-11-22",
     0},
    {"--all", NULL, COPSE_OPTION_FLAG, "begin with everything that is there", 0},
    {"--once", NULL, COPSE_OPTION_FLAG, "tell what there is by now, and end", 0},
    {"--count", "N", COPSE_OPTION_COUNT, "end after N changes", 0},
    {"--unread", NULL, COPSE_OPTION_FLAG, "only count what there is by now; it stays unread", 0},
    {"--mark-read", NULL, COPSE_OPTION_FLAG, "take what there is by now for seen, untold", 0},
    {"--membership", NULL, COPSE_OPTION_FLAG, "tell new and gone ones only, not changed ones", 0},
    {"--as", "NAME", COPSE_OPTION_TEXT, "the reader, who has seen what it has; default", 0},
    COPSE_OPTION_HINT,
    {"--explain", NULL, COPSE_OPTION_FLAG, "in the end, say what was compared, read and fetched",
     0},
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref to watch instead of main", 0},
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* What telling came to. */
typedef enum watch_outcome {
    WATCH_TOLD,   /* all of it */
    WATCH_ENOUGH, /* as many as --count says */
    WATCH_LATER,  /* blocks can't be had now */
    WATCH_FAILED  /* reported, and for good */
} watch_outcome;

typedef struct watch_run {
    copse_call *call;
    copse_place place;
    copse_query *query;
    copse_os *os;
    char folder[COPSE_STATE_FOLDER_SIZE];
    char database[WATCH_DATABASE_SIZE];
    copse_watch_reader reader;
    copse_watch_state state;
    bool has_begun; /* the state says from where on */
    copse_watch_print print;
    bool is_missed; /* that there is no such collection was told */
    uint64_t told;  /* changes, in this run */
    uint64_t told_max;
} watch_run;

static bool watch_has(const watch_run *self, const char *option)
{
    return copse_options_has(&self->call->options, option);
}

/* ---- What was seen --------------------------------------------------------------------------- */

static bool watch_save(watch_run *self)
{
    copse_call *call = self->call;
    copse_status status = copse_watch_state_write(&call->env, self->os, self->folder, &self->reader,
                                                  &self->state, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "what was seen can't be kept in '%s'", self->folder);
    }
    return status == COPSE_OK;
}

static bool watch_load(watch_run *self)
{
    copse_call *call = self->call;
    copse_status status = copse_watch_state_read(&call->env, self->os, self->folder, &self->reader,
                                                 &self->state, &call->err);
    self->has_begun = status == COPSE_OK;
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        (void)copse_failure(call, status, "--since REVISION or --all begins anew",
                            "what was seen, in '%s', can't be read: %s", self->folder,
                            call->err.message);
        return false;
    }
    if (self->state.membership_only != watch_has(self, "--membership")) {
        self->state.told = 0; /* another count: it is told again */
    }
    return true;
}

/* What the state calls the database: its address, the same from wherever it is written. */
static bool watch_name_database(watch_run *self)
{
    copse_place *place = &self->place;
    bool is_served = copse_place_is_served(place);
    const char *ref = copse_place_ref(self->call);
    bool is_main = strcmp(ref, COPSE_REF_DEFAULT) == 0;
    char path[PATH_MAX];
    char key[COPSE_KEY_TEXT_SIZE_MAX];
    const char *name = place->name;
    if (is_served) {
        name = place->address.peer;
    } else if (place->address.kind == COPSE_ADDRESS_NAME) {
        (void)copse_public_key_to_name(&place->address.key, key);
        name = key;
    } else if (place->address.kind == COPSE_ADDRESS_PATH) {
        name = realpath(place->name, path);
    }
    int size = name == NULL ? -1
                            : snprintf(self->database, sizeof self->database, "%s%s%s%s%s", name,
                                       is_served ? "/" : "", is_served ? place->address.name : "",
                                       is_main ? "" : "#", is_main ? "" : ref);
    if (size < 0 || (size_t)size >= sizeof self->database) {
        (void)copse_failure(self->call, COPSE_LIMIT, NULL, "'%s' has no name to be remembered by",
                            place->name);
        return false;
    }
    self->reader.database = self->database;
    return true;
}

/* The head as it is now. */
static bool watch_find_head(watch_run *self, copse_cid *ret_head)
{
    return copse_place_resolve(&self->place, copse_place_ref(self->call), ret_head);
}

/* From where on changes are told. */
static bool watch_find_begin(watch_run *self)
{
    const char *since = copse_options_text(&self->call->options, "--since", NULL);
    copse_cid head;
    if (since == NULL && !watch_has(self, "--all")) {
        return watch_load(self);
    }
    self->state = (copse_watch_state){.told = 0};
    self->has_begun = true;
    return since == NULL || (watch_find_head(self, &head) &&
                             copse_past_resolve(&self->place, &head, since, &self->state.seen));
}

/* ---- A head that does not follow ------------------------------------------------------------- */

/* Whether what was seen is the head's parent, or among its first parents. */
static copse_status watch_follows(watch_run *self, const copse_past *before,
                                  const copse_past *after, bool *ret_follows)
{
    copse_place *place = &self->place;
    copse_cid found;
    for (size_t i = 0; i < after->commit.parents_count; i++) {
        if (copse_cid_equal(&after->commit.parents[i], &before->cid)) {
            *ret_follows = true;
            return COPSE_OK;
        }
    }
    copse_status status;
    do {
        status = copse_commit_at(&self->call->env, place->source, &after->cid,
                                 before->commit.time_ms, &found, &self->call->err);
    } while (copse_place_fetch(place, status));
    *ret_follows = status == COPSE_OK && copse_cid_equal(&found, &before->cid);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_status watch_check_order(watch_run *self, const copse_past *before,
                                      const copse_past *after)
{
    bool follows = true;
    copse_status status = COPSE_OK;
    if (before->block != NULL && after->block != NULL && self->state.told == 0) {
        status = watch_follows(self, before, after, &follows);
    }
    if (status == COPSE_OK && !follows) {
        copse_watch_print_jump(&self->print, &before->cid, &after->cid,
                               after->commit.generation <= before->commit.generation);
    }
    return status;
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* No head is half told any more. */
static void watch_leave_way(watch_run *self)
{
    self->state.toward = (copse_cid){.size = 0};
    self->state.told = 0;
}

/* Hands what was printed over, and remembers it. */
static bool watch_settle(watch_run *self)
{
    return self->print.only_counts || (copse_output_flush(&self->call->output) && watch_save(self));
}

static copse_status watch_next(watch_run *self, copse_watch *watch, copse_watch_change *change)
{
    copse_status status;
    do {
        status = copse_watch_next(watch, change, &self->call->err);
    } while (copse_place_fetch(&self->place, status));
    return status;
}

/* Tells the changes behind those that were told; END: all of them are; OK: enough. */
static copse_status watch_tell_changes(watch_run *self, copse_watch *watch)
{
    copse_watch_change change;
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; i < self->state.told && status == COPSE_OK; i++) {
        status = watch_next(self, watch, &change);
    }
    while (status == COPSE_OK && self->told < self->told_max && !self->call->output.failed) {
        status = watch_next(self, watch, &change);
        if (status == COPSE_OK) {
            status = copse_watch_print_change(&self->print, &change, &self->state.toward);
        }
        if (status == COPSE_OK) {
            self->told++;
            self->state.told++;
        }
        if (status == COPSE_OK && self->state.told % WATCH_CHECKPOINT == 0 && !watch_settle(self)) {
            return COPSE_OK;
        }
    }
    return status;
}

/* Whether what was not fetched may be had later: peers can be down, or announce a head before its
 * blocks, or one that is none. */
static bool watch_may_come(const watch_run *self)
{
    const copse_place *place = &self->place;
    return copse_place_is_remote(place) &&
           (place->failed == COPSE_IO || place->failed == COPSE_NOT_FOUND);
}

/* What a status that is no end came to; reported. */
static watch_outcome watch_fail(watch_run *self, copse_status status, const char *what)
{
    bool waits = status == COPSE_WANT && watch_may_come(self);
    (void)copse_place_failure(&self->place, status, what);
    return waits ? WATCH_LATER : WATCH_FAILED;
}

static watch_outcome watch_tell_between(watch_run *self, copse_past *before, copse_past *after)
{
    copse_watch *watch = NULL;
    copse_status status = before->place != NULL ? watch_check_order(self, before, after) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_watch_new(self->query, before->database, after->database,
                                 watch_has(self, "--membership"), &watch, &self->call->err);
    }
    if (status == COPSE_OK) {
        status = watch_tell_changes(self, watch);
        copse_watch_print_add_cost(&self->print, watch);
    }
    copse_watch_free(watch);
    if (status != COPSE_OK && status != COPSE_END) {
        return watch_fail(self, status, "the changes");
    }
    if (status == COPSE_END) {
        self->state.seen = self->state.toward;
        watch_leave_way(self);
    }
    if (!watch_settle(self)) {
        return WATCH_FAILED;
    }
    return status == COPSE_END ? WATCH_TOLD : WATCH_ENOUGH;
}

/* A collection may come later; but its name may be a slip. */
static void watch_note_collection(watch_run *self, const copse_past *after)
{
    copse_bytes name = copse_bytes_of_text(self->reader.collection);
    if (!self->is_missed && copse_database_collection(after->database, name) == NULL) {
        self->is_missed = true;
        copse_note(self->call, "copse: there is no collection '%s' now", self->reader.collection);
    }
}

/* Tells what differs on the way to `head`. */
static watch_outcome watch_tell_toward(watch_run *self, const copse_cid *head)
{
    copse_place *place = &self->place;
    copse_past before = {.place = NULL};
    copse_past after = {.place = NULL};
    watch_outcome outcome = WATCH_FAILED;
    self->state.toward = *head;
    self->state.membership_only = watch_has(self, "--membership");
    place->failed = COPSE_OK;
    if ((self->state.seen.size == 0 ||
         copse_past_open(&before, place, &self->state.seen, "what was seen last")) &&
        copse_past_open(&after, place, head, "the head")) {
        watch_note_collection(self, &after);
        outcome = watch_tell_between(self, &before, &after);
    } else if (watch_may_come(self) &&
               (place->failed == COPSE_IO || before.place != NULL || self->state.seen.size == 0)) {
        outcome = WATCH_LATER;
    } else if (self->state.seen.size > 0 && before.place == NULL) {
        copse_note(self->call, "copse: --since REVISION, --all or --mark-read begins anew");
    }
    copse_past_close(&after);
    copse_past_close(&before);
    copse_source_unpin(place->source);
    return outcome;
}

/* The head that was half told may be gone, such as by a reset and a collection of garbage. */
static void watch_check_way(watch_run *self)
{
    copse_place *place = &self->place;
    copse_commit commit;
    copse_block *block = NULL;
    place->failed = COPSE_OK;
    copse_status status = copse_place_commit(place, &self->state.toward, &commit, &block);
    copse_block_unref(block);
    copse_source_unpin(place->source);
    bool is_nowhere = !place->has_peers || place->failed == COPSE_NOT_FOUND;
    if (status == COPSE_NOT_FOUND || (status == COPSE_WANT && is_nowhere)) {
        if (self->state.told > 0) {
            copse_note(self->call, "copse: a head that was told in part is gone: what differs "
                                   "from what was seen before it is told, some of it again");
        }
        watch_leave_way(self);
    }
}

/* Tells what differs by now: first on the way that was begun, then to `head`, if there is one. */
static watch_outcome watch_tell(watch_run *self, const copse_cid *head)
{
    watch_outcome outcome = WATCH_TOLD;
    if (self->state.toward.size > 0) {
        watch_check_way(self);
    }
    copse_cid toward = self->state.toward;
    if (toward.size > 0) {
        outcome = watch_tell_toward(self, &toward);
    }
    if (outcome == WATCH_TOLD && head->size > 0 && !copse_cid_equal(&self->state.seen, head)) {
        outcome = watch_tell_toward(self, head);
    }
    return outcome;
}

/* ---- Following ------------------------------------------------------------------------------- */

/* A reader who has seen nothing begins with the head that is there. */
static bool watch_begin_at(watch_run *self, const copse_cid *head)
{
    self->state = (copse_watch_state){.seen = *head};
    self->has_begun = true;
    return watch_save(self);
}

/* Tells what differs up to `head` (of size 0: only the way that was begun), as often as it takes
 * for the blocks to come; or up to a later head that comes first, and may have what this one
 * lacks. */
static watch_outcome watch_insist(watch_run *self, copse_head_source *source, copse_cid head)
{
    unsigned wait_ms = WATCH_RETRY_MS_MIN;
    watch_outcome outcome = watch_tell(self, &head);
    while (outcome == WATCH_LATER) {
        bool is_absent = self->place.failed == COPSE_NOT_FOUND;
        copse_cid tried = head;
        copse_note(self->call, "copse: it is tried again");
        if (!copse_head_source_pause(source, wait_ms, &head)) {
            return WATCH_FAILED;
        }
        if (self->state.told == 0 || (is_absent && !copse_cid_equal(&head, &tried))) {
            watch_leave_way(self);
        }
        wait_ms = wait_ms < WATCH_RETRY_MS_MAX / 2 ? 2 * wait_ms : WATCH_RETRY_MS_MAX;
        outcome = watch_tell(self, &head);
    }
    return outcome;
}

static int watch_follow(watch_run *self)
{
    copse_head_source source;
    copse_cid head;
    watch_outcome outcome = WATCH_TOLD;
    if (!copse_head_source_open(&source, &self->place, NULL)) {
        return COPSE_EXIT_FAILED;
    }
    if (self->has_begun && self->state.toward.size > 0) {
        outcome = watch_insist(self, &source, (copse_cid){.size = 0});
    }
    while (outcome == WATCH_TOLD) {
        if (!copse_head_source_next(&source, self->has_begun ? &self->state.seen : NULL, &head)) {
            outcome = WATCH_FAILED;
        } else if (!self->has_begun) {
            outcome = watch_begin_at(self, &head) ? WATCH_TOLD : WATCH_FAILED;
        } else {
            outcome = watch_insist(self, &source, head);
        }
    }
    copse_head_source_close(&source);
    return outcome == WATCH_ENOUGH ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
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
    watch_outcome outcome = watch_tell(self, &head);
    if (outcome == WATCH_TOLD && self->print.only_counts) {
        copse_watch_print_counts(&self->print);
    }
    return outcome == WATCH_TOLD || outcome == WATCH_ENOUGH ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int watch_start(watch_run *self, copse_call *call)
{
    bool is_once =
        watch_has(self, "--once") || watch_has(self, "--unread") || watch_has(self, "--mark-read");
    copse_status status = copse_os_posix_new(&call->env, &self->os, &call->err);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "the system");
    }
    if (!copse_place_open(&self->place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    self->place.is_begun_anew = false;
    if (!watch_name_database(self) ||
        !copse_state_folder(call, "watch", self->folder, sizeof self->folder) ||
        !watch_find_begin(self)) {
        return COPSE_EXIT_FAILED;
    }
    int code = is_once ? watch_once(self) : watch_follow(self);
    if (code == COPSE_EXIT_OK && watch_has(self, "--explain")) {
        copse_watch_print_cost(&self->print, &self->place);
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
    self.reader = (copse_watch_reader){
        .collection = collection,
        .filter = filter,
        .name = copse_options_text(&call->options, "--as", "default"),
    };
    self.print = (copse_watch_print){
        .call = call,
        .collection = collection,
        .only_counts = watch_has(&self, "--unread"),
    };
    self.told_max = copse_options_number(&call->options, "--count", UINT64_MAX);
    int code = copse_argument_query(call, &options, &self.query) ? watch_start(&self, call)
                                                                 : COPSE_EXIT_FAILED;
    copse_query_free(self.query);
    copse_place_close(&self.place);
    copse_os_free(self.os);
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
