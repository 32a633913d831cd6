/* A CAR file as a store.
 *
 *     get ---> index of the file ---> head of a section ---> block ---> verified
 *              not there, or wrong
 *                     |
 *                     v
 *              scan, once ---> table: key of the CID ---> place
 *
 * Invariants:
 *   C1  Neither the index nor the table is believed: the CID is compared where the block stands,
 *       and the block verified.
 *   C2  NOT_FOUND is answered only after a scan of the whole payload, with the table complete.
 *   C3  Of sections with one CID the first counts. A key is XXH3 under a seed that the file's
 *       author doesn't know, so that nobody makes others meet in the table.
 *   C4  The table takes 16 bytes a slot, at most limits.sort_memory_bytes_max in all.
 *
 * A scan reads the file once, in order, and hashes no block. Getting a block is one read with the
 * table (none if blocks are read in order: pack_window.h), and with the index two or three more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car_file.h>

#include <copse/buf.h>
#include <copse/car.h>

#include "backends/pack/pack_io.h"
#include "backends/pack/pack_table.h"
#include "backends/pack/pack_window.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/varint.h"
#include "block/block.h"

#include <stdio.h>
#include <string.h>

enum {
    CAR_FILE_CHUNK_BYTES = 1 << 18,
    CAR_FILE_CANDIDATES_MAX = 16, /* of one digest in an index; a scan finds the others */
    CAR_FILE_NAME_SIZE = 100
};

struct copse_car_file {
    copse_store store; /* first: see car_file_of_store */
    const copse_env *env;
    copse_file *file;
    char name[CAR_FILE_NAME_SIZE]; /* for messages */
    uint64_t size;
    uint64_t payload_end;
    copse_cid *roots;
    size_t roots_count;
    copse_car_index *index; /* NULL: the table is complete (C2) */
    copse_pack_table table;
    uint64_t seed;
    copse_pack_window window;
    copse_buf scratch;
};

static copse_car_file *car_file_of_store(copse_store *store)
{
    return (copse_car_file *)store; /* its first member */
}

/* ---- Going through the file ---- */

/* A reader of the whole file. */
typedef struct car_file_scan {
    copse_car_file *car;
    copse_car_reader *reader;
    uint8_t *chunk;
    uint64_t offset; /* that was read up to */
} car_file_scan;

static void car_file_scan_release(car_file_scan *scan)
{
    (void)copse_car_reader_free(scan->reader);
    copse_free(scan->car->env, scan->chunk, CAR_FILE_CHUNK_BYTES);
}

static copse_status car_file_scan_init(car_file_scan *scan, copse_car_file *car, copse_err *err)
{
    static const copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_NONE,
                                                     .padding = true};
    *scan = (car_file_scan){.car = car, .chunk = copse_alloc(car->env, CAR_FILE_CHUNK_BYTES)};
    copse_status status = scan->chunk != NULL
                              ? copse_car_reader_new(car->env, &options, &scan->reader, err)
                              : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        car_file_scan_release(scan);
    }
    return status;
}

static copse_status car_file_scan_feed(car_file_scan *scan, copse_err *err)
{
    size_t got = 0;
    copse_file *file = scan->car->file;
    copse_status status =
        file->ops->read_at(file, scan->offset, scan->chunk, CAR_FILE_CHUNK_BYTES, &got, err);
    if (status != COPSE_OK) {
        return status;
    }
    scan->offset += got;
    if (got == 0) {
        copse_car_reader_feed_end(scan->reader);
        return COPSE_OK;
    }
    return copse_car_reader_feed(scan->reader, (copse_bytes){scan->chunk, got}, err);
}

/* The next item. END: there is no more section; what stands behind the payload isn't read. */
static copse_status car_file_scan_next(car_file_scan *scan, copse_car_item *ret_item,
                                       copse_err *err)
{
    copse_err why;
    copse_status status;
    while ((status = copse_car_reader_next(scan->reader, ret_item, &why)) == COPSE_WANT) {
        const copse_car_header *header = copse_car_reader_header(scan->reader);
        if (header != NULL && header->version == 2 &&
            scan->offset >= header->data_offset + header->data_size + COPSE_VARINT_SIZE_BYTES_MAX) {
            return COPSE_END;
        }
        status = car_file_scan_feed(scan, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status < 0 ? COPSE_ERR(err, status, "%s: %.150s", scan->car->name, why.message) : status;
}

/* ---- The table ---- */

/* Reads CID and data, or their first bytes, at `offset`. */
static copse_status car_file_read(copse_car_file *car, uint64_t offset, size_t size,
                                  copse_bytes *ret_bytes, copse_err *err)
{
    copse_status status = copse_pack_window_read(&car->window, car->env, car->file,
                                                 car->payload_end, offset, size, ret_bytes, err);
    if (status != COPSE_OK || ret_bytes->len > 0) {
        return status;
    }
    copse_buf_truncate(&car->scratch, 0);
    if (copse_buf_reserve(&car->scratch, size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    status = copse_pack_io_read(car->file, car->name, offset, car->scratch.ptr, size, err);
    *ret_bytes = (copse_bytes){car->scratch.ptr, size};
    return status;
}

/* The place of `cid` in the table. NOT_FOUND (err untouched). */
static copse_status car_file_table_find(copse_car_file *car, const copse_cid *cid,
                                        copse_pack_place *ret_place, copse_err *err)
{
    uint64_t key = copse_pack_key((copse_bytes){cid->bytes, cid->size}, car->seed);
    const copse_pack_record *record;
    size_t cursor = 0;
    while ((record = copse_pack_table_find(&car->table, key, &cursor)) != NULL) {
        copse_pack_place place = copse_pack_place_unpack(record->place);
        uint8_t bytes[COPSE_CID_SIZE_BYTES_MAX];
        if (place.length >= cid->size) {
            copse_status status =
                copse_pack_io_read(car->file, car->name, place.offset, bytes, cid->size, err);
            if (status != COPSE_OK) {
                return status;
            }
            if (memcmp(bytes, cid->bytes, cid->size) == 0) {
                *ret_place = place;
                return COPSE_OK;
            }
        }
    }
    return COPSE_NOT_FOUND;
}

static copse_status car_file_table_add(copse_car_file *car, const copse_car_item *item,
                                       copse_err *err)
{
    size_t slots_max = car->env->limits.sort_memory_bytes_max / sizeof(copse_pack_record);
    copse_pack_place place = {.length = (uint32_t)(item->cid.size + item->data.len)};
    place.offset = item->offset + item->size - place.length;
    copse_status status = car_file_table_find(car, &item->cid, &place, err);
    if (status != COPSE_NOT_FOUND) {
        return status; /* C3 */
    }
    if (item->cid.size + item->data.len > COPSE_PACK_LENGTH_MAX ||
        place.offset > COPSE_PACK_OFFSET_MAX || car->table.count >= slots_max / 4 * 3) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "%s, byte %llu: too large, or too many blocks, for a CAR without an index",
                         car->name, (unsigned long long)item->offset);
    }
    if (!copse_pack_table_reserve(&car->table, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    uint64_t key = copse_pack_key((copse_bytes){item->cid.bytes, item->cid.size}, car->seed);
    copse_pack_table_insert(&car->table, (copse_pack_record){key, copse_pack_place_pack(place)});
    return COPSE_OK;
}

/* Makes the table complete. On failure it is empty. */
static copse_status car_file_scan_all(copse_car_file *car, copse_err *err)
{
    car_file_scan scan;
    copse_car_item item;
    copse_status status = car_file_scan_init(&scan, car, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (status == COPSE_OK && (status = car_file_scan_next(&scan, &item, err)) == COPSE_OK) {
        if (item.kind == COPSE_CAR_SECTION) {
            status = car_file_table_add(car, &item, err);
        }
    }
    car_file_scan_release(&scan);
    if (status == COPSE_END) {
        car->index = copse_car_index_close(car->index);
        return COPSE_OK;
    }
    copse_pack_table_release(&car->table);
    return status;
}

/* ---- Finding ---- */

/* Reads the section at `offset` as far as its CID. NOT_FOUND: it is another's, or none. */
static copse_status car_file_section(const copse_car_file *car, uint64_t offset,
                                     const copse_cid *cid, copse_pack_place *ret_place,
                                     copse_err *err)
{
    uint8_t bytes[COPSE_VARINT_SIZE_BYTES_MAX + COPSE_CID_SIZE_BYTES_MAX];
    size_t got = 0;
    uint64_t length = 0;
    size_t head = 0;
    copse_status status =
        car->file->ops->read_at(car->file, offset, bytes, sizeof bytes, &got, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_varint_read((copse_bytes){bytes, got}, &length, &head) != COPSE_OK ||
        length < cid->size || length > COPSE_PACK_LENGTH_MAX || got - head < cid->size ||
        offset + head > car->payload_end || length > car->payload_end - offset - head ||
        memcmp(bytes + head, cid->bytes, cid->size) != 0) {
        return COPSE_NOT_FOUND;
    }
    *ret_place = (copse_pack_place){offset + head, (uint32_t)length};
    return COPSE_OK;
}

/* The place of `cid` by the file's index. NOT_FOUND: it doesn't say so, or something wrong. */
static copse_status car_file_index_find(const copse_car_file *car, const copse_cid *cid,
                                        copse_pack_place *ret_place, copse_err *err)
{
    for (size_t i = 0; i < CAR_FILE_CANDIDATES_MAX; i++) {
        uint64_t offset = 0;
        copse_status status = copse_car_index_find(car->index, cid, i, &offset, NULL);
        if (status == COPSE_OK) {
            status = car_file_section(car, offset, cid, ret_place, err);
        }
        if (status == COPSE_OK || status == COPSE_IO || status == COPSE_NOMEM) {
            return status;
        }
    }
    return COPSE_NOT_FOUND;
}

/* The place of `cid`. NOT_FOUND (err untouched). */
static copse_status car_file_find(copse_car_file *car, const copse_cid *cid,
                                  copse_pack_place *ret_place, copse_err *err)
{
    if (car->index != NULL) {
        copse_status status = car_file_index_find(car, cid, ret_place, err);
        if (status == COPSE_NOT_FOUND) {
            status = car_file_scan_all(car, err);
            status = status == COPSE_OK ? COPSE_NOT_FOUND : status;
        }
        if (status != COPSE_NOT_FOUND) {
            return status;
        }
    }
    return car_file_table_find(car, cid, ret_place, err);
}

/* ---- The store ---- */

/* The verified block at `place`, whose CID is `cid` (of size 0: whatever stands there). */
static copse_status car_file_block(copse_car_file *car, copse_pack_place place,
                                   const copse_cid *cid, copse_block **ret_block, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_block *block = NULL;
    copse_bytes bytes = {NULL, 0};
    copse_cid there;
    copse_err why = {0};
    size_t size = 0;
    copse_status status = car_file_read(car, place.offset, place.length, &bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cid_read(bytes, &there, &size, &why);
    if (status == COPSE_OK && cid->size > 0 && !copse_cid_equal_inline(&there, cid)) {
        status = COPSE_ERR(&why, COPSE_CORRUPT, "the file has changed");
    }
    if (status == COPSE_OK) {
        status = copse_block_new(car->env, &there,
                                 (copse_bytes){bytes.ptr + size, bytes.len - size}, &block, &why);
    }
    if (status == COPSE_OK) {
        status = copse_block_verify(block, &why);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return COPSE_ERR(err, status, "%s, byte %llu: block %.80s: %.60s", car->name,
                         (unsigned long long)place.offset, copse_block_cid_text(&there, text),
                         why.message);
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status car_file_get(copse_store *store, const copse_cid *cid, copse_block **ret_block,
                                 copse_err *err)
{
    copse_car_file *car = car_file_of_store(store);
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_pack_place place;
    copse_status status = car_file_find(car, cid, &place, err);
    if (status == COPSE_NOT_FOUND) {
        return err == NULL ? status
                           : COPSE_ERR(err, status, "block %.80s is not in %s",
                                       copse_block_cid_text(cid, text), car->name);
    }
    return status == COPSE_OK ? car_file_block(car, place, cid, ret_block, err) : status;
}

static copse_status car_file_has(copse_store *store, const copse_cid *cid, bool *ret_present,
                                 copse_err *err)
{
    copse_pack_place place;
    copse_status status = car_file_find(car_file_of_store(store), cid, &place, err);
    if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        *ret_present = status == COPSE_OK;
        return COPSE_OK;
    }
    return status;
}

static copse_status car_file_iterate(copse_store *store, copse_store_visit_fn visit, void *ctx,
                                     copse_err *err)
{
    copse_car_file *car = car_file_of_store(store);
    static const copse_cid any = {.size = 0};
    copse_status status = car->index != NULL ? car_file_scan_all(car, err) : COPSE_OK;
    for (size_t i = 0; i < car->table.capacity && status == COPSE_OK; i++) {
        copse_block *block = NULL;
        if (car->table.slots[i].place == 0) {
            continue;
        }
        copse_pack_place place = copse_pack_place_unpack(car->table.slots[i].place);
        status = car_file_block(car, place, &any, &block, err);
        if (status == COPSE_OK) {
            status = visit(ctx, block, err);
        }
        copse_block_unref(block);
    }
    return status;
}

static copse_status car_file_put(copse_store *store, copse_block *const *blocks, size_t count,
                                 copse_err *err)
{
    (void)blocks;
    (void)count;
    return COPSE_ERR(err, COPSE_DENIED, "%s is read only: a CAR file takes no blocks",
                     car_file_of_store(store)->name);
}

static copse_status car_file_remove(copse_store *store, const copse_cid *cids, size_t count,
                                    copse_err *err)
{
    (void)cids;
    (void)count;
    return COPSE_ERR(err, COPSE_DENIED, "%s is read only: a CAR file keeps its blocks",
                     car_file_of_store(store)->name);
}

/* The file owns its store: closing that closes nothing. */
static void car_file_close_store(copse_store *store)
{
    (void)store;
}

static const copse_store_ops car_file_ops = {
    .get = car_file_get,
    .put = car_file_put,
    .has = car_file_has,
    .iterate = car_file_iterate,
    .remove = car_file_remove,
    .close = car_file_close_store,
};

/* ---- Opening and closing ---- */

/* Reads the header: roots, and where the payload ends. */
static copse_status car_file_read_header(copse_car_file *car, copse_err *err)
{
    car_file_scan scan;
    copse_car_item item = {.header = NULL};
    copse_status status = car_file_scan_init(&scan, car, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = car_file_scan_next(&scan, &item, err);
    if (status == COPSE_OK) {
        const copse_car_header *header = item.header;
        bool is_cut = header->version == 2 && (header->data_offset > car->size ||
                                               header->data_size > car->size - header->data_offset);
        car->payload_end =
            header->version == 2 ? header->data_offset + header->data_size : car->size;
        car->roots = copse_alloc_array(car->env, header->roots_count + 1, sizeof car->roots[0]);
        car->roots_count = header->roots_count;
        if (is_cut) {
            status = COPSE_ERR(err, COPSE_CORRUPT,
                               "%s is cut short: it has %llu bytes, and says that its blocks end "
                               "at byte %llu",
                               car->name, (unsigned long long)car->size,
                               (unsigned long long)car->payload_end);
        } else if (car->roots == NULL) {
            status = COPSE_ERR_NOMEM(err);
        } else if (header->roots_count > 0) {
            memcpy(car->roots, header->roots, header->roots_count * sizeof car->roots[0]);
        }
    }
    car_file_scan_release(&scan);
    return status;
}

/* For the index: copse_car_source. */
static copse_status car_file_read_at(void *ctx, uint64_t offset, size_t len, uint8_t *ret_bytes,
                                     copse_err *err)
{
    const copse_car_file *car = ctx;
    return copse_pack_io_read(car->file, car->name, offset, ret_bytes, len, err);
}

static copse_status car_file_open(copse_car_file *car, copse_os *os, const char *path,
                                  copse_err *err)
{
    copse_status status = os->ops->open(os, path, 0, &car->file, err);
    if (status == COPSE_OK) {
        status = car->file->ops->size(car->file, &car->size, err);
    }
    if (status == COPSE_OK && car->env->random != NULL) {
        status = car->env->random(car->env->random_ctx, &car->seed, sizeof car->seed);
    }
    if (status == COPSE_OK) {
        status = car_file_read_header(car, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_car_source source = {.read_at = car_file_read_at, .ctx = car, .size = car->size};
    status = copse_car_index_open(car->env, &source, &car->index, err);
    /* Without one, or with one that makes no sense, the blocks are found all the same. */
    return status == COPSE_NOT_FOUND || status == COPSE_CORRUPT || status == COPSE_LIMIT
               ? car_file_scan_all(car, err)
               : status;
}

copse_status copse_car_file_open(const copse_env *env, copse_os *os, const char *path,
                                 copse_car_file **ret_file, copse_err *err)
{
    if (env == NULL || os == NULL || path == NULL || ret_file == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a CAR file needs an environment, a system and a path");
    }
    copse_car_file *car = copse_alloc_zeroed(env, sizeof *car);
    if (car == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    car->store.ops = &car_file_ops;
    car->env = env;
    car->table.env = env;
    (void)snprintf(car->name, sizeof car->name, "%s", path);
    copse_buf_init(&car->scratch, env, COPSE_PACK_LENGTH_MAX);
    copse_err why = {0};
    copse_status status = car_file_open(car, os, path, &why);
    if (status != COPSE_OK) {
        (void)copse_car_file_close(car);
        if (err != NULL) {
            *err = why;
        }
        return status;
    }
    *ret_file = car;
    return COPSE_OK;
}

copse_car_file *copse_car_file_close(copse_car_file *file)
{
    if (file != NULL) {
        const copse_env *env = file->env;
        copse_pack_window_release(&file->window, env);
        copse_buf_release(&file->scratch);
        copse_pack_table_release(&file->table);
        (void)copse_car_index_close(file->index);
        if (file->roots != NULL) {
            copse_free_array(env, file->roots, file->roots_count + 1, sizeof file->roots[0]);
        }
        (void)copse_pack_io_close(file->file);
        copse_free(env, file, sizeof *file);
    }
    return NULL;
}

copse_store *copse_car_file_store(copse_car_file *file)
{
    return &file->store;
}

const copse_cid *copse_car_file_roots(const copse_car_file *file, size_t *ret_count)
{
    *ret_count = file->roots_count;
    return file->roots;
}
