/* A query on the command line: COLL, FILTER and the options that say what is asked.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_QUESTION_H
#define COPSE_APPS_QUESTION_H

#include "command.h"

#include <copse/query.h>

/** The options that a question reads, besides COPSE_OPTION_HINT. */
#define COPSE_OPTIONS_QUESTION                                                                     \
    {"--sort", "FIELDS", COPSE_OPTION_TEXT,                                                        \
     "-createdAt,title or '{\"createdAt\":-1,\"title\":1}'", 0},                                   \
        {"--limit", "N", COPSE_OPTION_COUNT, "at most N documents", 0},                            \
        {"--skip", "N", COPSE_OPTION_COUNT, "leave out the first N", 0},                           \
    {                                                                                              \
        "--project", "FIELDS", COPSE_OPTION_TEXT, "title,author.name or -body or '{\"body\":0}'",  \
            0                                                                                      \
    }

typedef struct copse_question {
    copse_query_options query; /**< Borrows from the rest. */
    copse_buf filter;
    copse_buf projection;
    copse_sort_spec sort;
} copse_question;

/** Reads it: argument number `index` is COLL, the next, if it is there, FILTER. 0, or the exit code
 * of a failure that was reported. Release it in any case. Stays where it is. */
int copse_question_init(copse_question *question, copse_call *call, size_t index);

/** A zeroed one is allowed. */
void copse_question_release(copse_question *question);

#endif
