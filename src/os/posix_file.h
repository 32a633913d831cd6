/* An open file of the posix system.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_OS_POSIX_FILE_H
#define COPSE_OS_POSIX_FILE_H

#include <copse/sys/os.h>

/** Opens `path`; the slot open of copse_os_ops. */
copse_status copse_posix_file_open(const copse_env *env, const char *path, unsigned flags,
                                   copse_file **ret_file, copse_err *err);

#endif
