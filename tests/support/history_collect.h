/* Collections that drop history, for tests: what `copse gc --shallow` does, in one call.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_HISTORY_COLLECT_H
#define COPSE_TESTS_HISTORY_COLLECT_H

#include <copse/pack_store.h>

/** Notes that trees of commits before `before_ms` are dropped, and drops them: statuses as
 * copse_history_note_dropped and copse_pack_gc. */
copse_status history_collect(const copse_env *env, copse_pack_db *db, uint64_t before_ms,
                             copse_err *err);

/** Whether each commit that a ref leads to has its tree whole, or is told to have lost it. False:
 * `err` says what is wrong, with any status. */
bool history_is_told(const copse_env *env, copse_pack_db *db, copse_err *err);

#endif
