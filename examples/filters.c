/* Filters, projections and sort orders without a database, on documents from anywhere.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/filter.h>
#include <copse/projection.h>
#include <copse/sort_spec.h>

#include <stdio.h>

static const char *const documents[] = {
    "{\"_id\": 1, \"tags\": [\"sea\", \"ship\"], \"pages\": 635}",
    "{\"_id\": 2, \"tags\": [\"wood\"], \"pages\": 90}",
    "{\"_id\": 3, \"tags\": [\"ship\"], \"pages\": 120}",
};

static copse_filter *make_filter(const copse_env *env, const char *json)
{
    copse_err err = {0};
    copse_filter *filter = NULL;
    copse_buf encoded = example_json(env, json);
    example_must(copse_filter_new(env, copse_buf_view(&encoded), &filter, &err), &err);
    copse_buf_release(&encoded);
    return filter;
}

static copse_projection *make_projection(const copse_env *env, const char *json)
{
    copse_err err = {0};
    copse_projection *projection = NULL;
    copse_buf encoded = example_json(env, json);
    example_must(copse_projection_new(env, copse_buf_view(&encoded), &projection, &err), &err);
    copse_buf_release(&encoded);
    return projection;
}

/* What is left of a document that matches; `tags.$` is the element that made it match. */
static void match(const copse_env *env, copse_filter *filter, copse_projection *projection,
                  copse_bytes document)
{
    copse_err err = {0};
    bool matches = false;
    uint64_t position = 0;
    copse_buf left;
    example_must(copse_filter_match(filter, document, &matches, &err), &err);
    if (!matches) {
        example_print(env, "no match: ", document);
        return;
    }
    copse_buf_init(&left, env, SIZE_MAX);
    example_must(copse_projection_apply(projection, document, filter, &left, &err), &err);
    example_must(copse_filter_position(filter, &position), &err);
    (void)printf("element %d: ", (int)position);
    example_print(env, "", copse_buf_view(&left));
    copse_buf_release(&left);
}

/* The sort key of a document: bytes that compare as the answer is ordered. */
static copse_buf sort_key(const copse_env *env, const copse_sort_spec *sort, const char *json)
{
    copse_err err = {0};
    copse_cbor_reader reader;
    copse_bytes id;
    copse_buf key;
    copse_buf document = example_json(env, json);
    copse_buf_init(&key, env, SIZE_MAX);
    copse_cbor_reader_init(&reader, copse_buf_view(&document));
    example_must(copse_cbor_find_key(&reader, copse_bytes_of_text("_id"), &err), &err);
    example_must(copse_cbor_take(&reader, &id, &err), &err);
    example_must(copse_sort_spec_key(sort, copse_buf_view(&document), id, &key, &err), &err);
    copse_buf_release(&document);
    return key;
}

static void compare(const copse_env *env)
{
    copse_err err = {0};
    copse_sort_spec sort;
    copse_sort_spec same;
    copse_buf encoded;
    copse_buf_init(&encoded, env, SIZE_MAX);
    example_must(copse_sort_spec_parse(env, copse_bytes_of_text("-pages"), false, &sort, &err),
                 &err);
    example_must(copse_sort_spec_encode(&sort, &encoded), &err);
    example_print(env, "sorted by ", copse_buf_view(&encoded));
    example_must(copse_sort_spec_decode(env, copse_buf_view(&encoded), &same, &err), &err);
    copse_buf a = sort_key(env, &sort, documents[0]);
    copse_buf b = sort_key(env, &same, documents[1]);
    (void)printf("document 1 comes %s document 2\n",
                 copse_bytes_compare(copse_buf_view(&a), copse_buf_view(&b)) < 0 ? "before"
                                                                                 : "behind");
    copse_buf_release(&a);
    copse_buf_release(&b);
    copse_buf_release(&encoded);
    copse_sort_spec_release(&same);
    copse_sort_spec_release(&sort);
}

int main(void)
{
    copse_env env;
    copse_err err = {0};
    copse_filter *none = NULL;
    copse_env_init(&env);
    copse_filter *filter = make_filter(&env, "{\"tags\": \"ship\", \"pages\": {\"$gt\": 100}}");
    copse_projection *projection = make_projection(&env, "{\"tags.$\": 1}");
    example_print(&env, "filter ", copse_filter_encoded(filter));
    example_print(&env, "projection ", copse_projection_encoded(projection));
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        copse_buf document = example_json(&env, documents[i]);
        match(&env, filter, projection, copse_buf_view(&document));
        copse_buf_release(&document);
    }
    compare(&env);
    copse_buf wrong = example_json(&env, "{\"pages\": {\"$gtr\": 1}}");
    if (copse_filter_new(&env, copse_buf_view(&wrong), &none, &err) == COPSE_CORRUPT) {
        (void)printf("refused: %s\n", err.message);
    }
    copse_buf_release(&wrong);
    copse_projection_free(projection);
    copse_filter_free(filter);
    return 0;
}
