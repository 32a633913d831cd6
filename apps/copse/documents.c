/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "documents.h"

#include "failure.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

enum { DOCUMENTS_TRIES_MAX = 1000, DOCUMENTS_MESSAGE_SIZE = 512 };

/* ---- Opening ---- */

static int documents_report_no_head(copse_documents *documents)
{
    char hint[512];
    const char *path = documents->place.local.path;
    int size = snprintf(hint, sizeof hint, "`copse init %s --ref %s` makes an empty one", path,
                        documents->ref);
    if (strcmp(documents->ref, COPSE_REF_DEFAULT) != 0 && size > 0 && (size_t)size < sizeof hint) {
        (void)snprintf(hint + size, sizeof hint - (size_t)size,
                       ", `copse branch %s %s` a branch of main", path, documents->ref);
    }
    return copse_failure(documents->call, COPSE_NOT_FOUND, hint, "'%s' has no database '%s'", path,
                         documents->ref);
}

/* Finds what the head names; of size 0: nothing. */
static bool documents_find_head(copse_documents *documents, copse_local_mode mode)
{
    copse_call *call = documents->call;
    if (mode == COPSE_LOCAL_READ) {
        return copse_place_resolve(&documents->place, copse_place_ref(call), &documents->head) &&
               copse_past_take_at(&documents->place, &documents->head);
    }
    copse_status status =
        copse_refs_get(documents->place.local.refs, copse_bytes_of_text(documents->ref),
                       &documents->head, &call->err);
    if (status == COPSE_NOT_FOUND && mode == COPSE_LOCAL_CREATE) {
        documents->head = (copse_cid){0};
        return true;
    }
    if (status == COPSE_NOT_FOUND) {
        (void)documents_report_no_head(documents);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", documents->ref);
    }
    return status == COPSE_OK;
}

/* Opens the tree that the head leads to, or an empty one. */
static copse_status documents_open_tree(copse_documents *documents)
{
    copse_place *place = &documents->place;
    copse_err *err = &documents->call->err;
    copse_commit commit;
    copse_block *block = NULL;
    if (documents->head.size == 0) {
        copse_tree_config config;
        copse_tree_config_init(&config);
        documents->has_history = false;
        return copse_tree_new(place->nodes, place->local.store, &config, &documents->tree, err);
    }
    copse_status status = copse_place_commit(place, &documents->head, &commit, &block);
    if (status != COPSE_OK) {
        return status;
    }
    documents->has_history = block != NULL;
    do {
        status = copse_tree_open(place->nodes, &commit.tree, &documents->tree, err);
    } while (copse_place_fetch(place, status));
    copse_block_unref(block);
    return status;
}

/* What the head was named by. */
static const char *documents_head(const copse_documents *documents)
{
    const copse_options *options = &documents->call->options;
    return copse_options_knows(options, "--at")
               ? copse_options_text(options, "--at", documents->ref)
               : documents->ref;
}

/* Opens what `head` leads to. */
static bool documents_open_database(copse_documents *documents)
{
    copse_call *call = documents->call;
    copse_status status = documents_open_tree(documents);
    if (status == COPSE_OK) {
        do {
            status = copse_database_open(documents->tree, &documents->database, &call->err);
        } while (copse_place_fetch(&documents->place, status));
    }
    if (status == COPSE_CORRUPT) {
        (void)copse_failure(call, status,
                            "`copse tree scan` reads a plain tree; `copse init DB --ref NAME` "
                            "begins a database beside it",
                            "'%s' is not a database of documents: %s", documents_head(documents),
                            call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_place_failure(&documents->place, status, documents_head(documents));
    }
    return status == COPSE_OK;
}

static bool documents_open_place(copse_documents *documents, copse_call *call,
                                 copse_local_mode mode)
{
    const char *ref = copse_place_ref(call);
    bool has_creator = copse_options_knows(&call->options, "--creator");
    const char *creator =
        has_creator ? copse_options_text(&call->options, "--creator", NULL) : NULL;
    *documents = (copse_documents){.call = call};
    /* Whoever can't write shall not leave a folder behind either. */
    if ((mode == COPSE_LOCAL_CREATE && !copse_author_read(call, creator, &documents->author)) ||
        (mode != COPSE_LOCAL_READ && !copse_local_check_ref_name(call, ref)) ||
        !copse_place_open(&documents->place, call, mode)) {
        return false;
    }
    bool is_named = documents->place.local.db != NULL || strcmp(ref, COPSE_REF_DEFAULT) != 0;
    documents->ref = is_named ? ref : documents->place.name;
    return true;
}

bool copse_documents_open_place(copse_documents *documents, copse_call *call)
{
    return documents_open_place(documents, call, COPSE_LOCAL_READ);
}

bool copse_documents_open_head(copse_documents *documents, const copse_cid *head)
{
    if (head != NULL) {
        documents->head = *head;
    } else if (!documents_find_head(documents, COPSE_LOCAL_READ)) {
        return false;
    }
    return documents_open_database(documents);
}

bool copse_documents_open(copse_documents *documents, copse_call *call, copse_local_mode mode)
{
    if (!documents_open_place(documents, call, mode) || !documents_find_head(documents, mode) ||
        !documents_open_database(documents)) {
        copse_documents_close(documents);
        return false;
    }
    return true;
}

/* Closes what is open of the head. */
static void documents_close_head(copse_documents *documents)
{
    documents->database = copse_database_close(documents->database);
    documents->tree = copse_tree_close(documents->tree);
}

void copse_documents_close(copse_documents *documents)
{
    documents_close_head(documents);
    copse_place_close(&documents->place);
    copse_author_release(&documents->author);
    *documents = (copse_documents){.call = NULL};
}

bool copse_documents_refresh(copse_documents *documents)
{
    copse_call *call = documents->call;
    copse_status status = copse_pack_db_refresh(documents->place.local.db, &call->err);
    documents_close_head(documents);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", documents->place.local.path);
        return false;
    }
    /* A head that isn't there yet stays empty: so a first write meets the same state again. */
    return documents_find_head(documents, COPSE_LOCAL_CREATE) && documents_open_database(documents);
}

bool copse_documents_reopen(copse_documents *documents)
{
    documents_close_head(documents);
    return documents_open_database(documents);
}

/* ---- Names ---- */

/* The nearest of some names to a word. */
typedef struct documents_nearest {
    const char *word;
    char name[COPSE_DOCUMENTS_NAME_SIZE];
    size_t distance; /* Of name; names as far as this or farther don't count. */
} documents_nearest;

static void documents_nearest_init(documents_nearest *nearest, const char *word)
{
    *nearest = (documents_nearest){.word = word, .distance = strlen(word) < 4 ? 2 : 4};
}

static void documents_nearest_add(documents_nearest *nearest, copse_bytes name)
{
    char text[COPSE_DOCUMENTS_NAME_SIZE];
    if (name.len < sizeof text) {
        memcpy(text, name.ptr, name.len);
        text[name.len] = '\0';
        size_t distance = copse_word_distance(nearest->word, text);
        if (distance < nearest->distance) {
            nearest->distance = distance;
            memcpy(nearest->name, text, sizeof text);
        }
    }
}

/* Reports that there is no `what` of the name that was looked for. */
static void documents_report_unknown(copse_documents *documents, const char *what,
                                     const documents_nearest *nearest, const char *list)
{
    char hint[256];
    bool near = nearest->name[0] != '\0';
    (void)snprintf(hint, sizeof hint, "%s%s%s`copse %s` lists what there is",
                   near ? "did you mean '" : "", nearest->name, near ? "'? " : "", list);
    (void)copse_failure(documents->call, COPSE_NOT_FOUND, hint, "there is no %s '%s' in '%s'", what,
                        nearest->word, documents->place.name);
}

/* The collection whose name is nearest to `name`. */
static void documents_nearest_collection(copse_documents *documents, const char *name,
                                         documents_nearest *ret_nearest)
{
    size_t count = 0;
    const copse_collection *all = copse_database_collections(documents->database, &count);
    documents_nearest_init(ret_nearest, name);
    for (size_t i = 0; i < count; i++) {
        documents_nearest_add(ret_nearest, all[i].name);
    }
}

const copse_collection *copse_documents_collection(copse_documents *documents, const char *name)
{
    const copse_collection *found =
        copse_database_collection(documents->database, copse_bytes_of_text(name));
    if (found == NULL) {
        documents_nearest nearest;
        documents_nearest_collection(documents, name, &nearest);
        documents_report_unknown(documents, "collection", &nearest, "collections DB");
    }
    return found;
}

const char *copse_documents_near_name(copse_documents *documents, const char *name,
                                      char ret_text[COPSE_DOCUMENTS_NAME_SIZE])
{
    documents_nearest nearest;
    documents_nearest_collection(documents, name, &nearest);
    memcpy(ret_text, nearest.name, sizeof nearest.name);
    return ret_text;
}

const copse_index_definition *copse_documents_index(copse_documents *documents,
                                                    const copse_collection *collection,
                                                    const char *name)
{
    documents_nearest nearest;
    documents_nearest_init(&nearest, name);
    for (size_t i = 0; i < collection->indexes_count; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        if (copse_bytes_equal(index->name, copse_bytes_of_text(name))) {
            return index;
        }
        documents_nearest_add(&nearest, index->name);
    }
    documents_report_unknown(documents, "index", &nearest, "indexes DB COLL");
    return NULL;
}

copse_status copse_documents_count(copse_documents *documents, const copse_collection *collection,
                                   uint64_t *ret_count)
{
    copse_status status;
    do {
        status =
            copse_database_count(documents->database, collection, ret_count, &documents->call->err);
    } while (copse_place_fetch(&documents->place, status));
    return status;
}

copse_status copse_documents_index_count(copse_documents *documents,
                                         const copse_collection *collection,
                                         const copse_index_definition *index, uint64_t *ret_count)
{
    copse_status status;
    do {
        status = copse_database_index_count(documents->database, collection, index, ret_count,
                                            &documents->call->err);
    } while (copse_place_fetch(&documents->place, status));
    return status;
}

int copse_documents_failure(copse_documents *documents, copse_status status, const char *what)
{
    copse_call *call = documents->call;
    if (status == COPSE_CORRUPT) {
        return copse_failure(call, status, "`copse check DB` says what is damaged", "%s: %s", what,
                             call->err.message);
    }
    return copse_place_failure(&documents->place, status, what);
}

int copse_documents_denied(copse_documents *documents, const char *what)
{
    static const char list[] =
        "`copse writers list DB` shows who may write; --key KEY says who does";
    static const char key[] = "--key NAME, $COPSE_KEY or a line `key = NAME` in the config says "
                              "who writes, and signs";
    return copse_failure(documents->call, COPSE_DENIED, documents->author.key != NULL ? list : key,
                         "%s: %s", what, documents->call->err.message);
}

/* ---- Writing ---- */

const copse_author *copse_documents_author(copse_documents *documents)
{
    return copse_author_read(documents->call, NULL, &documents->author) ? &documents->author : NULL;
}

copse_status copse_documents_put_commit(copse_documents *documents, const copse_cid *parent,
                                        const copse_cid *root, const char *message,
                                        copse_cid *ret_commit)
{
    copse_call *call = documents->call;
    copse_local *local = &documents->place.local;
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status;
    const copse_author *author = copse_documents_author(documents);
    if (author == NULL) {
        return COPSE_MISUSE;
    }
    do {
        status = copse_commit_next(&call->env, local->source, root, parent,
                                   parent->size > 0 ? 1 : 0, &commit, &call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status == COPSE_OK) {
        if (copse_options_knows(&call->options, "--message")) {
            message = copse_options_text(&call->options, "--message", message);
        }
        commit.message = copse_bytes_of_text(message);
        status = copse_author_commit(author, call, &commit, &block);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(local->store, &block, 1, &call->err);
    }
    if (status == COPSE_OK) {
        *ret_commit = *copse_block_cid(block);
    } else {
        (void)copse_place_failure(&documents->place, status, "the commit can't be made");
        status = status == COPSE_CONFLICT ? COPSE_IO : status;
    }
    copse_block_unref(block);
    return status;
}

copse_status copse_documents_commit(copse_documents *documents, const copse_cid *root,
                                    const char *message)
{
    const copse_cid none = {.size = 0};
    copse_cid head;
    copse_status status = copse_documents_put_commit(
        documents, documents->has_history ? &documents->head : &none, root, message, &head);
    if (status == COPSE_OK) {
        status =
            copse_local_move_ref(&documents->place.local, documents->ref, &documents->head, &head);
    }
    if (status == COPSE_OK) {
        documents->head = head;
        documents->has_history = true;
    }
    return status;
}

static int documents_report_apply(copse_documents *documents, const copse_documents_change *change,
                                  copse_status status, size_t failed)
{
    copse_call *call = documents->call;
    bool is_denied = status == COPSE_DENIED && failed != SIZE_MAX;
    if (is_denied && documents->author.key == NULL) {
        return copse_documents_denied(documents, "nothing was changed");
    }
    if (failed != SIZE_MAX && change->refused != NULL) {
        return change->refused(change->ctx, documents, status, failed);
    }
    if (status == COPSE_MISUSE) {
        return copse_failure(call, status, "import its documents into a database of version 2",
                             "'%s' can't be changed: %s", documents->ref, call->err.message);
    }
    if (is_denied) {
        return copse_documents_denied(documents, "nothing was changed");
    }
    if (status == COPSE_CONFLICT && failed != SIZE_MAX) { /* by what is there, not by others */
        return copse_failure(call, status, "nothing was changed", "%s", call->err.message);
    }
    return copse_documents_failure(documents, status, "nothing was changed");
}

/* A message that was cut may end within a character. */
static void documents_trim(char *message)
{
    size_t len = strlen(message);
    while (!copse_text_is_utf8((copse_bytes){(const uint8_t *)message, len})) {
        len--;
    }
    message[len] = '\0';
}

/* Applies `write` to the head that is open and moves it. CONFLICT: it was moved by others. Other
 * failures are reported, with *ret_code. */
static copse_status documents_apply(copse_documents *documents,
                                    const copse_documents_change *change, copse_write *write,
                                    copse_write_stats *ret_stats, int *ret_code)
{
    copse_call *call = documents->call;
    copse_tree *changed = NULL;
    size_t failed = SIZE_MAX;
    char message[DOCUMENTS_MESSAGE_SIZE];
    copse_write_options options = {.runs = NULL};
    const copse_author *author = copse_documents_author(documents);
    *ret_code = COPSE_EXIT_FAILED;
    if (author == NULL) {
        return COPSE_MISUSE;
    }
    if (change->options != NULL) {
        options = *change->options;
    }
    options.author = copse_bytes_of_text(author->did);
    options.key = author->key;
    copse_status status;
    do {
        status = copse_write_apply(write, documents->tree, documents->place.local.store, &options,
                                   &changed, ret_stats, &failed, &call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status != COPSE_OK) {
        *ret_code = documents_report_apply(documents, change, status, failed);
        return status == COPSE_CONFLICT ? COPSE_MISUSE : status;
    }
    bool same = copse_cid_equal(copse_tree_root(changed), copse_tree_root(documents->tree));
    if (!same || documents->head.size == 0) {
        change->describe(change->ctx, ret_stats, message, sizeof message);
        documents_trim(message);
        status = copse_documents_commit(documents, copse_tree_root(changed), message);
    }
    changed = copse_tree_close(changed);
    return status;
}

copse_status copse_documents_modify(copse_documents *documents, copse_modify *modify,
                                    const copse_modify_options *options,
                                    copse_modify_result *ret_result)
{
    copse_status status;
    do {
        status = copse_modify_run(modify, options, ret_result, &documents->call->err);
    } while (copse_place_fetch(&documents->place, status));
    return status;
}

/* Collects the operations, on the head that is open. */
static int documents_fill(copse_documents *documents, const copse_documents_change *change,
                          copse_modify *modify)
{
    copse_modify_begin(modify, documents->database);
    return change->run != NULL ? change->run(change->ctx, documents, modify)
                               : change->fill(change->ctx, documents, copse_modify_write(modify));
}

/* The cycle: again on another head, as long as that is what stands in the way. */
static int documents_write_cycle(copse_documents *documents, const copse_documents_change *change,
                                 copse_modify *modify, copse_write_stats *ret_stats)
{
    bool depends = change->depends || change->run != NULL;
    int code = documents_fill(documents, change, modify);
    for (int i = 0; i < DOCUMENTS_TRIES_MAX && code == COPSE_EXIT_OK; i++) {
        if (i > 0 && !copse_documents_refresh(documents)) {
            return COPSE_EXIT_FAILED;
        }
        if (i > 0 && depends) {
            code = documents_fill(documents, change, modify);
            if (code != COPSE_EXIT_OK) {
                return code;
            }
        }
        copse_status status =
            documents_apply(documents, change, copse_modify_write(modify), ret_stats, &code);
        if (status == COPSE_OK) {
            return copse_documents_reopen(documents) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
        }
        if (status != COPSE_CONFLICT) {
            return code;
        }
        code = COPSE_EXIT_OK;
    }
    return code != COPSE_EXIT_OK
               ? code
               : copse_failure(documents->call, COPSE_CONFLICT, "run the command again",
                               "others moved '%s' %d times meanwhile; nothing was changed",
                               documents->ref, DOCUMENTS_TRIES_MAX);
}

int copse_documents_write(copse_documents *documents, const copse_documents_change *change,
                          copse_write_stats *ret_stats)
{
    copse_call *call = documents->call;
    copse_modify *modify = NULL;
    copse_status status = copse_modify_new(&call->env, &modify, &call->err);
    int code = status == COPSE_OK ? documents_write_cycle(documents, change, modify, ret_stats)
                                  : copse_failure_of(call, status, "writing");
    copse_modify_free(modify);
    return code;
}

/* ---- Printing ---- */

void copse_documents_print_head(const copse_documents *documents)
{
    copse_output *out = &documents->call->output;
    copse_output_cid(out, "commit", documents->has_history ? &documents->head : NULL);
    copse_output_cid(out, "tree", copse_tree_root(documents->tree));
}

const char *copse_documents_plural(uint64_t count, const char *word, char *ret_text, size_t size)
{
    char number[COPSE_TEXT_NUMBER_SIZE];
    (void)snprintf(ret_text, size, "%s %s%s", copse_text_of_count(count, number), word,
                   count == 1 ? "" : "s");
    return ret_text;
}
