/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/yajl.h"

#include <yajl/yajl_parse.h>

enum { YAJL_PIECE_SIZE = 1 << 16 };

static int yajl_on_nothing(void *ctx)
{
    (void)ctx;
    return 1;
}

static int yajl_on_boolean(void *ctx, int value)
{
    (void)ctx;
    (void)value;
    return 1;
}

static int yajl_on_number(void *ctx, const char *text, size_t size)
{
    (void)ctx;
    (void)text;
    (void)size;
    return 1;
}

static int yajl_on_text(void *ctx, const unsigned char *text, size_t size)
{
    (void)ctx;
    (void)text;
    (void)size;
    return 1;
}

bool test_yajl_takes(copse_bytes text, bool many)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = yajl_on_nothing,
        .yajl_boolean = yajl_on_boolean,
        .yajl_number = yajl_on_number,
        .yajl_string = yajl_on_text,
        .yajl_start_map = yajl_on_nothing,
        .yajl_map_key = yajl_on_text,
        .yajl_end_map = yajl_on_nothing,
        .yajl_start_array = yajl_on_nothing,
        .yajl_end_array = yajl_on_nothing,
    };
    yajl_handle handle = yajl_alloc(&callbacks, NULL, NULL);
    yajl_status status = yajl_status_ok;
    (void)yajl_config(handle, yajl_allow_multiple_values, (int)many);
    for (size_t at = 0; status == yajl_status_ok && at < text.len; at += YAJL_PIECE_SIZE) {
        size_t size = text.len - at < YAJL_PIECE_SIZE ? text.len - at : YAJL_PIECE_SIZE;
        status = yajl_parse(handle, text.ptr + at, size);
    }
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(handle);
    }
    yajl_free(handle);
    return status == yajl_status_ok;
}
