/* copse delete: the documents that a filter matches, in one commit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"

#include <stdio.h>

static const copse_option delete_options[] = {
    {"--multi", NULL, COPSE_OPTION_FLAG, "all that match, not only the first met", 0},
    COPSE_OPTION_REF,
    COPSE_OPTION_MESSAGE,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct delete_call {
    copse_call *call;
    const copse_collection *collection;
    copse_buf filter;
    bool multi;
} delete_call;

/* Adds the deletion of each document of the answer. */
static copse_status delete_add_all(delete_call *self, copse_result *result, copse_write *write)
{
    copse_err *err = &self->call->err;
    const copse_collection *collection = self->collection;
    copse_bytes document;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && (status = copse_result_next(result, &document, err)) == COPSE_OK) {
        copse_cbor_reader reader;
        copse_bytes id;
        copse_cbor_reader_init(&reader, document);
        status = copse_cbor_find_key(&reader, collection->primary_key, err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &id, err);
        }
        if (status == COPSE_OK) {
            status = copse_write_delete(write, collection->name, id, err);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status delete_query(delete_call *self, copse_documents *documents, copse_write *write)
{
    copse_call *call = self->call;
    copse_result *result = NULL;
    copse_query *query = NULL;
    const copse_query_options options = {
        .collection = self->collection->name,
        .filter = copse_buf_view(&self->filter),
        .limit = self->multi ? 0 : 1,
    };
    copse_status status = copse_query_new(&call->env, &options, &query, &call->err);
    if (status == COPSE_OK) {
        status = copse_result_open(query, documents->database, &result, &call->err);
    }
    if (status == COPSE_OK) {
        status = delete_add_all(self, result, write);
    }
    copse_result_close(result);
    copse_query_free(query);
    return status;
}

static int delete_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    delete_call *self = ctx;
    self->collection = copse_documents_collection(documents, self->call->options.arguments[1]);
    if (self->collection == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = delete_query(self, documents, write);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_documents_failure(documents, status, "nothing was deleted");
}

static void delete_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                            size_t size)
{
    delete_call *self = ctx;
    char count[64];
    (void)snprintf(ret_message, size, "delete %s from %s",
                   copse_documents_plural(stats->deleted, "document", count, sizeof count),
                   self->call->options.arguments[1]);
}

static int delete_documents(delete_call *self, copse_documents *documents)
{
    copse_output *out = &self->call->output;
    copse_write_stats stats = {.deleted = 0};
    char count[64];
    const copse_documents_change change = {
        .fill = delete_fill,
        .describe = delete_describe,
        .ctx = self,
        .depends = true,
    };
    int code = copse_documents_write(documents, &change, &stats);
    if (code == COPSE_EXIT_OK && out->json) {
        copse_output_begin(out);
        copse_output_number(out, "deleted", stats.deleted);
        copse_documents_print_head(documents);
        copse_output_end(out);
    } else if (code == COPSE_EXIT_OK) {
        copse_output_format(out, "deleted %s\n",
                            copse_documents_plural(stats.deleted, "document", count, sizeof count));
    }
    return code;
}

/* Whether the filter is one, before anything is opened. */
static bool delete_check_filter(delete_call *self)
{
    copse_call *call = self->call;
    copse_query *query = NULL;
    const copse_query_options options = {.filter = copse_buf_view(&self->filter)};
    bool good = copse_argument_query(call, &options, &query);
    copse_query_free(query);
    return good;
}

static int delete_run(copse_call *call)
{
    delete_call self = {.call = call, .multi = copse_options_has(&call->options, "--multi")};
    copse_documents documents;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.filter, &call->env, call->env.limits.json_size_bytes_max);
    if (!copse_argument_filter(call, 2, &self.filter) || !delete_check_filter(&self)) {
        code = COPSE_EXIT_FAILED;
    } else if (self.filter.len == 1 && !self.multi) { /* the empty map */
        code = copse_failure(call, COPSE_MISUSE,
                             "--multi deletes them all; `copse drop` the collection too",
                             "the filter {} matches every document; nothing was deleted");
    } else if (copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        code = delete_documents(&self, &documents);
        copse_documents_close(&documents);
    }
    copse_buf_release(&self.filter);
    return code;
}

const copse_command copse_command_delete = {
    .name = "delete",
    .arguments = "DB COLL FILTER",
    .summary = "Delete a document that a filter matches, or all",
    .details = "FILTER as for `copse find`. At most one document, without --multi. Prints how many "
               "were\n"
               "deleted. Earlier commits still have them.\n",
    .options = delete_options,
    .examples = "copse delete blog.copse posts '{\"_id\":1}'\n"
                "copse delete blog.copse posts '{\"tags\":\"spam\"}' --multi",
    .run = delete_run,
};
