/* Reading index entries.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "index/deriver.h"

#include <copse/dag_cbor.h>

static copse_status entry_strip(const copse_index_deriver *deriver, copse_bytes key,
                                copse_bytes *ret_parts, copse_err *err)
{
    if (!copse_bytes_has_prefix(key, deriver->prefix)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not an entry of the index %.*s",
                         (int)deriver->definition.name.len,
                         (const char *)deriver->definition.name.ptr);
    }
    *ret_parts = (copse_bytes){key.ptr + deriver->prefix.len, key.len - deriver->prefix.len};
    return COPSE_OK;
}

static copse_status entry_read_value(const copse_index_deriver *deriver, copse_bytes value,
                                     copse_index_entry *entry, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, err);
    bool known = false;
    if (status == COPSE_OK) {
        switch (item.kind) {
        case COPSE_CBOR_NULL:
            known = deriver->include == NULL;
            break;
        case COPSE_CBOR_MAP:
            known = deriver->include != NULL;
            entry->include = value;
            break;
        case COPSE_CBOR_LINK:
            known = deriver->definition.link;
            entry->link = item.bytes;
            break;
        default:
            break;
        }
    }
    return known ? COPSE_OK
                 : COPSE_ERR(err, COPSE_CORRUPT,
                             "an entry of the index %.*s has a value that its definition does not "
                             "make",
                             (int)deriver->definition.name.len,
                             (const char *)deriver->definition.name.ptr);
}

copse_status copse_index_entry_decode_key(const copse_index_deriver *deriver, copse_bytes key,
                                          copse_buf *buf,
                                          copse_order_decoded ret_parts[COPSE_ORDER_PARTS_MAX],
                                          copse_err *err)
{
    copse_bytes parts;
    copse_status status = entry_strip(deriver, key, &parts, err);
    if (status == COPSE_OK) {
        status = copse_order_decode(parts, deriver->descending, copse_deriver_last(deriver) + 1,
                                    buf, ret_parts, err);
    }
    return status;
}

copse_status copse_index_entry_read(const copse_index_deriver *deriver, copse_bytes key,
                                    copse_bytes value, copse_index_entry *ret_entry, copse_err *err)
{
    copse_bytes rest = {NULL, 0};
    ret_entry->include = (copse_bytes){NULL, 0};
    ret_entry->link = (copse_bytes){NULL, 0};
    copse_status status = entry_read_value(deriver, value, ret_entry, err);
    if (status == COPSE_OK) {
        status = entry_strip(deriver, key, &rest, err);
    }
    for (size_t i = 0; status == COPSE_OK && i <= copse_deriver_last(deriver); i++) {
        const uint8_t *start = rest.ptr;
        status = copse_order_skip(&rest, deriver->descending[i], err);
        ret_entry->parts[i] = (copse_bytes){start, (size_t)(rest.ptr - start)};
    }
    ret_entry->trailer = rest;
    return status;
}

copse_status copse_index_entry_split(const copse_index_deriver *deriver, copse_bytes key,
                                     copse_bytes *ret_unique, copse_bytes *ret_primary,
                                     copse_err *err)
{
    copse_bytes rest;
    copse_status status = entry_strip(deriver, key, &rest, err);
    for (size_t i = 0; i < copse_deriver_last(deriver) && status == COPSE_OK; i++) {
        status = copse_order_skip(&rest, deriver->descending[i], err);
    }
    copse_bytes primary = rest;
    if (status == COPSE_OK) {
        status = copse_order_skip(&rest, deriver->descending[copse_deriver_last(deriver)], err);
    }
    if (status == COPSE_OK) {
        *ret_unique = (copse_bytes){key.ptr, (size_t)(primary.ptr - key.ptr)};
        *ret_primary = (copse_bytes){primary.ptr, primary.len - rest.len};
    }
    return status;
}

copse_status copse_index_entry_primary(const copse_index_deriver *deriver, copse_bytes key,
                                       copse_buf *buf, copse_err *err)
{
    copse_bytes unique;
    copse_bytes primary;
    size_t offset = buf->len;
    copse_status status = copse_index_entry_split(deriver, key, &unique, &primary, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_buf_append(buf, primary);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for a primary key");
    }
    for (size_t i = offset; deriver->descending[copse_deriver_last(deriver)] && i < buf->len; i++) {
        buf->ptr[i] = (uint8_t)~buf->ptr[i];
    }
    return COPSE_OK;
}
