/* The trailer of a key: what tells apart values that compare equal.
 *
 * Purpose: order keys write 1, 1.0 and the decimals 1 and 1.00 as the same bytes. The trailer notes
 * which of them it was, behind all parts, where it decides between keys of equal values only.
 *
 * The numbers and nulls of all parts that are not cut, in the order of their bytes, also those deep
 * inside objects and arrays, are the key's spots. Without a note a spot is
 *
 *     null: null            NaN, infinity: a float
 *     a number: the integer with this value, if it is from -2^64 to 2^64 - 1; else the float
 *
 * A note is an unsigned LEB128 varint, 4 * (spots passed since the last note) + kind:
 *
 *     kind  at                                              the spot is
 *     0     an integer's value, that is also a float's      the float (zero: 0.0)
 *     1     zero                                            the float -0.0
 *     2     any number, followed by 2 bytes, big-endian:    a decimal, with this exponent; of zero,
 *           2 * (exponent + 6176) + (1: negative zero);     its sign; of others that and the
 *           NaN and infinity: 0                             value give the coefficient
 *     3     a part that is null                             a missing field
 *
 *   T1  Notes stand only at spots that are not what they would be without one: so a list of values
 *       has one trailer, and that of integers, text, dates and most floats is empty.
 *   T2  Notes are in the order of their spots; behind the last one nothing follows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_ORDER_TRAILER_H
#define COPSE_VALUE_ORDER_TRAILER_H

#include <copse/order.h>

typedef enum copse_order_note_kind {
    COPSE_ORDER_NOTE_FLOAT,
    COPSE_ORDER_NOTE_NEGATIVE_ZERO,
    COPSE_ORDER_NOTE_DECIMAL,
    COPSE_ORDER_NOTE_MISSING,
    COPSE_ORDER_NOTE_NONE /**< Not written. */
} copse_order_note_kind;

typedef struct copse_order_note {
    copse_order_note_kind kind;
    uint16_t decimal; /**< DECIMAL: the 2 bytes. */
} copse_order_note;

/** The notes of a trailer, one after the other. */
typedef struct copse_order_notes {
    copse_bytes rest;
    uint64_t gap; /**< Spots before the one of `next`. */
    copse_order_note next;
} copse_order_notes;

/** False: `trailer` is none. It is borrowed. */
bool copse_order_notes_init(copse_order_notes *notes, copse_bytes trailer);

/** Passes a spot: what is noted there, NONE if nothing. False: the trailer is none. */
bool copse_order_notes_take(copse_order_notes *notes, copse_order_note *ret_note);

/** Whether all notes were taken. */
bool copse_order_notes_done(const copse_order_notes *notes);

#endif
