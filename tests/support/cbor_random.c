/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/cbor_random.h"

#include "support/test_env.h"

#include <string.h>

/* A number of any magnitude, often next to a power of two. */
static uint64_t cbor_random_magnitude(uint64_t *state)
{
    static const uint64_t edges[] = {0,          23,         24,         255,         256,
                                     65535,      65536,      0xffffffff, 0x100000000, INT64_MAX,
                                     UINT64_MAX, 1ull << 53, 1ull << 63};
    if (test_random_below(state, 3) == 0) {
        return edges[test_random_below(state, sizeof edges / sizeof *edges)];
    }
    uint64_t bits = test_random(state); /* one call a statement: their order is the seed's */
    return bits >> test_random_below(state, 64);
}

static double cbor_random_double(uint64_t *state)
{
    static const double edges[] = {0.0, -0.0, 1.0, -1.5, 5e-324, 1.7976931348623157e308, 1e15};
    if (test_random_below(state, 2) == 0) {
        return edges[test_random_below(state, sizeof edges / sizeof *edges)];
    }
    uint64_t bits = test_random(state) & ~((uint64_t)1 << 62); /* never all ones: finite */
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Sizes around those where a head or a fast path changes. */
static size_t cbor_random_size(uint64_t *state)
{
    static const size_t edges[] = {0, 7, 8, 15, 16, 17, 23, 24, 31, 32, 33, 255, 256};
    if (test_random_below(state, 3) == 0) {
        return edges[test_random_below(state, sizeof edges / sizeof *edges)];
    }
    return (size_t)test_random_below(state, 12);
}

static copse_status cbor_random_text(uint64_t *state, copse_buf *buf)
{
    static const char *const characters[] = {
        "a", "B", "\x7f", "é", "ß", "水", "\xed\x9f\xbf", "𐅑", "\xf4\x8f\xbf\xbf"};
    char text[4 * 256];
    size_t count = cbor_random_size(state);
    size_t len = 0;
    bool ascii = test_random_below(state, 2) == 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t kinds = ascii ? 3 : sizeof characters / sizeof *characters;
        const char *character = characters[test_random_below(state, kinds)];
        memcpy(text + len, character, strlen(character));
        len += strlen(character);
    }
    return copse_cbor_write_text(buf, (copse_bytes){(const uint8_t *)text, len});
}

static copse_status cbor_random_bytes(uint64_t *state, copse_buf *buf)
{
    uint8_t bytes[256];
    size_t len = cbor_random_size(state);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)test_random(state);
    }
    return copse_cbor_write_bytes(buf, (copse_bytes){bytes, len});
}

static copse_status cbor_random_link(uint64_t *state, copse_buf *buf)
{
    uint8_t cid[36] = {0x01, 0x71, 0x12, 0x20};
    for (size_t i = 4; i < sizeof cid; i++) {
        cid[i] = (uint8_t)test_random(state);
    }
    switch (test_random_below(state, 4)) {
    case 0: /* CIDv0 */
        return copse_cbor_write_link(buf, (copse_bytes){cid + 2, 34});
    case 1: /* cut to 20 bytes */
        cid[3] = 20;
        return copse_cbor_write_link(buf, (copse_bytes){cid, 24});
    case 2: /* identity */
        cid[1] = 0x55;
        cid[2] = 0;
        cid[3] = (uint8_t)test_random_below(state, 33);
        return copse_cbor_write_link(buf, (copse_bytes){cid, 4u + cid[3]});
    default:
        return copse_cbor_write_link(buf, (copse_bytes){cid, sizeof cid});
    }
}

static copse_status cbor_random_array(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    uint64_t count = test_random_below(state, depth_max == 0 ? 1 : 6);
    copse_status status = copse_cbor_write_array(buf, count);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = cbor_random_item(state, depth_max - 1, buf);
    }
    return status;
}

/* Keys that stand twice are left out. */
static copse_status cbor_random_map(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t count = test_random_below(state, depth_max == 0 ? 1 : 6);
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = cbor_random_text(state, buf);
        if (status == COPSE_OK) {
            status = cbor_random_item(state, depth_max - 1, buf);
        }
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(buf, offset, count);
    }
    if (status == COPSE_CORRUPT) {
        copse_buf_truncate(buf, offset);
        status = copse_cbor_write_map(buf, 0);
    }
    return status;
}

copse_status cbor_random_item(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    switch (test_random_below(state, 12)) {
    case 0:
        return copse_cbor_write_null(buf);
    case 1:
        return copse_cbor_write_bool(buf, test_random_below(state, 2) == 1);
    case 2:
        return copse_cbor_write_uint(buf, cbor_random_magnitude(state));
    case 3:
        return copse_cbor_write_negative(buf, cbor_random_magnitude(state));
    case 4:
        return copse_cbor_write_float(buf, cbor_random_double(state));
    case 5:
        return cbor_random_bytes(state, buf);
    case 6:
        return cbor_random_text(state, buf);
    case 7:
        return cbor_random_link(state, buf);
    case 8:
    case 9:
        return cbor_random_array(state, depth_max, buf);
    default:
        return cbor_random_map(state, depth_max, buf);
    }
}
