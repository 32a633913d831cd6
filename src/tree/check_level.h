/* One level of a tree that is being checked: its statistics, and whether it is cut as the chunking
 * rule cuts.
 *
 * The entries of the level's nodes go through a chunker, and the chunks that come out are compared
 * with the nodes by where they end and by their aheads. A level is a function of its own entries,
 * and those of a level above the leaves are made of the level below; so:
 *
 *   K1  If each level has the boundaries and aheads that its own entries give, the tree is what the
 *       builder makes of the leaves' entries. Nodes need no comparing byte by byte: what the strict
 *       parser accepts has one encoding.
 *   K2  A wrong boundary is found at its own level only, and named there; the levels above are
 *       judged by the entries that they have, not by those that they should have.
 *   K3  Behind a gap (a node that could not be read) the level goes on with the chunker empty and
 *       the ahead that the next node's parent has for it: that is the state in which every node of
 *       a canonical tree begins.
 *   K4  The last chunk is held back until the next one comes, since the last two may have to be
 *       joined (C5 of chunker.h).
 *
 * Cost: the chunker's, that is encoding and hashing once more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_CHECK_LEVEL_H
#define COPSE_TREE_CHECK_LEVEL_H

#include "tree/chunker.h"

#include <copse/check.h>

/* Sizes up to 2^22 in buckets of an eighth of an octave. */
enum { COPSE_CHECK_BUCKETS = 168 };

/** Receives a finding on a node of the level. */
typedef copse_status (*copse_check_report_fn)(void *ctx, copse_check_kind kind, size_t depth,
                                              const copse_cid *cid, const char *message,
                                              copse_err *err);

/** A node of the tree whose end no chunk has reached yet. */
typedef struct copse_check_expected {
    uint64_t end; /* entries of the level up to the node's last */
    uint32_t ahead;
    copse_cid cid;
} copse_check_expected;

typedef struct copse_check_level {
    const copse_env *env;
    size_t depth;
    copse_check_report_fn report;
    void *report_ctx;
    copse_chunker chunker;
    bool started;
    bool gap;  /* a node is missing before the next one */
    bool lost; /* differs from the rule: not compared any more */
    copse_check_expected *expected;
    size_t expected_at;
    size_t expected_count;
    size_t expected_capacity;
    uint64_t fed;       /* entries */
    uint64_t chunk_end; /* entries in the chunks compared */
    bool held;          /* a chunk is held back (K4) */
    uint32_t held_entries;
    uint32_t held_ahead;
    uint64_t forced_seen;
    uint64_t forced_run;
    copse_level_stats stats;
    uint64_t sizes[COPSE_CHECK_BUCKETS];
} copse_check_level;

/** Makes one for the nodes at `depth`. NULL: no memory. */
copse_check_level *copse_check_level_new(const copse_env *env, size_t depth,
                                         copse_check_report_fn report, void *report_ctx);

/** Frees it; NULL is allowed. Returns NULL. */
copse_check_level *copse_check_level_free(copse_check_level *level);

/** Counts a node into the statistics. */
void copse_check_level_count(copse_check_level *level, const copse_node *node);

/** Says that a node could not be read. What report returned, NOMEM. */
COPSE_MUST_USE copse_status copse_check_level_skip(copse_check_level *level, copse_err *err);

/** Compares the next node of a tree of ours. `number`: of the level, leaves being 0; `ahead`: its
 * parent's for it. What report returned, NOMEM. */
COPSE_MUST_USE copse_status copse_check_level_feed(copse_check_level *level,
                                                   const copse_tree_config *config, uint32_t number,
                                                   const copse_node *node, uint32_t ahead,
                                                   copse_err *err);

/** Ends the level, and the statistics. What report returned, NOMEM. */
COPSE_MUST_USE copse_status copse_check_level_finish(copse_check_level *level, copse_err *err);

#endif
