/* A hash table in memory from keys of 64 bits to places in a file.
 *
 * The key is XXH3-64 of a CID, seeded per file, so that nobody can choose CIDs that collide. A
 * place is an offset of 40 bits and a length of 24. Keys alone are never trusted: whoever finds a
 * place compares the CID that stands there, and asks for the next one if it is another.
 *
 * Open addressing, linear probing, 16 bytes a slot, at most 3/4 full. Nothing is ever taken out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_TABLE_H
#define COPSE_BACKENDS_PACK_PACK_TABLE_H

#include <copse/cid.h>
#include <copse/env.h>

#include <stdbool.h>

/** Where CID and data of a block stand. `length` 0: the block was removed, and the CID alone stands
 * there. */
typedef struct copse_pack_place {
    uint64_t offset;
    uint32_t length;
} copse_pack_place;

enum { COPSE_PACK_LENGTH_BITS = 24 };
#define COPSE_PACK_LENGTH_MAX ((uint32_t)((1u << COPSE_PACK_LENGTH_BITS) - 1))
#define COPSE_PACK_OFFSET_MAX (((uint64_t)1 << 40) - 1)

/** As it is stored: offset << 24 | length. Never 0: no block stands at offset 0. */
typedef struct copse_pack_record {
    uint64_t key;
    uint64_t place;
} copse_pack_record;

/** A zeroed one with env set is empty and may be released. */
typedef struct copse_pack_table {
    const copse_env *env;
    copse_pack_record *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
} copse_pack_table;

static inline uint64_t copse_pack_place_pack(copse_pack_place place)
{
    return place.offset << COPSE_PACK_LENGTH_BITS | place.length;
}

static inline copse_pack_place copse_pack_place_unpack(uint64_t place)
{
    return (copse_pack_place){place >> COPSE_PACK_LENGTH_BITS,
                              (uint32_t)place & COPSE_PACK_LENGTH_MAX};
}

/** The key of a CID's bytes. */
uint64_t copse_pack_key(copse_bytes cid, uint64_t seed);

void copse_pack_table_release(copse_pack_table *table);

/** Empties the table; keeps its memory up to some KiB. */
void copse_pack_table_clear(copse_pack_table *table);

/** Makes room for `extra` more. False: no memory, nothing changed. */
bool copse_pack_table_reserve(copse_pack_table *table, size_t extra);

/** Adds a record. Room must have been reserved. */
void copse_pack_table_insert(copse_pack_table *table, copse_pack_record record);

/** The next slot with `key`: *cursor starts as 0. NULL: there is no more. Its place may be changed;
 * valid until the next insert. */
copse_pack_record *copse_pack_table_find(const copse_pack_table *table, uint64_t key,
                                         size_t *cursor);

#endif
