/* What $project, $addFields and $unset do to a document: a tree of keys, some of which are kept,
 * left out or computed.
 *
 *   J1  The tree and a document are walked side by side, both in the order of keys, so what is
 *       written is in order.
 *   J2  A path goes into each object of an array, at all depths. What stands in its way and is no
 *       object becomes one where something is computed below, else it is left out if only what is
 *       named is kept.
 *   J3  All expressions see the document as it came in.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_PROJECT_TREE_H
#define COPSE_QUERY_PROJECT_TREE_H

#include "query/stage.h"

typedef enum copse_project_kind {
    COPSE_PROJECT_KEYS, /* goes on below: `children` */
    COPSE_PROJECT_KEEP,
    COPSE_PROJECT_DROP,
    COPSE_PROJECT_COMPUTE
} copse_project_kind;

typedef struct copse_project_node copse_project_node;
struct copse_project_node {
    copse_project_kind kind;
    bool computes; /* it, or what is below */
    copse_bytes key;
    copse_project_node **children; /* in DAG-CBOR's order of keys */
    size_t count;
    size_t capacity;
    copse_stage_operand operand; /* COMPUTE */
};

typedef struct copse_project_tree {
    copse_project_node root;
    bool only_named; /* other fields are left out */
} copse_project_tree;

/** How the values of a specification are read. */
typedef enum copse_project_mode {
    COPSE_PROJECT_SWITCHES, /* $project: numbers and booleans keep or drop */
    COPSE_PROJECT_VALUES    /* $addFields: they are values */
} copse_project_mode;

/** Reads an object of paths. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_project_tree_parse(copse_stage_parser *parser, copse_bytes fields,
                                                     copse_project_mode mode,
                                                     copse_project_tree *ret_tree);

/** Adds a path that is left out. CORRUPT: it collides with another. */
COPSE_MUST_USE copse_status copse_project_tree_drop(copse_stage_parser *parser,
                                                    copse_project_tree *tree, copse_bytes path);

/** Appends what becomes of `document`. CORRUPT: no document, or an expression can't be given to it.
 * LIMIT, NOMEM. `scratch` is used. */
COPSE_MUST_USE copse_status copse_project_tree_apply(const copse_project_tree *tree,
                                                     const copse_stage_chain *chain,
                                                     copse_bytes document, copse_buf *scratch,
                                                     copse_buf *buf, copse_err *err);

/** As copse_stage_kind.needs and passes. */
COPSE_MUST_USE copse_status copse_project_tree_needs(const copse_project_tree *tree,
                                                     copse_stage_needs *needs, bool *ret_ends);
bool copse_project_tree_passes(const copse_project_tree *tree, copse_bytes path);

#endif
