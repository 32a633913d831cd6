/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document.h"

#include "base/alloc.h"
#include "base/err.h"

#include <copse/dag_cbor.h>

/* ---- lists of blocks ---- */

void copse_block_list_truncate(copse_block_list *list, size_t count)
{
    while (list->count > count) {
        list->size_bytes -= copse_block_data(list->blocks[list->count - 1]).len;
        copse_block_unref(list->blocks[--list->count]);
    }
}

void copse_block_list_release(copse_block_list *list)
{
    copse_block_list_truncate(list, 0);
    if (list->env != NULL) {
        copse_free_array(list->env, list->blocks, list->capacity, sizeof *list->blocks);
    }
    *list = (copse_block_list){.env = list->env};
}

static bool block_list_grow(copse_block_list *list, size_t need)
{
    void *blocks = list->blocks;
    bool grown = copse_array_grow(list->env, &blocks, &list->capacity, need, sizeof *list->blocks);
    list->blocks = blocks;
    return grown;
}

copse_status copse_block_list_append(copse_block_list *list, copse_block *const *blocks,
                                     size_t count, copse_err *err)
{
    if (!block_list_grow(list, list->count + count)) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        list->blocks[list->count++] = copse_block_ref(blocks[i]);
        list->size_bytes += copse_block_data(blocks[i]).len;
    }
    return COPSE_OK;
}

/* Makes the block of `data` and appends it. */
static copse_status block_list_add(copse_block_list *list, uint64_t codec, copse_bytes data,
                                   copse_err *err)
{
    if (!block_list_grow(list, list->count + 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_block_of_data(list->env, codec, data, &list->blocks[list->count], err);
    if (status == COPSE_OK) {
        list->count++;
        list->size_bytes += data.len;
    }
    return status;
}

/* ---- writing ---- */

static copse_status document_write_link(copse_buf *value, const copse_block *block)
{
    const copse_cid *cid = copse_block_cid(block);
    return copse_cbor_write_link(value, (copse_bytes){cid->bytes, cid->size});
}

/* D2 */
static copse_status document_store_block(copse_bytes encoded, copse_buf *value,
                                         copse_block_list *blocks, copse_err *err)
{
    copse_status status = block_list_add(blocks, COPSE_CODEC_DAG_CBOR, encoded, err);
    return status == COPSE_OK ? document_write_link(value, blocks->blocks[blocks->count - 1])
                              : status;
}

/* D3 */
static copse_status document_store_chunks(copse_bytes encoded, copse_buf *value,
                                          copse_block_list *blocks, copse_err *err)
{
    size_t chunks = (encoded.len - 1) / COPSE_DOCUMENT_CHUNK_SIZE_BYTES + 1;
    copse_status status = copse_cbor_write_array(value, chunks);
    while (encoded.len > 0 && status == COPSE_OK) {
        size_t size = encoded.len < COPSE_DOCUMENT_CHUNK_SIZE_BYTES
                          ? encoded.len
                          : COPSE_DOCUMENT_CHUNK_SIZE_BYTES;
        status = block_list_add(blocks, COPSE_CODEC_RAW, (copse_bytes){encoded.ptr, size}, err);
        if (status == COPSE_OK) {
            status = document_write_link(value, blocks->blocks[blocks->count - 1]);
        }
        encoded = (copse_bytes){encoded.ptr + size, encoded.len - size};
    }
    return status;
}

copse_status copse_document_store(copse_documents_form form, copse_bytes encoded, copse_buf *value,
                                  copse_block_list *blocks, copse_err *err)
{
    size_t offset = value->len;
    size_t count = blocks->count;
    copse_status status;
    if (encoded.len > value->env->limits.document_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a document of %zu bytes, more than %zu", encoded.len,
                         value->env->limits.document_size_bytes_max);
    }
    if (form == COPSE_DOCUMENTS_INLINE && encoded.len <= COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX) {
        status = copse_buf_append(value, encoded);
    } else if (encoded.len <= COPSE_DOCUMENT_CHUNK_SIZE_BYTES) {
        status = document_store_block(encoded, value, blocks, err);
    } else {
        status = document_store_chunks(encoded, value, blocks, err);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(value, offset);
        copse_block_list_truncate(blocks, count);
        status = COPSE_ERR(err, status, "a document can't be written");
    }
    return status;
}

copse_status copse_document_write_with_id(copse_buf *buf, copse_bytes document, copse_bytes id,
                                          copse_err *err)
{
    /* In DAG-CBOR's order shorter keys come first; of equal size, the lower bytes. */
    static const uint8_t key[] = {0x63, '_', 'i', 'd'};
    copse_cbor_reader reader;
    copse_cbor_item head;
    size_t offset = buf->len;
    copse_cbor_reader_init(&reader, document);
    copse_status status = copse_cbor_next(&reader, &head, err);
    const uint8_t *pairs = reader.at;
    uint64_t before = 0;
    while (status == COPSE_OK && before < head.arg) {
        copse_bytes other;
        copse_cbor_reader ahead = reader;
        status = copse_cbor_take(&ahead, &other, err);
        if (status != COPSE_OK || other.len > sizeof key ||
            (other.len == sizeof key &&
             copse_bytes_compare(other, (copse_bytes){key, sizeof key}) > 0)) {
            break;
        }
        status = copse_cbor_skip(&ahead, err);
        reader = ahead;
        before++;
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cbor_write_map(buf, head.arg + 1);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){pairs, (size_t)(reader.at - pairs)});
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){key, sizeof key});
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, id);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){reader.at, (size_t)(reader.end - reader.at)});
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        status = COPSE_ERR(err, status, "no room for a document's _id");
    }
    return status;
}

/* ---- reading ---- */

copse_status copse_document_primary(copse_bytes document, copse_bytes primary_key,
                                    copse_bytes *ret_id, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, document);
    copse_status status = copse_cbor_find_key(&reader, primary_key, err);
    if (status == COPSE_NOT_FOUND) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "a document without its primary key %.*s",
                         (int)primary_key.len, (const char *)primary_key.ptr);
    }
    return status == COPSE_OK ? copse_cbor_take(&reader, ret_id, err) : status;
}

copse_bytes copse_document_row_link(copse_bytes value)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_LINK) {
        return (copse_bytes){NULL, 0};
    }
    return item.bytes;
}

void copse_document_release(copse_document *document)
{
    if (document != NULL) {
        copse_block_unref(document->block);
        copse_buf_release(&document->buf);
        *document = (copse_document){.block = NULL};
    }
}

static copse_status document_check_map(copse_bytes encoded, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &head, err);
    if (status == COPSE_OK && head.kind != COPSE_CBOR_MAP) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "what a document's row leads to is no map");
    }
    return status;
}

static copse_status document_check(copse_bytes encoded, const copse_limits *limits, copse_err *err)
{
    copse_status status = copse_dag_cbor_check(encoded, limits, COPSE_CBOR_STRICT, err);
    return status == COPSE_OK ? document_check_map(encoded, err) : status;
}

static copse_status document_load_block(copse_source *source, const copse_env *env,
                                        copse_bytes link, copse_document *ret_document,
                                        copse_err *err)
{
    copse_cid cid;
    copse_status status = copse_cid_from_bytes(link, &cid, err);
    if (status == COPSE_OK) {
        status = copse_source_get(source, &cid, &ret_document->block, err);
    }
    if (status == COPSE_OK) {
        ret_document->encoded = copse_block_data(ret_document->block);
        status = document_check(ret_document->encoded, &env->limits, err);
    }
    return status;
}

/* Chunk number `index` of `count`, appended to `buf`. */
static copse_status document_load_chunk(copse_source *source, const copse_cid *cid, bool is_last,
                                        copse_buf *buf, copse_err *err)
{
    copse_block *block;
    copse_status status = copse_source_get(source, cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes data = copse_block_data(block);
    bool fits = is_last ? data.len > 0 && data.len <= COPSE_DOCUMENT_CHUNK_SIZE_BYTES
                        : data.len == COPSE_DOCUMENT_CHUNK_SIZE_BYTES;
    if (!fits) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a document's chunk has %zu bytes", data.len);
    } else {
        status = copse_buf_append(buf, data);
        if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "a document of more than %zu bytes", buf->max);
        }
    }
    copse_block_unref(block);
    return status;
}

/* Goes through all chunks, also behind one that is missing, so that all of them are wanted. */
static copse_status document_load_chunks(copse_source *source, const copse_env *env,
                                         copse_cbor_reader reader, uint64_t count,
                                         copse_document *ret_document, copse_err *err)
{
    copse_status missing = COPSE_OK;
    if (count < 2) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document of %u chunks", (unsigned)count);
    }
    copse_buf_init(&ret_document->buf, env, env->limits.document_size_bytes_max);
    for (uint64_t i = 0; i < count; i++) {
        copse_cbor_item link;
        copse_cid cid;
        copse_status status = copse_cbor_next(&reader, &link, err);
        if (status == COPSE_OK && link.kind != COPSE_CBOR_LINK) {
            status = COPSE_ERR(err, COPSE_CORRUPT, "a document's list of chunks holds no links");
        }
        if (status == COPSE_OK) {
            status = copse_cid_from_bytes(link.bytes, &cid, err);
        }
        if (status == COPSE_OK && missing == COPSE_OK) {
            status = document_load_chunk(source, &cid, i + 1 == count, &ret_document->buf, err);
        } else if (status == COPSE_OK) {
            status = copse_source_hint(source, &cid, err);
        }
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    if (missing != COPSE_OK) {
        return missing;
    }
    ret_document->encoded = copse_buf_view(&ret_document->buf);
    return document_check(ret_document->encoded, &env->limits, err);
}

copse_status copse_document_load_within(copse_source *source, const copse_env *env,
                                        copse_bytes value, copse_document *document, copse_err *err)
{
    copse_document loaded = {.block = NULL};
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, err);
    if (status != COPSE_OK) {
        return status == COPSE_END ? COPSE_ERR(err, COPSE_CORRUPT, "a document without bytes")
                                   : status;
    }
    switch (item.kind) {
    case COPSE_CBOR_MAP:
        loaded.encoded = value;
        break;
    case COPSE_CBOR_LINK:
        status = document_load_block(source, env, item.bytes, &loaded, err);
        break;
    case COPSE_CBOR_ARRAY:
        status = document_load_chunks(source, env, reader, item.arg, &loaded, err);
        break;
    default:
        status = COPSE_ERR(err, COPSE_CORRUPT, "a document's row is no map, link or list of links");
        break;
    }
    if (status != COPSE_OK) {
        copse_document_release(&loaded);
        return status;
    }
    copse_document_release(document);
    *document = loaded;
    return COPSE_OK;
}
