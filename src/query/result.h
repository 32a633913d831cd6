/* The inside of a running query.
 *
 * A result pulls entries from a scanner, in batches: of an index, the keys of the documents that
 * they lead to, told apart if need be; of the documents' range, their rows. The documents of a
 * batch are asked for together. Then each goes through the filter, is skipped or projected, and is
 * given out or put into a ranking.
 *
 *   R1  On WANT everything stays where it is: the batch, the place in it, the scanner.
 *   R2  Without a limit a batch has COPSE_RESULT_BATCH_MAX entries. Else it has as many as are
 *       still to be given, or if not every one counts, or may be asked for, at first few, and
 *       then more and more.
 *   R3  What is lent stays until the next call: leaves are held by the batch, not by the
 *       cursor.
 *   R4  A closed result holds nothing of a database. The query keeps one, for its next run: its
 *       memory, and its plan if that would be the same (planner.h, L4). Nor does a suspended
 *       one, which goes on where it was.
 *   R5  An entry that holds the document's link leads straight to it: the document's row is not
 *       looked up.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_RESULT_H
#define COPSE_QUERY_RESULT_H

#include "query/covered.h"
#include "query/id_set.h"
#include "query/ranking.h"
#include "query/scanner.h"
#include "tree/get_many.h"

/** Documents that are asked for together, at most. */
#define COPSE_RESULT_BATCH_MAX 256

/** A place in result->bytes. */
typedef struct copse_result_span {
    size_t offset;
    size_t len;
} copse_result_span;

/** A document on its way. */
typedef struct copse_result_row {
    const copse_access *access;
    copse_result_span key;         /* of the document's row */
    copse_result_span entry;       /* rechecked: the entry's key, */
    copse_result_span entry_value; /* and value */
    copse_result_span value;       /* of the document's row, if it was scanned */
} copse_result_row;

typedef enum copse_result_stage {
    RESULT_BEGUN,
    RESULT_READING,
    RESULT_GIVING, /* from the ranking */
    RESULT_ENDED
} copse_result_stage;

/** Asked before each document is looked at. */
typedef struct copse_query_stop {
    bool (*ask)(void *ctx); /**< True: the query fails with LIMIT. NULL: nobody. */
    void *ctx;
} copse_query_stop;

struct copse_result {
    const copse_env *env;
    copse_query *query;
    copse_database *database;
    copse_planned planned;
    copse_covered covered; /* as long as `planned` */
    bool given_plan;       /* made by others */
    bool recheck_entries;  /* of a foreign root: documents must have the entries that led to them */
    bool counts;           /* only counts what it finds */
    copse_query_stop stop;
    copse_result_stage stage;
    copse_status failed; /* a failure ends it: what it was */
    copse_scanner scanner;
    size_t point; /* documents by points: the next range */
    copse_id_set seen;
    copse_ranking ranking;
    copse_get_many gets;
    copse_buf prefix; /* of documents' keys */
    /* The batch. */
    copse_result_row rows[COPSE_RESULT_BATCH_MAX];
    copse_bytes values[COPSE_RESULT_BATCH_MAX];
    size_t rows_count;
    size_t row;     /* the next */
    bool looked_up; /* `values` is filled */
    bool hinted;    /* and what they link to is present */
    size_t batch_size;
    size_t first_batch;            /* of which size batches begin, for a limit may be more than is
                                      asked for; 0: it is what is asked for */
    const copse_result_row *given; /* of the last document that was given; NULL: from no row */
    copse_buf bytes;
    copse_document document;
    copse_buf made;   /* a covered document */
    copse_buf answer; /* a projected one */
    copse_buf key;    /* for sorting */
    uint64_t skip;    /* left */
    uint64_t limit;   /* left; UINT64_MAX: none */
    copse_result_stats stats;
};

/** How a result is opened. */
typedef struct copse_result_options {
    copse_query_need need;
    bool recheck_entries; /**< See copse_result. */
    bool has_plan;
    copse_bytes plan; /**< Given by others. */
    copse_query_stop stop;
    size_t first_batch; /**< Documents to read at first where all that the limit allows may not be
                             asked for; then twice as many, and so on. 0: they will be. */
} copse_result_options;

/** As copse_result_open and copse_result_open_plan. */
COPSE_MUST_USE copse_status copse_result_open_with(copse_query *query, copse_database *database,
                                                   const copse_result_options *options,
                                                   copse_result **ret_result, copse_err *err);

/** Appends the sort key (sort_spec.h) of `document`, which the result has just given whole: its
 * query has no projection. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_result_sort_key(copse_result *result, copse_bytes document,
                                                  copse_buf *buf, copse_err *err);

/** Lets go of the database after a WANT (R4). NOMEM: it can only be closed. */
COPSE_MUST_USE copse_status copse_result_suspend(copse_result *result, copse_err *err);

/** Whether it was suspended on the root of `database`. */
bool copse_result_is_for(const copse_result *result, const copse_database *database);

/** Goes on in `database`, of the same root. NOMEM: it can only be closed. */
COPSE_MUST_USE copse_status copse_result_resume(copse_result *result, copse_database *database,
                                                copse_err *err);

/** Frees one that is closed; NULL is allowed. Returns NULL. */
copse_result *copse_result_free(copse_result *result);

#endif
