/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "example.h"

#include <copse/memory_store.h>
#include <copse/sys/os.h>

#include <stdio.h>
#include <stdlib.h>

void example_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "%s: %s (%s)\n", copse_status_name(status), err->message, err->where);
        exit(EXIT_FAILURE);
    }
}

void example_open(example_db *example)
{
    copse_err err = {0};
    copse_tree_config config;
    copse_env_init(&example->env);
    copse_env_init_posix(&example->env);
    copse_tree_config_init(&config);
    example_must(copse_memory_store_new(&example->env, &example->store, &err), &err);
    example_must(copse_source_new(&example->env, example->store, &example->source, &err), &err);
    example_must(copse_node_cache_new(&example->env, example->source, &example->cache, &err), &err);
    example_must(copse_tree_new(example->cache, example->store, &config, &example->tree, &err),
                 &err);
}

void example_close(example_db *example)
{
    copse_tree_close(example->tree);
    copse_node_cache_free(example->cache);
    copse_source_free(example->source);
    copse_store_close(example->store);
}

void example_apply(example_db *example, copse_write *write)
{
    copse_err err = {0};
    copse_tree *next = NULL;
    example_must(
        copse_write_apply(write, example->tree, example->store, NULL, &next, NULL, NULL, &err),
        &err);
    copse_tree_close(example->tree);
    example->tree = next;
    copse_write_clear(write);
}

void example_insert(example_db *example, const char *collection, const char *const *documents,
                    size_t count)
{
    copse_err err = {0};
    copse_write *write = NULL;
    example_must(copse_write_new(&example->env, &write, &err), &err);
    for (size_t i = 0; i < count; i++) {
        copse_buf document = example_json(&example->env, documents[i]);
        example_must(copse_write_insert(write, copse_bytes_of_text(collection),
                                        copse_buf_view(&document), NULL, &err),
                     &err);
        copse_buf_release(&document);
    }
    example_apply(example, write);
    copse_write_free(write);
}

copse_buf example_json(const copse_env *env, const char *json)
{
    copse_err err = {0};
    copse_buf buf;
    copse_buf_init(&buf, env, env->limits.document_size_bytes_max);
    example_must(
        copse_ext_json_to_cbor(env, copse_bytes_of_text(json), COPSE_EXT_JSON_QUERY, &buf, &err),
        &err);
    return buf;
}

void example_print(const copse_env *env, const char *label, copse_bytes value)
{
    copse_err err = {0};
    copse_buf json;
    copse_buf_init(&json, env, env->limits.json_size_bytes_max);
    example_must(copse_ext_json_from_cbor(env, value, false, &json, &err), &err);
    (void)printf("%s%.*s\n", label, (int)json.len, (const char *)json.ptr);
    copse_buf_release(&json);
}
