/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "progress.h"

#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double copse_progress_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void copse_progress_init(copse_progress *progress, const copse_call *call, const char *label,
                         uint64_t total, const char *unit)
{
    bool terminal = isatty(STDERR_FILENO) == 1 && !call->output.json;
    double now = copse_progress_now();
    *progress = (copse_progress){
        .label = label,
        .unit = unit,
        .shown = terminal || (copse_options_knows(&call->options, "--progress") &&
                              copse_options_has(&call->options, "--progress")),
        .terminal = terminal,
        .total = total,
        .started = now,
        .last = now,
    };
}

/* Writes "3 s", "4 min 10 s" or "2 h 5 min". */
static void progress_duration(double seconds, char *ret_text, size_t size)
{
    unsigned long whole = (unsigned long)(seconds + 0.5);
    if (whole < 60) {
        (void)snprintf(ret_text, size, "%lu s", whole);
    } else if (whole < 3600) {
        (void)snprintf(ret_text, size, "%lu min %lu s", whole / 60, whole % 60);
    } else {
        (void)snprintf(ret_text, size, "%lu h %lu min", whole / 3600, whole / 60 % 60);
    }
}

static void progress_rate(double rate, const char *unit, char *ret_text, size_t size)
{
    char number[COPSE_TEXT_NUMBER_SIZE];
    if (strcmp(unit, "B") == 0) {
        (void)snprintf(ret_text, size, "%s/s", copse_text_of_size((uint64_t)rate, number));
    } else if (rate >= 1e6) {
        (void)snprintf(ret_text, size, "%.2f M %s/s", rate / 1e6, unit);
    } else {
        (void)snprintf(ret_text, size, "%s %s/s", copse_text_of_count((uint64_t)rate, number),
                       unit);
    }
}

static void progress_print(copse_progress *progress, double now, uint64_t done, uint64_t count)
{
    char rate[64];
    char left[32] = "";
    char number[COPSE_TEXT_NUMBER_SIZE];
    double elapsed = now - progress->started;
    progress_rate((double)count / elapsed, progress->unit, rate, sizeof rate);
    (void)fputs(progress->terminal ? "\r\x1b[K" : "", stderr);
    if (progress->total > 0) {
        uint64_t total = progress->total > done ? progress->total : done;
        double remaining = done > 0 ? elapsed * (double)(total - done) / (double)done : 0;
        progress_duration(remaining, left, sizeof left);
        (void)fprintf(stderr, "%s  %3u%%  %s %s  %s  %s left", progress->label,
                      (unsigned)((double)done * 100 / (double)total),
                      copse_text_of_count(count, number), progress->unit, rate, left);
    } else {
        (void)fprintf(stderr, "%s  %s %s  %s", progress->label, copse_text_of_count(count, number),
                      progress->unit, rate);
    }
    (void)fputs(progress->terminal ? "" : "\n", stderr);
    (void)fflush(stderr);
    progress->printed = true;
}

void copse_progress_update(copse_progress *progress, uint64_t done, uint64_t count)
{
    if (!progress->shown || ++progress->calls % 256 != 0) {
        return;
    }
    double now = copse_progress_now();
    if (now - progress->last >= (progress->terminal ? 0.1 : 1.0)) {
        progress->last = now;
        progress_print(progress, now, done, count);
    }
}

void copse_progress_phase(copse_progress *progress, const copse_call *call, const char *what,
                          uint64_t done, uint64_t total)
{
    if (strncmp(progress->phase, what, sizeof progress->phase - 1) != 0) {
        (void)copse_progress_end(progress);
        copse_progress_init(progress, call, NULL, total, progress->unit);
        (void)snprintf(progress->phase, sizeof progress->phase, "%s", what);
        progress->label = progress->phase;
    }
    progress->total = total;
    progress->calls |= 255; /* called seldom: look at the clock each time */
    copse_progress_update(progress, done, done);
}

double copse_progress_end(copse_progress *progress)
{
    if (progress->printed && progress->terminal) {
        (void)fputs("\r\x1b[K", stderr);
        (void)fflush(stderr);
    }
    progress->shown = false;
    return copse_progress_now() - progress->started;
}
