/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/head_map.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

/* The link `key`. */
static copse_status head_map_link(const copse_env *env, copse_bytes encoded, const char *key,
                                  copse_cid *ret_cid)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, NULL);
    }
    if (status == COPSE_OK && item.kind == COPSE_CBOR_LINK) {
        status = copse_cid_from_bytes(item.bytes, ret_cid, NULL);
    } else if (status == COPSE_OK) {
        status = COPSE_CORRUPT;
    }
    return status == COPSE_OK ? status : COPSE_CORRUPT;
}

copse_status copse_head_map_read(const copse_env *env, copse_bytes encoded, copse_cid *ret_head,
                                 copse_cid *ret_tree)
{
    copse_status status = head_map_link(env, encoded, "head", ret_head);
    if (status == COPSE_OK && head_map_link(env, encoded, "tree", ret_tree) != COPSE_OK) {
        *ret_tree = (copse_cid){.size = 0};
    }
    return status;
}

copse_status copse_head_map_read_json(const copse_env *env, copse_bytes text, copse_cid *ret_head,
                                      copse_cid *ret_tree)
{
    copse_buf encoded;
    copse_buf_init(&encoded, env, COPSE_HEAD_MAP_SIZE_BYTES_MAX);
    copse_status status = copse_dag_json_to_cbor(env, text, &encoded, NULL);
    if (status == COPSE_OK) {
        status = copse_head_map_read(env, copse_buf_view(&encoded), ret_head, ret_tree);
    } else if (status != COPSE_NOMEM) {
        status = COPSE_CORRUPT;
    }
    copse_buf_release(&encoded);
    return status;
}
