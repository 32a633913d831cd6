/* Filters on documents of ten fields, beside what the walk alone costs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/filter.h>
#include <copse/projection.h>

#include "support/bench.h"

#include <stdio.h>
#include <string.h>

enum { BENCH_DOCUMENTS = 20000, BENCH_ROUNDS = 10 };

static copse_env bench_env;
static copse_buf bench_documents;
static size_t bench_ends[BENCH_DOCUMENTS];

/* _id, author, body, createdAt, score, likes, tags, title, lang, draft. */
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

/* Nanoseconds a document, the best round; prints how many match too. */
static void bench_filter(const char *text)
{
    copse_err err;
    copse_buf buf;
    copse_filter *filter = NULL;
    size_t matches = 0;
    double best = 1e9;
    copse_buf_init(&buf, &bench_env, 1 << 16);
    bench_check(copse_ext_json_to_cbor(&bench_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                                       &buf, &err),
                &err);
    bench_check(copse_filter_new(&bench_env, copse_buf_view(&buf), &filter, &err), &err);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now();
        matches = 0;
        for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
            bool match = false;
            bench_check(copse_filter_match(filter, bench_document(i), &match, &err), &err);
            matches += match;
        }
        double taken = bench_now() - start;
        best = taken < best ? taken : best;
    }
    (void)printf("%8.1f ns  %5zu match  %s\n", best * 1e9 / BENCH_DOCUMENTS, matches, text);
    copse_filter_free(filter);
    copse_buf_release(&buf);
}

static void bench_projection(const char *text)
{
    copse_err err;
    copse_buf buf;
    copse_buf answer;
    copse_projection *projection = NULL;
    double best = 1e9;
    copse_buf_init(&buf, &bench_env, 1 << 16);
    copse_buf_init(&answer, &bench_env, 1 << 16);
    bench_check(copse_ext_json_to_cbor(&bench_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                                       &buf, &err),
                &err);
    bench_check(copse_projection_new(&bench_env, copse_buf_view(&buf), &projection, &err), &err);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now();
        for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
            copse_buf_truncate(&answer, 0);
            bench_check(copse_projection_apply(projection, bench_document(i), NULL, &answer, &err),
                        &err);
        }
        double taken = bench_now() - start;
        best = taken < best ? taken : best;
    }
    (void)printf("%8.1f ns  projection   %s\n", best * 1e9 / BENCH_DOCUMENTS, text);
    copse_projection_free(projection);
    copse_buf_release(&buf);
    copse_buf_release(&answer);
}

int main(void)
{
    static const char *const filters[] = {
        "{}",
        "{\"likes\":500}",
        "{\"lang\":\"en\"}",
        "{\"author\":\"user7\"}",
        "{\"createdAt\":{\"$gte\":{\"$date\":{\"$numberLong\":\"1700000010000\"}}}}",
        "{\"likes\":{\"$gte\":100,\"$lt\":200}}",
        "{\"score\":{\"$gt\":25}}",
        "{\"tags\":\"t5\"}",
        "{\"missing\":null}",
        "{\"likes\":{\"$in\":[1,2,3,4,5,6,7,8,9,10]}}",
        "{\"title\":{\"$regex\":\"9$\"}}",
        "{\"title\":{\"$regex\":\"^Title 1\"}}",
        "{\"likes\":{\"$lt\":100},\"tags\":\"t5\",\"lang\":\"en\"}",
    };
    copse_env_init(&bench_env);
    bench_make_documents();
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        bench_filter(filters[i]);
    }
    bench_projection("{\"title\":1,\"likes\":1}");
    bench_projection("{\"body\":0}");
    copse_buf_release(&bench_documents);
    return 0;
}
