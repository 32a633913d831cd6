/* copse unread and mark-read: how much is new to a reader, and that it is no more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "explanation.h"
#include "failure.h"
#include "reader_list.h"
#include "table.h"
#include "watch_tell.h"

#include <copse/ext_json.h>

/* A command on one query, or on all whose readers are kept for the database. */
typedef struct unread_run {
    copse_call *call;
    copse_place place;
    copse_reader reader;
    copse_cid head;
    copse_watch_print print; /* of all that were counted */
} unread_run;

typedef int (*unread_fn)(unread_run *self);

/* ---- What both have in common ---------------------------------------------------------------- */

/* Opens the database and does `one` for the query that was given, or else `all`. */
static int unread_with_filter(copse_call *call, copse_bytes filter, unread_fn one, unread_fn all)
{
    unread_run self = {.call = call, .print = {.call = call, .only_counts = true}};
    bool is_one = call->options.arguments_count > 1;
    int code = COPSE_EXIT_FAILED;
    if (is_one) {
        self.reader.key = (copse_watch_reader){
            .collection = call->options.arguments[1],
            .filter = filter,
            .name = copse_options_text(&call->options, "--as", COPSE_READER_DEFAULT),
        };
    }
    if (copse_place_open(&self.place, call, COPSE_LOCAL_READ)) {
        self.place.is_begun_anew = false;
        if (copse_reader_open(&self.reader, &self.place) &&
            copse_place_resolve(&self.place, copse_place_ref(call), &self.head)) {
            code = is_one ? one(&self) : all(&self);
        }
    }
    copse_place_close(&self.place);
    copse_reader_close(&self.reader);
    return code;
}

static int unread_start(copse_call *call, unread_fn one, unread_fn all)
{
    copse_buf filter;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_filter(call, 2, &filter)) {
        code = unread_with_filter(call, copse_buf_view(&filter), one, all);
    }
    copse_buf_release(&filter);
    return code;
}

/* The readers that are kept for the database; of --as alone, if that was given. */
static bool unread_list(unread_run *self, copse_reader_list *list)
{
    const char *name = copse_options_text(&self->call->options, "--as", NULL);
    if (!copse_reader_list_open(list, &self->reader, name)) {
        return false;
    }
    if (list->count == 0) {
        copse_note(self->call,
                   "copse: nothing is remembered of '%s'; `copse watch` and `copse "
                   "mark-read` with a collection begin that",
                   self->place.name);
    }
    return true;
}

/* ---- unread ---------------------------------------------------------------------------------- */

static const copse_option unread_options[] = {
    COPSE_OPTION_READER,
    COPSE_OPTION_HINT,
    {"--explain", NULL, COPSE_OPTION_FLAG, "in the end, say what was compared, read and fetched",
     0},
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref to look at instead of main", 0},
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Counts what is new to the reader. False: reported. */
static bool unread_count(unread_run *self, uint64_t *ret_count)
{
    copse_call *call = self->call;
    const copse_query_options options = {
        .collection = copse_bytes_of_text(self->reader.key.collection),
        .filter = self->reader.key.filter,
        .hint = copse_bytes_of_text(copse_options_text(&call->options, "--hint", "")),
    };
    copse_watch_tell tell = {
        .call = call,
        .place = &self->place,
        .reader = &self->reader,
        .print = self->print,
        .membership_only = true,
    };
    if (!copse_argument_query(call, &options, &tell.query)) {
        return false;
    }
    tell.print.counts = (copse_watch_counts){.added = 0};
    copse_watch_outcome outcome = copse_watch_tell_all(&tell, &self->head);
    self->print = tell.print;
    *ret_count = tell.print.counts.added;
    copse_query_free(tell.query);
    return outcome == COPSE_WATCH_TOLD;
}

static void unread_explain(unread_run *self)
{
    if (copse_options_has(&self->call->options, "--explain")) {
        copse_watch_print_cost(&self->print, &self->place);
    }
}

static int unread_one(unread_run *self)
{
    uint64_t count;
    bool found;
    if (!copse_reader_load(&self->reader, &found) || !unread_count(self, &count)) {
        return COPSE_EXIT_FAILED;
    }
    copse_output_number_line(&self->call->output, "new", count);
    unread_explain(self);
    return COPSE_EXIT_OK;
}

static copse_status unread_print_json(copse_call *call, const copse_reader *reader, uint64_t count)
{
    static const uint8_t empty[] = {0xa0};
    copse_output *out = &call->output;
    copse_bytes filter =
        reader->key.filter.len > 0 ? reader->key.filter : (copse_bytes){empty, sizeof empty};
    copse_output_begin(out);
    copse_output_text(out, "collection", reader->key.collection);
    copse_status status = copse_output_ext_json(out, "filter", filter, &call->err);
    copse_output_text(out, "reader", reader->key.name);
    copse_output_number(out, "new", count);
    copse_output_cid(out, "seen", reader->state.seen.size > 0 ? &reader->state.seen : NULL);
    copse_output_number(out, "time", reader->state.time_ms);
    copse_output_end(out);
    return status;
}

static copse_status unread_add_row(copse_call *call, const copse_reader *reader, uint64_t count,
                                   copse_table *table)
{
    copse_buf filter;
    copse_status status = COPSE_OK;
    copse_buf_init(&filter, &call->env, SIZE_MAX);
    if (reader->key.filter.len > 0) {
        status =
            copse_ext_json_from_cbor(&call->env, reader->key.filter, false, &filter, &call->err);
    }
    copse_table_text(table, reader->key.collection);
    copse_table_bytes(table, filter.len > 0 ? copse_buf_view(&filter) : copse_bytes_of_text("{}"));
    copse_table_text(table, reader->key.name);
    copse_table_count(table, count);
    copse_buf_release(&filter);
    return status;
}

/* What one reader's count says, in the form that is asked for. Counting moves its state. */
static copse_status unread_show(unread_run *self, copse_table *table)
{
    const copse_watch_state state = self->reader.state;
    uint64_t count;
    if (!unread_count(self, &count)) {
        return COPSE_NOT_FOUND;
    }
    self->reader.state = state;
    return self->call->output.json ? unread_print_json(self->call, &self->reader, count)
                                   : unread_add_row(self->call, &self->reader, count, table);
}

/* Counts for each; what can't be counted is reported, and the others are. */
static int unread_all(unread_run *self)
{
    copse_call *call = self->call;
    copse_reader_list list = {.count = 0};
    copse_table table;
    copse_status status = COPSE_OK;
    int code = COPSE_EXIT_OK;
    copse_table_init(&table, &call->env, "collection|filter|reader|#new");
    if (!unread_list(self, &list)) {
        code = COPSE_EXIT_FAILED;
    }
    for (size_t i = 0; i < list.count && status == COPSE_OK; i++) {
        copse_reader_list_take(&list, i);
        status = unread_show(self, &table);
        if (status == COPSE_NOT_FOUND) {
            code = COPSE_EXIT_FAILED;
            status = COPSE_OK;
        }
    }
    if (status == COPSE_OK && list.count > 0) {
        status = copse_table_print(&table, &call->output);
    }
    if (status != COPSE_OK) {
        code = copse_failure_of(call, status, "what is unread");
    } else if (code == COPSE_EXIT_OK) {
        unread_explain(self);
    }
    copse_table_release(&table);
    copse_reader_list_close(&list);
    return code;
}

static int unread_run_command(copse_call *call)
{
    return unread_start(call, unread_one, unread_all);
}

const copse_command copse_command_unread = {
    .name = "unread",
    .arguments = "DB [COLL [FILTER]]",
    .summary = "Count the matches of a filter that are new to a reader",
    .details =
        "New is what began to match since the reader saw it last: was told by `copse watch`, or\n"
        "said `copse mark-read`. To a reader who has seen nothing all matches are. Without COLL\n"
        "it is counted for every query of which anything is remembered. DB is a folder, a\n"
        "database that a peer serves, or a name; what differs is read, and no more. Counting\n"
        "marks nothing as read.\n",
    .options = unread_options,
    .examples = "copse unread blog.copse posts '{\"mentions\":\"ada\"}'\n"
                "copse unread http://127.0.0.1:4180/blog posts --as phone\n"
                "copse unread blog.copse",
    .run = unread_run_command,
};

/* ---- mark-read ------------------------------------------------------------------------------- */

static const copse_option mark_read_options[] = {
    COPSE_OPTION_READER,
    COPSE_OPTION_AT,
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref to look at instead of main", 0},
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Says up to where it was read, for programs. */
static int mark_read_done(unread_run *self, size_t count)
{
    copse_output *out = &self->call->output;
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, "readers", count);
        copse_output_cid(out, "seen", &self->head);
        copse_output_end(out);
    }
    return COPSE_EXIT_OK;
}

static int mark_read_one(unread_run *self)
{
    return copse_past_take_at(&self->place, &self->head) &&
                   copse_reader_mark(&self->reader, &self->head)
               ? mark_read_done(self, 1)
               : COPSE_EXIT_FAILED;
}

static int mark_read_all(unread_run *self)
{
    copse_reader_list list = {.count = 0};
    bool done = copse_past_take_at(&self->place, &self->head) && unread_list(self, &list);
    for (size_t i = 0; i < list.count && done; i++) {
        copse_reader_list_take(&list, i);
        done = copse_reader_mark(&self->reader, &self->head);
    }
    int code = done ? mark_read_done(self, list.count) : COPSE_EXIT_FAILED;
    copse_reader_list_close(&list);
    return code;
}

static int mark_read_run(copse_call *call)
{
    return unread_start(call, mark_read_one, mark_read_all);
}

const copse_command copse_command_mark_read = {
    .name = "mark-read",
    .arguments = "DB [COLL [FILTER]]",
    .summary = "Take all matches of a filter for read",
    .details =
        "What is there now, or was at --at, is no more counted by `copse unread`, or told by\n"
        "`copse watch`, to this reader of this query. Without COLL it is so for every query of\n"
        "the database of which anything is remembered; with --as, for those of that reader.\n",
    .options = mark_read_options,
    .examples = "copse mark-read blog.copse posts '{\"mentions\":\"ada\"}'\n"
                "copse mark-read blog.copse posts --at HEAD~1 --as phone\n"
                "copse mark-read blog.copse",
    .run = mark_read_run,
};
