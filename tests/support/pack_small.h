/* A small store on a simulated disk, with every kind of file in it, and what damage may do to it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PACK_SMALL_H
#define COPSE_TESTS_PACK_SMALL_H

#include <copse/pack_store.h>

#include "support/os_sim.h"
#include "support/test_env.h"

enum { PACK_SMALL_BLOCKS_MAX = 64, PACK_SMALL_FILES_MAX = 8, PACK_SMALL_REFS = 3 };

/** The store, closed, and what must be in it. */
typedef struct pack_small {
    test_env env;
    os_sim *sim;
    copse_cid cids[PACK_SMALL_BLOCKS_MAX];
    size_t blocks_count;
    copse_cid refs[PACK_SMALL_REFS];       /* of "ref-0"… */
    char files[PACK_SMALL_FILES_MAX][100]; /* paths of all but the locks */
    size_t files_count;
} pack_small;

/** Makes it: a pack, a journal that ended, the one in use, `format`. */
void pack_small_init(pack_small *small);
void pack_small_release(pack_small *small);

/** What a look at the store after damage to `path` found. */
typedef struct pack_small_result {
    bool opened;
    size_t blocks_right;
    size_t refs_right;
    size_t findings; /* of damage or a torn tail, in `path` */
    size_t findings_elsewhere;
    size_t blocks_mended; /* right after the repair */
    size_t refs_mended;
} pack_small_result;

/** Fails the test unless what is damaged is reported and nothing wrong is answered: each block is
 * right, or CORRUPT, or (behind a torn tail only) NOT_FOUND; each ref likewise, but that it may be
 * older behind a torn tail. `sim` is a copy with the damage done. Then repairs it, and looks
 * again: no block that was right is gone. */
pack_small_result pack_small_examine(const pack_small *small, os_sim *sim, const char *path,
                                     bool with_repair);

/** Flips a bit in the middle of the pack, on `sim`, a copy. */
void pack_small_damage_pack(const pack_small *small, os_sim *sim);

/** Examines stores with every `stride`-th byte of every file flipped, or the file cut there. The
 * data of the pack's large blocks is long and all alike: there it takes larger steps. */
void pack_small_sweep(size_t stride, bool is_cut);

#endif
