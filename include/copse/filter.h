/* Filters: MongoDB's query language, compiled once, matched against many documents.
 *
 *     {"tags": "cats", "createdAt": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}
 *
 * A filter is given as DAG-CBOR, as copse_ext_json_read makes it from JSON in QUERY mode. Operators
 * and their meaning: docs/queries.md; where MongoDB's manual and other programs differ, the manual
 * wins. Field order is not kept in documents, so objects are equal whatever theirs was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_FILTER_H
#define COPSE_FILTER_H

#include <copse/value.h>

COPSE_EXTERN_C_BEGIN

/** A compiled filter. Immutable but for the position of its last match and scratch memory of
 * regexes: belongs to one thread. */
typedef struct copse_filter copse_filter;

/** Compiles `filter`, one strict DAG-CBOR map (copied); empty bytes or {} match all documents.
 * CORRUPT: it is no filter; the message names the operator or path and what is wrong ("unknown
 * operator $foo, did you mean $for"). LIMIT: limits.filter_nodes_max, or a regex too large. NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status copse_filter_new(const copse_env *env, copse_bytes filter,
                                                       copse_filter **ret_filter, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_filter *copse_filter_free(copse_filter *filter);

/** The filter as it was given ({} for empty bytes); valid until it is freed. */
COPSE_API copse_bytes copse_filter_encoded(const copse_filter *filter);

/** Whether `document`, an object that passed copse_document_check, matches. LIMIT: a regex ran into
 * its bounds on this document (the message says which: on a text limits.regex_steps_max steps of
 * backtracking, on all its texts together 8 times that), or a path of indexes forks too often in
 * it. CORRUPT: no document. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_filter_match(copse_filter *filter, copse_bytes document,
                                                         bool *ret_match, copse_err *err);

/** The index of the array element that made the last match, for the positional projection `a.$`.
 * NOT_FOUND: no array took part in it. */
COPSE_API COPSE_MUST_USE copse_status copse_filter_position(const copse_filter *filter,
                                                            uint64_t *ret_index);

COPSE_EXTERN_C_END

#endif
