/* Order keys, moving over parts. The bytes: order_codes.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/order_input.h"

#include "base/err.h"
#include "base/loadstore.h"

#include <string.h>

void copse_order_input_init(copse_order_input *input, copse_bytes bytes, bool descending)
{
    bool marked = bytes.len <= COPSE_ORDER_PART_CUT_SIZE_BYTES;
    const uint8_t *end = bytes.len > 0 ? bytes.ptr + bytes.len : bytes.ptr;
    *input = (copse_order_input){
        .at = bytes.ptr,
        .soft_end = marked ? end : bytes.ptr + COPSE_ORDER_PART_CUT_SIZE_BYTES,
        .end = end,
        .flip = descending ? 0xff : 0,
        .marked = marked,
    };
}

/* At soft_end, where another byte of the part is needed: passes the marker (O3, O4). */
static bool order_input_pass_mark(copse_order_input *input)
{
    if (input->marked) {
        return false;
    }
    uint8_t mark = *input->at++ ^ input->flip;
    input->marked = true;
    input->soft_end = input->end;
    if (mark == COPSE_ORDER_MARK_MORE) {
        return input->at < input->end;
    }
    if (mark == COPSE_ORDER_MARK_CUT && input->end - input->at >= COPSE_ORDER_HASH_SIZE_BYTES) {
        input->at += COPSE_ORDER_HASH_SIZE_BYTES;
        input->cut = true;
    }
    return false;
}

/* Whether there is a byte to take. */
static bool order_input_ready(copse_order_input *input)
{
    return COPSE_LIKELY(input->at < input->soft_end) || order_input_pass_mark(input);
}

bool copse_order_take(copse_order_input *input, uint8_t *ret_bytes, uint64_t size)
{
    while (size > 0) {
        if (!order_input_ready(input)) {
            return false;
        }
        size_t left = (size_t)(input->soft_end - input->at);
        size_t now = size < left ? (size_t)size : left;
        if (ret_bytes != NULL) {
            for (size_t i = 0; i < now; i++) {
                ret_bytes[i] = input->at[i] ^ input->flip;
            }
            ret_bytes += now;
        }
        input->at += now;
        size -= now;
    }
    return true;
}

bool copse_order_peek(copse_order_input *input, uint8_t *ret_byte)
{
    if (!order_input_ready(input)) {
        return false;
    }
    *ret_byte = *input->at ^ input->flip;
    return true;
}

bool copse_order_take_byte(copse_order_input *input, uint8_t *ret_byte)
{
    bool ready = copse_order_peek(input, ret_byte);
    input->at += ready;
    return ready;
}

bool copse_order_take_piece(copse_order_input *input, copse_bytes *ret_plain,
                            copse_order_piece_end *ret_end, uint8_t *ret_escaped)
{
    if (!order_input_ready(input)) {
        return false;
    }
    const uint8_t *start = input->at;
    const uint8_t *at = start;
    while (at < input->soft_end && (*at ^ input->flip) > COPSE_ORDER_ESCAPE) {
        at++;
    }
    *ret_plain = (copse_bytes){start, (size_t)(at - start)};
    input->at = at;
    *ret_end = COPSE_ORDER_PIECE_OPEN;
    if (at == input->soft_end) {
        return true;
    }
    uint8_t byte = 0;
    (void)copse_order_take_byte(input, &byte);
    if (byte == COPSE_ORDER_END) {
        *ret_end = COPSE_ORDER_PIECE_LAST;
        return true;
    }
    *ret_end = COPSE_ORDER_PIECE_ESCAPED;
    if (!copse_order_take_byte(input, &byte) || byte == 0 || byte > COPSE_ORDER_ESCAPE + 1) {
        return false;
    }
    *ret_escaped = byte - 1;
    return true;
}

/* ---- Numbers and sizes ---------------------------------------------------------------------- */

/* The groups of a fraction; `negate` is ff in a negative number. */
static bool order_take_groups(copse_order_input *input, uint8_t negate, copse_u128 *ret_fraction)
{
    copse_u128 fraction = 0;
    for (unsigned i = 0; i < COPSE_ORDER_GROUPS_MAX; i++) {
        uint8_t byte = 0;
        if (!copse_order_take_byte(input, &byte)) {
            return false;
        }
        byte ^= negate;
        fraction |= (copse_u128)(byte >> 1) << (121 - 7 * i);
        if ((byte & 1) == 0) {
            *ret_fraction = fraction;
            return byte != 0 || i == 0; /* the last group is not zero, but for the only one */
        }
    }
    *ret_fraction = fraction | COPSE_NUMBER_MORE;
    return true;
}

/* The exponent of a number whose positive first byte is `code`. */
static bool order_take_exponent(copse_order_input *input, uint8_t code, uint8_t negate,
                                int32_t *ret_exponent)
{
    if (code != COPSE_ORDER_POSITIVE_LARGE && code != COPSE_ORDER_POSITIVE_SMALL) {
        *ret_exponent = code - COPSE_ORDER_POSITIVE + COPSE_ORDER_EXPONENT_MIN;
        return true;
    }
    uint8_t bytes[2];
    if (!copse_order_take(input, bytes, sizeof bytes)) {
        return false;
    }
    bytes[0] ^= negate;
    bytes[1] ^= negate;
    int32_t exponent = copse_load_u16be(bytes);
    if (code == COPSE_ORDER_POSITIVE_LARGE) {
        *ret_exponent = exponent;
        return exponent > COPSE_ORDER_EXPONENT_MAX && exponent <= COPSE_NUMBER_EXPONENT_MAX;
    }
    *ret_exponent = exponent - 0x8000;
    return *ret_exponent < COPSE_ORDER_EXPONENT_MIN && *ret_exponent >= COPSE_NUMBER_EXPONENT_MIN;
}

bool copse_order_take_number(copse_order_input *input, uint8_t code, copse_number *ret_number)
{
    copse_number number = {.exponent = 0};
    switch (code) {
    case COPSE_ORDER_NAN:
        number.kind = COPSE_NUMBER_NAN;
        break;
    case COPSE_ORDER_INFINITE_NEGATIVE:
        number.kind = COPSE_NUMBER_INFINITE_NEGATIVE;
        break;
    case COPSE_ORDER_ZERO:
        number.kind = COPSE_NUMBER_ZERO;
        break;
    case COPSE_ORDER_INFINITE:
        number.kind = COPSE_NUMBER_INFINITE;
        break;
    default: {
        bool negative = code < COPSE_ORDER_ZERO;
        uint8_t negate = negative ? 0xff : 0;
        number.kind = negative ? COPSE_NUMBER_NEGATIVE : COPSE_NUMBER_POSITIVE;
        if (!order_take_exponent(input, negative ? copse_order_negated(code) : code, negate,
                                 &number.exponent) ||
            !order_take_groups(input, negate, &number.fraction)) {
            return false;
        }
        break;
    }
    }
    *ret_number = number;
    return true;
}

bool copse_order_take_size(copse_order_input *input, uint64_t *ret_size)
{
    uint8_t bytes[8];
    uint8_t first = 0;
    if (!copse_order_take_byte(input, &first)) {
        return false;
    }
    if (first <= COPSE_ORDER_SIZE_ONE_BYTE_MAX) {
        *ret_size = first;
        return true;
    }
    size_t count = first - (size_t)COPSE_ORDER_SIZE_ONE_BYTE_MAX;
    uint64_t size = 0;
    if (!copse_order_take(input, bytes, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size = size << 8 | bytes[i];
    }
    *ret_size = size;
    return bytes[0] != 0 && size > COPSE_ORDER_SIZE_ONE_BYTE_MAX;
}

/* ---- Skipping ------------------------------------------------------------------------------- */

static bool order_skip_text(copse_order_input *input)
{
    copse_bytes plain;
    copse_order_piece_end end = COPSE_ORDER_PIECE_OPEN;
    uint8_t escaped = 0;
    while (end != COPSE_ORDER_PIECE_LAST) {
        if (!copse_order_take_piece(input, &plain, &end, &escaped)) {
            return false;
        }
    }
    return true;
}

static bool order_skip_sized(copse_order_input *input, uint64_t more)
{
    uint64_t size = 0;
    return copse_order_take_size(input, &size) && copse_order_take(input, NULL, more) &&
           copse_order_take(input, NULL, size);
}

/* What follows the first byte of a value that holds no others. */
static bool order_skip_scalar(copse_order_input *input, uint8_t code)
{
    copse_number number;
    if (code >= COPSE_ORDER_NAN && code <= COPSE_ORDER_INFINITE) {
        return copse_order_take_number(input, code, &number);
    }
    switch (code) {
    case COPSE_ORDER_MIN_KEY:
    case COPSE_ORDER_NULL:
    case COPSE_ORDER_FALSE:
    case COPSE_ORDER_TRUE:
    case COPSE_ORDER_MAX_KEY:
        return true;
    case COPSE_ORDER_TEXT:
        return order_skip_text(input);
    case COPSE_ORDER_BINARY:
        return order_skip_sized(input, 1);
    case COPSE_ORDER_OBJECT_ID:
        return copse_order_take(input, NULL, 12);
    case COPSE_ORDER_DATE:
    case COPSE_ORDER_TIMESTAMP:
        return copse_order_take(input, NULL, 8);
    case COPSE_ORDER_REGEX:
        /* The pattern, then the options. NOLINTNEXTLINE(misc-redundant-expression) */
        return order_skip_text(input) && order_skip_text(input);
    case COPSE_ORDER_LINK:
        return order_skip_sized(input, 0);
    default:
        return false;
    }
}

bool copse_order_skip_value(copse_order_input *input, bool *ret_end)
{
    size_t depth = 0;
    bool inside = ret_end != NULL;
    do {
        uint8_t code = 0;
        if (!copse_order_take_byte(input, &code)) {
            return false;
        }
        if (code == COPSE_ORDER_OBJECT || code == COPSE_ORDER_ARRAY) {
            if (++depth > COPSE_CBOR_DEPTH_MAX) {
                return false;
            }
        } else if (code == COPSE_ORDER_END && depth > 0) {
            depth--;
        } else if (code == COPSE_ORDER_END && inside) {
            *ret_end = true;
            return true;
        } else if (!order_skip_scalar(input, code)) {
            return false;
        }
    } while (depth > 0);
    if (inside) {
        *ret_end = false;
    }
    return true;
}

copse_status copse_order_skip(copse_bytes *rest, bool descending, copse_err *err)
{
    copse_order_input input;
    copse_order_input_init(&input, *rest, descending);
    uint8_t code = 0;
    bool whole = copse_order_peek(&input, &code);
    if (whole && code == COPSE_ORDER_NO_ELEMENTS) {
        input.at++;
    } else if (!whole || (!copse_order_skip_value(&input, NULL) && !input.cut)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "order: not a part");
    }
    *rest = (copse_bytes){input.at, (size_t)(input.end - input.at)};
    return COPSE_OK;
}
