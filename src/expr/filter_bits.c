/* $bitsAllSet and its kind.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/filter_private.h"
#include "expr/number.h"

/* Bit `position` of a value: bytes from the lowest bit of the first one, integers in two's
 * complement without end. */
static bool filter_bit(const copse_value *value, int64_t number, uint64_t position)
{
    if (value->type == COPSE_VALUE_BINARY) {
        return position / 8 < value->bytes.len &&
               (value->bytes.ptr[position / 8] >> (position % 8) & 1) != 0;
    }
    return position > 63 ? number < 0 : ((uint64_t)number >> position & 1) != 0;
}

/* The bits of `value` at the positions of the test: whether one is set, and one clear. */
static void filter_scan_bits(const copse_filter_node *node, const copse_value *value,
                             int64_t number, bool *ret_set, bool *ret_clear)
{
    bool seen[2] = {false, false};
    if (node->operand.type == COPSE_VALUE_ARRAY) {
        copse_cbor_reader reader;
        copse_value element;
        uint64_t count = 0;
        int64_t position = 0;
        bool whole = false;
        bool more = copse_filter_open(node->value, COPSE_CBOR_ARRAY, &reader, &count);
        while (more && copse_value_next(&reader, &element, NULL) == COPSE_OK &&
               copse_number_truncate(&element, &position, &whole)) {
            seen[filter_bit(value, number, (uint64_t)position)] = true;
        }
    } else {
        bool bytes = node->operand.type == COPSE_VALUE_BINARY;
        uint64_t count = bytes ? 8 * (uint64_t)node->operand.bytes.len : 63;
        for (uint64_t i = 0; i < count; i++) {
            if (filter_bit(&node->operand, node->b, i)) {
                seen[filter_bit(value, number, i)] = true;
            }
        }
    }
    *ret_set = seen[1];
    *ret_clear = seen[0];
}

bool copse_filter_test_bits(const copse_filter_node *node, const copse_value *value)
{
    int64_t number = 0;
    bool whole = true;
    bool set = false;
    bool clear = false;
    if (value->type != COPSE_VALUE_BINARY &&
        !(copse_number_truncate(value, &number, &whole) && whole)) {
        return false;
    }
    filter_scan_bits(node, value, number, &set, &clear);
    switch ((copse_filter_bits)node->a) {
    case COPSE_FILTER_BITS_ALL_SET:
        return !clear;
    case COPSE_FILTER_BITS_ALL_CLEAR:
        return !set;
    case COPSE_FILTER_BITS_ANY_SET:
        return set;
    default:
        return clear;
    }
}
