/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_complete.h"

#include "shell_call.h"
#include "shell_grammar.h"
#include "shell_operators.h"
#include "shell_scan.h"
#include "shell_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shell_completer {
    copse_shell_names *names;
    copse_bytes statement;
    copse_shell_scan scan;
    copse_shell_completion *found;
    copse_bytes word; /* what is to be completed, to the statement's end */
    copse_bytes collection;
    /* What the place is for: the name of an argument, FILTER, or of an option, --sort. */
    char what[COPSE_SHELL_NAME_SIZE];
    const copse_shell_level *levels; /* the brackets in it */
    size_t levels_count;
} shell_completer;

/* ---- Adding ---- */

static void shell_complete_add_bytes(shell_completer *self, const char *before, copse_bytes name,
                                     const char *behind)
{
    char text[512];
    int size = snprintf(text, sizeof text, "%s%.*s%s", before,
                        name.len < sizeof text ? (int)name.len : 0, (const char *)name.ptr, behind);
    copse_bytes candidate = {(const uint8_t *)text, size > 0 ? (size_t)size : 0};
    if (candidate.len < sizeof text && copse_bytes_has_prefix(candidate, self->word)) {
        /* Without memory there is less to choose from. */
        (void)copse_shell_words_add(&self->found->candidates, candidate);
    }
}

static void shell_complete_add(shell_completer *self, const char *name, const char *behind)
{
    shell_complete_add_bytes(self, "", copse_bytes_of_text(name), behind);
}

static void shell_complete_add_list(shell_completer *self, const char *const *names,
                                    const char *behind)
{
    for (; *names != NULL; names++) {
        shell_complete_add(self, *names, behind);
    }
}

/* Adds the words of "one|two". */
static void shell_complete_add_choices(shell_completer *self, const char *choices,
                                       const char *behind)
{
    while (*choices != '\0') {
        size_t len = strcspn(choices, "|");
        shell_complete_add_bytes(self, "", (copse_bytes){(const uint8_t *)choices, len}, behind);
        choices += len + (choices[len] == '|');
    }
}

static void shell_complete_add_names(shell_completer *self, copse_shell_name_kind kind,
                                     const char *before, const char *behind)
{
    size_t at = 0;
    copse_bytes name;
    copse_shell_names_read(self->names, self->collection);
    while (copse_shell_names_next(self->names, kind, &at, &name)) {
        shell_complete_add_bytes(self, before, name, behind);
    }
}

/* Lets the word begin `skip` bytes later. */
static void shell_complete_skip(shell_completer *self, size_t skip)
{
    self->word = (copse_bytes){self->word.ptr + skip, self->word.len - skip};
    self->found->start += skip;
}

/* Lets the word begin behind the last `byte` in it. */
static void shell_complete_skip_behind(shell_completer *self, char byte)
{
    for (size_t i = self->word.len; i > 0; i--) {
        if (self->word.ptr[i - 1] == (uint8_t)byte) {
            shell_complete_skip(self, i);
            return;
        }
    }
}

/* ---- In brackets ---- */

static bool shell_complete_is_in(const shell_completer *self, const char *name)
{
    for (size_t i = 0; i < self->levels_count; i++) {
        if (copse_bytes_equal(self->levels[i].name, copse_bytes_of_text(name))) {
            return true;
        }
    }
    return false;
}

static bool shell_complete_is_what(const shell_completer *self, const char *what)
{
    return strcmp(self->what, what) == 0;
}

/* Whether the place is an object directly in an array, that of the pipeline or of one in it. */
static bool shell_complete_is_stage(const shell_completer *self)
{
    size_t count = self->levels_count;
    if (count < 2 || self->levels[count - 1].bracket != '{' ||
        self->levels[count - 2].bracket != '[') {
        return false;
    }
    return count == 2 ||
           (self->levels[count - 3].bracket == '{' &&
            (copse_bytes_equal(self->levels[count - 2].name, copse_bytes_of_text("pipeline")) ||
             copse_bytes_equal(self->levels[count - 3].name, copse_bytes_of_text("$facet"))));
}

static void shell_complete_add_operators(shell_completer *self)
{
    const char *const *operators = NULL;
    if (shell_complete_is_what(self, "PIPELINE")) {
        operators = shell_complete_is_stage(self)          ? copse_shell_stages
                    : shell_complete_is_in(self, "$match") ? copse_shell_filter_operators
                                                           : copse_shell_expression_operators;
    } else if (shell_complete_is_what(self, "UPDATE")) {
        operators = self->levels_count == 1               ? copse_shell_update_operators
                    : shell_complete_is_in(self, "$pull") ? copse_shell_filter_operators
                                                          : copse_shell_push_operators;
    } else if (shell_complete_is_what(self, "FILTER") || shell_complete_is_what(self, "--where") ||
               shell_complete_is_what(self, "--array-filters")) {
        operators = copse_shell_filter_operators;
    }
    if (operators != NULL) {
        shell_complete_add_list(self, operators, "");
    }
    if (operators == copse_shell_expression_operators) {
        shell_complete_add_list(self, copse_shell_accumulators, "");
    }
}

/* Whether a member's name stands here. */
static bool shell_complete_is_member(const shell_completer *self)
{
    return self->levels_count > 0 && self->levels[self->levels_count - 1].bracket == '{' &&
           (self->scan.last == '{' || self->scan.last == ',');
}

/* The names that an argument or the value of an option can be; false: it isn't such a one. */
static bool shell_complete_value_names(shell_completer *self)
{
    static const char *const fields[] = {"PATH",      "FIELDS",    "--sort",
                                         "--project", "--include", NULL};
    static const char *const refs[] = {"REVISION", "A", "B", "--ref", "--at", NULL};
    for (size_t i = 0; fields[i] != NULL; i++) {
        if (shell_complete_is_what(self, fields[i])) {
            shell_complete_skip_behind(self, ',');
            shell_complete_skip(self, self->word.len > 0 && self->word.ptr[0] == '-');
            shell_complete_add_names(self, COPSE_SHELL_NAME_FIELD, "", "");
            return true;
        }
    }
    for (size_t i = 0; refs[i] != NULL; i++) {
        if (shell_complete_is_what(self, refs[i])) {
            shell_complete_add_names(self, COPSE_SHELL_NAME_REF, "", "");
            shell_complete_add(self, "HEAD", "");
            return true;
        }
    }
    bool is_index = shell_complete_is_what(self, "INDEX") || shell_complete_is_what(self, "--hint");
    bool is_collection = shell_complete_is_what(self, "COLL");
    if (is_index || is_collection) {
        shell_complete_add_names(
            self, is_index ? COPSE_SHELL_NAME_INDEX : COPSE_SHELL_NAME_COLLECTION, "", "");
    }
    return is_index || is_collection;
}

/* A value of JSON, or a text in quotes. */
static void shell_complete_json(shell_completer *self)
{
    bool is_member = shell_complete_is_member(self);
    bool is_dollar = self->word.len > 0 && self->word.ptr[0] == '$';
    if (self->levels_count == 0) {
        (void)shell_complete_value_names(self);
    } else if (is_dollar) {
        if (is_member) {
            shell_complete_add_operators(self);
        } else if (shell_complete_is_what(self, "PIPELINE")) {
            shell_complete_add_names(self, COPSE_SHELL_NAME_FIELD, "$", "");
        }
    } else if (is_member) {
        shell_complete_add_names(self, COPSE_SHELL_NAME_FIELD, "", "");
        shell_complete_add_operators(self);
    }
}

/* ---- Calls ---- */

/* Adds what can be called on the result. */
static void shell_complete_chain(shell_completer *self, const copse_command *command)
{
    char name[COPSE_SHELL_NAME_SIZE];
    shell_complete_skip_behind(self, '.');
    for (const copse_option *option = command->options; option != NULL && option->name != NULL;
         option++) {
        shell_complete_add(self, copse_shell_member_of(option->name, name), "(");
    }
    if (strcmp(command->name, "find") == 0) {
        shell_complete_add(self, "count", "(");
    }
}

/* Sets what the argument that stands here is. */
static void shell_complete_set_argument(shell_completer *self, const copse_command *command,
                                        const copse_shell_method *method)
{
    const copse_shell_level *call = &self->scan.levels[0];
    copse_bytes name = call->name;
    char option[COPSE_SHELL_NAME_SIZE];
    const char *point = name.len > 0 ? memchr(name.ptr, '.', name.len) : NULL;
    if (point == (const char *)name.ptr && point != NULL) {
        const char *what = copse_shell_option_of((copse_bytes){name.ptr + 1, name.len - 1}, option);
        (void)snprintf(self->what, sizeof self->what, "%s", what != NULL ? what : "");
        return;
    }
    (void)copse_shell_argument(command, 2 + call->commas, self->what);
    if (self->what[0] == '\0' && method->beyond != NULL) {
        (void)snprintf(self->what, sizeof self->what, "%s", method->beyond);
    }
}

static void shell_complete_call(shell_completer *self, copse_bytes method_name)
{
    copse_shell_method method;
    const copse_command *command = copse_shell_find_method(method_name, &method);
    if (command == NULL || self->scan.depth > COPSE_SHELL_SCAN_DEPTH_MAX) {
        return;
    }
    if (self->scan.depth == 0) {
        shell_complete_chain(self, command);
        return;
    }
    shell_complete_set_argument(self, command, &method);
    self->levels = self->scan.levels + 1;
    self->levels_count = self->scan.depth - 1;
    if (self->levels_count > 0 || self->scan.quote != '\0') {
        shell_complete_json(self);
    }
}

/* ---- Commands ---- */

static void shell_complete_options(shell_completer *self, const copse_command *command)
{
    for (const copse_option *option = command->options; option != NULL && option->name != NULL;
         option++) {
        shell_complete_add(self, option->name, " ");
    }
}

/* The command whose words stand before the place, with what the place is for. False: none. */
static bool shell_complete_read_words(shell_completer *self, int argc, char **argv,
                                      const copse_command **ret_command)
{
    int words = 0;
    size_t index = 1;
    const copse_option *option = NULL;
    const copse_command *command = argc > 0 ? copse_command_of(argc, argv, &words) : NULL;
    if (command == NULL) {
        return false;
    }
    for (int i = words; i < argc; i++) {
        bool is_option = option == NULL && argv[i][0] == '-' && argv[i][1] != '\0';
        if (is_option) {
            option = copse_shell_option(command, argv[i]);
            option = option != NULL && option->kind != COPSE_OPTION_FLAG ? option : NULL;
            continue;
        }
        if (option == NULL) {
            char name[COPSE_SHELL_NAME_SIZE];
            if (strcmp(copse_shell_argument(command, index++, name), "COLL") == 0) {
                self->collection = copse_bytes_of_text(argv[i]);
            }
        }
        option = NULL;
    }
    if (option != NULL) {
        (void)snprintf(self->what, sizeof self->what, "%s", option->name);
        if (option->kind == COPSE_OPTION_CHOICE) {
            shell_complete_add_choices(self, option->value, " ");
        }
    } else {
        (void)copse_shell_argument(command, index, self->what);
    }
    *ret_command = command;
    return true;
}

/* Adds the second words of commands whose first is `word`. */
static void shell_complete_second_words(shell_completer *self, const char *word)
{
    const copse_command *command;
    size_t len = strlen(word);
    for (size_t i = 0; (command = copse_command_nth(i)) != NULL; i++) {
        if (strncmp(command->name, word, len) == 0 && command->name[len] == ' ') {
            shell_complete_add(self, command->name + len + 1, " ");
        }
    }
}

static void shell_complete_command(shell_completer *self, int argc, char **argv)
{
    const copse_command *command = NULL;
    bool is_help = argc > 0 && strcmp(argv[0], "help") == 0;
    if (argc == 1 && !is_help) {
        shell_complete_second_words(self, argv[0]);
    }
    if (is_help) {
        for (size_t i = 0; argc == 1 && (command = copse_command_nth(i)) != NULL; i++) {
            shell_complete_add(self, command->name, "");
        }
        return;
    }
    if (!shell_complete_read_words(self, argc, argv, &command)) {
        return;
    }
    if (self->scan.depth > 0) {
        self->levels = self->scan.levels;
        self->levels_count = self->scan.depth;
        shell_complete_json(self);
    } else if (self->word.len > 0 && self->word.ptr[0] == '-' && self->what[0] != '-') {
        shell_complete_options(self, command);
    } else {
        (void)shell_complete_value_names(self);
    }
}

/* A line of words: those before the place tell what it is for. */
static void shell_complete_words(shell_completer *self)
{
    copse_shell_words words;
    copse_shell_problem problem;
    size_t end = self->scan.depth > 0 ? self->scan.levels[0].at : self->found->start;
    /* A list of fields is one word. */
    while (self->scan.depth == 0 && end > 0 && self->statement.ptr[end - 1] == ',') {
        end--;
        while (end > 0 && strchr(" \t\n", self->statement.ptr[end - 1]) == NULL) {
            end--;
        }
    }
    copse_shell_words_init(&words, self->names->lines.env);
    bool is_read =
        copse_shell_words_split(&words, (copse_bytes){self->statement.ptr, end}, 0, &problem);
    char **argv = is_read ? copse_shell_words_argv(&words) : NULL;
    if (argv != NULL && self->scan.depth <= COPSE_SHELL_SCAN_DEPTH_MAX) {
        shell_complete_command(self, (int)words.count, argv);
    }
    free(argv);
    copse_shell_words_release(&words);
}

/* ---- The beginning of a line ---- */

static void shell_complete_first(shell_completer *self)
{
    char name[COPSE_SHELL_NAME_SIZE];
    const copse_command *command;
    const char *method;
    if (memchr(self->word.ptr, '.', self->word.len) != NULL) {
        shell_complete_skip_behind(self, '.');
        for (size_t i = 0; (method = copse_shell_nth_method(i, name)) != NULL; i++) {
            shell_complete_add(self, method, "(");
        }
        return;
    }
    for (size_t i = 0; (command = copse_command_nth(i)) != NULL; i++) {
        size_t len = strcspn(command->name, " ");
        shell_complete_add_bytes(self, "", (copse_bytes){(const uint8_t *)command->name, len}, " ");
    }
    shell_complete_add_names(self, COPSE_SHELL_NAME_COLLECTION, "", ".");
}

static void shell_complete_setting(shell_completer *self, copse_bytes line)
{
    const copse_shell_setting *setting = copse_shell_setting_table;
    const uint8_t *space = memchr(line.ptr, ' ', line.len);
    if (space == NULL) {
        for (; setting->name != NULL; setting++) {
            shell_complete_add(self, setting->name, setting->value != NULL ? " " : "");
        }
        return;
    }
    copse_bytes name = {line.ptr, (size_t)(space - line.ptr)};
    while (setting->name != NULL && !copse_bytes_equal(name, copse_bytes_of_text(setting->name))) {
        setting++;
    }
    if (setting->name == NULL || setting->value == NULL) {
        return;
    }
    if (strchr(setting->value, '|') != NULL) {
        shell_complete_add_choices(self, setting->value, "");
    } else {
        shell_complete_add_names(self, COPSE_SHELL_NAME_REF, "", "");
    }
}

static void shell_complete_any(shell_completer *self)
{
    copse_bytes line = self->statement;
    copse_bytes method;
    while (line.len > 0 && strchr(" \t\n", line.ptr[0]) != NULL && line.ptr[0] != '\0') {
        line = (copse_bytes){line.ptr + 1, line.len - 1};
    }
    if (line.len > 0 && line.ptr[0] == '.') {
        shell_complete_setting(self, line);
    } else if (copse_shell_call_begins(line, &self->collection, &method)) {
        shell_complete_call(self, method);
    } else if (line.len == 0 || (self->word.ptr == line.ptr && self->scan.quote == '\0')) {
        shell_complete_first(self);
    } else {
        shell_complete_words(self);
    }
}

/* ---- The list ---- */

static int shell_complete_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts the candidates in order, each once. */
static void shell_complete_order(copse_shell_completion *completion)
{
    copse_shell_words ordered;
    size_t count = completion->candidates.count;
    char **argv = copse_shell_words_argv(&completion->candidates);
    copse_shell_words_init(&ordered, completion->candidates.text.env);
    if (argv != NULL) {
        qsort(argv, count, sizeof *argv, shell_complete_compare);
    }
    for (size_t i = 0; argv != NULL && i < count; i++) {
        if (i == 0 || strcmp(argv[i - 1], argv[i]) != 0) {
            (void)copse_shell_words_add(&ordered, copse_bytes_of_text(argv[i]));
        }
    }
    free(argv);
    copse_shell_words_release(&completion->candidates);
    completion->candidates = ordered;
}

void copse_shell_complete(copse_shell_completion *completion, copse_shell_names *names,
                          copse_bytes statement)
{
    shell_completer self = {.names = names, .statement = statement, .found = completion};
    copse_shell_words_init(&completion->candidates, names->lines.env);
    copse_shell_scan_text(&self.scan, statement, 0);
    completion->start = self.scan.word;
    self.word = (copse_bytes){statement.ptr + self.scan.word, statement.len - self.scan.word};
    if (!self.scan.is_comment) {
        shell_complete_any(&self);
    }
    shell_complete_order(completion);
}

copse_bytes copse_shell_completion_common(const copse_shell_completion *completion)
{
    const char *first = copse_shell_words_nth(&completion->candidates, 0);
    size_t len = strlen(first);
    for (size_t i = 1; i < completion->candidates.count; i++) {
        const char *word = copse_shell_words_nth(&completion->candidates, i);
        size_t same = 0;
        while (same < len && word[same] == first[same]) {
            same++;
        }
        len = same;
    }
    return (copse_bytes){(const uint8_t *)first, len};
}
