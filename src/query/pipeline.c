/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/pipeline.h"

#include "base/alloc.h"
#include "base/err.h"
#include "query/result.h"
#include "query/spill.h"

/* The least memory for a stage that holds documents: for what it holds, and for what it spills. */
enum { PIPELINE_SHARE_BYTES_MIN = 2 * COPSE_SPILL_MEMORY_BYTES_MIN };

/* ---- One of them ----------------------------------------------------------------------------- */

void copse_pipeline_owned_free(copse_pipeline_owned *owned)
{
    (void)copse_expression_free(owned->expression);
    (void)copse_filter_free(owned->filter);
    copse_sort_spec_release(owned->sort);
    if (owned->list != NULL) {
        (void)copse_query_free(owned->list->source.queries[0]);
        (void)copse_query_free(owned->list->source.queries[1]);
    }
}

copse_pipeline *copse_pipeline_free(copse_pipeline *pipeline)
{
    if (pipeline != NULL) {
        for (copse_pipeline_owned *owned = pipeline->owned; owned != NULL; owned = owned->next) {
            copse_pipeline_owned_free(owned);
        }
        copse_arena_release(&pipeline->arena);
        copse_free(pipeline->env, pipeline, sizeof *pipeline);
    }
    return NULL;
}

/* $$NOW. */
static copse_status pipeline_set_now(copse_pipeline *pipeline, uint64_t now_ms, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, pipeline->env, SIZE_MAX);
    copse_status status = copse_value_write_date(&buf, (int64_t)now_ms);
    if (status == COPSE_OK) {
        pipeline->now.name = copse_bytes_of_text("NOW");
        pipeline->now.value = copse_arena_dup(&pipeline->arena, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    return pipeline->now.value.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static copse_status pipeline_share(const copse_pipeline *pipeline, size_t *ret_share_bytes,
                                   copse_err *err)
{
    size_t holders = pipeline->holders > 0 ? pipeline->holders : 1;
    *ret_share_bytes = pipeline->memory_bytes_max / holders;
    return pipeline->holders == 0 || *ret_share_bytes >= PIPELINE_SHARE_BYTES_MIN
               ? COPSE_OK
               : COPSE_ERR(
                     err, COPSE_LIMIT,
                     "stages that hold documents: %zu; they take at least %zu bytes of memory "
                     "(copse_pipeline_options.memory_bytes_max; --memory)",
                     pipeline->holders, pipeline->holders * PIPELINE_SHARE_BYTES_MIN);
}

static copse_status pipeline_init(copse_pipeline *pipeline, const copse_pipeline_options *options,
                                  copse_err *err)
{
    const copse_env *env = pipeline->env;
    size_t share = 0;
    copse_status status =
        copse_dag_cbor_check(options->stages, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK && options->now_ms > 0) {
        status = pipeline_set_now(pipeline, options->now_ms, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes stages = copse_arena_dup(&pipeline->arena, options->stages);
    copse_bytes collection = copse_arena_dup(&pipeline->arena, options->collection);
    copse_bytes hint = copse_arena_dup(&pipeline->arena, options->hint);
    if (stages.ptr == NULL || collection.ptr == NULL || hint.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_stage_parser parser = {.pipeline = pipeline,
                                 .env = env,
                                 .arena = &pipeline->arena,
                                 .variables = &pipeline->now,
                                 .variables_count = options->now_ms > 0,
                                 .err = err};
    status = copse_stage_list_parse(&parser, stages, collection, false, &pipeline->list);
    if (status == COPSE_OK) {
        pipeline->list->hint = hint;
        status = pipeline_share(pipeline, &share, err);
    }
    return status;
}

copse_status copse_pipeline_new(const copse_env *env, const copse_pipeline_options *options,
                                copse_pipeline **ret_pipeline, copse_err *err)
{
    copse_pipeline *pipeline = copse_alloc_zeroed(env, sizeof *pipeline);
    if (pipeline == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    pipeline->env = env;
    copse_arena_init(&pipeline->arena, env);
    pipeline->memory_bytes_max = options->memory_bytes_max > 0 ? options->memory_bytes_max
                                                               : env->limits.query_memory_bytes_max;
    pipeline->has_runs = options->runs != NULL;
    if (pipeline->has_runs) {
        pipeline->runs = *options->runs;
    }
    copse_status status = pipeline_init(pipeline, options, err);
    if (status != COPSE_OK) {
        (void)copse_pipeline_free(pipeline);
        return status;
    }
    *ret_pipeline = pipeline;
    return COPSE_OK;
}

/* ---- A run of it ----------------------------------------------------------------------------- */

copse_status copse_pipeline_open(copse_pipeline *pipeline, copse_database *database,
                                 copse_pipeline_run **ret_run, copse_err *err)
{
    const copse_env *env = pipeline->env;
    const copse_stage_chain_options options = {.variables = &pipeline->now};
    copse_pipeline_run *run = copse_alloc_zeroed(env, sizeof *run);
    if (run == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    run->pipeline = pipeline;
    run->world = (copse_stage_world){
        .env = env, .database = database, .runs = pipeline->has_runs ? &pipeline->runs : NULL};
    copse_status status = pipeline_share(pipeline, &run->world.share_bytes, err);
    if (status == COPSE_OK) {
        status = copse_stage_chain_open(&run->world, pipeline->list, &options, &run->chain, err);
    }
    if (status != COPSE_OK) {
        (void)copse_pipeline_close(run);
        return status;
    }
    *ret_run = run;
    return COPSE_OK;
}

copse_pipeline_run *copse_pipeline_close(copse_pipeline_run *run)
{
    if (run != NULL) {
        (void)copse_stage_chain_close(run->chain);
        copse_free(run->world.env, run, sizeof *run);
    }
    return NULL;
}

copse_status copse_pipeline_next(copse_pipeline_run *run, copse_bytes *ret_document, copse_err *err)
{
    if (run->failed != COPSE_OK) {
        return COPSE_ERR(err, run->failed, "the pipeline has failed before");
    }
    if (run->is_over) {
        return COPSE_END;
    }
    copse_status status = copse_stage_chain_next(run->chain, ret_document, err);
    run->is_over = status == COPSE_END;
    run->failed = status < 0 ? status : COPSE_OK;
    return status;
}

/* ---- Explained ------------------------------------------------------------------------------- */

static copse_status pipeline_write_number(copse_buf *buf, const char *key, uint64_t number)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_uint(buf, number) : status;
}

static copse_status pipeline_write_text(copse_buf *buf, const char *key, const char *text)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_text(buf, copse_bytes_of_text(text)) : status;
}

/* Appends what the pipelines within a stage read: four pairs. */
static copse_status pipeline_write_reading(copse_buf *buf, const copse_stage_reading *reading)
{
    copse_status status = pipeline_write_number(buf, "queries", reading->queries);
    if (status == COPSE_OK) {
        status = pipeline_write_number(buf, "keys_examined", reading->keys_examined);
    }
    if (status == COPSE_OK) {
        status = pipeline_write_number(buf, "documents_examined", reading->documents_examined);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("first_query"));
    }
    if (status == COPSE_OK && reading->plan.len == 0) {
        return copse_cbor_write_null(buf);
    }
    return status == COPSE_OK ? copse_buf_append(buf, copse_buf_view(&reading->plan)) : status;
}

/* Appends what a stage did; `by`: what does it instead, NULL: it runs itself. */
static copse_status pipeline_write_stage(copse_buf *buf, const copse_stage *stage,
                                         const copse_stage_run *run, uint64_t in, const char *by)
{
    size_t offset = buf->len;
    uint64_t count = 4;
    copse_status status = pipeline_write_text(buf, "stage", stage->kind->name);
    if (by != NULL) {
        status = status == COPSE_OK ? pipeline_write_text(buf, "by", by) : status;
        return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, 2) : status;
    }
    if (status == COPSE_OK) {
        status = pipeline_write_number(buf, "in", in);
    }
    if (status == COPSE_OK) {
        status = pipeline_write_number(buf, "out", run->given);
    }
    if (status == COPSE_OK) {
        status = pipeline_write_number(buf, "spilled_bytes", run->spilled_bytes);
    }
    if (status == COPSE_OK && run->reading.queries > 0) {
        status = pipeline_write_reading(buf, &run->reading);
        count += 4;
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
}

static copse_status pipeline_write_stages(const copse_stage_chain *chain, copse_buf *buf)
{
    const copse_stage_list *list = chain->list;
    uint64_t in = chain->read;
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("stages"));
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, list->count);
    }
    for (size_t i = 0; status == COPSE_OK && i < list->count; i++) {
        const copse_stage *stage = list->stages[i];
        const copse_stage_run *run = i >= chain->first ? &chain->runs[i - chain->first] : NULL;
        status = pipeline_write_stage(buf, stage, run, in,
                                      run != NULL                          ? run->by
                                      : stage == chain->list->source.count ? "count"
                                                                           : "query");
        in = run != NULL ? run->given : in;
    }
    return status;
}

static copse_status pipeline_write_query(const copse_stage_chain *chain, copse_buf *buf,
                                         copse_err *err)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("query"));
    return status == COPSE_OK ? copse_stage_chain_explain(chain, buf, err) : status;
}

copse_status copse_pipeline_explain(const copse_pipeline_run *run, copse_buf *buf, copse_err *err)
{
    size_t offset = buf->len;
    copse_status status = pipeline_write_query(run->chain, buf, err);
    if (status == COPSE_OK) {
        status = pipeline_write_stages(run->chain, buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(buf, offset, 2);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, status, "no room to explain a pipeline");
    }
    return COPSE_OK;
}

copse_result_stats copse_pipeline_get_stats(const copse_pipeline_run *run)
{
    return copse_stage_chain_stats(run->chain);
}
