/* DAG-CBOR, reading: items in the order of their bytes, lent in place.
 *
 * The bytes were checked before, by copse_dag_cbor_check or as part of a node. So nothing here
 * looks at UTF-8, the order of keys, CIDs or depth; but every size is compared with the end of the
 * input, and a mistake elsewhere becomes CORRUPT instead of a stray read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "base/err.h"
#include "value/dag_cbor_inline.h"

void copse_cbor_reader_init(copse_cbor_reader *reader, copse_bytes input)
{
    *reader = (copse_cbor_reader){
        .start = input.ptr,
        .at = input.ptr,
        .end = input.len > 0 ? input.ptr + input.len : input.ptr,
        .sorted = true,
    };
}

void copse_cbor_reader_init_lax(copse_cbor_reader *reader, copse_bytes input)
{
    copse_cbor_reader_init(reader, input);
    reader->sorted = false;
}

copse_status copse_cbor_reader_init_untrusted(copse_cbor_reader *reader, copse_bytes input,
                                              const copse_limits *limits, copse_cbor_mode mode,
                                              copse_err *err)
{
    copse_status status = copse_dag_cbor_check(input, limits, mode, err);
    if (status == COPSE_OK) {
        copse_cbor_reader_init(reader, input);
        reader->sorted = mode == COPSE_CBOR_STRICT;
    }
    return status;
}

static COPSE_NOINLINE copse_status cbor_reader_fail(const copse_cbor_reader *reader, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "dag-cbor: byte %zu: not an item",
                     (size_t)(reader->at - reader->start));
}

/* ---- Items ---------------------------------------------------------------------------------- */

/* The value of a float of 16 bits: sign 1, exponent 5, fraction 10. */
static double cbor_float_of_16(uint64_t bits)
{
    uint64_t sign = bits >> 15 << 63;
    uint64_t exponent = bits >> 10 & 0x1f;
    uint64_t fraction = bits & 0x3ff;
    if (exponent == 0) {
        double real = (double)fraction * (1.0 / (1 << 24));
        return sign != 0 ? -real : real;
    }
    uint64_t wide = exponent == 0x1f ? 0x7ff : exponent - 15 + 1023;
    uint64_t bits64 = sign | wide << 52 | fraction << 42;
    double real;
    memcpy(&real, &bits64, sizeof real);
    return real;
}

static double cbor_float_of_32(uint64_t bits)
{
    uint32_t bits32 = (uint32_t)bits;
    float real;
    memcpy(&real, &bits32, sizeof real);
    return (double)real;
}

static double cbor_float_of_64(uint64_t bits)
{
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* An item of major type 7, whose first byte is `first`. */
static bool cbor_read_simple(uint8_t first, uint64_t arg, copse_cbor_item *item)
{
    switch (first) {
    case COPSE_CBOR_FALSE:
    case COPSE_CBOR_TRUE:
        item->kind = COPSE_CBOR_BOOL;
        item->boolean = first == COPSE_CBOR_TRUE;
        return true;
    case COPSE_CBOR_NIL:
    case COPSE_CBOR_UNDEFINED:
        item->kind = COPSE_CBOR_NULL;
        return true;
    case COPSE_CBOR_F16:
        item->kind = COPSE_CBOR_FLOAT;
        item->real = cbor_float_of_16(arg);
        return true;
    case COPSE_CBOR_F32:
        item->kind = COPSE_CBOR_FLOAT;
        item->real = cbor_float_of_32(arg);
        return true;
    case COPSE_CBOR_F64:
        item->kind = COPSE_CBOR_FLOAT;
        item->real = cbor_float_of_64(arg);
        return true;
    default:
        return false;
    }
}

/* The content of a byte string or text whose head has been read. Returns its end, or NULL. */
static const uint8_t *cbor_read_string(const uint8_t *at, const uint8_t *end,
                                       const copse_cbor_head *head, copse_bytes *ret_content)
{
    const uint8_t *content = at + head->size;
    if (head->arg > (size_t)(end - content)) {
        return NULL;
    }
    *ret_content = (copse_bytes){content, (size_t)head->arg};
    return content + head->arg;
}

/* The byte string of a link, behind its tag. */
static const uint8_t *cbor_read_link(const uint8_t *at, const uint8_t *end,
                                     copse_bytes *ret_content)
{
    copse_cbor_head head;
    copse_bytes content;
    if (!copse_cbor_head_read(at, end, &head) || head.major != COPSE_CBOR_MAJOR_BYTES) {
        return NULL;
    }
    const uint8_t *next = cbor_read_string(at, end, &head, &content);
    if (next == NULL || content.len == 0 || content.ptr[0] != 0) {
        return NULL;
    }
    *ret_content = (copse_bytes){content.ptr + 1, content.len - 1};
    return next;
}

/* Reads the item or head at `at`; returns its end, or NULL. `item` is zeroed. */
static const uint8_t *cbor_read_item(const uint8_t *at, const uint8_t *end, copse_cbor_item *item)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(at, end, &head)) {
        return NULL;
    }
    const uint8_t *next = at + head.size;
    switch (head.major) {
    case COPSE_CBOR_MAJOR_UINT:
    case COPSE_CBOR_MAJOR_NEGATIVE:
        item->kind = COPSE_CBOR_INT;
        item->negative = head.major == COPSE_CBOR_MAJOR_NEGATIVE;
        item->arg = head.arg;
        return next;
    case COPSE_CBOR_MAJOR_BYTES:
        item->kind = COPSE_CBOR_BYTES;
        return cbor_read_string(at, end, &head, &item->bytes);
    case COPSE_CBOR_MAJOR_TEXT:
        item->kind = COPSE_CBOR_TEXT;
        return cbor_read_string(at, end, &head, &item->bytes);
    case COPSE_CBOR_MAJOR_ARRAY:
        item->kind = COPSE_CBOR_ARRAY;
        item->arg = head.arg;
        return head.arg <= (size_t)(end - next) ? next : NULL;
    case COPSE_CBOR_MAJOR_MAP:
        item->kind = COPSE_CBOR_MAP;
        item->arg = head.arg;
        return head.arg <= (size_t)(end - next) / 2 ? next : NULL;
    case COPSE_CBOR_MAJOR_TAG:
        item->kind = COPSE_CBOR_LINK;
        return head.arg == COPSE_CBOR_TAG_LINK ? cbor_read_link(next, end, &item->bytes) : NULL;
    default:
        return cbor_read_simple(*at, head.arg, item) ? next : NULL;
    }
}

copse_status copse_cbor_next(copse_cbor_reader *reader, copse_cbor_item *ret_item, copse_err *err)
{
    if (reader->at == reader->end) {
        return COPSE_END;
    }
    copse_cbor_item item = {0};
    const uint8_t *next = cbor_read_item(reader->at, reader->end, &item);
    if (COPSE_UNLIKELY(next == NULL)) {
        return cbor_reader_fail(reader, err);
    }
    *ret_item = item;
    reader->at = next;
    return COPSE_OK;
}

copse_status copse_cbor_item_int64(const copse_cbor_item *item, int64_t *ret_value)
{
    if (item->kind != COPSE_CBOR_INT) {
        return COPSE_MISUSE;
    }
    if (item->arg > INT64_MAX) {
        return COPSE_LIMIT;
    }
    *ret_value = item->negative ? -1 - (int64_t)item->arg : (int64_t)item->arg;
    return COPSE_OK;
}

/* ---- Moving over items ---------------------------------------------------------------------- */

const uint8_t *copse_cbor_item_skip(const uint8_t *at, const uint8_t *end)
{
    if (at == NULL) {
        return NULL;
    }
    uint64_t owed = 1; /* items still to pass */
    while (owed > 0) {
        if (at < end && (*at & 0xdf) < 0x18) {
            at++;
            owed--;
            continue;
        }
        copse_cbor_head head;
        if (!copse_cbor_head_read(at, end, &head)) {
            return NULL;
        }
        at += head.size;
        owed--;
        size_t left = (size_t)(end - at);
        if (head.major == COPSE_CBOR_MAJOR_BYTES || head.major == COPSE_CBOR_MAJOR_TEXT) {
            if (head.arg > left) {
                return NULL;
            }
            at += head.arg;
        } else if (head.major == COPSE_CBOR_MAJOR_ARRAY || head.major == COPSE_CBOR_MAJOR_MAP) {
            /* An item takes a byte at least, so that `owed` can't grow past the input. */
            if (head.arg > left || owed > left) {
                return NULL;
            }
            owed += head.major == COPSE_CBOR_MAJOR_MAP ? 2 * head.arg : head.arg;
        } else if (head.major == COPSE_CBOR_MAJOR_TAG) {
            owed++;
        }
    }
    return at;
}

copse_status copse_cbor_skip(copse_cbor_reader *reader, copse_err *err)
{
    copse_bytes encoded;
    return copse_cbor_take(reader, &encoded, err);
}

copse_status copse_cbor_take(copse_cbor_reader *reader, copse_bytes *ret_encoded, copse_err *err)
{
    if (reader->at == reader->end) {
        return COPSE_END;
    }
    const uint8_t *next = copse_cbor_item_skip(reader->at, reader->end);
    if (next == NULL) {
        return cbor_reader_fail(reader, err);
    }
    *ret_encoded = (copse_bytes){reader->at, (size_t)(next - reader->at)};
    reader->at = next;
    return COPSE_OK;
}

/* ---- Searching ------------------------------------------------------------------------------ */

/* Reads the head of a container of `kind`. NOT_FOUND: something else is there. */
static copse_status cbor_find_head(copse_cbor_reader *reader, copse_cbor_kind kind,
                                   uint64_t *ret_count, copse_err *err)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (item.kind != kind) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "not %s",
                         kind == COPSE_CBOR_MAP ? "a map" : "an array");
    }
    *ret_count = item.arg;
    return COPSE_OK;
}

copse_status copse_cbor_find_key(copse_cbor_reader *reader, copse_bytes key, copse_err *err)
{
    copse_cbor_reader walk = *reader;
    uint64_t count = 0;
    copse_status status = cbor_find_head(&walk, COPSE_CBOR_MAP, &count, err);
    for (; status == COPSE_OK && count > 0; count--) {
        copse_cbor_head head;
        copse_bytes found;
        const uint8_t *next = NULL;
        if (copse_cbor_head_read(walk.at, walk.end, &head) && head.major == COPSE_CBOR_MAJOR_TEXT) {
            next = cbor_read_string(walk.at, walk.end, &head, &found);
        }
        if (next == NULL) {
            return cbor_reader_fail(&walk, err);
        }
        walk.at = next;
        int order = copse_cbor_key_order(found, key);
        if (order == 0) {
            *reader = walk;
            return COPSE_OK;
        }
        if (order > 0 && walk.sorted) {
            break;
        }
        status = copse_cbor_skip(&walk, err);
    }
    if (status == COPSE_OK) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "no such key");
    }
    return status;
}

copse_status copse_cbor_find_index(copse_cbor_reader *reader, uint64_t index, copse_err *err)
{
    copse_cbor_reader walk = *reader;
    uint64_t count = 0;
    copse_status status = cbor_find_head(&walk, COPSE_CBOR_ARRAY, &count, err);
    if (status == COPSE_OK && index >= count) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "element %llu of %llu", (unsigned long long)index,
                         (unsigned long long)count);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < index; i++) {
        status = copse_cbor_skip(&walk, err);
    }
    if (status == COPSE_OK) {
        *reader = walk;
    }
    return status;
}
