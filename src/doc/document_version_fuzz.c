/* Two states of any bytes are refused or join to a third, the same from both sides; joined again,
 * it stays as it is; and what is written over it is a state that its join with it is. The input is
 * one list: of a, the document and the row, then those of b, each null where there is none, and
 * the document that is written over them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <copse/value.h>

#include "support/fuzz.h"

enum { FUZZ_ITEMS = 5, FUZZ_SIZE_MAX = 65536 };

static const copse_bytes fuzz_primary_key = {(const uint8_t *)"_id", 3};

/* An item, or nothing where it is null. */
static copse_bytes fuzz_take(copse_cbor_reader *reader)
{
    copse_bytes item = {NULL, 0};
    fuzz_must(copse_cbor_take(reader, &item, NULL) == COPSE_OK);
    return item.len == 1 && item.ptr[0] == 0xf6 ? (copse_bytes){NULL, 0} : item;
}

static bool fuzz_is_state(const copse_env *env, const copse_version_state *state)
{
    copse_version version;
    bool is_deleted;
    if ((state->document.len > 0 &&
         copse_document_check(state->document, &env->limits, NULL) != COPSE_OK) ||
        copse_version_check(env, fuzz_primary_key, state, NULL) != COPSE_OK) {
        return false;
    }
    fuzz_must(copse_version_latest(state->row, &version, NULL) == COPSE_OK);
    fuzz_must(copse_version_is_deleted(state->row, &is_deleted, NULL) == COPSE_OK);
    fuzz_must(state->row.len == 0 || is_deleted == (state->document.len == 0));
    return true;
}

/* Joins into empty bufs. False: it would be nested too deep. */
static bool fuzz_join(const copse_env *env, copse_merge_policy policy, const copse_version_state *a,
                      const copse_version_state *b, copse_buf ret_bufs[2],
                      copse_version_state *ret_state)
{
    copse_buf_init(&ret_bufs[0], env, SIZE_MAX);
    copse_buf_init(&ret_bufs[1], env, SIZE_MAX);
    copse_status status =
        copse_version_join(env, policy, fuzz_primary_key, a, b, &ret_bufs[0], &ret_bufs[1], NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_LIMIT);
    *ret_state = (copse_version_state){copse_buf_view(&ret_bufs[0]), copse_buf_view(&ret_bufs[1])};
    fuzz_must(status == COPSE_LIMIT || fuzz_is_state(env, ret_state));
    /* It is made of what they hold; an array of pairs has a longer head than each of theirs. */
    fuzz_must(ret_state->document.len + ret_state->row.len <=
              a->document.len + a->row.len + b->document.len + b->row.len + 64);
    return status == COPSE_OK;
}

static bool fuzz_same(const copse_version_state *a, const copse_version_state *b)
{
    return copse_bytes_equal(a->document, b->document) && copse_bytes_equal(a->row, b->row);
}

/* What joins `a` and `b` is `expected`. */
static void fuzz_must_join(const copse_env *env, copse_merge_policy policy,
                           const copse_version_state *a, const copse_version_state *b,
                           const copse_version_state *expected)
{
    copse_buf bufs[2];
    copse_version_state state;
    fuzz_must(fuzz_join(env, policy, a, b, bufs, &state) && fuzz_same(&state, expected));
    copse_buf_release(&bufs[0]);
    copse_buf_release(&bufs[1]);
}

static void fuzz_write(const copse_env *env, copse_merge_policy policy,
                       const copse_version_state *before, copse_bytes after)
{
    static const copse_version version = {.time_ms = 7};
    copse_buf row;
    copse_buf_init(&row, env, SIZE_MAX);
    copse_status status = copse_version_write(env, policy, fuzz_primary_key, before, after, false,
                                              &version, &row, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        const copse_version_state written = {after, copse_buf_view(&row)};
        fuzz_must(fuzz_is_state(env, &written));
        fuzz_must_join(env, policy, before, &written, &written);
    }
    copse_buf_release(&row);
}

static void fuzz_states(const copse_env *env, copse_merge_policy policy,
                        const copse_version_state *a, const copse_version_state *b,
                        copse_bytes after)
{
    const copse_version_state written = {after, {NULL, 0}};
    copse_buf bufs[2];
    copse_version_state joined;
    if (fuzz_join(env, policy, a, b, bufs, &joined)) {
        fuzz_must_join(env, policy, b, a, &joined);
        fuzz_must_join(env, policy, &joined, a, &joined);
        fuzz_must_join(env, policy, &joined, &joined, &joined);
        if (fuzz_is_state(env, &written)) {
            fuzz_write(env, policy, &joined, after);
        }
    }
    copse_buf_release(&bufs[0]);
    copse_buf_release(&bufs[1]);
}

/* The checks look at any bytes; what follows at states only. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_bytes input = {data, size};
    const copse_version_state raw = {.row = input};
    copse_env_init(&env);
    if (size > FUZZ_SIZE_MAX) {
        return 0;
    }
    (void)fuzz_is_state(&env, &raw);
    if (copse_cbor_reader_init_untrusted(&reader, input, &env.limits, COPSE_CBOR_STRICT, NULL) !=
            COPSE_OK ||
        copse_cbor_next(&reader, &head, NULL) != COPSE_OK || head.kind != COPSE_CBOR_ARRAY ||
        head.arg != FUZZ_ITEMS) {
        return 0;
    }
    copse_bytes items[FUZZ_ITEMS];
    for (size_t i = 0; i < FUZZ_ITEMS; i++) {
        items[i] = fuzz_take(&reader);
    }
    const copse_version_state a = {items[0], items[1]};
    const copse_version_state b = {items[2], items[3]};
    if (fuzz_is_state(&env, &a) && fuzz_is_state(&env, &b)) {
        fuzz_states(&env, COPSE_MERGE_LWW, &a, &b, items[4]);
        fuzz_states(&env, COPSE_MERGE_FIELD_WISE, &a, &b, items[4]);
    }
    return 0;
}
