/* The stages of a pipeline, compiled and running.
 *
 * A pipeline is compiled into a list of stages; stages that have pipelines of their own ($lookup,
 * $unionWith, $facet) hold further lists. A running list is a chain: a source of documents, and a
 * run of each stage that pulls from the one before it. Each kind of stage is a table of calls
 * (stage_kinds.h) and a file stage_<noun>.c.
 *
 *   T1  What a run gives is lent until it is asked again, so a stage may keep what it pulled until
 *       it pulls again.
 *   T2  On WANT a run keeps all that it was doing: asked again, it goes on. So it changes its state
 *       only behind the calls that may return WANT, or so that doing it again is right.
 *   T3  Compiled stages are not changed by running, but for the scratch memory of expressions,
 *       filters and queries: chains of one list never run inside each other, as a list is used at
 *       one place.
 *   T4  The memory that documents are held in is divided among the stages that hold some, by their
 *       number (`holds`); one chain of a list is open at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_STAGE_H
#define COPSE_QUERY_STAGE_H

#include "base/arena.h"

#include <copse/pipeline.h>

typedef struct copse_stage copse_stage;
typedef struct copse_stage_list copse_stage_list;
typedef struct copse_stage_run copse_stage_run;
typedef struct copse_stage_chain copse_stage_chain;
typedef struct copse_stage_parser copse_stage_parser;

/* ---- What later stages read of a document ---------------------------------------------------- */

/** Top-level fields that stages read; more than they do is allowed. */
typedef struct copse_stage_needs {
    copse_stage_parser *parser;
    copse_bytes *fields;
    size_t count;
    size_t capacity;
    bool all;
} copse_stage_needs;

/** Adds the field that `path` begins with. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_needs_path(copse_stage_needs *needs, copse_bytes path);

/** Adds what an encoded expression may read: every text in it that looks like a path; all, if it
 * may read the whole document. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_needs_expression(copse_stage_needs *needs,
                                                         copse_bytes expression);

/** Adds the paths that a filter tests. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_needs_filter(copse_stage_needs *needs,
                                                     const copse_filter *filter);

/** Whether two paths begin with the same field. */
bool copse_stage_same_field(copse_bytes path_a, copse_bytes path_b);

/* ---- Kinds ----------------------------------------------------------------------------------- */

typedef struct copse_stage_kind {
    const char *name; /**< With its $. */
    /** Fills stage->body. CORRUPT, LIMIT, NOMEM; messages without the stage's name. */
    copse_status (*parse)(copse_stage_parser *parser, copse_bytes argument, copse_stage *stage);
    /** Instead of all that follows: appends an array of the stages that it stands for. */
    copse_status (*expand)(copse_stage_parser *parser, copse_bytes argument, copse_buf *buf);
    size_t state_size; /**< Of run->state. */
    /** Readies run->state, which is zeroed. NULL: nothing to do. After a failure close is called
     * too. */
    copse_status (*open)(copse_stage_run *run, copse_err *err);
    /** The next document. END, WANT (T2) or a failure. */
    copse_status (*next)(copse_stage_run *run, copse_bytes *ret_document, copse_err *err);
    /** Frees what run->state owns. NULL: nothing to do. */
    void (*close)(copse_stage_run *run);
    /** Adds what the stage reads; *ret_ends: later stages see nothing else of what comes in. NULL:
     * it reads nothing. NOMEM. */
    copse_status (*needs)(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends);
    /** Whether a $match of `path` may stand before the stage as well as behind it. NULL: no. */
    bool (*passes)(const copse_stage *stage, copse_bytes path);
    bool holds; /**< Documents are held in memory (T4). */
} copse_stage_kind;

struct copse_stage {
    const copse_stage_kind *kind;
    size_t number;      /**< As the user counts, from 1. */
    copse_bytes filter; /**< Of a $match without $expr: encoded. */
    void *body;         /**< The kind's own, in the pipeline's arena. */
};

/* ---- Compiling ------------------------------------------------------------------------------- */

/** Where the documents of a list come from. */
typedef struct copse_stage_source {
    bool fed;           /**< The chain is given them ($facet). */
    copse_bytes filter; /**< Of all leading $match. Encoded; len 0: none. */
    const copse_sort_spec *sort;
    uint64_t skip;
    uint64_t limit;           /**< 0: none. */
    copse_bytes projection;   /**< What the stages need; len 0: all. */
    size_t plain_count;       /**< Stages that the query does without `sort`, */
    size_t sorted_count;      /**< and with it. */
    const copse_stage *count; /**< $count or $group, whose one document is made of the number of
                                   matches; it is the stage behind the plain ones. */
    copse_query *queries[2];  /**< Without `sort`, with it; made when they are needed. */
} copse_stage_source;

struct copse_stage_list {
    copse_bytes collection;
    copse_bytes hint;
    const copse_expression_variable *variables; /**< Names. */
    size_t variables_count;
    copse_stage **stages;
    size_t count;
    size_t capacity;
    copse_stage_source source;
};

/** What a list is compiled with. */
struct copse_stage_parser {
    copse_pipeline *pipeline;
    const copse_env *env;
    copse_arena *arena;
    const copse_expression_variable *variables;
    size_t variables_count;
    size_t depth; /**< Of lists in lists. */
    bool in_facet;
    copse_err *err;
};

/** Memory of the pipeline, cleared. NULL: reported as NOMEM. */
void *copse_stage_alloc(copse_stage_parser *parser, size_t size);

/** Room for one more of `count` elements in an array of the arena. NOMEM. */
COPSE_MUST_USE copse_status copse_stage_grow(copse_stage_parser *parser, void **array,
                                             size_t *capacity, size_t count, size_t size);

/** Compiles an array of stages over `collection`; `fed`: over what a chain is given. */
COPSE_MUST_USE copse_status copse_stage_list_parse(copse_stage_parser *parser, copse_bytes stages,
                                                   copse_bytes collection, bool fed,
                                                   copse_stage_list **ret_list);

/** An expression or filter that the pipeline frees. `encoded` must live as long as the pipeline. */
COPSE_MUST_USE copse_status copse_stage_expression(copse_stage_parser *parser, copse_bytes encoded,
                                                   copse_expression **ret_expression);
COPSE_MUST_USE copse_status copse_stage_filter(copse_stage_parser *parser, copse_bytes encoded,
                                               copse_filter **ret_filter);

/** Appends the head of {"$and": [a, b, …]}, before `count` filters. */
COPSE_MUST_USE copse_status copse_stage_write_and(copse_buf *buf, size_t count);

/** A sort order: a map of one pair, or an array of pairs (pipeline.h). */
COPSE_MUST_USE copse_status copse_stage_sort(copse_stage_parser *parser, copse_bytes encoded,
                                             const copse_sort_spec **ret_sort);

/** A whole number from `least` on that an int64_t holds. CORRUPT: `what` must be one. */
COPSE_MUST_USE copse_status copse_stage_whole(copse_stage_parser *parser, const char *what,
                                              copse_bytes encoded, int64_t least,
                                              int64_t *ret_number);

/** A text. CORRUPT: `what` must be one. */
COPSE_MUST_USE copse_status copse_stage_text(copse_stage_parser *parser, const char *what,
                                             copse_bytes encoded, copse_bytes *ret_text);

/** A name of a top-level field: not empty, without dots, not beginning with "$". */
COPSE_MUST_USE copse_status copse_stage_field_name(copse_stage_parser *parser, copse_bytes name);

/** A path with "$" before it: "$a.b"; gives "a.b". */
COPSE_MUST_USE copse_status copse_stage_field_path(copse_stage_parser *parser, const char *what,
                                                   copse_bytes encoded, copse_bytes *ret_path);

/** The pairs of a map, or the elements of an array, of an encoding that was checked. */
typedef struct copse_stage_items {
    copse_cbor_reader reader;
    copse_cbor_kind kind;
    uint64_t count;
    uint64_t left;
    copse_bytes key; /**< Of a pair. */
    copse_bytes value;
} copse_stage_items;

/** Stands before the first; of what is neither map nor array there are none. */
void copse_stage_items_init(copse_stage_items *items, copse_bytes encoded);

/** Moves to the next; false: there is none. */
bool copse_stage_items_next(copse_stage_items *items);

/** Whether the item at hand has this key. */
bool copse_stage_items_is(const copse_stage_items *items, const char *key);

/** CORRUPT unless the encoding is an object. */
COPSE_MUST_USE copse_status copse_stage_want_object(copse_stage_parser *parser,
                                                    copse_bytes encoded);

/** CORRUPT: there is no option of this name. */
copse_status copse_stage_unknown(copse_stage_parser *parser, copse_bytes name);

/* ---- Running --------------------------------------------------------------------------------- */

/** What the pipelines within a stage read, those within them included. */
typedef struct copse_stage_reading {
    uint64_t queries;
    uint64_t keys_examined;
    uint64_t documents_examined;
    copse_buf plan; /**< Of the first query, as copse_result_explain. */
} copse_stage_reading;

struct copse_stage_run {
    const copse_stage *stage;
    copse_stage_chain *chain;
    copse_stage_run *input; /**< NULL: the chain's source. */
    void *state;
    uint64_t given; /**< Documents, until now. */
    uint64_t spilled_bytes;
    copse_stage_reading reading;
    const char *by; /**< What answered without documents; NULL: nothing did. */
};

/** Gives documents to a chain that is fed. As copse_stage_kind.next. */
typedef copse_status (*copse_stage_feed_fn)(void *ctx, copse_bytes *ret_document, copse_err *err);

/** What all chains of one run share. */
typedef struct copse_stage_world {
    const copse_env *env;
    copse_database *database;
    const copse_run_store *runs; /**< NULL: nothing can be spilled. */
    size_t share_bytes;          /**< The memory of one stage that holds documents (T4). */
} copse_stage_world;

/** What a chain is opened with. */
typedef struct copse_stage_chain_options {
    const copse_expression_variable *variables; /**< As the list's, with values; borrowed. */
    copse_bytes filter;                         /**< Besides the source's; len 0: none. Encoded. */
    copse_stage_feed_fn feed;
    void *feed_ctx;
    copse_stage_reading *reading; /**< Where it counts what it reads; NULL: nowhere. */
} copse_stage_chain_options;

struct copse_stage_chain {
    const copse_stage_world *world;
    copse_stage_list *list;
    copse_stage_chain_options options;
    copse_query *own[2]; /**< Queries, where options.filter is given: without the order, with it. */
    copse_result *result;
    copse_buf made;             /**< A document that the source made. */
    bool is_made;               /**< It was given. */
    bool blamed;                /**< A failure's message has the stage. */
    uint64_t read;              /**< Documents that the source gave. */
    copse_result_stats told;    /**< What options.reading has of it. */
    copse_buf explained;        /**< How the source made a document: an encoded map, */
    copse_result_stats counted; /**< and what that took. */
    copse_stage_run *runs;
    size_t runs_count;
    size_t first; /**< The number of stages that the source does. */
};

/** Where a chain that `run` opens counts what it reads: with the outermost run, which is explained.
 */
static inline copse_stage_reading *copse_stage_reading_of(copse_stage_run *run)
{
    copse_stage_reading *outer = run->chain->options.reading;
    return outer != NULL ? outer : &run->reading;
}

/** What its query did. */
copse_result_stats copse_stage_chain_stats(const copse_stage_chain *chain);

/** Appends how its query goes, as copse_result_explain; null: it has not begun. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_stage_chain_explain(const copse_stage_chain *chain,
                                                      copse_buf *buf, copse_err *err);

/** Opens a list. WANT, and the statuses of copse_result_open. */
COPSE_MUST_USE copse_status copse_stage_chain_open(const copse_stage_world *world,
                                                   copse_stage_list *list,
                                                   const copse_stage_chain_options *options,
                                                   copse_stage_chain **ret_chain, copse_err *err);

/** Closes it; NULL is allowed. Returns NULL. */
copse_stage_chain *copse_stage_chain_close(copse_stage_chain *chain);

/** The next document of the last stage. */
COPSE_MUST_USE copse_status copse_stage_chain_next(copse_stage_chain *chain,
                                                   copse_bytes *ret_document, copse_err *err);

/** Puts number and name of the stage before the message. Returns `status`. */
copse_status copse_stage_blame(const copse_stage *stage, copse_status status, copse_err *err);

/** The next document that comes into a stage. */
COPSE_MUST_USE copse_status copse_stage_pull(copse_stage_run *run, copse_bytes *ret_document,
                                             copse_err *err);

static inline const copse_env *copse_stage_env(const copse_stage_run *run)
{
    return run->chain->world->env;
}

/* ---- Values of expressions ------------------------------------------------------------------- */

/** An expression that is evaluated for many documents: values of top-level fields and constants are
 * lent, not copied. */
typedef struct copse_stage_operand {
    copse_expression *expression;
    copse_bytes encoded;
    copse_bytes field;    /**< It is the value of this top-level field; len 0: it is not. */
    copse_bytes constant; /**< len 0: it is none. */
} copse_stage_operand;

COPSE_MUST_USE copse_status copse_stage_operand_parse(copse_stage_parser *parser,
                                                      copse_bytes encoded,
                                                      copse_stage_operand *ret_operand);

/** The value for `document`; len 0: it is missing. Lent from the document, the operand, or from
 * `buf`, to which it is appended then: valid until that is changed. Statuses as
 * copse_expression_evaluate. */
COPSE_MUST_USE copse_status copse_stage_operand_value(const copse_stage_chain *chain,
                                                      const copse_stage_operand *operand,
                                                      copse_bytes document, copse_buf *buf,
                                                      copse_bytes *ret_value, copse_err *err);

#endif
