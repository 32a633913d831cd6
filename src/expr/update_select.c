/* Filters inside updates: those that the caller gives for $[name], and those of $pull.
 *
 * A filter of an element is one of the object {name: element}: so {"x.a": 1} looks into an element
 * that is an object, and {"x": {"$gt": 1}} compares the element itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/path.h"
#include "expr/update_private.h"

enum { UPDATE_SELECT_SHOWN_MAX = 80 };

/* ---- Any of them ---------------------------------------------------------------------------- */

/* Makes {name: condition} in the update's scratch memory, for a filter as for an element. */
static copse_status update_filter_wrap(copse_update *update, copse_bytes name,
                                       copse_bytes condition)
{
    copse_buf_truncate(&update->scratch, 0);
    copse_status status = copse_cbor_write_map(&update->scratch, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(&update->scratch, name);
    }
    return status == COPSE_OK ? copse_buf_append(&update->scratch, condition) : status;
}

copse_status copse_update_filter_add(copse_update *update, copse_bytes name, copse_bytes condition,
                                     copse_update_filter **ret_filter, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_update_filter *added = copse_arena_alloc(&update->arena, sizeof *added);
    if (added == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *added = (copse_update_filter){.name = name, .whole = name.len == 0, .used = true};
    if (!added->whole) {
        status = update_filter_wrap(update, name, condition);
        condition = copse_buf_view(&update->scratch);
    }
    if (status == COPSE_OK) {
        status = copse_filter_new(update->env, condition, &added->filter, err);
    }
    if (status == COPSE_OK) {
        added->next = update->filters;
        update->filters = added;
        *ret_filter = added;
    }
    return status;
}

copse_status copse_update_filter_test(copse_update_run *run, copse_update_filter *filter,
                                      copse_bytes element, bool *ret_match)
{
    if (filter->whole) {
        *ret_match = false;
        return copse_path_is_object(element)
                   ? copse_filter_match(filter->filter, element, ret_match, run->err)
                   : COPSE_OK;
    }
    copse_status status = update_filter_wrap(run->update, filter->name, element);
    return status == COPSE_OK
               ? copse_filter_match(filter->filter, copse_buf_view(&run->update->scratch),
                                    ret_match, run->err)
               : status;
}

/* ---- Those for $[name] ---------------------------------------------------------------------- */

/* Whether all paths of the filter begin with one name; it goes to *name. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static bool update_select_name(const copse_filter_node *node, copse_bytes *name)
{
    if (node->path.len != 0) {
        copse_bytes rest;
        copse_bytes first = copse_path_first(node->path, &rest);
        bool same = name->len == 0 || copse_bytes_equal(*name, first);
        *name = first;
        return same;
    }
    for (size_t i = 0; i < node->children_count; i++) {
        if (!update_select_name(node->children[i], name)) {
            return false;
        }
    }
    return true;
}

static bool update_select_is_name(copse_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t letter = name.ptr[i] | 0x20;
        bool digit = i > 0 && name.ptr[i] >= '0' && name.ptr[i] <= '9';
        if (!digit && (letter < 'a' || letter > 'z' || (i == 0 && name.ptr[i] != letter))) {
            return false;
        }
    }
    return true;
}

static copse_status update_select_check(const copse_update *update,
                                        const copse_update_filter *added, bool one, copse_err *err)
{
    if (!one || added->name.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "an array filter is of one identifier, as {\"x.a\": 1} for $[x]");
    }
    int shown =
        added->name.len < UPDATE_SELECT_SHOWN_MAX ? (int)added->name.len : UPDATE_SELECT_SHOWN_MAX;
    const char *name = (const char *)added->name.ptr;
    if (!update_select_is_name(added->name)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "the identifier of an array filter is of letters and digits and begins "
                         "with a lowercase letter, found '%.*s'",
                         shown, name);
    }
    for (const copse_update_filter *other = update->filters; other != NULL; other = other->next) {
        if (other != added && copse_bytes_equal(other->name, added->name)) {
            return COPSE_ERR(err, COPSE_CORRUPT,
                             "found multiple array filters with the same identifier '%.*s'", shown,
                             name);
        }
    }
    return COPSE_OK;
}

copse_status copse_update_select_parse(copse_update_parser *parser, copse_bytes array_filters)
{
    copse_update *update = parser->update;
    copse_cbor_reader reader;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    if (array_filters.len == 0) {
        return COPSE_OK;
    }
    status =
        copse_dag_cbor_check(array_filters, &update->env->limits, COPSE_CBOR_STRICT, parser->err);
    if (status == COPSE_OK &&
        !copse_filter_open(array_filters, COPSE_CBOR_ARRAY, &reader, &count)) {
        status = COPSE_ERR(parser->err, COPSE_CORRUPT, "array filters are a list of filters");
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes encoded = {NULL, 0};
        copse_update_filter *added = NULL;
        status = copse_cbor_take(&reader, &encoded, parser->err);
        if (status == COPSE_OK) {
            status = copse_update_filter_add(update, (copse_bytes){NULL, 0}, encoded, &added,
                                             parser->err);
        }
        if (status == COPSE_OK) {
            bool one = update_select_name(copse_filter_root(added->filter), &added->name);
            added->whole = false;
            added->used = false;
            status = update_select_check(update, added, one, parser->err);
        }
    }
    return status;
}
