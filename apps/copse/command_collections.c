/* copse collections and drop.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "table.h"

#include <stdio.h>

/* ---- collections ---- */

static const copse_option collections_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void collections_add(copse_call *call, const copse_collection *collection,
                            uint64_t documents, copse_table *table)
{
    copse_output *out = &call->output;
    const char *form = collection->documents == COPSE_DOCUMENTS_LINKED ? "linked" : "inline";
    if (out->json) {
        copse_output_begin(out);
        copse_output_text_bytes(out, "collection", collection->name);
        copse_output_number(out, "documents", documents);
        copse_output_number(out, "indexes", collection->indexes_count);
        copse_output_text(out, "form", form);
        copse_output_text_bytes(out, "primary_key", collection->primary_key);
        copse_output_text(out, "merge", copse_merge_policy_name(collection->merge));
        copse_output_number(out, "tombstone_days", collection->tombstone_days);
        copse_output_bool(out, "signed", collection->is_signed);
        copse_output_end(out);
        return;
    }
    copse_table_bytes(table, collection->name);
    copse_table_count(table, documents);
    copse_table_count(table, collection->indexes_count);
    copse_table_text(table, form);
    copse_table_bytes(table, collection->primary_key);
    copse_table_text(table, collection->is_signed ? "lww, signed"
                                                  : copse_merge_policy_name(collection->merge));
}

static int collections_print(copse_documents *documents)
{
    copse_call *call = documents->call;
    copse_table table;
    size_t count = 0;
    copse_status status = COPSE_OK;
    const copse_collection *all = copse_database_collections(documents->database, &count);
    copse_table_init(&table, &call->env, "collection|#documents|#indexes|form|key|merge");
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        uint64_t size = 0;
        status = copse_documents_count(documents, &all[i], &size);
        if (status == COPSE_OK) {
            collections_add(call, &all[i], size, &table);
        }
    }
    if (status == COPSE_OK && !call->output.json) {
        status = copse_table_print(&table, &call->output);
    }
    copse_table_release(&table);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_documents_failure(documents, status, "the collections");
}

static int collections_run(copse_call *call)
{
    copse_documents documents;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = collections_print(&documents);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_collections = {
    .name = "collections",
    .arguments = "DB",
    .summary = "List the collections, with how many documents they have",
    .options = collections_options,
    .examples = "copse collections blog.copse",
    .run = collections_run,
};

/* ---- drop ---- */

static const copse_option drop_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct drop_call {
    copse_call *call;
    uint64_t documents; /* in the collection */
} drop_call;

static int drop_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    drop_call *self = ctx;
    copse_call *call = self->call;
    const char *name = call->options.arguments[1];
    const copse_collection *collection = copse_documents_collection(documents, name);
    if (collection == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_documents_count(documents, collection, &self->documents);
    if (status == COPSE_OK) {
        status = copse_write_drop_collection(write, collection->name, &call->err);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_documents_failure(documents, status, "nothing was dropped");
}

static void drop_describe(void *ctx, const copse_write_stats *stats, char *ret_message, size_t size)
{
    const drop_call *self = ctx;
    char count[64];
    (void)stats;
    (void)snprintf(ret_message, size, "drop the collection %s, %s",
                   self->call->options.arguments[1],
                   copse_documents_plural(self->documents, "document", count, sizeof count));
}

static void drop_print(const drop_call *self, const copse_documents *documents)
{
    copse_output *out = &self->call->output;
    char count[64];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "dropped", self->call->options.arguments[1]);
        copse_output_number(out, "documents", self->documents);
        copse_documents_print_head(documents);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "dropped %s\n",
                        copse_documents_plural(self->documents, "document", count, sizeof count));
}

static int drop_run(copse_call *call)
{
    drop_call self = {.call = call};
    copse_documents documents;
    copse_write_stats stats;
    const copse_documents_change change = {
        .fill = drop_fill,
        .describe = drop_describe,
        .ctx = &self,
        .depends = true,
    };
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = copse_documents_write(&documents, &change, &stats);
    if (code == COPSE_EXIT_OK) {
        drop_print(&self, &documents);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_drop = {
    .name = "drop",
    .arguments = "DB COLL",
    .summary = "Take a collection away, with its documents and indexes",
    .details = "Earlier commits still have it: `copse refs set DB main COMMIT` brings it back.\n",
    .options = drop_options,
    .examples = "copse drop blog.copse drafts",
    .run = drop_run,
};
