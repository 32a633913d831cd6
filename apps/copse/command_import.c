/* copse import: a file of documents goes into a collection, in one commit.
 *
 * Into a collection without documents they go through a loader: sorted in bounded memory, built in
 * one pass. Into one that has some (or with --upsert) they are written in batches, each on the tree
 * that the one before made. Either way the head moves once, at the end: if anything fails nothing
 * of it shows, and a collection of garbage takes what was written.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "document_reader.h"
#include "documents.h"
#include "failure.h"
#include "progress.h"
#include "text.h"

#include <copse/loader.h>
#include <copse/run_file.h>

#include <stdio.h>
#include <string.h>

enum {
    IMPORT_MEMORY_DEFAULT = 256 << 20,
    IMPORT_MEMORY_MIN = 32 << 20,
    IMPORT_PROCESS_SIZE = 24 << 20, /* the program, the pack that is written, nodes of the tree */
    IMPORT_BATCH_BYTES = 16 << 20,
    IMPORT_BATCH_COUNT = 20000,
    IMPORT_BULK_BYTES = 1 << 20, /* a larger file gets a pack file of its own */
    IMPORT_BAD_SHOWN = 10
};

typedef struct document_import {
    copse_call *call;
    copse_documents documents;
    copse_document_reader reader;
    copse_run_file *run_file;
    copse_run_store runs;
    copse_progress progress;
    copse_bytes collection;
    size_t memory;
    bool upsert;
    bool skip_bad;
    bool bulk; /* the store was told */
    const copse_author *author;
    uint64_t read;
    uint64_t bad;
    copse_write_stats stats;
} document_import;

static const copse_option import_options[] = {
    {"--format", "ndjson|json|csv|tsv", COPSE_OPTION_CHOICE,
     "what the file is; else its name says it, else it is JSON", 0},
    {"--id", "FIELD", COPSE_OPTION_TEXT, "a new collection's primary key is FIELD instead of _id",
     0},
    {"--documents", "inline|linked", COPSE_OPTION_CHOICE,
     "keep them in the tree (the default), or as blocks of their own", 0},
    {"--upsert", NULL, COPSE_OPTION_FLAG, "replace documents that have the same primary key", 0},
    {"--skip-bad", NULL, COPSE_OPTION_FLAG, "pass over what is no document, and say how many", 0},
    {"--text", NULL, COPSE_OPTION_FLAG, "CSV: take all fields as text, numbers too", 0},
    {"--memory", "SIZE", COPSE_OPTION_SIZE,
     "how much memory to take; what is more is sorted on disk (256M)", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- What goes wrong ---- */

static bool import_fail(document_import *import, copse_status status, const char *problem)
{
    (void)copse_progress_end(&import->progress);
    (void)copse_failure(import->call, status, "mend it, or pass over such lines by --skip-bad",
                        "'%s', %s; nothing was imported", import->reader.input.name, problem);
    return false;
}

/* What is no document: reported, or with --skip-bad counted. */
static bool import_bad(document_import *import, copse_status status, const char *problem)
{
    if (!import->skip_bad) {
        return import_fail(import, status, problem);
    }
    if (import->bad++ < IMPORT_BAD_SHOWN) {
        (void)copse_progress_end(&import->progress);
        copse_note(import->call, "copse: '%s', %s: skipped", import->reader.input.name, problem);
    }
    return true;
}

/* The same for what the library says of the document that was just read. */
static bool import_bad_document(document_import *import, copse_status status, uint64_t line)
{
    char problem[sizeof import->call->err.message + 40];
    (void)snprintf(problem, sizeof problem, "line %llu: %s", (unsigned long long)line,
                   import->call->err.message);
    return import_bad(import, status, problem);
}

static bool import_broken(document_import *import, copse_status status)
{
    (void)copse_progress_end(&import->progress);
    if (status == COPSE_DENIED && copse_database_identity(import->documents.database) != NULL) {
        (void)copse_documents_denied(&import->documents, "nothing was imported");
    } else {
        (void)copse_documents_failure(&import->documents, status, "nothing was imported");
    }
    return false;
}

/* ---- Reading ---- */

/* The next document, past bad ones. False: the end, or (*ret_failed) a failure. */
static bool import_next(document_import *import, copse_bytes *ret_document, bool *ret_failed)
{
    copse_document_reader *reader = &import->reader;
    for (;;) {
        copse_document_found found = copse_document_reader_next(reader, ret_document);
        if (found == COPSE_DOCUMENT_NEXT) {
            import->read++;
            copse_progress_update(&import->progress, reader->input.done, import->read);
            return true;
        }
        *ret_failed =
            found == COPSE_DOCUMENT_FAILED ||
            (found == COPSE_DOCUMENT_BAD && !import_bad(import, reader->status, reader->problem));
        if (found == COPSE_DOCUMENT_END || *ret_failed) {
            return false;
        }
    }
}

/* Blocks of a large import go into a pack file of their own. */
static copse_status import_begin_bulk(document_import *import, bool large)
{
    if (import->bulk || !large) {
        return COPSE_OK;
    }
    import->bulk = true;
    return copse_pack_db_begin_bulk(import->documents.place.local.db, &import->call->err);
}

/* ---- Into an empty collection ---- */

static void import_show_build(void *ctx, const copse_sorter_progress *progress)
{
    document_import *import = ctx;
    if (progress->entries_given > 0 || progress->entries_merging > 0) {
        import->progress.calls |= 255; /* called seldom: look at the clock each time */
        copse_progress_update(&import->progress, progress->entries_given, progress->entries_given);
    }
}

static bool import_load_documents(document_import *import, copse_loader *loader)
{
    bool failed = false;
    copse_bytes document;
    while (import_next(import, &document, &failed)) {
        copse_status status =
            import_begin_bulk(import, import->reader.input.done > IMPORT_BULK_BYTES);
        if (status == COPSE_OK) {
            status = copse_loader_add(loader, document, import->reader.line, &import->call->err);
        }
        if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
            failed = !import_bad_document(import, status, import->reader.line);
            import->read--;
        } else if (status != COPSE_OK) {
            failed = !import_broken(import, status);
        }
        if (failed) {
            return false;
        }
    }
    return !failed;
}

static bool import_fail_conflict(document_import *import, const copse_loader_conflict *conflict)
{
    char problem[sizeof import->call->err.message + 80];
    (void)snprintf(problem, sizeof problem, "lines %llu and %llu: %s",
                   (unsigned long long)conflict->tag_first,
                   (unsigned long long)conflict->tag_second, import->call->err.message);
    (void)copse_progress_end(&import->progress);
    (void)copse_failure(import->call, COPSE_CONFLICT,
                        "with --upsert the last document of a primary key is kept",
                        "'%s', %s; nothing was imported", import->reader.input.name, problem);
    return false;
}

/* Makes a loader. CONFLICT: the collection has rows. */
static copse_status import_begin_load(document_import *import, const char *id,
                                      copse_documents_form form, copse_loader **ret_loader)
{
    copse_documents *documents = &import->documents;
    copse_loader *loader = NULL;
    copse_err *err = &import->call->err;
    copse_status status;
    do {
        status = copse_loader_new(documents->tree, documents->place.local.store, import->collection,
                                  copse_bytes_of_text(id), form, import->memory, &import->runs,
                                  &loader, err);
    } while (copse_place_fetch(&documents->place, status));
    if (status == COPSE_OK) {
        const copse_author *author = import->author;
        bool is_known = copse_database_identity(documents->database) == NULL;
        status = author->key != NULL
                     ? copse_loader_set_key(loader, author->key, err)
                     : copse_loader_set_author(
                           loader, copse_bytes_of_text(is_known ? author->did : ""), err);
    }
    if (status != COPSE_OK) {
        copse_loader_free(loader);
        return status;
    }
    *ret_loader = loader;
    return COPSE_OK;
}

/* Frees the loader. */
static bool import_load(document_import *import, copse_loader *loader, copse_tree **ret_tree)
{
    copse_call *call = import->call;
    copse_loader_conflict conflict = {0};
    copse_status status;
    copse_loader_on_progress(loader, import_show_build, import);
    bool done = import_load_documents(import, loader);
    if (done) {
        (void)copse_progress_end(&import->progress);
        copse_progress_init(&import->progress, call, "building", 0, "rows");
        status = copse_loader_finish(loader, ret_tree, &import->stats, &conflict, &call->err);
        done = status == COPSE_OK ? true
               : status == COPSE_CONFLICT && conflict.tag_second > 0
                   ? import_fail_conflict(import, &conflict)
                   : import_broken(import, status);
    }
    copse_loader_free(loader);
    return done;
}

/* ---- Into one that has documents, or versions of deleted ones ---- */

/* The documents of a batch, so that it can be made again without one that is refused. */
typedef struct import_batch {
    document_import *import;
    copse_write *write;
    copse_tree *tree; /* what the batches before made; at first that of the head */
    copse_buf documents;
    size_t ends[IMPORT_BATCH_COUNT]; /* in documents */
    uint64_t lines[IMPORT_BATCH_COUNT];
    size_t count;
} import_batch;

static void import_add_stats(copse_write_stats *sum, const copse_write_stats *stats)
{
    sum->inserted += stats->inserted;
    sum->replaced += stats->replaced;
    sum->deleted += stats->deleted;
    sum->index_rows_added += stats->index_rows_added;
    sum->index_rows_removed += stats->index_rows_removed;
    sum->nodes_written += stats->nodes_written;
    sum->bytes_written += stats->bytes_written;
}

static copse_bytes import_batch_document(const import_batch *batch, size_t number)
{
    size_t start = number > 0 ? batch->ends[number - 1] : 0;
    return (copse_bytes){batch->documents.ptr + start, batch->ends[number] - start};
}

static copse_status import_batch_write(import_batch *batch, copse_bytes document)
{
    document_import *import = batch->import;
    return import->upsert ? copse_write_replace(batch->write, import->collection, document, true,
                                                &import->call->err)
                          : copse_write_insert(batch->write, import->collection, document, NULL,
                                               &import->call->err);
}

/* Takes out the document that is refused, and makes the batch again. */
static bool import_batch_drop(import_batch *batch, copse_status status, size_t number)
{
    document_import *import = batch->import;
    copse_bytes document = import_batch_document(batch, number);
    size_t behind = batch->documents.len - batch->ends[number];
    if (!import_bad_document(import, status, batch->lines[number])) {
        return false;
    }
    memmove(batch->documents.ptr + (batch->ends[number] - document.len),
            batch->documents.ptr + batch->ends[number], behind);
    copse_buf_truncate(&batch->documents, batch->documents.len - document.len);
    for (size_t i = number; i + 1 < batch->count; i++) {
        batch->ends[i] = batch->ends[i + 1] - document.len;
        batch->lines[i] = batch->lines[i + 1];
    }
    batch->count--;
    import->read--;
    copse_write_clear(batch->write);
    for (size_t i = 0; i < batch->count; i++) {
        status = import_batch_write(batch, import_batch_document(batch, i));
        if (status != COPSE_OK) {
            return import_broken(import, status);
        }
    }
    return true;
}

/* Reports that document `number` is refused for what is there already. */
static bool import_batch_conflict(import_batch *batch, copse_status status, size_t number)
{
    document_import *import = batch->import;
    (void)copse_progress_end(&import->progress);
    (void)copse_failure(
        import->call, status,
        import->upsert ? NULL : "--upsert replaces documents that have the same primary key",
        "'%s', line %llu: %s; nothing was imported", import->reader.input.name,
        (unsigned long long)batch->lines[number], import->call->err.message);
    return false;
}

/* Applies the batch, and empties it. */
static bool import_batch_apply(import_batch *batch)
{
    document_import *import = batch->import;
    copse_call *call = import->call;
    copse_write_options options = {.runs = &import->runs,
                                   .memory_bytes_max = import->memory,
                                   .author = copse_bytes_of_text(import->author->did),
                                   .key = import->author->key};
    for (;;) {
        copse_tree *next = NULL;
        copse_write_stats stats = {0};
        size_t failed = SIZE_MAX;
        copse_status status;
        do {
            status =
                copse_write_apply(batch->write, batch->tree, import->documents.place.local.store,
                                  &options, &next, &stats, &failed, &call->err);
        } while (copse_place_fetch(&import->documents.place, status));
        if (status == COPSE_OK) {
            import_add_stats(&import->stats, &stats);
            if (batch->tree != import->documents.tree) {
                copse_tree_close(batch->tree);
            }
            batch->tree = next;
            batch->count = 0;
            copse_buf_truncate(&batch->documents, 0);
            copse_write_clear(batch->write);
            return true;
        }
        if (failed >= batch->count || status == COPSE_DENIED) {
            return import_broken(import, status);
        }
        if (status == COPSE_CONFLICT || status == COPSE_NOT_FOUND) {
            return import_batch_conflict(batch, status, failed);
        }
        if (!import_batch_drop(batch, status, failed)) {
            return false;
        }
    }
}

/* Adds the document that was just read. */
static bool import_batch_add(import_batch *batch, copse_bytes document)
{
    document_import *import = batch->import;
    copse_status status = copse_buf_append(&batch->documents, document);
    if (status != COPSE_OK) {
        return import_broken(import, status);
    }
    status = import_batch_write(batch, document);
    if (status != COPSE_OK) {
        copse_buf_truncate(&batch->documents, batch->documents.len - document.len);
    }
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        import->read--;
        return import_bad_document(import, status, import->reader.line);
    }
    if (status != COPSE_OK) {
        return import_broken(import, status);
    }
    batch->ends[batch->count] = batch->documents.len;
    batch->lines[batch->count++] = import->reader.line;
    if (batch->count < IMPORT_BATCH_COUNT && batch->documents.len < IMPORT_BATCH_BYTES) {
        return true;
    }
    status = import_begin_bulk(import, true);
    return status == COPSE_OK ? import_batch_apply(batch) : import_broken(import, status);
}

static bool import_batch_run(import_batch *batch, bool make, const char *id,
                             copse_documents_form form)
{
    document_import *import = batch->import;
    copse_call *call = import->call;
    copse_bytes document;
    bool failed = false;
    copse_status status = copse_write_new(&call->env, &batch->write, &call->err);
    if (status == COPSE_OK && make) {
        status = copse_write_create_collection(batch->write, import->collection,
                                               copse_bytes_of_text(id), form, &call->err);
    }
    if (status != COPSE_OK) {
        return import_broken(import, status);
    }
    if (make && !import_batch_apply(batch)) {
        return false;
    }
    while (!failed && import_next(import, &document, &failed)) {
        failed = !import_batch_add(batch, document);
    }
    return !failed && (batch->count == 0 || import_batch_apply(batch));
}

static bool import_merge(document_import *import, bool make, const char *id,
                         copse_documents_form form, copse_tree **ret_tree)
{
    const copse_env *env = &import->call->env;
    import_batch *batch = env->alloc(env->alloc_ctx, NULL, 0, sizeof *batch);
    if (batch == NULL) {
        return import_broken(import, COPSE_NOMEM);
    }
    *batch = (import_batch){.import = import, .tree = import->documents.tree};
    copse_buf_init(&batch->documents, env, SIZE_MAX / 2);
    bool done = import_batch_run(batch, make, id, form);
    if (done) {
        *ret_tree = batch->tree;
    } else if (batch->tree != import->documents.tree) {
        copse_tree_close(batch->tree);
    }
    copse_write_free(batch->write);
    copse_buf_release(&batch->documents);
    (void)env->alloc(env->alloc_ctx, batch, sizeof *batch, 0);
    return done;
}

/* ---- The command ---- */

static void import_report(document_import *import, double seconds)
{
    copse_call *call = import->call;
    copse_output *out = &call->output;
    char documents[COPSE_TEXT_NUMBER_SIZE + 16];
    char changed[COPSE_TEXT_NUMBER_SIZE + 48] = "";
    char number[COPSE_TEXT_NUMBER_SIZE];
    uint64_t replaced = import->read - import->stats.inserted; /* also by one behind in the file */
    if (out->json) {
        copse_output_begin(out);
        copse_output_text_bytes(out, "collection", import->collection);
        copse_output_number(out, "documents", import->read);
        copse_output_number(out, "inserted", import->stats.inserted);
        copse_output_number(out, "replaced", replaced);
        copse_output_number(out, "skipped", import->bad);
        copse_output_number(out, "index_rows", import->stats.index_rows_added);
        copse_output_real(out, "seconds", seconds);
        copse_documents_print_head(&import->documents);
        copse_output_end(out);
        return;
    }
    if (import->upsert) {
        (void)snprintf(changed, sizeof changed, " (%s replaced)",
                       copse_text_of_count(replaced, number));
    }
    copse_output_format(
        out, "imported %s%s into %.*s in %.2f s\n",
        copse_documents_plural(import->read, "document", documents, sizeof documents), changed,
        (int)import->collection.len, (const char *)import->collection.ptr, seconds);
    if (import->bad > 0) {
        (void)copse_output_flush(out);
        copse_note(call, "copse: %s skipped",
                   copse_documents_plural(import->bad, "bad line", documents, sizeof documents));
    }
}

/* Moves the head to what was imported. */
static int import_commit(document_import *import, const copse_cid *root, double started)
{
    char message[300];
    char documents[COPSE_TEXT_NUMBER_SIZE + 16];
    (void)snprintf(message, sizeof message, "import %s into %.*s",
                   copse_documents_plural(import->read, "document", documents, sizeof documents),
                   (int)import->collection.len, (const char *)import->collection.ptr);
    copse_status status = copse_documents_commit(&import->documents, root, message);
    if (status == COPSE_CONFLICT) {
        return copse_failure(import->call, status, "run the command again",
                             "another process changed '%s' meanwhile; nothing was imported",
                             import->documents.ref);
    }
    if (status != COPSE_OK) {
        return COPSE_EXIT_FAILED;
    }
    import->progress.started = started;
    double seconds = copse_progress_end(&import->progress);
    if (!copse_documents_reopen(&import->documents)) {
        return COPSE_EXIT_FAILED;
    }
    import_report(import, seconds);
    return COPSE_EXIT_OK;
}

/* Whether a collection that is there agrees with --id and --documents. */
static bool import_check_options(document_import *import, const copse_collection *collection)
{
    const copse_options *options = &import->call->options;
    const char *id = copse_options_text(options, "--id", NULL);
    const char *form = copse_options_text(options, "--documents", NULL);
    bool linked = collection->documents == COPSE_DOCUMENTS_LINKED;
    if (id != NULL && !copse_bytes_equal(collection->primary_key, copse_bytes_of_text(id))) {
        (void)copse_failure(import->call, COPSE_CONFLICT, "leave --id away, or choose another name",
                            "the collection is there, and its primary key is '%.*s'",
                            (int)collection->primary_key.len,
                            (const char *)collection->primary_key.ptr);
        return false;
    }
    if (form != NULL && linked != (strcmp(form, "linked") == 0)) {
        (void)copse_failure(
            import->call, COPSE_CONFLICT, "leave --documents away, or choose another name",
            "the collection is there, and keeps its documents %s", linked ? "linked" : "inline");
        return false;
    }
    return true;
}

static int import_run_opened(document_import *import)
{
    copse_call *call = import->call;
    const char *id = copse_options_text(&call->options, "--id", "_id");
    copse_documents_form form =
        strcmp(copse_options_text(&call->options, "--documents", "inline"), "linked") == 0
            ? COPSE_DOCUMENTS_LINKED
            : COPSE_DOCUMENTS_INLINE;
    const copse_collection *collection =
        copse_database_collection(import->documents.database, import->collection);
    uint64_t count = 0;
    copse_tree *tree = NULL;
    import->author = copse_documents_author(&import->documents);
    if (import->author == NULL) {
        return COPSE_EXIT_FAILED;
    }
    if (collection != NULL) {
        copse_status status = copse_documents_count(&import->documents, collection, &count);
        if (status != COPSE_OK) {
            return copse_documents_failure(&import->documents, status, "reading");
        }
        if (!import_check_options(import, collection)) {
            return COPSE_EXIT_FAILED;
        }
    }
    copse_progress_init(&import->progress, call, "reading", import->reader.input.total,
                        "documents");
    double started = import->progress.started;
    copse_loader *loader = NULL;
    copse_status status = count == 0 && !import->upsert
                              ? import_begin_load(import, id, form, &loader)
                              : COPSE_CONFLICT;
    bool done = status == COPSE_OK ? import_load(import, loader, &tree)
                : status == COPSE_CONFLICT
                    ? import_merge(import, collection == NULL, id, form, &tree)
                    : import_broken(import, status);
    (void)copse_progress_end(&import->progress);
    if (!done) {
        return COPSE_EXIT_FAILED;
    }
    copse_cid root = *copse_tree_root(tree);
    if (tree != import->documents.tree) {
        copse_tree_close(tree);
    }
    return import_commit(import, &root, started);
}

static int import_open(document_import *import)
{
    copse_call *call = import->call;
    copse_status status =
        copse_run_file_new(&call->env, import->documents.place.local.os,
                           import->documents.place.local.path, &import->run_file, &call->err);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "importing");
    }
    import->runs = copse_run_file_store(import->run_file);
    int code = import_run_opened(import);
    import->run_file = copse_run_file_free(import->run_file);
    return code;
}

static int import_run(copse_call *call)
{
    const copse_options *options = &call->options;
    uint64_t memory = copse_options_number(options, "--memory", IMPORT_MEMORY_DEFAULT);
    if (memory < IMPORT_MEMORY_MIN || memory > SIZE_MAX / 2) {
        return copse_failure_usage(call, "--memory takes 32M or more");
    }
    document_import import = {
        .call = call,
        .collection = copse_bytes_of_text(options->arguments[1]),
        .memory = (size_t)memory - IMPORT_PROCESS_SIZE,
        .upsert = copse_options_has(options, "--upsert"),
        .skip_bad = copse_options_has(options, "--skip-bad"),
    };
    int code = COPSE_EXIT_FAILED;
    if (copse_document_reader_open(&import.reader, call, options->arguments[2],
                                   copse_options_text(options, "--format", NULL),
                                   copse_options_has(options, "--text"))) {
        if (copse_documents_open(&import.documents, call, COPSE_LOCAL_CREATE)) {
            code = import_open(&import);
        }
        copse_documents_close(&import.documents);
    }
    copse_document_reader_close(&import.reader);
    return code;
}

const copse_command copse_command_import = {
    .name = "import",
    .arguments = "DB COLL FILE",
    .summary = "Add the documents of a file to a collection, all or none",
    .details =
        "FILE is newline-delimited JSON, one JSON array, or CSV; `-` is stdin. JSON is read as\n"
        "MongoDB Extended JSON v2, so that dates, ObjectIds and decimals come in as such. Of CSV\n"
        "the first line names the fields (a.b: the field b of the object a); unquoted numbers, "
        "true,\n"
        "false and null are taken as such, empty fields are left out.\n"
        "\n"
        "All of it is one commit. A line that is no document stops the import with its place and\n"
        "reason, and nothing is imported. Database and collection are made if they aren't there.\n"
        "Documents without the primary key _id get a new ObjectId.\n",
    .options = import_options,
    .examples = "copse import blog.copse posts posts.ndjson\n"
                "copse import world.copse cities cities.csv --id code\n"
                "curl -s https://example.com/posts.json | copse import blog.copse posts - --upsert",
    .run = import_run,
};
