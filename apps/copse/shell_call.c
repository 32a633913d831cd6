/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_call.h"

#include "shell_grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct shell_call {
    copse_shell_json reader;
    const copse_command *command;
    copse_shell_method method;
    copse_bytes collection;
    copse_shell_words arguments; /* behind the collection */
    copse_shell_words options;
    copse_buf scratch;
    copse_shell_problem *problem;
} shell_call;

/* ---- The beginning ---- */

static bool shell_call_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

bool copse_shell_call_begins(copse_bytes line, copse_bytes *ret_collection, copse_bytes *ret_method)
{
    const copse_bytes db = {(const uint8_t *)"db.", 3};
    while (line.len > 0 && shell_call_is_space(line.ptr[0])) {
        line = (copse_bytes){line.ptr + 1, line.len - 1};
    }
    size_t end = 0;
    size_t point = 0;
    for (; end < line.len && strchr(" \t\r\n\"'([{#,", line.ptr[end]) == NULL; end++) {
        point = line.ptr[end] == '.' ? end : point;
    }
    if (end == line.len || line.ptr[end] != '(' || point == 0 || point + 1 == end) {
        return false;
    }
    *ret_collection = (copse_bytes){line.ptr, point};
    *ret_method = (copse_bytes){line.ptr + point + 1, end - point - 1};
    if (ret_collection->len > db.len && copse_bytes_has_prefix(*ret_collection, db)) {
        ret_collection->ptr += db.len;
        ret_collection->len -= db.len;
    }
    return true;
}

/* ---- Problems ---- */

static bool shell_call_fail(shell_call *call, const char *format, ...) COPSE_PRINTF(2, 3);

static bool shell_call_fail(shell_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    call->problem->at = call->reader.at;
    (void)vsnprintf(call->problem->text, sizeof call->problem->text, format, args);
    va_end(args);
    return false;
}

static bool shell_call_fail_reading(shell_call *call)
{
    return shell_call_fail(call, "%s", call->reader.problem);
}

static bool shell_call_fail_memory(shell_call *call)
{
    return shell_call_fail(call, "there is no room for so much");
}

/* How much of a name is shown. */
static int shell_call_shown(copse_bytes name)
{
    return name.len < COPSE_SHELL_NAME_SIZE ? (int)name.len : COPSE_SHELL_NAME_SIZE;
}

static bool shell_call_skip(shell_call *call, char byte, const char *otherwise)
{
    return copse_shell_json_skip(&call->reader, byte) || shell_call_fail(call, "%s", otherwise);
}

static bool shell_call_unknown_method(shell_call *call, copse_bytes name)
{
    char wanted[COPSE_SHELL_NAME_SIZE];
    char buffer[COPSE_SHELL_NAME_SIZE];
    char nearest[COPSE_SHELL_NAME_SIZE] = "";
    const char *method;
    size_t distance_best = 4;
    (void)snprintf(wanted, sizeof wanted, "%.*s", shell_call_shown(name), (const char *)name.ptr);
    for (size_t i = 0; (method = copse_shell_nth_method(i, buffer)) != NULL; i++) {
        size_t distance = copse_word_distance(wanted, method);
        if (distance < distance_best && distance < strlen(wanted)) {
            distance_best = distance;
            (void)snprintf(nearest, sizeof nearest, "%s", method);
        }
    }
    (void)snprintf(call->problem->text, sizeof call->problem->text,
                   "there is no method '%s'; %s%s%s`.help` lists them", wanted,
                   nearest[0] != '\0' ? "did you mean " : "", nearest,
                   nearest[0] != '\0' ? "? " : "");
    call->problem->at = (size_t)(name.ptr - call->reader.text.ptr);
    return false;
}

/* ---- Arguments ---- */

/* Moves to element number `index` of a list that `close` ends, or behind that: *ret_more. A comma
 * may stand behind the last. */
static bool shell_call_element(shell_call *call, size_t index, char close, bool *ret_more)
{
    *ret_more = !copse_shell_json_skip(&call->reader, close);
    if (*ret_more && index > 0) {
        if (!copse_shell_json_skip(&call->reader, ',')) {
            return shell_call_fail(call, "a , or %c is missing", close);
        }
        *ret_more = !copse_shell_json_skip(&call->reader, close);
    }
    return true;
}

/* Reads a value as a word: a text as what it says, unless it must stay JSON. */
static bool shell_call_word(shell_call *call, copse_shell_words *words, bool is_json)
{
    copse_shell_json *reader = &call->reader;
    uint8_t byte = copse_shell_json_peek(reader);
    bool is_text = !is_json && (byte == '"' || byte == '\'');
    reader->out = &words->text;
    if (!(is_text ? copse_shell_json_text : copse_shell_json_value)(reader)) {
        return shell_call_fail_reading(call);
    }
    return copse_shell_words_end(words) || shell_call_fail_memory(call);
}

/* Adds an option, whose value may stand at the reader. */
static bool shell_call_option(shell_call *call, copse_bytes name, bool has_value)
{
    char buffer[COPSE_SHELL_NAME_SIZE];
    const char *option_name = copse_shell_option_of(name, buffer);
    const copse_option *option =
        option_name != NULL ? copse_shell_option(call->command, option_name) : NULL;
    if (option == NULL) {
        return shell_call_fail(call, "`%s` takes no '%.*s'", call->command->name,
                               shell_call_shown(name), (const char *)name.ptr);
    }
    bool is_flag = option->kind == COPSE_OPTION_FLAG;
    if (!is_flag && !has_value) {
        return shell_call_fail(call, "'%.*s' needs a value", shell_call_shown(name),
                               (const char *)name.ptr);
    }
    if (is_flag && has_value) {
        size_t len = call->scratch.len;
        call->reader.out = &call->scratch;
        if (!copse_shell_json_value(&call->reader)) {
            return shell_call_fail_reading(call);
        }
        copse_bytes value = {call->scratch.ptr + len, call->scratch.len - len};
        if (copse_bytes_equal(value, copse_bytes_of_text("false"))) {
            return true;
        }
    }
    if (!copse_shell_words_add(&call->options, copse_bytes_of_text(option->name))) {
        return shell_call_fail_memory(call);
    }
    return is_flag || shell_call_word(call, &call->options, false);
}

/* Reads an object of options. */
static bool shell_call_options(shell_call *call)
{
    if (!shell_call_skip(call, '{', "that is one argument too many, or {options} are missing")) {
        return false;
    }
    bool more = true;
    for (size_t i = 0; shell_call_element(call, i, '}', &more); i++) {
        if (!more) {
            return true;
        }
        copse_buf_truncate(&call->scratch, 0);
        call->reader.out = &call->scratch;
        if (!copse_shell_json_name(&call->reader)) {
            return shell_call_fail_reading(call);
        }
        if (!shell_call_option(call, copse_buf_view(&call->scratch), true)) {
            return false;
        }
    }
    return false;
}

/* Reads an array of documents, each of which is an argument. */
static bool shell_call_documents(shell_call *call)
{
    bool more = true;
    call->reader.at++;
    for (size_t i = 0; shell_call_element(call, i, ']', &more); i++) {
        if (!more) {
            return true;
        }
        if (!shell_call_word(call, &call->arguments, false)) {
            return false;
        }
    }
    return false;
}

/* Reads argument number `index`; *beyond: the method's option for one more is taken. */
static bool shell_call_argument(shell_call *call, size_t index, bool *beyond)
{
    char name[COPSE_SHELL_NAME_SIZE];
    (void)copse_shell_argument(call->command, index, name);
    if (strcmp(name, "DOC") == 0 && copse_shell_json_peek(&call->reader) == '[') {
        return shell_call_documents(call);
    }
    if (name[0] != '\0') {
        return shell_call_word(call, &call->arguments, strcmp(name, "ID") == 0);
    }
    if (call->method.beyond != NULL && !*beyond) {
        *beyond = true;
        return (copse_shell_words_add(&call->options, copse_bytes_of_text(call->method.beyond)) ||
                shell_call_fail_memory(call)) &&
               shell_call_word(call, &call->options, false);
    }
    return shell_call_options(call);
}

static bool shell_call_arguments(shell_call *call)
{
    bool beyond = false;
    bool more = true;
    for (size_t i = 0; shell_call_element(call, i, ')', &more); i++) {
        if (!more) {
            return true;
        }
        if (!shell_call_argument(call, 2 + i, &beyond)) {
            return false;
        }
    }
    return false;
}

/* ---- What is called on the result ---- */

/* Those that are there in mongosh and make no difference here. */
static bool shell_call_is_idle(copse_bytes name)
{
    return copse_bytes_equal(name, copse_bytes_of_text("pretty")) ||
           copse_bytes_equal(name, copse_bytes_of_text("toArray"));
}

/* Reads .NAME(VALUE); the point has been read. */
static bool shell_call_next(shell_call *call)
{
    copse_shell_json *reader = &call->reader;
    (void)copse_shell_json_peek(reader);
    copse_bytes name = {reader->text.ptr + reader->at, 0};
    while (reader->at < reader->text.len &&
           strchr("( \t\r\n", reader->text.ptr[reader->at]) == NULL) {
        reader->at++;
        name.len++;
    }
    if (!shell_call_skip(call, '(', "a ( is missing")) {
        return false;
    }
    bool has_value = copse_shell_json_peek(reader) != ')';
    if (!has_value && strcmp(call->command->name, "find") == 0 &&
        copse_bytes_equal(name, copse_bytes_of_text("count"))) {
        call->command = copse_shell_find_method(name, &call->method);
    } else if ((has_value || !shell_call_is_idle(name)) &&
               !shell_call_option(call, name, has_value)) {
        return false;
    }
    return shell_call_skip(call, ')', "a ) is missing");
}

static bool shell_call_parse(shell_call *call)
{
    if (!shell_call_arguments(call)) {
        return false;
    }
    while (copse_shell_json_skip(&call->reader, '.')) {
        if (!shell_call_next(call)) {
            return false;
        }
    }
    (void)copse_shell_json_skip(&call->reader, ';');
    uint8_t byte = copse_shell_json_peek(&call->reader);
    return call->reader.at == call->reader.text.len || byte == '#' ||
           shell_call_fail(call, "there is something behind the call");
}

/* ---- The words ---- */

static bool shell_call_put(const shell_call *call, copse_shell_words *words)
{
    bool done = copse_shell_words_add(words, copse_bytes_of_text(call->command->name));
    for (size_t i = 0; done && i < 2 && call->method.options[i] != NULL; i++) {
        done = copse_shell_words_add(words, copse_bytes_of_text(call->method.options[i]));
    }
    return done && copse_shell_words_add_all(words, &call->options) &&
           copse_shell_words_add(words, copse_bytes_of_text("--")) &&
           copse_shell_words_add(words, call->collection) &&
           copse_shell_words_add_all(words, &call->arguments);
}

bool copse_shell_call_read(copse_shell_words *words, copse_bytes line, uint64_t now_ms,
                           copse_shell_problem *ret_problem)
{
    shell_call call = {.reader = {.text = line, .now_ms = now_ms}, .problem = ret_problem};
    copse_bytes name;
    const copse_env *env = words->text.env;
    if (!copse_shell_call_begins(line, &call.collection, &name)) {
        return shell_call_fail(&call, "that is no call");
    }
    call.command = copse_shell_find_method(name, &call.method);
    if (call.command == NULL) {
        return shell_call_unknown_method(&call, name);
    }
    call.reader.at = (size_t)(name.ptr - line.ptr) + name.len + 1;
    copse_shell_words_init(&call.arguments, env);
    copse_shell_words_init(&call.options, env);
    copse_buf_init(&call.scratch, env, env->limits.json_size_bytes_max);
    bool done =
        shell_call_parse(&call) && (shell_call_put(&call, words) || shell_call_fail_memory(&call));
    copse_buf_release(&call.scratch);
    copse_shell_words_release(&call.options);
    copse_shell_words_release(&call.arguments);
    return done;
}
