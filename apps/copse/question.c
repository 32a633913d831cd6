/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "question.h"

#include "argument.h"
#include "failure.h"

static bool question_read(copse_question *question, copse_call *call, size_t index)
{
    const copse_options *options = &call->options;
    copse_query_options *query = &question->query;
    const char *sort = copse_options_text(options, "--sort", NULL);
    const char *projection = copse_options_text(options, "--project", NULL);
    if (!copse_argument_filter(call, index + 1, &question->filter) ||
        (sort != NULL && !copse_argument_fields(call, "--sort", sort, false, &question->sort)) ||
        (projection != NULL &&
         !copse_argument_projection(call, projection, &question->projection))) {
        return false;
    }
    *query = (copse_query_options){
        .collection = copse_bytes_of_text(options->arguments[index]),
        .filter = copse_buf_view(&question->filter),
        .sort = sort != NULL ? &question->sort : NULL,
        .projection = copse_buf_view(&question->projection),
        .skip = copse_options_number(options, "--skip", 0),
        .limit = copse_options_number(options, "--limit", 0),
        .hint = copse_bytes_of_text(copse_options_text(options, "--hint", "")),
    };
    return true;
}

int copse_question_init(copse_question *question, copse_call *call, size_t index)
{
    size_t max = call->env.limits.json_size_bytes_max;
    *question = (copse_question){.query = {.skip = 0}};
    copse_buf_init(&question->filter, &call->env, max);
    copse_buf_init(&question->projection, &call->env, max);
    if (copse_options_has(&call->options, "--limit") &&
        copse_options_number(&call->options, "--limit", 0) == 0) {
        return copse_failure_usage(call, "--limit takes 1 or more; without it there is none");
    }
    return question_read(question, call, index) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

void copse_question_release(copse_question *question)
{
    copse_sort_spec_release(&question->sort);
    copse_buf_release(&question->projection);
    copse_buf_release(&question->filter);
}
