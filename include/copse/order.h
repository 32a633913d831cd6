/* Order keys: values as bytes whose order is the order of the values.
 *
 * Format: docs/formats/order.md. A list of values is written part by part. The bytes of a part are
 * self-delimiting and no part is a prefix of another, so that bytewise order of whole keys is the
 * order of the lists by copse_value_compare. A part may be descending: then all its bytes are
 * complemented. What tells values apart that compare equal (1, 1.0 and the decimal "1.00"; null and
 * a missing field) stands in a trailer behind the last part, where it never disturbs the order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_ORDER_H
#define COPSE_ORDER_H

#include <copse/value.h>

COPSE_EXTERN_C_BEGIN

/** A part of an index entry is at most this long: up to 256 bytes of a value and, over
 * COPSE_ORDER_PART_CUT_SIZE_BYTES, a marker. The part of a longer value is cut. */
#define COPSE_ORDER_PART_SIZE_BYTES_MAX 257
/** What is kept of the bytes of a value that is cut; a marker and a hash follow. */
#define COPSE_ORDER_PART_CUT_SIZE_BYTES 240
/** The longest order key of a primary key. */
#define COPSE_ORDER_PRIMARY_SIZE_BYTES_MAX 512
/** A key has at most this many parts. */
#define COPSE_ORDER_PARTS_MAX 33

typedef enum copse_order_kind {
    COPSE_ORDER_VALUE,
    COPSE_ORDER_MISSING,    /**< A field that is not there: its place is that of null. */
    COPSE_ORDER_EMPTY_ARRAY /**< What an index has for []: between MinKey and null. */
} copse_order_kind;

/** One part of a key. */
typedef struct copse_order_part {
    copse_order_kind kind;
    bool descending;
    bool cut;            /**< For copse_order_write_trailer: copse_order_write_cut has cut it. */
    copse_bytes encoded; /**< VALUE: one item (value.h). */
} copse_order_part;

/** Appends the bytes of one part, however long they are. CORRUPT: no value. LIMIT, NOMEM from the
 * buf. Whatever is not OK leaves the buf as it was; so do all calls here. */
COPSE_API COPSE_MUST_USE copse_status copse_order_write(copse_buf *buf,
                                                        const copse_order_part *part,
                                                        copse_err *err);

/** As copse_order_write, but cuts a part over COPSE_ORDER_PART_SIZE_BYTES_MAX to its first
 * COPSE_ORDER_PART_CUT_SIZE_BYTES, a marker and a 16-byte hash; *ret_cut (NULL allowed) says so. */
COPSE_API COPSE_MUST_USE copse_status copse_order_write_cut(copse_buf *buf,
                                                            const copse_order_part *part,
                                                            bool *ret_cut, copse_err *err);

/** Appends the trailer of the parts that were written: nothing if every part is what its bytes say
 * without one. Of those that are `cut` it says nothing. CORRUPT, LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_order_write_trailer(copse_buf *buf,
                                                                const copse_order_part *parts,
                                                                size_t count, copse_err *err);

/** Appends the order key of a primary key, ascending. LIMIT: over
 * COPSE_ORDER_PRIMARY_SIZE_BYTES_MAX. CORRUPT: no value, or one that can't be a primary key (array,
 * regex). NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_order_write_primary(copse_buf *buf, copse_bytes encoded,
                                                                copse_err *err);

/** Moves `rest` past the one part at its start. CORRUPT: no part. */
COPSE_API COPSE_MUST_USE copse_status copse_order_skip(copse_bytes *rest, bool descending,
                                                       copse_err *err);

/** What a part was. */
typedef struct copse_order_decoded {
    copse_order_kind kind;
    bool cut;      /**< The value is not known; `offset` and `size` are 0. */
    size_t offset; /**< VALUE: of its item in the buf. */
    size_t size;
} copse_order_decoded;

/** Decodes the parts, and the trailer behind them, that fill `key`: appends the items of the values
 * to `buf` and says what each part was. CORRUPT: the key has another number of parts, or is none.
 * LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_order_decode(copse_bytes key, const bool *descending,
                                                         size_t count, copse_buf *buf,
                                                         copse_order_decoded *ret_parts,
                                                         copse_err *err);

/** Appends the first byte of the parts of values of `type` (all kinds of number share one range;
 * null's is that of missing fields too): with `after`, the byte that is above all of them. So all
 * parts of a type stand from the one to the other; of a descending part with the two swapped, which
 * this does. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_order_write_type_bound(copse_buf *buf,
                                                                   copse_value_type type,
                                                                   bool descending, bool after);

/** Turns the bytes that were appended since the buf had `offset` bytes into the lowest bytes that
 * are above all that begin with them. NOT_FOUND: there are none (all 0xff). */
COPSE_API COPSE_MUST_USE copse_status copse_order_prefix_end(copse_buf *buf, size_t offset);

COPSE_EXTERN_C_END

#endif
