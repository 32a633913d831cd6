/* Parsing arbitrary bytes as a node of each kind. What is accepted is encoded again from what the
 * parser says of it, and must give the same bytes: so a node has one encoding, and the offsets are
 * right. Of a Go node the counts are not kept, and are not compared. Memory is bounded.
 *
 *   byte 0   the kind (mod 3): ours, the draft's, Go's
 *   the rest the block
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "tree/node.h"

#include "support/fuzz.h"

#include <copse/buf.h>
#include <copse/dag_cbor.h>

#include <stdlib.h>
#include <string.h>

typedef struct fuzz_memory {
    size_t size;
    size_t peak;
} fuzz_memory;

static void *fuzz_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    fuzz_memory *memory = ctx;
    memory->size += size_new - size_old;
    memory->peak = memory->size > memory->peak ? memory->size : memory->peak;
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

static void fuzz_write(copse_status status)
{
    fuzz_must(status == COPSE_OK);
}

static void fuzz_encode_keys(const copse_node *node, copse_buf *buf)
{
    fuzz_write(copse_cbor_write_array(buf, node->count));
    for (uint32_t i = 0; i < node->count; i++) {
        fuzz_write(copse_cbor_write_bytes(buf, copse_node_key(node, i)));
    }
}

static void fuzz_encode_values(const copse_node *node, copse_buf *buf)
{
    fuzz_write(copse_cbor_write_array(buf, node->count));
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->leaf) {
            fuzz_write(copse_buf_append(buf, copse_node_value(node, i)));
        } else {
            fuzz_write(copse_cbor_write_link(buf, copse_node_link(node, i)));
        }
    }
}

static void fuzz_encode(const copse_node *node, copse_buf *buf)
{
    uint64_t arity = node->kind == COPSE_TREE_GO      ? 4
                     : node->kind == COPSE_TREE_DRAFT ? 3
                     : node->leaf                     ? 3
                     : node->aheads != NULL           ? 5
                                                      : 4;
    fuzz_write(copse_cbor_write_array(buf, arity));
    fuzz_write(copse_cbor_write_bool(buf, node->leaf));
    fuzz_encode_keys(node, buf);
    fuzz_encode_values(node, buf);
    if (node->sums != NULL) {
        fuzz_write(copse_cbor_write_array(buf, node->count));
        for (uint32_t i = 0; i < node->count; i++) {
            fuzz_write(copse_cbor_write_uint(buf, copse_node_child_count(node, i)));
        }
    }
    if (node->aheads != NULL) {
        fuzz_write(copse_cbor_write_array(buf, node->count));
        for (uint32_t i = 0; i < node->count; i++) {
            fuzz_write(copse_cbor_write_uint(buf, copse_node_ahead(node, i)));
        }
    }
}

static void fuzz_check_encoding(const copse_node *node)
{
    copse_env env;
    copse_buf buf;
    copse_bytes data = copse_block_data(node->block);
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    fuzz_encode(node, &buf);
    if (node->kind == COPSE_TREE_GO) {
        fuzz_must(copse_bytes_has_prefix(data, copse_buf_view(&buf)));
    } else {
        fuzz_must(copse_bytes_equal(data, copse_buf_view(&buf)));
    }
    copse_buf_release(&buf);
}

/* N1, N4, N5, and the searches. */
static void fuzz_check_properties(const copse_node *node)
{
    uint64_t total = 0;
    uint32_t aheads = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        copse_bytes key = copse_node_key(node, i);
        fuzz_must(i == 0 || copse_bytes_compare(copse_node_key(node, i - 1), key) < 0);
        fuzz_must(node->kind != COPSE_TREE_OURS || key.len <= COPSE_KEY_SIZE_BYTES_MAX);
        fuzz_must(copse_node_lower(node, key) == i && copse_node_upper(node, key) == i + 1);
        if (node->sums != NULL) {
            fuzz_must(copse_node_child_count(node, i) > 0);
            total += copse_node_child_count(node, i);
            aheads |= copse_node_ahead(node, i);
        }
    }
    fuzz_must(node->leaf || node->count > 0);
    fuzz_must(node->sums == NULL || total == copse_node_total(node));
    fuzz_must(node->aheads == NULL || aheads != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const copse_tree_kind kinds[] = {COPSE_TREE_OURS, COPSE_TREE_DRAFT, COPSE_TREE_GO};
    if (size == 0) {
        return 0;
    }
    fuzz_memory memory = {0};
    copse_env env;
    copse_cid cid;
    copse_block *block;
    copse_node *node = NULL;
    copse_bytes input = {data + 1, size - 1};
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &memory;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, input, &cid);
    fuzz_write(copse_block_new(&env, &cid, input, &block, NULL));
    copse_status status = copse_node_parse(&env, block, kinds[data[0] % 3], &node, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    fuzz_must((status == COPSE_OK) == (node != NULL));
    /* the block, and for each entry, of two bytes at least, 16 */
    fuzz_must(memory.peak <= 1024 + 9 * size);
    if (node != NULL) {
        fuzz_check_encoding(node);
        fuzz_check_properties(node);
        copse_node_unref(&env, node);
    }
    copse_block_unref(block);
    fuzz_must(memory.size == 0);
    return 0;
}
