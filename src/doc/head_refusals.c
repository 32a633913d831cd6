/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/head_refusals.h"

#include "base/err.h"

#include <string.h>

void copse_head_refusals_init(copse_head_refusals *refusals, const copse_env *env)
{
    *refusals = (copse_head_refusals){.count = 0};
    copse_arena_init(&refusals->arena, env);
}

void copse_head_refusals_release(copse_head_refusals *refusals)
{
    copse_arena_release(&refusals->arena);
    *refusals = (copse_head_refusals){.count = 0};
}

/* A copy; of length 0 stays so. */
static copse_bytes head_refusals_dup(copse_head_refusals *refusals, copse_bytes bytes,
                                     bool *is_whole)
{
    copse_bytes copy = {NULL, 0};
    if (bytes.len > 0) {
        copy = copse_arena_dup(&refusals->arena, bytes);
        *is_whole = *is_whole && copy.ptr != NULL;
    }
    return copy;
}

/* One text for all of one reason; NULL: no memory. */
static const char *head_refusals_reason(copse_head_refusals *refusals, const char *reason)
{
    for (size_t i = 0; i < refusals->kept_count; i++) {
        if (strcmp(refusals->kept[i].reason, reason) == 0) {
            return refusals->kept[i].reason;
        }
    }
    const copse_bytes text = {(const uint8_t *)reason, strlen(reason) + 1};
    return (const char *)copse_arena_dup(&refusals->arena, text).ptr;
}

static bool head_refusals_keep(copse_head_refusals *refusals, const copse_head_refusal *refusal)
{
    bool is_whole = true;
    if (refusals->kept == NULL) {
        refusals->kept = copse_arena_alloc(&refusals->arena,
                                           COPSE_HEAD_MERGE_REFUSALS_MAX * sizeof *refusals->kept);
    }
    if (refusals->kept == NULL) {
        return false;
    }
    const copse_head_refusal kept = {
        .what = refusal->what,
        .collection = head_refusals_dup(refusals, refusal->collection, &is_whole),
        .index = head_refusals_dup(refusals, refusal->index, &is_whole),
        .id = head_refusals_dup(refusals, refusal->id, &is_whole),
        .reason = head_refusals_reason(refusals, refusal->reason),
    };
    if (!is_whole || kept.reason == NULL) {
        return false;
    }
    refusals->kept[refusals->kept_count++] = kept;
    return true;
}

copse_status copse_head_refusals_add(copse_head_refusals *refusals,
                                     const copse_head_refusal *refusal, copse_err *err)
{
    if (refusals->kept_count < COPSE_HEAD_MERGE_REFUSALS_MAX &&
        !head_refusals_keep(refusals, refusal)) {
        return COPSE_ERR_NOMEM(err);
    }
    refusals->count++;
    return COPSE_OK;
}
