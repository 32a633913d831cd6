/* UTF-8 validation: blocks of 16 ASCII bytes are passed over at once; whatever else goes byte by
 * byte through an automaton without branches, so that a text of mixed scripts costs about the same
 * everywhere.
 *
 * The automaton (P. Vognsen, "Shift-based DFAs", 2021): a state is the shift count 6 * s, and a row
 * of 64 bits holds, for one class of bytes, the next state of each state s at bits 6s to 6s + 5. A
 * step is `row >> state`: the rows don't depend on the state, so the only chain from byte to byte
 * is one shift.
 *
 *     state     expects                         from there
 *     OK        a first byte                    by the class of the byte, below
 *     TAIL1-3   1, 2, 3 more of 80..bf
 *     E0        a0..bf, then 1 more             keeps out long forms of 3 bytes
 *     ED        80..9f, then 1 more             keeps out surrogates
 *     F0        90..bf, then 2 more             keeps out long forms of 4 bytes
 *     F4        80..8f, then 2 more             keeps out what is above U+10FFFF
 *     BAD       never left
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/utf8.h"

enum {
    UTF8_OK = 0,
    UTF8_BAD = 6,
    UTF8_TAIL1 = 12,
    UTF8_TAIL2 = 18,
    UTF8_TAIL3 = 24,
    UTF8_E0 = 30,
    UTF8_ED = 36,
    UTF8_F0 = 42,
    UTF8_F4 = 48,
    UTF8_STATE_MASK = 63
};

#define UTF8_AT(state, next) ((uint64_t)(next) << (state))
/* The states that follow OK, the tails (if `tail`) and the four that narrow the second byte. */
#define UTF8_ROW(ok, tail, e0, ed, f0, f4)                                                         \
    (UTF8_AT(UTF8_OK, ok) | UTF8_AT(UTF8_BAD, UTF8_BAD) |                                          \
     UTF8_AT(UTF8_TAIL1, (tail) ? UTF8_OK : UTF8_BAD) |                                            \
     UTF8_AT(UTF8_TAIL2, (tail) ? UTF8_TAIL1 : UTF8_BAD) |                                         \
     UTF8_AT(UTF8_TAIL3, (tail) ? UTF8_TAIL2 : UTF8_BAD) |                                         \
     UTF8_AT(UTF8_E0, (e0) ? UTF8_TAIL1 : UTF8_BAD) |                                              \
     UTF8_AT(UTF8_ED, (ed) ? UTF8_TAIL1 : UTF8_BAD) |                                              \
     UTF8_AT(UTF8_F0, (f0) ? UTF8_TAIL2 : UTF8_BAD) |                                              \
     UTF8_AT(UTF8_F4, (f4) ? UTF8_TAIL2 : UTF8_BAD))
#define UTF8_FIRST(state) UTF8_ROW(state, 0, 0, 0, 0, 0)

static const uint64_t utf8_rows[12] = {
    UTF8_FIRST(UTF8_OK),               /*  0: 00..7f */
    UTF8_ROW(UTF8_BAD, 1, 0, 1, 0, 1), /*  1: 80..8f */
    UTF8_ROW(UTF8_BAD, 1, 0, 1, 1, 0), /*  2: 90..9f */
    UTF8_ROW(UTF8_BAD, 1, 1, 0, 1, 0), /*  3: a0..bf */
    UTF8_FIRST(UTF8_BAD),              /*  4: c0, c1, f5..ff */
    UTF8_FIRST(UTF8_TAIL1),            /*  5: c2..df */
    UTF8_FIRST(UTF8_E0),               /*  6: e0 */
    UTF8_FIRST(UTF8_TAIL2),            /*  7: e1..ec, ee, ef */
    UTF8_FIRST(UTF8_ED),               /*  8: ed */
    UTF8_FIRST(UTF8_F0),               /*  9: f0 */
    UTF8_FIRST(UTF8_TAIL3),            /* 10: f1..f3 */
    UTF8_FIRST(UTF8_F4),               /* 11: f4 */
};

/* The class of each byte: its row. */
/* clang-format off */
static const uint8_t utf8_class[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 00 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 10 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 20 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 30 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 40 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 50 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 60 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 70 */
     1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1, /* 80 */
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* 90 */
     3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3, /* a0 */
     3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3, /* b0 */
     4,  4,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5, /* c0 */
     5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5, /* d0 */
     6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  7, /* e0 */
     9, 10, 10, 10, 11,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* f0 */
};
/* clang-format on */

const uint64_t copse_utf8_masks[17][2] = {
    {0x0u, 0x0u},
    {0xffu, 0x0u},
    {0xffffu, 0x0u},
    {0xffffffu, 0x0u},
    {0xffffffffu, 0x0u},
    {0xffffffffffu, 0x0u},
    {0xffffffffffffu, 0x0u},
    {0xffffffffffffffu, 0x0u},
    {0xffffffffffffffffu, 0x0u},
    {0xffffffffffffffffu, 0xffu},
    {0xffffffffffffffffu, 0xffffu},
    {0xffffffffffffffffu, 0xffffffu},
    {0xffffffffffffffffu, 0xffffffffu},
    {0xffffffffffffffffu, 0xffffffffffu},
    {0xffffffffffffffffu, 0xffffffffffffu},
    {0xffffffffffffffffu, 0xffffffffffffffu},
    {0xffffffffffffffffu, 0xffffffffffffffffu},
};

static uint64_t utf8_step(uint64_t state, uint8_t byte)
{
    return utf8_rows[utf8_class[byte]] >> (state & UTF8_STATE_MASK);
}

static uint64_t utf8_run(uint64_t state, const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        state = utf8_step(state, text[i]);
    }
    return state;
}

bool copse_utf8_valid(copse_bytes text)
{
    uint64_t state = UTF8_OK;
    size_t at = 0;
    if (text.len == 0) {
        return true; /* ptr may be NULL */
    }
    for (; text.len - at >= 16; at += 16) {
        const uint8_t *block = text.ptr + at;
        uint64_t both = copse_load_u64le(block) | copse_load_u64le(block + 8);
        if ((both & COPSE_UTF8_HIGH_BITS) != 0 || (state & UTF8_STATE_MASK) != UTF8_OK) {
            state = utf8_run(state, block, 16);
        }
    }
    state = utf8_run(state, text.ptr + at, text.len - at);
    return (state & UTF8_STATE_MASK) == UTF8_OK;
}
