/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/cost.h"

#include "base/compiler.h"
#include "base/err.h"

/* In units of a key that is read in passing. */
enum {
    COST_DOCUMENT = 6, /* a document that is looked up by its key */
    COST_BLOCK = 8,    /* one that is a block of its own, besides; or alone, if the entry links */
    COST_PASSED = 1,   /* a document that is passed in a scan */
    COST_SEEK = 4,     /* a range */
    COST_SORT = 4,     /* a document that is held to be sorted */
    COST_SCAN = 100,   /* to read a collection through: a small one is never worth it */
    COST_RANGES = 8,   /* ranges that are estimated; the others are taken to be like them */
    COST_SHARE = 10,   /* the share of documents that match a filter without bounds: a tenth */
    COST_DOCUMENT_SIZE = 512,
    COST_OVERFLOW = 64 /* times dearer if the sort may not fit into memory */
};

static uint64_t cost_multiply(uint64_t a, uint64_t b)
{
    copse_u128 product = (copse_u128)a * b;
    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

static uint64_t cost_add(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

/* The keys in the ranges, from the nodes that are present. */
static copse_status cost_keys(copse_cost_model *model, const copse_access *access,
                              uint64_t *ret_keys, copse_err *err)
{
    copse_tree *tree = copse_database_tree(model->context.database);
    size_t ranges = access->scan.ranges_count;
    size_t looked = ranges < COST_RANGES ? ranges : COST_RANGES;
    uint64_t keys = 0;
    if (copse_database_version(model->context.database) == 1) {
        *ret_keys = 0;
        return COPSE_OK;
    }
    for (size_t i = 0; i < looked; i++) {
        uint64_t count = 0;
        bool exact = false;
        const copse_key_range *range = &access->scan.ranges[i * ranges / looked];
        copse_status status = copse_tree_estimate(tree, range, SIZE_MAX, &count, &exact, err);
        if (status != COPSE_OK) {
            return status;
        }
        keys += count;
        model->exact = model->exact && exact;
    }
    *ret_keys = looked > 0 ? cost_multiply(keys, ranges) / looked : 0;
    return COPSE_OK;
}

copse_status copse_cost_model_init(copse_cost_model *model, const copse_access_context *context,
                                   copse_err *err)
{
    *model = (copse_cost_model){.context = *context, .exact = true};
    copse_access all;
    copse_status status =
        copse_access_make(context, COPSE_ACCESS_DOCUMENTS, NULL, NULL, NULL, 0, &all, err);
    if (status == COPSE_OK) {
        status = cost_keys(model, &all, &model->documents, err);
    }
    bool filters = context->query->conjuncts_count > 0;
    model->matches = filters ? model->documents / COST_SHARE + 1 : model->documents;
    return status;
}

copse_status copse_cost_look(copse_cost_model *model, const copse_access *access, copse_err *err)
{
    uint64_t keys = 0;
    copse_status status = COPSE_OK;
    if (access->fields_used > 0) {
        status = cost_keys(model, access, &keys, err);
        model->matches = keys < model->matches ? keys : model->matches;
    }
    return status;
}

/* How many of `keys` are read before enough matches have come. */
static uint64_t cost_read(const copse_cost_model *model, const copse_access *access, uint64_t keys)
{
    const copse_query *query = model->context.query;
    bool stops = query->limit > 0 && (access->ordered || !model->context.sorted);
    if (!stops || model->context.need == COPSE_NEED_COUNT) {
        return keys;
    }
    /* what is skipped by the counts of the tree is not read */
    bool passes = access->exact && !access->unique && access->streams == 1;
    uint64_t needed = passes ? query->limit : cost_add(query->limit, query->skip);
    uint64_t matches = access->exact ? keys : model->matches;
    if (matches == 0 || needed >= matches) {
        return keys;
    }
    uint64_t read = (uint64_t)((copse_u128)needed * keys / matches);
    return read < keys ? read : keys;
}

static uint64_t cost_document(const copse_cost_model *model, const copse_access *access)
{
    bool linked = model->context.collection->documents == COPSE_DOCUMENTS_LINKED;
    bool counted = model->context.need == COPSE_NEED_COUNT && access->exact;
    if (access->covered || counted) {
        return 0;
    }
    if (linked && access->definition != NULL && access->definition->link) {
        return COST_BLOCK;
    }
    uint64_t document = access->definition == NULL && !access->points ? COST_PASSED : COST_DOCUMENT;
    return document + (linked ? COST_BLOCK : 0);
}

static uint64_t cost_sort(const copse_cost_model *model, const copse_access *access, uint64_t keys)
{
    const copse_query *query = model->context.query;
    uint64_t held = access->exact || model->matches > keys ? keys : model->matches;
    if (!model->context.sorted || access->ordered) {
        return 0;
    }
    uint64_t cost = cost_multiply(held, COST_SORT);
    if (query->limit > 0) {
        return cost / COST_SORT; /* only the best are held */
    }
    bool fits =
        cost_multiply(held, COST_DOCUMENT_SIZE) <= query->env->limits.query_memory_bytes_max;
    return fits ? cost : cost_multiply(cost, COST_OVERFLOW);
}

copse_status copse_cost_of(copse_cost_model *model, const copse_access *access, uint64_t *ret_cost,
                           uint64_t *ret_keys, copse_err *err)
{
    uint64_t keys = 0;
    copse_status status = cost_keys(model, access, &keys, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool counts = model->context.need == COPSE_NEED_COUNT && access->exact && !access->unique;
    uint64_t cost =
        counts ? 0
               : cost_multiply(cost_read(model, access, keys), 1 + cost_document(model, access));
    cost = cost_add(cost, cost_multiply(access->scan.ranges_count, COST_SEEK));
    cost = cost_add(cost, cost_sort(model, access, keys));
    if (access->definition == NULL && access->fields_used == 0 && !counts) {
        cost = cost_add(cost, COST_SCAN);
    }
    *ret_cost = cost;
    *ret_keys = keys;
    return COPSE_OK;
}
