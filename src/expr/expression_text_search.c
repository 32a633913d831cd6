/* Texts searched: $split $indexOfBytes $indexOfCP $replaceOne $replaceAll.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/text.h"

#include <string.h>

/* Something to find in a text. */
typedef struct expression_needle {
    copse_bytes text;
    const uint32_t *table; /* NULL: it is short */
} expression_needle;

static copse_status expression_needle_init(copse_expression *run, copse_bytes text,
                                           expression_needle *ret_needle)
{
    void *table = NULL;
    copse_status status = COPSE_OK;
    if (text.len > COPSE_TEXT_SHORT_SIZE_BYTES) {
        status = text.len <= UINT32_MAX
                     ? copse_expression_take_array(run, text.len, sizeof(uint32_t), &table)
                     : COPSE_ERR(run->err, COPSE_LIMIT, "a string to find is too long");
    }
    if (status == COPSE_OK && table != NULL) {
        copse_text_table(text, table);
    }
    if (status == COPSE_OK) {
        *ret_needle = (expression_needle){text, table};
    }
    return status;
}

static copse_status expression_split(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    copse_bytes by;
    copse_bytes *items = NULL;
    expression_needle needle = {.table = NULL};
    copse_status status = copse_expression_read_text(run, node, arguments[0], "strings", &text);
    if (status == COPSE_OK) {
        status = copse_expression_read_text(run, node, arguments[1], "strings", &by);
    }
    if (status == COPSE_OK && by.len == 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a separator that is not empty");
    }
    if (status == COPSE_OK) {
        status = expression_needle_init(run, by, &needle);
    }
    size_t count = 1;
    for (size_t at = 0; status == COPSE_OK; count++) {
        at = copse_text_find(text, by, needle.table, at);
        if (at == SIZE_MAX) {
            break;
        }
        at += by.len;
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &items);
    }
    size_t at = 0;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        size_t end = copse_text_find(text, by, needle.table, at);
        end = end == SIZE_MAX ? text.len : end;
        status = copse_expression_make_text(run, (copse_bytes){text.ptr + at, end - at}, &items[i]);
        at = end + by.len;
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, count, ret_value) : status;
}

/* $indexOfBytes, $indexOfCP. */
static copse_status expression_index_of(copse_expression *run, const copse_expression_node *node,
                                        const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    copse_bytes part;
    expression_needle needle = {.table = NULL};
    uint64_t first = 0;
    uint64_t end = UINT64_MAX;
    bool characters = node->op->detail == 'c';
    if (copse_expression_is_null(arguments[0])) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    copse_status status = copse_expression_read_text(run, node, arguments[0], "strings", &text);
    if (status == COPSE_OK) {
        status = copse_expression_read_text(run, node, arguments[1], "strings", &part);
    }
    if (status == COPSE_OK) {
        status = copse_expression_read_range(run, node, arguments, &first, &end);
    }
    if (status == COPSE_OK) {
        status = expression_needle_init(run, part, &needle);
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool inside = first <= (characters ? copse_text_count(text) : text.len);
    if (characters) {
        first = copse_text_offset(text, first);
        end = copse_text_offset(text, end);
    }
    text.len = end < text.len ? (size_t)end : text.len;
    size_t at = inside && first <= text.len
                    ? copse_text_find(text, part, needle.table, (size_t)first)
                    : SIZE_MAX;
    if (at != SIZE_MAX && characters) {
        at = copse_text_count((copse_bytes){text.ptr, at});
    }
    return copse_expression_make_int(run, at != SIZE_MAX ? (int64_t)at : -1, ret_value);
}

/* ---- $replaceOne, $replaceAll ---- */

/* Where the next replacement is made: SIZE_MAX: nowhere. An empty text is found before each
 * character and at the end. */
static size_t expression_replace_next(copse_bytes text, const expression_needle *needle, size_t at,
                                      bool first)
{
    if (needle->text.len == 0 && !first) {
        if (at >= text.len) {
            return SIZE_MAX;
        }
        copse_bytes rest = {text.ptr + at, text.len - at};
        return at + copse_text_offset(rest, 1);
    }
    return copse_text_find(text, needle->text, needle->table, at);
}

static uint8_t *expression_replace_put(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size != 0) {
        memcpy(to, from, size);
    }
    return to + size;
}

static copse_status expression_replace_texts(copse_expression *run, copse_bytes text,
                                             const expression_needle *needle, copse_bytes by,
                                             bool all, copse_bytes *ret_value)
{
    uint8_t *to = NULL;
    size_t count = 0;
    for (size_t at = 0; count == 0 || all; count++) {
        at = expression_replace_next(text, needle, at, count == 0);
        if (at == SIZE_MAX) {
            break;
        }
        at += needle->text.len;
    }
    if (by.len != 0 && count > run->env->limits.document_size_bytes_max / by.len) {
        return COPSE_ERR(run->err, COPSE_LIMIT, "the value of an expression is too large");
    }
    copse_status status = copse_expression_make_text_room(
        run, text.len - count * needle->text.len + count * by.len, &to, ret_value);
    size_t kept = 0; /* the text up to here is there */
    size_t at = 0;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        at = expression_replace_next(text, needle, at, i == 0);
        to = expression_replace_put(to, text.ptr + kept, at - kept);
        to = expression_replace_put(to, by.ptr, by.len);
        at += needle->text.len;
        kept = at;
    }
    if (status == COPSE_OK) {
        (void)expression_replace_put(to, text.ptr + kept, text.len - kept);
    }
    return status;
}

static copse_status expression_replace(copse_expression *run, const copse_expression_node *node,
                                       const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes texts[3]; /* input, find, replacement */
    expression_needle needle = {.table = NULL};
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < 3; i++) {
        status = copse_expression_read_text(run, node, arguments[i], "strings", &texts[i]);
    }
    if (status == COPSE_OK) {
        status = expression_needle_init(run, texts[1], &needle);
    }
    return status == COPSE_OK ? expression_replace_texts(run, texts[0], &needle, texts[2],
                                                         node->op->detail == 'a', ret_value)
                              : status;
}

static const char *const expression_replace_names[] = {"input", "find", "replacement", NULL};

#define EXPRESSION_REPLACE_ROW(text, which)                                                        \
    {                                                                                              \
        .name = (text), .least = 3, .nulls = true, .apply = expression_replace,                    \
        .names = expression_replace_names, .detail = (which)                                       \
    }

const copse_expression_operator copse_expression_text_search[] = {
    {.name = "$split", .least = 2, .most = 2, .nulls = true, .apply = expression_split},
    {.name = "$indexOfBytes", .least = 2, .most = 4, .apply = expression_index_of, .detail = 'b'},
    {.name = "$indexOfCP", .least = 2, .most = 4, .apply = expression_index_of, .detail = 'c'},
    EXPRESSION_REPLACE_ROW("$replaceOne", 'o'),
    EXPRESSION_REPLACE_ROW("$replaceAll", 'a'),
    {.name = NULL},
};
