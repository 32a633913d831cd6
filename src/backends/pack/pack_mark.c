/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_mark.h"

#include "base/alloc.h"
#include "base/err.h"
#include "block/block.h"

#include <copse/dag_cbor.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void copse_pack_mark_init(copse_pack_mark *mark, copse_pack_db *db, copse_pack_mark_fn visit,
                          void *ctx)
{
    *mark = (copse_pack_mark){.db = db,
                              .visit = visit,
                              .ctx = ctx,
                              .seed = copse_pack_io_random(&db->io, 2),
                              .seen = {.env = db->env},
                              .alone = {.env = db->env},
                              .absent_seen = {.env = db->env}};
}

void copse_pack_mark_release(copse_pack_mark *mark)
{
    if (mark->db == NULL) {
        return;
    }
    const copse_env *env = mark->db->env;
    copse_pack_table_release(&mark->seen);
    copse_pack_table_release(&mark->alone);
    copse_pack_table_release(&mark->absent_seen);
    copse_free_array(env, mark->stack, mark->stack_capacity, sizeof mark->stack[0]);
    copse_free_array(env, mark->absent, mark->absent_capacity, sizeof mark->absent[0]);
    *mark = (copse_pack_mark){0};
}

/* ---- Sets of CIDs ---- */

static copse_pack_record pack_mark_record(const copse_pack_mark *mark, const copse_cid *cid)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(cid->bytes, cid->size, mark->seed);
    return (copse_pack_record){hash.low64, hash.high64 | 1};
}

static bool pack_mark_has(const copse_pack_table *table, copse_pack_record record)
{
    size_t cursor = 0;
    const copse_pack_record *found;
    while ((found = copse_pack_table_find(table, record.key, &cursor)) != NULL) {
        if (found->place == record.place) {
            return true;
        }
    }
    return false;
}

static copse_status pack_mark_add(copse_pack_table *table, copse_pack_record record, copse_err *err)
{
    if (!copse_pack_table_reserve(table, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_pack_table_insert(table, record);
    return COPSE_OK;
}

static copse_status pack_mark_push(const copse_env *env, copse_cid **array, size_t *count,
                                   size_t *capacity, const copse_cid *cid, copse_err *err)
{
    void *grown = *array;
    if (!copse_array_grow(env, &grown, capacity, *count + 1, sizeof(*array)[0])) {
        return COPSE_ERR_NOMEM(err);
    }
    *array = grown;
    (*array)[(*count)++] = *cid;
    return COPSE_OK;
}

/* ---- Links ---- */

/* Pushes the links of one DAG-CBOR item, so that the first comes off first. What can't be read is
 * opaque. */
static copse_status pack_mark_links(copse_pack_mark *mark, copse_bytes data, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = copse_cbor_reader_init_untrusted(&reader, data, &mark->db->env->limits,
                                                           COPSE_CBOR_LAX, NULL);
    size_t first = mark->stack_count;
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        mark->opaque++;
        return COPSE_OK;
    }
    while (status == COPSE_OK && (status = copse_cbor_next(&reader, &item, err)) == COPSE_OK) {
        copse_cid cid;
        if (item.kind == COPSE_CBOR_LINK) {
            status = copse_cid_from_bytes(item.bytes, &cid, err);
            if (status == COPSE_OK) {
                status = pack_mark_push(mark->db->env, &mark->stack, &mark->stack_count,
                                        &mark->stack_capacity, &cid, err);
            }
        }
    }
    for (size_t low = first, high = mark->stack_count; low + 1 < high; low++) {
        copse_cid swapped = mark->stack[low];
        mark->stack[low] = mark->stack[--high];
        mark->stack[high] = swapped;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status pack_mark_follow(copse_pack_mark *mark, const copse_cid_parts *parts,
                                     copse_bytes data, copse_err *err)
{
    if (parts->codec == COPSE_CODEC_DAG_CBOR) {
        return pack_mark_links(mark, data, err);
    }
    mark->opaque += parts->codec != COPSE_CODEC_RAW;
    return COPSE_OK;
}

/* ---- Walking ---- */

static copse_status pack_mark_missed(copse_pack_mark *mark, const copse_cid *cid,
                                     copse_pack_record record, copse_err *err)
{
    if (pack_mark_has(&mark->absent_seen, record)) {
        return COPSE_OK;
    }
    copse_status status = pack_mark_add(&mark->absent_seen, record, err);
    return status == COPSE_OK ? pack_mark_push(mark->db->env, &mark->absent, &mark->absent_count,
                                               &mark->absent_capacity, cid, err)
                              : status;
}

/* The block, hashed. NOT_FOUND: it is absent. */
static copse_status pack_mark_load(copse_pack_mark *mark, const copse_cid *cid,
                                   copse_block **ret_block, copse_err *err)
{
    copse_block *block = NULL;
    copse_pack_found found = COPSE_PACK_FOUND_NOTHING;
    copse_status status = copse_pack_db_find(mark->db, cid, &found, &block, err);
    if (status == COPSE_OK && found != COPSE_PACK_FOUND_BLOCK) {
        const copse_err *damage = copse_pack_view_damage(&mark->db->view);
        if (damage != NULL && found == COPSE_PACK_FOUND_NOTHING && !mark->is_lenient) {
            return COPSE_ERR(err, COPSE_CORRUPT, "%s", damage->message);
        }
        return COPSE_NOT_FOUND;
    }
    if (status == COPSE_OK) {
        status = copse_block_verify(block, err);
        status = status == COPSE_MISUSE ? COPSE_OK : status; /* a hash that Copse doesn't compute */
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status == COPSE_CORRUPT && mark->is_lenient ? COPSE_NOT_FOUND : status;
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status pack_mark_step(copse_pack_mark *mark, const copse_cid *cid, copse_err *err)
{
    copse_pack_record record = pack_mark_record(mark, cid);
    copse_block *block = NULL;
    copse_cid_parts parts;
    if (pack_mark_has(&mark->seen, record)) {
        return COPSE_OK;
    }
    copse_cid_split(cid, &parts);
    copse_status status = pack_mark_load(mark, cid, &block, err);
    if (status == COPSE_NOT_FOUND && parts.hash == COPSE_HASH_IDENTITY) {
        status = pack_mark_add(&mark->seen, record, err);
        return status == COPSE_OK ? pack_mark_follow(mark, &parts, parts.digest, err) : status;
    }
    if (status == COPSE_NOT_FOUND) {
        return pack_mark_missed(mark, cid, record, err);
    }
    if (status == COPSE_OK && !pack_mark_has(&mark->alone, record)) {
        status = mark->visit(mark->ctx, block, err);
    }
    if (status == COPSE_OK) {
        status = pack_mark_add(&mark->seen, record, err);
    }
    if (status == COPSE_OK) {
        status = pack_mark_follow(mark, &parts, copse_block_data_inline(block), err);
    }
    copse_block_unref(block);
    return status;
}

copse_status copse_pack_mark_root(copse_pack_mark *mark, const copse_cid *root, copse_err *err)
{
    copse_cid cid = *root;
    copse_status status = pack_mark_step(mark, &cid, err);
    while (status == COPSE_OK && mark->stack_count > 0) {
        cid = mark->stack[--mark->stack_count];
        status = pack_mark_step(mark, &cid, err);
    }
    return status;
}

copse_status copse_pack_mark_alone(copse_pack_mark *mark, const copse_cid *cid, copse_err *err)
{
    copse_pack_record record = pack_mark_record(mark, cid);
    copse_block *block = NULL;
    if (pack_mark_has(&mark->seen, record) || pack_mark_has(&mark->alone, record)) {
        return COPSE_OK;
    }
    copse_status status = pack_mark_load(mark, cid, &block, err);
    if (status == COPSE_NOT_FOUND) {
        return pack_mark_missed(mark, cid, record, err);
    }
    if (status == COPSE_OK) {
        status = mark->visit(mark->ctx, block, err);
    }
    if (status == COPSE_OK) {
        status = pack_mark_add(&mark->alone, record, err);
    }
    copse_block_unref(block);
    return status;
}

copse_status copse_pack_mark_absent(copse_pack_mark *mark, copse_err *err)
{
    copse_cid *absent = mark->absent;
    size_t count = mark->absent_count;
    size_t capacity = mark->absent_capacity;
    copse_status status = COPSE_OK;
    mark->absent = NULL;
    mark->absent_count = 0;
    mark->absent_capacity = 0;
    copse_pack_table_release(&mark->absent_seen);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_pack_mark_root(mark, &absent[i], err);
    }
    copse_free_array(mark->db->env, absent, capacity, sizeof absent[0]);
    return status;
}

copse_status copse_pack_mark_refs(copse_pack_mark *mark, copse_err *err)
{
    const copse_pack_view *view = &mark->db->view;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < view->refs_count && status == COPSE_OK; i++) {
        copse_cid cid = view->refs[i].cid;
        status = copse_pack_mark_root(mark, &cid, err);
    }
    return status;
}
