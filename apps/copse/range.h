/* The entries that --from, --to and --prefix choose, and keys on the command line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_RANGE_H
#define COPSE_APPS_RANGE_H

#include "command.h"

/** Keys in [from, to). */
typedef struct copse_range {
    copse_bytes from;
    copse_bytes to;
    bool has_to;
    copse_buf from_buf;
    copse_buf to_buf;
} copse_range;

/** Reads the options COPSE_OPTIONS_RANGE and --hex of `call`. False: reported, nothing to release.
 */
bool copse_range_init(copse_range *range, copse_call *call);
void copse_range_release(copse_range *range);

/** Whether one of its options was given. */
bool copse_range_is_given(const copse_call *call);

/** The end as the library takes it: NULL if there is none. */
const copse_bytes *copse_range_to(const copse_range *range);

/** A key or a byte string of the command line: `text` as it is, or decoded with --hex. Appends to
 * `buf`, and borrows from it. False: reported. */
bool copse_key_parse(copse_call *call, const char *text, copse_buf *buf, copse_bytes *ret_key);

#endif
