/* The order of values, written a second time: forms are told by their keys, numbers are compared
 * as strings of decimal digits.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/value_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a value is compared by. */
typedef struct value_model {
    int rank;
    bool negative;
    int first;    /* numbers: the decimal exponent of the first digit */
    char *digits; /* numbers: from the first to the last that is not 0; owned */
    copse_bytes parts[2];
    uint64_t numbers[2];
    uint64_t count; /* arrays and objects: items */
} value_model;

enum {
    MODEL_MIN,
    MODEL_NULL,
    MODEL_NAN,
    MODEL_MINUS_INFINITY,
    MODEL_NUMBER,
    MODEL_INFINITY,
    MODEL_TEXT,
    MODEL_OBJECT,
    MODEL_ARRAY,
    MODEL_BINARY,
    MODEL_OBJECT_ID,
    MODEL_BOOL,
    MODEL_DATE,
    MODEL_TIMESTAMP,
    MODEL_REGEX,
    MODEL_LINK,
    MODEL_MAX
};

/* From a number as text, as printf or a decimal's canonical text has it. */
static void model_of_text(value_model *model, const char *text)
{
    model->negative = *text == '-';
    text += model->negative;
    if (strcmp(text, "NaN") == 0) {
        model->rank = MODEL_NAN;
        return;
    }
    if (strcmp(text, "Infinity") == 0) {
        model->rank = model->negative ? MODEL_MINUS_INFINITY : MODEL_INFINITY;
        return;
    }
    model->rank = MODEL_NUMBER;
    model->digits = calloc(strlen(text) + 1, 1);
    assert_non_null(model->digits);
    size_t count = 0;
    int position = 0; /* exponent of the next digit, if there were no point to come */
    int point = 0;
    bool behind = false;
    for (; *text != '\0' && *text != 'E'; text++) {
        if (*text == '.') {
            behind = true;
            continue;
        }
        point += !behind;
        if (count > 0 || *text != '0') {
            if (count == 0) {
                model->first = -position;
            }
            model->digits[count++] = *text;
        }
        position++;
    }
    model->first += point - 1 + (*text == 'E' ? (int)strtol(text + 1, NULL, 10) : 0);
    while (count > 0 && model->digits[count - 1] == '0') {
        model->digits[--count] = '\0';
    }
    if (count == 0) {
        model->negative = false;
        model->first = 0;
    }
}

static void model_of_bytes(value_model *model, copse_bytes bytes)
{
    char text[64];
    assert_true(bytes.len < sizeof text);
    memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
    model_of_text(model, text);
}

static void model_of_int(value_model *model, const copse_cbor_item *item)
{
    char text[32];
    if (item->negative && item->arg == UINT64_MAX) {
        model_of_text(model, "-18446744073709551616");
        return;
    }
    (void)snprintf(text, sizeof text, "%s%llu", item->negative ? "-" : "",
                   (unsigned long long)(item->negative ? item->arg + 1 : item->arg));
    model_of_text(model, text);
}

static void model_of_float(value_model *model, double real)
{
    char text[1500];
    (void)snprintf(text, sizeof text, "%.1074f", real); /* all digits that a double has */
    model_of_text(model, text);
}

static copse_cbor_item model_next(copse_cbor_reader *reader)
{
    copse_cbor_item item;
    assert_int_equal(copse_cbor_next(reader, &item, NULL), COPSE_OK);
    return item;
}

static bool model_is(copse_bytes key, const char *text)
{
    return copse_bytes_equal(key, copse_bytes_of_text(text));
}

static void model_of_pair_form(value_model *model, copse_bytes key, copse_cbor_reader *reader)
{
    (void)model_next(reader);
    copse_cbor_item first = model_next(reader);
    (void)model_next(reader);
    copse_cbor_item second = model_next(reader);
    if (model_is(key, "$binary")) {
        model->rank = MODEL_BINARY;
        model->numbers[0] = first.bytes.len;
        model->numbers[1] =
            strtoul((char[]){(char)second.bytes.ptr[0], (char)second.bytes.ptr[1], 0}, NULL, 16);
        model->parts[0] = first.bytes;
    } else if (model_is(key, "$timestamp")) {
        model->rank = MODEL_TIMESTAMP;
        model->numbers[0] = second.arg;
        model->numbers[1] = first.arg;
    } else {
        assert_true(model_is(key, "$regularExpression"));
        model->rank = MODEL_REGEX;
        model->parts[0] = second.bytes;
        model->parts[1] = first.bytes;
    }
}

/* Behind the key of a form. */
static void model_of_form(value_model *model, copse_bytes key, copse_cbor_reader *reader)
{
    copse_cbor_item item = model_next(reader);
    if (item.kind == COPSE_CBOR_MAP) {
        model_of_pair_form(model, key, reader);
    } else if (model_is(key, "$date")) {
        model->rank = MODEL_DATE;
        model->numbers[0] = item.negative ? INT64_MAX - item.arg : item.arg + INT64_MAX + 1;
    } else if (model_is(key, "$oid")) {
        model->rank = MODEL_OBJECT_ID;
        model->parts[0] = item.bytes;
    } else if (model_is(key, "$minKey") || model_is(key, "$maxKey")) {
        model->rank = model_is(key, "$minKey") ? MODEL_MIN : MODEL_MAX;
    } else {
        assert_true(model_is(key, "$numberDouble") || model_is(key, "$numberDecimal"));
        model_of_bytes(model, item.bytes);
    }
}

static void model_of_map(value_model *model, const copse_cbor_item *item, copse_cbor_reader *reader)
{
    copse_cbor_reader inside = *reader;
    if (item->arg == 1) {
        copse_cbor_item key = model_next(&inside);
        if (key.bytes.len > 0 && key.bytes.ptr[0] == '$') {
            model_of_form(model, key.bytes, &inside);
            *reader = inside;
            return;
        }
    }
    model->rank = MODEL_OBJECT;
    model->count = 2 * item->arg;
}

static value_model model_read(copse_cbor_reader *reader)
{
    value_model model = {.rank = MODEL_NULL};
    copse_cbor_item item = model_next(reader);
    switch (item.kind) {
    case COPSE_CBOR_NULL:
        break;
    case COPSE_CBOR_BOOL:
        model.rank = MODEL_BOOL;
        model.numbers[0] = item.boolean;
        break;
    case COPSE_CBOR_INT:
        model_of_int(&model, &item);
        break;
    case COPSE_CBOR_FLOAT:
        model_of_float(&model, item.real);
        break;
    case COPSE_CBOR_TEXT:
        model.rank = MODEL_TEXT;
        model.parts[0] = item.bytes;
        break;
    case COPSE_CBOR_BYTES:
    case COPSE_CBOR_LINK:
        model.rank = item.kind == COPSE_CBOR_LINK ? MODEL_LINK : MODEL_BINARY;
        model.numbers[0] = item.bytes.len;
        model.parts[0] = item.bytes;
        break;
    case COPSE_CBOR_ARRAY:
        model.rank = MODEL_ARRAY;
        model.count = item.arg;
        break;
    case COPSE_CBOR_MAP:
        model_of_map(&model, &item, reader);
        break;
    }
    return model;
}

static int model_sign(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int model_compare_numbers(const value_model *a, const value_model *b)
{
    bool a_zero = *a->digits == '\0';
    bool b_zero = *b->digits == '\0';
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    int order;
    if (a_zero || b_zero) {
        order = (int)b_zero - (int)a_zero;
    } else if (a->first != b->first) {
        order = a->first < b->first ? -1 : 1;
    } else {
        order = strcmp(a->digits, b->digits);
    }
    return a->negative ? -order : order;
}

static int model_compare_next(copse_cbor_reader *a_reader, copse_cbor_reader *b_reader)
{
    value_model a = model_read(a_reader);
    value_model b = model_read(b_reader);
    int order = (a.rank > b.rank) - (a.rank < b.rank);
    if (order == 0 && a.rank == MODEL_NUMBER) {
        order = model_compare_numbers(&a, &b);
    }
    for (int i = 0; order == 0 && i < 2; i++) {
        order = model_sign(a.numbers[i], b.numbers[i]);
    }
    for (int i = 0; order == 0 && i < 2; i++) {
        order = copse_bytes_compare(a.parts[i], b.parts[i]);
    }
    for (uint64_t i = 0; order == 0 && i < a.count && i < b.count; i++) {
        order = model_compare_next(a_reader, b_reader);
    }
    free(a.digits);
    free(b.digits);
    return order != 0 ? order : model_sign(a.count, b.count);
}

int value_model_compare(copse_bytes a, copse_bytes b)
{
    copse_cbor_reader a_reader;
    copse_cbor_reader b_reader;
    copse_cbor_reader_init(&a_reader, a);
    copse_cbor_reader_init(&b_reader, b);
    return model_compare_next(&a_reader, &b_reader);
}
