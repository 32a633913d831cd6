/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/bounds.h"

#include "base/err.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"

#include <math.h>
#include <string.h>

/* A walk through a filter. */
typedef struct bounds_walk {
    copse_bounds_context context;
    bool in_object; /* inside $elemMatch on objects (B6) */
} bounds_walk;

static const uint8_t bounds_null_item[] = {COPSE_CBOR_NIL};

static copse_status bounds_full(const bounds_walk *walk, copse_bounds *ret_bounds, copse_err *err)
{
    ret_bounds->exact = false;
    ret_bounds->cut = false;
    return copse_interval_set_fill(walk->context.arena, &ret_bounds->set, err);
}

static void bounds_empty(copse_bounds *ret_bounds)
{
    *ret_bounds = (copse_bounds){{NULL, 0}, true, false};
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Copies the scratch from `offset` on; with `after`, the lowest bytes above all that begin so; ptr
 * NULL: there are none. */
static copse_status bounds_keep(const copse_bounds_context *context, size_t offset, bool after,
                                copse_bytes *ret_bytes, copse_err *err)
{
    copse_buf *buf = context->scratch;
    if (after && copse_order_prefix_end(buf, offset) != COPSE_OK) {
        *ret_bytes = (copse_bytes){NULL, 0};
        return COPSE_OK;
    }
    copse_bytes kept =
        copse_arena_dup(context->arena, (copse_bytes){buf->ptr + offset, buf->len - offset});
    copse_buf_truncate(buf, offset);
    if (kept.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_bytes = kept;
    return COPSE_OK;
}

/* One end of a range: the part of `value`, or what is above all keys with it; B5. */
static copse_status bounds_end(const bounds_walk *walk, copse_bytes value, bool upper, bool after,
                               bool *cut, copse_bytes *ret_end, copse_err *err)
{
    const copse_bounds_context *context = &walk->context;
    copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = value};
    copse_buf_truncate(context->scratch, 0);
    copse_status status = copse_order_write(context->scratch, &part, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!context->primary && context->scratch->len > COPSE_ORDER_PART_CUT_SIZE_BYTES) {
        copse_buf_truncate(context->scratch, COPSE_ORDER_PART_CUT_SIZE_BYTES);
        *cut = true;
        after = upper;
    }
    return bounds_keep(context, 0, after, ret_end, err);
}

static copse_status bounds_type_end(const bounds_walk *walk, copse_value_type type, bool after,
                                    copse_bytes *ret_end, copse_err *err)
{
    const copse_bounds_context *context = &walk->context;
    copse_buf_truncate(context->scratch, 0);
    copse_status status = copse_order_write_type_bound(context->scratch, type, false, after);
    return status == COPSE_OK ? bounds_keep(context, 0, false, ret_end, err)
                              : COPSE_ERR(err, status, "no memory for a bound");
}

static copse_status bounds_interval(const bounds_walk *walk, copse_bytes from, copse_bytes to,
                                    bool is_point, copse_bounds *ret_bounds, copse_err *err)
{
    copse_interval *item = copse_arena_alloc(walk->context.arena, sizeof *item);
    if (item == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *item = (copse_interval){from, to, is_point};
    ret_bounds->set = (copse_interval_set){item, 1};
    copse_interval_set_normalize(&ret_bounds->set);
    return COPSE_OK;
}

/* The place of one part. */
static copse_status bounds_point(const bounds_walk *walk, copse_order_kind kind, copse_bytes value,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    const copse_bounds_context *context = &walk->context;
    copse_order_part part = {.kind = kind, .encoded = value};
    copse_buf *buf = context->scratch;
    copse_bytes from;
    copse_bytes to;
    bool cut = false;
    copse_buf_truncate(buf, 0);
    copse_status status = context->primary ? copse_order_write(buf, &part, err)
                                           : copse_order_write_cut(buf, &part, &cut, err);
    if (status == COPSE_OK) {
        from = copse_arena_dup(context->arena, copse_buf_view(buf));
        status = from.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = bounds_keep(context, 0, true, &to, err);
    }
    if (status == COPSE_OK) {
        status = bounds_interval(walk, from, to, true, ret_bounds, err);
    }
    if (status == COPSE_OK) {
        ret_bounds->exact = !cut;
        ret_bounds->cut = cut;
    }
    return status;
}

/* Null's place, which is that of missing fields too. */
static copse_status bounds_null(const bounds_walk *walk, copse_bounds *ret_bounds, copse_err *err)
{
    if (walk->in_object) {
        return bounds_full(walk, ret_bounds, err);
    }
    copse_status status =
        bounds_point(walk, COPSE_ORDER_VALUE,
                     (copse_bytes){bounds_null_item, sizeof bounds_null_item}, ret_bounds, err);
    ret_bounds->exact = false;
    return status;
}

static copse_status bounds_unite(const bounds_walk *walk, const copse_bounds *list, size_t count,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    copse_interval_set *sets = copse_arena_alloc(walk->context.arena, count * sizeof *sets);
    if (sets == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_bounds united = {{NULL, 0}, true, false};
    for (size_t i = 0; i < count; i++) {
        sets[i] = list[i].set;
        united.exact = united.exact && list[i].exact;
        united.cut = united.cut || list[i].cut;
    }
    copse_status status =
        copse_interval_set_unite(walk->context.arena, sets, count, &united.set, err);
    if (status == COPSE_OK) {
        *ret_bounds = united;
    }
    return status;
}

/* ---- Comparisons ----------------------------------------------------------------------------- */

/* An array is equal as a whole, as an element, or begins with its first element. */
static copse_status bounds_equal_array(const bounds_walk *walk, copse_bytes array,
                                       copse_bounds *ret_bounds, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_bytes first;
    copse_bounds both[2];
    copse_cbor_reader_init(&reader, array);
    copse_status status = copse_cbor_next(&reader, &head, err);
    if (status == COPSE_OK && head.arg == 0) {
        status = bounds_point(walk, COPSE_ORDER_EMPTY_ARRAY, (copse_bytes){NULL, 0}, &both[0], err);
    } else if (status == COPSE_OK) {
        status = copse_cbor_take(&reader, &first, err);
        if (status == COPSE_OK) {
            status = bounds_point(walk, COPSE_ORDER_VALUE, first, &both[0], err);
        }
    }
    if (status == COPSE_OK) {
        status = bounds_point(walk, COPSE_ORDER_VALUE, array, &both[1], err);
    }
    if (status == COPSE_OK) {
        status = bounds_unite(walk, both, 2, ret_bounds, err);
    }
    if (status == COPSE_OK) {
        ret_bounds->exact = false;
    }
    return status;
}

static copse_status bounds_equal(const bounds_walk *walk, const copse_filter_node *node,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    switch (node->operand.type) {
    case COPSE_VALUE_NULL:
        return bounds_null(walk, ret_bounds, err);
    case COPSE_VALUE_ARRAY:
        return bounds_equal_array(walk, node->value, ret_bounds, err);
    default:
        return bounds_point(walk, COPSE_ORDER_VALUE, node->value, ret_bounds, err);
    }
}

static bool bounds_is_number(copse_value_type type)
{
    return type == COPSE_VALUE_INT || type == COPSE_VALUE_FLOAT || type == COPSE_VALUE_DECIMAL;
}

/* What is above NaN, the lowest number: no comparison with another number holds for it. */
static copse_status bounds_above_nan(const bounds_walk *walk, copse_bytes *ret_end, copse_err *err)
{
    enum { NAN_SIZE_MAX = 64 };
    copse_buf nan;
    bool cut = false;
    copse_buf_init(&nan, walk->context.scratch->env, NAN_SIZE_MAX);
    copse_status status = copse_value_write_float(&nan, (double)NAN);
    if (status == COPSE_OK) {
        status = bounds_end(walk, copse_buf_view(&nan), false, true, &cut, ret_end, err);
    } else {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&nan);
    return status;
}

static copse_status bounds_range(const bounds_walk *walk, const copse_filter_node *node,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    copse_value_type type = node->operand.type;
    copse_bytes from;
    copse_bytes to;
    copse_status status;
    bool cut = false;
    if (node->kind == COPSE_FILTER_GT || node->kind == COPSE_FILTER_GTE) {
        status =
            bounds_end(walk, node->value, false, node->kind == COPSE_FILTER_GT, &cut, &from, err);
        if (status == COPSE_OK) {
            status = bounds_type_end(walk, type, true, &to, err);
        }
    } else {
        status = bounds_is_number(type) ? bounds_above_nan(walk, &from, err)
                                        : bounds_type_end(walk, type, false, &from, err);
        if (status == COPSE_OK) {
            status =
                bounds_end(walk, node->value, true, node->kind == COPSE_FILTER_LTE, &cut, &to, err);
        }
    }
    if (status == COPSE_OK) {
        status = bounds_interval(walk, from, to, false, ret_bounds, err);
    }
    if (status == COPSE_OK) {
        ret_bounds->exact = !cut;
        ret_bounds->cut = cut;
    }
    return status;
}

static copse_status bounds_compare(const bounds_walk *walk, const copse_filter_node *node,
                                   copse_bounds *ret_bounds, copse_err *err)
{
    bool with_equal = node->kind == COPSE_FILTER_GTE || node->kind == COPSE_FILTER_LTE;
    switch (node->operand.type) {
    case COPSE_VALUE_NULL:
        if (!with_equal) {
            return bounds_full(walk, ret_bounds, err);
        }
        return bounds_null(walk, ret_bounds, err);
    case COPSE_VALUE_ARRAY:
    case COPSE_VALUE_MIN_KEY:
    case COPSE_VALUE_MAX_KEY:
    case COPSE_VALUE_REGEX:
        return bounds_full(walk, ret_bounds, err);
    default:
        break;
    }
    if (!node->nan) {
        return bounds_range(walk, node, ret_bounds, err);
    }
    if (!with_equal) {
        bounds_empty(ret_bounds);
        return COPSE_OK;
    }
    return bounds_equal(walk, node, ret_bounds, err);
}

/* ---- Regexes and types ----------------------------------------------------------------------- */

/* The code point of the character at `text`, which is valid UTF-8. */
static uint32_t bounds_read_char(const uint8_t *text, size_t size)
{
    uint32_t point = size == 1 ? text[0] : text[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (text[i] & 0x3fu);
    }
    return point;
}

static size_t bounds_write_char(uint32_t point, uint8_t ret_text[4])
{
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size; i > 1; i--) {
        ret_text[i - 1] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    ret_text[0] = (uint8_t)(size == 1 ? point : (0xf00u >> size | point));
    return size;
}

/* Writes the lowest text that is above all that begin with `prefix`: its last character, but for
 * those that have none above them, is the next one. `ret_text` has room for one byte more than the
 * prefix. False: there is none. */
static bool bounds_text_after(copse_bytes prefix, uint8_t *ret_text, size_t *ret_size)
{
    enum { BOUNDS_CHAR_MAX = 0x10ffff, BOUNDS_SURROGATES = 0xd800, BOUNDS_SURROGATES_END = 0xe000 };
    size_t size = prefix.len;
    memcpy(ret_text, prefix.ptr, size);
    while (size > 0) {
        size_t start = size - 1;
        while (start > 0 && (ret_text[start] & 0xc0) == 0x80) {
            start--;
        }
        uint32_t point = bounds_read_char(ret_text + start, size - start);
        if (point < BOUNDS_CHAR_MAX) {
            point = point + 1 == BOUNDS_SURROGATES ? BOUNDS_SURROGATES_END : point + 1;
            *ret_size = start + bounds_write_char(point, ret_text + start);
            return true;
        }
        size = start;
    }
    return false;
}

static copse_status bounds_text_prefix(const bounds_walk *walk, copse_bytes prefix,
                                       copse_bounds *ret_bounds, copse_err *err)
{
    copse_buf text;
    copse_bytes from = {NULL, 0};
    copse_bytes to = {NULL, 0};
    size_t size = 0;
    bool cut = false;
    uint8_t *after = copse_arena_alloc(walk->context.arena, prefix.len + 1);
    if (after == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_buf_init(&text, walk->context.scratch->env, SIZE_MAX);
    copse_status status = copse_cbor_write_text(&text, prefix);
    if (status == COPSE_OK) {
        status = bounds_end(walk, copse_buf_view(&text), false, false, &cut, &from, err);
    }
    copse_buf_truncate(&text, 0);
    if (status == COPSE_OK && bounds_text_after(prefix, after, &size)) {
        status = copse_cbor_write_text(&text, (copse_bytes){after, size});
        if (status == COPSE_OK) {
            status = bounds_end(walk, copse_buf_view(&text), true, false, &cut, &to, err);
        }
    } else if (status == COPSE_OK) {
        status = bounds_type_end(walk, COPSE_VALUE_TEXT, true, &to, err);
    }
    copse_buf_release(&text);
    if (status == COPSE_OK) {
        status = bounds_interval(walk, from, to, false, ret_bounds, err);
    }
    if (status == COPSE_OK) {
        ret_bounds->exact = !cut;
        ret_bounds->cut = cut;
    }
    return status;
}

static copse_status bounds_type(const bounds_walk *walk, copse_value_type type,
                                copse_bounds *ret_bounds, copse_err *err)
{
    copse_bytes from;
    copse_bytes to;
    copse_status status = bounds_type_end(walk, type, false, &from, err);
    if (status == COPSE_OK) {
        status = bounds_type_end(walk, type, true, &to, err);
    }
    if (status == COPSE_OK) {
        status = bounds_interval(walk, from, to, false, ret_bounds, err);
    }
    if (status == COPSE_OK) {
        ret_bounds->exact = false;
        ret_bounds->cut = false;
    }
    return status;
}

/* The texts, and the one regex value that is equal to it. */
static copse_status bounds_regex(const bounds_walk *walk, const copse_filter_node *node,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    copse_bounds both[2];
    copse_status status = node->prefix.len > 0
                              ? bounds_text_prefix(walk, node->prefix, &both[0], err)
                              : bounds_type(walk, COPSE_VALUE_TEXT, &both[0], err);
    if (status == COPSE_OK) {
        both[0].exact = both[0].exact && node->prefix_exact;
        status = bounds_point(walk, COPSE_ORDER_VALUE, node->value, &both[1], err);
    }
    return status == COPSE_OK ? bounds_unite(walk, both, 2, ret_bounds, err) : status;
}

static copse_status bounds_types(const bounds_walk *walk, const copse_filter_node *node,
                                 copse_bounds *ret_bounds, copse_err *err)
{
    enum { TYPES_MAX = COPSE_VALUE_MAX_KEY + 1 };
    copse_bounds list[TYPES_MAX];
    size_t count = 0;
    if ((node->types >> COPSE_VALUE_ARRAY & 1) != 0 ||
        (walk->in_object && (node->types >> COPSE_VALUE_NULL & 1) != 0)) {
        return bounds_full(walk, ret_bounds, err);
    }
    for (unsigned type = 0; type < TYPES_MAX; type++) {
        if ((node->types >> type & 1) != 0) {
            copse_status status = bounds_type(walk, (copse_value_type)type, &list[count++], err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    }
    copse_status status = bounds_unite(walk, list, count, ret_bounds, err);
    if (status == COPSE_OK) {
        ret_bounds->exact = false;
    }
    return status;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static copse_status bounds_node(const bounds_walk *walk, const copse_filter_node *node,
                                copse_bytes path, copse_bounds *ret_bounds, copse_err *err);

bool copse_bounds_may_intersect(const copse_bounds *a, const copse_bounds *b)
{
    return copse_interval_set_is_full(&a->set) || copse_interval_set_is_full(&b->set) ||
           a->set.count + b->set.count <= COPSE_BOUNDS_INTERVALS_MAX;
}

bool copse_bounds_better(const copse_bounds *a, const copse_bounds *b)
{
    bool a_full = copse_interval_set_is_full(&a->set);
    bool b_full = copse_interval_set_is_full(&b->set);
    bool a_points = copse_interval_set_is_points(&a->set);
    bool b_points = copse_interval_set_is_points(&b->set);
    if (a_full != b_full) {
        return b_full;
    }
    if (a->set.count == 0 || b->set.count == 0) {
        return b->set.count != 0;
    }
    if (a_points != b_points) {
        return a_points;
    }
    return a->set.count < b->set.count;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status bounds_and(const bounds_walk *walk, const copse_filter_node *node,
                               copse_bytes path, copse_bounds *ret_bounds, copse_err *err)
{
    copse_bounds all;
    copse_status status = bounds_full(walk, &all, err);
    all.exact = true;
    for (size_t i = 0; status == COPSE_OK && i < node->children_count; i++) {
        copse_bounds child;
        status = bounds_node(walk, node->children[i], path, &child, err);
        if (status != COPSE_OK) {
            return status;
        }
        bool both = !walk->context.multikey && copse_bounds_may_intersect(&child, &all);
        all.exact = all.exact && child.exact && both;
        all.cut = all.cut || child.cut;
        if (both) {
            status = copse_interval_set_intersect(walk->context.arena, &all.set, &child.set,
                                                  &all.set, err);
        } else if (copse_bounds_better(&child, &all)) {
            all.set = child.set;
        }
    }
    if (status == COPSE_OK) {
        *ret_bounds = all;
    }
    return status;
}

/* OR, and $in, which is one over tests at its path. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status bounds_or(const bounds_walk *walk, const copse_filter_node *node,
                              copse_bytes path, copse_bounds *ret_bounds, copse_err *err)
{
    copse_bounds *list =
        copse_arena_alloc(walk->context.arena, node->children_count * sizeof *list);
    if (list == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < node->children_count; i++) {
        copse_status status = bounds_node(walk, node->children[i], path, &list[i], err);
        if (status != COPSE_OK) {
            return status;
        }
        if (copse_interval_set_is_full(&list[i].set) && !list[i].exact) {
            return bounds_full(walk, ret_bounds, err);
        }
    }
    return bounds_unite(walk, list, node->children_count, ret_bounds, err);
}

/* B3 */
static copse_status bounds_complement(const bounds_walk *walk, copse_bounds *bounds, copse_err *err)
{
    if (!bounds->exact || walk->in_object) {
        return bounds_full(walk, bounds, err);
    }
    bounds->exact = !walk->context.multikey; /* one element outside does not say that none is in */
    return copse_interval_set_complement(walk->context.arena, &bounds->set, &bounds->set, err);
}

/* B6: a test of an element. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status bounds_elements(const bounds_walk *walk, const copse_filter_node *node,
                                    copse_bytes path, copse_bounds *ret_bounds, copse_err *err)
{
    bounds_walk inner = *walk;
    copse_bytes rest = {NULL, 0};
    uint64_t index;
    if (!copse_bytes_has_prefix(path, node->path)) {
        return bounds_full(walk, ret_bounds, err);
    }
    if (node->kind == COPSE_FILTER_ELEM_VALUE) {
        inner.context.multikey = false;
        if (path.len != node->path.len) {
            return bounds_full(walk, ret_bounds, err);
        }
    } else {
        inner.context.multikey = true;
        inner.in_object = true;
        if (path.len <= node->path.len + 1 || path.ptr[node->path.len] != '.') {
            return bounds_full(walk, ret_bounds, err);
        }
        copse_bytes unused;
        rest = (copse_bytes){path.ptr + node->path.len + 1, path.len - node->path.len - 1};
        if (copse_path_part_index(copse_path_first(rest, &unused), &index)) {
            return bounds_full(walk, ret_bounds, err);
        }
    }
    copse_status status = bounds_node(&inner, node->children[0], rest, ret_bounds, err);
    if (status == COPSE_OK) {
        ret_bounds->exact = false;
    }
    return status;
}

/* A test at the path itself. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status bounds_test(const bounds_walk *walk, const copse_filter_node *node,
                                copse_bytes path, copse_bounds *ret_bounds, copse_err *err)
{
    if (!copse_bytes_equal(node->path, path)) {
        return bounds_full(walk, ret_bounds, err);
    }
    switch (node->kind) {
    case COPSE_FILTER_EQ:
        return bounds_equal(walk, node, ret_bounds, err);
    case COPSE_FILTER_GT:
    case COPSE_FILTER_GTE:
    case COPSE_FILTER_LT:
    case COPSE_FILTER_LTE:
        return bounds_compare(walk, node, ret_bounds, err);
    case COPSE_FILTER_IN:
        return bounds_or(walk, node, path, ret_bounds, err);
    case COPSE_FILTER_REGEX:
        return bounds_regex(walk, node, ret_bounds, err);
    case COPSE_FILTER_TYPE:
        return bounds_types(walk, node, ret_bounds, err);
    case COPSE_FILTER_EXISTS:
        return node->flag ? bounds_full(walk, ret_bounds, err) : bounds_null(walk, ret_bounds, err);
    default:
        return bounds_full(walk, ret_bounds, err);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status bounds_node(const bounds_walk *walk, const copse_filter_node *node,
                                copse_bytes path, copse_bounds *ret_bounds, copse_err *err)
{
    copse_status status;
    switch (node->kind) {
    case COPSE_FILTER_TRUE:
        status = bounds_full(walk, ret_bounds, err);
        ret_bounds->exact = true;
        return status;
    case COPSE_FILTER_FALSE:
        bounds_empty(ret_bounds);
        return COPSE_OK;
    case COPSE_FILTER_AND:
        return bounds_and(walk, node, path, ret_bounds, err);
    case COPSE_FILTER_OR:
        return bounds_or(walk, node, path, ret_bounds, err);
    case COPSE_FILTER_NOR:
        status = bounds_or(walk, node, path, ret_bounds, err);
        return status == COPSE_OK ? bounds_complement(walk, ret_bounds, err) : status;
    case COPSE_FILTER_NOT:
        status = bounds_node(walk, node->children[0], path, ret_bounds, err);
        return status == COPSE_OK ? bounds_complement(walk, ret_bounds, err) : status;
    case COPSE_FILTER_ELEM_OBJECT:
    case COPSE_FILTER_ELEM_VALUE:
        return bounds_elements(walk, node, path, ret_bounds, err);
    default:
        return bounds_test(walk, node, path, ret_bounds, err);
    }
}

copse_status copse_bounds_of_node(const copse_bounds_context *context,
                                  const copse_filter_node *node, copse_bytes path,
                                  copse_bounds *ret_bounds, copse_err *err)
{
    bounds_walk walk = {*context, false};
    return bounds_node(&walk, node, path, ret_bounds, err);
}

/* ---- Descending ------------------------------------------------------------------------------ */

/* The complemented bytes, ended: keys below `bytes` are then those not below it; ptr NULL: none. */
static copse_status bounds_flip(const copse_bounds_context *context, copse_bytes bytes,
                                copse_bytes *ret_bytes, copse_err *err)
{
    copse_buf *buf = context->scratch;
    copse_buf_truncate(buf, 0);
    copse_status status = copse_buf_append(buf, bytes);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a bound");
    }
    for (size_t i = 0; i < buf->len; i++) {
        buf->ptr[i] = (uint8_t)~buf->ptr[i];
    }
    return bounds_keep(context, 0, true, ret_bytes, err);
}

static copse_status bounds_flip_interval(const copse_bounds_context *context,
                                         const copse_interval *interval,
                                         copse_interval *ret_flipped, copse_err *err)
{
    copse_interval flipped = {{NULL, 0}, {NULL, 0}, interval->is_point};
    copse_status status = COPSE_OK;
    if (interval->to.ptr != NULL) {
        status = bounds_flip(context, interval->to, &flipped.from, err);
    }
    if (status == COPSE_OK && interval->from.len > 0) {
        status = bounds_flip(context, interval->from, &flipped.to, err);
    }
    if (status == COPSE_OK && interval->is_point) {
        /* the part itself, so that more parts can follow */
        uint8_t *part = copse_arena_alloc(context->arena, interval->from.len);
        if (part == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        for (size_t i = 0; i < interval->from.len; i++) {
            part[i] = (uint8_t)~interval->from.ptr[i];
        }
        flipped.from = (copse_bytes){part, interval->from.len};
    }
    if (status == COPSE_OK) {
        *ret_flipped = flipped;
    }
    return status;
}

copse_status copse_bounds_descend(const copse_bounds_context *context,
                                  const copse_interval_set *set, copse_interval_set *ret_set,
                                  copse_err *err)
{
    copse_interval *items = copse_arena_alloc(context->arena, set->count * sizeof *items);
    if (items == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < set->count; i++) {
        copse_status status =
            bounds_flip_interval(context, &set->items[set->count - 1 - i], &items[i], err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    *ret_set = (copse_interval_set){items, set->count};
    return COPSE_OK;
}
