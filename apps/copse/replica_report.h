/* What the commands that fill a replica tell at their end.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_REPLICA_REPORT_H
#define COPSE_APPS_REPLICA_REPORT_H

#include "replica.h"

/** Tells what was fetched: the end of a command. `verb`: "cloned", "forked", "pulled". */
void copse_replica_report(const copse_replica *replica, const char *verb, const copse_cid *head,
                          bool moved);

#endif
