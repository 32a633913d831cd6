/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/content_path.h"

#include <copse/dag_cbor.h>

#include "base/err.h"
#include "proto/http_request.h"
#include "value/dag_pb.h"

#include <string.h>

typedef struct content_walk {
    const copse_env *env;
    copse_store *store;
    copse_content_path path;
    copse_cbor_reader reader; /* in a DAG-CBOR block: before where the path is */
    uint64_t codec;           /* of the block */
    bool inside;              /* behind the block's begin */
} content_walk;

/* ---- Blocks ---- */

/* Goes on in `block`, which it takes its own reference of. */
static copse_status content_enter(content_walk *walk, copse_block *block, copse_err *err)
{
    const copse_cid *cid = copse_block_cid(block);
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    if (copse_buf_append(&walk->path.cids, (copse_bytes){(const uint8_t *)cid, sizeof *cid}) !=
        COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_block_unref(walk->path.block);
    walk->path.block = copse_block_ref(block);
    walk->codec = parts.codec;
    walk->inside = false;
    return COPSE_OK;
}

static copse_status content_enter_link(content_walk *walk, const copse_cid *cid, copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = copse_store_get(walk->store, cid, &block, err);
    if (status == COPSE_OK) {
        status = content_enter(walk, block, err);
    }
    copse_block_unref(block);
    return status;
}

/* ---- Segments ---- */

/* An index: decimal digits, no zeros before it. */
static bool content_parse_index(copse_bytes text, uint64_t *ret_index)
{
    uint64_t index = 0;
    if (text.len == 0 || text.len > 18 || (text.len > 1 && text.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        index = index * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_index = index;
    return true;
}

static copse_status content_no_segment(copse_bytes segment, copse_err *err)
{
    return COPSE_ERR(err, COPSE_NOT_FOUND, "the path leads to nothing: there is no '%.*s'",
                     (int)(segment.len < 100 ? segment.len : 100), (const char *)segment.ptr);
}

static copse_status content_step_cbor(content_walk *walk, copse_bytes segment, copse_err *err)
{
    copse_cbor_reader ahead;
    copse_cbor_item item;
    copse_cid cid;
    uint64_t index = 0;
    copse_status status = COPSE_OK;
    if (!walk->inside) { /* checking all of a block takes long: only where it is looked into */
        status = copse_cbor_reader_init_untrusted(&walk->reader, copse_block_data(walk->path.block),
                                                  &walk->env->limits, COPSE_CBOR_LAX, err);
    }
    ahead = walk->reader;
    if (status == COPSE_OK) {
        status = copse_cbor_next(&ahead, &item, err);
    }
    if (status == COPSE_OK && item.kind == COPSE_CBOR_ARRAY) {
        status = content_parse_index(segment, &index)
                     ? copse_cbor_find_index(&walk->reader, index, err)
                     : COPSE_NOT_FOUND;
    } else if (status == COPSE_OK) {
        status = copse_cbor_find_key(&walk->reader, segment, err);
    }
    if (status == COPSE_NOT_FOUND) {
        return content_no_segment(segment, err);
    }
    walk->inside = true;
    ahead = walk->reader;
    if (status == COPSE_OK) {
        status = copse_cbor_next(&ahead, &item, err);
    }
    if (status != COPSE_OK || item.kind != COPSE_CBOR_LINK) {
        return status;
    }
    status = copse_cid_from_bytes(item.bytes, &cid, err);
    return status == COPSE_OK ? content_enter_link(walk, &cid, err) : status;
}

/* END: the names are spread over other blocks. */
static copse_status content_step_pb(content_walk *walk, copse_bytes segment, copse_err *err)
{
    copse_bytes node = copse_block_data(walk->path.block);
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    copse_unixfs_kind kind = COPSE_UNIXFS_OTHER;
    copse_status status = copse_unixfs_kind_of(node, &kind, err);
    if (status == COPSE_OK && kind == COPSE_UNIXFS_SHARD) {
        return COPSE_END;
    }
    copse_dag_pb_reader_init(&reader, node);
    while (status == COPSE_OK && (status = copse_dag_pb_next(&reader, &link, err)) == COPSE_OK) {
        if (copse_bytes_equal(link.name, segment)) {
            return content_enter_link(walk, &link.cid, err);
        }
    }
    return status == COPSE_END ? content_no_segment(segment, err) : status;
}

/* Follows one decoded segment. END: this block can't be looked into. */
static copse_status content_step(content_walk *walk, copse_bytes segment, copse_err *err)
{
    return walk->codec == COPSE_CODEC_DAG_CBOR ? content_step_cbor(walk, segment, err)
           : walk->codec == COPSE_CODEC_DAG_PB ? content_step_pb(walk, segment, err)
           : walk->codec == COPSE_CODEC_RAW    ? content_no_segment(segment, err)
                                               : COPSE_END;
}

/* Takes the first segment that is not empty off `text`, and decodes it. END: there is none. */
static copse_status content_take_segment(copse_bytes *text, copse_buf *segment, copse_err *err)
{
    while (text->len > 0 && text->ptr[0] == '/') {
        text->ptr++;
        text->len--;
    }
    if (text->len == 0) {
        return COPSE_END;
    }
    const uint8_t *slash = memchr(text->ptr, '/', text->len);
    size_t len = slash != NULL ? (size_t)(slash - text->ptr) : text->len;
    copse_buf_truncate(segment, 0);
    copse_status status = copse_http_percent_decode((copse_bytes){text->ptr, len}, segment);
    text->ptr += len;
    text->len -= len;
    return status == COPSE_CORRUPT ? COPSE_ERR(err, COPSE_MISUSE, "the path can't be decoded")
           : status == COPSE_OK    ? status
                                   : COPSE_ERR_NOMEM(err);
}

copse_status copse_content_path_follow(const copse_env *env, copse_store *store, copse_block *root,
                                       copse_bytes text, copse_content_path *ret_path,
                                       copse_err *err)
{
    content_walk walk = {.env = env, .store = store};
    copse_buf segment;
    copse_status status = COPSE_OK;
    copse_buf_init(&segment, env, SIZE_MAX / 2);
    copse_buf_init(&walk.path.cids, env, SIZE_MAX / 2);
    status = content_enter(&walk, root, err);
    for (size_t i = 0; status == COPSE_OK; i++) {
        status = content_take_segment(&text, &segment, err);
        if (status == COPSE_END) {
            walk.path.end = walk.inside ? COPSE_CONTENT_INSIDE : COPSE_CONTENT_BLOCK;
        } else if (status == COPSE_OK && i == COPSE_CONTENT_SEGMENTS_MAX) {
            status = COPSE_ERR(err, COPSE_MISUSE, "a path has at most %d segments",
                               COPSE_CONTENT_SEGMENTS_MAX);
        } else if (status == COPSE_OK) {
            status = content_step(&walk, copse_buf_view(&segment), err);
            walk.path.end = COPSE_CONTENT_OPAQUE; /* if that is the END */
        }
    }
    copse_buf_release(&segment);
    if (status != COPSE_END) {
        copse_content_path_release(&walk.path);
        return status;
    }
    *ret_path = walk.path;
    return COPSE_OK;
}

/* ---- What was followed ---- */

void copse_content_path_release(copse_content_path *path)
{
    path->block = copse_block_unref(path->block);
    copse_buf_release(&path->cids);
}

size_t copse_content_path_count(const copse_content_path *path)
{
    return path->cids.len / sizeof(copse_cid);
}

copse_cid copse_content_path_cid(const copse_content_path *path, size_t index)
{
    copse_cid cid;
    memcpy(&cid, path->cids.ptr + index * sizeof cid, sizeof cid);
    return cid;
}
