/* Trees under attack: keys ground by somebody who knows the chunk rule, and other hard contents.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TREE_ATTACK_H
#define COPSE_TESTS_TREE_ATTACK_H

#include "support/tree_model.h"
#include "support/tree_naive.h"

typedef enum attack_kind {
    ATTACK_NONE,
    ATTACK_SUPPRESS,      /* no leaf ends by C1 */
    ATTACK_SUPPRESS_BOTH, /* neither a leaf nor a branch above it does */
    ATTACK_HUGE_ENTRY,    /* one entry of 900 KiB among ordinary ones */
    ATTACK_AROUND_MAX,    /* every entry is of just about max */
    ATTACK_PREFIX,        /* keys with long equal prefixes */
    ATTACK_LONGEST,       /* keys as long as they may be */
    /* Below: attacks that the rule only makes dear; see docs/formats/tree.md, "Under attack". */
    ATTACK_FORCE,      /* every leaf ends at its first chance */
    ATTACK_FORCE_BOTH, /* leaves, and the branches above them */
    ATTACK_BAND,       /* every leaf ends at one sum, so that boundaries go by position */
    ATTACK_MONOTONE,   /* suppressed, with draws that rise with the key */
    ATTACK_COUNT
} attack_kind;

/** Short name for tables. */
const char *attack_name(attack_kind kind);

/** Puts the attack's entries at places [first, first + count) into the model; keys ascend with the
 * place, and an odd place is free between any two. */
void attack_fill(attack_kind kind, const copse_tree_config *config, uint64_t first, size_t count,
                 tree_model *model);

typedef struct attack_result {
    size_t entries;
    size_t height;
    size_t nodes;
    size_t forced;
    size_t node_size_max;
    double size_ratio; /* bytes of all nodes : bytes of keys and values */
    double tries;      /* hashes computed for each key */
    double written;    /* nodes an edit, on average */
    double read;
    uint64_t written_max;
    uint64_t read_max;
} attack_result;

/** Builds a tree of `honest` ordinary entries followed by `ground` of the attack, makes `edits`
 * single edits (a third each: ground keys put in, entries deleted, ordinary keys put in) at random
 * places among the ground entries, or with `edit_honest` among the others, and compares the root
 * with the plain build's. Prints a row. */
attack_result attack_run(attack_kind kind, const copse_tree_config *config, size_t honest,
                         size_t ground, size_t edits, bool edit_honest);

#endif
