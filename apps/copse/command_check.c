/* copse check: whether a database is what it must be, down to every block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "progress.h"
#include "text.h"

#include <copse/database_check.h>
#include <copse/verify_store.h>

#include <stdio.h>
#include <string.h>

static const copse_option check_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct check_call {
    copse_call *call;
    copse_local local;
    const char *ref;
    copse_progress progress;
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

/* Every block is hashed as it is read. */
static int check_tree(check_call *self, const copse_cid *tree)
{
    copse_call *call = self->call;
    copse_store *verified = NULL;
    copse_database_check_stats stats;
    const copse_database_check_options options = {
        .found = check_found,
        .found_ctx = self,
        .progress = check_progress,
        .progress_ctx = self,
    };
    copse_status status = copse_verify_store_new(&call->env, copse_pack_db_store(self->local.db),
                                                 &verified, &call->err);
    if (status == COPSE_OK) {
        copse_progress_init(&self->progress, call, "checking", 0, "rows");
        status = copse_database_check(&call->env, verified, tree, &options, &stats, &call->err);
        (void)copse_progress_end(&self->progress);
    }
    copse_store_close(verified);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "'%s' can't be checked", self->ref);
    }
    check_report(self, tree, &stats);
    return stats.defects == 0 ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int check_run(copse_call *call)
{
    check_call self = {.call = call,
                       .ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT)};
    copse_cid head;
    copse_commit commit;
    copse_block *block = NULL;
    int code = COPSE_EXIT_FAILED;
    if (!copse_local_open(&self.local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_local_resolve(&self.local, self.ref, &head)) {
        copse_status status = copse_local_commit(&self.local, &head, &commit, &block);
        code = status == COPSE_OK ? check_tree(&self, &commit.tree)
                                  : copse_local_failure(&self.local, status, self.ref);
        copse_block_unref(block);
    }
    copse_local_close(&self.local);
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
        "documents make. A finding is a line KIND TAB COLLECTION TAB INDEX TAB _ID TAB message;\n"
        "exit code 1 if there are any. `copse fsck` checks the whole store, blocks alone.\n",
    .options = check_options,
    .examples = "copse check blog.copse\n"
                "copse check blog.copse --json",
    .run = check_run,
};
