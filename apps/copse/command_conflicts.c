/* copse conflicts and resolve: what merges left open.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "text.h"

#include <copse/dag_cbor.h>
#include <copse/database_conflicts.h>
#include <copse/value.h>

#include <stdio.h>
#include <string.h>

enum { CONFLICTS_CID_SHOWN = 16 }; /* of the text of a CID */

/* ---- sides ---- */

static bool conflicts_is_earlier(const copse_conflict_side *a, const copse_conflict_side *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->time_counter < b->time_counter;
}

/* Side number `number`, from 1, in the order of their times. */
static const copse_conflict_side *conflicts_side(const copse_document_conflict *conflict,
                                                 size_t number)
{
    size_t order[COPSE_CONFLICT_SIDES_MAX];
    for (size_t i = 0; i < conflict->sides_count; i++) {
        size_t at = i;
        while (at > 0 &&
               conflicts_is_earlier(&conflict->sides[i], &conflict->sides[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    return &conflict->sides[order[number - 1]];
}

/* ---- conflicts: as JSON ---- */

/* Without a time where nobody knows it. */
static void conflicts_add_writer(copse_call *call, uint64_t time_ms, copse_bytes author)
{
    char time[COPSE_PAST_TIME_SIZE];
    if (time_ms > 0) {
        copse_output_text(&call->output, "time", copse_past_time(time_ms, time));
    }
    if (author.len > 0) {
        copse_output_text_bytes(&call->output, "author", author);
    }
}

static copse_status conflicts_add_sides(copse_call *call, const copse_document_conflict *conflict)
{
    copse_output *out = &call->output;
    copse_status status = copse_output_ext_json(out, "base", conflict->base, &call->err);
    copse_output_begin_array(out, "sides");
    for (size_t i = 1; i <= conflict->sides_count && status == COPSE_OK; i++) {
        const copse_conflict_side *side = conflicts_side(conflict, i);
        copse_output_begin_member(out, NULL);
        copse_output_cid(out, "commit", &side->commit);
        conflicts_add_writer(call, side->time_ms, side->author);
        status = copse_output_ext_json(out, "document", side->document, &call->err);
        copse_output_end_member(out);
    }
    copse_output_end_array(out);
    return status;
}

static copse_status conflicts_add_waiting(copse_call *call, const copse_conflict_waiting *waiting)
{
    copse_output *out = &call->output;
    copse_output_begin_member(out, "waiting");
    copse_output_text_bytes(out, "index", waiting->index);
    conflicts_add_writer(call, waiting->time_ms, waiting->author);
    copse_status status = copse_output_ext_json(out, "document", waiting->document, &call->err);
    copse_output_end_member(out);
    return status;
}

static copse_status conflicts_print_json(copse_call *call, const copse_document_conflict *conflict,
                                         copse_bytes present)
{
    copse_output *out = &call->output;
    copse_output_begin(out);
    copse_output_text_bytes(out, "collection", conflict->collection);
    copse_status status = copse_output_ext_json(out, "_id", conflict->id, &call->err);
    if (status == COPSE_OK) {
        status = copse_output_ext_json(out, "present", present, &call->err);
    }
    if (status == COPSE_OK && conflict->sides_count > 0) {
        status = conflicts_add_sides(call, conflict);
    }
    if (status == COPSE_OK && conflict->waiting.document.len > 0) {
        status = conflicts_add_waiting(call, &conflict->waiting);
    }
    copse_output_end(out);
    return status;
}

/* ---- conflicts: for people ---- */

/* A line: what it is, who wrote it and when, the document. */
static copse_status conflicts_print_document(copse_call *call, const char *what,
                                             copse_bytes document)
{
    copse_status status = COPSE_OK;
    copse_output_format(&call->output, "  %-8s  ", what);
    if (document.len > 0) {
        status = copse_output_value_ext_json(&call->output, document, &call->err);
    } else {
        copse_output_format(&call->output, "(none)");
    }
    copse_output_format(&call->output, "\n");
    return status;
}

/* "written 2026-11-22 10:00:03Z by did:key:…"; `what` is the word before the time. */
static void conflicts_print_writer(copse_call *call, const char *what, uint64_t time_ms,
                                   copse_bytes author)
{
    copse_output *out = &call->output;
    char time[COPSE_PAST_TIME_SIZE];
    if (time_ms > 0) {
        copse_output_format(out, "            %s %s", what, copse_past_time(time_ms, time));
        if (author.len > 0) {
            copse_output_format(out, " by ");
            copse_output_bytes(out, author);
        }
        copse_output_format(out, "\n");
    }
}

/* The head that the side is of, which may be by somebody else than the document. */
static void conflicts_print_head(copse_call *call, const copse_conflict_side *side)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char what[CONFLICTS_CID_SHOWN + 16];
    (void)snprintf(what, sizeof what, "head %.*s… of", CONFLICTS_CID_SHOWN,
                   copse_cid_show(&side->commit, text));
    conflicts_print_writer(call, what, side->time_ms, side->author);
}

static copse_status conflicts_print_sides(copse_call *call, const copse_document_conflict *conflict)
{
    copse_status status = conflicts_print_document(call, "base", conflict->base);
    for (size_t i = 1; i <= conflict->sides_count && status == COPSE_OK; i++) {
        const copse_conflict_side *side = conflicts_side(conflict, i);
        char number[COPSE_TEXT_NUMBER_SIZE];
        (void)snprintf(number, sizeof number, "%zu", i);
        status = conflicts_print_document(call, number, side->document);
        conflicts_print_head(call, side);
    }
    return status;
}

static copse_status conflicts_print_text(copse_call *call, const copse_document_conflict *conflict,
                                         copse_bytes present)
{
    copse_output *out = &call->output;
    copse_output_bytes(out, conflict->collection);
    copse_output_format(out, "  ");
    copse_status status = copse_output_value_ext_json(out, conflict->id, &call->err);
    copse_output_format(out, "\n");
    if (status == COPSE_OK) {
        status = conflicts_print_document(call, "present", present);
    }
    if (status == COPSE_OK && conflict->sides_count > 0) {
        status = conflicts_print_sides(call, conflict);
    }
    if (status == COPSE_OK && conflict->waiting.document.len > 0) {
        status = conflicts_print_document(call, "waiting", conflict->waiting.document);
        conflicts_print_writer(call, "written", conflict->waiting.time_ms,
                               conflict->waiting.author);
        copse_output_format(out, "            another document has its value in the index ");
        copse_output_bytes(out, conflict->waiting.index);
        copse_output_format(out, "\n");
    }
    return status;
}

/* ---- conflicts ---- */

static const copse_option conflicts_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* The next conflict; fetches. */
static copse_status conflicts_next(copse_documents *documents, copse_database_conflicts *conflicts,
                                   const copse_document_conflict **ret_conflict)
{
    copse_status status;
    do {
        status = copse_database_conflicts_next(conflicts, ret_conflict, &documents->call->err);
    } while (copse_place_fetch(&documents->place, status));
    return status;
}

/* The document that the collection has; len 0: none. Fetches. */
static copse_status conflicts_present(copse_documents *documents,
                                      const copse_document_conflict *conflict,
                                      copse_document *document)
{
    const copse_collection *collection =
        copse_database_collection(documents->database, conflict->collection);
    copse_status status;
    do {
        status = copse_database_get(documents->database, collection, conflict->id, document,
                                    &documents->call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status == COPSE_NOT_FOUND) {
        copse_document_release(document);
        status = COPSE_OK;
    }
    return status;
}

/* Prints all; what `copse resolve` can take of the first goes to *ret_take. */
static copse_status conflicts_print_all(copse_documents *documents,
                                        copse_database_conflicts *conflicts, uint64_t *ret_count,
                                        const char **ret_take)
{
    copse_call *call = documents->call;
    const copse_document_conflict *conflict = NULL;
    copse_document document = {.block = NULL};
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = conflicts_next(documents, conflicts, &conflict);
        if (status == COPSE_OK) {
            status = conflicts_present(documents, conflict, &document);
        }
        if (status == COPSE_OK) {
            status = call->output.json ? conflicts_print_json(call, conflict, document.encoded)
                                       : conflicts_print_text(call, conflict, document.encoded);
            *ret_take = *ret_count > 0 ? *ret_take : conflict->sides_count > 0 ? "1" : "waiting";
            (*ret_count)++;
        }
    }
    copse_document_release(&document);
    return status == COPSE_END ? COPSE_OK : status;
}

static int conflicts_list(copse_documents *documents)
{
    copse_call *call = documents->call;
    const char *name = call->options.arguments_count > 1 ? call->options.arguments[1] : "";
    copse_database_conflicts *conflicts = NULL;
    const char *take = "1";
    uint64_t count = 0;
    char text[64];
    if (name[0] != '\0' && copse_documents_collection(documents, name) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_database_conflicts_new(
        documents->database, copse_bytes_of_text(name), &conflicts, &call->err);
    if (status == COPSE_OK) {
        status = conflicts_print_all(documents, conflicts, &count, &take);
    }
    copse_database_conflicts_free(conflicts);
    if (status != COPSE_OK) {
        return copse_documents_failure(documents, status, "the conflicts");
    }
    if (!call->output.json && count > 0) {
        copse_note(call, "%s; `copse resolve DB COLL ID --take %s` settles one",
                   copse_documents_plural(count, "conflict", text, sizeof text), take);
    } else if (!call->output.json) {
        copse_note(call, "no conflicts");
    }
    return COPSE_EXIT_OK;
}

static int conflicts_run(copse_call *call)
{
    copse_documents documents;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = conflicts_list(&documents);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_conflicts = {
    .name = "conflicts",
    .arguments = "DB [COLL]",
    .summary = "List what merges left open, with all sides",
    .details =
        "For each document: what the collection has at present, what it was in the base, and\n"
        "what each side made of it, with the head that was merged, the earliest first; or a\n"
        "document that is waiting, since another one has its value in a unique index.\n",
    .options = conflicts_options,
    .examples = "copse conflicts blog.copse\n"
                "copse conflicts blog.copse posts --json",
    .run = conflicts_run,
};

/* ---- resolve ---- */

static const copse_option resolve_options[] = {
    {"--take", "N|base|present|waiting", COPSE_OPTION_TEXT, "which of those listed it becomes", 0},
    {"--document", "JSON", COPSE_OPTION_TEXT, "what it becomes", 0},
    {"--delete", NULL, COPSE_OPTION_FLAG, "delete it", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct resolve_call {
    copse_call *call;
    copse_buf id;
    copse_buf document; /* of --document */
} resolve_call;

/* What --take names. False: reported. */
static bool resolve_pick(copse_call *call, const copse_document_conflict *conflict,
                         const char *take, copse_bytes *ret_document)
{
    uint64_t number = 0;
    if (copse_text_to_count(take, &number)) {
        if (number == 0 || number > conflict->sides_count) {
            (void)copse_failure(call, COPSE_MISUSE, "`copse conflicts DB COLL` lists them",
                                "this conflict has %zu sides, and no side %s",
                                conflict->sides_count, take);
            return false;
        }
        *ret_document = conflicts_side(conflict, number)->document;
    } else if (strcmp(take, "base") == 0 && conflict->sides_count > 0) {
        *ret_document = conflict->base;
    } else if (strcmp(take, "waiting") == 0 && conflict->waiting.document.len > 0) {
        *ret_document = conflict->waiting.document;
    } else {
        char hint[128];
        (void)snprintf(hint, sizeof hint, "--take is %s%s; `copse conflicts DB COLL` lists them",
                       conflict->sides_count > 0 ? "the number of a side, base or present"
                                                 : "present",
                       conflict->waiting.document.len > 0 ? " or waiting" : "");
        (void)copse_failure(call, COPSE_MISUSE, hint, "this conflict has no '%s'", take);
        return false;
    }
    return true;
}

/* Whether what --document gives is the document that the conflict is about. False: reported. */
static bool resolve_check_id(resolve_call *self, const copse_collection *collection,
                             const copse_document_conflict *conflict)
{
    copse_call *call = self->call;
    copse_bytes id = {NULL, 0};
    int order = 1;
    copse_bytes document = copse_buf_view(&self->document);
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, document);
    copse_status status = copse_cbor_find_key(&reader, collection->primary_key, NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_take(&reader, &id, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_value_compare(id, conflict->id, &order, NULL);
    }
    if (status != COPSE_OK || order != 0) {
        (void)copse_failure(call, COPSE_MISUSE, "nothing was changed",
                            "--document must have the %.*s of the conflict, %s",
                            (int)collection->primary_key.len,
                            (const char *)collection->primary_key.ptr, call->options.arguments[2]);
    }
    return status == COPSE_OK && order == 0;
}

/* Adds what becomes of the document, and the end of the conflict. */
static int resolve_write(resolve_call *self, copse_documents *documents, copse_write *write,
                         const copse_document_conflict *conflict)
{
    copse_call *call = self->call;
    const char *take = copse_options_text(&call->options, "--take", "present");
    copse_bytes document = copse_buf_view(&self->document);
    bool is_deleted = copse_options_has(&call->options, "--delete");
    bool is_kept = document.len == 0 && !is_deleted && strcmp(take, "present") == 0;
    copse_status status = COPSE_OK;
    const copse_collection *collection =
        copse_database_collection(documents->database, conflict->collection);
    if (document.len > 0 && !resolve_check_id(self, collection, conflict)) {
        return COPSE_EXIT_FAILED;
    }
    if (document.len == 0 && !is_deleted && !is_kept) {
        if (!resolve_pick(call, conflict, take, &document)) {
            return COPSE_EXIT_FAILED;
        }
        is_deleted = document.len == 0;
    }
    if (document.len > 0) {
        status = copse_write_replace(write, conflict->collection, document, true, &call->err);
    } else if (is_deleted) {
        status = copse_write_delete(write, conflict->collection, conflict->id, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_write_resolve(write, conflict->collection, conflict->id, &call->err);
    }
    return status == COPSE_OK
               ? COPSE_EXIT_OK
               : copse_documents_failure(documents, status, "the conflict was not resolved");
}

/* Finds the conflict of the document. NOT_FOUND is unreported. */
static copse_status resolve_find(resolve_call *self, copse_documents *documents,
                                 copse_database_conflicts *conflicts,
                                 const copse_document_conflict **ret_conflict)
{
    copse_err *err = &self->call->err;
    copse_bytes id = copse_buf_view(&self->id);
    int order = 0;
    copse_status status = copse_database_conflicts_seek(conflicts, id, err);
    if (status == COPSE_OK) {
        status = conflicts_next(documents, conflicts, ret_conflict);
    }
    if (status == COPSE_OK) {
        status = copse_value_compare(id, (*ret_conflict)->id, &order, err);
    }
    return status == COPSE_END || order != 0 ? COPSE_NOT_FOUND : status;
}

static int resolve_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    resolve_call *self = ctx;
    copse_call *call = self->call;
    const char *name = call->options.arguments[1];
    const copse_document_conflict *conflict = NULL;
    copse_database_conflicts *conflicts = NULL;
    int code = COPSE_EXIT_FAILED;
    if (copse_documents_collection(documents, name) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_database_conflicts_new(
        documents->database, copse_bytes_of_text(name), &conflicts, &call->err);
    if (status == COPSE_OK) {
        status = resolve_find(self, documents, conflicts, &conflict);
    }
    if (status == COPSE_OK) {
        code = resolve_write(self, documents, write, conflict);
    } else if (status == COPSE_NOT_FOUND) {
        code = copse_failure(call, status, "`copse conflicts DB COLL` lists those there are",
                             "there is no conflict about %s in '%s'", call->options.arguments[2],
                             name);
    } else {
        code = copse_documents_failure(documents, status, "the conflicts");
    }
    copse_database_conflicts_free(conflicts);
    return code;
}

/* What it would become has a value that is another's. */
static int resolve_refused(void *ctx, copse_documents *documents, copse_status status,
                           size_t operation)
{
    resolve_call *self = ctx;
    (void)operation;
    return status == COPSE_CONFLICT
               ? copse_failure(self->call, status,
                               "give one of the two another value (`copse update`, or --document); "
                               "--take present leaves the collection as it is",
                               "nothing was changed: %s", self->call->err.message)
               : copse_documents_failure(documents, status, "nothing was changed");
}

static void resolve_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                             size_t size)
{
    const resolve_call *self = ctx;
    (void)stats;
    (void)snprintf(ret_message, size, "resolve the conflict about %s in %s",
                   self->call->options.arguments[2], self->call->options.arguments[1]);
}

static int resolve_documents(resolve_call *self, copse_documents *documents)
{
    copse_output *out = &self->call->output;
    copse_write_stats stats;
    const copse_documents_change change = {
        .fill = resolve_fill,
        .describe = resolve_describe,
        .refused = resolve_refused,
        .ctx = self,
        .depends = true,
    };
    int code = copse_documents_write(documents, &change, &stats);
    if (code == COPSE_EXIT_OK && out->json) {
        copse_output_begin(out);
        copse_output_bool(out, "resolved", true);
        copse_documents_print_head(documents);
        copse_output_end(out);
    } else if (code == COPSE_EXIT_OK) {
        copse_output_format(out, "resolved\n");
    }
    return code;
}

static int resolve_run(copse_call *call)
{
    resolve_call self = {.call = call};
    copse_documents documents;
    const char *json = copse_options_text(&call->options, "--document", NULL);
    int ways = copse_options_has(&call->options, "--take") + (json != NULL) +
               copse_options_has(&call->options, "--delete");
    int code = COPSE_EXIT_FAILED;
    if (ways != 1) {
        return copse_failure_usage(call, "say by one of --take, --document and --delete what the "
                                         "document becomes");
    }
    copse_buf_init(&self.id, &call->env, call->env.limits.json_size_bytes_max);
    copse_buf_init(&self.document, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_id(call, call->options.arguments[2], &self.id) &&
        (json == NULL ||
         copse_argument_json(call, "the document", json, COPSE_EXT_JSON_VALUE, &self.document)) &&
        copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        code = resolve_documents(&self, &documents);
        copse_documents_close(&documents);
    }
    copse_buf_release(&self.id);
    copse_buf_release(&self.document);
    return code;
}

const copse_command copse_command_resolve = {
    .name = "resolve",
    .arguments = "DB COLL ID",
    .summary = "Settle a conflict that a merge left open",
    .details = "ID is that of the document. --take 1 makes it what side 1 of `copse conflicts` "
               "is,\n"
               "present leaves it as the collection has it, and a document that is waiting is\n"
               "dropped unless it is taken.\n",
    .options = resolve_options,
    .examples = "copse resolve blog.copse posts 2 --take 1\n"
                "copse resolve blog.copse posts 2 --document '{\"_id\":2,\"title\":\"Both\"}'\n"
                "copse resolve blog.copse users 7 --delete",
    .run = resolve_run,
};
