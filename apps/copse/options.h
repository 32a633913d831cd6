/* The command line: options and arguments, parsed by a table.
 *
 * Options may stand anywhere: `--name VALUE`, `--name=VALUE`, `-n VALUE`, `--flag`. Behind `--`,
 * and with `-` alone, words are arguments. An option given twice counts as given last, unless it is
 * a list. A command with an argument called FIELDS, INDEX or ID takes words with one dash as
 * arguments: -createdAt.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_OPTIONS_H
#define COPSE_APPS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum copse_option_kind {
    COPSE_OPTION_FLAG,
    COPSE_OPTION_TEXT,
    COPSE_OPTION_COUNT,  /**< Decimal digits. */
    COPSE_OPTION_SIZE,   /**< Bytes: decimal digits, then K, M, G or T for powers of 1,024. */
    COPSE_OPTION_CHOICE, /**< One of the words in `value`. */
    COPSE_OPTION_LIST    /**< Text; may be given several times. */
} copse_option_kind;

/** An option of a command. A table of them ends with a zeroed one. */
typedef struct copse_option {
    const char *name;  /**< With its dashes: "--limit". */
    const char *value; /**< What the usage calls it; CHOICE: "one|two|three". NULL: a flag. */
    copse_option_kind kind;
    const char *help; /**< One line. */
    char letter;      /**< `-o` for short; 0: none. */
} copse_option;

/* Options that several commands have in common. */
#define COPSE_OPTION_JSON                                                                          \
    {                                                                                              \
        "--json", NULL, COPSE_OPTION_FLAG, "print JSON, one object a line", 0                      \
    }
#define COPSE_OPTION_HEX                                                                           \
    {                                                                                              \
        "--hex", NULL, COPSE_OPTION_FLAG, "keys and values are hexadecimal, in and out", 0         \
    }
#define COPSE_OPTION_REF                                                                           \
    {                                                                                              \
        "--ref", "NAME", COPSE_OPTION_TEXT, "the ref to use instead of main", 0                    \
    }
#define COPSE_OPTION_TREE                                                                          \
    {                                                                                              \
        "--ref", "NAME|CID", COPSE_OPTION_TEXT, "the tree to read instead of the ref main", 0      \
    }
#define COPSE_OPTION_DURABILITY                                                                    \
    {                                                                                              \
        "--durability", "full|normal|off", COPSE_OPTION_CHOICE,                                    \
            "safe from a loss of power: all (the default), all but the last, none", 0              \
    }
#define COPSE_OPTION_PROGRESS                                                                      \
    {                                                                                              \
        "--progress", NULL, COPSE_OPTION_FLAG, "show progress also if stderr is no terminal", 0    \
    }

/* Which entries; read by copse_range_init (range.h). */
#define COPSE_OPTIONS_RANGE                                                                        \
    {"--from", "KEY", COPSE_OPTION_TEXT, "begin with the first key that is not below KEY", 0},     \
        {"--to", "KEY", COPSE_OPTION_TEXT, "end before the first key that is not below KEY", 0},   \
    {                                                                                              \
        "--prefix", "KEY", COPSE_OPTION_TEXT, "only keys that begin with KEY", 0                   \
    }
#define COPSE_OPTIONS_WINDOW                                                                       \
    {"--limit", "N", COPSE_OPTION_COUNT, "at most N entries", 0},                                  \
    {                                                                                              \
        "--reverse", NULL, COPSE_OPTION_FLAG, "from the last key to the first", 0                  \
    }

/** The most options that a command has. */
#define COPSE_OPTIONS_MAX 24

/** The most values of all lists of one command line. */
#define COPSE_OPTIONS_LIST_MAX 64

/** A value of a list. */
typedef struct copse_option_value {
    size_t option; /**< As table. */
    const char *text;
} copse_option_value;

/** A parsed command line. Borrows argv and the table. */
typedef struct copse_options {
    const copse_option *table;
    const char *text[COPSE_OPTIONS_MAX];             /**< As table; NULL: not given. */
    uint64_t number[COPSE_OPTIONS_MAX];              /**< COUNT and SIZE. */
    copse_option_value list[COPSE_OPTIONS_LIST_MAX]; /**< Of all lists, as they were given. */
    size_t list_count;
    char **arguments;
    size_t arguments_count;
    bool help; /**< --help or -h stood somewhere; nothing else was checked. */
} copse_options;

/** Parses the words behind the command's name; reorders `argv`. `arguments` names what it takes:
 * "STORE KEY [VALUE]", "STORE KEY...", "[STORE] FILE". False: it makes no sense; `ret_problem` has
 * one line that says why. */
bool copse_options_parse(copse_options *options, const copse_option *table, const char *arguments,
                         int argc, char **argv, char *ret_problem, size_t problem_size);

/** Whether the command has an option of this name at all. */
bool copse_options_knows(const copse_options *options, const char *name);

/** Whether the option was given. `name` must stand in the table. */
bool copse_options_has(const copse_options *options, const char *name);

/** The option's text, or `fallback`. */
const char *copse_options_text(const copse_options *options, const char *name,
                               const char *fallback);

/** Text number `index` of a list, from 0; NULL: it was given fewer. */
const char *copse_options_nth(const copse_options *options, const char *name, size_t index);

/** The option's number, or `fallback`. */
uint64_t copse_options_number(const copse_options *options, const char *name, uint64_t fallback);

/** Gives the option `name` (with its dashes) a value, as if that stood on the command line; a flag
 * takes "yes" or "no". `value` is borrowed. False: it can't have it, or there is no such option;
 * `ret_problem` has one line that says why. */
bool copse_options_set(copse_options *options, const char *name, const char *value,
                       char *ret_problem, size_t problem_size);

/** Takes over from `below` (of the same table) what `options` was not given. Lists are joined,
 * `below` first. False: a list becomes too long. */
bool copse_options_add_below(copse_options *options, const copse_options *below);

/** How far one word is from another: the letters to insert, delete, replace or swap. */
size_t copse_word_distance(const char *a, const char *b);

#endif
