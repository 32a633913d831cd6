/* A source over pinned blocks and a store.
 *
 *     wants    | must | must | must | hint | hint | hint | - | - |
 *                                   ^ must_count         ^ want_count     (at most wants_max)
 *
 * Invariants:
 *   W1  wants[0..must_count) are CIDs that a get missed, in the order of the first miss;
 *       wants[must_count..want_count) are hints, in order. All are distinct.
 *   W2  want_count <= wants_max. A hint never displaces anything; a missed CID displaces the last
 *       hint if there is no other room.
 *   W3  pinned_bytes is the sum of copse_block_charge_bytes over the pinned blocks, and at most
 *       limits.pinned_size_bytes_max.
 *
 * Cost: a want compares an 8-byte tag with each tag on the list, 1,024 of them at most by default:
 * little beside the fetch that it asks for. A hash set would have to follow the moves that W1 asks
 * for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/source.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "block/block.h"
#include "block/cid_map.h"

struct copse_source {
    const copse_env *env;
    copse_store *store; /* borrowed; may be NULL */
    copse_cid_map pinned;
    size_t pinned_bytes;
    copse_cid *wants;
    size_t wants_capacity;
    uint64_t *tags; /* source_tag of each want */
    size_t tags_capacity;
    size_t must_count;
    size_t want_count;
    size_t several; /* operations made of several that are going on */
};

copse_status copse_source_new(const copse_env *env, copse_store *store, copse_source **ret_source,
                              copse_err *err)
{
    if (env == NULL || ret_source == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a source needs an environment");
    }
    copse_source *source = copse_alloc_zeroed(env, sizeof *source);
    if (source == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_cid_map_init(&source->pinned, env, err);
    if (status != COPSE_OK) {
        copse_free(env, source, sizeof *source);
        return status;
    }
    source->env = env;
    source->store = store;
    *ret_source = source;
    return COPSE_OK;
}

copse_source *copse_source_free(copse_source *source)
{
    if (source != NULL) {
        const copse_env *env = source->env;
        copse_source_unpin(source);
        copse_cid_map_release(&source->pinned);
        copse_free_array(env, source->wants, source->wants_capacity, sizeof source->wants[0]);
        copse_free_array(env, source->tags, source->tags_capacity, sizeof source->tags[0]);
        copse_free(env, source, sizeof *source);
    }
    return NULL;
}

/* The pinned blocks. */

void copse_source_unpin(copse_source *source)
{
    if (source == NULL) {
        return;
    }
    for (size_t slot = 0; slot < source->pinned.capacity; slot++) {
        if (source->pinned.hashes[slot] != 0) {
            copse_block_unref(source->pinned.items[slot]);
        }
    }
    copse_cid_map_clear(&source->pinned);
    source->pinned_bytes = 0;
}

/* Whether a block of `size` bytes may still be pinned. */
static copse_status source_check_room(const copse_source *source, size_t size, copse_err *err)
{
    size_t max = source->env->limits.pinned_size_bytes_max;
    size_t room = max > source->pinned_bytes ? max - source->pinned_bytes : 0;
    if (room < sizeof(copse_block) || size > room - sizeof(copse_block)) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "the supplied blocks would take more than the limit of %zu bytes", max);
    }
    return COPSE_OK;
}

copse_status copse_source_supply(copse_source *source, const copse_cid *cid, copse_bytes data,
                                 copse_err *err)
{
    if (source == NULL || !copse_block_cid_is_valid(cid) || (data.ptr == NULL && data.len > 0)) {
        return COPSE_ERR(err, COPSE_MISUSE, "supplying a block needs a source, a CID and bytes");
    }
    if (data.len > source->env->limits.foreign_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a supplied block has %zu bytes, the limit is %zu",
                         data.len, source->env->limits.foreign_size_bytes_max);
    }
    copse_status status = copse_cid_verify(cid, data, err);
    if (status != COPSE_OK || copse_cid_map_find_block(&source->pinned, cid) != NULL) {
        return status;
    }
    status = source_check_room(source, data.len, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_block *block = NULL;
    status = copse_block_new(source->env, cid, data, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_source_supply_block(source, block, err);
    copse_block_unref(block);
    return status;
}

copse_status copse_source_supply_block(copse_source *source, copse_block *block, copse_err *err)
{
    if (source == NULL || block == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "supplying a block needs a source and a block");
    }
    const copse_cid *cid = copse_block_cid_inline(block);
    if (copse_cid_map_find_block(&source->pinned, cid) != NULL) {
        return COPSE_OK;
    }
    copse_status status = source_check_room(source, copse_block_data_inline(block).len, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cid_map_reserve(&source->pinned, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    uint32_t hash = copse_cid_map_hash(&source->pinned, cid);
    copse_cid_map_insert(&source->pinned, hash, copse_block_ref_inline(block));
    source->pinned_bytes += copse_block_charge_bytes(block);
    return COPSE_OK;
}

/* The want list. */

void copse_source_begin(copse_source *source)
{
    if (source->several == 0) {
        source->must_count = 0;
        source->want_count = 0;
    }
}

void copse_source_begin_several(copse_source *source)
{
    copse_source_begin(source);
    source->several++;
}

void copse_source_end_several(copse_source *source)
{
    source->several--;
}

const copse_cid *copse_source_wants(const copse_source *source, size_t *ret_count)
{
    *ret_count = source->want_count;
    return source->want_count > 0 ? source->wants : NULL;
}

/* What is compared first: the end of the digest. */
static uint64_t source_tag(const copse_cid *cid)
{
    return cid->size >= 8 ? copse_load_u64le(cid->bytes + cid->size - 8) : cid->bytes[0];
}

/* The place of a CID on the want list, or want_count. */
static size_t source_want_find(const copse_source *source, const copse_cid *cid, uint64_t tag)
{
    size_t at = 0;
    while (at < source->want_count &&
           (source->tags[at] != tag || !copse_cid_equal_inline(&source->wants[at], cid))) {
        at++;
    }
    return at;
}

/* Puts a CID that is not on the list at its end. False if there is no memory. */
static bool source_want_append(copse_source *source, const copse_cid *cid, uint64_t tag)
{
    /* A copy, because `cid` may point into the list that grows. */
    copse_cid copy = *cid;
    size_t need = source->want_count + 1;
    void *wants = source->wants;
    bool grown = copse_array_grow(source->env, &wants, &source->wants_capacity, need,
                                  sizeof source->wants[0]);
    source->wants = wants;
    void *tags = source->tags;
    grown = grown && copse_array_grow(source->env, &tags, &source->tags_capacity, need,
                                      sizeof source->tags[0]);
    source->tags = tags;
    if (grown) {
        source->wants[source->want_count] = copy;
        source->tags[source->want_count] = tag;
        source->want_count++;
    }
    return grown;
}

/* Moves the entry at `at`, a hint, behind the last CID that a get missed (W1). */
static void source_want_promote(copse_source *source, size_t at)
{
    copse_cid cid = source->wants[at];
    uint64_t tag = source->tags[at];
    size_t to = source->must_count;
    size_t between = at - to;
    memmove(&source->wants[to + 1], &source->wants[to], between * sizeof source->wants[0]);
    memmove(&source->tags[to + 1], &source->tags[to], between * sizeof source->tags[0]);
    source->wants[to] = cid;
    source->tags[to] = tag;
    source->must_count++;
}

/* Notes a CID that a get missed. */
static copse_status source_want_must(copse_source *source, const copse_cid *cid, copse_err *err)
{
    uint64_t tag = source_tag(cid);
    size_t at = source_want_find(source, cid, tag);
    if (at < source->must_count) {
        return COPSE_WANT;
    }
    if (at == source->want_count) {
        size_t wants_max = source->env->limits.wants_max;
        if (at > 0 && at >= wants_max) {
            if (source->must_count == at) {
                return COPSE_WANT;
            }
            at = --source->want_count;
        }
        if (!source_want_append(source, cid, tag)) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    source_want_promote(source, at);
    return COPSE_WANT;
}

copse_status copse_source_get(copse_source *source, const copse_cid *cid, copse_block **ret_block,
                              copse_err *err)
{
    if (source == NULL || ret_block == NULL || !copse_block_cid_is_valid(cid)) {
        return COPSE_ERR(err, COPSE_MISUSE, "reading a block needs a source and a CID");
    }
    copse_block *block = copse_cid_map_find_block(&source->pinned, cid);
    if (block != NULL) {
        *ret_block = copse_block_ref_inline(block);
        return COPSE_OK;
    }
    copse_status status = COPSE_NOT_FOUND;
    if (source->store != NULL) {
        copse_err detail; /* WANT is no failure and leaves err alone */
        status = copse_store_get(source->store, cid, ret_block, &detail);
        if (status != COPSE_OK && status != COPSE_NOT_FOUND && err != NULL) {
            *err = detail;
        }
    }
    return status == COPSE_NOT_FOUND ? source_want_must(source, cid, err) : status;
}

copse_status copse_source_hint(copse_source *source, const copse_cid *cid, copse_err *err)
{
    if (source == NULL || !copse_block_cid_is_valid(cid)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a hint needs a source and a CID");
    }
    uint64_t tag = source_tag(cid);
    if (source->want_count >= source->env->limits.wants_max ||
        source_want_find(source, cid, tag) < source->want_count ||
        copse_cid_map_find_block(&source->pinned, cid) != NULL) {
        return COPSE_OK;
    }
    bool is_present = false;
    if (source->store != NULL) {
        copse_status status = copse_store_has(source->store, cid, &is_present, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    if (!is_present && !source_want_append(source, cid, tag)) {
        return COPSE_ERR_NOMEM(err);
    }
    return COPSE_OK;
}
