/* The points of document_blame.c: commits, and the row that a document has in their trees.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_BLAME_POINTS_H
#define COPSE_DOC_DOCUMENT_BLAME_POINTS_H

#include <copse/buf.h>
#include <copse/commit.h>
#include <copse/tree.h>

typedef struct copse_blame_point {
    copse_cid cid;
    copse_block *block;
    uint64_t generation;
    copse_buf row; /**< Of the document; len 0: it is not there. */
} copse_blame_point;

typedef struct copse_blame_points {
    const copse_env *env;
    copse_node_cache *cache; /**< Borrowed. */
    copse_buf key;           /**< Of the document's row; the owner's to fill. */
    copse_blame_point **items;
    size_t count; /**< The next one is the last (B2). */
    size_t capacity;
} copse_blame_points;

void copse_blame_points_init(copse_blame_points *points, copse_node_cache *cache);
void copse_blame_points_release(copse_blame_points *points);

/** Loads a commit, whose generation may be at most that, and its row: a point that is none of them
 * yet. MISUSE: its tree is no database of version 2. WANT, NOT_FOUND, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_blame_points_load(copse_blame_points *points,
                                                    const copse_cid *cid, uint64_t generation_max,
                                                    copse_blame_point **ret_point, copse_err *err);

/** Frees one that is none of them; `point` may be NULL. */
copse_blame_point *copse_blame_point_free(const copse_env *env, copse_blame_point *point);

/** Makes room for so many more. NOMEM. */
COPSE_MUST_USE copse_status copse_blame_points_reserve(copse_blame_points *points, size_t count,
                                                       copse_err *err);

/** Takes a point over, into room that there is. */
void copse_blame_points_add(copse_blame_points *points, copse_blame_point *point);

/** The point of this commit, or NULL. */
copse_blame_point *copse_blame_points_find(const copse_blame_points *points, const copse_cid *cid);

/** Asks for what the next steps would read, once something is missing: WANT. What else fails here
 * fails again where it is needed, but for NOMEM. */
COPSE_MUST_USE copse_status copse_blame_points_look_ahead(copse_blame_points *points,
                                                          copse_err *err);

#endif
