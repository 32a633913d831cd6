/* The one function of a fuzz target, the same for libFuzzer and for the replay driver, and what it
 * expects with.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SUPPORT_FUZZ_H
#define COPSE_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Runs the target on one input; aborts or trips a sanitizer on a defect. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Aborts if `holds` is false, and tells before where that is and what was expected. */
#define fuzz_must(holds) ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #holds))

/** What fuzz_must tells and does. */
_Noreturn void fuzz_fail(const char *file, int line, const char *expected);

#endif
