/* Progress of long work, on stderr: a share, a rate, the time that is left.
 *
 *     load   45%   61.2 of 136 MB   2.41 M rows/s   3 s left
 *
 * Shown only if stderr is a terminal (one line, rewritten) or with --progress (a line a second).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PROGRESS_H
#define COPSE_APPS_PROGRESS_H

#include "command.h"

typedef struct copse_progress {
    const char *label;
    char phase[32];   /**< Of copse_progress_phase: what the label points to. */
    const char *unit; /**< Of what is counted: "rows"; "B": sizes. */
    bool shown;
    bool terminal;
    bool printed;   /**< A line that wants to be wiped stands on the terminal. */
    uint64_t total; /**< 0: not known. */
    uint64_t calls; /**< Of update; the clock is looked at now and then only. */
    double started; /**< Seconds. */
    double last;
} copse_progress;

/** Begins. `total`: how much there is, in the measure of `done` below; 0: not known. `unit`: of
 * the rate. */
void copse_progress_init(copse_progress *progress, const copse_call *call, const char *label,
                         uint64_t total, const char *unit);

/** `done` of the total is done; `count` units are. Cheap enough for every row. */
void copse_progress_update(copse_progress *progress, uint64_t done, uint64_t count);

/** `done` of `total` is done of the phase `what`; another one than before begins anew, with its own
 * rate. For callbacks that come now and then. */
void copse_progress_phase(copse_progress *progress, const copse_call *call, const char *what,
                          uint64_t done, uint64_t total);

/** Seconds of a clock that only goes forward. */
double copse_progress_now(void);

/** Wipes the line. Returns the seconds since the beginning. */
double copse_progress_end(copse_progress *progress);

#endif
