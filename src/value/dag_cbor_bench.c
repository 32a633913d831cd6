/* How fast DAG-CBOR is checked, read and written, beside memcpy and a scan of the same bytes for
 * UTF-8. Prints MB/s (10^6 bytes) and the ratio to the memcpy of the same run. Each number is the
 * best of several rounds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "value/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_SIZE = 1 << 18, BENCH_ROUNDS = 40 };

typedef void (*bench_make)(copse_buf *buf);
typedef uint64_t (*bench_run)(copse_bytes input);

static copse_env bench_env;
static uint8_t bench_copy[BENCH_SIZE + 4096];
static uint64_t bench_state = 1;

static uint64_t bench_random(void)
{
    uint64_t z = bench_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void bench_must(copse_status status)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "%s\n", copse_status_name(status));
        exit(1);
    }
}

/* ---- Inputs: BENCH_SIZE bytes, one array of many items --------------------------------------- */

static void bench_text(copse_buf *buf, size_t len, bool ascii)
{
    char text[256];
    size_t at = 0;
    while (at < len) {
        if (!ascii && at + 2 <= len && bench_random() % 8 == 0) {
            text[at++] = (char)0xc3;
            text[at++] = (char)(0xa0 + bench_random() % 16);
        } else {
            text[at++] = (char)('a' + bench_random() % 26);
        }
    }
    bench_must(copse_cbor_write_text(buf, (copse_bytes){(uint8_t *)text, at}));
}

static void bench_make_tiny_ints(copse_buf *buf)
{
    bench_must(copse_cbor_write_uint(buf, bench_random() % 24));
}

static void bench_make_ints(copse_buf *buf)
{
    bench_must(copse_cbor_write_int(buf, (int64_t)(bench_random() % 2000) - 1000));
}

static void bench_make_short_texts(copse_buf *buf)
{
    bench_text(buf, 1 + bench_random() % 12, true);
}

static void bench_make_small_maps(copse_buf *buf)
{
    bench_must(copse_cbor_write_map(buf, 3));
    bench_text(buf, 1, true);
    bench_must(copse_cbor_write_uint(buf, bench_random() % 300));
    bench_text(buf, 2, true);
    bench_must(copse_cbor_write_map(buf, 1));
    bench_text(buf, 4, true);
    bench_must(copse_cbor_write_bool(buf, true));
    bench_text(buf, 4, true);
    bench_text(buf, 1 + bench_random() % 8, true);
}

/* What is in small records: any of the above, in no order that a processor could learn. */
static void bench_make_mixed(copse_buf *buf)
{
    switch (bench_random() % 4) {
    case 0:
        bench_make_tiny_ints(buf);
        break;
    case 1:
        bench_make_ints(buf);
        break;
    case 2:
        bench_make_short_texts(buf);
        break;
    default:
        bench_make_small_maps(buf);
        break;
    }
}

static void bench_document(copse_buf *buf, bool ascii)
{
    static const char *const keys[] = {"_id",    "body",    "name",     "tags",      "title",
                                       "author", "created", "language", "published", "description"};
    bench_must(copse_cbor_write_map(buf, 10));
    for (size_t i = 0; i < 10; i++) {
        bench_must(copse_cbor_write_text(buf, copse_bytes_of_text(keys[i])));
        if (i == 0 || i == 6) {
            bench_must(copse_cbor_write_uint(buf, bench_random() % 4000000000));
        } else if (i == 3) {
            bench_must(copse_cbor_write_array(buf, 3));
            for (int tag = 0; tag < 3; tag++) {
                bench_text(buf, 4 + bench_random() % 8, true);
            }
        } else {
            bench_text(buf, 20 + bench_random() % 180, ascii);
        }
    }
}

static void bench_make_documents(copse_buf *buf)
{
    bench_document(buf, true);
}

static void bench_make_documents_accented(copse_buf *buf)
{
    bench_document(buf, false);
}

static void bench_make_byte_strings(copse_buf *buf)
{
    uint8_t bytes[100] = {0};
    bench_must(copse_cbor_write_bytes(buf, (copse_bytes){bytes, sizeof bytes}));
}

static void bench_make_links(copse_buf *buf)
{
    uint8_t cid[36] = {0x01, 0x71, 0x12, 0x20, (uint8_t)bench_random()};
    bench_must(copse_cbor_write_link(buf, (copse_bytes){cid, sizeof cid}));
}

/* ---- Runs ----------------------------------------------------------------------------------- */

static uint64_t bench_run_memcpy(copse_bytes input)
{
    memcpy(bench_copy, input.ptr, input.len);
    return bench_copy[input.len / 2];
}

static uint64_t bench_run_utf8(copse_bytes input)
{
    return copse_utf8_valid(input);
}

static uint64_t bench_run_strict(copse_bytes input)
{
    bench_must(copse_dag_cbor_check(input, &bench_env.limits, COPSE_CBOR_STRICT, NULL));
    return 0;
}

static uint64_t bench_run_lax(copse_bytes input)
{
    bench_must(copse_dag_cbor_check(input, &bench_env.limits, COPSE_CBOR_LAX, NULL));
    return 0;
}

static uint64_t bench_run_read(copse_bytes input)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    uint64_t sum = 0;
    copse_cbor_reader_init(&reader, input);
    while (copse_cbor_next(&reader, &item, NULL) == COPSE_OK) {
        sum += item.arg + (uint64_t)item.kind;
    }
    return sum;
}

static uint64_t bench_run_skip(copse_bytes input)
{
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, input);
    bench_must(copse_cbor_skip(&reader, NULL));
    return 0;
}

static uint64_t bench_run_rewrite(copse_bytes input)
{
    static copse_buf buf;
    if (buf.env == NULL) {
        copse_buf_init(&buf, &bench_env, sizeof bench_copy);
    }
    copse_buf_truncate(&buf, 0);
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, input);
    while (copse_cbor_next(&reader, &item, NULL) == COPSE_OK) {
        bench_must(copse_cbor_write_item(&buf, &item));
    }
    return buf.len;
}

static double bench_seconds(void)
{
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* MB/s of the best round. */
static double bench_speed(bench_run run, copse_bytes input)
{
    volatile uint64_t sink = 0;
    double best = 1e9;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_seconds();
        for (int i = 0; i < 4; i++) {
            sink = sink + run(input);
        }
        double taken = (bench_seconds() - start) / 4;
        best = taken < best ? taken : best;
    }
    return (double)input.len / best / 1e6;
}

static void bench_input(const char *name, bench_make make)
{
    static const bench_run runs[] = {bench_run_strict, bench_run_lax, bench_run_read,
                                     bench_run_skip, bench_run_rewrite};
    copse_buf buf;
    uint64_t count = 0;
    copse_buf_init(&buf, &bench_env, sizeof bench_copy);
    bench_state = 1;
    for (; buf.len < BENCH_SIZE; count++) {
        make(&buf);
    }
    bench_must(copse_cbor_finish_array(&buf, 0, count));
    copse_bytes input = copse_buf_view(&buf);
    double copied = bench_speed(bench_run_memcpy, input);
    (void)printf("%-20s %7.1f", name, (double)input.len / (double)count);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        double speed = bench_speed(runs[i], input);
        (void)printf("  %6.0f (%4.2f)", speed, speed / copied);
    }
    (void)printf("\n");
    copse_buf_release(&buf);
}

int main(void)
{
    static uint8_t ascii[BENCH_SIZE];
    memset(ascii, 'x', sizeof ascii);
    copse_env_init(&bench_env);
    copse_bytes input = {ascii, sizeof ascii};
    double copied = bench_speed(bench_run_memcpy, input);
    double scanned = bench_speed(bench_run_utf8, input);
    (void)printf("memcpy %.0f MB/s; UTF-8 scan of ASCII %.0f MB/s (%.2f)\n", copied, scanned,
                 scanned / copied);
    (void)printf("%-20s %7s  %-13s  %-13s  %-13s  %-13s  %-13s\n", "MB/s (x memcpy)", "bytes",
                 "check strict", "check lax", "read items", "skip", "read and write");
    bench_input("tiny integers", bench_make_tiny_ints);
    bench_input("integers +-1000", bench_make_ints);
    bench_input("texts of 1-12", bench_make_short_texts);
    bench_input("nested small maps", bench_make_small_maps);
    bench_input("mixed small", bench_make_mixed);
    bench_input("documents", bench_make_documents);
    bench_input("documents, accented", bench_make_documents_accented);
    bench_input("byte strings of 100", bench_make_byte_strings);
    bench_input("links", bench_make_links);
    return 0;
}
