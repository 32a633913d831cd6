/* The pairs of a map while it is written in one format from the other: DAG-CBOR has the shortest
 * key first, DAG-JSON bytewise order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_PAIRS_H
#define COPSE_VALUE_JSON_PAIRS_H

#include <copse/buf.h>

#include "base/compiler.h"
#include "base/loadstore.h"

/** How keys are ordered. */
typedef enum copse_json_order {
    COPSE_JSON_BYTEWISE,      /**< DAG-JSON. */
    COPSE_JSON_SHORTEST_FIRST /**< DAG-CBOR: by length, then bytewise. */
} copse_json_order;

/** What a value says about a map that its key leads (see json_slash.h). */
typedef enum copse_json_shape {
    COPSE_JSON_SHAPE_OTHER,
    COPSE_JSON_SHAPE_TEXT,
    COPSE_JSON_SHAPE_BYTES_MAP /**< A map led by "bytes" with a text. */
} copse_json_shape;

/** A pair: where the text of its key is, and where the whole of it is in the output. */
typedef struct copse_json_pair {
    uint64_t rank; /**< The beginning of the key, by copse_json_key_rank. */
    size_t key;
    size_t key_size;
    size_t start;
    size_t size;
    copse_json_shape shape; /**< Of the value. */
} copse_json_pair;

/** A number that orders keys as far as it goes: of two keys the one with the lower rank comes
 * first; equal ranks decide nothing. Bytes before `end` may be read. */
COPSE_INLINE uint64_t copse_json_key_rank(copse_json_order order, copse_bytes key,
                                          const uint8_t *end)
{
    uint64_t word = 0;
    if (COPSE_LIKELY(end - key.ptr >= 8 && key.len > 0)) {
        word = copse_load_u64be(key.ptr);
        word = key.len < 8 ? word >> (64 - 8 * key.len) << (64 - 8 * key.len) : word;
    } else {
        for (size_t i = 0; i < key.len && i < 8; i++) {
            word |= (uint64_t)key.ptr[i] << (56 - 8 * i);
        }
    }
    if (order == COPSE_JSON_BYTEWISE) {
        return word;
    }
    return key.len < 255 ? (uint64_t)key.len << 56 | word >> 8 : UINT64_MAX << 56;
}

/** The order of two keys, which are in `keys`: negative, zero or positive. */
int copse_json_pair_compare(const uint8_t *keys, copse_json_order order, const copse_json_pair *a,
                            const copse_json_pair *b);

/** Sorts the pairs of one map, two or more, and their bytes, which stand at the end of `buf` with
 * `separator` between them, if it isn't NUL. `keys` is the input, or buf->ptr. `scratch`
 * is used for a copy. OK; CORRUPT: a key stands twice; NOMEM, LIMIT. Whatever is not OK leaves
 * `buf` as it was. */
COPSE_MUST_USE copse_status copse_json_pairs_sort(const uint8_t *keys, copse_json_order order,
                                                  copse_json_pair *pairs, size_t count,
                                                  char separator, copse_buf *buf,
                                                  copse_buf *scratch);

#endif
