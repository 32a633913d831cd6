/* DAG-JSON to DAG-CBOR, in one pass over the text.
 *
 * The parser calls back for each token; values go to the buf as DAG-CBOR at once. An array or map
 * begins with one byte for its head, which is filled in when it ends and its count is known: up to
 * 23 items fit, for more the content is moved. Of the pairs of an open map the places are kept, so
 * that they can be sorted when it ends, if they are not in order already.
 *
 * Maps that DAG-JSON reserves. A map is led by a key if that key is the first in the text, or would
 * be the first in canonical text, where keys stand in bytewise order:
 *
 * (J1) A map led by "/" whose value is a text is a link if it has no other key; else CORRUPT.
 * (J2) A map led by "/" whose value is a map led by "bytes" with a text is bytes if neither map has
 *      another key; else CORRUPT.
 * (J3) Any other map is a map, with a key "/" too.
 *
 * So the order of keys in the text never decides between two meanings, and what is accepted has a
 * canonical text. JavaScript's and Go's decoders look at the order in the text only.
 *
 * A link or bytes is first written as the map that it looks like, and replaced when that ends.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include <copse/cid.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "value/dag_cbor_inline.h"
#include "value/dag_json_pairs.h"
#include "value/json_number.h"
#include "value/json_parse.h"
#include "value/json_text.h"
#include "value/multibase.h"

#include <stdio.h>
#include <string.h>

enum {
    JSON_HEAD_SIZE_MAX = 9,
    JSON_RESERVED_DEPTH = 2, /* what bytes nest deeper as text than as an item */
    JSON_PAIRS_MIN = 48      /* room for the pairs of most documents, in one allocation */
};

static const char JSON_TOO_DEEP[] = "nested too deep (limits.cbor_depth_max)";

/* What the value of a leading key says about its map. */
typedef enum json_lead {
    JSON_LEAD_NONE,      /* nothing */
    JSON_LEAD_TEXT,      /* a text */
    JSON_LEAD_BYTES,     /* a map of "bytes" and a text alone */
    JSON_LEAD_BYTES_MORE /* a map led by "bytes" with a text, that has other keys */
} json_lead;

/* What is known of a key that may lead: "/", or "bytes" in the value of "/". */
typedef struct json_lead_key {
    bool current; /* its value comes next */
    bool first;   /* in the text */
    bool lower;   /* there is a key before it in bytewise order */
    uint8_t lead; /* json_lead of its value */
} json_lead_key;

/* An open array or map. */
typedef struct json_frame {
    size_t offset;     /* of its head in the buf */
    uint64_t count;    /* items, or pairs */
    size_t first_pair; /* of a map, in the reader's pairs */
    bool unsorted;     /* two pairs are out of order, or equal */
    bool in_slash;     /* it is a map, the value of a key "/" */
    json_lead_key slash;
    json_lead_key bytes; /* noted only if in_slash */
} json_frame;

typedef struct json_reader {
    const copse_env *env;
    copse_buf *buf;
    copse_buf scratch; /* what base64 becomes, or the pairs of a map that is sorted */
    json_frame *frames;
    size_t depth;
    size_t deepest;
    size_t frames_capacity;
    copse_json_pair *pairs; /* of all open maps */
    size_t pairs_count;
    size_t pairs_capacity;
    copse_status status; /* why a callback stopped the parser */
    char why[160];
} json_reader;

/* Stores a head of major type 0 to 5 and returns its size. */
static size_t json_store_head(uint8_t *at, uint8_t major, uint64_t arg)
{
    uint8_t first = (uint8_t)(major << 5);
    if (arg < 24) {
        at[0] = (uint8_t)(first | arg);
        return 1;
    }
    if (arg <= UINT8_MAX) {
        at[0] = first | 24;
        at[1] = (uint8_t)arg;
        return 2;
    }
    if (arg <= UINT16_MAX) {
        at[0] = first | 25;
        copse_store_u16be(at + 1, (uint16_t)arg);
        return 3;
    }
    if (arg <= UINT32_MAX) {
        at[0] = first | 26;
        copse_store_u32be(at + 1, (uint32_t)arg);
        return 5;
    }
    at[0] = first | 27;
    copse_store_u64be(at + 1, arg);
    return 9;
}

/* ---- Results of callbacks: 1 goes on, 0 stops ---- */

static int json_reader_stop(json_reader *reader, copse_status status, const char *why)
{
    reader->status = status;
    (void)snprintf(reader->why, sizeof reader->why, "%s", why);
    return 0;
}

/* Goes on if a write to the buf succeeded. */
static int json_reader_wrote(json_reader *reader, copse_status status)
{
    if (status == COPSE_OK) {
        return 1;
    }
    return json_reader_stop(reader, status,
                            status == COPSE_NOMEM ? "out of memory" : "the value is too large");
}

/* ---- Keys that lead ---- */

static bool json_is_text(copse_bytes text, const char *expected, size_t size)
{
    return text.len == size && memcmp(text.ptr, expected, size) == 0;
}

static void json_lead_note_key(json_lead_key *lead, copse_bytes key, const char *expected,
                               size_t size, bool first)
{
    lead->current = json_is_text(key, expected, size);
    if (lead->current) {
        lead->first = first;
    } else if (key.len == 0 || key.ptr[0] < (uint8_t)expected[0]) {
        lead->lower = true;
    } else if (key.ptr[0] == (uint8_t)expected[0]) {
        lead->lower |= copse_bytes_compare(key, (copse_bytes){(const uint8_t *)expected, size}) < 0;
    }
}

/* The lead of a key's value, if the key leads. */
static json_lead json_lead_of(const json_lead_key *key)
{
    return key->first || !key->lower ? (json_lead)key->lead : JSON_LEAD_NONE;
}

/* Notes in the innermost frame that a value begins (counting it) and what it says. */
static void json_reader_note_value(json_reader *reader, json_lead lead)
{
    if (reader->depth == 0) {
        return;
    }
    json_frame *frame = &reader->frames[reader->depth - 1];
    frame->count++;
    if (frame->slash.current) {
        frame->slash.lead = (uint8_t)lead;
    }
    if (frame->bytes.current) {
        frame->bytes.lead = (uint8_t)lead;
    }
}

/* ---- Scalars and keys ---- */

static int json_on_null(void *ctx)
{
    json_reader *reader = ctx;
    json_reader_note_value(reader, JSON_LEAD_NONE);
    return json_reader_wrote(reader, copse_cbor_write_null(reader->buf));
}

static int json_on_boolean(void *ctx, int value)
{
    json_reader *reader = ctx;
    json_reader_note_value(reader, JSON_LEAD_NONE);
    return json_reader_wrote(reader, copse_cbor_write_bool(reader->buf, value != 0));
}

static int json_refuse_number(json_reader *reader, copse_status status, copse_bytes text)
{
    char why[sizeof reader->why];
    (void)snprintf(why, sizeof why,
                   status == COPSE_LIMIT
                       ? "%.*s%s is out of range: integers go from -2^64 to 2^64-1, floats to "
                         "1.8e308; write it as a text"
                       : "%.*s%s is not a JSON number",
                   (int)(text.len < 40 ? text.len : 40), (const char *)text.ptr,
                   text.len < 40 ? "" : "...");
    return json_reader_stop(reader, status, why);
}

static int json_on_number(void *ctx, const char *text, size_t size)
{
    json_reader *reader = ctx;
    copse_json_number number;
    copse_bytes bytes = {(const uint8_t *)text, size};
    copse_status status = copse_json_number_parse(bytes, &number);
    if (status != COPSE_OK) {
        return json_refuse_number(reader, status, bytes);
    }
    json_reader_note_value(reader, JSON_LEAD_NONE);
    if (number.is_float) {
        status = copse_cbor_write_float(reader->buf, number.real);
    } else if (number.negative) {
        status = copse_cbor_write_negative(reader->buf, number.arg);
    } else {
        status = copse_cbor_write_uint(reader->buf, number.arg);
    }
    return json_reader_wrote(reader, status);
}

/* Appends a text. The parser's texts are UTF-8: the whole input was checked, with its escapes. */
static copse_status json_reader_put_text(copse_buf *buf, copse_bytes text)
{
    copse_status status = copse_buf_reserve(buf, JSON_HEAD_SIZE_MAX + text.len);
    if (status == COPSE_LIMIT) {
        return copse_cbor_write_text(buf, text); /* close to the buf's maximum */
    }
    if (status == COPSE_OK) {
        buf->len += json_store_head(buf->ptr + buf->len, COPSE_CBOR_MAJOR_TEXT, text.len);
        memcpy(buf->ptr + buf->len, text.ptr, text.len);
        buf->len += text.len;
    }
    return status;
}

static int json_on_text(void *ctx, const unsigned char *text, size_t size)
{
    json_reader *reader = ctx;
    json_reader_note_value(reader, JSON_LEAD_TEXT);
    return json_reader_wrote(reader, json_reader_put_text(reader->buf, (copse_bytes){text, size}));
}

/* Notes the pair whose key was written last, from `start` on. */
static int json_reader_note_pair(json_reader *reader, size_t start, size_t key_size)
{
    json_frame *frame = &reader->frames[reader->depth - 1];
    void *pairs = reader->pairs;
    size_t need = reader->pairs_count + 1;
    if (!copse_array_grow(reader->env, &pairs, &reader->pairs_capacity,
                          need > JSON_PAIRS_MIN ? need : JSON_PAIRS_MIN, sizeof *reader->pairs)) {
        return json_reader_wrote(reader, COPSE_NOMEM);
    }
    reader->pairs = pairs;
    copse_json_pair *pair = &reader->pairs[reader->pairs_count++];
    *pair =
        (copse_json_pair){.key = reader->buf->len - key_size, .key_size = key_size, .start = start};
    if (frame->count > 0 && !frame->unsorted) {
        frame->unsorted = copse_json_pair_compare(reader->buf->ptr, COPSE_JSON_SHORTEST_FIRST,
                                                  pair - 1, pair) >= 0;
    }
    return 1;
}

static int json_on_key(void *ctx, const unsigned char *text, size_t size)
{
    json_reader *reader = ctx;
    json_frame *frame = &reader->frames[reader->depth - 1];
    copse_bytes key = {text, size};
    size_t start = reader->buf->len;
    json_lead_note_key(&frame->slash, key, "/", 1, frame->count == 0);
    if (frame->in_slash) {
        json_lead_note_key(&frame->bytes, key, "bytes", 5, frame->count == 0);
    }
    copse_status status = json_reader_put_text(reader->buf, key);
    return status == COPSE_OK ? json_reader_note_pair(reader, start, size)
                              : json_reader_wrote(reader, status);
}

/* ---- Arrays and maps ---- */

static size_t json_reader_depth_max(const json_reader *reader)
{
    size_t limit = reader->env->limits.cbor_depth_max;
    return limit < COPSE_CBOR_DEPTH_MAX ? limit : COPSE_CBOR_DEPTH_MAX;
}

static int json_reader_push(json_reader *reader, bool is_map)
{
    void *frames = reader->frames;
    if (reader->depth >= json_reader_depth_max(reader) + JSON_RESERVED_DEPTH) {
        return json_reader_stop(reader, COPSE_LIMIT, JSON_TOO_DEEP);
    }
    if (!copse_array_grow(reader->env, &frames, &reader->frames_capacity, reader->depth + 1,
                          sizeof *reader->frames)) {
        return json_reader_stop(reader, COPSE_NOMEM, "out of memory");
    }
    reader->frames = frames;
    bool in_slash = reader->depth > 0 && reader->frames[reader->depth - 1].slash.current;
    json_reader_note_value(reader, JSON_LEAD_NONE);
    reader->frames[reader->depth++] = (json_frame){.offset = reader->buf->len,
                                                   .first_pair = reader->pairs_count,
                                                   .in_slash = in_slash && is_map};
    reader->deepest = reader->depth > reader->deepest ? reader->depth : reader->deepest;
    return json_reader_wrote(reader, copse_buf_append_byte(reader->buf, 0));
}

static int json_on_begin_map(void *ctx)
{
    return json_reader_push(ctx, true);
}

static int json_on_begin_array(void *ctx)
{
    return json_reader_push(ctx, false);
}

/* Fills in the head of what began at frame->offset. */
static copse_status json_finish_head(copse_buf *buf, const json_frame *frame, uint8_t major)
{
    uint8_t head[JSON_HEAD_SIZE_MAX];
    size_t size = json_store_head(head, major, frame->count);
    if (size > 1) {
        copse_status status = copse_buf_reserve(buf, size - 1);
        if (status != COPSE_OK) {
            return status;
        }
        uint8_t *content = buf->ptr + frame->offset + 1;
        memmove(content + size - 1, content, buf->len - frame->offset - 1);
        buf->len += size - 1;
    }
    memcpy(buf->ptr + frame->offset, head, size);
    return COPSE_OK;
}

static int json_on_end_array(void *ctx)
{
    json_reader *reader = ctx;
    const json_frame *frame = &reader->frames[--reader->depth];
    return json_reader_wrote(reader, json_finish_head(reader->buf, frame, COPSE_CBOR_MAJOR_ARRAY));
}

/* The text that was written last in a map {"/": text} or {"/": {"bytes": text}} from `offset`. */
static copse_status json_reader_reserved_text(const json_reader *reader, size_t offset,
                                              copse_bytes *ret_text)
{
    copse_cbor_reader items;
    copse_cbor_item item = {0};
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&items,
                           (copse_bytes){reader->buf->ptr + offset, reader->buf->len - offset});
    while (status == COPSE_OK) {
        status = copse_cbor_next(&items, &item, NULL);
    }
    *ret_text = item.bytes;
    return status == COPSE_END ? COPSE_OK : status;
}

/* Replaces what was written from `offset` on by the link that its text names. */
static int json_reader_make_link(json_reader *reader, size_t offset)
{
    copse_cid cid;
    copse_bytes text;
    copse_err reason = {0};
    copse_status status = json_reader_reserved_text(reader, offset, &text);
    if (status == COPSE_OK) {
        status = copse_cid_from_text(text, &cid, &reason);
    }
    if (status != COPSE_OK) {
        char why[sizeof reader->why];
        (void)snprintf(why, sizeof why, "the link that ends here: %.120s", reason.message);
        return json_reader_stop(reader, status, why);
    }
    reader->pairs_count--;
    copse_buf_truncate(reader->buf, offset);
    return json_reader_wrote(
        reader, copse_cbor_write_link(reader->buf, (copse_bytes){cid.bytes, cid.size}));
}

/* Replaces what was written from `offset` on by the bytes that its text encodes. */
static int json_reader_make_bytes(json_reader *reader, size_t offset)
{
    copse_bytes text;
    copse_status status = json_reader_reserved_text(reader, offset, &text);
    if (status == COPSE_OK) {
        copse_buf_truncate(&reader->scratch, 0);
        status = copse_buf_reserve(&reader->scratch, copse_base64_bytes_size(text.len) + 1);
    }
    if (status != COPSE_OK) {
        return json_reader_wrote(reader, status);
    }
    if (copse_base64_decode(text, reader->scratch.ptr) != COPSE_OK) {
        return json_reader_stop(reader, COPSE_CORRUPT,
                                "the bytes that end here are not base64 without padding");
    }
    copse_bytes bytes = {reader->scratch.ptr, copse_base64_bytes_size(text.len)};
    reader->pairs_count--;
    copse_buf_truncate(reader->buf, offset);
    return json_reader_wrote(reader, copse_cbor_write_bytes(reader->buf, bytes));
}

/* Puts the pairs of the map that ends in order. */
static copse_status json_reader_sort_pairs(json_reader *reader, const json_frame *frame)
{
    copse_json_pair *pairs = reader->pairs + frame->first_pair;
    size_t count = reader->pairs_count - frame->first_pair;
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? pairs[i + 1].start : reader->buf->len;
        pairs[i].size = end - pairs[i].start;
    }
    return copse_json_pairs_sort(reader->buf->ptr, COPSE_JSON_SHORTEST_FIRST, pairs, count, '\0',
                                 reader->buf, &reader->scratch);
}

static int json_reader_finish_map(json_reader *reader, const json_frame *frame)
{
    copse_status status = COPSE_OK;
    if (frame->unsorted) {
        status = json_reader_sort_pairs(reader, frame);
    }
    if (status == COPSE_CORRUPT) {
        return json_reader_stop(reader, status, "the map that ends here has the same key twice");
    }
    if (status == COPSE_OK) {
        status = json_finish_head(reader->buf, frame, COPSE_CBOR_MAJOR_MAP);
    }
    reader->pairs_count = frame->first_pair;
    json_lead bytes = json_lead_of(&frame->bytes);
    if (bytes == JSON_LEAD_TEXT) {
        json_frame *parent = &reader->frames[reader->depth - 1];
        parent->slash.lead = frame->count == 1 ? JSON_LEAD_BYTES : JSON_LEAD_BYTES_MORE;
    }
    return json_reader_wrote(reader, status);
}

static int json_on_end_map(void *ctx)
{
    json_reader *reader = ctx;
    const json_frame *frame = &reader->frames[--reader->depth];
    json_lead lead = json_lead_of(&frame->slash);
    if (lead == JSON_LEAD_NONE) {
        return json_reader_finish_map(reader, frame);
    }
    if (lead == JSON_LEAD_TEXT && frame->count == 1) {
        return json_reader_make_link(reader, frame->offset);
    }
    if (lead == JSON_LEAD_BYTES && frame->count == 1) {
        return json_reader_make_bytes(reader, frame->offset);
    }
    return json_reader_stop(reader, COPSE_CORRUPT,
                            "the map that ends here begins like a link or bytes (\"/\") but has "
                            "other keys: rename the key \"/\"");
}

static const yajl_callbacks json_callbacks = {
    .yajl_null = json_on_null,
    .yajl_boolean = json_on_boolean,
    .yajl_number = json_on_number,
    .yajl_string = json_on_text,
    .yajl_start_map = json_on_begin_map,
    .yajl_map_key = json_on_key,
    .yajl_end_map = json_on_end_map,
    .yajl_start_array = json_on_begin_array,
    .yajl_end_array = json_on_end_array,
};

/* ---- The call ---- */

static copse_status json_reader_run(json_reader *reader, copse_bytes text, copse_err *err)
{
    size_t start = reader->buf->len;
    size_t offset = 0;
    copse_status status = copse_json_text_check(text, err);
    if (status == COPSE_OK) {
        status = copse_json_parse(reader->env, text, &json_callbacks, reader, &offset, err);
    }
    if (status == COPSE_END) {
        status = copse_json_text_fail(text, offset, reader->status, reader->why, err);
    }
    /* The maps that were let through above the limit: were they all links and bytes? */
    if (status == COPSE_OK && reader->deepest > json_reader_depth_max(reader)) {
        copse_bytes item = {reader->buf->ptr + start, reader->buf->len - start};
        status = copse_dag_cbor_check(item, &reader->env->limits, COPSE_CBOR_STRICT, NULL);
        if (status != COPSE_OK) {
            status = copse_json_text_fail(text, text.len, status, JSON_TOO_DEEP, err);
        }
    }
    return status;
}

copse_status copse_dag_json_to_cbor(const copse_env *env, copse_bytes text, copse_buf *buf,
                                    copse_err *err)
{
    if (text.len > env->limits.json_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "JSON of %zu bytes, the limit is %zu", text.len,
                         env->limits.json_size_bytes_max);
    }
    json_reader reader = {.env = env, .buf = buf};
    size_t start = buf->len;
    copse_buf_init(&reader.scratch, env, env->limits.json_size_bytes_max);
    copse_status status = json_reader_run(&reader, text, err);
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, start);
    }
    copse_free_array(env, reader.frames, reader.frames_capacity, sizeof *reader.frames);
    copse_free_array(env, reader.pairs, reader.pairs_capacity, sizeof *reader.pairs);
    copse_buf_release(&reader.scratch);
    return status;
}
