/* Telling the service manager, where one started this process, how it stands: sd_notify(3), over
 * the datagram socket that $NOTIFY_SOCKET names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_NOTIFY_H
#define COPSE_APPS_SERVE_NOTIFY_H

#include <stdbool.h>

/** Sends `state`, such as "READY=1". False: nobody wants to know, or it could not be sent. */
bool copse_serve_notify(const char *state);

#endif
