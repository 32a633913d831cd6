/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/follow_list.h>

#include <copse/dag_cbor.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/utf8.h"

#include <string.h>

enum {
    FOLLOW_VERSION = 1,
    FOLLOW_SIZE_MAX = 1 << 16,
    FOLLOW_PAUSE_MS_MIN = 1000,
    FOLLOW_PAUSE_MS_MAX = 300000
};

struct copse_follow_list {
    const copse_env *env;
    copse_follow_source sources[COPSE_FOLLOW_MAX];
    char addresses[COPSE_FOLLOW_MAX][COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX + 1];
    size_t count;
    uint64_t backfilled;
};

/* ---- Life ---- */

copse_status copse_follow_list_new(const copse_env *env, copse_follow_list **ret_list,
                                   copse_err *err)
{
    copse_follow_list *list = copse_alloc_zeroed(env, sizeof *list);
    if (list == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    list->env = env;
    *ret_list = list;
    return COPSE_OK;
}

copse_follow_list *copse_follow_list_free(copse_follow_list *list)
{
    if (list != NULL) {
        copse_free(list->env, list, sizeof *list);
    }
    return NULL;
}

/* ---- Addresses ---- */

size_t copse_follow_list_count(const copse_follow_list *list)
{
    return list->count;
}

const copse_follow_source *copse_follow_list_at(const copse_follow_list *list, size_t index)
{
    return index < list->count ? &list->sources[index] : NULL;
}

static size_t follow_find(const copse_follow_list *list, copse_bytes address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (copse_bytes_equal(copse_bytes_of_text(list->sources[i].address), address)) {
            return i;
        }
    }
    return SIZE_MAX;
}

size_t copse_follow_list_find(const copse_follow_list *list, const char *address)
{
    return follow_find(list, copse_bytes_of_text(address));
}

static bool follow_is_address(copse_bytes address)
{
    bool good = address.len > 0 && address.len <= COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX &&
                copse_utf8_valid(address);
    for (size_t i = 0; i < address.len && good; i++) {
        good = address.ptr[i] >= 0x20 && address.ptr[i] != 0x7f;
    }
    return good;
}

static copse_status follow_add(copse_follow_list *list, copse_bytes address, copse_err *err)
{
    if (!follow_is_address(address)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "an address to follow is 1 to %d bytes of UTF-8 without control "
                         "characters",
                         COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX);
    }
    if (follow_find(list, address) != SIZE_MAX) {
        return COPSE_ERR(err, COPSE_CONFLICT, "it is followed already");
    }
    if (list->count == COPSE_FOLLOW_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "at most %d addresses are followed", COPSE_FOLLOW_MAX);
    }
    size_t at = list->count++;
    memcpy(list->addresses[at], address.ptr, address.len);
    list->addresses[at][address.len] = '\0';
    list->sources[at] = (copse_follow_source){.address = list->addresses[at]};
    return COPSE_OK;
}

copse_status copse_follow_list_add(copse_follow_list *list, const char *address, copse_err *err)
{
    return follow_add(list, copse_bytes_of_text(address), err);
}

void copse_follow_list_remove(copse_follow_list *list, size_t index)
{
    list->count--;
    for (size_t i = index; i < list->count; i++) {
        memcpy(list->addresses[i], list->addresses[i + 1], sizeof list->addresses[i]);
        list->sources[i] = list->sources[i + 1];
        list->sources[i].address = list->addresses[i];
    }
}

/* ---- Heads ---- */

copse_follow_state copse_follow_list_hear(copse_follow_list *list, size_t index,
                                          const copse_cid *head, copse_head_relation relation,
                                          uint64_t sequence, uint64_t now_ms)
{
    copse_follow_source *source = &list->sources[index];
    if (source->state != COPSE_FOLLOW_GOING) {
        return source->state;
    }
    source->time_ms = now_ms;
    if (relation == COPSE_HEADS_SAME || relation == COPSE_HEADS_BEHIND) {
        source->sequence = sequence;
    } else {
        source->state =
            relation == COPSE_HEADS_AHEAD ? COPSE_FOLLOW_ROLLED_BACK : COPSE_FOLLOW_FORKED;
        source->refused = *head;
    }
    return source->state;
}

void copse_follow_list_accept(copse_follow_list *list, size_t index)
{
    copse_follow_source *source = &list->sources[index];
    source->state = COPSE_FOLLOW_GOING;
    source->refused = (copse_cid){.size = 0};
    source->sequence = 0;
}

void copse_follow_pause_grow(copse_follow_pause *pause, uint64_t now_ms)
{
    uint64_t twice_ms = 2 * pause->length_ms;
    pause->length_ms = twice_ms < FOLLOW_PAUSE_MS_MIN   ? FOLLOW_PAUSE_MS_MIN
                       : twice_ms > FOLLOW_PAUSE_MS_MAX ? FOLLOW_PAUSE_MS_MAX
                                                        : twice_ms;
    pause->until_ms = now_ms + pause->length_ms;
}

uint64_t copse_follow_list_backfilled(const copse_follow_list *list)
{
    return list->backfilled;
}

void copse_follow_list_set_backfilled(copse_follow_list *list, uint64_t bytes)
{
    list->backfilled = bytes;
}

/* ---- Writing ---- */

static copse_status follow_write_text(copse_buf *buf, const char *key, const char *text)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_text(buf, copse_bytes_of_text(text)) : status;
}

/* A number that is left out if it is 0. */
static copse_status follow_write_number(copse_buf *buf, const char *key, uint64_t number,
                                        uint64_t *pairs)
{
    if (number == 0) {
        return COPSE_OK;
    }
    ++*pairs;
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_uint(buf, number) : status;
}

/* The bytes of a CID, and no link: nobody has to keep what is refused. */
static copse_status follow_write_refused(copse_buf *buf, const copse_follow_source *source,
                                         uint64_t *pairs)
{
    copse_bytes cid = {source->refused.bytes, source->refused.size};
    if (source->state == COPSE_FOLLOW_GOING) {
        return COPSE_OK;
    }
    ++*pairs;
    copse_status status = copse_cbor_write_text(
        buf, copse_bytes_of_text(source->state == COPSE_FOLLOW_FORKED ? "forked" : "rolled-back"));
    return status == COPSE_OK ? copse_cbor_write_bytes(buf, cid) : status;
}

static copse_status follow_write_source(copse_buf *buf, const copse_follow_source *source)
{
    size_t begin = buf->len;
    uint64_t pairs = 1;
    copse_status status = follow_write_text(buf, "address", source->address);
    if (status == COPSE_OK) {
        status = follow_write_number(buf, "time", source->time_ms, &pairs);
    }
    if (status == COPSE_OK) {
        status = follow_write_number(buf, "sequence", source->sequence, &pairs);
    }
    if (status == COPSE_OK) {
        status = follow_write_refused(buf, source, &pairs);
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, begin, pairs) : status;
}

static copse_status follow_write(const copse_follow_list *list, copse_buf *buf)
{
    size_t begin = buf->len;
    uint64_t pairs = 3;
    copse_status status = follow_write_text(buf, "Format", COPSE_FOLLOW_REF);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("Version"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, FOLLOW_VERSION);
    }
    if (status == COPSE_OK) {
        status = follow_write_number(buf, "backfilled", list->backfilled, &pairs);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("sources"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, list->count);
    }
    for (size_t i = 0; i < list->count && status == COPSE_OK; i++) {
        status = follow_write_source(buf, &list->sources[i]);
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, begin, pairs) : status;
}

copse_status copse_follow_list_encode(const copse_follow_list *list, copse_buf *buf, copse_err *err)
{
    copse_status status = follow_write(list, buf);
    return status == COPSE_OK ? COPSE_OK
                              : COPSE_ERR(err, status, "the list of what is followed: %s",
                                          copse_status_name(status));
}

/* ---- Reading ---- */

/* The value at `key`. NOT_FOUND: there is none. */
static copse_status follow_read(copse_bytes map, const char *key, copse_cbor_kind kind,
                                copse_cbor_reader *ret_reader, copse_cbor_item *ret_item)
{
    copse_cbor_reader_init(ret_reader, map);
    copse_status status = copse_cbor_find_key(ret_reader, copse_bytes_of_text(key), NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_next(ret_reader, ret_item, NULL);
    }
    return status == COPSE_OK && ret_item->kind != kind ? COPSE_CORRUPT : status;
}

static bool follow_read_number(copse_bytes map, const char *key, uint64_t *ret_number)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {.arg = 0};
    copse_status status = follow_read(map, key, COPSE_CBOR_INT, &reader, &item);
    *ret_number = status == COPSE_OK ? item.arg : 0;
    return status == COPSE_NOT_FOUND || (status == COPSE_OK && !item.negative);
}

static bool follow_read_refused(copse_bytes map, const char *key, copse_follow_state state,
                                copse_follow_source *source)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = follow_read(map, key, COPSE_CBOR_BYTES, &reader, &item);
    if (status == COPSE_OK) {
        source->state = state;
        status = copse_cid_from_bytes(item.bytes, &source->refused, NULL);
    }
    return status == COPSE_OK || status == COPSE_NOT_FOUND;
}

static bool follow_read_source(copse_follow_list *list, copse_bytes map)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    if (follow_read(map, "address", COPSE_CBOR_TEXT, &reader, &item) != COPSE_OK ||
        follow_add(list, item.bytes, NULL) != COPSE_OK) {
        return false;
    }
    copse_follow_source *source = &list->sources[list->count - 1];
    return follow_read_number(map, "time", &source->time_ms) &&
           follow_read_number(map, "sequence", &source->sequence) &&
           follow_read_refused(map, "rolled-back", COPSE_FOLLOW_ROLLED_BACK, source) &&
           follow_read_refused(map, "forked", COPSE_FOLLOW_FORKED, source);
}

static bool follow_read_all(copse_follow_list *list, copse_bytes data)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    if (follow_read(data, "sources", COPSE_CBOR_ARRAY, &reader, &item) != COPSE_OK ||
        item.arg > COPSE_FOLLOW_MAX || !follow_read_number(data, "backfilled", &list->backfilled)) {
        return false;
    }
    bool good = true;
    for (uint64_t i = 0; i < item.arg && good; i++) {
        copse_bytes map;
        good = copse_cbor_take(&reader, &map, NULL) == COPSE_OK && follow_read_source(list, map);
    }
    return good;
}

/* L3: which also settles format, version, and keys that are unknown. */
static copse_status follow_check_same(const copse_follow_list *list, copse_bytes data,
                                      copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, list->env, FOLLOW_SIZE_MAX);
    copse_status status = copse_follow_list_encode(list, &buf, err);
    if (status == COPSE_OK && !copse_bytes_equal(copse_buf_view(&buf), data)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "not a list of what is followed, of version %d",
                           FOLLOW_VERSION);
    }
    copse_buf_release(&buf);
    return status;
}

copse_status copse_follow_list_decode(const copse_env *env, copse_bytes data,
                                      copse_follow_list **ret_list, copse_err *err)
{
    copse_follow_list *list = NULL;
    if (data.len > FOLLOW_SIZE_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a list of what is followed is too long");
    }
    copse_status status = copse_dag_cbor_check(data, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = copse_follow_list_new(env, &list, err);
    }
    if (status == COPSE_OK && !follow_read_all(list, data)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a list of what is followed is malformed");
    }
    if (status == COPSE_OK) {
        status = follow_check_same(list, data, err);
    }
    if (status != COPSE_OK) {
        copse_follow_list_free(list);
        return status;
    }
    *ret_list = list;
    return COPSE_OK;
}
