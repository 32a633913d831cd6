/* What every implementation of refs must do: R1 and R3 of copse/sys/refs.h, beside a model. R2
 * takes a crash, and is tested where the blocks are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_REFS_CONFORMANCE_H
#define COPSE_TESTS_REFS_CONFORMANCE_H

#include <copse/sys/refs.h>

/** Refs that are all not there, and another view of the same ones: it may be `refs` itself. */
typedef struct refs_conformance_world {
    copse_refs *refs;
    copse_refs *other;
    /** Makes both views see what the other one did. NULL: they do anyway. A swap must do so itself,
     * which is tested. */
    void (*refresh)(void *ctx);
    void *ctx;
} refs_conformance_world;

/** Fails the test (cmocka) where the contract is broken. Leaves no ref. */
void refs_conformance_run(const refs_conformance_world *world);

#endif
