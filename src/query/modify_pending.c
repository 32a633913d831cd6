/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/modify_pending.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"

enum { PENDING_SLOTS_MIN = 16 };

void copse_pending_init(copse_pending *pending, const copse_env *env, const copse_write *write)
{
    *pending = (copse_pending){.env = env, .write = write};
    copse_arena_init(&pending->arena, env);
    copse_buf_init(&pending->key, env, SIZE_MAX);
    copse_buf_init(&pending->scratch, env, SIZE_MAX);
    if (env->random == NULL ||
        env->random(env->random_ctx, pending->seed, sizeof pending->seed) != COPSE_OK) {
        pending->seed[0] = (uint64_t)(uintptr_t)pending; /* better than a constant */
    }
}

void copse_pending_release(copse_pending *pending)
{
    const copse_env *env = pending->env;
    copse_arena_release(&pending->arena);
    copse_free_array(env, pending->collections, pending->collections_capacity,
                     sizeof *pending->collections);
    copse_free_array(env, pending->documents, pending->capacity, sizeof *pending->documents);
    copse_free_array(env, pending->slots, pending->slots_count, sizeof *pending->slots);
    copse_buf_release(&pending->key);
    copse_buf_release(&pending->scratch);
}

void copse_pending_reset(copse_pending *pending)
{
    copse_arena_reset(&pending->arena);
    copse_free_array(pending->env, pending->slots, pending->slots_count, sizeof *pending->slots);
    pending->slots = NULL;
    pending->slots_count = 0;
    pending->folded = 0;
    pending->collections_count = 0;
    pending->count = 0;
}

/* ---- finding ---- */

size_t copse_pending_find_collection(const copse_pending *pending, copse_bytes name)
{
    for (size_t i = pending->collections_count; i > 0; i--) {
        if (copse_bytes_equal(pending->collections[i - 1].name, name)) {
            return i - 1;
        }
    }
    return SIZE_MAX;
}

/* The slot of the document with this key, or the free one for it; there are slots. */
static size_t pending_find_slot(const copse_pending *pending, uint64_t hash, copse_bytes key)
{
    size_t mask = pending->slots_count - 1;
    size_t slot = (size_t)hash & mask;
    while (pending->slots[slot] != 0) {
        const copse_pending_document *document = &pending->documents[pending->slots[slot] - 1];
        if (document->hash == hash && copse_bytes_equal(document->key, key)) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

size_t copse_pending_find(const copse_pending *pending, size_t collection, copse_bytes key)
{
    if (pending->count == 0) {
        return SIZE_MAX;
    }
    size_t slot = pending_find_slot(pending, copse_siphash(pending->seed, key), key);
    if (pending->slots[slot] == 0 ||
        pending->documents[pending->slots[slot] - 1].collection != collection) {
        return SIZE_MAX;
    }
    return pending->slots[slot] - 1;
}

copse_bytes copse_pending_encoded(const copse_pending *pending, size_t number)
{
    const copse_pending_document *document = &pending->documents[number];
    const copse_write_op *op = &pending->write->ops[document->op];
    if (op->kind == COPSE_WRITE_DELETE) {
        return (copse_bytes){NULL, 0};
    }
    return document->made.ptr != NULL ? document->made
                                      : copse_write_bytes(pending->write, op->item);
}

/* ---- folding ---- */

static copse_status pending_add_collection(copse_pending *pending, copse_bytes name,
                                           copse_bytes primary_key, bool hides_database,
                                           size_t *ret_number, copse_err *err)
{
    const copse_pending_collection added = {
        .name = copse_arena_dup(&pending->arena, name),
        .primary_key = copse_arena_dup(&pending->arena, primary_key),
        .hides_database = hides_database,
    };
    void *array = pending->collections;
    bool grown = copse_array_grow(pending->env, &array, &pending->collections_capacity,
                                  pending->collections_count + 1, sizeof *pending->collections);
    pending->collections = array;
    if (!grown || added.name.ptr == NULL || added.primary_key.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_number = pending->collections_count;
    pending->collections[pending->collections_count++] = added;
    return COPSE_OK;
}

/* The collection of an operation on a document. */
static copse_status pending_name_collection(copse_pending *pending, const copse_database *database,
                                            copse_bytes name, size_t *ret_number, copse_err *err)
{
    size_t number = copse_pending_find_collection(pending, name);
    if (number != SIZE_MAX) {
        *ret_number = number;
        return COPSE_OK;
    }
    const copse_collection *present = copse_database_collection(database, name);
    copse_bytes primary_key = present != NULL ? present->primary_key : copse_bytes_of_text("_id");
    return pending_add_collection(pending, name, primary_key, false, ret_number, err);
}

/* The primary key of an operation's document, and the document if an `_id` must be put in. len 0:
 * it has none, and can't be applied (N2). */
static copse_status pending_read(copse_pending *pending, const copse_write_op *op,
                                 copse_bytes primary_key, copse_bytes *ret_id,
                                 copse_bytes *ret_made, copse_err *err)
{
    copse_bytes item = copse_write_bytes(pending->write, op->item);
    copse_status status = COPSE_OK;
    *ret_id = (copse_bytes){NULL, 0};
    *ret_made = (copse_bytes){NULL, 0};
    if (op->kind == COPSE_WRITE_DELETE) {
        *ret_id = item;
        return COPSE_OK;
    }
    if (copse_document_primary(item, primary_key, ret_id, NULL) == COPSE_OK || op->id.len == 0 ||
        !copse_bytes_equal(primary_key, copse_bytes_of_text("_id"))) {
        return COPSE_OK;
    }
    copse_buf_truncate(&pending->scratch, 0);
    status = copse_document_write_with_id(&pending->scratch, item,
                                          copse_write_bytes(pending->write, op->id), err);
    if (status == COPSE_OK) {
        *ret_made = copse_arena_dup(&pending->arena, copse_buf_view(&pending->scratch));
        status = ret_made->ptr == NULL
                     ? COPSE_ERR_NOMEM(err)
                     : copse_document_primary(*ret_made, primary_key, ret_id, err);
    }
    return status;
}

/* Keeps at least a quarter of the slots free. */
static copse_status pending_grow(copse_pending *pending, copse_err *err)
{
    void *array = pending->documents;
    bool grown = copse_array_grow(pending->env, &array, &pending->capacity, pending->count + 1,
                                  sizeof *pending->documents);
    pending->documents = array;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    if (pending->count + 1 <= pending->slots_count / 4 * 3) {
        return COPSE_OK;
    }
    if (pending->count >= UINT32_MAX / 2) {
        return COPSE_ERR(err, COPSE_LIMIT, "a batch on more than %zu documents", pending->count);
    }
    copse_pending larger = *pending;
    larger.slots_count = pending->slots_count == 0 ? PENDING_SLOTS_MIN : pending->slots_count * 2;
    larger.slots = copse_alloc_zeroed(pending->env, larger.slots_count * sizeof *larger.slots);
    if (larger.slots == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < pending->count; i++) {
        const copse_pending_document *document = &pending->documents[i];
        larger.slots[pending_find_slot(&larger, document->hash, document->key)] = (uint32_t)i + 1;
    }
    copse_free_array(pending->env, pending->slots, pending->slots_count, sizeof *pending->slots);
    pending->slots = larger.slots;
    pending->slots_count = larger.slots_count;
    return COPSE_OK;
}

/* Puts the document with the key in pending->key; `document` has its operation. */
static copse_status pending_put(copse_pending *pending, copse_pending_document document,
                                copse_err *err)
{
    copse_status status = pending_grow(pending, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes key = copse_buf_view(&pending->key);
    document.hash = copse_siphash(pending->seed, key);
    size_t slot = pending_find_slot(pending, document.hash, key);
    bool is_new = pending->slots[slot] == 0;
    copse_pending_document *place =
        &pending->documents[is_new ? pending->count : pending->slots[slot] - 1];
    document.key = is_new ? copse_arena_dup(&pending->arena, key) : place->key;
    if (document.key.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    if (is_new) {
        pending->slots[slot] = (uint32_t)++pending->count;
    }
    pending->collections[document.collection].count += is_new;
    *place = document;
    return COPSE_OK;
}

static copse_status pending_fold_document(copse_pending *pending, const copse_database *database,
                                          size_t number, copse_err *err)
{
    const copse_write_op *op = &pending->write->ops[number];
    copse_bytes name = copse_write_bytes(pending->write, op->collection);
    copse_pending_document document = {.op = number};
    copse_bytes id;
    copse_status status =
        pending_name_collection(pending, database, name, &document.collection, err);
    if (status == COPSE_OK) {
        status = pending_read(pending, op, pending->collections[document.collection].primary_key,
                              &id, &document.made, err);
    }
    if (status != COPSE_OK || id.len == 0) {
        return status;
    }
    copse_buf_truncate(&pending->key, 0);
    status = copse_key_write_documents(&pending->key, name);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    status = copse_order_write_primary(&pending->key, id, err);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        return COPSE_OK; /* N2 */
    }
    return status == COPSE_OK ? pending_put(pending, document, err) : status;
}

copse_status copse_pending_fold(copse_pending *pending, const copse_database *database,
                                copse_err *err)
{
    const copse_write *write = pending->write;
    copse_status status = COPSE_OK;
    for (; pending->folded < write->ops_count && status == COPSE_OK; pending->folded++) {
        const copse_write_op *op = &write->ops[pending->folded];
        copse_bytes name = copse_write_bytes(write, op->collection);
        size_t number;
        switch (op->kind) {
        case COPSE_WRITE_CREATE_COLLECTION:
            status = pending_add_collection(pending, name, copse_write_bytes(write, op->name), true,
                                            &number, err);
            break;
        case COPSE_WRITE_DROP_COLLECTION:
            status = pending_add_collection(pending, name, copse_bytes_of_text("_id"), true,
                                            &number, err);
            break;
        case COPSE_WRITE_INSERT:
        case COPSE_WRITE_REPLACE:
        case COPSE_WRITE_UPSERT:
        case COPSE_WRITE_DELETE:
            status = pending_fold_document(pending, database, pending->folded, err);
            break;
        default:
            break;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}
