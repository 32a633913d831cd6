/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/pipeline_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>

static void world_swap_quotes(char *text, char from, char to)
{
    for (; *text != 0; text++) {
        *text = *text == from ? to : *text;
    }
}

copse_status pipeline_world_prepare(const copse_env *env, const pipeline_world_options *options,
                                    copse_pipeline **ret_pipeline, copse_err *err)
{
    copse_buf stages;
    char *text = strdup(options->stages);
    assert_non_null(text);
    world_swap_quotes(text, '\'', '"');
    copse_buf_init(&stages, env, SIZE_MAX);
    copse_status status = copse_pipeline_read_json(env, copse_bytes_of_text(text), &stages, err);
    free(text);
    if (status == COPSE_OK) {
        const copse_pipeline_options prepared = {.collection =
                                                     copse_bytes_of_text(options->collection),
                                                 .stages = copse_buf_view(&stages),
                                                 .runs = options->runs,
                                                 .memory_bytes_max = options->memory_bytes_max,
                                                 .now_ms = options->now_ms};
        status = copse_pipeline_new(env, &prepared, ret_pipeline, err);
    }
    copse_buf_release(&stages);
    return status;
}

copse_status pipeline_world_run(database_world *db, const pipeline_world_options *options,
                                copse_buf *buf, copse_buf *explain, copse_err *err)
{
    copse_pipeline *pipeline = NULL;
    copse_database *database = NULL;
    copse_pipeline_run *run = NULL;
    copse_bytes document;
    copse_status status = pipeline_world_prepare(database_world_env(db), options, &pipeline, err);
    if (status == COPSE_OK) {
        status = copse_database_open(db->tree, &database, err);
    }
    if (status == COPSE_OK) {
        status = copse_pipeline_open(pipeline, database, &run, err);
    }
    while (status == COPSE_OK) {
        status = copse_pipeline_next(run, &document, err);
        if (status == COPSE_OK) {
            assert_int_equal(copse_document_check(document, &database_world_env(db)->limits, err),
                             COPSE_OK);
            assert_int_equal(copse_buf_append(buf, document), COPSE_OK);
        }
    }
    if (status == COPSE_END && explain != NULL) {
        assert_int_equal(copse_pipeline_explain(run, explain, err), COPSE_OK);
    }
    assert_null(copse_pipeline_close(run));
    copse_database_close(database);
    assert_null(copse_pipeline_free(pipeline));
    return status;
}

char *pipeline_world_json(const database_world *db, copse_bytes documents)
{
    const copse_env *env = database_world_env(db);
    copse_buf array;
    copse_buf text;
    copse_cbor_reader reader;
    copse_bytes document;
    uint64_t count = 0;
    copse_buf_init(&array, env, SIZE_MAX);
    copse_buf_init(&text, env, SIZE_MAX);
    copse_cbor_reader_init(&reader, documents);
    while (copse_cbor_take(&reader, &document, NULL) == COPSE_OK) {
        count++;
    }
    assert_int_equal(copse_buf_append(&array, documents), COPSE_OK);
    assert_int_equal(copse_cbor_finish_array(&array, 0, count), COPSE_OK);
    assert_int_equal(copse_ext_json_from_cbor(env, copse_buf_view(&array), false, &text, NULL),
                     COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&text, 0), COPSE_OK);
    char *json = strdup((const char *)text.ptr);
    assert_non_null(json);
    world_swap_quotes(json, '"', '\'');
    copse_buf_release(&array);
    copse_buf_release(&text);
    return json;
}
