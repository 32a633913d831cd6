/* The command `copse`: the table of commands and the way into them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

static const copse_command command_table[] = {
    {"help", "", "Show this list", copse_command_help},
    {"version", "", "Show the version", copse_command_version},
};

enum { COMMAND_COUNT = sizeof command_table / sizeof command_table[0] };

int copse_command_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("copse: a peer-to-peer database on content-addressed trees\n"
               "\n"
               "usage: copse <command> [arguments]\n"
               "\n"
               "commands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const copse_command *command = &command_table[i];
        int width = (int)(strlen(command->name) + strlen(command->arguments));
        (void)printf("  %s %s%*s  %s\n", command->name, command->arguments,
                     width < 24 ? 24 - width : 0, "", command->summary);
    }
    return COPSE_EXIT_OK;
}

int copse_command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)puts("copse " COPSE_VERSION);
    return COPSE_EXIT_OK;
}

/* `copse --help` and `copse --version` are the commands of these names. */
static const char *command_canonical_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return "help";
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        return "version";
    }
    return word;
}

static const copse_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(command_table[i].name, name) == 0) {
            return &command_table[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("usage: copse <command> [arguments]; `copse --help` lists the commands\n",
                    stderr);
        return COPSE_EXIT_USAGE;
    }
    const copse_command *command = command_find(command_canonical_name(argv[1]));
    if (command == NULL) {
        (void)fprintf(stderr, "copse: unknown command '%s'; `copse --help` lists the commands\n",
                      argv[1]);
        return COPSE_EXIT_USAGE;
    }
    int code = command->run(argc - 1, argv + 1);
    /* Output that did not arrive, such as on a full disk, is a failure. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("copse: the output could not be written\n", stderr);
        return COPSE_EXIT_FAILED;
    }
    return code;
}
