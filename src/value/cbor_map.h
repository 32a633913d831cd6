/* Maps of exactly the keys that a format says, in its order: read pair by pair.
 *
 * What is false leaves the reader anywhere: but for copse_cbor_map_has, which then has not moved,
 * so that a key may be optional.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CBOR_MAP_H
#define COPSE_VALUE_CBOR_MAP_H

#include <copse/cid.h>
#include <copse/dag_cbor.h>

/** Whether the reader stands before a map of `count` pairs; moves into it. */
bool copse_cbor_map_enter(copse_cbor_reader *reader, uint64_t count);

/** Whether the next pair's key is `name`; moves behind the pair, and lends its encoded value. */
bool copse_cbor_map_take(copse_cbor_reader *reader, const char *name, copse_bytes *ret_value);

/** Whether the next pair's key is `name`; moves before its value. */
bool copse_cbor_map_has(copse_cbor_reader *reader, const char *name);

/** Whether the next item is of `kind`; moves behind it, of an array or map behind its head. */
bool copse_cbor_map_item(copse_cbor_reader *reader, copse_cbor_kind kind,
                         copse_cbor_item *ret_item);

/** Whether the next item is an integer that is not negative, or a link; moves behind it. */
bool copse_cbor_map_uint(copse_cbor_reader *reader, uint64_t *ret_value);
bool copse_cbor_map_link(copse_cbor_reader *reader, copse_cid *ret_cid);

/** Whether the next item is a list of at most `count_max` links; moves behind it. */
bool copse_cbor_map_links(copse_cbor_reader *reader, size_t count_max, copse_cid *ret_cids,
                          size_t *ret_count);

#endif
