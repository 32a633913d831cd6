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
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct delete_call {
    copse_call *call;
    copse_buf filter;
    bool multi;
} delete_call;

static int delete_find(void *ctx, copse_documents *documents, copse_modify *modify)
{
    delete_call *self = ctx;
    const char *collection = self->call->options.arguments[1];
    copse_modify_result result;
    const copse_modify_options options = {
        .collection = copse_bytes_of_text(collection),
        .filter = copse_buf_view(&self->filter),
        .multi = self->multi,
    };
    if (copse_documents_collection(documents, collection) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_documents_modify(documents, modify, &options, &result);
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
        .run = delete_find,
        .describe = delete_describe,
        .ctx = self,
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
