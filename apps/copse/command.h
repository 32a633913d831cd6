/* The commands of `copse`, and what every one of them is handed.
 *
 * A command is a constant copse_command that describes itself: its arguments, options, examples and
 * the function that runs it. Parsing, help and error messages follow from the description. Adding
 * one means a file command_<name>.c, its declaration here and its row in the table of main.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_COMMAND_H
#define COPSE_APPS_COMMAND_H

#include "options.h"
#include "output.h"

#include <copse/env.h>
#include <copse/status.h>

/** Exit codes of `copse`. */
enum copse_exit {
    COPSE_EXIT_OK = 0,
    COPSE_EXIT_FAILED = 1, /**< The work could not be done, or the answer is no. */
    COPSE_EXIT_USAGE = 2   /**< The command line makes no sense. */
};

typedef struct copse_command copse_command;

/** One run of a command: its parsed command line, its environment, where its output goes. */
typedef struct copse_call {
    const copse_command *command;
    copse_options options;
    copse_env env;
    copse_output output;
    copse_err err; /**< Of the last call into the library that failed. */
    bool misused;  /**< A failure of the command line itself was reported. */
    bool warns;    /**< What fails now is told as a warning: the command goes on without it. */
} copse_call;

/** Runs a command; returns an exit code of copse_exit. */
typedef int (*copse_command_fn)(copse_call *call);

struct copse_command {
    const char *name;            /**< One or two words: "gc", "tree load". */
    const char *arguments;       /**< As in the usage line: "STORE KEY [VALUE]" (options.h). */
    const char *summary;         /**< One line, no full stop. */
    const char *details;         /**< What there is to know; NULL: nothing more. */
    const copse_option *options; /**< Ends with a zeroed one; NULL: none. */
    const char *examples;        /**< Lines that can be typed as they stand. */
    copse_command_fn run;
};

/** The command that the words begin with, or NULL; *ret_words of them, 1 or 2, are its name. */
const copse_command *copse_command_of(int argc, char **argv, int *ret_words);

/** The command number `index`, from 0, in the order of the overview; NULL: there are fewer. */
const copse_command *copse_command_nth(size_t index);

/** Runs the command that the words are, as the program does: for the shell. An exit code. */
int copse_command_run(int argc, char **argv);

extern const copse_command copse_command_init;
extern const copse_command copse_command_insert;
extern const copse_command copse_command_get;
extern const copse_command copse_command_find;
extern const copse_command copse_command_count;
extern const copse_command copse_command_distinct;
extern const copse_command copse_command_aggregate;
extern const copse_command copse_command_prove;
extern const copse_command copse_command_verify;
extern const copse_command copse_command_replace;
extern const copse_command copse_command_delete;
extern const copse_command copse_command_update;
extern const copse_command copse_command_batch;
extern const copse_command copse_command_log;
extern const copse_command copse_command_show;
extern const copse_command copse_command_diff;
extern const copse_command copse_command_blame;
extern const copse_command copse_command_merge;
extern const copse_command copse_command_conflicts;
extern const copse_command copse_command_resolve;
extern const copse_command copse_command_watch;
extern const copse_command copse_command_union;
extern const copse_command copse_command_unread;
extern const copse_command copse_command_mark_read;
extern const copse_command copse_command_revert;
extern const copse_command copse_command_cherry_pick;
extern const copse_command copse_command_branch;
extern const copse_command copse_command_tag;
extern const copse_command copse_command_reset;
extern const copse_command copse_command_collections;
extern const copse_command copse_command_policy;
extern const copse_command copse_command_writers_add;
extern const copse_command copse_command_writers_remove;
extern const copse_command copse_command_writers_list;
extern const copse_command copse_command_drop;
extern const copse_command copse_command_index;
extern const copse_command copse_command_indexes;
extern const copse_command copse_command_drop_index;
extern const copse_command copse_command_stats;
extern const copse_command copse_command_check;
extern const copse_command copse_command_tree_load;
extern const copse_command copse_command_tree_put;
extern const copse_command copse_command_tree_delete;
extern const copse_command copse_command_tree_get;
extern const copse_command copse_command_tree_scan;
extern const copse_command copse_command_tree_count;
extern const copse_command copse_command_tree_rank;
extern const copse_command copse_command_tree_nth;
extern const copse_command copse_command_tree_root;
extern const copse_command copse_command_tree_stat;
extern const copse_command copse_command_tree_diff;
extern const copse_command copse_command_tree_merge;
extern const copse_command copse_command_tree_prove;
extern const copse_command copse_command_tree_verify;
extern const copse_command copse_command_tree_export;
extern const copse_command copse_command_tree_import;
extern const copse_command copse_command_refs_list;
extern const copse_command copse_command_refs_set;
extern const copse_command copse_command_refs_delete;
extern const copse_command copse_command_block_get;
extern const copse_command copse_command_block_put;
extern const copse_command copse_command_block_stat;
extern const copse_command copse_command_cid;
extern const copse_command copse_command_fsck;
extern const copse_command copse_command_gc;
extern const copse_command copse_command_import;
extern const copse_command copse_command_export;
extern const copse_command copse_command_shell;
extern const copse_command copse_command_serve;
extern const copse_command copse_command_cache_stat;
extern const copse_command copse_command_cache_clear;
extern const copse_command copse_command_key_new;
extern const copse_command copse_command_key_list;
extern const copse_command copse_command_key_export;
extern const copse_command copse_command_key_import;
extern const copse_command copse_command_clone;
extern const copse_command copse_command_fork;
extern const copse_command copse_command_pull;
extern const copse_command copse_command_follow;
extern const copse_command copse_command_publish;

#endif
