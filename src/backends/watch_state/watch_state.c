/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/watch_state.h>

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>
#include <copse/ext_json.h>

#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { WATCH_STATE_SIZE_BYTES_MAX = 1 << 20, WATCH_STATE_PATH_SIZE = 4096 };

/* ---- The map ---- */

static copse_status watch_state_text(copse_buf *buf, const char *key, copse_bytes text)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_text(buf, text) : status;
}

static copse_status watch_state_number(copse_buf *buf, const char *key, uint64_t number)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_uint(buf, number) : status;
}

static copse_status watch_state_link(copse_buf *buf, const char *key, const copse_cid *cid)
{
    copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    return status == COPSE_OK ? copse_cbor_write_link(buf, (copse_bytes){cid->bytes, cid->size})
                              : status;
}

/* The filter as Extended JSON, whose keys a map may hold whatever they are. */
static copse_status watch_state_filter(const copse_env *env, const copse_watch_reader *reader,
                                       copse_buf *buf, copse_err *err)
{
    return reader->filter.len > 0 ? copse_ext_json_from_cbor(env, reader->filter, false, buf, err)
                                  : copse_buf_append(buf, copse_bytes_of_text("{}"));
}

/* Appends the map of reader and state (NULL: the reader alone), in any order. */
static copse_status watch_state_encode(const copse_env *env, const copse_watch_reader *reader,
                                       const copse_watch_state *state, copse_buf *buf,
                                       copse_err *err)
{
    copse_buf filter;
    uint64_t pairs = 4;
    copse_buf_init(&filter, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = watch_state_filter(env, reader, &filter, err);
    if (status == COPSE_OK) {
        status = watch_state_text(buf, "database", copse_bytes_of_text(reader->database));
    }
    if (status == COPSE_OK) {
        status = watch_state_text(buf, "collection", copse_bytes_of_text(reader->collection));
    }
    if (status == COPSE_OK) {
        status = watch_state_text(buf, "filter", copse_buf_view(&filter));
    }
    if (status == COPSE_OK) {
        status = watch_state_text(buf, "reader", copse_bytes_of_text(reader->name));
    }
    if (status == COPSE_OK && state != NULL) {
        status = watch_state_number(buf, "version", 1);
        pairs++;
    }
    if (status == COPSE_OK && state != NULL) {
        status = watch_state_number(buf, "time", state->time_ms);
        pairs++;
    }
    if (status == COPSE_OK && state != NULL && state->seen.size > 0) {
        status = watch_state_link(buf, "seen", &state->seen);
        pairs++;
    }
    if (status == COPSE_OK && state != NULL && state->toward.size > 0) {
        status = watch_state_link(buf, "toward", &state->toward);
        pairs++;
    }
    if (status == COPSE_OK && state != NULL && state->toward.size > 0) {
        status = watch_state_number(buf, "told", state->told);
        pairs++;
    }
    if (status == COPSE_OK && state != NULL && state->toward.size > 0 && state->membership_only) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("membership"));
        pairs++;
        if (status == COPSE_OK) {
            status = copse_cbor_write_bool(buf, true);
        }
    }
    copse_buf_release(&filter);
    return status == COPSE_OK ? copse_cbor_finish_map(buf, 0, pairs) : status;
}

/* ---- Reading a map ---- */

/* The value at `key`. NOT_FOUND: there is none. */
static copse_status watch_state_find(copse_bytes map, const char *key, copse_cbor_kind kind,
                                     copse_cbor_item *ret_item)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, map);
    copse_status status = copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, ret_item, NULL);
    }
    return status == COPSE_OK && ret_item->kind != kind ? COPSE_CORRUPT : status;
}

static bool watch_state_has_text(copse_bytes map, const char *key, copse_bytes text)
{
    copse_cbor_item item;
    return watch_state_find(map, key, COPSE_CBOR_TEXT, &item) == COPSE_OK &&
           copse_bytes_equal(item.bytes, text);
}

static bool watch_state_read_number(copse_bytes map, const char *key, uint64_t *ret_number)
{
    copse_cbor_item item;
    copse_status status = watch_state_find(map, key, COPSE_CBOR_INT, &item);
    bool good = status == COPSE_NOT_FOUND || (status == COPSE_OK && !item.negative);
    *ret_number = status == COPSE_OK ? item.arg : 0;
    return good;
}

static bool watch_state_read_link(copse_bytes map, const char *key, copse_cid *ret_cid)
{
    copse_cbor_item item;
    copse_status status = watch_state_find(map, key, COPSE_CBOR_LINK, &item);
    *ret_cid = (copse_cid){.size = 0};
    return status == COPSE_NOT_FOUND ||
           (status == COPSE_OK && copse_cid_from_bytes(item.bytes, ret_cid, NULL) == COPSE_OK);
}

/* Nothing but `true` is written. */
static bool watch_state_read_flag(copse_bytes map, const char *key, bool *ret_flag)
{
    copse_cbor_item item;
    copse_status status = watch_state_find(map, key, COPSE_CBOR_BOOL, &item);
    *ret_flag = status == COPSE_OK;
    return status == COPSE_NOT_FOUND || (status == COPSE_OK && item.boolean);
}

/* Z3 */
static copse_status watch_state_check(const copse_env *env, copse_bytes map,
                                      const copse_watch_reader *reader, copse_err *err)
{
    copse_buf filter;
    uint64_t version = 0;
    copse_buf_init(&filter, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = watch_state_filter(env, reader, &filter, err);
    if (status == COPSE_OK &&
        (!watch_state_read_number(map, "version", &version) || version != 1 ||
         !watch_state_has_text(map, "database", copse_bytes_of_text(reader->database)) ||
         !watch_state_has_text(map, "collection", copse_bytes_of_text(reader->collection)) ||
         !watch_state_has_text(map, "filter", copse_buf_view(&filter)) ||
         !watch_state_has_text(map, "reader", copse_bytes_of_text(reader->name)))) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "not what this reader has seen of this query");
    }
    copse_buf_release(&filter);
    return status;
}

static copse_status watch_state_decode(const copse_env *env, copse_bytes text,
                                       const copse_watch_reader *reader,
                                       copse_watch_state *ret_state, copse_err *err)
{
    copse_watch_state state;
    copse_buf map;
    copse_buf_init(&map, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = copse_dag_json_to_cbor(env, text, &map, err);
    if (status == COPSE_OK) {
        status = watch_state_check(env, copse_buf_view(&map), reader, err);
    }
    if (status == COPSE_OK &&
        (!watch_state_read_link(copse_buf_view(&map), "seen", &state.seen) ||
         !watch_state_read_link(copse_buf_view(&map), "toward", &state.toward) ||
         !watch_state_read_number(copse_buf_view(&map), "told", &state.told) ||
         !watch_state_read_flag(copse_buf_view(&map), "membership", &state.membership_only) ||
         !watch_state_read_number(copse_buf_view(&map), "time", &state.time_ms))) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a part of what was seen is malformed");
    }
    if (status == COPSE_OK) {
        *ret_state = state;
    }
    copse_buf_release(&map);
    return status;
}

/* ---- Files ---- */

/* The paths of a reader's files. */
typedef struct watch_state_paths {
    char file[WATCH_STATE_PATH_SIZE];
    char temporary[WATCH_STATE_PATH_SIZE];
    char lock[WATCH_STATE_PATH_SIZE];
} watch_state_paths;

/* A file has the name of the CID of the map that says whose it is. */
static copse_status watch_state_find_paths(const copse_env *env, const char *folder,
                                           const copse_watch_reader *reader,
                                           watch_state_paths *paths, copse_err *err)
{
    char name[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid cid;
    copse_buf map;
    copse_buf_init(&map, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = watch_state_encode(env, reader, NULL, &map, err);
    if (status == COPSE_OK) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&map), &cid);
        (void)copse_cid_to_text(&cid, COPSE_BASE32, name);
        int size = snprintf(paths->file, sizeof paths->file, "%s/%s.json", folder, name);
        (void)snprintf(paths->temporary, sizeof paths->temporary, "%s/%s.new", folder, name);
        (void)snprintf(paths->lock, sizeof paths->lock, "%s/lock", folder);
        if (size < 0 || (size_t)size >= sizeof paths->file) {
            status = COPSE_ERR(err, COPSE_LIMIT, "the path of the folder is too long");
        }
    }
    copse_buf_release(&map);
    return status == COPSE_LIMIT || status == COPSE_OK || status == COPSE_CORRUPT
               ? status
               : COPSE_ERR_NOMEM(err);
}

static copse_status watch_state_open(copse_os *os, const char *path, unsigned flags,
                                     copse_file **ret_file, copse_err *err)
{
    return os->ops->open(os, path, flags, ret_file, err);
}

static copse_status watch_state_read_all(copse_file *file, copse_buf *buf, copse_err *err)
{
    uint8_t piece[4096];
    size_t got = sizeof piece;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && got == sizeof piece) {
        status = file->ops->read_at(file, buf->len, piece, sizeof piece, &got, err);
        if (status == COPSE_OK) {
            status = copse_buf_append(buf, (copse_bytes){piece, got});
            if (status != COPSE_OK) {
                (void)COPSE_ERR(err, status, "what was seen takes too many bytes");
            }
        }
    }
    return status;
}

copse_status copse_watch_state_read(const copse_env *env, copse_os *os, const char *folder,
                                    const copse_watch_reader *reader, copse_watch_state *ret_state,
                                    copse_err *err)
{
    watch_state_paths paths;
    copse_file *file = NULL;
    copse_buf text;
    copse_status status = watch_state_find_paths(env, folder, reader, &paths, err);
    if (status == COPSE_OK) {
        status = watch_state_open(os, paths.file, 0, &file, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&text, env, WATCH_STATE_SIZE_BYTES_MAX);
    status = watch_state_read_all(file, &text, err);
    if (status == COPSE_OK) {
        status = watch_state_decode(env, copse_buf_view(&text), reader, ret_state, err);
    }
    file->ops->close(file);
    copse_buf_release(&text);
    return status;
}

/* Z1: the file under its other name, synced. */
static copse_status watch_state_write_file(copse_os *os, const char *path, copse_bytes text,
                                           copse_err *err)
{
    copse_file *file = NULL;
    copse_status status = watch_state_open(
        os, path, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE, &file, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = file->ops->write_at(file, 0, &text, 1, err);
    if (status == COPSE_OK) {
        status = file->ops->sync(file, err);
    }
    file->ops->close(file);
    return status;
}

/* Z1, with the lock taken. */
static copse_status watch_state_replace(copse_os *os, const char *folder,
                                        const watch_state_paths *paths, copse_bytes text,
                                        copse_err *err)
{
    copse_status status = watch_state_write_file(os, paths->temporary, text, err);
    if (status == COPSE_OK) {
        status = os->ops->rename(os, paths->temporary, paths->file, err);
    }
    return status == COPSE_OK ? os->ops->sync_dir(os, folder, err) : status;
}

/* Makes the folder if it isn't there, and its name durable. */
static copse_status watch_state_make_folder(copse_os *os, const char *folder, copse_err *err)
{
    char parent[WATCH_STATE_PATH_SIZE];
    (void)snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    copse_status status = os->ops->make_dir(os, folder, err);
    if (status == COPSE_CONFLICT) {
        return COPSE_OK;
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    return os->ops->sync_dir(os, slash != NULL ? parent : ".", err);
}

/* Z2 */
static copse_status watch_state_write_text(copse_os *os, const char *folder,
                                           const watch_state_paths *paths, copse_bytes text,
                                           copse_err *err)
{
    copse_file *lock = NULL;
    copse_status status = watch_state_make_folder(os, folder, err);
    if (status == COPSE_OK) {
        status =
            watch_state_open(os, paths->lock, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &lock, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = lock->ops->lock(lock, COPSE_LOCK_EXCLUSIVE, true, err);
    if (status == COPSE_OK) {
        status = watch_state_replace(os, folder, paths, text, err);
    }
    lock->ops->close(lock);
    return status;
}

copse_status copse_watch_state_write(const copse_env *env, copse_os *os, const char *folder,
                                     const copse_watch_reader *reader,
                                     const copse_watch_state *state, copse_err *err)
{
    watch_state_paths paths;
    copse_watch_state now = *state;
    copse_buf map;
    copse_buf text;
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "what was seen is kept with its time");
    }
    now.time_ms = env->clock(env->clock_ctx);
    copse_buf_init(&map, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_buf_init(&text, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = watch_state_find_paths(env, folder, reader, &paths, err);
    if (status == COPSE_OK) {
        status = watch_state_encode(env, reader, &now, &map, err);
    }
    if (status == COPSE_OK) {
        status = copse_dag_json_from_cbor(env, copse_buf_view(&map), COPSE_CBOR_STRICT, &text, err);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(&text, '\n');
    }
    if (status == COPSE_OK) {
        status = watch_state_write_text(os, folder, &paths, copse_buf_view(&text), err);
    }
    copse_buf_release(&map);
    copse_buf_release(&text);
    return status;
}
