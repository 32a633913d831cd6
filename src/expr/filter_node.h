/* The compiled form of a filter, as the planner reads it.
 *
 * A tree of nodes: AND, OR, NOR and NOT hold others; all other kinds are a test at one path.
 * Compiling normalizes: a bare value is EQ, $ne is NOT of EQ, $nin NOT of IN, $all AND of EQ (or
 * ELEM_MATCH), nested ANDs are flattened, an AND or OR of one is that one. The order of children is
 * that of the encoded filter.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_FILTER_NODE_H
#define COPSE_EXPR_FILTER_NODE_H

#include <copse/filter.h>

#include "expr/regex.h"

typedef enum copse_filter_kind {
    COPSE_FILTER_TRUE,
    COPSE_FILTER_FALSE, /**< Matches nothing: $in of an empty list, $or never. */
    COPSE_FILTER_AND,
    COPSE_FILTER_OR,
    COPSE_FILTER_NOR,
    COPSE_FILTER_NOT, /**< One child. */
    COPSE_FILTER_EQ,  /**< value. null matches a missing field too. */
    COPSE_FILTER_GT,  /**< value, of any type: GT to LTE match values of its type only, but all
                           types if it is MinKey or MaxKey. */
    COPSE_FILTER_GTE,
    COPSE_FILTER_LT,
    COPSE_FILTER_LTE,
    COPSE_FILTER_IN,          /**< children: EQ and REGEX nodes at the same path. */
    COPSE_FILTER_EXISTS,      /**< flag: must be there, else must not. */
    COPSE_FILTER_TYPE,        /**< types: bit 1 << copse_value_type. */
    COPSE_FILTER_MOD,         /**< a: divisor, b: remainder. */
    COPSE_FILTER_REGEX,       /**< text: the pattern; prefix, if it is anchored to one. */
    COPSE_FILTER_SIZE,        /**< a: elements. */
    COPSE_FILTER_BITS,        /**< value: a number, bytes or a list of positions; `a`: a
                                   copse_filter_bits. */
    COPSE_FILTER_ELEM_OBJECT, /**< $elemMatch on objects: one child, paths from the element. */
    COPSE_FILTER_ELEM_VALUE   /**< $elemMatch on values: one child, its tests have the path "". */
} copse_filter_kind;

typedef enum copse_filter_bits {
    COPSE_FILTER_BITS_ALL_SET,
    COPSE_FILTER_BITS_ALL_CLEAR,
    COPSE_FILTER_BITS_ANY_SET,
    COPSE_FILTER_BITS_ANY_CLEAR
} copse_filter_bits;

typedef struct copse_filter_node copse_filter_node;
struct copse_filter_node {
    copse_filter_kind kind;
    bool flag;
    bool key;          /**< The path is one key. */
    bool exact;        /**< EQ to LTE: values equal to `value` have its encoding, and no other. */
    bool nan;          /**< EQ to LTE: `value` is NaN. */
    bool prefix_exact; /**< REGEX: and every text that begins with `prefix` matches. */
    uint32_t types;
    int64_t a;
    int64_t b;
    copse_bytes path;    /**< From the document, or inside $elemMatch from the element. */
    copse_bytes value;   /**< Encoded; lives as long as the filter, as all bytes here. */
    copse_bytes text;    /**< REGEX: the pattern. */
    copse_bytes prefix;  /**< REGEX: every text that it matches begins with this (case-sensitive,
                              anchored by ^ or \A); len 0: nothing is known. */
    copse_value operand; /**< EQ to LTE, BITS: `value`, read. REGEX: its `options`. */
    copse_regex *regex;  /**< REGEX: compiled. */
    const struct copse_filter_in *in; /**< IN of many: filter_in.h's own. */
    const copse_filter_node *const *children;
    size_t children_count;
};

/** The root node; valid until the filter is freed. */
const copse_filter_node *copse_filter_root(const copse_filter *filter);

/** Whether a document that matches `filter` is sure to match `condition` (a partial index's
 * filter): true only if that can be proved by rules that are simple (each conjunct of `condition`
 * is implied by one of `filter`: same test, a narrower range or list, EQ or a range against EXISTS
 * and TYPE).
 */
bool copse_filter_implies(const copse_filter *filter, const copse_filter *condition);

#endif
