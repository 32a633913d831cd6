/* Many documents at once: JSON in pieces of any size is cut into values, each is read into DAG-CBOR
 * and handed to a loader, which sorts in bounded memory and builds the tree in one pass.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/json_stream.h>
#include <copse/loader.h>
#include <copse/run_file.h>

#include <stdio.h>

enum { PIECE = 16, MEMORY = 1024 * 1024 };

static const char good[] = "{\"_id\": 1, \"name\": \"a\"}\n"
                           "{\"_id\": 2, \"name\": \"b\", \"name\": \"twice\"}\n"
                           "{\"_id\": 3, \"name\": \"c\"}\n";

static const char twice[] = "{\"_id\": 7}\n"
                            "{\"_id\": 8}\n"
                            "{\"_id\": 7}\n";

static void print_progress(void *ctx, const copse_sorter_progress *progress)
{
    (void)ctx;
    (void)printf("  sorter: %d in, %d out\n", (int)progress->entries_added,
                 (int)progress->entries_given);
}

/* Reads one value and adds it; a bad line is reported, and the load goes on without it. */
static void add(example_db *example, copse_ext_json_reader *reader, copse_loader *loader,
                copse_bytes text, uint64_t line)
{
    copse_err err = {0};
    copse_buf document;
    copse_buf_init(&document, &example->env, SIZE_MAX);
    copse_status status = copse_ext_json_read(reader, text, COPSE_EXT_JSON_VALUE, &document, &err);
    if (status == COPSE_OK) {
        status = copse_loader_add(loader, copse_buf_view(&document), line, &err);
    }
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        (void)printf("  line %d is left out: %s\n", (int)line, err.message);
    } else {
        example_must(status, &err);
    }
    copse_buf_release(&document);
}

/* Feeds `text` piece by piece, as it would come from a file or a socket. */
static void add_all(example_db *example, copse_loader *loader, copse_bytes text)
{
    copse_err err = {0};
    copse_json_stream *stream = NULL;
    copse_ext_json_reader *reader = NULL;
    copse_status status;
    copse_bytes value;
    copse_json_place place;
    example_must(copse_json_stream_new(&example->env, MEMORY, &stream, &err), &err);
    example_must(copse_ext_json_reader_new(&example->env, &reader, &err), &err);
    while ((status = copse_json_stream_next(stream, &value, &place, &err)) != COPSE_END) {
        if (status == COPSE_WANT) {
            copse_bytes piece = {text.ptr, text.len < PIECE ? text.len : PIECE};
            text = (copse_bytes){text.ptr + piece.len, text.len - piece.len};
            example_must(copse_json_stream_feed(stream, piece, &err), &err); /* empty: the end */
        } else {
            example_must(status, &err);
            add(example, reader, loader, value, place.line);
        }
    }
    copse_ext_json_reader_free(reader);
    copse_json_stream_free(stream);
}

/* Loads into a collection that isn't there yet. What doesn't fit into the memory goes into a
 * temporary file in the present folder. */
static void load(example_db *example, const char *collection, const char *text, copse_os *os)
{
    copse_err err = {0};
    copse_run_file *file = NULL;
    copse_loader *loader = NULL;
    copse_tree *tree = NULL;
    copse_write_stats stats;
    copse_loader_conflict conflict;
    (void)printf("%s\n", collection);
    example_must(copse_run_file_new(&example->env, os, ".", &file, &err), &err);
    copse_run_store runs = copse_run_file_store(file);
    example_must(copse_loader_new(example->tree, example->store, copse_bytes_of_text(collection),
                                  copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, MEMORY, &runs,
                                  &loader, &err),
                 &err);
    /* Counts where documents have versions (copse_write_set_merge). */
    example_must(copse_loader_set_author(loader, copse_bytes_of_text("did:key:z6Mk…"), &err), &err);
    copse_loader_on_progress(loader, print_progress, NULL);
    add_all(example, loader, copse_bytes_of_text(text));
    copse_status status = copse_loader_finish(loader, &tree, &stats, &conflict, &err);
    if (status == COPSE_CONFLICT) {
        (void)printf("  nothing is loaded: lines %d and %d: %s\n", (int)conflict.tag_first,
                     (int)conflict.tag_second, err.message);
    } else {
        example_must(status, &err);
        (void)printf("  %d documents in %d nodes\n", (int)stats.inserted, (int)stats.nodes_written);
        copse_tree_close(example->tree);
        example->tree = tree;
    }
    copse_loader_free(loader);
    copse_run_file_free(file);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_os *os = NULL;
    example_open(&example);
    example_must(copse_os_posix_new(&example.env, &os, &err), &err);
    load(&example, "people", good, os);
    load(&example, "others", twice, os);
    copse_os_free(os);
    example_close(&example);
    return 0;
}
