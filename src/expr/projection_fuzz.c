/* Projections from anywhere: the input as DAG-CBOR and as JSON. What compiles is applied to fixed
 * documents: the answer is a document, not larger than the document, and a projection that excludes
 * or includes says the same of its own answer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/projection_node.h"

#include "support/fuzz.h"

#include <copse/ext_json.h>

static const char *const fuzz_documents[] = {
    "{}",
    "{\"_id\":1,\"a\":1,\"b\":\"text\",\"c\":null,\"d\":[1,2,3]}",
    "{\"a\":[{\"b\":1,\"c\":{\"d\":2}},{\"b\":[2,{\"c\":3}]},[{\"b\":1}],null,\"x\"],\"b\":{\"0\":"
    "1,"
    "\"a\":{\"b\":[1,2,3,4]}},\"c\":[[1,[2]]],\"d\":{\"$date\":{\"$numberLong\":\"5\"}}}",
};

static void fuzz_apply(const copse_env *env, copse_projection *projection, copse_bytes document)
{
    copse_buf answer;
    copse_buf again;
    copse_filter *filter = NULL;
    const copse_bytes *paths = NULL;
    size_t count = 0;
    bool match = false;
    copse_buf_init(&answer, env, document.len); /* the bound */
    copse_buf_init(&again, env, document.len);
    fuzz_must(copse_filter_new(env, (copse_bytes){NULL, 0}, &filter, NULL) == COPSE_OK);
    fuzz_must(copse_filter_match(filter, document, &match, NULL) == COPSE_OK && match);
    copse_status status = copse_projection_apply(projection, document, filter, &answer, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_MISUSE);
    if (status == COPSE_OK) {
        fuzz_must(copse_document_check(copse_buf_view(&answer), &env->limits, NULL) == COPSE_OK);
    }
    if (status == COPSE_OK && copse_projection_paths(projection, &paths, &count)) {
        fuzz_must(copse_projection_apply(projection, copse_buf_view(&answer), filter, &again,
                                         NULL) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&answer), copse_buf_view(&again)));
    }
    copse_filter_free(filter);
    copse_buf_release(&answer);
    copse_buf_release(&again);
}

static void fuzz_projection(const copse_env *env, copse_bytes encoded)
{
    copse_projection *projection = NULL;
    copse_err err;
    copse_status status = copse_projection_new(env, encoded, &projection, &err);
    if (status != COPSE_OK) {
        fuzz_must(status == COPSE_CORRUPT || status == COPSE_LIMIT);
        return;
    }
    for (size_t i = 0; i < sizeof fuzz_documents / sizeof *fuzz_documents; i++) {
        copse_buf document;
        copse_buf_init(&document, env, 1 << 16);
        fuzz_must(copse_ext_json_to_cbor(env, copse_bytes_of_text(fuzz_documents[i]),
                                         COPSE_EXT_JSON_VALUE, &document, &err) == COPSE_OK);
        fuzz_apply(env, projection, copse_buf_view(&document));
        copse_buf_release(&document);
    }
    copse_projection_free(projection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf buf;
    copse_bytes input = {data, size};
    copse_env_init(&env);
    env.limits.regex_steps_max = 2000;
    fuzz_projection(&env, input);
    copse_buf_init(&buf, &env, 1 << 20);
    if (copse_ext_json_to_cbor(&env, input, COPSE_EXT_JSON_QUERY, &buf, NULL) == COPSE_OK) {
        fuzz_projection(&env, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    return 0;
}
