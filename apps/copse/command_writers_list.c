/* copse writers list: the grants in a database, and which of them count.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"
#include "writers.h"

#include <copse/writers.h>

#include <stdio.h>

static const copse_option writers_list_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct writers_list {
    copse_call *call;
    copse_authority *authority;
} writers_list;

/* Whether all that a grant says counts: the answer of the first right that doesn't, or the last. */
static copse_status writers_list_ask(const writers_list *self, const copse_statement *grant,
                                     copse_authority_answer *ret_answer, copse_err *err)
{
    copse_status status = COPSE_OK;
    ret_answer->verdict = COPSE_AUTHORITY_YES;
    for (size_t i = 0;
         i < grant->items_count && status == COPSE_OK && ret_answer->verdict == COPSE_AUTHORITY_YES;
         i++) {
        const copse_authority_question question = {
            .who = grant->to,
            .right = grant->can[i].right,
            .collection = grant->can[i].collection,
            .time_ms = self->call->env.clock(self->call->env.clock_ctx),
        };
        status = copse_authority_can(self->authority, &question, ret_answer, err);
    }
    return status;
}

static void writers_list_json(const writers_list *self, const copse_statement *grant,
                              const copse_cid *name, const copse_authority_answer *answer)
{
    static const char *const states[] = {"refused", "up-to", "good"};
    copse_output *out = &self->call->output;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    copse_output_begin(out);
    (void)copse_public_key_to_did(&grant->to, did);
    copse_output_text(out, "key", did);
    copse_output_begin_array(out, "can");
    for (size_t i = 0; i < grant->items_count; i++) {
        char right[COPSE_WRITERS_RIGHT_SIZE];
        copse_writers_show_right(&grant->can[i], right, sizeof right);
        copse_output_text(out, NULL, right);
    }
    copse_output_end_array(out);
    (void)copse_public_key_to_did(&grant->by, did);
    copse_output_text(out, "by", did);
    copse_output_number(out, "time", grant->time_ms);
    if (grant->expires_ms > 0) {
        copse_output_number(out, "expires", grant->expires_ms);
    }
    copse_output_cid(out, "grant", name);
    copse_output_text(out, "state", states[answer->verdict]);
    if (answer->verdict == COPSE_AUTHORITY_UP_TO) {
        copse_output_cid(out, "last", &answer->last);
    }
    copse_output_text(out, "reason", answer->reason);
    copse_output_end(out);
}

static void writers_list_people(const writers_list *self, const copse_statement *grant,
                                const copse_authority_answer *answer)
{
    copse_output *out = &self->call->output;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    char rights[COPSE_WRITERS_RIGHTS_SIZE];
    char time[COPSE_PAST_TIME_SIZE];
    (void)copse_public_key_to_did(&grant->to, did);
    copse_writers_show_rights(grant, rights, sizeof rights);
    copse_output_format(out, "%s  %s", did, rights);
    if (answer->verdict != COPSE_AUTHORITY_YES) {
        copse_output_format(out, "  NOT NOW: %s", answer->reason);
    } else if (grant->expires_ms > 0) {
        copse_output_format(out, "  until %s", copse_past_time(grant->expires_ms, time));
    }
    copse_output_raw(out, copse_bytes_of_text("\n"));
}

static copse_status writers_list_row(void *ctx, const copse_public_key *to, copse_bytes row,
                                     copse_err *err)
{
    const writers_list *self = ctx;
    const copse_env *env = &self->call->env;
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    copse_statement grant;
    copse_cid name;
    size_t count = 0;
    copse_status status = copse_statement_row_read(env, row, statements, &count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_authority_answer answer;
        if (copse_statement_decode(env, statements[i], &grant, NULL) != COPSE_OK ||
            grant.kind != COPSE_STATEMENT_GRANT || !copse_public_key_equal(&grant.to, to)) {
            continue;
        }
        copse_statement_cid(statements[i], &name);
        status = writers_list_ask(self, &grant, &answer, err);
        if (status == COPSE_OK && self->call->output.json) {
            writers_list_json(self, &grant, &name, &answer);
        } else if (status == COPSE_OK) {
            writers_list_people(self, &grant, &answer);
        }
    }
    return status;
}

static void writers_list_creator(const writers_list *self, const copse_identity *identity)
{
    copse_output *out = &self->call->output;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(&identity->creator, did);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "key", did);
        copse_output_begin_array(out, "can");
        copse_output_text(out, NULL, copse_right_name(COPSE_RIGHT_ADMIN));
        copse_output_end_array(out);
        copse_output_bool(out, "creator", true);
        copse_output_text(out, "state", "good");
        copse_output_end(out);
    } else {
        copse_output_format(out, "%s  everything: made the database\n", did);
    }
}

static int writers_list_run(copse_call *call)
{
    writers_list self = {.call = call};
    copse_documents documents;
    copse_status status;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    const copse_identity *identity = copse_writers_identity(&documents);
    if (identity == NULL) {
        copse_documents_close(&documents);
        return COPSE_EXIT_FAILED;
    }
    do { /* all rows are here then, and the walk below needs no other block */
        status = copse_writers_authority(documents.database, &self.authority, &call->err);
    } while (copse_place_fetch(&documents.place, status));
    if (status == COPSE_OK) {
        writers_list_creator(&self, identity);
        status = copse_writers_walk(documents.database, writers_list_row, &self, &call->err);
    }
    int code = status == COPSE_OK
                   ? COPSE_EXIT_OK
                   : copse_documents_failure(&documents, status, "the writers can't be read");
    copse_authority_free(self.authority);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_writers_list = {
    .name = "writers list",
    .arguments = "DB",
    .summary = "Show who may write a database that has a creator",
    .details =
        "The creator, then each grant: whom, what, and until when it counts; or why it doesn't\n"
        "count now: it has expired, was revoked, or is by somebody who may not grant that.\n",
    .options = writers_list_options,
    .examples = "copse writers list blog.copse\n"
                "copse writers list blog.copse --json",
    .run = writers_list_run,
};
