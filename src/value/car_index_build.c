/* MultihashIndexSorted as go-car writes and reads it (v2/index/mhindexsorted.go); the prose of the
 * CARv2 specification leaves out the two i32 and calls the byte length a count.
 *
 *     81 08                                codec 0x0401 as a varint
 *     i32 number of hash codes
 *       u64 hash code                      ascending
 *       i32 number of digest lengths
 *         u32 record size                  ascending; digest length + 8
 *         u64 bytes of the table           a multiple of the record size
 *         { digest, u64 offset }*          ascending by digest, then offset
 *
 * All integers are little-endian. Offsets count from the start of the payload and name a section's
 * length. go-car doesn't sort equal digests; Copse sorts them by offset, so that the bytes follow
 * from the sections alone.
 *
 * Sorting is heap sort: in place, and no choice of digests makes it slow.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/car_index_build.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"
#include "value/car_header.h"

#include <string.h>

enum { CAR_RECORD_SIZE_MAX = COPSE_CID_SIZE_BYTES_MAX + 8 };

void copse_car_index_builder_release(copse_car_index_builder *builder)
{
    for (size_t i = 0; i < builder->count; i++) {
        copse_car_table *table = &builder->tables[i];
        copse_free_array(builder->env, table->records, table->capacity, table->record_size);
    }
    copse_free_array(builder->env, builder->tables, builder->capacity, sizeof *builder->tables);
    *builder = (copse_car_index_builder){.env = builder->env};
}

/* ---- Adding ---- */

static int car_table_compare_kind(const copse_car_table *table, uint64_t hash, size_t record_size)
{
    if (table->hash != hash) {
        return table->hash < hash ? -1 : 1;
    }
    return (table->record_size > record_size) - (table->record_size < record_size);
}

/* The place of the table for this kind, in their order; *ret_found says whether it is there. */
static size_t car_index_builder_locate(const copse_car_index_builder *builder, uint64_t hash,
                                       size_t record_size, bool *ret_found)
{
    size_t at = 0;
    int order = 1;
    while (at < builder->count &&
           (order = car_table_compare_kind(&builder->tables[at], hash, record_size)) < 0) {
        at++;
    }
    *ret_found = at < builder->count && order == 0;
    return at;
}

static copse_status car_index_builder_table(copse_car_index_builder *builder, uint64_t hash,
                                            size_t record_size, copse_car_table **ret_table,
                                            copse_err *err)
{
    bool found;
    size_t at = car_index_builder_locate(builder, hash, record_size, &found);
    if (!found) {
        void *tables = builder->tables;
        if (!copse_array_grow(builder->env, &tables, &builder->capacity, builder->count + 1,
                              sizeof *builder->tables)) {
            return COPSE_ERR_NOMEM(err);
        }
        builder->tables = tables;
        memmove(&builder->tables[at + 1], &builder->tables[at],
                (builder->count - at) * sizeof *builder->tables);
        builder->tables[at] = (copse_car_table){.hash = hash, .record_size = record_size};
        builder->count++;
    }
    *ret_table = &builder->tables[at];
    return COPSE_OK;
}

/* Makes room for one more record: by a quarter, since a large index is most of the memory that a
 * writer needs. */
static copse_status car_table_reserve(copse_car_index_builder *builder, copse_car_table *table,
                                      copse_err *err)
{
    if (table->count < table->capacity) {
        return COPSE_OK;
    }
    size_t limit = builder->env->limits.sort_memory_bytes_max;
    size_t more = table->capacity / 4 + 32;
    size_t left = limit > builder->records_bytes ? limit - builder->records_bytes : 0;
    if (more > left / table->record_size) {
        more = left / table->record_size;
    }
    if (more == 0) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "the CAR's index is above limits.sort_memory_bytes_max (%zu): raise it, "
                         "or write without an index",
                         limit);
    }
    void *grown = copse_realloc(builder->env, table->records, table->capacity * table->record_size,
                                (table->capacity + more) * table->record_size);
    if (grown == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    table->records = grown;
    table->capacity += more;
    builder->records_bytes += more * table->record_size;
    return COPSE_OK;
}

copse_status copse_car_index_builder_add(copse_car_index_builder *builder, const copse_cid *cid,
                                         uint64_t offset, copse_err *err)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    if (parts.hash == COPSE_HASH_IDENTITY) {
        return COPSE_OK;
    }
    copse_car_table *table = NULL;
    copse_status status =
        car_index_builder_table(builder, parts.hash, parts.digest.len + 8, &table, err);
    if (status == COPSE_OK) {
        status = car_table_reserve(builder, table, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    uint8_t *record = table->records + table->count * table->record_size;
    if (parts.digest.len != 0) {
        memcpy(record, parts.digest.ptr, parts.digest.len);
    }
    copse_store_u64le(record + parts.digest.len, offset);
    table->count++;
    return COPSE_OK;
}

/* ---- Sorting ---- */

static int car_record_compare(const uint8_t *a, const uint8_t *b, size_t record_size)
{
    int order = memcmp(a, b, record_size - 8);
    if (order != 0) {
        return order;
    }
    uint64_t offset_a = copse_load_u64le(a + record_size - 8);
    uint64_t offset_b = copse_load_u64le(b + record_size - 8);
    return (offset_a > offset_b) - (offset_a < offset_b);
}

/* Puts `record` into the heap of `count` records whose place `at` is free, below which the heap is
 * in order. */
static void car_heap_sift(uint8_t *heap, size_t count, size_t record_size, size_t at,
                          const uint8_t *record)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        uint8_t *greater = heap + child * record_size;
        if (child + 1 < count &&
            car_record_compare(greater + record_size, greater, record_size) > 0) {
            child++;
            greater += record_size;
        }
        if (car_record_compare(record, greater, record_size) >= 0) {
            break;
        }
        memcpy(heap + at * record_size, greater, record_size);
    }
    memcpy(heap + at * record_size, record, record_size);
}

static void car_table_sort(copse_car_table *table)
{
    uint8_t record[CAR_RECORD_SIZE_MAX];
    size_t size = table->record_size;
    for (size_t i = table->count / 2; i-- > 0;) {
        memcpy(record, table->records + i * size, size);
        car_heap_sift(table->records, table->count, size, i, record);
    }
    for (size_t left = table->count; left > 1;) {
        left--;
        memcpy(record, table->records + left * size, size);
        memcpy(table->records + left * size, table->records, size);
        car_heap_sift(table->records, left, size, 0, record);
    }
}

/* ---- Writing ---- */

static bool car_table_starts_hash(const copse_car_index_builder *builder, size_t at)
{
    return at == 0 || builder->tables[at - 1].hash != builder->tables[at].hash;
}

/* Writes hash code and number of digest lengths before the first table of a hash code. */
static copse_status car_index_write_hash(const copse_car_index_builder *builder, size_t at,
                                         copse_car_sink sink, copse_err *err)
{
    uint8_t head[12];
    uint32_t lengths = 1;
    for (size_t i = at + 1; i < builder->count && !car_table_starts_hash(builder, i); i++) {
        lengths++;
    }
    copse_store_u64le(head, builder->tables[at].hash);
    copse_store_u32le(head + 8, lengths);
    return sink.write(sink.ctx, (copse_bytes){head, sizeof head}, err);
}

static copse_status car_table_write(copse_car_table *table, copse_car_sink sink, copse_err *err)
{
    uint8_t head[12];
    car_table_sort(table);
    copse_store_u32le(head, (uint32_t)table->record_size);
    copse_store_u64le(head + 4, (uint64_t)table->count * table->record_size);
    copse_status status = sink.write(sink.ctx, (copse_bytes){head, sizeof head}, err);
    if (status == COPSE_OK && table->count != 0) {
        status = sink.write(sink.ctx,
                            (copse_bytes){table->records, table->count * table->record_size}, err);
    }
    return status;
}

copse_status copse_car_index_builder_write(copse_car_index_builder *builder, copse_car_sink sink,
                                           copse_err *err)
{
    uint8_t head[COPSE_VARINT_SIZE_BYTES_MAX + 4];
    uint32_t hashes = 0;
    for (size_t i = 0; i < builder->count; i++) {
        hashes += car_table_starts_hash(builder, i);
    }
    size_t size = copse_varint_write(COPSE_CODEC_CAR_MULTIHASH_INDEX_SORTED, head);
    copse_store_u32le(head + size, hashes);
    copse_status status = sink.write(sink.ctx, (copse_bytes){head, size + 4}, err);
    for (size_t i = 0; i < builder->count && status == COPSE_OK; i++) {
        if (car_table_starts_hash(builder, i)) {
            status = car_index_write_hash(builder, i, sink, err);
        }
        if (status == COPSE_OK) {
            status = car_table_write(&builder->tables[i], sink, err);
        }
    }
    return status;
}
