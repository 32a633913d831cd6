/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/fetch_state.h"

#include "base/alloc.h"
#include "base/err.h"

#include <assert.h>

/* ---- Blocks ---- */

static const copse_cid *fetch_block_cid(const void *item)
{
    return &((const copse_fetch_block *)item)->cid;
}

bool copse_fetch_cid_holds(const copse_cid *cid, copse_bytes *ret_data)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    *ret_data = parts.digest;
    return parts.hash == COPSE_HASH_IDENTITY;
}

static size_t fetch_state_slot(const copse_fetch *fetch, const copse_cid *cid)
{
    uint32_t hash = copse_cid_map_hash(&fetch->wanted, cid);
    return copse_cid_map_find(&fetch->wanted, hash, cid, fetch_block_cid);
}

copse_fetch_block *copse_fetch_state_find(const copse_fetch *fetch, const copse_cid *cid)
{
    size_t slot = fetch_state_slot(fetch, cid);
    return slot != COPSE_CID_MAP_NONE ? fetch->wanted.items[slot] : NULL;
}

static void fetch_block_unref(copse_fetch *fetch, copse_fetch_block *block)
{
    if (--block->refs == 0) {
        copse_free(fetch->env, block, sizeof *block);
    }
}

size_t copse_fetch_block_ways_count(const copse_fetch_block *block)
{
    return (size_t)(block->ways[0] != NULL) + (size_t)(block->ways[1] != NULL);
}

/* ---- The queue ---- */

/* Puts a block before another one, or (NULL) at the end. */
static void fetch_queue_put(copse_fetch *fetch, copse_fetch_block *block, copse_fetch_block *before)
{
    block->next = before;
    block->prev = before != NULL ? before->prev : fetch->last;
    *(block->prev != NULL ? &block->prev->next : &fetch->first) = block;
    *(before != NULL ? &before->prev : &fetch->last) = block;
    fetch->queue_count++;
}

static void fetch_queue_take(copse_fetch *fetch, copse_fetch_block *block)
{
    *(block->prev != NULL ? &block->prev->next : &fetch->first) = block->next;
    *(block->next != NULL ? &block->next->prev : &fetch->last) = block->prev;
    block->prev = NULL;
    block->next = NULL;
    fetch->queue_count--;
}

/* ---- Wanting ---- */

/* Room for each wanted block, and `count` more, to be missing. */
static bool fetch_state_reserve(copse_fetch *fetch, size_t count)
{
    size_t need = fetch->missing_count + fetch->wanted.count + count;
    void *missing = fetch->missing;
    void *lacking = fetch->missing_lacking;
    bool grown = copse_array_grow(fetch->env, &missing, &fetch->missing_capacity, need,
                                  sizeof fetch->missing[0]);
    fetch->missing = missing;
    grown = grown && copse_array_grow(fetch->env, &lacking, &fetch->missing_lacking_capacity, need,
                                      sizeof fetch->missing_lacking[0]);
    fetch->missing_lacking = lacking;
    return grown && copse_cid_map_reserve(&fetch->wanted, count);
}

copse_status copse_fetch_state_add(copse_fetch *fetch, const copse_cid *cids, size_t count,
                                   copse_err *err)
{
    copse_fetch_block *last = fetch->last;
    bool has_memory = fetch_state_reserve(fetch, count);
    for (size_t i = 0; has_memory && i < count; i++) {
        copse_bytes held;
        if (copse_fetch_cid_holds(&cids[i], &held) ||
            copse_fetch_state_find(fetch, &cids[i]) != NULL) {
            continue;
        }
        copse_fetch_block *block = copse_alloc_zeroed(fetch->env, sizeof *block);
        has_memory = block != NULL;
        if (has_memory) {
            block->cid = cids[i];
            block->is_wanted = true;
            block->refs = 1;
            copse_cid_map_insert(&fetch->wanted, copse_cid_map_hash(&fetch->wanted, &block->cid),
                                 block);
            fetch_queue_put(fetch, block, NULL);
        }
    }
    while (!has_memory && fetch->last != last) {
        copse_fetch_block_finish(fetch, fetch->last);
    }
    return has_memory ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* The request is none of the block's ways any more. */
static void fetch_block_leave(copse_fetch_block *block, copse_fetch_request *request)
{
    assert(block->ways[0] == request || block->ways[1] == request);
    if (block->ways[0] == request) {
        block->ways[0] = block->ways[1];
    }
    block->ways[1] = NULL;
    request->left_count--;
}

void copse_fetch_block_finish(copse_fetch *fetch, copse_fetch_block *block)
{
    if (block->ways[0] == NULL) {
        fetch_queue_take(fetch, block);
    }
    while (block->ways[0] != NULL) {
        fetch_block_leave(block, block->ways[0]);
    }
    copse_cid_map_remove_at(&fetch->wanted, fetch_state_slot(fetch, &block->cid));
    block->is_wanted = false;
    fetch_block_unref(fetch, block);
}

void copse_fetch_state_finish_all(copse_fetch *fetch)
{
    /* Removal may move another item into the slot. */
    for (size_t slot = 0; fetch->wanted.count > 0;) {
        if (fetch->wanted.hashes[slot] != 0) {
            copse_fetch_block_finish(fetch, fetch->wanted.items[slot]);
        } else {
            slot = (slot + 1) & (fetch->wanted.capacity - 1);
        }
    }
}

/* ---- Requests ---- */

static void fetch_request_destroy(copse_fetch *fetch, copse_fetch_request *request)
{
    copse_fetch_answer_release(&request->answer);
    copse_free_array(fetch->env, request->blocks, request->count, sizeof *request->blocks);
    copse_free(fetch->env, request, sizeof *request);
}

/* A request that is not among the others yet. NULL: no memory. */
static copse_fetch_request *fetch_request_create(copse_fetch *fetch, size_t peer,
                                                 copse_fetch_block *const *blocks, size_t count)
{
    copse_fetch_request *request = copse_alloc_zeroed(fetch->env, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->peer = peer;
    request->is_batch = !fetch->peers[peer].is_gateway;
    request->count = count;
    request->blocks = copse_alloc_array(fetch->env, count, sizeof *request->blocks);
    copse_status status = copse_fetch_answer_init(&request->answer, fetch->env,
                                                  request->is_batch ? NULL : &blocks[0]->cid, NULL);
    if (request->blocks == NULL || status != COPSE_OK) {
        fetch_request_destroy(fetch, request);
        return NULL;
    }
    return request;
}

copse_status copse_fetch_request_new(copse_fetch *fetch, size_t peer,
                                     copse_fetch_block *const *blocks, size_t count,
                                     uint64_t now_ms, copse_fetch_request **ret_request,
                                     copse_err *err)
{
    copse_fetch_request *request = fetch_request_create(fetch, peer, blocks, count);
    if (request == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_fetch_request **end = &fetch->requests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
    request->id = ++fetch->request_id;
    request->is_sample = fetch->peers[peer].running_count == 0;
    request->left_count = count;
    request->sent_ms = now_ms;
    request->heard_ms = now_ms;
    request->deadline_ms = now_ms + fetch->env->limits.fetch_silence_ms_max;
    for (size_t i = 0; i < count; i++) {
        copse_fetch_block *block = blocks[i];
        assert(block->is_wanted && block->ways[1] == NULL);
        if (block->ways[0] == NULL) {
            fetch_queue_take(fetch, block);
        }
        block->ways[block->ways[0] != NULL] = request;
        block->refs++;
        request->blocks[i] = block;
    }
    copse_fetch_peer_begin(&fetch->peers[peer], now_ms);
    *ret_request = request;
    return COPSE_OK;
}

copse_fetch_request *copse_fetch_request_find(const copse_fetch *fetch, uint64_t id)
{
    copse_fetch_request *request = fetch->requests;
    while (request != NULL && request->id != id) {
        request = request->next;
    }
    return request;
}

void copse_fetch_request_pass(copse_fetch *fetch, copse_fetch_request *request, size_t to,
                              bool is_lacking)
{
    /* From the last to the first, so that they stand in their order at the front. */
    for (size_t i = to; i > request->at; i--) {
        copse_fetch_block *block = request->blocks[i - 1];
        if (is_lacking) {
            block->lacking |= UINT64_C(1) << request->peer;
        }
        if (block->is_wanted) {
            fetch_block_leave(block, request);
            if (block->ways[0] == NULL) {
                fetch_queue_put(fetch, block, fetch->first);
                fetch->is_doubtful = true;
            }
        }
    }
    request->at = to;
}

void copse_fetch_request_fail(copse_fetch *fetch, copse_fetch_request *request)
{
    for (size_t i = request->at; i < request->count; i++) {
        copse_fetch_block *block = request->blocks[i];
        block->failed |= UINT64_C(1) << request->peer;
        if (i == request->at || request->given_count == 0) {
            block->failures++;
        }
        if (block->is_wanted) {
            fetch_block_leave(block, request);
            if (block->ways[0] == NULL) {
                fetch_queue_put(fetch, block, NULL);
            }
        }
    }
    request->at = request->count;
    fetch->is_doubtful = true;
}

void copse_fetch_request_abandon(copse_fetch_request *request)
{
    for (size_t i = request->at; i < request->count; i++) {
        request->blocks[i]->abandons++;
    }
}

copse_fetch_request *copse_fetch_request_free(copse_fetch *fetch, copse_fetch_request *request)
{
    copse_fetch_request **at = &fetch->requests;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    copse_fetch_request_pass(fetch, request, request->count, false);
    for (size_t i = 0; i < request->count; i++) {
        fetch_block_unref(fetch, request->blocks[i]);
    }
    copse_fetch_peer_finish(&fetch->peers[request->peer]);
    fetch_request_destroy(fetch, request);
    return NULL;
}
