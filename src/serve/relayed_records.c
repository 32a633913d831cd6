/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/relayed_records.h"

#include "base/alloc.h"
#include "base/err.h"

#include <inttypes.h>

#define RELAYED_VALIDITY_MS_MAX ((uint64_t)366 * 24 * 3600 * 1000)

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

/* The one that makes room (R3), or records->count: none does. */
static size_t relayed_victim(const copse_relayed_records *records)
{
    size_t victim = records->count;
    for (size_t i = 0; i < records->count; i++) {
        const copse_relayed_record *record = &records->items[i];
        if (!relayed_is_valid(records, record)) {
            return i;
        }
        if (!record->is_owned &&
            (victim == records->count || record->asked < records->items[victim].asked)) {
            victim = i;
        }
    }
    bool is_full = records->count >= records->env->limits.serve_records_max;
    return is_full ? victim : records->count;
}

/* A place for one more: that of one that makes room, or behind the last. */
static copse_status relayed_make_place(copse_relayed_records *records, size_t *ret_at,
                                       copse_err *err)
{
    void *items = records->items;
    size_t victim = relayed_victim(records);
    if (victim < records->count) {
        *ret_at = victim;
        return COPSE_OK;
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

/* R1, R4. */
static copse_status relayed_verify(const copse_env *env, const copse_public_key *name,
                                   copse_bytes record, bool is_owned, copse_ipns_record *ret_said,
                                   copse_err *err)
{
    uint64_t now_ms = env->clock(env->clock_ctx);
    copse_status status = copse_ipns_verify(env, record, name, now_ms, ret_said, err);
    if (status == COPSE_OK && !is_owned && ret_said->eol_ms - now_ms > RELAYED_VALIDITY_MS_MAX) {
        return COPSE_ERR(err, COPSE_DENIED,
                         "the record ends more than 366 days from now: none such is taken");
    }
    return status;
}

copse_status copse_relayed_records_put(copse_relayed_records *records, const copse_public_key *name,
                                       copse_bytes record, bool is_owned, copse_err *err)
{
    copse_relayed_record made = {.name = *name, .is_owned = is_owned};
    size_t at = relayed_place(records, name);
    bool is_there = at < records->count;
    copse_status status = relayed_verify(records->env, name, record, is_owned, &made.said, err);
    if (status == COPSE_OK && is_there) {
        status = relayed_compare(&records->items[at], &made.said, record, err);
    } else if (status == COPSE_OK) {
        status = relayed_make_place(records, &at, err);
    }
    if (status == COPSE_END) {
        records->items[at].is_owned = records->items[at].is_owned || is_owned;
        return COPSE_OK;
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&made.bytes, records->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    if (copse_buf_append(&made.bytes, record) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    made.said.value.ptr = made.bytes.ptr + (made.said.value.ptr - record.ptr);
    made.asked = ++records->asked;
    if (at < records->count) {
        made.is_owned = is_owned || (is_there && records->items[at].is_owned);
        copse_buf_release(&records->items[at].bytes);
    } else {
        records->count++;
    }
    records->items[at] = made;
    return COPSE_OK;
}

const copse_relayed_record *copse_relayed_records_find(copse_relayed_records *records,
                                                       const copse_public_key *name)
{
    size_t at = relayed_place(records, name);
    if (at == records->count || !relayed_is_valid(records, &records->items[at])) {
        return NULL;
    }
    records->items[at].asked = ++records->asked;
    return &records->items[at];
}
