/* Base32 and base64 are bit streams: a text carries 5 or 6 bits a character, high bits first, and
 * the bits past the last whole byte are zero. Base36 and base58btc read the bytes as one big-endian
 * number, with a leading zero digit for each leading zero byte; their cost is quadratic, so their
 * input is bounded.
 *
 * Sources: RFC 4648 for base32 and base64; https://github.com/multiformats/multibase.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/multibase.h"

#include <assert.h>
#include <string.h>

static const char multibase_base32_lower[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char multibase_base32_upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char multibase_base36_lower[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char multibase_base36_upper[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char multibase_base58btc[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char multibase_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { MULTIBASE_NO_DIGIT = 0xff };

/* The value of each character, MULTIBASE_NO_DIGIT for those outside the alphabet. */
typedef struct multibase_digits {
    uint8_t value[256];
} multibase_digits;

static void multibase_digits_init(multibase_digits *digits, const char *alphabet)
{
    memset(digits->value, MULTIBASE_NO_DIGIT, sizeof digits->value);
    for (uint8_t i = 0; alphabet[i] != '\0'; i++) {
        digits->value[(uint8_t)alphabet[i]] = i;
    }
}

/* ---- Bit streams ---------------------------------------------------------------------------- */

static size_t multibase_bits_encode(copse_bytes bytes, const char *alphabet, unsigned width,
                                    char *ret_text)
{
    uint32_t mask = (1u << width) - 1;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | bytes.ptr[i];
        held += 8;
        while (held >= width) {
            held -= width;
            ret_text[len++] = alphabet[bits >> held & mask];
        }
    }
    if (held > 0) {
        ret_text[len++] = alphabet[bits << (width - held) & mask];
    }
    return len;
}

static copse_status multibase_bits_decode(copse_bytes text, const char *alphabet, unsigned width,
                                          uint8_t *ret_bytes)
{
    multibase_digits digits;
    multibase_digits_init(&digits, alphabet);
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = digits.value[text.ptr[i]];
        if (digit == MULTIBASE_NO_DIGIT) {
            return COPSE_CORRUPT;
        }
        bits = bits << width | digit;
        held += width;
        if (held >= 8) {
            held -= 8;
            ret_bytes[len++] = (uint8_t)(bits >> held);
        }
    }
    /* A whole character too many, or bits that no byte owns. */
    if (held >= width || (bits & ((1u << held) - 1)) != 0) {
        return COPSE_CORRUPT;
    }
    return COPSE_OK;
}

size_t copse_base32_text_size(size_t size)
{
    return size / 5 * 8 + (size % 5 * 8 + 4) / 5;
}

size_t copse_base64_text_size(size_t size)
{
    return size / 3 * 4 + (size % 3 * 8 + 5) / 6;
}

size_t copse_base32_bytes_size(size_t text_size)
{
    return text_size / 8 * 5 + text_size % 8 * 5 / 8;
}

size_t copse_base64_bytes_size(size_t text_size)
{
    return text_size / 4 * 3 + text_size % 4 * 6 / 8;
}

size_t copse_base32_encode(copse_bytes bytes, char *ret_text)
{
    return multibase_bits_encode(bytes, multibase_base32_lower, 5, ret_text);
}

size_t copse_base64_encode(copse_bytes bytes, char *ret_text)
{
    return multibase_bits_encode(bytes, multibase_base64, 6, ret_text);
}

copse_status copse_base32_decode(copse_bytes text, bool upper, uint8_t *ret_bytes)
{
    return multibase_bits_decode(text, upper ? multibase_base32_upper : multibase_base32_lower, 5,
                                 ret_bytes);
}

copse_status copse_base64_decode(copse_bytes text, uint8_t *ret_bytes)
{
    return multibase_bits_decode(text, multibase_base64, 6, ret_bytes);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* Multiplies the big-endian number at the end of cells[0..room) by `factor` and adds `carry`. Its
 * digits are in base `radix`, `size` of them are in use; returns how many are then. The caller has
 * made sure that the number fits. */
static size_t multibase_multiply_add(uint8_t *cells, size_t room, size_t size, uint32_t radix,
                                     uint32_t factor, uint32_t carry)
{
    size_t i = 0;
    for (; i < size || carry != 0; i++) {
        assert(i < room);
        uint8_t *cell = &cells[room - 1 - i];
        carry += (i < size ? *cell : 0) * factor;
        *cell = (uint8_t)(carry % radix);
        carry /= radix;
    }
    return i;
}

static size_t multibase_count_leading(copse_bytes bytes, uint8_t value)
{
    size_t count = 0;
    while (count < bytes.len && bytes.ptr[count] == value) {
        count++;
    }
    return count;
}

static size_t multibase_radix_encode(copse_bytes bytes, const char *alphabet, uint32_t radix,
                                     char *ret_text)
{
    assert(bytes.len <= COPSE_RADIX_BYTES_MAX);
    uint8_t cells[COPSE_RADIX_TEXT_SIZE_MAX];
    size_t zeros = multibase_count_leading(bytes, 0);
    size_t size = 0;
    for (size_t i = zeros; i < bytes.len; i++) {
        size = multibase_multiply_add(cells, sizeof cells, size, radix, 256, bytes.ptr[i]);
    }
    memset(ret_text, alphabet[0], zeros);
    for (size_t i = 0; i < size; i++) {
        ret_text[zeros + i] = alphabet[cells[sizeof cells - size + i]];
    }
    return zeros + size;
}

static copse_status multibase_radix_decode(copse_bytes text, const char *alphabet, uint32_t radix,
                                           uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX],
                                           size_t *ret_size)
{
    if (text.len > COPSE_RADIX_TEXT_SIZE_MAX) {
        return COPSE_LIMIT;
    }
    multibase_digits digits;
    multibase_digits_init(&digits, alphabet);
    /* A digit is less than a byte, so this many bytes always hold the number. */
    uint8_t cells[COPSE_RADIX_TEXT_SIZE_MAX];
    size_t zeros = multibase_count_leading(text, (uint8_t)alphabet[0]);
    size_t size = 0;
    for (size_t i = zeros; i < text.len; i++) {
        uint8_t digit = digits.value[text.ptr[i]];
        if (digit == MULTIBASE_NO_DIGIT) {
            return COPSE_CORRUPT;
        }
        size = multibase_multiply_add(cells, sizeof cells, size, 256, radix, digit);
    }
    if (zeros + size > COPSE_RADIX_BYTES_MAX) {
        return COPSE_LIMIT;
    }
    memset(ret_bytes, 0, zeros);
    memcpy(ret_bytes + zeros, cells + sizeof cells - size, size);
    *ret_size = zeros + size;
    return COPSE_OK;
}

size_t copse_base36_encode(copse_bytes bytes, char *ret_text)
{
    return multibase_radix_encode(bytes, multibase_base36_lower, 36, ret_text);
}

size_t copse_base58btc_encode(copse_bytes bytes, char *ret_text)
{
    return multibase_radix_encode(bytes, multibase_base58btc, 58, ret_text);
}

copse_status copse_base36_decode(copse_bytes text, bool upper,
                                 uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX], size_t *ret_size)
{
    return multibase_radix_decode(text, upper ? multibase_base36_upper : multibase_base36_lower, 36,
                                  ret_bytes, ret_size);
}

copse_status copse_base58btc_decode(copse_bytes text, uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX],
                                    size_t *ret_size)
{
    return multibase_radix_decode(text, multibase_base58btc, 58, ret_bytes, ret_size);
}
