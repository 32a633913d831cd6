/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/query_brute.h"

#include "expr/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_bytes brute_dup(copse_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    return (copse_bytes){copy, bytes.len};
}

static void brute_free(copse_bytes bytes)
{
    free((void *)(uintptr_t)bytes.ptr);
}

void query_brute_delete(query_brute_documents *documents, uint64_t id)
{
    documents->count -= documents->encoded[id].len > 0;
    brute_free(documents->encoded[id]);
    documents->encoded[id] = (copse_bytes){NULL, 0};
}

void query_brute_put(query_brute_documents *documents, uint64_t id, copse_bytes encoded)
{
    query_brute_delete(documents, id);
    documents->encoded[id] = brute_dup(encoded);
    documents->count++;
}

void query_brute_release(query_brute_documents *documents)
{
    for (uint64_t id = 0; id < QUERY_BRUTE_DOCUMENTS_MAX; id++) {
        query_brute_delete(documents, id);
    }
}

/* A match on its way into the order. */
typedef struct brute_match {
    copse_bytes key;
    copse_bytes row;
    size_t number; /* of the document: of equal keys the first comes first */
} brute_match;

static int brute_compare(const void *a, const void *b)
{
    const brute_match *left = a;
    const brute_match *right = b;
    int order = copse_bytes_compare(left->key, right->key);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

typedef struct brute_run {
    const copse_query_options *options;
    copse_filter *filter;
    copse_projection *projection;
    copse_buf key;
    copse_buf row;
    brute_match matches[QUERY_BRUTE_DOCUMENTS_MAX];
    size_t count;
} brute_run;

static copse_status brute_take(brute_run *run, copse_bytes document)
{
    static const copse_sort_spec none;
    bool match = false;
    copse_bytes id;
    copse_status status = copse_filter_match(run->filter, document, &match, NULL);
    if (status != COPSE_OK || !match) {
        return status;
    }
    copse_buf_truncate(&run->key, 0);
    copse_buf_truncate(&run->row, 0);
    assert_int_equal(copse_path_find_key(document, copse_bytes_of_text("_id"), &id, NULL),
                     COPSE_OK);
    assert_int_equal(copse_sort_spec_key(run->options->sort != NULL ? run->options->sort : &none,
                                         document, id, &run->key, NULL),
                     COPSE_OK);
    status = run->projection != NULL
                 ? copse_projection_apply(run->projection, document, run->filter, &run->row, NULL)
                 : copse_buf_append(&run->row, document);
    if (status == COPSE_OK) {
        run->matches[run->count] = (brute_match){brute_dup(copse_buf_view(&run->key)),
                                                 brute_dup(copse_buf_view(&run->row)), run->count};
        run->count++;
    }
    return status;
}

copse_status query_brute_run(const copse_env *env, const query_brute_documents *documents,
                             const copse_query_options *options, query_brute_answer *ret_answer)
{
    brute_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->options = options;
    copse_buf_init(&run->key, env, SIZE_MAX);
    copse_buf_init(&run->row, env, SIZE_MAX);
    copse_status status = copse_filter_new(env, options->filter, &run->filter, NULL);
    if (status == COPSE_OK && options->projection.len > 0) {
        status = copse_projection_new(env, options->projection, &run->projection, NULL);
    }
    for (uint64_t id = 0; id < QUERY_BRUTE_DOCUMENTS_MAX && status == COPSE_OK; id++) {
        if (documents->encoded[id].len > 0) {
            status = brute_take(run, documents->encoded[id]);
        }
    }
    qsort(run->matches, run->count, sizeof *run->matches, brute_compare);
    ret_answer->count = run->count;
    for (size_t i = 0; i < run->count; i++) {
        ret_answer->rows[i] = run->matches[i].row;
        brute_free(run->matches[i].key);
    }
    if (status != COPSE_OK) {
        query_brute_answer_release(ret_answer);
    }
    copse_buf_release(&run->key);
    copse_buf_release(&run->row);
    copse_filter_free(run->filter);
    copse_projection_free(run->projection);
    free(run);
    return status;
}

void query_brute_answer_release(query_brute_answer *answer)
{
    while (answer->count > 0) {
        brute_free(answer->rows[--answer->count]);
    }
}

/* ---- Checking -------------------------------------------------------------------------------- */

void query_brute_check_init(query_brute_check *check, const query_brute_answer *answer,
                            const copse_query_options *options)
{
    *check = (query_brute_check){.answer = answer, .ordered = options->sort != NULL};
    check->skip = options->skip < answer->count ? (size_t)options->skip : answer->count;
    check->expected = answer->count - check->skip;
    if (options->limit > 0 && options->limit < check->expected) {
        check->expected = (size_t)options->limit;
    }
    check->left = *answer;
}

/* Takes one row that equals `row` out of those that are left. */
static bool brute_take_any(query_brute_answer *left, copse_bytes row)
{
    for (size_t i = 0; i < left->count; i++) {
        if (copse_bytes_equal(left->rows[i], row)) {
            left->rows[i] = left->rows[--left->count];
            return true;
        }
    }
    return false;
}

bool query_brute_check_take(query_brute_check *check, copse_bytes row)
{
    size_t at = check->count++;
    if (at >= check->expected) {
        return false;
    }
    return check->ordered ? copse_bytes_equal(row, check->answer->rows[check->skip + at])
                          : brute_take_any(&check->left, row);
}
