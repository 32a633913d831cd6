/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/sorter.h"

#include "base/alloc.h"
#include "base/err.h"
#include "tree/builder.h"

#include <copse/dag_cbor.h>

#include <string.h>

enum {
    SORTER_MEMORY_BYTES_MIN = 65536,
    SORTER_MEMORY_BYTES_FIRST = 65536,
    SORTER_MEMORY_STEPS = 32, /* the last growth is to at least this many times what there was */
    SORTER_ENTRY_SHARE = 4,   /* O3 */
    SORTER_FRAME_SHARE = 32,
    SORTER_FRAME_BYTES_MAX = 262144,
    SORTER_AHEAD = 12 /* records fetched in advance */
};

copse_status copse_sorter_new(const copse_env *env, size_t memory_bytes_max,
                              const copse_run_store *runs, copse_sorter **ret_sorter,
                              copse_err *err)
{
    if (memory_bytes_max == 0) {
        memory_bytes_max = env->limits.sort_memory_bytes_max;
    }
    if (memory_bytes_max < SORTER_MEMORY_BYTES_MIN) {
        return COPSE_ERR(err, COPSE_MISUSE, "sorting in %zu bytes; it takes %d at least",
                         memory_bytes_max, SORTER_MEMORY_BYTES_MIN);
    }
    copse_sorter *sorter = copse_alloc_zeroed(env, sizeof *sorter);
    if (sorter == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    sorter->env = env;
    sorter->memory_max = memory_bytes_max & ~(size_t)15;
    if (runs != NULL) {
        sorter->has_store = true;
        sorter->store = *runs;
        sorter->frame_size = memory_bytes_max / SORTER_FRAME_SHARE;
        if (sorter->frame_size > SORTER_FRAME_BYTES_MAX) {
            sorter->frame_size = SORTER_FRAME_BYTES_MAX;
        }
        sorter->memory_max = (memory_bytes_max - sorter->frame_size) & ~(size_t)15;
    }
    *ret_sorter = sorter;
    return COPSE_OK;
}

copse_sorter *copse_sorter_free(copse_sorter *sorter)
{
    if (sorter == NULL) {
        return NULL;
    }
    const copse_env *env = sorter->env;
    for (size_t i = 0; i < sorter->runs_count; i++) {
        copse_status ignored = copse_run_remove(&sorter->store, &sorter->runs[i], NULL);
        (void)ignored; /* nobody is left to be told */
    }
    copse_free_array(env, sorter->runs, sorter->runs_capacity, sizeof *sorter->runs);
    copse_free(env, sorter->merge, sizeof *sorter->merge);
    copse_free(env, sorter->memory, sorter->memory_size);
    copse_free(env, sorter->frame, sorter->frame_size);
    copse_free(env, sorter, sizeof *sorter);
    return NULL;
}

/* ---- progress and failure ---- */

void copse_sorter_on_progress(copse_sorter *sorter, copse_sorter_progress_fn progress, void *ctx)
{
    sorter->on_progress = progress;
    sorter->on_progress_ctx = ctx;
}

copse_sorter_progress copse_sorter_get_progress(const copse_sorter *sorter)
{
    return sorter->progress;
}

static copse_status sorter_poison(copse_sorter *sorter, copse_status status)
{
    sorter->poisoned = status;
    return status;
}

static copse_status sorter_check_poison(const copse_sorter *sorter, copse_err *err)
{
    if (COPSE_UNLIKELY(sorter->poisoned != COPSE_OK)) {
        return COPSE_ERR(err, sorter->poisoned, "the sorter failed before");
    }
    return COPSE_OK;
}

/* ---- the memory ---- */

static copse_prefix_item *sorter_items(const copse_sorter *sorter)
{
    return (copse_prefix_item *)(void *)(sorter->memory + sorter->memory_size) -
           sorter->items_count;
}

COPSE_INLINE size_t sorter_room(const copse_sorter *sorter)
{
    return sorter->memory_size - sorter->records_size -
           sorter->items_count * sizeof(copse_prefix_item);
}

/* O2: the size after `size`; the same if it can't grow. */
static size_t sorter_size_after(size_t size, size_t max)
{
    if (size == 0) {
        bool is_small = max < (size_t)SORTER_MEMORY_BYTES_FIRST * SORTER_MEMORY_STEPS;
        return is_small ? max : SORTER_MEMORY_BYTES_FIRST;
    }
    if (size > max / SORTER_MEMORY_STEPS) {
        return size;
    }
    size_t next = size * 4;
    return next <= max / SORTER_MEMORY_STEPS ? next : max - size;
}

/* Makes room for `need` more bytes if the bound allows it. NOMEM; LIMIT: it doesn't. */
static copse_status sorter_grow(copse_sorter *sorter, size_t need, copse_err *err)
{
    size_t size = sorter->memory_size;
    size_t items_size = sorter->items_count * sizeof(copse_prefix_item);
    size_t used = sorter->records_size + items_size;
    do {
        size_t next = sorter_size_after(size, sorter->memory_max);
        if (next == size) {
            break;
        }
        size = next;
    } while (size - used < need);
    if (size == sorter->memory_size || size - used < need) {
        return COPSE_LIMIT;
    }
    uint8_t *memory = copse_alloc(sorter->env, size);
    if (memory == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    if (sorter->memory != NULL) {
        memcpy(memory, sorter->memory, sorter->records_size);
        memcpy(memory + size - items_size, sorter_items(sorter), items_size);
        copse_free(sorter->env, sorter->memory, sorter->memory_size);
    }
    sorter->memory = memory;
    sorter->memory_size = size;
    return COPSE_OK;
}

static copse_bytes sorter_key(const void *ctx, uint64_t ref)
{
    const uint8_t *memory = ctx;
    return copse_run_record_key(memory + ref);
}

/* The next record in order, the last of its key; NULL: none. */
static const uint8_t *sorter_take(copse_sorter *sorter)
{
    const copse_prefix_item *items = sorter_items(sorter);
    size_t count = sorter->items_count;
    while (sorter->item_at < count) {
        size_t at = sorter->item_at++;
        if (COPSE_LIKELY(at + SORTER_AHEAD < count)) {
            size_t ahead = (size_t)items[at + SORTER_AHEAD].ref;
            COPSE_PREFETCH(sorter->memory + ahead);
            if (COPSE_LIKELY(ahead + 128 < sorter->memory_size)) {
                COPSE_PREFETCH(sorter->memory + ahead + 64);
                COPSE_PREFETCH(sorter->memory + ahead + 128);
            }
        }
        const uint8_t *record = sorter->memory + items[at].ref;
        if (at + 1 == count || items[at].prefix != items[at + 1].prefix ||
            !copse_bytes_equal(copse_run_record_key(record),
                               sorter_key(sorter->memory, items[at + 1].ref))) {
            return record;
        }
    }
    return NULL;
}

static void sorter_sort(copse_sorter *sorter)
{
    copse_prefix_sort(sorter_items(sorter), sorter->items_count, sorter_key, sorter->memory);
    sorter->item_at = 0;
}

/* ---- runs ---- */

static copse_status sorter_write_sorted(copse_sorter *sorter, copse_run *ret_run, copse_err *err)
{
    copse_run_writer writer;
    const uint8_t *record;
    copse_status status =
        copse_run_writer_init(&writer, &sorter->store, sorter->frame, sorter->frame_size, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (status == COPSE_OK && (record = sorter_take(sorter)) != NULL) {
        status = copse_run_writer_add(&writer, (copse_bytes){record, copse_run_record_size(record)},
                                      err);
    }
    if (status == COPSE_OK) {
        status = copse_run_writer_finish(&writer, ret_run, err);
    }
    copse_run_writer_abort(&writer);
    return status;
}

/* Writes what the memory holds as a run. */
static copse_status sorter_spill(copse_sorter *sorter, copse_err *err)
{
    copse_status status = copse_sorter_ready_runs(sorter, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_run run = {0};
    sorter_sort(sorter);
    status = sorter_write_sorted(sorter, &run, err);
    if (status != COPSE_OK) {
        return status;
    }
    sorter->runs[sorter->runs_count++] = run;
    sorter->records_size = 0;
    sorter->items_count = 0;
    copse_sorter_note_run(sorter, &run);
    return copse_sorter_merge_tiers(sorter, err);
}

/* ---- adding ---- */

static copse_status sorter_check_entry(const copse_sorter *sorter, copse_bytes key,
                                       copse_bytes value, copse_err *err)
{
    size_t max = sorter->memory_max / SORTER_ENTRY_SHARE;
    size_t block_max = sorter->env->limits.block_size_bytes_max;
    max = max < block_max ? max : block_max;
    if (key.len > COPSE_KEY_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a key of %zu bytes; the limit is %d", key.len,
                         COPSE_KEY_SIZE_BYTES_MAX);
    }
    if (value.len > max - key.len) {
        return COPSE_ERR(err, COPSE_LIMIT, "an entry of %zu bytes; the sorter takes at most %zu",
                         key.len + value.len, max);
    }
    return copse_dag_cbor_check(value, &sorter->env->limits, COPSE_CBOR_STRICT, err);
}

/* Makes room for `need` bytes by growing or spilling. */
static copse_status sorter_make_room(copse_sorter *sorter, size_t need, copse_err *err)
{
    copse_status status = sorter_grow(sorter, need, err);
    if (status == COPSE_LIMIT && !sorter->has_store) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "sorting needs more than %zu bytes, and has no run store",
                         sorter->memory_max);
    }
    if (status == COPSE_LIMIT) {
        status = sorter_spill(sorter, err);
    }
    return status == COPSE_OK ? status : sorter_poison(sorter, status);
}

copse_status copse_sorter_add(copse_sorter *sorter, copse_bytes key, copse_bytes value,
                              copse_err *err)
{
    copse_status status = sorter_check_poison(sorter, err);
    if (status == COPSE_OK && sorter->stage != SORTER_ADDING) {
        status = COPSE_ERR(err, COPSE_MISUSE, "entries were already taken out of the sorter");
    }
    if (status == COPSE_OK) {
        status = sorter_check_entry(sorter, key, value, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t size = COPSE_RUN_RECORD_HEAD_BYTES + key.len + value.len;
    if (COPSE_UNLIKELY(sorter_room(sorter) < size + sizeof(copse_prefix_item))) {
        status = sorter_make_room(sorter, size + sizeof(copse_prefix_item), err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    uint8_t *record = sorter->memory + sorter->records_size;
    copse_run_record_head(key.len, value.len, record);
    record += COPSE_RUN_RECORD_HEAD_BYTES;
    if (key.len > 0) {
        memcpy(record, key.ptr, key.len);
    }
    memcpy(record + key.len, value.ptr, value.len);
    sorter->items_count++;
    sorter_items(sorter)[0].ref = sorter->records_size;
    sorter->records_size += size;
    sorter->progress.bytes_added += key.len + value.len;
    copse_sorter_count(sorter, &sorter->progress.entries_added);
    return COPSE_OK;
}

/* ---- taking out ---- */

/* Ends the adding. */
static copse_status sorter_turn(copse_sorter *sorter, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (sorter->runs_count == 0) {
        if (sorter->items_count > 0) {
            sorter_sort(sorter);
        }
        sorter->stage = SORTER_SORTED;
        return COPSE_OK;
    }
    if (sorter->items_count > 0) {
        status = sorter_spill(sorter, err);
    }
    if (status == COPSE_OK) {
        status = copse_sorter_merge_to_fit(sorter, err);
    }
    if (status == COPSE_OK) {
        sorter->stage = SORTER_MERGING;
        status = copse_run_merge_init(sorter->merge, &sorter->store, sorter->runs,
                                      sorter->runs_count, sorter->memory, sorter->memory_size, err);
    }
    return status;
}

copse_status copse_sorter_next(copse_sorter *sorter, copse_bytes *ret_key, copse_bytes *ret_value,
                               copse_err *err)
{
    copse_status status = sorter_check_poison(sorter, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (sorter->stage == SORTER_ADDING) {
        status = sorter_turn(sorter, err);
    }
    const uint8_t *record = NULL;
    if (status == COPSE_OK && sorter->stage == SORTER_MERGING) {
        copse_bytes merged;
        status = copse_run_merge_next(sorter->merge, &merged, err);
        record = status == COPSE_OK ? merged.ptr : NULL;
    } else if (status == COPSE_OK) {
        record = sorter->items_count > 0 ? sorter_take(sorter) : NULL;
        status = record != NULL ? COPSE_OK : COPSE_END;
    }
    if (status != COPSE_OK) {
        return status == COPSE_END ? status : sorter_poison(sorter, status);
    }
    copse_bytes key = copse_run_record_key(record);
    *ret_key = key;
    *ret_value = (copse_bytes){key.ptr + key.len, copse_run_record_size(record) -
                                                      COPSE_RUN_RECORD_HEAD_BYTES - key.len};
    copse_sorter_count(sorter, &sorter->progress.entries_given);
    return COPSE_OK;
}

copse_status copse_sorter_build(copse_sorter *sorter, copse_builder *builder, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        copse_bytes key;
        copse_bytes value;
        status = copse_sorter_next(sorter, &key, &value, err);
        if (status == COPSE_OK) {
            status = copse_builder_add_checked(builder, key, value, err);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}
