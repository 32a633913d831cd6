/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tree/chunker.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "block/block.h"

#include <string.h>

COPSE_INLINE copse_u128 chunk_power4(uint64_t size)
{
    copse_u128 square = (copse_u128)size * size;
    return square * square;
}

void copse_chunker_init(copse_chunker *chunker, const copse_env *env,
                        const copse_tree_config *config, uint32_t level, copse_chunk_fn emit,
                        void *emit_ctx)
{
    /* A forced cut leaves less than max queued; one entry of up to a block may follow. */
    size_t room = env->limits.block_size_bytes_max + 4 * (size_t)config->size_bytes_max;
    *chunker = (copse_chunker){.env = env,
                               .emit = emit,
                               .emit_ctx = emit_ctx,
                               .lambda = config->lambda_bytes,
                               .lambda4 = chunk_power4(config->lambda_bytes),
                               .size_min = config->size_bytes_min,
                               .size_max = config->size_bytes_max,
                               .level = level};
    copse_buf_init(&chunker->keys, env, room);
    copse_buf_init(&chunker->values, env, room);
}

void copse_chunker_set_level(copse_chunker *chunker, uint32_t level)
{
    chunker->level = level;
    copse_chunker_reset(chunker, 0);
}

void copse_chunker_release(copse_chunker *chunker)
{
    if (chunker == NULL || chunker->env == NULL) {
        return;
    }
    copse_free_array(chunker->env, chunker->entries, chunker->capacity, sizeof *chunker->entries);
    copse_buf_release(&chunker->keys);
    copse_buf_release(&chunker->values);
    *chunker = (copse_chunker){0};
}

void copse_chunker_reset(copse_chunker *chunker, uint32_t ahead)
{
    copse_buf_truncate(&chunker->keys, 0);
    copse_buf_truncate(&chunker->values, 0);
    chunker->count = 0;
    chunker->scanned = 0;
    chunker->size = 0;
    chunker->ahead = ahead;
}

/* ---- the rule ---- */

uint32_t copse_chunk_draw(copse_bytes key, uint32_t level)
{
    return (uint32_t)(XXH3_64bits_withSeed(key.ptr, key.len, level) >> 32);
}

COPSE_INLINE bool chunk_ends(copse_u128 lambda4, uint64_t size_before, uint64_t size, uint32_t draw)
{
    /* size < 2^21, so nothing here reaches 2^117 */
    copse_u128 d = chunk_power4(size) - chunk_power4(size_before);
    return draw * (lambda4 + d) < d << 32;
}

bool copse_chunk_ends(copse_u128 lambda4, uint64_t size_before, uint64_t size, uint32_t draw)
{
    return chunk_ends(lambda4, size_before, size, draw);
}

/* t of entry `index` of the queue. */
COPSE_INLINE uint64_t chunker_entry_size(const copse_chunker *chunker, size_t index)
{
    const copse_chunker_entry *entry = &chunker->entries[index];
    uint64_t key_begin = index > 0 ? entry[-1].key_end : 0;
    uint64_t value_begin = index > 0 ? entry[-1].value_end : 0;
    return entry->key_end - key_begin + entry->value_end - value_begin;
}

/* C1's conditions on the place: s >= min, and in a branch not the first entry. */
COPSE_INLINE bool chunker_may_end(const copse_chunker *chunker, size_t index, uint64_t size)
{
    return size >= chunker->size_min && (chunker->level == 0 || index > 0);
}

/* C2: how many entries stay in a chunk that the entry behind the scanned ones does not fit in. */
static size_t chunker_forced_cut(const copse_chunker *chunker)
{
    size_t cut = chunker->scanned;
    uint32_t smallest = UINT32_MAX;
    uint64_t size = 0;
    for (size_t i = 0; i < chunker->scanned; i++) {
        size += chunker_entry_size(chunker, i);
        if (chunker_may_end(chunker, i, size) && chunker->entries[i].draw <= smallest) {
            smallest = chunker->entries[i].draw;
            cut = i + 1;
        }
    }
    return cut;
}

/* ---- encoding ---- */

COPSE_INLINE uint8_t *chunk_write_head(uint8_t *at, uint8_t major, uint64_t arg)
{
    uint8_t type = (uint8_t)(major << 5);
    if (arg < 24) {
        *at = (uint8_t)(type | arg);
        return at + 1;
    }
    if (arg <= UINT8_MAX) {
        at[0] = type | 24;
        at[1] = (uint8_t)arg;
        return at + 2;
    }
    if (arg <= UINT16_MAX) {
        at[0] = type | 25;
        copse_store_u16be(at + 1, (uint16_t)arg);
        return at + 3;
    }
    if (arg <= UINT32_MAX) {
        at[0] = type | 26;
        copse_store_u32be(at + 1, (uint32_t)arg);
        return at + 5;
    }
    at[0] = type | 27;
    copse_store_u64be(at + 1, arg);
    return at + 9;
}

/* Keys of 8 to 16 bytes are so common that they are spared the call. */
COPSE_INLINE uint8_t *chunk_write_bytes(uint8_t *at, const uint8_t *bytes, size_t len)
{
    if (len >= 8 && len <= 16) {
        uint64_t begin;
        uint64_t end;
        memcpy(&begin, bytes, 8);
        memcpy(&end, bytes + len - 8, 8);
        memcpy(at, &begin, 8);
        memcpy(at + len - 8, &end, 8);
    } else if (len != 0) {
        memcpy(at, bytes, len);
    }
    return at + len;
}

static size_t chunk_head_size(uint64_t arg)
{
    return arg < 24            ? 1u
           : arg <= UINT8_MAX  ? 2u
           : arg <= UINT16_MAX ? 3u
           : arg <= UINT32_MAX ? 5u
                               : 9u;
}

/* What a node of the first `count` entries of the queue takes. */
typedef struct chunk_layout {
    size_t keys;
    size_t values;
    size_t size;
    uint64_t total;
    bool aheads;
} chunk_layout;

static chunk_layout chunker_lay_out(const copse_chunker *chunker, size_t count)
{
    const copse_chunker_entry *entries = chunker->entries;
    chunk_layout layout = {0};
    if (count > 0) {
        layout.keys = entries[count - 1].key_end;
        layout.values = entries[count - 1].value_end;
    }
    layout.size = 2 + 2 * chunk_head_size(count) + layout.keys + layout.values;
    if (chunker->level == 0) {
        layout.total = count;
        return layout;
    }
    size_t aheads = chunk_head_size(count);
    layout.size += aheads;
    for (size_t i = 0; i < count; i++) {
        layout.total += entries[i].count;
        layout.size += chunk_head_size(entries[i].count);
        layout.aheads |= entries[i].ahead != 0;
        aheads += chunk_head_size(entries[i].ahead);
    }
    layout.size += layout.aheads ? aheads : 0;
    return layout;
}

static void chunker_encode(const copse_chunker *chunker, size_t count, const chunk_layout *layout,
                           uint8_t *at)
{
    const copse_chunker_entry *entries = chunker->entries;
    bool leaf = chunker->level == 0;
    at = chunk_write_head(at, 4, leaf ? 3 : layout->aheads ? 5 : 4);
    *at++ = leaf ? 0xf5 : 0xf4;
    at = chunk_write_head(at, 4, count);
    at = chunk_write_bytes(at, chunker->keys.ptr, layout->keys);
    at = chunk_write_head(at, 4, count);
    at = chunk_write_bytes(at, chunker->values.ptr, layout->values);
    if (!leaf) {
        at = chunk_write_head(at, 4, count);
        for (size_t i = 0; i < count; i++) {
            at = chunk_write_head(at, 0, entries[i].count);
        }
    }
    if (layout->aheads) {
        at = chunk_write_head(at, 4, count);
        for (size_t i = 0; i < count; i++) {
            at = chunk_write_head(at, 0, entries[i].ahead);
        }
    }
}

/* ---- the queue ---- */

/* Removes the first `count` entries; the rest is to be scanned again. */
static void chunker_drop(copse_chunker *chunker, size_t count)
{
    uint32_t ahead = chunker->ahead > count ? (uint32_t)(chunker->ahead - count) : 0;
    size_t rest = chunker->count - count;
    if (rest == 0) {
        copse_chunker_reset(chunker, ahead);
        return;
    }
    uint32_t keys = chunker->entries[count - 1].key_end;
    uint32_t values = chunker->entries[count - 1].value_end;
    memmove(chunker->keys.ptr, chunker->keys.ptr + keys, chunker->keys.len - keys);
    memmove(chunker->values.ptr, chunker->values.ptr + values, chunker->values.len - values);
    memmove(chunker->entries, chunker->entries + count, rest * sizeof *chunker->entries);
    chunker->keys.len -= keys;
    chunker->values.len -= values;
    for (size_t i = 0; i < rest; i++) {
        chunker->entries[i].key -= keys;
        chunker->entries[i].key_end -= keys;
        chunker->entries[i].value_end -= values;
    }
    chunker->count = rest;
    chunker->scanned = 0;
    chunker->size = 0;
    chunker->ahead = ahead;
}

/* Makes a node of the first `count` entries. `looked`: entries from the queue's begin on that this
 * boundary depends on; 0 if it does not look past its chunk. */
static copse_status chunker_emit(copse_chunker *chunker, size_t count, size_t looked,
                                 copse_err *err)
{
    chunk_layout layout = chunker_lay_out(chunker, count);
    copse_chunk chunk = {
        .count = layout.total, .entries = (uint32_t)count, .ahead = chunker->ahead};
    uint8_t *bytes;
    if (layout.size > chunker->env->limits.block_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a node of %zu bytes; the limit is %zu", layout.size,
                         chunker->env->limits.block_size_bytes_max);
    }
    copse_status status = copse_block_begin(chunker->env, layout.size, &chunk.block, &bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    chunker_encode(chunker, count, &layout, bytes);
    copse_block_seal(chunk.block, COPSE_CODEC_DAG_CBOR);
    if (count > 0) {
        uint32_t key = chunker->entries[0].key;
        chunk.first_key = (copse_bytes){chunker->keys.ptr + key, chunker->entries[0].key_end - key};
    }
    status = chunker->emit(chunker->emit_ctx, &chunk, err);
    copse_block_unref(chunk.block);
    if (looked > chunker->ahead) {
        chunker->ahead = (uint32_t)looked;
    }
    if (count > 0) {
        chunker_drop(chunker, count);
    }
    return status;
}

/* Looks at the entries that were not looked at yet, and emits the chunks that end. */
static copse_status chunker_scan(copse_chunker *chunker, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && chunker->scanned < chunker->count) {
        size_t index = chunker->scanned;
        uint64_t before = chunker->size;
        uint64_t size = before + chunker_entry_size(chunker, index);
        if (COPSE_UNLIKELY(index > 0 && size > chunker->size_max)) {
            chunker->forced++;
            status = chunker_emit(chunker, chunker_forced_cut(chunker), index + 1, err);
            continue;
        }
        chunker->scanned++;
        chunker->size = size;
        if (COPSE_UNLIKELY(size > chunker->size_max) || /* C3 */
            (chunker_may_end(chunker, index, size) &&
             chunk_ends(chunker->lambda4, before, size, chunker->entries[index].draw))) {
            status = chunker_emit(chunker, index + 1, 0, err);
        }
    }
    return status;
}

/* Makes room for an entry. */
COPSE_NOINLINE static copse_status chunker_grow(copse_chunker *chunker, size_t key_size,
                                                size_t value_size, copse_err *err)
{
    void *entries = chunker->entries;
    /* A first allocation that most chunks fit in. */
    size_t usual = 2 * (size_t)chunker->lambda;
    copse_status status = copse_buf_reserve(&chunker->keys, key_size > usual ? key_size : usual);
    if (status == COPSE_OK) {
        status = copse_buf_reserve(&chunker->values, value_size > usual ? value_size : usual);
    }
    if (status == COPSE_OK && !copse_array_grow(chunker->env, &entries, &chunker->capacity,
                                                chunker->count < 128 ? 128 : chunker->count + 1,
                                                sizeof *chunker->entries)) {
        status = COPSE_NOMEM;
    }
    chunker->entries = entries;
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for an entry of %zu bytes", key_size + value_size);
    }
    return COPSE_OK;
}

/* Appends a key and `value_size` bytes for its value, to be written at *ret_value, to the queue. */
COPSE_INLINE copse_status chunker_push(copse_chunker *chunker, copse_bytes key, size_t value_size,
                                       uint8_t **ret_value, copse_err *err)
{
    copse_buf *keys = &chunker->keys;
    copse_buf *values = &chunker->values;
    if (COPSE_UNLIKELY(keys->cap - keys->len < key.len + 3 ||
                       values->cap - values->len < value_size ||
                       chunker->capacity == chunker->count)) {
        copse_status status = chunker_grow(chunker, key.len + 3, value_size, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    uint8_t *at = chunk_write_head(keys->ptr + keys->len, 2, key.len);
    copse_chunker_entry *entry = &chunker->entries[chunker->count++];
    entry->key = (uint32_t)(at - keys->ptr);
    at = chunk_write_bytes(at, key.ptr, key.len);
    keys->len = (size_t)(at - keys->ptr);
    *ret_value = values->ptr + values->len;
    values->len += value_size;
    entry->key_end = (uint32_t)keys->len;
    entry->value_end = (uint32_t)values->len;
    entry->draw = copse_chunk_draw(key, chunker->level);
    entry->ahead = 0;
    entry->count = 1;
    return COPSE_OK;
}

static copse_status chunker_push_child(copse_chunker *chunker, copse_bytes key, copse_bytes cid,
                                       uint64_t count, uint32_t ahead, copse_err *err)
{
    static const uint8_t head[COPSE_LINK_HEAD_BYTES] = {0xd8, 0x2a, 0x58, 0x25, 0x00};
    uint8_t *link;
    copse_status status = chunker_push(chunker, key, COPSE_LINK_SIZE_BYTES, &link, err);
    if (status == COPSE_OK) {
        link = chunk_write_bytes(link, head, sizeof head);
        (void)chunk_write_bytes(link, cid.ptr, COPSE_CID_SHA2_256_SIZE_BYTES);
        chunker->entries[chunker->count - 1].count = count;
        chunker->entries[chunker->count - 1].ahead = ahead;
    }
    return status;
}

copse_status copse_chunker_add(copse_chunker *chunker, copse_bytes key, copse_bytes value,
                               copse_err *err)
{
    uint8_t *at;
    copse_status status = chunker_push(chunker, key, value.len, &at, err);
    if (status == COPSE_OK) {
        (void)chunk_write_bytes(at, value.ptr, value.len);
        status = chunker_scan(chunker, err);
    }
    return status;
}

copse_status copse_chunker_add_bytes(copse_chunker *chunker, copse_bytes key, copse_bytes bytes,
                                     copse_err *err)
{
    uint8_t head[9];
    size_t head_size = (size_t)(chunk_write_head(head, 2, bytes.len) - head);
    uint8_t *at;
    copse_status status = chunker_push(chunker, key, head_size + bytes.len, &at, err);
    if (status == COPSE_OK) {
        at = chunk_write_bytes(at, head, head_size);
        (void)chunk_write_bytes(at, bytes.ptr, bytes.len);
        status = chunker_scan(chunker, err);
    }
    return status;
}

copse_status copse_chunker_add_child(copse_chunker *chunker, copse_bytes key, copse_bytes cid,
                                     uint64_t count, uint32_t ahead, copse_err *err)
{
    copse_status status = chunker_push_child(chunker, key, cid, count, ahead, err);
    return status == COPSE_OK ? chunker_scan(chunker, err) : status;
}

copse_status copse_chunker_add_from(copse_chunker *chunker, const copse_node *node, uint32_t index,
                                    copse_err *err)
{
    copse_bytes key = copse_node_key(node, index);
    if (node->leaf) {
        return copse_chunker_add(chunker, key, copse_node_value(node, index), err);
    }
    return copse_chunker_add_child(chunker, key, copse_node_link(node, index),
                                   copse_node_child_count(node, index),
                                   copse_node_ahead(node, index), err);
}

copse_status copse_chunker_flush(copse_chunker *chunker, bool even_if_empty, copse_err *err)
{
    if (chunker->count == 0 && !even_if_empty) {
        return COPSE_OK;
    }
    return chunker_emit(chunker, chunker->count, 0, err);
}

copse_status copse_chunker_join(copse_chunker *chunker, const copse_node *node, uint32_t ahead,
                                copse_err *err)
{
    copse_chunker_entry last = chunker->entries[0];
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    uint8_t cid[COPSE_CID_SHA2_256_SIZE_BYTES];
    size_t key_len = last.key_end - last.key;
    memcpy(key, chunker->keys.ptr + last.key, key_len);
    memcpy(cid, chunker->values.ptr + COPSE_LINK_HEAD_BYTES, sizeof cid);
    copse_chunker_reset(chunker, ahead);
    copse_status status = COPSE_OK;
    for (uint32_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status =
            chunker_push_child(chunker, copse_node_key(node, i), copse_node_link(node, i),
                               copse_node_child_count(node, i), copse_node_ahead(node, i), err);
    }
    if (status == COPSE_OK) {
        status = chunker_push_child(chunker, (copse_bytes){key, key_len},
                                    (copse_bytes){cid, sizeof cid}, last.count, last.ahead, err);
    }
    return status;
}
