/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/work_clock.h"

static uint64_t work_clock_now(const copse_work_clock *clock)
{
    return clock->env->clock(clock->env->clock_ctx);
}

/* Time of the present work; a clock that was set back counts for nothing. */
static uint64_t work_clock_working_ms(const copse_work_clock *clock)
{
    uint64_t now = work_clock_now(clock);
    return now > clock->begun_ms ? now - clock->begun_ms : 0;
}

void copse_work_clock_begin(copse_work_clock *clock)
{
    clock->begun_ms = work_clock_now(clock);
}

void copse_work_clock_end(copse_work_clock *clock)
{
    clock->worked_ms += work_clock_working_ms(clock);
}

bool copse_work_clock_is_late(const copse_work_clock *clock)
{
    uint64_t working_ms = work_clock_working_ms(clock);
    return working_ms >= COPSE_WORK_PULL_MS_MAX ||
           clock->worked_ms + working_ms >= clock->env->limits.answer_ms_max;
}
