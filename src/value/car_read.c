/* Reading a CAR as its bytes arrive.
 *
 *     CARv1   varint(size) header                       header: DAG-CBOR {roots, version: 1}
 *             { varint(size) CID block }*               size: of CID and block together
 *     CARv2   0a a1 67 "version" 02                     the pragma: a header of version 2
 *             characteristics[16] data-offset[8] data-size[8] index-offset[8]    little-endian
 *             gap, CARv1 of data-size bytes, gap, index
 *
 * The reader is a chain of steps, each of which takes its bytes from the input (car_input.h) in one
 * piece or waits. So a step starts over from nothing but its name, and there is one place that
 * waits.
 *
 * (R1) No step asks for more than a limit allows, so neither does the input's memory.
 * (R2) In a CARv2 no step passes payload_end, and the sections end there exactly.
 *
 * Cost: no copy of a section that one feed holds whole; one copy of any other.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/car_header.h"
#include "value/car_input.h"

typedef enum car_step {
    CAR_STEP_START,        /* the first header's length: a CARv1's, or the pragma's */
    CAR_STEP_START_BODY,   /* the first header */
    CAR_STEP_V2_HEADER,    /* the 40 bytes */
    CAR_STEP_V2_GAP,       /* up to data_offset */
    CAR_STEP_HEADER,       /* the length of the header of a CARv2's payload */
    CAR_STEP_HEADER_BODY,  /* that header */
    CAR_STEP_SECTION,      /* a section's length, or the end */
    CAR_STEP_SECTION_BODY, /* CID and block */
    CAR_STEP_INDEX_GAP,    /* up to index_offset, or the end of a CARv2 without index */
    CAR_STEP_INDEX         /* to the end */
} car_step;

struct copse_car_reader {
    const copse_env *env;
    copse_car_reader_options options;
    car_step step;
    copse_car_input input;
    bool ended; /* no more bytes come */
    bool has_header;
    uint64_t item_offset; /* where the present header or section begins */
    uint64_t item_size;   /* of the body that comes next */
    uint64_t payload_end; /* UINT64_MAX in a CARv1 */
    copse_car_header header;
    copse_car_roots roots;
    copse_status failed; /* poisoned by this; OK: not */
};

copse_status copse_car_reader_new(const copse_env *env, const copse_car_reader_options *options,
                                  copse_car_reader **ret_reader, copse_err *err)
{
    copse_car_reader *reader = copse_alloc_zeroed(env, sizeof *reader);
    if (reader == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    size_t section_max = env->limits.foreign_size_bytes_max + COPSE_CID_SIZE_BYTES_MAX;
    size_t header_max = env->limits.car_header_bytes_max;
    reader->env = env;
    reader->payload_end = UINT64_MAX;
    if (options != NULL) {
        reader->options = *options;
    }
    copse_car_input_init(&reader->input, env, section_max > header_max ? section_max : header_max);
    *ret_reader = reader;
    return COPSE_OK;
}

copse_car_reader *copse_car_reader_free(copse_car_reader *reader)
{
    if (reader != NULL) {
        copse_car_roots_release(&reader->roots, reader->env);
        copse_car_input_release(&reader->input);
        copse_free(reader->env, reader, sizeof *reader);
    }
    return NULL;
}

copse_status copse_car_reader_feed(copse_car_reader *reader, copse_bytes bytes, copse_err *err)
{
    if (reader->ended) {
        return COPSE_ERR(err, COPSE_MISUSE, "bytes after the announced end of the CAR");
    }
    if (reader->input.fed.len != 0 && bytes.len != 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "%zu fed bytes are unread: read until WANT first",
                         reader->input.fed.len);
    }
    if (bytes.len != 0) {
        reader->input.fed = bytes;
    }
    return COPSE_OK;
}

void copse_car_reader_feed_end(copse_car_reader *reader)
{
    reader->ended = true;
}

const copse_car_header *copse_car_reader_header(const copse_car_reader *reader)
{
    return reader->has_header ? &reader->header : NULL;
}

/* ---- Taking bytes ---- */

/* What to answer when the input is used up inside an item. */
static copse_status car_reader_starved(const copse_car_reader *reader, copse_err *err)
{
    if (!reader->ended) {
        return COPSE_WANT;
    }
    return COPSE_ERR(err, COPSE_CORRUPT,
                     "the CAR is cut short: it ends at byte %llu, inside what begins at byte %llu",
                     (unsigned long long)reader->input.offset,
                     (unsigned long long)reader->item_offset);
}

/* Passes on what the input answered. */
static copse_status car_reader_took(const copse_car_reader *reader, copse_status status,
                                    copse_err *err)
{
    if (status == COPSE_WANT) {
        return car_reader_starved(reader, err);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a part of a CAR");
}

static copse_status car_reader_take(copse_car_reader *reader, size_t size, copse_bytes *ret_view,
                                    copse_err *err)
{
    return car_reader_took(reader, copse_car_input_take(&reader->input, size, ret_view), err);
}

/* Reads a length. Sets item_offset to its first byte and item_size to it. */
static copse_status car_reader_take_size(copse_car_reader *reader, copse_err *err)
{
    copse_status status =
        copse_car_input_take_varint(&reader->input, &reader->item_offset, &reader->item_size);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "byte %llu: not a length (unsigned varint)",
                         (unsigned long long)reader->item_offset);
    }
    return car_reader_took(reader, status, err);
}

/* ---- Steps. Each returns OK, and moves reader->step on, or the status to answer. One that has an
 * item sets *yielded and fills `item`. ---- */

/* Refuses a header's length. */
static copse_status car_reader_check_header_size(const copse_car_reader *reader, copse_err *err)
{
    if (reader->item_size == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: not a CAR, its header is empty",
                         (unsigned long long)reader->item_offset);
    }
    if (reader->item_size > reader->env->limits.car_header_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "byte %llu: a header of %llu bytes, the limit is %zu",
                         (unsigned long long)reader->item_offset,
                         (unsigned long long)reader->item_size,
                         reader->env->limits.car_header_bytes_max);
    }
    if (reader->item_size > reader->payload_end - reader->input.offset) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: the header passes the payload's end",
                         (unsigned long long)reader->item_offset);
    }
    return COPSE_OK;
}

static copse_status car_reader_step_header_size(copse_car_reader *reader, copse_err *err)
{
    copse_status status = car_reader_take_size(reader, err);
    if (status == COPSE_OK && reader->input.offset > reader->payload_end) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: the payload ends inside its header",
                           (unsigned long long)reader->item_offset);
    }
    if (status == COPSE_OK) {
        status = car_reader_check_header_size(reader, err);
    }
    if (status == COPSE_OK) {
        reader->step = reader->step == CAR_STEP_START ? CAR_STEP_START_BODY : CAR_STEP_HEADER_BODY;
    }
    return status;
}

/* The payload's header is known: hands it out. */
static void car_reader_yield_header(copse_car_reader *reader, copse_car_item *item)
{
    reader->header.roots = reader->roots.cids;
    reader->header.roots_count = reader->roots.count;
    reader->has_header = true;
    reader->step = CAR_STEP_SECTION;
    *item = (copse_car_item){
        .kind = COPSE_CAR_HEADER, .size = reader->input.offset, .header = &reader->header};
}

static copse_status car_reader_step_header_body(copse_car_reader *reader, copse_car_item *item,
                                                bool *yielded, copse_err *err)
{
    copse_bytes body;
    uint64_t version = 0;
    bool first = reader->step == CAR_STEP_START_BODY;
    copse_status status = car_reader_take(reader, (size_t)reader->item_size, &body, err);
    if (status == COPSE_OK) {
        status = copse_car_header_parse(reader->env, body, &version, &reader->roots, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (version == 2 && first && reader->input.offset == COPSE_CAR_PRAGMA_SIZE_BYTES &&
        reader->roots.count == 0) {
        reader->header.version = 2;
        reader->step = CAR_STEP_V2_HEADER;
        return COPSE_OK;
    }
    if (version == 2) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: version 2 where it can't stand",
                         (unsigned long long)reader->item_offset);
    }
    if (first) {
        reader->header.version = 1;
    }
    car_reader_yield_header(reader, item);
    *yielded = true;
    return COPSE_OK;
}

static copse_status car_reader_step_v2_header(copse_car_reader *reader, copse_err *err)
{
    copse_bytes bytes;
    copse_status status = car_reader_take(reader, COPSE_CAR_V2_HEADER_SIZE_BYTES, &bytes, err);
    if (status == COPSE_OK) {
        status = copse_car_v2_header_parse(bytes.ptr, &reader->header, err);
    }
    if (status == COPSE_OK) {
        reader->payload_end = reader->header.data_offset + reader->header.data_size;
        reader->step = CAR_STEP_V2_GAP;
    }
    return status;
}

static copse_status car_reader_step_skip(copse_car_reader *reader, uint64_t offset, car_step next,
                                         copse_err *err)
{
    copse_status status =
        car_reader_took(reader, copse_car_input_skip_to(&reader->input, offset), err);
    if (status == COPSE_OK) {
        reader->step = next;
    }
    return status;
}

static copse_status car_reader_check_section_size(const copse_car_reader *reader, copse_err *err)
{
    size_t limit = reader->env->limits.foreign_size_bytes_max;
    if (reader->item_size == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "byte %llu: a section of length zero (read it with the option padding)",
                         (unsigned long long)reader->item_offset);
    }
    if (reader->input.offset > reader->payload_end ||
        reader->item_size > reader->payload_end - reader->input.offset) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: the section passes the payload's end",
                         (unsigned long long)reader->item_offset);
    }
    if (reader->item_size > (uint64_t)limit + COPSE_CID_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "byte %llu: a section of %llu bytes, the limit is %zu",
                         (unsigned long long)reader->item_offset,
                         (unsigned long long)reader->item_size, limit);
    }
    return COPSE_OK;
}

static copse_status car_reader_step_section_size(copse_car_reader *reader, copse_err *err)
{
    bool between = copse_car_input_is_between(&reader->input);
    if (between && reader->input.offset == reader->payload_end) {
        reader->step = CAR_STEP_INDEX_GAP;
        return COPSE_OK;
    }
    if (between && reader->ended && reader->input.fed.len == 0 &&
        reader->payload_end == UINT64_MAX) {
        return COPSE_END;
    }
    copse_status status = car_reader_take_size(reader, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (reader->item_size == 0 && reader->options.padding) {
        return COPSE_OK;
    }
    status = car_reader_check_section_size(reader, err);
    if (status == COPSE_OK) {
        reader->step = CAR_STEP_SECTION_BODY;
    }
    return status;
}

/* Splits a section's bytes into CID and block. */
static copse_status car_reader_split_section(const copse_car_reader *reader, copse_bytes body,
                                             copse_car_item *item, copse_err *err)
{
    size_t size = 0;
    copse_err reason = {0};
    copse_status status = copse_cid_read(body, &item->cid, &size, &reason);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "byte %llu: the section's CID: %s",
                         (unsigned long long)reader->item_offset, reason.message);
    }
    if (body.len - size > reader->env->limits.foreign_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "byte %llu: a block of %zu bytes, the limit is %zu",
                         (unsigned long long)reader->item_offset, body.len - size,
                         reader->env->limits.foreign_size_bytes_max);
    }
    item->data = (copse_bytes){body.ptr + size, body.len - size};
    return COPSE_OK;
}

/* Hashes the block as the options ask. */
static copse_status car_reader_verify_section(const copse_car_reader *reader, copse_car_item *item,
                                              copse_err *err)
{
    if (reader->options.verify == COPSE_CAR_VERIFY_NONE) {
        return COPSE_OK;
    }
    copse_err reason = {0};
    copse_status status = copse_cid_verify(&item->cid, item->data, &reason);
    item->verified = status == COPSE_OK;
    if (status == COPSE_MISUSE && reader->options.verify == COPSE_CAR_VERIFY_KNOWN) {
        return COPSE_OK;
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "byte %llu: %s", (unsigned long long)item->offset,
                         reason.message);
    }
    return COPSE_OK;
}

static copse_status car_reader_step_section_body(copse_car_reader *reader, copse_car_item *item,
                                                 bool *yielded, copse_err *err)
{
    copse_bytes body;
    copse_status status = car_reader_take(reader, (size_t)reader->item_size, &body, err);
    if (status != COPSE_OK) {
        return status;
    }
    *item = (copse_car_item){.kind = COPSE_CAR_SECTION,
                             .offset = reader->item_offset,
                             .size = reader->input.offset - reader->item_offset,
                             .header = &reader->header};
    reader->step = CAR_STEP_SECTION;
    status = car_reader_split_section(reader, body, item, err);
    if (status == COPSE_OK) {
        status = car_reader_verify_section(reader, item, err);
    }
    *yielded = status == COPSE_OK;
    return status;
}

/* Behind the payload of a CARv2. */
static copse_status car_reader_step_index_gap(copse_car_reader *reader, copse_err *err)
{
    if (reader->header.index_offset != 0) {
        reader->item_offset = reader->payload_end;
        return car_reader_step_skip(reader, reader->header.index_offset, CAR_STEP_INDEX, err);
    }
    if (reader->input.fed.len != 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "byte %llu: bytes behind a CARv2 without an index",
                         (unsigned long long)reader->input.offset);
    }
    return reader->ended ? COPSE_END : COPSE_WANT;
}

static copse_status car_reader_step_index(copse_car_reader *reader, copse_car_item *item,
                                          bool *yielded)
{
    if (reader->input.fed.len == 0) {
        return reader->ended ? COPSE_END : COPSE_WANT;
    }
    item->kind = COPSE_CAR_INDEX;
    item->offset = reader->input.offset;
    item->size = reader->input.fed.len;
    item->header = &reader->header;
    item->data = copse_car_input_take_fed(&reader->input, reader->input.fed.len);
    *yielded = reader->options.index;
    return COPSE_OK;
}

static copse_status car_reader_step(copse_car_reader *reader, copse_car_item *item, bool *yielded,
                                    copse_err *err)
{
    switch (reader->step) {
    case CAR_STEP_START:
    case CAR_STEP_HEADER:
        return car_reader_step_header_size(reader, err);
    case CAR_STEP_START_BODY:
    case CAR_STEP_HEADER_BODY:
        return car_reader_step_header_body(reader, item, yielded, err);
    case CAR_STEP_V2_HEADER:
        return car_reader_step_v2_header(reader, err);
    case CAR_STEP_V2_GAP:
        return car_reader_step_skip(reader, reader->header.data_offset, CAR_STEP_HEADER, err);
    case CAR_STEP_SECTION:
        return car_reader_step_section_size(reader, err);
    case CAR_STEP_SECTION_BODY:
        return car_reader_step_section_body(reader, item, yielded, err);
    case CAR_STEP_INDEX_GAP:
        return car_reader_step_index_gap(reader, err);
    case CAR_STEP_INDEX:
        return car_reader_step_index(reader, item, yielded);
    }
    return COPSE_ERR(err, COPSE_MISUSE, "not a CAR reader");
}

copse_status copse_car_reader_next(copse_car_reader *reader, copse_car_item *ret_item,
                                   copse_err *err)
{
    if (reader->failed != COPSE_OK) {
        return COPSE_ERR(err, reader->failed, "the CAR reader failed before: begin with a new one");
    }
    copse_car_item item = {0};
    bool yielded = false;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && !yielded) {
        status = car_reader_step(reader, &item, &yielded, err);
    }
    if (status < 0 && status != COPSE_MISUSE) {
        reader->failed = status;
    }
    if (status == COPSE_OK) {
        *ret_item = item;
    }
    return status;
}
