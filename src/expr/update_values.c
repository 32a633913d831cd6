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
                                       copse_keyed *entries, copse_err *err)
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
    const size_t size = 2 * sizeof(copse_keyed); /* with one to spare */
    copse_update_values *values = copse_arena_alloc(&update->arena, sizeof *values);
    bool *marks = copse_arena_alloc(&update->arena, (size_t)count);
    copse_keyed *entries =
        count <= SIZE_MAX / size ? copse_arena_alloc(&update->arena, (size_t)count * size) : NULL;
    if (values == NULL || entries == NULL || marks == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = update_values_read(update, list, count, entries, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_keyed_sort(entries, entries + count, (size_t)count);
    *values = (copse_update_values){.entries = entries,
                                    .count = copse_keyed_unique(entries, (size_t)count),
                                    .list = list,
                                    .list_count = count,
                                    .marks = marks};
    *ret_values = values;
    return COPSE_OK;
}

copse_status copse_update_values_find(const copse_update_values *values, copse_buf *scratch,
                                      copse_bytes value, size_t *ret_order, copse_err *err)
{
    copse_bytes key;
    copse_status status = update_value_key(value, scratch, &key, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_keyed *found = copse_keyed_find(values->entries, values->count, key);
    if (found == NULL) {
        return COPSE_NOT_FOUND;
    }
    *ret_order = found->order;
    return COPSE_OK;
}
