/* The type wrappers of Extended JSON, reading: maps such as {"$oid": "..."} become values.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_EXT_JSON_WRAP_H
#define COPSE_VALUE_EXT_JSON_WRAP_H

#include <copse/ext_json.h>

#include "value/json_build.h"

/** Puts the value in the place of `map`, which has a key that begins with "$", if it is a wrapper.
 * OK: it was, or is a map to keep in `mode`. CORRUPT: a malformed wrapper, one that is not
 * supported, or in VALUE mode another map led by "$". LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_ext_json_wrap(copse_json_builder *builder,
                                                const copse_json_map *map,
                                                copse_ext_json_mode mode);

#endif
