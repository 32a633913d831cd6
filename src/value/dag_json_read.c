/* DAG-JSON to DAG-CBOR: json_build.h reads the text, json_slash.h the links and bytes in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include "value/json_build.h"
#include "value/json_slash.h"

static copse_status dag_json_end_map(copse_json_builder *builder, const copse_json_map *map)
{
    bool replaced = false;
    return copse_json_slash_replace(builder, map, COPSE_JSON_BYTEWISE, &replaced);
}

static const copse_json_dialect dag_json_dialect = {.end_map = dag_json_end_map,
                                                    .write_float = copse_cbor_write_float};

copse_status copse_dag_json_to_cbor(const copse_env *env, copse_bytes text, copse_buf *buf,
                                    copse_err *err)
{
    copse_json_builder builder;
    copse_json_builder_init(&builder, env, &dag_json_dialect);
    copse_status status = copse_json_build(&builder, text, buf, err);
    copse_json_builder_release(&builder);
    return status;
}
