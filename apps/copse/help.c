/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "help.h"

#include <stdio.h>
#include <string.h>

static void help_command_line(copse_output *out, const copse_command *command)
{
    char usage[64];
    (void)snprintf(usage, sizeof usage, "%s %s", command->name, command->arguments);
    copse_output_format(out, "  %-34s  %s\n", usage, command->summary);
}

const char copse_help_summary[] = "a document database whose content has one name, its root CID";

const char copse_help_example[] =
    "copse init fruit.db                      # a database is a folder\n"
    "copse insert fruit.db fruit '{\"_id\":\"fig\",\"grams\":50}' "
    "'{\"_id\":\"kiwi\",\"grams\":75}'\n"
    "copse index fruit.db fruit -grams\n"
    "copse find fruit.db fruit '{\"grams\":{\"$gt\":60}}'\n"
    "copse find fruit.db fruit --sort -grams --limit 1 --explain\n";

const char copse_help_notes[] =
    "DB and STORE are folders. A store holds any number of databases and trees: --ref names one\n"
    "by a ref (main, if you name none) or by its CID. What is only read can also be a CAR file,\n"
    "http://HOST:4180/NAME of a `copse serve` anywhere, https://HOST/NAME.car on a web server, or\n"
    "an IPNS name (k51…) or a root CID with --peer URL. FILE can be `-`.\n"
    "Every command takes --json, and --help, which has examples.\n"
    "Exit codes: 0 done, 1 failed or the answer is no, 2 the command line makes no sense.\n";

/* Each line of `text`, indented. */
static void help_indented(copse_output *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        copse_output_format(out, "  %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

void copse_help_overview(copse_output *out, const copse_command_group *groups)
{
    copse_output_format(out,
                        "copse: %s\n\nusage: copse COMMAND [ARGUMENTS] [OPTIONS]\n\n"
                        "A first look:\n",
                        copse_help_summary);
    help_indented(out, copse_help_example);
    for (; groups->title != NULL; groups++) {
        copse_output_format(out, "\n%s:\n", groups->title);
        for (size_t i = 0; groups->commands[i] != NULL; i++) {
            help_command_line(out, groups->commands[i]);
        }
    }
    copse_output_format(out, "\n%s", copse_help_notes);
}

size_t copse_help_family(copse_output *out, const copse_command_group *groups, const char *word)
{
    size_t len = strlen(word);
    size_t count = 0;
    for (; groups->title != NULL; groups++) {
        for (size_t i = 0; groups->commands[i] != NULL; i++) {
            const char *name = groups->commands[i]->name;
            if (strncmp(name, word, len) == 0 && name[len] == ' ') {
                if (count++ == 0 && out != NULL) {
                    copse_output_format(out, "usage: copse %s COMMAND …\n\n", word);
                }
                if (out != NULL) {
                    help_command_line(out, groups->commands[i]);
                }
            }
        }
    }
    return count;
}

static void help_option(copse_output *out, const copse_option *option)
{
    char usage[64];
    char letter[8] = "";
    if (option->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    int len =
        snprintf(usage, sizeof usage, "%s%s%s%s", letter, option->name,
                 option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
    copse_output_format(out, "  %-24s%s%s\n", usage,
                        len > 22 ? "\n                          " : "  ", option->help);
}

void copse_help_command(copse_output *out, const copse_command *command)
{
    bool has_options = command->options != NULL && command->options[0].name != NULL;
    copse_output_format(out, "usage: copse %s%s%s%s\n\n%s.\n", command->name,
                        command->arguments[0] != '\0' ? " " : "", command->arguments,
                        has_options ? " [OPTIONS]" : "", command->summary);
    if (command->details != NULL) {
        copse_output_raw(out, copse_bytes_of_text("\n"));
        copse_output_raw(out, copse_bytes_of_text(command->details));
    }
    if (has_options) {
        copse_output_format(out, "\noptions:\n");
        for (const copse_option *option = command->options; option->name != NULL; option++) {
            help_option(out, option);
        }
    }
    if (command->examples != NULL) {
        copse_output_format(out, "\nexamples:\n");
        help_indented(out, command->examples);
    }
}
