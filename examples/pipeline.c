/* Aggregation: a pipeline is prepared once, run, and says what each of its stages did.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/pipeline.h>

#include <stdio.h>

static const char *const posts[] = {
    "{\"_id\": 1, \"author\": \"ann\", \"tags\": [\"cats\", \"tea\"], \"score\": 5}",
    "{\"_id\": 2, \"author\": \"bob\", \"tags\": [\"tea\"], \"score\": 3}",
    "{\"_id\": 3, \"author\": \"ann\", \"tags\": [\"cats\"], \"score\": 8}",
};

/* Runs it, and prints what it gives. */
static void run(copse_pipeline *pipeline, copse_database *database, const copse_env *env)
{
    copse_pipeline_run *running = NULL;
    copse_bytes document;
    copse_buf explained;
    copse_err err;
    copse_status status;
    example_must(copse_pipeline_open(pipeline, database, &running, &err), &err);
    while ((status = copse_pipeline_next(running, &document, &err)) == COPSE_OK) {
        example_print(env, "document: ", document);
    }
    if (status != COPSE_END) {
        example_must(status, &err);
    }
    copse_buf_init(&explained, env, 1 << 20);
    example_must(copse_pipeline_explain(running, &explained, &err), &err);
    example_print(env, "explained: ", copse_buf_view(&explained));
    printf("documents examined: %llu\n",
           (unsigned long long)copse_pipeline_get_stats(running).documents_examined);
    copse_buf_release(&explained);
    copse_pipeline_close(running);
}

int main(void)
{
    static const char text[] = "[{\"$match\": {\"tags\": \"cats\"}},"
                               " {\"$group\": {\"_id\": \"$author\", \"posts\": {\"$sum\": 1},"
                               "              \"best\": {\"$max\": \"$score\"}}},"
                               " {\"$sort\": {\"best\": -1, \"_id\": 1}}]";
    example_db example;
    copse_database *database = NULL;
    copse_pipeline *pipeline = NULL;
    copse_buf stages;
    copse_err err;
    example_open(&example);
    example_insert(&example, "posts", posts, sizeof posts / sizeof *posts);
    example_must(copse_database_open(example.tree, &database, &err), &err);

    /* As JSON, so that the order of the fields in $sort is kept. */
    copse_buf_init(&stages, &example.env, 1 << 20);
    example_must(copse_pipeline_read_json(&example.env, copse_bytes_of_text(text), &stages, &err),
                 &err);
    const copse_pipeline_options options = {
        .collection = copse_bytes_of_text("posts"),
        .stages = copse_buf_view(&stages),
        .memory_bytes_max = 1 << 20, /* with a run store (run_file.h) it could take any amount */
    };
    example_must(copse_pipeline_new(&example.env, &options, &pipeline, &err), &err);
    copse_buf_release(&stages);
    run(pipeline, database, &example.env);

    copse_pipeline_free(pipeline);
    copse_database_close(database);
    example_close(&example);
    return 0;
}
