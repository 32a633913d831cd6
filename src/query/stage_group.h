/* The inside of $group.
 *
 *   C1  Groups come out in the order of their _id, by the part of its order key that an index would
 *       hold (order.h), wherever they were kept.
 *   C2  While there is memory, groups are made in a table. When it is full, groups that are not in
 *       it are spilled: as rows of _id and values, sorted by that key, and made one after the other
 *       in the end. When what the groups in the table hold passes the bound, they leave it, as rows
 *       of _id and states, which stand before the later rows of the same group.
 *   C3  So each group's accumulators take the same values in the same order whatever the bound, and
 *       the result is the same to the bit.
 *
 * A spilled row is a byte, 0 for states and 1 for values, then the _id, then what each accumulator
 * saved or is to take; each with its size, u32be, before it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_STAGE_GROUP_H
#define COPSE_QUERY_STAGE_GROUP_H

#include "query/accumulator.h"
#include "query/group_table.h"
#include "query/spill.h"

/** The compiled stage. */
typedef struct copse_stage_group {
    copse_stage_operand id;
    copse_accumulator *accumulators; /* in DAG-CBOR's order of their fields */
    size_t count;
    size_t capacity;
    size_t id_place; /* accumulators that stand before _id in a document */
    size_t states_size;
} copse_stage_group;

/** The running one: what is done with documents, and with groups. A zeroed one may be closed. */
typedef struct copse_group_state {
    bool is_read;
    bool tries_edge; /* group_edge.c: */
    size_t edge_at;  /* the accumulator that is next */
    copse_query *edge_query;
    copse_result *edge_result;
    copse_group_table table;
    copse_accumulator_pool pool;
    size_t table_bytes_max;
    bool is_closed;    /* the table takes no more groups */
    copse_spill spill; /* env NULL: nothing was spilled */
    copse_buf value;   /* of an expression */
    copse_buf id;
    copse_buf row; /* to be spilled */
    copse_buf answer;
    /* Giving: */
    copse_prefix_item *order; /* of the table's groups; count of them: */
    size_t order_count;
    size_t order_at;
    copse_buf keys; /* of the table's groups: number, size of the key, both u32be, and the key */
    bool has_row;   /* of the spill, not yet used: */
    copse_bytes row_key;
    copse_bytes row_bytes;
    uint8_t *states; /* of the one group that is made from rows, or from edges */
    copse_buf group_key;
} copse_group_state;

/** Takes a document that belongs to a group which is not in the table: spills it (C2). LIMIT:
 * nothing can be spilled. */
COPSE_MUST_USE copse_status copse_group_spill_document(copse_stage_run *run, copse_bytes id,
                                                       copse_bytes document, copse_err *err);

/** Lets all groups leave the table (C2). LIMIT: nothing can be spilled. */
COPSE_MUST_USE copse_status copse_group_spill_table(copse_stage_run *run, copse_err *err);

/** Begins to give: puts the table's groups in order. */
COPSE_MUST_USE copse_status copse_group_give_begin(copse_stage_run *run, copse_err *err);

/** The next group's document. END, and failures. */
COPSE_MUST_USE copse_status copse_group_give_next(copse_stage_run *run, copse_bytes *ret_document,
                                                  copse_err *err);

/** Whether the stage may be answered by the edges of indexes. */
bool copse_group_edge_may_be(const copse_stage_run *run);

/** Gives the one group from the edges of indexes. NOT_FOUND: they don't say, and all documents are
 * to be read. WANT: call it again. Failures as copse_result_next. */
COPSE_MUST_USE copse_status copse_group_edge(copse_stage_run *run, copse_bytes *ret_document,
                                             copse_err *err);

/** Gives up what copse_group_edge is doing. */
void copse_group_edge_release(copse_group_state *state);

/** Appends the key by which groups are ordered (C1). */
COPSE_MUST_USE copse_status copse_group_order_key(copse_bytes id, copse_buf *buf, copse_err *err);

/** Appends the document of a group. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_group_write(const copse_stage_group *group, copse_bytes id,
                                              const uint8_t *states, copse_buf *buf,
                                              copse_err *err);

#endif
