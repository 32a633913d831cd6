/* What compiling and applying a projection share: a tree of keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_PROJECTION_PRIVATE_H
#define COPSE_EXPR_PROJECTION_PRIVATE_H

#include <copse/projection.h>

#include "base/arena.h"

typedef enum copse_projection_kind {
    COPSE_PROJECTION_KEYS, /* goes on below: `children` */
    COPSE_PROJECTION_INCLUDE,
    COPSE_PROJECTION_EXCLUDE,
    COPSE_PROJECTION_SLICE,
    COPSE_PROJECTION_ELEM_MATCH,
    COPSE_PROJECTION_POSITION
} copse_projection_kind;

typedef struct copse_projection_node copse_projection_node;
struct copse_projection_node {
    copse_projection_kind kind;
    copse_bytes key;
    copse_projection_node **children; /* in DAG-CBOR's order of keys */
    size_t count;
    size_t capacity;
    bool skips;                         /* SLICE: [skip, limit] */
    int64_t skip;                       /* SLICE: negative: from the end */
    int64_t limit;                      /* SLICE: without `skips` negative: the last ones */
    copse_filter *filter;               /* ELEM_MATCH: {key: {"$elemMatch": …}} */
    copse_projection_node *next_filter; /* ELEM_MATCH: the list of these, for freeing */
};

struct copse_projection {
    const copse_env *env;
    copse_arena arena; /* the encoding, the nodes and their lists */
    copse_bytes encoded;
    copse_projection_node root;
    copse_projection_node *filters;
    size_t nodes_count;
    bool inclusion; /* what is not named is left out */
    bool position;  /* there is a POSITION */
    bool plain;     /* `paths` says all */
    copse_bytes *paths;
    size_t paths_count;
    size_t paths_capacity;
};

/** Compiles projection->encoded, a checked item. Statuses as copse_projection_new. */
COPSE_MUST_USE copse_status copse_projection_parse(copse_projection *projection, copse_err *err);

#endif
