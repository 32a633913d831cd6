/* Heads in a block cache: for each address a ref, whose name is the CID (raw, sha2-256) of the
 * address, to a block of DAG-CBOR
 *
 *     {"head": link, "seen": ms since 1970, "address": text}
 *
 * so that the name has its size and its characters whatever the address is, and a ref to something
 * else is seen. The newest generation that has it counts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/block_cache/block_cache.h"

#include <copse/dag_cbor.h>

#include "base/err.h"

#include <string.h>

typedef struct block_cache_name {
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_bytes bytes; /* of it */
} block_cache_name;

static void block_cache_name_of_address(const char *address, block_cache_name *ret_name)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text(address), &cid);
    size_t size = copse_cid_to_text(&cid, COPSE_BASE32, ret_name->text);
    ret_name->bytes = (copse_bytes){(const uint8_t *)ret_name->text, size};
}

/* MISUSE: the address is not UTF-8. LIMIT: it is longer than a block. NOMEM. */
static copse_status block_cache_encode_head(const copse_env *env, const char *address,
                                            const copse_cid *head, uint64_t seen_ms, copse_buf *buf)
{
    copse_buf_init(buf, env, env->limits.block_size_bytes_max);
    copse_status status = copse_cbor_write_map(buf, 3);
    status = status != COPSE_OK ? status : copse_cbor_write_text(buf, copse_bytes_of_text("head"));
    status = status != COPSE_OK
                 ? status
                 : copse_cbor_write_link(buf, (copse_bytes){head->bytes, head->size});
    status = status != COPSE_OK ? status : copse_cbor_write_text(buf, copse_bytes_of_text("seen"));
    status = status != COPSE_OK ? status : copse_cbor_write_uint(buf, seen_ms);
    status =
        status != COPSE_OK ? status : copse_cbor_write_text(buf, copse_bytes_of_text("address"));
    return status != COPSE_OK ? status : copse_cbor_write_text(buf, copse_bytes_of_text(address));
}

/* The value of `key` in a map, if it is of this kind. */
static bool block_cache_take_member(const copse_env *env, copse_bytes map, const char *key,
                                    copse_cbor_kind kind, copse_cbor_item *ret_item)
{
    copse_cbor_reader reader;
    return copse_cbor_reader_init_untrusted(&reader, map, &env->limits, COPSE_CBOR_STRICT, NULL) ==
               COPSE_OK &&
           copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL) == COPSE_OK &&
           copse_cbor_next(&reader, ret_item, NULL) == COPSE_OK && ret_item->kind == kind;
}

/* CORRUPT: it is no head of this address, in the one form that is written. NOMEM. */
static copse_status block_cache_decode_head(const copse_env *env, const copse_block *block,
                                            const char *address, copse_cid *ret_head,
                                            uint64_t *ret_seen_ms)
{
    copse_bytes data = copse_block_data_inline(block);
    copse_cbor_item link;
    copse_cbor_item seen;
    copse_cid head;
    copse_buf buf;
    if (!block_cache_take_member(env, data, "head", COPSE_CBOR_LINK, &link) ||
        copse_cid_from_bytes(link.bytes, &head, NULL) != COPSE_OK ||
        !block_cache_take_member(env, data, "seen", COPSE_CBOR_INT, &seen) || seen.negative) {
        return COPSE_CORRUPT;
    }
    copse_status status = block_cache_encode_head(env, address, &head, seen.arg, &buf);
    if (status == COPSE_OK && !copse_bytes_equal(copse_buf_view(&buf), data)) {
        status = COPSE_CORRUPT;
    }
    copse_buf_release(&buf);
    if (status == COPSE_OK) {
        *ret_head = head;
        *ret_seen_ms = seen.arg;
    }
    return status;
}

/* The block of a head in number `at`. NOT_FOUND, also for what can't be read (counted). NOMEM. */
static copse_status block_cache_find_head(copse_block_cache *cache, size_t at, copse_bytes name,
                                          copse_block **ret_block)
{
    copse_cid cid;
    copse_status status;
    if (!copse_block_cache_is_readable(cache, at, &status)) {
        return status == COPSE_OK ? COPSE_NOT_FOUND : status;
    }
    copse_pack_db *db = cache->generations[at].db;
    status = copse_pack_db_refresh(db, NULL);
    if (status == COPSE_OK) {
        status = copse_refs_get(copse_pack_db_refs(db), name, &cid, NULL);
    }
    if (status == COPSE_OK) {
        return copse_block_cache_get_from(cache, at, &cid, ret_block);
    }
    if (status == COPSE_NOMEM || status == COPSE_NOT_FOUND) {
        return status;
    }
    copse_block_cache_note(cache, at, status);
    return COPSE_NOT_FOUND;
}

/* ---- The API ---- */

/* The head in number `at`, which goes into the newest again if that is an old one (B2). Statuses as
 * block_cache_find_head. */
static copse_status block_cache_read_head(copse_block_cache *cache, size_t at, copse_bytes name,
                                          const char *address, copse_cid *ret_head,
                                          uint64_t *ret_seen_ms)
{
    copse_block_cache_head head = {.name = name};
    copse_status status = block_cache_find_head(cache, at, name, &head.block);
    if (status != COPSE_OK) {
        return status;
    }
    status = block_cache_decode_head(cache->env, head.block, address, ret_head, ret_seen_ms);
    if (status == COPSE_CORRUPT) {
        copse_block_cache_note(cache, at, status);
        status = COPSE_NOT_FOUND;
    }
    if (status == COPSE_OK && copse_block_cache_is_old(at)) {
        status = copse_block_cache_write(cache, &head);
    }
    copse_block_unref(head.block);
    return status;
}

copse_status copse_block_cache_get_head(copse_block_cache *cache, const char *address,
                                        copse_cid *ret_head, uint64_t *ret_seen_ms, copse_err *err)
{
    block_cache_name name;
    copse_cid head;
    uint64_t seen_ms = 0;
    if (cache == NULL || address == NULL || ret_head == NULL || ret_seen_ms == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a head needs an address, and somewhere to go");
    }
    block_cache_name_of_address(address, &name);
    copse_status status = copse_block_cache_refresh(cache);
    cache->failures += status != COPSE_OK && status != COPSE_NOMEM;
    status = status == COPSE_NOMEM ? status : COPSE_NOT_FOUND;
    for (size_t at = 0; at < cache->count && status == COPSE_NOT_FOUND; at++) {
        status = block_cache_read_head(cache, at, name.bytes, address, &head, &seen_ms);
    }
    switch (status) {
    case COPSE_OK:
        *ret_head = head;
        *ret_seen_ms = seen_ms;
        return COPSE_OK;
    case COPSE_NOMEM:
        return COPSE_ERR_NOMEM(err);
    default:
        return COPSE_ERR(err, COPSE_NOT_FOUND, "no head is remembered of %.200s", address);
    }
}

copse_status copse_block_cache_set_head(copse_block_cache *cache, const char *address,
                                        const copse_cid *head, copse_err *err)
{
    block_cache_name name;
    copse_block_cache_head written = {.block = NULL};
    copse_buf buf;
    if (cache == NULL || address == NULL || !copse_block_cid_is_valid(head)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a head to remember needs an address and a CID");
    }
    if (cache->env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a head is remembered with its time: there is no clock");
    }
    uint64_t now = cache->env->clock(cache->env->clock_ctx);
    copse_status status = block_cache_encode_head(cache->env, address, head, now, &buf);
    if (status == COPSE_OK) {
        status = copse_block_of_data(cache->env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf),
                                     &written.block, NULL);
    }
    copse_buf_release(&buf);
    if (status == COPSE_OK) {
        block_cache_name_of_address(address, &name);
        written.name = name.bytes;
        status = copse_block_cache_write(cache, &written);
    }
    copse_block_unref(written.block);
    switch (status) {
    case COPSE_OK:
        return COPSE_OK;
    case COPSE_NOMEM:
        return COPSE_ERR_NOMEM(err);
    default:
        return COPSE_ERR(err, COPSE_MISUSE, "an address is UTF-8, and shorter than a block");
    }
}

/* ---- Counting ---- */

typedef struct block_cache_heads {
    copse_block_cache *cache;
    size_t at; /* the generation whose refs are visited */
    uint64_t count;
} block_cache_heads;

/* Counts a ref that no newer generation has. */
static copse_status block_cache_count_head(void *ctx, copse_bytes name, const copse_cid *cid,
                                           copse_err *err)
{
    block_cache_heads *heads = ctx;
    copse_cid other;
    copse_status status = COPSE_NOT_FOUND;
    (void)cid;
    (void)err;
    for (size_t i = 0; i < heads->at && status != COPSE_OK; i++) {
        copse_pack_db *db = heads->cache->generations[i].db;
        if (db != NULL) {
            status = copse_refs_get(copse_pack_db_refs(db), name, &other, NULL);
        }
    }
    heads->count += status != COPSE_OK;
    return COPSE_OK;
}

copse_status copse_block_cache_count_heads(copse_block_cache *cache, uint64_t *ret_count)
{
    block_cache_heads heads = {.cache = cache};
    for (; heads.at < cache->count; heads.at++) {
        copse_status status;
        if (copse_block_cache_is_readable(cache, heads.at, &status)) {
            status = copse_refs_iterate(copse_pack_db_refs(cache->generations[heads.at].db),
                                        block_cache_count_head, &heads, NULL);
            if (status != COPSE_OK && status != COPSE_NOMEM) {
                copse_block_cache_note(cache, heads.at, status);
            }
        }
        if (status == COPSE_NOMEM) {
            return status;
        }
    }
    *ret_count = heads.count;
    return COPSE_OK;
}
