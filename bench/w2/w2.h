/* What the programs of workload W2 share: time, rows of results, medians.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BENCH_W2_H
#define COPSE_BENCH_W2_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { W2_REPEATS = 200, W2_ID_SIZE = 64 };

/* The month and the scan that are asked for, as in gen.mjs. */
static const long long W2_MONTH_FROM = 1609459200000LL + 17LL * 30 * 86400000;
static const long long W2_MONTH_TO = 1609459200000LL + 18LL * 30 * 86400000;

static const char *w2_peer;
static long w2_posts;

static double w2_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that the processor worked for this process. */
static double w2_cpu(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void w2_row(const char *metric, double value, const char *unit)
{
    (void)printf("%s\tw2\t%ld\t%s\t%.5g\t%s\n", w2_peer, w2_posts, metric, value, unit);
    (void)fflush(stdout);
}

static int w2_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Runs `query` and prints the median and the first time in microseconds, and its rows. */
static void w2_measure(const char *metric, long (*query)(void *ctx), void *ctx, long expected,
                       int repeats)
{
    double times[W2_REPEATS];
    char name[64];
    long rows = 0;
    for (int i = 0; i < repeats; i++) {
        double started = w2_now();
        rows = query(ctx);
        times[i] = (w2_now() - started) * 1e6;
    }
    double first = times[0];
    qsort(times, (size_t)repeats, sizeof *times, w2_compare);
    w2_row(metric, times[repeats / 2], "us");
    (void)snprintf(name, sizeof name, "%s_first", metric);
    w2_row(name, first, "us");
    (void)snprintf(name, sizeof name, "%s_rows", metric);
    w2_row(name, (double)rows, expected >= 0 && rows != expected ? "WRONG" : "rows");
}

/* Bytes that this process has handed to write calls. */
static double w2_written(void)
{
    char line[128];
    double written = 0;
    FILE *file = fopen("/proc/self/io", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0) {
            written = atof(line + 7);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return written;
}

static double w2_peak_mb(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* The lines of data/posts-N.ndjson; for the inserts of data/more-N.ndjson, and for the updates of
 * data/ids-N.ndjson. */
static FILE *w2_open(const char *what)
{
    char name[64];
    (void)snprintf(name, sizeof name, "data/%s-%ld.ndjson", what, w2_posts);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        exit(1);
    }
    return file;
}

/* The next id that is updated. */
static bool w2_next_id(FILE *file, char ret_id[W2_ID_SIZE])
{
    if (fgets(ret_id, W2_ID_SIZE, file) == NULL) {
        return false;
    }
    ret_id[strcspn(ret_id, "\n")] = '\0';
    return true;
}

#endif
