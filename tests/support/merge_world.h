/* Peers in one process that write the same databases and merge them: each has a store that may
 * lose what was not flushed, a clock that is wrong, and gets blocks of whom it reaches.
 *
 * Beside them stand a log of all that was acknowledged (merge_log.h), and an archive: a store with
 * all blocks that any peer ever kept, for who looks at the outcome (merge_audit.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_WORLD_H
#define COPSE_TESTS_MERGE_WORLD_H

#include <copse/database_merge.h>

#include "support/merge_counts.h"
#include "support/merge_log.h"
#include "support/test_env.h"

enum { MERGE_PEERS_MAX = 5, MERGE_MESSAGES_MAX = 256 };

typedef struct merge_peer {
    size_t number;
    copse_env env; /**< With its clock. */
    uint64_t now_ms;
    const char *author; /**< NULL: none. */
    bool is_full;       /**< It fetches all of its head, now and then. */
    uint32_t reaches;   /**< A bit for each peer. */
    copse_store *store; /**< Of volatile_store. */
    copse_source *source;
    copse_node_cache *cache;
    copse_write *write;
    copse_cid head;
} merge_peer;

/** "My head is …", on its way. */
typedef struct merge_message {
    size_t from;
    size_t to;
    copse_cid head;
    uint64_t number;
    uint64_t due; /**< The step. */
} merge_message;

/** A document that the trace follows. */
typedef struct merge_watch {
    bool is_on;
    merge_collection collection;
    int id;
} merge_watch;

typedef struct merge_world {
    test_env test;
    uint64_t seed;
    uint64_t random;
    uint64_t step;
    merge_peer peers[MERGE_PEERS_MAX];
    size_t peers_count;
    merge_message messages[MERGE_MESSAGES_MAX];
    size_t messages_count;
    uint64_t messages_sent;
    uint64_t last_heard[MERGE_PEERS_MAX][MERGE_PEERS_MAX]; /**< The latest message's number. */
    bool is_coarse;  /**< All clocks are one, which often stands still. */
    bool joins_only; /**< Nobody writes what needs a base: the past can be dropped more often. */
    int fresh;       /**< The next value that was never there. */
    copse_env archive_env;
    copse_store *archive;
    copse_source *archive_source;
    copse_node_cache *archive_cache;
    merge_log *log;
    uint64_t counts[MERGE_COUNTS];
    copse_buf trace; /**< What happened, for who wants to know why. */
    merge_watch watch;
} merge_world;

/** Peers with one database, that the first of them made. */
void merge_world_init(merge_world *world, uint64_t seed);

/** Fails the test if an allocation is left. */
void merge_world_release(merge_world *world);

uint64_t merge_world_below(merge_world *world, uint64_t bound);

/** True in `percent` of all cases. */
bool merge_world_chance(merge_world *world, uint64_t percent);

/** Notes what happens. */
COPSE_PRINTF(2, 3) void merge_world_say(merge_world *world, const char *format, ...);

/** Prints the seed and what has happened, and fails the test. */
COPSE_PRINTF(2, 3) _Noreturn void merge_world_fail(merge_world *world, const char *format, ...);

/** Fails unless it is OK. */
void merge_world_must(merge_world *world, copse_status status, const char *what,
                      const copse_err *err);

/** A database that is open. Zeroed: none. */
typedef struct merge_view {
    copse_tree *tree;
    copse_database *database;
} merge_view;

void merge_view_close(merge_view *view);

/** Opens the database of a commit in the archive. */
void merge_world_open(merge_world *world, size_t commit, merge_view *view);

/** The collection in a database; never NULL. */
const copse_collection *merge_view_collection(const merge_view *view, merge_collection collection);

#endif
