/* A statement has one encoding: one that is read, and signed by whom it names, is made again to the
 * same bytes. Reading allocates nothing. The input is taken as a statement, as an identity, and as
 * a row, whose statements join to a row that is in order; what is read is signed by a key of ours,
 * so that what stands behind the signature is reached too.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/authority.h>

#include "support/fuzz.h"

#include <stdlib.h>

static void *fuzz_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    (void)size_old;
    *(size_t *)ctx += 1;
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

/* What was read may be said by our key, and is then good. */
static void fuzz_again(const copse_env *env, const copse_key *key, const copse_statement *read,
                       copse_bytes encoded)
{
    copse_statement back;
    copse_buf buf;
    copse_buf_init(&buf, env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    bool is_ours = copse_public_key_equal(&read->by, copse_key_public(key)) &&
                   copse_statement_verify(env, read, NULL) == COPSE_OK;
    fuzz_must(copse_statement_make(key, read, &buf, NULL) == COPSE_OK);
    fuzz_must(copse_statement_decode(env, copse_buf_view(&buf), &back, NULL) == COPSE_OK);
    fuzz_must(copse_statement_verify(env, &back, NULL) == COPSE_OK);
    fuzz_must(buf.len == encoded.len && back.items_count == read->items_count);
    fuzz_must(!is_ours || copse_bytes_equal(copse_buf_view(&buf), encoded));
    copse_buf_release(&buf);
}

static void fuzz_statement(const copse_env *env, const copse_key *key, copse_bytes encoded)
{
    copse_statement statement;
    size_t calls = *(size_t *)env->alloc_ctx;
    copse_status status = copse_statement_decode(env, encoded, &statement, NULL);
    fuzz_must(calls == *(size_t *)env->alloc_ctx);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        fuzz_again(env, key, &statement, encoded);
    }
}

static void fuzz_identity(const copse_env *env, copse_bytes encoded)
{
    copse_identity identity;
    copse_buf buf;
    copse_buf_init(&buf, env, 1024);
    copse_status status = copse_identity_decode(env, encoded, &identity, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT ||
              status == COPSE_NOT_FOUND);
    if (status == COPSE_OK) {
        status = copse_identity_verify(env, &identity, NULL);
        fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT);
        fuzz_must(copse_identity_encode(&identity, &buf, NULL) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&buf), encoded));
    }
    copse_buf_release(&buf);
}

static void fuzz_row(const copse_env *env, const copse_key *key, copse_bytes row)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    copse_buf buf;
    copse_buf_init(&buf, env, COPSE_STATEMENT_ROW_SIZE_BYTES_MAX);
    copse_status status = copse_statement_row_read(env, row, statements, &count, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    for (size_t i = 0; i < count; i++) {
        copse_statement statement;
        fuzz_statement(env, key, statements[i]);
        if (copse_statement_decode(env, statements[i], &statement, NULL) == COPSE_OK &&
            copse_statement_row_union(env, &statement.to, &row, 1, &buf, NULL) == COPSE_OK) {
            fuzz_must(copse_statement_row_check(env, &statement.to, copse_buf_view(&buf), NULL) ==
                      COPSE_OK);
            copse_buf_truncate(&buf, 0);
        }
    }
    copse_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    size_t calls = 0;
    copse_bytes input = {data, size};
    copse_key *key = NULL;
    copse_env env;
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &calls;
    seed[0] = 1;
    fuzz_must(copse_key_from_seed(&env, seed, &key, NULL) == COPSE_OK);
    fuzz_statement(&env, key, input);
    fuzz_identity(&env, input);
    fuzz_row(&env, key, input);
    copse_key_free(key);
    return 0;
}
