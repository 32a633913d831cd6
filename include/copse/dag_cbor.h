/* DAG-CBOR: the binary form of the IPLD data model. Checking, reading without copies, writing.
 *
 * Format: docs/formats/dag-cbor.md; https://ipld.io/specs/codecs/dag-cbor/spec/. The bytes of an
 * item are used in place: nothing here builds a tree of objects, and reading never allocates.
 *
 *     copse_cbor_reader reader;
 *     copse_cbor_item item;
 *     status = copse_cbor_reader_init_untrusted(&reader, bytes, &env.limits, COPSE_CBOR_STRICT,
 *                                               &err);
 *     if (status == COPSE_OK) {
 *         status = copse_cbor_find_key(&reader, copse_bytes_of_text("name"), &err);
 *     }
 *     if (status == COPSE_OK) {
 *         status = copse_cbor_next(&reader, &item, &err);
 *     }
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DAG_CBOR_H
#define COPSE_DAG_CBOR_H

#include <copse/buf.h>
#include <copse/bytes.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** How much is accepted. */
typedef enum copse_cbor_mode {
    /** Blocks that Copse writes or takes as its own: one accepted encoding per value. */
    COPSE_CBOR_STRICT,
    /** Blocks of others: also keys in any order, floats of 16 and 32 bits, `undefined` (read as
     * null) and text that is not UTF-8. Never re-encode such a block to compute its CID. */
    COPSE_CBOR_LAX
} copse_cbor_mode;

/** Arrays and maps nest at most this deep, even if limits->cbor_depth_max is larger. */
#define COPSE_CBOR_DEPTH_MAX 1024
/** A map whose keys are out of order has at most this many pairs (lax mode only). */
#define COPSE_CBOR_UNSORTED_PAIRS_MAX 4096

/** Checks the one item at the start of `input`; what follows it is not looked at. `ret_size` is the
 * number of bytes that it takes. CORRUPT: it breaks the format; the message names the offset and
 * the rule. LIMIT: nested deeper than limits->cbor_depth_max (an empty array has depth 1), a CID
 * longer than COPSE_CID_SIZE_BYTES_MAX, or COPSE_CBOR_UNSORTED_PAIRS_MAX passed. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_cbor_item_size(copse_bytes input,
                                                               const copse_limits *limits,
                                                               copse_cbor_mode mode,
                                                               size_t *ret_size, copse_err *err);

/** Checks that `input` is exactly one item. Statuses as copse_dag_cbor_item_size. */
COPSE_API COPSE_MUST_USE copse_status copse_dag_cbor_check(copse_bytes input,
                                                           const copse_limits *limits,
                                                           copse_cbor_mode mode, copse_err *err);

/* ---- Reading -------------------------------------------------------------------------------- */

/** The kinds of the IPLD data model. */
typedef enum copse_cbor_kind {
    COPSE_CBOR_NULL,
    COPSE_CBOR_BOOL,
    COPSE_CBOR_INT,
    COPSE_CBOR_FLOAT,
    COPSE_CBOR_BYTES,
    COPSE_CBOR_TEXT,
    COPSE_CBOR_LINK,
    COPSE_CBOR_ARRAY,
    COPSE_CBOR_MAP
} copse_cbor_kind;

/** An item, or of an array or map the head. Fields that the kind doesn't name are zero. */
typedef struct copse_cbor_item {
    copse_cbor_kind kind;
    bool boolean;      /**< BOOL. */
    bool negative;     /**< INT: the value is -1 - arg, else arg: from -2^64 to 2^64 - 1. */
    uint64_t arg;      /**< INT: see negative. ARRAY: elements. MAP: pairs. */
    double real;       /**< FLOAT. Finite if the input was checked. */
    copse_bytes bytes; /**< BYTES, TEXT: the content. LINK: the binary CID. Borrows the input. */
} copse_cbor_item;

/** A position in the encoding of one or more items. Plain data: a copy is a second position.
 * Borrows its input. It keeps no stack: items come in the order of their bytes, an array's head
 * before its `arg` elements, a map's before its `arg` times key and value. It stays inside its
 * input whatever that holds; on bytes that were never checked, calls may return CORRUPT or items
 * that break the rules. */
typedef struct copse_cbor_reader {
    const uint8_t *start; /**< Of the input: offsets in messages count from here. */
    const uint8_t *at;
    const uint8_t *end;
    bool sorted; /**< Keys are in order, so that a search may stop early. */
} copse_cbor_reader;

/** Stands before `input`, which was checked in strict mode before (also several items in a row, or
 * an item lent by copse_cbor_take). */
COPSE_API void copse_cbor_reader_init(copse_cbor_reader *reader, copse_bytes input);

/** As copse_cbor_reader_init, for what was checked in lax mode only. */
COPSE_API void copse_cbor_reader_init_lax(copse_cbor_reader *reader, copse_bytes input);

/** For bytes that nobody has checked: checks that `input` is exactly one item, and stands before
 * it. Statuses as copse_dag_cbor_item_size; on failure `reader` is untouched. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_reader_init_untrusted(copse_cbor_reader *reader,
                                                                       copse_bytes input,
                                                                       const copse_limits *limits,
                                                                       copse_cbor_mode mode,
                                                                       copse_err *err);

/** Reads the next item and moves behind it, of an array or map behind its head, that is to its
 * first element or key. END: there is no more. CORRUPT: the reader has not moved. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_next(copse_cbor_reader *reader,
                                                      copse_cbor_item *ret_item, copse_err *err);

/** Moves over the next item with all that is in it. END and CORRUPT as copse_cbor_next. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_skip(copse_cbor_reader *reader, copse_err *err);

/** As copse_cbor_skip, and lends the encoding of what was moved over: a document in itself,
 * borrowed from the reader's input. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_take(copse_cbor_reader *reader,
                                                      copse_bytes *ret_encoded, copse_err *err);

/** Standing before a map, moves to the value of `key` (UTF-8). NOT_FOUND: there is no such key, or
 * the next item is not a map. END and CORRUPT as copse_cbor_next. Whatever is not OK leaves the
 * reader where it was. Costs a walk over the pairs before the key; stops at the first greater key
 * if the input is strict. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_find_key(copse_cbor_reader *reader,
                                                          copse_bytes key, copse_err *err);

/** Standing before an array, moves to element `index`, from 0. Statuses as copse_cbor_find_key. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_find_index(copse_cbor_reader *reader,
                                                            uint64_t index, copse_err *err);

/** The value of an INT item. LIMIT: it is not an int64_t. MISUSE: it is no INT. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_item_int64(const copse_cbor_item *item,
                                                            int64_t *ret_value);

/* ---- Writing -------------------------------------------------------------------------------- */

/* Each call appends to `buf`. OK; NOMEM, LIMIT: from the buf; MISUSE: as named. Whatever is not OK
 * leaves the buf as it was. That the heads' counts match what follows, and that the keys after
 * copse_cbor_write_map are in order, is the caller's promise: copse_cbor_finish_map sorts. */

COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_null(copse_buf *buf);
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_bool(copse_buf *buf, bool value);
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_int(copse_buf *buf, int64_t value);
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_uint(copse_buf *buf, uint64_t value);

/** Writes the integer -1 - arg: the way to those below INT64_MIN. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_negative(copse_buf *buf, uint64_t arg);

/** Always 64 bits, also where the value is whole: 1.0 is not 1. MISUSE: NaN or infinite. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_float(copse_buf *buf, double value);

COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_bytes(copse_buf *buf, copse_bytes bytes);

/** MISUSE: `text` is not UTF-8. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_text(copse_buf *buf, copse_bytes text);

/** MISUSE: `cid` is not exactly one binary CID of at most COPSE_CID_SIZE_BYTES_MAX bytes. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_link(copse_buf *buf, copse_bytes cid);

/** The head of an array; `count` items follow. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_array(copse_buf *buf, uint64_t count);

/** The head of a map; `count` times key and value follow, keys in order. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_map(copse_buf *buf, uint64_t count);

/** An item that is strict DAG-CBOR already. MISUSE: it is not; only debug builds look. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_encoded(copse_buf *buf, copse_bytes encoded);

/** What copse_cbor_next gave: a scalar, or the head of an array or map. MISUSE as above. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_write_item(copse_buf *buf,
                                                            const copse_cbor_item *item);

/** Turns the `count` items that were appended since the buf had `offset` bytes into an array, by
 * putting the head before them: for counts that are not known at the start. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_finish_array(copse_buf *buf, size_t offset,
                                                              uint64_t count);

/** Turns the `count` times key and value that were appended since the buf had `offset` bytes, in
 * any order, into a map: sorts the pairs and puts the head before them. Takes memory for it only if
 * they are out of order. CORRUPT: a key stands twice. MISUSE: they are not `count` pairs, or a key
 * is no text. LIMIT: also more than 2^32 - 1 bytes to sort. */
COPSE_API COPSE_MUST_USE copse_status copse_cbor_finish_map(copse_buf *buf, size_t offset,
                                                            uint64_t count);

COPSE_EXTERN_C_END

#endif
