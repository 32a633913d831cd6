/* DAG-CBOR to canonical DAG-JSON, in one pass over the items.
 *
 * DAG-CBOR stores the pairs of a map with the shortest key first, DAG-JSON in bytewise order of the
 * keys. Texts are written in the order of the input; a map whose keys turn out to be in another
 * order is rearranged when it ends, its text being the last in the buf then.
 *
 * A map that reading would take for a link or bytes, or refuse (rules J1 and J2 of
 * json_slash.h), has no DAG-JSON: it is refused here.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/json_pairs.h"
#include "value/json_print.h"
#include "value/utf8.h"

#include <string.h>

/* An open array or map. */
typedef struct json_level {
    bool is_map;
    bool has_items;    /* one was written */
    uint64_t left;     /* items, or pairs, to write */
    size_t first_pair; /* of a map, in the writer's pairs */
} json_level;

typedef struct json_writer {
    const copse_env *env;
    copse_buf *buf;
    copse_buf scratch;
    copse_bytes input;
    copse_cbor_mode mode;
    copse_cbor_reader reader;
    json_level *levels;
    size_t depth;
    size_t levels_capacity;
    copse_json_pair *pairs; /* of all open maps */
    size_t pairs_count;
    size_t pairs_capacity;
    const char *why; /* what a failure other than the buf's is about */
} json_writer;

static copse_status json_writer_fail(json_writer *writer, copse_status status, const char *why)
{
    writer->why = why;
    return status;
}

/* ---- Scalars ---- */

static copse_status json_writer_put_string(json_writer *writer, copse_bytes text)
{
    if (writer->mode == COPSE_CBOR_LAX && !copse_utf8_valid(text)) {
        return json_writer_fail(writer, COPSE_CORRUPT,
                                "a text is not UTF-8, which JSON can't hold");
    }
    return copse_json_print_string(writer->buf, text);
}

static copse_status json_writer_put_bytes(json_writer *writer, copse_bytes bytes)
{
    copse_status status = copse_json_print(writer->buf, "{\"/\":{\"bytes\":\"");
    if (status == COPSE_OK) {
        status = copse_json_print_base64(writer->buf, bytes);
    }
    return status == COPSE_OK ? copse_json_print(writer->buf, "\"}}") : status;
}

static copse_status json_writer_put_link(json_writer *writer, copse_bytes cid)
{
    copse_status status = copse_json_print_link(writer->buf, cid);
    return status == COPSE_CORRUPT ? json_writer_fail(writer, status, "a link is no CID") : status;
}

static copse_status json_writer_put_scalar(json_writer *writer, const copse_cbor_item *item)
{
    switch (item->kind) {
    case COPSE_CBOR_NULL:
        return copse_json_print(writer->buf, "null");
    case COPSE_CBOR_BOOL:
        return copse_json_print(writer->buf, item->boolean ? "true" : "false");
    case COPSE_CBOR_INT:
        return copse_json_print_int(writer->buf, item->negative, item->arg);
    case COPSE_CBOR_FLOAT:
        return copse_json_print_float(writer->buf, item->real);
    case COPSE_CBOR_BYTES:
        return json_writer_put_bytes(writer, item->bytes);
    case COPSE_CBOR_LINK:
        return json_writer_put_link(writer, item->bytes);
    case COPSE_CBOR_TEXT:
        return json_writer_put_string(writer, item->bytes);
    case COPSE_CBOR_ARRAY:
    case COPSE_CBOR_MAP:
        break;
    }
    return json_writer_fail(writer, COPSE_MISUSE, "an item of no kind");
}

/* ---- Arrays and maps ---- */

static copse_status json_writer_push(json_writer *writer, const copse_cbor_item *item)
{
    void *levels = writer->levels;
    bool is_map = item->kind == COPSE_CBOR_MAP;
    if (!copse_array_grow(writer->env, &levels, &writer->levels_capacity, writer->depth + 1,
                          sizeof *writer->levels)) {
        return COPSE_NOMEM;
    }
    writer->levels = levels;
    writer->levels[writer->depth++] =
        (json_level){.is_map = is_map, .left = item->arg, .first_pair = writer->pairs_count};
    return copse_buf_append_byte(writer->buf, is_map ? '{' : '[');
}

/* The shape of the innermost map that is complete, if its keys are in bytewise order. */
static copse_json_shape json_map_lead(const json_writer *writer, const json_level *level,
                                      const char *expected)
{
    if (level->first_pair == writer->pairs_count) {
        return COPSE_JSON_SHAPE_OTHER;
    }
    const copse_json_pair *pair = &writer->pairs[level->first_pair];
    copse_bytes key = {writer->input.ptr + pair->key, pair->key_size};
    return copse_bytes_equal(key, copse_bytes_of_text(expected)) ? pair->shape
                                                                 : COPSE_JSON_SHAPE_OTHER;
}

/* Notes the end of the value that was written last, if it is a map's. */
static void json_writer_end_value(json_writer *writer, copse_json_shape shape)
{
    if (writer->depth > 0 && writer->levels[writer->depth - 1].is_map) {
        copse_json_pair *pair = &writer->pairs[writer->pairs_count - 1];
        pair->size = writer->buf->len - pair->start;
        pair->shape = shape;
    }
}

static bool json_writer_is_sorted(const json_writer *writer, const json_level *level)
{
    for (size_t i = level->first_pair + 1; i < writer->pairs_count; i++) {
        if (copse_json_pair_compare(writer->input.ptr, COPSE_JSON_BYTEWISE, &writer->pairs[i - 1],
                                    &writer->pairs[i]) > 0) {
            return false;
        }
    }
    return true;
}

static copse_status json_writer_end_map(json_writer *writer, const json_level *level)
{
    copse_status status = COPSE_OK;
    if (!json_writer_is_sorted(writer, level)) {
        status = copse_json_pairs_sort(
            writer->input.ptr, COPSE_JSON_BYTEWISE, writer->pairs + level->first_pair,
            writer->pairs_count - level->first_pair, ',', writer->buf, &writer->scratch);
    }
    if (status == COPSE_OK && json_map_lead(writer, level, "/") != COPSE_JSON_SHAPE_OTHER) {
        return json_writer_fail(writer, COPSE_LIMIT,
                                "a map has the form that DAG-JSON reserves for links and bytes");
    }
    return status;
}

/* Ends the innermost array or map. */
static copse_status json_writer_pop(json_writer *writer)
{
    json_level level = writer->levels[writer->depth - 1];
    copse_json_shape shape = COPSE_JSON_SHAPE_OTHER;
    copse_status status = COPSE_OK;
    if (level.is_map) {
        status = json_writer_end_map(writer, &level);
        if (json_map_lead(writer, &level, "bytes") == COPSE_JSON_SHAPE_TEXT) {
            shape = COPSE_JSON_SHAPE_BYTES_MAP;
        }
        writer->pairs_count = level.first_pair;
    }
    writer->depth--;
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(writer->buf, level.is_map ? '}' : ']');
    }
    if (status == COPSE_OK) {
        json_writer_end_value(writer, shape);
    }
    return status;
}

/* Writes a key and its colon, and notes the pair. */
static copse_status json_writer_key(json_writer *writer)
{
    copse_cbor_item item;
    void *pairs = writer->pairs;
    copse_status status = copse_cbor_next(&writer->reader, &item, NULL);
    if (status != COPSE_OK) {
        return json_writer_fail(writer, COPSE_CORRUPT, "the DAG-CBOR ends inside a map");
    }
    if (!copse_array_grow(writer->env, &pairs, &writer->pairs_capacity, writer->pairs_count + 1,
                          sizeof *writer->pairs)) {
        return COPSE_NOMEM;
    }
    writer->pairs = pairs;
    writer->pairs[writer->pairs_count++] = (copse_json_pair){
        .rank = copse_json_key_rank(COPSE_JSON_BYTEWISE, item.bytes, writer->reader.end),
        .key = (size_t)(item.bytes.ptr - writer->input.ptr),
        .key_size = item.bytes.len,
        .start = writer->buf->len};
    status = json_writer_put_string(writer, item.bytes);
    return status == COPSE_OK ? copse_buf_append_byte(writer->buf, ':') : status;
}

static copse_status json_writer_value(json_writer *writer)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(&writer->reader, &item, NULL);
    if (status != COPSE_OK) {
        return json_writer_fail(writer, COPSE_CORRUPT, "the DAG-CBOR ends too early");
    }
    if (item.kind == COPSE_CBOR_ARRAY || item.kind == COPSE_CBOR_MAP) {
        return json_writer_push(writer, &item);
    }
    status = json_writer_put_scalar(writer, &item);
    if (status == COPSE_OK) {
        json_writer_end_value(writer, item.kind == COPSE_CBOR_TEXT ? COPSE_JSON_SHAPE_TEXT
                                                                   : COPSE_JSON_SHAPE_OTHER);
    }
    return status;
}

/* Writes the next element or pair of the innermost array or map, which has one. */
static copse_status json_writer_next(json_writer *writer)
{
    json_level *level = &writer->levels[writer->depth - 1];
    copse_status status = level->has_items ? copse_buf_append_byte(writer->buf, ',') : COPSE_OK;
    level->has_items = true;
    level->left--;
    if (status == COPSE_OK && level->is_map) {
        status = json_writer_key(writer);
    }
    return status == COPSE_OK ? json_writer_value(writer) : status;
}

static copse_status json_writer_run(json_writer *writer)
{
    copse_status status = json_writer_value(writer);
    while (status == COPSE_OK && writer->depth > 0) {
        if (writer->levels[writer->depth - 1].left == 0) {
            status = json_writer_pop(writer);
        } else {
            status = json_writer_next(writer);
        }
    }
    return status;
}

copse_status copse_dag_json_from_cbor(const copse_env *env, copse_bytes cbor, copse_cbor_mode mode,
                                      copse_buf *buf, copse_err *err)
{
    json_writer writer = {.env = env, .buf = buf, .input = cbor, .mode = mode};
    size_t start = buf->len;
    copse_status status =
        copse_cbor_reader_init_untrusted(&writer.reader, cbor, &env->limits, mode, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&writer.scratch, env, buf->max);
    status = json_writer_run(&writer);
    if (status != COPSE_OK) {
        const char *why = writer.why != NULL      ? writer.why
                          : status == COPSE_NOMEM ? "out of memory"
                                                  : "the JSON text is too large";
        copse_buf_truncate(buf, start);
        status = COPSE_ERR(err, status, "%s", why);
    }
    copse_free_array(env, writer.levels, writer.levels_capacity, sizeof *writer.levels);
    copse_free_array(env, writer.pairs, writer.pairs_capacity, sizeof *writer.pairs);
    copse_buf_release(&writer.scratch);
    return status;
}
