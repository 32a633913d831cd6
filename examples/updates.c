/* Updates without a database: of one document, many times, and of one that an upsert begins with.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/update.h>

#include <stdio.h>

static copse_update *make_update(const copse_env *env, const char *json, const char *array_filters)
{
    copse_err err = {0};
    copse_update *update = NULL;
    copse_buf encoded = example_json(env, json);
    copse_buf filters = example_json(env, array_filters);
    example_must(
        copse_update_new(env, copse_buf_view(&encoded), copse_buf_view(&filters), &update, &err),
        &err);
    copse_buf_release(&filters);
    copse_buf_release(&encoded);
    return update;
}

/* The changed document takes the place of `document`. A failure would leave it as it was. */
static void apply(const copse_env *env, copse_update *update, bool insert, copse_buf *document)
{
    copse_err err = {0};
    copse_buf changed;
    bool differs = false;
    const copse_update_context context = {
        .primary_key = copse_bytes_of_text("_id"), .now_ms = 1767225600000, .insert = insert};
    copse_buf_init(&changed, env, SIZE_MAX);
    example_must(
        copse_update_apply(update, copse_buf_view(document), &context, &changed, &differs, &err),
        &err);
    example_print(env,
                  copse_update_is_replacement(update) ? "replaced: "
                  : differs                           ? "changed: "
                                                      : "the same: ",
                  copse_buf_view(&changed));
    copse_buf_release(document);
    *document = changed;
}

/* What an upsert inserts where nothing matches: the equalities of the filter, then the update. */
static void upsert(const copse_env *env, copse_update *update, const char *json)
{
    copse_err err = {0};
    copse_filter *filter = NULL;
    copse_buf base;
    copse_buf encoded = example_json(env, json);
    copse_buf_init(&base, env, SIZE_MAX);
    example_must(copse_filter_new(env, copse_buf_view(&encoded), &filter, &err), &err);
    example_must(copse_update_upsert_base(env, filter, &base, &err), &err);
    apply(env, update, true, &base);
    copse_filter_free(filter);
    copse_buf_release(&base);
    copse_buf_release(&encoded);
}

int main(void)
{
    copse_env env;
    copse_err err = {0};
    copse_update *none = NULL;
    copse_env_init(&env);
    copse_buf document = example_json(&env, "{\"_id\": 1, \"likes\": 1, \"scores\": [3, 12, 20]}");
    copse_update *cut =
        make_update(&env, "{\"$inc\": {\"likes\": 1}, \"$set\": {\"scores.$[x]\": 10}}",
                    "[{\"x\": {\"$gt\": 10}}]");
    copse_update *visit =
        make_update(&env,
                    "{\"$setOnInsert\": {\"first\": true}, \"$max\": {\"likes\": "
                    "2}, \"$push\": {\"scores\": {\"$each\": [], \"$slice\": 3}}}",
                    "[]");
    copse_update *replacement = make_update(&env, "{\"title\": \"new\"}", "[]");
    apply(&env, cut, false, &document);
    apply(&env, visit, false, &document);
    apply(&env, replacement, false, &document);
    upsert(&env, visit, "{\"_id\": 2, \"author.name\": \"ann\", \"likes\": {\"$gt\": 1}}");
    copse_buf wrong = example_json(&env, "{\"$set\": {\"a\": 1, \"a.b\": 2}}");
    if (copse_update_new(&env, copse_buf_view(&wrong), (copse_bytes){NULL, 0}, &none, &err) ==
        COPSE_CORRUPT) {
        (void)printf("refused: %s\n", err.message);
    }
    copse_buf_release(&wrong);
    copse_update_free(replacement);
    copse_update_free(visit);
    copse_update_free(cut);
    copse_buf_release(&document);
    return 0;
}
