/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/arithmetic.h"

#include <math.h>

/* ---- One number ---- */

static copse_i128 figure_whole_of(bool negative, uint64_t arg)
{
    return negative ? -1 - (copse_i128)arg : (copse_i128)arg;
}

bool copse_figure_of_value(const copse_value *value, copse_figure *ret_figure)
{
    ret_figure->type = value->type;
    switch (value->type) {
    case COPSE_VALUE_INT:
        ret_figure->whole = figure_whole_of(value->negative, value->arg);
        return true;
    case COPSE_VALUE_FLOAT:
        ret_figure->real = value->real;
        return true;
    case COPSE_VALUE_DECIMAL:
        return copse_decimal_parse(value->bytes, &ret_figure->decimal);
    default:
        return false;
    }
}

copse_figure copse_figure_of_float(double real)
{
    return (copse_figure){.type = COPSE_VALUE_FLOAT, .real = real};
}

copse_figure copse_figure_of_decimal(const copse_decimal *decimal)
{
    return (copse_figure){.type = COPSE_VALUE_DECIMAL, .decimal = *decimal};
}

static bool figure_fits(copse_i128 whole)
{
    return whole <= (copse_i128)UINT64_MAX && whole >= -1 - (copse_i128)UINT64_MAX;
}

copse_figure copse_figure_of_whole(copse_i128 whole)
{
    return figure_fits(whole) ? (copse_figure){.type = COPSE_VALUE_INT, .whole = whole}
                              : copse_figure_of_float((double)whole);
}

copse_status copse_figure_write(const copse_figure *figure, copse_buf *buf)
{
    uint8_t text[COPSE_DECIMAL_TEXT_SIZE_MAX];
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return figure->whole >= 0 ? copse_cbor_write_uint(buf, (uint64_t)figure->whole)
                                  : copse_cbor_write_negative(buf, (uint64_t)(-1 - figure->whole));
    case COPSE_VALUE_FLOAT:
        return copse_value_write_float(buf, figure->real);
    default:
        return copse_value_write_decimal(
            buf, (copse_bytes){text, copse_decimal_write(&figure->decimal, text)});
    }
}

bool copse_figure_is_zero(const copse_figure *figure)
{
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return figure->whole == 0;
    case COPSE_VALUE_FLOAT:
        return figure->real == 0;
    default:
        return figure->decimal.kind == COPSE_DECIMAL_FINITE && figure->decimal.coefficient == 0;
    }
}

double copse_figure_to_float(const copse_figure *figure)
{
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return (double)figure->whole;
    case COPSE_VALUE_FLOAT:
        return figure->real;
    default:
        return copse_decimal_to_float(&figure->decimal);
    }
}

copse_decimal copse_figure_to_decimal(const copse_figure *figure)
{
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return copse_decimal_of_int(
            figure->whole < 0, (uint64_t)(figure->whole < 0 ? -1 - figure->whole : figure->whole));
    case COPSE_VALUE_FLOAT:
        return copse_decimal_of_float_15(figure->real);
    default:
        return figure->decimal;
    }
}

/* ---- Two numbers ---- */

/* The kind of what two numbers make. */
static copse_value_type figure_kind(const copse_figure *a, const copse_figure *b)
{
    return a->type > b->type ? a->type : b->type; /* INT, FLOAT, DECIMAL */
}

static copse_figure figure_by_decimals(const copse_figure *a, const copse_figure *b,
                                       copse_decimal (*function)(const copse_decimal *,
                                                                 const copse_decimal *))
{
    copse_decimal a_decimal = copse_figure_to_decimal(a);
    copse_decimal b_decimal = copse_figure_to_decimal(b);
    copse_decimal result = function(&a_decimal, &b_decimal);
    return copse_figure_of_decimal(&result);
}

copse_figure copse_figure_add(const copse_figure *a, const copse_figure *b)
{
    switch (figure_kind(a, b)) {
    case COPSE_VALUE_INT:
        return copse_figure_of_whole(a->whole + b->whole);
    case COPSE_VALUE_FLOAT:
        return copse_figure_of_float(copse_figure_to_float(a) + copse_figure_to_float(b));
    default:
        return figure_by_decimals(a, b, copse_decimal_add);
    }
}

copse_figure copse_figure_negate(const copse_figure *figure)
{
    switch (figure->type) {
    case COPSE_VALUE_INT:
        return copse_figure_of_whole(-figure->whole);
    case COPSE_VALUE_FLOAT:
        return copse_figure_of_float(-figure->real);
    default: {
        copse_decimal negated = copse_decimal_negate(&figure->decimal);
        return copse_figure_of_decimal(&negated);
    }
    }
}

copse_figure copse_figure_multiply(const copse_figure *a, const copse_figure *b)
{
    switch (figure_kind(a, b)) {
    case COPSE_VALUE_INT: {
        /* Below 2^127; or with 0, 1 or -1; all others are past the range of integers. */
        copse_i128 a_size = a->whole < 0 ? -a->whole : a->whole;
        copse_i128 b_size = b->whole < 0 ? -b->whole : b->whole;
        copse_i128 larger = a_size > b_size ? a_size : b_size;
        copse_i128 smaller = a_size > b_size ? b_size : a_size;
        if ((larger <= UINT64_MAX && smaller <= INT64_MAX) || smaller <= 1) {
            return copse_figure_of_whole(a->whole * b->whole);
        }
        break;
    }
    case COPSE_VALUE_FLOAT:
        break;
    default:
        return figure_by_decimals(a, b, copse_decimal_multiply);
    }
    return copse_figure_of_float(copse_figure_to_float(a) * copse_figure_to_float(b));
}

copse_figure copse_figure_divide(const copse_figure *a, const copse_figure *b)
{
    return figure_kind(a, b) == COPSE_VALUE_DECIMAL
               ? figure_by_decimals(a, b, copse_decimal_divide)
               : copse_figure_of_float(copse_figure_to_float(a) / copse_figure_to_float(b));
}

copse_figure copse_figure_remainder(const copse_figure *a, const copse_figure *b)
{
    switch (figure_kind(a, b)) {
    case COPSE_VALUE_INT:
        return copse_figure_of_whole(a->whole % b->whole);
    case COPSE_VALUE_FLOAT:
        return copse_figure_of_float(fmod(copse_figure_to_float(a), copse_figure_to_float(b)));
    default:
        return figure_by_decimals(a, b, copse_decimal_remainder);
    }
}

/* ---- Sums over many ---- */

void copse_total_init(copse_total *total)
{
    *total = (copse_total){.count = 0};
}

/* Neumaier's sum: what the addition rounds off is kept beside. */
static void total_add_float(copse_total *total, double real)
{
    double sum = total->real + real;
    if (isfinite(sum)) {
        total->lost += fabs(total->real) >= fabs(real) ? (total->real - sum) + real
                                                       : (real - sum) + total->real;
    }
    total->real = sum;
    total->has_float = true;
}

void copse_total_add(copse_total *total, const copse_value *value)
{
    copse_figure figure;
    if (!copse_figure_of_value(value, &figure)) {
        return;
    }
    if (figure.type == COPSE_VALUE_INT) {
        total->whole += figure.whole;
    } else if (figure.type == COPSE_VALUE_FLOAT) {
        total_add_float(total, figure.real);
    } else {
        total->decimal = copse_decimal_add(&total->decimal, &figure.decimal);
        total->has_decimal = true;
    }
    total->count++;
}

copse_figure copse_total_sum(const copse_total *total)
{
    copse_figure sum = copse_figure_of_whole(total->whole);
    if (total->has_float) {
        copse_total all = *total;
        double whole = (double)total->whole;
        total_add_float(&all, whole);
        if (isfinite(all.real)) {
            all.real += all.lost + (double)(total->whole - (copse_i128)whole);
        }
        sum = copse_figure_of_float(all.real);
    }
    if (total->has_decimal) {
        copse_figure decimal = copse_figure_of_decimal(&total->decimal);
        sum = copse_figure_add(&sum, &decimal);
    }
    return sum;
}

bool copse_total_average(const copse_total *total, copse_figure *ret_average)
{
    if (total->count == 0) {
        return false;
    }
    copse_figure sum = copse_total_sum(total);
    copse_figure count = copse_figure_of_whole((copse_i128)total->count);
    *ret_average = copse_figure_divide(&sum, &count);
    return true;
}

void copse_spread_init(copse_spread *spread)
{
    *spread = (copse_spread){.count = 0};
}

/* Welford's recurrence. */
void copse_spread_add(copse_spread *spread, const copse_value *value)
{
    copse_figure figure;
    if (copse_figure_of_value(value, &figure)) {
        double real = copse_figure_to_float(&figure);
        double apart = real - spread->mean;
        spread->count++;
        spread->mean += apart / (double)spread->count;
        spread->squares += apart * (real - spread->mean);
    }
}

bool copse_spread_deviation(const copse_spread *spread, bool sample, double *ret_deviation)
{
    uint64_t count = spread->count - (sample && spread->count > 0 ? 1 : 0);
    if (count == 0) {
        return false;
    }
    *ret_deviation = sqrt(spread->squares / (double)count);
    return true;
}
