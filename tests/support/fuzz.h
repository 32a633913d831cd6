/* The one function of a fuzz target, the same for libFuzzer and for the replay driver.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SUPPORT_FUZZ_H
#define COPSE_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Runs the target on one input; aborts or trips a sanitizer on a defect. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
