/* Pipelines over a database in memory, and their answers as JSON.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PIPELINE_WORLD_H
#define COPSE_TESTS_PIPELINE_WORLD_H

#include "support/database_world.h"

#include <copse/pipeline.h>

/** How a pipeline is run. */
typedef struct pipeline_world_options {
    const char *collection;
    const char *stages; /**< JSON, ' for ". */
    size_t memory_bytes_max;
    const copse_run_store *runs;
    uint64_t now_ms;
} pipeline_world_options;

/** Compiles. */
copse_status pipeline_world_prepare(const copse_env *env, const pipeline_world_options *options,
                                    copse_pipeline **ret_pipeline, copse_err *err);

/** Runs it on the tree of `db`, appending each document; END on success. `explain` (NULL allowed):
 * appended. */
copse_status pipeline_world_run(database_world *db, const pipeline_world_options *options,
                                copse_buf *buf, copse_buf *explain, copse_err *err);

/** The documents in `buf` as a JSON array, with ' for "; malloc'ed. */
char *pipeline_world_json(const database_world *db, copse_bytes documents);

#endif
