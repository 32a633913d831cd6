/* copse aggregate: what a pipeline makes of a collection.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "explanation.h"
#include "failure.h"
#include "text.h"

#include <copse/pipeline.h>
#include <copse/run_file.h>

#include <stdlib.h>

enum { AGGREGATE_MEMORY_DEFAULT = 256 << 20 };

static const copse_option aggregate_options[] = {
    {"--memory", "SIZE", COPSE_OPTION_SIZE,
     "how much memory to take; what is more goes to $TMPDIR (256M)", 0},
    {"--canonical", NULL, COPSE_OPTION_FLAG, "write every number with its type", 0},
    COPSE_OPTION_HINT,
    COPSE_OPTION_EXPLAIN,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* A pipeline that is run. */
typedef struct aggregate {
    copse_call *call;
    copse_os *os;
    copse_run_file *run_file;
    copse_pipeline *pipeline;
    copse_documents documents;
    const copse_collection *collection;
    copse_pipeline_run *run;
    uint64_t returned;
} aggregate;

/* ---- Opening ---- */

/* Where what does not fit into memory goes. */
static bool aggregate_open_runs(aggregate *self)
{
    copse_call *call = self->call;
    const char *folder = getenv("TMPDIR");
    copse_status status = copse_os_posix_new(&call->env, &self->os, &call->err);
    if (status == COPSE_OK) {
        status = copse_run_file_new(&call->env, self->os,
                                    folder != NULL && folder[0] != 0 ? folder : "/tmp",
                                    &self->run_file, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the pipeline");
    }
    return status == COPSE_OK;
}

/* Reads and compiles the third argument. Returns an exit code. */
static int aggregate_prepare(aggregate *self)
{
    copse_call *call = self->call;
    const copse_run_store runs = copse_run_file_store(self->run_file);
    copse_buf stages;
    copse_buf_init(&stages, &call->env, call->env.limits.json_size_bytes_max);
    const char *text = call->options.arguments[2];
    const char *hint = copse_argument_hint_of_json(text);
    copse_status status =
        copse_pipeline_read_json(&call->env, copse_bytes_of_text(text), &stages, &call->err);
    if (status == COPSE_OK) {
        hint = "`copse aggregate --help` lists the stages";
        uint64_t memory =
            copse_options_number(&call->options, "--memory", AGGREGATE_MEMORY_DEFAULT);
        const copse_pipeline_options options = {
            .collection = copse_bytes_of_text(call->options.arguments[1]),
            .stages = copse_buf_view(&stages),
            .hint = copse_bytes_of_text(copse_options_text(&call->options, "--hint", "")),
            .runs = &runs,
            .memory_bytes_max = memory < SIZE_MAX ? (size_t)memory : SIZE_MAX,
            .now_ms = call->env.clock != NULL ? call->env.clock(call->env.clock_ctx) : 0};
        status = copse_pipeline_new(&call->env, &options, &self->pipeline, &call->err);
    }
    copse_buf_release(&stages);
    return status == COPSE_OK
               ? COPSE_EXIT_OK
               : copse_failure(call, status, hint, "the pipeline: %s", call->err.message);
}

/* ---- Running ---- */

/* Why it failed: what a document can't be given to is no damage of the database. */
static int aggregate_failure(aggregate *self, copse_status status)
{
    copse_call *call = self->call;
    int code =
        status == COPSE_CORRUPT
            ? copse_failure(call, status, NULL, "the pipeline: %s", call->err.message)
            : copse_explanation_failure(&self->documents, self->collection, status, "the pipeline");
    if (!copse_options_has(&call->options, "--explain")) {
        copse_explanation_note_partial(call, self->returned);
    }
    return code;
}

/* Prints the documents as they come, or with --explain none. END, or a failure. */
static copse_status aggregate_print(aggregate *self)
{
    copse_call *call = self->call;
    copse_place *place = &self->documents.place;
    bool explains = copse_options_has(&call->options, "--explain");
    bool canonical = copse_options_has(&call->options, "--canonical");
    copse_status status;
    do {
        status =
            copse_pipeline_open(self->pipeline, self->documents.database, &self->run, &call->err);
    } while (copse_place_fetch(place, status));
    while (status == COPSE_OK && !call->output.failed) {
        copse_bytes document;
        do {
            status = copse_pipeline_next(self->run, &document, &call->err);
        } while (copse_place_fetch(place, status));
        self->returned += status == COPSE_OK;
        if (status == COPSE_OK && !explains) {
            status = copse_output_document(&call->output, document, canonical, &call->err);
        }
    }
    return status;
}

/* ---- Explaining ---- */

static copse_bytes aggregate_member(copse_bytes map, const char *key)
{
    copse_cbor_reader reader;
    copse_bytes encoded = {NULL, 0};
    copse_cbor_reader_init(&reader, map);
    if (copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL) == COPSE_OK) {
        (void)!copse_cbor_take(&reader, &encoded, NULL);
    }
    return encoded;
}

static uint64_t aggregate_number(copse_bytes map, const char *key)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {.arg = 0};
    copse_cbor_reader_init(&reader, aggregate_member(map, key));
    (void)!copse_cbor_next(&reader, &item, NULL);
    return item.arg;
}

static copse_bytes aggregate_text(copse_bytes map, const char *key)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {.kind = COPSE_CBOR_NULL};
    copse_cbor_reader_init(&reader, aggregate_member(map, key));
    (void)!copse_cbor_next(&reader, &item, NULL);
    return item.bytes;
}

/* What the pipelines within a stage read. */
static void aggregate_print_reading(copse_output *out, copse_bytes stage)
{
    char texts[3][64];
    copse_bytes first = aggregate_member(stage, "first_query");
    copse_bytes plan = aggregate_text(first, "plan");
    copse_bytes index = aggregate_text(first, "index");
    copse_bytes faster = aggregate_text(first, "suggestion");
    copse_output_format(out, "\ninside    %s examined %s, %s",
                        copse_documents_plural(aggregate_number(stage, "queries"), "run", texts[0],
                                               sizeof texts[0]),
                        copse_documents_plural(aggregate_number(stage, "keys_examined"), "key",
                                               texts[1], sizeof texts[1]),
                        copse_documents_plural(aggregate_number(stage, "documents_examined"),
                                               "document", texts[2], sizeof texts[2]));
    copse_output_format(out, "; the first: %.*s", (int)plan.len, (const char *)plan.ptr);
    if (index.len > 0) {
        copse_output_format(out, " of '%.*s'", (int)index.len, (const char *)index.ptr);
    }
    if (faster.len > 0) {
        copse_output_format(out, "; faster with an index on %.*s", (int)faster.len,
                            (const char *)faster.ptr);
    }
}

static void aggregate_print_stage(copse_output *out, copse_bytes stage)
{
    char texts[3][64];
    copse_bytes by = aggregate_text(stage, "by");
    copse_bytes name = aggregate_text(stage, "stage");
    uint64_t spilled = aggregate_number(stage, "spilled_bytes");
    copse_output_format(out, "stage     %-14.*s", (int)name.len, (const char *)name.ptr);
    if (by.len > 0) {
        copse_output_format(out, "by the %.*s\n", (int)by.len, (const char *)by.ptr);
        return;
    }
    copse_output_format(out, "%s in, %s out",
                        copse_text_of_count(aggregate_number(stage, "in"), texts[0]),
                        copse_text_of_count(aggregate_number(stage, "out"), texts[1]));
    if (spilled > 0) {
        copse_output_format(out, ", %s spilled", copse_text_of_size(spilled, texts[2]));
    }
    if (aggregate_number(stage, "queries") > 0) {
        aggregate_print_reading(out, stage);
    }
    copse_output_format(out, "\n");
}

static void aggregate_print_stages(copse_output *out, copse_bytes explained)
{
    copse_cbor_reader reader;
    copse_cbor_item head = {.arg = 0};
    copse_bytes stage;
    copse_cbor_reader_init(&reader, aggregate_member(explained, "stages"));
    (void)!copse_cbor_next(&reader, &head, NULL);
    for (uint64_t i = 0; i < head.arg && copse_cbor_take(&reader, &stage, NULL) == COPSE_OK; i++) {
        aggregate_print_stage(out, stage);
    }
}

/* Appends the plan of the query with one more pair: the stages. */
static copse_status aggregate_write_plan(copse_bytes explained, copse_buf *plan)
{
    copse_cbor_reader reader;
    copse_cbor_item head = {.arg = 0};
    copse_bytes query = aggregate_member(explained, "query");
    copse_cbor_reader_init(&reader, query);
    (void)!copse_cbor_next(&reader, &head, NULL);
    uint64_t count = head.kind == COPSE_CBOR_MAP ? head.arg : 0;
    size_t size = count > 0 ? (size_t)(query.ptr + query.len - reader.at) : 0;
    copse_status status = copse_buf_append(plan, (copse_bytes){reader.at, size});
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(plan, copse_bytes_of_text("stages"));
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(plan, aggregate_member(explained, "stages"));
    }
    return status == COPSE_OK ? copse_cbor_finish_map(plan, 0, count + 1) : status;
}

static int aggregate_explain(aggregate *self, copse_explanation *explanation)
{
    copse_call *call = self->call;
    copse_buf explained;
    copse_buf_init(&explained, &call->env, SIZE_MAX);
    copse_status status = copse_pipeline_explain(self->run, &explained, &call->err);
    if (status == COPSE_OK) {
        status = aggregate_write_plan(copse_buf_view(&explained), &explanation->plan);
    }
    explanation->stats = copse_pipeline_get_stats(self->run);
    explanation->stats.returned = self->returned;
    int code = status == COPSE_OK ? copse_explanation_print(explanation)
                                  : copse_failure_of(call, status, "the plan");
    if (code == COPSE_EXIT_OK && !call->output.json) {
        aggregate_print_stages(&call->output, copse_buf_view(&explained));
    }
    copse_buf_release(&explained);
    return code;
}

static int aggregate_ask(aggregate *self)
{
    copse_call *call = self->call;
    copse_explanation explanation;
    self->collection = copse_documents_collection(&self->documents, call->options.arguments[1]);
    if (self->collection == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_explanation_init(&explanation, &self->documents);
    copse_status status = aggregate_print(self);
    int code = COPSE_EXIT_OK;
    if (status != COPSE_END && !call->output.failed) {
        code = aggregate_failure(self, status);
    } else if (copse_options_has(&call->options, "--explain") && !call->output.failed) {
        code = aggregate_explain(self, &explanation);
    }
    copse_explanation_release(&explanation);
    return code;
}

static int aggregate_run(copse_call *call)
{
    aggregate self = {.call = call};
    int code = aggregate_open_runs(&self) ? aggregate_prepare(&self) : COPSE_EXIT_FAILED;
    if (code == COPSE_EXIT_OK) {
        code = copse_documents_open(&self.documents, call, COPSE_LOCAL_READ) ? aggregate_ask(&self)
                                                                             : COPSE_EXIT_FAILED;
    }
    (void)copse_pipeline_close(self.run);
    (void)copse_pipeline_free(self.pipeline);
    copse_documents_close(&self.documents);
    (void)copse_run_file_free(self.run_file);
    copse_os_free(self.os);
    return code;
}

const copse_command copse_command_aggregate = {
    .name = "aggregate",
    .arguments = "DB COLL PIPELINE",
    .summary = "Print what a pipeline makes of a collection",
    .details =
        "PIPELINE is a JSON array of MongoDB's stages, through which the documents go:\n"
        "  $match $project $addFields $set $unset $replaceRoot $replaceWith $sort $limit $skip\n"
        "  $count $group $unwind $lookup $sortByCount $unionWith $facet\n"
        "One document a line comes out, as MongoDB Extended JSON. What the first $match, $sort,\n"
        "$skip and $limit ask uses indexes as `copse find` does; $count and $group of what an\n"
        "index holds read it alone. --explain says what each stage did.\n",
    .options = aggregate_options,
    .examples =
        "copse aggregate blog.copse posts '[{\"$sortByCount\":\"$author.name\"}]'\n"
        "copse aggregate blog.copse posts '[{\"$match\":{\"tags\":\"cats\"}},{\"$count\":\"n\"}]'\n"
        "copse aggregate blog.copse posts "
        "'[{\"$group\":{\"_id\":\"$author\",\"n\":{\"$sum\":1}}}]'\n"
        "copse aggregate blog.copse posts \"$(cat pipeline.json)\" --explain",
    .run = aggregate_run,
};
