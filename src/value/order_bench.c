/* What an order key costs: nanoseconds to write, skip and decode the part of one value, and to
 * compare two values that are equal.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/order.h>

#include "support/bench.h"

#include <stdio.h>

enum { BENCH_ROUNDS = 7 };

typedef struct bench_case {
    const char *name;
    copse_bytes encoded;
    copse_buf key;
    copse_buf items;
} bench_case;

static void bench_write(bench_case *c)
{
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = c->encoded};
    copse_buf_truncate(&c->key, 0);
    bench_check(copse_order_write_cut(&c->key, &part, NULL, NULL), NULL);
    bench_keep(c->key.len);
}

static void bench_trailer(bench_case *c)
{
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = c->encoded};
    size_t len = c->key.len;
    bench_check(copse_order_write_trailer(&c->key, &part, 1, NULL), NULL);
    bench_keep(c->key.len);
    copse_buf_truncate(&c->key, len);
}

static void bench_skip(bench_case *c)
{
    copse_bytes rest = copse_buf_view(&c->key);
    bench_check(copse_order_skip(&rest, false, NULL), NULL);
    bench_keep(rest.len);
}

/* Of the part with its trailer. */
static void bench_decode(bench_case *c)
{
    const bool descending = false;
    copse_order_decoded decoded;
    copse_buf_truncate(&c->items, 0);
    bench_check(
        copse_order_decode(copse_buf_view(&c->key), &descending, 1, &c->items, &decoded, NULL),
        NULL);
    bench_keep(decoded.size);
}

static void bench_compare(bench_case *c)
{
    int order = 0;
    bench_check(copse_value_compare(c->encoded, c->encoded, &order, NULL), NULL);
    bench_keep((uint64_t)order);
}

static double bench_round(bench_case *c, void (*run)(bench_case *), int times)
{
    double start = bench_now();
    for (int i = 0; i < times; i++) {
        run(c);
    }
    return (bench_now() - start) / times;
}

/* Nanoseconds in the best of some rounds of about 5 ms. */
static double bench_time(bench_case *c, void (*run)(bench_case *))
{
    double best = bench_round(c, run, 10);
    int times = 10 + (int)(5e-3 / best);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double taken = bench_round(c, run, times);
        best = taken < best ? taken : best;
    }
    return best * 1e9;
}

/* Runs all on the value that `buf` holds, and empties it. */
static void bench_value(const char *name, copse_buf *buf)
{
    bench_case c = {.name = name, .encoded = copse_buf_view(buf)};
    copse_buf_init(&c.key, buf->env, 4096);
    copse_buf_init(&c.items, buf->env, 4096);
    double written = bench_time(&c, bench_write);
    size_t size = c.key.len;
    double trailer = bench_time(&c, bench_trailer);
    double skipped = bench_time(&c, bench_skip);
    const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = c.encoded};
    bench_check(copse_order_write_trailer(&c.key, &part, 1, NULL), NULL);
    (void)printf("%-22s %5zu %+3d %8.1f %8.1f %8.1f %8.1f %8.1f\n", name, size,
                 (int)(c.key.len - size), written, trailer, skipped, bench_time(&c, bench_decode),
                 bench_time(&c, bench_compare));
    copse_buf_release(&c.key);
    copse_buf_release(&c.items);
    copse_buf_truncate(buf, 0);
}

static void bench_decimal(const char *text, copse_buf *buf)
{
    char name[32];
    (void)snprintf(name, sizeof name, "decimal %.12s", text);
    bench_check(copse_value_write_decimal(buf, copse_bytes_of_text(text)), NULL);
    bench_value(name, buf);
}

static void bench_tags(copse_buf *buf)
{
    bench_check(copse_cbor_write_array(buf, 5), NULL);
    for (int i = 0; i < 5; i++) {
        bench_check(copse_cbor_write_text(buf, copse_bytes_of_text("animals")), NULL);
    }
}

int main(void)
{
    static const uint8_t id[12] = {0x66, 0x32, 0x2e, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8};
    copse_env env;
    copse_buf buf;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, 4096);
    (void)printf("%-22s %5s %3s %8s %8s %8s %8s %8s\n", "value; times in ns", "bytes", "+tr",
                 "write", "trailer", "skip", "decode", "compare");
    bench_check(copse_cbor_write_text(&buf, copse_bytes_of_text("cats")), NULL);
    bench_value("text of 4", &buf);
    bench_check(copse_cbor_write_text(&buf, copse_bytes_of_text("the quick brown fox jumps over")),
                NULL);
    bench_value("text of 30", &buf);
    bench_check(copse_cbor_write_int(&buf, 42), NULL);
    bench_value("integer 42", &buf);
    bench_check(copse_cbor_write_int(&buf, -1234567), NULL);
    bench_value("integer -1234567", &buf);
    bench_check(copse_value_write_float(&buf, 3.14159), NULL);
    bench_value("float 3.14159", &buf);
    bench_check(copse_value_write_float(&buf, 5.0), NULL);
    bench_value("float 5.0", &buf);
    bench_check(copse_value_write_date(&buf, 1714564800000), NULL);
    bench_value("date", &buf);
    bench_check(copse_value_write_object_id(&buf, id), NULL);
    bench_value("ObjectId", &buf);
    bench_tags(&buf);
    bench_value("array of 5 texts", &buf);
    bench_decimal("19.99", &buf);
    bench_decimal("1E-400", &buf);
    bench_decimal("1E-6176", &buf);
    copse_buf_release(&buf);
    return 0;
}
