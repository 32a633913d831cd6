/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/siphash.h"

#include "base/compiler.h"
#include "base/loadstore.h"

/* SipHash (Aumasson, Bernstein) with one round a word and three at the end, as hash tables use it.
 * The 64-bit result is that of the reference implementation. */
typedef struct siphash_state {
    uint64_t v0, v1, v2, v3;
} siphash_state;

COPSE_INLINE uint64_t siphash_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

COPSE_INLINE void siphash_round(siphash_state *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = siphash_rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = siphash_rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = siphash_rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = siphash_rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = siphash_rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = siphash_rotate(sip->v2, 32);
}

COPSE_INLINE void siphash_word(siphash_state *sip, uint64_t word)
{
    sip->v3 ^= word;
    siphash_round(sip);
    sip->v0 ^= word;
}

uint64_t copse_siphash(const uint64_t seed[2], copse_bytes bytes)
{
    siphash_state sip = {
        seed[0] ^ 0x736f6d6570736575u,
        seed[1] ^ 0x646f72616e646f6du,
        seed[0] ^ 0x6c7967656e657261u,
        seed[1] ^ 0x7465646279746573u,
    };
    const uint8_t *at = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, at += 8) {
        siphash_word(&sip, copse_load_u64le(at));
    }
    uint64_t last = (uint64_t)bytes.len << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    siphash_word(&sip, last);
    sip.v2 ^= 0xff;
    siphash_round(&sip);
    siphash_round(&sip);
    siphash_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}
