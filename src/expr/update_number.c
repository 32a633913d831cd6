/* Operators of numbers: $inc $mul $bit.
 *
 * The kind of a result is the wider one of both: decimal, float, integer. Integers stay exact, and
 * are refused outside of what integers are (-2^64 to 2^64 - 1).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "expr/filter_private.h"
#include "expr/update_private.h"

static copse_status update_parse_number(copse_update_parser *parser, copse_update_action *action)
{
    copse_figure figure;
    return copse_value_read(action->argument, &action->operand, NULL) == COPSE_OK &&
                   copse_figure_of_value(&action->operand, &figure)
               ? COPSE_OK
               : copse_update_fail(action, "takes a number", parser->err);
}

/* Appends what `combine` makes of the number that is there and the one that is given. */
static copse_status
update_combine(copse_update_run *run, const copse_update_action *action, copse_bytes value,
               copse_figure (*combine)(const copse_figure *, const copse_figure *))
{
    copse_value old;
    copse_figure a;
    copse_figure b;
    copse_status status = copse_value_read(value, &old, run->err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_figure_of_value(&old, &a) || !copse_figure_of_value(&action->operand, &b)) {
        return copse_update_fail_type(action, "the field is no number", value, run->err);
    }
    copse_figure result = combine(&a, &b);
    if (a.type == COPSE_VALUE_INT && b.type == COPSE_VALUE_INT && result.type != COPSE_VALUE_INT) {
        return copse_update_fail(action, "the result is no integer of -2^64 to 2^64 - 1", run->err);
    }
    return copse_figure_write(&result, run->out);
}

static copse_status update_apply_inc(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, bool *ret_there)
{
    *ret_there = true;
    return value.len == 0 ? copse_buf_append(run->out, action->argument)
                          : update_combine(run, action, value, copse_figure_add);
}

/* Where there is nothing, zero of the kind that is given. */
static copse_status update_apply_mul(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, bool *ret_there)
{
    copse_figure zero = {.type = action->operand.type};
    *ret_there = true;
    return value.len == 0 ? copse_figure_write(&zero, run->out)
                          : update_combine(run, action, value, copse_figure_multiply);
}

/* ---- $bit ----------------------------------------------------------------------------------- */

enum { UPDATE_BIT_AND, UPDATE_BIT_OR, UPDATE_BIT_XOR };

/* {"and": integer}, and the like: one of them, since several would need an order. */
static copse_status update_parse_bit(copse_update_parser *parser, copse_update_action *action)
{
    static const char expected[] =
        "takes one of {\"and\": integer}, {\"or\": integer} and {\"xor\": integer}";
    static const char *const names[] = {"and", "or", "xor"};
    copse_cbor_reader reader;
    copse_cbor_item name;
    uint64_t count = 0;
    if (!copse_filter_open(action->argument, COPSE_CBOR_MAP, &reader, &count) || count != 1 ||
        copse_cbor_next(&reader, &name, NULL) != COPSE_OK) {
        return copse_update_fail(action, expected, parser->err);
    }
    for (int64_t i = 0; i <= UPDATE_BIT_XOR; i++) {
        if (copse_bytes_equal(name.bytes, copse_bytes_of_text(names[i]))) {
            action->number = i;
            return copse_value_next(&reader, &action->operand, NULL) == COPSE_OK &&
                           action->operand.type == COPSE_VALUE_INT
                       ? COPSE_OK
                       : copse_update_fail(action, expected, parser->err);
        }
    }
    return copse_update_fail(action, expected, parser->err);
}

static uint64_t update_bits(int64_t op, uint64_t a, uint64_t b)
{
    return op == UPDATE_BIT_AND ? a & b : op == UPDATE_BIT_OR ? a | b : a ^ b;
}

/* In two's complement without end: 64 bits, and the sign as all those above. */
static copse_status update_apply_bit(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, bool *ret_there)
{
    copse_value old = {.type = COPSE_VALUE_INT}; /* 0 */
    const copse_value *operand = &action->operand;
    *ret_there = true;
    if (value.len != 0) {
        copse_status status = copse_value_read(value, &old, run->err);
        if (status != COPSE_OK || old.type != COPSE_VALUE_INT) {
            return status != COPSE_OK
                       ? status
                       : copse_update_fail_type(action, "the field is no integer", value, run->err);
        }
    }
    bool negative = update_bits(action->number, old.negative, operand->negative) != 0;
    uint64_t bits = update_bits(action->number, old.negative ? ~old.arg : old.arg,
                                operand->negative ? ~operand->arg : operand->arg);
    return negative ? copse_cbor_write_negative(run->out, ~bits)
                    : copse_cbor_write_uint(run->out, bits);
}

const copse_update_operator copse_update_number_operators[] = {
    {"$inc", false, update_parse_number, update_apply_inc},
    {"$mul", false, update_parse_number, update_apply_mul},
    {"$bit", false, update_parse_bit, update_apply_bit},
    {NULL, false, NULL, NULL},
};
