/* Updates of posts, of five fields and about 310 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/update.h>

#include "support/bench.h"
#include "support/posts.h"

#include <stdio.h>

enum { BENCH_DOCUMENTS = 20000, BENCH_ROUNDS = 10 };

static copse_env bench_env;
static copse_buf bench_documents;
static size_t bench_ends[BENCH_DOCUMENTS];

static void bench_make_documents(void)
{
    posts *source = posts_new(BENCH_DOCUMENTS, false);
    copse_buf_init(&bench_documents, &bench_env, (size_t)1 << 26);
    for (size_t i = 0; posts_next(source, 0, &bench_documents); i++) {
        bench_ends[i] = bench_documents.len;
    }
    posts_free(source);
}

static copse_bytes bench_document(size_t index)
{
    size_t start = index != 0 ? bench_ends[index - 1] : 0;
    return (copse_bytes){bench_documents.ptr + start, bench_ends[index] - start};
}

/* Nanoseconds a document, the best round. */
static void bench_update(const char *text)
{
    copse_err err;
    copse_buf encoded;
    copse_buf out;
    copse_update *update = NULL;
    const copse_update_context context = {.primary_key = copse_bytes_of_text("_id"),
                                          .now_ms = 1700000000000};
    double best = 1e9;
    copse_buf_init(&encoded, &bench_env, 1 << 16);
    copse_buf_init(&out, &bench_env, 1 << 20);
    bench_check(copse_ext_json_to_cbor(&bench_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                                       &encoded, &err),
                &err);
    bench_check(copse_update_new(&bench_env, copse_buf_view(&encoded), (copse_bytes){NULL, 0},
                                 &update, &err),
                &err);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now();
        for (size_t i = 0; i < BENCH_DOCUMENTS; i++) {
            bool changed = false;
            copse_buf_truncate(&out, 0);
            bench_check(
                copse_update_apply(update, bench_document(i), &context, &out, &changed, &err),
                &err);
            bench_keep(changed);
        }
        double taken = bench_now() - start;
        best = taken < best ? taken : best;
    }
    (void)printf("%8.1f ns  %s\n", best * 1e9 / BENCH_DOCUMENTS, text);
    copse_update_free(update);
    copse_buf_release(&encoded);
    copse_buf_release(&out);
}

int main(void)
{
    copse_env_init(&bench_env);
    bench_make_documents();
    (void)printf("%8.1f bytes a document\n", (double)bench_documents.len / BENCH_DOCUMENTS);
    bench_update("{\"$set\":{\"author\":\"x\"}}");
    bench_update("{\"$set\":{\"a.b.c\":1}}");
    bench_update("{\"$inc\":{\"likes\":1}}");
    bench_update("{\"$unset\":{\"text\":1}}");
    bench_update("{\"$rename\":{\"author\":\"name\"}}");
    bench_update("{\"$max\":{\"createdAt\":{\"$date\":{\"$numberLong\":\"1700000000000\"}}}}");
    bench_update("{\"$push\":{\"tags\":\"new\"}}");
    bench_update("{\"$push\":{\"tags\":{\"$each\":[\"new\",\"cats\"],\"$sort\":1,\"$slice\":-4}}}");
    bench_update("{\"$addToSet\":{\"tags\":\"cats\"}}");
    bench_update("{\"$pull\":{\"tags\":{\"$lt\":\"m\"}}}");
    bench_update("{\"$set\":{\"tags.$[]\":\"x\"}}");
    bench_update("{\"$set\":{\"author\":\"x\",\"draft\":true},\"$inc\":{\"likes\":1},"
                 "\"$currentDate\":{\"changed\":true}}");
    bench_update("{\"title\":\"another\"}");
    copse_buf_release(&bench_documents);
    return 0;
}
