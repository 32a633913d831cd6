/* Writing and verifying proofs. proof_read.h has the read that both run, and its order.
 *
 *   V1  The verifier's source has no store. It holds the block that the read asked for last, and
 *       that block is the next of the CAR: so what the read uses is the CAR, in its order.
 *   V2  A block is compared with the CID that the read asked for before it is hashed, and hashed
 *       before it is parsed.
 *   V3  The CAR ends where the read ends.
 *   V4  Both sides keep no node but those that the read holds: the node cache is made with a limit
 *       of 0 bytes. So the verifier's memory is a path and a block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/proof.h>

#include "base/alloc.h"
#include "base/err.h"
#include "tree/proof_read.h"

/* ---- writing ---- */

/* The blocks that the read used, in order (R5: each once). */
typedef struct proof_record {
    const copse_env *env;
    copse_block **blocks;
    size_t count;
    size_t capacity;
    size_t size_bytes;
} proof_record;

static void proof_record_release(proof_record *record)
{
    while (record->count > 0) {
        copse_block_unref(record->blocks[--record->count]);
    }
    copse_free_array(record->env, record->blocks, record->capacity, sizeof *record->blocks);
}

static copse_status proof_record_touch(void *ctx, copse_block *block, copse_err *err)
{
    proof_record *record = ctx;
    size_t max = record->env->limits.pinned_size_bytes_max;
    size_t size = copse_block_data(block).len;
    if (size > max - record->size_bytes) {
        return COPSE_ERR(err, COPSE_LIMIT, "the blocks of the proof take more than %zu bytes", max);
    }
    void *blocks = record->blocks;
    bool grown = copse_array_grow(record->env, &blocks, &record->capacity, record->count + 1,
                                  sizeof *record->blocks);
    record->blocks = blocks;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    record->blocks[record->count++] = copse_block_ref(block);
    record->size_bytes += size;
    return COPSE_OK;
}

static copse_status proof_emit(const copse_env *env, const copse_cid *root,
                               const proof_record *record, copse_car_sink sink, copse_err *err)
{
    copse_car_writer *writer;
    const copse_car_writer_options options = {.version = 1};
    copse_status status = copse_car_writer_new(env, &options, sink, root, 1, &writer, err);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; status == COPSE_OK && i < record->count; i++) {
        status = copse_car_writer_put(writer, copse_block_cid(record->blocks[i]),
                                      copse_block_data(record->blocks[i]), err);
    }
    if (status == COPSE_OK) {
        status = copse_car_writer_finish(writer, NULL, err);
    }
    copse_car_writer_free(writer);
    return status;
}

static copse_proof_stats proof_measure(const copse_cid *root, const proof_record *record)
{
    copse_proof_stats stats = {record->count, copse_car_header_size(root, 1)};
    for (size_t i = 0; i < record->count; i++) {
        stats.size_bytes += copse_car_section_size(copse_block_cid(record->blocks[i]),
                                                   copse_block_data(record->blocks[i]).len);
    }
    return stats;
}

/* Opens the tree anew over `cache` and reads the answer, so that `record` has all of it. */
static copse_status proof_record_read(copse_proof_read *read, copse_node_cache *cache,
                                      const copse_cid *root, proof_record *record, copse_err *err)
{
    copse_tree *tree;
    copse_node_cache_on_touch(cache, proof_record_touch, record);
    copse_status status = copse_tree_open(cache, root, &tree, err);
    if (status == COPSE_OK) {
        read->collect = true;
        status = copse_proof_read_run(read, tree, err);
        copse_tree_close(tree);
    }
    return status;
}

copse_status copse_proof_write(const copse_tree *tree, const copse_proof_query *query,
                               copse_car_sink sink, copse_proof_stats *ret_stats, copse_err *err)
{
    const copse_env *env = tree->env;
    copse_env lean = *env; /* V4 */
    lean.limits.node_cache_bytes_max = 0;
    copse_node_cache *cache = NULL;
    proof_record record = {.env = env};
    copse_proof_read read = {0};
    copse_status status = copse_proof_read_init(&read, env, query, NULL, NULL, err);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&lean, tree->cache->source, &cache, err);
    }
    if (status == COPSE_OK) {
        status = proof_record_read(&read, cache, &tree->root, &record, err);
    }
    if (status == COPSE_OK) {
        status = proof_emit(env, &tree->root, &record, sink, err);
    }
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = proof_measure(&tree->root, &record);
    }
    copse_proof_read_release(&read);
    copse_node_cache_free(cache);
    proof_record_release(&record);
    return status;
}

/* ---- verifying ---- */

struct copse_proof_verifier {
    const copse_env *env;
    copse_env lean; /* V4 */
    copse_cid root;
    copse_car_reader *reader;
    copse_source *source; /* V1 */
    copse_node_cache *cache;
    copse_tree *tree;
    copse_proof_read read;
    bool has_header;
    bool read_done;
    bool finished;
    copse_status failed;
};

copse_status copse_proof_verifier_new(const copse_env *env, const copse_cid *root,
                                      const copse_proof_query *query, copse_proof_row_fn row,
                                      void *row_ctx, copse_proof_verifier **ret_verifier,
                                      copse_err *err)
{
    static const copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_NONE};
    if (copse_cid_verify(root, (copse_bytes){NULL, 0}, err) == COPSE_MISUSE) {
        return COPSE_MISUSE;
    }
    copse_proof_verifier *verifier = copse_alloc_zeroed(env, sizeof *verifier);
    if (verifier == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    verifier->env = env;
    verifier->lean = *env;
    verifier->lean.limits.node_cache_bytes_max = 0;
    verifier->root = *root;
    copse_status status = copse_proof_read_init(&verifier->read, env, query, row, row_ctx, err);
    if (status == COPSE_OK) {
        status = copse_car_reader_new(env, &options, &verifier->reader, err);
    }
    if (status == COPSE_OK) {
        status = copse_source_new(env, NULL, &verifier->source, err);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&verifier->lean, verifier->source, &verifier->cache, err);
    }
    if (status != COPSE_OK) {
        copse_proof_verifier_free(verifier);
        return status;
    }
    *ret_verifier = verifier;
    return COPSE_OK;
}

copse_proof_verifier *copse_proof_verifier_free(copse_proof_verifier *verifier)
{
    if (verifier != NULL) {
        copse_proof_read_release(&verifier->read);
        copse_tree_close(verifier->tree);
        copse_node_cache_free(verifier->cache);
        copse_source_free(verifier->source);
        copse_car_reader_free(verifier->reader);
        copse_free(verifier->env, verifier, sizeof *verifier);
    }
    return NULL;
}

static copse_status proof_check_header(const copse_proof_verifier *verifier,
                                       const copse_car_header *header, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (header->version != 1) {
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: a CAR of version %llu, not 1",
                         (unsigned long long)header->version);
    }
    if (header->roots_count != 1) {
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: a CAR with %zu roots, not 1",
                         header->roots_count);
    }
    if (!copse_cid_equal(&header->roots[0], &verifier->root)) {
        copse_cid_to_text(&header->roots[0], COPSE_BASE32, text);
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: of another root, %s", text);
    }
    return COPSE_OK;
}

/* Gives the read the block `want`, which must be the CAR's next (V2). WANT: its bytes have not
 * arrived. */
static copse_status proof_supply(copse_proof_verifier *verifier, const copse_cid *want,
                                 copse_err *err)
{
    char wanted[COPSE_CID_TEXT_SIZE_MAX];
    char found[COPSE_CID_TEXT_SIZE_MAX];
    copse_car_item item;
    copse_status status = copse_car_reader_next(verifier->reader, &item, err);
    if (status == COPSE_END) {
        copse_cid_to_text(want, COPSE_BASE32, wanted);
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: ends before block %s, which the read needs",
                         wanted);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cid_equal(&item.cid, want)) {
        copse_cid_to_text(want, COPSE_BASE32, wanted);
        copse_cid_to_text(&item.cid, COPSE_BASE32, found);
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: unexpected block %s; the read needs %s", found,
                         wanted);
    }
    status = copse_source_supply(verifier->source, want, item.data, err);
    if (status == COPSE_CORRUPT || status == COPSE_MISUSE) {
        copse_cid_to_text(&item.cid, COPSE_BASE32, found);
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: block %s does not hash to its CID%s", found,
                         status == COPSE_MISUSE ? " by any hash known here" : "");
    }
    return status;
}

/* Opens the tree, then reads, as far as the blocks supplied go. */
static copse_status proof_go_on(copse_proof_verifier *verifier, copse_err *err)
{
    if (verifier->tree == NULL) {
        copse_status status =
            copse_tree_open(verifier->cache, &verifier->root, &verifier->tree, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return copse_proof_read_run(&verifier->read, verifier->tree, err);
}

static copse_status proof_check_blocks(copse_proof_verifier *verifier, copse_err *err)
{
    while (!verifier->read_done) {
        copse_status status = proof_go_on(verifier, err);
        if (status == COPSE_WANT) {
            size_t count = 0;
            const copse_cid want = *copse_source_wants(verifier->source, &count);
            if (verifier->tree != NULL) {
                copse_source_unpin(verifier->source); /* the block before is in use, or done with */
            }
            status = proof_supply(verifier, &want, err);
        } else if (status == COPSE_OK) {
            verifier->read_done = true;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return COPSE_OK;
}

/* V3. END: as it should be. */
static copse_status proof_check_end(copse_proof_verifier *verifier, copse_err *err)
{
    copse_car_item item;
    copse_status status = copse_car_reader_next(verifier->reader, &item, err);
    if (status == COPSE_OK) {
        char text[COPSE_CID_TEXT_SIZE_MAX];
        copse_cid_to_text(&item.cid, COPSE_BASE32, text);
        return COPSE_ERR(err, COPSE_CORRUPT, "proof: block %s is left over", text);
    }
    return status;
}

/* Uses what was fed. WANT: more must come; END: the proof is complete. */
static copse_status proof_check(copse_proof_verifier *verifier, copse_err *err)
{
    if (!verifier->has_header) {
        copse_car_item item;
        copse_status status = copse_car_reader_next(verifier->reader, &item, err);
        if (status == COPSE_OK) {
            status = proof_check_header(verifier, item.header, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        verifier->has_header = true;
    }
    copse_status status = proof_check_blocks(verifier, err);
    return status == COPSE_OK ? proof_check_end(verifier, err) : status;
}

static copse_status proof_refuse(const copse_proof_verifier *verifier, copse_err *err)
{
    if (verifier->failed != COPSE_OK) {
        return COPSE_ERR(err, verifier->failed, "the proof was refused before");
    }
    return COPSE_ERR(err, COPSE_MISUSE, "the proof has been finished");
}

copse_status copse_proof_verifier_feed(copse_proof_verifier *verifier, copse_bytes bytes,
                                       copse_err *err)
{
    if (verifier->failed != COPSE_OK || verifier->finished) {
        return proof_refuse(verifier, err);
    }
    copse_status status = copse_car_reader_feed(verifier->reader, bytes, err);
    if (status == COPSE_OK) {
        status = proof_check(verifier, err);
    }
    if (status == COPSE_WANT) {
        return COPSE_OK;
    }
    verifier->failed = status;
    return status;
}

copse_status copse_proof_verifier_finish(copse_proof_verifier *verifier, copse_err *err)
{
    if (verifier->failed != COPSE_OK || verifier->finished) {
        return proof_refuse(verifier, err);
    }
    verifier->finished = true;
    copse_car_reader_feed_end(verifier->reader);
    copse_status status = proof_check(verifier, err);
    if (status == COPSE_END) {
        return COPSE_OK;
    }
    verifier->failed = status;
    return status;
}

copse_status copse_proof_verify(const copse_env *env, const copse_cid *root,
                                const copse_proof_query *query, copse_bytes proof,
                                copse_proof_row_fn row, void *row_ctx, copse_err *err)
{
    copse_proof_verifier *verifier;
    copse_status status = copse_proof_verifier_new(env, root, query, row, row_ctx, &verifier, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_proof_verifier_feed(verifier, proof, err);
    if (status == COPSE_OK) {
        status = copse_proof_verifier_finish(verifier, err);
    }
    copse_proof_verifier_free(verifier);
    return status;
}
