/* get, has and put among many blocks in a memory store, beside what the machine's memory allows.
 *
 *     memory_store_bench [blocks] [block bytes]        1,000,000 and 64 by default
 *
 * The limit is a chase of random pointers through as much memory as the blocks take: each step is a
 * dependent miss of a cache line and of a page table entry. A get makes two such steps, one after
 * the other (the table's slot, then the block), and one more hidden beside the first (the other
 * array of the table).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block/block.h"
#include "support/test_env.h"

enum { BENCH_ROUNDS = 3 };

static double bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void bench_require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "memory_store_bench: %s\n", what);
        exit(1);
    }
}

static size_t *bench_shuffled(size_t count, uint64_t seed)
{
    size_t *order = malloc(count * sizeof *order);
    bench_require(order != NULL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = (size_t)test_random_below(&seed, i + 1);
        size_t at_i = order[i];
        order[i] = order[j];
        order[j] = at_i;
    }
    return order;
}

/* Nanoseconds of one dependent step through `size_bytes` of memory. */
static double bench_chase(size_t size_bytes)
{
    const size_t line = 64;
    size_t count = size_bytes / line;
    char *memory = malloc(count * line);
    bench_require(memory != NULL, "out of memory");
    size_t *order = bench_shuffled(count, 11);
    for (size_t i = 0; i < count; i++) {
        void *next = memory + order[(i + 1) % count] * line;
        memcpy(memory + order[i] * line, &next, sizeof next);
    }
    void *at = memory;
    double started = bench_now();
    for (size_t i = 0; i < count; i++) {
        memcpy(&at, at, sizeof at);
    }
    double took = bench_now() - started;
    bench_require(at == (void *)memory, "the chase is not a cycle");
    free(order);
    free(memory);
    return took / (double)count;
}

static void bench_memcpy(size_t size_bytes)
{
    char *from = malloc(size_bytes);
    char *to = malloc(size_bytes);
    bench_require(from != NULL && to != NULL, "out of memory");
    memset(from, 1, size_bytes);
    memset(to, 2, size_bytes);
    double started = bench_now();
    memcpy(to, from, size_bytes);
    double took = bench_now() - started;
    printf("%-34s %8.1f GB/s (last byte %d)\n", "memcpy", (double)size_bytes / took,
           to[size_bytes - 1]);
    free(from);
    free(to);
}

typedef struct bench {
    copse_env env;
    copse_store *store;
    copse_block **blocks;
    copse_cid *cids; /* in the order of the blocks: read in a random order below */
    size_t count;
} bench;

static void bench_put_all(bench *run)
{
    double started = bench_now();
    for (size_t i = 0; i < run->count; i++) {
        bench_require(copse_store_put(run->store, &run->blocks[i], 1, NULL) == COPSE_OK, "put");
    }
    printf("%-34s %8.1f ns\n", "put of a new block, table growing",
           (bench_now() - started) / (double)run->count);
}

static void bench_reads(bench *run)
{
    double get = 1e18;
    double has = 1e18;
    double again = 1e18;
    uint64_t sum = 0;
    for (uint64_t round = 0; round < BENCH_ROUNDS; round++) {
        /* The CIDs to ask for lie in the order in which they are asked for, as links in a node. */
        size_t *order = bench_shuffled(run->count, round);
        for (size_t i = 0; i < run->count; i++) {
            run->cids[i] = *copse_block_cid(run->blocks[order[i]]);
        }
        double started = bench_now();
        for (size_t i = 0; i < run->count; i++) {
            copse_block *block = NULL;
            bench_require(copse_store_get(run->store, &run->cids[i], &block, NULL) == COPSE_OK,
                          "get");
            sum += copse_block_data(block).len;
            copse_block_unref(block);
        }
        double took = (bench_now() - started) / (double)run->count;
        get = took < get ? took : get;
        started = bench_now();
        for (size_t i = 0; i < run->count; i++) {
            bool is_present = false;
            run->cids[i].bytes[35] ^= 1;
            bench_require(copse_store_has(run->store, &run->cids[i], &is_present, NULL) == COPSE_OK,
                          "has");
            sum += is_present;
        }
        took = (bench_now() - started) / (double)run->count;
        has = took < has ? took : has;
        started = bench_now();
        for (size_t i = 0; i < run->count; i++) {
            bench_require(copse_store_put(run->store, &run->blocks[order[i]], 1, NULL) == COPSE_OK,
                          "put");
        }
        took = (bench_now() - started) / (double)run->count;
        again = took < again ? took : again;
        free(order);
    }
    printf("%-34s %8.1f ns\n", "get and unref, present, random", get);
    printf("%-34s %8.1f ns\n", "has, absent", has);
    printf("%-34s %8.1f ns (sum %llu)\n", "put of a present block, random", again,
           (unsigned long long)sum);
}

static void bench_get_many(bench *run)
{
    enum { BATCH = 64 };
    copse_block *blocks[BATCH];
    double best = 1e18;
    for (uint64_t round = 0; round < BENCH_ROUNDS; round++) {
        size_t *order = bench_shuffled(run->count, round);
        for (size_t i = 0; i < run->count; i++) {
            run->cids[i] = *copse_block_cid(run->blocks[order[i]]);
        }
        free(order);
        size_t count = run->count / BATCH * BATCH;
        double started = bench_now();
        for (size_t i = 0; i < count; i += BATCH) {
            bench_require(copse_store_get_many(run->store, &run->cids[i], BATCH, blocks, NULL) ==
                              COPSE_OK,
                          "get_many");
            for (size_t j = 0; j < BATCH; j++) {
                blocks[j] = copse_block_unref(blocks[j]);
            }
        }
        double took = (bench_now() - started) / (double)count;
        best = took < best ? took : best;
    }
    printf("%-34s %8.1f ns\n", "get_many of 64, each", best);
}

int main(int argc, char **argv)
{
    bench run = {.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000};
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
    bench_require(run.count >= 1000 && size >= 8 && size <= 65536, "arguments out of range");
    copse_env_init(&run.env);
    run.blocks = malloc(run.count * sizeof(copse_block *));
    run.cids = malloc(run.count * sizeof(copse_cid));
    uint8_t *bytes = calloc(1, size);
    bench_require(run.blocks != NULL && run.cids != NULL && bytes != NULL, "out of memory");
    bench_require(copse_memory_store_new(&run.env, &run.store, NULL) == COPSE_OK, "store");
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (size_t i = 0; i < run.count; i++) {
        uint64_t number = i;
        memcpy(bytes, &number, sizeof number);
        bench_require(copse_block_of_data(&run.env, COPSE_CODEC_DAG_CBOR,
                                          (copse_bytes){bytes, size}, &run.blocks[i],
                                          NULL) == COPSE_OK,
                      "block");
    }
    size_t blocks_bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    printf("%zu blocks of %zu bytes\n", run.count, size);
    bench_put_all(&run);
    size_t all_bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    bench_reads(&run);
    bench_get_many(&run);
    printf("%-34s %8.1f bytes (struct %zu, CID %zu)\n", "overhead of a block",
           (double)blocks_bytes / (double)run.count - (double)size, sizeof(copse_block),
           sizeof(copse_cid));
    printf("%-34s %8.1f bytes\n", "with its share of the table",
           (double)all_bytes / (double)run.count - (double)size);
    printf("%-34s %8.1f ns a step\n", "limit: pointer chase, all memory", bench_chase(all_bytes));
    printf("%-34s %8.1f ns a step\n", "limit: pointer chase, the table",
           bench_chase(all_bytes - blocks_bytes));
    bench_memcpy((size_t)256 << 20);
    copse_store_close(run.store);
    for (size_t i = 0; i < run.count; i++) {
        copse_block_unref(run.blocks[i]);
    }
    free(run.blocks);
    free(run.cids);
    free(bytes);
    return 0;
}
