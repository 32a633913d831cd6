/* A heap of the commits at the front, the newest on top. Parents of what was given out join it when
 * the next commit is asked for: first as CIDs, since their blocks may have to be fetched.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "history/history_log.h"

#include <copse/buf.h>
#include <copse/cid_set.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"

#include <string.h>

/* A commit at the front. */
typedef struct history_entry {
    copse_block *block;
    uint64_t time_ms;
    uint64_t generation;
    uint32_t time_counter;
} history_entry;

/* A commit that is still to be loaded, and what it must be older than. */
typedef struct history_link {
    copse_cid cid;
    uint64_t generation_max;
} history_link;

struct copse_history_log {
    const copse_env *env;
    copse_source *source; /* borrowed */
    copse_history_order order;
    copse_cid_set seen;
    history_entry *heap;
    size_t heap_count;
    size_t heap_capacity;
    size_t heap_size_bytes; /* of its blocks */
    copse_buf links;        /* of history_link */
    copse_block *given;     /* what the last call gave out */
    copse_commit commit;
};

/* ---- The heap ---- */

static bool history_is_newer(const copse_history_log *log, const history_entry *a,
                             const history_entry *b)
{
    bool by_time = log->order == COPSE_HISTORY_BY_TIME;
    if (by_time && a->time_ms != b->time_ms) {
        return a->time_ms > b->time_ms;
    }
    if (by_time && a->time_counter != b->time_counter) {
        return a->time_counter > b->time_counter;
    }
    if (a->generation != b->generation) {
        return a->generation > b->generation;
    }
    const copse_cid *x = copse_block_cid(a->block);
    const copse_cid *y = copse_block_cid(b->block);
    return copse_bytes_compare((copse_bytes){x->bytes, x->size}, (copse_bytes){y->bytes, y->size}) >
           0;
}

/* Makes room for one more. */
static copse_status history_reserve(copse_history_log *log, copse_err *err)
{
    void *heap = log->heap;
    if (!copse_array_grow(log->env, &heap, &log->heap_capacity, log->heap_count + 1,
                          sizeof *log->heap)) {
        return COPSE_ERR_NOMEM(err);
    }
    log->heap = heap;
    return COPSE_OK;
}

/* Into room that there is. */
static void history_push(copse_history_log *log, history_entry entry)
{
    size_t at = log->heap_count++;
    while (at > 0 && history_is_newer(log, &entry, &log->heap[(at - 1) / 2])) {
        log->heap[at] = log->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    log->heap[at] = entry;
    log->heap_size_bytes += copse_block_data(entry.block).len;
}

static history_entry history_pop(copse_history_log *log)
{
    history_entry top = log->heap[0];
    history_entry last = log->heap[--log->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < log->heap_count; child = 2 * at + 1) {
        if (child + 1 < log->heap_count &&
            history_is_newer(log, &log->heap[child + 1], &log->heap[child])) {
            child++;
        }
        if (!history_is_newer(log, &log->heap[child], &last)) {
            break;
        }
        log->heap[at] = log->heap[child];
        at = child;
    }
    log->heap[at] = last;
    log->heap_size_bytes -= copse_block_data(top.block).len;
    return top;
}

/* ---- Life ---- */

static copse_status history_add_link(copse_history_log *log, const copse_cid *cid,
                                     uint64_t generation_max, copse_err *err)
{
    history_link link;
    memset(&link, 0, sizeof link);
    link.cid = *cid;
    link.generation_max = generation_max;
    return copse_buf_append(&log->links, (copse_bytes){(const uint8_t *)&link, sizeof link}) ==
                   COPSE_OK
               ? COPSE_OK
               : COPSE_ERR_NOMEM(err);
}

copse_status copse_history_log_new(const copse_env *env, copse_source *source,
                                   const copse_cid *heads, size_t count,
                                   copse_history_log **ret_log, copse_err *err)
{
    return copse_history_log_new_by(env, source, heads, count, COPSE_HISTORY_BY_TIME, ret_log, err);
}

copse_status copse_history_log_new_by(const copse_env *env, copse_source *source,
                                      const copse_cid *heads, size_t count,
                                      copse_history_order order, copse_history_log **ret_log,
                                      copse_err *err)
{
    copse_history_log *log = copse_alloc_zeroed(env, sizeof *log);
    copse_status status = log != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        return status;
    }
    log->env = env;
    log->source = source;
    log->order = order;
    copse_cid_set_init(&log->seen, env);
    copse_buf_init(&log->links, env, SIZE_MAX / 2);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_block_cid_is_valid(&heads[i])
                     ? history_add_link(log, &heads[i], INT64_MAX, err)
                     : COPSE_ERR(err, COPSE_MISUSE, "history: no CID");
    }
    if (status != COPSE_OK) {
        copse_history_log_free(log);
        return status;
    }
    *ret_log = log;
    return COPSE_OK;
}

copse_history_log *copse_history_log_free(copse_history_log *log)
{
    if (log != NULL) {
        for (size_t i = 0; i < log->heap_count; i++) {
            copse_block_unref(log->heap[i].block);
        }
        copse_block_unref(log->given);
        copse_free_array(log->env, log->heap, log->heap_capacity, sizeof *log->heap);
        copse_buf_release(&log->links);
        copse_cid_set_release(&log->seen);
        copse_free(log->env, log, sizeof *log);
    }
    return NULL;
}

size_t copse_history_log_front_size_bytes(const copse_history_log *log)
{
    return log->heap_size_bytes;
}

/* ---- Going on ---- */

/* Loads a commit into the heap, unless it was seen. */
static copse_status history_load(copse_history_log *log, const history_link *link, copse_err *err)
{
    copse_block *block = NULL;
    bool added;
    if (copse_cid_set_has(&log->seen, &link->cid)) {
        return COPSE_OK;
    }
    copse_status status = copse_source_get(log->source, &link->cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_commit_decode(log->env, block, &log->commit, err);
    if (status == COPSE_OK && log->commit.generation > link->generation_max) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
    }
    if (status == COPSE_OK) {
        status = history_reserve(log, err);
    }
    if (status == COPSE_OK && copse_cid_set_add(&log->seen, &link->cid, &added) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    history_push(log, (history_entry){block, log->commit.time_ms, log->commit.generation,
                                      log->commit.time_counter});
    return COPSE_OK;
}

/* Loads all links that can be; those whose blocks are wanted stay. */
static copse_status history_load_links(copse_history_log *log, copse_err *err)
{
    copse_status result = COPSE_OK;
    history_link *links = (history_link *)log->links.ptr;
    size_t count = log->links.len / sizeof *links;
    size_t left = 0;
    copse_source_begin(log->source);
    for (size_t i = 0; i < count; i++) {
        copse_status status = result >= COPSE_OK ? history_load(log, &links[i], err) : COPSE_WANT;
        if (status != COPSE_OK) {
            links[left++] = links[i];
            result = result < COPSE_OK ? result : status;
        }
    }
    log->links.len = left * sizeof *links;
    return result;
}

copse_status copse_history_log_next(copse_history_log *log, const copse_cid **ret_cid,
                                    const copse_commit **ret_commit, copse_err *err)
{
    copse_status status = history_load_links(log, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (log->heap_count == 0) {
        return COPSE_END;
    }
    status = copse_commit_decode(log->env, log->heap[0].block, &log->commit, err);
    for (size_t i = 0; i < log->commit.parents_count && status == COPSE_OK; i++) {
        status = history_add_link(log, &log->commit.parents[i], log->commit.generation - 1, err);
    }
    if (status != COPSE_OK) {
        log->links.len = 0;
        return status;
    }
    copse_block_unref(log->given);
    log->given = history_pop(log).block;
    *ret_cid = copse_block_cid(log->given);
    *ret_commit = &log->commit;
    return COPSE_OK;
}
