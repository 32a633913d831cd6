/* Names of operators that are none, or stand in the wrong place.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/suggest.h"

static bool filter_name_in(copse_bytes name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(*names))) {
            return true;
        }
    }
    return false;
}

copse_status copse_filter_fail_name(copse_bytes name, bool top, copse_err *err)
{
    static const char *const refused[] = {"$expr",   "$where",      "$jsonSchema", "$text",
                                          "$near",   "$nearSphere", "$geoWithin",  "$geoIntersects",
                                          "$within", "$rand",       NULL};
    static const char *const of_filters[] = {"$and", "$or", "$nor", "$comment", NULL};
    static const char *const of_fields[] = {
        "$eq",           "$ne",         "$gt",           "$gte",       "$lt",   "$lte",
        "$in",           "$nin",        "$not",          "$exists",    "$type", "$mod",
        "$regex",        "$options",    "$all",          "$elemMatch", "$size", "$bitsAllSet",
        "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear", NULL};
    enum { SHOWN_MAX = 64 };
    int len = name.len < SHOWN_MAX ? (int)name.len : SHOWN_MAX;
    const char *text = (const char *)name.ptr;
    if (filter_name_in(name, refused)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%.*s is not supported", len, text);
    }
    if (filter_name_in(name, top ? of_fields : of_filters)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         top ? "%.*s stands below a field, as {\"field\": {\"%.*s\": …}}"
                             : "%.*s stands beside the fields, not below one, as {\"%.*s\": […]}",
                         len, text, len, text);
    }
    const char *meant = copse_suggest_name(name, top ? of_filters : of_fields);
    if (meant == NULL) {
        meant = copse_suggest_name(name, top ? of_fields : of_filters);
    }
    if (len == 0 || text[0] != '$') {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "\"%.*s\" stands among operators (use $eq for a literal object)", len,
                         len != 0 ? text : "");
    }
    if (meant != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "unknown operator %.*s, did you mean %s?", len, text,
                         meant);
    }
    return COPSE_ERR(err, COPSE_CORRUPT, "unknown operator %.*s", len, text);
}
