/* What tests of watches share: two states of a database, what is watched, and what is told as text.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_WATCH_SUPPORT_H
#define COPSE_TESTS_WATCH_SUPPORT_H

#include "support/database_world.h"

#include <copse/watch.h>

enum { WATCH_TOLD_SIZE = 8192 };

/** Two states of a database. */
typedef struct watch_states {
    copse_node_cache *cache; /**< Borrowed. */
    copse_cid roots[2];
    copse_tree *trees[2];
    copse_database *databases[2];
} watch_states;

/** Opens what is not open yet. */
copse_status watch_states_open(watch_states *self, copse_err *err);

void watch_states_close(watch_states *self);

/** What is watched. */
typedef struct watch_question {
    const char *collection;
    const char *filter;
    const char *hint; /**< NULL: none. */
    bool membership_only;
    bool is_counted; /**< copse_watch_count; else copse_watch_next. */
} watch_question;

copse_status watch_question_prepare(const copse_env *env, const watch_question *asked,
                                    copse_query **ret_query, copse_err *err);

/** What a watch tells: "+1 ~2 -\"x\" ". Zeroed at first. */
typedef struct watch_told {
    char text[WATCH_TOLD_SIZE];
    size_t len;
} watch_told;

/** "+2 ~0 -1 " of counts. */
void watch_told_add_counts(watch_told *self, const copse_watch_counts *counts);

void watch_told_add(watch_told *self, const copse_watch_change *change);

#endif
