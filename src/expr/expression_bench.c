/* Expressions on documents of ten fields: nanoseconds a document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression.h"

#include "support/bench.h"

#include <copse/ext_json.h>

#include <stdio.h>
#include <string.h>

enum { BENCH_DOCUMENTS = 20000, BENCH_ROUNDS = 10 };

static copse_env bench_env;
static copse_buf bench_documents;
static size_t bench_ends[BENCH_DOCUMENTS];

/* As the posts of the filters' benchmark. */
static void bench_make_documents(void)
{
    uint64_t state = 1;
    copse_buf_init(&bench_documents, &bench_env, (size_t)1 << 26);
    for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
        char text[640];
        char body[101];
        copse_err err;
        memset(body, 'x', sizeof body - 1);
        body[sizeof body - 1] = '\0';
        (void)snprintf(
            text, sizeof text,
            "{\"_id\":%zu,\"author\":\"user%u\",\"body\":\"%s\",\"createdAt\":{\"$date\":"
            "{\"$numberLong\":\"%llu\"}},\"score\":%u.5,\"likes\":%u,\"tags\":[\"t%u\","
            "\"t%u\",\"t%u\"],\"title\":\"Title %zu\",\"lang\":\"en\",\"draft\":false}",
            i, (unsigned)(bench_random(&state) % 1000), body,
            (unsigned long long)(1700000000000 + i), (unsigned)(i % 50),
            (unsigned)(bench_random(&state) % 1000), (unsigned)(bench_random(&state) % 100),
            (unsigned)(bench_random(&state) % 100), (unsigned)(bench_random(&state) % 100), i);
        bench_check(copse_ext_json_to_cbor(&bench_env, copse_bytes_of_text(text),
                                           COPSE_EXT_JSON_VALUE, &bench_documents, &err),
                    &err);
        bench_ends[i] = bench_documents.len;
    }
}

static copse_bytes bench_document(size_t index)
{
    size_t start = index != 0 ? bench_ends[index - 1] : 0;
    return (copse_bytes){bench_documents.ptr + start, bench_ends[index] - start};
}

/* The best round. */
static void bench_expression(const char *text)
{
    copse_err err;
    copse_buf buf;
    copse_expression *expression = NULL;
    size_t size = 0;
    double best = 1e9;
    copse_buf_init(&buf, &bench_env, 1 << 16);
    bench_check(copse_ext_json_to_cbor(&bench_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                                       &buf, &err),
                &err);
    bench_check(copse_expression_new(&bench_env, copse_buf_view(&buf), NULL, 0, &expression, &err),
                &err);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now();
        size = 0;
        for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
            copse_bytes value;
            bench_check(copse_expression_lend(expression, bench_document(i), NULL, &value, &err),
                        &err);
            size += value.len;
        }
        double taken = bench_now() - start;
        best = taken < best ? taken : best;
    }
    (void)printf("%8.1f ns  %6.1f bytes  %s\n", best * 1e9 / BENCH_DOCUMENTS,
                 (double)size / BENCH_DOCUMENTS, text);
    copse_expression_free(expression);
    copse_buf_release(&buf);
}

int main(void)
{
    static const char *const expressions[] = {
        "5",
        "\"$author\"",
        "\"$missing\"",
        "{\"$gte\":[\"$likes\",500]}",
        "{\"$eq\":[\"$author\",\"user7\"]}",
        "{\"$and\":[{\"$gt\":[\"$score\",10]},{\"$eq\":[\"$lang\",\"en\"]}]}",
        "{\"$add\":[\"$likes\",1]}",
        "{\"$multiply\":[\"$likes\",\"$score\"]}",
        "{\"$cond\":[{\"$gte\":[\"$likes\",500]},\"high\",\"low\"]}",
        "{\"author\":\"$author\",\"lang\":\"$lang\"}",
        "{\"$concat\":[\"$author\",\": \",\"$title\"]}",
        "{\"$year\":\"$createdAt\"}",
        "{\"$dateToString\":{\"date\":\"$createdAt\",\"format\":\"%Y-%m-%d\"}}",
        "{\"$size\":\"$tags\"}",
        "{\"$in\":[\"t5\",\"$tags\"]}",
        "{\"$map\":{\"input\":\"$tags\",\"in\":{\"$toUpper\":\"$$this\"}}}",
        "{\"$filter\":{\"input\":\"$tags\",\"cond\":{\"$gt\":[\"$$this\",\"t5\"]}}}",
        "{\"$regexMatch\":{\"input\":\"$title\",\"regex\":\"9$\"}}",
        "{\"$sum\":[\"$likes\",\"$score\"]}",
        "{\"$setUnion\":[\"$tags\",[\"t5\"]]}",
    };
    copse_env_init(&bench_env);
    bench_make_documents();
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        bench_expression(expressions[i]);
    }
    copse_buf_release(&bench_documents);
    return 0;
}
