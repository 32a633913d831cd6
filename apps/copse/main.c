/* The command `copse`: the table of commands and the way into them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "help.h"
#include "man_page.h"

#include <copse/sys/os.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command reads a path or a range once; more would only take memory. */
enum { MAIN_NODE_CACHE_BYTES = 32 << 20 };

static const copse_command *const main_document_write_commands[] = {
    &copse_command_init,    &copse_command_import, &copse_command_insert, &copse_command_update,
    &copse_command_replace, &copse_command_delete, &copse_command_batch,  NULL,
};
static const copse_command *const main_document_read_commands[] = {
    &copse_command_find,     &copse_command_get,       &copse_command_count,
    &copse_command_distinct, &copse_command_aggregate, &copse_command_export,
    &copse_command_union,    &copse_command_shell,     NULL,
};
static const copse_command *const main_proof_commands[] = {
    &copse_command_prove,
    &copse_command_verify,
    NULL,
};
static const copse_command *const main_history_commands[] = {
    &copse_command_log,       &copse_command_show,
    &copse_command_diff,      &copse_command_blame,
    &copse_command_watch,     &copse_command_unread,
    &copse_command_mark_read, &copse_command_merge,
    &copse_command_conflicts, &copse_command_resolve,
    &copse_command_revert,    &copse_command_cherry_pick,
    &copse_command_branch,    &copse_command_tag,
    &copse_command_reset,     NULL,
};
static const copse_command *const main_collection_commands[] = {
    &copse_command_collections, &copse_command_index,          &copse_command_indexes,
    &copse_command_drop_index,  &copse_command_policy,         &copse_command_drop,
    &copse_command_writers_add, &copse_command_writers_remove, &copse_command_writers_list,
    &copse_command_stats,       &copse_command_check,          NULL,
};
static const copse_command *const main_write_commands[] = {
    &copse_command_tree_load,
    &copse_command_tree_put,
    &copse_command_tree_delete,
    NULL,
};
static const copse_command *const main_read_commands[] = {
    &copse_command_tree_get,   &copse_command_tree_scan,
    &copse_command_tree_count, &copse_command_tree_rank,
    &copse_command_tree_nth,   &copse_command_tree_stat,
    &copse_command_tree_root,  NULL,
};
static const copse_command *const main_compare_commands[] = {
    &copse_command_tree_diff,
    &copse_command_tree_merge,
    NULL,
};
static const copse_command *const main_share_commands[] = {
    &copse_command_tree_prove,
    &copse_command_tree_verify,
    &copse_command_tree_export,
    &copse_command_tree_import,
    NULL,
};
static const copse_command *const main_network_commands[] = {
    &copse_command_serve,      &copse_command_clone,       &copse_command_fork,
    &copse_command_pull,       &copse_command_follow,      &copse_command_publish,
    &copse_command_cache_stat, &copse_command_cache_clear, NULL,
};
static const copse_command *const main_key_commands[] = {
    &copse_command_key_new,
    &copse_command_key_list,
    &copse_command_key_export,
    &copse_command_key_import,
    NULL,
};
static const copse_command *const main_store_commands[] = {
    &copse_command_refs_list, &copse_command_refs_set, &copse_command_refs_delete,
    &copse_command_fsck,      &copse_command_gc,       NULL,
};
static const copse_command *const main_block_commands[] = {
    &copse_command_block_get,
    &copse_command_block_put,
    &copse_command_block_stat,
    &copse_command_cid,
    NULL,
};

static int main_help(copse_call *call);
static int main_version(copse_call *call);

static const copse_option main_help_options[] = {
    {"--man", "PAGE", COPSE_OPTION_TEXT, "print a manual page, as roff: copse, copse-find, …", 0},
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};
static const copse_command main_command_help = {
    .name = "help",
    .arguments = "[COMMAND] [WORD]",
    .summary = "Show this list, or how a command is used",
    .options = main_help_options,
    .examples = "copse help tree load\ncopse help --man copse-find | man -l -",
    .run = main_help,
};
static const copse_command main_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Show the version",
    .examples = "copse version",
    .run = main_version,
};
static const copse_command *const main_other_commands[] = {
    &main_command_help,
    &main_command_version,
    NULL,
};

static const copse_command_group main_groups[] = {
    {"Write documents", main_document_write_commands},
    {"Query them", main_document_read_commands},
    {"Prove answers", main_proof_commands},
    {"Look at the past", main_history_commands},
    {"Keep collections and indexes", main_collection_commands},
    {"Write a plain tree", main_write_commands},
    {"Read a tree", main_read_commands},
    {"Compare and merge trees", main_compare_commands},
    {"Hand a tree on", main_share_commands},
    {"Share over the network", main_network_commands},
    {"Keep keys", main_key_commands},
    {"Keep a store", main_store_commands},
    {"Look at blocks", main_block_commands},
    {"Else", main_other_commands},
    {NULL, NULL},
};

/* ---- Finding a command ---- */

/* The command that the first words are the name of; *ret_words is how many. */
static const copse_command *main_find(int argc, char **argv, int *ret_words)
{
    char two[64] = "";
    if (argc > 1) {
        (void)snprintf(two, sizeof two, "%s %s", argv[0], argv[1]);
    }
    for (const copse_command_group *group = main_groups; group->title != NULL; group++) {
        for (size_t i = 0; group->commands[i] != NULL; i++) {
            const copse_command *command = group->commands[i];
            bool is_two = strcmp(command->name, two) == 0;
            if (is_two || strcmp(command->name, argv[0]) == 0) {
                *ret_words = is_two ? 2 : 1;
                return command;
            }
        }
    }
    return NULL;
}

/* The command whose name, or a word of it, is nearest to `words`; NULL: none is near. */
static const char *main_nearest(const char *words)
{
    const char *nearest = NULL;
    size_t distance_best = 4;
    for (const copse_command_group *group = main_groups; group->title != NULL; group++) {
        for (size_t i = 0; group->commands[i] != NULL; i++) {
            const char *name = group->commands[i]->name;
            const char *space = strchr(name, ' ');
            size_t distance = copse_word_distance(words, name);
            size_t of_word = space != NULL ? copse_word_distance(words, space + 1) : distance;
            distance = of_word < distance ? of_word : distance;
            if (distance < distance_best && distance < strlen(words)) {
                distance_best = distance;
                nearest = name;
            }
        }
    }
    return nearest;
}

static int main_unknown(copse_call *call, int argc, char **argv)
{
    char words[64];
    size_t family_size = copse_help_family(NULL, main_groups, argv[0]);
    bool second = family_size > 0 && argc > 1;
    bool asks_help = second && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (asks_help || (family_size > 0 && argc == 1)) {
        if (!asks_help) {
            (void)fprintf(stderr, "copse: `copse %s` needs a second word, one of these\n", argv[0]);
        }
        (void)copse_help_family(&call->output, main_groups, argv[0]);
        return asks_help ? COPSE_EXIT_OK : COPSE_EXIT_USAGE;
    }
    (void)snprintf(words, sizeof words, "%s%s%s", argv[0], second ? " " : "",
                   second ? argv[1] : "");
    const char *nearest = main_nearest(words);
    (void)fprintf(stderr, "copse: unknown command '%s'; %s%s%s`copse --help` lists the commands\n",
                  words, nearest != NULL ? "did you mean " : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "? " : "");
    return COPSE_EXIT_USAGE;
}

/* ---- Running ---- */

static int main_help(copse_call *call)
{
    int words = 0;
    char **names = call->options.arguments;
    int count = (int)call->options.arguments_count;
    const copse_command *command = count > 0 ? main_find(count, names, &words) : NULL;
    const char *page = copse_options_text(&call->options, "--man", NULL);
    if (page != NULL) {
        return copse_man_page_print(&call->output, main_groups, page)
                   ? COPSE_EXIT_OK
                   : copse_failure_usage(call, "there is no page '%s'", page);
    }
    if (count == 0) {
        copse_help_overview(&call->output, main_groups);
        return COPSE_EXIT_OK;
    }
    if (command == NULL && count == 1 &&
        copse_help_family(&call->output, main_groups, names[0]) > 0) {
        return COPSE_EXIT_OK;
    }
    if (command == NULL) {
        return main_unknown(call, count, names);
    }
    copse_help_command(&call->output, command);
    return COPSE_EXIT_OK;
}

static int main_version(copse_call *call)
{
    copse_output_format(&call->output, "copse " COPSE_VERSION "\n");
    return COPSE_EXIT_OK;
}

static void main_init(copse_call *call)
{
    copse_env_init(&call->env);
    copse_env_init_posix(&call->env);
    call->env.limits.node_cache_bytes_max = MAIN_NODE_CACHE_BYTES;
    copse_output_init(&call->output, &call->env);
}

static int main_run(copse_call *call, const copse_command *command, int argc, char **argv)
{
    char problem[256];
    call->command = command;
    if (!copse_options_parse(&call->options, command->options, command->arguments, argc, argv,
                             problem, sizeof problem)) {
        return copse_failure_usage(call, "%s", problem);
    }
    if (call->options.help) {
        copse_help_command(&call->output, command);
        return COPSE_EXIT_OK;
    }
    call->output.json = copse_options_knows(&call->options, "--json") &&
                        copse_options_has(&call->options, "--json");
    call->output.hex =
        copse_options_knows(&call->options, "--hex") && copse_options_has(&call->options, "--hex");
    int code = command->run(call);
    return call->misused ? COPSE_EXIT_USAGE : code;
}

/* Output that did not arrive, such as on a full disk, is a failure. That the reader of a pipe has
 * gone needs no words. */
static int main_end(copse_call *call, int code)
{
    if (copse_output_flush(&call->output)) {
        return code;
    }
    if (call->output.os_errno != EPIPE) {
        (void)fprintf(stderr, "copse: the output could not be written: %s\n",
                      strerror(call->output.os_errno));
    }
    return code == COPSE_EXIT_OK ? COPSE_EXIT_FAILED : code;
}

/* ---- For the shell ---- */

const copse_command *copse_command_of(int argc, char **argv, int *ret_words)
{
    return main_find(argc, argv, ret_words);
}

const copse_command *copse_command_nth(size_t index)
{
    for (const copse_command_group *group = main_groups; group->title != NULL; group++) {
        for (size_t i = 0; group->commands[i] != NULL; i++) {
            if (index-- == 0) {
                return group->commands[i];
            }
        }
    }
    return NULL;
}

int copse_command_run(int argc, char **argv)
{
    copse_call *call = calloc(1, sizeof *call);
    int words = 0;
    if (call == NULL) {
        (void)fputs("copse: out of memory\n", stderr);
        return COPSE_EXIT_FAILED;
    }
    main_init(call);
    const copse_command *command = main_find(argc, argv, &words);
    int code = command != NULL ? main_run(call, command, argc - words, argv + words)
                               : main_unknown(call, argc, argv);
    code = main_end(call, code);
    free(call);
    return code;
}

/* ---- The program ---- */

int main(int argc, char **argv)
{
    static copse_call call; /* zeroed, and too large for some stacks */
    int words = 0;
    main_init(&call);
    if (argc < 2) {
        (void)fputs("usage: copse COMMAND [ARGUMENTS]; `copse --help` shows a first example\n",
                    stderr);
        return COPSE_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        copse_help_overview(&call.output, main_groups);
        return main_end(&call, COPSE_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return main_end(&call, main_version(&call));
    }
    const copse_command *command = main_find(argc - 1, argv + 1, &words);
    int code = command != NULL ? main_run(&call, command, argc - 1 - words, argv + 1 + words)
                               : main_unknown(&call, argc - 1, argv + 1);
    return main_end(&call, code);
}
