/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/cbor_map.h"

bool copse_cbor_map_enter(copse_cbor_reader *reader, uint64_t count)
{
    copse_cbor_item map;
    return copse_cbor_map_item(reader, COPSE_CBOR_MAP, &map) && map.arg == count;
}

bool copse_cbor_map_take(copse_cbor_reader *reader, const char *name, copse_bytes *ret_value)
{
    return copse_cbor_map_has(reader, name) && copse_cbor_take(reader, ret_value, NULL) == COPSE_OK;
}

bool copse_cbor_map_has(copse_cbor_reader *reader, const char *name)
{
    copse_cbor_reader ahead = *reader;
    copse_cbor_item key;
    if (!copse_cbor_map_item(&ahead, COPSE_CBOR_TEXT, &key) ||
        !copse_bytes_equal(key.bytes, copse_bytes_of_text(name))) {
        return false;
    }
    *reader = ahead;
    return true;
}

bool copse_cbor_map_item(copse_cbor_reader *reader, copse_cbor_kind kind, copse_cbor_item *ret_item)
{
    return copse_cbor_next(reader, ret_item, NULL) == COPSE_OK && ret_item->kind == kind;
}

bool copse_cbor_map_uint(copse_cbor_reader *reader, uint64_t *ret_value)
{
    copse_cbor_item item;
    if (!copse_cbor_map_item(reader, COPSE_CBOR_INT, &item) || item.negative) {
        return false;
    }
    *ret_value = item.arg;
    return true;
}

bool copse_cbor_map_link(copse_cbor_reader *reader, copse_cid *ret_cid)
{
    copse_cbor_item item;
    return copse_cbor_map_item(reader, COPSE_CBOR_LINK, &item) &&
           copse_cid_from_bytes(item.bytes, ret_cid, NULL) == COPSE_OK;
}

bool copse_cbor_map_links(copse_cbor_reader *reader, size_t count_max, copse_cid *ret_cids,
                          size_t *ret_count)
{
    copse_cbor_item item;
    if (!copse_cbor_map_item(reader, COPSE_CBOR_ARRAY, &item) || item.arg > count_max) {
        return false;
    }
    *ret_count = (size_t)item.arg;
    for (size_t i = 0; i < *ret_count; i++) {
        if (!copse_cbor_map_link(reader, &ret_cids[i])) {
            return false;
        }
    }
    return true;
}
