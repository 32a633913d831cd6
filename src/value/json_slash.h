/* Maps with a key "/": the links and bytes of DAG-JSON and Extended JSON.
 *
 * A map is led by a key if that key is the first in the text, or would be the first in canonical
 * text.
 *
 * (J1) A map led by "/" whose value is a text is a link if it has no other key; else CORRUPT.
 * (J2) A map led by "/" whose value is a map led by "bytes" with a text is bytes if neither map has
 *      another key; else CORRUPT.
 * (J3) Any other map is a map, with a key "/" too.
 *
 * So the order of keys in the text never decides between two meanings, and what is accepted has a
 * canonical text. JavaScript's and Go's decoders look at the order in the text only.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_JSON_SLASH_H
#define COPSE_VALUE_JSON_SLASH_H

#include "value/json_build.h"

/** What a map with a key "/" is. */
typedef enum copse_json_slash {
    COPSE_JSON_SLASH_NONE, /**< A map. */
    COPSE_JSON_SLASH_LINK,
    COPSE_JSON_SLASH_BYTES,
    COPSE_JSON_SLASH_MIXED /**< A link or bytes with other keys beside. */
} copse_json_slash;

/** Reads the strict DAG-CBOR of a map. `order`: of keys in canonical text. `slash_first`: "/" is
 * the first key in the text; `bytes_first`: "bytes" is, in the map that is its value. *ret_text is
 * the text of a link or of bytes, borrowed from `map`. */
copse_json_slash copse_json_slash_read(copse_bytes map, copse_json_order order, bool slash_first,
                                       bool bytes_first, copse_bytes *ret_text);

/** Puts a link or bytes in the place of `map`, if it is one by J1 and J2; *ret_replaced says so.
 * CORRUPT: MIXED, or the text is no CID or no base64. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_json_slash_replace(copse_json_builder *builder,
                                                     const copse_json_map *map,
                                                     copse_json_order order, bool *ret_replaced);

#endif
