/* Bytes as text: base32, base36, base58btc for CIDs and base64 for DAG-JSON. Alphabets only: the
 * multibase prefix is the caller's.
 *
 * Every decoder accepts exactly what its encoder writes (base32 and base36 also with all letters in
 * upper case, if asked): no padding, no white space, unused bits zero.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_MULTIBASE_H
#define COPSE_VALUE_MULTIBASE_H

#include <copse/bytes.h>
#include <copse/status.h>

/** The longest text and the most bytes of the base36 and base58btc calls, whose cost is
 * quadratic. */
#define COPSE_RADIX_TEXT_SIZE_MAX 208
#define COPSE_RADIX_BYTES_MAX 128

/** Characters of base32 and base64 for `size` bytes. */
size_t copse_base32_text_size(size_t size);
size_t copse_base64_text_size(size_t size);

/** Bytes that `text_size` characters of base32 or base64 decode to, if they are valid. */
size_t copse_base32_bytes_size(size_t text_size);
size_t copse_base64_bytes_size(size_t text_size);

/** Write copse_base32_text_size(bytes.len) or copse_base64_text_size(bytes.len) characters, without
 * a NUL, and return their number. base32 is lower case. */
size_t copse_base32_encode(copse_bytes bytes, char *ret_text);
size_t copse_base64_encode(copse_bytes bytes, char *ret_text);

/** Decode into copse_base32_bytes_size(text.len) or copse_base64_bytes_size(text.len) bytes. OK, or
 * CORRUPT: a character outside the alphabet, an impossible length, or unused bits that are not
 * zero; then ret_bytes holds garbage. `upper` chooses the alphabet of base32. */
COPSE_MUST_USE copse_status copse_base32_decode(copse_bytes text, bool upper, uint8_t *ret_bytes);
COPSE_MUST_USE copse_status copse_base64_decode(copse_bytes text, uint8_t *ret_bytes);

/** Write `bytes`, at most COPSE_RADIX_BYTES_MAX, as at most COPSE_RADIX_TEXT_SIZE_MAX characters
 * without a NUL, and return their number. Leading zero bytes become leading zero digits. base36 is
 * lower case. */
size_t copse_base36_encode(copse_bytes bytes, char *ret_text);
size_t copse_base58btc_encode(copse_bytes bytes, char *ret_text);

/** Decode to at most COPSE_RADIX_BYTES_MAX bytes. OK; CORRUPT: a character outside the alphabet;
 * LIMIT: too long. `upper` chooses the alphabet of base36. */
COPSE_MUST_USE copse_status copse_base36_decode(copse_bytes text, bool upper,
                                                uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX],
                                                size_t *ret_size);
COPSE_MUST_USE copse_status copse_base58btc_decode(copse_bytes text,
                                                   uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX],
                                                   size_t *ret_size);

#endif
