/* Reading the bytes of one part: complemented or not, with the marker taken out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_ORDER_INPUT_H
#define COPSE_VALUE_ORDER_INPUT_H

#include "value/order_codes.h"
#include "value/value_number.h"

/** A position in a part. Plain data: a copy is a second position. Whatever takes from it returns
 * false at the end of the bytes, where they break the format, or where the part is cut. */
typedef struct copse_order_input {
    const uint8_t *at;
    const uint8_t *soft_end; /**< Where the marker stands, or `end`. */
    const uint8_t *end;
    uint8_t flip; /**< ff if descending: what turns bytes into ascending ones. */
    bool marked;  /**< The marker was passed. */
    bool cut;     /**< The part is cut; then `at` is behind it. */
} copse_order_input;

/** Stands before the part at the start of `bytes`. */
void copse_order_input_init(copse_order_input *input, copse_bytes bytes, bool descending);

/** Takes bytes, ascending; ret_bytes NULL: moves over them. */
bool copse_order_take(copse_order_input *input, uint8_t *ret_bytes, uint64_t size);

bool copse_order_take_byte(copse_order_input *input, uint8_t *ret_byte);

/** The next byte, not taken. */
bool copse_order_peek(copse_order_input *input, uint8_t *ret_byte);

typedef enum copse_order_piece_end {
    COPSE_ORDER_PIECE_OPEN,    /**< More of the text may follow. */
    COPSE_ORDER_PIECE_ESCAPED, /**< A 00 or 01 of the text: *ret_escaped. */
    COPSE_ORDER_PIECE_LAST     /**< The end of the text. */
} copse_order_piece_end;

/** Takes a piece of a text: bytes that stand for themselves (lent as they are in the key, `flip`
 * still on them; may be none), and what ends them. */
bool copse_order_take_piece(copse_order_input *input, copse_bytes *ret_plain,
                            copse_order_piece_end *ret_end, uint8_t *ret_escaped);

/** Takes what follows the first byte `code` of a number, one from COPSE_ORDER_NAN to
 * COPSE_ORDER_INFINITE. */
bool copse_order_take_number(copse_order_input *input, uint8_t code, copse_number *ret_number);

bool copse_order_take_size(copse_order_input *input, uint64_t *ret_size);

/** Moves over one value, or behind the end of the object or array that the input is in: *ret_end
 * (NULL: there is none to be in). */
bool copse_order_skip_value(copse_order_input *input, bool *ret_end);

#endif
