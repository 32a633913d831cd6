/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "origin.h"

#include "failure.h"

#include <copse/address.h>
#include <copse/dag_cbor.h>

#include <stdio.h>
#include <string.h>

enum { ORIGIN_SIZE_MAX = 1 << 20 };

/* ---- Reading ---- */

/* Appends a text with its NUL; *ret_at is where. A text with a NUL inside is refused. */
static copse_status origin_keep(copse_origin *origin, copse_bytes text, size_t *ret_at)
{
    *ret_at = origin->texts.len;
    if (text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL) {
        return COPSE_CORRUPT;
    }
    copse_status status = copse_buf_append(&origin->texts, text);
    return status == COPSE_OK ? copse_buf_append(&origin->texts, (copse_bytes){(uint8_t *)"", 1})
                              : status;
}

/* Stands behind the head of the value of `key`. NOT_FOUND: there is none. */
static copse_status origin_find(copse_bytes data, const char *key, copse_cbor_kind kind,
                                copse_cbor_reader *ret_reader, copse_cbor_item *ret_item)
{
    copse_cbor_reader_init(ret_reader, data);
    copse_status status = copse_cbor_find_key(ret_reader, copse_bytes_of_text(key), NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_next(ret_reader, ret_item, NULL);
        status = status == COPSE_OK && ret_item->kind == kind ? COPSE_OK : COPSE_CORRUPT;
    }
    return status;
}

/* An optional text; *ret_at is SIZE_MAX if it isn't there. */
static copse_status origin_read_text(copse_origin *origin, copse_bytes data, const char *key,
                                     size_t *ret_at)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    *ret_at = SIZE_MAX;
    copse_status status = origin_find(data, key, COPSE_CBOR_TEXT, &reader, &item);
    return status == COPSE_OK          ? origin_keep(origin, item.bytes, ret_at)
           : status == COPSE_NOT_FOUND ? COPSE_OK
                                       : status;
}

/* Whether `key` is there: it is true then. */
static copse_status origin_read_mark(copse_bytes data, const char *key, bool *ret_is_set)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = origin_find(data, key, COPSE_CBOR_BOOL, &reader, &item);
    if (status == COPSE_OK && !item.boolean) {
        return COPSE_CORRUPT;
    }
    *ret_is_set = status == COPSE_OK;
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_status origin_read_peers(copse_origin *origin, copse_bytes data, size_t *ret_ats)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = origin_find(data, "peers", COPSE_CBOR_ARRAY, &reader, &item);
    if (status != COPSE_OK || item.arg == 0 || item.arg > COPSE_REMOTE_PEERS_MAX) {
        return COPSE_CORRUPT;
    }
    for (uint64_t count = item.arg; status == COPSE_OK && origin->peers_count < count;) {
        status = copse_cbor_next(&reader, &item, NULL);
        if (status == COPSE_OK && item.kind != COPSE_CBOR_TEXT) {
            status = COPSE_CORRUPT;
        }
        if (status == COPSE_OK) {
            status = origin_keep(origin, item.bytes, &ret_ats[origin->peers_count++]);
        }
    }
    return status;
}

static copse_status origin_check_format(copse_bytes data)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = origin_find(data, "Format", COPSE_CBOR_TEXT, &reader, &item);
    if (status != COPSE_OK || !copse_bytes_equal(item.bytes, copse_bytes_of_text("origin"))) {
        return COPSE_CORRUPT;
    }
    status = origin_find(data, "Version", COPSE_CBOR_INT, &reader, &item);
    return status == COPSE_OK && !item.negative && item.arg == 1 ? COPSE_OK : COPSE_CORRUPT;
}

static const char *origin_text_at(const copse_origin *origin, size_t at)
{
    return at != SIZE_MAX ? (const char *)origin->texts.ptr + at : NULL;
}

/* CORRUPT, LIMIT, NOMEM. */
static copse_status origin_decode(copse_call *call, copse_origin *origin)
{
    copse_bytes data = copse_block_data(origin->block);
    size_t peers[COPSE_REMOTE_PEERS_MAX];
    size_t name = SIZE_MAX;
    size_t name_key = SIZE_MAX;
    size_t collection = SIZE_MAX;
    copse_cbor_reader reader;
    copse_status status =
        copse_dag_cbor_check(data, &call->env.limits, COPSE_CBOR_STRICT, &call->err);
    if (status == COPSE_OK) {
        status = origin_check_format(data);
    }
    if (status == COPSE_OK) {
        status = origin_read_peers(origin, data, peers);
    }
    if (status == COPSE_OK) {
        status = origin_read_text(origin, data, "name", &name);
    }
    if (status == COPSE_OK) {
        status = origin_read_text(origin, data, "name-key", &name_key);
    }
    if (status == COPSE_OK) {
        status = origin_read_text(origin, data, "collection", &collection);
    }
    if (status == COPSE_OK) {
        status = origin_read_mark(data, "fork", &origin->is_fork);
    }
    if (status == COPSE_OK) {
        status = origin_read_mark(data, "partial", &origin->is_partial);
    }
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; i < origin->peers_count; i++) {
        origin->peers[i] = origin_text_at(origin, peers[i]);
    }
    origin->name = origin_text_at(origin, name);
    origin->name_key = origin_text_at(origin, name_key);
    origin->collection = origin_text_at(origin, collection);
    copse_cbor_reader_init(&reader, data);
    if (copse_cbor_find_key(&reader, copse_bytes_of_text("filter"), NULL) == COPSE_OK) {
        status = copse_cbor_take(&reader, &origin->filter, &call->err);
    }
    return status;
}

bool copse_origin_read(copse_local *local, copse_origin *ret_origin)
{
    copse_call *call = local->call;
    copse_origin origin = {.peers_count = 0};
    copse_cid cid;
    *ret_origin = origin;
    copse_status status =
        copse_refs_get(local->refs, copse_bytes_of_text(COPSE_REF_ORIGIN), &cid, &call->err);
    if (status == COPSE_NOT_FOUND) {
        return true;
    }
    copse_buf_init(&origin.texts, &call->env, ORIGIN_SIZE_MAX);
    if (status == COPSE_OK) {
        status = copse_store_get(local->store, &cid, &origin.block, &call->err);
    }
    if (status == COPSE_OK) {
        status = origin_decode(call, &origin);
    }
    if (status != COPSE_OK) {
        copse_origin_release(&origin);
        (void)copse_failure(call, status, "`copse refs delete STORE origin` forgets it",
                            "what the ref 'origin' of '%s' names is no origin of a clone",
                            local->path);
        return false;
    }
    *ret_origin = origin;
    return true;
}

void copse_origin_release(copse_origin *origin)
{
    copse_block_unref(origin->block);
    copse_buf_release(&origin->texts);
    *origin = (copse_origin){.peers_count = 0};
}

/* ---- Writing ---- */

static copse_status origin_write_member(copse_buf *buf, const char *key, const char *text)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_text(buf, copse_bytes_of_text(text)) : status;
}

static copse_status origin_write_mark(copse_buf *buf, const char *key, bool is_set, uint64_t *pairs)
{
    if (!is_set) {
        return COPSE_OK;
    }
    ++*pairs;
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_bool(buf, true) : status;
}

static copse_status origin_write_peers(copse_buf *buf, const copse_origin *origin)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text("peers"));
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, origin->peers_count);
    }
    for (size_t i = 0; status == COPSE_OK && i < origin->peers_count; i++) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(origin->peers[i]));
    }
    return status;
}

static copse_status origin_write(copse_buf *buf, const copse_origin *origin)
{
    uint64_t pairs = 3;
    copse_status status = origin_write_member(buf, "Format", "origin");
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("Version"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, 1);
    }
    if (status == COPSE_OK) {
        status = origin_write_peers(buf, origin);
    }
    if (status == COPSE_OK && origin->name != NULL) {
        status = origin_write_member(buf, "name", origin->name);
        pairs++;
    }
    if (status == COPSE_OK && origin->name_key != NULL) {
        status = origin_write_member(buf, "name-key", origin->name_key);
        pairs++;
    }
    if (status == COPSE_OK && origin->collection != NULL) {
        status = origin_write_member(buf, "collection", origin->collection);
        pairs++;
    }
    if (status == COPSE_OK) {
        status = origin_write_mark(buf, "fork", origin->is_fork, &pairs);
    }
    if (status == COPSE_OK) {
        status = origin_write_mark(buf, "partial", origin->is_partial, &pairs);
    }
    if (status == COPSE_OK && origin->filter.ptr != NULL) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("filter"));
        pairs++;
        if (status == COPSE_OK) {
            status = copse_cbor_write_encoded(buf, origin->filter);
        }
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, 0, pairs) : status;
}

copse_status copse_origin_encode(const copse_env *env, const copse_origin *origin,
                                 copse_block **ret_block, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, ORIGIN_SIZE_MAX);
    copse_status status = origin_write(&buf, origin);
    if (status == COPSE_OK) {
        status =
            copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_block, err);
    } else if (err != NULL) {
        *err = (copse_err){.status = status};
    }
    copse_buf_release(&buf);
    return status;
}

const char *copse_origin_show(const copse_origin *origin, char *ret_text, size_t size)
{
    if (origin->name_key != NULL) {
        (void)snprintf(ret_text, size, "ipns://%s", origin->name_key);
        return ret_text;
    }
    /* The address of a CAR is that of its peer, name and all (address.h). */
    bool has_name =
        origin->name != NULL && !copse_address_is_car(copse_bytes_of_text(origin->peers[0]));
    (void)snprintf(ret_text, size, "%s%s%s", origin->peers[0], has_name ? "/" : "",
                   has_name ? origin->name : "");
    return ret_text;
}
