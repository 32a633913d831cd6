/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/explain_range.h"

#include "value/order_show.h"

#include <copse/ext_json.h>

/* A range that is being written. */
typedef struct range_text {
    const copse_env *env;
    copse_buf text;
    copse_buf value; /* scratch */
    copse_buf part;  /* scratch */
    copse_status status;
} range_text;

static void range_append(range_text *range, copse_bytes bytes)
{
    if (range->status == COPSE_OK) {
        range->status = copse_buf_append(&range->text, bytes);
    }
}

static void range_word(range_text *range, const char *word)
{
    range_append(range, copse_bytes_of_text(word));
}

/* Writes the value of `part`, which is one whole part. False: it is none, or NaN as a bound, which
 * is where numbers begin. */
static bool range_value(range_text *range, copse_bytes part, bool descending, bool is_bound)
{
    copse_order_decoded decoded;
    copse_buf_truncate(&range->value, 0);
    copse_status status = range->status == COPSE_OK
                              ? copse_order_show(part, descending, &range->value, &decoded, NULL)
                              : range->status;
    if (status != COPSE_OK) {
        range->status = status == COPSE_NOMEM ? status : range->status;
        return false;
    }
    copse_bytes item = {range->value.ptr + decoded.offset, decoded.size};
    copse_value value;
    if (is_bound && decoded.kind == COPSE_ORDER_VALUE && !decoded.cut &&
        copse_value_read(item, &value, NULL) == COPSE_OK && value.type == COPSE_VALUE_FLOAT &&
        value.real != value.real) {
        return false;
    }
    if (decoded.cut) {
        range_word(range, "(a long value)");
    } else if (decoded.kind == COPSE_ORDER_EMPTY_ARRAY) {
        range_word(range, "[]");
    } else if (decoded.kind == COPSE_ORDER_MISSING) {
        range_word(range, "null");
    } else {
        range->status = copse_ext_json_from_cbor(range->env, item, false, &range->text, NULL);
    }
    return true;
}

/* Writes a bound as `with` or `without` and the value: it begins with a part, or is the lowest key
 * above one. The end of a type is not shown. */
static bool range_bound(range_text *range, const char *path_word, const char *with,
                        const char *without, copse_bytes bound, bool descending)
{
    size_t offset = range->text.len;
    for (int after = 0; after < 2 && bound.len > 0; after++) {
        copse_buf_truncate(&range->part, 0);
        range->status =
            range->status == COPSE_OK ? copse_buf_append(&range->part, bound) : range->status;
        if (range->status != COPSE_OK) {
            return false;
        }
        range->part.ptr[range->part.len - 1] =
            (uint8_t)(range->part.ptr[range->part.len - 1] - after);
        range_word(range, path_word);
        range_word(range, after ? without : with);
        if (range_value(range, copse_buf_view(&range->part), descending, true)) {
            return true;
        }
        copse_buf_truncate(&range->text, offset);
    }
    return false;
}

/* The bounds of the last field, of which one may be missing. */
static void range_last(range_text *range, const copse_bytes ends[2], bool descending)
{
    bool low = descending ? range_bound(range, "", " > ", " >= ", ends[1], true)
                          : range_bound(range, "", " >= ", " > ", ends[0], false);
    const char *between = low ? " and" : "";
    bool high = descending ? range_bound(range, between, " <= ", " < ", ends[0], true)
                           : range_bound(range, between, " < ", " <= ", ends[1], false);
    if (!low && !high) {
        range_word(range, " of some types");
    }
}

static copse_bytes range_behind(copse_bytes bytes, size_t size)
{
    return bytes.len > size ? (copse_bytes){bytes.ptr + size, bytes.len - size}
                            : (copse_bytes){NULL, 0};
}

static void range_write(range_text *range, const copse_planned *planned, const copse_access *access,
                        const copse_key_range *keys, size_t prefix)
{
    const copse_index_definition *index = access->definition;
    copse_bytes ends[2] = {range_behind(keys->from, prefix), range_behind(keys->to, prefix)};
    for (size_t f = 0; f < access->fields_used; f++) {
        bool descending = index != NULL && index->fields[f].descending;
        copse_bytes rest = ends[0];
        range_word(range, f > 0 ? ", " : "");
        range_append(range,
                     index != NULL ? index->fields[f].path : planned->collection->primary_key);
        if (f < access->fields_equal && copse_order_skip(&rest, descending, NULL) == COPSE_OK) {
            size_t size = ends[0].len - rest.len;
            range_word(range, " = ");
            (void)range_value(range, (copse_bytes){ends[0].ptr, size}, descending, false);
            ends[0] = range_behind(ends[0], size);
            ends[1] = range_behind(ends[1], size);
        } else {
            range_last(range, ends, descending);
        }
    }
    if (access->fields_used == 0) {
        range_word(range, "all");
    }
}

/* What the keys of the access path begin with. */
static copse_status range_find_prefix(const copse_planned *planned, const copse_access *access,
                                      copse_buf *ret_prefix)
{
    return access->definition != NULL
               ? copse_buf_append(ret_prefix, copse_index_deriver_prefix(access->deriver))
               : copse_key_write_documents(ret_prefix, planned->collection->name);
}

copse_status copse_explain_range(const copse_planned *planned, const copse_access *access,
                                 size_t number, copse_buf *buf)
{
    const copse_env *env = planned->query->env;
    range_text range = {.env = env};
    copse_buf prefix;
    copse_buf_init(&range.text, env, SIZE_MAX);
    copse_buf_init(&range.value, env, SIZE_MAX);
    copse_buf_init(&range.part, env, SIZE_MAX);
    copse_buf_init(&prefix, env, SIZE_MAX);
    range.status = range_find_prefix(planned, access, &prefix);
    range_write(&range, planned, access, &access->scan.ranges[number], prefix.len);
    if (range.status == COPSE_OK) {
        range.status = copse_cbor_write_text(buf, copse_buf_view(&range.text));
    }
    copse_buf_release(&range.text);
    copse_buf_release(&range.value);
    copse_buf_release(&range.part);
    copse_buf_release(&prefix);
    return range.status;
}
