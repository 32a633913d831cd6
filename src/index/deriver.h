/* The inside of a deriver.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_INDEX_DERIVER_H
#define COPSE_INDEX_DERIVER_H

#include "base/arena.h"
#include "index/entries.h"
#include "tree/prefix_sort.h"

#include <copse/projection.h>

/* A value of a field of the document at hand. */
typedef struct copse_deriver_value {
    copse_order_kind kind;
    bool cut;
    copse_bytes encoded;
    size_t offset; /* of its part in `parts` */
    size_t size;
} copse_deriver_value;

typedef struct copse_deriver_field {
    copse_bytes mark_array; /* what its marks begin with */
    copse_bytes mark_long;
    size_t first; /* its values in the document at hand */
    size_t count;
    bool is_array;
    bool is_cut;
} copse_deriver_field;

struct copse_index_deriver {
    const copse_env *env;
    copse_arena arena; /* what the definition and the fields point to */
    copse_index_definition definition;
    copse_bytes prefix;
    copse_filter *filter;      /* NULL: all documents */
    copse_projection *include; /* NULL: nothing included */
    copse_deriver_field fields[COPSE_SORT_FIELDS_MAX];
    size_t mark_order[COPSE_SORT_FIELDS_MAX]; /* fields by the bytes of their marks */
    bool descending[COPSE_ORDER_PARTS_MAX];
    /* Scratch of a derive. */
    copse_deriver_value *values;
    size_t values_count;
    size_t values_capacity;
    copse_prefix_item *sorted; /* the elements of the array, E1 */
    size_t sorted_capacity;
    copse_buf parts;
    copse_buf key;
    copse_buf tail; /* parts behind the array and the primary key */
    copse_buf value;
};

/** The number of fields, which is also the position of the primary key's part. */
static inline size_t copse_deriver_last(const copse_index_deriver *deriver)
{
    return deriver->definition.fields_count;
}

#endif
