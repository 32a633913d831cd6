/* The inside of a pipeline.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_PIPELINE_H
#define COPSE_QUERY_PIPELINE_H

#include "query/stage.h"

/** One of its pointers: something that stages use and the pipeline frees. */
typedef struct copse_pipeline_owned copse_pipeline_owned;
struct copse_pipeline_owned {
    copse_expression *expression;
    copse_filter *filter;
    copse_sort_spec *sort;  /* in the arena */
    copse_stage_list *list; /* likewise: its queries */
    copse_pipeline_owned *next;
};

void copse_pipeline_owned_free(copse_pipeline_owned *owned);

struct copse_pipeline {
    const copse_env *env;
    copse_arena arena; /* the encoding, the stages */
    copse_pipeline_owned *owned;
    copse_stage_list *list;
    copse_bytes hint;
    bool has_runs;
    copse_run_store runs;
    size_t memory_bytes_max;
    size_t holders; /* stages that hold documents */
    copse_expression_variable now;
};

struct copse_pipeline_run {
    copse_stage_world world;
    copse_pipeline *pipeline;
    copse_stage_chain *chain;
    bool is_over;
    copse_status failed; /* a failure ends it: what it was */
};

/** Hands it over to the pipeline of `parser`, also where that fails. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_own(copse_stage_parser *parser, copse_pipeline_owned owned);

/** The kind of this name; NULL: there is none. */
const copse_stage_kind *copse_stage_kind_find(copse_bytes name);

/** CORRUPT: why there is no stage `name`. */
COPSE_MUST_USE copse_status copse_stage_kind_refuse(copse_bytes name, copse_err *err);

/** Moves each $match before the stages that it may as well stand before, and finds what the list's
 * query does. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_list_arrange(copse_stage_parser *parser,
                                                     copse_stage_list *list);

/** Adds what the stages from number `first` on read of what comes in. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_list_needs(const copse_stage_list *list, size_t first,
                                                   copse_stage_needs *needs);

/* What the arranger asks of kinds by name. */

/** The filter of a $match that is nothing but one; NULL: it is something else. */
const copse_filter *copse_stage_match_filter(const copse_stage *stage);

/** The order of a $sort; NULL: it is something else. */
const copse_sort_spec *copse_stage_sort_order(const copse_stage *stage);

/** Whether it is $limit or $skip, and its number. */
bool copse_stage_limit_number(const copse_stage *stage, uint64_t *ret_number);
bool copse_stage_skip_number(const copse_stage *stage, uint64_t *ret_number);

/** Whether it is a $group of all documents that only counts them. */
bool copse_group_is_count(const copse_stage *stage);

/** Appends the document that such a $group, or $count, makes of `number` documents. NOMEM, LIMIT.
 */
COPSE_MUST_USE copse_status copse_group_write_counted(const copse_stage *stage, uint64_t number,
                                                      copse_buf *buf);
COPSE_MUST_USE copse_status copse_count_write(const copse_stage *stage, uint64_t number,
                                              copse_buf *buf);

/** Whether it is a $count. */
bool copse_stage_is_count(const copse_stage *stage);

#endif
