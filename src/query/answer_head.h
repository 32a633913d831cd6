/* The first block of an answer: the plan, and the query that it is for.
 *
 * Format: docs/formats/answer.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ANSWER_HEAD_H
#define COPSE_QUERY_ANSWER_HEAD_H

#include <copse/query.h>

/** Two encoded items. */
typedef struct copse_answer_head {
    copse_bytes plan;
    copse_bytes query;
} copse_answer_head;

/** Appends the map that stands for what `query` asks, which copse_query_new has accepted. LIMIT,
 * NOMEM. */
COPSE_MUST_USE copse_status copse_answer_head_write_query(const copse_query_options *query,
                                                          copse_buf *buf, copse_err *err);

/** Reads such a map of anyone, strict DAG-CBOR, into a zeroed query, which borrows from it; a sort
 * order into a zeroed `sort`, to which the query then points, and which the caller releases in any
 * case. CORRUPT: it is none. LIMIT: too many fields to sort by. NOMEM. */
COPSE_MUST_USE copse_status copse_answer_head_read_query(const copse_env *env, copse_bytes encoded,
                                                         copse_query_options *query,
                                                         copse_sort_spec *sort, copse_err *err);

/** Appends the block. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_answer_head_encode(const copse_answer_head *head, copse_buf *buf,
                                                     copse_err *err);

/** Reads the block of anyone; `ret_head` borrows from it. CORRUPT: it is none. LIMIT: nested too
 * deep. */
COPSE_MUST_USE copse_status copse_answer_head_decode(copse_bytes block, const copse_limits *limits,
                                                     copse_answer_head *ret_head, copse_err *err);

/** The first field in which two encoded queries differ; NULL: the second is no query. They are not
 * the same bytes; the first is of copse_answer_head_write_query, the second strict DAG-CBOR. */
const char *copse_answer_head_difference(copse_bytes query, copse_bytes other);

#endif
