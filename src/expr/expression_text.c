/* Texts put together and taken apart: $concat $toLower $toUpper $strcasecmp $strLenBytes $strLenCP
 * $substr $substrBytes $substrCP $trim $ltrim $rtrim.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/text.h"

#include <string.h>

static copse_status expression_concat(copse_expression *run, const copse_expression_node *node,
                                      const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *texts = NULL;
    uint8_t *at = NULL;
    size_t size = 0;
    copse_status status = copse_expression_take_items(run, node->count, &texts);
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = copse_expression_read_text(run, node, arguments[i], "strings", &texts[i]);
        size += status == COPSE_OK ? texts[i].len : 0;
    }
    if (status == COPSE_OK) {
        status = copse_expression_make_text_room(run, size, &at, ret_value);
    }
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        if (texts[i].len != 0) {
            memcpy(at, texts[i].ptr, texts[i].len);
            at += texts[i].len;
        }
    }
    return status;
}

/* ---- Case ---- */

/* ASCII only, as in MongoDB. */
static uint8_t expression_fold_case(uint8_t byte, bool upper)
{
    uint8_t first = upper ? 'a' : 'A';
    return byte >= first && byte < first + 26 ? byte ^ 0x20 : byte;
}

/* $toLower, $toUpper. */
static copse_status expression_case(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    uint8_t *at = NULL;
    copse_status status = copse_expression_coerce_text(run, node, arguments[0], &text);
    if (status == COPSE_OK) {
        status = copse_expression_make_text_room(run, text.len, &at, ret_value);
    }
    for (size_t i = 0; status == COPSE_OK && i < text.len; i++) {
        at[i] = expression_fold_case(text.ptr[i], node->op->detail == 'u');
    }
    return status;
}

static copse_status expression_strcasecmp(copse_expression *run, const copse_expression_node *node,
                                          const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes a;
    copse_bytes b;
    copse_status status = copse_expression_coerce_text(run, node, arguments[0], &a);
    if (status == COPSE_OK) {
        status = copse_expression_coerce_text(run, node, arguments[1], &b);
    }
    if (status != COPSE_OK) {
        return status;
    }
    int order = 0;
    for (size_t i = 0; order == 0 && i < a.len && i < b.len; i++) {
        order = expression_fold_case(a.ptr[i], true) - expression_fold_case(b.ptr[i], true);
    }
    order = order != 0 ? order : (a.len > b.len) - (a.len < b.len);
    return copse_expression_make_int(run, (order > 0) - (order < 0), ret_value);
}

/* ---- Lengths and parts ---- */

/* $strLenBytes, $strLenCP. */
static copse_status expression_length(copse_expression *run, const copse_expression_node *node,
                                      const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    copse_status status = copse_expression_read_text(run, node, arguments[0], "a string", &text);
    if (status != COPSE_OK) {
        return status;
    }
    size_t length = node->op->detail == 'b' ? text.len : copse_text_count(text);
    return copse_expression_make_int(run, (int64_t)length, ret_value);
}

/* Whether `offset` is not inside a character. */
static bool expression_text_is_edge(copse_bytes text, size_t offset)
{
    return offset >= text.len || (text.ptr[offset] & 0xc0) != 0x80;
}

/* Offset and size that stand behind the text; a size below 0 is all, and an offset below 0, which
 * $substr alone takes, is behind the end. */
static copse_status expression_part(const copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, uint64_t *ret_offset,
                                    uint64_t *ret_size)
{
    int64_t offset = 0;
    int64_t size = 0;
    copse_status status =
        copse_expression_read_whole(run, node, arguments[1], "a whole number as start", &offset);
    if (status == COPSE_OK) {
        status =
            copse_expression_read_whole(run, node, arguments[2], "a whole number as length", &size);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (offset < 0 && node->op->detail != 'a') {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a start from 0 on");
    }
    *ret_offset = offset < 0 ? UINT64_MAX : (uint64_t)offset;
    *ret_size = size < 0 ? UINT64_MAX : (uint64_t)size;
    return COPSE_OK;
}

/* $substr, $substrBytes. */
static copse_status expression_part_bytes(copse_expression *run, const copse_expression_node *node,
                                          const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    uint64_t offset = 0;
    uint64_t size = 0;
    copse_status status = copse_expression_coerce_text(run, node, arguments[0], &text);
    if (status == COPSE_OK) {
        status = expression_part(run, node, arguments, &offset, &size);
    }
    if (status != COPSE_OK) {
        return status;
    }
    offset = offset < text.len ? offset : text.len;
    size = size < text.len - offset ? size : text.len - offset;
    if (!expression_text_is_edge(text, offset) || !expression_text_is_edge(text, offset + size)) {
        return COPSE_EXPRESSION_FAIL(run, node, "would cut a character in two");
    }
    return copse_expression_make_text(run, (copse_bytes){text.ptr + offset, size}, ret_value);
}

static copse_status expression_part_characters(copse_expression *run,
                                               const copse_expression_node *node,
                                               const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    uint64_t offset = 0;
    uint64_t size = 0;
    copse_status status = copse_expression_coerce_text(run, node, arguments[0], &text);
    if (status == COPSE_OK) {
        status = expression_part(run, node, arguments, &offset, &size);
    }
    if (status == COPSE_OK && size == UINT64_MAX) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a length from 0 on");
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t start = copse_text_offset(text, offset);
    copse_bytes rest = {text.ptr + start, text.len - start};
    rest.len = copse_text_offset(rest, size);
    return copse_expression_make_text(run, rest, ret_value);
}

/* ---- Trimming ---- */

/* Whether the character at the start of `text` is one of `characters`. */
static bool expression_trims(copse_bytes text, copse_bytes characters)
{
    while (characters.len > 0) {
        copse_bytes one = {characters.ptr, copse_text_offset(characters, 1)};
        if (copse_bytes_has_prefix(text, one)) {
            return true;
        }
        characters.ptr += one.len;
        characters.len -= one.len;
    }
    return false;
}

static copse_bytes expression_trim_front(copse_bytes text, copse_bytes characters)
{
    while (text.len > 0 && expression_trims(text, characters)) {
        size_t size = copse_text_offset(text, 1);
        text.ptr += size;
        text.len -= size;
    }
    return text;
}

static copse_bytes expression_trim_back(copse_bytes text, copse_bytes characters)
{
    while (text.len > 0) {
        size_t last = text.len - 1;
        while (!expression_text_is_edge(text, last)) {
            last--;
        }
        if (!expression_trims((copse_bytes){text.ptr + last, text.len - last}, characters)) {
            break;
        }
        text.len = last;
    }
    return text;
}

/* {input, chars}. Without chars: NUL and the blanks of Unicode that MongoDB's manual lists. */
static copse_status expression_trim(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    static const char blanks[] = "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
                                 "\u2006\u2007\u2008\u2009\u200a";
    copse_bytes text;
    copse_bytes characters = {(const uint8_t *)blanks, sizeof blanks - 1};
    copse_status status =
        copse_expression_read_text(run, node, arguments[0], "a string as input", &text);
    if (status == COPSE_OK && node->children[1] != NULL) {
        status =
            copse_expression_read_text(run, node, arguments[1], "a string as chars", &characters);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (node->op->detail != 'r') {
        text = expression_trim_front(text, characters);
    }
    if (node->op->detail != 'l') {
        text = expression_trim_back(text, characters);
    }
    return copse_expression_make_text(run, text, ret_value);
}

static const char *const expression_trim_names[] = {"input", "chars", NULL};

#define EXPRESSION_TEXT_ROW(text, count, null, function, which)                                    \
    {                                                                                              \
        .name = (text), .least = (count), .most = (count), .nulls = (null), .apply = (function),   \
        .detail = (which)                                                                          \
    }
#define EXPRESSION_TRIM_ROW(text, which)                                                           \
    {                                                                                              \
        .name = (text), .least = 1, .nulls = true, .apply = expression_trim,                       \
        .names = expression_trim_names, .detail = (which)                                          \
    }

const copse_expression_operator copse_expression_text[] = {
    {.name = "$concat", .most = COPSE_EXPRESSION_MANY, .nulls = true, .apply = expression_concat},
    EXPRESSION_TEXT_ROW("$toLower", 1, false, expression_case, 'l'),
    EXPRESSION_TEXT_ROW("$toUpper", 1, false, expression_case, 'u'),
    EXPRESSION_TEXT_ROW("$strcasecmp", 2, false, expression_strcasecmp, 0),
    EXPRESSION_TEXT_ROW("$strLenBytes", 1, false, expression_length, 'b'),
    EXPRESSION_TEXT_ROW("$strLenCP", 1, false, expression_length, 'c'),
    EXPRESSION_TEXT_ROW("$substr", 3, false, expression_part_bytes, 'a'),
    EXPRESSION_TEXT_ROW("$substrBytes", 3, false, expression_part_bytes, 0),
    EXPRESSION_TEXT_ROW("$substrCP", 3, false, expression_part_characters, 0),
    EXPRESSION_TRIM_ROW("$trim", 't'),
    EXPRESSION_TRIM_ROW("$ltrim", 'l'),
    EXPRESSION_TRIM_ROW("$rtrim", 'r'),
    {.name = NULL},
};
