/* The index of a CARv2 while its sections are written.
 *
 * Sections arrive in any order; the index holds, for each hash code and digest length, a table of
 * digest and offset, sorted. The tables are gathered here in their final form and sorted in place:
 * 40 bytes a section with sha2-256, up to a quarter more while a table grows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CAR_INDEX_BUILD_H
#define COPSE_VALUE_CAR_INDEX_BUILD_H

#include <copse/car.h>

/** The records of one hash code and digest length. */
typedef struct copse_car_table {
    uint64_t hash;
    size_t record_size; /* the digest, and 8 bytes of offset */
    uint8_t *records;
    size_t count;
    size_t capacity;
} copse_car_table;

/** A zeroed one, with env set, is empty and may be released. */
typedef struct copse_car_index_builder {
    const copse_env *env;
    copse_car_table *tables;
    size_t count;
    size_t capacity;
    size_t records_bytes; /* of all tables' capacity */
} copse_car_index_builder;

void copse_car_index_builder_release(copse_car_index_builder *builder);

/** Notes that a section of `cid` stands at `offset` of the payload. Identity CIDs are left out, as
 * go-car does. NOMEM, or LIMIT (limits.sort_memory_bytes_max): nothing was noted. */
COPSE_MUST_USE copse_status copse_car_index_builder_add(copse_car_index_builder *builder,
                                                        const copse_cid *cid, uint64_t offset,
                                                        copse_err *err);

/** Sorts and writes the index: MultihashIndexSorted. Returns the sink's failure. */
COPSE_MUST_USE copse_status copse_car_index_builder_write(copse_car_index_builder *builder,
                                                          copse_car_sink sink, copse_err *err);

#endif
