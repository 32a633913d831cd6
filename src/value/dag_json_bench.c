/* DAG-JSON to DAG-CBOR and back, in MB of JSON a second of CPU time, beside yajl alone.
 *
 *   dag_json [FILE.ndjson]     without a file: made-up documents
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include "support/test_env.h"
#include "support/yajl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_DOCUMENTS = 20000, BENCH_ROUNDS = 5, BENCH_SIZE_MAX = 1 << 30 };

typedef copse_status (*bench_step)(const copse_env *env, copse_bytes line, copse_buf *out);

static double bench_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Documents like those of a shop or a city register: some 300 bytes, a few levels, keys as people
 * order them. */
static void bench_make_orders(copse_buf *text)
{
    uint64_t random = 1;
    for (int i = 0; i < BENCH_DOCUMENTS; i++) {
        char line[1024];
        int size = snprintf(
            line, sizeof line,
            "{\"_id\":\"%016llx\",\"name\":\"Customer \\u00e9 number %d\",\"age\":%d,\"balance\":"
            "%d.%02d,\"active\":%s,\"address\":{\"street\":\"%d Long Street Name\",\"city\":"
            "\"Springfield\",\"zip\":\"%05d\",\"location\":[%.6f,%.6f]},\"tags\":[\"alpha\","
            "\"beta\",\"gamma\"],\"orders\":[{\"sku\":\"A-%d\",\"count\":%d,\"price\":%d},{\"sku\":"
            "\"B-%d\",\"count\":%d,\"price\":%d}],\"note\":null}\n",
            (unsigned long long)test_random(&random), i, i % 90,
            (int)test_random_below(&random, 10000), i % 100, i % 2 ? "true" : "false", i % 1000,
            i % 100000, (double)test_random_below(&random, 180000000) / 1e6 - 90,
            (double)test_random_below(&random, 360000000) / 1e6 - 180, i, i % 7, i % 1000, i + 1,
            i % 5, i % 999);
        if (copse_buf_append(text, (copse_bytes){(uint8_t *)line, (size_t)size}) != COPSE_OK) {
            abort();
        }
    }
}

/* Documents that are mostly text. */
static void bench_make_posts(copse_buf *text)
{
    static char body[1500];
    char line[2048];
    memset(body, 'x', sizeof body - 1);
    for (size_t i = 7; i < sizeof body - 1; i += 8) {
        body[i] = ' ';
    }
    for (int i = 0; i < BENCH_DOCUMENTS; i++) {
        int size = snprintf(line, sizeof line,
                            "{\"author\":\"user%d\",\"body\":\"%s\",\"id\":%d,\"likes\":%d}\n",
                            i % 100, body, i, i % 37);
        if (copse_buf_append(text, (copse_bytes){(uint8_t *)line, (size_t)size}) != COPSE_OK) {
            abort();
        }
    }
}

/* ---- Steps ---- */

static copse_status bench_read(const copse_env *env, copse_bytes line, copse_buf *out)
{
    return copse_dag_json_to_cbor(env, line, out, NULL);
}

static copse_status bench_yajl(const copse_env *env, copse_bytes line, copse_buf *out)
{
    (void)env;
    (void)out;
    return test_yajl_takes(line, false) ? COPSE_OK : COPSE_CORRUPT;
}

static copse_status bench_write(const copse_env *env, copse_bytes cbor, copse_buf *out)
{
    return copse_dag_json_from_cbor(env, cbor, COPSE_CBOR_STRICT, out, NULL);
}

/* ---- Running ---- */

/* The best of some rounds over all lines. */
static void bench_lines(const copse_env *env, const char *name, bench_step step, copse_bytes text,
                        copse_buf *out)
{
    double best = 1e9;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_seconds();
        const uint8_t *at = text.ptr;
        const uint8_t *end = text.ptr + text.len;
        copse_buf_truncate(out, 0);
        while (at < end) {
            const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
            next = next != NULL ? next : end;
            if (step(env, (copse_bytes){at, (size_t)(next - at)}, out) != COPSE_OK) {
                (void)printf("failed: %.*s\n", (int)(next - at), (const char *)at);
                exit(1);
            }
            at = next + 1;
        }
        double seconds = bench_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    (void)printf("  %-22s %7.0f MB/s\n", name, (double)text.len / best / 1e6);
}

/* DAG-CBOR back to text, measured in MB of that text. */
static void bench_back(const copse_env *env, copse_bytes cbor, copse_buf *out)
{
    double best = 1e9;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_seconds();
        copse_buf_truncate(out, 0);
        for (size_t at = 0, size = 0; at < cbor.len; at += size) {
            copse_bytes rest = {cbor.ptr + at, cbor.len - at};
            if (copse_dag_cbor_item_size(rest, &env->limits, COPSE_CBOR_STRICT, &size, NULL) !=
                    COPSE_OK ||
                bench_write(env, (copse_bytes){rest.ptr, size}, out) != COPSE_OK) {
                exit(1);
            }
        }
        double seconds = bench_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    (void)printf("  %-22s %7.0f MB/s\n", "from DAG-CBOR", (double)out->len / best / 1e6);
}

static void bench_text_set(const char *name, copse_bytes text)
{
    copse_env env;
    copse_buf cbor;
    copse_buf back;
    copse_env_init(&env);
    copse_buf_init(&cbor, &env, BENCH_SIZE_MAX);
    copse_buf_init(&back, &env, BENCH_SIZE_MAX);
    (void)printf("%s: %.1f MB\n", name, (double)text.len / 1e6);
    bench_lines(&env, "yajl alone", bench_yajl, text, &cbor);
    bench_lines(&env, "to DAG-CBOR", bench_read, text, &cbor);
    bench_back(&env, copse_buf_view(&cbor), &back);
    copse_buf_release(&cbor);
    copse_buf_release(&back);
}

int main(int argc, char **argv)
{
    copse_env env;
    copse_buf text;
    copse_env_init(&env);
    if (argc > 1) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (!test_read_file(argv[1], &bytes, &size)) {
            (void)printf("cannot read %s\n", argv[1]);
            return 1;
        }
        bench_text_set(argv[1], (copse_bytes){bytes, size});
        free(bytes);
        return 0;
    }
    copse_buf_init(&text, &env, BENCH_SIZE_MAX);
    bench_make_orders(&text);
    bench_text_set("orders (small items)", copse_buf_view(&text));
    copse_buf_truncate(&text, 0);
    bench_make_posts(&text);
    bench_text_set("posts (text)", copse_buf_view(&text));
    copse_buf_release(&text);
    return 0;
}
