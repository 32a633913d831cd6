/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/cbor_map.h"

bool copse_cbor_map_enter(copse_cbor_reader *reader, uint64_t count)
{
    copse_cbor_item map;
    return copse_cbor_next(reader, &map, NULL) == COPSE_OK && map.kind == COPSE_CBOR_MAP &&
           map.arg == count;
}

bool copse_cbor_map_take(copse_cbor_reader *reader, const char *name, copse_bytes *ret_value)
{
    copse_cbor_item key;
    return copse_cbor_next(reader, &key, NULL) == COPSE_OK && key.kind == COPSE_CBOR_TEXT &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text(name)) &&
           copse_cbor_take(reader, ret_value, NULL) == COPSE_OK;
}
