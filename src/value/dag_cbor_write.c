/* DAG-CBOR, writing: the shortest heads, the one order of keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "base/alloc.h"
#include "value/cid_parse.h"
#include "value/dag_cbor_inline.h"

/* Debug builds check what callers promise. */
enum { CBOR_WRITE_CHECKS = COPSE_ARENA_FORWARDS };

/* ---- Heads ---------------------------------------------------------------------------------- */

static size_t cbor_head_size(uint64_t arg)
{
    if (arg < 24) {
        return 1;
    }
    if (arg <= UINT8_MAX) {
        return 2;
    }
    if (arg <= UINT16_MAX) {
        return 3;
    }
    return arg <= UINT32_MAX ? 5 : 9;
}

/* Writes the head of `major` and `arg`, whose size is cbor_head_size(arg). */
static void cbor_put_head(uint8_t major, uint64_t arg, size_t size, uint8_t *ret_head)
{
    uint8_t type = (uint8_t)(major << 5);
    switch (size) {
    case 1:
        ret_head[0] = (uint8_t)(type | arg);
        break;
    case 2:
        ret_head[0] = type | 24;
        ret_head[1] = (uint8_t)arg;
        break;
    case 3:
        ret_head[0] = type | 25;
        copse_store_u16be(ret_head + 1, (uint16_t)arg);
        break;
    case 5:
        ret_head[0] = type | 26;
        copse_store_u32be(ret_head + 1, (uint32_t)arg);
        break;
    default:
        ret_head[0] = type | 27;
        copse_store_u64be(ret_head + 1, arg);
        break;
    }
}

size_t copse_cbor_head_store(uint8_t ret_head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX], uint8_t major,
                             uint64_t arg)
{
    size_t size = cbor_head_size(arg);
    cbor_put_head(major, arg, size, ret_head);
    return size;
}

/* Appends a head, then `content`. */
static copse_status cbor_append(copse_buf *buf, uint8_t major, uint64_t arg, copse_bytes content)
{
    size_t head_size = cbor_head_size(arg);
    if (content.len > SIZE_MAX - head_size) {
        return COPSE_LIMIT;
    }
    copse_status status = copse_buf_reserve(buf, head_size + content.len);
    if (status != COPSE_OK) {
        return status;
    }
    uint8_t *at = buf->ptr + buf->len;
    cbor_put_head(major, arg, head_size, at);
    if (content.len > 0) {
        memcpy(at + head_size, content.ptr, content.len);
    }
    buf->len += head_size + content.len;
    return COPSE_OK;
}

static copse_status cbor_append_head(copse_buf *buf, uint8_t major, uint64_t arg)
{
    return cbor_append(buf, major, arg, (copse_bytes){NULL, 0});
}

/* ---- Items ---------------------------------------------------------------------------------- */

copse_status copse_cbor_write_null(copse_buf *buf)
{
    return copse_buf_append_byte(buf, COPSE_CBOR_NIL);
}

copse_status copse_cbor_write_bool(copse_buf *buf, bool value)
{
    return copse_buf_append_byte(buf, value ? COPSE_CBOR_TRUE : COPSE_CBOR_FALSE);
}

copse_status copse_cbor_write_int(copse_buf *buf, int64_t value)
{
    return value < 0 ? copse_cbor_write_negative(buf, (uint64_t)(-1 - value))
                     : copse_cbor_write_uint(buf, (uint64_t)value);
}

copse_status copse_cbor_write_uint(copse_buf *buf, uint64_t value)
{
    return cbor_append_head(buf, COPSE_CBOR_MAJOR_UINT, value);
}

copse_status copse_cbor_write_negative(copse_buf *buf, uint64_t arg)
{
    return cbor_append_head(buf, COPSE_CBOR_MAJOR_NEGATIVE, arg);
}

copse_status copse_cbor_write_float(copse_buf *buf, double value)
{
    const uint64_t exponent = (uint64_t)0x7ff << 52;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & exponent) == exponent) {
        return COPSE_MISUSE;
    }
    uint8_t encoded[9] = {COPSE_CBOR_F64};
    copse_store_u64be(encoded + 1, bits);
    return copse_buf_append(buf, (copse_bytes){encoded, sizeof encoded});
}

copse_status copse_cbor_write_bytes(copse_buf *buf, copse_bytes bytes)
{
    return cbor_append(buf, COPSE_CBOR_MAJOR_BYTES, bytes.len, bytes);
}

copse_status copse_cbor_write_text(copse_buf *buf, copse_bytes text)
{
    if (!copse_utf8_valid(text)) {
        return COPSE_MISUSE;
    }
    return cbor_append(buf, COPSE_CBOR_MAJOR_TEXT, text.len, text);
}

copse_status copse_cbor_write_link(copse_buf *buf, copse_bytes cid)
{
    copse_cid_parts parts;
    size_t size = 0;
    if (copse_cid_parse(cid, &parts, &size, NULL) != COPSE_OK || size != cid.len) {
        return COPSE_MISUSE;
    }
    /* d8 2a, then the head of a byte string and its first byte, zero. */
    size_t head_size = cbor_head_size(cid.len + 1);
    size_t total = 2 + head_size + 1 + cid.len;
    copse_status status = copse_buf_reserve(buf, total);
    if (status != COPSE_OK) {
        return status;
    }
    uint8_t *at = buf->ptr + buf->len;
    at[0] = 0xd8;
    at[1] = COPSE_CBOR_TAG_LINK;
    cbor_put_head(COPSE_CBOR_MAJOR_BYTES, cid.len + 1, head_size, at + 2);
    at[2 + head_size] = 0;
    memcpy(at + 3 + head_size, cid.ptr, cid.len);
    buf->len += total;
    return COPSE_OK;
}

copse_status copse_cbor_write_array(copse_buf *buf, uint64_t count)
{
    return cbor_append_head(buf, COPSE_CBOR_MAJOR_ARRAY, count);
}

copse_status copse_cbor_write_map(copse_buf *buf, uint64_t count)
{
    return cbor_append_head(buf, COPSE_CBOR_MAJOR_MAP, count);
}

/* Whether `encoded` is strict DAG-CBOR, at any depth that Copse takes at all. */
static bool cbor_write_is_valid(copse_bytes encoded)
{
    const copse_limits limits = {.cbor_depth_max = COPSE_CBOR_DEPTH_MAX};
    return copse_dag_cbor_check(encoded, &limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK;
}

copse_status copse_cbor_write_encoded(copse_buf *buf, copse_bytes encoded)
{
    if (CBOR_WRITE_CHECKS && !cbor_write_is_valid(encoded)) {
        return COPSE_MISUSE;
    }
    return copse_buf_append(buf, encoded);
}

copse_status copse_cbor_write_item(copse_buf *buf, const copse_cbor_item *item)
{
    switch (item->kind) {
    case COPSE_CBOR_NULL:
        return copse_cbor_write_null(buf);
    case COPSE_CBOR_BOOL:
        return copse_cbor_write_bool(buf, item->boolean);
    case COPSE_CBOR_INT:
        return item->negative ? copse_cbor_write_negative(buf, item->arg)
                              : copse_cbor_write_uint(buf, item->arg);
    case COPSE_CBOR_FLOAT:
        return copse_cbor_write_float(buf, item->real);
    case COPSE_CBOR_BYTES:
        return copse_cbor_write_bytes(buf, item->bytes);
    case COPSE_CBOR_TEXT:
        return copse_cbor_write_text(buf, item->bytes);
    case COPSE_CBOR_LINK:
        return copse_cbor_write_link(buf, item->bytes);
    case COPSE_CBOR_ARRAY:
        return copse_cbor_write_array(buf, item->arg);
    case COPSE_CBOR_MAP:
        return copse_cbor_write_map(buf, item->arg);
    }
    return COPSE_MISUSE;
}

/* ---- Counts that come last ------------------------------------------------------------------ */

/* Puts a head before what was appended since `offset`, and in debug builds checks the whole. */
static copse_status cbor_finish(copse_buf *buf, size_t offset, uint8_t major, uint64_t count)
{
    size_t head_size = cbor_head_size(count);
    size_t size = buf->len - offset;
    copse_status status = copse_buf_reserve(buf, head_size);
    if (status != COPSE_OK) {
        return status;
    }
    uint8_t *content = buf->ptr + offset;
    memmove(content + head_size, content, size);
    cbor_put_head(major, count, head_size, content);
    if (CBOR_WRITE_CHECKS && !cbor_write_is_valid((copse_bytes){content, head_size + size})) {
        memmove(content, content + head_size, size);
        return COPSE_MISUSE;
    }
    buf->len += head_size;
    return COPSE_OK;
}

copse_status copse_cbor_finish_array(copse_buf *buf, size_t offset, uint64_t count)
{
    if (offset > buf->len || count > buf->len - offset) {
        return COPSE_MISUSE;
    }
    return cbor_finish(buf, offset, COPSE_CBOR_MAJOR_ARRAY, count);
}

/* Walks `count` pairs, which must fill `content`. Writes the offset of each key to `offsets` (NULL:
 * don't), and to `ret_sorted` whether the keys ascend. */
static copse_status cbor_walk_pairs(copse_bytes content, uint64_t count, uint32_t *offsets,
                                    bool *ret_sorted)
{
    const uint8_t *at = content.ptr;
    const uint8_t *end = at + content.len;
    const uint8_t *last = NULL;
    size_t last_size = 0;
    bool sorted = true;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *key = at;
        at = copse_cbor_item_skip(key, end);
        if (at == NULL || *key >> 5 != COPSE_CBOR_MAJOR_TEXT) {
            return COPSE_MISUSE;
        }
        size_t key_size = (size_t)(at - key);
        sorted =
            sorted && (i == 0 || copse_cbor_key_compare(last, last_size, key, key_size, end) < 0);
        last = key;
        last_size = key_size;
        if (offsets != NULL) {
            offsets[i] = (uint32_t)(key - content.ptr);
        }
        at = copse_cbor_item_skip(at, end);
        if (at == NULL) {
            return COPSE_MISUSE;
        }
    }
    *ret_sorted = sorted;
    return at == end ? COPSE_OK : COPSE_MISUSE;
}

/* Copies the pairs in the order of `offsets` from `source` to `ret_target`. */
static void cbor_copy_pairs(copse_bytes source, const uint32_t *offsets, size_t count,
                            uint8_t *ret_target)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pair = source.ptr + offsets[i];
        const uint8_t *end = source.ptr + source.len;
        size_t size = (size_t)(copse_cbor_item_skip(copse_cbor_item_skip(pair, end), end) - pair);
        memcpy(ret_target, pair, size);
        ret_target += size;
    }
}

/* Sorts the pairs in `content`, which lies in `buf`. */
static copse_status cbor_sort_pairs(const copse_buf *buf, uint8_t *content, size_t size,
                                    size_t count)
{
    copse_status status = COPSE_NOMEM;
    copse_bytes pairs = {content, size};
    uint32_t *offsets = copse_alloc_array(buf->env, count, sizeof *offsets);
    uint8_t *copy = copse_alloc(buf->env, size);
    if (offsets == NULL || copy == NULL) {
        goto done;
    }
    bool sorted = false;
    size_t equal = 0;
    status = cbor_walk_pairs(pairs, count, offsets, &sorted);
    if (status != COPSE_OK) {
        goto done;
    }
    copse_cbor_sort_keys(content, content + size, offsets, count);
    if (copse_cbor_find_equal_keys(content, content + size, offsets, count, &equal)) {
        status = COPSE_CORRUPT;
        goto done;
    }
    cbor_copy_pairs(pairs, offsets, count, copy);
    memcpy(content, copy, size);
done:
    copse_free(buf->env, copy, size);
    copse_free_array(buf->env, offsets, count, sizeof *offsets);
    return status;
}

copse_status copse_cbor_finish_map(copse_buf *buf, size_t offset, uint64_t count)
{
    if (offset > buf->len || count > (buf->len - offset) / 2) {
        return COPSE_MISUSE;
    }
    size_t size = buf->len - offset;
    if (count == 0) {
        return size == 0 ? copse_cbor_write_map(buf, 0) : COPSE_MISUSE;
    }
    bool sorted = false;
    copse_status status =
        cbor_walk_pairs((copse_bytes){buf->ptr + offset, size}, count, NULL, &sorted);
    if (status == COPSE_OK) {
        /* Room for the head first: after the sort nothing may fail. */
        status = copse_buf_reserve(buf, cbor_head_size(count));
    }
    if (status == COPSE_OK && !sorted) {
        status = size > UINT32_MAX ? COPSE_LIMIT
                                   : cbor_sort_pairs(buf, buf->ptr + offset, size, (size_t)count);
    }
    return status == COPSE_OK ? cbor_finish(buf, offset, COPSE_CBOR_MAJOR_MAP, count) : status;
}
