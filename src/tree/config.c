/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/config.h"

#include "base/err.h"

#include <copse/dag_cbor.h>

/* FROZEN: docs/decisions/0005-chunk-sizes.md, golden vectors in tests/vectors. */
enum {
    CONFIG_SIZE_BYTES_MIN = 512,
    CONFIG_SIZE_BYTES_MAX = 8192,
    CONFIG_LAMBDA_BYTES = 2048,
    CONFIG_WEIBULL_K = 4,
    CONFIG_MULTICODEC_XXH3_64 = 0xb3e3,
    CONFIG_NODE_HEADS_BYTES = 32 /* of a leaf with one entry, rounded up */
};

void copse_tree_config_init(copse_tree_config *config)
{
    *config =
        (copse_tree_config){CONFIG_SIZE_BYTES_MIN, CONFIG_SIZE_BYTES_MAX, CONFIG_LAMBDA_BYTES};
}

copse_status copse_tree_config_check(const copse_tree_config *config, copse_err *err)
{
    if (config->size_bytes_max < 256 || config->size_bytes_max > 512u * 1024) {
        return COPSE_ERR(err, COPSE_MISUSE, "config: size_bytes_max %u is not in 256 .. 524288",
                         config->size_bytes_max);
    }
    if (config->size_bytes_min > config->size_bytes_max) {
        return COPSE_ERR(err, COPSE_MISUSE, "config: size_bytes_min %u is above size_bytes_max %u",
                         config->size_bytes_min, config->size_bytes_max);
    }
    if (config->lambda_bytes < 16 || config->lambda_bytes > config->size_bytes_max) {
        return COPSE_ERR(err, COPSE_MISUSE, "config: lambda_bytes %u is not in 16 .. %u",
                         config->lambda_bytes, config->size_bytes_max);
    }
    return COPSE_OK;
}

size_t copse_tree_config_key_size_max(const copse_tree_config *config)
{
    size_t size = config->size_bytes_max / 8;
    return size < COPSE_KEY_SIZE_BYTES_MAX ? size : COPSE_KEY_SIZE_BYTES_MAX;
}

copse_status copse_tree_check_entry(const copse_env *env, const copse_tree_config *config,
                                    copse_bytes key, size_t value_len, copse_err *err)
{
    size_t key_max = copse_tree_config_key_size_max(config);
    size_t entry_max = env->limits.block_size_bytes_max - CONFIG_NODE_HEADS_BYTES;
    if (key.len > key_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a key of %zu bytes; this tree takes at most %zu",
                         key.len, key_max);
    }
    if (value_len > entry_max - key.len) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "an entry of %zu bytes; a block holds one of at most %zu",
                         key.len + value_len, entry_max);
    }
    return COPSE_OK;
}

/* Appends an array of unsigned integers, or only its elements. */
static copse_status config_write_uints(copse_buf *buf, const uint64_t *numbers, size_t count)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = copse_cbor_write_uint(buf, numbers[i]);
    }
    return status;
}

copse_status copse_tree_config_encode(const copse_tree_config *config, copse_buf *buf,
                                      copse_err *err)
{
    const uint64_t head[] = {config->size_bytes_min, config->size_bytes_max, 1,
                             COPSE_CODEC_DAG_CBOR, COPSE_HASH_SHA2_256};
    const uint64_t weibull[] = {CONFIG_WEIBULL_K, config->lambda_bytes, CONFIG_MULTICODEC_XXH3_64};
    copse_status status = copse_cbor_write_array(buf, 7);
    if (status == COPSE_OK) {
        status = config_write_uints(buf, head, 5);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_null(buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("weibull"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, 3);
    }
    if (status == COPSE_OK) {
        status = config_write_uints(buf, weibull, 3);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a tree config");
}

copse_status copse_tree_config_cid(const copse_env *env, const copse_tree_config *config,
                                   copse_cid *ret_cid, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    copse_status status = copse_tree_config_encode(config, &buf, err);
    if (status == COPSE_OK) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_cid);
    }
    copse_buf_release(&buf);
    return status;
}

/* Reads `count` unsigned integers; false if something else stands there. */
static bool config_read_uints(copse_cbor_reader *reader, size_t count, uint64_t *ret_numbers)
{
    copse_cbor_item item;
    for (size_t i = 0; i < count; i++) {
        if (copse_cbor_next(reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_INT ||
            item.negative) {
            return false;
        }
        ret_numbers[i] = item.arg;
    }
    return true;
}

/* Reads the numbers of a config of ours, by their places; false if it has another form. */
static bool config_read(copse_cbor_reader *reader, uint64_t ret_head[5], uint64_t ret_weibull[3])
{
    copse_cbor_item item;
    return config_read_uints(reader, 5, ret_head) &&
           copse_cbor_next(reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_NULL &&
           copse_cbor_next(reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_MAP &&
           item.arg == 1 && copse_cbor_next(reader, &item, NULL) == COPSE_OK &&
           item.kind == COPSE_CBOR_TEXT &&
           copse_bytes_equal(item.bytes, copse_bytes_of_text("weibull")) &&
           copse_cbor_next(reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_ARRAY &&
           item.arg == 3 && config_read_uints(reader, 3, ret_weibull);
}

copse_status copse_tree_config_decode(copse_bytes data, const copse_limits *limits,
                                      copse_tree_kind *ret_kind, copse_tree_config *ret_config,
                                      copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, data, limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (item.kind != COPSE_CBOR_ARRAY || (item.arg != 7 && item.arg != 9)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a tree config: no tuple of 7 or 9");
    }
    if (item.arg == 9) {
        *ret_kind = COPSE_TREE_GO;
        return COPSE_OK;
    }
    uint64_t numbers[5];
    uint64_t weibull[3];
    if (!config_read(&reader, numbers, weibull) || weibull[0] != CONFIG_WEIBULL_K ||
        weibull[2] != CONFIG_MULTICODEC_XXH3_64) {
        *ret_kind = COPSE_TREE_DRAFT;
        return COPSE_OK;
    }
    if (numbers[0] > UINT32_MAX || numbers[1] > UINT32_MAX || weibull[1] > UINT32_MAX ||
        numbers[2] != 1 || numbers[3] != COPSE_CODEC_DAG_CBOR ||
        numbers[4] != COPSE_HASH_SHA2_256) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a weibull tree config out of its ranges");
    }
    copse_tree_config config = {(uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)weibull[1]};
    status = copse_tree_config_check(&config, err);
    if (status != COPSE_OK) {
        if (err != NULL) {
            err->status = COPSE_CORRUPT;
        }
        return COPSE_CORRUPT;
    }
    *ret_kind = COPSE_TREE_OURS;
    *ret_config = config;
    return COPSE_OK;
}
