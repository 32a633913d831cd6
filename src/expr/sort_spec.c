/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/sort_spec.h"

#include "base/err.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"
#include "value/json_number.h"
#include "value/json_token.h"

/* ---- Making one ----------------------------------------------------------------------------- */

/* An empty one whose text has room for all its paths, which are not longer than `input`: so the
 * text never moves, and paths may point into it from the start. */
static copse_status sort_spec_init(copse_sort_spec *spec, const copse_env *env, copse_bytes input,
                                   copse_err *err)
{
    *spec = (copse_sort_spec){0};
    copse_buf_init(&spec->text, env, input.len);
    if (copse_buf_reserve(&spec->text, input.len) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    return COPSE_OK;
}

void copse_sort_spec_release(copse_sort_spec *spec)
{
    if (spec != NULL) {
        copse_buf_release(&spec->text);
        *spec = (copse_sort_spec){0};
    }
}

/* Adds a field whose path is the last `len` bytes of the text. `arrays`: it may end in "[]". */
static copse_status sort_spec_add(copse_sort_spec *spec, size_t len, bool descending, bool arrays,
                                  copse_err *err)
{
    copse_sort_field field = {.path = {spec->text.ptr + spec->text.len - len, len},
                              .descending = descending};
    if (arrays && len > 2 && memcmp(field.path.ptr + len - 2, "[]", 2) == 0) {
        field.path.len -= 2;
        field.array = true;
    }
    copse_status status = copse_path_check(field.path, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (spec->count == COPSE_SORT_FIELDS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "more than %d fields to sort by", COPSE_SORT_FIELDS_MAX);
    }
    for (size_t i = 0; i < spec->count; i++) {
        if (copse_bytes_equal(spec->fields[i].path, field.path)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the field \"%.*s\" stands twice",
                             (int)field.path.len, (const char *)field.path.ptr);
        }
    }
    spec->fields[spec->count++] = field;
    return COPSE_OK;
}

/* ---- Text ----------------------------------------------------------------------------------- */

static copse_bytes sort_spec_trim(copse_bytes text)
{
    while (text.len > 0 && copse_json_is_space(text.ptr[0])) {
        text = (copse_bytes){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && copse_json_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Refuses "a:1" and "a:-1", which are hardly the names of fields. */
static copse_status sort_spec_check_colon(copse_bytes field, copse_err *err)
{
    const uint8_t *colon = field.len > 0 ? memchr(field.ptr, ':', field.len) : NULL;
    size_t len = colon != NULL ? (size_t)(colon - field.ptr) : 0;
    copse_bytes rest = {colon, field.len - len};
    if (colon == NULL || (!copse_bytes_equal(rest, copse_bytes_of_text(":1")) &&
                          !copse_bytes_equal(rest, copse_bytes_of_text(":-1")))) {
        return COPSE_OK;
    }
    return COPSE_ERR(err, COPSE_CORRUPT, "\"%.*s\": a field is written %s%.*s, or {\"%.*s\": %s}",
                     (int)field.len, (const char *)field.ptr, rest.len == 3 ? "-" : "", (int)len,
                     (const char *)field.ptr, (int)len, (const char *)field.ptr,
                     rest.len == 3 ? "-1" : "1");
}

/* a,-b.c */
static copse_status sort_spec_parse_list(copse_sort_spec *spec, copse_bytes text, bool arrays,
                                         copse_err *err)
{
    copse_status status = COPSE_OK;
    bool more = true;
    while (status == COPSE_OK && more) {
        const uint8_t *comma = text.len != 0 ? memchr(text.ptr, ',', text.len) : NULL;
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        copse_bytes field = sort_spec_trim((copse_bytes){text.ptr, len});
        more = comma != NULL;
        text = more ? (copse_bytes){comma + 1, text.len - len - 1} : text;
        bool descending = field.len > 0 && field.ptr[0] == '-';
        if (descending) {
            field = (copse_bytes){field.ptr + 1, field.len - 1};
        }
        status = sort_spec_check_colon(field, err);
        if (status == COPSE_OK) {
            status = copse_buf_append(&spec->text, field);
        }
        if (status == COPSE_OK) {
            status = sort_spec_add(spec, field.len, descending, arrays, err);
        }
    }
    return status;
}

/* A flat JSON object, read in the order of its text. */
typedef struct sort_spec_json {
    copse_sort_spec *spec;
    copse_bytes text;
    const uint8_t *at;
    const uint8_t *end;
    bool arrays;
    copse_err *err;
} sort_spec_json;

static copse_status sort_spec_json_fail(const sort_spec_json *json, const char *why)
{
    return copse_json_text_fail(json->text, (size_t)(json->at - json->text.ptr), COPSE_CORRUPT, why,
                                json->err);
}

/* Whether `byte` is next after white space; then moves behind it. */
static bool sort_spec_json_take(sort_spec_json *json, uint8_t byte)
{
    json->at = copse_json_skip_space(json->at, json->end);
    if (json->at == json->end || *json->at != byte) {
        return false;
    }
    json->at++;
    return true;
}

/* Appends the key to the text of the spec. */
static copse_status sort_spec_json_key(sort_spec_json *json, size_t *ret_len)
{
    copse_json_string key;
    const char *why = NULL;
    size_t bad = 0;
    size_t len = 0;
    if (!sort_spec_json_take(json, '"')) {
        return sort_spec_json_fail(json, "expected the name of a field");
    }
    const uint8_t *close = copse_json_string_scan(json->at, json->end, &key);
    if (close == json->end || *close != '"') {
        return sort_spec_json_fail(json, "a text does not end");
    }
    if (copse_json_string_check(&key, &len, &bad, &why) != COPSE_OK) {
        json->at += bad;
        return sort_spec_json_fail(json, why);
    }
    copse_status status = copse_buf_reserve(&json->spec->text, len);
    if (status != COPSE_OK) {
        return status;
    }
    copse_json_string_copy(&key, json->spec->text.ptr + json->spec->text.len);
    json->spec->text.len += len;
    json->at = close + 1;
    *ret_len = len;
    return COPSE_OK;
}

/* 1 or -1, also as floats. */
static copse_status sort_spec_json_direction(sort_spec_json *json, bool *ret_descending)
{
    json->at = copse_json_skip_space(json->at, json->end);
    const uint8_t *start = json->at;
    const uint8_t *stop = start;
    double value = 0;
    while (stop < json->end && copse_json_is_numeric(*stop)) {
        stop++;
    }
    copse_bytes number = {start, (size_t)(stop - start)};
    if (copse_json_double_parse(number, &value) != COPSE_OK || (value != 1 && value != -1)) {
        return sort_spec_json_fail(json, "a field is sorted by 1 (upwards) or -1 (downwards)");
    }
    json->at = stop;
    *ret_descending = value < 0;
    return COPSE_OK;
}

static copse_status sort_spec_json_field(sort_spec_json *json)
{
    size_t len = 0;
    bool descending = false;
    copse_status status = sort_spec_json_key(json, &len);
    if (status == COPSE_OK && !sort_spec_json_take(json, ':')) {
        status = sort_spec_json_fail(json, "expected a colon");
    }
    if (status == COPSE_OK) {
        status = sort_spec_json_direction(json, &descending);
    }
    if (status == COPSE_OK) {
        status = sort_spec_add(json->spec, len, descending, json->arrays, json->err);
    }
    return status;
}

static copse_status sort_spec_parse_json(sort_spec_json *json)
{
    copse_status status = COPSE_OK;
    json->at++; /* the brace */
    if (!sort_spec_json_take(json, '}')) {
        do {
            status = sort_spec_json_field(json);
        } while (status == COPSE_OK && sort_spec_json_take(json, ','));
        if (status == COPSE_OK && !sort_spec_json_take(json, '}')) {
            status = sort_spec_json_fail(json, "expected a comma or }");
        }
    }
    json->at = copse_json_skip_space(json->at, json->end);
    if (status == COPSE_OK && json->at != json->end) {
        status = sort_spec_json_fail(json, "something follows the sort order");
    }
    return status;
}

copse_status copse_sort_spec_parse(const copse_env *env, copse_bytes text, bool arrays,
                                   copse_sort_spec *ret_spec, copse_err *err)
{
    copse_sort_spec spec;
    copse_bytes trimmed = sort_spec_trim(text);
    copse_status status = sort_spec_init(&spec, env, trimmed, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (trimmed.len > 0 && trimmed.ptr[0] == '{') {
        sort_spec_json json = {.spec = &spec,
                               .text = trimmed,
                               .at = trimmed.ptr,
                               .end = trimmed.ptr + trimmed.len,
                               .arrays = arrays,
                               .err = err};
        status = sort_spec_parse_json(&json);
    } else if (trimmed.len > 0) {
        status = sort_spec_parse_list(&spec, trimmed, arrays, err);
    }
    if (status != COPSE_OK) {
        copse_sort_spec_release(&spec);
        return status;
    }
    *ret_spec = spec;
    return COPSE_OK;
}

/* ---- The encoded form ------------------------------------------------------------------------ */

static copse_status sort_spec_decode_field(copse_sort_spec *spec, copse_cbor_reader *reader,
                                           copse_err *err)
{
    copse_cbor_item pair;
    copse_cbor_item path;
    copse_cbor_item direction;
    int64_t value = 0;
    if (copse_cbor_next(reader, &pair, err) != COPSE_OK || pair.kind != COPSE_CBOR_ARRAY ||
        pair.arg != 2 || copse_cbor_next(reader, &path, err) != COPSE_OK ||
        path.kind != COPSE_CBOR_TEXT || copse_cbor_next(reader, &direction, err) != COPSE_OK ||
        copse_cbor_item_int64(&direction, &value) != COPSE_OK || (value != 1 && value != -1)) {
        return COPSE_ERR(
            err, COPSE_CORRUPT,
            "a sort order is a list of pairs [path, 1 or -1], in JSON {path: 1 or -1}");
    }
    copse_status status = copse_buf_append(&spec->text, path.bytes);
    if (status == COPSE_OK) {
        status = sort_spec_add(spec, path.bytes.len, value < 0, false, err);
    }
    return status;
}

copse_status copse_sort_spec_decode(const copse_env *env, copse_bytes encoded,
                                    copse_sort_spec *ret_spec, copse_err *err)
{
    copse_sort_spec spec;
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &head, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (head.kind != COPSE_CBOR_ARRAY) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a sort order is an array");
    }
    status = sort_spec_init(&spec, env, encoded, err);
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        status = sort_spec_decode_field(&spec, &reader, err);
    }
    if (status != COPSE_OK) {
        copse_sort_spec_release(&spec);
        return status;
    }
    *ret_spec = spec;
    return COPSE_OK;
}

copse_status copse_sort_spec_read(const copse_env *env, copse_bytes encoded,
                                  copse_sort_spec *ret_spec, copse_err *err)
{
    static const uint8_t heads[] = {0x81, 0x82}; /* of a list of one pair */
    copse_cbor_head map;
    copse_buf pairs;
    if (copse_path_is_array(encoded)) {
        return copse_sort_spec_decode(env, encoded, ret_spec, err);
    }
    if (!copse_path_is_object(encoded) ||
        !copse_cbor_head_read(encoded.ptr, encoded.ptr + encoded.len, &map)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a sort order is {path: 1 or -1}");
    }
    if (map.arg != 1) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         map.arg == 0 ? "there is no field to sort by"
                                      : "a map does not keep the order of its fields: write a list "
                                        "of pairs, [[\"a\", 1], [\"b\", -1]]");
    }
    copse_buf_init(&pairs, env, encoded.len + sizeof heads);
    copse_status status = copse_buf_append(&pairs, (copse_bytes){heads, sizeof heads});
    if (status == COPSE_OK) {
        status =
            copse_buf_append(&pairs, (copse_bytes){encoded.ptr + map.size, encoded.len - map.size});
    }
    status = status == COPSE_OK ? copse_sort_spec_decode(env, copse_buf_view(&pairs), ret_spec, err)
                                : COPSE_ERR_NOMEM(err);
    copse_buf_release(&pairs);
    return status;
}

copse_status copse_sort_spec_encode(const copse_sort_spec *spec, copse_buf *buf)
{
    size_t offset = buf->len;
    copse_status status = copse_cbor_write_array(buf, spec->count);
    for (size_t i = 0; status == COPSE_OK && i < spec->count; i++) {
        status = copse_cbor_write_array(buf, 2);
        if (status == COPSE_OK) {
            status = copse_cbor_write_text(buf, spec->fields[i].path);
        }
        if (status == COPSE_OK) {
            status = copse_cbor_write_int(buf, spec->fields[i].descending ? -1 : 1);
        }
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

/* ---- Keys ----------------------------------------------------------------------------------- */

typedef struct sort_spec_choice {
    copse_order_part part; /* the best so far; `descending` is the field's */
    bool chosen;
} sort_spec_choice;

/* The order of two parts upwards: MinKey, [], then null and what is missing, then all else. */
static copse_status sort_spec_compare(copse_order_kind a_kind, copse_bytes a,
                                      copse_order_kind b_kind, copse_bytes b, int *ret_order,
                                      copse_err *err)
{
    static const uint8_t null_item[] = {COPSE_CBOR_NIL};
    const copse_bytes null_value = {null_item, sizeof null_item};
    a = a_kind == COPSE_ORDER_VALUE ? a : null_value;
    b = b_kind == COPSE_ORDER_VALUE ? b : null_value;
    int order = 0;
    copse_status status = copse_value_compare(a, b, &order, err);
    if (status == COPSE_OK && order == 0) {
        order = (b_kind == COPSE_ORDER_EMPTY_ARRAY) - (a_kind == COPSE_ORDER_EMPTY_ARRAY);
    }
    if (status == COPSE_OK) {
        *ret_order = order;
    }
    return status;
}

static copse_status sort_spec_choose(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                     copse_err *err)
{
    sort_spec_choice *choice = ctx;
    int order = -1;
    copse_status status = COPSE_OK;
    if (choice->chosen) {
        status =
            sort_spec_compare(kind, encoded, choice->part.kind, choice->part.encoded, &order, err);
        order = choice->part.descending ? -order : order;
    }
    if (status == COPSE_OK && order < 0) {
        choice->part.kind = kind;
        choice->part.encoded = encoded;
        choice->chosen = true;
    }
    return status;
}

static copse_status sort_spec_write_field(const copse_sort_field *field, copse_bytes document,
                                          copse_buf *buf, copse_err *err)
{
    sort_spec_choice choice = {.part = {.descending = field->descending}};
    bool array = false;
    copse_status status =
        copse_path_visit(document, field->path, sort_spec_choose, &choice, &array, err);
    if (status == COPSE_OK && choice.part.kind != COPSE_ORDER_VALUE) {
        choice.part.encoded = (copse_bytes){NULL, 0};
    }
    return status == COPSE_OK ? copse_order_write(buf, &choice.part, err) : status;
}

copse_status copse_sort_spec_key(const copse_sort_spec *spec, copse_bytes document, copse_bytes id,
                                 copse_buf *buf, copse_err *err)
{
    size_t offset = buf->len;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < spec->count; i++) {
        status = sort_spec_write_field(&spec->fields[i], document, buf, err);
    }
    if (status == COPSE_OK) {
        copse_order_part last = {
            .kind = COPSE_ORDER_VALUE,
            .descending = spec->count > 0 && spec->fields[spec->count - 1].descending,
            .encoded = id,
        };
        status = copse_order_write(buf, &last, err);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}
