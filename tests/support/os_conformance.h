/* What every system must do: the contract of copse/sys/os.h, but for what takes a loss of power.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_CONFORMANCE_H
#define COPSE_TESTS_OS_CONFORMANCE_H

#include <copse/sys/os.h>

/** Two users of one machine (they may be the same system) and an empty folder on it. */
typedef struct os_conformance_world {
    copse_os *os;
    copse_os *other;
    const char *folder;
} os_conformance_world;

/** Fails the test (cmocka) where the system does not keep the contract. Leaves the folder empty. */
void os_conformance_run(const os_conformance_world *world);

/** A path in the folder. Static storage for the last four. */
const char *os_conformance_path(const os_conformance_world *world, const char *name);

#endif
