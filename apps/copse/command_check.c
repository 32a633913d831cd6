/* copse check: whether a database is what it must be, down to every block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "dropped.h"
#include "failure.h"
#include "fetching_store.h"
#include "progress.h"
#include "text.h"

#include <copse/dag_walk.h>
#include <copse/database_check.h>
#include <copse/verify_store.h>

#include <stdio.h>
#include <string.h>

static const copse_option check_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct check_call {
    copse_call *call;
    copse_place place;
    const char *ref;
    copse_progress progress;
    uint64_t wrong_signatures; /* of the commit */
} check_call;

/* ---- Findings ---- */

static copse_status check_json(copse_output *out, const copse_database_defect *defect,
                               copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_text(out, "finding", copse_database_defect_name(defect->kind));
    if (defect->collection.len > 0) {
        copse_output_key(out, "collection", defect->collection);
    }
    if (defect->index.len > 0) {
        copse_output_key(out, "index", defect->index);
    }
    if (defect->id.len > 0) {
        status = copse_output_ext_json(out, "_id", defect->id, err);
    }
    copse_output_text(out, "message", defect->message);
    copse_output_end(out);
    return status;
}

/* KIND TAB collection TAB index TAB _id TAB message; `-` where it is about none. */
static copse_status check_people(copse_output *out, const copse_database_defect *defect,
                                 copse_err *err)
{
    copse_status status = COPSE_OK;
    const copse_bytes none = copse_bytes_of_text("-");
    copse_output_format(out, "%s\t", copse_database_defect_name(defect->kind));
    copse_output_bytes(out, defect->collection.len > 0 ? defect->collection : none);
    copse_output_format(out, "\t");
    copse_output_bytes(out, defect->index.len > 0 ? defect->index : none);
    copse_output_format(out, "\t");
    if (defect->id.len > 0) {
        status = copse_output_value_ext_json(out, defect->id, err);
    } else {
        copse_output_raw(out, none);
    }
    copse_output_format(out, "\t%s\n", defect->message);
    return status;
}

static copse_status check_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    check_call *self = ctx;
    copse_output *out = &self->call->output;
    copse_status status = (out->json ? check_json : check_people)(out, defect, err);
    /* A damaged _id can't be shown; that is no reason to stop. */
    return status == COPSE_CORRUPT ? COPSE_OK : status;
}

static void check_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    check_call *self = ctx;
    copse_progress_phase(&self->progress, self->call, what, done, total);
}

/* Whether the commit, if it is signed, is by its author. */
static copse_status check_signature(check_call *self, const copse_commit *commit)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    copse_status status = copse_commit_verify(&call->env, commit, &call->err);
    if (status != COPSE_CORRUPT) {
        return status == COPSE_NOT_FOUND ? COPSE_OK : status;
    }
    self->wrong_signatures++;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "finding", "signature");
        copse_output_text(out, "message", call->err.message);
        copse_output_end(out);
    } else {
        copse_output_format(out, "signature\t-\t-\t-\t%s\n", call->err.message);
    }
    return COPSE_OK;
}

/* ---- Together ---- */

static void check_report(check_call *self, const copse_cid *tree,
                         const copse_database_check_stats *stats)
{
    copse_output *out = &self->call->output;
    char texts[4][64];
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, "tree", tree);
        copse_output_number(out, "collections", stats->collections);
        copse_output_number(out, "documents", stats->documents);
        copse_output_number(out, "indexes", stats->indexes);
        copse_output_number(out, "index_entries", stats->index_rows);
        copse_output_number(out, "findings", stats->defects);
        copse_output_bool(out, "good", stats->defects == 0);
        copse_output_end(out);
        return;
    }
    if (stats->defects > 0 && stats->collections == 0) {
        copse_output_format(out, "the tree is damaged; nothing below it was checked\n");
        return;
    }
    copse_output_format(
        out, "checked %s in %s, ",
        copse_documents_plural(stats->documents, "document", texts[0], sizeof texts[0]),
        copse_documents_plural(stats->collections, "collection", texts[1], sizeof texts[1]));
    copse_output_format(
        out, "%s %s in %s %s: %s\n", copse_text_of_count(stats->index_rows, texts[0]),
        stats->index_rows == 1 ? "entry" : "entries", copse_text_of_count(stats->indexes, texts[1]),
        stats->indexes == 1 ? "index" : "indexes",
        stats->defects == 0 ? "all is well" : "there is damage");
}

/* The blocks to check: each is hashed as it is read. */
static copse_status check_open_store(check_call *self, copse_store **ret_store)
{
    copse_call *call = self->call;
    copse_store *store = NULL;
    copse_status status = copse_fetching_store_new(&self->place, &store, &call->err);
    if (status == COPSE_OK) {
        status = copse_verify_store_new(&call->env, store, ret_store, &call->err);
        if (status != COPSE_OK) {
            copse_store_close(store);
        }
    }
    return status;
}

/* What has to be fetched comes in parallel first. What is then not there is found by the check. */
static copse_status check_fetch(check_call *self, const copse_cid *root)
{
    copse_place *place = &self->place;
    copse_tree *tree = NULL;
    copse_status status;
    if (!place->has_peers) {
        return COPSE_OK;
    }
    do {
        status = copse_tree_open(place->nodes, root, &tree, &self->call->err);
    } while (copse_place_fetch(place, status));
    if (status == COPSE_OK) {
        status = copse_place_fetch_all(place, tree);
    }
    copse_tree_close(tree);
    bool is_finding =
        status == COPSE_CORRUPT || (status == COPSE_WANT && place->failed == COPSE_NOT_FOUND);
    return is_finding ? COPSE_OK : status;
}

static int check_tree(check_call *self, const copse_cid *tree)
{
    copse_call *call = self->call;
    copse_store *store = NULL;
    copse_database_check_stats stats;
    const copse_database_check_options options = {
        .found = check_found,
        .found_ctx = self,
        .progress = check_progress,
        .progress_ctx = self,
    };
    copse_status status = check_fetch(self, tree);
    if (status != COPSE_OK) {
        return copse_place_failure(&self->place, status, self->ref);
    }
    status = check_open_store(self, &store);
    if (status == COPSE_OK) {
        copse_progress_init(&self->progress, call, "checking", 0, "rows");
        status = copse_database_check(&call->env, store, tree, &options, &stats, &call->err);
        (void)copse_progress_end(&self->progress);
    }
    copse_store_close(store);
    if (status == COPSE_NOT_FOUND && self->place.local.db != NULL &&
        copse_dropped_report(&self->place.local, tree, self->ref)) {
        return COPSE_EXIT_FAILED;
    }
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be checked", self->ref);
    }
    stats.defects += self->wrong_signatures;
    check_report(self, tree, &stats);
    return stats.defects == 0 ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static copse_status check_count_missing(void *ctx, const copse_cid *cid, copse_err *err)
{
    (void)cid;
    (void)err;
    ++*(uint64_t *)ctx;
    return COPSE_OK;
}

static void check_report_sparse(check_call *self, const copse_cid *tree, uint64_t absent)
{
    copse_output *out = &self->call->output;
    char url[512];
    char count[COPSE_TEXT_NUMBER_SIZE];
    (void)copse_origin_show(&self->place.origin, url, sizeof url);
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, "tree", tree);
        copse_output_bool(out, "sparse", true);
        copse_output_text(out, "origin", url);
        copse_output_number(out, "absent", absent);
        copse_output_end(out);
        return;
    }
    bool is_fork = self->place.origin.is_fork; /* which goes on from what is there */
    copse_output_format(out,
                        "not checked: '%s' is a sparse %s, %s more blocks were left at %s; "
                        "`copse fsck` checks those that are here",
                        self->place.name, is_fork ? "fork" : "clone",
                        copse_text_of_count(absent, count), url);
    copse_output_format(out, is_fork ? "\n" : ", `copse check %s` all\n", url);
}

/* A database can be checked only as a whole. Of a sparse clone that is said, unless all of it has
 * come since. */
static int check_any(check_call *self, const copse_cid *tree)
{
    copse_call *call = self->call;
    copse_dag_walk walk;
    uint64_t absent = 0;
    const copse_dag_observer observer = {NULL, check_count_missing, &absent};
    if (!copse_origin_is_sparse(&self->place.origin)) {
        return check_tree(self, tree);
    }
    copse_dag_walk_init(&walk, &call->env, self->place.local.store, &observer);
    copse_status status = copse_dag_walk_run(&walk, tree, &call->err);
    copse_dag_walk_release(&walk);
    if (status == COPSE_OK && absent > 0) {
        check_report_sparse(self, tree, absent);
        return COPSE_EXIT_FAILED; /* nobody shall take it for sound */
    }
    return check_tree(self, tree); /* which says what is damaged */
}

static int check_run(copse_call *call)
{
    check_call self = {.call = call, .ref = copse_place_ref(call)};
    copse_cid head;
    copse_commit commit;
    copse_block *block = NULL;
    int code = COPSE_EXIT_FAILED;
    if (!copse_place_open(&self.place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_place_resolve(&self.place, self.ref, &head) &&
        copse_past_take_at(&self.place, &head)) {
        copse_status status = copse_place_commit(&self.place, &head, &commit, &block);
        if (status == COPSE_OK) {
            status = check_signature(&self, &commit);
        }
        code = status == COPSE_OK ? check_any(&self, &commit.tree)
                                  : copse_place_failure(&self.place, status, self.ref);
        copse_block_unref(block);
    }
    copse_place_close(&self.place);
    return code;
}

const copse_command copse_command_check = {
    .name = "check",
    .arguments = "DB",
    .summary = "Check every block, document and index entry",
    .details =
        "Hashes all blocks of the database, checks that its tree is the one that its entries "
        "make,\n"
        "that every document is one, and that each index has exactly the entries that the\n"
        "documents make; that what is signed, the commit and the database's identity, is so by\n"
        "whom it names. A finding is a line KIND TAB COLLECTION TAB INDEX TAB _ID TAB message;\n"
        "exit code 1 if there are any. `copse fsck` checks the whole store, blocks alone; of a\n"
        "sparse clone those that are here; it can't be checked, which is exit code 1 too.\n",
    .options = check_options,
    .examples = "copse check blog.copse\n"
                "copse check blog.copse --json\n"
                "copse check http://127.0.0.1:4180/blog",
    .run = check_run,
};
