/* Short forms for tests on a simulated machine. They fail the test where the call must succeed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_SIM_USE_H
#define COPSE_TESTS_OS_SIM_USE_H

#include "support/os_sim.h"

enum { SIM_MAKE = COPSE_OPEN_WRITE | COPSE_OPEN_CREATE };

copse_file *sim_open(copse_os *os, const char *path, unsigned flags);

copse_status sim_write(copse_file *file, uint64_t offset, const void *bytes, size_t len);

/** A file that is durable, with its name if it is in "/". */
void sim_make(copse_os *os, const char *path, const char *text);

bool sim_is(const os_sim *sim, const char *path, const char *text);

bool sim_is_there(const os_sim *sim, const char *path);

#endif
