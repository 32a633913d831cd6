/* copse tree stat.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "place.h"
#include "text.h"

#include <copse/check.h>

static const copse_option tree_stat_options[] = {
    COPSE_OPTION_TREE,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void tree_stat_json(copse_output *out, const copse_cid *root, const copse_tree_stats *stats)
{
    copse_output_begin(out);
    copse_output_cid(out, "root", root);
    copse_output_number(out, "entries", stats->entries);
    copse_output_number(out, "depth", stats->levels);
    copse_output_number(out, "nodes", stats->nodes);
    copse_output_number(out, "bytes", stats->size_bytes);
    copse_output_number(out, "key_bytes", stats->key_size_bytes);
    copse_output_number(out, "value_bytes", stats->value_size_bytes);
    copse_output_begin_array(out, "levels");
    for (size_t i = 0; i < stats->levels; i++) {
        const copse_level_stats *level = &stats->level[i];
        copse_output_begin_member(out, NULL);
        copse_output_number(out, "level", i);
        copse_output_number(out, "nodes", level->nodes);
        copse_output_number(out, "entries", level->entries);
        copse_output_number(out, "bytes", level->size_bytes);
        copse_output_number(out, "node_bytes_min", level->node_size_bytes_min);
        copse_output_number(out, "node_bytes_median", level->node_size_bytes_median);
        copse_output_number(out, "node_bytes_max", level->node_size_bytes_max);
        copse_output_number(out, "forced_cuts", level->forced_cuts);
        copse_output_end_member(out);
    }
    copse_output_end_array(out);
    copse_output_end(out);
}

static void tree_stat_level(copse_output *out, const copse_tree_stats *stats, size_t i)
{
    const copse_level_stats *level = &stats->level[i];
    char texts[6][COPSE_TEXT_NUMBER_SIZE];
    copse_output_format(out, "%5zu  %9s  %11s  %8s  %8s  %8s  %8s%s\n", i,
                        copse_text_of_count(level->nodes, texts[0]),
                        copse_text_of_count(level->entries, texts[1]),
                        copse_text_of_size(level->size_bytes, texts[2]),
                        copse_text_of_size(level->node_size_bytes_min, texts[3]),
                        copse_text_of_size(level->node_size_bytes_median, texts[4]),
                        copse_text_of_size(level->node_size_bytes_max, texts[5]),
                        i == 0                   ? "  leaves"
                        : i + 1 == stats->levels ? "  top"
                                                 : "");
}

static void tree_stat_text(copse_output *out, const copse_cid *root, const copse_tree_stats *stats)
{
    char texts[4][COPSE_TEXT_NUMBER_SIZE];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    copse_output_format(out, "root     %s\n", copse_cid_show(root, cid));
    copse_output_format(out, "entries  %s, keys %s, values %s\n",
                        copse_text_of_count(stats->entries, texts[0]),
                        copse_text_of_size(stats->key_size_bytes, texts[1]),
                        copse_text_of_size(stats->value_size_bytes, texts[2]));
    copse_output_format(out, "nodes    %s, %s\n", copse_text_of_count(stats->nodes, texts[0]),
                        copse_text_of_size(stats->size_bytes, texts[1]));
    copse_output_format(out, "depth    %zu\n\n", stats->levels);
    copse_output_format(out, "level      nodes      entries      size  smallest    median"
                             "   largest\n");
    for (size_t i = stats->levels; i > 0; i--) {
        tree_stat_level(out, stats, i - 1);
    }
}

static int tree_stat_run(copse_call *call)
{
    copse_place place;
    copse_tree *tree = NULL;
    copse_tree_stats stats;
    const char *name = copse_place_ref(call);
    int code = COPSE_EXIT_FAILED;
    if (!copse_place_open(&place, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_place_tree(&place, name, &tree)) {
        copse_status status;
        place.is_begun_anew = true;
        do {
            status = copse_tree_stat(tree, &stats, &call->err);
        } while (copse_place_fetch(&place, status));
        if (status != COPSE_OK) {
            (void)copse_place_failure(&place, status, name);
        } else {
            (call->output.json ? tree_stat_json : tree_stat_text)(&call->output,
                                                                  copse_tree_root(tree), &stats);
            code = COPSE_EXIT_OK;
        }
    }
    tree = copse_tree_close(tree);
    copse_place_close(&place);
    return code;
}

const copse_command copse_command_tree_stat = {
    .name = "tree stat",
    .arguments = "STORE",
    .summary = "Print entries, depth, and nodes and sizes of each level",
    .details = "Reads and hashes the whole tree.\n",
    .options = tree_stat_options,
    .examples = "copse tree stat fruit.db\n"
                "copse tree stat fruit.db --ref next --json",
    .run = tree_stat_run,
};
