/* Operators by name.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/suggest.h"

static const copse_expression_operator *const expression_families[] = {
    copse_expression_arithmetic,
    copse_expression_compare,
    copse_expression_total,
    copse_expression_math,
    copse_expression_bits,
    copse_expression_text,
    copse_expression_text_search,
    copse_expression_regexes,
    copse_expression_array,
    copse_expression_array_sort,
    copse_expression_set,
    copse_expression_object,
    copse_expression_convert,
    copse_expression_date,
    copse_expression_date_unit,
    copse_expression_date_string,
    copse_expression_variable_binding,
};

enum { EXPRESSION_FAMILIES = sizeof expression_families / sizeof *expression_families };

const copse_expression_operator *copse_expression_operator_find(copse_bytes name)
{
    for (size_t i = 0; i < EXPRESSION_FAMILIES; i++) {
        for (const copse_expression_operator *op = expression_families[i]; op->name != NULL; op++) {
            if (copse_bytes_equal(name, copse_bytes_of_text(op->name))) {
                return op;
            }
        }
    }
    return NULL;
}

/* The nearest of all families. */
static const char *expression_operator_suggest(copse_bytes name)
{
    enum { NAMES_MAX = 256 };
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < EXPRESSION_FAMILIES; i++) {
        for (const copse_expression_operator *op = expression_families[i]; op->name != NULL; op++) {
            if (count < NAMES_MAX) {
                names[count++] = op->name;
            }
        }
    }
    names[count] = NULL;
    return copse_suggest_name(name, names);
}

copse_status copse_expression_operator_fail(copse_bytes name, copse_err *err)
{
    static const char *const left_out[] = {"$function", "$accumulator", "$rand",
                                           "$meta",     "$sampleRate",  "$where"};
    const char *near = expression_operator_suggest(name);
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(left_out[i]))) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the expression operator %s is not there",
                             left_out[i]);
        }
    }
    return COPSE_ERR(err, COPSE_CORRUPT, "unknown expression operator %.*s%s%s%s",
                     copse_expression_shown(name), (const char *)name.ptr,
                     near != NULL ? ", did you mean " : "", near != NULL ? near : "",
                     near != NULL ? "?" : "");
}
