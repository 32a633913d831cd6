/* A run: sorted entries on their way through a run store.
 *
 * A run is a sequence of frames:
 *
 *   frame    size u32le   bytes of payload; 0: the end
 *            count u32le  records in it; 0 in the end
 *            sum u64le    XXH3-64 of the payload, seeded with the frame's number from 0; in the end
 *                         of the run's record count as u64le
 *            payload      `count` records
 *   record   key_len u16le, value_len u32le, key, value
 *
 *   R1  Keys ascend strictly through the run; none is longer than COPSE_KEY_SIZE_BYTES_MAX.
 *   R2  A frame is filled until the next record does not fit; a record that is larger than a frame
 *       has one of its own. So a frame is read at once into memory whose size is known.
 *   R3  Nothing follows the end. A run that breaks any of this is CORRUPT: temporary files are as
 *       much somebody else's bytes as any other.
 *
 * The format is no one else's business and may change at any time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_RUN_H
#define COPSE_TREE_RUN_H

#include <copse/env.h>
#include <copse/sys/run_store.h>
#include <copse/tree.h>

enum {
    COPSE_RUN_FRAME_HEAD_BYTES = 16,
    COPSE_RUN_RECORD_HEAD_BYTES = 6,
    /* Memory of a reader besides its largest frame: the head of the next frame, the last key. */
    COPSE_RUN_READER_EXTRA_BYTES = COPSE_RUN_FRAME_HEAD_BYTES + COPSE_KEY_SIZE_BYTES_MAX
};

/** A run in a run store. A zeroed one is none. */
typedef struct copse_run {
    void *handle;
    uint64_t records;
    uint64_t size_bytes;
    size_t frame_bytes_max; /* payload of the largest frame */
    unsigned tier;          /* merges that its records went through */
} copse_run;

/** Removes the run and zeroes `run`; none is allowed. IO, NOMEM: it is gone for us all the same. */
COPSE_MUST_USE copse_status copse_run_remove(const copse_run_store *store, copse_run *run,
                                             copse_err *err);

/** Writes one run. Owns the run until it is finished. */
typedef struct copse_run_writer {
    copse_run_store store;
    copse_run run;
    uint8_t *memory; /* borrowed: the frame's head, then its payload */
    size_t payload_max;
    size_t payload;
    uint32_t count;
    uint64_t sequence;
} copse_run_writer;

/** Begins a run. `memory` (`size` bytes, at least 2 KiB) is borrowed until finish or abort. */
COPSE_MUST_USE copse_status copse_run_writer_init(copse_run_writer *writer,
                                                  const copse_run_store *store, uint8_t *memory,
                                                  size_t size, copse_err *err);

/** Adds an encoded record whose key is above the last. After a failure only abort is allowed. */
COPSE_MUST_USE copse_status copse_run_writer_add(copse_run_writer *writer, copse_bytes record,
                                                 copse_err *err);

/** Ends the run and hands it over. On failure it is still the writer's. */
COPSE_MUST_USE copse_status copse_run_writer_finish(copse_run_writer *writer, copse_run *ret_run,
                                                    copse_err *err);

/** Removes a run that was not finished. A zeroed or finished writer is allowed. */
void copse_run_writer_abort(copse_run_writer *writer);

/** Encodes the head of a record. */
void copse_run_record_head(size_t key_len, size_t value_len,
                           uint8_t ret_head[COPSE_RUN_RECORD_HEAD_BYTES]);

/** The key of a well-formed record. Borrows from it. */
copse_bytes copse_run_record_key(const uint8_t *record);

/** The size of a well-formed record with its head. */
size_t copse_run_record_size(const uint8_t *record);

/** Reads one run, record by record. */
typedef struct copse_run_reader {
    copse_run_store store;
    void *handle;
    uint8_t *memory; /* borrowed: payload, the head of the next frame; at its end the last key */
    size_t payload_max;
    uint8_t *last_key;
    size_t payload;
    size_t at;
    uint32_t left; /* records of the frame that were not given */
    uint64_t sequence;
    uint64_t records;
    copse_bytes record; /* the present one; ptr NULL: none */
    copse_bytes key;
} copse_run_reader;

/** Opens a finished run, which stays the caller's; stands before the first record. `memory`
 * (`size` bytes: the largest frame and COPSE_RUN_READER_EXTRA_BYTES) is borrowed while it reads.
 * CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_run_reader_init(copse_run_reader *reader,
                                                  const copse_run_store *store, void *handle,
                                                  uint8_t *memory, size_t size, copse_err *err);

/** Goes to the next record: reader->record and ->key are set until the next call. END: there is
 * none, and the run was whole. CORRUPT, IO, NOMEM: the reader must not be used any more. */
COPSE_MUST_USE copse_status copse_run_reader_next(copse_run_reader *reader, copse_err *err);

#endif
