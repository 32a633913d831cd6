/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/status.h>

const char *copse_status_name(copse_status status)
{
    switch (status) {
    case COPSE_OK:
        return "OK";
    case COPSE_END:
        return "END";
    case COPSE_WANT:
        return "WANT";
    case COPSE_NOT_FOUND:
        return "NOT_FOUND";
    case COPSE_CORRUPT:
        return "CORRUPT";
    case COPSE_IO:
        return "IO";
    case COPSE_LIMIT:
        return "LIMIT";
    case COPSE_CONFLICT:
        return "CONFLICT";
    case COPSE_NOMEM:
        return "NOMEM";
    case COPSE_MISUSE:
        return "MISUSE";
    case COPSE_DENIED:
        return "DENIED";
    }
    return "unknown status";
}
