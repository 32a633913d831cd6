/* Filters from anywhere: the input as DAG-CBOR and as JSON. What compiles is matched against fixed
 * documents; its negation must say the opposite, compiling its encoding again the same, and the
 * memory that it took is bounded by its size.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/filter_node.h"

#include "support/fuzz.h"

#include <copse/ext_json.h>

#include <stdlib.h>
#include <string.h>

static const char *const fuzz_documents[] = {
    "{}",
    "{\"_id\":1,\"a\":1,\"b\":\"text\",\"c\":null,\"d\":[1,2,3]}",
    "{\"a\":[{\"b\":1},{\"b\":[2,{\"c\":3}]},[],null,\"x\"],\"b\":{\"0\":1,\"a\":{}},\"c\":[[1,[2]]"
    "]}",
    "{\"a\":{\"$date\":{\"$numberLong\":\"5\"}},\"b\":{\"$numberDecimal\":\"1.50\"},\"c\":{\"$"
    "oid\":"
    "\"000102030405060708090a0b\"},\"d\":{\"$regularExpression\":{\"pattern\":\"a\",\"options\":"
    "\"\"}}"
    "}",
    "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\",\"b\":{\"$numberDouble\":\"NaN\"},"
    "\"c\":"
    "18446744073709551615,\"d\":{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"00\"}}}",
};

enum { FUZZ_DOCUMENTS = sizeof fuzz_documents / sizeof *fuzz_documents };

typedef struct fuzz_memory {
    size_t size_bytes;
    size_t peak_bytes;
} fuzz_memory;

static void *fuzz_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    fuzz_memory *memory = ctx;
    memory->size_bytes += size_new - size_old;
    if (memory->size_bytes > memory->peak_bytes) {
        memory->peak_bytes = memory->size_bytes;
    }
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

/* {"$nor": [filter]}; false: nested too deep or too many nodes for one more. */
static copse_filter *fuzz_negate(const copse_env *env, copse_bytes encoded)
{
    copse_buf buf;
    copse_filter *filter = NULL;
    copse_buf_init(&buf, env, encoded.len + 16);
    fuzz_must(copse_cbor_write_map(&buf, 1) == COPSE_OK);
    fuzz_must(copse_cbor_write_text(&buf, copse_bytes_of_text("$nor")) == COPSE_OK);
    fuzz_must(copse_cbor_write_array(&buf, 1) == COPSE_OK);
    fuzz_must(copse_buf_append(&buf, encoded) == COPSE_OK);
    copse_status status = copse_filter_new(env, copse_buf_view(&buf), &filter, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_LIMIT);
    copse_buf_release(&buf);
    return filter;
}

static void fuzz_match(copse_filter *filter, copse_filter *negated, copse_filter *again,
                       copse_bytes document)
{
    bool match = false;
    bool opposite = false;
    bool same = false;
    copse_status status = copse_filter_match(filter, document, &match, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_LIMIT);
    fuzz_must(copse_filter_match(again, document, &same, NULL) == status && same == match);
    if (negated != NULL) {
        fuzz_must(copse_filter_match(negated, document, &opposite, NULL) == status);
        fuzz_must(status != COPSE_OK || opposite == !match);
    }
}

static void fuzz_filter(const copse_env *env, copse_bytes encoded)
{
    copse_filter *filter = NULL;
    copse_filter *again = NULL;
    copse_err err;
    copse_status status = copse_filter_new(env, encoded, &filter, &err);
    if (status != COPSE_OK) {
        fuzz_must(status == COPSE_CORRUPT || status == COPSE_LIMIT);
        return;
    }
    fuzz_must(copse_filter_new(env, copse_filter_encoded(filter), &again, &err) == COPSE_OK);
    fuzz_must(copse_filter_implies(filter, again));
    copse_filter *negated = fuzz_negate(env, copse_filter_encoded(filter));
    for (size_t i = 0; i < FUZZ_DOCUMENTS; i++) {
        copse_buf document;
        copse_buf_init(&document, env, 1 << 16);
        fuzz_must(copse_ext_json_to_cbor(env, copse_bytes_of_text(fuzz_documents[i]),
                                         COPSE_EXT_JSON_VALUE, &document, &err) == COPSE_OK);
        fuzz_match(filter, negated, again, copse_buf_view(&document));
        copse_buf_release(&document);
    }
    copse_filter_free(filter);
    copse_filter_free(again);
    copse_filter_free(negated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FIXED_BYTES = 1 << 21, BYTES_PER_BYTE = 4096 };
    copse_env env;
    fuzz_memory memory = {0};
    copse_buf buf;
    copse_bytes input = {data, size};
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &memory;
    env.limits.regex_steps_max = 2000;
    fuzz_filter(&env, input);
    copse_buf_init(&buf, &env, 1 << 20);
    if (copse_ext_json_to_cbor(&env, input, COPSE_EXT_JSON_QUERY, &buf, NULL) == COPSE_OK) {
        fuzz_filter(&env, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    fuzz_must(memory.size_bytes == 0);
    fuzz_must(memory.peak_bytes <= FIXED_BYTES + BYTES_PER_BYTE * size);
    return 0;
}
