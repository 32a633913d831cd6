/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/check_level.h"

#include "base/alloc.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

copse_check_level *copse_check_level_new(const copse_env *env, size_t depth,
                                         copse_check_report_fn report, void *report_ctx)
{
    copse_check_level *level = copse_alloc_zeroed(env, sizeof *level);
    if (level != NULL) {
        level->env = env;
        level->depth = depth;
        level->report = report;
        level->report_ctx = report_ctx;
    }
    return level;
}

copse_check_level *copse_check_level_free(copse_check_level *level)
{
    if (level != NULL) {
        copse_chunker_release(&level->chunker);
        copse_free_array(level->env, level->expected, level->expected_capacity,
                         sizeof *level->expected);
        copse_free(level->env, level, sizeof *level);
    }
    return NULL;
}

/* ---- statistics ---- */

/* The sizes 2^e .. 2^(e+1) - 1 fall into eight buckets. */
static size_t check_bucket(uint64_t size)
{
    size_t e = 3;
    if (size < 8) {
        return (size_t)size;
    }
    while (size >> (e + 1) != 0) {
        e++;
    }
    size_t bucket = (e - 3) * 8 + (size_t)(size >> (e - 3));
    return bucket < COPSE_CHECK_BUCKETS ? bucket : COPSE_CHECK_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t check_bucket_size(size_t bucket)
{
    if (bucket < 16) {
        return bucket;
    }
    size_t shift = bucket / 8 - 1;
    return ((uint64_t)(8 + bucket % 8) << shift) + ((uint64_t)1 << shift) / 2;
}

void copse_check_level_count(copse_check_level *level, const copse_node *node)
{
    copse_level_stats *stats = &level->stats;
    uint64_t size = copse_block_data(node->block).len;
    if (stats->nodes == 0 || size < stats->node_size_bytes_min) {
        stats->node_size_bytes_min = size;
    }
    if (size > stats->node_size_bytes_max) {
        stats->node_size_bytes_max = size;
    }
    stats->nodes++;
    stats->entries += node->count;
    stats->size_bytes += size;
    level->sizes[check_bucket(size)]++;
}

static uint64_t check_median(const copse_check_level *level)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < COPSE_CHECK_BUCKETS; i++) {
        seen += level->sizes[i];
        if (seen * 2 >= level->stats.nodes && seen > 0) {
            uint64_t size = check_bucket_size(i);
            size =
                size < level->stats.node_size_bytes_min ? level->stats.node_size_bytes_min : size;
            return size > level->stats.node_size_bytes_max ? level->stats.node_size_bytes_max
                                                           : size;
        }
    }
    return 0;
}

/* ---- comparing ---- */

static copse_status check_expect(copse_check_level *level, const copse_node *node, uint32_t ahead,
                                 copse_err *err)
{
    if (level->expected_at == level->expected_count) {
        level->expected_at = 0;
        level->expected_count = 0;
    }
    if (level->expected_count == level->expected_capacity && level->expected_at > 0) {
        size_t rest = level->expected_count - level->expected_at;
        memmove(level->expected, level->expected + level->expected_at,
                rest * sizeof *level->expected);
        level->expected_at = 0;
        level->expected_count = rest;
    }
    void *expected = level->expected;
    bool grown = copse_array_grow(level->env, &expected, &level->expected_capacity,
                                  level->expected_count + 1, sizeof *level->expected);
    level->expected = expected;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    level->expected[level->expected_count++] =
        (copse_check_expected){level->fed + node->count, ahead, *copse_block_cid(node->block)};
    return COPSE_OK;
}

static copse_status check_differs(copse_check_level *level, copse_check_kind kind,
                                  const copse_check_expected *node, copse_err *err)
{
    char message[160];
    level->lost = true;
    if (kind == COPSE_CHECK_AHEAD) {
        (void)snprintf(message, sizeof message,
                       "its parent's ahead for it is %" PRIu32 ", by the rule %" PRIu32,
                       node->ahead, level->held_ahead);
    } else {
        (void)snprintf(message, sizeof message,
                       "ends after entry %" PRIu64
                       " of its level, by the rule after entry %" PRIu64,
                       node->end, level->chunk_end);
    }
    return level->report(level->report_ctx, kind, level->depth, &node->cid, message, err);
}

/* Compares the chunk that is held with the next node. */
static copse_status check_compare_held(copse_check_level *level, copse_err *err)
{
    if (!level->held || level->lost) {
        return COPSE_OK;
    }
    const copse_check_expected *node = &level->expected[level->expected_at];
    level->held = false;
    level->chunk_end += level->held_entries;
    if (node->end != level->chunk_end) {
        return check_differs(
            level, node->end < level->chunk_end ? COPSE_CHECK_SPLIT_EARLY : COPSE_CHECK_SPLIT_LATE,
            node, err);
    }
    if (node->ahead != level->held_ahead) {
        return check_differs(level, COPSE_CHECK_AHEAD, node, err);
    }
    level->expected_at++;
    return COPSE_OK;
}

/* Tells once of a run that passes the limit, with the node in which it does. */
static copse_status check_forced(copse_check_level *level, copse_err *err)
{
    bool forced = level->chunker.forced != level->forced_seen;
    level->forced_seen = level->chunker.forced;
    level->forced_run = forced ? level->forced_run + 1 : 0;
    size_t max = level->env->limits.forced_cuts_run_max;
    bool passed = level->forced_run > max && level->stats.forced_cuts_run_max <= max;
    if (level->forced_run > level->stats.forced_cuts_run_max) {
        level->stats.forced_cuts_run_max = level->forced_run;
    }
    if (!passed) {
        return COPSE_OK;
    }
    char message[80];
    (void)snprintf(message, sizeof message, "more than %zu forced cuts in a row", max);
    return level->report(level->report_ctx, COPSE_CHECK_FORCED_CUTS, level->depth,
                         &level->expected[level->expected_at].cid, message, err);
}

static copse_status check_on_chunk(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    copse_check_level *level = ctx;
    copse_status status = check_compare_held(level, err);
    if (status != COPSE_OK || level->lost) {
        return status;
    }
    level->held = true;
    level->held_entries = chunk->entries;
    level->held_ahead = chunk->ahead;
    return check_forced(level, err);
}

copse_status copse_check_level_skip(copse_check_level *level, copse_err *err)
{
    level->gap = true;
    return check_compare_held(level, err);
}

/* K3 */
static void check_resume(copse_check_level *level, uint32_t ahead)
{
    copse_chunker_reset(&level->chunker, ahead);
    level->gap = false;
    level->held = false;
    level->expected_at = level->expected_count;
    level->chunk_end = level->fed;
    level->forced_run = 0;
}

copse_status copse_check_level_feed(copse_check_level *level, const copse_tree_config *config,
                                    uint32_t number, const copse_node *node, uint32_t ahead,
                                    copse_err *err)
{
    if (!level->started) {
        copse_chunker_init(&level->chunker, level->env, config, number, check_on_chunk, level);
        level->started = true;
    }
    if (level->lost || node->count == 0) {
        return COPSE_OK;
    }
    if (level->gap) {
        check_resume(level, ahead);
    }
    copse_status status = check_expect(level, node, ahead, err);
    level->fed += node->count;
    for (uint32_t i = 0; status == COPSE_OK && i < node->count && !level->lost; i++) {
        status = copse_chunker_add_from(&level->chunker, node, i, err);
    }
    return status;
}

/* The last chunk, which has no boundary (C5). */
static copse_status check_last_chunk(copse_check_level *level, copse_err *err)
{
    if (level->chunker.level > 0 && level->chunker.count == 1 && level->held) {
        level->held_entries++;
        copse_chunker_reset(&level->chunker, 0);
    }
    copse_status status = copse_chunker_flush(&level->chunker, false, err);
    return status == COPSE_OK ? check_compare_held(level, err) : status;
}

copse_status copse_check_level_finish(copse_check_level *level, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (level->started && !level->gap && !level->lost) {
        status = check_last_chunk(level, err);
    }
    level->stats.forced_cuts = level->chunker.forced;
    level->stats.node_size_bytes_median = check_median(level);
    return status;
}
