/* Updates compiled: operators and paths into actions.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/path.h"
#include "expr/suggest.h"
#include "expr/update_private.h"

#include <string.h>

enum { UPDATE_NAME_SHOWN_MAX = 80 };

static int update_shown(copse_bytes text)
{
    return text.len < UPDATE_NAME_SHOWN_MAX ? (int)text.len : UPDATE_NAME_SHOWN_MAX;
}

copse_status copse_update_fail(const copse_update_action *action, const char *why, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "%s of '%.*s': %s", action->op->name,
                     update_shown(action->path), (const char *)action->path.ptr, why);
}

copse_status copse_update_fail_type(const copse_update_action *action, const char *why,
                                    copse_bytes value, copse_err *err)
{
    copse_value typed;
    copse_status status = copse_value_read(value, &typed, err);
    return status != COPSE_OK
               ? status
               : COPSE_ERR(err, COPSE_CORRUPT, "%s of '%.*s': %s, it is %s", action->op->name,
                           update_shown(action->path), (const char *)action->path.ptr, why,
                           copse_value_type_name(typed.type));
}

copse_status copse_update_check_value(copse_update_parser *parser,
                                      const copse_update_action *action, copse_bytes value,
                                      size_t extra)
{
    copse_limits limits = parser->update->env->limits;
    size_t above = action->parts_count + extra;
    copse_err err = {0};
    limits.cbor_depth_max = limits.cbor_depth_max > above ? limits.cbor_depth_max - above : 0;
    copse_status status = copse_value_check(value, &limits, &err);
    if (status == COPSE_OK && above > parser->update->env->limits.cbor_depth_max) {
        status = COPSE_LIMIT;
    }
    if (status == COPSE_LIMIT) {
        return COPSE_ERR(parser->err, status, "%s of '%.*s': nested too deep", action->op->name,
                         update_shown(action->path), (const char *)action->path.ptr);
    }
    return status == COPSE_OK ? COPSE_OK : copse_update_fail(action, err.message, parser->err);
}

/* ---- Paths ---------------------------------------------------------------------------------- */

static copse_status update_path_fail(copse_update_parser *parser, copse_bytes path, const char *why)
{
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "the path '%.*s' %s", update_shown(path),
                     path.len != 0 ? (const char *)path.ptr : "", why);
}

static copse_status update_find_filter(copse_update_parser *parser, copse_bytes path,
                                       copse_update_part *part)
{
    copse_bytes name = {part->text.ptr + 2, part->text.len - 3};
    for (copse_update_filter *filter = parser->update->filters; filter != NULL;
         filter = filter->next) {
        if (copse_bytes_equal(filter->name, name)) {
            filter->used = true;
            part->filter = filter;
            return COPSE_OK;
        }
    }
    return COPSE_ERR(
        parser->err, COPSE_CORRUPT, "no array filter found for identifier '%.*s' in path '%.*s'",
        update_shown(name), (const char *)name.ptr, update_shown(path), (const char *)path.ptr);
}

static copse_status update_parse_part(copse_update_parser *parser, copse_bytes path,
                                      copse_bytes text, copse_update_part *ret_part)
{
    *ret_part = (copse_update_part){.kind = COPSE_UPDATE_PART_KEY, .text = text};
    if (text.len == 0) {
        return update_path_fail(parser, path, "has an empty part");
    }
    if (text.ptr[0] != '$') {
        return copse_path_check(text, parser->err);
    }
    if (text.len == 1) {
        ret_part->kind = COPSE_UPDATE_PART_MATCHED;
        return COPSE_OK;
    }
    if (text.len >= 3 && text.ptr[1] == '[' && text.ptr[text.len - 1] == ']') {
        ret_part->kind = text.len == 3 ? COPSE_UPDATE_PART_ALL : COPSE_UPDATE_PART_FILTERED;
        return text.len == 3 ? COPSE_OK : update_find_filter(parser, path, ret_part);
    }
    return update_path_fail(parser, path, "has a part that begins with $");
}

static size_t update_count_parts(copse_bytes path)
{
    size_t count = 1;
    for (size_t i = 0; i < path.len; i++) {
        count += path.ptr[i] == '.';
    }
    return count;
}

/* Each part into `parts`, which has room for `count`. */
static copse_status update_parse_parts(copse_update_parser *parser, copse_bytes path,
                                       copse_update_part *parts, size_t count)
{
    copse_status status = COPSE_OK;
    size_t matched = 0;
    copse_bytes rest = path;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes text = copse_path_first(rest, &rest);
        status = update_parse_part(parser, path, text, &parts[i]);
        matched += parts[i].kind == COPSE_UPDATE_PART_MATCHED;
    }
    if (status == COPSE_OK && parts[0].kind != COPSE_UPDATE_PART_KEY) {
        status = update_path_fail(parser, path, "begins with a positional part");
    }
    if (status == COPSE_OK && matched > 1) {
        status = update_path_fail(parser, path, "has more than one positional '$'");
    }
    parser->update->positional = parser->update->positional || matched != 0;
    return status;
}

static copse_status update_parse_path(copse_update_parser *parser, copse_bytes path,
                                      copse_update_action *action)
{
    copse_update *update = parser->update;
    size_t count = update_count_parts(path);
    if (path.len > COPSE_PATH_SIZE_BYTES_MAX || count > COPSE_PATH_PARTS_MAX) {
        return update_path_fail(parser, path, "is too long");
    }
    update->parts_count += count;
    if (update->parts_count > update->env->limits.filter_nodes_max) {
        return COPSE_ERR(parser->err, COPSE_LIMIT,
                         "the paths of an update have more than %zu parts",
                         update->env->limits.filter_nodes_max);
    }
    copse_update_part *parts = copse_arena_alloc(&update->arena, count * sizeof *parts);
    if (parts == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    action->parts = parts;
    action->parts_count = count;
    return update_parse_parts(parser, path, parts, count);
}

copse_status copse_update_add(copse_update_parser *parser, const copse_update_operator *op,
                              copse_bytes path, copse_bytes argument,
                              copse_update_action **ret_action)
{
    copse_update *update = parser->update;
    void *actions = update->actions;
    if (!copse_array_grow(update->env, &actions, &update->actions_capacity,
                          update->actions_count + 1, sizeof *update->actions)) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    update->actions = actions;
    copse_update_action *action = &update->actions[update->actions_count];
    *action = (copse_update_action){.op = op, .path = path, .argument = argument};
    copse_status status = update_parse_path(parser, path, action);
    if (status == COPSE_OK) {
        update->actions_count++;
        *ret_action = action;
    }
    return status;
}

/* ---- Operators ------------------------------------------------------------------------------ */

static const copse_update_operator *const update_families[] = {
    copse_update_field_operators, copse_update_number_operators, copse_update_push_operators,
    copse_update_list_operators};

static copse_status update_unknown(copse_update_parser *parser, copse_bytes name)
{
    enum { NAMES_MAX = 32 };
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof update_families / sizeof *update_families; i++) {
        for (const copse_update_operator *op = update_families[i]; op->name != NULL; op++) {
            names[count++] = op->name;
        }
    }
    names[count] = NULL;
    const char *meant = copse_suggest_name(name, names);
    if (meant != NULL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "unknown update operator %.*s, did you mean %s?", update_shown(name),
                         (const char *)name.ptr, meant);
    }
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "unknown update operator %.*s", update_shown(name),
                     (const char *)name.ptr);
}

static copse_status update_find_operator(copse_update_parser *parser, copse_bytes name,
                                         const copse_update_operator **ret_op)
{
    for (size_t i = 0; i < sizeof update_families / sizeof *update_families; i++) {
        for (const copse_update_operator *op = update_families[i]; op->name != NULL; op++) {
            if (copse_bytes_equal(name, copse_bytes_of_text(op->name))) {
                *ret_op = op;
                return COPSE_OK;
            }
        }
    }
    if (name.len == 0 || name.ptr[0] != '$') {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "\"%.*s\" stands among update operators (fields are changed by $set)",
                         update_shown(name), name.len != 0 ? (const char *)name.ptr : "");
    }
    return update_unknown(parser, name);
}

/* One operator with the map of its paths. */
static copse_status update_parse_operator(copse_update_parser *parser, copse_bytes name,
                                          copse_bytes paths)
{
    copse_cbor_reader reader;
    const copse_update_operator *op = NULL;
    uint64_t count = 0;
    copse_status status = update_find_operator(parser, name, &op);
    if (status == COPSE_OK && !copse_filter_open(paths, COPSE_CBOR_MAP, &reader, &count)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "%s takes an object of paths, such as {\"%s\": {\"a.b\": …}}", op->name,
                         op->name);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_cbor_item path = {0};
        copse_bytes argument = {NULL, 0};
        copse_update_action *action = NULL;
        status = copse_cbor_next(&reader, &path, parser->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &argument, parser->err);
        }
        if (status == COPSE_OK) {
            status = copse_update_add(parser, op, path.bytes, argument, &action);
        }
        if (status == COPSE_OK) {
            status = op->parse(parser, action);
        }
    }
    return status;
}

/* Whether the map has no operators. */
static bool update_is_replacement(copse_cbor_reader reader, uint64_t count)
{
    copse_cbor_item key;
    for (uint64_t i = 0; i < count; i++) {
        if (copse_cbor_next(&reader, &key, NULL) != COPSE_OK ||
            (key.bytes.len != 0 && key.bytes.ptr[0] == '$') ||
            copse_cbor_skip(&reader, NULL) != COPSE_OK) {
            return false;
        }
    }
    return true;
}

static copse_status update_check_filters(copse_update_parser *parser)
{
    for (const copse_update_filter *filter = parser->update->filters; filter != NULL;
         filter = filter->next) {
        if (!filter->used) {
            return COPSE_ERR(parser->err, COPSE_CORRUPT,
                             "the array filter for identifier '%.*s' was not used in the update",
                             update_shown(filter->name), (const char *)filter->name.ptr);
        }
    }
    return COPSE_OK;
}

copse_status copse_update_parse(copse_update *update, copse_bytes array_filters, copse_err *err)
{
    copse_update_parser parser = {update, err};
    copse_cbor_reader reader;
    uint64_t count = 0;
    if (!copse_filter_open(update->encoded, COPSE_CBOR_MAP, &reader, &count)) {
        return COPSE_ERR(
            err, COPSE_CORRUPT,
            "an update is an object of operators, such as {\"$set\": {\"a\": 1}}, or a "
            "replacement; pipelines are not supported");
    }
    copse_status status = copse_update_select_parse(&parser, array_filters);
    if (status == COPSE_OK && update_is_replacement(reader, count)) {
        update->replacement = true;
        status = copse_document_check(update->encoded, &update->env->limits, err);
        count = 0;
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_cbor_item name = {0};
        copse_bytes paths = {NULL, 0};
        status = copse_cbor_next(&reader, &name, err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &paths, err);
        }
        if (status == COPSE_OK) {
            status = update_parse_operator(&parser, name.bytes, paths);
        }
    }
    return status == COPSE_OK ? update_check_filters(&parser) : status;
}
