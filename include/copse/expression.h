/* Expressions: MongoDB's aggregation expressions, compiled once, evaluated over many documents.
 *
 *     "$author.name"     {"$multiply": ["$price", {"$subtract": [1, "$discount"]}]}
 *
 * An expression is given as DAG-CBOR, as copse_ext_json_read makes it from JSON in QUERY mode.
 * Operators and their meaning: docs/expressions.md; MongoDB's manual decides. An expression is a
 * function of the document, the variables and nothing else: no clock ($$NOW only as a variable that
 * the caller sets), no random numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPRESSION_H
#define COPSE_EXPRESSION_H

#include <copse/filter.h>

COPSE_EXTERN_C_BEGIN

/** A compiled expression. Its memory for one evaluation is kept for the next: belongs to one
 * thread.
 */
typedef struct copse_expression copse_expression;

/** A variable that an expression may use as $$name, besides ROOT, CURRENT, REMOVE and those it
 * binds itself ($let, $map, $filter, $reduce, $sortArray). */
typedef struct copse_expression_variable {
    copse_bytes name;
    copse_bytes value; /**< One encoded item; empty: missing. Not needed to compile. */
} copse_expression_variable;

/** Compiles `expression`, one strict DAG-CBOR item (copied). `variables`: the names that there are
 * (copied); values are given when it is evaluated, in the same order. CORRUPT: it is none, with
 * operator and reason ("unknown expression operator $ad, did you mean $add", "$divide takes 2
 * values, 3 are given", "there is no variable $$x"). LIMIT: limits.filter_nodes_max, nested too
 * deep, or a regex too large. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_expression_new(
    const copse_env *env, copse_bytes expression, const copse_expression_variable *variables,
    size_t variables_count, copse_expression **ret_expression, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_expression *copse_expression_free(copse_expression *expression);

/** Appends the value for `document`, an object that passed copse_document_check, as one encoded
 * item, or nothing if it is missing: *ret_missing. `variables`: as they were named, of which only
 * the values are looked at (each passed copse_value_check). CORRUPT: an operator is given what it
 * can't take ("$add takes numbers and a date, not a string"), as MongoDB refuses it; or no
 * document. LIMIT: a value passes limits.document_size_bytes_max or is nested too deep, all
 * together limits.query_memory_bytes_max, limits.expression_steps_max, a regex its bounds, or from
 * the buf. NOMEM. Whatever is not OK leaves `buf` as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_expression_evaluate(
    copse_expression *expression, copse_bytes document, const copse_expression_variable *variables,
    copse_buf *buf, bool *ret_missing, copse_err *err);

/** If it is nothing but a field's path ("$a.b"), that path without the $, else empty. Valid until
 * the expression is freed, as is the next. */
COPSE_API copse_bytes copse_expression_path(const copse_expression *expression);

/** If it is the same for all documents and variables and not missing, its value, else empty. */
COPSE_API copse_bytes copse_expression_constant(const copse_expression *expression);

/** Whether a value (one encoded item) is true in a condition: all but false, null, missing and zero
 * of any number type. */
COPSE_API bool copse_expression_is_true(copse_bytes value, bool missing);

COPSE_EXTERN_C_END

#endif
