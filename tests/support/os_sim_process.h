/* The inside of os_sim.h: processes and their files.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_SIM_PROCESS_H
#define COPSE_TESTS_OS_SIM_PROCESS_H

#include "os/posix_error.h"
#include "support/os_sim_disk.h"

typedef struct sim_process {
    copse_os os;
    os_sim *sim;
    bool is_dead;
    bool is_in_hook;
} sim_process;

struct sim_file {
    copse_file file;
    sim_process *process;
    sim_node *node;
    sim_file *next;
    bool is_writable;
    copse_lock lock;
    char *path;
};

/** Statuses and texts of the real system. */
#define SIM_ERR(err, error, verb, path) COPSE_POSIX_ERR(err, error, verb, path)
/** What calls of a killed process answer. */
#define SIM_KILLED EIO

/** Counts the call and lets the hook see it. 0, or the errno that it shall fail with. */
int sim_begin(sim_process *process, os_sim_call call);

/** Whether this sync is to do nothing. */
bool sim_drops_sync(os_sim *sim, const char *path, bool is_dir);

/** The slot open of copse_os_ops. */
copse_status sim_file_open(copse_os *os, const char *path, unsigned flags, copse_file **ret_file,
                           copse_err *err);

#endif
