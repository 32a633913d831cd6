/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/name_author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void name_author_init(name_author *author, const copse_env *env, uint8_t seed)
{
    uint8_t bytes[COPSE_KEY_SEED_SIZE_BYTES] = {seed};
    *author = (name_author){.env = env};
    assert_int_equal(copse_key_from_seed(env, bytes, &author->key, NULL), COPSE_OK);
}

void name_author_release(name_author *author)
{
    for (size_t i = 0; i < author->count; i++) {
        copse_buf_release(&author->records[i]);
    }
    copse_key_free(author->key);
    *author = (name_author){.key = NULL};
}

const copse_public_key *name_author_name(const name_author *author)
{
    return copse_key_public(author->key);
}

void name_author_head(uint8_t number, copse_cid *ret_cid)
{
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&number, 1}, ret_cid);
}

copse_bytes name_author_record(name_author *author, uint64_t sequence, const copse_cid *head,
                               uint64_t eol_ms)
{
    char value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX];
    assert_true(author->count < NAME_AUTHOR_RECORDS_MAX);
    copse_buf *buf = &author->records[author->count++];
    (void)copse_ipns_value_of_cid(head, value);
    const copse_ipns_record record = {.value = copse_bytes_of_text(value),
                                      .sequence = sequence,
                                      .eol_ms = eol_ms,
                                      .ttl_ns = 1000};
    copse_buf_init(buf, author->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    assert_int_equal(copse_ipns_make(author->key, &record, buf, NULL), COPSE_OK);
    return copse_buf_view(buf);
}
