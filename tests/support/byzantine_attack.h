/* What machines that lie do to the honest ones of a byzantine_world, and what has to become of it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BYZANTINE_ATTACK_H
#define COPSE_TESTS_BYZANTINE_ATTACK_H

#include "support/byzantine_world.h"

typedef struct byzantine_attack {
    const char *name;
    /** Attacks some honest machine, and fails the test unless it ends as it has to. */
    void (*run)(byzantine_world *world, byzantine_machine *victim);
} byzantine_attack;

/** All of them. */
const byzantine_attack *byzantine_attack_all(size_t *ret_count);

#endif
