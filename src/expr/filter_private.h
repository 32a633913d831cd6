/* What the files of the filter share: its memory, and the compiling of operators.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_FILTER_PRIVATE_H
#define COPSE_EXPR_FILTER_PRIVATE_H

#include "base/arena.h"
#include "expr/filter_node.h"

struct copse_filter {
    const copse_env *env;
    copse_arena arena; /* the encoding, the nodes and their lists */
    copse_bytes encoded;
    const copse_filter_node *root;
    copse_regex **regexes;
    copse_regex_budget regex_budget; /* for the document at hand */
    size_t regexes_count;
    size_t regexes_capacity;
    size_t nodes_count;
    bool in_array; /* `index` made the last match */
    uint64_t index;
};

/** Nodes that come in one by one and become the children of one. */
typedef struct copse_filter_list {
    const copse_filter_node **nodes; /* in the filter's arena */
    size_t count;
    size_t capacity;
} copse_filter_list;

/** Adds `node`; an AND's children instead of itself if `flatten`. NOMEM. */
COPSE_MUST_USE copse_status copse_filter_list_add(copse_filter *filter, copse_filter_list *list,
                                                  const copse_filter_node *node, bool flatten,
                                                  copse_err *err);

/** A zeroed node of `kind` at `path`. LIMIT: limits.filter_nodes_max. NOMEM. */
COPSE_MUST_USE copse_status copse_filter_node_new(copse_filter *filter, copse_filter_kind kind,
                                                  copse_bytes path, copse_filter_node **ret_node,
                                                  copse_err *err);

/** A node of `kind` (AND, OR, NOR, NOT, IN, ELEM_*) over the list: of an AND or OR over one that
 * one, of an AND over none TRUE, of an IN or OR over none FALSE. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_filter_node_over(copse_filter *filter, copse_filter_kind kind,
                                                   copse_bytes path, const copse_filter_list *list,
                                                   const copse_filter_node **ret_node,
                                                   copse_err *err);

/** NOT over one node. */
COPSE_MUST_USE copse_status copse_filter_node_not(copse_filter *filter,
                                                  const copse_filter_node *child,
                                                  const copse_filter_node **ret_node,
                                                  copse_err *err);

/** A comparison with `value`: checks and reads it. A regex is CORRUPT but for EQ. */
COPSE_MUST_USE copse_status copse_filter_node_compare(copse_filter *filter, copse_filter_kind kind,
                                                      copse_bytes path, copse_bytes value,
                                                      const copse_filter_node **ret_node,
                                                      copse_err *err);

/** A REGEX node of `pattern`, which must stay, and `options`. */
COPSE_MUST_USE copse_status copse_filter_node_regex(copse_filter *filter, copse_bytes path,
                                                    copse_bytes pattern, copse_bytes options,
                                                    const copse_filter_node **ret_node,
                                                    copse_err *err);

/** Compiles one operator of a field, `name` ("$gt") with its argument; NULL: a name to leave out
 * ($comment, $options). CORRUPT: no such operator, or a wrong argument. `operators`: the whole map
 * that it stands in, for $regex. */
COPSE_MUST_USE copse_status copse_filter_operator(copse_filter *filter, copse_bytes path,
                                                  copse_bytes name, copse_bytes argument,
                                                  copse_bytes operators,
                                                  const copse_filter_node **ret_node,
                                                  copse_err *err);

/** Compiles a whole filter or the body of an $elemMatch on objects: fields, $and, $or, $nor. */
COPSE_MUST_USE copse_status copse_filter_parse(copse_filter *filter, copse_bytes map,
                                               const copse_filter_node **ret_node, copse_err *err);

/** Compiles a map of operators at `path` (empty in $elemMatch on values). */
COPSE_MUST_USE copse_status copse_filter_parse_operators(copse_filter *filter, copse_bytes path,
                                                         copse_bytes map,
                                                         const copse_filter_node **ret_node,
                                                         copse_err *err);

/** Compiles a bare value at `path`: EQ, or REGEX. */
COPSE_MUST_USE copse_status copse_filter_parse_value(copse_filter *filter, copse_bytes path,
                                                     copse_bytes value,
                                                     const copse_filter_node **ret_node,
                                                     copse_err *err);

/** CORRUPT for an operator that is not there, with what was perhaps meant. `top`: it stands where
 * a field could. */
COPSE_MUST_USE copse_status copse_filter_fail_name(copse_bytes name, bool top, copse_err *err);

/** Reads the head of a map or array. False: it is none. The reader stands behind it. */
bool copse_filter_open(copse_bytes encoded, copse_cbor_kind kind, copse_cbor_reader *ret_reader,
                       uint64_t *ret_count);

/** Whether `encoded` is a map whose first key begins with "$" and that is no form. */
bool copse_filter_is_operators(copse_bytes encoded);

/** Whether the document or element `root` matches `node`. Statuses as copse_filter_match. */
COPSE_MUST_USE copse_status copse_filter_match_node(copse_filter *filter,
                                                    const copse_filter_node *node, copse_bytes root,
                                                    bool *ret_match, copse_err *err);

/** Whether one value, not looked into, passes a test of kind EQ to LTE, MOD, REGEX or BITS. False:
 * it could not be decided. */
bool copse_filter_test_single(const copse_filter_node *node, copse_bytes value, bool *ret_match);

/** Whether the bits of `value` pass a BITS node. */
bool copse_filter_test_bits(const copse_filter_node *node, const copse_value *value);

#endif
