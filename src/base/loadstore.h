/* Integers in bytes, in a named order: the only way that Copse reads or writes them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_LOADSTORE_H
#define COPSE_BASE_LOADSTORE_H

#include <stdint.h>

static inline uint16_t copse_load_u16be(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

static inline uint32_t copse_load_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t copse_load_u64be(const uint8_t *p)
{
    return (uint64_t)copse_load_u32be(p) << 32 | copse_load_u32be(p + 4);
}

static inline uint32_t copse_load_u32le(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t copse_load_u64le(const uint8_t *p)
{
    return (uint64_t)copse_load_u32le(p + 4) << 32 | copse_load_u32le(p);
}

static inline void copse_store_u16be(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void copse_store_u32be(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static inline void copse_store_u64be(uint8_t *p, uint64_t value)
{
    copse_store_u32be(p, (uint32_t)(value >> 32));
    copse_store_u32be(p + 4, (uint32_t)value);
}

static inline void copse_store_u32le(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
}

static inline void copse_store_u64le(uint8_t *p, uint64_t value)
{
    copse_store_u32le(p, (uint32_t)value);
    copse_store_u32le(p + 4, (uint32_t)(value >> 32));
}

#endif
