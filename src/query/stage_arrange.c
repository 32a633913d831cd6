/* What of a list of stages its source does: a query, a count, or nothing.
 *
 *   A1  A $match moves before a stage that leaves alone the fields that it tests, and before a
 *       $sort. It never passes a stage that depends on how many documents come, or on their order.
 *   A2  Leading $match are the filter of the query; a $sort behind them its order, and $skip and
 *       $limit behind that its own. Whether an index gives the order is known only when the query
 *       is planned; if none does, the query leaves the order to the $sort stage, which spills.
 *   A3  The number of documents does not depend on their order: in front of what only counts, a
 *       $sort is dropped.
 *   A4  What no stage reads need not be read: the query's projection says so. It is an allowance,
 *       for an index that covers it; whole documents are as good.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_node.h"
#include "expr/path.h"
#include "query/pipeline.h"

/* ---- Moving (A1) ----------------------------------------------------------------------------- */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static bool arrange_passes(const copse_stage *stage, const copse_filter_node *node)
{
    switch (node->kind) {
    case COPSE_FILTER_TRUE:
    case COPSE_FILTER_FALSE:
        return true;
    case COPSE_FILTER_AND:
    case COPSE_FILTER_OR:
    case COPSE_FILTER_NOR:
    case COPSE_FILTER_NOT:
        for (size_t i = 0; i < node->children_count; i++) {
            if (!arrange_passes(stage, node->children[i])) {
                return false;
            }
        }
        return true;
    default:
        return stage->kind->passes(stage, node->path);
    }
}

static void arrange_move(copse_stage_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        copse_stage *match = list->stages[i];
        const copse_filter *filter = copse_stage_match_filter(match);
        size_t at = i;
        while (filter != NULL && at > 0 && list->stages[at - 1]->kind->passes != NULL &&
               arrange_passes(list->stages[at - 1], copse_filter_root(filter))) {
            list->stages[at] = list->stages[at - 1];
            at--;
        }
        list->stages[at] = match;
    }
}

/* ---- The query (A2) -------------------------------------------------------------------------- */

/* The filter of the first `count` stages, each a $match. */
static copse_status arrange_filter(copse_stage_parser *parser, copse_stage_list *list, size_t count)
{
    copse_buf buf;
    if (count == 0) {
        return COPSE_OK;
    }
    if (count == 1) {
        list->source.filter = list->stages[0]->filter;
        return COPSE_OK;
    }
    copse_buf_init(&buf, parser->env, SIZE_MAX);
    copse_status status = copse_stage_write_and(&buf, count);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_buf_append(&buf, list->stages[i]->filter);
    }
    if (status == COPSE_OK) {
        list->source.filter = copse_arena_dup(parser->arena, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    return list->source.filter.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
}

/* Takes $skip and $limit from stage `at` on. Returns the number of the first that is neither. */
static size_t arrange_cuts(copse_stage_list *list, size_t at)
{
    copse_stage_source *source = &list->source;
    for (; at < list->count; at++) {
        uint64_t number = 0;
        if (copse_stage_limit_number(list->stages[at], &number)) {
            source->limit = source->limit == 0 || number < source->limit ? number : source->limit;
        } else if (copse_stage_skip_number(list->stages[at], &number) &&
                   (source->limit == 0 || number < source->limit) &&
                   number <= (uint64_t)INT64_MAX - source->skip) {
            source->skip += number;
            source->limit -= source->limit > 0 ? number : 0;
        } else {
            break;
        }
    }
    return at;
}

static copse_status arrange_source(copse_stage_parser *parser, copse_stage_list *list)
{
    copse_stage_source *source = &list->source;
    size_t matches = 0;
    while (matches < list->count && copse_stage_match_filter(list->stages[matches]) != NULL) {
        matches++;
    }
    copse_status status = arrange_filter(parser, list, matches);
    source->plain_count = matches;
    if (matches < list->count) {
        source->sort = copse_stage_sort_order(list->stages[matches]);
    }
    source->sorted_count = arrange_cuts(list, matches + (source->sort != NULL));
    const copse_stage *next =
        source->sorted_count < list->count ? list->stages[source->sorted_count] : NULL;
    if (next != NULL && (copse_stage_is_count(next) || copse_group_is_count(next))) {
        source->count = next;
        source->sorted_count++;
        source->sort = NULL; /* A3 */
    }
    if (source->sort == NULL) {
        source->plain_count = source->sorted_count;
    }
    return status;
}

/* ---- The projection (A4) --------------------------------------------------------------------- */

copse_status copse_stage_list_needs(const copse_stage_list *list, size_t first,
                                    copse_stage_needs *needs)
{
    copse_status status = COPSE_OK;
    bool ends = false;
    for (size_t i = first; status == COPSE_OK && !ends && !needs->all && i < list->count; i++) {
        const copse_stage *stage = list->stages[i];
        if (stage->kind->needs != NULL) {
            status = stage->kind->needs(stage, needs, &ends);
        }
    }
    needs->all |= !ends;
    return status;
}

static copse_status arrange_write_field(copse_buf *buf, copse_bytes field, bool kept)
{
    copse_status status = copse_cbor_write_text(buf, field);
    return status == COPSE_OK ? copse_cbor_write_uint(buf, kept) : status;
}

static copse_status arrange_write_projection(const copse_stage_needs *needs, copse_buf *buf)
{
    bool has_id = false;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    copse_bytes id = copse_bytes_of_text("_id");
    for (size_t i = 0; status == COPSE_OK && i < needs->count; i++) {
        if (copse_path_check(needs->fields[i], NULL) == COPSE_OK) {
            has_id |= copse_bytes_equal(needs->fields[i], id);
            status = arrange_write_field(buf, needs->fields[i], true);
            count++;
        }
    }
    if (status == COPSE_OK && !has_id) { /* of nothing at all, the primary key is the cheapest */
        status = arrange_write_field(buf, id, count == 0);
        count++;
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, 0, count) : status;
}

static copse_status arrange_projection(copse_stage_parser *parser, copse_stage_list *list)
{
    copse_stage_needs needs = {.parser = parser};
    copse_buf buf;
    size_t first = list->source.sort != NULL ? list->source.plain_count : list->source.sorted_count;
    copse_status status = copse_stage_list_needs(list, first, &needs);
    if (status != COPSE_OK || needs.all) {
        return status;
    }
    copse_buf_init(&buf, parser->env, SIZE_MAX);
    status = arrange_write_projection(&needs, &buf);
    if (status == COPSE_OK) {
        list->source.projection = copse_arena_dup(parser->arena, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    return list->source.projection.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
}

copse_status copse_stage_list_arrange(copse_stage_parser *parser, copse_stage_list *list)
{
    arrange_move(list);
    if (list->source.fed) {
        return COPSE_OK;
    }
    copse_status status = arrange_source(parser, list);
    return status == COPSE_OK && list->source.count == NULL ? arrange_projection(parser, list)
                                                            : status;
}
