/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/watch_state.h>

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>
#include <copse/ext_json.h>

#include "base/err.h"
#include "value/cbor_writer.h"

#include <stdio.h>
#include <string.h>

enum { WATCH_STATE_SIZE_BYTES_MAX = 1 << 20, WATCH_STATE_PATH_SIZE = 4096 };

/* ---- The map ---- */

/* The filter as Extended JSON, whose keys a map may hold whatever they are. */
static copse_status watch_state_filter(const copse_env *env, const copse_watch_reader *reader,
                                       copse_buf *buf, copse_err *err)
{
    return reader->filter.len > 0 ? copse_ext_json_from_cbor(env, reader->filter, false, buf, err)
                                  : copse_buf_append(buf, copse_bytes_of_text("{}"));
}

/* Writes the members of a state; returns how many they are. */
static uint64_t watch_state_members(copse_cbor_writer *writer, const copse_watch_state *state)
{
    uint64_t pairs = 2;
    copse_cbor_writer_key(writer, "version");
    copse_cbor_writer_uint(writer, 1);
    copse_cbor_writer_key(writer, "time");
    copse_cbor_writer_uint(writer, state->time_ms);
    if (state->seen.size > 0) {
        copse_cbor_writer_key(writer, "seen");
        copse_cbor_writer_link(writer, &state->seen);
        pairs++;
    }
    if (state->toward.size > 0) {
        copse_cbor_writer_key(writer, "toward");
        copse_cbor_writer_link(writer, &state->toward);
        copse_cbor_writer_key(writer, "told");
        copse_cbor_writer_uint(writer, state->told);
        pairs += 2;
        if (state->membership_only) {
            copse_cbor_writer_key(writer, "membership");
            copse_cbor_writer_bool(writer, true);
            pairs++;
        }
    }
    return pairs;
}

/* Appends the map of reader and state (NULL: the reader alone), in any order. */
static copse_status watch_state_encode(const copse_env *env, const copse_watch_reader *reader,
                                       const copse_watch_state *state, copse_buf *buf,
                                       copse_err *err)
{
    copse_cbor_writer writer = {.buf = buf};
    copse_buf filter;
    uint64_t pairs = 4;
    copse_buf_init(&filter, env, WATCH_STATE_SIZE_BYTES_MAX);
    writer.status = watch_state_filter(env, reader, &filter, err);
    copse_cbor_writer_key(&writer, "database");
    copse_cbor_writer_text(&writer, copse_bytes_of_text(reader->database));
    copse_cbor_writer_key(&writer, "collection");
    copse_cbor_writer_text(&writer, copse_bytes_of_text(reader->collection));
    copse_cbor_writer_key(&writer, "filter");
    copse_cbor_writer_text(&writer, copse_buf_view(&filter));
    copse_cbor_writer_key(&writer, "reader");
    copse_cbor_writer_text(&writer, copse_bytes_of_text(reader->name));
    if (state != NULL) {
        pairs += watch_state_members(&writer, state);
    }
    copse_buf_release(&filter);
    return writer.status == COPSE_OK ? copse_cbor_finish_map(buf, 0, pairs) : writer.status;
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

static copse_status watch_state_read_members(copse_bytes map, copse_watch_state *ret_state,
                                             copse_err *err)
{
    bool good = watch_state_read_link(map, "seen", &ret_state->seen) &&
                watch_state_read_link(map, "toward", &ret_state->toward) &&
                watch_state_read_number(map, "told", &ret_state->told) &&
                watch_state_read_flag(map, "membership", &ret_state->membership_only) &&
                watch_state_read_number(map, "time", &ret_state->time_ms);
    return good ? COPSE_OK : COPSE_ERR(err, COPSE_CORRUPT, "a part of what was seen is malformed");
}

/* Reads the state of a map, which must be of this reader: Z3. */
static copse_status watch_state_read_map(const copse_env *env, copse_bytes map,
                                         const copse_watch_reader *reader,
                                         copse_watch_state *ret_state, copse_err *err)
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
    return status == COPSE_OK ? watch_state_read_members(map, ret_state, err) : status;
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
        status = watch_state_read_map(env, copse_buf_view(&map), reader, &state, err);
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

/* Appends what the file holds. */
static copse_status watch_state_read_file(copse_os *os, const char *path, copse_buf *text,
                                          copse_err *err)
{
    copse_file *file = NULL;
    copse_status status = os->ops->open(os, path, 0, &file, err);
    if (status == COPSE_OK) {
        status = watch_state_read_all(file, text, err);
        file->ops->close(file);
    }
    return status;
}

copse_status copse_watch_state_read(const copse_env *env, copse_os *os, const char *folder,
                                    const copse_watch_reader *reader, copse_watch_state *ret_state,
                                    copse_err *err)
{
    watch_state_paths paths;
    copse_buf text;
    copse_buf_init(&text, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_status status = watch_state_find_paths(env, folder, reader, &paths, err);
    if (status == COPSE_OK) {
        status = watch_state_read_file(os, paths.file, &text, err);
    }
    if (status == COPSE_OK) {
        status = watch_state_decode(env, copse_buf_view(&text), reader, ret_state, err);
    }
    copse_buf_release(&text);
    return status;
}

/* Z1: the file under its other name, synced. */
static copse_status watch_state_write_file(copse_os *os, const char *path, copse_bytes text,
                                           copse_err *err)
{
    copse_file *file = NULL;
    copse_status status = os->ops->open(
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
        status = os->ops->open(os, paths->lock, COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &lock, err);
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

/* ---- Listing ---- */

typedef struct watch_state_listing {
    const copse_env *env;
    copse_os *os;
    const char *folder;
    copse_watch_state_visit_fn visit;
    void *ctx;
    bool is_there; /* the folder */
} watch_state_listing;

/* What is read of one file. */
typedef struct watch_state_entry {
    copse_buf text;
    copse_buf map;
    copse_buf words; /* database, collection and reader, each with a NUL behind it */
    copse_buf filter;
    copse_watch_reader reader;
    copse_watch_state state;
} watch_state_entry;

static void watch_state_entry_init(watch_state_entry *entry, const copse_env *env)
{
    copse_buf_init(&entry->text, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_buf_init(&entry->map, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_buf_init(&entry->words, env, WATCH_STATE_SIZE_BYTES_MAX);
    copse_buf_init(&entry->filter, env, WATCH_STATE_SIZE_BYTES_MAX);
}

static void watch_state_entry_release(watch_state_entry *entry)
{
    copse_buf_release(&entry->text);
    copse_buf_release(&entry->map);
    copse_buf_release(&entry->words);
    copse_buf_release(&entry->filter);
}

/* Appends the text at `key`, with a NUL; *ret_offset: where. */
static copse_status watch_state_entry_word(watch_state_entry *entry, const char *key,
                                           size_t *ret_offset, copse_err *err)
{
    copse_cbor_item item;
    copse_status status =
        watch_state_find(copse_buf_view(&entry->map), key, COPSE_CBOR_TEXT, &item);
    *ret_offset = entry->words.len;
    if (status != COPSE_OK || memchr(item.bytes.ptr, '\0', item.bytes.len) != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it does not say whose it is");
    }
    status = copse_buf_append(&entry->words, item.bytes);
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(&entry->words, 0);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static copse_status watch_state_entry_reader(watch_state_entry *entry, const copse_env *env,
                                             copse_err *err)
{
    static const char *const keys[] = {"database", "collection", "reader", "filter"};
    size_t at[4];
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 4 && status == COPSE_OK; i++) {
        status = watch_state_entry_word(entry, keys[i], &at[i], err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    const char *words = (const char *)entry->words.ptr;
    entry->reader = (copse_watch_reader){
        .database = words + at[0], .collection = words + at[1], .name = words + at[2]};
    status = copse_ext_json_to_cbor(env, copse_bytes_of_text(words + at[3]), COPSE_EXT_JSON_QUERY,
                                    &entry->filter, err);
    entry->reader.filter = copse_buf_view(&entry->filter);
    return status;
}

/* Reads one file, which must be what a write of this reader names. */
static copse_status watch_state_entry_read(watch_state_entry *entry,
                                           const watch_state_listing *listing, const char *path,
                                           copse_err *err)
{
    const copse_env *env = listing->env;
    watch_state_paths paths;
    copse_status status = watch_state_read_file(listing->os, path, &entry->text, err);
    if (status == COPSE_OK) {
        status = copse_dag_json_to_cbor(env, copse_buf_view(&entry->text), &entry->map, err);
    }
    if (status == COPSE_OK) {
        status = watch_state_entry_reader(entry, env, err);
    }
    if (status == COPSE_OK) {
        status = watch_state_find_paths(env, listing->folder, &entry->reader, &paths, err);
    }
    if (status == COPSE_OK && strcmp(paths.file, path) != 0) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "it has the name of another reader's");
    }
    return status == COPSE_OK ? watch_state_read_map(env, copse_buf_view(&entry->map),
                                                     &entry->reader, &entry->state, err)
                              : status;
}

static copse_status watch_state_list_name(void *ctx, const char *name, copse_err *err)
{
    watch_state_listing *listing = ctx;
    char path[WATCH_STATE_PATH_SIZE];
    watch_state_entry entry;
    copse_err why;
    size_t len = strlen(name);
    listing->is_there = true;
    int size = snprintf(path, sizeof path, "%s/%s", listing->folder, name);
    if (len < 5 || strcmp(name + len - 5, ".json") != 0 || (size_t)size >= sizeof path) {
        return COPSE_OK;
    }
    watch_state_entry_init(&entry, listing->env);
    copse_status status = watch_state_entry_read(&entry, listing, path, &why);
    if (status == COPSE_OK) {
        status = listing->visit(listing->ctx, &entry.reader, &entry.state, err);
    } else if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        copse_err told;
        (void)COPSE_ERR(&told, status, "%s: %s", name, why.message);
        status = listing->visit(listing->ctx, NULL, NULL, &told);
    } else if (status == COPSE_NOT_FOUND) {
        status = COPSE_OK; /* gone meanwhile */
    } else if (err != NULL) {
        *err = why;
    }
    watch_state_entry_release(&entry);
    return status;
}

copse_status copse_watch_state_list(const copse_env *env, copse_os *os, const char *folder,
                                    copse_watch_state_visit_fn visit, void *ctx, copse_err *err)
{
    watch_state_listing listing = {env, os, folder, visit, ctx, false};
    copse_status status = os->ops->list_dir(os, folder, watch_state_list_name, &listing, err);
    return status == COPSE_NOT_FOUND && !listing.is_there ? COPSE_OK : status;
}
