/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sys/os.h>

copse_os *copse_os_free(copse_os *os)
{
    if (os != NULL) {
        os->ops->free(os);
    }
    return NULL;
}
