/* copse prove: an answer with its proof, in a file.
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

static const copse_option prove_options[] = {
    {"--output", "FILE.car", COPSE_OPTION_TEXT, "where the answer goes; - is stdout (needed)", 'o'},
    COPSE_OPTIONS_QUESTION,
    COPSE_OPTION_HINT,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void prove_report(copse_documents *documents, const char *file,
                         const copse_answer_stats *stats)
{
    copse_call *call = documents->call;
    copse_output *out = &call->output;
    char root[COPSE_CID_TEXT_SIZE_MAX];
    char found[64];
    char size[COPSE_TEXT_NUMBER_SIZE];
    copse_cid_to_text(&documents->head, COPSE_BASE32, root);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "root", root);
        copse_output_text(out, "file", file);
        copse_output_number(out, "documents", stats->documents);
        copse_output_number(out, "blocks", stats->blocks);
        copse_output_number(out, "bytes", stats->size_bytes);
        copse_output_end(out);
        return;
    }
    copse_note(call, "copse: %s in %llu blocks, %s; who has the root %s can check it:",
               copse_documents_plural(stats->documents, "document", found, sizeof found),
               (unsigned long long)stats->blocks, copse_text_of_size(stats->size_bytes, size),
               root);
    copse_note(call, "       copse verify %s %s %s …with the same filter and options", file, root,
               call->options.arguments[1]);
}

/* Makes the answer into the sink. */
static copse_status prove_make(copse_documents *documents, const copse_question *question,
                               copse_car_sink sink, copse_answer_stats *ret_stats)
{
    copse_err *err = &documents->call->err;
    copse_answer_maker *maker = NULL;
    copse_status status = copse_answer_maker_new(documents->database, &documents->head,
                                                 &question->query, NULL, sink, &maker, err);
    if (status != COPSE_OK) {
        return status;
    }
    while (status == COPSE_OK || copse_place_fetch(&documents->place, status)) {
        status = copse_answer_maker_next(maker, err);
    }
    *ret_stats = copse_answer_maker_stats(maker);
    copse_answer_maker_free(maker);
    return status == COPSE_END ? COPSE_OK : status;
}

static int prove_write(copse_documents *documents, const copse_question *question, const char *name)
{
    copse_call *call = documents->call;
    copse_file_output file = {0};
    copse_answer_stats stats;
    int code = COPSE_EXIT_FAILED;
    const copse_collection *collection =
        copse_documents_collection(documents, call->options.arguments[1]);
    if (collection == NULL) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_file_output_open(&file, call, name)) {
        copse_status status =
            prove_make(documents, question, copse_file_output_sink(&file), &stats);
        if (status != COPSE_OK) {
            code = copse_explanation_failure(documents, collection, status, "the answer");
        } else if (copse_file_output_finish(&file)) {
            prove_report(documents, name, &stats);
            code = COPSE_EXIT_OK;
        }
    }
    copse_file_output_release(&file);
    return code;
}

static int prove_run(copse_call *call)
{
    copse_documents documents = {0};
    copse_question question;
    const char *file = copse_options_text(&call->options, "--output", NULL);
    if (file == NULL) {
        return copse_failure_usage(call, "say where the answer goes: -o FILE.car");
    }
    int code = copse_question_init(&question, call, 1);
    if (code == COPSE_EXIT_OK) {
        code = copse_documents_open(&documents, call, COPSE_LOCAL_READ)
                   ? prove_write(&documents, &question, file)
                   : COPSE_EXIT_FAILED;
    }
    copse_documents_close(&documents);
    copse_question_release(&question);
    return code;
}

const copse_command copse_command_prove = {
    .name = "prove",
    .arguments = "DB COLL [FILTER]",
    .summary = "Write the answer to a query, with its proof, to a CAR file",
    .details =
        "The file holds the blocks that the answer touches, and no other. Whoever knows the\n"
        "CID of the database can check it by `copse verify`, without the database: that each\n"
        "document is in it, and that none was left out. FILTER and options as for `copse find`.\n",
    .options = prove_options,
    .examples = "copse prove blog.copse posts '{\"tags\":\"cats\"}' -o cats.car\n"
                "copse prove blog.copse posts '{\"tags\":\"cats\"}' --sort -createdAt --limit 32 "
                "-o newest.car",
    .run = prove_run,
};
