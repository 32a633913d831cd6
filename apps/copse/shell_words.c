/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list ---- */

void copse_shell_words_init(copse_shell_words *words, const copse_env *env)
{
    *words = (copse_shell_words){.count = 0};
    copse_buf_init(&words->text, env, env->limits.json_size_bytes_max);
}

void copse_shell_words_release(copse_shell_words *words)
{
    copse_buf_release(&words->text);
}

bool copse_shell_words_end(copse_shell_words *words)
{
    words->count++;
    return copse_buf_append_byte(&words->text, 0) == COPSE_OK;
}

bool copse_shell_words_add(copse_shell_words *words, copse_bytes word)
{
    return copse_buf_append(&words->text, word) == COPSE_OK && copse_shell_words_end(words);
}

bool copse_shell_words_add_all(copse_shell_words *words, const copse_shell_words *more)
{
    words->count += more->count;
    return copse_buf_append(&words->text, copse_buf_view(&more->text)) == COPSE_OK;
}

const char *copse_shell_words_nth(const copse_shell_words *words, size_t index)
{
    const char *word = (const char *)words->text.ptr;
    if (index >= words->count) {
        return "";
    }
    for (; index > 0; index--) {
        word += strlen(word) + 1;
    }
    return word;
}

char **copse_shell_words_argv(const copse_shell_words *words)
{
    char **argv = calloc(words->count + 1, sizeof *argv);
    char *word = (char *)words->text.ptr;
    for (size_t i = 0; argv != NULL && i < words->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    return argv;
}

/* ---- Cutting ---- */

static bool shell_words_is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Appends what a word at reader->at means, without its quotes, and moves behind it. */
static bool shell_words_take(copse_shell_json *reader)
{
    copse_bytes line = reader->text;
    uint8_t quote = 0;
    for (; reader->at < line.len; reader->at++) {
        uint8_t byte = line.ptr[reader->at];
        if (quote == 0 && shell_words_is_space(byte)) {
            break;
        }
        if (quote == 0 ? byte == '\'' || byte == '"' : byte == quote) {
            quote = quote == 0 ? byte : 0;
            continue;
        }
        if (byte == '\\' && quote != '\'' && reader->at + 1 < line.len) {
            byte = line.ptr[++reader->at];
        }
        if (copse_buf_append_byte(reader->out, byte) != COPSE_OK) {
            reader->problem = "there is no room for so much";
            return false;
        }
    }
    reader->problem = quote != 0 ? "a quote is not closed" : NULL;
    return quote == 0;
}

/* Appends JSON, behind which a word must end. */
static bool shell_words_take_json(copse_shell_json *reader)
{
    if (!copse_shell_json_value(reader)) {
        return false;
    }
    bool ends =
        reader->at == reader->text.len || shell_words_is_space(reader->text.ptr[reader->at]);
    reader->problem = ends ? NULL : "there is something behind the JSON; put quotes around it all";
    return ends;
}

bool copse_shell_words_split(copse_shell_words *words, copse_bytes line, uint64_t now_ms,
                             copse_shell_problem *ret_problem)
{
    copse_shell_json reader = {.text = line, .out = &words->text, .now_ms = now_ms};
    bool is_read = true;
    for (;;) {
        uint8_t byte = copse_shell_json_peek(&reader);
        if (reader.at == line.len || byte == '#') {
            return true;
        }
        is_read =
            byte == '{' || byte == '[' ? shell_words_take_json(&reader) : shell_words_take(&reader);
        if (is_read && !copse_shell_words_end(words)) {
            reader.problem = "there is no room for so much";
            is_read = false;
        }
        if (!is_read) {
            ret_problem->at = reader.at;
            (void)snprintf(ret_problem->text, sizeof ret_problem->text, "%s", reader.problem);
            return false;
        }
    }
}
