/* The inside of the sorter.
 *
 * One piece of memory: records (run.h) grow from its begin, and an item of 16 bytes for each from
 * its end. When they meet, the items are sorted and the records written as a run in their order.
 *
 *   O1  The items' references are the records' offsets, so equal keys come out in the order they
 *       were added in, and the last of them is the one that counts. Runs stand in the order they
 *       were written in, and only neighbours are merged, so the same holds across runs.
 *   O2  The memory starts small and grows by four, then to all that is left of the bound; the old
 *       and the new piece together never pass the bound.
 *   O3  A record is at most a quarter of the memory, so that two runs can always be merged in it.
 *   O4  While records come in, as many runs of one tier as can be merged at once become one of the
 *       next tier: the number of runs stays below 64 a tier, and an entry is written once a tier.
 *       In the end, only as many are merged as it takes for the rest to fit into one last merge.
 *   O5  Merging uses the memory of the records, which is empty then.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_SORTER_H
#define COPSE_TREE_SORTER_H

#include "base/compiler.h"
#include "tree/prefix_sort.h"
#include "tree/run_merge.h"

#include <copse/sorter.h>

enum { COPSE_SORTER_PROGRESS_ENTRIES = 65536 };

typedef enum sorter_stage { SORTER_ADDING, SORTER_SORTED, SORTER_MERGING } sorter_stage;

struct copse_sorter {
    const copse_env *env;
    bool has_store;
    copse_run_store store;
    sorter_stage stage;
    copse_status poisoned;
    uint8_t *memory;
    size_t memory_size;  /* a multiple of 16 */
    size_t memory_max;   /* without the frame */
    size_t records_size; /* from the begin */
    size_t items_count;  /* from the end */
    size_t item_at;      /* the next to give, when sorted */
    uint8_t *frame;      /* of the run that is written; NULL before the first */
    size_t frame_size;
    copse_run *runs;
    size_t runs_count;
    size_t runs_capacity;
    copse_run_merge *merge; /* from the first merge on */
    copse_sorter_progress progress;
    copse_sorter_progress_fn on_progress;
    void *on_progress_ctx;
};

/** Tells of the progress. */
static inline void copse_sorter_tell(const copse_sorter *sorter)
{
    if (sorter->on_progress != NULL) {
        sorter->on_progress(sorter->on_progress_ctx, &sorter->progress);
    }
}

/** Counts an entry, and tells of it now and then. */
COPSE_INLINE void copse_sorter_count(const copse_sorter *sorter, uint64_t *count)
{
    *count += 1;
    if (COPSE_UNLIKELY(*count % COPSE_SORTER_PROGRESS_ENTRIES == 0)) {
        copse_sorter_tell(sorter);
    }
}

/** Allocates what it takes to write one more run. NOMEM. */
COPSE_MUST_USE copse_status copse_sorter_ready_runs(copse_sorter *sorter, copse_err *err);

/** Counts a run that was written, and tells of it. */
void copse_sorter_note_run(copse_sorter *sorter, const copse_run *run);

/** O4: merges full tiers; the memory holds no records. The run store's failures, CORRUPT. */
COPSE_MUST_USE copse_status copse_sorter_merge_tiers(copse_sorter *sorter, copse_err *err);

/** O4: merges runs until the rest can be merged at once. As copse_sorter_merge_tiers. */
COPSE_MUST_USE copse_status copse_sorter_merge_to_fit(copse_sorter *sorter, copse_err *err);

#endif
