/* A file with blocks in it: a pack, a journal that ended, or the journal in use.
 *
 * A pack is a CARv2:
 *
 *     offset  size
 *     0       51     pragma and header of a CARv2
 *     51      …      payload: header of a CARv1 with the root bafkqaaa, then sections in the order
 *                    in which the blocks were put
 *     …       …      index for Copse (pack_index.h), in the gap that CARv2 allows
 *     …       …      MultihashIndexSorted, for everybody else
 *
 * A file whose index is damaged is read through once, and indexed in memory. If that ends early
 * the file is damaged: what was found is served, but what is not found may have been in the rest,
 * so that the answer is CORRUPT and not NOT_FOUND.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_FILE_H
#define COPSE_BACKENDS_PACK_PACK_FILE_H

#include "backends/pack/pack_index.h"
#include "backends/pack/pack_io.h"
#include "backends/pack/pack_window.h"

#include <copse/block.h>

typedef struct copse_pack_file {
    const copse_env *env;
    copse_pack_name id; /* PACK or JOURNAL */
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_file *file; /* NULL: it is missing */
    uint64_t size;    /* that it must have; of the journal in use: so far */
    uint64_t seed;    /* of the keys */
    uint64_t index_offset;
    uint64_t index_size;
    bool has_index;   /* else `table` */
    bool is_writable; /* the journal in use, opened for writing */
    copse_pack_index index;
    copse_pack_table table;
    copse_pack_window window; /* of what is read in order */
    bool is_damaged;
    copse_err damage;
} copse_pack_file;

/** What a file says about a CID. */
typedef enum copse_pack_found {
    COPSE_PACK_FOUND_NOTHING,
    COPSE_PACK_FOUND_BLOCK,
    COPSE_PACK_FOUND_REMOVED
} copse_pack_found;

/** Called for each section of a pack: `offset` is that of the CID. */
typedef copse_status (*copse_pack_section_fn)(void *ctx, uint64_t offset, copse_bytes cid,
                                              copse_bytes data, copse_err *err);

/** Opens the pack with `digest`, which must have `size` bytes. Damage is no failure but noted in
 * the file: see is_damaged. IO, DENIED, NOMEM. The caller frees the file. */
COPSE_MUST_USE copse_status copse_pack_file_open_pack(copse_pack_io *io, const uint8_t *digest,
                                                      uint64_t size, copse_pack_file **ret_file,
                                                      copse_err *err);

/** Opens a journal that ended. As above. */
COPSE_MUST_USE copse_status copse_pack_file_open_journal(copse_pack_io *io, uint64_t generation,
                                                         uint64_t size, uint64_t index_offset,
                                                         uint64_t index_size,
                                                         copse_pack_file **ret_file,
                                                         copse_err *err);

/** An empty one for the journal in use; takes `file`, also on failure. NOMEM. */
COPSE_MUST_USE copse_status copse_pack_file_new(const copse_env *env, uint64_t generation,
                                                copse_file *file, uint64_t seed,
                                                copse_pack_file **ret_file, copse_err *err);

copse_pack_file *copse_pack_file_free(copse_pack_file *file);

/** Indexes the file in memory, as far as it can be read. IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_file_rebuild(copse_pack_file *file, copse_err *err);

/** Looks for `cid`. *ret_block (NULL: not wanted) is set if *ret_found is BLOCK. `scratch` is for
 * reading. OK also where nothing is found. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_file_find(copse_pack_file *file, const copse_cid *cid,
                                                 copse_buf *scratch, copse_pack_found *ret_found,
                                                 copse_pack_place *ret_place,
                                                 copse_block **ret_block, copse_err *err);

/** Reads the block at `place`, whatever its CID. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_file_read(copse_pack_file *file, copse_pack_place place,
                                                 copse_buf *scratch, copse_block **ret_block,
                                                 copse_err *err);

/** Calls `visit` for each record, in any order. */
COPSE_MUST_USE copse_status copse_pack_file_records(
    copse_pack_file *file, copse_status (*visit)(void *ctx, copse_pack_place place, copse_err *err),
    void *ctx, copse_err *err);

/** Records in the file's index. */
size_t copse_pack_file_count(const copse_pack_file *file);

/** Reads all sections of a pack in their order. *ret_end is where it stopped: the end of the
 * payload if all is well. CORRUPT: something that is no section; `visit`'s failure; IO, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_file_sections(const copse_pack_file *file,
                                                     copse_pack_section_fn visit, void *ctx,
                                                     uint64_t *ret_end, copse_err *err);

/** Adds a record to the table of a file without an index: replaces the place of the same CID.
 * `scratch` as above. NOMEM, IO, CORRUPT. */
COPSE_MUST_USE copse_status copse_pack_file_add(copse_pack_file *file, copse_bytes cid,
                                                copse_pack_place place, copse_buf *scratch,
                                                copse_err *err);

#endif
