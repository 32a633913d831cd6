/* Values to look up by equality, and arrays: by their keys of order.h, so that it takes no longer
 * than sorting does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/order.h>

#include "base/err.h"
#include "expr/path.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"

bool copse_update_array_open(copse_bytes array, copse_bytes *ret_content, uint64_t *ret_count)
{
    copse_cbor_head head;
    if (!copse_path_is_array(array) ||
        !copse_cbor_head_read(array.ptr, array.ptr + array.len, &head)) {
        return false;
    }
    *ret_content = (copse_bytes){array.ptr + head.size, array.len - head.size};
    *ret_count = head.arg;
    return true;
}

/* ---- Sorting -------------------------------------------------------------------------------- */

/* Merges two sorted runs that stand one behind the other. */
static void update_entries_merge(const copse_update_entry *from, size_t middle, size_t count,
                                 copse_update_entry *to)
{
    size_t i = 0;
    size_t j = middle;
    for (size_t at = 0; at < count; at++) {
        bool first =
            j == count || (i < middle && copse_bytes_compare(from[i].key, from[j].key) <= 0);
        to[at] = from[first ? i++ : j++];
    }
}

void copse_update_entries_sort(copse_update_entry *entries, copse_update_entry *spare, size_t count)
{
    copse_update_entry *from = entries;
    copse_update_entry *to = spare;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t left = count - start;
            size_t size = left < 2 * run ? left : 2 * run;
            update_entries_merge(from + start, run < size ? run : size, size, to + start);
        }
        copse_update_entry *merged = to;
        to = from;
        from = merged;
    }
    if (from != entries) {
        memcpy(entries, from, count * sizeof *entries);
    }
}

/* ---- Values --------------------------------------------------------------------------------- */

static copse_status update_value_key(copse_bytes value, copse_buf *scratch, copse_bytes *ret_key,
                                     copse_err *err)
{
    copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = value};
    copse_buf_truncate(scratch, 0);
    copse_status status = copse_order_write(scratch, &part, err);
    *ret_key = copse_buf_view(scratch);
    return status;
}

static copse_status update_values_read(copse_update *update, copse_bytes content, uint64_t count,
                                       copse_update_entry *entries, copse_err *err)
{
    copse_cbor_reader reader;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, content);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        entries[i].order = i;
        status = copse_cbor_take(&reader, &entries[i].value, err);
        if (status == COPSE_OK) {
            status = update_value_key(entries[i].value, &update->scratch, &entries[i].key, err);
        }
        if (status == COPSE_OK) {
            entries[i].key = copse_arena_dup(&update->arena, entries[i].key);
            status = entries[i].key.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
        }
    }
    return status;
}

copse_status copse_update_values_new(copse_update *update, copse_bytes list, uint64_t count,
                                     const copse_update_values **ret_values, copse_err *err)
{
    const size_t size = 2 * sizeof(copse_update_entry); /* with one to spare */
    copse_update_values *values = copse_arena_alloc(&update->arena, sizeof *values);
    bool *marks = copse_arena_alloc(&update->arena, (size_t)count);
    copse_update_entry *entries =
        count <= SIZE_MAX / size ? copse_arena_alloc(&update->arena, (size_t)count * size) : NULL;
    if (values == NULL || entries == NULL || marks == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = update_values_read(update, list, count, entries, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_update_entries_sort(entries, entries + count, (size_t)count);
    *values = (copse_update_values){
        .entries = entries, .list = list, .list_count = count, .marks = marks};
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !copse_bytes_equal(entries[i].key, entries[values->count - 1].key)) {
            entries[values->count++] = entries[i];
        }
    }
    *ret_values = values;
    return COPSE_OK;
}

copse_status copse_update_values_find(const copse_update_values *values, copse_buf *scratch,
                                      copse_bytes value, size_t *ret_order, copse_err *err)
{
    copse_bytes key;
    size_t low = 0;
    size_t high = values->count;
    copse_status status = update_value_key(value, scratch, &key, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = copse_bytes_compare(values->entries[middle].key, key);
        if (order == 0) {
            *ret_order = values->entries[middle].order;
            return COPSE_OK;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return COPSE_NOT_FOUND;
}
