/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/pack_small.h"

#include <copse/dag_cbor.h>
#include <copse/pack_maintenance.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/pack_support.h"

/* Puts a block; its CID is noted. */
static void small_put(pack_small *small, copse_pack_db *db, size_t size)
{
    copse_err err = {0};
    copse_block *block = block_support_make(&small->env.env, small->blocks_count + 100, size);
    small->cids[small->blocks_count++] = *copse_block_cid(block);
    pack_must(copse_store_put(copse_pack_db_store(db), &block, 1, &err), &err);
    copse_block_unref(block);
}

/* Moves ref `index` to the last block. */
static void small_swap(pack_small *small, copse_pack_db *db, size_t index)
{
    char name[8];
    copse_err err = {0};
    copse_cid *ref = &small->refs[index];
    const copse_cid *cid = &small->cids[small->blocks_count - 1];
    (void)snprintf(name, sizeof name, "ref-%zu", index);
    pack_must(copse_refs_swap(copse_pack_db_refs(db), copse_bytes_of_text(name),
                              ref->size > 0 ? ref : NULL, cid, &err),
              &err);
    *ref = *cid;
}

static copse_status small_list(void *ctx, const char *name, copse_err *err)
{
    (void)err;
    pack_small *small = ctx;
    if (strstr(name, "lock") == NULL) {
        assert_true(small->files_count < PACK_SMALL_FILES_MAX);
        (void)snprintf(small->files[small->files_count++], 100, "/store/%.80s", name);
    }
    return COPSE_OK;
}

void pack_small_init(pack_small *small)
{
    copse_err err = {0};
    copse_pack_db *db = NULL;
    copse_pack_options options = {.create = true, .journal_size_bytes_max = 1500};
    memset(small, 0, sizeof *small);
    test_env_init(&small->env);
    small->sim = os_sim_new();
    copse_os *os = os_sim_process(small->sim);
    pack_must(copse_pack_db_open(&small->env.env, os, "/store", &options, &db, &err), &err);
    for (size_t i = 0; i < 6; i++) {
        small_put(small, db, 60 + 10 * i);
    }
    small_swap(small, db, 0);
    /* A collection makes the pack: it is small, so force one by way of a bulk load. */
    pack_must(copse_pack_db_begin_bulk(db, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        small_put(small, db, 400000);
    }
    small_swap(small, db, 1);
    for (size_t i = 0; i < 8; i++) {
        small_put(small, db, 100 + 20 * i);
    }
    small_swap(small, db, 2);
    for (size_t i = 0; i < 3; i++) {
        small_put(small, db, 90);
        small_swap(small, db, i % 2);
    }
    copse_pack_stat stat;
    copse_pack_db_stat(db, &stat);
    assert_int_equal(stat.packs, 1);
    copse_pack_db_close(db);
    pack_must(os->ops->list_dir(os, "/store", small_list, small, &err), &err);
    copse_os_free(os);
    assert_true(small->files_count >= 4); /* format, pack, two journals at least */
}

void pack_small_release(pack_small *small)
{
    small->sim = os_sim_free(small->sim);
    test_env_assert_empty(&small->env);
}

typedef struct small_look {
    const char *name;
    pack_small_result *result;
    bool has_tail;
} small_look;

static copse_status small_found(void *ctx, const copse_pack_finding *finding, copse_err *err)
{
    (void)err;
    small_look *look = ctx;
    if (finding->kind == COPSE_PACK_FINDING_TAIL) {
        look->has_tail = true;
    }
    if (finding->kind == COPSE_PACK_FINDING_DAMAGE || finding->kind == COPSE_PACK_FINDING_TAIL) {
        assert_true(strlen(finding->message) > 0);
        if (strcmp(finding->file, look->name) == 0) {
            look->result->findings++;
        } else {
            look->result->findings_elsewhere++;
        }
    }
    return COPSE_OK;
}

static void small_look_at_blocks(const pack_small *small, copse_pack_db *db, bool may_miss,
                                 pack_small_result *result)
{
    for (size_t i = 0; i < small->blocks_count; i++) {
        copse_block *block = NULL;
        copse_status status =
            copse_store_get(copse_pack_db_store(db), &small->cids[i], &block, NULL);
        if (status == COPSE_OK) {
            status = copse_block_verify(block, NULL); /* as a verify store would */
        }
        copse_block_unref(block);
        result->blocks_right += status == COPSE_OK;
        if (status != COPSE_OK && status != COPSE_CORRUPT &&
            !(may_miss && status == COPSE_NOT_FOUND)) {
            fail_msg("block %zu: %s", i, copse_status_name(status));
        }
    }
}

static void small_look_at_refs(const pack_small *small, copse_pack_db *db, bool may_be_old,
                               pack_small_result *result)
{
    for (size_t i = 0; i < PACK_SMALL_REFS; i++) {
        char name[8];
        copse_cid cid;
        (void)snprintf(name, sizeof name, "ref-%zu", i);
        copse_status status =
            copse_refs_get(copse_pack_db_refs(db), copse_bytes_of_text(name), &cid, NULL);
        bool is_right = status == COPSE_OK && copse_cid_equal(&cid, &small->refs[i]);
        result->refs_right += is_right;
        if (!is_right && status != COPSE_CORRUPT && !may_be_old) {
            fail_msg("ref %zu: %s, and not what it was", i, copse_status_name(status));
        }
    }
}

/* Whether the file is the journal in use. */
static bool small_is_in_use(const pack_small *small, const char *path)
{
    bool is_newest = strstr(path, "/journal-") != NULL;
    for (size_t i = 0; i < small->files_count; i++) {
        is_newest &=
            strstr(small->files[i], "/journal-") == NULL || strcmp(small->files[i], path) <= 0;
    }
    return is_newest;
}

pack_small_result pack_small_examine(const pack_small *small, os_sim *sim, const char *path,
                                     bool with_repair)
{
    pack_small_result result = {0};
    small_look look = {strrchr(path, '/') + 1, &result, false};
    copse_pack_fsck_options fsck = {.found = small_found, .found_ctx = &look};
    copse_pack_options options = {.read_only = true};
    copse_pack_db *db = NULL;
    copse_err err = {0};
    copse_os *os = os_sim_process(sim);
    const copse_env *env = &small->env.env;
    copse_status status = copse_pack_fsck(env, os, "/store", &fsck, NULL, &err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        pack_must(status, &err);
    }
    status = copse_pack_db_open(env, os, "/store", &options, &db, &err);
    result.opened = status == COPSE_OK;
    if (status == COPSE_OK) {
        /* Cut between two frames, the journal in use is a whole one of an earlier time. */
        bool is_silent = result.findings == 0 && small_is_in_use(small, path);
        bool is_older = look.has_tail || is_silent;
        small_look_at_blocks(small, db, is_older, &result);
        small_look_at_refs(small, db, is_older, &result);
        db = copse_pack_db_close(db);
    } else if (status != COPSE_CORRUPT && status != COPSE_NOT_FOUND) {
        pack_must(status, &err);
    }
    if (with_repair) {
        pack_small_result ignored = {0};
        small_look again = {"", &ignored, false};
        fsck.repair = true;
        fsck.found_ctx = &again;
        pack_must(copse_pack_fsck(env, os, "/store", &fsck, NULL, &err), &err);
        ignored = (pack_small_result){0};
        fsck.repair = false;
        pack_must(copse_pack_fsck(env, os, "/store", &fsck, NULL, &err), &err);
        if (ignored.findings_elsewhere != 0) {
            fail_msg("%s: still damaged after it was mended", path);
        }
        options.read_only = false;
        pack_must(copse_pack_db_open(env, os, "/store", &options, &db, &err), &err);
        small_look_at_blocks(small, db, true, &ignored);
        small_look_at_refs(small, db, true, &ignored);
        assert_true(ignored.blocks_right >= result.blocks_right);
        result.blocks_mended = ignored.blocks_right;
        result.refs_mended = ignored.refs_right;
        copse_pack_db_close(db);
    }
    copse_os_free(os);
    return result;
}

/* Changes `path`: byte `at` flipped, or cut there. */
static void small_damage(os_sim *sim, const char *path, size_t at, bool is_cut)
{
    copse_bytes content;
    assert_true(os_sim_peek(sim, path, &content));
    uint8_t *bytes = malloc(content.len + 1);
    assert_non_null(bytes);
    memcpy(bytes, content.ptr, content.len);
    if (!is_cut) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    os_sim_plant(sim, path, (copse_bytes){bytes, is_cut ? at : content.len});
    free(bytes);
}

void pack_small_damage_pack(const pack_small *small, os_sim *sim)
{
    copse_bytes content;
    for (size_t f = 0; f < small->files_count; f++) {
        if (strstr(small->files[f], "/pack-") != NULL) {
            assert_true(os_sim_peek(sim, small->files[f], &content));
            small_damage(sim, small->files[f], content.len / 2, false);
        }
    }
}

void pack_small_sweep(size_t stride, bool is_cut)
{
    pack_small small;
    size_t tried = 0;
    size_t blocks_right = 0;
    size_t refs_right = 0;
    size_t opened = 0;
    size_t silent = 0;
    pack_small_init(&small);
    for (size_t f = 0; f < small.files_count; f++) {
        copse_bytes content;
        const char *path = small.files[f];
        assert_true(os_sim_peek(small.sim, path, &content));
        for (size_t at = stride / 3; at < content.len; at += stride) {
            bool is_bulk = content.len > 100000 && at > 200 && at + 1000 < content.len;
            os_sim *sim = os_sim_copy(small.sim);
            small_damage(sim, path, at, is_cut);
            bool is_journal = !is_cut && strstr(path, "/journal-") != NULL;
            pack_small_result result =
                pack_small_examine(&small, sim, path, is_journal || tried % 16 == 0);
            os_sim_free(sim);
            if (is_journal && (result.blocks_mended != small.blocks_count ||
                               result.refs_mended != PACK_SMALL_REFS)) {
                fail_msg("%s: byte %zu was not mended", path, at);
            }
            bool is_silent = is_cut && result.findings == 0 && small_is_in_use(&small, path);
            silent += is_silent;
            if (result.findings == 0 && !is_silent) {
                fail_msg("%s: damage at byte %zu was not found", path, at);
            }
            assert_int_equal(result.findings_elsewhere, 0);
            tried++;
            opened += result.opened;
            blocks_right += result.blocks_right;
            refs_right += result.refs_right;
            at += is_bulk ? stride * 3001 : 0;
        }
    }
    print_message("%zu damages, %zu stores opened, %zu of %zu blocks read, %zu of %zu refs\n",
                  tried, opened, blocks_right, tried * small.blocks_count, refs_right,
                  tried * PACK_SMALL_REFS);
    assert_true(silent <= 8); /* as many frames as there are */
    assert_true(opened > tried / 2);
    assert_true(blocks_right > tried * small.blocks_count / 2);
    pack_small_release(&small);
}
