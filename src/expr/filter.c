/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/filter.h>

#include "base/alloc.h"
#include "base/err.h"
#include "expr/filter_private.h"
#include "value/dag_cbor_inline.h"

static copse_status filter_compile(copse_filter *filter, copse_bytes encoded, copse_err *err)
{
    static const uint8_t empty_map[] = {0xa0};
    if (encoded.len == 0) {
        encoded = (copse_bytes){empty_map, sizeof empty_map};
    }
    copse_status status =
        copse_dag_cbor_check(encoded, &filter->env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    filter->encoded = copse_arena_dup(&filter->arena, encoded);
    if (filter->encoded.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_filter_parse(filter, filter->encoded, &filter->root, err);
}

copse_status copse_filter_new(const copse_env *env, copse_bytes encoded, copse_filter **ret_filter,
                              copse_err *err)
{
    copse_filter *filter = copse_alloc_zeroed(env, sizeof *filter);
    if (filter == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    filter->env = env;
    copse_arena_init(&filter->arena, env);
    copse_status status = filter_compile(filter, encoded, err);
    if (status != COPSE_OK) {
        (void)copse_filter_free(filter);
        return status;
    }
    *ret_filter = filter;
    return COPSE_OK;
}

copse_filter *copse_filter_free(copse_filter *filter)
{
    if (filter != NULL) {
        for (size_t i = 0; i < filter->regexes_count; i++) {
            (void)copse_regex_free(filter->regexes[i]);
        }
        copse_free_array(filter->env, filter->regexes, filter->regexes_capacity,
                         sizeof(copse_regex *));
        copse_arena_release(&filter->arena);
        copse_free(filter->env, filter, sizeof *filter);
    }
    return NULL;
}

copse_bytes copse_filter_encoded(const copse_filter *filter)
{
    return filter->encoded;
}

const copse_filter_node *copse_filter_root(const copse_filter *filter)
{
    return filter->root;
}

copse_status copse_filter_match(copse_filter *filter, copse_bytes document, bool *ret_match,
                                copse_err *err)
{
    filter->in_array = false;
    copse_regex_budget_renew(&filter->regex_budget, filter->env);
    if (document.len == 0 || document.ptr[0] >> 5 != COPSE_CBOR_MAJOR_MAP) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document is an object");
    }
    return copse_filter_match_node(filter, filter->root, document, ret_match, err);
}

copse_status copse_filter_position(const copse_filter *filter, uint64_t *ret_index)
{
    if (!filter->in_array) {
        return COPSE_NOT_FOUND;
    }
    *ret_index = filter->index;
    return COPSE_OK;
}
