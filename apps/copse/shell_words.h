/* A statement of the shell, cut into the words of a command.
 *
 *     find posts {tags: 'cats'} --limit 3             words; JSON needs no quotes around it
 *     posts.find({tags: 'cats'}).limit(3)             a call (shell_call.h)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_WORDS_H
#define COPSE_APPS_SHELL_WORDS_H

#include "shell_json.h"

/** Words, each with a NUL behind it. */
typedef struct copse_shell_words {
    copse_buf text;
    size_t count;
} copse_shell_words;

/** Why a statement can't be read. */
typedef struct copse_shell_problem {
    char text[160]; /**< What is wrong. */
    size_t at;      /**< Where, in the statement. */
} copse_shell_problem;

void copse_shell_words_init(copse_shell_words *words, const copse_env *env);
void copse_shell_words_release(copse_shell_words *words);

/** Adds a word. False: there is no memory. */
bool copse_shell_words_add(copse_shell_words *words, copse_bytes word);

/** Adds those of `more`. */
bool copse_shell_words_add_all(copse_shell_words *words, const copse_shell_words *more);

/** Makes what was appended to `text` since the last word a word. */
bool copse_shell_words_end(copse_shell_words *words);

/** The word number `index`, from 0; "" behind the last. */
const char *copse_shell_words_nth(const copse_shell_words *words, size_t index);

/** An array of the words, with NULL behind the last, which the caller frees; lent from `words`.
 * NULL: there is no memory. */
char **copse_shell_words_argv(const copse_shell_words *words);

/** Cuts a line: spaces are between words, quotes and backslashes as in a shell, # begins a comment,
 * and what begins with { or [ is JSON as people type it. False: *ret_problem. */
bool copse_shell_words_split(copse_shell_words *words, copse_bytes line, uint64_t now_ms,
                             copse_shell_problem *ret_problem);

#endif
