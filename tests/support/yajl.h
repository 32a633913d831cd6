/* yajl, a JSON parser of others: an oracle for tests, a rival for benchmarks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_YAJL_H
#define COPSE_TESTS_YAJL_H

#include <copse/bytes.h>

/** Whether yajl finds one JSON value in `text`, or with `many` any number of them. It lets more
 * through than JSON allows (halves of surrogate pairs, keys that stand twice), but nothing less.
 * The text is handed over in pieces of 64 KiB; each token costs a call that does nothing. */
bool test_yajl_takes(copse_bytes text, bool many);

#endif
