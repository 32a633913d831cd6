/* Parts of order keys for people to read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_ORDER_SHOW_H
#define COPSE_VALUE_ORDER_SHOW_H

#include <copse/order.h>

/** Decodes one part that has lost its trailer, as copse_order_decode does one with an empty
 * trailer. But a number that only a decimal can have is given as the decimal of the fewest digits:
 * one with the value of what was written, which need not be its encoding. For messages, never for
 * data. CORRUPT: `part` is no part, or more than one. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_order_show(copse_bytes part, bool descending, copse_buf *buf,
                                             copse_order_decoded *ret_part, copse_err *err);

#endif
