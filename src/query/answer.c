/* Making answers. answer_run.h has the run that maker and verifier share, and its order.
 *
 *   A1  Planning looks at whatever the database's source has; what is written does not depend on
 *       that beyond the plan.
 *   A2  A block is supplied to the run before it is written, so what is written is within what any
 *       verifier with the same limits can hold.
 *   A3  A block is written once, when the run wants it first, unless the asker has it.
 *   A4  The maker holds copies of blocks in its own memory, so that the memory of an answer is
 *       bounded by an env, whatever the store does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/database.h"
#include "query/answer_head.h"
#include "query/answer_run.h"
#include "query/planner.h"
#include "tree/tree.h"

struct copse_answer_maker {
    const copse_env *env;
    copse_database *database; /* borrowed */
    copse_answer_run run;
    uint64_t blocks_max; /* UINT64_MAX: none */
    uint64_t size_bytes_max;
    copse_buf query; /* encoded */
    copse_buf plan;
    copse_car_sink sink;
    copse_car_writer *writer; /* NULL: not begun */
    bool ended;
    copse_status failed;
    copse_answer_stats stats;
};

static const char *const answer_fault_names[] = {
    [COPSE_ANSWER_SOUND] = "sound",
    [COPSE_ANSWER_NO_CAR] = "no-car",
    [COPSE_ANSWER_OTHER_ROOT] = "other-root",
    [COPSE_ANSWER_NO_ANSWER] = "no-answer",
    [COPSE_ANSWER_OTHER_QUERY] = "other-query",
    [COPSE_ANSWER_WRONG_PLAN] = "wrong-plan",
    [COPSE_ANSWER_OTHER_BLOCK] = "other-block",
    [COPSE_ANSWER_DAMAGED_BLOCK] = "damaged-block",
    [COPSE_ANSWER_CUT_SHORT] = "cut-short",
    [COPSE_ANSWER_LEFT_OVER] = "left-over",
    [COPSE_ANSWER_BROKEN_ROOT] = "broken-root",
};

const char *copse_answer_fault_name(copse_answer_fault fault)
{
    return answer_fault_names[fault];
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static copse_status answer_maker_init(copse_answer_maker *maker, const copse_cid *root,
                                      const copse_query_options *query,
                                      const copse_answer_maker_options *options, copse_err *err)
{
    const copse_env *env = maker->env;
    copse_buf_init(&maker->query, env, SIZE_MAX);
    copse_buf_init(&maker->plan, env, SIZE_MAX);
    maker->blocks_max = options->blocks_max > 0 ? options->blocks_max : UINT64_MAX;
    maker->size_bytes_max = options->size_bytes_max > 0 ? options->size_bytes_max : UINT64_MAX;
    copse_status status = copse_answer_run_init(&maker->run, env, root, query, options->have,
                                                options->have_count, err);
    maker->run.stop = (copse_query_stop){options->stop, options->stop_ctx};
    return status == COPSE_OK ? copse_answer_head_write_query(query, &maker->query, err) : status;
}

copse_status copse_answer_maker_new(copse_database *database, const copse_cid *root,
                                    const copse_query_options *query,
                                    const copse_answer_maker_options *options, copse_car_sink sink,
                                    copse_answer_maker **ret_maker, copse_err *err)
{
    const copse_answer_maker_options none = {.have = NULL};
    const copse_tree *tree = copse_database_tree(database);
    options = options != NULL ? options : &none;
    const copse_env *env = options->env != NULL ? options->env : tree->env;
    copse_answer_maker *maker = copse_alloc_zeroed(env, sizeof *maker);
    if (maker == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    maker->env = env;
    maker->database = database;
    maker->sink = sink;
    copse_status status =
        answer_maker_init(maker, root != NULL ? root : copse_tree_root(tree), query, options, err);
    if (status != COPSE_OK) {
        copse_answer_maker_free(maker);
        return status;
    }
    *ret_maker = maker;
    return COPSE_OK;
}

copse_answer_maker *copse_answer_maker_free(copse_answer_maker *maker)
{
    if (maker != NULL) {
        copse_answer_run_release(&maker->run);
        copse_car_writer_free(maker->writer);
        copse_buf_release(&maker->query);
        copse_buf_release(&maker->plan);
        copse_free(maker->env, maker, sizeof *maker);
    }
    return NULL;
}

/* ---- Going on -------------------------------------------------------------------------------- */

/* Writes a section, if the limits allow it. */
static copse_status answer_maker_put(copse_answer_maker *maker, const copse_cid *cid,
                                     copse_bytes data, copse_err *err)
{
    copse_answer_stats *stats = &maker->stats;
    uint64_t size = copse_car_section_size(cid, data.len);
    if (stats->blocks >= maker->blocks_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "the answer takes more than %llu blocks",
                         (unsigned long long)maker->blocks_max);
    }
    if (stats->size_bytes > maker->size_bytes_max ||
        size > maker->size_bytes_max - stats->size_bytes) {
        return COPSE_ERR(err, COPSE_LIMIT, "the answer takes more than %llu bytes",
                         (unsigned long long)maker->size_bytes_max);
    }
    copse_status status = copse_car_writer_put(maker->writer, cid, data, err);
    if (status == COPSE_OK) {
        stats->blocks++;
        stats->size_bytes += size;
    }
    return status;
}

/* Plans, or goes on with that after WANT. */
static copse_status answer_maker_plan(copse_answer_maker *maker, copse_err *err)
{
    copse_planned planned;
    copse_status status =
        copse_planner_plan(maker->run.query, maker->database, COPSE_NEED_DOCUMENTS, &planned, err);
    if (status == COPSE_OK) {
        status = copse_plan_encode(&planned.plan, &maker->plan, err);
        copse_planned_release(&planned);
    }
    return status;
}

/* Plans, and writes all that comes before the blocks of the database. */
static copse_status answer_maker_begin(copse_answer_maker *maker, copse_err *err)
{
    static const copse_car_writer_options options = {.version = 1};
    const copse_cid *root = &maker->run.root;
    copse_buf block;
    copse_status status = answer_maker_plan(maker, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_answer_head head = {copse_buf_view(&maker->plan), copse_buf_view(&maker->query)};
    maker->run.plan = head.plan;
    copse_buf_init(&block, maker->env, maker->env->limits.block_size_bytes_max);
    status = copse_answer_head_encode(&head, &block, err);
    if (status == COPSE_OK) {
        status =
            copse_car_writer_new(maker->env, &options, maker->sink, root, 1, &maker->writer, err);
    }
    if (status == COPSE_OK) {
        copse_cid cid;
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&block), &cid);
        maker->stats.size_bytes = copse_car_header_size(root, 1);
        status = answer_maker_put(maker, &cid, copse_buf_view(&block), err);
    }
    copse_buf_release(&block);
    return status;
}

/* Supplies a copy (A4). */
static copse_status answer_maker_pin(copse_answer_maker *maker, const copse_block *block,
                                     copse_err *err)
{
    copse_block *copy = NULL;
    copse_status status =
        copse_block_new(maker->env, copse_block_cid(block), copse_block_data(block), &copy, err);
    if (status == COPSE_OK) {
        status = copse_source_supply_block(maker->run.source, copy, err);
    }
    copse_block_unref(copy);
    return status;
}

/* Gives the run the block that it wants (A2, A3). */
static copse_status answer_maker_supply(copse_answer_maker *maker, const copse_cid *want,
                                        copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_database_tree(maker->database)->cache);
    copse_block *block = NULL;
    copse_source_begin(source);
    copse_status status = copse_source_get(source, want, &block, err);
    if (status == COPSE_OK) {
        status = answer_maker_pin(maker, block, err);
    }
    if (status == COPSE_OK && copse_cid_set_has(&maker->run.have, want)) {
        maker->stats.had++;
    } else if (status == COPSE_OK) {
        status = answer_maker_put(maker, want, copse_block_data(block), err);
    }
    copse_block_unref(block);
    return status;
}

/* Runs to the next block, or the end. */
static copse_status answer_maker_run(copse_answer_maker *maker, copse_err *err)
{
    copse_bytes document;
    copse_cid want;
    copse_status status;
    while ((status = copse_answer_run_next(&maker->run, &document, &want, err)) == COPSE_OK) {
        maker->stats.documents++;
    }
    if (maker->run.tree != NULL &&
        !copse_cid_equal(&maker->run.tree_root,
                         copse_tree_root(copse_database_tree(maker->database)))) {
        return COPSE_ERR(err, COPSE_MISUSE, "the root is not that of the database");
    }
    if (status == COPSE_WANT) {
        return answer_maker_supply(maker, &want, err);
    }
    if (status == COPSE_END) {
        copse_status finished = copse_car_writer_finish(maker->writer, NULL, err);
        maker->ended = finished == COPSE_OK;
        return maker->ended ? COPSE_END : finished;
    }
    return status;
}

copse_status copse_answer_maker_next(copse_answer_maker *maker, copse_err *err)
{
    if (maker->failed != COPSE_OK) {
        return COPSE_ERR(err, maker->failed, "the answer has failed before");
    }
    if (maker->ended) {
        return COPSE_END;
    }
    copse_status status =
        maker->writer == NULL ? answer_maker_begin(maker, err) : answer_maker_run(maker, err);
    if (status < 0) {
        maker->failed = status;
    }
    return status;
}

copse_answer_stats copse_answer_maker_stats(const copse_answer_maker *maker)
{
    copse_answer_stats stats = maker->stats;
    stats.claims = copse_answer_run_uses_index(&maker->run);
    return stats;
}
