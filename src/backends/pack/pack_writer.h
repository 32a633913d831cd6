/* Writing a pack: blocks stream into a temporary file, the indexes follow at the end.
 *
 * The pack's name is the SHA-256 of the digests in its CAR index, as they stand there, then of the
 * CIDs that such an index leaves out (identity). The seed of its own index is XXH3-64 of all CIDs
 * in their order, so that equal blocks in equal order make equal files.
 *
 * Memory: about 150 bytes a block, 60 of them from its put on and the rest at the end, so that a
 * pack of COPSE_PACK_BLOCKS_MAX takes under 40 MiB; and a buffer of 1 MiB.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_WRITER_H
#define COPSE_BACKENDS_PACK_PACK_WRITER_H

#include "backends/pack/pack_file.h"

#include <copse/buf.h>

enum {
    COPSE_PACK_BLOCKS_MAX = 1 << 18,
    COPSE_PACK_BUFFER_BYTES = 1 << 20 /* what is collected before it is written */
};
/** A pack is ended when it has so many bytes. */
#define COPSE_PACK_SIZE_MAX ((uint64_t)1 << 35)

/** Borrows the io. A zeroed one may be released. */
typedef struct copse_pack_writer {
    copse_pack_io *io;
    copse_pack_file *file; /* the temporary one, with a table; NULL: none begun */
    uint64_t written;      /* bytes of the file that are no longer in the buffer */
    copse_buf buffer;
    copse_buf cids;    /* of all blocks, each behind its size in one byte */
    uint64_t *offsets; /* of their sections */
    size_t count;
    size_t capacity;
    copse_buf scratch;
} copse_pack_writer;

void copse_pack_writer_init(copse_pack_writer *writer, copse_pack_io *io);

/** Drops what was not finished, and its file. */
void copse_pack_writer_release(copse_pack_writer *writer);

/** Appends a block that is not in this pack. Opens the file with the first. NOMEM, LIMIT, IO,
 * DENIED: the writer must then be released or reset. */
COPSE_MUST_USE copse_status copse_pack_writer_put(copse_pack_writer *writer, const copse_cid *cid,
                                                  copse_bytes data, copse_err *err);

/** Whether the next block belongs into another pack. */
bool copse_pack_writer_is_full(const copse_pack_writer *writer);

/** Whether nothing has gone to the file yet: the blocks may still go elsewhere. */
bool copse_pack_writer_is_small(const copse_pack_writer *writer);

/** Looks for a block in the pack. As copse_pack_file_find. */
COPSE_MUST_USE copse_status copse_pack_writer_find(copse_pack_writer *writer, const copse_cid *cid,
                                                   bool *ret_found, copse_block **ret_block,
                                                   copse_err *err);

/** Calls `visit` with each block of a small pack, in their order. */
COPSE_MUST_USE copse_status copse_pack_writer_each(copse_pack_writer *writer,
                                                   copse_pack_section_fn visit, void *ctx,
                                                   copse_err *err);

/** Writes the indexes, syncs if `is_durable`, renames the file, and is empty again. The folder must
 * be synced before a frame names the pack. MISUSE: it has no blocks. NOMEM, IO. */
COPSE_MUST_USE copse_status copse_pack_writer_finish(
    copse_pack_writer *writer, bool is_durable, uint8_t ret_digest[COPSE_PACK_DIGEST_SIZE_BYTES],
    uint64_t *ret_size, copse_err *err);

#endif
