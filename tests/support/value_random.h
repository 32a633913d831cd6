/* Random values and documents for tests of filters, orders and indexes: few field names and few
 * values of each type, so that things meet, in all types and nestings.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_VALUE_RANDOM_H
#define COPSE_TESTS_VALUE_RANDOM_H

#include <copse/value.h>

/** Appends one random value of any type but array and object: numbers of all kinds around the same
 * few values, NaN, dates, regexes, MinKey and so on. `state` as for test_random; equal states make
 * equal values. Statuses as the writers'. */
copse_status value_random_scalar(uint64_t *state, copse_buf *buf);

/** Appends one random value; arrays and objects at most `depth_max` deep, often empty or with
 * nulls. */
copse_status value_random_item(uint64_t *state, unsigned depth_max, copse_buf *buf);

/** Appends one random document: some of the fields of value_random_field, values at most
 * `depth_max` deep; with `id`, that one as `_id`. */
copse_status value_random_document(uint64_t *state, unsigned depth_max, const uint64_t *id,
                                   copse_buf *buf);

/** A random name of a field: "a" to "d" or an index, "0" or "1". Static storage. */
const char *value_random_field(uint64_t *state);

/** Writes a random path of one to three parts, with NUL, and returns its length. */
size_t value_random_path(uint64_t *state, char ret_path[16]);

/** Appends a random filter of one test at a random path with a random scalar: {path: value} or
 * {path: {op: argument}} with $eq, $gt, $gte, $lt, $lte, $in, $exists, $regex, $mod, $type, $size
 * or $bitsAnySet, sometimes under $not. */
copse_status value_random_test(uint64_t *state, copse_buf *buf);

/** Appends a random filter: tests as value_random_test, also $elemMatch and $all, under $and, $or
 * and $nor at most `depth_max` deep. */
copse_status value_random_filter(uint64_t *state, unsigned depth_max, copse_buf *buf);

#endif
