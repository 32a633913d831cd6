/* Several processes at once on a simulated machine, in an order that follows from a seed.
 *
 * Each task runs on a thread of its own, but only one runs at a time: before every call of the
 * system, and at each try for a lock, the seed says whose turn is next. So one seed is one
 * interleaving, and a test that fails can be run again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_SIM_TURNS_H
#define COPSE_TESTS_OS_SIM_TURNS_H

#include "support/os_sim.h"

typedef struct os_sim_task {
    /** Works on `os`, a process of its own. It must close its files, and must not use cmocka's
     * assertions, which would leave its thread. */
    copse_status (*run)(void *ctx, copse_os *os);
    void *ctx;
    copse_status status; /**< What `run` returned. */
} os_sim_task;

/** Runs the tasks to their ends. A hook that the machine has goes on being called first, and may
 * crash it or kill the process of the call. */
void os_sim_take_turns(os_sim *sim, os_sim_task *tasks, size_t count, uint64_t seed);

#endif
