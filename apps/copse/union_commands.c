/* find, count and get of a union.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "failure.h"
#include "union_search.h"

#include <copse/dag_cbor.h>

#include <stdlib.h>
#include <string.h>

bool copse_union_is_named(const copse_call *call)
{
    return copse_union_file_is(call->options.arguments[0]);
}

static bool union_has_option(const copse_call *call, const char *name)
{
    return copse_options_knows(&call->options, name) && copse_options_has(&call->options, name);
}

bool copse_union_check_none(copse_call *call)
{
    bool none = !union_has_option(call, "--strict") && !union_has_option(call, "--with-source");
    if (!none) {
        (void)copse_failure_usage(call, "%s is for unions, and '%s' is none",
                                  union_has_option(call, "--strict") ? "--strict" : "--with-source",
                                  call->options.arguments[0]);
    }
    return none;
}

/* Options that are of one database. */
static bool union_check_options(copse_call *call)
{
    static const char *const of_one[] = {"--ref", "--at", "--hint", "--explain"};
    for (size_t i = 0; i < sizeof of_one / sizeof of_one[0]; i++) {
        if (union_has_option(call, of_one[i])) {
            (void)copse_failure_usage(call, "%s is for one database, and '%s' is a union",
                                      of_one[i], call->options.arguments[0]);
            return false;
        }
    }
    return true;
}

/* {"source": address, "document": document} */
static copse_status union_wrap(copse_buf *buf, const char *source, copse_bytes document)
{
    copse_buf_truncate(buf, 0);
    copse_status status = copse_cbor_write_map(buf, 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("source"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(source));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("document"));
    }
    return status == COPSE_OK ? copse_cbor_write_encoded(buf, document) : status;
}

static copse_status union_print_document(copse_call *call, copse_buf *buf, const char *source,
                                         copse_bytes document)
{
    bool canonical = copse_options_has(&call->options, "--canonical");
    copse_status status = COPSE_OK;
    if (copse_options_has(&call->options, "--with-source")) {
        status = union_wrap(buf, source, document);
        document = copse_buf_view(buf);
    }
    if (status == COPSE_OK) {
        status = copse_output_document(&call->output, document, canonical, &call->err);
    }
    if (status != COPSE_OK) {
        call->warns = false;
        (void)copse_failure_of(call, status, "the document");
    }
    return status;
}

/* Prints what was asked for; returns the status that copse_union_search_finish takes. */
static copse_status union_print(copse_union_search *search, uint64_t *ret_count)
{
    copse_call *call = search->call;
    copse_buf buf;
    copse_bytes document;
    const char *source;
    copse_status status = COPSE_OK;
    copse_buf_init(&buf, &call->env, SIZE_MAX);
    while (status == COPSE_OK && !call->output.failed) {
        status = copse_union_search_next(search, &document, &source);
        if (status == COPSE_OK) {
            (*ret_count)++;
            status = union_print_document(call, &buf, source, document);
        }
    }
    copse_buf_release(&buf);
    return status;
}

/* ---- find ---- */

static int union_find_in(copse_union_search *search, const copse_query_options *query)
{
    copse_call *call = search->call;
    bool by_blocks =
        strcmp(copse_options_text(&call->options, "--verify", "answer"), "blocks") == 0;
    uint64_t count = 0;
    if (!copse_union_search_open(search, call) ||
        !copse_union_search_ask(search, query, by_blocks)) {
        return call->misused ? COPSE_EXIT_USAGE : COPSE_EXIT_FAILED;
    }
    copse_status status = union_print(search, &count);
    return call->output.failed ? COPSE_EXIT_OK : copse_union_search_finish(search, status);
}

static int union_with_search(copse_call *call, const copse_query_options *query,
                             int (*run)(copse_union_search *search,
                                        const copse_query_options *query))
{
    if (!union_check_options(call)) {
        return COPSE_EXIT_USAGE;
    }
    copse_union_search *search = calloc(1, sizeof *search);
    if (search == NULL) {
        return copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
    }
    search->call = call;
    int code = run(search, query);
    copse_union_search_close(search);
    free(search);
    return code;
}

int copse_union_find(copse_call *call, const copse_query_options *query)
{
    return union_with_search(call, query, union_find_in);
}

/* ---- count ---- */

static int union_count_in(copse_union_search *search, const copse_query_options *query)
{
    copse_call *call = search->call;
    uint64_t count = 0;
    if (!copse_union_search_open(search, call) || !copse_union_search_ask(search, query, true)) {
        return call->misused ? COPSE_EXIT_USAGE : COPSE_EXIT_FAILED;
    }
    int code = copse_union_search_finish(search, copse_union_search_count(search, &count));
    if (code == COPSE_EXIT_OK) {
        copse_output_number_line(&call->output, "count", count);
    }
    return code;
}

int copse_union_count_run(copse_call *call)
{
    copse_buf filter;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_filter(call, 2, &filter)) {
        const copse_query_options query = {.collection =
                                               copse_bytes_of_text(call->options.arguments[1]),
                                           .filter = copse_buf_view(&filter)};
        code = union_with_search(call, &query, union_count_in);
    }
    copse_buf_release(&filter);
    return code;
}

/* ---- get ---- */

/* Appends the filter {"_id": {"$eq": id}}. */
static bool union_id_filter(copse_call *call, const char *word, copse_buf *buf)
{
    copse_buf_truncate(buf, 0);
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("_id"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("$eq"));
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "%s", word);
    }
    return status == COPSE_OK && copse_argument_id(call, word, buf);
}

static int union_get_one(copse_union_search *search, const char *word, copse_buf *filter)
{
    copse_call *call = search->call;
    uint64_t count = 0;
    if (!union_id_filter(call, word, filter)) {
        return COPSE_EXIT_FAILED;
    }
    const copse_query_options query = {.collection =
                                           copse_bytes_of_text(call->options.arguments[1]),
                                       .filter = copse_buf_view(filter)};
    if (!copse_union_search_ask(search, &query, false)) {
        return COPSE_EXIT_FAILED;
    }
    bool warns = call->warns;
    int code = copse_union_search_finish(search, union_print(search, &count));
    if (code == COPSE_EXIT_OK && count == 0) {
        code = copse_failure(call, COPSE_NOT_FOUND, NULL, "there is no document %s in '%s'", word,
                             call->options.arguments[1]);
    }
    call->warns = warns;
    return code;
}

static int union_get_in(copse_union_search *search, const copse_query_options *query)
{
    copse_call *call = search->call;
    copse_buf filter;
    int code = COPSE_EXIT_OK;
    (void)query;
    if (!copse_union_search_open(search, call)) {
        return call->misused ? COPSE_EXIT_USAGE : COPSE_EXIT_FAILED;
    }
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    for (size_t i = 2; i < call->options.arguments_count; i++) {
        int one = union_get_one(search, call->options.arguments[i], &filter);
        code = one != COPSE_EXIT_OK ? one : code;
    }
    copse_buf_release(&filter);
    return code;
}

int copse_union_get(copse_call *call)
{
    return union_with_search(call, NULL, union_get_in);
}
