/* The pack store beside LMDB in one run: blocks of 4 KiB put and read, commits of five blocks of
 * 2 KiB in each durability, opening. BENCH_BLOCKS, BENCH_COMMITS and BENCH_DIR change the sizes
 * and the folder.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_maintenance.h>
#include <copse/pack_store.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bench.h"

enum { BENCH_BLOCK_SIZE = 4096, BENCH_NODE_SIZE = 2048, BENCH_NODES = 5 };

typedef struct pack_bench {
    copse_env env;
    copse_os *os;
    copse_pack_db *db;
    copse_err err;
    char path[300];
    size_t blocks;
    size_t commits;
    uint64_t random;
} pack_bench;

static size_t pack_bench_number(const char *name, size_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? (size_t)strtoull(text, NULL, 10) : fallback;
}

static void pack_bench_open(pack_bench *bench, copse_durability durability)
{
    copse_pack_options options = {.create = true, .durability = durability};
    bench_check(
        copse_pack_db_open(&bench->env, bench->os, bench->path, &options, &bench->db, &bench->err),
        &bench->err);
}

static void pack_bench_clear(const char *path)
{
    char command[400];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) {
        bench_fail("can't remove the folder");
    }
}

/* A block whose CID is not that of its bytes: hashing is measured elsewhere. */
static copse_block *pack_bench_block(pack_bench *bench, uint64_t number, size_t size)
{
    static uint8_t bytes[BENCH_BLOCK_SIZE];
    uint8_t digest[32];
    copse_cid cid;
    copse_block *block = NULL;
    uint64_t state = number;
    for (size_t i = 0; i < sizeof digest; i += 8) {
        uint64_t word = bench_random(&state);
        memcpy(digest + i, &word, 8);
        memcpy(bytes + i, &word, 8);
    }
    bench_check(copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_SHA2_256,
                                     (copse_bytes){digest, 32}, &cid, &bench->err),
                &bench->err);
    bench_check(copse_block_new(&bench->env, &cid, (copse_bytes){bytes, size}, &block, &bench->err),
                &bench->err);
    return block;
}

static void pack_bench_put(pack_bench *bench, uint64_t number, size_t size)
{
    copse_block *block = pack_bench_block(bench, number, size);
    bench_check(copse_store_put(copse_pack_db_store(bench->db), &block, 1, &bench->err),
                &bench->err);
    copse_block_unref(block);
}

static void pack_bench_load(pack_bench *bench)
{
    copse_pack_stat stat;
    pack_bench_clear(bench->path);
    pack_bench_open(bench, COPSE_DURABILITY_OFF);
    double start = bench_now();
    bench_check(copse_pack_db_begin_bulk(bench->db, &bench->err), &bench->err);
    for (uint64_t i = 0; i < bench->blocks; i++) {
        pack_bench_put(bench, i, BENCH_BLOCK_SIZE);
    }
    double put = bench_now();
    bench_check(copse_store_flush(copse_pack_db_store(bench->db), &bench->err), &bench->err);
    double end = bench_now();
    copse_pack_db_stat(bench->db, &stat);
    bench_row("pack: bulk load of 4 KiB blocks", (double)bench->blocks / (end - start), "blocks/s");
    bench_row("pack: of that, indexes at the end", (end - put) / (end - start) * 100, "%");
    bench_row("pack: size over the blocks' bytes",
              (double)stat.size_bytes / (double)bench->blocks / BENCH_BLOCK_SIZE, "");
    bench->db = copse_pack_db_close(bench->db);
}

static void pack_bench_gets(pack_bench *bench, const char *what, size_t count)
{
    double start = bench_now();
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        copse_block *block = NULL;
        uint64_t number = bench_random(&bench->random) % bench->blocks;
        uint64_t state = number;
        uint8_t digest[32];
        copse_cid cid;
        for (size_t k = 0; k < sizeof digest; k += 8) {
            uint64_t word = bench_random(&state);
            memcpy(digest + k, &word, 8);
        }
        bench_check(copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_SHA2_256,
                                         (copse_bytes){digest, 32}, &cid, &bench->err),
                    &bench->err);
        bench_check(copse_store_get(copse_pack_db_store(bench->db), &cid, &block, &bench->err),
                    &bench->err);
        sum += copse_block_data(block).ptr[0];
        copse_block_unref(block);
    }
    bench_keep(sum);
    bench_row(what, (bench_now() - start) / (double)count * 1e6, "us");
}

static void pack_bench_read(pack_bench *bench)
{
    double start = bench_now();
    pack_bench_open(bench, COPSE_DURABILITY_OFF);
    bench_row("pack: open", (bench_now() - start) * 1e3, "ms");
    pack_bench_gets(bench, "pack: first get after it", 1);
    pack_bench_gets(bench, "pack: first 10,000 gets", 10000);
    pack_bench_gets(bench, "pack: random get, warm", bench->blocks);
    bench->db = copse_pack_db_close(bench->db);
}

static void pack_bench_commit(pack_bench *bench, const char *name, copse_durability durability,
                              size_t count)
{
    char what[100];
    copse_pack_stat before;
    copse_pack_stat after;
    copse_cid now = {0};
    pack_bench_clear(bench->path);
    pack_bench_open(bench, durability);
    copse_pack_db_stat(bench->db, &before);
    double start = bench_now();
    for (uint64_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < BENCH_NODES; k++) {
            pack_bench_put(bench, i * BENCH_NODES + k, BENCH_NODE_SIZE);
        }
        copse_block *block = pack_bench_block(bench, i * BENCH_NODES, BENCH_NODE_SIZE);
        bench_check(copse_refs_swap(copse_pack_db_refs(bench->db), copse_bytes_of_text("main"),
                                    now.size > 0 ? &now : NULL, copse_block_cid(block),
                                    &bench->err),
                    &bench->err);
        now = *copse_block_cid(block);
        copse_block_unref(block);
    }
    double seconds = bench_now() - start;
    copse_pack_db_stat(bench->db, &after);
    (void)snprintf(what, sizeof what, "pack: commit of 5 x 2 KiB, %s", name);
    bench_row(what, seconds / (double)count * 1e6, "us");
    (void)snprintf(what, sizeof what, "pack: written a commit, %s", name);
    bench_row(what, (double)(after.written_bytes - before.written_bytes) / (double)count, "bytes");
    (void)snprintf(what, sizeof what, "pack: syncs a commit, %s", name);
    bench_row(what, (double)(after.syncs - before.syncs) / (double)count, "");
    bench->db = copse_pack_db_close(bench->db);
}

/* ---- LMDB, if it is installed (liblmdb0), through the few calls that this takes ---- */

typedef struct lmdb_value {
    size_t size;
    void *data;
} lmdb_value;

enum { LMDB_NOSYNC = 0x10000, LMDB_RDONLY = 0x20000, LMDB_NORDAHEAD = 0x800000 };

typedef struct lmdb_calls {
    int (*env_create)(void **env);
    int (*env_set_mapsize)(void *env, size_t size);
    int (*env_open)(void *env, const char *path, unsigned flags, unsigned mode);
    void (*env_close)(void *env);
    int (*txn_begin)(void *env, void *parent, unsigned flags, void **txn);
    int (*txn_commit)(void *txn);
    void (*txn_abort)(void *txn);
    int (*dbi_open)(void *txn, const char *name, unsigned flags, unsigned *dbi);
    int (*put)(void *txn, unsigned dbi, lmdb_value *key, lmdb_value *data, unsigned flags);
    int (*get)(void *txn, unsigned dbi, lmdb_value *key, lmdb_value *data);
} lmdb_calls;

static bool lmdb_load(lmdb_calls *calls)
{
    static const char *const names[] = {
        "mdb_env_create", "mdb_env_set_mapsize", "mdb_env_open", "mdb_env_close", "mdb_txn_begin",
        "mdb_txn_commit", "mdb_txn_abort",       "mdb_dbi_open", "mdb_put",       "mdb_get"};
    void *library = dlopen("liblmdb.so.0", RTLD_NOW);
    void **slots = (void **)calls;
    for (size_t i = 0; library != NULL && i < sizeof names / sizeof names[0]; i++) {
        slots[i] = dlsym(library, names[i]);
    }
    return library != NULL;
}

static void lmdb_check(int code)
{
    if (code != 0) {
        bench_fail("LMDB failed");
    }
}

static void lmdb_key(uint64_t number, uint8_t ret_digest[32])
{
    uint64_t state = number;
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t word = bench_random(&state);
        memcpy(ret_digest + i, &word, 8);
    }
}

static void *lmdb_open(const lmdb_calls *calls, const char *path, unsigned flags, unsigned *dbi)
{
    void *env = NULL;
    void *txn = NULL;
    lmdb_check(calls->env_create(&env));
    lmdb_check(calls->env_set_mapsize(env, (size_t)64 << 30));
    lmdb_check(calls->env_open(env, path, flags, 0644));
    lmdb_check(calls->txn_begin(env, NULL, 0, &txn));
    lmdb_check(calls->dbi_open(txn, NULL, 0, dbi));
    lmdb_check(calls->txn_commit(txn));
    return env;
}

static void lmdb_write(const lmdb_calls *calls, void *env, unsigned dbi, uint64_t first,
                       size_t count, size_t size)
{
    static uint8_t bytes[BENCH_BLOCK_SIZE];
    void *txn = NULL;
    lmdb_check(calls->txn_begin(env, NULL, 0, &txn));
    for (uint64_t i = first; i < first + count; i++) {
        uint8_t digest[32];
        lmdb_key(i, digest);
        memcpy(bytes, digest, sizeof digest);
        lmdb_value key = {sizeof digest, digest};
        lmdb_value value = {size, bytes};
        lmdb_check(calls->put(txn, dbi, &key, &value, 0));
    }
    lmdb_check(calls->txn_commit(txn));
}

static void lmdb_read(const lmdb_calls *calls, void *env, unsigned dbi, pack_bench *bench)
{
    uint64_t sum = 0;
    void *txn = NULL;
    double start = bench_now();
    lmdb_check(calls->txn_begin(env, NULL, LMDB_RDONLY, &txn));
    for (size_t i = 0; i < bench->blocks; i++) {
        uint8_t digest[32];
        uint8_t copy[BENCH_BLOCK_SIZE];
        lmdb_key(bench_random(&bench->random) % bench->blocks, digest);
        lmdb_value key = {sizeof digest, digest};
        lmdb_value value;
        lmdb_check(calls->get(txn, dbi, &key, &value));
        memcpy(copy, value.data, value.size);
        sum += copy[0];
    }
    calls->txn_abort(txn);
    bench_keep(sum);
    bench_row("lmdb: random get with a copy, warm",
              (bench_now() - start) / (double)bench->blocks * 1e6, "us");
}

static void lmdb_run(pack_bench *bench)
{
    lmdb_calls calls;
    unsigned dbi;
    if (!lmdb_load(&calls)) {
        (void)printf("LMDB is not installed (liblmdb0): no figures beside ours\n");
        return;
    }
    static const struct {
        const char *name;
        unsigned flags;
        size_t divisor;
    } modes[] = {{"lmdb: commit of 5 x 2 KiB, off", LMDB_NOSYNC, 1},
                 {"lmdb: commit of 5 x 2 KiB, full", 0, 20}};
    pack_bench_clear(bench->path);
    (void)mkdir(bench->path, 0755);
    void *env = lmdb_open(&calls, bench->path, LMDB_NOSYNC | LMDB_NORDAHEAD, &dbi);
    double start = bench_now();
    for (size_t at = 0; at < bench->blocks; at += 1000) {
        lmdb_write(&calls, env, dbi, at, 1000, BENCH_BLOCK_SIZE);
    }
    bench_row("lmdb: load of 4 KiB blocks, 1000 a commit",
              (double)bench->blocks / (bench_now() - start), "blocks/s");
    lmdb_read(&calls, env, dbi, bench);
    calls.env_close(env);
    for (size_t i = 0; i < 2; i++) {
        pack_bench_clear(bench->path);
        (void)mkdir(bench->path, 0755);
        env = lmdb_open(&calls, bench->path, modes[i].flags, &dbi);
        size_t count = bench->commits / modes[i].divisor;
        start = bench_now();
        for (uint64_t k = 0; k < count; k++) {
            lmdb_write(&calls, env, dbi, k * BENCH_NODES, BENCH_NODES, BENCH_NODE_SIZE);
        }
        bench_row(modes[i].name, (bench_now() - start) / (double)count * 1e6, "us");
        calls.env_close(env);
    }
}

int main(void)
{
    pack_bench bench = {.blocks = pack_bench_number("BENCH_BLOCKS", 100000),
                        .commits = pack_bench_number("BENCH_COMMITS", 20000),
                        .random = 1};
    const char *folder = getenv("BENCH_DIR");
    (void)snprintf(bench.path, sizeof bench.path, "%.250s/copse-pack-bench-%ld",
                   folder != NULL ? folder : "/tmp", (long)getpid());
    copse_env_init(&bench.env);
    copse_env_init_posix(&bench.env);
    bench_check(copse_os_posix_new(&bench.env, &bench.os, &bench.err), &bench.err);
    pack_bench_load(&bench);
    pack_bench_read(&bench);
    pack_bench_commit(&bench, "off", COPSE_DURABILITY_OFF, bench.commits);
    pack_bench_commit(&bench, "normal", COPSE_DURABILITY_NORMAL, bench.commits);
    pack_bench_commit(&bench, "full", COPSE_DURABILITY_FULL, bench.commits / 20);
    pack_bench_clear(bench.path);
    lmdb_run(&bench);
    pack_bench_clear(bench.path);
    bench.os = copse_os_free(bench.os);
    return 0;
}
