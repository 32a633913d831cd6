/* Pipelines from anywhere: the input as DAG-CBOR and as JSON. What compiles is run over a small
 * database, in much memory and in little: it gives the same documents, or fails both times.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/memory_store.h>
#include <copse/pipeline.h>
#include <copse/write.h>

#include "support/fuzz.h"
#include "support/memory_runs.h"

static const char *const fuzz_documents[] = {
    "{\"_id\":1,\"a\":1,\"b\":\"x\",\"c\":[1,2,{\"d\":3}],\"n\":{\"p\":1,\"q\":[1,2]}}",
    "{\"_id\":2,\"a\":2.5,\"b\":\"y\",\"c\":[],\"n\":{\"p\":2}}",
    "{\"_id\":3,\"a\":null,\"b\":\"x\",\"c\":7}",
    "{\"_id\":\"four\",\"b\":[[1],[2,[3]]],\"n\":[{\"p\":1},4,{\"q\":5}]}",
};

enum {
    FUZZ_DOCUMENTS_COUNT = sizeof fuzz_documents / sizeof *fuzz_documents,
    FUZZ_GIVEN_MAX = 2000,
    FUZZ_MEMORY = 1 << 20
};

/* A database in memory, of one collection, "c". */
typedef struct fuzz_world {
    copse_env env;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
} fuzz_world;

static void fuzz_insert(fuzz_world *world, copse_write *write)
{
    copse_bytes collection = copse_bytes_of_text("c");
    copse_buf document;
    copse_buf_init(&document, &world->env, SIZE_MAX);
    fuzz_must(copse_write_create_collection(write, collection, copse_bytes_of_text("_id"),
                                            COPSE_DOCUMENTS_INLINE, NULL) == COPSE_OK);
    for (size_t i = 0; i < FUZZ_DOCUMENTS_COUNT; i++) {
        copse_buf_truncate(&document, 0);
        fuzz_must(copse_ext_json_to_cbor(&world->env, copse_bytes_of_text(fuzz_documents[i]),
                                         COPSE_EXT_JSON_VALUE, &document, NULL) == COPSE_OK);
        fuzz_must(copse_write_insert(write, collection, copse_buf_view(&document), NULL, NULL) ==
                  COPSE_OK);
    }
    copse_buf_release(&document);
}

static void fuzz_world_init(fuzz_world *world)
{
    copse_write *write = NULL;
    copse_tree *empty = NULL;
    copse_env_init(&world->env);
    world->env.limits.regex_steps_max = 2000;
    world->env.limits.document_size_bytes_max = 1 << 18;
    world->env.limits.query_memory_bytes_max = (size_t)64 << 20;
    fuzz_must(copse_memory_store_new(&world->env, &world->store, NULL) == COPSE_OK);
    fuzz_must(copse_source_new(&world->env, world->store, &world->source, NULL) == COPSE_OK);
    fuzz_must(copse_node_cache_new(&world->env, world->source, &world->cache, NULL) == COPSE_OK);
    fuzz_must(copse_tree_new(world->cache, world->store, NULL, &empty, NULL) == COPSE_OK);
    fuzz_must(copse_write_new(&world->env, &write, NULL) == COPSE_OK);
    fuzz_insert(world, write);
    fuzz_must(copse_write_apply(write, empty, world->store, NULL, &world->tree, NULL, NULL, NULL) ==
              COPSE_OK);
    fuzz_must(copse_database_open(world->tree, &world->database, NULL) == COPSE_OK);
    copse_write_free(write);
    copse_tree_close(empty);
}

static void fuzz_world_release(fuzz_world *world)
{
    copse_database_close(world->database);
    copse_tree_close(world->tree);
    copse_node_cache_free(world->cache);
    copse_source_free(world->source);
    copse_store_close(world->store);
}

/* Runs it, appending what it gives; OK: as much as is looked at. */
static copse_status fuzz_run(fuzz_world *world, const copse_pipeline_options *options,
                             copse_buf *answer)
{
    copse_pipeline *pipeline = NULL;
    copse_pipeline_run *run = NULL;
    copse_bytes document;
    copse_status status = copse_pipeline_new(&world->env, options, &pipeline, NULL);
    if (status == COPSE_OK) {
        status = copse_pipeline_open(pipeline, world->database, &run, NULL);
    }
    for (size_t i = 0; status == COPSE_OK && i < FUZZ_GIVEN_MAX; i++) {
        status = copse_pipeline_next(run, &document, NULL);
        if (status == COPSE_OK) {
            fuzz_must(copse_document_check(document, &world->env.limits, NULL) == COPSE_OK);
            status = copse_buf_append(answer, document);
        }
    }
    fuzz_must(status == COPSE_OK || status == COPSE_END || status == COPSE_CORRUPT ||
              status == COPSE_LIMIT);
    copse_pipeline_close(run);
    copse_pipeline_free(pipeline);
    return status;
}

static void fuzz_pipeline(fuzz_world *world, copse_bytes stages)
{
    memory_runs memory;
    copse_run_store runs = memory_runs_init(&memory);
    copse_pipeline_options options = {.collection = copse_bytes_of_text("c"), .stages = stages};
    copse_buf much;
    copse_buf little;
    copse_buf_init(&much, &world->env, 1 << 22);
    copse_buf_init(&little, &world->env, 1 << 22);
    copse_status status = fuzz_run(world, &options, &much);
    options.runs = &runs;
    options.memory_bytes_max = FUZZ_MEMORY;
    copse_status again = fuzz_run(world, &options, &little);
    fuzz_must(again == status || again == COPSE_LIMIT);
    fuzz_must(again == COPSE_LIMIT ||
              copse_bytes_equal(copse_buf_view(&much), copse_buf_view(&little)));
    fuzz_must(memory.live == 0);
    copse_buf_release(&much);
    copse_buf_release(&little);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_world world;
    copse_buf buf;
    copse_bytes input = {data, size};
    fuzz_world_init(&world);
    fuzz_pipeline(&world, input);
    copse_buf_init(&buf, &world.env, 1 << 20);
    if (copse_pipeline_read_json(&world.env, input, &buf, NULL) == COPSE_OK) {
        fuzz_pipeline(&world, copse_buf_view(&buf));
    }
    copse_buf_release(&buf);
    fuzz_world_release(&world);
    return 0;
}
