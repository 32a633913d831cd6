/* Chains: stages that run.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "query/pipeline.h"
#include "query/result.h"

/* ---- The query ------------------------------------------------------------------------------- */

/* Appends the filter of the source and that of the options. */
static copse_status chain_write_filter(const copse_stage_chain *chain, copse_buf *buf)
{
    copse_bytes first = chain->list->source.filter;
    if (first.len == 0) {
        return copse_buf_append(buf, chain->options.filter);
    }
    copse_status status = copse_stage_write_and(buf, 2);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, first);
    }
    return status == COPSE_OK ? copse_buf_append(buf, chain->options.filter) : status;
}

static copse_status chain_make_query(const copse_stage_chain *chain, bool sorted,
                                     copse_bytes filter, copse_query **ret_query, copse_err *err)
{
    const copse_stage_source *source = &chain->list->source;
    bool cuts = sorted || source->sort == NULL;
    copse_query_options options = {.collection = chain->list->collection,
                                   .filter = filter,
                                   .sort = sorted ? source->sort : NULL,
                                   .projection = source->projection,
                                   .skip = cuts ? source->skip : 0,
                                   .limit = cuts ? source->limit : 0,
                                   .hint = chain->list->hint};
    copse_query *query = NULL;
    copse_status status = copse_query_new(chain->world->env, &options, &query, err);
    if (status == COPSE_OK) {
        query->projection_is_allowance = true;
        *ret_query = query;
    }
    return status;
}

/* The query of the list or, with a filter of its own, of the chain. */
static copse_status chain_query(copse_stage_chain *chain, bool sorted, copse_query **ret_query,
                                copse_err *err)
{
    bool is_own = chain->options.filter.len > 0;
    copse_query **kept = is_own ? &chain->own[sorted] : &chain->list->source.queries[sorted];
    copse_status status = COPSE_OK;
    if (*kept == NULL && !is_own) {
        status = chain_make_query(chain, sorted, chain->list->source.filter, kept, err);
    } else if (*kept == NULL) {
        copse_buf filter;
        copse_buf_init(&filter, chain->world->env, SIZE_MAX);
        status = chain_write_filter(chain, &filter);
        status = status == COPSE_OK
                     ? chain_make_query(chain, sorted, copse_buf_view(&filter), kept, err)
                     : COPSE_ERR_NOMEM(err);
        copse_buf_release(&filter);
    }
    if (status == COPSE_OK) {
        *ret_query = *kept;
    }
    return status;
}

static copse_status chain_begin_query(copse_stage_chain *chain, bool sorted, copse_err *err)
{
    const copse_stage_source *source = &chain->list->source;
    copse_query *query = NULL;
    copse_status status = chain_query(chain, sorted, &query, err);
    if (status == COPSE_OK) {
        status = copse_result_open(query, chain->world->database, &chain->result, err);
    }
    chain->first = sorted ? source->sorted_count : source->plain_count;
    return status;
}

/* Whether the order of the result has to be made in memory. */
static bool chain_sorts_in_memory(const copse_result *result)
{
    return result->stage != RESULT_ENDED && result->planned.plan.order == COPSE_ORDERED_MEMORY;
}

static copse_status chain_begin_source(copse_stage_chain *chain, copse_err *err)
{
    const copse_stage_source *source = &chain->list->source;
    if (source->fed || source->count != NULL) {
        chain->first = source->fed ? 0 : source->sorted_count;
        return COPSE_OK;
    }
    bool sorted = source->sort != NULL;
    copse_status status = chain_begin_query(chain, sorted, err);
    if (status == COPSE_OK && sorted && chain_sorts_in_memory(chain->result)) {
        chain->result = copse_result_close(chain->result);
        status = chain_begin_query(chain, false, err);
    }
    return status;
}

/* The one document that counts make. */
static copse_status chain_count(copse_stage_chain *chain, copse_bytes *ret_document, copse_err *err)
{
    const copse_stage *stage = chain->list->source.count;
    copse_query *query = NULL;
    uint64_t count = 0;
    if (chain->is_made) {
        return COPSE_END;
    }
    copse_status status = chain_query(chain, false, &query, err);
    if (status == COPSE_OK) {
        copse_buf_truncate(&chain->explained, 0);
        status = copse_query_count(query, chain->world->database, &count, &chain->counted,
                                   &chain->explained, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    chain->is_made = true;
    chain->read = count;
    if (count == 0) {
        return COPSE_END;
    }
    status = copse_stage_is_count(stage) ? copse_count_write(stage, count, &chain->made)
                                         : copse_group_write_counted(stage, count, &chain->made);
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_document = copse_buf_view(&chain->made);
    return COPSE_OK;
}

static copse_status chain_source_next(copse_stage_chain *chain, copse_bytes *ret_document,
                                      copse_err *err)
{
    const copse_stage_source *source = &chain->list->source;
    if (source->count != NULL) {
        return chain_count(chain, ret_document, err);
    }
    copse_status status = source->fed
                              ? chain->options.feed(chain->options.feed_ctx, ret_document, err)
                              : copse_result_next(chain->result, ret_document, err);
    chain->read += status == COPSE_OK;
    return status;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static copse_status stage_run_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_status status = run->stage->kind->next(run, ret_document, err);
    if (status == COPSE_OK) {
        run->given++;
    } else if (status < 0 && !run->chain->blamed) {
        run->chain->blamed = true;
        (void)copse_stage_blame(run->stage, status, err);
    }
    return status;
}

copse_status copse_stage_pull(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_status status = run->input != NULL ? stage_run_next(run->input, ret_document, err)
                                             : chain_source_next(run->chain, ret_document, err);
    run->chain->blamed |= status < 0;
    return status;
}

/* Counts what was read since the last time. */
static copse_status chain_tell(copse_stage_chain *chain, copse_err *err)
{
    copse_stage_reading *reading = chain->options.reading;
    const copse_result_stats stats = copse_stage_chain_stats(chain);
    reading->keys_examined += stats.keys_examined - chain->told.keys_examined;
    reading->documents_examined += stats.documents_examined - chain->told.documents_examined;
    chain->told = stats;
    bool is_known = chain->result != NULL || chain->explained.len > 0;
    return is_known && reading->plan.len == 0
               ? copse_stage_chain_explain(chain, &reading->plan, err)
               : COPSE_OK;
}

copse_status copse_stage_chain_next(copse_stage_chain *chain, copse_bytes *ret_document,
                                    copse_err *err)
{
    copse_status status =
        chain->runs_count > 0
            ? stage_run_next(&chain->runs[chain->runs_count - 1], ret_document, err)
            : chain_source_next(chain, ret_document, err);
    if (chain->options.reading != NULL && (status == COPSE_OK || status == COPSE_END)) {
        copse_status told = chain_tell(chain, err);
        status = told == COPSE_OK ? status : told;
    }
    return status;
}

copse_result_stats copse_stage_chain_stats(const copse_stage_chain *chain)
{
    return chain->result != NULL ? copse_result_get_stats(chain->result) : chain->counted;
}

copse_status copse_stage_chain_explain(const copse_stage_chain *chain, copse_buf *buf,
                                       copse_err *err)
{
    if (chain->result != NULL) {
        return copse_result_explain(chain->result, buf, err);
    }
    return chain->explained.len > 0 ? copse_buf_append(buf, copse_buf_view(&chain->explained))
                                    : copse_cbor_write_null(buf);
}

static copse_status chain_open_stages(copse_stage_chain *chain, copse_err *err)
{
    const copse_env *env = chain->world->env;
    size_t count = chain->list->count - chain->first;
    copse_status status = COPSE_OK;
    chain->runs = copse_alloc_array(env, count, sizeof *chain->runs);
    if (chain->runs == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_stage_run *run = &chain->runs[i];
        const copse_stage *stage = chain->list->stages[chain->first + i];
        *run = (copse_stage_run){
            .stage = stage, .chain = chain, .input = i > 0 ? &chain->runs[i - 1] : NULL};
        copse_buf_init(&run->reading.plan, env, SIZE_MAX);
        run->state = copse_alloc_zeroed(env, stage->kind->state_size);
        if (run->state == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        chain->runs_count++;
        if (stage->kind->open != NULL) {
            status = stage->kind->open(run, err);
        }
        if (status < 0) {
            (void)copse_stage_blame(stage, status, err);
        }
    }
    return status;
}

copse_status copse_stage_chain_open(const copse_stage_world *world, copse_stage_list *list,
                                    const copse_stage_chain_options *options,
                                    copse_stage_chain **ret_chain, copse_err *err)
{
    copse_stage_chain *chain = copse_alloc_zeroed(world->env, sizeof *chain);
    if (chain == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    chain->world = world;
    chain->list = list;
    chain->options = *options;
    copse_buf_init(&chain->made, world->env, world->env->limits.document_size_bytes_max);
    copse_buf_init(&chain->explained, world->env, SIZE_MAX);
    copse_status status = chain_begin_source(chain, err);
    if (status == COPSE_OK) {
        status = chain_open_stages(chain, err);
    }
    if (status != COPSE_OK) {
        (void)copse_stage_chain_close(chain);
        return status;
    }
    if (options->reading != NULL && !list->source.fed) {
        options->reading->queries++;
    }
    *ret_chain = chain;
    return COPSE_OK;
}

copse_stage_chain *copse_stage_chain_close(copse_stage_chain *chain)
{
    if (chain == NULL) {
        return NULL;
    }
    const copse_env *env = chain->world->env;
    size_t room = chain->list->count - chain->first;
    for (size_t i = chain->runs_count; i-- > 0;) {
        copse_stage_run *run = &chain->runs[i];
        if (run->stage->kind->close != NULL) {
            run->stage->kind->close(run);
        }
        copse_free(env, run->state, run->stage->kind->state_size);
        copse_buf_release(&run->reading.plan);
    }
    copse_free_array(env, chain->runs, room, sizeof *chain->runs);
    copse_result_close(chain->result);
    copse_query_free(chain->own[0]);
    copse_query_free(chain->own[1]);
    copse_buf_release(&chain->explained);
    copse_buf_release(&chain->made);
    copse_free(env, chain, sizeof *chain);
    return NULL;
}
