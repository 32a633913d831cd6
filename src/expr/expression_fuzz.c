/* Expressions from anywhere: the input as DAG-CBOR and as JSON. What compiles is evaluated over
 * fixed documents, twice alike; what comes out is a value, and time and memory are bounded.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/expression.h>

#include "support/fuzz.h"

#include <copse/ext_json.h>

#include <stdlib.h>
#include <string.h>

static const char *const fuzz_documents[] = {
    "{}",
    "{\"a\":1,\"b\":\"a\xc3\xa9 text\",\"c\":null,\"d\":[1,2.5,\"x\",null,[3]],\"e\":true}",
    "{\"a\":[{\"b\":1,\"k\":\"x\",\"v\":2},{\"b\":[2,{\"c\":3}]},[],null],\"b\":{\"a\":{},\"k\":"
    "5},\"c\":{\"$date\":{\"$numberLong\":\"1709210096789\"}},\"d\":{\"$numberDecimal\":\"1.50\"}}",
    "{\"a\":{\"$date\":{\"$numberLong\":\"-9223372036854775808\"}},\"b\":{\"$numberDouble\":"
    "\"NaN\"},\"c\":-18446744073709551616,\"d\":{\"$numberDecimal\":\"9E+6144\"}}",
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

/* Evaluates, appending to `buf`; a value comes out, or nothing. */
static copse_status fuzz_evaluate(const copse_env *env, copse_expression *expression,
                                  copse_bytes document, copse_buf *buf)
{
    copse_expression_variable variable = {{NULL, 0}, document};
    copse_err err;
    bool missing = false;
    copse_buf_truncate(buf, 0);
    copse_status status =
        copse_expression_evaluate(expression, document, &variable, buf, &missing, &err);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    fuzz_must(status == COPSE_OK ? missing == (buf->len == 0) : buf->len == 0);
    if (buf->len != 0) {
        fuzz_must(copse_value_check(copse_buf_view(buf), &env->limits, &err) == COPSE_OK);
        copse_bytes constant = copse_expression_constant(expression);
        fuzz_must(constant.len == 0 || copse_bytes_equal(constant, copse_buf_view(buf)));
    }
    return status;
}

static void fuzz_expression(const copse_env *env, copse_bytes encoded)
{
    copse_expression *expression = NULL;
    copse_expression_variable variable = {copse_bytes_of_text("x"), {NULL, 0}};
    copse_err err;
    copse_status status = copse_expression_new(env, encoded, &variable, 1, &expression, &err);
    if (status != COPSE_OK) {
        fuzz_must(status == COPSE_CORRUPT || status == COPSE_LIMIT);
        return;
    }
    for (size_t i = 0; i < FUZZ_DOCUMENTS; i++) {
        copse_buf document;
        copse_buf first;
        copse_buf second;
        copse_buf_init(&document, env, 1 << 16);
        copse_buf_init(&first, env, SIZE_MAX);
        copse_buf_init(&second, env, SIZE_MAX);
        fuzz_must(copse_ext_json_to_cbor(env, copse_bytes_of_text(fuzz_documents[i]),
                                         COPSE_EXT_JSON_VALUE, &document, &err) == COPSE_OK);
        status = fuzz_evaluate(env, expression, copse_buf_view(&document), &first);
        fuzz_must(fuzz_evaluate(env, expression, copse_buf_view(&document), &second) == status);
        fuzz_must(copse_bytes_equal(copse_buf_view(&first), copse_buf_view(&second)));
        copse_buf_release(&document);
        copse_buf_release(&first);
        copse_buf_release(&second);
    }
    copse_expression_free(expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum {
        VALUE_SIZE_MAX = 1 << 16,
        HELD_MAX = 1 << 20,
        FIXED_BYTES = 1 << 23,
        BYTES_PER_BYTE = 4096
    };
    copse_env env;
    fuzz_memory memory = {0};
    copse_buf buf;
    copse_bytes input = {data, size};
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &memory;
    env.limits.regex_steps_max = 2000;
    env.limits.expression_steps_max = 20000;
    env.limits.document_size_bytes_max = VALUE_SIZE_MAX;
    env.limits.query_memory_bytes_max = HELD_MAX;
    fuzz_expression(&env, input);
    copse_buf_init(&buf, &env, 1 << 20);
    if (copse_ext_json_to_cbor(&env, input, COPSE_EXT_JSON_QUERY, &buf, NULL) == COPSE_OK) {
        fuzz_expression(&env, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    fuzz_must(memory.size_bytes == 0);
    fuzz_must(memory.peak_bytes <= FIXED_BYTES + BYTES_PER_BYTE * size);
    return 0;
}
