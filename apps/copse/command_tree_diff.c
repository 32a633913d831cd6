/* copse tree diff.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "place.h"
#include "range.h"

#include <copse/diff.h>

static const copse_option tree_diff_options[] = {
    COPSE_OPTIONS_RANGE,
    {"--reverse", NULL, COPSE_OPTION_FLAG, "from the last key to the first", 0},
    {"--values", NULL, COPSE_OPTION_FLAG, "also the values: before TAB after", 0},
    {"--count", NULL, COPSE_OPTION_FLAG, "only how many keys were added, removed, changed", 0},
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static const char *const tree_diff_words[] = {
    [COPSE_ADDED] = "added",
    [COPSE_REMOVED] = "removed",
    [COPSE_CHANGED] = "changed",
};

static copse_status tree_diff_values(copse_call *call, const copse_change *change)
{
    copse_output *out = &call->output;
    const copse_bytes *values[2] = {&change->before, &change->after};
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        if (values[i]->ptr != NULL) {
            copse_output_format(out, "\t");
            status = copse_output_value(out, *values[i], &call->err);
        }
    }
    return status;
}

static copse_status tree_diff_print(copse_call *call, const copse_change *change)
{
    static const char signs[] = {[COPSE_ADDED] = '+', [COPSE_REMOVED] = '-', [COPSE_CHANGED] = '~'};
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "change", tree_diff_words[change->kind]);
        copse_output_key(out, "key", change->key);
        status = copse_output_item(out, "before", change->before, &call->err);
        if (status == COPSE_OK) {
            status = copse_output_item(out, "after", change->after, &call->err);
        }
        copse_output_end(out);
        return status;
    }
    copse_output_format(out, "%c\t", signs[change->kind]);
    copse_output_bytes(out, change->key);
    if (copse_options_has(&call->options, "--values")) {
        status = tree_diff_values(call, change);
    }
    copse_output_format(out, "\n");
    return status;
}

static void tree_diff_print_counts(copse_output *out, const uint64_t counts[3])
{
    static const copse_change_kind order[3] = {COPSE_ADDED, COPSE_REMOVED, COPSE_CHANGED};
    if (out->json) {
        copse_output_begin(out);
    }
    for (size_t i = 0; i < 3; i++) {
        const char *word = tree_diff_words[order[i]];
        if (out->json) {
            copse_output_number(out, word, counts[order[i]]);
        } else {
            copse_output_format(out, "%s\t%llu\n", word, (unsigned long long)counts[order[i]]);
        }
    }
    if (out->json) {
        copse_output_end(out);
    }
}

static copse_status tree_diff_trees(copse_place *place, copse_tree *before, copse_tree *after,
                                    const copse_range *range)
{
    copse_call *call = place->call;
    copse_diff *diff = NULL;
    copse_change change;
    bool only_count = copse_options_has(&call->options, "--count");
    uint64_t counts[3] = {0, 0, 0};
    copse_diff_options options = {
        .from = range->from,
        .to = copse_range_to(range),
        .reverse = copse_options_has(&call->options, "--reverse"),
    };
    copse_status status = copse_diff_new(before, after, &options, &diff, &call->err);
    while (status == COPSE_OK && !call->output.failed) {
        do {
            status = copse_diff_next(diff, &change, &call->err);
        } while (copse_place_fetch(place, status));
        if (status == COPSE_OK) {
            counts[change.kind]++;
            status = only_count ? COPSE_OK : tree_diff_print(call, &change);
        }
    }
    if (status == COPSE_END && only_count) {
        tree_diff_print_counts(&call->output, counts);
    }
    diff = copse_diff_free(diff);
    return status == COPSE_END ? COPSE_OK : status;
}

static int tree_diff_run(copse_call *call)
{
    copse_place place;
    copse_range range;
    copse_tree *before = NULL;
    copse_tree *after = NULL;
    char **names = call->options.arguments;
    int code = COPSE_EXIT_FAILED;
    if (!copse_range_init(&range, call)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_place_open(&place, call, COPSE_LOCAL_READ)) {
        copse_range_release(&range);
        return COPSE_EXIT_FAILED;
    }
    if (copse_place_tree(&place, names[1], &before) && copse_place_tree(&place, names[2], &after)) {
        copse_status status = tree_diff_trees(&place, before, after, &range);
        code = status == COPSE_OK ? COPSE_EXIT_OK
                                  : copse_place_failure(&place, status, "the two trees");
    }
    before = copse_tree_close(before);
    after = copse_tree_close(after);
    copse_place_close(&place);
    copse_range_release(&range);
    return code;
}

const copse_command copse_command_tree_diff = {
    .name = "tree diff",
    .arguments = "STORE A B",
    .summary = "Print what is different in B, a key a line",
    .details = "A and B are refs or root CIDs. A line is a sign, a TAB and the key:\n"
               "  +  only B has it      -  only A has it      ~  both have it, with other values\n"
               "The work follows the difference, not the size: what is equal is not read.\n",
    .options = tree_diff_options,
    .examples = "copse tree diff fruit.db main next\n"
                "copse tree diff fruit.db main next --values\n"
                "copse tree diff fruit.db main next --count --json",
    .run = tree_diff_run,
};
