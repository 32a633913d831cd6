/* What stands before the sections of a CAR: the header of a CARv1 payload, and the pragma and
 * header of a CARv2. Format: docs/formats/car.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CAR_HEADER_H
#define COPSE_VALUE_CAR_HEADER_H

#include <copse/buf.h>
#include <copse/car.h>

enum {
    COPSE_CAR_PRAGMA_SIZE_BYTES = 11,
    COPSE_CAR_V2_HEADER_SIZE_BYTES = 40,
    COPSE_CODEC_CAR_INDEX_SORTED = 0x0400,
    COPSE_CODEC_CAR_MULTIHASH_INDEX_SORTED = 0x0401
};

/** The roots of a CAR while its header is read. A zeroed one is empty and may be released. */
typedef struct copse_car_roots {
    copse_cid *cids;
    size_t count;
    size_t capacity;
} copse_car_roots;

void copse_car_roots_release(copse_car_roots *roots, const copse_env *env);

/** Reads the DAG-CBOR of a header, without its length: lax, since foreign writers sort the keys as
 * they like. Keys other than `version` and `roots` are skipped. Version 2 is the pragma of a CARv2;
 * it has no roots. CORRUPT: no header of version 1 or 2. LIMIT: limits.car_roots_max. NOMEM.
 * Whatever is not OK leaves `roots` to be released. */
COPSE_MUST_USE copse_status copse_car_header_parse(const copse_env *env, copse_bytes body,
                                                   uint64_t *ret_version, copse_car_roots *roots,
                                                   copse_err *err);

/** Appends a CARv1 header with its length. MISUSE: a zeroed CID. Or the buf's NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_car_header_write(const copse_cid *roots, size_t roots_count,
                                                   copse_buf *buf, copse_err *err);

/** Reads the 40 bytes behind the pragma into the fields of `header` other than roots. CORRUPT: the
 * places contradict each other, or the writer didn't finish (a size of zero). */
COPSE_MUST_USE copse_status copse_car_v2_header_parse(
    const uint8_t bytes[COPSE_CAR_V2_HEADER_SIZE_BYTES], copse_car_header *header, copse_err *err);

/** Whether `bytes`, at least 11, begin with the pragma. */
bool copse_car_is_pragma(copse_bytes bytes);

/** Writes pragma and header for a payload right behind them, and an index right behind that. */
void copse_car_v2_start_write(uint64_t data_size, bool with_index,
                              uint8_t ret_start[COPSE_CAR_START_SIZE_BYTES]);

#endif
