/* Maps of exactly the keys that a format says, in its order: read pair by pair.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CBOR_MAP_H
#define COPSE_VALUE_CBOR_MAP_H

#include <copse/dag_cbor.h>

/** Whether the reader stands before a map of `count` pairs; moves into it. */
bool copse_cbor_map_enter(copse_cbor_reader *reader, uint64_t count);

/** Whether the next pair's key is `name`; moves behind the pair, and lends its encoded value. */
bool copse_cbor_map_take(copse_cbor_reader *reader, const char *name, copse_bytes *ret_value);

#endif
