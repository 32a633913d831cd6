/* copse tree load: a file of lines becomes a tree.
 *
 * Lines go into a sorter as they come; sorted, they go through a builder into one new pack file;
 * then the ref moves. Until then nothing of it shows, and if anything fails nothing stays.
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
#include <copse/run_file.h>
#include <copse/sorter.h>

#include <string.h>

enum {
    LOAD_PIECE_SIZE = 1 << 18,
    LOAD_LINE_SIZE_MAX = (2 << 20) + (1 << 13), /* a block in hexadecimal, and a key */
    LOAD_MEMORY_DEFAULT = 256 << 20,
    LOAD_MEMORY_MIN = 24 << 20,
    LOAD_SORTER_MIN = 4 << 20,
    LOAD_PROCESS_SIZE = 13 << 20,  /* the program and its libraries, pieces of input and output */
    LOAD_PACK_SIZE_MAX = 48 << 20, /* what the pack store keeps of a pack while it writes it */
    LOAD_PACK_SHARE = 12           /* of the input: 150 bytes for each node of about 2 KiB */
};

typedef struct tree_load {
    copse_call *call;
    copse_local local;
    copse_input input;
    copse_run_file *run_file;
    copse_sorter *sorter;
    copse_progress progress;
    copse_buf line;  /* a line that straddles pieces */
    copse_buf key;   /* --hex: decoded */
    copse_buf bytes; /* --hex: the value, decoded */
    copse_buf value; /* encoded */
    uint64_t lines;
} tree_load;

static const copse_option tree_load_options[] = {
    COPSE_OPTION_REF,
    {"--memory", "SIZE", COPSE_OPTION_SIZE,
     "how much memory to take; what is more is sorted on disk (256M)", 0},
    {"--hex", NULL, COPSE_OPTION_FLAG, "keys and values of the file are hexadecimal", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- Lines ---- */

static bool load_fail_line(tree_load *load, copse_status status, const char *problem,
                           const char *hint)
{
    char number[COPSE_TEXT_NUMBER_SIZE];
    (void)copse_failure(load->call, status, hint, "'%s', line %s: %s; nothing was loaded",
                        load->input.name, copse_text_of_count(load->lines, number), problem);
    return false;
}

static bool load_decode(tree_load *load, copse_bytes text, copse_buf *buf, copse_bytes *ret_bytes)
{
    copse_buf_truncate(buf, 0);
    copse_status status = copse_text_decode_hex(text, buf);
    *ret_bytes = copse_buf_view(buf);
    if (status != COPSE_OK) {
        return load_fail_line(load, status, "not an even number of hexadecimal digits",
                              "without --hex, lines are taken as they are");
    }
    return true;
}

static bool load_line(tree_load *load, copse_bytes line)
{
    copse_call *call = load->call;
    load->lines++;
    const uint8_t *tab = line.len > 0 ? memchr(line.ptr, '\t', line.len) : NULL;
    if (tab == NULL) {
        return load_fail_line(load, COPSE_CORRUPT, "there is no TAB between key and value",
                              "a line is KEY TAB VALUE; `sed -n LINEp FILE | cat -A` shows it");
    }
    copse_bytes key = {line.ptr, (size_t)(tab - line.ptr)};
    copse_bytes value = {tab + 1, line.len - key.len - 1};
    if (call->output.hex && (!load_decode(load, key, &load->key, &key) ||
                             !load_decode(load, value, &load->bytes, &value))) {
        return false;
    }
    copse_buf_truncate(&load->value, 0);
    copse_status status = copse_cbor_write_bytes(&load->value, value);
    if (status == COPSE_OK) {
        status = copse_sorter_add(load->sorter, key, copse_buf_view(&load->value), &call->err);
    }
    if (status == COPSE_LIMIT) {
        return load_fail_line(load, status, "the key or the value is too long",
                              "a key has at most 1,024 bytes, an entry somewhat below 1 MiB");
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be sorted", load->input.name);
    }
    return status == COPSE_OK;
}

/* Takes the lines of a piece; what is behind the last line's end is kept for the next piece. */
static bool load_piece(tree_load *load, copse_bytes piece)
{
    const uint8_t *end = NULL;
    while (piece.len > 0 && (end = memchr(piece.ptr, '\n', piece.len)) != NULL) {
        copse_bytes line = {piece.ptr, (size_t)(end - piece.ptr)};
        piece.ptr = end + 1;
        piece.len -= line.len + 1;
        if (load->line.len > 0) {
            copse_status status = copse_buf_append(&load->line, line);
            line = copse_buf_view(&load->line);
            if (status != COPSE_OK) {
                load->lines++;
                return load_fail_line(load, status, "the line is too long", NULL);
            }
        }
        if (!load_line(load, line)) {
            return false;
        }
        copse_buf_truncate(&load->line, 0);
        copse_progress_update(&load->progress, load->input.done - piece.len, load->lines);
    }
    if (copse_buf_append(&load->line, piece) != COPSE_OK) {
        load->lines++;
        return load_fail_line(load, COPSE_LIMIT, "the line is too long", NULL);
    }
    return true;
}

static bool load_read(tree_load *load)
{
    static uint8_t piece[LOAD_PIECE_SIZE];
    size_t got = 0;
    copse_progress_init(&load->progress, load->call, "reading", load->input.total, "rows");
    do {
        if (!copse_input_read(&load->input, piece, sizeof piece, &got) ||
            !load_piece(load, (copse_bytes){piece, got})) {
            return false;
        }
    } while (got > 0);
    /* The last line may lack its end. */
    return load->line.len == 0 || load_line(load, copse_buf_view(&load->line));
}

/* ---- The tree ---- */

static void load_show_build(void *ctx, const copse_sorter_progress *progress)
{
    tree_load *load = ctx;
    load->progress.calls |= 255; /* called seldom: look at the clock each time */
    copse_progress_update(&load->progress,
                          progress->entries_merging > 0 ? 0 : progress->entries_given,
                          progress->entries_given);
}

static bool load_build(tree_load *load, copse_cid *ret_root)
{
    copse_call *call = load->call;
    copse_builder *builder = NULL;
    (void)copse_progress_end(&load->progress);
    copse_progress_init(&load->progress, call, "building", load->lines, "rows");
    copse_sorter_on_progress(load->sorter, load_show_build, load);
    copse_status status = copse_pack_db_begin_bulk(load->local.db, &call->err);
    if (status == COPSE_OK) {
        status = copse_builder_new(&call->env, load->local.store, NULL, &builder, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_sorter_build(load->sorter, builder, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_builder_finish(builder, ret_root, &call->err);
    }
    builder = copse_builder_free(builder);
    (void)copse_progress_end(&load->progress);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be loaded", load->input.name);
    }
    return status == COPSE_OK;
}

static void load_report(tree_load *load, const char *ref, const copse_cid *root,
                        const copse_cid *before, double seconds)
{
    copse_output *out = &load->call->output;
    char rows[COPSE_TEXT_NUMBER_SIZE];
    char entries[COPSE_TEXT_NUMBER_SIZE];
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_sorter_progress sorted = copse_sorter_get_progress(load->sorter);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "ref", ref);
        copse_output_cid(out, "root", root);
        copse_output_cid(out, "before", before->size > 0 ? before : NULL);
        copse_output_number(out, "rows", load->lines);
        copse_output_number(out, "entries", sorted.entries_given);
        copse_output_real(out, "seconds", seconds);
        copse_output_end(out);
        return;
    }
    copse_output_cid_line(out, "root", root);
    (void)copse_output_flush(out);
    copse_note(load->call, "copse: loaded %s rows, %s entries in %.2f s; they are the ref '%s'",
               copse_text_of_count(load->lines, rows),
               copse_text_of_count(sorted.entries_given, entries), seconds, ref);
    if (before->size > 0 && !copse_cid_equal(before, root)) {
        copse_note(load->call, "copse: '%s' was %s until now", ref, copse_cid_show(before, text));
    }
}

static int load_run(tree_load *load, const char *ref)
{
    copse_cid before = {0};
    copse_cid root;
    copse_call *call = load->call;
    copse_status status =
        copse_refs_get(load->local.refs, copse_bytes_of_text(ref), &before, &call->err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        return copse_failure_of(call, status, "the ref '%s' can't be read", ref);
    }
    if (!copse_local_check_replaceable(&load->local, ref, &before)) {
        return COPSE_EXIT_FAILED;
    }
    if (!load_read(load)) {
        (void)copse_progress_end(&load->progress);
        return COPSE_EXIT_FAILED;
    }
    double started = load->progress.started;
    if (!load_build(load, &root)) {
        return COPSE_EXIT_FAILED;
    }
    status = copse_local_move_ref(&load->local, ref, &before, &root);
    if (status == COPSE_CONFLICT) {
        return copse_failure(
            call, status, "run the command again to replace what it is now",
            "'%s' was moved, or the store collected, meanwhile; nothing was loaded", ref);
    }
    if (status == COPSE_OK) {
        load->progress.started = started;
        load_report(load, ref, &root, &before, copse_progress_end(&load->progress));
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* What is left of --memory for the sorter. False, reported: too little for this file. */
static bool load_sorter_memory(tree_load *load, uint64_t memory, size_t *ret_size)
{
    uint64_t pack = LOAD_PACK_SIZE_MAX;
    char size[COPSE_TEXT_NUMBER_SIZE];
    if (load->input.total > 0 && load->input.total / LOAD_PACK_SHARE < pack) {
        pack = load->input.total / LOAD_PACK_SHARE;
    }
    uint64_t rest = LOAD_PROCESS_SIZE + pack;
    if (memory < rest + LOAD_SORTER_MIN && load->input.total > 0) {
        (void)copse_failure(load->call, COPSE_LIMIT, "72M is enough for a file of any size",
                            "'%s' has %s: loading it takes at least --memory %lluM",
                            load->input.name, copse_text_of_size(load->input.total, size),
                            (unsigned long long)((rest + LOAD_SORTER_MIN) >> 20) + 1);
        return false;
    }
    *ret_size = (size_t)(memory < rest + LOAD_SORTER_MIN ? LOAD_SORTER_MIN : memory - rest);
    return true;
}

/* What does not fit into memory is sorted beside the store, in a file without a name. */
static int load_with_sorter(tree_load *load, size_t memory, const char *ref)
{
    copse_call *call = load->call;
    copse_local *local = &load->local;
    copse_status status =
        copse_run_file_new(&call->env, local->os, local->path, &load->run_file, &call->err);
    if (status == COPSE_OK) {
        copse_run_store runs = copse_run_file_store(load->run_file);
        status = copse_sorter_new(&call->env, memory, &runs, &load->sorter, &call->err);
    }
    int code = status == COPSE_OK ? load_run(load, ref) : copse_failure_of(call, status, "loading");
    load->sorter = copse_sorter_free(load->sorter);
    load->run_file = copse_run_file_free(load->run_file);
    return code;
}

static int tree_load_run(copse_call *call)
{
    tree_load load = {.call = call};
    const char *path = call->options.arguments[0];
    const char *ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    uint64_t memory = copse_options_number(&call->options, "--memory", LOAD_MEMORY_DEFAULT);
    size_t sorter_memory = 0;
    int code = COPSE_EXIT_FAILED;
    if (!copse_local_check_ref_name(call, ref)) {
        return COPSE_EXIT_USAGE;
    }
    if (memory < LOAD_MEMORY_MIN || memory > SIZE_MAX / 2) {
        return copse_failure_usage(call, "--memory takes 24M or more");
    }
    if (!copse_input_open(&load.input, call, call->options.arguments[1])) {
        return COPSE_EXIT_FAILED;
    }
    copse_buf_init(&load.line, &call->env, LOAD_LINE_SIZE_MAX);
    copse_buf_init(&load.key, &call->env, LOAD_LINE_SIZE_MAX);
    copse_buf_init(&load.bytes, &call->env, LOAD_LINE_SIZE_MAX);
    copse_buf_init(&load.value, &call->env, LOAD_LINE_SIZE_MAX);
    if (load_sorter_memory(&load, memory, &sorter_memory) &&
        copse_local_open(&load.local, call, path, COPSE_LOCAL_CREATE)) {
        code = load_with_sorter(&load, sorter_memory, ref);
    }
    copse_local_close(&load.local);
    copse_buf_release(&load.line);
    copse_buf_release(&load.key);
    copse_buf_release(&load.bytes);
    copse_buf_release(&load.value);
    copse_input_close(&load.input);
    return code;
}

const copse_command copse_command_tree_load = {
    .name = "tree load",
    .arguments = "STORE FILE",
    .summary = "Make a tree of a file of lines, KEY TAB VALUE",
    .details =
        "The tree holds exactly what the file holds, whatever the order of its lines; of equal "
        "keys\n"
        "the last line wins. Keys and values are byte strings, taken as they are; a key may be\n"
        "empty. A line without a TAB stops the load, and then nothing of it is there: the ref "
        "moves\n"
        "at the end, at once. The store is made if it isn't there. Prints the root.\n",
    .options = tree_load_options,
    .examples = "copse tree load fruit.db fruit.tsv\n"
                "printf 'apple\\tred\\nlemon\\tyellow\\n' | copse tree load fruit.db - --ref next\n"
                "copse tree load big.db big.tsv --memory 1G",
    .run = tree_load_run,
};
