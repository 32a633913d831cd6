/* What the files of accumulators share: the kinds, and bytes that a state holds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ACCUMULATOR_KINDS_H
#define COPSE_QUERY_ACCUMULATOR_KINDS_H

#include "query/accumulator.h"

/** What an accumulator's argument is. */
typedef enum copse_accumulator_form {
    COPSE_ACCUMULATOR_NOTHING, /**< {} */
    COPSE_ACCUMULATOR_VALUE,   /**< an expression */
    COPSE_ACCUMULATOR_INPUT_N, /**< {"input": …, "n": …} */
    COPSE_ACCUMULATOR_SORTED,  /**< {"output": …, "sortBy": …} */
    COPSE_ACCUMULATOR_SORTED_N /**< {"output": …, "sortBy": …, "n": …} */
} copse_accumulator_form;

/** An accumulator being given a value. */
typedef struct copse_accumulator_step {
    const copse_accumulator *accumulator;
    copse_accumulator_pool *pool;
    void *state;
    copse_bytes value; /**< len 0: missing. */
    copse_err *err;
} copse_accumulator_step;

struct copse_accumulator_kind {
    const char *name;
    copse_accumulator_form form;
    bool holds; /**< The state is a copse_accumulator_held, else plain memory. */
    bool pairs; /**< What is held are pairs: the sort key, then the value. */
    bool list;  /**< The result is an array of what is held; else it is the one value. */
    bool last;  /**< Of more than there may be, the first go, not the last. */
    size_t state_size;
    copse_status (*add)(const copse_accumulator_step *step);
    /** NULL: what is held is the result. */
    copse_status (*write)(const void *state, copse_buf *buf);
};

/** Items one after the other. */
typedef struct copse_accumulator_held {
    uint64_t count;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
} copse_accumulator_held;

/* accumulator_number.c */
extern const copse_accumulator_kind copse_accumulator_count;
extern const copse_accumulator_kind copse_accumulator_sum;
extern const copse_accumulator_kind copse_accumulator_average;
extern const copse_accumulator_kind copse_accumulator_deviation;
extern const copse_accumulator_kind copse_accumulator_sample_deviation;
/* accumulator_value.c */
extern const copse_accumulator_kind copse_accumulator_first;
extern const copse_accumulator_kind copse_accumulator_last;
extern const copse_accumulator_kind copse_accumulator_min;
extern const copse_accumulator_kind copse_accumulator_max;
extern const copse_accumulator_kind copse_accumulator_merge_objects;
/* accumulator_list.c */
extern const copse_accumulator_kind copse_accumulator_push;
extern const copse_accumulator_kind copse_accumulator_add_to_set;
extern const copse_accumulator_kind copse_accumulator_first_n;
extern const copse_accumulator_kind copse_accumulator_last_n;
extern const copse_accumulator_kind copse_accumulator_min_n;
extern const copse_accumulator_kind copse_accumulator_max_n;
extern const copse_accumulator_kind copse_accumulator_top;
extern const copse_accumulator_kind copse_accumulator_bottom;
extern const copse_accumulator_kind copse_accumulator_top_n;
extern const copse_accumulator_kind copse_accumulator_bottom_n;

/** The encoding of null. */
copse_bytes copse_accumulator_null(void);

/** Whether it is null or missing. */
bool copse_accumulator_is_null(copse_bytes value);

/** Puts `item` at `offset`. NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_hold(const copse_accumulator_step *step,
                                                   size_t offset, copse_bytes item);

/** Holds `item` alone. NOMEM. */
COPSE_MUST_USE copse_status copse_accumulator_replace(const copse_accumulator_step *step,
                                                      copse_bytes item);

/** Lets `size` bytes at `offset`, one item, go. */
void copse_accumulator_drop(copse_accumulator_held *held, size_t offset, size_t size);

/** Adds a value to the set of the state's; *ret_new: it was not there. LIMIT, NOMEM, CORRUPT. */
COPSE_MUST_USE copse_status copse_accumulator_is_new(const copse_accumulator_step *step,
                                                     copse_bytes value, bool *ret_new);

#endif
