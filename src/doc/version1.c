/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/version1.h"

#include "base/arena.h"
#include "base/err.h"
#include "index/key_space.h"
#include "tree/tree.h"

#include <copse/dag_json.h>
#include <copse/value.h>

#include <string.h>

enum { VERSION1_KEY_SIZE_BYTES_MAX = 65536 };

/* ---- rows ---- */

static bool version1_is_header(copse_bytes value)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init_lax(&reader, value);
    copse_cbor_reader map = reader;
    return copse_cbor_find_key(&reader, copse_bytes_of_text("Format"), NULL) == COPSE_OK &&
           copse_cbor_next(&reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_TEXT &&
           copse_bytes_equal(item.bytes, copse_bytes_of_text("database")) &&
           copse_cbor_find_key(&map, copse_bytes_of_text("Version"), NULL) == COPSE_OK &&
           copse_cbor_next(&map, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_INT &&
           !item.negative && item.arg == 1;
}

copse_status copse_version1_is(copse_tree *tree, bool *ret_is, copse_err *err)
{
    static const uint8_t key[] = {0xff, 0x00};
    copse_bytes value;
    bool is = false;
    if (tree->kind != COPSE_TREE_OURS) {
        copse_status status = copse_tree_get(tree, (copse_bytes){key, sizeof key}, &value, err);
        if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
            return status;
        }
        is = status == COPSE_OK && version1_is_header(value);
    }
    *ret_is = is;
    return COPSE_OK;
}

static copse_status version1_write_name(copse_buf *buf, copse_bytes name)
{
    copse_status status = copse_buf_append_byte(buf, 0);
    return status == COPSE_OK ? copse_buf_append(buf, name) : status;
}

copse_status copse_version1_write_documents(copse_buf *buf, copse_bytes collection)
{
    static const uint8_t tail[] = {0, 'd', 0};
    size_t offset = buf->len;
    copse_status status = version1_write_name(buf, collection);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){tail, sizeof tail});
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

/* ---- collections ---- */

/* Whether the key is one of those that begin with ff: about the database as a whole. */
static bool version1_is_behind_data(copse_bytes key)
{
    return key.len > 0 && key.ptr[0] == 0xff;
}

/* The name that `key` begins with. */
static copse_status version1_read_name(copse_bytes key, copse_bytes *ret_name, copse_err *err)
{
    const uint8_t *end = key.len > 1 ? memchr(key.ptr + 1, 0, key.len - 1) : NULL;
    if (end == NULL || key.ptr[0] != 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a key that is none of a database of version 1");
    }
    *ret_name = (copse_bytes){key.ptr + 1, (size_t)(end - key.ptr) - 1};
    return copse_name_check(*ret_name, "a collection", err);
}

/* Whether the collection has documents; leaves the cursor anywhere. */
static copse_status version1_has_documents(copse_cursor *cursor, copse_bytes name, copse_buf *buf,
                                           bool *ret_has, copse_err *err)
{
    copse_buf_truncate(buf, 0);
    if (copse_version1_write_documents(buf, name) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_cursor_seek(cursor, copse_buf_view(buf), err);
    if (status == COPSE_OK || status == COPSE_END) {
        *ret_has = status == COPSE_OK &&
                   copse_bytes_has_prefix(copse_cursor_key(cursor), copse_buf_view(buf));
        status = COPSE_OK;
    }
    return status;
}

/* Collects the names, each with a 00 behind it. */
static copse_status version1_collect(copse_cursor *cursor, copse_buf *names, copse_err *err)
{
    copse_buf key;
    copse_buf_init(&key, names->env, VERSION1_KEY_SIZE_BYTES_MAX);
    copse_status status = copse_cursor_seek_first(cursor, err);
    while (status == COPSE_OK && !version1_is_behind_data(copse_cursor_key(cursor))) {
        copse_bytes name;
        bool has = false;
        size_t offset = names->len;
        status = version1_read_name(copse_cursor_key(cursor), &name, err);
        if (status == COPSE_OK && (copse_buf_append(names, name) != COPSE_OK ||
                                   copse_buf_append_byte(names, 0) != COPSE_OK)) {
            status = COPSE_ERR_NOMEM(err);
        }
        if (status != COPSE_OK) {
            break;
        }
        name = (copse_bytes){names->ptr + offset, names->len - offset - 1};
        status = version1_has_documents(cursor, name, &key, &has, err);
        copse_buf_truncate(&key, 0);
        if (status == COPSE_OK && (version1_write_name(&key, name) != COPSE_OK ||
                                   copse_buf_append_byte(&key, 1) != COPSE_OK)) {
            status = COPSE_ERR_NOMEM(err);
        }
        if (status == COPSE_OK) {
            copse_buf_truncate(names, has ? names->len : offset);
            status = copse_cursor_seek(cursor, copse_buf_view(&key), err);
        }
    }
    copse_buf_release(&key);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status copse_version1_collections(copse_tree *tree, copse_version1_name_fn found, void *ctx,
                                        copse_err *err)
{
    copse_cursor *cursor;
    copse_buf names;
    copse_status status = copse_cursor_new(tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cursor_set_limit(cursor, 1);
    copse_buf_init(&names, tree->env, SIZE_MAX);
    status = version1_collect(cursor, &names, err);
    for (size_t at = 0; at < names.len && status == COPSE_OK;) {
        const uint8_t *end = memchr(names.ptr + at, 0, names.len - at);
        copse_bytes name = {names.ptr + at, (size_t)(end - (names.ptr + at))};
        status = found(ctx, name, err);
        at += name.len + 1;
    }
    copse_buf_release(&names);
    copse_cursor_free(cursor);
    return status;
}

copse_status copse_version1_count(copse_tree *tree, copse_bytes collection, uint64_t *ret_count,
                                  copse_err *err)
{
    copse_cursor *cursor;
    copse_buf from;
    copse_buf to;
    uint64_t count = 0;
    copse_status status = copse_cursor_new(tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&from, tree->env, VERSION1_KEY_SIZE_BYTES_MAX);
    copse_buf_init(&to, tree->env, VERSION1_KEY_SIZE_BYTES_MAX);
    status = copse_version1_write_documents(&from, collection);
    if (status == COPSE_OK) {
        status = copse_buf_append(&to, copse_buf_view(&from));
    }
    if (status == COPSE_OK) {
        status = copse_order_prefix_end(&to, 0);
    }
    if (status != COPSE_OK) {
        status = COPSE_ERR(err, status, "no memory for the keys of a collection");
    } else {
        const copse_bytes end = copse_buf_view(&to);
        status = copse_cursor_set_range(cursor, copse_buf_view(&from), &end, err);
    }
    while (status == COPSE_OK) {
        copse_cursor_entry entries[64];
        size_t filled = 0;
        status = copse_cursor_fill(cursor, entries, sizeof entries / sizeof *entries, &filled, err);
        count += filled;
    }
    copse_buf_release(&from);
    copse_buf_release(&to);
    copse_cursor_free(cursor);
    if (status == COPSE_END) {
        *ret_count = count;
        status = COPSE_OK;
    }
    return status;
}

/* ---- records ---- */

/* An array or map that is open. */
typedef struct version1_frame {
    size_t offset;  /* of its first item in the buf */
    uint64_t count; /* elements or pairs */
    uint64_t left;  /* items that are still to come: two a pair */
    bool is_map;
} version1_frame;

static copse_status version1_write_item(copse_buf *buf, const copse_cbor_item *item)
{
    if (item->kind == COPSE_CBOR_FLOAT) {
        return copse_value_write_float(buf, item->real);
    }
    copse_status status = copse_cbor_write_item(buf, item);
    return status == COPSE_MISUSE ? COPSE_CORRUPT : status; /* text that is not UTF-8 */
}

/* Ends all containers that are full. */
static copse_status version1_close(version1_frame *frames, size_t *depth, copse_buf *buf)
{
    copse_status status = COPSE_OK;
    while (*depth > 0 && frames[*depth - 1].left == 0 && status == COPSE_OK) {
        const version1_frame *frame = &frames[--*depth];
        status = frame->is_map ? copse_cbor_finish_map(buf, frame->offset, frame->count)
                               : copse_cbor_finish_array(buf, frame->offset, frame->count);
    }
    return status;
}

/* Appends the strict encoding of the one item in `lax`, which was checked in lax mode. */
static copse_status version1_convert_with(version1_frame *frames, size_t frames_max,
                                          copse_bytes lax, copse_buf *buf)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    size_t depth = 0;
    copse_cbor_reader_init_lax(&reader, lax);
    copse_status status;
    do {
        status = copse_cbor_next(&reader, &item, NULL);
        if (status != COPSE_OK) {
            return COPSE_CORRUPT;
        }
        if (depth > 0) {
            frames[depth - 1].left--;
        }
        if (item.kind != COPSE_CBOR_ARRAY && item.kind != COPSE_CBOR_MAP) {
            status = version1_write_item(buf, &item);
        } else if (depth == frames_max) {
            status = COPSE_LIMIT;
        } else {
            bool is_map = item.kind == COPSE_CBOR_MAP;
            frames[depth++] =
                (version1_frame){buf->len, item.arg, is_map ? 2 * item.arg : item.arg, is_map};
        }
        if (status == COPSE_OK) {
            status = version1_close(frames, &depth, buf);
        }
    } while (status == COPSE_OK && depth > 0);
    return status;
}

/* Appends the strict encoding of the lax item `lax`. CORRUPT, LIMIT, NOMEM; the buf is then as
 * before. */
static copse_status version1_convert(const copse_env *env, copse_bytes lax, copse_buf *buf,
                                     copse_err *err)
{
    copse_arena arena;
    size_t offset = buf->len;
    size_t depth_max = env->limits.cbor_depth_max < COPSE_CBOR_DEPTH_MAX
                           ? env->limits.cbor_depth_max
                           : COPSE_CBOR_DEPTH_MAX;
    copse_status status = copse_dag_cbor_check(lax, &env->limits, COPSE_CBOR_LAX, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_arena_init(&arena, env);
    version1_frame *frames = copse_arena_alloc(&arena, depth_max * sizeof *frames);
    status = frames == NULL ? COPSE_NOMEM : version1_convert_with(frames, depth_max, lax, buf);
    copse_arena_release(&arena);
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, status, "a record that has no strict form");
    }
    return COPSE_OK;
}

copse_status copse_version1_write_record_id(copse_buf *buf, copse_bytes id)
{
    size_t offset = buf->len;
    copse_status status = copse_cbor_write_array(buf, 1);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, id);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

copse_status copse_version1_write_id(const copse_env *env, copse_bytes record_id, copse_buf *buf,
                                     copse_err *err)
{
    copse_buf list;
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_bytes id;
    copse_buf_init(&list, env, VERSION1_KEY_SIZE_BYTES_MAX);
    copse_status status = version1_convert(env, record_id, &list, err);
    copse_cbor_reader_init(&reader, copse_buf_view(&list));
    if (status == COPSE_OK &&
        (copse_cbor_next(&reader, &head, NULL) != COPSE_OK || head.kind != COPSE_CBOR_ARRAY ||
         copse_value_check(copse_buf_view(&list), &env->limits, NULL) != COPSE_OK)) {
        status = COPSE_CORRUPT;
    }
    if (status == COPSE_OK) {
        id = copse_buf_view(&list);
        status = head.arg == 1 ? copse_cbor_take(&reader, &id, err) : COPSE_OK;
        status = status == COPSE_OK ? copse_buf_append(buf, id) : status;
    } else if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        status = copse_cbor_write_bytes(buf, record_id);
    }
    copse_buf_release(&list);
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a record's id");
}

/* Makes a document of a record's block, which stays the caller's. */
static copse_status version1_read_record(const copse_env *env, copse_block *block,
                                         copse_document *ret_document, copse_err *err)
{
    copse_cid_parts parts;
    copse_bytes data = copse_block_data(block);
    copse_cid_split(copse_block_cid(block), &parts);
    if (parts.codec == COPSE_CODEC_DAG_CBOR &&
        copse_document_check(data, &env->limits, NULL) == COPSE_OK) {
        ret_document->block = copse_block_ref(block);
        ret_document->encoded = data;
        return COPSE_OK;
    }
    copse_buf_init(&ret_document->buf, env, env->limits.document_size_bytes_max);
    copse_status status = parts.codec == COPSE_CODEC_DAG_JSON
                              ? copse_dag_json_to_cbor(env, data, &ret_document->buf, err)
                              : version1_convert(env, data, &ret_document->buf, err);
    if (status != COPSE_OK) {
        return status;
    }
    ret_document->encoded = copse_buf_view(&ret_document->buf);
    return copse_document_check(ret_document->encoded, &env->limits, err);
}

copse_status copse_version1_load_within(copse_source *source, const copse_env *env,
                                        copse_bytes value, copse_document *document, copse_err *err)
{
    copse_document loaded = {.block = NULL};
    copse_block *block = NULL;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cid cid;
    copse_cbor_reader_init_lax(&reader, value);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_LINK) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the row of a record is no link");
    }
    copse_status status = copse_cid_from_bytes(item.bytes, &cid, err);
    if (status == COPSE_OK) {
        status = copse_source_get(source, &cid, &block, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = version1_read_record(env, block, &loaded, err);
    copse_block_unref(block);
    if (status != COPSE_OK) {
        copse_document_release(&loaded);
        return status;
    }
    copse_document_release(document);
    *document = loaded;
    return COPSE_OK;
}
