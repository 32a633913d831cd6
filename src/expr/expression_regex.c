/* $regexMatch $regexFind $regexFindAll. A regex is compiled again only when it is another one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "expr/expression_private.h"
#include "expr/text.h"

enum { EXPRESSION_REGEX_INPUT, EXPRESSION_REGEX_PATTERN, EXPRESSION_REGEX_OPTIONS };

static copse_status expression_parse_regex(copse_expression_parser *parser, copse_bytes argument,
                                           copse_expression_node *node)
{
    copse_expression *expression = parser->expression;
    void *regexes = expression->regexes;
    if (!copse_array_grow(expression->env, &regexes, &expression->regexes_capacity,
                          expression->regexes_count + 1, sizeof *expression->regexes)) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    expression->regexes = regexes;
    node->regex = expression->regexes_count++;
    copse_expression_regex *regex = &expression->regexes[node->regex];
    *regex = (copse_expression_regex){.regex = NULL};
    copse_buf_init(&regex->source, expression->env, SIZE_MAX);
    return copse_expression_parse_named(parser, argument, node);
}

/* The operator's regex, compiled from pattern and options. */
static copse_status expression_regex_of(copse_expression *run, const copse_expression_node *node,
                                        copse_bytes pattern, copse_bytes options,
                                        copse_regex **ret_regex)
{
    copse_expression_regex *kept = &run->regexes[node->regex];
    copse_bytes source = copse_buf_view(&kept->source);
    if (kept->regex != NULL && kept->pattern_size == pattern.len &&
        source.len == pattern.len + options.len && copse_bytes_has_prefix(source, pattern) &&
        copse_bytes_equal((copse_bytes){source.ptr + pattern.len, options.len}, options)) {
        *ret_regex = kept->regex;
        return COPSE_OK;
    }
    kept->regex = copse_regex_free(kept->regex);
    copse_buf_truncate(&kept->source, 0);
    copse_status status = copse_buf_append(&kept->source, pattern);
    if (status == COPSE_OK) {
        status = copse_buf_append(&kept->source, options);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(run->err);
    }
    kept->pattern_size = pattern.len;
    status =
        copse_regex_new(run->env, pattern, options, &run->regex_budget, &kept->regex, run->err);
    *ret_regex = kept->regex;
    return status;
}

/* Reads pattern and options: a string or a regex, and options that it has not itself. */
static copse_status expression_regex_read(copse_expression *run, const copse_expression_node *node,
                                          const copse_bytes *arguments, copse_regex **ret_regex)
{
    copse_value pattern;
    copse_bytes options = {NULL, 0};
    copse_status status = copse_expression_read(run, arguments[EXPRESSION_REGEX_PATTERN], &pattern);
    if (status == COPSE_OK && !copse_expression_is_null(arguments[EXPRESSION_REGEX_OPTIONS])) {
        status = copse_expression_read_text(run, node, arguments[EXPRESSION_REGEX_OPTIONS],
                                            "a string as options", &options);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (pattern.type != COPSE_VALUE_TEXT && pattern.type != COPSE_VALUE_REGEX) {
        return copse_expression_fail_type(run, node, "a string or a regex as regex",
                                          arguments[EXPRESSION_REGEX_PATTERN]);
    }
    if (pattern.options.len != 0 && options.len != 0) {
        return COPSE_EXPRESSION_FAIL(run, node, "has options twice");
    }
    return expression_regex_of(run, node, pattern.bytes,
                               options.len != 0 ? options : pattern.options, ret_regex);
}

/* What a find has to say: {match, idx, captures}. `index`: of the match, in characters. */
static copse_status expression_regex_found(copse_expression *run, const copse_regex *regex,
                                           copse_bytes text, size_t index, copse_bytes *ret_value)
{
    static const uint8_t keys[] = "\x63idx\x65match\x68"
                                  "captures";
    copse_expression_pair pairs[] = {
        {{keys, 4}, {NULL, 0}}, {{keys + 4, 6}, {NULL, 0}}, {{keys + 10, 9}, {NULL, 0}}};
    copse_bytes *groups = NULL;
    size_t start = 0;
    size_t end = 0;
    size_t count = copse_regex_groups_count(regex);
    (void)copse_regex_group(regex, 0, &start, &end);
    copse_status status = copse_expression_make_int(run, (int64_t)index, &pairs[0].value);
    if (status == COPSE_OK) {
        status = copse_expression_make_text(run, (copse_bytes){text.ptr + start, end - start},
                                            &pairs[1].value);
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &groups);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        groups[i] = copse_expression_null();
        if (copse_regex_group(regex, i + 1, &start, &end)) {
            status = copse_expression_make_text(run, (copse_bytes){text.ptr + start, end - start},
                                                &groups[i]);
        }
    }
    if (status == COPSE_OK) {
        status = copse_expression_make_array(run, groups, count, &pairs[2].value);
    }
    return status == COPSE_OK ? copse_expression_make_object(run, pairs, 3, ret_value) : status;
}

/* A list in the making, as long as it must be. */
typedef struct expression_regex_list {
    copse_bytes *items;
    size_t count;
    size_t capacity;
} expression_regex_list;

static copse_status expression_regex_room(copse_expression *run, expression_regex_list *list)
{
    copse_bytes *items = NULL;
    if (list->count < list->capacity) {
        return COPSE_OK;
    }
    size_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
    copse_status status = copse_expression_take_items(run, capacity, &items);
    for (size_t i = 0; status == COPSE_OK && i < list->count; i++) {
        items[i] = list->items[i];
    }
    if (status == COPSE_OK) {
        list->items = items;
        list->capacity = capacity;
    }
    return status;
}

/* Finds the first match, or all: each behind the last, an empty one a character on. */
static copse_status expression_regex_finds(copse_expression *run, copse_regex *regex,
                                           copse_bytes text, bool all, expression_regex_list *list)
{
    size_t from = 0;
    size_t counted = 0; /* characters of the text up to `seen` */
    size_t seen = 0;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && from <= text.len && (all || list->count == 0)) {
        bool match = false;
        size_t start = 0;
        size_t end = 0;
        status = copse_expression_step(run, 1);
        if (status == COPSE_OK) {
            status = copse_regex_find(regex, text, from, &match, run->err);
        }
        if (status != COPSE_OK || !match) {
            break;
        }
        (void)copse_regex_group(regex, 0, &start, &end);
        if (start >= seen) {
            counted += copse_text_count((copse_bytes){text.ptr + seen, start - seen});
            seen = start;
        }
        status = expression_regex_room(run, list);
        if (status == COPSE_OK) {
            status = expression_regex_found(run, regex, text, counted, &list->items[list->count++]);
        }
        size_t next = end > from ? end : from;
        copse_bytes rest = {text.ptr + next, text.len - next};
        from = start < end || rest.len == 0 ? next + (start == end)
                                            : next + copse_text_offset(rest, 1);
    }
    return status;
}

static copse_status expression_regex(copse_expression *run, const copse_expression_node *node,
                                     const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes text;
    copse_regex *regex = NULL;
    expression_regex_list list = {.items = NULL};
    bool match = false;
    char which = (char)node->op->detail;
    copse_status status = COPSE_OK;
    bool null = copse_expression_is_null(arguments[EXPRESSION_REGEX_INPUT]) ||
                copse_expression_is_null(arguments[EXPRESSION_REGEX_PATTERN]);
    if (!null) {
        status = copse_expression_read_text(run, node, arguments[EXPRESSION_REGEX_INPUT],
                                            "a string as input", &text);
    }
    if (status == COPSE_OK && !null) {
        status = expression_regex_read(run, node, arguments, &regex);
    }
    if (status == COPSE_OK && !null) {
        status = which == 'm' ? copse_regex_match(regex, text, &match, run->err)
                              : expression_regex_finds(run, regex, text, which == 'a', &list);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (which == 'a') {
        return copse_expression_make_array(run, list.items, list.count, ret_value);
    }
    *ret_value = which == 'm'      ? copse_expression_bool(match)
                 : list.count != 0 ? list.items[0]
                                   : copse_expression_null();
    return COPSE_OK;
}

static const char *const expression_regex_names[] = {"input", "regex", "options", NULL};

#define EXPRESSION_REGEX_ROW(text, which)                                                          \
    {                                                                                              \
        .name = (text), .least = 2, .apply = expression_regex, .parse = expression_parse_regex,    \
        .names = expression_regex_names, .detail = (which)                                         \
    }

const copse_expression_operator copse_expression_regexes[] = {
    EXPRESSION_REGEX_ROW("$regexMatch", 'm'),
    EXPRESSION_REGEX_ROW("$regexFind", 'f'),
    EXPRESSION_REGEX_ROW("$regexFindAll", 'a'),
    {.name = NULL},
};
