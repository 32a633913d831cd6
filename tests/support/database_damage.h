/* Damages of the database of database_plant.h, and what a check has to say of each.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_DAMAGE_H
#define COPSE_TESTS_DATABASE_DAMAGE_H

#include "support/database_plant.h"

#include <copse/database_check.h>

typedef struct database_damage {
    const char *name;
    void (*plant)(plant_world *plant);
    const char *expected; /* "kind collection index id" a line; NULL: some, of `kind` */
    copse_database_defect_kind kind;
    bool has_others; /* other kinds are found too */
} database_damage;

/** All of them; of each kind of defect at least one. */
const database_damage *database_damage_all(size_t *ret_count);

/** Plants the one of this name. */
void database_damage_plant(plant_world *plant, const char *name);

#endif
