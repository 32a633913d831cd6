/* Accumulators of numbers: $count, $sum, $avg, $stdDevPop, $stdDevSamp.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "query/accumulator_kinds.h"

/* Reads what may be a number; false: it is missing or no value. */
static bool accumulator_read(const copse_accumulator_step *step, copse_value *ret_value)
{
    return step->value.len > 0 && copse_value_read(step->value, ret_value, NULL) == COPSE_OK;
}

static copse_status accumulator_count_add(const copse_accumulator_step *step)
{
    *(uint64_t *)step->state += 1;
    return COPSE_OK;
}

static copse_status accumulator_count_write(const void *state, copse_buf *buf)
{
    return copse_cbor_write_uint(buf, *(const uint64_t *)state);
}

const copse_accumulator_kind copse_accumulator_count = {
    .name = "$count",
    .form = COPSE_ACCUMULATOR_NOTHING,
    .state_size = sizeof(uint64_t),
    .add = accumulator_count_add,
    .write = accumulator_count_write,
};

/* An empty total is zeroed bytes. */
static copse_status accumulator_total_add(const copse_accumulator_step *step)
{
    copse_value value;
    if (accumulator_read(step, &value)) {
        copse_total_add(step->state, &value);
    }
    return COPSE_OK;
}

static copse_status accumulator_sum_write(const void *state, copse_buf *buf)
{
    copse_figure sum = copse_total_sum(state);
    return copse_figure_write(&sum, buf);
}

const copse_accumulator_kind copse_accumulator_sum = {
    .name = "$sum",
    .form = COPSE_ACCUMULATOR_VALUE,
    .state_size = sizeof(copse_total),
    .add = accumulator_total_add,
    .write = accumulator_sum_write,
};

static copse_status accumulator_average_write(const void *state, copse_buf *buf)
{
    copse_figure average;
    return copse_total_average(state, &average) ? copse_figure_write(&average, buf)
                                                : copse_cbor_write_null(buf);
}

const copse_accumulator_kind copse_accumulator_average = {
    .name = "$avg",
    .form = COPSE_ACCUMULATOR_VALUE,
    .state_size = sizeof(copse_total),
    .add = accumulator_total_add,
    .write = accumulator_average_write,
};

static copse_status accumulator_spread_add(const copse_accumulator_step *step)
{
    copse_value value;
    if (accumulator_read(step, &value)) {
        copse_spread_add(step->state, &value);
    }
    return COPSE_OK;
}

static copse_status accumulator_write_deviation(const copse_spread *spread, bool sample,
                                                copse_buf *buf)
{
    double deviation = 0;
    return copse_spread_deviation(spread, sample, &deviation)
               ? copse_value_write_float(buf, deviation)
               : copse_cbor_write_null(buf);
}

static copse_status accumulator_deviation_write(const void *state, copse_buf *buf)
{
    return accumulator_write_deviation(state, false, buf);
}

const copse_accumulator_kind copse_accumulator_deviation = {
    .name = "$stdDevPop",
    .form = COPSE_ACCUMULATOR_VALUE,
    .state_size = sizeof(copse_spread),
    .add = accumulator_spread_add,
    .write = accumulator_deviation_write,
};

static copse_status accumulator_sample_deviation_write(const void *state, copse_buf *buf)
{
    return accumulator_write_deviation(state, true, buf);
}

const copse_accumulator_kind copse_accumulator_sample_deviation = {
    .name = "$stdDevSamp",
    .form = COPSE_ACCUMULATOR_VALUE,
    .state_size = sizeof(copse_spread),
    .add = accumulator_spread_add,
    .write = accumulator_sample_deviation_write,
};
