/* Accumulators of $group: what becomes of a value in each document of a group.
 *
 * A group has a state for each of its accumulators: plain memory, or a header of bytes that are
 * held. A state is saved and loaded without loss, so that groups can leave the memory.
 *
 *   U1  An accumulator is a function of its values in the order in which they come, and nothing
 *       else. Saved and loaded it goes on as if nothing had been.
 *   U2  A missing value is none for $push and $addToSet, null or missing none for $min, $max,
 *       $minN, $maxN and $mergeObjects, what is no number none for $sum, $avg and the deviations;
 *       for all others it is null.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ACCUMULATOR_H
#define COPSE_QUERY_ACCUMULATOR_H

#include "query/id_set.h"
#include "query/stage.h"

typedef struct copse_accumulator_kind copse_accumulator_kind;

/** A compiled one. */
typedef struct copse_accumulator {
    const copse_accumulator_kind *kind;
    copse_bytes key; /* the field of the group that it makes, encoded */
    copse_stage_operand operand;
    const copse_sort_spec *sort; /* $top and so on */
    int64_t most;                /* $firstN and so on */
    size_t offset;               /* of its state in the group's */
    size_t index;
} copse_accumulator;

/** What all states of a stage share. A zeroed one may be released. */
typedef struct copse_accumulator_pool {
    const copse_env *env;
    size_t held_bytes; /* of all states */
    copse_id_set set;  /* $addToSet: group, accumulator and value */
    copse_buf scratch;
    uint64_t group; /* the number of the group at hand */
} copse_accumulator_pool;

void copse_accumulator_pool_init(copse_accumulator_pool *pool, const copse_env *env,
                                 size_t size_bytes_max);
void copse_accumulator_pool_release(copse_accumulator_pool *pool);

/** The memory that the states hold besides themselves. */
size_t copse_accumulator_pool_size(const copse_accumulator_pool *pool);

/** Forgets which values there were; no state may be in use. */
void copse_accumulator_pool_forget(copse_accumulator_pool *pool);

/** Reads {"$sum": …}. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_parse(copse_stage_parser *parser, copse_bytes encoded,
                                                    copse_accumulator *ret_accumulator);

/** The size of its state, a multiple of 16. Zeroed bytes are the state before the first value. */
size_t copse_accumulator_state_size(const copse_accumulator *accumulator);

/** Whether all that it does is to count. */
bool copse_accumulator_is_count(const copse_accumulator *accumulator);

COPSE_MUST_USE copse_status copse_accumulator_needs(const copse_accumulator *accumulator,
                                                    copse_stage_needs *needs);

/** What it takes of a document, lent from that or from `buf`, which is overwritten. */
COPSE_MUST_USE copse_status copse_accumulator_value(const copse_accumulator *accumulator,
                                                    const copse_stage_chain *chain,
                                                    copse_bytes document, copse_buf *buf,
                                                    copse_bytes *ret_value, copse_err *err);

/** Takes a value (len 0: missing). CORRUPT: what it can't take. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_add(const copse_accumulator *accumulator,
                                                  copse_accumulator_pool *pool, void *state,
                                                  copse_bytes value, copse_err *err);

/** Appends the result: one value. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_write(const copse_accumulator *accumulator,
                                                    const void *state, copse_buf *buf,
                                                    copse_err *err);

/** Appends the state. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_accumulator_save(const copse_accumulator *accumulator,
                                                   const void *state, copse_buf *buf);

/** Sets a zeroed state to what was saved. CORRUPT: nothing that was. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_load(const copse_accumulator *accumulator,
                                                   copse_accumulator_pool *pool, void *state,
                                                   copse_bytes saved, copse_err *err);

/** Frees what a state holds, and zeroes it. */
void copse_accumulator_release(const copse_accumulator *accumulator, copse_accumulator_pool *pool,
                               void *state);

#endif
