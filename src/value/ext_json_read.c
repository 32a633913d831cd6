/* Extended JSON to DAG-CBOR: json_build.h reads the text, json_slash.h the links and bytes in it,
 * ext_json_wrap.h the types that JSON has not.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/ext_json_wrap.h"
#include "value/json_build.h"
#include "value/json_slash.h"

struct copse_ext_json_reader {
    copse_json_builder builder;
    copse_ext_json_mode mode;
};

static copse_status ext_json_end_map(copse_json_builder *builder, const copse_json_map *map)
{
    const copse_ext_json_reader *reader = builder->ctx;
    bool replaced = false;
    copse_status status =
        copse_json_slash_replace(builder, map, COPSE_JSON_SHORTEST_FIRST, &replaced);
    return status == COPSE_OK && !replaced ? copse_ext_json_wrap(builder, map, reader->mode)
                                           : status;
}

static const copse_json_dialect ext_json_dialect = {.end_map = ext_json_end_map,
                                                    .write_float = copse_value_write_float,
                                                    .dollars = true,
                                                    .wide_integers = true};

static void ext_json_reader_init(copse_ext_json_reader *reader, const copse_env *env)
{
    copse_json_builder_init(&reader->builder, env, &ext_json_dialect);
    reader->builder.ctx = reader;
}

copse_status copse_ext_json_reader_new(const copse_env *env, copse_ext_json_reader **ret_reader,
                                       copse_err *err)
{
    copse_ext_json_reader *reader = copse_alloc(env, sizeof *reader);
    if (reader == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    ext_json_reader_init(reader, env);
    *ret_reader = reader;
    return COPSE_OK;
}

copse_ext_json_reader *copse_ext_json_reader_free(copse_ext_json_reader *reader)
{
    if (reader != NULL) {
        const copse_env *env = reader->builder.env;
        copse_json_builder_release(&reader->builder);
        copse_free(env, reader, sizeof *reader);
    }
    return NULL;
}

copse_status copse_ext_json_read(copse_ext_json_reader *reader, copse_bytes text,
                                 copse_ext_json_mode mode, copse_buf *buf, copse_err *err)
{
    reader->mode = mode;
    return copse_json_build(&reader->builder, text, buf, err);
}

copse_status copse_ext_json_to_cbor(const copse_env *env, copse_bytes text,
                                    copse_ext_json_mode mode, copse_buf *buf, copse_err *err)
{
    copse_ext_json_reader reader;
    ext_json_reader_init(&reader, env);
    copse_status status = copse_ext_json_read(&reader, text, mode, buf, err);
    copse_json_builder_release(&reader.builder);
    return status;
}
