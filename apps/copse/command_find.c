/* copse find: the documents that a filter matches.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "question.h"
#include "search.h"
#include "union_search.h"

#include <string.h>

static const copse_option find_options[] = {
    COPSE_OPTIONS_QUESTION,
    {"--canonical", NULL, COPSE_OPTION_FLAG, "write every number with its type", 0},
    COPSE_OPTION_HINT,
    COPSE_OPTION_EXPLAIN,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    {"--verify", "answer|blocks", COPSE_OPTION_CHOICE,
     "how peers are asked: for the answer with its proof, or for blocks", 0},
    COPSE_OPTIONS_UNION,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Prints the documents as they come, or with --explain none. */
static copse_status find_print(copse_search *search)
{
    copse_call *call = search->call;
    bool explains = copse_options_has(&call->options, "--explain");
    bool canonical = copse_options_has(&call->options, "--canonical");
    copse_bytes document;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && !call->output.failed) {
        status = copse_search_next(search, &document);
        if (status == COPSE_OK && !explains) {
            status = copse_output_document(&call->output, document, canonical, &call->err);
        }
    }
    return status;
}

static int find_ask(copse_call *call, const copse_question *question)
{
    copse_search search;
    copse_explanation explanation;
    bool explains = copse_options_has(&call->options, "--explain");
    bool by_blocks =
        strcmp(copse_options_text(&call->options, "--verify", "answer"), "blocks") == 0;
    int code = COPSE_EXIT_FAILED;
    if (copse_search_open(&search, call, &question->query,
                          by_blocks ? COPSE_SEARCH_BLOCKS : COPSE_SEARCH_ANSWER)) {
        copse_explanation_init(&explanation, &search.documents);
        copse_status status = find_print(&search);
        code =
            call->output.failed ? COPSE_EXIT_OK : copse_search_finish(&search, status, "the query");
        if (code == COPSE_EXIT_FAILED && !explains) {
            copse_explanation_note_partial(call, search.returned);
        }
        if (code == COPSE_EXIT_OK && explains && !call->output.failed) {
            code = copse_search_explain(&search, &explanation)
                       ? copse_explanation_print(&explanation)
                       : COPSE_EXIT_FAILED;
        }
        copse_explanation_release(&explanation);
    }
    copse_search_close(&search);
    return code;
}

static int find_run(copse_call *call)
{
    copse_question question;
    int code = copse_question_init(&question, call, 1);
    if (code == COPSE_EXIT_OK) {
        code = copse_union_is_named(call)     ? copse_union_find(call, &question.query)
               : copse_union_check_none(call) ? find_ask(call, &question)
                                              : COPSE_EXIT_USAGE;
    }
    copse_question_release(&question);
    return code;
}

const copse_command copse_command_find = {
    .name = "find",
    .arguments = "DB COLL [FILTER]",
    .summary = "Print the documents that a filter matches",
    .details =
        "One document a line, as MongoDB Extended JSON; without FILTER all of them. FILTER is\n"
        "JSON in MongoDB's query language: {\"field\":value}, or in place of the value any of\n"
        "  $eq $ne $gt $gte $lt $lte $in $nin $not $exists $type $mod $regex $all $elemMatch\n"
        "  $size $bitsAllSet $bitsAllClear $bitsAnySet $bitsAnyClear\n"
        "and around filters $and $or $nor. \"author.name\" is a field of a field.\n"
        "Without --sort, documents come in any order. Which indexes there are never changes\n"
        "the answer; --explain says which were used, and which would help.\n"
        "From a peer the answer comes with its proof, in one round trip where it is small; what\n"
        "was fetched once is cached, and works --offline.\n"
        "DB may be a union (`copse union`): all its databases are asked at the same time. Which\n"
        "can't be had is said on stderr, and the answer goes on without.\n",
    .options = find_options,
    .examples = "copse find blog.copse posts '{\"tags\":\"cats\"}' --sort -createdAt --limit 32\n"
                "copse find blog.copse posts "
                "'{\"createdAt\":{\"$gte\":{\"$date\":\"2026-01-01T00:00:00Z\"}}}'\n"
                "copse find blog.copse posts '{\"text\":{\"$regex\":\"^hi\"}}' --project "
                "title,author.name\n"
                "copse find blog.copse posts '{\"tags\":\"cats\"}' --explain\n"
                "copse find http://127.0.0.1:4180/blog posts '{\"tags\":\"cats\"}' --explain\n"
                "copse find friends.copse posts --sort -createdAt --limit 32 --with-source\n"
                "copse find bafyreib… posts --limit 3 --peer http://127.0.0.1:4180",
    .run = find_run,
};
