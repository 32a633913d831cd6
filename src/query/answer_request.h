/* What an asker sends to a server that shall answer a query: POST /copse/v1/{name}/query.
 *
 * Format: docs/formats/http.md. Copse writes and reads it; the query's own map is that of
 * docs/formats/answer.md. What is asked for has one encoding.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ANSWER_REQUEST_H
#define COPSE_QUERY_ANSWER_REQUEST_H

#include <copse/answer.h>

/** A request that was read. Borrows from the bytes that it was read from. Zeroed at first. */
typedef struct copse_answer_request {
    copse_query_options query; /**< With hint; sort points into this struct. */
    copse_sort_spec sort;
    copse_cid root; /**< Of size 0: the head, whatever it is now. */
    copse_buf have; /**< copse_cid after copse_cid. */
} copse_answer_request;

/** Appends the request for what `query` asks, which copse_query_new has accepted. `root` NULL: the
 * head. LIMIT: more than COPSE_ANSWER_HAVE_MAX CIDs, or the buf's. NOMEM. Whatever is not OK leaves
 * the buf as it was. */
COPSE_MUST_USE copse_status copse_answer_request_encode(const copse_query_options *query,
                                                        const copse_cid *root,
                                                        const copse_cid *have, size_t have_count,
                                                        copse_buf *buf, copse_err *err);

/** Reads a request of anyone into a zeroed struct; release it in any case. It stays where it is.
 * CORRUPT: it is none. LIMIT: nested too deep, more than COPSE_ANSWER_HAVE_MAX CIDs or too many
 * fields to sort by. NOMEM. Whether filter and projection can be compiled is for copse_query_new.
 */
COPSE_MUST_USE copse_status copse_answer_request_decode(const copse_env *env, copse_bytes bytes,
                                                        copse_answer_request *request,
                                                        copse_err *err);

/** Frees and zeroes it. */
void copse_answer_request_release(copse_answer_request *request);

#endif
