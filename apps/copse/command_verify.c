/* copse verify: checks an answer against a root, and prints its documents.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "explanation.h"
#include "failure.h"
#include "file_io.h"
#include "question.h"
#include "text.h"

#include <copse/answer.h>

enum { VERIFY_PIECE_SIZE = 1 << 16 };

static const copse_option verify_options[] = {
    COPSE_OPTIONS_QUESTION,
    COPSE_OPTION_HINT,
    {"--canonical", NULL, COPSE_OPTION_FLAG, "write every number with its type", 0},
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* What no block can show. */
static const char verify_claim[] =
    "the claim of the root's author, which no block shows: that the indexes match the documents";

typedef struct verify {
    copse_call *call;
    const char *file;
    copse_answer_verifier *verifier;
} verify;

static int verify_failure(const verify *self, copse_status status)
{
    copse_call *call = self->call;
    if (status != COPSE_CORRUPT) {
        return copse_failure_of(call, status, "'%s' can't be verified", self->file);
    }
    copse_answer_fault fault = copse_answer_verifier_fault(self->verifier);
    return copse_failure(call, status,
                         fault == COPSE_ANSWER_BROKEN_ROOT
                             ? "its blocks are those of the root: who made that is to blame"
                             : "the documents printed above, if any, are in the database; nothing "
                               "says that they are all",
                         "'%s' is refused (%s): %s", self->file, copse_answer_fault_name(fault),
                         call->err.message);
}

/* Prints the documents that are known by now. WANT: more must be fed; END. */
static copse_status verify_print(const verify *self)
{
    copse_call *call = self->call;
    bool canonical = copse_options_has(&call->options, "--canonical");
    copse_bytes document;
    copse_status status;
    while ((status = copse_answer_verifier_next(self->verifier, &document, &call->err)) ==
           COPSE_OK) {
        status = copse_output_document(&call->output, document, canonical, &call->err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return status;
}

/* Feeds the file to the verifier. */
static int verify_file(const verify *self)
{
    static uint8_t piece[VERIFY_PIECE_SIZE];
    copse_call *call = self->call;
    copse_input input;
    size_t got = 1;
    copse_status status = COPSE_WANT;
    bool read = copse_input_open(&input, call, self->file);
    if (!read) {
        return COPSE_EXIT_FAILED;
    }
    while (read && status == COPSE_WANT && !call->output.failed) {
        read = copse_input_read(&input, piece, sizeof piece, &got);
        if (read && got == 0) {
            copse_answer_verifier_feed_end(self->verifier);
        }
        status = read && got > 0 ? copse_answer_verifier_feed(self->verifier,
                                                              (copse_bytes){piece, got}, &call->err)
                                 : COPSE_OK;
        if (read && status == COPSE_OK) {
            status = verify_print(self);
        }
    }
    copse_input_close(&input);
    if (!read || call->output.failed) {
        return COPSE_EXIT_FAILED;
    }
    return status == COPSE_END ? COPSE_EXIT_OK : verify_failure(self, status);
}

static void verify_report(const verify *self)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    copse_answer_stats stats = copse_answer_verifier_stats(self->verifier);
    char found[64];
    char size[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_bool(out, "verified", true);
        copse_output_number(out, "documents", stats.documents);
        copse_output_number(out, "blocks", stats.blocks);
        copse_output_number(out, "bytes", stats.size_bytes);
        if (stats.claims) {
            copse_output_text(out, "claim", verify_claim);
        }
        copse_output_end(out);
        return;
    }
    if (!copse_output_flush(out)) {
        return;
    }
    copse_note(call, "copse: verified: %s, all of the answer, by %llu blocks, %s",
               copse_documents_plural(stats.documents, "document", found, sizeof found),
               (unsigned long long)stats.blocks, copse_text_of_size(stats.size_bytes, size));
    if (stats.claims) {
        copse_note(call, "       %s", verify_claim);
    } else {
        copse_note(call, "       no index was used, so nothing rests on a claim of the root's "
                         "author");
    }
}

static int verify_question(copse_call *call, const copse_cid *root, const copse_question *question)
{
    verify self = {.call = call, .file = call->options.arguments[0]};
    copse_status status = copse_answer_verifier_new(&call->env, root, &question->query, NULL,
                                                    &self.verifier, &call->err);
    int code =
        status == COPSE_OK ? verify_file(&self) : copse_failure_of(call, status, "the query");
    if (code == COPSE_EXIT_OK) {
        verify_report(&self);
    }
    self.verifier = copse_answer_verifier_free(self.verifier);
    return code;
}

static int verify_run(copse_call *call)
{
    copse_question question;
    copse_cid root;
    const char *text = call->options.arguments[1];
    if (copse_cid_from_text(copse_bytes_of_text(text), &root, &call->err) != COPSE_OK) {
        return copse_failure(call, COPSE_MISUSE,
                             "ROOT comes from somebody you trust; `copse stats DB` prints it",
                             "'%s' is not a CID: %s", text, call->err.message);
    }
    int code = copse_question_init(&question, call, 2);
    if (code == COPSE_EXIT_OK) {
        code = verify_question(call, &root, &question);
    }
    copse_question_release(&question);
    return code;
}

const copse_command copse_command_verify = {
    .name = "verify",
    .arguments = "FILE.car ROOT COLL [FILTER]",
    .summary = "Check an answer of `copse prove`, and print its documents",
    .details =
        "Needs no database and no network: ROOT, the CID of a tree or a commit, is all that is\n"
        "trusted. FILTER and options must be those of `copse prove`. Documents are printed as\n"
        "soon as they are proved; that they are all is known when the command succeeds. Exit\n"
        "code 1: the answer is wrong, in any bit; the reason says how.\n",
    .options = verify_options,
    .examples = "copse verify cats.car bafyreib… posts '{\"tags\":\"cats\"}'\n"
                "copse verify newest.car bafyreib… posts '{\"tags\":\"cats\"}' --sort -createdAt "
                "--limit 32",
    .run = verify_run,
};
