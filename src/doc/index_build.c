/* Building an index over the documents that there are: one scan, one sort, one splice.
 *
 * The documents are read in the order of their keys, their rows go through a sorter into a tree of
 * their own, and that tree is spliced into the database's as one range. Entries do not depend on
 * which field is the array field, only marks do; so the rows are derived before it is known, and
 * the marks of the field that becomes it are left out when the rows come back sorted.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "doc/write_catalogue.h"
#include "doc/write_unique.h"
#include "index/definition.h"
#include "tree/builder.h"

#include <copse/cursor.h>
#include <copse/sorter.h>

/* Documents between two tellings of progress. */
enum { INDEX_BUILD_PROGRESS_DOCUMENTS = 16384 };

typedef struct index_build {
    copse_write_run *run;
    const copse_collection *collection;
    copse_index_deriver *deriver;
    copse_sorter *sorter;
    copse_builder *builder;
    bool has_array[COPSE_SORT_FIELDS_MAX];
    copse_bytes left_out; /* what the marks begin with that are no marks after all; len 0: none */
    copse_buf held;       /* the last entry that is not exempt, if the index is unique */
    size_t held_unique_size;
    uint64_t done;
    uint64_t total;
} index_build;

/* ---- reading documents ---- */

static copse_status index_build_add_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    index_build *build = ctx;
    size_t fields = copse_index_deriver_definition(build->deriver)->fields_count;
    for (size_t i = 0; row->is_mark && i < fields; i++) {
        copse_bytes marks = copse_index_deriver_marks(build->deriver, i, COPSE_INDEX_MARK_ARRAY);
        build->has_array[i] |= copse_bytes_has_prefix(row->key, marks);
    }
    return copse_sorter_add(build->sorter, row->key, row->value, err);
}

static copse_status index_build_add_document(index_build *build, copse_bytes value,
                                             copse_document *document, copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_tree_cache(build->run->tree));
    copse_bytes id;
    copse_source_begin(source);
    copse_status status = copse_document_load_within(source, build->run->env, value, document, err);
    if (status == COPSE_OK) {
        status =
            copse_document_primary(document->encoded, build->collection->primary_key, &id, err);
        if (status == COPSE_NOT_FOUND) {
            status = COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key");
        }
    }
    if (status == COPSE_OK) {
        status =
            copse_index_derive(build->deriver, document->encoded, id,
                               copse_document_row_link(value), index_build_add_row, build, err);
    }
    return status;
}

static void index_build_tell(const index_build *build)
{
    const copse_write_options *options = &build->run->options;
    if (options->progress != NULL) {
        options->progress(options->progress_ctx, "indexing", build->done, build->total);
    }
}

/* A document's block is missing: goes on along the rows, and asks for all the documents' blocks
 * that it comes to. Moves of the cursor clear the want list, so the links are collected first. */
static copse_status index_build_survey(index_build *build, copse_cursor *cursor, copse_err *err)
{
    const copse_env *env = build->run->env;
    copse_source *source = copse_node_cache_source(copse_tree_cache(build->run->tree));
    size_t wants_max = env->limits.wants_max > 0 ? env->limits.wants_max : 1;
    copse_cid *links = copse_alloc_array(env, wants_max, sizeof *links);
    size_t count = 0;
    copse_status status = links == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    while (status == COPSE_OK && count < wants_max) {
        copse_bytes link = copse_document_row_link(copse_cursor_value(cursor));
        copse_cid cid;
        if (link.len > 0 && copse_cid_from_bytes(link, &cid, NULL) == COPSE_OK) {
            links[count++] = cid;
        }
        status = copse_cursor_next(cursor, err);
    }
    if (status >= 0) {
        status = COPSE_OK;
        copse_source_begin(source);
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_source_hint(source, &links[i], err);
    }
    copse_free_array(env, links, wants_max, sizeof *links);
    return status == COPSE_OK ? COPSE_WANT : status;
}

static copse_status index_build_scan(index_build *build, copse_cursor *cursor, copse_err *err)
{
    copse_document document = {.block = NULL};
    copse_status status = copse_cursor_seek_first(cursor, err);
    while (status == COPSE_OK) {
        status = index_build_add_document(build, copse_cursor_value(cursor), &document, err);
        if (status == COPSE_WANT && copse_document_row_link(copse_cursor_value(cursor)).len > 0) {
            status = index_build_survey(build, cursor, err);
        }
        if (status == COPSE_OK) {
            build->done++;
            if (build->done % INDEX_BUILD_PROGRESS_DOCUMENTS == 0) {
                index_build_tell(build);
            }
            status = copse_cursor_next(cursor, err);
        }
    }
    copse_document_release(&document);
    return status == COPSE_END ? COPSE_OK : status;
}

/* The keys of the documents; *ret_to borrows from run->scratch. */
static copse_status index_build_range(index_build *build, copse_bytes *ret_from,
                                      copse_bytes *ret_to, copse_err *err)
{
    copse_buf *scratch = &build->run->scratch;
    copse_buf_truncate(scratch, 0);
    copse_status status = copse_key_write_documents(scratch, build->collection->name);
    size_t len = scratch->len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(scratch, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a scan");
    }
    *ret_from = (copse_bytes){scratch->ptr, len};
    *ret_to = (copse_bytes){scratch->ptr + len, scratch->len - len};
    return COPSE_OK;
}

static copse_status index_build_read(index_build *build, copse_bytes from, copse_bytes to,
                                     copse_err *err)
{
    copse_cursor *cursor;
    copse_status status = copse_cursor_new(build->run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cursor_set_range(cursor, from, &to, err);
    if (status == COPSE_OK) {
        status = index_build_scan(build, cursor, err);
    }
    copse_cursor_free(cursor);
    return status;
}

/* ---- writing rows ---- */

/* The definition with its array field: the named one, or the first that has arrays. */
static void index_build_choose_array(index_build *build, copse_index_definition *definition,
                                     copse_sort_field fields[COPSE_SORT_FIELDS_MAX])
{
    size_t named = definition->fields_count;
    size_t found = definition->fields_count;
    for (size_t i = 0; i < definition->fields_count; i++) {
        fields[i] = definition->fields[i];
        named = fields[i].array ? i : named;
        found = build->has_array[i] && found == definition->fields_count ? i : found;
    }
    definition->fields = fields;
    if (named == definition->fields_count && found < definition->fields_count) {
        fields[found].array = true;
        build->left_out = copse_index_deriver_marks(build->deriver, found, COPSE_INDEX_MARK_ARRAY);
    }
}

/* Compares an entry with the last one that is not exempt. */
static copse_status index_build_check_unique(index_build *build, copse_bytes key, copse_err *err)
{
    copse_bytes unique;
    copse_bytes primary;
    bool exempt;
    if (!copse_bytes_has_prefix(key, copse_index_deriver_prefix(build->deriver))) {
        return COPSE_OK; /* a mark */
    }
    copse_status status = copse_index_entry_split(build->deriver, key, &unique, &primary, err);
    if (status == COPSE_OK) {
        status = copse_unique_is_exempt(build->run->env, build->deriver, key, &exempt, err);
    }
    if (status != COPSE_OK || exempt) {
        return status;
    }
    if (copse_bytes_equal(unique, (copse_bytes){build->held.ptr, build->held_unique_size})) {
        return copse_unique_conflict(build->run->env, build->collection->name, build->deriver, key,
                                     copse_buf_view(&build->held), err);
    }
    copse_buf_truncate(&build->held, 0);
    status = copse_buf_append(&build->held, key);
    build->held_unique_size = unique.len;
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a key");
}

static copse_status index_build_write_rows(index_build *build, copse_err *err)
{
    bool unique = copse_index_deriver_definition(build->deriver)->unique;
    bool marks = true;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && (unique || marks)) {
        copse_bytes key;
        copse_bytes value;
        status = copse_sorter_next(build->sorter, &key, &value, err);
        if (status == COPSE_OK && unique) {
            status = index_build_check_unique(build, key, err);
        }
        if (status != COPSE_OK) {
            break;
        }
        marks = !copse_bytes_has_prefix(key, copse_index_deriver_prefix(build->deriver));
        if (build->left_out.len == 0 || !copse_bytes_has_prefix(key, build->left_out)) {
            build->run->stats.index_rows_added++;
            status = copse_builder_add_checked(build->builder, key, value, err);
        }
    }
    if (status == COPSE_END) {
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        copse_sorter_progress progress = copse_sorter_get_progress(build->sorter);
        build->run->stats.index_rows_added += progress.entries_added - progress.entries_given;
        status = copse_sorter_build(build->sorter, build->builder, err);
    }
    return status;
}

/* Builds the tree of the rows and opens it. */
static copse_status index_build_make_tree(index_build *build, copse_tree **ret_built,
                                          copse_err *err)
{
    copse_write_run *run = build->run;
    copse_tree_config config;
    copse_cid root;
    copse_status status = copse_tree_get_config(run->tree, &config, err);
    if (status == COPSE_OK) {
        status = copse_builder_new(run->env, run->store, &config, &build->builder, err);
    }
    if (status == COPSE_OK) {
        status = index_build_write_rows(build, err);
    }
    if (status == COPSE_OK) {
        status = copse_builder_finish(build->builder, &root, err);
    }
    if (status == COPSE_OK) {
        copse_builder_written written = copse_builder_get_written(build->builder);
        run->stats.nodes_written += written.blocks;
        run->stats.bytes_written += written.size_bytes;
        status = copse_tree_open(copse_tree_cache(run->tree), &root, ret_built, err);
    }
    return status;
}

/* All rows of the index in the present tree are replaced by those of `built`. */
static copse_status index_build_splice(index_build *build, const copse_index_definition *definition,
                                       copse_tree *built, copse_err *err)
{
    copse_buf *scratch = &build->run->scratch;
    copse_buf_truncate(scratch, 0);
    copse_status status =
        copse_key_write_index_rows(scratch, build->collection->name, definition->name);
    size_t len = scratch->len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(scratch, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of an index");
    }
    copse_bytes from = {scratch->ptr, len};
    copse_bytes to = {scratch->ptr + len, scratch->len - len};
    return copse_batch_splice(build->run->write->batch, built, from, &to, err);
}

/* Takes all rows from the tree of a merge, whose definition has its array field. */
static copse_status index_build_take(index_build *build, const copse_index_definition *definition,
                                     copse_tree **ret_built, copse_err *err)
{
    copse_write *write = build->run->write;
    copse_status status = copse_tree_open(copse_tree_cache(build->run->tree),
                                          copse_tree_root(write->index_rows), ret_built, err);
    write->has_taken_indexes = write->has_taken_indexes || status == COPSE_OK;
    return status == COPSE_OK ? index_build_splice(build, definition, *ret_built, err) : status;
}

static copse_status index_build_run(index_build *build, copse_index_definition *definition,
                                    copse_sort_field fields[COPSE_SORT_FIELDS_MAX],
                                    copse_tree **ret_built, copse_err *err)
{
    copse_write_run *run = build->run;
    copse_bytes from;
    copse_bytes to;
    if (run->write->index_rows != NULL) {
        return index_build_take(build, definition, ret_built, err);
    }
    copse_status status = index_build_range(build, &from, &to, err);
    if (status == COPSE_OK) {
        status = copse_tree_range_count(run->tree, from, &to, &build->total, err);
    }
    if (status != COPSE_OK || build->total == 0) {
        return status;
    }
    status = copse_index_deriver_new(run->env, build->collection->name, definition, &build->deriver,
                                     err);
    if (status == COPSE_OK) {
        status = copse_sorter_new(run->env, run->options.memory_bytes_max, run->options.runs,
                                  &build->sorter, err);
    }
    if (status == COPSE_OK) {
        status = index_build_read(build, from, to, err);
    }
    if (status == COPSE_OK) {
        index_build_tell(build);
        index_build_choose_array(build, definition, fields);
        status = index_build_make_tree(build, ret_built, err);
    }
    return status == COPSE_OK ? index_build_splice(build, definition, *ret_built, err) : status;
}

copse_status copse_write_build_index(copse_write_run *run, copse_catalogue_collection *collection,
                                     const copse_index_definition *definition,
                                     copse_tree **ret_built, copse_err *err)
{
    index_build build = {.run = run, .collection = &collection->collection};
    copse_index_definition final = *definition;
    copse_sort_field fields[COPSE_SORT_FIELDS_MAX];
    copse_tree *built = NULL;
    copse_status status = COPSE_OK;
    copse_buf_init(&build.held, run->env, SIZE_MAX);
    if (!collection->is_new) {
        status = index_build_run(&build, &final, fields, &built, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_put_definition(run, &collection->collection, &final, err);
    }
    if (status == COPSE_OK) {
        status = copse_catalogue_add_index(collection, &final, err);
    }
    if (status == COPSE_OK) {
        *ret_built = built;
    } else {
        copse_tree_close(built);
    }
    copse_builder_free(build.builder);
    copse_sorter_free(build.sorter);
    copse_index_deriver_free(build.deriver);
    copse_buf_release(&build.held);
    return status;
}
