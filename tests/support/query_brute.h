/* Answers to queries by looking at every document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_QUERY_BRUTE_H
#define COPSE_TESTS_QUERY_BRUTE_H

#include <copse/query.h>

enum { QUERY_BRUTE_DOCUMENTS_MAX = 512 };

/** Documents by their integers as `_id`; len 0: there is none. */
typedef struct query_brute_documents {
    copse_bytes encoded[QUERY_BRUTE_DOCUMENTS_MAX]; /* malloc'ed */
    size_t count;                                   /* present */
} query_brute_documents;

void query_brute_put(query_brute_documents *documents, uint64_t id, copse_bytes encoded);
void query_brute_delete(query_brute_documents *documents, uint64_t id);
void query_brute_release(query_brute_documents *documents);

/** An answer: what is given for each match, in order (without an order, that of the keys), before
 * skip and limit. */
typedef struct query_brute_answer {
    copse_bytes rows[QUERY_BRUTE_DOCUMENTS_MAX]; /* malloc'ed */
    size_t count;
} query_brute_answer;

/** Answers. Returns the failure of the filter or projection, if any; then there is no answer. */
copse_status query_brute_run(const copse_env *env, const query_brute_documents *documents,
                             const copse_query_options *options, query_brute_answer *ret_answer);

void query_brute_answer_release(query_brute_answer *answer);

/** What a query gives, checked row by row: in order, or without one as any of the matches. */
typedef struct query_brute_check {
    const query_brute_answer *answer;
    bool ordered;
    size_t skip;
    size_t expected;         /* rows that there must be */
    size_t count;            /* that there were */
    query_brute_answer left; /* not ordered: the others; it borrows */
} query_brute_check;

/** `answer` must outlive it. */
void query_brute_check_init(query_brute_check *check, const query_brute_answer *answer,
                            const copse_query_options *options);

/** Takes the next row. False: it is not one that may be next. */
bool query_brute_check_take(query_brute_check *check, copse_bytes row);

#endif
