/* JSON to DAG-CBOR, in one pass over the text.
 *
 * Values go to the buf as DAG-CBOR at once. An array or map begins with one byte for its head,
 * which is filled in when it ends and its count is known: up to 23 items fit, for more the content
 * is moved. Of the pairs of an open map the places are kept, so that they can be sorted when it
 * ends, if they are not in order already. Keys are compared by their rank, a number of their size
 * and first seven bytes, which nearly always decides.
 *
 * A map that has a reserved key (the dialect's) is first written as the map that it looks like, and
 * shown to the dialect when it ends, its inner maps before. So nothing here knows what a link is.
 * Reserved maps nest deeper as text than as items: JSON_RESERVED_DEPTH more levels are let through,
 * and what then stands in the buf is checked.
 *
 * (B1) What is appended is strict DAG-CBOR: one item, shortest heads, UTF-8, keys in order and each
 *      once, no deeper than limits.cbor_depth_max.
 * (B2) Every byte of the text is passed over once, but for white space: as one of the grammar of
 *      RFC 8259.
 * (B3) A failure leaves the buf as it was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/json_build.h"

#include <copse/dag_cbor.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/dag_cbor_inline.h"
#include "value/json_number.h"
#include "value/json_token.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    JSON_RESERVED_DEPTH = 2, /* what reserved maps nest deeper as text than as items */
    JSON_PAIRS_MIN = 48,     /* room for the pairs of most documents, in one allocation */
    JSON_FRAMES_MIN = 8
};

/* The rank of the key "/". */
#define JSON_SLASH_RANK (UINT64_C(1) << 56 | UINT64_C(0x2f) << 48)

static const char JSON_TOO_DEEP[] = "nested too deep (limits.cbor_depth_max)";

/* An open array or map. */
struct copse_json_frame {
    size_t offset;     /* of its head in the buf */
    uint64_t count;    /* items, or pairs */
    size_t first_pair; /* of a map, in the builder's pairs */
    bool is_map;
    bool unsorted;    /* two pairs are out of order, or equal */
    bool reserved;    /* a key is */
    bool in_slash;    /* it is a map, the value of a key "/" */
    bool bytes_first; /* as in copse_json_map */
};

/* ---- Failures ---- */

static copse_status json_build_fail_at(const copse_json_builder *builder, const uint8_t *at,
                                       copse_status status, const char *why)
{
    return copse_json_text_fail(builder->text, (size_t)(at - builder->text.ptr), status, why,
                                builder->err);
}

copse_status copse_json_build_fail(copse_json_builder *builder, copse_status status,
                                   const char *format, ...)
{
    char why[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return json_build_fail_at(builder, builder->at, status, why);
}

copse_status copse_json_build_wrote(copse_json_builder *builder, copse_status status)
{
    if (COPSE_LIKELY(status == COPSE_OK)) {
        return COPSE_OK;
    }
    return json_build_fail_at(builder, builder->at, status,
                              status == COPSE_NOMEM ? "out of memory" : "the value is too large");
}

/* What stands where something else was expected. */
static copse_status json_build_unexpected(const copse_json_builder *builder, const char *expected)
{
    char why[96];
    if (builder->at == builder->end) {
        (void)snprintf(why, sizeof why, "the text ends where %s was expected", expected);
    } else if (*builder->at > ' ' && *builder->at < 0x7f) {
        (void)snprintf(why, sizeof why, "'%c' where %s was expected", (char)*builder->at, expected);
    } else {
        (void)snprintf(why, sizeof why, "byte %02x where %s was expected", *builder->at, expected);
    }
    return json_build_fail_at(builder, builder->at, COPSE_CORRUPT, why);
}

/* ---- Writing ---- */

COPSE_INLINE copse_status json_build_reserve(copse_buf *buf, size_t extra)
{
    return COPSE_LIKELY(extra <= buf->cap - buf->len) ? COPSE_OK : copse_buf_reserve(buf, extra);
}

/* Appends a head of major type 0 to 5, and makes room for `extra` bytes behind it. */
COPSE_INLINE copse_status json_build_head(copse_buf *buf, uint8_t major, uint64_t arg, size_t extra)
{
    if (COPSE_LIKELY(arg < 24)) {
        copse_status status = json_build_reserve(buf, 1 + extra);
        if (COPSE_LIKELY(status == COPSE_OK)) {
            buf->ptr[buf->len++] = (uint8_t)((unsigned)major << 5 | (unsigned)arg);
        }
        return status;
    }
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    size_t size = copse_cbor_head_store(head, major, arg);
    copse_status status =
        extra <= SIZE_MAX - size ? json_build_reserve(buf, size + extra) : COPSE_LIMIT;
    if (status == COPSE_OK) {
        memcpy(buf->ptr + buf->len, head, size);
        buf->len += size;
    }
    return status;
}

/* ---- Scalars ---- */

static copse_status json_build_literal(copse_json_builder *builder, const char *word, size_t size,
                                       uint8_t simple)
{
    if ((size_t)(builder->end - builder->at) < size || memcmp(builder->at, word, size) != 0) {
        return json_build_unexpected(builder, "a value");
    }
    builder->at += size;
    return copse_json_build_wrote(builder, copse_buf_append_byte(builder->buf, simple));
}

/* A string whose closing quote is missing. */
static copse_status json_build_unclosed(copse_json_builder *builder, const uint8_t *at)
{
    builder->at = at;
    return at == builder->end
               ? json_build_fail_at(builder, at, COPSE_CORRUPT, "the text ends in a string")
               : json_build_fail_at(builder, at, COPSE_CORRUPT,
                                    "a control character in a string: write it as an escape");
}

/* Appends a string with escapes or beyond ASCII. */
static COPSE_NOINLINE copse_status json_build_string_careful(copse_json_builder *builder,
                                                             const copse_json_string *string,
                                                             size_t *ret_size)
{
    size_t bad = 0;
    const char *why = NULL;
    copse_status status = copse_json_string_check(string, ret_size, &bad, &why);
    if (status != COPSE_OK) {
        return json_build_fail_at(builder, string->raw.ptr + bad, status, why);
    }
    status = json_build_head(builder->buf, COPSE_CBOR_MAJOR_TEXT, *ret_size, *ret_size);
    if (status == COPSE_OK) {
        copse_json_string_copy(string, builder->buf->ptr + builder->buf->len);
        builder->buf->len += *ret_size;
    }
    return copse_json_build_wrote(builder, status);
}

/* Reads the string at the quote where the builder stands; *ret_size is the size of its text. */
COPSE_INLINE copse_status json_build_string(copse_json_builder *builder, size_t *ret_size)
{
    copse_json_string string;
    copse_buf *buf = builder->buf;
    const uint8_t *close = copse_json_string_scan(builder->at + 1, builder->end, &string);
    if (COPSE_UNLIKELY(close == builder->end || *close != '"')) {
        return json_build_unclosed(builder, close);
    }
    if (COPSE_UNLIKELY(string.escaped || !string.ascii)) {
        copse_status status = json_build_string_careful(builder, &string, ret_size);
        builder->at = status == COPSE_OK ? close + 1 : builder->at;
        return status;
    }
    size_t size = string.raw.len;
    copse_status status = json_build_head(buf, COPSE_CBOR_MAJOR_TEXT, size, size);
    if (COPSE_UNLIKELY(status != COPSE_OK)) {
        return copse_json_build_wrote(builder, status);
    }
    memcpy(buf->ptr + buf->len, string.raw.ptr, size);
    buf->len += size;
    builder->at = close + 1;
    *ret_size = size;
    return COPSE_OK;
}

static copse_status json_build_bad_number(copse_json_builder *builder, copse_status status,
                                          copse_bytes text)
{
    int shown = (int)(text.len < 40 ? text.len : 40);
    const char *more = text.len < 40 ? "" : "...";
    if (status == COPSE_CORRUPT) {
        return copse_json_build_fail(builder, status, "%.*s%s is not a JSON number", shown,
                                     (const char *)text.ptr, more);
    }
    return copse_json_build_fail(
        builder, status,
        "%.*s%s is out of range: %sfloats go to 1.8e308; write it as a "
        "text",
        shown, (const char *)text.ptr, more,
        builder->dialect->wide_integers ? "" : "integers go from -2^64 to 2^64-1, ");
}

static copse_status json_build_long_number(copse_json_builder *builder)
{
    copse_json_number number;
    const uint8_t *at = builder->at;
    while (at < builder->end && copse_json_is_numeric(*at)) {
        at++;
    }
    copse_bytes text = {builder->at, (size_t)(at - builder->at)};
    copse_status status = copse_json_number_parse(text, &number);
    if (status == COPSE_LIMIT && builder->dialect->wide_integers) {
        number = (copse_json_number){.is_float = true};
        status = copse_json_double_parse(text, &number.real);
    }
    if (status != COPSE_OK) {
        return json_build_bad_number(builder, status, text);
    }
    builder->at = at;
    if (number.is_float) {
        status = builder->dialect->write_float(builder->buf, number.real);
    } else {
        status = json_build_head(
            builder->buf, number.negative ? COPSE_CBOR_MAJOR_NEGATIVE : COPSE_CBOR_MAJOR_UINT,
            number.arg, 0);
    }
    return copse_json_build_wrote(builder, status);
}

/* Whole numbers of up to 18 digits go without a second look. */
COPSE_INLINE copse_status json_build_number(copse_json_builder *builder)
{
    const uint8_t *at = builder->at;
    const uint8_t *end = builder->end - at > 18 ? at + 18 : builder->end;
    uint64_t value = 0;
    while (at < end && copse_json_is_digit(*at)) {
        value = value * 10 + (uint64_t)(*at++ - '0');
    }
    bool whole = at > builder->at && (*builder->at != '0' || at == builder->at + 1) &&
                 (at == builder->end || !copse_json_is_numeric(*at));
    if (COPSE_UNLIKELY(!whole)) {
        return json_build_long_number(builder);
    }
    builder->at = at;
    return copse_json_build_wrote(builder,
                                  json_build_head(builder->buf, COPSE_CBOR_MAJOR_UINT, value, 0));
}

/* ---- Arrays and maps ---- */

static size_t json_build_depth_max(const copse_json_builder *builder)
{
    size_t limit = builder->env->limits.cbor_depth_max;
    return limit < COPSE_CBOR_DEPTH_MAX ? limit : COPSE_CBOR_DEPTH_MAX;
}

/* Whether the builder is at the value of a key "/". */
static bool json_build_at_slash(const copse_json_builder *builder)
{
    return builder->depth > 0 && builder->frames[builder->depth - 1].is_map &&
           builder->pairs[builder->pairs_count - 1].rank == JSON_SLASH_RANK;
}

static copse_status json_build_push(copse_json_builder *builder, bool is_map)
{
    void *frames = builder->frames;
    size_t need = builder->depth < JSON_FRAMES_MIN ? JSON_FRAMES_MIN : builder->depth + 1;
    if (builder->depth >= json_build_depth_max(builder) + JSON_RESERVED_DEPTH) {
        return json_build_fail_at(builder, builder->at, COPSE_LIMIT, JSON_TOO_DEEP);
    }
    if (!copse_array_grow(builder->env, &frames, &builder->frames_capacity, need,
                          sizeof *builder->frames)) {
        return copse_json_build_wrote(builder, COPSE_NOMEM);
    }
    builder->frames = frames;
    bool in_slash = is_map && json_build_at_slash(builder);
    builder->frames[builder->depth++] = (copse_json_frame){.offset = builder->buf->len,
                                                           .first_pair = builder->pairs_count,
                                                           .is_map = is_map,
                                                           .in_slash = in_slash};
    builder->deepest = builder->depth > builder->deepest ? builder->depth : builder->deepest;
    builder->at++;
    return copse_json_build_wrote(builder, copse_buf_append_byte(builder->buf, 0));
}

/* Notes the pair whose key was written last, from `start` on. */
COPSE_INLINE copse_status json_build_note_pair(copse_json_builder *builder, copse_json_frame *frame,
                                               size_t start, size_t key_size)
{
    if (COPSE_UNLIKELY(builder->pairs_count == builder->pairs_capacity)) {
        void *pairs = builder->pairs;
        size_t need =
            builder->pairs_count < JSON_PAIRS_MIN ? JSON_PAIRS_MIN : builder->pairs_count + 1;
        if (!copse_array_grow(builder->env, &pairs, &builder->pairs_capacity, need,
                              sizeof *builder->pairs)) {
            return copse_json_build_wrote(builder, COPSE_NOMEM);
        }
        builder->pairs = pairs;
    }
    const copse_buf *buf = builder->buf;
    size_t key = buf->len - key_size;
    copse_json_pair *pair = &builder->pairs[builder->pairs_count++];
    pair->rank = copse_json_key_rank(COPSE_JSON_SHORTEST_FIRST,
                                     (copse_bytes){buf->ptr + key, key_size}, buf->ptr + buf->cap);
    pair->key = key;
    pair->key_size = key_size;
    pair->start = start;
    frame->reserved |= pair->rank == JSON_SLASH_RANK ||
                       (builder->dialect->dollars && key_size > 0 && buf->ptr[key] == '$');
    if (frame->count > 0 && pair->rank <= pair[-1].rank && !frame->unsorted) {
        frame->unsorted =
            copse_json_pair_compare(buf->ptr, COPSE_JSON_SHORTEST_FIRST, pair - 1, pair) >= 0;
    }
    return COPSE_OK;
}

/* Reads a key and its colon. */
COPSE_INLINE copse_status json_build_key(copse_json_builder *builder, copse_json_frame *frame)
{
    size_t start = builder->buf->len;
    size_t key_size = 0;
    if (COPSE_UNLIKELY(builder->at == builder->end || *builder->at != '"')) {
        return json_build_unexpected(builder, "a key in quotes");
    }
    copse_status status = json_build_string(builder, &key_size);
    if (COPSE_LIKELY(status == COPSE_OK)) {
        status = json_build_note_pair(builder, frame, start, key_size);
    }
    if (COPSE_UNLIKELY(status != COPSE_OK)) {
        return status;
    }
    builder->at = copse_json_skip_space(builder->at, builder->end);
    if (COPSE_UNLIKELY(builder->at == builder->end || *builder->at != ':')) {
        return json_build_unexpected(builder, "':'");
    }
    builder->at = copse_json_skip_space(builder->at + 1, builder->end);
    return COPSE_OK;
}

/* Fills in the head of what began at frame->offset. */
static copse_status json_build_finish_head(copse_buf *buf, const copse_json_frame *frame)
{
    uint8_t major = frame->is_map ? COPSE_CBOR_MAJOR_MAP : COPSE_CBOR_MAJOR_ARRAY;
    if (COPSE_LIKELY(frame->count < 24)) {
        buf->ptr[frame->offset] = (uint8_t)((unsigned)major << 5 | (unsigned)frame->count);
        return COPSE_OK;
    }
    uint8_t head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX];
    size_t size = copse_cbor_head_store(head, major, frame->count);
    copse_status status = json_build_reserve(buf, size - 1);
    if (status == COPSE_OK) {
        uint8_t *content = buf->ptr + frame->offset + 1;
        memmove(content + size - 1, content, buf->len - frame->offset - 1);
        memcpy(buf->ptr + frame->offset, head, size);
        buf->len += size - 1;
    }
    return status;
}

/* Puts the pairs of the map that ends in order. */
static copse_status json_build_sort(copse_json_builder *builder, const copse_json_frame *frame)
{
    copse_json_pair *pairs = builder->pairs + frame->first_pair;
    size_t count = builder->pairs_count - frame->first_pair;
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? pairs[i + 1].start : builder->buf->len;
        pairs[i].size = end - pairs[i].start;
    }
    copse_status status = copse_json_pairs_sort(builder->buf->ptr, COPSE_JSON_SHORTEST_FIRST, pairs,
                                                count, '\0', builder->buf, &builder->scratch);
    if (status == COPSE_CORRUPT) {
        return copse_json_build_fail(builder, status,
                                     "the map that ends here has the same key twice");
    }
    return copse_json_build_wrote(builder, status);
}

/* Shows a map with a reserved key, or the value of "/", to whom it concerns. `lead` is its first
 * key in the text. */
static copse_status json_build_reserved(copse_json_builder *builder, const copse_json_frame *frame,
                                        copse_bytes lead)
{
    if (frame->in_slash) {
        builder->frames[builder->depth - 1].bytes_first =
            copse_bytes_equal(lead, copse_bytes_of_text("bytes"));
    }
    if (!frame->reserved) {
        return COPSE_OK;
    }
    copse_json_map map = {.offset = frame->offset,
                          .count = frame->count,
                          .lead = lead,
                          .bytes_first = frame->bytes_first};
    return builder->dialect->end_map(builder, &map);
}

static COPSE_NOINLINE copse_status json_build_end_map_careful(copse_json_builder *builder,
                                                              const copse_json_frame *frame)
{
    uint8_t lead[COPSE_JSON_LEAD_SIZE_MAX];
    size_t lead_size = 0;
    copse_status status = COPSE_OK;
    if (frame->count > 0) {
        const copse_json_pair *first = &builder->pairs[frame->first_pair];
        lead_size = first->key_size < sizeof lead ? first->key_size : sizeof lead;
        memcpy(lead, builder->buf->ptr + first->key, lead_size);
    }
    if (frame->unsorted) {
        status = json_build_sort(builder, frame);
    }
    if (status == COPSE_OK) {
        status = copse_json_build_wrote(builder, json_build_finish_head(builder->buf, frame));
    }
    return status == COPSE_OK ? json_build_reserved(builder, frame, (copse_bytes){lead, lead_size})
                              : status;
}

/* Ends the innermost array or map, at its bracket. */
static copse_status json_build_pop(copse_json_builder *builder)
{
    const copse_json_frame *frame = &builder->frames[--builder->depth];
    copse_status status = COPSE_OK;
    if (COPSE_UNLIKELY(frame->reserved || frame->in_slash)) {
        status = json_build_end_map_careful(builder, frame);
    } else {
        if (frame->unsorted) {
            status = json_build_sort(builder, frame);
        }
        if (status == COPSE_OK) {
            status = copse_json_build_wrote(builder, json_build_finish_head(builder->buf, frame));
        }
    }
    builder->pairs_count = frame->first_pair;
    builder->at++;
    return status;
}

/* ---- The loop ---- */

/* Reads a scalar, or the bracket that opens an array or map. */
COPSE_INLINE copse_status json_build_value(copse_json_builder *builder)
{
    size_t size = 0;
    if (COPSE_UNLIKELY(builder->at == builder->end)) {
        return json_build_unexpected(builder, "a value");
    }
    switch (*builder->at) {
    case '"':
        return json_build_string(builder, &size);
    case '{':
        return json_build_push(builder, true);
    case '[':
        return json_build_push(builder, false);
    case 't':
        return json_build_literal(builder, "true", 4, COPSE_CBOR_TRUE);
    case 'f':
        return json_build_literal(builder, "false", 5, COPSE_CBOR_FALSE);
    case 'n':
        return json_build_literal(builder, "null", 4, COPSE_CBOR_NIL);
    case '-':
        return json_build_long_number(builder);
    default:
        return copse_json_is_digit(*builder->at) ? json_build_number(builder)
                                                 : json_build_unexpected(builder, "a value");
    }
}

/* Reads on in the innermost array or map: its next element or pair, or its end. */
COPSE_INLINE copse_status json_build_next(copse_json_builder *builder)
{
    copse_json_frame *frame = &builder->frames[builder->depth - 1];
    builder->at = copse_json_skip_space(builder->at, builder->end);
    if (COPSE_UNLIKELY(builder->at == builder->end)) {
        return json_build_unexpected(builder, frame->is_map ? "',' or '}'" : "',' or ']'");
    }
    if (*builder->at == (frame->is_map ? '}' : ']')) {
        return json_build_pop(builder);
    }
    if (frame->count > 0) {
        if (COPSE_UNLIKELY(*builder->at != ',')) {
            return json_build_unexpected(builder, frame->is_map ? "',' or '}'" : "',' or ']'");
        }
        builder->at = copse_json_skip_space(builder->at + 1, builder->end);
    }
    if (frame->is_map) {
        copse_status status = json_build_key(builder, frame);
        if (COPSE_UNLIKELY(status != COPSE_OK)) {
            return status;
        }
    }
    frame->count++;
    return json_build_value(builder);
}

static copse_status json_build_run(copse_json_builder *builder)
{
    builder->at = copse_json_skip_space(builder->at, builder->end);
    copse_status status = json_build_value(builder);
    while (COPSE_LIKELY(status == COPSE_OK) && builder->depth > 0) {
        status = json_build_next(builder);
    }
    if (status != COPSE_OK) {
        return status;
    }
    builder->at = copse_json_skip_space(builder->at, builder->end);
    return builder->at == builder->end ? COPSE_OK
                                       : json_build_unexpected(builder, "the end of the text");
}

copse_status copse_json_build(copse_json_builder *builder, copse_bytes text, copse_buf *buf,
                              copse_err *err)
{
    size_t start = buf->len;
    if (text.len > builder->env->limits.json_size_bytes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "line 1, column 1: JSON of %zu bytes, the limit is %zu",
                         text.len, builder->env->limits.json_size_bytes_max);
    }
    if (text.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "line 1, column 1: there is no text");
    }
    builder->buf = buf;
    builder->err = err;
    builder->text = text;
    builder->at = text.ptr;
    builder->end = text.ptr + text.len;
    builder->depth = 0;
    builder->deepest = 0;
    builder->pairs_count = 0;
    copse_status status = json_build_run(builder);
    /* The maps that were let through above the limit: were they all replaced? */
    if (status == COPSE_OK && builder->deepest > json_build_depth_max(builder)) {
        copse_bytes item = {buf->ptr + start, buf->len - start};
        status = copse_dag_cbor_check(item, &builder->env->limits, COPSE_CBOR_STRICT, NULL);
        if (status != COPSE_OK) {
            status = json_build_fail_at(builder, builder->end, status, JSON_TOO_DEEP);
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, start);
    }
    return status;
}

void copse_json_builder_init(copse_json_builder *builder, const copse_env *env,
                             const copse_json_dialect *dialect)
{
    *builder = (copse_json_builder){.env = env, .dialect = dialect};
    copse_buf_init(&builder->scratch, env, SIZE_MAX / 2);
}

void copse_json_builder_release(copse_json_builder *builder)
{
    copse_free_array(builder->env, builder->frames, builder->frames_capacity,
                     sizeof *builder->frames);
    copse_free_array(builder->env, builder->pairs, builder->pairs_capacity, sizeof *builder->pairs);
    copse_buf_release(&builder->scratch);
}
