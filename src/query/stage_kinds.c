/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/stage_kinds.h"

#include "base/err.h"
#include "expr/suggest.h"
#include "query/pipeline.h"

static const copse_stage_kind *const stage_kinds[] = {
    &copse_stage_kind_match,         &copse_stage_kind_project, &copse_stage_kind_add_fields,
    &copse_stage_kind_set,           &copse_stage_kind_unset,   &copse_stage_kind_replace_root,
    &copse_stage_kind_replace_with,  &copse_stage_kind_sort,    &copse_stage_kind_limit,
    &copse_stage_kind_skip,          &copse_stage_kind_count,   &copse_stage_kind_group,
    &copse_stage_kind_sort_by_count, &copse_stage_kind_unwind,  &copse_stage_kind_lookup,
    &copse_stage_kind_union_with,    &copse_stage_kind_facet,
};

enum { STAGE_KINDS_COUNT = sizeof stage_kinds / sizeof *stage_kinds };

/* Stages of MongoDB that are not there, and why. */
typedef struct stage_absent {
    const char *name;
    const char *why;
} stage_absent;

static const stage_absent stage_absents[] = {
    {"$sample", "is random: an answer must depend on the database alone"},
    {"$out", "writes: insert what the pipeline gives"},
    {"$merge", "writes: update with what the pipeline gives"},
    {"$bucket", "is not supported: $group by a $switch"},
    {"$bucketAuto", "is not supported"},
    {"$setWindowFields", "is not supported"},
    {"$graphLookup", "is not supported"},
    {"$densify", "is not supported"},
    {"$fill", "is not supported"},
    {"$redact", "is not supported: $match and $project"},
    {"$documents", "is not supported"},
    {"$geoNear", "is not supported"},
    {"$search", "is not supported"},
    {"$collStats", "is not supported: copse stats"},
    {"$indexStats", "is not supported: copse indexes"},
};

const copse_stage_kind *copse_stage_kind_find(copse_bytes name)
{
    for (size_t i = 0; i < STAGE_KINDS_COUNT; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(stage_kinds[i]->name))) {
            return stage_kinds[i];
        }
    }
    return NULL;
}

copse_status copse_stage_kind_refuse(copse_bytes name, copse_err *err)
{
    enum { SHOWN_MAX = 80 };
    const char *names[STAGE_KINDS_COUNT + 1] = {NULL};
    for (size_t i = 0; i < sizeof stage_absents / sizeof *stage_absents; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(stage_absents[i].name))) {
            return COPSE_ERR(err, COPSE_CORRUPT, "%s %s", stage_absents[i].name,
                             stage_absents[i].why);
        }
    }
    for (size_t i = 0; i < STAGE_KINDS_COUNT; i++) {
        names[i] = stage_kinds[i]->name;
    }
    const char *meant = copse_suggest_name(name, names);
    return COPSE_ERR(err, COPSE_CORRUPT, "unknown stage \"%.*s\"%s%s%s",
                     name.len < SHOWN_MAX ? (int)name.len : SHOWN_MAX,
                     name.len > 0 ? (const char *)name.ptr : "",
                     meant != NULL ? ", did you mean " : "", meant != NULL ? meant : "",
                     meant != NULL ? "?" : "");
}
