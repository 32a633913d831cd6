/* The runs of a sorter and their merging (O4, O5 in sorter.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "tree/sorter.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

/* Makes room for one more run. */
copse_status copse_sorter_ready_runs(copse_sorter *sorter, copse_err *err)
{
    void *runs = sorter->runs;
    bool grown = copse_array_grow(sorter->env, &runs, &sorter->runs_capacity,
                                  sorter->runs_count + 1, sizeof *sorter->runs);
    sorter->runs = runs;
    if (sorter->frame == NULL) {
        sorter->frame = copse_alloc(sorter->env, sorter->frame_size);
    }
    if (sorter->merge == NULL) {
        sorter->merge = copse_alloc(sorter->env, sizeof *sorter->merge);
    }
    if (!grown || sorter->frame == NULL || sorter->merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    return COPSE_OK;
}

/* Merges runs [begin, begin + count) into one that takes their place. */
static copse_status sorter_write_merged(copse_sorter *sorter, size_t begin, size_t count,
                                        copse_run *ret_run, copse_err *err)
{
    copse_run_writer writer;
    copse_bytes record;
    copse_status status = copse_run_merge_init(sorter->merge, &sorter->store, sorter->runs + begin,
                                               count, sorter->memory, sorter->memory_size, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_run_writer_init(&writer, &sorter->store, sorter->frame, sorter->frame_size, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (status == COPSE_OK) {
        status = copse_run_merge_next(sorter->merge, &record, err);
        if (status == COPSE_OK) {
            copse_sorter_count(sorter, &sorter->progress.entries_merged);
            status = copse_run_writer_add(&writer, record, err);
        }
    }
    if (status == COPSE_END) {
        status = copse_run_writer_finish(&writer, ret_run, err);
    }
    copse_run_writer_abort(&writer);
    return status;
}

void copse_sorter_note_run(copse_sorter *sorter, const copse_run *run)
{
    sorter->progress.runs_written++;
    sorter->progress.bytes_spilled += run->size_bytes;
    sorter->progress.entries_merging = 0;
    sorter->progress.entries_merged = 0;
    copse_sorter_tell(sorter);
}

static copse_status sorter_merge_runs(copse_sorter *sorter, size_t begin, size_t count,
                                      copse_err *err)
{
    copse_run merged = {0};
    unsigned tier = 0;
    for (size_t i = begin; i < begin + count; i++) {
        const copse_run *run = &sorter->runs[i];
        sorter->progress.entries_merging += run->records;
        tier = run->tier > tier ? run->tier : tier;
    }
    copse_status status = sorter_write_merged(sorter, begin, count, &merged, err);
    if (status != COPSE_OK) {
        return status;
    }
    merged.tier = tier + 1;
    for (size_t i = begin; i < begin + count; i++) {
        copse_status removed =
            copse_run_remove(&sorter->store, &sorter->runs[i], status == COPSE_OK ? err : NULL);
        status = status == COPSE_OK ? removed : status;
    }
    sorter->runs[begin] = merged;
    memmove(&sorter->runs[begin + 1], &sorter->runs[begin + count],
            (sorter->runs_count - begin - count) * sizeof *sorter->runs);
    sorter->runs_count -= count - 1;
    copse_sorter_note_run(sorter, &merged);
    return status;
}

/* O4: merges full tiers, the newest first. */
copse_status copse_sorter_merge_tiers(copse_sorter *sorter, copse_err *err)
{
    for (size_t end = sorter->runs_count;;) {
        size_t begin = end - 1;
        while (begin > 0 && sorter->runs[begin - 1].tier == sorter->runs[end - 1].tier) {
            begin--;
        }
        size_t count = end - begin;
        size_t fit = copse_run_merge_fit(sorter->runs + begin, count, sorter->memory_size);
        if (fit == count && count < COPSE_RUN_MERGE_MAX) {
            return COPSE_OK;
        }
        copse_status status = sorter_merge_runs(sorter, begin, fit, err);
        if (status != COPSE_OK) {
            return status;
        }
        end = begin + 1;
    }
}

/* O4: merges runs until the rest can be merged at once. */
copse_status copse_sorter_merge_to_fit(copse_sorter *sorter, copse_err *err)
{
    size_t at = 0;
    for (;;) {
        size_t count = sorter->runs_count;
        size_t fit = copse_run_merge_fit(sorter->runs, count, sorter->memory_size);
        if (fit == count) {
            return COPSE_OK;
        }
        if (at + 1 >= count) {
            at = 0;
        }
        size_t excess = count - fit + 1;
        fit = copse_run_merge_fit(sorter->runs + at, count - at, sorter->memory_size);
        copse_status status = sorter_merge_runs(sorter, at, fit < excess ? fit : excess, err);
        if (status != COPSE_OK) {
            return status;
        }
        at++;
    }
}
