/* What access paths cost, in units of a key that is read in passing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_COST_H
#define COPSE_QUERY_COST_H

#include "query/access.h"

typedef struct copse_cost_model {
    copse_access_context context;
    uint64_t documents; /**< Of the collection, estimated. */
    uint64_t matches;   /**< Of the filter: as few as the best access path shows. */
    bool exact;         /**< No estimate lacked a node. */
} copse_cost_model;

/** Begins; `context` is copied. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_cost_model_init(copse_cost_model *model,
                                                  const copse_access_context *context,
                                                  copse_err *err);

/** Learns from an access path how many documents may match. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_cost_look(copse_cost_model *model, const copse_access *access,
                                            copse_err *err);

/** The cost, and the number of keys in the ranges. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_cost_of(copse_cost_model *model, const copse_access *access,
                                          uint64_t *ret_cost, uint64_t *ret_keys, copse_err *err);

#endif
