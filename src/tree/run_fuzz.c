/* The decoder of sorted runs: no input does more than be refused, and what is accepted keeps R1 and
 * comes back the same when it is written again. The first byte says what the rest is: a whole run,
 * or a frame's payload, to which the right head and end are made so that the checksums don't keep
 * everything out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "support/fuzz.h"
#include "support/memory_runs.h"
#include "tree/run.h"

#include "base/loadstore.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_FRAME = 8192, FUZZ_MEMORY = FUZZ_FRAME + COPSE_RUN_READER_EXTRA_BYTES };

/* Reads a run to its end, writing it again if `writer` is given. Its records and a hash over them
 * are returned. */
static copse_status fuzz_read(const copse_run_store *store, void *run, copse_run_writer *writer,
                              uint64_t *ret_records, uint64_t *ret_hash)
{
    copse_run_reader reader;
    uint8_t *memory = malloc(FUZZ_MEMORY);
    uint8_t last[COPSE_KEY_SIZE_BYTES_MAX];
    copse_bytes before = {last, 0};
    fuzz_must(memory != NULL);
    *ret_records = 0;
    *ret_hash = 0;
    copse_status status = copse_run_reader_init(&reader, store, run, memory, FUZZ_MEMORY, NULL);
    while (status == COPSE_OK) {
        status = copse_run_reader_next(&reader, NULL);
        if (status == COPSE_OK) {
            copse_bytes key = reader.key;
            fuzz_must(key.len <= COPSE_KEY_SIZE_BYTES_MAX);
            fuzz_must(*ret_records == 0 || copse_bytes_compare(before, key) < 0);
            memcpy(last, key.ptr, key.len);
            before.len = key.len;
            *ret_records += 1;
            *ret_hash = XXH3_64bits_withSeed(reader.record.ptr, reader.record.len, *ret_hash);
            if (writer != NULL) {
                status = copse_run_writer_add(writer, reader.record, NULL);
            }
        }
    }
    free(memory);
    return status;
}

/* What was accepted is written and read again. */
static void fuzz_again(const copse_run_store *store, void *run)
{
    copse_run_writer writer;
    copse_run copy = {0};
    uint64_t records[2];
    uint64_t hashes[2];
    uint8_t *frame = malloc(FUZZ_FRAME);
    fuzz_must(frame != NULL);
    fuzz_must(copse_run_writer_init(&writer, store, frame, FUZZ_FRAME, NULL) == COPSE_OK);
    if (fuzz_read(store, run, &writer, &records[0], &hashes[0]) == COPSE_END) {
        fuzz_must(copse_run_writer_finish(&writer, &copy, NULL) == COPSE_OK);
        fuzz_must(copy.records == records[0]);
        fuzz_must(fuzz_read(store, copy.handle, NULL, &records[1], &hashes[1]) == COPSE_END);
        fuzz_must(records[0] == records[1] && hashes[0] == hashes[1]);
        fuzz_must(copse_run_remove(store, &copy, NULL) == COPSE_OK);
    }
    copse_run_writer_abort(&writer);
    free(frame);
}

/* The run of one frame with this payload; the count is its first byte. */
static size_t fuzz_wrap(const uint8_t *data, size_t size, uint8_t *ret_run)
{
    uint8_t total[8];
    uint32_t count = size > 0 ? data[0] : 0;
    uint8_t *end = ret_run;
    if (size > 1 && count > 0) {
        size_t payload = size - 1;
        copse_store_u32le(ret_run, (uint32_t)payload);
        copse_store_u32le(ret_run + 4, count);
        copse_store_u64le(ret_run + 8, XXH3_64bits_withSeed(data + 1, payload, 0));
        memcpy(ret_run + 16, data + 1, payload);
        end += 16 + payload;
    } else {
        count = 0;
    }
    copse_store_u64le(total, count);
    memset(end, 0, 8);
    copse_store_u64le(end + 8, XXH3_64bits_withSeed(total, sizeof total, count > 0 ? 1 : 0));
    return (size_t)(end - ret_run) + 16;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    uint8_t *wrapped = malloc(size + 64);
    copse_run run = {0};
    fuzz_must(wrapped != NULL);
    if (size > 0) {
        copse_bytes bytes = {data + 1, size - 1};
        if (data[0] % 2 == 1) {
            bytes = (copse_bytes){wrapped, fuzz_wrap(data + 1, size - 1, wrapped)};
        }
        run.handle = memory_runs_make(&runs, bytes);
        fuzz_again(&store, run.handle);
        fuzz_must(copse_run_remove(&store, &run, NULL) == COPSE_OK);
    }
    fuzz_must(runs.live == 0);
    free(wrapped);
    return 0;
}
