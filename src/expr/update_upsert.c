/* What an upsert begins with: the equalities of its filter, set in an empty document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_node.h"
#include "expr/update_private.h"

/* Sets what the node says that a field is. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status update_upsert_add(copse_update_parser *parser, const copse_filter_node *node)
{
    const copse_update_operator *set = copse_update_field_operators;
    copse_update_action *action = NULL;
    bool all = node->kind == COPSE_FILTER_AND ||
               (node->kind == COPSE_FILTER_IN && node->children_count == 1);
    copse_status status = COPSE_OK;
    if (node->kind == COPSE_FILTER_EQ) {
        status = copse_update_add(parser, set, node->path, node->value, &action);
        return status == COPSE_OK ? set->parse(parser, action) : status;
    }
    for (size_t i = 0; status == COPSE_OK && all && i < node->children_count; i++) {
        status = update_upsert_add(parser, node->children[i]);
    }
    return status;
}

copse_status copse_update_upsert_base(const copse_env *env, const copse_filter *filter,
                                      copse_buf *buf, copse_err *err)
{
    static const uint8_t empty_map[] = {0xa0};
    copse_update_context context = {.insert = true};
    copse_update *update = copse_update_alloc(env);
    bool changed = false;
    if (update == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_update_parser parser = {update, err};
    copse_status status = update_upsert_add(&parser, copse_filter_root(filter));
    if (status == COPSE_OK) {
        status = copse_update_tree_make(update, &update->arena, 0, &update->root, err);
    }
    if (status == COPSE_OK) {
        status = copse_update_apply(update, (copse_bytes){empty_map, sizeof empty_map}, &context,
                                    buf, &changed, err);
    }
    (void)copse_update_free(update);
    return status;
}
