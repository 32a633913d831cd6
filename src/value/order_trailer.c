/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/order_trailer.h"

#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"
#include "value/value_form.h"
#include "value/value_number.h"

#include <assert.h>
#include <math.h>

/* ---- Writing -------------------------------------------------------------------------------- */

typedef struct order_noter {
    copse_buf *buf;
    uint64_t gap; /* spots since the last note */
} order_noter;

static copse_status order_note_put(order_noter *noter, copse_order_note_kind kind)
{
    uint8_t bytes[COPSE_VARINT_SIZE_BYTES_MAX];
    size_t size = copse_varint_write(noter->gap << 2 | (uint64_t)kind, bytes);
    noter->gap = 0;
    return copse_buf_append(noter->buf, (copse_bytes){bytes, size});
}

static copse_status order_note_decimal(order_noter *noter, copse_bytes text)
{
    copse_decimal decimal = {.kind = COPSE_DECIMAL_NAN};
    uint8_t bytes[2] = {0, 0};
    bool parsed = copse_decimal_parse(text, &decimal);
    assert(parsed); /* it was read as a value */
    (void)parsed;
    if (decimal.kind == COPSE_DECIMAL_FINITE) {
        int32_t exponent = decimal.exponent - COPSE_DECIMAL_EXPONENT_MIN;
        bool negative_zero = decimal.negative && decimal.coefficient == 0;
        copse_store_u16be(bytes, (uint16_t)(2 * exponent + negative_zero));
    }
    copse_status status = order_note_put(noter, COPSE_ORDER_NOTE_DECIMAL);
    return status == COPSE_OK ? copse_buf_append(noter->buf, (copse_bytes){bytes, sizeof bytes})
                              : status;
}

static copse_status order_note_float(order_noter *noter, double real)
{
    copse_number number = copse_number_of_float(real);
    bool negative = false;
    uint64_t arg = 0;
    if (real == 0 && signbit(real)) {
        return order_note_put(noter, COPSE_ORDER_NOTE_NEGATIVE_ZERO);
    }
    if (copse_number_to_int(&number, &negative, &arg)) {
        return order_note_put(noter, COPSE_ORDER_NOTE_FLOAT);
    }
    noter->gap++;
    return COPSE_OK;
}

static copse_status order_note_value(order_noter *noter, const copse_value *value)
{
    switch (value->type) {
    case COPSE_VALUE_NULL:
    case COPSE_VALUE_INT:
        noter->gap++;
        return COPSE_OK;
    case COPSE_VALUE_FLOAT:
        return order_note_float(noter, value->real);
    case COPSE_VALUE_DECIMAL:
        return order_note_decimal(noter, value->bytes);
    default:
        return COPSE_OK;
    }
}

/* Goes through the items of a part in the order of their bytes; keys are read as text. */
static copse_status order_note_part(order_noter *noter, copse_bytes encoded, copse_err *err)
{
    copse_cbor_reader reader;
    copse_value value;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && reader.at < reader.end) {
        status = copse_value_enter(&reader, &value, err);
        if (status == COPSE_OK) {
            status = order_note_value(noter, &value);
        }
    }
    return status;
}

copse_status copse_order_write_trailer(copse_buf *buf, const copse_order_part *parts, size_t count,
                                       copse_err *err)
{
    order_noter noter = {.buf = buf};
    size_t offset = buf->len;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (parts[i].kind == COPSE_ORDER_MISSING) {
            status = order_note_put(&noter, COPSE_ORDER_NOTE_MISSING);
        } else if (parts[i].kind == COPSE_ORDER_VALUE && !parts[i].cut) {
            status = order_note_part(&noter, parts[i].encoded, err);
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static bool order_notes_load(copse_order_notes *notes)
{
    uint64_t varint = 0;
    size_t size = 0;
    if (notes->rest.len == 0) {
        notes->next.kind = COPSE_ORDER_NOTE_NONE;
        return true;
    }
    if (copse_varint_read(notes->rest, &varint, &size) != COPSE_OK) {
        return false;
    }
    notes->gap = varint >> 2;
    notes->next = (copse_order_note){.kind = (copse_order_note_kind)(varint & 3)};
    if (notes->next.kind == COPSE_ORDER_NOTE_DECIMAL) {
        if (notes->rest.len - size < 2) {
            return false;
        }
        notes->next.decimal = copse_load_u16be(notes->rest.ptr + size);
        size += 2;
    }
    notes->rest = (copse_bytes){notes->rest.ptr + size, notes->rest.len - size};
    return true;
}

bool copse_order_notes_init(copse_order_notes *notes, copse_bytes trailer)
{
    *notes = (copse_order_notes){.rest = trailer};
    return order_notes_load(notes);
}

bool copse_order_notes_take(copse_order_notes *notes, copse_order_note *ret_note)
{
    if (notes->next.kind == COPSE_ORDER_NOTE_NONE || notes->gap > 0) {
        notes->gap -= notes->gap > 0;
        *ret_note = (copse_order_note){.kind = COPSE_ORDER_NOTE_NONE};
        return true;
    }
    *ret_note = notes->next;
    return order_notes_load(notes);
}

bool copse_order_notes_done(const copse_order_notes *notes)
{
    return notes->next.kind == COPSE_ORDER_NOTE_NONE;
}
