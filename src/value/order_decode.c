/* Order keys, decoding: parts and trailer back to the very encodings that were written.
 *
 * What comes out is checked as values that come from outside are; together with the strictness of
 * order_input.h and the trailer (T1, T2) that leaves one key for a list of values.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "base/loadstore.h"
#include "value/dag_cbor_inline.h"
#include "value/order_input.h"
#include "value/order_show.h"
#include "value/order_trailer.h"

#include <string.h>

typedef struct order_decoder {
    copse_order_input input; /* of the part */
    copse_order_notes notes; /* of the key */
    copse_buf *buf;
    copse_buf scratch; /* bytes on their way into a form */
    const char *why;   /* what is wrong with the key, if not its values */
    bool shows;        /* a decimal needs no note */
} order_decoder;

static copse_status order_decode_next(order_decoder *decoder);

static copse_status order_decode_fail(order_decoder *decoder, const char *why)
{
    decoder->why = why;
    return COPSE_CORRUPT;
}

/* Takes the note of the spot that the decoder stands at. */
static copse_status order_decode_note(order_decoder *decoder, copse_order_note *ret_note)
{
    return copse_order_notes_take(&decoder->notes, ret_note)
               ? COPSE_OK
               : order_decode_fail(decoder, "no list of notes behind the parts");
}

static copse_status order_decode_misfit(order_decoder *decoder)
{
    return order_decode_fail(decoder, "a note does not fit its value");
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static copse_status order_decode_finish_decimal(order_decoder *decoder,
                                                const copse_decimal *decimal)
{
    uint8_t text[COPSE_DECIMAL_TEXT_SIZE_MAX];
    size_t size = copse_decimal_write(decimal, text);
    return copse_value_write_decimal(decoder->buf, (copse_bytes){text, size});
}

static copse_status order_decode_decimal(order_decoder *decoder, const copse_number *number,
                                         uint16_t note)
{
    copse_decimal decimal = {
        .kind = COPSE_DECIMAL_FINITE,
        .exponent = (note >> 1) + COPSE_DECIMAL_EXPONENT_MIN,
        .negative = (note & 1) != 0,
    };
    bool fits = false;
    switch (number->kind) {
    case COPSE_NUMBER_ZERO:
        fits = decimal.exponent <= COPSE_DECIMAL_EXPONENT_MAX;
        break;
    case COPSE_NUMBER_POSITIVE:
    case COPSE_NUMBER_NEGATIVE:
        fits = !decimal.negative && copse_number_to_decimal(number, decimal.exponent, &decimal);
        break;
    default:
        fits = note == 0;
        decimal = (copse_decimal){
            .kind = number->kind == COPSE_NUMBER_NAN ? COPSE_DECIMAL_NAN : COPSE_DECIMAL_INFINITE,
            .negative = number->kind == COPSE_NUMBER_INFINITE_NEGATIVE,
        };
        break;
    }
    return fits ? order_decode_finish_decimal(decoder, &decimal) : order_decode_misfit(decoder);
}

/* A decimal whose exponent is not known: that of the fewest digits. */
static copse_status order_decode_shown(order_decoder *decoder, const copse_number *number)
{
    copse_decimal decimal;
    /* 10^above is above the number, for log10(2) is 0.30103 but for 5e-9; division goes to zero. */
    int32_t above = (number->exponent + 1) * 30103 / 100000 + 2;
    for (int32_t i = 0; i <= COPSE_DECIMAL_DIGITS_MAX + 3; i++) {
        if (copse_number_to_decimal(number, above - i, &decimal)) {
            return order_decode_finish_decimal(decoder, &decimal);
        }
    }
    return order_decode_misfit(decoder);
}

/* A number whose note is none or says that it is a float. */
static copse_status order_decode_plain(order_decoder *decoder, const copse_number *number,
                                       bool noted)
{
    copse_buf *buf = decoder->buf;
    bool negative = false;
    uint64_t arg = 0;
    double real = 0;
    bool is_int = copse_number_to_int(number, &negative, &arg);
    if (is_int && !noted) {
        return negative ? copse_cbor_write_negative(buf, arg) : copse_cbor_write_uint(buf, arg);
    }
    if (is_int == noted && copse_number_to_float(number, &real)) {
        return copse_value_write_float(buf, real);
    }
    return decoder->shows ? order_decode_shown(decoder, number) : order_decode_misfit(decoder);
}

static copse_status order_decode_number(order_decoder *decoder, uint8_t code)
{
    copse_number number;
    copse_order_note note;
    if (!copse_order_take_number(&decoder->input, code, &number)) {
        return COPSE_CORRUPT;
    }
    copse_status status = order_decode_note(decoder, &note);
    if (status != COPSE_OK) {
        return status;
    }
    switch (note.kind) {
    case COPSE_ORDER_NOTE_NONE:
    case COPSE_ORDER_NOTE_FLOAT:
        return order_decode_plain(decoder, &number, note.kind == COPSE_ORDER_NOTE_FLOAT);
    case COPSE_ORDER_NOTE_NEGATIVE_ZERO:
        return number.kind == COPSE_NUMBER_ZERO ? copse_value_write_float(decoder->buf, -0.0)
                                                : order_decode_misfit(decoder);
    case COPSE_ORDER_NOTE_DECIMAL:
        return order_decode_decimal(decoder, &number, note.decimal);
    default:
        return order_decode_misfit(decoder);
    }
}

/* ---- Text and bytes ------------------------------------------------------------------------- */

/* Appends the content of a text, without a head. */
static copse_status order_decode_content(order_decoder *decoder, copse_buf *buf)
{
    copse_bytes plain;
    copse_order_piece_end end = COPSE_ORDER_PIECE_OPEN;
    uint8_t escaped = 0;
    while (end != COPSE_ORDER_PIECE_LAST) {
        if (!copse_order_take_piece(&decoder->input, &plain, &end, &escaped)) {
            return COPSE_CORRUPT;
        }
        size_t at = buf->len;
        copse_status status = copse_buf_append(buf, plain);
        if (status == COPSE_OK && end == COPSE_ORDER_PIECE_ESCAPED) {
            status = copse_buf_append_byte(buf, escaped ^ decoder->input.flip);
        }
        if (status != COPSE_OK) {
            return status;
        }
        for (size_t i = at; decoder->input.flip != 0 && i < buf->len; i++) {
            buf->ptr[i] ^= decoder->input.flip;
        }
    }
    return COPSE_OK;
}

/* Puts the head of a text before what was appended since `offset`. */
static copse_status order_finish_text(copse_buf *buf, size_t offset)
{
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    size_t size = buf->len - offset;
    size_t head_size = copse_cbor_head_store(head, COPSE_CBOR_MAJOR_TEXT, size);
    copse_status status = copse_buf_append(buf, (copse_bytes){head, head_size});
    if (status == COPSE_OK) {
        memmove(buf->ptr + offset + head_size, buf->ptr + offset, size);
        memcpy(buf->ptr + offset, head, head_size);
    }
    return status;
}

static copse_status order_decode_text(order_decoder *decoder)
{
    size_t offset = decoder->buf->len;
    copse_status status = order_decode_content(decoder, decoder->buf);
    return status == COPSE_OK ? order_finish_text(decoder->buf, offset) : status;
}

/* Takes `size` bytes into the scratch. */
static copse_status order_decode_bytes(order_decoder *decoder, uint64_t size)
{
    copse_buf *scratch = &decoder->scratch;
    copse_buf_truncate(scratch, 0);
    if (size > (size_t)(decoder->input.end - decoder->input.at)) {
        return COPSE_CORRUPT;
    }
    copse_status status = copse_buf_reserve(scratch, (size_t)size);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_order_take(&decoder->input, scratch->ptr, size)) {
        return COPSE_CORRUPT;
    }
    scratch->len = (size_t)size;
    return COPSE_OK;
}

static copse_status order_decode_binary(order_decoder *decoder)
{
    uint64_t size = 0;
    uint8_t subtype = 0;
    if (!copse_order_take_size(&decoder->input, &size) ||
        !copse_order_take_byte(&decoder->input, &subtype)) {
        return COPSE_CORRUPT;
    }
    copse_status status = order_decode_bytes(decoder, size);
    return status == COPSE_OK
               ? copse_value_write_binary(decoder->buf, copse_buf_view(&decoder->scratch), subtype)
               : status;
}

static copse_status order_decode_link(order_decoder *decoder)
{
    uint64_t size = 0;
    if (!copse_order_take_size(&decoder->input, &size)) {
        return COPSE_CORRUPT;
    }
    copse_status status = order_decode_bytes(decoder, size);
    return status == COPSE_OK
               ? copse_cbor_write_link(decoder->buf, copse_buf_view(&decoder->scratch))
               : status;
}

/* Pattern and options stand in the scratch, one behind the other. */
static copse_status order_decode_regex(order_decoder *decoder)
{
    copse_buf *scratch = &decoder->scratch;
    copse_buf_truncate(scratch, 0);
    copse_status status = copse_buf_reserve(scratch, 1); /* pattern and options may be empty */
    if (status == COPSE_OK) {
        status = order_decode_content(decoder, scratch);
    }
    size_t pattern_size = scratch->len;
    if (status == COPSE_OK) {
        status = order_decode_content(decoder, scratch);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes pattern = {scratch->ptr, pattern_size};
    copse_bytes options = {scratch->ptr + pattern_size, scratch->len - pattern_size};
    for (size_t i = 1; i < options.len; i++) {
        if (options.ptr[i - 1] >= options.ptr[i]) {
            return COPSE_CORRUPT; /* the writer below would put them in order */
        }
    }
    return copse_value_write_regex(decoder->buf, pattern, options);
}

static copse_status order_decode_object_id(order_decoder *decoder)
{
    uint8_t id[12];
    return copse_order_take(&decoder->input, id, sizeof id)
               ? copse_value_write_object_id(decoder->buf, id)
               : COPSE_CORRUPT;
}

static copse_status order_decode_time(order_decoder *decoder, uint8_t code)
{
    uint8_t bytes[8];
    if (!copse_order_take(&decoder->input, bytes, sizeof bytes)) {
        return COPSE_CORRUPT;
    }
    uint64_t value = copse_load_u64be(bytes);
    if (code == COPSE_ORDER_TIMESTAMP) {
        return copse_value_write_timestamp(decoder->buf, (uint32_t)(value >> 32), (uint32_t)value);
    }
    return copse_value_write_date(decoder->buf, (int64_t)(value ^ UINT64_C(1) << 63));
}

/* ---- Values --------------------------------------------------------------------------------- */

static copse_status order_decode_null(order_decoder *decoder)
{
    copse_order_note note;
    copse_status status = order_decode_note(decoder, &note);
    if (status == COPSE_OK && note.kind != COPSE_ORDER_NOTE_NONE) {
        return order_decode_misfit(decoder); /* a part that is missing is seen before */
    }
    return status == COPSE_OK ? copse_cbor_write_null(decoder->buf) : status;
}

static copse_status order_decode_scalar(order_decoder *decoder, uint8_t code)
{
    switch (code) {
    case COPSE_ORDER_MIN_KEY:
        return copse_value_write_min_key(decoder->buf);
    case COPSE_ORDER_NULL:
        return order_decode_null(decoder);
    case COPSE_ORDER_TEXT:
        return order_decode_text(decoder);
    case COPSE_ORDER_BINARY:
        return order_decode_binary(decoder);
    case COPSE_ORDER_OBJECT_ID:
        return order_decode_object_id(decoder);
    case COPSE_ORDER_FALSE:
    case COPSE_ORDER_TRUE:
        return copse_cbor_write_bool(decoder->buf, code == COPSE_ORDER_TRUE);
    case COPSE_ORDER_DATE:
    case COPSE_ORDER_TIMESTAMP:
        return order_decode_time(decoder, code);
    case COPSE_ORDER_REGEX:
        return order_decode_regex(decoder);
    case COPSE_ORDER_LINK:
        return order_decode_link(decoder);
    case COPSE_ORDER_MAX_KEY:
        return copse_value_write_max_key(decoder->buf);
    default:
        return order_decode_number(decoder, code);
    }
}

/* The number of values up to the end of the object or array that the input is in. */
static bool order_count_items(copse_order_input input, uint64_t *ret_count)
{
    uint64_t count = 0;
    bool end = false;
    while (copse_order_skip_value(&input, &end)) {
        if (end) {
            *ret_count = count;
            return true;
        }
        count++;
    }
    return false;
}

/* An object or array; its depth was bounded when the part was skipped. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the skipped part */
static copse_status order_decode_items(order_decoder *decoder, bool is_object)
{
    uint64_t count = 0;
    uint8_t end = 0;
    if (!order_count_items(decoder->input, &count) || (is_object && count % 2 != 0)) {
        return COPSE_CORRUPT;
    }
    copse_status status = is_object ? copse_cbor_write_map(decoder->buf, count / 2)
                                    : copse_cbor_write_array(decoder->buf, count);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = order_decode_next(decoder);
    }
    if (status == COPSE_OK && !copse_order_take_byte(&decoder->input, &end)) {
        return COPSE_CORRUPT;
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the skipped part */
static copse_status order_decode_next(order_decoder *decoder)
{
    uint8_t code = 0;
    if (!copse_order_take_byte(&decoder->input, &code)) {
        return COPSE_CORRUPT;
    }
    if (code == COPSE_ORDER_OBJECT || code == COPSE_ORDER_ARRAY) {
        return order_decode_items(decoder, code == COPSE_ORDER_OBJECT);
    }
    return order_decode_scalar(decoder, code);
}

/* ---- Keys ----------------------------------------------------------------------------------- */

/* Whether the part that the input stands before is a missing field; passes its note then. */
static bool order_decode_missing(order_decoder *decoder)
{
    uint8_t code = 0;
    copse_order_note note;
    copse_order_notes before = decoder->notes;
    if (copse_order_peek(&decoder->input, &code) && code == COPSE_ORDER_NULL &&
        copse_order_notes_take(&decoder->notes, &note) && note.kind == COPSE_ORDER_NOTE_MISSING) {
        return true;
    }
    decoder->notes = before;
    return false;
}

/* Decodes one whole part. */
static copse_status order_decode_part(order_decoder *decoder, copse_bytes part, bool descending,
                                      copse_order_decoded *ret_part)
{
    static const copse_limits limits = {.cbor_depth_max = COPSE_CBOR_DEPTH_MAX};
    copse_order_input probe;
    uint8_t code = 0;
    copse_order_input_init(&probe, part, descending);
    decoder->input = probe;
    *ret_part = (copse_order_decoded){.kind = COPSE_ORDER_VALUE};
    if (copse_order_peek(&probe, &code) && code == COPSE_ORDER_NO_ELEMENTS) {
        ret_part->kind = COPSE_ORDER_EMPTY_ARRAY;
        return COPSE_OK;
    }
    if (!copse_order_skip_value(&probe, NULL)) {
        ret_part->cut = true; /* copse_order_skip took it for a part */
        return COPSE_OK;
    }
    if (order_decode_missing(decoder)) {
        ret_part->kind = COPSE_ORDER_MISSING;
        return COPSE_OK;
    }
    size_t offset = decoder->buf->len;
    copse_status status = order_decode_next(decoder);
    if (status != COPSE_OK) {
        return status;
    }
    ret_part->offset = offset;
    ret_part->size = decoder->buf->len - offset;
    copse_bytes encoded = {decoder->buf->ptr + offset, ret_part->size};
    return copse_value_check(encoded, &limits, NULL);
}

/* Finds the ends of the parts and the trailer. */
static copse_status order_split(copse_bytes key, const bool *descending, size_t count,
                                copse_bytes *ret_parts, copse_bytes *ret_trailer, copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        copse_bytes rest = key;
        copse_status status = copse_order_skip(&rest, descending[i], err);
        if (status != COPSE_OK) {
            return status;
        }
        ret_parts[i] = (copse_bytes){key.ptr, key.len - rest.len};
        key = rest;
    }
    *ret_trailer = key;
    return COPSE_OK;
}

static copse_status order_decode_key(order_decoder *decoder, copse_bytes key,
                                     const bool *descending, size_t count,
                                     copse_order_decoded *ret_parts, copse_err *err)
{
    copse_bytes parts[COPSE_ORDER_PARTS_MAX];
    copse_order_decoded decoded[COPSE_ORDER_PARTS_MAX];
    copse_bytes trailer;
    copse_buf *buf = decoder->buf;
    size_t offset = buf->len;
    if (count > COPSE_ORDER_PARTS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "order: more than %d parts", COPSE_ORDER_PARTS_MAX);
    }
    copse_status status = order_split(key, descending, count, parts, &trailer, err);
    if (status != COPSE_OK) {
        return status;
    }
    decoder->why = "a part is not that of a value";
    copse_buf_init(&decoder->scratch, buf->env, key.len);
    if (!copse_order_notes_init(&decoder->notes, trailer)) {
        status = order_decode_fail(decoder, "no list of notes behind the parts");
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = order_decode_part(decoder, parts[i], descending[i], &decoded[i]);
    }
    if (status == COPSE_OK && !copse_order_notes_done(&decoder->notes)) {
        status = order_decode_fail(decoder, "a note has no value");
    }
    copse_buf_release(&decoder->scratch);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        ret_parts[i] = decoded[i];
    }
    if (status == COPSE_OK) {
        return COPSE_OK;
    }
    copse_buf_truncate(buf, offset);
    if (status == COPSE_NOMEM || status == COPSE_LIMIT) {
        return COPSE_ERR(err, status, "order: no room for the values of a key");
    }
    return COPSE_ERR(err, COPSE_CORRUPT, "order: not the key of %zu values: %s", count,
                     decoder->why);
}

copse_status copse_order_decode(copse_bytes key, const bool *descending, size_t count,
                                copse_buf *buf, copse_order_decoded *ret_parts, copse_err *err)
{
    order_decoder decoder = {.buf = buf};
    return order_decode_key(&decoder, key, descending, count, ret_parts, err);
}

copse_status copse_order_show(copse_bytes part, bool descending, copse_buf *buf,
                              copse_order_decoded *ret_part, copse_err *err)
{
    order_decoder decoder = {.buf = buf, .shows = true};
    return order_decode_key(&decoder, part, &descending, 1, ret_part, err);
}
