/* What `copse gc --keep-history` and `--shallow` dropped of a store's past, as commands tell it;
 * and what the origin of a clone dropped, which is seen when it has no more what it had.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_DROPPED_H
#define COPSE_APPS_DROPPED_H

#include "local.h"

/** Room for what copse_dropped_show says. */
#define COPSE_DROPPED_TEXT_SIZE 384

/** Says of which commit the tree was dropped that `cid`, which is not there, is of. Returns
 * `ret_text`; NULL: of none. */
const char *copse_dropped_show(copse_local *local, const copse_cid *cid,
                               char ret_text[COPSE_DROPPED_TEXT_SIZE]);

/** Says of which commit the tree was that `cid` is missing in, which nobody has who was asked: of
 * those whose trees are here in part the earliest. Returns `ret_text`; NULL: of none. */
const char *copse_dropped_show_left(copse_local *local, const copse_cid *cid,
                                    char ret_text[COPSE_DROPPED_TEXT_SIZE]);

/** What the command can do about it; NULL: nothing. */
const char *copse_dropped_hint(const copse_call *call);

/** Whether `cid`, which is not there, was dropped; then that is reported, `what` being done. */
bool copse_dropped_report(copse_local *local, const copse_cid *cid, const char *what);

/** As copse_dropped_report, of what a clone or a fork (`is_sparse`: with a part of its own state)
 * left at its origin, and nobody has who was asked. */
bool copse_dropped_report_left(copse_local *local, const copse_cid *cid, bool is_sparse,
                               const char *what);

/** As copse_dropped_report, of what the last operation on `source` wanted first. */
bool copse_dropped_report_want(copse_local *local, const copse_source *source, const char *what);

#endif
