/* The kinds of stages, each in its own file.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_STAGE_KINDS_H
#define COPSE_QUERY_STAGE_KINDS_H

#include "query/stage.h"

extern const copse_stage_kind copse_stage_kind_match;
extern const copse_stage_kind copse_stage_kind_project;
extern const copse_stage_kind copse_stage_kind_add_fields;
extern const copse_stage_kind copse_stage_kind_set;
extern const copse_stage_kind copse_stage_kind_unset;
extern const copse_stage_kind copse_stage_kind_replace_root;
extern const copse_stage_kind copse_stage_kind_replace_with;
extern const copse_stage_kind copse_stage_kind_sort;
extern const copse_stage_kind copse_stage_kind_limit;
extern const copse_stage_kind copse_stage_kind_skip;
extern const copse_stage_kind copse_stage_kind_count;
extern const copse_stage_kind copse_stage_kind_group;
extern const copse_stage_kind copse_stage_kind_sort_by_count;
extern const copse_stage_kind copse_stage_kind_unwind;
extern const copse_stage_kind copse_stage_kind_lookup;
extern const copse_stage_kind copse_stage_kind_union_with;
extern const copse_stage_kind copse_stage_kind_facet;

#endif
