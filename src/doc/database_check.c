/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/database_check.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/version1.h"
#include "tree/tree.h"

#include <string.h>

static const char *const dbcheck_names[] = {
    [COPSE_DATABASE_DEFECT_TREE] = "tree",
    [COPSE_DATABASE_DEFECT_HEADER] = "header",
    [COPSE_DATABASE_DEFECT_KEY] = "key",
    [COPSE_DATABASE_DEFECT_COLLECTION] = "collection",
    [COPSE_DATABASE_DEFECT_INDEX] = "index",
    [COPSE_DATABASE_DEFECT_NO_COLLECTION] = "no-collection",
    [COPSE_DATABASE_DEFECT_NO_INDEX] = "no-index",
    [COPSE_DATABASE_DEFECT_DOCUMENT_FORM] = "document-form",
    [COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK] = "document-block",
    [COPSE_DATABASE_DEFECT_DOCUMENT_VALUE] = "document-value",
    [COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS] = "document-chunks",
    [COPSE_DATABASE_DEFECT_PRIMARY_KEY] = "primary-key",
    [COPSE_DATABASE_DEFECT_ENTRY_MISSING] = "entry-missing",
    [COPSE_DATABASE_DEFECT_ENTRY_EXTRA] = "entry-extra",
    [COPSE_DATABASE_DEFECT_ENTRY_VALUE] = "entry-value",
    [COPSE_DATABASE_DEFECT_MARK_MISSING] = "mark-missing",
    [COPSE_DATABASE_DEFECT_MARK_EXTRA] = "mark-extra",
    [COPSE_DATABASE_DEFECT_UNIQUE] = "unique",
    [COPSE_DATABASE_DEFECT_PARALLEL_ARRAYS] = "parallel-arrays",
    [COPSE_DATABASE_DEFECT_VERSION] = "version",
    [COPSE_DATABASE_DEFECT_CONFLICT] = "conflict",
    [COPSE_DATABASE_DEFECT_STATEMENTS] = "statements",
};

const char *copse_database_defect_name(copse_database_defect_kind kind)
{
    size_t count = sizeof dbcheck_names / sizeof *dbcheck_names;
    return (size_t)kind < count ? dbcheck_names[kind] : "unknown";
}

/* ---- findings ---- */

copse_status copse_dbcheck_tell(copse_dbcheck_run *run, copse_database_defect *defect,
                                const copse_err *detail, copse_err *err)
{
    run->stats.defects++;
    if (defect->message == NULL) {
        defect->message = detail != NULL ? detail->message : "";
    }
    const copse_database_check_options *options = run->options;
    return options->found != NULL ? options->found(options->found_ctx, defect, err) : COPSE_OK;
}

bool copse_dbcheck_is_finding(copse_status status)
{
    return status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE ||
           status == COPSE_NOT_FOUND || status == COPSE_WANT;
}

bool copse_dbcheck_is_bad(const copse_dbcheck_run *run, copse_bytes collection, copse_bytes index)
{
    for (size_t i = 0; i < run->bad_count; i++) {
        const copse_dbcheck_bad *bad = &run->bad[i];
        if (copse_bytes_equal(bad->collection, collection) &&
            (bad->index.len == 0 || copse_bytes_equal(bad->index, index))) {
            return true;
        }
    }
    return false;
}

copse_status copse_dbcheck_note_bad(copse_dbcheck_run *run, copse_bytes collection,
                                    copse_bytes index, copse_err *err)
{
    void *bad = run->bad;
    bool grown =
        copse_array_grow(run->env, &bad, &run->bad_capacity, run->bad_count + 1, sizeof *run->bad);
    run->bad = bad;
    copse_dbcheck_bad made = {copse_arena_dup(&run->arena, collection),
                              copse_arena_dup(&run->arena, index)};
    if (!grown || made.collection.ptr == NULL || made.index.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    run->bad[run->bad_count++] = made;
    return COPSE_OK;
}

/* ---- the tree ---- */

/* Whether a tree with such a node can still be read: it is only not the one that building makes. */
static bool dbcheck_is_readable(copse_check_kind kind)
{
    return kind == COPSE_CHECK_AHEAD || kind == COPSE_CHECK_SPLIT_EARLY ||
           kind == COPSE_CHECK_SPLIT_LATE || kind == COPSE_CHECK_FORCED_CUTS;
}

static copse_status dbcheck_on_node(void *ctx, const copse_check_finding *finding, copse_err *err)
{
    copse_dbcheck_run *run = ctx;
    copse_err detail;
    copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_TREE};
    run->is_unreadable |= !dbcheck_is_readable(finding->kind);
    (void)COPSE_ERR(&detail, COPSE_CORRUPT, "%s: %s", copse_check_kind_name(finding->kind),
                    finding->message);
    return copse_dbcheck_tell(run, &defect, &detail, err);
}

static copse_status dbcheck_on_progress(void *ctx, uint64_t done, uint64_t total, copse_err *err)
{
    copse_dbcheck_run *run = ctx;
    (void)err;
    if (run->options->progress != NULL) {
        run->options->progress(run->options->progress_ctx, "nodes", done, total);
    }
    return COPSE_OK;
}

static copse_status dbcheck_tree(copse_dbcheck_run *run, copse_err *err)
{
    copse_tree_stats stats;
    const copse_check_observer observer = {dbcheck_on_node, dbcheck_on_progress, run};
    copse_status status = copse_tree_check(run->tree, &observer, &stats, err);
    run->rows_total = stats.entries;
    return status;
}

/* ---- version 1 ---- */

/* A database of version 1 has documents only that Copse can check. */
static copse_status dbcheck_version1_documents(copse_dbcheck_run *run, copse_bytes name,
                                               copse_cursor *cursor, copse_err *err)
{
    copse_status status;
    while ((status = copse_cursor_next(cursor, err)) == COPSE_OK) {
        copse_err detail = {0};
        copse_document document = {.block = NULL};
        copse_bytes key = copse_cursor_key(cursor);
        status = copse_version1_load_within(run->source, run->env, copse_cursor_value(cursor),
                                            &document, &detail);
        copse_document_release(&document);
        run->stats.documents++;
        if (copse_dbcheck_is_finding(status)) {
            copse_database_defect defect = {
                .kind = status == COPSE_WANT ? COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK
                                             : COPSE_DATABASE_DEFECT_DOCUMENT_VALUE,
                .collection = name,
                .key = key,
                .message = status == COPSE_WANT ? "the block of a record is missing" : NULL};
            status = copse_dbcheck_tell(run, &defect, &detail, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status dbcheck_version1_collection(void *ctx, copse_bytes name, copse_err *err)
{
    copse_dbcheck_run *run = ctx;
    copse_cursor *cursor;
    run->stats.collections++;
    copse_buf_truncate(&run->key, 0);
    copse_buf_truncate(&run->value, 0);
    if (copse_version1_write_documents(&run->key, name) != COPSE_OK ||
        copse_version1_write_documents(&run->value, name) != COPSE_OK ||
        copse_order_prefix_end(&run->value, 0) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_cursor_new(run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_bytes to = copse_buf_view(&run->value);
    status = copse_cursor_set_range(cursor, copse_buf_view(&run->key), &to, err);
    if (status == COPSE_OK) {
        status = dbcheck_version1_documents(run, name, cursor, err);
    }
    copse_cursor_free(cursor);
    return status;
}

static copse_status dbcheck_foreign(copse_dbcheck_run *run, copse_err *err)
{
    bool is_version1 = false;
    copse_status status = copse_version1_is(run->tree, &is_version1, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!is_version1) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_HEADER,
                                        .message = "a tree of another program, and no database"};
        return copse_dbcheck_tell(run, &defect, NULL, err);
    }
    return copse_version1_collections(run->tree, dbcheck_version1_collection, run, err);
}

/* ---- the whole ---- */

static copse_status dbcheck_run(copse_dbcheck_run *run, copse_err *err)
{
    copse_status status = dbcheck_tree(run, err);
    if (status != COPSE_OK || run->is_unreadable) {
        return status;
    }
    if (run->tree->kind != COPSE_TREE_OURS) {
        return dbcheck_foreign(run, err);
    }
    status = copse_dbcheck_catalogue(run, err);
    return status == COPSE_OK ? copse_dbcheck_rows(run, err) : status;
}

static copse_status dbcheck_init(copse_dbcheck_run *run, copse_store *store, const copse_cid *root,
                                 copse_err *err)
{
    const copse_env *env = run->env;
    copse_status status = COPSE_OK;
    if (env->random != NULL) {
        status = env->random(env->random_ctx, run->seeds, sizeof run->seeds);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no random key for a check");
        }
    }
    status = copse_source_new(env, store, &run->source, err);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run->source, &run->cache, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open(run->cache, root, &run->tree, err);
    }
    if (status == COPSE_WANT) {
        status = COPSE_ERR(err, COPSE_NOT_FOUND, "the root of the database is not there");
    }
    return status;
}

static void dbcheck_release(copse_dbcheck_run *run)
{
    copse_catalogue_release(&run->catalogue);
    copse_free_array(run->env, run->bad, run->bad_capacity, sizeof *run->bad);
    copse_arena_release(&run->arena);
    copse_buf_release(&run->key);
    copse_buf_release(&run->value);
    copse_tree_close(run->tree);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
}

copse_status copse_database_check(const copse_env *env, copse_store *store, const copse_cid *root,
                                  const copse_database_check_options *options,
                                  copse_database_check_stats *ret_stats, copse_err *err)
{
    static const copse_database_check_options nothing = {.found = NULL};
    if (env == NULL || store == NULL || root == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "check: an argument is NULL");
    }
    copse_dbcheck_run run = {.env = env, .options = options != NULL ? options : &nothing};
    run.catalogue.env = env;
    copse_arena_init(&run.arena, env);
    copse_buf_init(&run.key, env, SIZE_MAX);
    copse_buf_init(&run.value, env, SIZE_MAX);
    copse_status status = dbcheck_init(&run, store, root, err);
    if (status == COPSE_OK) {
        status = dbcheck_run(&run, err);
    }
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = run.stats;
    }
    dbcheck_release(&run);
    return status;
}
