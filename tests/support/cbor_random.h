/* Random DAG-CBOR values for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_CBOR_RANDOM_H
#define COPSE_TESTS_CBOR_RANDOM_H

#include <copse/dag_cbor.h>

/** Appends one random item to `buf`: any kind, arrays and maps at most `depth_max` deep with a few
 * items each, arguments around the limits of each head size. `state` as for test_random; equal
 * states make equal items. Statuses as the writer's. */
copse_status cbor_random_item(uint64_t *state, unsigned depth_max, copse_buf *buf);

#endif
