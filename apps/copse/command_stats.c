/* copse stats: a database in numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "table.h"
#include "text.h"

#include <copse/check.h>

#include <inttypes.h>
#include <time.h>

static const copse_option stats_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct stats_call {
    copse_documents documents;
    copse_block *block;  /* of the head; NULL: it is no commit */
    copse_commit commit; /* borrows from block */
    uint64_t entries;
    size_t levels;
    bool is_whole;         /* all of the tree is here */
    copse_tree_stats tree; /* if it is */
    copse_pack_stat store; /* of a folder */
} stats_call;

/* Measures the tree: all of it, unless that would have to be fetched. */
static copse_status stats_measure(stats_call *self)
{
    copse_documents *documents = &self->documents;
    copse_place *place = &documents->place;
    copse_err *err = &documents->call->err;
    copse_status status = COPSE_WANT;
    if (!copse_place_is_remote(place)) {
        status = copse_tree_stat(documents->tree, &self->tree, err);
    }
    self->is_whole = status == COPSE_OK;
    self->entries = self->tree.entries;
    self->levels = self->tree.levels;
    if (status != COPSE_WANT || !place->has_peers) {
        return status;
    }
    do {
        status = copse_tree_count(documents->tree, &self->entries, err);
    } while (copse_place_fetch(place, status));
    if (status == COPSE_OK) {
        do {
            status = copse_tree_height(documents->tree, &self->levels, err);
        } while (copse_place_fetch(place, status));
    }
    return status;
}

/* ---- For programs ---- */

static copse_status stats_json_collection(copse_documents *documents,
                                          const copse_collection *collection)
{
    copse_output *out = &documents->call->output;
    uint64_t count = 0;
    copse_status status = copse_documents_count(documents, collection, &count);
    copse_output_begin_member(out, NULL);
    copse_output_text_bytes(out, "collection", collection->name);
    copse_output_number(out, "documents", count);
    copse_output_begin_array(out, "indexes");
    for (size_t i = 0; i < collection->indexes_count && status == COPSE_OK; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        status = copse_documents_index_count(documents, collection, index, &count);
        copse_output_begin_member(out, NULL);
        copse_output_text_bytes(out, "index", index->name);
        copse_output_number(out, "entries", count);
        copse_output_end_member(out);
    }
    copse_output_end_array(out);
    copse_output_end_member(out);
    return status;
}

static void stats_json_sizes(const stats_call *self, copse_output *out)
{
    copse_output_number(out, "entries", self->entries);
    copse_output_number(out, "levels", self->levels);
    if (self->is_whole) {
        copse_output_number(out, "nodes", self->tree.nodes);
        copse_output_number(out, "bytes", self->tree.size_bytes);
    }
    if (self->documents.place.local.db != NULL) {
        copse_output_begin_member(out, "store");
        copse_output_number(out, "blocks", self->store.blocks);
        copse_output_number(out, "bytes", self->store.size_bytes);
        copse_output_end_member(out);
    }
}

static void stats_json_identity(const copse_identity *identity, copse_output *out)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    if (identity != NULL) {
        (void)copse_public_key_to_did(&identity->creator, did);
        copse_output_cid(out, "identity", &identity->cid);
        copse_output_text(out, "creator", did);
    }
}

static copse_status stats_json(stats_call *self)
{
    copse_documents *documents = &self->documents;
    copse_output *out = &documents->call->output;
    copse_status status = COPSE_OK;
    size_t count = 0;
    const copse_collection *all = copse_database_collections(documents->database, &count);
    copse_output_begin(out);
    copse_output_text(out, "ref", documents->ref);
    copse_documents_print_head(documents);
    if (self->block != NULL) {
        copse_output_number(out, "generation", self->commit.generation);
        copse_output_number(out, "time_ms", self->commit.time_ms);
        copse_output_text_bytes(out, "message", self->commit.message);
    }
    copse_output_number(out, "version", copse_database_version(documents->database));
    stats_json_identity(copse_database_identity(documents->database), out);
    stats_json_sizes(self, out);
    copse_output_begin_array(out, "collections");
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = stats_json_collection(documents, &all[i]);
    }
    copse_output_end_array(out);
    copse_output_end(out);
    return status;
}

/* ---- For people ---- */

static void stats_people_sizes(const stats_call *self, copse_output *out)
{
    char texts[4][64];
    copse_output_format(out, "        %s %s in ", copse_text_of_count(self->entries, texts[0]),
                        self->entries == 1 ? "entry" : "entries");
    if (self->is_whole) {
        copse_output_format(
            out, "%s, %s, ",
            copse_documents_plural(self->tree.nodes, "node", texts[1], sizeof texts[1]),
            copse_text_of_size(self->tree.size_bytes, texts[2]));
    }
    copse_output_format(out, "%s\n",
                        copse_documents_plural(self->levels, "level", texts[3], sizeof texts[3]));
    if (self->documents.place.local.db != NULL) {
        copse_output_format(out, "store   %s blocks, %s, with what other refs and commits keep\n",
                            copse_text_of_count(self->store.blocks, texts[0]),
                            copse_text_of_size(self->store.size_bytes, texts[1]));
    }
}

static void stats_people_identity(const copse_identity *identity, copse_output *out)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    if (identity != NULL) {
        (void)copse_public_key_to_did(&identity->creator, did);
        copse_output_format(out, "id      %s\n", copse_cid_show(&identity->cid, cid));
        copse_output_format(out, "        made by %s\n", did);
    }
}

static void stats_people_head(const stats_call *self, copse_output *out)
{
    const copse_documents *documents = &self->documents;
    char texts[4][64];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    if (self->block != NULL) {
        char when[32] = "";
        struct tm utc;
        time_t seconds = (time_t)(self->commit.time_ms / 1000);
        if (gmtime_r(&seconds, &utc) != NULL) {
            (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc);
        }
        copse_output_format(out, "commit  %s\n", copse_cid_show(&documents->head, cid));
        copse_output_format(out, "        number %s, %s: ",
                            copse_text_of_count(self->commit.generation + 1, texts[0]), when);
        copse_output_bytes(out, self->commit.message);
        copse_output_format(out, "\n");
    }
    copse_output_format(out, "tree    %s\n", copse_cid_show(copse_tree_root(documents->tree), cid));
    stats_people_sizes(self, out);
    stats_people_identity(copse_database_identity(documents->database), out);
}

/* A row for each collection, and below it one for each of its indexes. */
static copse_status stats_people_rows(copse_documents *documents, copse_table *table)
{
    copse_status status = COPSE_OK;
    uint64_t entries = 0;
    size_t count = 0;
    const copse_collection *all = copse_database_collections(documents->database, &count);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_documents_count(documents, &all[i], &entries);
        copse_table_bytes(table, all[i].name);
        copse_table_text(table, "documents");
        copse_table_count(table, entries);
        for (size_t j = 0; j < all[i].indexes_count && status == COPSE_OK; j++) {
            const copse_index_definition *index = &all[i].indexes[j];
            status = copse_documents_index_count(documents, &all[i], index, &entries);
            copse_table_text(table, "");
            copse_table_bytes(table, index->name);
            copse_table_count(table, entries);
        }
    }
    return status;
}

static copse_status stats_people(stats_call *self)
{
    copse_call *call = self->documents.call;
    copse_table table;
    stats_people_head(self, &call->output);
    copse_table_init(&table, &call->env, "collection|index|#entries");
    copse_status status = stats_people_rows(&self->documents, &table);
    if (status == COPSE_OK) {
        copse_output_format(&call->output, table.cells.len > 0 ? "\n" : "");
        status = copse_table_print(&table, &call->output);
    }
    copse_table_release(&table);
    return status;
}

static int stats_print(stats_call *self)
{
    copse_documents *documents = &self->documents;
    copse_call *call = documents->call;
    copse_status status =
        copse_place_commit(&documents->place, &documents->head, &self->commit, &self->block);
    if (status == COPSE_OK) {
        status = stats_measure(self);
    }
    if (status == COPSE_OK) {
        if (documents->place.local.db != NULL) {
            copse_pack_db_stat(documents->place.local.db, &self->store);
        }
        status = (call->output.json ? stats_json : stats_people)(self);
    }
    copse_block_unref(self->block);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_documents_failure(documents, status, documents->ref);
}

static int stats_run(copse_call *call)
{
    stats_call self = {.block = NULL};
    if (!copse_documents_open(&self.documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = stats_print(&self);
    copse_documents_close(&self.documents);
    return code;
}

const copse_command copse_command_stats = {
    .name = "stats",
    .arguments = "DB",
    .summary = "Print commit, tree, collections, indexes, and sizes",
    .details =
        "Reads and hashes the whole tree, unless parts of it are with peers: then nodes and\n"
        "sizes are left out.\n",
    .options = stats_options,
    .examples = "copse stats blog.copse\n"
                "copse stats blog.copse --json",
    .run = stats_run,
};
