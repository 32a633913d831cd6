/* What the files of updates share: actions, the tree of paths, and one application.
 *
 * An update is a set of actions, one a path: what becomes of the value there. They make a tree of
 * paths, in the order of keys, and one pass over document and tree, side by side, writes the new
 * document; what no path leads to is copied in runs. So:
 *
 *   U1  No two actions meet: their paths are different, and none begins with another. What
 *       order they were written in so makes no difference, and an action sees what was there
 *       before.
 *   U2  The children of a node are all keys, or all selectors of elements ($[], $[name]). Keys
 *       are in DAG-CBOR's order; those that are indexes so ascend.
 *   U3  `$` is an index that is known when the filter has matched: the tree is made for it, and
 *       made again when it is another.
 *   U4  An element that several selectors take is led on by the merger of their nodes, which
 *       obeys U1 too: else the update fails.
 *   U5  What comes out is a document: keys in order, no first key with "$" that makes a form,
 *       nested no deeper than limits.cbor_depth_max (what is set is checked with the length of
 *       its path), not larger than limits.document_size_bytes_max, its primary key what it was.
 *
 *     update.c           making, applying, replacements, the primary key
 *     update_parse.c     operators and paths to actions         update_select.c  array filters
 *     update_tree.c      actions to the tree                    update_walk.c    the pass
 *     update_field.c     $set $unset $rename $min $max $currentDate …
 *     update_number.c    $inc $mul $bit
 *     update_push.c      $push                                  update_list.c    the other arrays
 *     update_values.c    values to look up by equality          update_upsert.c  a new document
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_UPDATE_PRIVATE_H
#define COPSE_EXPR_UPDATE_PRIVATE_H

#include <copse/sort_spec.h>
#include <copse/update.h>

#include "base/arena.h"
#include "expr/keyed.h"

typedef struct copse_update_action copse_update_action;
typedef struct copse_update_operator copse_update_operator;
typedef struct copse_update_node copse_update_node;
typedef struct copse_update_parser copse_update_parser;
typedef struct copse_update_run copse_update_run;

/* ---- Actions -------------------------------------------------------------------------------- */

struct copse_update_operator {
    const char *name;
    bool lenient; /* a path that leads through something else than objects and arrays is no error */
    /* Reads action->argument into the action. */
    copse_status (*parse)(copse_update_parser *parser, copse_update_action *action);
    /* Appends to run->out what becomes of `value` (len 0: there is none), or nothing, and then
     * *ret_there is false. */
    copse_status (*apply)(copse_update_run *run, const copse_update_action *action,
                          copse_bytes value, bool *ret_there);
};

/** Each list ends with a NULL name. */
extern const copse_update_operator copse_update_field_operators[];
extern const copse_update_operator copse_update_number_operators[];
extern const copse_update_operator copse_update_push_operators[];
extern const copse_update_operator copse_update_list_operators[];

/** A filter of `$[name]` or of $pull, matched against {name: element}. */
typedef struct copse_update_filter copse_update_filter;
struct copse_update_filter {
    copse_bytes name;
    copse_filter *filter;
    bool whole; /* matched against the element itself, which is an object */
    bool used;
    copse_update_filter *next; /* the list of all, for freeing */
};

typedef enum copse_update_part_kind {
    COPSE_UPDATE_PART_KEY,
    COPSE_UPDATE_PART_MATCHED, /* $ */
    COPSE_UPDATE_PART_ALL,     /* $[] */
    COPSE_UPDATE_PART_FILTERED /* $[name] */
} copse_update_part_kind;

typedef struct copse_update_part {
    copse_update_part_kind kind;
    copse_bytes text; /* as it stands in the path */
    copse_update_filter *filter;
} copse_update_part;

/** The two ends of a $rename. */
typedef struct copse_update_move {
    copse_bytes from;
    copse_bytes to;
    copse_bytes value; /* in the document at hand; len 0: there is none */
} copse_update_move;

/** What a $push says. */
typedef struct copse_update_push copse_update_push;
struct copse_update_push {
    copse_bytes each; /* $each; len 0: one value was given without it */
    copse_bytes list; /* the values, in a row */
    uint64_t count;
    bool positioned;
    bool sliced;
    bool sorted;
    bool descending;         /* the elements themselves are sorted, unless there are fields */
    int64_t position;        /* negative: from the end */
    int64_t slice;           /* negative: the last ones */
    copse_sort_spec fields;  /* owned */
    copse_update_push *next; /* the list of all, for freeing */
};

struct copse_update_action {
    const copse_update_operator *op;
    copse_bytes path; /* as it was written */
    const copse_update_part *parts;
    size_t parts_count;
    copse_bytes argument;
    copse_value operand;                      /* numbers: the argument, read */
    int64_t number;                           /* $pop: 1 or -1. $bit, $currentDate: which */
    copse_update_move *move;                  /* $rename */
    const copse_update_push *push;            /* $push */
    const struct copse_update_values *values; /* $addToSet, $pull, $pullAll */
    copse_update_filter *filter;              /* $pull: instead of values */
};

/* ---- The tree ------------------------------------------------------------------------------- */

struct copse_update_node {
    copse_bytes key;                   /* encoded; of a selector its text, encoded */
    copse_bytes text;                  /* the key itself */
    copse_bytes path;                  /* as it was written, up to here */
    const copse_update_action *action; /* NULL: the path goes on */
    bool selects;                      /* it is a selector */
    copse_update_filter *filter;       /* of a selector; NULL: all elements */
    bool indexed;
    uint64_t index; /* the key, as an index */
    const copse_update_node **children;
    size_t count;
};

/** Makes the tree of all actions in `arena`, `position` for `$`. CORRUPT: U1, U2. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_update_tree_make(copse_update *update, copse_arena *arena,
                                                   uint64_t position,
                                                   const copse_update_node **ret_root,
                                                   copse_err *err);

/** Merges two nodes of one place into a new one in `arena`; `b` was written behind `a`. CORRUPT:
 * U1, U2. NOMEM. */
COPSE_MUST_USE copse_status copse_update_tree_merge(copse_arena *arena, const copse_update_node *a,
                                                    const copse_update_node *b,
                                                    const copse_update_node **ret_node,
                                                    copse_err *err);

/* ---- The update ----------------------------------------------------------------------------- */

struct copse_update {
    const copse_env *env;
    copse_arena arena; /* the encoding, the actions, the tree if it is always the same */
    copse_bytes encoded;
    bool replacement; /* `encoded` is one */
    bool positional;  /* there is a `$` */
    bool deepens;     /* what is moved may end up too deep: it must be looked at */
    copse_update_action *actions;
    size_t actions_count;
    size_t actions_capacity;
    size_t parts_count;
    copse_update_filter *filters;
    copse_update_push *pushes;
    const copse_update_node *root;
    copse_arena position_arena; /* the tree, if there is a `$` */
    uint64_t position;          /* that it is for */
    copse_arena merge_arena;    /* U4 */
    copse_buf out;
    copse_buf scratch;
};

/** One without actions, which copse_update_free frees. NULL: no memory. */
copse_update *copse_update_alloc(const copse_env *env);

struct copse_update_run {
    copse_update *update;
    const copse_update_context *context;
    copse_bytes document;
    copse_buf *out;
    size_t mergers; /* that are in use */
    copse_err *err; /* never NULL */
};

/** Appends what `node` makes of `value`, as an operator's apply. */
COPSE_MUST_USE copse_status copse_update_walk(copse_update_run *run, const copse_update_node *node,
                                              copse_bytes value, bool *ret_there);

/** Finds the values that the document's $renames move. CORRUPT: an array is on the way. */
COPSE_MUST_USE copse_status copse_update_moves_find(copse_update_run *run);

/** Appends `value` as it is, if there is one. */
COPSE_MUST_USE copse_status copse_update_keep(copse_update_run *run, copse_bytes value,
                                              bool *ret_there);

/** Whether the action does anything in this application. */
bool copse_update_is_active(const copse_update_run *run, const copse_update_action *action);

/** Turns what was appended to `out` since it had `offset` bytes into an array or map of `count`, by
 * putting the head before it. Keys are in order already. */
COPSE_MUST_USE copse_status copse_update_finish(copse_buf *out, size_t offset, uint8_t major,
                                                uint64_t count);

/** CORRUPT, "$inc of "a.b": why". */
copse_status copse_update_fail(const copse_update_action *action, const char *why, copse_err *err);

/** As copse_update_fail, because of what the value at the path is: "… , it is string". */
copse_status copse_update_fail_type(const copse_update_action *action, const char *why,
                                    copse_bytes value, copse_err *err);

/* ---- Compiling ------------------------------------------------------------------------------ */

struct copse_update_parser {
    copse_update *update;
    copse_err *err;
};

/** Compiles update->encoded, a checked map. */
COPSE_MUST_USE copse_status copse_update_parse(copse_update *update, copse_bytes array_filters,
                                               copse_err *err);

/** Compiles the array filters, before the paths. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_update_select_parse(copse_update_parser *parser,
                                                      copse_bytes array_filters);

/** Adds an action at `path`. CORRUPT: no path. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_update_add(copse_update_parser *parser,
                                             const copse_update_operator *op, copse_bytes path,
                                             copse_bytes argument,
                                             copse_update_action **ret_action);

/** Adds a filter to the update: {name: condition} if `name` has any length, else `condition`
 * itself, a filter. */
COPSE_MUST_USE copse_status copse_update_filter_add(copse_update *update, copse_bytes name,
                                                    copse_bytes condition,
                                                    copse_update_filter **ret_filter,
                                                    copse_err *err);

/** Whether an element passes. */
COPSE_MUST_USE copse_status copse_update_filter_test(copse_update_run *run,
                                                     copse_update_filter *filter,
                                                     copse_bytes element, bool *ret_match);

/** Checks that `value` is one, which with `extra` levels more over it than the path has is not
 * nested too deep (U5). */
COPSE_MUST_USE copse_status copse_update_check_value(copse_update_parser *parser,
                                                     const copse_update_action *action,
                                                     copse_bytes value, size_t extra);

/* ---- Values to look up ---------------------------------------------------------------------- */

/** A list of values, to look up in. */
typedef struct copse_update_values {
    copse_keyed *entries; /* without equal ones, by key */
    size_t count;
    copse_bytes list; /* all of them, in a row */
    uint64_t list_count;
    bool *marks; /* one a value of the list, for whoever looks up */
} copse_update_values;

/** Makes them of the `count` values in a row that are `list`; of equal ones the first is found. */
COPSE_MUST_USE copse_status copse_update_values_new(copse_update *update, copse_bytes list,
                                                    uint64_t count,
                                                    const copse_update_values **ret_values,
                                                    copse_err *err);

/** Looks for one equal to `value`; *ret_order: where it is in the list. NOT_FOUND: none (`err`
 * stays as it was). */
COPSE_MUST_USE copse_status copse_update_values_find(const copse_update_values *values,
                                                     copse_buf *scratch, copse_bytes value,
                                                     size_t *ret_order, copse_err *err);

/** Reads an array: its elements, which stand in a row. False: it is none. */
bool copse_update_array_open(copse_bytes array, copse_bytes *ret_content, uint64_t *ret_count);

#endif
