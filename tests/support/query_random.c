/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/query_random.h"

#include "support/test_env.h"
#include "support/value_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RANDOM_LONG_MIN = 230, RANDOM_LONG_MORE = 60 };

static const char *const random_paths[] = {"a", "b", "c", "d", "a.b", "b.a", "c.0", "_id"};

enum {
    RANDOM_PATHS = sizeof random_paths / sizeof *random_paths,
    RANDOM_NUMBERS = 4 /* so few that conditions are met */
};

/* The first of some paths that differ: mostly one that documents have. */
static size_t random_first(uint64_t *state)
{
    return test_random_below(state, test_random_below(state, 3) == 0 ? RANDOM_PATHS : 2);
}

static void random_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static void random_text(copse_buf *buf, const char *text)
{
    random_must(copse_cbor_write_text(buf, copse_bytes_of_text(text)));
}

/* A text that an index may have to cut; a few of each beginning. */
static void random_long(uint64_t *state, copse_buf *buf)
{
    char text[RANDOM_LONG_MIN + RANDOM_LONG_MORE];
    size_t size = RANDOM_LONG_MIN + test_random_below(state, RANDOM_LONG_MORE);
    memset(text, 'a', sizeof text);
    text[size - 1] = (char)('a' + test_random_below(state, 3));
    text[0] = (char)('a' + test_random_below(state, 2));
    random_must(copse_cbor_write_text(buf, (copse_bytes){(const uint8_t *)text, size}));
}

static void random_value(uint64_t *state, const query_random_shape *shape, copse_buf *buf)
{
    if (shape->has_long && test_random_below(state, 4) == 0) {
        random_long(state, buf);
    } else if (test_random_below(state, 2) == 0) {
        random_must(copse_cbor_write_int(buf, (int64_t)test_random_below(state, RANDOM_NUMBERS)));
    } else {
        random_must(value_random_item(state, shape->depth_max, buf));
    }
}

void query_random_document(uint64_t *state, const query_random_shape *shape, uint64_t id,
                           copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t count = 1;
    random_text(buf, "_id");
    random_must(copse_cbor_write_uint(buf, id));
    for (size_t i = 0; i < 4; i++) {
        if (test_random_below(state, 5) > 0) {
            random_text(buf, random_paths[i]);
            random_value(state, shape, buf);
            count++;
        }
    }
    random_must(copse_cbor_finish_map(buf, offset, count));
}

void query_random_index(uint64_t *state, bool linked, char ret_fields[64], char ret_options[96])
{
    size_t count = 1 + test_random_below(state, 3);
    size_t first = random_first(state);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const char *path = random_paths[(first + i * 3) % RANDOM_PATHS];
        len += (size_t)snprintf(ret_fields + len, 64 - len, "%s%s%s", i > 0 ? "," : "",
                                test_random_below(state, 3) == 0 ? "-" : "", path);
    }
    ret_options[0] = '\0';
    switch (test_random_below(state, 6)) {
    case 0:
        (void)snprintf(ret_options, 96, "include=%s", test_random_below(state, 2) ? "c,d" : "d.a");
        break;
    case 1:
        (void)snprintf(ret_options, 96, "filter={\"a\":{\"$exists\":true}}");
        break;
    case 2:
        (void)snprintf(ret_options, 96, "%s", linked ? "link" : "include=b");
        break;
    default:
        break;
    }
}

/* ---- Filters --------------------------------------------------------------------------------- */

static void random_operand(uint64_t *state, copse_buf *buf)
{
    switch (test_random_below(state, 8)) {
    case 0:
        random_long(state, buf);
        break;
    case 1:
        random_must(value_random_item(state, 2, buf));
        break;
    case 2:
    case 3:
        random_must(value_random_scalar(state, buf));
        break;
    default:
        random_must(copse_cbor_write_int(buf, (int64_t)test_random_below(state, RANDOM_NUMBERS)));
        break;
    }
}

static void random_list(uint64_t *state, copse_buf *buf)
{
    uint64_t count = test_random_below(state, 5);
    random_must(copse_cbor_write_array(buf, count));
    for (uint64_t i = 0; i < count; i++) {
        random_operand(state, buf);
    }
}

static void random_compare(uint64_t *state, copse_buf *buf)
{
    static const char *const operators[] = {"$gt", "$gte", "$lt", "$lte"};
    random_text(buf, operators[test_random_below(state, 4)]);
    random_operand(state, buf);
}

static void random_two_sided(uint64_t *state, copse_buf *buf)
{
    random_must(copse_cbor_write_map(buf, 2));
    random_text(buf, test_random_below(state, 2) ? "$gt" : "$lt");
    random_must(copse_cbor_write_int(buf, (int64_t)test_random_below(state, RANDOM_NUMBERS + 1)));
    random_text(buf,
                buf->ptr[buf->len - 2] == 't' && buf->ptr[buf->len - 3] == 'g' ? "$lte" : "$gte");
    random_must(copse_cbor_write_int(buf, (int64_t)test_random_below(state, RANDOM_NUMBERS + 1)));
}

static void random_type(uint64_t *state, copse_buf *buf)
{
    static const char *const types[] = {"number", "string", "null", "object",
                                        "array",  "date",   "int"};
    random_text(buf, "$type");
    random_text(buf, types[test_random_below(state, sizeof types / sizeof *types)]);
}

static void random_one_operator(uint64_t *state, copse_buf *buf)
{
    random_must(copse_cbor_write_map(buf, 1));
    switch (test_random_below(state, 9)) {
    case 0:
        random_text(buf, "$ne");
        random_operand(state, buf);
        break;
    case 1:
        random_text(buf, "$nin");
        random_list(state, buf);
        break;
    case 2:
        random_text(buf, "$elemMatch");
        random_two_sided(state, buf);
        break;
    case 3:
        random_text(buf, "$elemMatch");
        random_must(copse_cbor_write_map(buf, 1));
        random_text(buf, value_random_field(state));
        random_operand(state, buf);
        break;
    case 4:
        random_text(buf, "$regex");
        random_text(buf, test_random_below(state, 2) ? "^a" : "^aa+b?$");
        break;
    case 5:
        random_text(buf, "$exists");
        random_must(copse_cbor_write_bool(buf, test_random_below(state, 2) == 1));
        break;
    case 6:
        random_type(state, buf);
        break;
    case 7:
        random_text(buf, "$not");
        random_must(copse_cbor_write_map(buf, 1));
        random_compare(state, buf);
        break;
    default:
        random_text(buf, "$in");
        random_list(state, buf);
        break;
    }
}

static void random_condition(uint64_t *state, copse_buf *buf)
{
    switch (test_random_below(state, 8)) {
    case 0:
    case 1:
        random_operand(state, buf);
        break;
    case 2:
    case 3:
        random_must(copse_cbor_write_map(buf, 1));
        random_compare(state, buf);
        break;
    case 4:
        random_two_sided(state, buf);
        break;
    case 5:
        random_must(copse_cbor_write_map(buf, 1));
        random_text(buf, "$in");
        random_list(state, buf);
        break;
    default:
        random_one_operator(state, buf);
        break;
    }
}

static void random_conditions(uint64_t *state, uint64_t count, copse_buf *buf)
{
    size_t offset = buf->len;
    size_t first = random_first(state);
    for (uint64_t i = 0; i < count; i++) {
        random_text(buf, random_paths[(first + i * 3) % RANDOM_PATHS]);
        random_condition(state, buf);
    }
    random_must(copse_cbor_finish_map(buf, offset, count));
}

void query_random_filter(uint64_t *state, copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t branches = 1 + test_random_below(state, 3);
    switch (test_random_below(state, 8)) {
    case 0:
        random_must(value_random_filter(state, 2, buf));
        break;
    case 1:
        random_text(buf, "$or");
        random_must(copse_cbor_write_array(buf, branches));
        for (uint64_t i = 0; i < branches; i++) {
            random_conditions(state, 1 + test_random_below(state, 2), buf);
        }
        random_must(copse_cbor_finish_map(buf, offset, 1));
        break;
    default:
        random_conditions(state, (1 + test_random_below(state, 5)) / 2, buf);
        break;
    }
}

/* ---- Orders and projections ------------------------------------------------------------------ */

const char *query_random_sort(uint64_t *state, char ret_text[64])
{
    size_t count = test_random_below(state, 4);
    size_t first = random_first(state) + 3 * test_random_below(state, 2);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(ret_text + len, 64 - len, "%s%s%s", i > 0 ? "," : "",
                                test_random_below(state, 3) == 0 ? "-" : "",
                                random_paths[(first + i * 3) % RANDOM_PATHS]);
    }
    return count > 0 ? ret_text : NULL;
}

bool query_random_projection(uint64_t *state, copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t kind = test_random_below(state, 4);
    uint64_t count = 0;
    if (kind == 0) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if (test_random_below(state, 3) == 0) {
            random_text(buf, i == 3 && test_random_below(state, 2) ? "d.a" : random_paths[i]);
            random_must(copse_cbor_write_int(buf, kind == 1 ? 0 : 1));
            count++;
        }
    }
    if (kind == 2) {
        random_text(buf, "_id");
        random_must(copse_cbor_write_int(buf, 0));
        count++;
    }
    random_must(copse_cbor_finish_map(buf, offset, count));
    return true;
}
