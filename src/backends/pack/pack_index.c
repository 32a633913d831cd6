/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_index.h"

#include "backends/pack/pack_io.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

enum {
    PACK_INDEX_HEADER_SIZE = 40,
    PACK_INDEX_BUCKET_SIZE = 8,
    PACK_INDEX_RECORD_SIZE = 16,
    PACK_INDEX_BUCKET_RECORDS = 32,
    PACK_INDEX_BITS_MAX = 26,
    PACK_INDEX_RESIDENT_MAX = 1 << 18 /* records */
};

static const uint8_t pack_index_magic[8] = "copseidx";

static size_t pack_index_bucket_of(uint64_t key, unsigned bits)
{
    return bits == 0 ? 0 : (size_t)(key >> (64 - bits));
}

static uint32_t pack_index_bucket_checksum(const uint8_t *records, size_t count, uint64_t seed)
{
    return (uint32_t)XXH3_64bits_withSeed(records, count * PACK_INDEX_RECORD_SIZE, seed);
}

/* ---- Building ---- */

static bool pack_record_less(const copse_pack_record *a, const copse_pack_record *b)
{
    return a->key != b->key ? a->key < b->key : a->place < b->place;
}

/* Heap sort: no choice of keys makes it slow. */
static void pack_records_sift(copse_pack_record *heap, size_t count, size_t at,
                              copse_pack_record record)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && pack_record_less(&heap[child], &heap[child + 1])) {
            child++;
        }
        if (!pack_record_less(&record, &heap[child])) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = record;
}

static void pack_records_sort(copse_pack_record *records, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        pack_records_sift(records, count, i, records[i]);
    }
    for (size_t left = count; left > 1;) {
        copse_pack_record last = records[--left];
        records[left] = records[0];
        pack_records_sift(records, left, 0, last);
    }
}

/* Moves each record into its bucket: ends[i] is the end of bucket i, and on entry its number of
 * records. Swaps in place (American flag sort with one digit); `next` is scratch. */
static void pack_records_distribute(copse_pack_record *records, unsigned bits, uint32_t *ends,
                                    uint32_t *next)
{
    size_t buckets = (size_t)1 << bits;
    uint32_t sum = 0;
    for (size_t i = 0; i < buckets; i++) {
        next[i] = sum;
        sum += ends[i];
        ends[i] = sum;
    }
    for (size_t i = 0; i < buckets; i++) {
        while (next[i] < ends[i]) {
            copse_pack_record record = records[next[i]];
            size_t home = pack_index_bucket_of(record.key, bits);
            if (home == i) {
                next[i]++;
            } else {
                records[next[i]] = records[next[home]];
                records[next[home]++] = record;
            }
        }
    }
}

static unsigned pack_index_bits(size_t count)
{
    unsigned bits = 0;
    while (bits < PACK_INDEX_BITS_MAX && (count >> bits) > PACK_INDEX_BUCKET_RECORDS) {
        bits++;
    }
    return bits;
}

/* Writes the sorted buckets and the header in front of them; `bytes` has room for all. */
static void pack_index_write(const copse_pack_record *records, size_t count, unsigned bits,
                             const uint32_t *ends, uint64_t seed, uint8_t *bytes)
{
    size_t buckets = (size_t)1 << bits;
    uint8_t *out = bytes + PACK_INDEX_HEADER_SIZE + buckets * PACK_INDEX_BUCKET_SIZE;
    uint8_t *bucket = bytes + PACK_INDEX_HEADER_SIZE;
    size_t at = 0;
    for (size_t i = 0; i < buckets; i++, bucket += PACK_INDEX_BUCKET_SIZE) {
        uint8_t *start = out;
        size_t first = at;
        for (; at < ends[i]; at++, out += PACK_INDEX_RECORD_SIZE) {
            copse_store_u64le(out, records[at].key);
            copse_store_u64le(out + 8, records[at].place);
        }
        copse_store_u32le(bucket, ends[i]);
        copse_store_u32le(bucket + 4, pack_index_bucket_checksum(start, at - first, seed));
    }
    memcpy(bytes, pack_index_magic, sizeof pack_index_magic);
    copse_store_u64le(bytes + 8, seed);
    copse_store_u64le(bytes + 16, count);
    copse_store_u32le(bytes + 24, bits);
    copse_store_u32le(bytes + 28, 0);
    uint64_t checksum = XXH3_64bits(bytes, 32);
    checksum = XXH3_64bits_withSeed(bytes + PACK_INDEX_HEADER_SIZE,
                                    buckets * PACK_INDEX_BUCKET_SIZE, checksum);
    copse_store_u64le(bytes + 32, checksum);
}

copse_status copse_pack_index_build(const copse_env *env, copse_pack_record *records, size_t count,
                                    uint64_t seed, copse_buf *buf, copse_err *err)
{
    unsigned bits = pack_index_bits(count);
    size_t buckets = (size_t)1 << bits;
    size_t size =
        PACK_INDEX_HEADER_SIZE + buckets * PACK_INDEX_BUCKET_SIZE + count * PACK_INDEX_RECORD_SIZE;
    if (count > UINT32_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "%zu blocks are too many for one index", count);
    }
    copse_status status = copse_buf_reserve(buf, size);
    uint32_t *ends = copse_alloc_array(env, 2 * buckets, sizeof ends[0]);
    if (status != COPSE_OK || ends == NULL) {
        copse_free_array(env, ends, 2 * buckets, sizeof ends[0]);
        return COPSE_ERR(err, status == COPSE_LIMIT ? status : COPSE_NOMEM,
                         "no memory for an index of %zu blocks", count);
    }
    memset(ends, 0, 2 * buckets * sizeof ends[0]);
    for (size_t i = 0; i < count; i++) {
        ends[pack_index_bucket_of(records[i].key, bits)]++;
    }
    pack_records_distribute(records, bits, ends, ends + buckets);
    for (size_t i = 0, first = 0; i < buckets; first = ends[i++]) {
        pack_records_sort(records + first, ends[i] - first);
    }
    pack_index_write(records, count, bits, ends, seed, buf->ptr + buf->len);
    buf->len += size;
    copse_free_array(env, ends, 2 * buckets, sizeof ends[0]);
    return COPSE_OK;
}

/* ---- Opening ---- */

static copse_status pack_index_fail(const copse_pack_index *index, uint64_t offset, const char *why,
                                    copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "%s, byte %llu: its index %s", index->name,
                     (unsigned long long)offset, why);
}

/* Whether the buckets' ends ascend to the number of records. */
static bool pack_index_ends_ascend(const copse_pack_index *index)
{
    uint32_t last = 0;
    for (size_t at = 0; at < index->buckets_size; at += PACK_INDEX_BUCKET_SIZE) {
        uint32_t end = copse_load_u32le(index->buckets + at);
        if (end < last) {
            return false;
        }
        last = end;
    }
    return last == index->count;
}

static copse_status pack_index_open_buckets(copse_pack_index *index, uint64_t offset,
                                            const uint8_t header[PACK_INDEX_HEADER_SIZE],
                                            copse_err *err)
{
    index->buckets = copse_alloc(index->env, index->buckets_size);
    if (index->buckets == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_pack_io_read(index->file, index->name, offset + PACK_INDEX_HEADER_SIZE,
                           index->buckets, index->buckets_size, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t checksum = XXH3_64bits(header, 32);
    checksum = XXH3_64bits_withSeed(index->buckets, index->buckets_size, checksum);
    if (checksum != copse_load_u64le(header + 32) || !pack_index_ends_ascend(index)) {
        return pack_index_fail(index, offset, "has a wrong checksum", err);
    }
    return COPSE_OK;
}

copse_status copse_pack_index_open(const copse_env *env, copse_file *file, const char *name,
                                   uint64_t offset, uint64_t size, copse_pack_index *ret_index,
                                   copse_err *err)
{
    uint8_t header[PACK_INDEX_HEADER_SIZE];
    copse_pack_index index = {.env = env, .file = file, .name = name};
    if (size < sizeof header) {
        return pack_index_fail(&index, offset, "is too short", err);
    }
    copse_status status = copse_pack_io_read(file, name, offset, header, sizeof header, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t count = copse_load_u64le(header + 16);
    uint32_t bits = copse_load_u32le(header + 24);
    if (memcmp(header, pack_index_magic, sizeof pack_index_magic) != 0 ||
        bits > PACK_INDEX_BITS_MAX || copse_load_u32le(header + 28) != 0 || count > UINT32_MAX ||
        size != PACK_INDEX_HEADER_SIZE + ((uint64_t)PACK_INDEX_BUCKET_SIZE << bits) +
                    PACK_INDEX_RECORD_SIZE * count) {
        return pack_index_fail(&index, offset, "breaks the format", err);
    }
    index.seed = copse_load_u64le(header + 8);
    index.count = (size_t)count;
    index.bits = bits;
    index.buckets_size = (size_t)PACK_INDEX_BUCKET_SIZE << bits;
    index.offset = offset + PACK_INDEX_HEADER_SIZE + index.buckets_size;
    copse_buf_init(&index.bucket, env, SIZE_MAX);
    status = pack_index_open_buckets(&index, offset, header, err);
    if (status != COPSE_OK) {
        copse_pack_index_release(&index);
        return status;
    }
    *ret_index = index;
    return COPSE_OK;
}

void copse_pack_index_release(copse_pack_index *index)
{
    if (index->env != NULL) {
        copse_free(index->env, index->buckets, index->buckets_size);
        copse_free_array(index->env, index->records, index->count, PACK_INDEX_RECORD_SIZE);
        copse_buf_release(&index->bucket);
        *index = (copse_pack_index){0};
    }
}

/* ---- Searching ---- */

/* Where the records of a bucket are: from *ret_first, *ret_count of them. */
static void pack_index_bucket_range(const copse_pack_index *index, size_t bucket, size_t *ret_first,
                                    size_t *ret_count)
{
    const uint8_t *at = index->buckets + bucket * PACK_INDEX_BUCKET_SIZE;
    *ret_first = bucket > 0 ? copse_load_u32le(at - PACK_INDEX_BUCKET_SIZE) : 0;
    *ret_count = copse_load_u32le(at) - *ret_first;
}

static copse_status pack_index_check_bucket(const copse_pack_index *index, size_t bucket,
                                            const uint8_t *records, copse_err *err)
{
    size_t first;
    size_t count;
    pack_index_bucket_range(index, bucket, &first, &count);
    if (pack_index_bucket_checksum(records, count, index->seed) !=
        copse_load_u32le(index->buckets + bucket * PACK_INDEX_BUCKET_SIZE + 4)) {
        return pack_index_fail(index, index->offset + (uint64_t)first * PACK_INDEX_RECORD_SIZE,
                               "has a bucket with a wrong checksum", err);
    }
    return COPSE_OK;
}

/* Reads all records of a small index, and checks them once (X2). Without memory for it searches
 * read their bucket. */
static copse_status pack_index_make_resident(copse_pack_index *index, copse_err *err)
{
    uint8_t *records = copse_alloc_array(index->env, index->count, PACK_INDEX_RECORD_SIZE);
    if (records == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_pack_io_read(index->file, index->name, index->offset, records,
                                             index->count * PACK_INDEX_RECORD_SIZE, err);
    for (size_t i = 0; i < (size_t)1 << index->bits && status == COPSE_OK; i++) {
        size_t first;
        size_t count;
        pack_index_bucket_range(index, i, &first, &count);
        status = pack_index_check_bucket(index, i, records + first * PACK_INDEX_RECORD_SIZE, err);
    }
    if (status != COPSE_OK) {
        copse_free_array(index->env, records, index->count, PACK_INDEX_RECORD_SIZE);
        return status;
    }
    index->records = records;
    return COPSE_OK;
}

copse_status copse_pack_index_bucket(copse_pack_index *index, size_t bucket,
                                     const uint8_t **ret_records, size_t *ret_count, copse_err *err)
{
    size_t first;
    copse_status status = COPSE_OK;
    if (index->records == NULL && index->count > 0 && index->count <= PACK_INDEX_RESIDENT_MAX) {
        status = pack_index_make_resident(index, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    pack_index_bucket_range(index, bucket, &first, ret_count);
    if (index->records != NULL) {
        *ret_records = index->records + first * PACK_INDEX_RECORD_SIZE;
        return COPSE_OK;
    }
    size_t size = *ret_count * PACK_INDEX_RECORD_SIZE;
    copse_buf_truncate(&index->bucket, 0);
    if (copse_buf_reserve(&index->bucket, size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_records = index->bucket.ptr;
    if (size == 0) {
        return COPSE_OK;
    }
    status = copse_pack_io_read(index->file, index->name,
                                index->offset + (uint64_t)first * PACK_INDEX_RECORD_SIZE,
                                index->bucket.ptr, size, err);
    return status == COPSE_OK ? pack_index_check_bucket(index, bucket, *ret_records, err) : status;
}

copse_pack_record copse_pack_index_record(const uint8_t *bytes)
{
    return (copse_pack_record){copse_load_u64le(bytes), copse_load_u64le(bytes + 8)};
}

/* The first of the `count` records of a bucket whose key is not below `key`. Keys are hashes, and
 * so spread evenly: where `key` would stand is a few records away. */
static size_t pack_index_lower(const copse_pack_index *index, const uint8_t *records, size_t count,
                               uint64_t key)
{
    size_t at = (size_t)(((key << index->bits) >> 32) * count >> 32);
    while (at > 0 && copse_load_u64le(records + (at - 1) * PACK_INDEX_RECORD_SIZE) >= key) {
        at--;
    }
    while (at < count && copse_load_u64le(records + at * PACK_INDEX_RECORD_SIZE) < key) {
        at++;
    }
    return at;
}

copse_status copse_pack_index_find(copse_pack_index *index, uint64_t key, size_t candidate,
                                   copse_pack_place *ret_place, copse_err *err)
{
    const uint8_t *records = NULL;
    size_t count = 0;
    copse_status status = copse_pack_index_bucket(index, pack_index_bucket_of(key, index->bits),
                                                  &records, &count, err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t first = pack_index_lower(index, records, count, key);
    if (candidate >= count - first) {
        return COPSE_NOT_FOUND;
    }
    copse_pack_record record =
        copse_pack_index_record(records + (first + candidate) * PACK_INDEX_RECORD_SIZE);
    if (record.key != key) {
        return COPSE_NOT_FOUND;
    }
    *ret_place = copse_pack_place_unpack(record.place);
    return COPSE_OK;
}
