/* The pairs of a map while it is written in one format from the other: DAG-CBOR has the shortest
 * key first, DAG-JSON bytewise order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DAG_JSON_PAIRS_H
#define COPSE_VALUE_DAG_JSON_PAIRS_H

#include <copse/buf.h>

/** How keys are ordered. */
typedef enum copse_json_order {
    COPSE_JSON_BYTEWISE,      /**< DAG-JSON. */
    COPSE_JSON_SHORTEST_FIRST /**< DAG-CBOR: by length, then bytewise. */
} copse_json_order;

/** What a value says about a map that its key leads (see dag_json_read.c). */
typedef enum copse_json_shape {
    COPSE_JSON_SHAPE_OTHER,
    COPSE_JSON_SHAPE_TEXT,
    COPSE_JSON_SHAPE_BYTES_MAP /**< A map led by "bytes" with a text. */
} copse_json_shape;

/** A pair: where the text of its key is, and where the whole of it is in the output. */
typedef struct copse_json_pair {
    size_t key;
    size_t key_size;
    size_t start;
    size_t size;
    copse_json_shape shape; /**< Of the value. */
} copse_json_pair;

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
