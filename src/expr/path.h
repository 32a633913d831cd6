/* Dotted paths into documents, and the values that they reach.
 *
 * A part of a path is a key, and where an array stands, also an element's index. On the way, arrays
 * of objects are gone into: {"a": [{"b": 1}, {"b": 2}]} has the values 1 and 2 at "a.b".
 *
 * To the letter, the values at path p of a value v are:
 *   (W1) p is used up: v.
 *   (W2) v is an object: those at the rest of p of the value of the key; where the object lacks the
 *        key, MISSING.
 *   (W3) v is an array: of each element that is an object, those at p; and if the first part of p
 *        is an index of the array, those at the rest of p of that element. Then objects that lack
 *        the part as a key say nothing. The value that a walk begins at is not gone through: if it
 *        is an array, only its index counts.
 *   (W4) v is anything else: MISSING; as an element of an array in W3 nothing.
 * Filters, sort orders and indexes all stand on this one walk, and so agree on it.
 *
 *   (W5) Where an element of W3 has the index as a key too, the path leads on in two ways. One such
 *        fork inside another would double the cost each time, so what forks meet again is counted,
 *        each as COPSE_PATH_FORK_SIZE_BYTES more than it has: LIMIT, if that is over
 *        COPSE_PATH_AGAIN_SIZE_BYTES_MAX. Elsewhere each value is met once.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_PATH_H
#define COPSE_EXPR_PATH_H

#include <copse/order.h>

/** Paths have at most this many parts. */
#define COPSE_PATH_PARTS_MAX 128
/** Paths have at most this many bytes. */
#define COPSE_PATH_SIZE_BYTES_MAX 1024
/** The most that the forks of one walk may meet again: a whole document of the default limit. */
#define COPSE_PATH_AGAIN_SIZE_BYTES_MAX (UINT64_C(128) << 20)
#define COPSE_PATH_FORK_SIZE_BYTES 256

/** Whether `path` is one: not empty, UTF-8 without NUL, no empty part, no part that begins with
 * "$", at most COPSE_PATH_SIZE_BYTES_MAX bytes and COPSE_PATH_PARTS_MAX parts. CORRUPT says what is
 * wrong. */
COPSE_MUST_USE copse_status copse_path_check(copse_bytes path, copse_err *err);

/** The part at the start of `path`; *ret_rest is what is behind its dot, empty at the end. */
copse_bytes copse_path_first(copse_bytes path, copse_bytes *ret_rest);

/** Whether `part` is an index as documents are addressed by: digits without a leading zero. */
bool copse_path_part_index(copse_bytes part, uint64_t *ret_index);

/** Whether the item is a map that is no form of another type (value.h): of maps whose first key
 * begins with "$", a DBRef. */
bool copse_path_is_object(copse_bytes encoded);

/** Checks that the map that `what` has just made is an object: CORRUPT if its first key begins with
 * "$", so that it would be another type, or none. */
COPSE_MUST_USE copse_status copse_path_check_made(copse_bytes made, const char *what,
                                                  copse_err *err);

/** Whether the item is an array. */
bool copse_path_is_array(copse_bytes encoded);

/** Lends the value of `key` in `map`, an encoded map. NOT_FOUND: no such key (`err` stays as it
 * was). CORRUPT. */
COPSE_MUST_USE copse_status copse_path_find_key(copse_bytes map, copse_bytes key,
                                                copse_bytes *ret_value, copse_err *err);

/** A walk in progress. The caller sets `leaf` and `ctx`. */
typedef struct copse_path_walk copse_path_walk;
struct copse_path_walk {
    /** Told of one value at the end of the path, len 0: MISSING. Any status but OK ends the walk
     * and is returned. */
    copse_status (*leaf)(copse_path_walk *walk, copse_bytes value, copse_err *err);
    void *ctx;
    bool array;                /**< An array was met on the way. */
    bool in_array;             /**< `index` is set. */
    uint64_t index;            /**< The element of the outermost array that is gone through now. */
    uint64_t again_size_bytes; /**< W5. */
};

/** Walks from `root` along `path` (empty: `root` itself). Values at the end are given whole, also
 * arrays. Statuses: CORRUPT, LIMIT (W5), or of `leaf`. */
COPSE_MUST_USE copse_status copse_path_walk_run(copse_path_walk *walk, copse_bytes root,
                                                copse_bytes path, copse_err *err);

/** Told of one value at the end of a path; any status but OK ends the visit and is returned.
 * `kind`: VALUE, MISSING, or EMPTY_ARRAY. `encoded` is borrowed from the document. */
typedef copse_status (*copse_path_visit_fn)(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                            copse_err *err);

/** Visits what an index on `path` has for `document`: each element of an array at the end of the
 * path (an array inside it as a value; [] as EMPTY_ARRAY), MISSING where there is nothing, and so
 * on for each element of arrays on the way. At least one visit: where the walk meets no value,
 * MISSING; equal values may come more than once. (P1) For every document and every comparison that
 * a filter makes at `path` ($eq, $in, $gt, $regex, $exists, $type without "array", … with a value
 * that is no array), if the document matches, the values visited contain one that lies in the
 * bounds of that comparison: the value itself, of the same type between, or null's place for null
 * and $exists: false. *ret_array: an array was met. Statuses: CORRUPT, LIMIT (W5),
 * or of `visit`. */
COPSE_MUST_USE copse_status copse_path_visit(copse_bytes document, copse_bytes path,
                                             copse_path_visit_fn visit, void *ctx, bool *ret_array,
                                             copse_err *err);

#endif
