/* A record of any bytes becomes a strict document or is refused, in memory that follows its size;
 * what is a document already is taken as it is. The first byte says whether the rest is CBOR or
 * JSON. The bytes are read as a record id too: one strict item comes out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/version1.h"

#include <copse/value.h>

#include "support/fuzz.h"

static void fuzz_record_id(const copse_env *env, copse_bytes input)
{
    copse_buf id;
    copse_buf_init(&id, env, SIZE_MAX);
    fuzz_must(copse_version1_write_id(env, input, &id, NULL) == COPSE_OK);
    fuzz_must(copse_value_check(copse_buf_view(&id), &env->limits, NULL) == COPSE_OK);
    copse_buf_release(&id);
}

static void fuzz_record(const copse_env *env, uint64_t codec, copse_bytes input)
{
    copse_block *block = NULL;
    copse_source *source = NULL;
    copse_document document = {.block = NULL};
    copse_buf link;
    copse_buf_init(&link, env, SIZE_MAX);
    fuzz_must(copse_block_of_data(env, codec, input, &block, NULL) == COPSE_OK);
    fuzz_must(copse_source_new(env, NULL, &source, NULL) == COPSE_OK);
    fuzz_must(copse_source_supply_block(source, block, NULL) == COPSE_OK);
    const copse_cid *cid = copse_block_cid(block);
    fuzz_must(copse_cbor_write_link(&link, (copse_bytes){cid->bytes, cid->size}) == COPSE_OK);
    copse_status status =
        copse_version1_load_within(source, env, copse_buf_view(&link), &document, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        fuzz_must(copse_document_check(document.encoded, &env->limits, NULL) == COPSE_OK);
        /* 16-bit floats grow most: to a form of 26 bytes if they are not finite or minus zero. */
        fuzz_must(document.encoded.len <= 16 * input.len + 64);
    }
    if (copse_document_check(input, &env->limits, NULL) == COPSE_OK &&
        codec == COPSE_CODEC_DAG_CBOR) {
        fuzz_must(status == COPSE_OK && copse_bytes_equal(document.encoded, input));
    }
    copse_document_release(&document);
    copse_source_free(source);
    copse_block_unref(block);
    copse_buf_release(&link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_env_init(&env);
    if (size == 0 || size > 65536) {
        return 0;
    }
    copse_bytes input = {data + 1, size - 1};
    fuzz_record(&env, data[0] % 2 == 0 ? COPSE_CODEC_DAG_CBOR : COPSE_CODEC_DAG_JSON, input);
    fuzz_record_id(&env, input);
    return 0;
}
