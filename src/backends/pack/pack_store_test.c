/* The pack store on real files: rules of stores and refs, durabilities, several handles, damage.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>
#include <copse/pack_maintenance.h>
#include <copse/pack_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/pack_support.h"
#include "support/refs_conformance.h"
#include "support/store_conformance.h"

/* ---- Conformance ---- */

static copse_store *pack_test_make(void *ctx, const copse_env *env)
{
    pack_folder *folder = ctx;
    pack_folder_clear(folder);
    folder->options.create = true;
    folder->env = env;
    return pack_folder_open_owned_store(folder);
}

static copse_store *pack_test_reopen(void *ctx, const copse_env *env)
{
    pack_folder *folder = ctx;
    folder->options.create = false;
    folder->env = env;
    return pack_folder_open_owned_store(folder);
}

static void pack_test_conform(copse_durability durability, uint64_t journal_size, size_t operations)
{
    pack_folder folder;
    pack_folder_init(&folder);
    folder.options.durability = durability;
    folder.options.journal_size_bytes_max = journal_size;
    store_conformance_options options = {.make = pack_test_make,
                                         .reopen = pack_test_reopen,
                                         .ctx = &folder,
                                         .seed = 1 + (uint64_t)durability,
                                         .operations = operations};
    store_conformance_run_with(&options);
    pack_folder_release(&folder);
}

static void pack_conforms_full(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_FULL, 0, 800);
}

static void pack_conforms_normal(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_NORMAL, 0, 1500);
}

static void pack_conforms_off(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_OFF, 0, 2500);
}

static void pack_conforms_sealing_often(void **state)
{
    (void)state;
    pack_test_conform(COPSE_DURABILITY_OFF, 100000, 2500);
}

/* ---- Refs ---- */

static void pack_test_refresh(void *ctx)
{
    pack_folder *folders = ctx;
    assert_int_equal(copse_pack_db_refresh(folders[0].db, NULL), COPSE_OK);
    assert_int_equal(copse_pack_db_refresh(folders[1].db, NULL), COPSE_OK);
}

static void pack_refs_conform(void **state)
{
    (void)state;
    pack_folder folders[2];
    pack_folder_init(&folders[0]);
    pack_folder_must_open(&folders[0]);
    folders[1] = folders[0];
    folders[1].db = NULL;
    pack_folder_must_open(&folders[1]);
    refs_conformance_world world = {.refs = copse_pack_db_refs(folders[0].db),
                                    .other = copse_pack_db_refs(folders[1].db),
                                    .refresh = pack_test_refresh,
                                    .ctx = folders};
    refs_conformance_run(&world);
    pack_folder_close(&folders[1]);
    pack_folder_release(&folders[0]);
}

/* ---- Loads, collections ---- */

static copse_cid pack_test_put(pack_folder *folder, uint64_t number, size_t size)
{
    copse_err err = {0};
    copse_block *block = block_support_make(&folder->own, number, size);
    copse_cid cid = *copse_block_cid(block);
    pack_must(copse_store_put(copse_pack_db_store(folder->db), &block, 1, &err), &err);
    copse_block_unref(block);
    return cid;
}

static void pack_test_swap(pack_folder *folder, const copse_cid *from, const copse_cid *to)
{
    copse_err err = {0};
    pack_must(copse_refs_swap(copse_pack_db_refs(folder->db), copse_bytes_of_text("main"), from, to,
                              &err),
              &err);
}

static bool pack_test_has(pack_folder *folder, const copse_cid *cid)
{
    bool has = false;
    copse_err err = {0};
    pack_must(copse_store_has(copse_pack_db_store(folder->db), cid, &has, &err), &err);
    return has;
}

enum { LOAD_BLOCKS = 3000 };

/* 12 MiB go into one pack, whose indexes find every block, also after reopening; go-car's index
 * finds them too. */
static void pack_loads_in_bulk(void **state)
{
    (void)state;
    static copse_cid cids[LOAD_BLOCKS];
    copse_pack_stat stat;
    pack_folder folder;
    pack_folder_init(&folder);
    pack_folder_must_open(&folder);
    assert_int_equal(copse_pack_db_begin_bulk(folder.db, NULL), COPSE_OK);
    for (uint64_t i = 0; i < LOAD_BLOCKS; i++) {
        cids[i] = pack_test_put(&folder, i, 4096);
        assert_true(pack_test_has(&folder, &cids[i / 2]));
        copse_cid again = pack_test_put(&folder, i / 2, 4096); /* does nothing */
        assert_true(copse_cid_equal(&again, &cids[i / 2]));
    }
    pack_test_swap(&folder, NULL, &cids[0]);
    copse_pack_db_stat(folder.db, &stat);
    assert_int_equal(stat.packs, 1);
    assert_int_equal(stat.blocks, LOAD_BLOCKS);
    assert_true(stat.size_bytes < (uint64_t)LOAD_BLOCKS * 4096 * 103 / 100);
    pack_folder_close(&folder);
    folder.options.read_only = true;
    pack_folder_must_open(&folder);
    for (size_t i = 0; i < LOAD_BLOCKS; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(copse_pack_db_store(folder.db), &cids[i], &block, NULL),
                         COPSE_OK);
        assert_int_equal(copse_block_verify(block, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    pack_folder_release(&folder);
}

/* A collection takes what no ref and no pin reaches, and nothing of somebody who is at work. */
static void pack_collects_garbage(void **state)
{
    (void)state;
    pack_folder folder;
    pack_folder other;
    copse_pack_gc_stats stats;
    pack_folder_init(&folder);
    pack_folder_must_open(&folder);
    copse_cid live = pack_test_put(&folder, 1, 5000);
    copse_cid pinned = pack_test_put(&folder, 2, 5000);
    copse_cid dead = pack_test_put(&folder, 3, 50000);
    pack_test_swap(&folder, NULL, &live);
    other = folder;
    other.db = NULL;
    pack_folder_must_open(&other);
    copse_cid waiting = pack_test_put(&other, 4, 100);
    copse_pack_gc_options options = {.pins = &pinned, .pins_count = 1};
    assert_int_equal(copse_pack_gc(folder.db, &options, &stats, NULL), COPSE_CONFLICT);
    assert_int_equal(copse_store_flush(copse_pack_db_store(other.db), NULL), COPSE_OK);
    copse_cid reread;
    assert_int_equal(copse_pack_gc(folder.db, &options, &stats, NULL), COPSE_OK);
    assert_int_equal(stats.live_blocks, 2);
    assert_int_equal(stats.live_bytes, 10000);
    assert_true(stats.before_bytes > 60000 && stats.after_bytes < 11000);
    assert_true(pack_test_has(&folder, &live) && pack_test_has(&folder, &pinned));
    assert_false(pack_test_has(&folder, &dead) || pack_test_has(&folder, &waiting));
    /* The other one read its refs before: it must read them again (D5). */
    copse_cid next = pack_test_put(&other, 5, 100);
    copse_refs *refs = copse_pack_db_refs(other.db);
    copse_bytes name = copse_bytes_of_text("main");
    assert_int_equal(copse_refs_swap(refs, name, &live, &next, NULL), COPSE_CONFLICT);
    assert_int_equal(copse_refs_get(refs, name, &reread, NULL), COPSE_OK);
    assert_int_equal(copse_refs_swap(refs, name, &reread, &next, NULL), COPSE_OK);
    assert_true(pack_test_has(&other, &next));
    pack_folder_close(&other);
    pack_folder_release(&folder);
}

/* A block that links to another. */
static copse_cid pack_test_put_link(pack_folder *folder, const copse_cid *to)
{
    copse_buf buf;
    copse_block *block = NULL;
    copse_buf_init(&buf, &folder->own, 100);
    assert_int_equal(copse_cbor_write_link(&buf, (copse_bytes){to->bytes, to->size}), COPSE_OK);
    assert_int_equal(
        copse_block_of_data(&folder->own, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &block, NULL),
        COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    assert_int_equal(copse_store_put(copse_pack_db_store(folder->db), &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    copse_buf_release(&buf);
    return cid;
}

/* Roots of a collection: `a`, kept alone or whole in its two calls, and `b`, alone. */
typedef struct pack_test_roots {
    copse_cid a;
    copse_cid b;
    bool is_whole[2];
    size_t calls;
    copse_status status;
} pack_test_roots;

static copse_status pack_test_keep_roots(void *ctx, copse_pack_gc_keep_fn keep, void *keep_ctx,
                                         copse_err *err)
{
    pack_test_roots *roots = ctx;
    copse_status status = keep(keep_ctx, &roots->a, roots->is_whole[roots->calls++], err);
    if (status == COPSE_OK) {
        status = keep(keep_ctx, &roots->b, false, err);
    }
    return status == COPSE_OK ? roots->status : status;
}

static void pack_test_collect_roots(const bool is_whole[2], bool with_parent)
{
    bool is_followed = is_whole[0] || is_whole[1] || with_parent;
    pack_folder folder;
    copse_pack_gc_stats stats;
    pack_folder_init(&folder);
    pack_folder_must_open(&folder);
    copse_cid leaf = pack_test_put(&folder, 1, 5000);
    pack_test_roots roots = {.is_whole = {is_whole[0], is_whole[1]}};
    roots.a = pack_test_put_link(&folder, &leaf);
    roots.b = pack_test_put(&folder, 2, 100);
    copse_cid parent = pack_test_put_link(&folder, &roots.a);
    pack_test_swap(&folder, NULL, &parent); /* refs play no part */
    const copse_pack_gc_options options = {.pins = &parent,
                                           .pins_count = with_parent ? 1 : 0,
                                           .roots = pack_test_keep_roots,
                                           .roots_ctx = &roots};
    assert_int_equal(copse_pack_gc(folder.db, &options, &stats, NULL), COPSE_OK);
    assert_int_equal(roots.calls, 2);
    assert_int_equal(stats.live_blocks, 2 + (is_followed ? 1 : 0) + (with_parent ? 1 : 0));
    assert_int_equal(stats.absent, 0);
    assert_true(pack_test_has(&folder, &roots.a) && pack_test_has(&folder, &roots.b));
    assert_int_equal(pack_test_has(&folder, &leaf), is_followed);
    assert_int_equal(pack_test_has(&folder, &parent), with_parent);
    pack_folder_release(&folder);
}

/* What is kept alone does not keep what it links to, unless it is kept whole as well, or linked by
 * what is: by either mark (G3). Each block is copied once, however often it is kept. */
static void pack_collects_by_roots(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        pack_test_collect_roots((const bool[2]){(i & 1) != 0, (i & 2) != 0}, (i & 4) != 0);
    }
}

/* Roots that can't be told end the collection; what is not there is counted once. */
static void pack_keeps_all_where_roots_fail(void **state)
{
    (void)state;
    pack_folder folder;
    copse_pack_gc_stats stats;
    pack_folder_init(&folder);
    pack_folder_must_open(&folder);
    pack_test_roots roots = {.a = pack_test_put(&folder, 1, 100), .status = COPSE_CORRUPT};
    copse_cid dead = pack_test_put(&folder, 2, 100);
    assert_int_equal(copse_store_flush(copse_pack_db_store(folder.db), NULL), COPSE_OK);
    copse_block *absent = block_support_make(&folder.own, 3, 100);
    roots.b = *copse_block_cid(absent);
    copse_block_unref(absent);
    copse_pack_gc_options options = {.roots = pack_test_keep_roots, .roots_ctx = &roots};
    assert_int_equal(copse_pack_gc(folder.db, &options, &stats, NULL), COPSE_CORRUPT);
    assert_true(pack_test_has(&folder, &dead));
    roots.status = COPSE_OK;
    roots.calls = 0;
    assert_int_equal(copse_pack_gc(folder.db, &options, &stats, NULL), COPSE_OK);
    assert_false(pack_test_has(&folder, &dead));
    assert_int_equal(stats.live_blocks, 1);
    assert_int_equal(stats.absent, 1);
    pack_folder_release(&folder);
}

/* ---- Where nothing can be written ---- */

static void pack_reads_without_writing(void **state)
{
    (void)state;
    pack_folder folder;
    copse_err err = {0};
    pack_folder_init(&folder);
    folder.options = (copse_pack_options){.read_only = true};
    assert_int_equal(pack_folder_open(&folder, &err), COPSE_NOT_FOUND);
    folder.options = (copse_pack_options){.create = false};
    assert_int_equal(pack_folder_open(&folder, &err), COPSE_NOT_FOUND);
    folder.options.create = true;
    pack_folder_must_open(&folder);
    copse_cid cid = pack_test_put(&folder, 1, 100);
    pack_test_swap(&folder, NULL, &cid);
    pack_folder_close(&folder);
    folder.options = (copse_pack_options){.read_only = true};
    pack_folder_must_open(&folder);
    assert_true(pack_test_has(&folder, &cid));
    copse_block *block = block_support_make(&folder.own, 2, 100);
    copse_store *store = copse_pack_db_store(folder.db);
    assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_DENIED);
    assert_int_equal(copse_store_remove(store, &cid, 1, NULL), COPSE_DENIED);
    assert_int_equal(copse_refs_swap(copse_pack_db_refs(folder.db), copse_bytes_of_text("main"),
                                     &cid, NULL, NULL),
                     COPSE_DENIED);
    assert_int_equal(copse_pack_db_begin_bulk(folder.db, NULL), COPSE_DENIED);
    assert_int_equal(copse_pack_gc(folder.db, NULL, NULL, NULL), COPSE_DENIED);
    assert_int_equal(copse_store_flush(store, NULL), COPSE_OK);
    copse_block_unref(block);
    pack_folder_release(&folder);
}

/* A frame, one fdatasync, and the bytes that were put. */
static void pack_commits_cost_one_sync(void **state)
{
    (void)state;
    pack_folder folder;
    copse_pack_stat before;
    copse_pack_stat after;
    pack_folder_init(&folder);
    pack_folder_must_open(&folder);
    copse_cid first = pack_test_put(&folder, 1, 100);
    pack_test_swap(&folder, NULL, &first);
    for (uint64_t i = 0; i < 10; i++) {
        copse_pack_db_stat(folder.db, &before);
        copse_cid next = first;
        for (uint64_t k = 0; k < 5; k++) {
            next = pack_test_put(&folder, 10 + i * 5 + k, 2048);
        }
        pack_test_swap(&folder, &first, &next);
        first = next;
        copse_pack_db_stat(folder.db, &after);
        assert_int_equal(after.syncs - before.syncs, 1);
        assert_in_range(after.written_bytes - before.written_bytes, 5 * 2048, 5 * 2048 + 400);
    }
    pack_folder_release(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack_conforms_full),
        cmocka_unit_test(pack_conforms_normal),
        cmocka_unit_test(pack_conforms_off),
        cmocka_unit_test(pack_conforms_sealing_often),
        cmocka_unit_test(pack_refs_conform),
        cmocka_unit_test(pack_loads_in_bulk),
        cmocka_unit_test(pack_collects_garbage),
        cmocka_unit_test(pack_collects_by_roots),
        cmocka_unit_test(pack_keeps_all_where_roots_fail),
        cmocka_unit_test(pack_reads_without_writing),
        cmocka_unit_test(pack_commits_cost_one_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
