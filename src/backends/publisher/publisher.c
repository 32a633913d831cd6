/* Publishing under a name.
 *
 *     head ---> what the file says ---> the same, and fresh: sign that, or what was signed before
 *                     |
 *                     v  another head, or half of the time is over
 *               lock ---> head and file once more ---> next sequence ---> file, durable ---> sign
 *
 * Invariants:
 *   P1  A record is signed only of what stands in the file, durably (S3 in sequence_file.h): so no
 *       two records of one key have one sequence, whoever crashes when.
 *   P2  The next sequence is the greater of the one in the file plus one, and the milliseconds
 *       since 1970: so a key whose file was lost goes on above what it used, where the clock is
 *       right.
 *   P3  Processes with one file give one record: a signature of Ed25519 follows from what is
 *       signed, so the file need not hold it.
 *   P4  The head is read again under the lock: a process that is late does not publish an old head
 *       over the new one of another.
 *
 * Cost: a record that stands is one read of a small file; a new one two syncs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/publisher.h>

#include "backends/publisher/sequence_file.h"
#include "base/alloc.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

struct copse_publisher {
    const copse_env *env;
    copse_publisher_options options;
    copse_sequence_file file;
    copse_sequence_state signed_state; /* of record */
    copse_buf record;                  /* empty: none yet */
};

static const uint64_t publisher_ns_per_ms = 1000000;

/* ---- Life ---- */

static copse_status publisher_check(const copse_env *env, copse_publisher_options *options,
                                    copse_err *err)
{
    options->validity_ms =
        options->validity_ms > 0 ? options->validity_ms : COPSE_PUBLISHER_VALIDITY_MS;
    options->ttl_ms = options->ttl_ms > 0 ? options->ttl_ms : COPSE_PUBLISHER_TTL_MS;
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a record needs a clock");
    }
    if (options->validity_ms < COPSE_PUBLISHER_VALIDITY_MS_MIN ||
        options->validity_ms > COPSE_PUBLISHER_VALIDITY_MS_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "a record is valid for a minute to 366 days");
    }
    if (options->ttl_ms > options->validity_ms) {
        return COPSE_ERR(err, COPSE_MISUSE, "a record can't be kept for longer than it is valid");
    }
    return COPSE_OK;
}

copse_status copse_publisher_open(const copse_env *env, const copse_publisher_options *options,
                                  copse_publisher **ret_publisher, copse_err *err)
{
    copse_publisher_options checked = *options;
    copse_status status = publisher_check(env, &checked, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_publisher *publisher = copse_alloc_zeroed(env, sizeof *publisher);
    if (publisher == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    publisher->env = env;
    publisher->options = checked;
    copse_buf_init(&publisher->record, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    status = copse_sequence_file_init(&publisher->file, env, checked.os, checked.folder,
                                      checked.name, copse_key_public(checked.key), err);
    if (status != COPSE_OK) {
        (void)copse_publisher_close(publisher);
        return status;
    }
    *ret_publisher = publisher;
    return COPSE_OK;
}

copse_publisher *copse_publisher_close(copse_publisher *publisher)
{
    if (publisher != NULL) {
        copse_sequence_file_release(&publisher->file);
        copse_buf_release(&publisher->record);
        copse_free(publisher->env, publisher, sizeof *publisher);
    }
    return NULL;
}

/* ---- Records ---- */

static uint64_t publisher_now(const copse_publisher *publisher)
{
    return publisher->env->clock(publisher->env->clock_ctx);
}

static copse_ipns_record publisher_record_of(const copse_sequence_state *state)
{
    return (copse_ipns_record){
        .value = copse_bytes_of_text(state->value),
        .sequence = state->sequence,
        .eol_ms = state->eol_ms,
        .ttl_ns = state->ttl_ns,
    };
}

static bool publisher_is_signed(const copse_publisher *publisher, const copse_sequence_state *state)
{
    const copse_sequence_state *had = &publisher->signed_state;
    return publisher->record.len > 0 && had->sequence == state->sequence &&
           had->eol_ms == state->eol_ms && had->ttl_ns == state->ttl_ns &&
           strcmp(had->value, state->value) == 0;
}

/* Signs what stands in the file (P1). */
static copse_status publisher_sign(copse_publisher *publisher, const copse_sequence_state *state,
                                   copse_err *err)
{
    if (publisher_is_signed(publisher, state)) {
        return COPSE_OK;
    }
    copse_buf made;
    copse_buf_init(&made, publisher->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    const copse_ipns_record record = publisher_record_of(state);
    copse_status status = copse_sequence_file_settle(&publisher->file, err);
    if (status == COPSE_OK) {
        status = copse_ipns_make(publisher->options.key, &record, &made, err);
    }
    if (status != COPSE_OK) {
        copse_buf_release(&made);
        return status;
    }
    copse_buf_release(&publisher->record);
    publisher->record = made;
    publisher->signed_state = *state;
    return COPSE_OK;
}

/* Reads what is to be published, and what is. OK: *ret_stands if that is the same, and will be for
 * a while; *ret_state has no value if nothing is. */
static copse_status publisher_look(copse_publisher *publisher,
                                   char ret_value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX],
                                   copse_sequence_state *ret_state, bool *ret_stands,
                                   copse_err *err)
{
    const copse_publisher_options *options = &publisher->options;
    uint64_t now_ms = publisher_now(publisher);
    copse_cid head;
    copse_status status = options->head(options->ctx, &head, err);
    if (status != COPSE_OK) {
        return status;
    }
    (void)copse_ipns_value_of_cid(&head, ret_value);
    status = copse_sequence_file_read(&publisher->file, ret_state, err);
    if (status == COPSE_NOT_FOUND) {
        *ret_state = (copse_sequence_state){.sequence = 0};
        status = COPSE_OK;
    }
    *ret_stands = status == COPSE_OK && strcmp(ret_value, ret_state->value) == 0 &&
                  ret_state->ttl_ns == options->ttl_ms * publisher_ns_per_ms &&
                  ret_state->eol_ms > now_ms + options->validity_ms / 2 &&
                  ret_state->eol_ms <= now_ms + options->validity_ms;
    return status;
}

/* With the lock: takes the next sequence, unless another process has just done so. */
static copse_status publisher_advance(copse_publisher *publisher, copse_sequence_state *ret_state,
                                      copse_err *err)
{
    const copse_publisher_options *options = &publisher->options;
    copse_sequence_state state;
    bool stands = false;
    char value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX];
    copse_status status = publisher_look(publisher, value, &state, &stands, err);
    if (status == COPSE_OK && !stands) {
        uint64_t now_ms = publisher_now(publisher);
        if (state.sequence == UINT64_MAX) {
            return COPSE_ERR(err, COPSE_LIMIT, "no sequence of this key is left");
        }
        state.sequence = state.sequence < now_ms ? now_ms : state.sequence + 1;
        state.eol_ms = now_ms + options->validity_ms;
        state.ttl_ns = options->ttl_ms * publisher_ns_per_ms;
        memcpy(state.value, value, sizeof value);
        status = copse_sequence_file_write(&publisher->file, &state, err);
    }
    if (status == COPSE_OK) {
        *ret_state = state;
    }
    return status;
}

copse_status copse_publisher_record(copse_publisher *publisher, copse_bytes *ret_record,
                                    copse_ipns_record *ret_said, copse_err *err)
{
    copse_sequence_state state;
    bool stands = false;
    char value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX];
    copse_status status = publisher_look(publisher, value, &state, &stands, err);
    if (status == COPSE_OK && !stands) {
        status = copse_sequence_file_lock(&publisher->file, err);
        if (status == COPSE_OK) {
            status = publisher_advance(publisher, &state, err);
        }
    }
    if (status == COPSE_OK) {
        status = publisher_sign(publisher, &state, err);
    }
    copse_sequence_file_unlock(&publisher->file);
    if (status == COPSE_OK) {
        *ret_record = copse_buf_view(&publisher->record);
        *ret_said = publisher_record_of(&publisher->signed_state);
    }
    return status;
}
