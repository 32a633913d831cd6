/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/plan.h"

#include "base/err.h"

#include <copse/dag_cbor.h>

enum { PLAN_VERSION = 1 };

/* The keys of the map, in their order there. */
typedef enum plan_key {
    PLAN_OR,
    PLAN_PLAN,
    PLAN_ORDER,
    PLAN_SCANS,
    PLAN_FILTER,
    PLAN_UNIQUE,
    PLAN_COVERED,
    PLAN_KEYS
} plan_key;

static const char *const plan_keys[PLAN_KEYS] = {"or",     "plan",   "order",  "scans",
                                                 "filter", "unique", "covered"};

static const char *const plan_orders[COPSE_ORDERED_COUNT] = {"none", "keys", "memory"};

/* ---- Writing --------------------------------------------------------------------------------- */

static copse_status plan_write_range(const copse_key_range *range, copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_bytes(buf, range->from);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_bytes(buf, range->to);
    }
    return status;
}

/* [index, reverse, ranges] */
static copse_status plan_write_scan(const copse_plan_scan *scan, copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, 3);
    if (status == COPSE_OK) {
        status = scan->index.ptr == NULL ? copse_cbor_write_null(buf)
                                         : copse_cbor_write_text(buf, scan->index);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_bool(buf, scan->reverse);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, scan->ranges_count);
    }
    for (size_t i = 0; i < scan->ranges_count && status == COPSE_OK; i++) {
        status = plan_write_range(&scan->ranges[i], buf);
    }
    return status;
}

static copse_status plan_write_scans(const copse_plan *plan, copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, plan->scans_count);
    for (size_t i = 0; i < plan->scans_count && status == COPSE_OK; i++) {
        status = plan_write_scan(&plan->scans[i], buf);
    }
    return status;
}

static copse_status plan_write_value(const copse_plan *plan, plan_key key, copse_buf *buf)
{
    switch (key) {
    case PLAN_OR:
        return plan->is_union ? copse_cbor_write_uint(buf, plan->branch)
                              : copse_cbor_write_null(buf);
    case PLAN_PLAN:
        return copse_cbor_write_uint(buf, PLAN_VERSION);
    case PLAN_ORDER:
        return copse_cbor_write_text(buf, copse_bytes_of_text(plan_orders[plan->order]));
    case PLAN_SCANS:
        return plan_write_scans(plan, buf);
    case PLAN_FILTER:
        return copse_cbor_write_bool(buf, plan->filter);
    case PLAN_UNIQUE:
        return copse_cbor_write_bool(buf, plan->unique);
    default:
        return copse_cbor_write_bool(buf, plan->covered);
    }
}

copse_status copse_plan_encode(const copse_plan *plan, copse_buf *buf, copse_err *err)
{
    size_t offset = buf->len;
    copse_status status = copse_cbor_write_map(buf, PLAN_KEYS);
    for (plan_key key = 0; key < PLAN_KEYS && status == COPSE_OK; key++) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(plan_keys[key]));
        if (status == COPSE_OK) {
            status = plan_write_value(plan, key, buf);
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, status, "a plan could not be written");
    }
    return COPSE_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A plan that is being read. */
typedef struct plan_input {
    copse_arena *arena;
    copse_cbor_reader reader;
    copse_err *err;
} plan_input;

static copse_status plan_corrupt(const plan_input *input, const char *what)
{
    return COPSE_ERR(input->err, COPSE_CORRUPT, "not a plan: %s", what);
}

static copse_status plan_next(plan_input *input, copse_cbor_kind kind, const char *what,
                              copse_cbor_item *ret_item)
{
    copse_status status = copse_cbor_next(&input->reader, ret_item, input->err);
    if (status == COPSE_END || (status == COPSE_OK && ret_item->kind != kind)) {
        return plan_corrupt(input, what);
    }
    return status;
}

static copse_status plan_keep(const plan_input *input, copse_bytes bytes, copse_bytes *ret_kept)
{
    copse_bytes kept = copse_arena_dup(input->arena, bytes);
    if (kept.ptr == NULL) {
        return COPSE_ERR_NOMEM(input->err);
    }
    *ret_kept = kept;
    return COPSE_OK;
}

static copse_status plan_read_bool(plan_input *input, bool *ret_value)
{
    copse_cbor_item item;
    copse_status status = plan_next(input, COPSE_CBOR_BOOL, "a flag is no boolean", &item);
    if (status == COPSE_OK) {
        *ret_value = item.boolean;
    }
    return status;
}

/* The head of an array of at most `max` elements of `size` bytes, and room for them. */
static copse_status plan_read_list(plan_input *input, size_t max, size_t size, const char *what,
                                   void **ret_list, size_t *ret_count)
{
    copse_cbor_item head;
    copse_status status = plan_next(input, COPSE_CBOR_ARRAY, what, &head);
    if (status != COPSE_OK) {
        return status;
    }
    if (head.arg > max) {
        return COPSE_ERR(input->err, COPSE_LIMIT, "a plan with more than %zu scans or ranges", max);
    }
    void *list = copse_arena_alloc(input->arena, (size_t)head.arg * size);
    if (list == NULL) {
        return COPSE_ERR_NOMEM(input->err);
    }
    *ret_list = list;
    *ret_count = (size_t)head.arg;
    return COPSE_OK;
}

static copse_status plan_read_range(plan_input *input, copse_key_range *range)
{
    copse_cbor_item pair;
    copse_cbor_item from;
    copse_cbor_item to;
    copse_status status = plan_next(input, COPSE_CBOR_ARRAY, "a range is no pair", &pair);
    if (status == COPSE_OK && pair.arg != 2) {
        status = plan_corrupt(input, "a range is no pair");
    }
    if (status == COPSE_OK) {
        status = plan_next(input, COPSE_CBOR_BYTES, "a range begins with no key", &from);
    }
    if (status == COPSE_OK) {
        status = plan_next(input, COPSE_CBOR_BYTES, "a range ends with no key", &to);
    }
    if (status == COPSE_OK) {
        status = plan_keep(input, from.bytes, &range->from);
    }
    if (status == COPSE_OK) {
        status = plan_keep(input, to.bytes, &range->to);
    }
    return status;
}

static copse_status plan_read_scan(plan_input *input, copse_plan_scan *scan)
{
    copse_cbor_item item;
    void *ranges = NULL;
    copse_status status = plan_next(input, COPSE_CBOR_ARRAY, "a scan is no list", &item);
    *scan = (copse_plan_scan){.index = {NULL, 0}};
    if (status == COPSE_OK && item.arg != 3) {
        status = plan_corrupt(input, "a scan is no list of three");
    }
    if (status == COPSE_OK && copse_cbor_next(&input->reader, &item, input->err) != COPSE_OK) {
        status = plan_corrupt(input, "a scan ends early");
    }
    if (status == COPSE_OK && item.kind == COPSE_CBOR_TEXT) {
        status = plan_keep(input, item.bytes, &scan->index);
    } else if (status == COPSE_OK && item.kind != COPSE_CBOR_NULL) {
        status = plan_corrupt(input, "the name of an index is no text");
    }
    if (status == COPSE_OK) {
        status = plan_read_bool(input, &scan->reverse);
    }
    if (status == COPSE_OK) {
        status = plan_read_list(input, COPSE_PLAN_RANGES_MAX, sizeof *scan->ranges,
                                "ranges are no list", &ranges, &scan->ranges_count);
    }
    scan->ranges = ranges;
    for (size_t i = 0; status == COPSE_OK && i < scan->ranges_count; i++) {
        status = plan_read_range(input, &scan->ranges[i]);
    }
    return status;
}

static copse_status plan_read_scans(plan_input *input, copse_plan *plan)
{
    void *scans = NULL;
    copse_status status = plan_read_list(input, COPSE_PLAN_SCANS_MAX, sizeof *plan->scans,
                                         "scans are no list", &scans, &plan->scans_count);
    plan->scans = scans;
    for (size_t i = 0; status == COPSE_OK && i < plan->scans_count; i++) {
        status = plan_read_scan(input, &plan->scans[i]);
    }
    return status;
}

static copse_status plan_read_order(plan_input *input, copse_plan_order *ret_order)
{
    copse_cbor_item item;
    copse_status status = plan_next(input, COPSE_CBOR_TEXT, "order is no text", &item);
    for (unsigned i = 0; status == COPSE_OK && i < COPSE_ORDERED_COUNT; i++) {
        if (copse_bytes_equal(item.bytes, copse_bytes_of_text(plan_orders[i]))) {
            *ret_order = (copse_plan_order)i;
            return COPSE_OK;
        }
    }
    return status == COPSE_OK ? plan_corrupt(input, "an order that is not known") : status;
}

static copse_status plan_read_or(plan_input *input, copse_plan *plan)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(&input->reader, &item, input->err);
    if (status != COPSE_OK ||
        !(item.kind == COPSE_CBOR_NULL || (item.kind == COPSE_CBOR_INT && !item.negative))) {
        return plan_corrupt(input, "or is no number");
    }
    plan->is_union = item.kind == COPSE_CBOR_INT;
    plan->branch = item.arg;
    return COPSE_OK;
}

static copse_status plan_read_version(plan_input *input)
{
    copse_cbor_item item;
    copse_status status = plan_next(input, COPSE_CBOR_INT, "plan is no number", &item);
    if (status == COPSE_OK && (item.negative || item.arg != PLAN_VERSION)) {
        status = plan_corrupt(input, "of a version that this Copse doesn't know");
    }
    return status;
}

static copse_status plan_read_value(plan_input *input, plan_key key, copse_plan *plan)
{
    switch (key) {
    case PLAN_OR:
        return plan_read_or(input, plan);
    case PLAN_PLAN:
        return plan_read_version(input);
    case PLAN_ORDER:
        return plan_read_order(input, &plan->order);
    case PLAN_SCANS:
        return plan_read_scans(input, plan);
    case PLAN_FILTER:
        return plan_read_bool(input, &plan->filter);
    case PLAN_UNIQUE:
        return plan_read_bool(input, &plan->unique);
    default:
        return plan_read_bool(input, &plan->covered);
    }
}

copse_status copse_plan_decode(copse_arena *arena, copse_bytes encoded, const copse_limits *limits,
                               copse_plan *ret_plan, copse_err *err)
{
    plan_input input = {.arena = arena, .err = err};
    copse_plan plan = {.scans = NULL};
    copse_cbor_item item;
    copse_status status =
        copse_cbor_reader_init_untrusted(&input.reader, encoded, limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = plan_next(&input, COPSE_CBOR_MAP, "no map", &item);
    }
    if (status == COPSE_OK && item.arg != PLAN_KEYS) {
        status = plan_corrupt(&input, "a map of another size");
    }
    for (plan_key key = 0; status == COPSE_OK && key < PLAN_KEYS; key++) {
        status = plan_next(&input, COPSE_CBOR_TEXT, "a key is no text", &item);
        if (status == COPSE_OK &&
            !copse_bytes_equal(item.bytes, copse_bytes_of_text(plan_keys[key]))) {
            status = plan_corrupt(&input, "a key that is not known");
        }
        if (status == COPSE_OK) {
            status = plan_read_value(&input, key, &plan);
        }
    }
    if (status == COPSE_OK) {
        *ret_plan = plan;
    }
    return status;
}
