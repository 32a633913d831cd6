/* A run store in memory for tests: counts, fails and garbles.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MEMORY_RUNS_H
#define COPSE_TESTS_MEMORY_RUNS_H

#include <copse/sys/run_store.h>

typedef struct memory_runs {
    size_t live; /* runs that were not removed */
    size_t live_max;
    size_t open; /* of those, opened */
    size_t open_max;
    uint64_t calls;
    uint64_t fail_at; /* the call with this number returns IO; UINT64_MAX: none */
    bool failed;
    size_t read_size_max; /* a read gives no more than this */
    uint64_t garble_read; /* the read with this number gets a wrong bit; UINT64_MAX: none */
    uint64_t reads;
    bool garbled;
} memory_runs;

/** A store with nothing in it that never fails. Its memory comes from malloc. */
copse_run_store memory_runs_init(memory_runs *runs);

/** Makes a finished run of the given bytes. */
void *memory_runs_make(memory_runs *runs, copse_bytes bytes);

/** The bytes of a run, valid until it changes. */
copse_bytes memory_runs_bytes(const void *run);

#endif
