/* Updates from anywhere: the input as DAG-CBOR and as JSON, {"u": update, "d": document, "q":
 * filter, "f": array filters} or the update alone. What compiles is applied to the document and to
 * fixed ones. What comes out is a document that keeps its primary key, the word on whether it
 * changed is right, it is the same a second time, and what fails leaves no trace.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/update.h>

#include "expr/path.h"
#include "support/fuzz.h"

#include <copse/ext_json.h>

static const char *const fuzz_documents[] = {
    "{}",
    "{\"_id\":1,\"a\":1,\"b\":\"text\",\"c\":null,\"d\":[1,2,3],\"n\":1.5}",
    "{\"_id\":1,\"a\":[{\"b\":1,\"c\":{\"d\":2}},{\"b\":[2,{\"c\":3}]},[{\"b\":1}],null,\"x\"],"
    "\"b\":"
    "{\"0\":1,\"a\":{\"b\":[1,2,3,4]}},\"c\":[[1,[2]]],\"d\":{\"$date\":{\"$numberLong\":\"5\"}}}",
};

static void fuzz_check(const copse_env *env, copse_bytes document, copse_bytes changed,
                       bool is_changed, bool insert)
{
    copse_bytes old = {NULL, 0};
    copse_bytes new = {NULL, 0};
    copse_bytes key = copse_bytes_of_text("_id");
    int order = 0;
    fuzz_must(copse_document_check(changed, &env->limits, NULL) == COPSE_OK);
    fuzz_must(is_changed == !copse_bytes_equal(document, changed));
    bool had = copse_path_find_key(document, key, &old, NULL) == COPSE_OK;
    bool has = copse_path_find_key(changed, key, &new, NULL) == COPSE_OK;
    fuzz_must(had == has || (insert && !had));
    fuzz_must(!had || (copse_value_compare(old, new, &order, NULL) == COPSE_OK && order == 0));
}

static void fuzz_apply(const copse_env *env, copse_update *update, copse_bytes document,
                       copse_filter *filter, bool insert)
{
    copse_buf first;
    copse_buf second;
    copse_err err;
    bool match = false;
    bool changed = false;
    if (filter != NULL && copse_filter_match(filter, document, &match, NULL) != COPSE_OK) {
        match = false;
    }
    const copse_update_context context = {.filter = match ? filter : NULL,
                                          .primary_key = copse_bytes_of_text("_id"),
                                          .now_ms = 1700000000000,
                                          .insert = insert};
    copse_buf_init(&first, env, env->limits.document_size_bytes_max);
    copse_buf_init(&second, env, env->limits.document_size_bytes_max);
    copse_status status = copse_update_apply(update, document, &context, &first, &changed, &err);
    if (status == COPSE_OK) {
        fuzz_check(env, document, copse_buf_view(&first), changed, insert);
    } else {
        fuzz_must(status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE);
        fuzz_must(err.status == status && first.len == 0);
    }
    fuzz_must(copse_update_apply(update, document, &context, &second, &changed, NULL) == status);
    fuzz_must(copse_bytes_equal(copse_buf_view(&first), copse_buf_view(&second)));
    copse_buf_release(&first);
    copse_buf_release(&second);
}

/* Whatever the bytes of a document are, it is refused or changed, and that is all. */
static void fuzz_damage(const copse_env *env, copse_update *update, copse_bytes document)
{
    enum { SIZE_MAX_CUT = 200 };
    const copse_update_context context = {.primary_key = copse_bytes_of_text("_id")};
    copse_buf out;
    copse_buf_init(&out, env, env->limits.document_size_bytes_max);
    for (size_t len = 0; len < document.len && len < SIZE_MAX_CUT; len++) {
        bool changed = false;
        copse_buf_truncate(&out, 0);
        copse_status status = copse_update_apply(update, (copse_bytes){document.ptr, len}, &context,
                                                 &out, &changed, NULL);
        fuzz_must(status <= COPSE_OK && (status == COPSE_OK || out.len == 0));
    }
    copse_buf_release(&out);
}

static void fuzz_documents_all(const copse_env *env, copse_update *update, copse_bytes document,
                               copse_filter *filter)
{
    if (document.len != 0 && copse_document_check(document, &env->limits, NULL) == COPSE_OK) {
        fuzz_apply(env, update, document, filter, false);
    }
    for (size_t i = 0; i < sizeof fuzz_documents / sizeof *fuzz_documents; i++) {
        copse_buf buf;
        copse_buf_init(&buf, env, 1 << 16);
        fuzz_must(copse_ext_json_to_cbor(env, copse_bytes_of_text(fuzz_documents[i]),
                                         COPSE_EXT_JSON_VALUE, &buf, NULL) == COPSE_OK);
        fuzz_apply(env, update, copse_buf_view(&buf), filter, i == 0);
        fuzz_damage(env, update, copse_buf_view(&buf));
        copse_buf_release(&buf);
    }
}

static void fuzz_upsert(const copse_env *env, const copse_filter *filter)
{
    copse_buf base;
    copse_err err;
    copse_buf_init(&base, env, env->limits.document_size_bytes_max);
    copse_status status = copse_update_upsert_base(env, filter, &base, &err);
    if (status == COPSE_OK) {
        fuzz_must(copse_document_check(copse_buf_view(&base), &env->limits, NULL) == COPSE_OK);
    } else {
        fuzz_must((status == COPSE_CORRUPT || status == COPSE_LIMIT) && base.len == 0);
    }
    copse_buf_release(&base);
}

/* The member `key` of `input`, else empty bytes. */
static copse_bytes fuzz_member(copse_bytes input, const char *key)
{
    copse_bytes member = {NULL, 0};
    return input.len != 0 && copse_path_is_object(input) &&
                   copse_path_find_key(input, copse_bytes_of_text(key), &member, NULL) == COPSE_OK
               ? member
               : (copse_bytes){NULL, 0};
}

/* `input`: strict DAG-CBOR, or any bytes. */
static void fuzz_update(const copse_env *env, copse_bytes input)
{
    copse_update *update = NULL;
    copse_filter *filter = NULL;
    copse_err err;
    bool strict = copse_dag_cbor_check(input, &env->limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK;
    copse_bytes parts = strict ? input : (copse_bytes){NULL, 0};
    copse_bytes inner = fuzz_member(parts, "u");
    copse_bytes encoded = fuzz_member(parts, "q");
    if (encoded.len != 0 && copse_filter_new(env, encoded, &filter, NULL) == COPSE_OK) {
        fuzz_upsert(env, filter);
    }
    copse_status status = copse_update_new(env, inner.len != 0 ? inner : input,
                                           fuzz_member(parts, "f"), &update, &err);
    if (status == COPSE_OK) {
        fuzz_documents_all(env, update, fuzz_member(parts, "d"), filter);
    } else {
        fuzz_must((status == COPSE_CORRUPT || status == COPSE_LIMIT) && err.status == status);
    }
    copse_update_free(update);
    copse_filter_free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf buf;
    copse_bytes input = {data, size};
    copse_env_init(&env);
    env.limits.regex_steps_max = 2000;
    env.limits.document_size_bytes_max = 1 << 16;
    fuzz_update(&env, input);
    copse_buf_init(&buf, &env, 1 << 20);
    if (copse_ext_json_to_cbor(&env, input, COPSE_EXT_JSON_QUERY, &buf, NULL) == COPSE_OK) {
        fuzz_update(&env, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    return 0;
}
