/* How long the body of an answer has worked: the time in its pulls, not that between them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_WORK_CLOCK_H
#define COPSE_SERVE_WORK_CLOCK_H

#include <copse/env.h>

#include <stdbool.h>

/** The most of one pull: the server hears nobody else meanwhile. */
enum { COPSE_WORK_PULL_MS_MAX = 500 };

/** Zeroed at first but for its env, which has a clock. */
typedef struct copse_work_clock {
    const copse_env *env;
    uint64_t begun_ms;  /* the present work */
    uint64_t worked_ms; /* before that */
} copse_work_clock;

/** A pull begins to work. */
void copse_work_clock_begin(copse_work_clock *clock);

/** It has ended. */
void copse_work_clock_end(copse_work_clock *clock);

/** Whether the work that goes on takes too long: COPSE_WORK_PULL_MS_MAX by itself, or
 * limits.answer_ms_max with all before. */
bool copse_work_clock_is_late(const copse_work_clock *clock);

#endif
