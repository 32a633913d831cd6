/* The rules of a commit that its block alone shows: H1 to H3 in commit.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_COMMIT_H
#define COPSE_HISTORY_COMMIT_H

#include <copse/commit.h>

/** What rule `commit` breaks, static text for people; NULL: none. */
const char *copse_commit_fault(const copse_commit *commit);

#endif
