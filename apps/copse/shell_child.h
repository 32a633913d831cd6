/* Work in a process of its own: so a command that Ctrl-C ends, or that fails in whatever way,
 * leaves the shell as it was, and what it prints can be taken.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_CHILD_H
#define COPSE_APPS_SHELL_CHILD_H

#include <copse/bytes.h>

typedef struct copse_shell_child {
    int (*work)(void *ctx); /**< Returns an exit code, having flushed stdout. */
    void *ctx;
    void (*take)(void *ctx, copse_bytes output); /**< Gets what it prints; NULL: stdout does. */
    void *take_ctx;
    bool has_input; /**< It may read stdin; else that is empty. */
    bool quiet;     /**< Nothing is said about what fails. */
} copse_shell_child;

/** Does the work, and waits for its end. Returns its exit code; COPSE_EXIT_FAILED also where it was
 * ended by a signal, or there is no process to be had. */
int copse_shell_child_run(const copse_shell_child *child);

#endif
