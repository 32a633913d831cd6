/* Random values that are hard to put in order.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_ORDER_RANDOM_H
#define COPSE_TESTS_ORDER_RANDOM_H

#include <copse/value.h>

/** Appends one random value of any type, objects and arrays at most `depth_max` deep. Numbers crowd
 * around the limits of their kinds and around each other; texts and keys are few and alike, so that
 * equal and nearly equal values are common; some are longer than a part may be. `state` as for
 * test_random. Statuses as the writers'. */
copse_status order_random_value(uint64_t *state, unsigned depth_max, copse_buf *buf);

/** As order_random_value, numbers only. */
copse_status order_random_number(uint64_t *state, copse_buf *buf);

#endif
