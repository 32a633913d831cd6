/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_model_merge.h"

copse_status tree_model_decide(void *ctx, const copse_conflict *conflict,
                               copse_resolution *ret_resolution, copse_err *err)
{
    static const uint8_t both[] = {0x64, 'b', 'o', 't', 'h'};
    size_t *calls = ctx;
    (void)err;
    unsigned way = (unsigned)(conflict->key.len + conflict->ours.len + conflict->theirs.len) % 4;
    (*calls)++;
    ret_resolution->value = (copse_bytes){both, sizeof both};
    ret_resolution->kind = way == 0   ? COPSE_TAKE_NOTHING
                           : way == 1 ? COPSE_TAKE_VALUE
                           : copse_bytes_compare(conflict->ours, conflict->theirs) > 0
                               ? COPSE_TAKE_OURS
                               : COPSE_TAKE_THEIRS;
    return COPSE_OK;
}

static copse_bytes merge_value(const tree_model *model, copse_bytes key)
{
    size_t index;
    bool found = tree_model_find(model, key, &index);
    return found ? model->entries[index].value : (copse_bytes){NULL, 0};
}

static bool merge_same(copse_bytes a, copse_bytes b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && copse_bytes_equal(a, b);
}

/* What becomes of one key; ptr NULL: it goes. Counts the conflicts in *calls. */
static copse_bytes merge_merged_value(const copse_conflict *key, size_t *calls)
{
    copse_resolution resolution;
    if (merge_same(key->ours, key->theirs) || merge_same(key->base, key->theirs)) {
        return key->ours;
    }
    if (merge_same(key->base, key->ours)) {
        return key->theirs;
    }
    (void)tree_model_decide(calls, key, &resolution, NULL);
    return resolution.kind == COPSE_TAKE_OURS     ? key->ours
           : resolution.kind == COPSE_TAKE_THEIRS ? key->theirs
           : resolution.kind == COPSE_TAKE_VALUE  ? resolution.value
                                                  : (copse_bytes){NULL, 0};
}

size_t tree_model_merge(const tree_model *base, const tree_model *ours, const tree_model *theirs,
                        tree_model *out)
{
    size_t conflicts = 0;
    tree_model keys = {0};
    tree_model_copy(ours, &keys);
    for (size_t i = 0; i < theirs->count; i++) {
        tree_model_put(&keys, theirs->entries[i].key, theirs->entries[i].value);
    }
    for (size_t i = 0; i < keys.count; i++) {
        copse_bytes key = keys.entries[i].key;
        copse_conflict sides = {key, merge_value(base, key), merge_value(ours, key),
                                merge_value(theirs, key)};
        copse_bytes value = merge_merged_value(&sides, &conflicts);
        if (value.ptr != NULL) {
            tree_model_put(out, key, value);
        }
    }
    tree_model_release(&keys);
    return conflicts;
}
