/* Supplying what operations want, out of a store that has all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_WANT_SUPPLY_H
#define COPSE_TESTS_WANT_SUPPLY_H

#include <copse/source.h>

#include <stdbool.h>

enum { WANT_SUPPLY_MAX = 512 };

/** What was supplied, and what never is. Zeroed at first. */
typedef struct want_supply {
    copse_cid missing; /* never supplied; size 0: none */
    copse_cid got[WANT_SUPPLY_MAX];
    size_t got_count;
    size_t rounds;
} want_supply;

/** Supplies what `source` wants but the missing one; false: nothing could be. Fails the test if
 * nothing is wanted, or `from` lacks a block. */
bool want_supply_round(want_supply *supply, copse_source *source, copse_store *from);

/** Supplies the first `count_max` of what is wanted, and returns their number. Fails as above. */
size_t want_supply_some(copse_source *source, copse_store *from, size_t count_max);

#endif
