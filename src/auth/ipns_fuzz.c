/* What is verified is what was said: a record that is accepted, made again, says the same. The
 * input is taken as a record, and as the data of one, which is then signed, so that what stands
 * behind the signature is reached too.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ipns.h>

#include "base/protobuf.h"
#include "support/fuzz.h"

enum { FUZZ_SIGNATURE = 8, FUZZ_DATA = 9 }; /* fields of a record */

static void fuzz_again(const copse_env *env, const copse_key *key, const copse_ipns_record *record)
{
    copse_ipns_record back;
    copse_buf buf;
    copse_buf_init(&buf, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_status status = copse_ipns_make(key, record, &buf, NULL);
    bool is_path = record->value.len > 0 && record->value.ptr[0] == '/';
    fuzz_must(is_path ? status == COPSE_OK || status == COPSE_LIMIT : status == COPSE_MISUSE);
    if (status == COPSE_OK) {
        fuzz_must(copse_ipns_verify(env, copse_buf_view(&buf), copse_key_public(key), 0, &back,
                                    NULL) == COPSE_OK);
        fuzz_must(copse_ipns_compare(record, &back) == 0);
        fuzz_must(copse_bytes_equal(record->value, back.value));
        fuzz_must(record->ttl_ns == back.ttl_ns);
    }
    copse_buf_release(&buf);
}

static void fuzz_record(const copse_env *env, const copse_key *key, copse_bytes encoded)
{
    copse_ipns_record record;
    copse_status status = copse_ipns_verify(env, encoded, copse_key_public(key), 0, &record, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        fuzz_must(record.value.len < encoded.len && record.eol_ns < 1000000);
        fuzz_again(env, key, &record);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    copse_bytes input = {data, size};
    copse_env env;
    copse_key *key = NULL;
    copse_buf buf;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, size + 100);
    fuzz_must(copse_key_from_seed(&env, seed, &key, NULL) == COPSE_OK);
    fuzz_record(&env, key, input);
    fuzz_must(copse_key_sign(key, copse_bytes_of_text("ipns-signature:"), input, signature, NULL) ==
              COPSE_OK);
    fuzz_must(copse_protobuf_write_bytes(&buf, FUZZ_SIGNATURE,
                                         (copse_bytes){signature, sizeof signature}) == COPSE_OK);
    fuzz_must(copse_protobuf_write_bytes(&buf, FUZZ_DATA, input) == COPSE_OK);
    fuzz_record(&env, key, copse_buf_view(&buf));
    copse_buf_release(&buf);
    copse_key_free(key);
    return 0;
}
