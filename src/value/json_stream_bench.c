/* A stream of newline-delimited JSON to DAG-CBOR: cut into values and read as Extended JSON, in MB
 * of JSON a second of CPU time, beside yajl that only parses the same bytes. Each row is the best
 * of some rounds, which take turns, so that both see the same machine.
 *
 *   json_stream [FILE.ndjson]     without a file: made-up items, posts and orders
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/json_stream.h>

#include "support/test_env.h"
#include "support/yajl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_BYTES = 16 << 20, BENCH_ROUNDS = 9, BENCH_SIZE_MAX = 1 << 30, BENCH_PIECE = 1 << 16 };

typedef void (*bench_step)(const copse_env *env, copse_bytes text, copse_buf *out);
typedef int (*bench_line)(uint64_t *random, int index, char *line, size_t size);

static void bench_fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

/* ---- Data ---- */

static int bench_item(uint64_t *random, int index, char *line, size_t size)
{
    static const char *const names[] = {"les Escaldes",   "Umm Al Quwain City",
                                        "Ras al-Khaimah", "Khawr Fakk\xc4\x81n",
                                        "Dubai",          "Sharjah"};
    return snprintf(line, size,
                    "{\"country\":\"%c%c\",\"name\":\"%s\",\"lat\":\"%.5f\",\"lng\":\"%.5f\","
                    "\"admin1\":\"%02d\",\"admin2\":\"\"}\n",
                    'A' + index % 26, 'D' + index % 7, names[index % 6],
                    (double)test_random_below(random, 18000000) / 1e5 - 90,
                    (double)test_random_below(random, 36000000) / 1e5 - 180, index % 100);
}

static int bench_post(uint64_t *random, int index, char *line, size_t size)
{
    char body[301];
    for (size_t i = 0; i < sizeof body - 1; i++) {
        body[i] = i % 7 == 6 ? ' ' : (char)('a' + test_random_below(random, 26));
    }
    body[sizeof body - 1] = '\0';
    return snprintf(line, size,
                    "{\"_id\":%d,\"author\":\"user%d\",\"body\":\"%s\",\"likes\":%d,\"tags\":["
                    "\"t%d\",\"t%d\"],\"time\":{\"$date\":\"2024-05-06T07:%02d:09Z\"}}\n",
                    index, index % 100, body, index % 37, index % 5, index % 11, index % 60);
}

static int bench_order(uint64_t *random, int index, char *line, size_t size)
{
    return snprintf(line, size,
                    "{\"name\":\"Customer \\u00e9 number %d\",\"age\":%d,\"balance\":%d.%02d,"
                    "\"active\":%s,\"address\":{\"street\":\"%d Long Street\",\"city\":\"Town\","
                    "\"location\":[%.6f,%.6f]},\"orders\":[{\"sku\":\"A-%d\",\"count\":%d},{"
                    "\"sku\":\"B-%d\",\"count\":%d}],\"note\":null}\n",
                    index, index % 90, (int)test_random_below(random, 10000), index % 100,
                    index % 2 ? "true" : "false", index % 1000,
                    (double)test_random_below(random, 180000000) / 1e6 - 90,
                    (double)test_random_below(random, 360000000) / 1e6 - 180, index, index % 7,
                    index + 1, index % 5);
}

static void bench_make(copse_buf *text, bench_line make)
{
    char line[1024];
    uint64_t random = 1;
    for (int i = 0; text->len < BENCH_BYTES; i++) {
        int size = make(&random, i, line, sizeof line);
        if (copse_buf_append(text, (copse_bytes){(uint8_t *)line, (size_t)size}) != COPSE_OK) {
            bench_fail("out of memory");
        }
    }
}

/* ---- Steps ---- */

static void bench_take(copse_json_stream *stream, copse_ext_json_reader *reader, copse_buf *out)
{
    copse_bytes value;
    copse_json_place place;
    copse_err err = {0};
    copse_status status;
    while ((status = copse_json_stream_next(stream, &value, &place, &err)) == COPSE_OK) {
        if (reader != NULL &&
            copse_ext_json_read(reader, value, COPSE_EXT_JSON_VALUE, out, &err) != COPSE_OK) {
            bench_fail(err.message);
        }
    }
    if (status != COPSE_WANT && status != COPSE_END) {
        bench_fail(err.message);
    }
}

static void bench_stream(const copse_env *env, copse_bytes text, copse_ext_json_reader *reader,
                         copse_buf *out)
{
    copse_json_stream *stream = NULL;
    if (copse_json_stream_new(env, BENCH_SIZE_MAX, &stream, NULL) != COPSE_OK) {
        bench_fail("out of memory");
    }
    for (size_t at = 0; at < text.len; at += BENCH_PIECE) {
        size_t size = text.len - at < BENCH_PIECE ? text.len - at : BENCH_PIECE;
        if (copse_json_stream_feed(stream, (copse_bytes){text.ptr + at, size}, NULL) != COPSE_OK) {
            bench_fail("feed");
        }
        bench_take(stream, reader, out);
    }
    (void)copse_json_stream_free(stream);
}

static void bench_cut(const copse_env *env, copse_bytes text, copse_buf *out)
{
    bench_stream(env, text, NULL, out);
}

static void bench_read(const copse_env *env, copse_bytes text, copse_buf *out)
{
    copse_ext_json_reader *reader = NULL;
    if (copse_ext_json_reader_new(env, &reader, NULL) != COPSE_OK) {
        bench_fail("out of memory");
    }
    bench_stream(env, text, reader, out);
    (void)copse_ext_json_reader_free(reader);
}

static void bench_yajl(const copse_env *env, copse_bytes text, copse_buf *out)
{
    (void)env;
    (void)out;
    if (!test_yajl_takes(text, true)) {
        bench_fail("yajl");
    }
}

/* ---- Running ---- */

static void bench_set(const char *name, copse_bytes text)
{
    static const bench_step steps[] = {bench_yajl, bench_cut, bench_read};
    static const char *const names[] = {"yajl, parsing only", "cut into values",
                                        "cut and read to DAG-CBOR"};
    enum { STEPS = sizeof steps / sizeof *steps };
    double best[STEPS] = {1e9, 1e9, 1e9};
    copse_env env;
    copse_buf out;
    copse_env_init(&env);
    copse_buf_init(&out, &env, BENCH_SIZE_MAX);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        for (size_t i = 0; i < STEPS; i++) {
            copse_buf_truncate(&out, 0);
            clock_t start = clock();
            steps[i](&env, text, &out);
            double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            best[i] = seconds < best[i] ? seconds : best[i];
        }
    }
    (void)printf("%s: %.1f MB\n", name, (double)text.len / 1e6);
    for (size_t i = 0; i < STEPS; i++) {
        (void)printf("  %-26s %7.0f MB/s  %5.2f x yajl\n", names[i],
                     (double)text.len / best[i] / 1e6, best[0] / best[i]);
    }
    copse_buf_release(&out);
}

int main(int argc, char **argv)
{
    static const bench_line lines[] = {bench_item, bench_post, bench_order};
    static const char *const names[] = {"small items", "posts of 300 bytes of text",
                                        "orders (nested, numbers, escapes)"};
    copse_env env;
    copse_buf text;
    if (argc > 1) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (!test_read_file(argv[1], &bytes, &size)) {
            bench_fail("cannot read the file");
        }
        bench_set(argv[1], (copse_bytes){bytes, size});
        free(bytes);
        return 0;
    }
    copse_env_init(&env);
    copse_buf_init(&text, &env, BENCH_SIZE_MAX);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        copse_buf_truncate(&text, 0);
        bench_make(&text, lines[i]);
        bench_set(names[i], copse_buf_view(&text));
    }
    copse_buf_release(&text);
    return 0;
}
