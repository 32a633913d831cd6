/* The commands of `copse`. Each is one file, command_<name>.c, with one function; adding one means
 * that file, its declaration here and its row in the table of main.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_COMMAND_H
#define COPSE_APPS_COMMAND_H

/** Exit codes of `copse`. */
enum copse_exit {
    COPSE_EXIT_OK = 0,
    COPSE_EXIT_FAILED = 1, /**< The work could not be done. */
    COPSE_EXIT_USAGE = 2   /**< The command line makes no sense. */
};

/** Runs a command; argv[0] is its name. Returns an exit code of copse_exit. */
typedef int (*copse_command_fn)(int argc, char **argv);

/** One row of the table of commands. */
typedef struct copse_command {
    const char *name;
    const char *arguments; /**< As in the usage line: "<database> <query>". */
    const char *summary;   /**< One line, no full stop. */
    copse_command_fn run;
} copse_command;

int copse_command_help(int argc, char **argv);
int copse_command_version(int argc, char **argv);

#endif
