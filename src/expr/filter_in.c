/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/filter_in.h"

#include "base/err.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"

enum { FILTER_IN_SEARCH_MIN = 8 }; /* below, comparing one by one is as fast */

/* Moves sorted[at] down to its place in a heap of `count`, the largest on top. */
static void filter_in_sift(copse_bytes *sorted, size_t at, size_t count)
{
    copse_bytes moved = sorted[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && copse_bytes_compare(sorted[child], sorted[child + 1]) < 0) {
            child++;
        }
        if (copse_bytes_compare(moved, sorted[child]) >= 0) {
            break;
        }
        sorted[at] = sorted[child];
        at = child;
    }
    sorted[at] = moved;
}

static void filter_in_sort(copse_bytes *sorted, size_t count)
{
    for (size_t at = count / 2; at > 0; at--) {
        filter_in_sift(sorted, at - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        copse_bytes top = sorted[0];
        sorted[0] = sorted[last - 1];
        sorted[last - 1] = top;
        filter_in_sift(sorted, 0, last - 1);
    }
}

copse_status copse_filter_in_prepare(copse_filter *filter, copse_filter_node *node, copse_err *err)
{
    size_t count = node->children_count;
    if (count < FILTER_IN_SEARCH_MIN) {
        return COPSE_OK;
    }
    copse_filter_in *in = copse_arena_alloc(&filter->arena, sizeof *in);
    copse_bytes *sorted = copse_arena_alloc(&filter->arena, count * sizeof *sorted);
    const copse_filter_node **rest = copse_arena_alloc(&filter->arena, count * sizeof *rest);
    if (in == NULL || sorted == NULL || rest == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *in = (copse_filter_in){.sorted = sorted, .rest = rest};
    for (size_t i = 0; i < count; i++) {
        const copse_filter_node *child = node->children[i];
        if (child->kind == COPSE_FILTER_EQ &&
            (child->exact || child->operand.type == COPSE_VALUE_INT)) {
            sorted[in->sorted_count++] = child->value;
        } else {
            rest[in->rest_count++] = child;
        }
    }
    filter_in_sort(sorted, in->sorted_count);
    node->in = in;
    return COPSE_OK;
}

/* Whether the value is a number that may equal an integer with another encoding. */
static copse_status filter_in_is_other_number(copse_bytes encoded, bool *ret_is, copse_err *err)
{
    copse_value value = {.type = COPSE_VALUE_NULL};
    copse_status status = COPSE_OK;
    if (encoded.ptr[0] == COPSE_CBOR_F64 ||
        (encoded.ptr[0] >> 5 == COPSE_CBOR_MAJOR_MAP && !copse_path_is_object(encoded))) {
        status = copse_value_read(encoded, &value, err);
    }
    *ret_is = value.type == COPSE_VALUE_FLOAT || value.type == COPSE_VALUE_DECIMAL;
    return status;
}

copse_status copse_filter_in_find(const copse_filter_node *node, copse_bytes value, bool *ret_found,
                                  const copse_filter_node *const **ret_rest, size_t *ret_rest_count,
                                  copse_err *err)
{
    const copse_filter_in *in = node->in;
    size_t low = 0;
    size_t high = in->sorted_count;
    bool other = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = copse_bytes_compare(in->sorted[middle], value);
        if (order == 0) {
            *ret_found = true;
            return COPSE_OK;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    copse_status status = filter_in_is_other_number(value, &other, err);
    if (status == COPSE_OK) {
        *ret_found = false;
        *ret_rest = other ? node->children : in->rest;
        *ret_rest_count = other ? node->children_count : in->rest_count;
    }
    return status;
}
