/* Reading the frames of a journal's file, one after the other or wherever one is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_JOURNAL_READER_H
#define COPSE_BACKENDS_PACK_JOURNAL_READER_H

#include "backends/pack/journal.h"

#include <copse/sys/os.h>

/** Reads through a window of the file. Belongs to one thread. A zeroed one may be released. */
typedef struct copse_journal_reader {
    const copse_env *env;
    copse_file *file; /* borrowed */
    uint64_t salt;
    uint64_t window_offset; /* of the window in the file */
    copse_buf window;
} copse_journal_reader;

void copse_journal_reader_init(copse_journal_reader *reader, const copse_env *env);
void copse_journal_reader_release(copse_journal_reader *reader);

/** Looks at another file, or again at one that may have changed: forgets what was read. */
void copse_journal_reader_reset(copse_journal_reader *reader, copse_file *file, uint64_t salt);

/** The frame at `offset` of the file, with a right checksum; *ret_payload is valid until the next
 * call. END: the file ends exactly here. CORRUPT (err untouched): there is no whole frame. IO,
 * NOMEM. */
COPSE_MUST_USE copse_status copse_journal_reader_at(copse_journal_reader *reader, uint64_t offset,
                                                    copse_frame *ret_frame,
                                                    copse_bytes *ret_payload, copse_err *err);

/** The first frame with a right checksum at or behind *offset, which is set to its place. END:
 * there is none. IO, NOMEM. */
COPSE_MUST_USE copse_status copse_journal_reader_search(copse_journal_reader *reader,
                                                        uint64_t *offset, copse_frame *ret_frame,
                                                        copse_bytes *ret_payload, copse_err *err);

/** Bytes that a frame takes in the file. */
static inline uint64_t copse_frame_size(const copse_frame *frame)
{
    return (uint64_t)frame->payload_size + COPSE_FRAME_OVERHEAD_BYTES;
}

#endif
