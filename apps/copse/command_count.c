/* copse count and distinct.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "explanation.h"
#include "failure.h"
#include "union_search.h"

#include <copse/sort_spec.h>

/* A query of a filter alone, being asked. */
typedef struct count_query {
    copse_call *call;
    copse_documents documents;
    const copse_collection *collection;
    copse_query *query;
} count_query;

static int count_with_filter(count_query *self, const copse_query_options *options,
                             int (*ask)(count_query *self))
{
    copse_call *call = self->call;
    int code = COPSE_EXIT_FAILED;
    if (copse_argument_query(call, options, &self->query) &&
        copse_documents_open(&self->documents, call, COPSE_LOCAL_READ)) {
        self->collection = copse_documents_collection(&self->documents, call->options.arguments[1]);
        code = self->collection != NULL ? ask(self) : COPSE_EXIT_FAILED;
    }
    copse_query_free(self->query);
    copse_documents_close(&self->documents);
    return code;
}

/* Reads the filter, argument number `index`, and asks. */
static int count_start(copse_call *call, size_t index, int (*ask)(count_query *self))
{
    count_query self = {.call = call};
    copse_buf filter;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_filter(call, index, &filter)) {
        const copse_query_options options = {
            .collection = copse_bytes_of_text(call->options.arguments[1]),
            .filter = copse_buf_view(&filter),
            .hint = copse_bytes_of_text(copse_options_text(&call->options, "--hint", "")),
        };
        code = count_with_filter(&self, &options, ask);
    }
    copse_buf_release(&filter);
    return code;
}

/* ---- count ---- */

static const copse_option count_options[] = {
    COPSE_OPTION_HINT,
    COPSE_OPTION_EXPLAIN,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTION_STRICT,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int count_ask(count_query *self)
{
    copse_call *call = self->call;
    copse_explanation explanation;
    uint64_t count = 0;
    int code = COPSE_EXIT_OK;
    copse_explanation_init(&explanation, &self->documents);
    explanation.count = &count;
    copse_status status;
    do {
        status = copse_query_count(self->query, self->documents.database, &count,
                                   &explanation.stats, &explanation.plan, &call->err);
    } while (copse_place_fetch(&self->documents.place, status));
    if (status != COPSE_OK) {
        code = copse_explanation_failure(&self->documents, self->collection, status, "the query");
    } else if (copse_options_has(&call->options, "--explain")) {
        code = copse_explanation_print(&explanation);
    } else {
        copse_output_number_line(&call->output, "count", count);
    }
    copse_explanation_release(&explanation);
    return code;
}

static int count_run(copse_call *call)
{
    return copse_union_is_named(call)     ? copse_union_count_run(call)
           : copse_union_check_none(call) ? count_start(call, 2, count_ask)
                                          : COPSE_EXIT_USAGE;
}

const copse_command copse_command_count = {
    .name = "count",
    .arguments = "DB COLL [FILTER]",
    .summary = "Count the documents that a filter matches",
    .details = "FILTER as for `copse find`; without it all documents are counted. Where an index "
               "alone\n"
               "answers, the counts in the tree do, however many documents there are. Of a union\n"
               "(`copse union`) the counts of all its databases are added up.\n",
    .options = count_options,
    .examples = "copse count blog.copse posts\n"
                "copse count blog.copse posts '{\"tags\":\"cats\"}'",
    .run = count_run,
};

/* ---- distinct ---- */

static const copse_option distinct_options[] = {
    COPSE_OPTION_HINT,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Prints the elements of the array `values`, a line each, or as one object. */
static copse_status distinct_print(copse_call *call, copse_bytes values)
{
    copse_output *out = &call->output;
    copse_cbor_reader reader;
    copse_cbor_item array;
    copse_bytes value;
    copse_cbor_reader_init(&reader, values);
    copse_status status = copse_cbor_next(&reader, &array, &call->err);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "path", call->options.arguments[2]);
        copse_output_number(out, "count", status == COPSE_OK ? array.arg : 0);
        copse_output_begin_array(out, "values");
    }
    while (status == COPSE_OK &&
           (status = copse_cbor_take(&reader, &value, &call->err)) == COPSE_OK) {
        status = out->json ? copse_output_ext_json(out, NULL, value, &call->err)
                           : copse_output_document(out, value, false, &call->err);
    }
    if (out->json) {
        copse_output_end_array(out);
        copse_output_end(out);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Whether the argument is a path; else that is what went wrong, and not the database. */
static bool distinct_has_path(copse_call *call)
{
    copse_sort_spec spec;
    copse_bytes path = copse_bytes_of_text(call->options.arguments[2]);
    copse_status status = copse_sort_spec_parse(&call->env, path, false, &spec, NULL);
    if (status == COPSE_OK) {
        copse_sort_spec_release(&spec);
    }
    return path.len > 0 && status != COPSE_CORRUPT;
}

static int distinct_fail(count_query *self, copse_status status)
{
    copse_call *call = self->call;
    const char *path = call->options.arguments[2];
    return status == COPSE_CORRUPT && !distinct_has_path(call)
               ? copse_failure(call, status, NULL, "%s", call->err.message)
               : copse_explanation_failure(&self->documents, self->collection, status, path);
}

static int distinct_ask(count_query *self)
{
    copse_call *call = self->call;
    copse_buf values;
    copse_buf_init(&values, &call->env, call->env.limits.query_memory_bytes_max);
    copse_status status;
    do {
        status = copse_query_distinct(self->query, self->documents.database,
                                      copse_bytes_of_text(call->options.arguments[2]), &values,
                                      &call->err);
    } while (copse_place_fetch(&self->documents.place, status));
    if (status == COPSE_OK) {
        status = distinct_print(call, copse_buf_view(&values));
    }
    copse_buf_release(&values);
    return status == COPSE_OK ? COPSE_EXIT_OK : distinct_fail(self, status);
}

static int distinct_run(copse_call *call)
{
    return count_start(call, 3, distinct_ask);
}

const copse_command copse_command_distinct = {
    .name = "distinct",
    .arguments = "DB COLL PATH [FILTER]",
    .summary = "Print the different values of a field",
    .details = "In order, one a line, as JSON; of an array each element. FILTER as for `copse "
               "find`.\n",
    .options = distinct_options,
    .examples = "copse distinct blog.copse posts tags\n"
                "copse distinct blog.copse posts author.name '{\"tags\":\"cats\"}'",
    .run = distinct_run,
};
