/* Checking a pack by writing it again: its blocks go through the writer that makes packs, on a
 * system that compares what is written with the file instead of writing it. So every byte of the
 * file is looked at, and there is one place that knows the format.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_COMPARE_H
#define COPSE_BACKENDS_PACK_PACK_COMPARE_H

#include "backends/pack/pack_writer.h"

/** A zeroed one may be released. */
typedef struct copse_pack_compare {
    copse_os os;
    copse_file file;
    const copse_pack_file *pack; /* that is compared with */
    copse_pack_io io;
    copse_pack_writer writer;
    copse_buf scratch;
    bool differs;
    uint64_t offset; /* the lowest byte that differs */
    uint64_t end;    /* of what was written */
} copse_pack_compare;

/** Begins a comparison with `pack`, which is borrowed. The struct must not move. NOMEM. */
COPSE_MUST_USE copse_status copse_pack_compare_init(copse_pack_compare *compare,
                                                    const copse_pack_file *pack, copse_err *err);
void copse_pack_compare_release(copse_pack_compare *compare);

/** The next block. */
COPSE_MUST_USE copse_status copse_pack_compare_put(copse_pack_compare *compare,
                                                   const copse_cid *cid, copse_bytes data,
                                                   copse_err *err);

/** The end: sets differs and offset, if bytes, size or name differ. */
COPSE_MUST_USE copse_status copse_pack_compare_finish(copse_pack_compare *compare, copse_err *err);

#endif
