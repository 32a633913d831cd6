/* Accumulators that hold several values: $push, $addToSet, $firstN, $lastN, $minN, $maxN, $top,
 * $bottom, $topN, $bottomN.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/accumulator_kinds.h"

/* ---- In the order in which they come ----------------------------------------------------------
 */

static copse_status accumulator_append(const copse_accumulator_step *step, copse_bytes item)
{
    return copse_accumulator_hold(step, ((copse_accumulator_held *)step->state)->size, item);
}

static copse_status accumulator_push_add(const copse_accumulator_step *step)
{
    return step->value.len > 0 ? accumulator_append(step, step->value) : COPSE_OK;
}

static copse_status accumulator_set_add(const copse_accumulator_step *step)
{
    bool is_new = false;
    if (step->value.len == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_accumulator_is_new(step, step->value, &is_new);
    return status == COPSE_OK && is_new ? accumulator_append(step, step->value) : status;
}

/* The size of the item at `offset`: one encoding, or of pairs two. */
static size_t accumulator_item_size(const copse_accumulator_step *step, size_t offset)
{
    const copse_accumulator_held *held = step->state;
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, (copse_bytes){held->bytes + offset, held->size - offset});
    if (copse_cbor_skip(&reader, NULL) != COPSE_OK ||
        (step->accumulator->kind->pairs && copse_cbor_skip(&reader, NULL) != COPSE_OK)) {
        return held->size - offset; /* was written here, so never */
    }
    return (size_t)(reader.at - reader.start);
}

static copse_status accumulator_first_n_add(const copse_accumulator_step *step)
{
    const copse_accumulator_held *held = step->state;
    copse_bytes item = step->value.len > 0 ? step->value : copse_accumulator_null();
    return held->count < (uint64_t)step->accumulator->most ? accumulator_append(step, item)
                                                           : COPSE_OK;
}

static copse_status accumulator_last_n_add(const copse_accumulator_step *step)
{
    copse_accumulator_held *held = step->state;
    copse_bytes item = step->value.len > 0 ? step->value : copse_accumulator_null();
    copse_status status = accumulator_append(step, item);
    if (status == COPSE_OK && held->count > (uint64_t)step->accumulator->most) {
        copse_accumulator_drop(held, 0, accumulator_item_size(step, 0));
    }
    return status;
}

#define ACCUMULATOR_LIST_KIND(kind_name, kind_form, kind_add)                                      \
    .name = (kind_name), .form = (kind_form), .holds = true, .list = true,                         \
    .state_size = sizeof(copse_accumulator_held), .add = (kind_add)

const copse_accumulator_kind copse_accumulator_push = {
    ACCUMULATOR_LIST_KIND("$push", COPSE_ACCUMULATOR_VALUE, accumulator_push_add),
};
const copse_accumulator_kind copse_accumulator_add_to_set = {
    ACCUMULATOR_LIST_KIND("$addToSet", COPSE_ACCUMULATOR_VALUE, accumulator_set_add),
};
const copse_accumulator_kind copse_accumulator_first_n = {
    ACCUMULATOR_LIST_KIND("$firstN", COPSE_ACCUMULATOR_INPUT_N, accumulator_first_n_add),
};
const copse_accumulator_kind copse_accumulator_last_n = {
    ACCUMULATOR_LIST_KIND("$lastN", COPSE_ACCUMULATOR_INPUT_N, accumulator_last_n_add),
};

/* ---- In order ---------------------------------------------------------------------------------
 */

/* The order of two items: values upwards for `sign` 1, or sort keys. */
static copse_status accumulator_compare(const copse_accumulator_step *step, int sign,
                                        copse_bytes held, int *ret_order)
{
    copse_cbor_reader a;
    copse_cbor_reader b;
    copse_cbor_item key_a = {.kind = COPSE_CBOR_NULL};
    copse_cbor_item key_b = {.kind = COPSE_CBOR_NULL};
    if (!step->accumulator->kind->pairs) {
        copse_status status = copse_value_compare(step->value, held, ret_order, step->err);
        *ret_order *= sign;
        return status;
    }
    copse_cbor_reader_init(&a, step->value);
    copse_cbor_reader_init(&b, held);
    copse_status status = copse_cbor_next(&a, &key_a, step->err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&b, &key_b, step->err);
    }
    *ret_order = copse_bytes_compare(key_a.bytes, key_b.bytes);
    return status;
}

/* Puts the value behind all that are not above it, and lets one go if there are too many. */
static copse_status accumulator_insert(const copse_accumulator_step *step, int sign)
{
    copse_accumulator_held *held = step->state;
    uint64_t most = (uint64_t)step->accumulator->most;
    bool last = step->accumulator->kind->last;
    size_t at = 0;
    size_t size = 0;
    copse_status status = COPSE_OK;
    for (; status == COPSE_OK && at < held->size; at += size) {
        int order = 0;
        size = accumulator_item_size(step, at);
        status = accumulator_compare(step, sign, (copse_bytes){held->bytes + at, size}, &order);
        if (status == COPSE_OK && order < 0) {
            break;
        }
    }
    if (status != COPSE_OK || (held->count == most && at == (last ? 0 : held->size))) {
        return status;
    }
    status = copse_accumulator_hold(step, at, step->value);
    if (status == COPSE_OK && held->count > most) {
        size_t offset = 0;
        for (size_t next = 0; !last && next < held->size;
             next += accumulator_item_size(step, next)) {
            offset = next;
        }
        copse_accumulator_drop(held, offset, accumulator_item_size(step, offset));
    }
    return status;
}

static copse_status accumulator_min_n_add(const copse_accumulator_step *step)
{
    return copse_accumulator_is_null(step->value) ? COPSE_OK : accumulator_insert(step, 1);
}

static copse_status accumulator_max_n_add(const copse_accumulator_step *step)
{
    return copse_accumulator_is_null(step->value) ? COPSE_OK : accumulator_insert(step, -1);
}

static copse_status accumulator_sorted_add(const copse_accumulator_step *step)
{
    return accumulator_insert(step, 1);
}

const copse_accumulator_kind copse_accumulator_min_n = {
    ACCUMULATOR_LIST_KIND("$minN", COPSE_ACCUMULATOR_INPUT_N, accumulator_min_n_add),
};
const copse_accumulator_kind copse_accumulator_max_n = {
    ACCUMULATOR_LIST_KIND("$maxN", COPSE_ACCUMULATOR_INPUT_N, accumulator_max_n_add),
};
const copse_accumulator_kind copse_accumulator_top_n = {
    ACCUMULATOR_LIST_KIND("$topN", COPSE_ACCUMULATOR_SORTED_N, accumulator_sorted_add),
    .pairs = true,
};
const copse_accumulator_kind copse_accumulator_bottom_n = {
    ACCUMULATOR_LIST_KIND("$bottomN", COPSE_ACCUMULATOR_SORTED_N, accumulator_sorted_add),
    .pairs = true,
    .last = true,
};
const copse_accumulator_kind copse_accumulator_top = {
    .name = "$top",
    .form = COPSE_ACCUMULATOR_SORTED,
    .holds = true,
    .pairs = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_sorted_add,
};
const copse_accumulator_kind copse_accumulator_bottom = {
    .name = "$bottom",
    .form = COPSE_ACCUMULATOR_SORTED,
    .holds = true,
    .pairs = true,
    .last = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_sorted_add,
};
