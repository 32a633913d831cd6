/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tree/run.h"

#include "base/err.h"
#include "base/loadstore.h"

#include <assert.h>
#include <string.h>

copse_status copse_run_remove(const copse_run_store *store, copse_run *run, copse_err *err)
{
    void *handle = run->handle;
    *run = (copse_run){0};
    return handle != NULL ? store->ops->remove(store->ctx, handle, err) : COPSE_OK;
}

/* ---- records ---- */

void copse_run_record_head(size_t key_len, size_t value_len,
                           uint8_t ret_head[COPSE_RUN_RECORD_HEAD_BYTES])
{
    ret_head[0] = (uint8_t)key_len;
    ret_head[1] = (uint8_t)(key_len >> 8);
    copse_store_u32le(ret_head + 2, (uint32_t)value_len);
}

static size_t run_key_len(const uint8_t *record)
{
    return (size_t)record[0] | (size_t)record[1] << 8;
}

copse_bytes copse_run_record_key(const uint8_t *record)
{
    return (copse_bytes){record + COPSE_RUN_RECORD_HEAD_BYTES, run_key_len(record)};
}

size_t copse_run_record_size(const uint8_t *record)
{
    return COPSE_RUN_RECORD_HEAD_BYTES + run_key_len(record) + copse_load_u32le(record + 2);
}

/* ---- writing ---- */

static void run_frame_head(uint8_t *head, size_t size, uint32_t count, uint64_t sum)
{
    copse_store_u32le(head, (uint32_t)size);
    copse_store_u32le(head + 4, count);
    copse_store_u64le(head + 8, sum);
}

copse_status copse_run_writer_init(copse_run_writer *writer, const copse_run_store *store,
                                   uint8_t *memory, size_t size, copse_err *err)
{
    assert(size >= 2048);
    *writer = (copse_run_writer){.store = *store};
    writer->memory = memory;
    writer->payload_max = size - COPSE_RUN_FRAME_HEAD_BYTES;
    return store->ops->create(store->ctx, &writer->run.handle, err);
}

static copse_status run_append(copse_run_writer *writer, copse_bytes bytes, copse_err *err)
{
    writer->run.size_bytes += bytes.len;
    return writer->store.ops->append(writer->store.ctx, writer->run.handle, bytes, err);
}

static void run_note_frame(copse_run_writer *writer, size_t payload)
{
    if (payload > writer->run.frame_bytes_max) {
        writer->run.frame_bytes_max = payload;
    }
    writer->sequence++;
}

static copse_status run_flush(copse_run_writer *writer, copse_err *err)
{
    uint8_t *payload = writer->memory + COPSE_RUN_FRAME_HEAD_BYTES;
    size_t size = writer->payload;
    if (size == 0) {
        return COPSE_OK;
    }
    run_frame_head(writer->memory, size, writer->count,
                   XXH3_64bits_withSeed(payload, size, writer->sequence));
    run_note_frame(writer, size);
    writer->payload = 0;
    writer->count = 0;
    return run_append(writer, (copse_bytes){writer->memory, COPSE_RUN_FRAME_HEAD_BYTES + size},
                      err);
}

copse_status copse_run_writer_add(copse_run_writer *writer, copse_bytes record, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (record.len > writer->payload_max - writer->payload) {
        status = run_flush(writer, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    writer->run.records++;
    if (record.len <= writer->payload_max) {
        memcpy(writer->memory + COPSE_RUN_FRAME_HEAD_BYTES + writer->payload, record.ptr,
               record.len);
        writer->payload += record.len;
        writer->count++;
        return COPSE_OK;
    }
    run_frame_head(writer->memory, record.len, 1,
                   XXH3_64bits_withSeed(record.ptr, record.len, writer->sequence));
    run_note_frame(writer, record.len);
    status = run_append(writer, (copse_bytes){writer->memory, COPSE_RUN_FRAME_HEAD_BYTES}, err);
    return status == COPSE_OK ? run_append(writer, record, err) : status;
}

static uint64_t run_end_sum(uint64_t records, uint64_t sequence)
{
    uint8_t bytes[8];
    copse_store_u64le(bytes, records);
    return XXH3_64bits_withSeed(bytes, sizeof bytes, sequence);
}

copse_status copse_run_writer_finish(copse_run_writer *writer, copse_run *ret_run, copse_err *err)
{
    copse_status status = run_flush(writer, err);
    if (status == COPSE_OK) {
        run_frame_head(writer->memory, 0, 0, run_end_sum(writer->run.records, writer->sequence));
        status = run_append(writer, (copse_bytes){writer->memory, COPSE_RUN_FRAME_HEAD_BYTES}, err);
    }
    if (status == COPSE_OK) {
        status = writer->store.ops->finish(writer->store.ctx, writer->run.handle, err);
    }
    if (status == COPSE_OK) {
        *ret_run = writer->run;
        *writer = (copse_run_writer){0};
    }
    return status;
}

void copse_run_writer_abort(copse_run_writer *writer)
{
    if (writer->run.handle != NULL) {
        (void)writer->store.ops->remove(writer->store.ctx, writer->run.handle, NULL);
    }
    *writer = (copse_run_writer){0};
}

/* ---- reading ---- */

static copse_status run_corrupt(const copse_run_reader *reader, const char *what, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "sorted run, frame %llu: %s",
                     (unsigned long long)reader->sequence, what);
}

/* Reads exactly `size` bytes. */
static copse_status run_read(copse_run_reader *reader, uint8_t *bytes, size_t size, copse_err *err)
{
    while (size > 0) {
        size_t got = 0;
        copse_status status =
            reader->store.ops->read(reader->store.ctx, reader->handle, bytes, size, &got, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (got == 0 || got > size) {
            return run_corrupt(reader, "it ends too early", err);
        }
        bytes += got;
        size -= got;
    }
    return COPSE_OK;
}

copse_status copse_run_reader_init(copse_run_reader *reader, const copse_run_store *store,
                                   void *handle, uint8_t *memory, size_t size, copse_err *err)
{
    assert(size >= COPSE_RUN_READER_EXTRA_BYTES);
    *reader = (copse_run_reader){.store = *store, .handle = handle, .memory = memory};
    reader->payload_max = size - COPSE_RUN_READER_EXTRA_BYTES;
    reader->last_key = memory + size - COPSE_KEY_SIZE_BYTES_MAX;
    copse_status status = store->ops->open(store->ctx, handle, err);
    return status == COPSE_OK ? run_read(reader, memory, COPSE_RUN_FRAME_HEAD_BYTES, err) : status;
}

/* R3 */
static copse_status run_read_end(copse_run_reader *reader, uint32_t count, uint64_t sum,
                                 copse_err *err)
{
    uint8_t byte;
    size_t got = 0;
    if (count != 0 || sum != run_end_sum(reader->records, reader->sequence)) {
        return run_corrupt(reader, "it ends at the wrong place", err);
    }
    copse_status status =
        reader->store.ops->read(reader->store.ctx, reader->handle, &byte, 1, &got, err);
    if (status != COPSE_OK) {
        return status;
    }
    return got == 0 ? COPSE_END : run_corrupt(reader, "bytes after the end", err);
}

/* Reads the next frame with the head of the one after it. The head of this one stands behind the
 * payload before it. */
static copse_status run_read_frame(copse_run_reader *reader, copse_err *err)
{
    const uint8_t *head = reader->memory + reader->payload;
    size_t size = copse_load_u32le(head);
    uint32_t count = copse_load_u32le(head + 4);
    uint64_t sum = copse_load_u64le(head + 8);
    if (size == 0) {
        return run_read_end(reader, count, sum, err);
    }
    if (size > reader->payload_max || count == 0 || count > size / COPSE_RUN_RECORD_HEAD_BYTES) {
        return run_corrupt(reader, "its size or count is out of range", err);
    }
    copse_status status = run_read(reader, reader->memory, size + COPSE_RUN_FRAME_HEAD_BYTES, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (XXH3_64bits_withSeed(reader->memory, size, reader->sequence) != sum) {
        return run_corrupt(reader, "its checksum is wrong", err);
    }
    reader->sequence++;
    reader->payload = size;
    reader->at = 0;
    reader->left = count;
    return COPSE_OK;
}

/* Keeps the present key, which the next frame will overwrite. */
static void run_keep_key(copse_run_reader *reader)
{
    if (reader->record.ptr != NULL && reader->key.len > 0) {
        memcpy(reader->last_key, reader->key.ptr, reader->key.len);
    }
    reader->key.ptr = reader->last_key;
}

copse_status copse_run_reader_next(copse_run_reader *reader, copse_err *err)
{
    copse_bytes before = reader->key;
    bool is_first = reader->record.ptr == NULL;
    if (reader->left == 0) {
        run_keep_key(reader);
        before = reader->key;
        copse_status status = reader->at == reader->payload
                                  ? run_read_frame(reader, err)
                                  : run_corrupt(reader, "bytes behind its records", err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    const uint8_t *record = reader->memory + reader->at;
    size_t room = reader->payload - reader->at;
    if (room < COPSE_RUN_RECORD_HEAD_BYTES || copse_load_u32le(record + 2) > room ||
        copse_run_record_size(record) > room) {
        return run_corrupt(reader, "a record reaches beyond it", err);
    }
    reader->record = (copse_bytes){record, copse_run_record_size(record)};
    reader->key = copse_run_record_key(record);
    if (reader->key.len > COPSE_KEY_SIZE_BYTES_MAX) {
        return run_corrupt(reader, "a key is too long", err);
    }
    if (!is_first && copse_bytes_compare(before, reader->key) >= 0) {
        return run_corrupt(reader, "its keys are not in order", err);
    }
    reader->at += reader->record.len;
    reader->left--;
    reader->records++;
    return COPSE_OK;
}
