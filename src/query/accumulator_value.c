/* Accumulators that hold one value: $first, $last, $min, $max, $mergeObjects.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/accumulator_kinds.h"
#include "value/dag_cbor_inline.h"

static copse_bytes accumulator_held_view(const copse_accumulator_held *held)
{
    return (copse_bytes){held->bytes, held->size};
}

static copse_status accumulator_last_add(const copse_accumulator_step *step)
{
    return copse_accumulator_replace(step,
                                     step->value.len > 0 ? step->value : copse_accumulator_null());
}

static copse_status accumulator_first_add(const copse_accumulator_step *step)
{
    const copse_accumulator_held *held = step->state;
    return held->count == 0 ? accumulator_last_add(step) : COPSE_OK;
}

const copse_accumulator_kind copse_accumulator_first = {
    .name = "$first",
    .form = COPSE_ACCUMULATOR_VALUE,
    .holds = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_first_add,
};

const copse_accumulator_kind copse_accumulator_last = {
    .name = "$last",
    .form = COPSE_ACCUMULATOR_VALUE,
    .holds = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_last_add,
};

/* Holds the value if `sign` times its order before the one that is held is negative. */
static copse_status accumulator_hold_best(const copse_accumulator_step *step, int sign)
{
    const copse_accumulator_held *held = step->state;
    int order = 0;
    if (copse_accumulator_is_null(step->value)) {
        return COPSE_OK;
    }
    if (held->count > 0) {
        copse_status status =
            copse_value_compare(step->value, accumulator_held_view(held), &order, step->err);
        if (status != COPSE_OK || order * sign >= 0) {
            return status;
        }
    }
    return copse_accumulator_replace(step, step->value);
}

static copse_status accumulator_min_add(const copse_accumulator_step *step)
{
    return accumulator_hold_best(step, 1);
}

static copse_status accumulator_max_add(const copse_accumulator_step *step)
{
    return accumulator_hold_best(step, -1);
}

const copse_accumulator_kind copse_accumulator_min = {
    .name = "$min",
    .form = COPSE_ACCUMULATOR_VALUE,
    .holds = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_min_add,
};

const copse_accumulator_kind copse_accumulator_max = {
    .name = "$max",
    .form = COPSE_ACCUMULATOR_VALUE,
    .holds = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_max_add,
};

/* ---- $mergeObjects --------------------------------------------------------------------------- */

static copse_status accumulator_copy_pair(const copse_stage_items *items, copse_buf *buf)
{
    copse_status status = copse_cbor_write_text(buf, items->key);
    return status == COPSE_OK ? copse_buf_append(buf, items->value) : status;
}

/* Appends the pairs of both maps; where both have a key, the new one's. */
static copse_status accumulator_merge(copse_bytes held, copse_bytes added, copse_buf *buf)
{
    copse_stage_items a;
    copse_stage_items b;
    size_t offset = buf->len;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&a, held);
    copse_stage_items_init(&b, added);
    bool has_a = copse_stage_items_next(&a);
    bool has_b = copse_stage_items_next(&b);
    while (status == COPSE_OK && (has_a || has_b)) {
        int order = !has_a ? 1 : !has_b ? -1 : copse_cbor_key_order(a.key, b.key);
        status = accumulator_copy_pair(order < 0 ? &a : &b, buf);
        if (order <= 0) {
            has_a = copse_stage_items_next(&a);
        }
        if (order >= 0) {
            has_b = copse_stage_items_next(&b);
        }
        count++;
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
}

static copse_status accumulator_merge_add(const copse_accumulator_step *step)
{
    copse_accumulator_held *held = step->state;
    copse_buf *scratch = &step->pool->scratch;
    copse_value value;
    if (copse_accumulator_is_null(step->value)) {
        return COPSE_OK;
    }
    if (!copse_path_is_object(step->value)) {
        copse_status status = copse_value_read(step->value, &value, step->err);
        return status == COPSE_OK
                   ? COPSE_ERR(step->err, COPSE_CORRUPT, "$mergeObjects takes objects, not %s",
                               copse_value_type_name(value.type))
                   : status;
    }
    if (held->count == 0) {
        return copse_accumulator_replace(step, step->value);
    }
    copse_buf_truncate(scratch, 0);
    copse_status status = accumulator_merge(accumulator_held_view(held), step->value, scratch);
    return status == COPSE_OK ? copse_accumulator_replace(step, copse_buf_view(scratch))
                              : COPSE_ERR(step->err, status, "no room to merge objects");
}

/* Nothing merged is an empty object. */
static copse_status accumulator_merge_write(const void *state, copse_buf *buf)
{
    const copse_accumulator_held *held = state;
    return held->count > 0 ? copse_buf_append(buf, accumulator_held_view(held))
                           : copse_cbor_write_map(buf, 0);
}

const copse_accumulator_kind copse_accumulator_merge_objects = {
    .name = "$mergeObjects",
    .form = COPSE_ACCUMULATOR_VALUE,
    .holds = true,
    .state_size = sizeof(copse_accumulator_held),
    .add = accumulator_merge_add,
    .write = accumulator_merge_write,
};
