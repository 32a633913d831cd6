/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/get_many.h"

#include "base/alloc.h"
#include "base/err.h"

void copse_get_many_init(copse_get_many *gets, copse_tree *tree)
{
    *gets = (copse_get_many){.tree = tree};
}

void copse_get_many_clear(copse_get_many *gets)
{
    while (gets->leaves_count > 0) {
        copse_node_unref(gets->tree->env, gets->leaves[--gets->leaves_count]);
    }
}

void copse_get_many_release(copse_get_many *gets)
{
    if (gets->tree != NULL) {
        copse_get_many_clear(gets);
        copse_free_array(gets->tree->env, gets->leaves, gets->leaves_capacity,
                         sizeof(copse_node *));
        *gets = (copse_get_many){0};
    }
}

/* Whether the key stands between the first and the last of the leaf, so that no other can hold it.
 */
static bool get_many_is_inside(const copse_node *leaf, copse_bytes key)
{
    return leaf->count > 0 && copse_bytes_compare(copse_node_key(leaf, 0), key) <= 0 &&
           copse_bytes_compare(key, copse_node_key(leaf, leaf->count - 1)) <= 0;
}

/* The leaf for `key`, held. */
static copse_status get_many_leaf(copse_get_many *gets, copse_bytes key,
                                  const copse_node **ret_leaf, copse_err *err)
{
    copse_node *leaf = gets->leaves_count > 0 ? gets->leaves[gets->leaves_count - 1] : NULL;
    if (leaf == NULL || !get_many_is_inside(leaf, key)) {
        copse_status status = copse_tree_load_leaf(gets->tree, key, &leaf, err);
        if (status != COPSE_OK) {
            return status;
        }
        gets->leaves[gets->leaves_count++] = leaf; /* there is room for one a key */
    }
    *ret_leaf = leaf;
    return COPSE_OK;
}

copse_status copse_get_many_run(copse_get_many *gets, const copse_bytes *keys, size_t count,
                                copse_bytes *ret_values, copse_err *err)
{
    copse_status wanted = COPSE_OK;
    void *leaves = gets->leaves;
    copse_get_many_clear(gets);
    if (!copse_array_grow(gets->tree->env, &leaves, &gets->leaves_capacity, count,
                          sizeof(copse_node *))) {
        return COPSE_ERR_NOMEM(err);
    }
    gets->leaves = leaves;
    copse_source_begin(gets->tree->cache->source);
    for (size_t i = 0; i < count; i++) {
        const copse_node *leaf = NULL;
        copse_status status = get_many_leaf(gets, keys[i], &leaf, err);
        if (status == COPSE_WANT) { /* G1 */
            wanted = status;
            continue;
        }
        if (status != COPSE_OK) {
            return status;
        }
        uint32_t index = copse_node_lower(leaf, keys[i]);
        bool found = index < leaf->count && copse_bytes_equal(copse_node_key(leaf, index), keys[i]);
        ret_values[i] = found ? copse_node_value(leaf, index) : (copse_bytes){NULL, 0};
    }
    return wanted;
}
