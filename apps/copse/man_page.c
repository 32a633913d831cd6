/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "man_page.h"

#include "text.h"

#include <stdio.h>
#include <string.h>

enum { MAN_NAME_SIZE = 64 };

/* ---- Text ---- */

/* Text within a line, with what roff would take for itself escaped. */
static void man_text(copse_output *out, copse_bytes text)
{
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = copse_text_utf8_char(text, &code);
        if (code == '\\') {
            copse_output_format(out, "\\e");
        } else if (code == '-' || code == '\'' || code == '`' || code == '^' || code == '~') {
            copse_output_format(out, "%s",
                                code == '-'    ? "\\-"
                                : code == '\'' ? "\\(aq"
                                : code == '`'  ? "\\(ga"
                                : code == '^'  ? "\\(ha"
                                               : "\\(ti");
        } else if (len == 0 || code < 0x80) {
            copse_output_raw(out, (copse_bytes){text.ptr, 1});
        } else {
            copse_output_format(out, "\\[u%04X]", (unsigned)code);
        }
        len = len > 0 ? len : 1;
        text = (copse_bytes){text.ptr + len, text.len - len};
    }
}

/* A line of its own: one that begins like a request is none. */
static void man_line(copse_output *out, const char *text, size_t len)
{
    if (len > 0 && text[0] == '.') {
        copse_output_format(out, "\\&");
    }
    man_text(out, (copse_bytes){(const uint8_t *)text, len});
    copse_output_format(out, "\n");
}

/* Lines of help: those that begin with a space stand as they are, others flow; an empty one parts
 * paragraphs. */
static void man_lines(copse_output *out, const char *text)
{
    bool verbatim = false;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        bool indented = text[0] == ' ';
        if (indented != verbatim && len > 0) {
            copse_output_format(out, "%s", indented ? ".PP\n.nf\n" : ".fi\n.PP\n");
            verbatim = indented;
        }
        if (len > 0) {
            man_line(out, text, len);
        } else if (!verbatim) {
            copse_output_format(out, ".PP\n");
        }
        text += len + (text[len] == '\n');
    }
    copse_output_format(out, "%s", verbatim ? ".fi\n" : "");
}

static void man_verbatim(copse_output *out, const char *text)
{
    copse_output_format(out, ".nf\n");
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        man_line(out, text, len);
        text += len + (text[len] == '\n');
    }
    copse_output_format(out, ".fi\n");
}

static void man_words(copse_output *out, const char *before, const char *text, const char *after)
{
    copse_output_format(out, "%s", before);
    man_text(out, copse_bytes_of_text(text));
    copse_output_format(out, "%s", after);
}

/* ---- Pages ---- */

/* "copse-tree-load" */
static void man_name(const copse_command *command, char ret_name[MAN_NAME_SIZE])
{
    (void)snprintf(ret_name, MAN_NAME_SIZE, "copse-%s", command->name);
    for (char *at = ret_name; *at != '\0'; at++) {
        *at = *at == ' ' ? '-' : *at;
    }
}

static void man_title(copse_output *out, const char *name, const char *summary)
{
    char upper[MAN_NAME_SIZE];
    size_t len = strlen(name);
    for (size_t i = 0; i <= len; i++) {
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    }
    copse_output_format(out, ".TH %s 1 \"\" \"copse %s\" \"Copse\"\n.SH NAME\n", upper,
                        COPSE_VERSION);
    man_words(out, "", name, " \\- ");
    man_words(out, "", summary, "\n");
}

static void man_option(copse_output *out, const copse_option *option)
{
    copse_output_format(out, ".TP\n");
    if (option->letter != 0) {
        copse_output_format(out, "\\fB\\-%c\\fR, ", option->letter);
    }
    man_words(out, "\\fB", option->name, "\\fR");
    if (option->value != NULL) {
        man_words(out, " \\fI", option->value, "\\fR");
    }
    copse_output_format(out, "\n");
    man_line(out, option->help, strlen(option->help));
}

static void man_command(copse_output *out, const copse_command *command, const char *name)
{
    bool has_options = command->options != NULL && command->options[0].name != NULL;
    man_title(out, name, command->summary);
    man_words(out, ".SH SYNOPSIS\n\\fBcopse ", command->name, "\\fR");
    man_words(out, command->arguments[0] != '\0' ? " " : "", command->arguments,
              has_options ? " [OPTIONS]\n" : "\n");
    man_words(out, ".SH DESCRIPTION\n", command->summary, ".\n");
    if (command->details != NULL) {
        copse_output_format(out, ".PP\n");
        man_lines(out, command->details);
    }
    if (has_options) {
        copse_output_format(out, ".SH OPTIONS\n");
        for (const copse_option *option = command->options; option->name != NULL; option++) {
            man_option(out, option);
        }
    }
    if (command->examples != NULL) {
        copse_output_format(out, ".SH EXAMPLES\n");
        man_verbatim(out, command->examples);
    }
    copse_output_format(out, ".SH SEE ALSO\n.BR copse (1)\n");
}

static void man_group(copse_output *out, const copse_command_group *group)
{
    man_words(out, ".SS ", group->title, "\n");
    for (size_t i = 0; group->commands[i] != NULL; i++) {
        const copse_command *command = group->commands[i];
        man_words(out, ".TP\n\\fBcopse ", command->name, "\\fR ");
        man_words(out, "", command->arguments, "\n");
        man_words(out, "", command->summary, ".\n");
    }
}

/* tools/make-man reads the names of the pages here. */
static void man_see_also(copse_output *out, const copse_command_group *groups)
{
    char name[MAN_NAME_SIZE];
    bool comma = false;
    copse_output_format(out, ".SH SEE ALSO\n");
    for (; groups->title != NULL; groups++) {
        for (size_t i = 0; groups->commands[i] != NULL; i++) {
            man_name(groups->commands[i], name);
            copse_output_format(out, "%s", comma ? ",\n" : "");
            man_words(out, ".BR ", name, " (1)");
            comma = true;
        }
    }
    copse_output_format(out, "\n");
}

static void man_overview(copse_output *out, const copse_command_group *groups)
{
    man_title(out, "copse", copse_help_summary);
    copse_output_format(out, ".SH SYNOPSIS\n\\fBcopse\\fR COMMAND [ARGUMENTS] [OPTIONS]\n"
                             ".SH DESCRIPTION\n");
    man_lines(out, copse_help_notes);
    copse_output_format(out, ".SH COMMANDS\n");
    for (const copse_command_group *group = groups; group->title != NULL; group++) {
        man_group(out, group);
    }
    copse_output_format(out, ".SH EXAMPLES\n");
    man_verbatim(out, copse_help_example);
    man_see_also(out, groups);
}

bool copse_man_page_print(copse_output *out, const copse_command_group *groups, const char *name)
{
    char of_command[MAN_NAME_SIZE];
    if (strcmp(name, "copse") == 0) {
        man_overview(out, groups);
        return true;
    }
    for (; groups->title != NULL; groups++) {
        for (size_t i = 0; groups->commands[i] != NULL; i++) {
            man_name(groups->commands[i], of_command);
            if (strcmp(of_command, name) == 0) {
                man_command(out, groups->commands[i], name);
                return true;
            }
        }
    }
    return false;
}
