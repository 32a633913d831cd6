/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *file, int line, const char *expected)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, expected);
    abort();
}
