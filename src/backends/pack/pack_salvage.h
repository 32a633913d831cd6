/* Salvage: taking out of bytes that are no frames what proves itself.
 *
 * The bytes are a tail, or a gap that damage made among frames. They are gone through once:
 *
 *     a frame with a right checksum              is given whole
 *     a frame with one bit set wrong             likewise: the checksum proves which bit it was
 *     a block item whose data hashes to its CID  is given alone
 *     a ref item with a valid name and CID       is given as a hint: it proves nothing
 *     any other byte                             is lost
 *
 * A bit is found by trying: a frame of n bytes takes 8 n checksums of n bytes. So only frames up to
 * 64 KiB are tried (2 s at 15 GB/s), and in one run not more than a few. That the checksum of 64
 * bits is right by chance after any of 8 n changes has a probability of n / 2^61.
 *
 * Cost otherwise: what hashes to no CID is hashed in vain; together at most 16 times the bytes that
 * are gone through (at least 64 MiB), and then no more blocks are looked for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_SALVAGE_H
#define COPSE_BACKENDS_PACK_PACK_SALVAGE_H

#include "backends/pack/journal_reader.h"

/** Who takes what is found. Any status but OK ends the salvage and is returned. */
typedef struct copse_pack_salvor {
    /** A frame whose checksum is right, maybe after its one wrong bit was set right. */
    copse_status (*frame)(void *ctx, const copse_frame *frame, copse_bytes payload, copse_err *err);
    /** A BLOCK that was verified, or a REF that was not. `offset` is that of its content in the
     * file. */
    copse_status (*item)(void *ctx, const copse_item *item, uint64_t offset, copse_err *err);
    void *ctx;
} copse_pack_salvor;

/** Goes through bytes `begin` to `end` of a journal with that salt (NULL: not known, so that no
 * frame is looked for). *ret_lost: bytes of which nothing was made. CORRUPT: the file ends before
 * `end`. IO, NOMEM, or the salvor's failure. */
COPSE_MUST_USE copse_status copse_pack_salvage(const copse_env *env, copse_file *file,
                                               const uint64_t *salt, uint64_t begin, uint64_t end,
                                               const copse_pack_salvor *salvor, uint64_t *ret_lost,
                                               copse_err *err);

#endif
