/* Operators of whole fields: $set $setOnInsert $unset $rename $min $max $currentDate.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/path.h"
#include "expr/update_private.h"

#include <string.h>

static copse_status update_parse_value(copse_update_parser *parser, copse_update_action *action)
{
    return copse_update_check_value(parser, action, action->argument, 0);
}

static copse_status update_apply_set(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, bool *ret_there)
{
    (void)value;
    return copse_update_keep(run, action->argument, ret_there);
}

/* ---- $setOnInsert --------------------------------------------------------------------------- */

static copse_status update_apply_set_on_insert(copse_update_run *run,
                                               const copse_update_action *action, copse_bytes value,
                                               bool *ret_there)
{
    return update_apply_set(run, action, value, ret_there);
}

bool copse_update_is_active(const copse_update_run *run, const copse_update_action *action)
{
    if (action->move != NULL) {
        return action->move->value.len != 0;
    }
    return action->op->apply != update_apply_set_on_insert || run->context->insert;
}

/* ---- $unset --------------------------------------------------------------------------------- */

static copse_status update_parse_any(copse_update_parser *parser, copse_update_action *action)
{
    (void)parser;
    (void)action;
    return COPSE_OK;
}

static copse_status update_apply_unset(copse_update_run *run, const copse_update_action *action,
                                       copse_bytes value, bool *ret_there)
{
    (void)run;
    (void)action;
    (void)value;
    *ret_there = false;
    return COPSE_OK;
}

/* ---- $rename -------------------------------------------------------------------------------- */

/* Where a $rename takes a value away; $rename itself puts it. */
static const copse_update_operator update_renamed = {"$rename", true, update_parse_any,
                                                     update_apply_unset};

static bool update_is_static(const copse_update_action *action)
{
    for (size_t i = 0; i < action->parts_count; i++) {
        if (action->parts[i].kind != COPSE_UPDATE_PART_KEY) {
            return false;
        }
    }
    return true;
}

/* The action stands at the old path; it goes to the new one, and another takes the old one. */
static copse_status update_parse_rename(copse_update_parser *parser, copse_update_action *action)
{
    copse_value target;
    if (copse_value_read(action->argument, &target, NULL) != COPSE_OK ||
        target.type != COPSE_VALUE_TEXT) {
        return copse_update_fail(action, "the new path is a text", parser->err);
    }
    if (copse_bytes_equal(action->path, target.bytes)) {
        return copse_update_fail(action, "the old and the new path must differ", parser->err);
    }
    copse_update_move *move = copse_arena_alloc(&parser->update->arena, sizeof *move);
    if (move == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    *move = (copse_update_move){.from = action->path, .to = target.bytes};
    bool fixed = update_is_static(action);
    size_t depth = action->parts_count;
    const copse_update_operator *op = action->op;
    action->op = &update_renamed;
    action->move = move;
    copse_update_action *other = NULL;
    copse_status status = copse_update_add(parser, op, move->to, move->from, &other);
    if (status == COPSE_OK) {
        other->move = move;
        parser->update->deepens = parser->update->deepens || other->parts_count > depth;
        fixed = fixed && update_is_static(other);
    }
    return status == COPSE_OK && !fixed
               ? copse_update_fail(other, "neither path may be dynamic", parser->err)
               : status;
}

static copse_status update_apply_rename(copse_update_run *run, const copse_update_action *action,
                                        copse_bytes value, bool *ret_there)
{
    (void)value;
    return copse_update_keep(run, action->move->value, ret_there);
}

/* Goes along `path` to *ret_value. NOT_FOUND: it ends before; END: at what is no object. CORRUPT:
 * it leads through an array. */
static copse_status update_follow(copse_update_run *run, const copse_update_action *action,
                                  copse_bytes path, copse_bytes *ret_value)
{
    copse_bytes value = run->document;
    copse_bytes rest = path;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && rest.len != 0) {
        copse_bytes key = copse_path_first(rest, &rest);
        if (copse_path_is_array(value)) {
            return copse_update_fail(action, "neither path may lead through an array", run->err);
        }
        status = copse_path_is_object(value) ? copse_path_find_key(value, key, &value, run->err)
                                             : COPSE_END;
    }
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}

static copse_status update_find_move(copse_update_run *run, const copse_update_action *action)
{
    copse_bytes unused;
    copse_update_move *move = action->move;
    move->value = (copse_bytes){NULL, 0};
    copse_status status = update_follow(run, action, move->from, &move->value);
    if (status == COPSE_END) {
        return copse_update_fail(action, "the old path leads through a value that is no object",
                                 run->err);
    }
    if (status == COPSE_OK) {
        status = update_follow(run, action, move->to, &unused);
        status = status == COPSE_END ? COPSE_OK : status; /* the pass will say it */
    }
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

copse_status copse_update_moves_find(copse_update_run *run)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < run->update->actions_count; i++) {
        const copse_update_action *action = &run->update->actions[i];
        if (action->move != NULL && action->op != &update_renamed) {
            status = update_find_move(run, action);
        }
    }
    return status;
}

/* ---- $min, $max ----------------------------------------------------------------------------- */

static copse_status update_apply_extreme(copse_update_run *run, const copse_update_action *action,
                                         copse_bytes value, bool *ret_there)
{
    static const char least[] = "$min";
    int order = 0;
    copse_status status = COPSE_OK;
    if (value.len == 0) {
        return copse_update_keep(run, action->argument, ret_there);
    }
    status = copse_value_compare(action->argument, value, &order, run->err);
    if (strcmp(action->op->name, least) != 0) {
        order = -order;
    }
    return status == COPSE_OK
               ? copse_update_keep(run, order < 0 ? action->argument : value, ret_there)
               : status;
}

/* ---- $currentDate --------------------------------------------------------------------------- */

enum { UPDATE_DATE, UPDATE_TIMESTAMP };

/* true, or {"$type": "date"} or {"$type": "timestamp"}. */
static copse_status update_parse_current_date(copse_update_parser *parser,
                                              copse_update_action *action)
{
    copse_bytes type;
    copse_value value;
    action->number = UPDATE_DATE;
    if (copse_value_read(action->argument, &value, NULL) == COPSE_OK &&
        value.type == COPSE_VALUE_BOOL) {
        return COPSE_OK;
    }
    if (copse_filter_is_operators(action->argument) &&
        copse_path_find_key(action->argument, copse_bytes_of_text("$type"), &type, NULL) ==
            COPSE_OK &&
        copse_value_read(type, &value, NULL) == COPSE_OK && value.type == COPSE_VALUE_TEXT) {
        if (copse_bytes_equal(value.bytes, copse_bytes_of_text("timestamp"))) {
            action->number = UPDATE_TIMESTAMP;
            return COPSE_OK;
        }
        if (copse_bytes_equal(value.bytes, copse_bytes_of_text("date"))) {
            return COPSE_OK;
        }
    }
    return copse_update_fail(
        action, "takes true, {\"$type\": \"date\"} or {\"$type\": \"timestamp\"}", parser->err);
}

static copse_status update_apply_current_date(copse_update_run *run,
                                              const copse_update_action *action, copse_bytes value,
                                              bool *ret_there)
{
    enum { MS = 1000, INCREMENT = 1 };
    uint64_t now_ms = run->context->now_ms;
    (void)value;
    *ret_there = true;
    if (now_ms > INT64_MAX || (action->number == UPDATE_TIMESTAMP && now_ms / MS > UINT32_MAX)) {
        return COPSE_ERR(run->err, COPSE_LIMIT, "$currentDate: the time is out of range");
    }
    return action->number == UPDATE_DATE
               ? copse_value_write_date(run->out, (int64_t)now_ms)
               : copse_value_write_timestamp(run->out, (uint32_t)(now_ms / MS), INCREMENT);
}

/* $set stands first: update.c uses it. */
const copse_update_operator copse_update_field_operators[] = {
    {"$set", false, update_parse_value, update_apply_set},
    {"$setOnInsert", false, update_parse_value, update_apply_set_on_insert},
    {"$unset", true, update_parse_any, update_apply_unset},
    {"$rename", false, update_parse_rename, update_apply_rename},
    {"$min", false, update_parse_value, update_apply_extreme},
    {"$max", false, update_parse_value, update_apply_extreme},
    {"$currentDate", false, update_parse_current_date, update_apply_current_date},
    {NULL, false, NULL, NULL},
};
