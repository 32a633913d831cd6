/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/range_car.h"

#include <copse/dag_walk.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/varint.h"
#include "block/cid_map.h"
#include "sync/car_places.h"
#include "sync/range_pieces.h"
#include "value/car_header.h"

#include <string.h>

enum {
    RANGE_CAR_ETAG_BYTES_MAX = 128, /* a longer one is not compared */
    RANGE_CAR_CANDIDATES_MAX = 4,   /* of one digest in the index */
    RANGE_CAR_RECORD_BYTES = 40,    /* of an index, usually */
    RANGE_CAR_PAD_BYTES_MIN = 2 << 10,
    RANGE_CAR_PAD_BYTES_MAX = 16 << 10,
    RANGE_CAR_WINDOW_BYTES_MIN = 4 << 10,
    RANGE_CAR_WINDOW_BYTES_MAX = 64 << 10,
    RANGE_CAR_HEAD_BYTES_MAX = COPSE_VARINT_SIZE_BYTES_MAX + COPSE_CID_SIZE_BYTES_MAX
};

/* Where a block is said to stand. */
typedef struct range_car_place {
    copse_cid cid;
    uint64_t offset; /* in the file */
    uint64_t span;   /* bytes to read there; more than the section, or less */
} range_car_place;

/* A section as its first bytes say. */
typedef struct range_car_head {
    copse_cid cid;
    size_t size;        /* of length and CID */
    uint64_t data_size; /* of what follows */
} range_car_head;

struct copse_range_car {
    const copse_env *env;
    copse_range_car_observer observer;
    copse_range_pieces pieces;
    uint64_t total; /* 0: nothing came yet */
    uint8_t etag[RANGE_CAR_ETAG_BYTES_MAX];
    size_t etag_len;
    unsigned replaced; /* times */
    bool is_open;      /* the header was read: */
    uint64_t payload_offset;
    uint64_t payload_end;
    uint64_t index_offset;  /* 0: there is none, and `places` knows every section */
    copse_cid root;         /* of size 0: none */
    copse_car_index *index; /* NULL: not needed yet */
    uint64_t window;        /* to read where a section of unknown size begins */
    copse_cid_map places;
    copse_arena arena; /* of places */
    copse_buf section; /* that was read last */
};

/* ---- Life ------------------------------------------------------------------------------------ */

static void range_car_forget_places(copse_range_car *car)
{
    copse_cid_map_clear(&car->places);
    copse_arena_reset(&car->arena);
}

static void range_car_forget(copse_range_car *car)
{
    copse_range_pieces_clear(&car->pieces);
    range_car_forget_places(car);
    car->index = copse_car_index_close(car->index);
    car->is_open = false;
    car->total = 0;
    car->etag_len = 0;
}

copse_status copse_range_car_new(const copse_env *env, const copse_range_car_observer *observer,
                                 copse_range_car **ret_car, copse_err *err)
{
    copse_range_car *car = copse_alloc_zeroed(env, sizeof *car);
    if (car == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    car->env = env;
    if (observer != NULL) {
        car->observer = *observer;
    }
    copse_range_pieces_init(&car->pieces, env);
    copse_arena_init(&car->arena, env);
    copse_buf_init(&car->section, env, SIZE_MAX);
    copse_status status = copse_cid_map_init(&car->places, env, err);
    if (status != COPSE_OK) {
        copse_range_car_free(car);
        return status;
    }
    *ret_car = car;
    return COPSE_OK;
}

copse_range_car *copse_range_car_free(copse_range_car *car)
{
    if (car != NULL) {
        copse_range_pieces_release(&car->pieces);
        copse_cid_map_release(&car->places);
        copse_arena_release(&car->arena);
        copse_buf_release(&car->section);
        (void)copse_car_index_close(car->index);
        copse_free(car->env, car, sizeof *car);
    }
    return NULL;
}

void copse_range_car_rest(copse_range_car *car)
{
    copse_range_pieces_trim(&car->pieces, COPSE_RANGE_HELD_BYTES_MAX);
}

/* ---- Reading the file ------------------------------------------------------------------------ */

/* Wants a range. Where there is no room for it (G4), it is wanted at the next look: when what is
 * coming is here, blocks that came before it were given, and their pieces make room. */
static copse_status range_car_want(copse_range_car *car, uint64_t from, uint64_t size,
                                   copse_err *err)
{
    uint64_t coming = copse_range_pieces_coming(&car->pieces);
    if (car->pieces.held_bytes + coming + size > COPSE_RANGE_MEMORY_BYTES_MAX) {
        if (coming > 0) {
            return COPSE_WANT;
        }
        copse_range_pieces_trim(&car->pieces, COPSE_RANGE_HELD_BYTES_MAX);
    }
    return copse_range_pieces_want(&car->pieces, from, size) == COPSE_OK ? COPSE_WANT
                                                                         : COPSE_ERR_NOMEM(err);
}

/* Fills the section's buf with bytes of the file. */
static copse_status range_car_read(copse_range_car *car, uint64_t from, uint64_t size,
                                   copse_err *err)
{
    copse_buf_truncate(&car->section, 0);
    if (copse_buf_reserve(&car->section, (size_t)size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    if (!copse_range_pieces_read(&car->pieces, from, (size_t)size, car->section.ptr)) {
        return range_car_want(car, from, size, err);
    }
    car->section.len = (size_t)size;
    return COPSE_OK;
}

/* copse_car_source.read_at of the index. What lacks is asked for with what stands around it, so
 * that the next steps of the search find their records there: of n records that are spread evenly,
 * one is sqrt(n) / 2 away from where it is expected, and seldom more than three times that. */
static copse_status range_car_read_index(void *ctx, uint64_t offset, size_t len, uint8_t *ret_bytes,
                                         copse_err *err)
{
    copse_range_car *car = ctx;
    if (copse_range_pieces_read(&car->pieces, offset, len, ret_bytes)) {
        return COPSE_OK;
    }
    uint64_t records = (car->total - car->index_offset) / RANGE_CAR_RECORD_BYTES;
    uint64_t pad = RANGE_CAR_PAD_BYTES_MIN;
    while (pad < RANGE_CAR_PAD_BYTES_MAX &&
           (pad / RANGE_CAR_RECORD_BYTES) * (pad / RANGE_CAR_RECORD_BYTES) * 4 < records * 9) {
        pad *= 2;
    }
    uint64_t from = offset - car->index_offset > pad ? offset - pad : car->index_offset;
    uint64_t end = car->total - offset - len > pad ? offset + len + pad : car->total;
    return range_car_want(car, from, end - from, err);
}

/* ---- Places ---------------------------------------------------------------------------------- */

static const copse_cid *range_car_cid_of_place(const void *item)
{
    return &((const range_car_place *)item)->cid;
}

static range_car_place *range_car_find_place(const copse_range_car *car, const copse_cid *cid)
{
    size_t slot = copse_cid_map_find(&car->places, copse_cid_map_hash(&car->places, cid), cid,
                                     range_car_cid_of_place);
    return slot != COPSE_CID_MAP_NONE ? car->places.items[slot] : NULL;
}

/* Remembers where a block is said to stand; what was known before stays. */
static copse_status range_car_add_place(copse_range_car *car, const copse_cid *cid, uint64_t offset,
                                        uint64_t span)
{
    if (range_car_find_place(car, cid) != NULL) {
        return COPSE_OK;
    }
    if (car->index_offset != 0 && car->places.count >= COPSE_RANGE_PLACES_MAX) {
        range_car_forget_places(car);
    }
    range_car_place *place = copse_arena_alloc(&car->arena, sizeof *place);
    if (place == NULL || !copse_cid_map_reserve(&car->places, 1)) {
        return COPSE_NOMEM;
    }
    *place = (range_car_place){*cid, offset, span};
    copse_cid_map_insert(&car->places, copse_cid_map_hash(&car->places, cid), place);
    return COPSE_OK;
}

/* Places that are read, and the next of them. */
typedef struct range_car_learning {
    copse_range_car *car;
    copse_bytes places;
    size_t count;
    size_t at;
} range_car_learning;

static copse_status range_car_learn_link(void *ctx, const copse_cid *cid)
{
    range_car_learning *learning = ctx;
    copse_range_car *car = learning->car;
    if (learning->at == learning->count) {
        return COPSE_OK;
    }
    copse_car_place place = copse_car_places_nth(learning->places, learning->at++);
    uint64_t payload_size = car->payload_end - car->payload_offset;
    if (place.offset == 0 || place.offset >= payload_size) {
        return COPSE_OK;
    }
    uint64_t left = payload_size - place.offset;
    uint64_t span_max = 2 * (uint64_t)car->env->limits.foreign_size_bytes_max;
    uint64_t span = place.span < span_max ? place.span : span_max;
    span = span < left ? span : left;
    return range_car_add_place(car, cid, car->payload_offset + place.offset, span);
}

/* ---- Sections -------------------------------------------------------------------------------- */

/* Reads the first bytes of a section. CORRUPT: there is none (G1). LIMIT: *ret_head is that of a
 * block that is too large. */
static copse_status range_car_parse_head(const copse_range_car *car, uint64_t offset,
                                         copse_bytes bytes, range_car_head *ret_head)
{
    uint64_t length = 0;
    size_t varint_size = 0;
    size_t cid_size = 0;
    if (copse_varint_read(bytes, &length, &varint_size) != COPSE_OK || length == 0 ||
        length > car->payload_end - offset - varint_size) {
        return COPSE_CORRUPT;
    }
    bytes = (copse_bytes){bytes.ptr + varint_size, bytes.len - varint_size};
    if (copse_cid_read(bytes, &ret_head->cid, &cid_size, NULL) != COPSE_OK || cid_size > length) {
        return COPSE_CORRUPT;
    }
    ret_head->size = varint_size + cid_size;
    ret_head->data_size = length - cid_size;
    return ret_head->data_size <= car->env->limits.foreign_size_bytes_max ? COPSE_OK : COPSE_LIMIT;
}

/* Reads the head of the section at `offset`. WANT: `window` bytes from there are wanted. */
static copse_status range_car_read_head(copse_range_car *car, uint64_t offset, uint64_t window,
                                        range_car_head *ret_head, copse_err *err)
{
    uint8_t bytes[RANGE_CAR_HEAD_BYTES_MAX];
    if (offset >= car->payload_end) {
        return COPSE_CORRUPT;
    }
    uint64_t left = car->payload_end - offset;
    size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
    if (!copse_range_pieces_read(&car->pieces, offset, size, bytes)) {
        window = window > size ? window : size;
        return range_car_want(car, offset, window < left ? window : left, err);
    }
    return range_car_parse_head(car, offset, (copse_bytes){bytes, size}, ret_head);
}

/* If places stand behind the block of a section, at `offset`, and are here, learns them. NOMEM. */
static copse_status range_car_learn(copse_range_car *car, const copse_cid *cid, copse_bytes data,
                                    uint64_t offset)
{
    uint8_t bytes[RANGE_CAR_HEAD_BYTES_MAX];
    range_car_head head;
    range_car_learning learning = {.car = car};
    copse_cid_parts parts;
    copse_buf buf;
    copse_block *block = NULL;
    uint64_t left = car->payload_end - offset;
    size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
    if (!copse_range_pieces_read(&car->pieces, offset, size, bytes) ||
        range_car_parse_head(car, offset, (copse_bytes){bytes, size}, &head) != COPSE_OK) {
        return COPSE_OK;
    }
    copse_cid_split(&head.cid, &parts);
    if (parts.codec != COPSE_CODEC_RAW || head.data_size < COPSE_CAR_PLACES_HEAD_BYTES) {
        return COPSE_OK;
    }
    copse_buf_init(&buf, car->env, SIZE_MAX);
    copse_status status = copse_buf_reserve(&buf, (size_t)head.data_size);
    if (status == COPSE_OK && copse_range_pieces_read(&car->pieces, offset + head.size,
                                                      (size_t)head.data_size, buf.ptr)) {
        buf.len = (size_t)head.data_size;
        learning.places = copse_buf_view(&buf);
    }
    if (status == COPSE_OK && copse_car_places_are(learning.places, &learning.count)) {
        status = copse_block_new(car->env, cid, data, &block, NULL);
        if (status == COPSE_OK) {
            status = copse_dag_links(car->env, block, range_car_learn_link, &learning, NULL);
        }
    }
    copse_block_unref(block);
    copse_buf_release(&buf);
    return status == COPSE_NOMEM ? status : COPSE_OK; /* what is wrong is told of the block */
}

/* Reads the section at `offset`, if it is that of `cid`. NOT_FOUND: it is not. LIMIT: it is, and
 * too large. */
static copse_status range_car_section_at(copse_range_car *car, uint64_t offset, uint64_t span,
                                         const copse_cid *cid, copse_bytes *ret_data,
                                         copse_err *err)
{
    range_car_head head;
    copse_status status = range_car_read_head(car, offset, span, &head, err);
    bool has_head = status == COPSE_OK || status == COPSE_LIMIT;
    if (status == COPSE_CORRUPT || (has_head && !copse_cid_equal_inline(&head.cid, cid))) {
        return COPSE_NOT_FOUND;
    }
    if (status == COPSE_LIMIT) {
        return COPSE_ERR(err, status, "the block has %llu bytes, more than foreign_size_bytes_max",
                         (unsigned long long)head.data_size);
    }
    uint64_t end = offset + head.size + (status == COPSE_OK ? head.data_size : 0);
    if (status == COPSE_OK) {
        status = range_car_read(car, offset + head.size, head.data_size, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    *ret_data = copse_buf_view(&car->section);
    return range_car_learn(car, cid, *ret_data, end) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Notes a section of the front and what is said behind it, and tells of its block. */
static copse_status range_car_take_front(copse_range_car *car, const copse_car_item *item,
                                         copse_err *err)
{
    size_t count = 0;
    if (range_car_add_place(car, &item->cid, item->offset, item->size) != COPSE_OK ||
        range_car_learn(car, &item->cid, item->data, item->offset + item->size) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return car->observer.section != NULL && !copse_car_places_are(item->data, &count)
               ? car->observer.section(car->observer.ctx, &item->cid, item->data, err)
               : COPSE_OK;
}

/* Notes the sections that lie in the front, and what its header says. */
static copse_status range_car_scan_front(copse_range_car *car, uint64_t size, copse_err *err)
{
    static const copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_NONE,
                                                     .padding = true};
    copse_car_reader *reader = NULL;
    copse_car_item item;
    copse_status status = range_car_read(car, 0, size, err);
    if (status == COPSE_OK) {
        status = copse_car_reader_new(car->env, &options, &reader, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_car_reader_feed(reader, copse_buf_view(&car->section), err);
    if (status == COPSE_OK && size == car->total) {
        copse_car_reader_feed_end(reader);
    }
    car->root = (copse_cid){.size = 0};
    while (status == COPSE_OK && (status = copse_car_reader_next(reader, &item, err)) == COPSE_OK) {
        if (item.kind == COPSE_CAR_HEADER && item.header->roots_count > 0) {
            car->root = item.header->roots[0];
        } else if (item.kind == COPSE_CAR_SECTION) {
            status = range_car_take_front(car, &item, err);
        }
    }
    bool has_header = copse_car_reader_header(reader) != NULL;
    (void)copse_car_reader_free(reader);
    if (status == COPSE_WANT && !has_header) {
        return COPSE_ERR(err, COPSE_LIMIT, "the CAR's header is too long to be read in ranges");
    }
    return status == COPSE_WANT || status == COPSE_END ? COPSE_OK : status;
}

/* Reads pragma and header of a CARv2. OK; if car->index_offset is 0, the file is to be read whole.
 * WANT. */
static copse_status range_car_read_start(copse_range_car *car, copse_err *err)
{
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    copse_car_header header = {0};
    car->payload_offset = 0;
    car->payload_end = car->total;
    car->index_offset = 0;
    if (car->total < sizeof start) {
        return COPSE_OK;
    }
    if (!copse_range_pieces_read(&car->pieces, 0, sizeof start, start)) {
        return range_car_want(car, 0, sizeof start, err);
    }
    if (!copse_car_is_pragma((copse_bytes){start, sizeof start})) {
        return COPSE_OK;
    }
    copse_status status =
        copse_car_v2_header_parse(start + COPSE_CAR_PRAGMA_SIZE_BYTES, &header, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (header.data_offset > car->total || header.data_size > car->total - header.data_offset ||
        header.index_offset >= car->total) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the CAR is cut short: it has %llu bytes",
                         (unsigned long long)car->total);
    }
    car->payload_offset = header.data_offset;
    car->payload_end = header.data_offset + header.data_size;
    car->index_offset = header.index_offset;
    return COPSE_OK;
}

/* Sections are some times as long as the mean, if there is a record of 40 bytes for each. */
static void range_car_guess_window(copse_range_car *car)
{
    uint64_t records = (car->total - car->index_offset) / RANGE_CAR_RECORD_BYTES;
    uint64_t mean = (car->payload_end - car->payload_offset) / (records + 1);
    car->window = 3 * mean;
    if (car->window < RANGE_CAR_WINDOW_BYTES_MIN) {
        car->window = RANGE_CAR_WINDOW_BYTES_MIN;
    } else if (car->window > RANGE_CAR_WINDOW_BYTES_MAX) {
        car->window = RANGE_CAR_WINDOW_BYTES_MAX;
    }
}

static copse_status range_car_open(copse_range_car *car, copse_err *err)
{
    if (car->is_open) {
        return COPSE_OK;
    }
    if (car->replaced > COPSE_RANGE_REPLACED_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the file is replaced again and again");
    }
    if (car->total == 0) {
        return range_car_want(car, 0, COPSE_RANGE_FRONT_BYTES, err);
    }
    copse_status status = range_car_read_start(car, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t size = car->total;
    if (car->index_offset == 0 && size > COPSE_RANGE_WHOLE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "it has no index, and is too large to be read whole: `copse publish "
                         "--static` writes one");
    }
    if (car->index_offset != 0 && size > COPSE_RANGE_FRONT_BYTES) {
        size = COPSE_RANGE_FRONT_BYTES;
    }
    range_car_forget_places(car);
    status = range_car_scan_front(car, size, err);
    if (status == COPSE_OK) {
        range_car_guess_window(car);
        car->is_open = true;
    }
    return status;
}

copse_status copse_range_car_root(copse_range_car *car, copse_cid *ret_root, copse_err *err)
{
    copse_status status = range_car_open(car, err);
    if (status == COPSE_OK && car->root.size == 0) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "the CAR has no root");
    }
    if (status == COPSE_OK) {
        *ret_root = car->root;
    }
    return status;
}

/* ---- Finding --------------------------------------------------------------------------------- */

static copse_status range_car_search(copse_range_car *car, const copse_cid *cid,
                                     copse_bytes *ret_data, copse_err *err)
{
    const copse_car_source source = {range_car_read_index, car, car->total};
    copse_status status = COPSE_OK;
    if (car->index == NULL) {
        status = copse_car_index_open(car->env, &source, &car->index, err);
    }
    for (size_t i = 0; i < RANGE_CAR_CANDIDATES_MAX && status == COPSE_OK; i++) {
        uint64_t offset = 0;
        status = copse_car_index_find(car->index, cid, i, &offset, err);
        if (status == COPSE_OK) {
            status = range_car_section_at(car, offset, car->window, cid, ret_data, err);
            if (status != COPSE_NOT_FOUND) {
                return status;
            }
            status = COPSE_OK; /* another block of the same digest, or a wrong record */
        }
    }
    return status == COPSE_OK ? COPSE_NOT_FOUND : status;
}

copse_status copse_range_car_section(copse_range_car *car, const copse_cid *cid,
                                     copse_bytes *ret_data, copse_err *err)
{
    copse_status status = range_car_open(car, err);
    if (status != COPSE_OK) {
        return status;
    }
    const range_car_place *place = range_car_find_place(car, cid);
    if (place != NULL) {
        status = range_car_section_at(car, place->offset, place->span, cid, ret_data, err);
    }
    if (place == NULL || status == COPSE_NOT_FOUND) {
        status =
            car->index_offset != 0 ? range_car_search(car, cid, ret_data, err) : COPSE_NOT_FOUND;
    }
    return status == COPSE_NOT_FOUND ? COPSE_ERR(err, status, "the file doesn't have the block")
                                     : status;
}

/* ---- Answers --------------------------------------------------------------------------------- */

bool copse_range_car_ask(copse_range_car *car, copse_range *ret_range)
{
    return copse_range_pieces_ask(&car->pieces, &ret_range->id, &ret_range->from, &ret_range->size);
}

/* Whether the answer is of the file that is known (G2). The first one says what that is. */
static bool range_car_is_same(copse_range_car *car, const copse_range_answer *answer)
{
    size_t len = answer->etag.len <= sizeof car->etag ? answer->etag.len : 0;
    if (car->total == 0) {
        car->total = answer->total;
        car->etag_len = len;
        if (len > 0) {
            memcpy(car->etag, answer->etag.ptr, len);
        }
        return true;
    }
    return answer->total == car->total &&
           copse_bytes_equal((copse_bytes){answer->etag.ptr, len},
                             (copse_bytes){car->etag, car->etag_len});
}

static copse_status range_car_check_answer(const copse_range_answer *answer,
                                           const copse_range_piece *piece, copse_err *err)
{
    if (answer->is_whole && (answer->total == 0 || answer->total > COPSE_RANGE_WHOLE_BYTES_MAX)) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "it gives whole files only, and this one is too large for that: its "
                         "server must know Range");
    }
    uint64_t end = piece->from + piece->size;
    end = end < answer->total ? end : answer->total;
    if (!answer->is_whole && (answer->total == 0 || answer->from != piece->from ||
                              answer->size == 0 || answer->from + answer->size != end)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it sent another part of the file than was asked for");
    }
    return COPSE_OK;
}

copse_status copse_range_car_begin(copse_range_car *car, uint64_t id,
                                   const copse_range_answer *answer, copse_err *err)
{
    copse_range_piece *piece = copse_range_pieces_find(&car->pieces, id);
    if (piece == NULL) {
        return COPSE_OK;
    }
    copse_status status = range_car_check_answer(answer, piece, err);
    if (status != COPSE_OK) {
        copse_range_pieces_drop(&car->pieces, piece);
        return status;
    }
    uint64_t others = car->pieces.held_bytes + copse_range_pieces_coming(&car->pieces);
    if (answer->is_whole && others - piece->size + answer->total > COPSE_RANGE_MEMORY_BYTES_MAX) {
        copse_range_pieces_drop(&car->pieces, piece);
        return COPSE_ERR(err, COPSE_LIMIT, "it gives the whole file again and again");
    }
    if (!range_car_is_same(car, answer)) {
        range_car_forget(car);
        car->replaced++;
        return COPSE_ERR(err, COPSE_CONFLICT, "the file was replaced while it was read");
    }
    piece->from = answer->is_whole ? 0 : answer->from;
    piece->size = answer->is_whole ? answer->total : answer->size;
    piece->bytes.max = (size_t)piece->size;
    return COPSE_OK;
}

copse_status copse_range_car_receive(copse_range_car *car, uint64_t id, copse_bytes bytes,
                                     copse_err *err)
{
    copse_range_piece *piece = copse_range_pieces_find(&car->pieces, id);
    copse_status status = piece != NULL ? copse_range_pieces_receive(piece, bytes, err) : COPSE_OK;
    if (status != COPSE_OK) {
        copse_range_pieces_drop(&car->pieces, piece);
    }
    return status;
}

copse_status copse_range_car_end(copse_range_car *car, uint64_t id, copse_err *err)
{
    copse_range_piece *piece = copse_range_pieces_find(&car->pieces, id);
    copse_status status =
        piece != NULL ? copse_range_pieces_settle(&car->pieces, piece, err) : COPSE_OK;
    if (status != COPSE_OK) {
        copse_range_pieces_drop(&car->pieces, piece);
    }
    return status;
}

void copse_range_car_fail(copse_range_car *car, uint64_t id)
{
    copse_range_piece *piece = copse_range_pieces_find(&car->pieces, id);
    if (piece != NULL) {
        copse_range_pieces_drop(&car->pieces, piece);
    }
}
