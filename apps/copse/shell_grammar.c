/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_grammar.h"

#include <stdio.h>
#include <string.h>

/* ---- Commands ---- */

const char *copse_shell_argument(const copse_command *command, size_t index,
                                 char ret_name[COPSE_SHELL_NAME_SIZE])
{
    const char *names = command->arguments;
    size_t len = strcspn(names, " ");
    for (; index > 0 && names[len] != '\0'; index--) {
        names += len + 1;
        len = strcspn(names, " ");
    }
    bool repeats = len > 3 && strncmp(names + len - 3, "...", 3) == 0;
    names += names[0] == '[';
    len = index == 0 || repeats ? strcspn(names, " .]") : 0;
    (void)snprintf(ret_name, COPSE_SHELL_NAME_SIZE, "%.*s", (int)len, names);
    return ret_name;
}

bool copse_shell_takes_place(const copse_command *command)
{
    static const char *const places[] = {"DB", "STORE", "URL"};
    char name[COPSE_SHELL_NAME_SIZE];
    (void)copse_shell_argument(command, 0, name);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(name, places[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool copse_shell_takes_collection(const copse_command *command)
{
    char name[COPSE_SHELL_NAME_SIZE];
    return copse_shell_takes_place(command) &&
           strcmp(copse_shell_argument(command, 1, name), "COLL") == 0;
}

const copse_option *copse_shell_option(const copse_command *command, const char *name)
{
    const copse_option *option = command->options;
    bool is_letter = name[0] == '-' && name[1] != '-' && name[1] != '\0' && name[2] == '\0';
    while (option != NULL && option->name != NULL) {
        if (strcmp(option->name, name) == 0 || (is_letter && option->letter == name[1])) {
            return option;
        }
        option++;
    }
    return NULL;
}

/* ---- Names ---- */

const char *copse_shell_member_of(const char *option, char ret_name[COPSE_SHELL_NAME_SIZE])
{
    size_t len = 0;
    for (option += strspn(option, "-"); *option != '\0' && len + 1 < COPSE_SHELL_NAME_SIZE;
         option++) {
        bool is_dash = *option == '-' && option[1] >= 'a' && option[1] <= 'z';
        option += is_dash;
        ret_name[len++] = (char)(is_dash ? *option - 'a' + 'A' : *option);
    }
    ret_name[len] = '\0';
    return ret_name;
}

/* Writes "cacheSize" as "cache-size" behind `prefix`. NULL: it is too long. */
static const char *shell_grammar_dashed(const char *prefix, copse_bytes name,
                                        char ret_name[COPSE_SHELL_NAME_SIZE])
{
    size_t len = strlen(prefix);
    memcpy(ret_name, prefix, len);
    for (size_t i = 0; i < name.len; i++) {
        char letter = (char)name.ptr[i];
        bool is_upper = letter >= 'A' && letter <= 'Z';
        if (len + 3 > COPSE_SHELL_NAME_SIZE || letter == '-' || letter == '\0') {
            return NULL;
        }
        if (is_upper) {
            ret_name[len++] = '-';
        }
        ret_name[len++] = (char)(is_upper ? letter - 'A' + 'a' : letter);
    }
    ret_name[len] = '\0';
    return ret_name;
}

const char *copse_shell_option_of(copse_bytes name, char ret_option[COPSE_SHELL_NAME_SIZE])
{
    static const char *const translated[][2] = {
        {"projection", "--project"},
        {"partialFilterExpression", "--where"},
        {"returnDocument", "--return"},
        {NULL, NULL},
    };
    for (size_t i = 0; translated[i][0] != NULL; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(translated[i][0]))) {
            return translated[i][1];
        }
    }
    return shell_grammar_dashed("--", name, ret_option);
}

/* ---- Methods ---- */

static const copse_shell_method shell_grammar_methods[] = {
    {"find", "find", {NULL}, "--project"},
    {"findOne", "find", {"--limit", "1"}, "--project"},
    {"countDocuments", "count", {NULL}, NULL},
    {"estimatedDocumentCount", "count", {NULL}, NULL},
    {"insertOne", "insert", {NULL}, NULL},
    {"insertMany", "insert", {NULL}, NULL},
    {"updateOne", "update", {NULL}, NULL},
    {"updateMany", "update", {"--multi"}, NULL},
    {"replaceOne", "update", {NULL}, NULL},
    {"findOneAndUpdate", "update", {"--return", "before"}, NULL},
    {"findOneAndReplace", "update", {"--return", "before"}, NULL},
    {"deleteOne", "delete", {NULL}, NULL},
    {"deleteMany", "delete", {"--multi"}, NULL},
    {"createIndex", "index", {NULL}, NULL},
    {"getIndexes", "indexes", {NULL}, NULL},
    {NULL, NULL, {NULL}, NULL},
};

/* The command of this name that is a method; NULL: there is none. */
static const copse_command *shell_grammar_command(const char *name)
{
    const copse_command *command;
    for (size_t i = 0; (command = copse_command_nth(i)) != NULL; i++) {
        if (strcmp(command->name, name) == 0) {
            return copse_shell_takes_collection(command) ? command : NULL;
        }
    }
    return NULL;
}

const copse_command *copse_shell_find_method(copse_bytes name, copse_shell_method *ret_method)
{
    char dashed[COPSE_SHELL_NAME_SIZE];
    const copse_shell_method *method = shell_grammar_methods;
    while (method->name != NULL && !copse_bytes_equal(name, copse_bytes_of_text(method->name))) {
        method++;
    }
    *ret_method = *method;
    if (method->name != NULL) {
        return shell_grammar_command(method->command);
    }
    return shell_grammar_dashed("", name, dashed) != NULL ? shell_grammar_command(dashed) : NULL;
}

const char *copse_shell_nth_method(size_t index, char ret_name[COPSE_SHELL_NAME_SIZE])
{
    const copse_command *command;
    for (size_t i = 0; (command = copse_command_nth(i)) != NULL; i++) {
        if (copse_shell_takes_collection(command) && index-- == 0) {
            return copse_shell_member_of(command->name, ret_name);
        }
    }
    for (const copse_shell_method *method = shell_grammar_methods + 1; method->name != NULL;
         method++) {
        if (shell_grammar_command(method->command) != NULL && index-- == 0) {
            return method->name;
        }
    }
    return NULL;
}
