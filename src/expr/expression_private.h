/* What the files of expressions share: the compiled form, evaluating it, the table of operators.
 *
 * A value in the making is one encoded item (value.h) that somebody keeps until the evaluation
 * ends: the document, a constant, a variable, or the scratch memory. Empty bytes: missing. So a
 * field, a comparison or a condition copies nothing.
 *
 *   E1  Each operator is one row of a table of its family. What its row allows is checked before it
 *       is called: the number of arguments, and null if it gives null for null.
 *   E2  An operator is a function of its arguments; those over constants alone are evaluated when
 *       they are compiled. What can't be evaluated then is left, to fail for each document.
 *   E3  A variable has a place of its own, whatever its name: an inner one hides an outer one.
 *   E4  Objects that come out are values: in order of keys, none twice, and no first key with "$".
 *   E5  Time and memory of an evaluation are bounded: by steps, of which each use of an operator
 *       takes one and more for large arguments, and by what the scratch memory may hold.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_EXPRESSION_PRIVATE_H
#define COPSE_EXPR_EXPRESSION_PRIVATE_H

#include <copse/expression.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "expr/arithmetic.h"
#include "expr/regex.h"
#include "expr/scratch.h"

typedef struct copse_expression_node copse_expression_node;
typedef struct copse_expression_operator copse_expression_operator;
typedef struct copse_expression_parser copse_expression_parser;

typedef enum copse_expression_kind {
    COPSE_EXPRESSION_CONSTANT, /* value */
    COPSE_EXPRESSION_FIELD,    /* names: the path's parts, from the document */
    COPSE_EXPRESSION_VARIABLE, /* slot, then names */
    COPSE_EXPRESSION_OBJECT,   /* names: encoded keys, in order; children */
    COPSE_EXPRESSION_ARRAY,    /* children */
    COPSE_EXPRESSION_OPERATOR  /* op, children: the arguments */
} copse_expression_kind;

struct copse_expression_node {
    copse_expression_kind kind;
    bool varies; /* an operator with more to it than its arguments: variables, the document */
    const copse_expression_operator *op;
    copse_bytes value; /* CONSTANT: the item. FIELD: the path */
    const copse_bytes *names;
    const copse_expression_node **children; /* NULL: an argument that is not given */
    size_t count;                           /* of children, or of a path's parts */
    size_t slot;                            /* VARIABLE; an operator's first variable */
    size_t regex; /* $regexMatch and so on: which of the regexes is its own */
};

/** Regexes that were compiled, each with what it was compiled from. */
typedef struct copse_expression_regex {
    copse_regex *regex; /* NULL: none yet */
    copse_buf source;   /* the pattern, then the options */
    size_t pattern_size;
} copse_expression_regex;

struct copse_expression {
    const copse_env *env;
    copse_arena arena; /* the encoding, the nodes and their lists */
    const copse_expression_node *root;
    copse_bytes *slots; /* the variables' values: the caller's, then those bound inside */
    size_t slots_count;
    size_t variables_count; /* the caller's */
    copse_expression_regex *regexes;
    size_t regexes_count;
    size_t regexes_capacity;
    copse_regex_budget regex_budget;
    copse_scratch scratch;
    copse_buf form; /* where the writers of forms write, to be taken into the scratch memory */
    /* Of the evaluation at hand: */
    copse_bytes document;
    copse_err *err;
    uint64_t steps_left;
};

/* ---- Operators ---- */

/** Evaluates an operator whose arguments are given: node->count values, empty: missing. */
typedef copse_status (*copse_expression_apply_fn)(copse_expression *run,
                                                  const copse_expression_node *node,
                                                  const copse_bytes *arguments,
                                                  copse_bytes *ret_value);

/** Evaluates an operator that evaluates its arguments itself. */
typedef copse_status (*copse_expression_evaluate_fn)(copse_expression *run,
                                                     const copse_expression_node *node,
                                                     copse_bytes *ret_value);

/** Compiles an operator's argument where it is no list and no map of `names`: sets children, slot
 * and so on of `node`, whose op is set. */
typedef copse_status (*copse_expression_parse_fn)(copse_expression_parser *parser,
                                                  copse_bytes argument,
                                                  copse_expression_node *node);

enum {
    COPSE_EXPRESSION_MANY = 255, /* arguments: no upper bound */
    COPSE_EXPRESSION_NAMES_MAX = 12
};

/** One row. Either `apply` or `evaluate`. */
struct copse_expression_operator {
    const char *name;
    uint8_t least; /* arguments; of `names`, how many must be there, from the first */
    uint8_t most;
    bool nulls; /* null if one of the arguments is null or missing */
    copse_expression_apply_fn apply;
    copse_expression_evaluate_fn evaluate;
    copse_expression_parse_fn parse; /* NULL: a list, or a map of `names` */
    const char *const *names;        /* of the arguments, ends with NULL. NULL: a list */
    int detail;                      /* what tells rows of one function apart */
};

/* The families; each list ends with a row without a name. */
extern const copse_expression_operator copse_expression_arithmetic[];
extern const copse_expression_operator copse_expression_array[];
extern const copse_expression_operator copse_expression_array_sort[];
extern const copse_expression_operator copse_expression_bits[];
extern const copse_expression_operator copse_expression_compare[];
extern const copse_expression_operator copse_expression_convert[];
extern const copse_expression_operator copse_expression_date[];
extern const copse_expression_operator copse_expression_date_string[];
extern const copse_expression_operator copse_expression_date_unit[];
extern const copse_expression_operator copse_expression_math[];
extern const copse_expression_operator copse_expression_object[];
extern const copse_expression_operator copse_expression_regexes[];
extern const copse_expression_operator copse_expression_set[];
extern const copse_expression_operator copse_expression_text[];
extern const copse_expression_operator copse_expression_text_search[];
extern const copse_expression_operator copse_expression_total[];
extern const copse_expression_operator copse_expression_variable_binding[];

/** The row of `name`, with its "$"; NULL: there is none. */
const copse_expression_operator *copse_expression_operator_find(copse_bytes name);

/** CORRUPT for a name that is none, with what was perhaps meant. */
COPSE_MUST_USE copse_status copse_expression_operator_fail(copse_bytes name, copse_err *err);

/* ---- Compiling ---- */

/** A name that an expression may use, innermost first. */
typedef struct copse_expression_scope {
    const struct copse_expression_scope *outer;
    copse_bytes name;
    size_t slot;
} copse_expression_scope;

struct copse_expression_parser {
    copse_expression *expression;
    const copse_expression_scope *scope;
    size_t nodes_count;
    copse_err *err;
};

/** Compiles one expression. Statuses as copse_expression_new. */
COPSE_MUST_USE copse_status copse_expression_parse(copse_expression_parser *parser,
                                                   copse_bytes encoded,
                                                   const copse_expression_node **ret_node);

/** How much of a user's text stands in a message. */
COPSE_INLINE int copse_expression_shown(copse_bytes text)
{
    return text.len < 80 ? (int)text.len : 80;
}

/** A new node without anything. LIMIT: limits.filter_nodes_max. NOMEM. */
COPSE_MUST_USE copse_status copse_expression_parse_node(copse_expression_parser *parser,
                                                        copse_expression_kind kind,
                                                        copse_expression_node **ret_node);

/** E2: makes the node a constant, if it is one. NOMEM. */
COPSE_MUST_USE copse_status copse_expression_parse_fold(copse_expression_parser *parser,
                                                        copse_expression_node *node);

/** Compiles the elements of `array` as children of `node`. */
COPSE_MUST_USE copse_status copse_expression_parse_elements(copse_expression_parser *parser,
                                                            copse_bytes array,
                                                            copse_expression_node *node);

/** Compiles the operator `name` with its argument. */
COPSE_MUST_USE copse_status copse_expression_parse_operator(copse_expression_parser *parser,
                                                            copse_bytes name, copse_bytes argument,
                                                            const copse_expression_node **ret_node);

/** Gives `node` `count` children that are NULL. NOMEM. */
COPSE_MUST_USE copse_status copse_expression_parse_room(copse_expression_parser *parser,
                                                        copse_expression_node *node, size_t count);

/** Compiles `argument`, a list of arguments, or one that stands for itself, as many as node->op
 * allows. */
COPSE_MUST_USE copse_status copse_expression_parse_list(copse_expression_parser *parser,
                                                        copse_bytes argument,
                                                        copse_expression_node *node);

/** Compiles `argument`, a map of node->op->names; each must be known, and the first op->least
 * there. */
COPSE_MUST_USE copse_status copse_expression_parse_named(copse_expression_parser *parser,
                                                         copse_bytes argument,
                                                         copse_expression_node *node);

/** The value of `name` in `argument`, a map; empty: it is not there. CORRUPT: no map, or a key that
 * is none of node->op->names. */
COPSE_MUST_USE copse_status copse_expression_parse_member(copse_expression_parser *parser,
                                                          copse_bytes argument,
                                                          const copse_expression_node *node,
                                                          const char *name, copse_bytes *ret_value);

/** As copse_expression_parse_member; CORRUPT also: it is not there. */
COPSE_MUST_USE copse_status copse_expression_parse_needed(copse_expression_parser *parser,
                                                          copse_bytes argument,
                                                          const copse_expression_node *node,
                                                          const char *name, copse_bytes *ret_value);

/** A constant that must be a value: copied by nobody, so of the expression's encoding. */
COPSE_MUST_USE copse_status copse_expression_parse_constant(copse_expression_parser *parser,
                                                            copse_bytes value,
                                                            const copse_expression_node **ret_node);

/** The first of `count` new slots for variables that are bound inside. */
size_t copse_expression_parse_slots(copse_expression_parser *parser, size_t count);

/** CORRUPT unless `name` may be bound: a small letter first, then letters, digits and "_". */
COPSE_MUST_USE copse_status copse_expression_parse_name(copse_expression_parser *parser,
                                                        const copse_expression_node *node,
                                                        copse_bytes name);

/* ---- Evaluating ---- */

/** CORRUPT with a message that begins with the operator's name. */
#define COPSE_EXPRESSION_FAIL(run, node, ...)                                                      \
    copse_expression_fail((run), (node), __FILE__, __LINE__, __VA_ARGS__)
copse_status copse_expression_fail(const copse_expression *run, const copse_expression_node *node,
                                   const char *file, int line, const char *format, ...)
    COPSE_PRINTF(5, 6);

/** CORRUPT: "$op takes `expected`, not a `type of value`". */
COPSE_MUST_USE copse_status copse_expression_fail_type(const copse_expression *run,
                                                       const copse_expression_node *node,
                                                       const char *expected, copse_bytes value);

/** Evaluates one node. `ret_value` lives until the evaluation ends, or, if it was made, until the
 * scratch memory is rewound. */
COPSE_MUST_USE copse_status copse_expression_run(copse_expression *run,
                                                 const copse_expression_node *node,
                                                 copse_bytes *ret_value);

/** As copse_expression_run; an argument that is not given is missing. */
COPSE_MUST_USE copse_status copse_expression_argument(copse_expression *run,
                                                      const copse_expression_node *node,
                                                      size_t index, copse_bytes *ret_value);

/** Evaluates to a truth value. */
COPSE_MUST_USE copse_status copse_expression_test(copse_expression *run,
                                                  const copse_expression_node *node, bool *ret);

/** Takes `count` steps. LIMIT: there are no more. */
COPSE_MUST_USE copse_status copse_expression_step(copse_expression *run, uint64_t count);

/** Scratch memory. LIMIT: more than a value may have (limits.document_size_bytes_max), or all that
 * there is. NOMEM. */
COPSE_MUST_USE copse_status copse_expression_take(copse_expression *run, size_t size, void **ret);

/** Room for `count` elements of `size` bytes: lists of what is in the making, which may be larger
 * than values. */
COPSE_MUST_USE copse_status copse_expression_take_array(copse_expression *run, uint64_t count,
                                                        size_t size, void **ret);

/** Room for `count` items. */
COPSE_MUST_USE copse_status copse_expression_take_items(copse_expression *run, uint64_t count,
                                                        copse_bytes **ret_items);

/** A copy in the scratch memory. */
COPSE_MUST_USE copse_status copse_expression_keep(copse_expression *run, copse_bytes bytes,
                                                  copse_bytes *ret_copy);

/** Gives back what was taken since `mark`, if it is much, but for `value`, which moves. */
COPSE_MUST_USE copse_status copse_expression_settle(copse_expression *run, copse_scratch_mark mark,
                                                    copse_bytes *value);

/* ---- Values: reading ---- */

/** Whether it is null or missing. */
COPSE_INLINE bool copse_expression_is_null(copse_bytes value)
{
    return value.len == 0 || value.ptr[0] == 0xf6;
}

/** Reads a value; missing is read as null. CORRUPT: no value. */
COPSE_MUST_USE copse_status copse_expression_read(const copse_expression *run, copse_bytes encoded,
                                                  copse_value *ret_value);

bool copse_expression_is_number(const copse_value *value);

/** Reads a number of any kind, to compute with it; else CORRUPT, "$op takes numbers". */
COPSE_MUST_USE copse_status copse_expression_read_figure(const copse_expression *run,
                                                         const copse_expression_node *node,
                                                         copse_bytes encoded,
                                                         copse_figure *ret_figure);

/** Reads a whole number of any kind within int64_t; else CORRUPT, "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_read_whole(const copse_expression *run,
                                                        const copse_expression_node *node,
                                                        copse_bytes encoded, const char *what,
                                                        int64_t *ret_number);

/** Reads a text; else CORRUPT, "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_read_text(const copse_expression *run,
                                                       const copse_expression_node *node,
                                                       copse_bytes encoded, const char *what,
                                                       copse_bytes *ret_text);

/** The text that a string, a number or a date is, of null or missing the empty one; else CORRUPT.
 */
COPSE_MUST_USE copse_status copse_expression_coerce_text(copse_expression *run,
                                                         const copse_expression_node *node,
                                                         copse_bytes encoded,
                                                         copse_bytes *ret_text);

/** Reads the arguments 2 and 3, if they are given: where a search begins and ends. CORRUPT: no
 * whole numbers from 0 on. */
COPSE_MUST_USE copse_status copse_expression_read_range(const copse_expression *run,
                                                        const copse_expression_node *node,
                                                        const copse_bytes *arguments,
                                                        uint64_t *first, uint64_t *end);

/** Stands before an array's elements; else CORRUPT, "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_open_array(const copse_expression *run,
                                                        const copse_expression_node *node,
                                                        copse_bytes encoded, const char *what,
                                                        copse_cbor_reader *ret_reader,
                                                        uint64_t *ret_count);

/** Lends the elements of an array; else CORRUPT, "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_items(copse_expression *run,
                                                   const copse_expression_node *node,
                                                   copse_bytes encoded, const char *what,
                                                   copse_bytes **ret_items, size_t *ret_count);

/** A pair of an object. */
typedef struct copse_expression_pair {
    copse_bytes key; /* encoded */
    copse_bytes value;
} copse_expression_pair;

/** The text of an encoded key. */
copse_bytes copse_expression_key_text(copse_bytes key);

/** Lends the pairs of an object; else CORRUPT, "$op takes `what`". */
COPSE_MUST_USE copse_status copse_expression_pairs(copse_expression *run,
                                                   const copse_expression_node *node,
                                                   copse_bytes encoded, const char *what,
                                                   copse_expression_pair **ret_pairs,
                                                   size_t *ret_count);

/** The order of two values, as copse_value_compare; missing is between MinKey and null. */
COPSE_MUST_USE copse_status copse_expression_order(const copse_expression *run, copse_bytes a,
                                                   copse_bytes b, int *ret_order);

/* ---- Values: making. Each lives in the scratch memory or is static. ---- */

copse_bytes copse_expression_null(void);
copse_bytes copse_expression_bool(bool value);

COPSE_MUST_USE copse_status copse_expression_make_int(copse_expression *run, int64_t value,
                                                      copse_bytes *ret_value);

/** From -2^64 to 2^64 - 1 an integer, else a float. */
COPSE_MUST_USE copse_status copse_expression_make_wide(copse_expression *run, copse_i128 value,
                                                       copse_bytes *ret_value);

COPSE_MUST_USE copse_status copse_expression_make_float(copse_expression *run, double value,
                                                        copse_bytes *ret_value);

COPSE_MUST_USE copse_status copse_expression_make_date(copse_expression *run, int64_t date_ms,
                                                       copse_bytes *ret_value);

COPSE_MUST_USE copse_status copse_expression_make_text(copse_expression *run, copse_bytes text,
                                                       copse_bytes *ret_value);

/** A text of `size` bytes that the caller fills with UTF-8. */
COPSE_MUST_USE copse_status copse_expression_make_text_room(copse_expression *run, size_t size,
                                                            uint8_t **ret_text,
                                                            copse_bytes *ret_value);

/** Takes what was written to run->form, and empties it; `status` of the writer is passed on. */
COPSE_MUST_USE copse_status copse_expression_make_form(copse_expression *run, copse_status status,
                                                       copse_bytes *ret_value);

/** An array of the items; one that is missing is null. */
COPSE_MUST_USE copse_status copse_expression_make_array(copse_expression *run,
                                                        const copse_bytes *items, size_t count,
                                                        copse_bytes *ret_value);

/** An object of pairs in order of keys; one whose value is missing is left out. CORRUPT (E4): the
 * first key begins with "$". */
COPSE_MUST_USE copse_status copse_expression_make_object(copse_expression *run,
                                                         const copse_expression_pair *pairs,
                                                         size_t count, copse_bytes *ret_value);

#endif
