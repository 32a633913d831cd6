/* Whether bytes are UTF-8.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_UTF8_H
#define COPSE_VALUE_UTF8_H

#include <copse/bytes.h>

#include "base/compiler.h"
#include "base/loadstore.h"

#define COPSE_UTF8_HIGH_BITS 0x8080808080808080u

/** Whether `text` is valid UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF (RFC
 * 3629, Unicode table 3-7). NUL is a character. */
bool copse_utf8_valid(copse_bytes text);

/** Which bits of 16 bytes, loaded little-endian as two words, belong to the first n bytes. */
extern const uint64_t copse_utf8_masks[17][2];

/** As copse_utf8_valid for text[0..len), where bytes up to `end` may be read: up to 16 bytes of
 * ASCII cost two loads and no branch on their number. */
COPSE_INLINE bool copse_utf8_valid_within(const uint8_t *text, size_t len, const uint8_t *end)
{
    if (len <= 16 && (size_t)(end - text) >= 16) {
        uint64_t low = copse_load_u64le(text) & copse_utf8_masks[len][0];
        uint64_t high = copse_load_u64le(text + 8) & copse_utf8_masks[len][1];
        if (COPSE_LIKELY(((low | high) & COPSE_UTF8_HIGH_BITS) == 0)) {
            return true;
        }
    }
    return copse_utf8_valid((copse_bytes){text, len});
}

#endif
