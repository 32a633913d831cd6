/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/run_merge.h"

#include "base/compiler.h"

#include <assert.h>

static size_t run_merge_memory(const copse_run *run)
{
    return run->frame_bytes_max + COPSE_RUN_READER_EXTRA_BYTES;
}

size_t copse_run_merge_fit(const copse_run *runs, size_t count, size_t size)
{
    size_t fit = 0;
    while (fit < count && fit < COPSE_RUN_MERGE_MAX && run_merge_memory(&runs[fit]) <= size) {
        size -= run_merge_memory(&runs[fit]);
        fit++;
    }
    return fit;
}

static uint64_t run_merge_prefix(copse_bytes key)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < key.len ? key.ptr[i] : 0);
    }
    return prefix;
}

static int run_merge_compare_keys(const copse_run_merge *merge, size_t a, size_t b)
{
    const copse_run_merge_item *left = &merge->heap[a];
    const copse_run_merge_item *right = &merge->heap[b];
    if (COPSE_LIKELY(left->prefix != right->prefix)) {
        return left->prefix < right->prefix ? -1 : 1;
    }
    return copse_bytes_compare(merge->readers[left->reader].key, merge->readers[right->reader].key);
}

/* G1 */
static bool run_merge_before(const copse_run_merge *merge, size_t a, size_t b)
{
    int order = run_merge_compare_keys(merge, a, b);
    return order != 0 ? order < 0 : merge->heap[a].reader > merge->heap[b].reader;
}

static void run_merge_sift(copse_run_merge *merge, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < merge->count && run_merge_before(merge, child + 1, child)) {
            child++;
        }
        if (child >= merge->count || !run_merge_before(merge, child, at)) {
            return;
        }
        copse_run_merge_item item = merge->heap[at];
        merge->heap[at] = merge->heap[child];
        merge->heap[child] = item;
        at = child;
    }
}

/* Moves the reader at place `at` on, or takes it out if it has ended. */
static copse_status run_merge_advance(copse_run_merge *merge, size_t at, copse_err *err)
{
    copse_run_merge_item *item = &merge->heap[at];
    copse_status status = copse_run_reader_next(&merge->readers[item->reader], err);
    if (status == COPSE_OK) {
        item->prefix = run_merge_prefix(merge->readers[item->reader].key);
    } else if (status == COPSE_END) {
        /* The last place is never above `at`, and what comes from it may only sink. */
        *item = merge->heap[--merge->count];
        status = COPSE_OK;
    }
    if (at < merge->count) {
        run_merge_sift(merge, at);
    }
    return status;
}

copse_status copse_run_merge_init(copse_run_merge *merge, const copse_run_store *store,
                                  const copse_run *runs, size_t count, uint8_t *memory, size_t size,
                                  copse_err *err)
{
    copse_status status = COPSE_OK;
    assert(count > 0 && copse_run_merge_fit(runs, count, size) == count);
    (void)size;
    merge->given = false;
    merge->count = count;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        merge->heap[i] = (copse_run_merge_item){.reader = i};
        status = copse_run_reader_init(&merge->readers[i], store, runs[i].handle, memory,
                                       run_merge_memory(&runs[i]), err);
        memory += run_merge_memory(&runs[i]);
    }
    /* From the end, so that each place is sifted above two heaps. */
    for (size_t i = count; status == COPSE_OK && i-- > 0;) {
        status = copse_run_reader_next(&merge->readers[i], err);
        if (status == COPSE_OK) {
            merge->heap[i].prefix = run_merge_prefix(merge->readers[i].key);
            run_merge_sift(merge, i);
        } else if (status == COPSE_END) { /* an empty run */
            merge->heap[i] = merge->heap[--merge->count];
            if (i < merge->count) {
                run_merge_sift(merge, i);
            }
            status = COPSE_OK;
        }
    }
    return status;
}

copse_status copse_run_merge_next(copse_run_merge *merge, copse_bytes *ret_record, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (merge->given && merge->count > 0) {
        status = run_merge_advance(merge, 0, err);
    }
    merge->given = true;
    if (status != COPSE_OK) {
        return status;
    }
    if (merge->count == 0) {
        return COPSE_END;
    }
    for (size_t child = 1; child <= 2;) { /* G1 */
        if (child < merge->count && run_merge_compare_keys(merge, child, 0) == 0) {
            status = run_merge_advance(merge, child, err);
            if (status != COPSE_OK) {
                return status;
            }
        } else {
            child++;
        }
    }
    *ret_record = merge->readers[merge->heap[0].reader].record;
    return COPSE_OK;
}
