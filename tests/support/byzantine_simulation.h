/* Honest peers of a byzantine_world under attack: what each attack comes to (byzantine_attack.h),
 * and that the honest come to rest with all that they wrote, and nothing else.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BYZANTINE_SIMULATION_H
#define COPSE_TESTS_BYZANTINE_SIMULATION_H

#include "support/byzantine_world.h"

/** Runs the seeds [first, first + count): in each all attacks, in an order of its own, among writes
 * and exchanges of the honest. Prints how often each was made; fails the test, with the seed and
 * what was being done, where one comes to something else. */
void byzantine_simulation_run(uint64_t first, uint64_t count);

/** For the `main` of a test that may be given a seed: runs that alone, and prints all that happens.
 * False: none was given. */
bool byzantine_simulation_replay(int argc, char **argv);

#endif
