/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/relayed_records.h"

#include "base/alloc.h"
#include "base/err.h"

#include <inttypes.h>

void copse_relayed_records_release(copse_relayed_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        copse_buf_release(&records->items[i].bytes);
    }
    copse_free_array(records->env, records->items, records->capacity, sizeof *records->items);
    *records = (copse_relayed_records){.env = records->env};
}

static bool relayed_is_valid(const copse_relayed_records *records,
                             const copse_relayed_record *record)
{
    return record->said.eol_ms > records->env->clock(records->env->clock_ctx);
}

/* The place of a name, or records->count. */
static size_t relayed_place(const copse_relayed_records *records, const copse_public_key *name)
{
    size_t at = 0;
    while (at < records->count && !copse_public_key_equal(&records->items[at].name, name)) {
        at++;
    }
    return at;
}

/* A place for one more: that of one that has ended, or behind the last. */
static copse_status relayed_make_place(copse_relayed_records *records, size_t *ret_at,
                                       copse_err *err)
{
    void *items = records->items;
    for (size_t i = 0; i < records->count; i++) {
        if (!relayed_is_valid(records, &records->items[i])) {
            *ret_at = i;
            return COPSE_OK;
        }
    }
    if (records->count >= records->env->limits.serve_records_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "there are %zu records here already", records->count);
    }
    if (!copse_array_grow(records->env, &items, &records->capacity, records->count + 1,
                          sizeof *records->items)) {
        return COPSE_ERR_NOMEM(err);
    }
    records->items = items;
    *ret_at = records->count;
    return COPSE_OK;
}

/* Whether a record takes the place of the one that is there. OK; END: it is the same. */
static copse_status relayed_compare(const copse_relayed_record *had, const copse_ipns_record *came,
                                    copse_bytes bytes, copse_err *err)
{
    if (copse_bytes_equal(copse_buf_view(&had->bytes), bytes)) {
        return COPSE_END;
    }
    return copse_ipns_compare(came, &had->said) > 0
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_CONFLICT,
                           "the record that is here has sequence %" PRIu64 ", this one %" PRIu64,
                           had->said.sequence, came->sequence);
}

copse_status copse_relayed_records_put(copse_relayed_records *records, const copse_public_key *name,
                                       copse_bytes record, copse_err *err)
{
    const copse_env *env = records->env;
    copse_relayed_record made = {.name = *name};
    size_t at = relayed_place(records, name);
    copse_status status =
        copse_ipns_verify(env, record, name, env->clock(env->clock_ctx), &made.said, err);
    if (status == COPSE_OK && at < records->count) {
        status = relayed_compare(&records->items[at], &made.said, record, err);
    } else if (status == COPSE_OK) {
        status = relayed_make_place(records, &at, err);
    }
    if (status != COPSE_OK) {
        return status == COPSE_END ? COPSE_OK : status;
    }
    copse_buf_init(&made.bytes, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    if (copse_buf_append(&made.bytes, record) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    made.said.value.ptr = made.bytes.ptr + (made.said.value.ptr - record.ptr);
    if (at < records->count) {
        copse_buf_release(&records->items[at].bytes);
    } else {
        records->count++;
    }
    records->items[at] = made;
    return COPSE_OK;
}

const copse_relayed_record *copse_relayed_records_find(const copse_relayed_records *records,
                                                       const copse_public_key *name)
{
    size_t at = relayed_place(records, name);
    return at < records->count && relayed_is_valid(records, &records->items[at])
               ? &records->items[at]
               : NULL;
}
