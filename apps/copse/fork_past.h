/* Whether a database has the past that a fork of it needs.
 *
 * A commit links to some of those that it comes from (docs/formats/commit.md), so none can be made
 * where these are not to be had. What is published without its history has its head alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FORK_PAST_H
#define COPSE_APPS_FORK_PAST_H

#include "peers.h"

#include <copse/source.h>

/** Whether the commit `head` can be forked, read through `source`: of a file (`peers` NULL) all of
 * its history must be there; of peers, what is before the head, which is fetched. False: reported;
 * `from` is what is forked. */
bool copse_fork_check_past(copse_call *call, copse_source *source, copse_peers *peers,
                           const copse_cid *head, const char *from);

/** As copse_fork_check_past, through a source of its own. */
bool copse_fork_check_peers(copse_call *call, copse_peers *peers, const copse_cid *head,
                            const char *from);

#endif
