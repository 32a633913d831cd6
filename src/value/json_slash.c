/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/json_slash.h"

#include <copse/cid.h>
#include <copse/dag_cbor.h>

#include "value/multibase.h"

/* A key of a map and what is known of it. */
typedef struct json_slash_key {
    bool found;
    bool least; /* no key comes before it in canonical text */
    uint64_t count;
    copse_cbor_item value; /* of an array or map the head */
    copse_bytes encoded;   /* the value */
} json_slash_key;

static bool json_slash_before(copse_bytes a, copse_bytes b, copse_json_order order)
{
    if (order == COPSE_JSON_SHORTEST_FIRST && a.len != b.len) {
        return a.len < b.len;
    }
    return copse_bytes_compare(a, b) < 0;
}

/* Looks up a key of a map, which is strict DAG-CBOR. */
static json_slash_key json_slash_find(copse_bytes map, const char *name, copse_json_order order)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {0};
    copse_bytes wanted = copse_bytes_of_text(name);
    json_slash_key key = {.least = true};
    copse_cbor_reader_init(&reader, map);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_MAP) {
        return key;
    }
    key.count = item.arg;
    for (uint64_t i = 0; i < key.count; i++) {
        copse_bytes encoded;
        if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK ||
            copse_cbor_take(&reader, &encoded, NULL) != COPSE_OK) {
            break;
        }
        if (copse_bytes_equal(item.bytes, wanted)) {
            copse_cbor_reader value;
            copse_cbor_reader_init(&value, encoded);
            key.found = copse_cbor_next(&value, &key.value, NULL) == COPSE_OK;
            key.encoded = encoded;
        } else if (json_slash_before(item.bytes, wanted, order)) {
            key.least = false;
        }
    }
    return key;
}

copse_json_slash copse_json_slash_read(copse_bytes map, copse_json_order order, bool slash_first,
                                       bool bytes_first, copse_bytes *ret_text)
{
    json_slash_key slash = json_slash_find(map, "/", order);
    if (!slash.found || (!slash_first && !slash.least)) {
        return COPSE_JSON_SLASH_NONE;
    }
    if (slash.value.kind == COPSE_CBOR_TEXT) {
        *ret_text = slash.value.bytes;
        return slash.count == 1 ? COPSE_JSON_SLASH_LINK : COPSE_JSON_SLASH_MIXED;
    }
    json_slash_key bytes = json_slash_find(slash.encoded, "bytes", order);
    if (!bytes.found || bytes.value.kind != COPSE_CBOR_TEXT || (!bytes_first && !bytes.least)) {
        return COPSE_JSON_SLASH_NONE;
    }
    *ret_text = bytes.value.bytes;
    return slash.count == 1 && bytes.count == 1 ? COPSE_JSON_SLASH_BYTES : COPSE_JSON_SLASH_MIXED;
}

static copse_status json_slash_make_link(copse_json_builder *builder, size_t offset,
                                         copse_bytes text)
{
    copse_cid cid;
    copse_err reason = {0};
    copse_status status = copse_cid_from_text(text, &cid, &reason);
    if (status != COPSE_OK) {
        return copse_json_build_fail(builder, status, "the link that ends here: %.120s",
                                     reason.message);
    }
    copse_buf_truncate(builder->buf, offset);
    return copse_json_build_wrote(
        builder, copse_cbor_write_link(builder->buf, (copse_bytes){cid.bytes, cid.size}));
}

static copse_status json_slash_make_bytes(copse_json_builder *builder, size_t offset,
                                          copse_bytes text)
{
    copse_buf_truncate(&builder->scratch, 0);
    size_t size = copse_base64_bytes_size(text.len);
    copse_status status = copse_buf_reserve(&builder->scratch, size + 1);
    if (status != COPSE_OK) {
        return copse_json_build_wrote(builder, status);
    }
    if (copse_base64_decode(text, builder->scratch.ptr) != COPSE_OK) {
        return copse_json_build_fail(builder, COPSE_CORRUPT,
                                     "the bytes that end here are not base64 without padding");
    }
    copse_buf_truncate(builder->buf, offset);
    return copse_json_build_wrote(
        builder, copse_cbor_write_bytes(builder->buf, (copse_bytes){builder->scratch.ptr, size}));
}

copse_status copse_json_slash_replace(copse_json_builder *builder, const copse_json_map *map,
                                      copse_json_order order, bool *ret_replaced)
{
    copse_bytes text = {0};
    copse_bytes encoded = {builder->buf->ptr + map->offset, builder->buf->len - map->offset};
    bool slash_first = copse_bytes_equal(map->lead, copse_bytes_of_text("/"));
    copse_json_slash slash =
        copse_json_slash_read(encoded, order, slash_first, map->bytes_first, &text);
    *ret_replaced = slash != COPSE_JSON_SLASH_NONE;
    switch (slash) {
    case COPSE_JSON_SLASH_NONE:
        break;
    case COPSE_JSON_SLASH_LINK:
        return json_slash_make_link(builder, map->offset, text);
    case COPSE_JSON_SLASH_BYTES:
        return json_slash_make_bytes(builder, map->offset, text);
    case COPSE_JSON_SLASH_MIXED:
        return copse_json_build_fail(builder, COPSE_CORRUPT,
                                     "the map that ends here begins like a link or bytes (\"/\") "
                                     "but has other keys: rename the key \"/\"");
    }
    return COPSE_OK;
}
