/* copse tree export and import: a tree as a CAR.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "file_io.h"
#include "local.h"
#include "progress.h"
#include "text.h"

#include <copse/dag_cbor.h>
#include <copse/dag_walk.h>

enum { TREE_CAR_PIECE_SIZE = 1 << 18 };

/* The number of entries, if the block is a leaf of a tree of ours; else 0. */
static uint64_t tree_car_leaf_entries(const copse_block *block)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init_lax(&reader, copse_block_data(block));
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_ARRAY ||
        copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_BOOL ||
        !item.boolean || copse_cbor_next(&reader, &item, NULL) != COPSE_OK ||
        item.kind != COPSE_CBOR_ARRAY) {
        return 0;
    }
    return item.arg;
}

/* ---- export ---- */

static const copse_option tree_export_options[] = {
    COPSE_OPTION_TREE,
    {"--car2", NULL, COPSE_OPTION_FLAG, "CAR version 2, with an index", 0},
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct tree_export {
    copse_call *call;
    copse_car_writer *writer;
    copse_progress progress;
    uint64_t blocks;
    uint64_t bytes;
    uint64_t entries;
    uint64_t missing;
    copse_cid missing_first;
} tree_export;

static copse_status tree_export_block(void *ctx, copse_block *block, copse_err *err)
{
    tree_export *export = ctx;
    copse_bytes data = copse_block_data(block);
    copse_cid_parts parts;
    copse_cid_split(copse_block_cid(block), &parts);
    export->blocks++;
    export->bytes += data.len;
    if (parts.codec == COPSE_CODEC_DAG_CBOR) {
        export->entries += tree_car_leaf_entries(block);
    }
    copse_progress_update(&export->progress, export->entries, export->entries);
    return copse_car_writer_put(export->writer, copse_block_cid(block), data, err);
}

static copse_status tree_export_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    tree_export *export = ctx;
    (void)err;
    if (export->missing++ == 0) {
        export->missing_first = *cid;
    }
    return COPSE_OK;
}

/* Rewrites the start of a CARv2, which is known only now. */
static copse_status tree_export_end(tree_export *export, copse_file_output *file)
{
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    bool car2 = copse_options_has(&export->call->options, "--car2");
    copse_status status =
        copse_car_writer_finish(export->writer, car2 ? start : NULL, &export->call->err);
    if (status == COPSE_OK && car2 &&
        !copse_file_output_rewrite_start(file, (copse_bytes){start, sizeof start})) {
        return COPSE_IO;
    }
    return status;
}

static copse_status tree_export_write(tree_export *export, copse_local *local,
                                      const copse_cid *root, copse_file_output *file)
{
    copse_call *call = export->call;
    copse_dag_walk walk;
    copse_dag_observer observer = {tree_export_block, tree_export_missing, export};
    copse_car_writer_options options = {
        .version = copse_options_has(&call->options, "--car2") ? 2 : 1,
    };
    copse_status status = copse_car_writer_new(&call->env, &options, copse_file_output_sink(file),
                                               root, 1, &export->writer, &call->err);
    if (status == COPSE_OK) {
        copse_dag_walk_init(&walk, &call->env, local->store, &observer);
        status = copse_dag_walk_run(&walk, root, &call->err);
        copse_dag_walk_release(&walk);
    }
    if (status == COPSE_OK && export->missing == 0) {
        status = tree_export_end(export, file);
    }
    export->writer = copse_car_writer_free(export->writer);
    return status;
}

static void tree_export_report(const tree_export *export, const char *name, const copse_cid *root)
{
    copse_output *out = &export->call->output;
    char blocks[COPSE_TEXT_NUMBER_SIZE];
    char size[COPSE_TEXT_NUMBER_SIZE];
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, "root", root);
        copse_output_text(out, "file", name);
        copse_output_number(out, "blocks", export->blocks);
        copse_output_number(out, "bytes", export->bytes);
        copse_output_end(out);
        return;
    }
    copse_note(export->call, "copse: exported %s blocks, %s, below the root %s",
               copse_text_of_count(export->blocks, blocks), copse_text_of_size(export->bytes, size),
               copse_cid_show(root, text));
}

static int tree_export_tree(copse_call *call, copse_local *local, const char *name,
                            copse_tree *tree)
{
    tree_export export = {.call = call};
    copse_file_output file;
    const char *path = call->options.arguments[1];
    const copse_cid *root = copse_tree_root(tree);
    uint64_t total = 0;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    int code = COPSE_EXIT_FAILED;
    /* The total is for the progress alone: foreign trees have none. */
    if (copse_tree_count(tree, &total, NULL) != COPSE_OK) {
        total = 0;
    }
    if (!copse_file_output_open(&file, call, path)) {
        return COPSE_EXIT_FAILED;
    }
    copse_progress_init(&export.progress, call, "exporting", total, "entries");
    copse_status status = tree_export_write(&export, local, root, &file);
    (void)copse_progress_end(&export.progress);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "%s can't be exported to '%s'", name, path);
    } else if (export.missing > 0) {
        (void)copse_failure(call, COPSE_WANT, "`copse fsck STORE` lists them",
                            "%s can't be exported: blocks are missing (%llu); the first is %s",
                            name, (unsigned long long)export.missing,
                            copse_cid_show(&export.missing_first, text));
    } else if (copse_file_output_finish(&file)) {
        tree_export_report(&export, path, root);
        code = COPSE_EXIT_OK;
    }
    copse_file_output_release(&file);
    return code;
}

static int tree_export_run(copse_call *call)
{
    copse_local local;
    copse_tree *tree = NULL;
    const char *name = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    int code = COPSE_EXIT_FAILED;
    if (copse_options_has(&call->options, "--car2") && call->options.arguments[1][0] == '-' &&
        call->options.arguments[1][1] == '\0') {
        return copse_failure_usage(call, "--car2 needs a file: its start is written last");
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_local_tree(&local, name, &tree)) {
        code = tree_export_tree(call, &local, name, tree);
    }
    tree = copse_tree_close(tree);
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_tree_export = {
    .name = "tree export",
    .arguments = "STORE OUT.car",
    .summary = "Write a tree to a CAR file",
    .details = "In tree order: the root, its config, then the nodes depth first, and what values\n"
               "link to behind their leaf. Any IPFS tool reads the file. OUT.car can be `-`.\n",
    .options = tree_export_options,
    .examples = "copse tree export fruit.db fruit.car\n"
                "copse tree export fruit.db - --ref next | ssh peer copse tree import fruit.db -",
    .run = tree_export_run,
};

/* ---- import ---- */

static const copse_option tree_import_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct tree_import {
    copse_call *call;
    copse_local local;
    copse_input input;
    copse_car_reader *reader;
    copse_progress progress;
    copse_cid root;
    copse_cid_set blocks; /* of the file */
    uint64_t bytes;
    uint64_t reached; /* of the blocks of the file */
    uint64_t missing;
    copse_cid missing_first;
} tree_import;

static int tree_import_root(tree_import *import, const copse_car_header *header)
{
    if (header->roots_count != 1) {
        return copse_failure(import->call, COPSE_CORRUPT,
                             "`copse tree export` writes one root; split the file by root first",
                             "'%s' names %zu roots; a tree has one", import->input.name,
                             header->roots_count);
    }
    import->root = header->roots[0];
    return COPSE_EXIT_OK;
}

static copse_status tree_import_section(tree_import *import, const copse_car_item *item)
{
    copse_call *call = import->call;
    copse_block *block = NULL;
    bool added = false;
    copse_status status = copse_cid_set_add(&import->blocks, &item->cid, &added);
    if (status == COPSE_OK && added) {
        status = copse_block_new(&call->env, &item->cid, item->data, &block, &call->err);
    }
    if (status == COPSE_OK && added) {
        status = copse_store_put(import->local.store, &block, 1, &call->err);
        import->bytes += item->data.len;
    }
    block = copse_block_unref(block);
    copse_progress_update(&import->progress, import->input.done, import->blocks.count);
    return status;
}

/* Takes what can be read of the bytes that were fed. Exit code; reported. */
static int tree_import_items(tree_import *import)
{
    copse_car_item item;
    copse_status status = COPSE_OK;
    while ((status = copse_car_reader_next(import->reader, &item, &import->call->err)) ==
           COPSE_OK) {
        if (item.kind == COPSE_CAR_HEADER) {
            int code = tree_import_root(import, item.header);
            if (code != COPSE_EXIT_OK) {
                return code;
            }
        } else if (item.kind == COPSE_CAR_SECTION) {
            status = tree_import_section(import, &item);
            if (status != COPSE_OK) {
                break;
            }
        }
    }
    if (status == COPSE_WANT || status == COPSE_END) {
        return COPSE_EXIT_OK;
    }
    if (status == COPSE_CORRUPT || status == COPSE_MISUSE || status == COPSE_LIMIT) {
        return copse_failure(import->call, status, "nothing was imported; get the file again",
                             "'%s' can't be trusted: %s", import->input.name,
                             import->call->err.message);
    }
    return copse_failure_of(import->call, status, "'%s' can't be imported", import->input.name);
}

static int tree_import_read(tree_import *import)
{
    static uint8_t piece[TREE_CAR_PIECE_SIZE];
    copse_call *call = import->call;
    size_t got = 1;
    int code = COPSE_EXIT_OK;
    copse_status status = copse_car_reader_new(&call->env, NULL, &import->reader, &call->err);
    if (status == COPSE_OK) {
        status = copse_pack_db_begin_bulk(import->local.db, &call->err);
    }
    while (status == COPSE_OK && code == COPSE_EXIT_OK && got > 0) {
        if (!copse_input_read(&import->input, piece, sizeof piece, &got)) {
            return COPSE_EXIT_FAILED;
        }
        if (got > 0) {
            status = copse_car_reader_feed(import->reader, (copse_bytes){piece, got}, &call->err);
        } else {
            copse_car_reader_feed_end(import->reader);
        }
        code = status == COPSE_OK ? tree_import_items(import) : code;
    }
    return status == COPSE_OK
               ? code
               : copse_failure_of(call, status, "'%s' can't be imported", import->input.name);
}

static copse_status tree_import_reach(void *ctx, copse_block *block, copse_err *err)
{
    tree_import *import = ctx;
    (void)err;
    import->reached += copse_cid_set_has(&import->blocks, copse_block_cid(block)) ? 1 : 0;
    copse_progress_update(&import->progress, import->reached, import->reached);
    return COPSE_OK;
}

static copse_status tree_import_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    tree_import *import = ctx;
    (void)err;
    if (import->missing++ == 0) {
        import->missing_first = *cid;
    }
    return COPSE_OK;
}

/* That the root is a tree, and all of it is there. */
static int tree_import_check(tree_import *import)
{
    copse_call *call = import->call;
    copse_tree *tree = NULL;
    copse_dag_walk walk;
    copse_dag_observer observer = {tree_import_reach, tree_import_missing, import};
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = copse_tree_open(import->local.cache, &import->root, &tree, &call->err);
    tree = copse_tree_close(tree);
    if (status == COPSE_WANT) {
        return copse_failure(call, status, "nothing was imported; export the file again",
                             "'%s' does not hold its root %s, or the root's config",
                             import->input.name, copse_cid_show(&import->root, text));
    }
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "the root of '%s' is not that of a tree",
                                import->input.name);
    }
    copse_progress_init(&import->progress, call, "checking", import->blocks.count, "blocks");
    copse_dag_walk_init(&walk, &call->env, import->local.store, &observer);
    status = copse_dag_walk_run(&walk, &import->root, &call->err);
    copse_dag_walk_release(&walk);
    (void)copse_progress_end(&import->progress);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be imported", import->input.name);
    }
    if (import->missing > 0) {
        return copse_failure(
            call, COPSE_WANT, "nothing was imported; export the file again",
            "'%s' is not the whole tree: blocks are missing (%llu); the first is %s",
            import->input.name, (unsigned long long)import->missing,
            copse_cid_show(&import->missing_first, text));
    }
    return COPSE_EXIT_OK;
}

static void tree_import_report(tree_import *import, const char *ref)
{
    copse_call *call = import->call;
    copse_output *out = &call->output;
    uint64_t extra = import->blocks.count - import->reached;
    char blocks[COPSE_TEXT_NUMBER_SIZE];
    char size[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "ref", ref);
        copse_output_cid(out, "root", &import->root);
        copse_output_number(out, "blocks", import->blocks.count);
        copse_output_number(out, "bytes", import->bytes);
        copse_output_number(out, "unreachable", extra);
        copse_output_end(out);
        return;
    }
    copse_output_cid_line(out, "root", &import->root);
    (void)copse_output_flush(out);
    copse_note(call, "copse: imported %s blocks, %s; the root is the ref '%s'",
               copse_text_of_count(import->blocks.count, blocks),
               copse_text_of_size(import->bytes, size), ref);
    if (extra > 0) {
        copse_note(call, "copse: %s of them are not part of the tree; `copse gc STORE` drops them",
                   copse_text_of_count(extra, blocks));
    }
}

static int tree_import_file(tree_import *import, const char *ref)
{
    copse_call *call = import->call;
    copse_cid before = {0};
    copse_status status =
        copse_refs_get(import->local.refs, copse_bytes_of_text(ref), &before, &call->err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        return copse_failure_of(call, status, "the ref '%s' can't be read", ref);
    }
    if (!copse_local_check_replaceable(&import->local, ref, &before)) {
        return COPSE_EXIT_FAILED;
    }
    copse_progress_init(&import->progress, call, "importing", import->input.total, "blocks");
    int code = tree_import_read(import);
    (void)copse_progress_end(&import->progress);
    if (code == COPSE_EXIT_OK) {
        code = tree_import_check(import);
    }
    if (code != COPSE_EXIT_OK) {
        return code;
    }
    status = copse_local_move_ref(&import->local, ref, &before, &import->root);
    if (status == COPSE_CONFLICT) {
        return copse_failure(
            call, status, "run the command again to replace what it is now",
            "'%s' was moved, or the store collected, meanwhile; nothing was imported", ref);
    }
    if (status == COPSE_OK) {
        tree_import_report(import, ref);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int tree_import_run(copse_call *call)
{
    tree_import import = {.call = call};
    const char *ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    int code = COPSE_EXIT_FAILED;
    if (!copse_local_check_ref_name(call, ref)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_input_open(&import.input, call, call->options.arguments[1])) {
        return COPSE_EXIT_FAILED;
    }
    copse_cid_set_init(&import.blocks, &call->env);
    if (copse_local_open(&import.local, call, call->options.arguments[0], COPSE_LOCAL_CREATE)) {
        code = tree_import_file(&import, ref);
    }
    import.reader = copse_car_reader_free(import.reader);
    copse_cid_set_release(&import.blocks);
    copse_local_close(&import.local);
    copse_input_close(&import.input);
    return code;
}

const copse_command copse_command_tree_import = {
    .name = "tree import",
    .arguments = "STORE IN.car",
    .summary = "Read a tree from a CAR file; its root becomes the ref main",
    .details =
        "Every block is checked against its CID while it is read, and all of the tree must be\n"
        "there, in the file or in the store, before the ref moves. Memory: some 100 bytes a\n"
        "block. The store is made if it isn't there. Prints the root. IN.car can be `-`.\n",
    .options = tree_import_options,
    .examples = "copse tree import copy.db fruit.car\n"
                "copse tree import copy.db fruit.car --ref theirs",
    .run = tree_import_run,
};
