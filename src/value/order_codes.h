/* The bytes of order keys.
 *
 * Purpose: values as bytes whose bytewise order is that of copse_value_compare, part behind part.
 * The whole format with vectors: docs/formats/order.md.
 *
 *     part          bytes (ascending; of a descending part each is complemented)
 *     MinKey        08
 *     empty array   10                 (what an index holds for []; an array as a value: see array)
 *     null          18                 (a missing field too)
 *     number        20..b7             20 NaN, 21 -infinity, 6c zero, b7 infinity
 *                   6e+8+e  groups                  2^e <= v < 2^(e+1), -8 <= e <= 63
 *                   b6      e:2  groups             e > 63
 *                   6d      8000+e:2  groups        e < -8
 *                   d8-c    the rest complemented   -v, where v has the first byte c
 *     text          c0  content  00    in the content 00 is 01 01, and 01 is 01 02
 *     object        c4  (text  value)*  00
 *     array         c8  value*  00
 *     binary        cc  size  subtype:1  content
 *     ObjectId      d0  12 bytes
 *     false, true   d4, d5
 *     date          d8  milliseconds + 2^63:8
 *     timestamp     dc  t:4  i:4
 *     regex         e0  pattern  00  options  00      as the content of text
 *     link          e4  size  binary CID
 *     MaxKey        f0
 *
 * All integers are big-endian. `size`: one byte up to f7; else f7 + n and n bytes, as few as hold
 * it. `groups`: the 119 fraction bits of a number (value_number.h), 7 a byte, high ones first, in
 * the upper bits; the lowest bit says that more follows that is not zero. Zeros behind the last one
 * are not written, but there is always one group; the lowest bit of the 17th, the last, stands for
 * all bits that are behind it.
 *
 * Behind the first 240 bytes of a part that is longer stands a marker: 01, more follows; or 02, the
 * part is cut: 16 bytes of the SHA-256 of its bytes (ascending, all, no marker) follow and end it.
 *
 *   O1  No part is a proper prefix of another: its end is seen in its bytes alone. By its first
 *       byte a part has a fixed size, or its size stands in front, or it ends with a byte that can
 *       stand nowhere else: 00, which no content and no first byte of a part is, or a group with 0
 *       as its lowest bit.
 *   O2  Parts are in the order of their values: first bytes in the order of types. Where a group
 *       ends in one number and not in another that agreed so far, the other is the larger, and its
 *       lowest bit is 1. 00 sorts below all content, 01 01 and 01 02 between 00 and 02.
 *   O3  A marker changes nothing in O1 and O2: of two parts that agree in their first 240 bytes
 *       both are longer or both end there, so that markers meet markers. A part that is cut stands
 *       among those that begin with its first 240 bytes, behind those that are not cut.
 *   O4  The end of a cut part is seen too: its first 240 bytes are read as of any part, whatever
 *       the cut has split; the next byte is the marker, however deep inside the value that is.
 *   O5  Complementing turns the order round and changes nothing in the rest. The first byte of a
 *       part is never 00 or ff, so that a bound beside it exists.
 *   O6  Equal values have equal bytes, whatever their kinds. What tells them apart is in the
 *       trailer (order_trailer.h); bytes and trailer together give back each encoding.
 *
 * Cost: one pass over the value; 2 bytes for an integer below 256, at most 10 for any integer, 9
 * for floats from 2^-8 to 2^64, 11 for others, 20 for decimals.
 *
 * Why not the double and a residual, as in MongoDB's KeyString: exponents in the first byte make
 * small integers smaller, and one rule serves all kinds of number.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_ORDER_CODES_H
#define COPSE_VALUE_ORDER_CODES_H

#include <copse/order.h>

#include "base/compiler.h"

enum {
    COPSE_ORDER_END = 0x00, /* of text, object, array */
    COPSE_ORDER_ESCAPE = 0x01,
    COPSE_ORDER_MIN_KEY = 0x08,
    COPSE_ORDER_NO_ELEMENTS = 0x10,
    COPSE_ORDER_NULL = 0x18,
    COPSE_ORDER_NAN = 0x20,
    COPSE_ORDER_INFINITE_NEGATIVE = 0x21,
    COPSE_ORDER_ZERO = 0x6c,
    COPSE_ORDER_POSITIVE_SMALL = 0x6d,
    COPSE_ORDER_POSITIVE = 0x6e, /* of exponent COPSE_ORDER_EXPONENT_MIN; then upwards */
    COPSE_ORDER_POSITIVE_LARGE = 0xb6,
    COPSE_ORDER_INFINITE = 0xb7,
    COPSE_ORDER_TEXT = 0xc0,
    COPSE_ORDER_OBJECT = 0xc4,
    COPSE_ORDER_ARRAY = 0xc8,
    COPSE_ORDER_BINARY = 0xcc,
    COPSE_ORDER_OBJECT_ID = 0xd0,
    COPSE_ORDER_FALSE = 0xd4,
    COPSE_ORDER_TRUE = 0xd5,
    COPSE_ORDER_DATE = 0xd8,
    COPSE_ORDER_TIMESTAMP = 0xdc,
    COPSE_ORDER_REGEX = 0xe0,
    COPSE_ORDER_LINK = 0xe4,
    COPSE_ORDER_MAX_KEY = 0xf0
};

/* Exponents that stand in the first byte. */
enum { COPSE_ORDER_EXPONENT_MIN = -8, COPSE_ORDER_EXPONENT_MAX = 63 };

/* What stands behind the first 240 bytes of a longer part. */
enum { COPSE_ORDER_MARK_MORE = 0x01, COPSE_ORDER_MARK_CUT = 0x02 };

enum {
    COPSE_ORDER_GROUPS_MAX = 17,
    COPSE_ORDER_NUMBER_SIZE_MAX = 3 + COPSE_ORDER_GROUPS_MAX,
    COPSE_ORDER_SIZE_ONE_BYTE_MAX = 0xf7,
    COPSE_ORDER_HASH_SIZE_BYTES = 16,
    /* The most that is written of a value in a part that may be cut. */
    COPSE_ORDER_CUT_ABOVE_BYTES = COPSE_ORDER_PART_SIZE_BYTES_MAX - 1
};

/** First byte of -v from that of v, and back. */
COPSE_INLINE uint8_t copse_order_negated(unsigned code)
{
    return (uint8_t)(2 * COPSE_ORDER_ZERO - code);
}

#endif
