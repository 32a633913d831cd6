/* Order keys, writing parts. What their bytes are, and why they sort: order_codes.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/order.h>

#include "base/err.h"
#include "base/loadstore.h"
#include "crypto/hash.h"
#include "value/order_codes.h"
#include "value/value_form.h"
#include "value/value_number.h"

#include <string.h>

/* One part in the making. */
typedef struct order_writer {
    copse_buf *buf;
    size_t start; /* of the part */
    bool primary; /* a key of a document: some types are refused */
    bool may_cut;
    bool cut; /* `hash` has all that was written; the buf ends behind what is kept */
    copse_sha2_256_stream hash;
} order_writer;

static copse_status order_write_next(order_writer *writer, copse_cbor_reader *reader,
                                     size_t depth_left, copse_err *err);

/* ---- Bytes ---------------------------------------------------------------------------------- */

static void order_begin_cut(order_writer *writer)
{
    copse_buf *buf = writer->buf;
    copse_sha2_256_init(&writer->hash);
    copse_sha2_256_update(&writer->hash,
                          (copse_bytes){buf->ptr + writer->start, buf->len - writer->start});
    writer->cut = true;
}

/* Fills up what is kept of a part that has turned out to be too long. */
static copse_status order_put_cut(order_writer *writer, copse_bytes bytes)
{
    copse_buf *buf = writer->buf;
    if (!writer->cut) {
        order_begin_cut(writer);
    }
    copse_sha2_256_update(&writer->hash, bytes);
    size_t size = buf->len - writer->start;
    if (size >= COPSE_ORDER_PART_CUT_SIZE_BYTES) {
        copse_buf_truncate(buf, writer->start + COPSE_ORDER_PART_CUT_SIZE_BYTES);
        return COPSE_OK;
    }
    size_t room = COPSE_ORDER_PART_CUT_SIZE_BYTES - size;
    bytes.len = bytes.len < room ? bytes.len : room;
    return copse_buf_append(buf, bytes);
}

/* Whether `size` bytes can be appended without a cut. */
static bool order_fits(const order_writer *writer, size_t size)
{
    size_t before = writer->buf->len - writer->start;
    return !writer->may_cut || (!writer->cut && size <= COPSE_ORDER_CUT_ABOVE_BYTES - before);
}

static copse_status order_put(order_writer *writer, copse_bytes bytes)
{
    return COPSE_LIKELY(order_fits(writer, bytes.len)) ? copse_buf_append(writer->buf, bytes)
                                                       : order_put_cut(writer, bytes);
}

static copse_status order_put_byte(order_writer *writer, uint8_t byte)
{
    return order_put(writer, (copse_bytes){&byte, 1});
}

/* ---- Values that hold no others ------------------------------------------------------------- */

/* The number of bytes at the start of `text` that stand for themselves. */
static size_t order_plain_run(const uint8_t *text, size_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    while (size - at >= 8) {
        uint64_t bytes = copse_load_u64le(text + at);
        /* Exactly if a byte is below 2, some byte of this has its highest bit. */
        if (((bytes - 2 * ones) & ~bytes & (ones << 7)) != 0) {
            break;
        }
        at += 8;
    }
    while (at < size && text[at] > COPSE_ORDER_ESCAPE) {
        at++;
    }
    return at;
}

static copse_status order_put_text(order_writer *writer, copse_bytes text)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && text.len > 0) {
        size_t run = order_plain_run(text.ptr, text.len);
        status = order_put(writer, (copse_bytes){text.ptr, run});
        text = (copse_bytes){text.ptr + run, text.len - run};
        if (status == COPSE_OK && text.len > 0) {
            const uint8_t escaped[2] = {COPSE_ORDER_ESCAPE, (uint8_t)(text.ptr[0] + 1)};
            status = order_put(writer, (copse_bytes){escaped, sizeof escaped});
            text = (copse_bytes){text.ptr + 1, text.len - 1};
        }
    }
    return status == COPSE_OK ? order_put_byte(writer, COPSE_ORDER_END) : status;
}

/* Writes the groups of a fraction and returns their number. */
static size_t order_store_groups(copse_u128 fraction, uint8_t *ret_groups)
{
    size_t count = 0;
    uint64_t upper = (uint64_t)(fraction >> 64);
    if ((uint64_t)fraction == 0) { /* integers and floats */
        do {
            uint8_t group = (uint8_t)(upper >> 57);
            upper <<= 7;
            ret_groups[count++] = (uint8_t)(group << 1 | (upper != 0));
        } while (upper != 0);
        return count;
    }
    do {
        uint8_t group = (uint8_t)(fraction >> 121);
        fraction <<= 7;
        ret_groups[count++] = (uint8_t)(group << 1 | (fraction != 0));
    } while (fraction != 0 && count < COPSE_ORDER_GROUPS_MAX);
    return count;
}

static copse_status order_put_number(order_writer *writer, const copse_number *number)
{
    static const uint8_t codes[] = {
        [COPSE_NUMBER_NAN] = COPSE_ORDER_NAN,
        [COPSE_NUMBER_INFINITE_NEGATIVE] = COPSE_ORDER_INFINITE_NEGATIVE,
        [COPSE_NUMBER_ZERO] = COPSE_ORDER_ZERO,
        [COPSE_NUMBER_INFINITE] = COPSE_ORDER_INFINITE,
    };
    uint8_t bytes[COPSE_ORDER_NUMBER_SIZE_MAX];
    size_t size = 1;
    int32_t exponent = number->exponent;
    if (number->kind != COPSE_NUMBER_NEGATIVE && number->kind != COPSE_NUMBER_POSITIVE) {
        return order_put_byte(writer, codes[number->kind]);
    }
    if (exponent >= COPSE_ORDER_EXPONENT_MIN && exponent <= COPSE_ORDER_EXPONENT_MAX) {
        bytes[0] = (uint8_t)(COPSE_ORDER_POSITIVE + exponent - COPSE_ORDER_EXPONENT_MIN);
    } else {
        bool large = exponent > 0;
        bytes[0] = large ? COPSE_ORDER_POSITIVE_LARGE : COPSE_ORDER_POSITIVE_SMALL;
        copse_store_u16be(bytes + 1, (uint16_t)(large ? exponent : exponent + 0x8000));
        size = 3;
    }
    size += order_store_groups(number->fraction, bytes + size);
    if (number->kind == COPSE_NUMBER_NEGATIVE) {
        bytes[0] = copse_order_negated(bytes[0]);
        for (size_t i = 1; i < size; i++) {
            bytes[i] = (uint8_t)~bytes[i];
        }
    }
    return order_put(writer, (copse_bytes){bytes, size});
}

static copse_status order_put_u64(order_writer *writer, uint8_t code, uint64_t value)
{
    uint8_t bytes[9] = {code};
    copse_store_u64be(bytes + 1, value);
    return order_put(writer, (copse_bytes){bytes, sizeof bytes});
}

/* A first byte and a size. */
static copse_status order_put_size(order_writer *writer, uint8_t code, uint64_t size)
{
    uint8_t bytes[10] = {code, (uint8_t)size};
    if (size <= COPSE_ORDER_SIZE_ONE_BYTE_MAX) {
        return order_put(writer, (copse_bytes){bytes, 2});
    }
    size_t count = (size_t)(71 - COPSE_LEADING_ZEROS(size)) / 8;
    bytes[1] = (uint8_t)(COPSE_ORDER_SIZE_ONE_BYTE_MAX + count);
    for (size_t i = 0; i < count; i++) {
        bytes[2 + i] = (uint8_t)(size >> (8 * (count - 1 - i)));
    }
    return order_put(writer, (copse_bytes){bytes, 2 + count});
}

static copse_status order_put_binary(order_writer *writer, const copse_value *value)
{
    copse_status status = order_put_size(writer, COPSE_ORDER_BINARY, value->bytes.len);
    if (status == COPSE_OK) {
        status = order_put_byte(writer, value->subtype);
    }
    return status == COPSE_OK ? order_put(writer, value->bytes) : status;
}

static copse_status order_put_link(order_writer *writer, copse_bytes cid)
{
    copse_status status = order_put_size(writer, COPSE_ORDER_LINK, cid.len);
    return status == COPSE_OK ? order_put(writer, cid) : status;
}

/* Of a digit in lower case: letters have bit 6. */
static unsigned order_nibble(uint8_t digit)
{
    return (digit & 0xfu) + 9u * (digit >> 6);
}

static copse_status order_put_object_id(order_writer *writer, copse_bytes digits)
{
    uint8_t bytes[13] = {COPSE_ORDER_OBJECT_ID};
    for (size_t i = 0; i < 12; i++) {
        const uint8_t *pair = digits.ptr + 2 * i;
        bytes[1 + i] = (uint8_t)(order_nibble(pair[0]) << 4 | order_nibble(pair[1]));
    }
    return order_put(writer, (copse_bytes){bytes, sizeof bytes});
}

static copse_status order_put_coded_text(order_writer *writer, uint8_t code, copse_bytes text)
{
    copse_buf *buf = writer->buf;
    copse_status status;
    if (COPSE_UNLIKELY(!order_fits(writer, text.len + 2) ||
                       order_plain_run(text.ptr, text.len) < text.len)) {
        status = order_put_byte(writer, code);
        return status == COPSE_OK ? order_put_text(writer, text) : status;
    }
    status = copse_buf_reserve(buf, text.len + 2);
    if (status == COPSE_OK) {
        uint8_t *at = buf->ptr + buf->len;
        at[0] = code;
        memcpy(at + 1, text.ptr, text.len);
        at[1 + text.len] = COPSE_ORDER_END;
        buf->len += text.len + 2;
    }
    return status;
}

static copse_status order_put_regex(order_writer *writer, const copse_value *value)
{
    copse_status status = order_put_coded_text(writer, COPSE_ORDER_REGEX, value->bytes);
    return status == COPSE_OK ? order_put_text(writer, value->options) : status;
}

static copse_status order_put_scalar(order_writer *writer, const copse_value *value)
{
    copse_number number;
    switch (value->type) {
    case COPSE_VALUE_INT:
    case COPSE_VALUE_FLOAT:
    case COPSE_VALUE_DECIMAL:
        number = copse_number_of_value(value);
        return order_put_number(writer, &number);
    case COPSE_VALUE_BINARY:
        return order_put_binary(writer, value);
    case COPSE_VALUE_OBJECT_ID:
        return order_put_object_id(writer, value->bytes);
    case COPSE_VALUE_BOOL:
        return order_put_byte(writer, value->boolean ? COPSE_ORDER_TRUE : COPSE_ORDER_FALSE);
    case COPSE_VALUE_DATE:
        return order_put_u64(writer, COPSE_ORDER_DATE,
                             (uint64_t)value->date_ms ^ UINT64_C(1) << 63);
    case COPSE_VALUE_TIMESTAMP:
        return order_put_u64(writer, COPSE_ORDER_TIMESTAMP,
                             (uint64_t)value->seconds << 32 | value->increment);
    case COPSE_VALUE_REGEX:
        return order_put_regex(writer, value);
    case COPSE_VALUE_LINK:
        return order_put_link(writer, value->bytes);
    case COPSE_VALUE_MIN_KEY:
        return order_put_byte(writer, COPSE_ORDER_MIN_KEY);
    case COPSE_VALUE_MAX_KEY:
        return order_put_byte(writer, COPSE_ORDER_MAX_KEY);
    default:
        return order_put_byte(writer, COPSE_ORDER_NULL);
    }
}

/* ---- Objects and arrays --------------------------------------------------------------------- */

/* Behind a head: `count` values, or keys and values, and the end. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_left */
static copse_status order_write_items(order_writer *writer, copse_cbor_reader *reader, uint8_t code,
                                      uint64_t count, size_t depth_left, copse_err *err)
{
    if (depth_left == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "order: nested deeper than %d", COPSE_CBOR_DEPTH_MAX);
    }
    copse_status status = order_put_byte(writer, code);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = order_write_next(writer, reader, depth_left - 1, err);
    }
    return status == COPSE_OK ? order_put_byte(writer, COPSE_ORDER_END) : status;
}

static copse_status order_enter(copse_cbor_reader *reader, copse_value *value, copse_err *err)
{
    copse_status status = copse_value_enter(reader, value, err);
    return status == COPSE_END ? COPSE_ERR(err, COPSE_CORRUPT, "order: ends inside a value")
                               : status;
}

/* Writes a value that was entered, and all that is in it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_left */
static copse_status order_write_entered(order_writer *writer, copse_cbor_reader *reader,
                                        const copse_value *value, size_t depth_left, copse_err *err)
{
    switch (value->type) {
    case COPSE_VALUE_TEXT:
        return order_put_coded_text(writer, COPSE_ORDER_TEXT, value->bytes);
    case COPSE_VALUE_OBJECT:
        return order_write_items(writer, reader, COPSE_ORDER_OBJECT, 2 * value->arg, depth_left,
                                 err);
    case COPSE_VALUE_ARRAY:
        return order_write_items(writer, reader, COPSE_ORDER_ARRAY, value->arg, depth_left, err);
    default:
        return order_put_scalar(writer, value);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_left */
static copse_status order_write_next(order_writer *writer, copse_cbor_reader *reader,
                                     size_t depth_left, copse_err *err)
{
    copse_value value;
    copse_status status = order_enter(reader, &value, err);
    return status == COPSE_OK ? order_write_entered(writer, reader, &value, depth_left, err)
                              : status;
}

/* ---- Parts ---------------------------------------------------------------------------------- */

static copse_status order_write_value(order_writer *writer, copse_bytes encoded, copse_err *err)
{
    copse_cbor_reader reader;
    copse_value value;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = order_enter(&reader, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (writer->primary && (value.type == COPSE_VALUE_ARRAY || value.type == COPSE_VALUE_REGEX)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a primary key is never of type %s",
                         copse_value_type_name(value.type));
    }
    status = order_write_entered(writer, &reader, &value, COPSE_CBOR_DEPTH_MAX, err);
    if (status == COPSE_OK && reader.at != reader.end) {
        return COPSE_ERR(err, COPSE_CORRUPT, "order: more than one value");
    }
    return status;
}

/* Puts the marker behind the first 240 bytes, or marker and hash. */
static copse_status order_finish(order_writer *writer)
{
    copse_buf *buf = writer->buf;
    size_t size = buf->len - writer->start;
    if (writer->cut) {
        uint8_t end[1 + COPSE_SHA2_256_SIZE_BYTES] = {COPSE_ORDER_MARK_CUT};
        copse_sha2_256_digest(&writer->hash, end + 1);
        return copse_buf_append(buf, (copse_bytes){end, 1 + COPSE_ORDER_HASH_SIZE_BYTES});
    }
    if (size <= COPSE_ORDER_PART_CUT_SIZE_BYTES) {
        return COPSE_OK;
    }
    copse_status status = copse_buf_append_byte(buf, 0);
    if (status == COPSE_OK) {
        uint8_t *mark = buf->ptr + writer->start + COPSE_ORDER_PART_CUT_SIZE_BYTES;
        memmove(mark + 1, mark, size - COPSE_ORDER_PART_CUT_SIZE_BYTES);
        *mark = COPSE_ORDER_MARK_MORE;
    }
    return status;
}

/* Writes a part; whatever is not OK leaves the buf as it was. */
static copse_status order_write_part(order_writer *writer, const copse_order_part *part,
                                     copse_err *err)
{
    copse_buf *buf = writer->buf;
    copse_status status;
    if (part->kind == COPSE_ORDER_VALUE) {
        status = order_write_value(writer, part->encoded, err);
    } else {
        status = order_put_byte(
            writer, part->kind == COPSE_ORDER_MISSING ? COPSE_ORDER_NULL : COPSE_ORDER_NO_ELEMENTS);
    }
    if (status == COPSE_OK) {
        status = order_finish(writer);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, writer->start);
        return status;
    }
    if (part->descending) {
        for (size_t i = writer->start; i < buf->len; i++) {
            buf->ptr[i] = (uint8_t)~buf->ptr[i];
        }
    }
    return COPSE_OK;
}

/* Not as an initializer: that would clear the hash, too. */
static void order_writer_init(order_writer *writer, copse_buf *buf)
{
    writer->buf = buf;
    writer->start = buf->len;
    writer->primary = false;
    writer->may_cut = false;
    writer->cut = false;
}

copse_status copse_order_write(copse_buf *buf, const copse_order_part *part, copse_err *err)
{
    order_writer writer;
    order_writer_init(&writer, buf);
    return order_write_part(&writer, part, err);
}

copse_status copse_order_write_cut(copse_buf *buf, const copse_order_part *part, bool *ret_cut,
                                   copse_err *err)
{
    order_writer writer;
    order_writer_init(&writer, buf);
    writer.may_cut = true;
    copse_status status = order_write_part(&writer, part, err);
    if (status == COPSE_OK && ret_cut != NULL) {
        *ret_cut = writer.cut;
    }
    return status;
}

copse_status copse_order_write_primary(copse_buf *buf, copse_bytes encoded, copse_err *err)
{
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = encoded};
    order_writer writer;
    order_writer_init(&writer, buf);
    writer.primary = true;
    copse_status status = order_write_part(&writer, &part, err);
    if (status == COPSE_OK && buf->len - writer.start > COPSE_ORDER_PRIMARY_SIZE_BYTES_MAX) {
        copse_buf_truncate(buf, writer.start);
        return COPSE_ERR(err, COPSE_LIMIT, "a primary key is longer than %d bytes",
                         COPSE_ORDER_PRIMARY_SIZE_BYTES_MAX);
    }
    return status;
}

/* ---- Bounds --------------------------------------------------------------------------------- */

copse_status copse_order_write_type_bound(copse_buf *buf, copse_value_type type, bool descending,
                                          bool after)
{
    static const uint8_t codes[][2] = {
        [COPSE_VALUE_MIN_KEY] = {COPSE_ORDER_MIN_KEY, COPSE_ORDER_MIN_KEY},
        [COPSE_VALUE_NULL] = {COPSE_ORDER_NULL, COPSE_ORDER_NULL},
        [COPSE_VALUE_INT] = {COPSE_ORDER_NAN, COPSE_ORDER_INFINITE},
        [COPSE_VALUE_FLOAT] = {COPSE_ORDER_NAN, COPSE_ORDER_INFINITE},
        [COPSE_VALUE_DECIMAL] = {COPSE_ORDER_NAN, COPSE_ORDER_INFINITE},
        [COPSE_VALUE_TEXT] = {COPSE_ORDER_TEXT, COPSE_ORDER_TEXT},
        [COPSE_VALUE_OBJECT] = {COPSE_ORDER_OBJECT, COPSE_ORDER_OBJECT},
        [COPSE_VALUE_ARRAY] = {COPSE_ORDER_ARRAY, COPSE_ORDER_ARRAY},
        [COPSE_VALUE_BINARY] = {COPSE_ORDER_BINARY, COPSE_ORDER_BINARY},
        [COPSE_VALUE_OBJECT_ID] = {COPSE_ORDER_OBJECT_ID, COPSE_ORDER_OBJECT_ID},
        [COPSE_VALUE_BOOL] = {COPSE_ORDER_FALSE, COPSE_ORDER_TRUE},
        [COPSE_VALUE_DATE] = {COPSE_ORDER_DATE, COPSE_ORDER_DATE},
        [COPSE_VALUE_TIMESTAMP] = {COPSE_ORDER_TIMESTAMP, COPSE_ORDER_TIMESTAMP},
        [COPSE_VALUE_REGEX] = {COPSE_ORDER_REGEX, COPSE_ORDER_REGEX},
        [COPSE_VALUE_LINK] = {COPSE_ORDER_LINK, COPSE_ORDER_LINK},
        [COPSE_VALUE_MAX_KEY] = {COPSE_ORDER_MAX_KEY, COPSE_ORDER_MAX_KEY},
    };
    unsigned first = codes[type][0];
    unsigned last = codes[type][1];
    if (descending) {
        return copse_buf_append_byte(buf, (uint8_t)(after ? 0x100 - first : 0xff - last));
    }
    return copse_buf_append_byte(buf, (uint8_t)(after ? last + 1 : first));
}

copse_status copse_order_prefix_end(copse_buf *buf, size_t offset)
{
    size_t len = buf->len;
    while (len > offset && buf->ptr[len - 1] == 0xff) {
        len--;
    }
    if (len <= offset) {
        return COPSE_NOT_FOUND;
    }
    buf->ptr[len - 1]++;
    copse_buf_truncate(buf, len);
    return COPSE_OK;
}
