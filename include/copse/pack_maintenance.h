/* Looking after a durable store: collecting garbage, finding damage, mending it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PACK_MAINTENANCE_H
#define COPSE_PACK_MAINTENANCE_H

#include <copse/pack_store.h>

COPSE_EXTERN_C_BEGIN

/* ---- Garbage ---- */

/** What a collection did, or has done so far. */
typedef struct copse_pack_gc_stats {
    uint64_t live_blocks;  /**< Reached from refs and pins, and kept. */
    uint64_t live_bytes;   /**< Of their data. */
    uint64_t absent;       /**< Links to blocks that the store doesn't have: no failure, a replica
                                may be sparse. */
    uint64_t opaque;       /**< Blocks of codecs whose links Copse doesn't read (neither DAG-CBOR
                                nor raw), or that can't be read: kept, but not followed. */
    uint64_t before_bytes; /**< Sizes of the files. */
    uint64_t after_bytes;  /**< 0 until the end. */
    uint64_t tails; /**< Files with a journal's tail, put aside by a writer, that were removed
                         with what they held: see copse_pack_fsck. */
} copse_pack_gc_stats;

/** Told of a block that is kept; `is_whole`: with all that it leads to. */
typedef copse_status (*copse_pack_gc_keep_fn)(void *ctx, const copse_cid *cid, bool is_whole,
                                              copse_err *err);

/** Zeroed, or NULL in the call, it collects what no ref reaches, and does not wait. */
typedef struct copse_pack_gc_options {
    const copse_cid *pins; /**< Kept with all that they lead to. */
    size_t pins_count;
    /** Tells `keep` of all that is kept besides pins, such as what copse_history_keep visits.
     * Called twice: the second time nobody else is at work, and what was not kept the first time
     * may be. It may read the db, and must not write to it. Any status but OK ends the collection,
     * with nothing changed, and is returned. NULL: what refs name is kept, with all that it leads
     * to. */
    copse_status (*roots)(void *ctx, copse_pack_gc_keep_fn keep, void *keep_ctx, copse_err *err);
    void *roots_ctx;
    bool wait; /**< Wait until nobody holds blocks that no ref names yet. */
    /** Called now and then. Any status but OK ends the collection, with nothing changed, and is
     * returned. NULL: none. */
    copse_status (*progress)(void *ctx, const copse_pack_gc_stats *stats, copse_err *err);
    void *progress_ctx;
} copse_pack_gc_options;

/** Copies the blocks that refs (or `roots`) and pins reach into new packs and removes all other
 * files. Every block is hashed on the way. Readers and writers go on, but for a short time at the
 * end: readers with blocks open keep them until they refresh; a writer whose blocks no ref names
 * yet is waited for (`wait`) or makes the call return CONFLICT. A commit that was built on a ref
 * read before the collection is refused with CONFLICT once. A crash at any moment leaves the store
 * as it was, or collected; files that are left over are removed by the next collection. Needs room
 * for a copy of the live blocks, and about 24 bytes of memory for each, beside those for writing a
 * pack. MISUSE: the db has blocks of its own that wait for a commit. CONFLICT: busy, or another
 * collection came first. CORRUPT: a live block is damaged; nothing was changed, see
 * copse_pack_fsck. DENIED, IO, NOMEM. `ret_stats` (NULL allowed) is set on OK. */
COPSE_API COPSE_MUST_USE copse_status copse_pack_gc(copse_pack_db *db,
                                                    const copse_pack_gc_options *options,
                                                    copse_pack_gc_stats *ret_stats, copse_err *err);

/* ---- Damage ---- */

typedef enum copse_pack_finding_kind {
    COPSE_PACK_FINDING_DAMAGE,  /**< Bytes are not what they must be. */
    COPSE_PACK_FINDING_TAIL,    /**< The end of the journal is no frame: a write that a crash cut
                                     short. If nothing crashed, the last commit is damaged. With a
                                     CID: a ref in damaged bytes named it, and was not moved. */
    COPSE_PACK_FINDING_ABSENT,  /**< A ref reaches a block that the store doesn't have. In a sparse
                                     replica that is no fault. */
    COPSE_PACK_FINDING_LEFTOVER /**< A file that the store doesn't need; a collection removes it.
                                     NAME.damaged: a tail that a writer put aside; a repair takes
                                     out what is good, the second collection removes it. */
} copse_pack_finding_kind;

/** One thing that was found. Valid during the call only. */
typedef struct copse_pack_finding {
    copse_pack_finding_kind kind;
    const char *file; /**< Its name in the folder; "" if it is about no file. */
    uint64_t offset;  /**< In the file. */
    copse_cid cid;    /**< Of the block it is about; size 0: about none. */
    const char *message;
} copse_pack_finding;

typedef struct copse_pack_fsck_stats {
    uint64_t files;
    uint64_t blocks;      /**< Whose hash was right. */
    uint64_t opaque;      /**< Whose hash Copse doesn't compute: only their place was checked. */
    uint64_t findings[4]; /**< By kind. */
} copse_pack_fsck_stats;

typedef struct copse_pack_fsck_options {
    /** Where there is damage: copy every good block into new packs, carry over the refs, and put
     * the damaged files aside as NAME.damaged. Then commit again what proves itself in tails that
     * writers put aside. A frame of the journal of up to 64 KiB with one wrong bit is set right
     * (its checksum proves which bit); of others the blocks that hash to their CIDs are kept. What
     * else a damaged place held is lost unless another store has it; a ref that it may have moved
     * stays at its last known value, which is reported. A crash leaves the store as it was, or
     * mended; call it again. */
    bool repair;
    /** Any status but OK ends the check and is returned. NULL: only counts. */
    copse_status (*found)(void *ctx, const copse_pack_finding *finding, copse_err *err);
    void *found_ctx;
} copse_pack_fsck_options;

/** Reads every byte of the store in folder `path`: frames, sections, hashes, both indexes of each
 * pack, and whether refs reach their blocks. OK also if there are findings. NOT_FOUND: no store is
 * there. CONFLICT (repair): it is being written to. IO, DENIED, NOMEM. `ret_stats` (NULL allowed)
 * is set on OK. */
COPSE_API COPSE_MUST_USE copse_status copse_pack_fsck(const copse_env *env, copse_os *os,
                                                      const char *path,
                                                      const copse_pack_fsck_options *options,
                                                      copse_pack_fsck_stats *ret_stats,
                                                      copse_err *err);

COPSE_EXTERN_C_END

#endif
