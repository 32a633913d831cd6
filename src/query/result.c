/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/result.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/document.h"
#include "query/advice.h"
#include "query/result_batch.h"

#include <string.h>

enum { RESULT_IDLE_BUF_MAX = 1 << 16 };

/* ---- Opening --------------------------------------------------------------------------------- */

static void result_release_plan(copse_result *result)
{
    copse_planned_release(&result->planned);
    copse_covered_release(&result->covered);
}

/* Makes a plan, checks the one that was given, or takes the last one again (R4). */
static copse_status result_plan(copse_result *result, const copse_result_options *options,
                                copse_err *err)
{
    copse_planned *planned = &result->planned;
    if (!options->has_plan && planned->need == options->need &&
        copse_planned_is_for(planned, result->database)) {
        copse_planned_bind(planned, result->database);
        return COPSE_OK;
    }
    result_release_plan(result);
    copse_status status =
        options->has_plan
            ? copse_planner_check(result->query, result->database, options->plan, planned, err)
            : copse_planner_plan(result->query, result->database, options->need, planned, err);
    if (status == COPSE_OK && planned->plan.covered && !copse_planned_is_empty(planned)) {
        status = copse_covered_init(&result->covered, planned, err);
        if (status != COPSE_OK) {
            copse_planned_release(planned);
        }
    }
    return status;
}

/* What a run begins with. */
static void result_reset(copse_result *result)
{
    const copse_env *env = result->env;
    const copse_query *query = result->query;
    uint64_t wanted =
        query->limit > UINT64_MAX - query->skip ? UINT64_MAX : query->limit + query->skip;
    result->stage = RESULT_BEGUN;
    result->failed = COPSE_OK;
    result->point = 0;
    result->rows_count = 0;
    result->row = 0;
    result->looked_up = false;
    result->hinted = false;
    result->given = NULL;
    result->batch_size = result->first_batch > 0 ? result->first_batch : 1;
    result->skip = query->skip;
    result->limit = query->limit > 0 ? query->limit : UINT64_MAX;
    result->stats = (copse_result_stats){.returned = 0};
    copse_ranking_init(&result->ranking, env, query->limit > 0 ? wanted : 0,
                       env->limits.query_memory_bytes_max);
    copse_get_many_init(&result->gets, copse_database_tree(result->database));
}

static copse_status result_init(copse_result *result, copse_err *err)
{
    copse_planned *planned = &result->planned;
    result_reset(result);
    if (planned->collection == NULL || copse_planned_is_empty(planned)) {
        result->stage = RESULT_ENDED;
        return COPSE_OK;
    }
    if (planned->plan.unique) {
        copse_id_set_init(&result->seen, result->env, result->env->limits.query_memory_bytes_max);
    }
    copse_status status = copse_key_write_documents(&result->prefix, planned->collection->name);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    return copse_scanner_init(&result->scanner, planned, err);
}

/* The query's idle result, or a new one. */
static copse_result *result_take_idle(copse_query *query)
{
    copse_result *result = query->idle;
    query->idle = NULL;
    if (result == NULL) {
        result = copse_alloc_zeroed(query->env, sizeof *result);
        if (result == NULL) {
            return NULL;
        }
        result->env = query->env;
        result->query = query;
        copse_buf_init(&result->prefix, query->env, SIZE_MAX);
        copse_buf_init(&result->bytes, query->env, SIZE_MAX);
        copse_buf_init(&result->made, query->env, SIZE_MAX);
        copse_buf_init(&result->answer, query->env, SIZE_MAX);
        copse_buf_init(&result->key, query->env, SIZE_MAX);
    }
    return result;
}

copse_status copse_result_open_with(copse_query *query, copse_database *database,
                                    const copse_result_options *options, copse_result **ret_result,
                                    copse_err *err)
{
    copse_result *result = result_take_idle(query);
    if (result == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    result->database = database;
    result->recheck_entries = options->recheck_entries;
    result->given_plan = options->has_plan;
    result->counts = options->need == COPSE_NEED_COUNT;
    result->stop = options->stop;
    result->first_batch = options->first_batch;
    copse_status status = result_plan(result, options, err);
    if (status == COPSE_OK) {
        status = result_init(result, err);
    }
    if (status != COPSE_OK) {
        copse_result_close(result);
        return status;
    }
    *ret_result = result;
    return COPSE_OK;
}

copse_status copse_result_open(copse_query *query, copse_database *database,
                               copse_result **ret_result, copse_err *err)
{
    const copse_result_options options = {.need = COPSE_NEED_DOCUMENTS};
    return copse_result_open_with(query, database, &options, ret_result, err);
}

copse_status copse_result_open_plan(copse_query *query, copse_database *database, copse_bytes plan,
                                    copse_result **ret_result, copse_err *err)
{
    const copse_result_options options = {
        .need = COPSE_NEED_DOCUMENTS, .has_plan = true, .plan = plan};
    return copse_result_open_with(query, database, &options, ret_result, err);
}

/* Empties a buffer; keeps no more than a little memory. */
static void result_rest_buf(const copse_result *result, copse_buf *buf)
{
    copse_buf_truncate(buf, 0);
    if (buf->cap > RESULT_IDLE_BUF_MAX) {
        copse_buf_release(buf);
        copse_buf_init(buf, result->env, SIZE_MAX);
    }
}

/* Lets go of the database (R4). */
static void result_rest(copse_result *result)
{
    copse_scanner_release(&result->scanner);
    copse_id_set_release(&result->seen);
    copse_ranking_release(&result->ranking);
    copse_get_many_release(&result->gets);
    copse_document_release(&result->document);
    result_rest_buf(result, &result->prefix);
    result_rest_buf(result, &result->bytes);
    result_rest_buf(result, &result->made);
    result_rest_buf(result, &result->answer);
    result_rest_buf(result, &result->key);
    if (result->given_plan || !result->planned.complete) {
        result_release_plan(result);
    }
    result->database = NULL;
}

copse_status copse_result_suspend(copse_result *result, copse_err *err)
{
    copse_get_many_release(&result->gets);
    copse_document_release(&result->document);
    result->looked_up = false;
    result->hinted = false;
    result->database = NULL;
    return copse_scanner_suspend(&result->scanner, err);
}

bool copse_result_is_for(const copse_result *result, const copse_database *database)
{
    return copse_planned_is_for(&result->planned, database);
}

copse_status copse_result_resume(copse_result *result, copse_database *database, copse_err *err)
{
    result->database = database;
    copse_planned_bind(&result->planned, database);
    copse_get_many_init(&result->gets, copse_database_tree(database));
    copse_status status =
        copse_scanner_resume(&result->scanner, copse_database_tree(database), err);
    if (status == COPSE_OK && result->stage == RESULT_READING) {
        copse_result_set_look_ahead(result);
    }
    return status;
}

copse_result *copse_result_free(copse_result *result)
{
    if (result != NULL) {
        result_release_plan(result);
        copse_buf_release(&result->prefix);
        copse_buf_release(&result->bytes);
        copse_buf_release(&result->made);
        copse_buf_release(&result->answer);
        copse_buf_release(&result->key);
        copse_free(result->env, result, sizeof *result);
    }
    return NULL;
}

copse_result *copse_result_close(copse_result *result)
{
    if (result != NULL) {
        result_rest(result);
        if (result->query->idle == NULL) {
            result->query->idle = result;
        } else {
            copse_result_free(result);
        }
    }
    return NULL;
}

copse_status copse_query_plan(copse_query *query, copse_database *database, copse_buf *buf,
                              copse_err *err)
{
    copse_planned planned;
    copse_status status = copse_planner_plan(query, database, COPSE_NEED_DOCUMENTS, &planned, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (planned.collection == NULL) {
        status = COPSE_ERR(err, COPSE_NOT_FOUND, "there is no collection \"%.*s\"",
                           (int)query->collection.len, (const char *)query->collection.ptr);
    } else {
        status = copse_plan_encode(&planned.plan, buf, err);
    }
    copse_planned_release(&planned);
    return status;
}

/* ---- One document ---------------------------------------------------------------------------- */

/* LIMIT with the index that would give the order. */
static copse_status result_sort_limit(const copse_result *result, copse_err *err)
{
    copse_buf text;
    copse_buf_init(&text, result->env, SIZE_MAX);
    copse_status status = copse_advise_index(&result->planned, &text);
    size_t size = status == COPSE_OK ? text.len : 0;
    (void)COPSE_ERR(err, COPSE_LIMIT,
                    "sorting the answer takes more than %zu bytes "
                    "(limits.query_memory_bytes_max); an index would give the order: %.*s",
                    result->env->limits.query_memory_bytes_max, (int)size,
                    size > 0 ? (const char *)text.ptr : "");
    copse_buf_release(&text);
    return COPSE_LIMIT;
}

/* The primary key of a document: its field, or in a database of version 1 what its row's key says.
 */
static copse_status result_primary(copse_result *result, const copse_result_row *row,
                                   copse_bytes document, copse_bytes *ret_id, copse_err *err)
{
    if (copse_database_version(result->database) == 1) {
        return copse_result_version1_id(result, row, ret_id, err);
    }
    copse_status status =
        copse_document_primary(document, result->planned.collection->primary_key, ret_id, err);
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "a document has no primary key")
               : status;
}

static copse_status result_project(copse_result *result, copse_bytes document,
                                   copse_bytes *ret_answer, copse_err *err)
{
    bool is_answer = result->planned.plan.covered && result->covered.is_answer;
    if (result->query->projection == NULL || result->query->projection_is_allowance ||
        result->counts || is_answer) {
        *ret_answer = document;
        return COPSE_OK;
    }
    copse_buf_truncate(&result->answer, 0);
    copse_status status = copse_projection_apply(result->query->projection, document,
                                                 result->query->filter, &result->answer, err);
    if (status == COPSE_OK) {
        *ret_answer = copse_buf_view(&result->answer);
    }
    return status;
}

/* Puts a match into the ranking, if it is among the first. */
static copse_status result_rank(copse_result *result, const copse_result_row *row,
                                copse_bytes document, copse_err *err)
{
    copse_bytes id;
    copse_bytes answer;
    copse_buf_truncate(&result->key, 0);
    copse_status status = result_primary(result, row, document, &id, err);
    if (status == COPSE_OK) {
        status = copse_sort_spec_key(&result->query->sort, document, id, &result->key, err);
    }
    copse_bytes key = copse_buf_view(&result->key);
    if (status != COPSE_OK || !copse_ranking_keeps(&result->ranking, key)) {
        return status;
    }
    status = result_project(result, document, &answer, err);
    if (status == COPSE_OK) {
        status = copse_ranking_add(&result->ranking, key, answer, err);
        status = status == COPSE_LIMIT ? result_sort_limit(result, err) : status;
    }
    if (status == COPSE_OK) {
        result->stats.sorted = result->ranking.count;
    }
    return status;
}

/* Takes a document that was found through filter, skip, order and projection. OK: it is the next
 * of the answer. NOT_FOUND: it is not, or not yet. */
static copse_status result_take(copse_result *result, const copse_result_row *row,
                                copse_bytes document, copse_bytes *ret_answer, copse_err *err)
{
    bool match = true;
    copse_status status = COPSE_OK;
    if (result->stop.ask != NULL && result->stop.ask(result->stop.ctx)) {
        return COPSE_ERR(err, COPSE_LIMIT, "the query was stopped");
    }
    if (result->planned.plan.filter) {
        status = copse_filter_match(result->query->filter, document, &match, err);
    }
    if (status != COPSE_OK || !match) {
        return status == COPSE_OK ? COPSE_NOT_FOUND : status;
    }
    if (result->planned.plan.order == COPSE_ORDERED_MEMORY) {
        status = result_rank(result, row, document, err);
        return status == COPSE_OK ? COPSE_NOT_FOUND : status;
    }
    if (result->skip > 0) {
        result->skip--;
        return COPSE_NOT_FOUND;
    }
    return result_project(result, document, ret_answer, err);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The next answer from the index alone. */
static copse_status result_next_covered(copse_result *result, copse_bytes *ret_answer,
                                        copse_err *err)
{
    copse_status status = COPSE_NOT_FOUND;
    while (status == COPSE_NOT_FOUND) {
        copse_scanner_entry entry;
        status = copse_result_next_entry(result, &entry, err);
        if (status != COPSE_OK) {
            return status;
        }
        copse_buf_truncate(&result->made, 0);
        if (!result->counts || result->planned.plan.filter) {
            status = copse_covered_make(&result->covered, entry.access->deriver, entry.key,
                                        entry.value, &result->made, err);
        }
        if (status == COPSE_OK) {
            status = result_take(result, NULL, copse_buf_view(&result->made), ret_answer, err);
        }
    }
    return status;
}

/* The next answer from documents. */
static copse_status result_next_document(copse_result *result, copse_bytes *ret_answer,
                                         copse_err *err)
{
    copse_status status = COPSE_NOT_FOUND;
    while (status == COPSE_NOT_FOUND) {
        const copse_result_row *row = NULL;
        copse_bytes document;
        status = copse_result_next_row(result, &row, &document, err);
        if (status == COPSE_OK) {
            status = result_take(result, row, document, ret_answer, err);
        }
        result->given = row;
    }
    return status;
}

static copse_status result_read(copse_result *result, copse_bytes *ret_answer, copse_err *err)
{
    return result->planned.plan.covered ? result_next_covered(result, ret_answer, err)
                                        : result_next_document(result, ret_answer, err);
}

/* Passes over what is to be skipped by the counts of the tree, where every entry is an answer. */
static copse_status result_pass(copse_result *result, copse_err *err)
{
    const copse_plan *plan = &result->planned.plan;
    uint64_t passed = 0;
    if (result->skip == 0 || plan->filter || plan->unique || result->recheck_entries ||
        plan->order == COPSE_ORDERED_MEMORY || result->scanner.merges ||
        result->planned.accesses[0].points || copse_database_version(result->database) == 1) {
        return COPSE_OK;
    }
    copse_status status = copse_scanner_pass(&result->scanner, result->skip, &passed, err);
    if (status == COPSE_OK) {
        if (passed < result->skip) {
            result->stage = RESULT_ENDED;
        }
        result->skip = 0;
    }
    return status;
}

static copse_status result_begin(copse_result *result, copse_err *err)
{
    copse_status status = result_pass(result, err);
    if (status == COPSE_OK && result->stage == RESULT_BEGUN) {
        copse_result_set_look_ahead(result);
        result->stage = RESULT_READING;
    }
    return status;
}

/* Reads all there is into the ranking, and turns to giving. */
static copse_status result_sort(copse_result *result, copse_err *err)
{
    copse_bytes unused;
    copse_status status = result_read(result, &unused, err);
    if (status == COPSE_END) {
        status = copse_ranking_finish(&result->ranking, err);
    }
    while (status == COPSE_OK && result->skip > 0) {
        status = copse_ranking_next(&result->ranking, &unused);
        result->skip--;
    }
    if (status == COPSE_OK || status == COPSE_END) {
        result->stage = status == COPSE_OK ? RESULT_GIVING : RESULT_ENDED;
        status = COPSE_OK;
    }
    return status;
}

static copse_status result_next(copse_result *result, copse_bytes *ret_answer, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (result->stage == RESULT_BEGUN) {
        status = result_begin(result, err);
    }
    if (status == COPSE_OK && result->stage == RESULT_READING &&
        result->planned.plan.order == COPSE_ORDERED_MEMORY) {
        status = result_sort(result, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    switch (result->stage) {
    case RESULT_READING:
        return result_read(result, ret_answer, err);
    case RESULT_GIVING:
        return copse_ranking_next(&result->ranking, ret_answer);
    default:
        return COPSE_END;
    }
}

copse_status copse_result_next(copse_result *result, copse_bytes *ret_document, copse_err *err)
{
    copse_bytes answer;
    if (result->limit == 0) {
        result->stage = RESULT_ENDED;
    }
    if (result->failed != COPSE_OK) {
        return COPSE_ERR(err, result->failed, "the query has failed before");
    }
    copse_status status = result_next(result, &answer, err);
    if (status == COPSE_END) {
        result->stage = RESULT_ENDED;
    } else if (status < 0) {
        result->failed = status;
    }
    if (status == COPSE_OK) {
        result->limit -= result->limit != UINT64_MAX;
        result->stats.returned++;
        *ret_document = answer;
    }
    return status;
}

copse_status copse_result_sort_key(copse_result *result, copse_bytes document, copse_buf *buf,
                                   copse_err *err)
{
    copse_bytes id;
    if (result->stage == RESULT_GIVING) {
        copse_status status = copse_buf_append(buf, copse_ranking_key(&result->ranking));
        return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a sort key");
    }
    copse_status status = result_primary(result, result->given, document, &id, err);
    return status == COPSE_OK ? copse_sort_spec_key(&result->query->sort, document, id, buf, err)
                              : status;
}

copse_result_stats copse_result_get_stats(const copse_result *result)
{
    return result->stats;
}
