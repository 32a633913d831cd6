/* How many files and connections the process may have open.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_OPEN_FILES_H
#define COPSE_APPS_OPEN_FILES_H

#include <stddef.h>

/** Raises the limit to `wanted`, or as far as the system allows. Returns what it is. */
size_t copse_open_files_raise(size_t wanted);

#endif
