/* Checking a whole tree, and its statistics.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CHECK_H
#define COPSE_CHECK_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** What can be wrong with a node. */
typedef enum copse_check_kind {
    COPSE_CHECK_MISSING,      /**< Its block is not there; the want list names it too. */
    COPSE_CHECK_HASH,         /**< Its block does not hash to its CID, or can't be verified. */
    COPSE_CHECK_FORMAT,       /**< It is no node of this tree's kind. */
    COPSE_CHECK_KEY_ORDER,    /**< Its keys are not in ascending order. */
    COPSE_CHECK_VALUE,        /**< A value is not strict DAG-CBOR. */
    COPSE_CHECK_PARENT_KEY,   /**< Its first (or last) key is not its parent's key for it. */
    COPSE_CHECK_KEY_RANGE,    /**< Its keys reach beyond those of its neighbours. */
    COPSE_CHECK_COUNT,        /**< Its entries are not as many as its parent counts. */
    COPSE_CHECK_AHEAD,        /**< Its parent's ahead for it is not what the rule gives. */
    COPSE_CHECK_DEPTH,        /**< It is not at the depth of the others of its level. */
    COPSE_CHECK_EMPTY_NODE,   /**< It holds nothing, and is not the only node. */
    COPSE_CHECK_SINGLE_CHILD, /**< A branch below the top with one child. */
    COPSE_CHECK_EXTRA_LEVEL,  /**< The top is a branch with one child. */
    COPSE_CHECK_SPLIT_EARLY,  /**< It ends before the entry that the rule ends it with. */
    COPSE_CHECK_SPLIT_LATE,   /**< It goes on behind that entry. */
    COPSE_CHECK_FORCED_CUTS   /**< limits.forced_cuts_run_max passed, up to this node. */
} copse_check_kind;

/** The name of a kind, such as "SPLIT_EARLY". Never NULL; static storage. */
COPSE_API const char *copse_check_kind_name(copse_check_kind kind);

/** A finding. All of it is borrowed for the callback. */
typedef struct copse_check_finding {
    copse_check_kind kind;
    const copse_cid *cid; /**< Of the node. */
    size_t depth;         /**< Branches above it. */
    const char *message;  /**< One line for people. */
} copse_check_finding;

/** Who is told. Each function may be NULL; any status but OK that one returns ends the check, which
 * returns it. */
typedef struct copse_check_observer {
    copse_status (*finding)(void *ctx, const copse_check_finding *finding, copse_err *err);
    /** After each leaf: entries read so far, and in all (0: the tree does not count them). */
    copse_status (*progress)(void *ctx, uint64_t done, uint64_t total, copse_err *err);
    void *ctx;
} copse_check_observer;

/** Levels that copse_tree_stats has room for. */
#define COPSE_TREE_STATS_LEVELS_MAX 64

/** One level. */
typedef struct copse_level_stats {
    uint64_t nodes;
    uint64_t entries; /**< Of branches: children. */
    uint64_t size_bytes;
    uint64_t node_size_bytes_min;
    uint64_t node_size_bytes_median; /**< Within 7%. */
    uint64_t node_size_bytes_max;
    uint64_t forced_cuts;         /**< As far as the level is canonical. */
    uint64_t forced_cuts_run_max; /**< The most in a row. */
} copse_level_stats;

/** A tree in numbers. */
typedef struct copse_tree_stats {
    size_t levels;
    uint64_t nodes;
    uint64_t entries;
    uint64_t size_bytes;       /**< Of all nodes, without root and config. */
    uint64_t key_size_bytes;   /**< Of the entries' keys, without heads. */
    uint64_t value_size_bytes; /**< Of the entries' encoded values. */
    uint64_t findings;         /**< Of copse_tree_check. */
    copse_level_stats level[COPSE_TREE_STATS_LEVELS_MAX]; /**< [0]: the leaves. */
} copse_tree_stats;

/** Reads the whole tree, hashes every block again, and tells `observer` of all that is wrong: with
 * blocks, nodes and their places under their parents, and, in a tree of ours, of the first node of
 * each level that is not what the chunking rule makes. If nothing is, the tree is the one that
 * building it from its entries makes. What stands below a node that can't be read, or is out of its
 * place, is not looked at. `ret_stats` may be NULL; it describes what could be read.
 * OK: the check is complete, whatever it found. IO, NOMEM, or what the observer returned. Reads
 * past the node cache, so that it sees the blocks as they are. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_check(copse_tree *tree,
                                                       const copse_check_observer *observer,
                                                       copse_tree_stats *ret_stats, copse_err *err);

/** The statistics of a whole tree. Hashes and checks as copse_tree_check does. WANT: blocks are
 * missing; the want list has them, as many as it takes. CORRUPT: a node can't be read or is out of
 * its place; one that is merely not canonical is counted. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_stat(copse_tree *tree, copse_tree_stats *ret_stats,
                                                      copse_err *err);

/** Refuses a tree with more than limits.forced_cuts_run_max forced cuts in a row, before it is
 * merged: keys were chosen to make it so, and every edit of it would be expensive. Reads the
 * branches and one leaf, and takes their aheads for true: copse_tree_check makes sure of them.
 * LIMIT: it has more. MISUSE: a foreign tree. WANT: the block that is needed next. CORRUPT, IO,
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_tree_check_forced_cuts(copse_tree *tree,
                                                                   copse_err *err);

COPSE_EXTERN_C_END

#endif
