/* Verifying arbitrary bytes as a proof. To get past the hashes, the input is a little program: a
 * query, then blocks that the target hashes itself and links into a CAR whose root is that of the
 * first block. The verifier may accept or refuse, in bounded memory; and what it accepts in one
 * piece it accepts byte by byte, with the same rows.
 *
 *   byte 0        bit 0: a range, else keys; bit 1: reverse; bit 2: with `to`; bit 3: limit 3;
 *                 bit 4: the rest is the CAR itself, whose root is taken from its header
 *   byte 1, 2     lengths of two keys, mod 8; the keys follow
 *   then          blocks: a length in two bytes, big-endian, and as many bytes; every
 *                 d8 2a 58 25 00 n in a block is completed into a link to block number n
 *
 * Blocks link only to blocks after them, so the target makes them from the last to the first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/buf.h>
#include <copse/proof.h>

#include "support/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_BLOCKS_MAX = 24, FUZZ_ALLOC_HEAD = 16 };

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

typedef struct fuzz_block {
    uint8_t *data;
    size_t size;
    copse_cid cid;
} fuzz_block;

/* Puts the CIDs of blocks after number `index` where the block names them. */
static void fuzz_link(fuzz_block *blocks, size_t count, size_t index)
{
    static const uint8_t head[] = {0xd8, 0x2a, 0x58, 0x25, 0x00};
    fuzz_block *block = &blocks[index];
    for (size_t at = 0; at + COPSE_CID_SHA2_256_SIZE_BYTES + sizeof head <= block->size; at++) {
        uint8_t *link = block->data + at;
        if (memcmp(link, head, sizeof head) == 0) {
            size_t target = link[sizeof head];
            if (target > index && target < count) {
                memcpy(link + sizeof head, blocks[target].cid.bytes, COPSE_CID_SHA2_256_SIZE_BYTES);
            }
        }
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){block->data, block->size}, &block->cid);
}

static copse_status fuzz_sink(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)err;
    return copse_buf_append(ctx, bytes);
}

/* Makes the CAR of the blocks in the input, and takes its root. False: there are none. */
static bool fuzz_make_car(const copse_env *env, copse_bytes input, copse_buf *car,
                          copse_cid *ret_root)
{
    fuzz_block blocks[FUZZ_BLOCKS_MAX];
    const copse_car_writer_options options = {.version = 1};
    copse_car_writer *writer;
    size_t count = 0;
    for (size_t at = 0; count < FUZZ_BLOCKS_MAX && at + 2 <= input.len;) {
        size_t size = (size_t)input.ptr[at] << 8 | input.ptr[at + 1];
        at += 2;
        size = size < input.len - at ? size : input.len - at;
        uint8_t *data = malloc(size + 1);
        fuzz_must(data != NULL);
        memcpy(data, input.ptr + at, size);
        blocks[count++] = (fuzz_block){.data = data, .size = size};
        at += size;
    }
    if (count == 0) {
        return false;
    }
    for (size_t i = count; i-- > 0;) {
        fuzz_link(blocks, count, i);
    }
    *ret_root = blocks[0].cid;
    copse_car_sink sink = {.write = fuzz_sink, .ctx = car};
    fuzz_must(copse_car_writer_new(env, &options, sink, ret_root, 1, &writer, NULL) == COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        copse_bytes data = {blocks[i].data, blocks[i].size};
        fuzz_must(copse_car_writer_put(writer, &blocks[i].cid, data, NULL) == COPSE_OK);
        free(blocks[i].data);
    }
    fuzz_must(copse_car_writer_finish(writer, NULL, NULL) == COPSE_OK);
    copse_car_writer_free(writer);
    return true;
}

/* The root in the header of a CAR. */
static bool fuzz_find_root(const copse_env *env, copse_bytes input, copse_cid *ret_root)
{
    copse_car_reader *reader;
    copse_car_item item;
    bool found = false;
    fuzz_must(copse_car_reader_new(env, NULL, &reader, NULL) == COPSE_OK);
    fuzz_must(copse_car_reader_feed(reader, input, NULL) == COPSE_OK);
    if (copse_car_reader_next(reader, &item, NULL) == COPSE_OK && item.header->roots_count > 0) {
        *ret_root = item.header->roots[0];
        found = true;
    }
    copse_car_reader_free(reader);
    return found;
}

/* The rows, folded into a number. */
static copse_status fuzz_row(void *ctx, const copse_proof_row *row, copse_err *err)
{
    (void)err;
    uint64_t *sum = ctx;
    copse_bytes parts[] = {row->key, row->value};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < parts[i].len; j++) {
            *sum = (*sum ^ parts[i].ptr[j]) * 0x100000001b3u;
        }
    }
    *sum += row->index * 2 + row->present;
    return COPSE_OK;
}

static copse_status fuzz_verify(const copse_env *env, const copse_cid *root,
                                const copse_proof_query *query, copse_bytes car, size_t piece,
                                uint64_t *ret_sum)
{
    copse_proof_verifier *verifier;
    copse_status status =
        copse_proof_verifier_new(env, root, query, fuzz_row, ret_sum, &verifier, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t at = 0; status == COPSE_OK && at < car.len; at += piece) {
        size_t size = car.len - at < piece ? car.len - at : piece;
        status = copse_proof_verifier_feed(verifier, (copse_bytes){car.ptr + at, size}, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_proof_verifier_finish(verifier, NULL);
    }
    copse_proof_verifier_free(verifier);
    return status;
}

static void fuzz_run(const copse_cid *root, const copse_proof_query *query, copse_bytes car)
{
    fuzz_memory memory = {0};
    copse_env env;
    uint64_t sums[2] = {0, 0};
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &memory;
    copse_status whole = fuzz_verify(&env, root, query, car, car.len + 1, &sums[0]);
    copse_status bytewise = fuzz_verify(&env, root, query, car, 1, &sums[1]);
    fuzz_must(whole == bytewise && sums[0] == sums[1]);
    fuzz_must(whole == COPSE_OK || whole == COPSE_CORRUPT || whole == COPSE_LIMIT ||
              whole == COPSE_MISUSE);
    fuzz_must(memory.size == 0);
    /* Offsets take at most 8 bytes a byte of a node, and the nodes held are all different. */
    fuzz_must(memory.peak <= 64 * 1024 + 24 * car.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    uint8_t flags = data[0];
    size_t lens[2] = {data[1] % 8, data[2] % 8};
    size_t at = 3;
    copse_bytes keys[2];
    for (size_t i = 0; i < 2; i++) {
        lens[i] = lens[i] < size - at ? lens[i] : size - at;
        keys[i] = (copse_bytes){data + at, lens[i]};
        at += lens[i];
    }
    copse_proof_query query = {.kind = (flags & 1) != 0 ? COPSE_PROOF_RANGE : COPSE_PROOF_KEYS,
                               .keys = keys,
                               .keys_count = 2,
                               .from = keys[0],
                               .to = (flags & 4) != 0 ? &keys[1] : NULL,
                               .limit = (flags & 8) != 0 ? 3 : UINT64_MAX,
                               .reverse = (flags & 2) != 0};
    copse_env env;
    copse_cid root;
    copse_buf car;
    copse_bytes input = {data + at, size - at};
    copse_env_init(&env);
    copse_buf_init(&car, &env, SIZE_MAX);
    if ((flags & 16) != 0) {
        if (fuzz_find_root(&env, input, &root)) {
            fuzz_run(&root, &query, input);
        }
    } else if (fuzz_make_car(&env, input, &car, &root)) {
        fuzz_run(&root, &query, copse_buf_view(&car));
    }
    copse_buf_release(&car);
    return 0;
}
