/* DAG-CBOR to Extended JSON, in one pass over the items.
 *
 * Pairs are written in DAG-CBOR's order, but `_id` before them: the writer jumps to it when a map
 * begins, then back to the first pair, and passes over it when it comes to it. So nothing is
 * sorted, and memory is taken for the open levels only.
 *
 * (X1) What is written reads back (QUERY mode; for values, VALUE mode too) as the same bytes:
 *      canonical and relaxed.
 * (X2) A map that would read back as a link or as bytes has no Extended JSON and is refused.
 *
 * An integer outside int64 has no wrapper in the specification: it is written as plain digits in
 * both forms, which is what reads back the same.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/ext_json_date.h"
#include "value/json_print.h"
#include "value/json_slash.h"
#include "value/value_form.h"

#include <math.h>

/* An open array or map. */
typedef struct ext_json_level {
    uint64_t left; /* items, or pairs, to write */
    bool is_map;
    bool has_items;        /* one was written */
    const uint8_t *id;     /* the key `_id`, if it is not the first */
    const uint8_t *resume; /* where to go on behind its value; NULL: where the reader is */
} ext_json_level;

typedef struct ext_json_writer {
    const copse_env *env;
    copse_buf *buf;
    bool canonical;
    copse_cbor_reader reader;
    ext_json_level *levels;
    size_t depth;
    size_t levels_capacity;
    const char *why; /* what a failure other than the buf's is about */
} ext_json_writer;

static copse_status ext_json_writer_fail(ext_json_writer *writer, copse_status status,
                                         const char *why)
{
    writer->why = why;
    return status;
}

/* Writes `before`, `text` as a string, and `behind`. */
static copse_status ext_json_print_wrapped(copse_buf *buf, const char *before, copse_bytes text,
                                           const char *behind)
{
    copse_status status = copse_json_print(buf, before);
    if (status == COPSE_OK) {
        status = copse_json_print_string(buf, text);
    }
    return status == COPSE_OK ? copse_json_print(buf, behind) : status;
}

/* ---- Scalars ---- */

static copse_status ext_json_print_long(copse_buf *buf, int64_t value)
{
    copse_status status = copse_json_print(buf, "{\"$numberLong\":\"");
    if (status == COPSE_OK) {
        status = copse_json_print_int(buf, value < 0,
                                      value < 0 ? (uint64_t)(-1 - value) : (uint64_t)value);
    }
    return status == COPSE_OK ? copse_json_print(buf, "\"}") : status;
}

static copse_status ext_json_print_int(ext_json_writer *writer, const copse_value *value)
{
    if (!writer->canonical || value->arg > INT64_MAX) {
        return copse_json_print_int(writer->buf, value->negative, value->arg);
    }
    int64_t number = value->negative ? -1 - (int64_t)value->arg : (int64_t)value->arg;
    if (value->arg > INT32_MAX) {
        return ext_json_print_long(writer->buf, number);
    }
    copse_status status = copse_json_print(writer->buf, "{\"$numberInt\":\"");
    if (status == COPSE_OK) {
        status = copse_json_print_int(writer->buf, value->negative, value->arg);
    }
    return status == COPSE_OK ? copse_json_print(writer->buf, "\"}") : status;
}

static copse_status ext_json_print_float(ext_json_writer *writer, double value)
{
    if (!writer->canonical && isfinite(value)) {
        return copse_json_print_float(writer->buf, value);
    }
    copse_status status = copse_json_print(writer->buf, "{\"$numberDouble\":\"");
    if (status == COPSE_OK && isfinite(value)) {
        status = copse_json_print_float(writer->buf, value);
    } else if (status == COPSE_OK) {
        status = copse_json_print(writer->buf, isnan(value) ? "NaN"
                                               : value > 0  ? "Infinity"
                                                            : "-Infinity");
    }
    return status == COPSE_OK ? copse_json_print(writer->buf, "\"}") : status;
}

static copse_status ext_json_print_binary(copse_buf *buf, const copse_value *value)
{
    static const char *const paddings[] = {"", "==", "="};
    static const char hex[] = "0123456789abcdef";
    char subtype[2] = {hex[value->subtype >> 4], hex[value->subtype & 15]};
    copse_status status = copse_json_print(buf, "{\"$binary\":{\"base64\":\"");
    if (status == COPSE_OK) {
        status = copse_json_print_base64(buf, value->bytes);
    }
    if (status == COPSE_OK) {
        status = copse_json_print(buf, paddings[value->bytes.len % 3]);
    }
    return status == COPSE_OK
               ? ext_json_print_wrapped(
                     buf, "\",\"subType\":", (copse_bytes){(const uint8_t *)subtype, 2}, "}}")
               : status;
}

static copse_status ext_json_print_date(ext_json_writer *writer, int64_t date_ms)
{
    char text[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX];
    size_t size = writer->canonical ? 0 : copse_ext_json_date_write(date_ms, text);
    if (size != 0) {
        return ext_json_print_wrapped(
            writer->buf, "{\"$date\":", (copse_bytes){(const uint8_t *)text, size}, "}");
    }
    copse_status status = copse_json_print(writer->buf, "{\"$date\":");
    if (status == COPSE_OK) {
        status = ext_json_print_long(writer->buf, date_ms);
    }
    return status == COPSE_OK ? copse_json_print(writer->buf, "}") : status;
}

static copse_status ext_json_print_timestamp(copse_buf *buf, const copse_value *value)
{
    copse_status status = copse_json_print(buf, "{\"$timestamp\":{\"t\":");
    if (status == COPSE_OK) {
        status = copse_json_print_int(buf, false, value->seconds);
    }
    if (status == COPSE_OK) {
        status = copse_json_print(buf, ",\"i\":");
    }
    if (status == COPSE_OK) {
        status = copse_json_print_int(buf, false, value->increment);
    }
    return status == COPSE_OK ? copse_json_print(buf, "}}") : status;
}

static copse_status ext_json_print_regex(copse_buf *buf, const copse_value *value)
{
    copse_status status = ext_json_print_wrapped(
        buf, "{\"$regularExpression\":{\"pattern\":", value->bytes, ",\"options\":");
    return status == COPSE_OK ? ext_json_print_wrapped(buf, "", value->options, "}}") : status;
}

static copse_status ext_json_print_value(ext_json_writer *writer, const copse_value *value)
{
    copse_buf *buf = writer->buf;
    switch (value->type) {
    case COPSE_VALUE_MIN_KEY:
        return copse_json_print(buf, "{\"$minKey\":1}");
    case COPSE_VALUE_MAX_KEY:
        return copse_json_print(buf, "{\"$maxKey\":1}");
    case COPSE_VALUE_NULL:
        return copse_json_print(buf, "null");
    case COPSE_VALUE_BOOL:
        return copse_json_print(buf, value->boolean ? "true" : "false");
    case COPSE_VALUE_INT:
        return ext_json_print_int(writer, value);
    case COPSE_VALUE_FLOAT:
        return ext_json_print_float(writer, value->real);
    case COPSE_VALUE_DECIMAL:
        return ext_json_print_wrapped(buf, "{\"$numberDecimal\":", value->bytes, "}");
    case COPSE_VALUE_TEXT:
        return copse_json_print_string(buf, value->bytes);
    case COPSE_VALUE_BINARY:
        return ext_json_print_binary(buf, value);
    case COPSE_VALUE_OBJECT_ID:
        return ext_json_print_wrapped(buf, "{\"$oid\":", value->bytes, "}");
    case COPSE_VALUE_DATE:
        return ext_json_print_date(writer, value->date_ms);
    case COPSE_VALUE_TIMESTAMP:
        return ext_json_print_timestamp(buf, value);
    case COPSE_VALUE_REGEX:
        return ext_json_print_regex(buf, value);
    case COPSE_VALUE_LINK:
        return copse_json_print_link(buf, value->bytes);
    case COPSE_VALUE_OBJECT:
    case COPSE_VALUE_ARRAY:
        break;
    }
    return ext_json_writer_fail(writer, COPSE_MISUSE, "a value of no type");
}

/* ---- Arrays and maps ---- */

/* Finds `_id` in the map whose first key comes next, and goes there. */
static void ext_json_level_seek_id(ext_json_writer *writer, ext_json_level *level)
{
    copse_cbor_reader walk = writer->reader;
    copse_bytes name = copse_bytes_of_text("_id");
    for (uint64_t i = 0; i < level->left; i++) {
        const uint8_t *at = walk.at;
        copse_cbor_item key;
        if (copse_cbor_next(&walk, &key, NULL) != COPSE_OK || key.bytes.len > name.len) {
            return;
        }
        if (copse_bytes_equal(key.bytes, name)) {
            if (i > 0) {
                level->id = at;
                level->resume = writer->reader.at;
                writer->reader.at = at;
            }
            return;
        }
        if (copse_cbor_skip(&walk, NULL) != COPSE_OK) {
            return;
        }
    }
}

static copse_status ext_json_writer_push(ext_json_writer *writer, const copse_cbor_item *item)
{
    void *levels = writer->levels;
    if (!copse_array_grow(writer->env, &levels, &writer->levels_capacity, writer->depth + 1,
                          sizeof *writer->levels)) {
        return COPSE_NOMEM;
    }
    writer->levels = levels;
    ext_json_level *level = &writer->levels[writer->depth++];
    *level = (ext_json_level){.left = item->arg, .is_map = item->kind == COPSE_CBOR_MAP};
    if (level->is_map) {
        ext_json_level_seek_id(writer, level);
    }
    return copse_buf_append_byte(writer->buf, level->is_map ? '{' : '[');
}

/* The first key of a map that comes next; nothing if it has none, or is no map. */
static copse_bytes ext_json_first_key(copse_cbor_reader walk)
{
    copse_cbor_item item = {0};
    if (copse_cbor_next(&walk, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_MAP ||
        item.arg == 0 || copse_cbor_next(&walk, &item, NULL) != COPSE_OK) {
        return (copse_bytes){0};
    }
    return item.bytes;
}

/* Writes what comes next if it is a scalar or the form of one; else the bracket that opens it. */
static copse_status ext_json_writer_value(ext_json_writer *writer)
{
    copse_bytes key = ext_json_first_key(writer->reader);
    copse_bytes encoded;
    copse_cbor_reader walk = writer->reader;
    if (copse_bytes_equal(key, copse_bytes_of_text("/")) &&
        copse_cbor_take(&walk, &encoded, NULL) == COPSE_OK &&
        copse_json_slash_read(encoded, COPSE_JSON_SHORTEST_FIRST, false, false, &key) !=
            COPSE_JSON_SLASH_NONE) {
        return ext_json_writer_fail(
            writer, COPSE_LIMIT,
            "a map has the form that JSON reserves for links and bytes (\"/\")");
    }
    copse_value value;
    copse_cbor_item item;
    walk = writer->reader;
    copse_status status = copse_value_enter(&writer->reader, &value, NULL);
    if (status == COPSE_OK && value.type != COPSE_VALUE_OBJECT && value.type != COPSE_VALUE_ARRAY) {
        return ext_json_print_value(writer, &value);
    }
    if (copse_cbor_next(&walk, &item, NULL) != COPSE_OK) {
        return ext_json_writer_fail(writer, COPSE_CORRUPT, "the DAG-CBOR ends too early");
    }
    if (status != COPSE_OK && item.kind != COPSE_CBOR_MAP) {
        return ext_json_writer_fail(writer, COPSE_CORRUPT, "a bare -0.0, which is no value");
    }
    writer->reader = walk;
    return ext_json_writer_push(writer, &item);
}

/* Behind a pair: goes back to the first one if that was `_id`, and passes over `_id` later on. */
static copse_status ext_json_level_end_pair(ext_json_writer *writer, ext_json_level *level)
{
    if (level->resume != NULL) {
        writer->reader.at = level->resume;
        level->resume = NULL;
    }
    if (level->id == NULL || writer->reader.at != level->id) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_skip(&writer->reader, NULL);
    return status == COPSE_OK ? copse_cbor_skip(&writer->reader, NULL) : status;
}

/* Writes a key and its colon. */
static copse_status ext_json_writer_key(ext_json_writer *writer)
{
    copse_cbor_item key;
    if (copse_cbor_next(&writer->reader, &key, NULL) != COPSE_OK) {
        return ext_json_writer_fail(writer, COPSE_CORRUPT, "the DAG-CBOR ends inside a map");
    }
    copse_status status = copse_json_print_string(writer->buf, key.bytes);
    return status == COPSE_OK ? copse_buf_append_byte(writer->buf, ':') : status;
}

/* Writes the next element or pair of the innermost array or map, which has one. */
static copse_status ext_json_writer_next(ext_json_writer *writer)
{
    ext_json_level *level = &writer->levels[writer->depth - 1];
    copse_status status = level->has_items ? copse_buf_append_byte(writer->buf, ',') : COPSE_OK;
    level->has_items = true;
    level->left--;
    if (status == COPSE_OK && level->is_map) {
        status = ext_json_writer_key(writer);
    }
    return status == COPSE_OK ? ext_json_writer_value(writer) : status;
}

static copse_status ext_json_writer_run(ext_json_writer *writer)
{
    copse_status status = ext_json_writer_value(writer);
    while (status == COPSE_OK && writer->depth > 0) {
        ext_json_level *level = &writer->levels[writer->depth - 1];
        if (level->has_items) {
            status = ext_json_level_end_pair(writer, level);
        }
        if (status == COPSE_OK && level->left == 0) {
            writer->depth--;
            status = copse_buf_append_byte(writer->buf, level->is_map ? '}' : ']');
        } else if (status == COPSE_OK) {
            status = ext_json_writer_next(writer);
        }
    }
    return status;
}

copse_status copse_ext_json_from_cbor(const copse_env *env, copse_bytes cbor, bool canonical,
                                      copse_buf *buf, copse_err *err)
{
    ext_json_writer writer = {.env = env, .buf = buf, .canonical = canonical};
    size_t start = buf->len;
    copse_status status = copse_cbor_reader_init_untrusted(&writer.reader, cbor, &env->limits,
                                                           COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = ext_json_writer_run(&writer);
    if (status != COPSE_OK) {
        const char *why = writer.why != NULL      ? writer.why
                          : status == COPSE_NOMEM ? "out of memory"
                                                  : "the JSON text is too large";
        copse_buf_truncate(buf, start);
        status = COPSE_ERR(err, status, "%s", why);
    }
    copse_free_array(env, writer.levels, writer.levels_capacity, sizeof *writer.levels);
    return status;
}
