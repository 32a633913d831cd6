/* The index of a file that no longer changes: which blocks stand where.
 *
 *     offset  size
 *     0       8        "copseidx"
 *     8       8        seed of the keys
 *     16      8        number of records n
 *     24      4        bits b: there are 2^b buckets
 *     28      4        zero
 *     32      8        checksum: XXH3-64 of bytes 0 to 32 and of the buckets
 *     40      8 * 2^b  buckets: end (u32: records in this and the buckets before), checksum (u32:
 *                      low half of XXH3-64 of the bucket's records, seeded with the seed)
 *     …       16 * n   records: key, offset << 24 | length; ascending
 *
 * A key is XXH3-64 of the CID under the seed; its top b bits name its bucket, so a bucket holds
 * about 32 records. Integers are little-endian. It stands behind the payload of a pack, in the gap
 * that CARv2 allows before its own index, and in the last frame of a journal.
 *
 * In memory are the buckets (8 bytes each 32 records); of an index up to 4 MiB also the records,
 * from the first search on. Otherwise a search reads one bucket.
 *
 * Invariants:
 *   X1  Records ascend by key, then place; the bounds of the buckets follow from their keys.
 *   X2  No record is believed before its bucket's checksum was right: a flipped bit is CORRUPT, and
 *       never NOT_FOUND.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_INDEX_H
#define COPSE_BACKENDS_PACK_PACK_INDEX_H

#include "backends/pack/pack_table.h"

#include <copse/buf.h>
#include <copse/sys/os.h>

/** An open index. Borrows its file. A zeroed one may be released. */
typedef struct copse_pack_index {
    const copse_env *env;
    copse_file *file;
    const char *name; /* of the file, for messages; borrowed */
    uint64_t offset;  /* of the records in the file */
    uint64_t seed;
    size_t count; /* records */
    unsigned bits;
    uint8_t *buckets;
    size_t buckets_size;
    uint8_t *records; /* all of them, or NULL */
    copse_buf bucket; /* the one that was read last */
} copse_pack_index;

/** Sorts `count` records (X1) with keys under `seed`, and appends an index of them to `buf`. NOMEM,
 * LIMIT. The array is changed in any case. */
COPSE_MUST_USE copse_status copse_pack_index_build(const copse_env *env, copse_pack_record *records,
                                                   size_t count, uint64_t seed, copse_buf *buf,
                                                   copse_err *err);

/** Opens the index in bytes `offset` to `offset + size` of `file`. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_index_open(const copse_env *env, copse_file *file,
                                                  const char *name, uint64_t offset, uint64_t size,
                                                  copse_pack_index *ret_index, copse_err *err);
void copse_pack_index_release(copse_pack_index *index);

/** The records of `bucket`, which are checked (X2): *ret_records borrowed until the next call.
 * CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_index_bucket(copse_pack_index *index, size_t bucket,
                                                    const uint8_t **ret_records, size_t *ret_count,
                                                    copse_err *err);

/** The place of the `candidate`-th record with `key`, from 0. NOT_FOUND (err untouched), CORRUPT,
 * IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_index_find(copse_pack_index *index, uint64_t key,
                                                  size_t candidate, copse_pack_place *ret_place,
                                                  copse_err *err);

/** Reads one record as it is stored. */
copse_pack_record copse_pack_index_record(const uint8_t *bytes);

#endif
