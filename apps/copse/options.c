/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "options.h"

#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Looking up ---- */

/* Behind the last option if there is none of this name. */
static size_t options_find(const copse_options *options, const char *name)
{
    size_t i = 0;
    while (options->table[i].name != NULL && strcmp(options->table[i].name, name) != 0) {
        i++;
    }
    return i;
}

static size_t options_index(const copse_options *options, const char *name)
{
    size_t i = options_find(options, name);
    assert(options->table[i].name != NULL);
    return i;
}

bool copse_options_knows(const copse_options *options, const char *name)
{
    return options->table[options_find(options, name)].name != NULL;
}

bool copse_options_has(const copse_options *options, const char *name)
{
    return options->text[options_index(options, name)] != NULL;
}

const char *copse_options_text(const copse_options *options, const char *name, const char *fallback)
{
    const char *text = options->text[options_index(options, name)];
    return text != NULL ? text : fallback;
}

const char *copse_options_nth(const copse_options *options, const char *name, size_t index)
{
    size_t option = options_index(options, name);
    for (size_t i = 0; i < options->list_count; i++) {
        if (options->list[i].option == option && index-- == 0) {
            return options->list[i].text;
        }
    }
    return NULL;
}

uint64_t copse_options_number(const copse_options *options, const char *name, uint64_t fallback)
{
    size_t i = options_index(options, name);
    return options->text[i] != NULL ? options->number[i] : fallback;
}

/* ---- The nearest name ---- */

static size_t options_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t copse_word_distance(const char *a, const char *b)
{
    enum { LENGTH_MAX = 31 };
    size_t rows[3][LENGTH_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len > LENGTH_MAX || b_len > LENGTH_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = options_min(replaced, options_min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = options_min(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

static const char *options_nearest(const copse_option *table, const char *word)
{
    const char *nearest = NULL;
    size_t distance_best = 4;
    for (size_t i = 0; table[i].name != NULL; i++) {
        size_t distance = copse_word_distance(word, table[i].name);
        if (strlen(word) > 3 && strncmp(word, table[i].name, strlen(word)) == 0) {
            distance = 1;
        }
        if (distance < distance_best) {
            distance_best = distance;
            nearest = table[i].name;
        }
    }
    return nearest;
}

/* ---- Parsing ---- */

typedef struct options_parse {
    copse_options *options;
    int argc;
    char **argv;
    int at; /* the next word */
    char *problem;
    size_t problem_size;
} options_parse;

static bool options_choice_has(const char *choices, const char *word)
{
    size_t len = strlen(word);
    while (len > 0) {
        const char *end = strchr(choices, '|');
        size_t choice_len = end != NULL ? (size_t)(end - choices) : strlen(choices);
        if (choice_len == len && memcmp(choices, word, len) == 0) {
            return true;
        }
        if (end == NULL) {
            break;
        }
        choices = end + 1;
    }
    return false;
}

static bool options_add_value(options_parse *parse, size_t index, const char *value)
{
    copse_options *options = parse->options;
    if (options->list_count == COPSE_OPTIONS_LIST_MAX) {
        (void)snprintf(parse->problem, parse->problem_size, "%s was given too often: %d at most",
                       options->table[index].name, COPSE_OPTIONS_LIST_MAX);
        return false;
    }
    options->list[options->list_count++] = (copse_option_value){index, value};
    return true;
}

static bool options_check_value(options_parse *parse, size_t index, const char *value)
{
    const copse_option *option = &parse->options->table[index];
    uint64_t *number = &parse->options->number[index];
    const char *expected = NULL;
    if (option->kind == COPSE_OPTION_COUNT && !copse_text_to_count(value, number)) {
        expected = "a number, such as 100";
    } else if (option->kind == COPSE_OPTION_SIZE && !copse_text_to_size(value, number)) {
        expected = "a size, such as 65536, 64K, 256M or 2G";
    } else if (option->kind == COPSE_OPTION_CHOICE && !options_choice_has(option->value, value)) {
        expected = option->value;
    }
    if (expected != NULL) {
        (void)snprintf(parse->problem, parse->problem_size, "%s takes %s, not '%s'", option->name,
                       expected, value);
        return false;
    }
    parse->options->text[index] = value;
    return option->kind != COPSE_OPTION_LIST || options_add_value(parse, index, value);
}

bool copse_options_set(copse_options *options, const char *name, const char *value,
                       char *ret_problem, size_t problem_size)
{
    options_parse parse = {options, 0, NULL, 0, ret_problem, problem_size};
    size_t i = options_find(options, name);
    if (options->table[i].name == NULL) {
        (void)snprintf(ret_problem, problem_size, "there is no option '%s'", name);
        return false;
    }
    if (options->table[i].kind != COPSE_OPTION_FLAG) {
        return options_check_value(&parse, i, value);
    }
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        (void)snprintf(ret_problem, problem_size, "%s takes yes or no, not '%s'", name, value);
        return false;
    }
    options->text[i] = yes ? "" : NULL;
    return true;
}

bool copse_options_add_below(copse_options *options, const copse_options *below)
{
    size_t count = options->list_count + below->list_count;
    if (count > COPSE_OPTIONS_LIST_MAX) {
        return false;
    }
    memmove(options->list + below->list_count, options->list,
            options->list_count * sizeof options->list[0]);
    memcpy(options->list, below->list, below->list_count * sizeof below->list[0]);
    options->list_count = count;
    for (size_t i = 0; options->table[i].name != NULL; i++) {
        if (options->text[i] == NULL) {
            options->text[i] = below->text[i];
            options->number[i] = below->number[i];
        }
    }
    return true;
}

/* `word` begins with a dash. */
static bool options_parse_one(options_parse *parse, char *word)
{
    const copse_option *table = parse->options->table;
    char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t i = 0;
    if (equals != NULL) {
        *equals = '\0';
    }
    while (table[i].name != NULL && strcmp(table[i].name, word) != 0 &&
           (table[i].letter == 0 || word[1] != table[i].letter || word[2] != '\0')) {
        i++;
    }
    if (table[i].name == NULL) {
        const char *nearest = options_nearest(table, word);
        (void)snprintf(parse->problem, parse->problem_size, "unknown option '%s'%s%s%s", word,
                       nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "?" : "");
        return false;
    }
    if (table[i].kind == COPSE_OPTION_FLAG) {
        if (equals != NULL) {
            (void)snprintf(parse->problem, parse->problem_size, "%s takes no value", word);
            return false;
        }
        parse->options->text[i] = "";
        return true;
    }
    if (equals != NULL) {
        return options_check_value(parse, i, equals + 1);
    }
    if (parse->at == parse->argc) {
        (void)snprintf(parse->problem, parse->problem_size, "%s needs a value: %s %s", word,
                       table[i].name, table[i].value);
        return false;
    }
    return options_check_value(parse, i, parse->argv[parse->at++]);
}

/* The name of argument `index` in "STORE KEY [VALUE...]"; "" past the last. */
static void options_argument_name(const char *names, size_t index, char *ret_name, size_t size)
{
    size_t len = strcspn(names, " ");
    for (; index > 0 && names[len] != '\0'; index--) {
        names += len + 1;
        len = strcspn(names, " ");
    }
    (void)snprintf(ret_name, size, "%.*s", index == 0 ? (int)len : 0, names);
}

/* Optional arguments stand in brackets, also at the front; the last one may repeat: "...". */
static bool options_check_arguments(options_parse *parse, const char *names)
{
    size_t required = 0;
    size_t most = 0;
    char name[32];
    bool repeats = false;
    for (;;) {
        options_argument_name(names, most, name, sizeof name);
        if (name[0] == '\0') {
            break;
        }
        required += name[0] != '[';
        repeats = strstr(name, "...") != NULL;
        most++;
    }
    size_t count = parse->options->arguments_count;
    if (count < required) {
        options_argument_name(names, names[0] == '[' ? count + 1 : count, name, sizeof name);
        (void)snprintf(parse->problem, parse->problem_size, "%s is missing", name);
        return false;
    }
    if (count > most && !repeats) {
        (void)snprintf(parse->problem, parse->problem_size, "'%s' is one argument too many",
                       parse->options->arguments[most]);
        return false;
    }
    return true;
}

static bool options_asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the word is an argument, not an option. */
static bool options_is_argument(const char *word, const char *arguments)
{
    bool dashes = strstr(arguments, "FIELDS") != NULL || strstr(arguments, "INDEX") != NULL ||
                  strstr(arguments, "ID...") != NULL;
    return word[0] != '-' || word[1] == '\0' || (dashes && word[1] != '-');
}

bool copse_options_parse(copse_options *options, const copse_option *table, const char *arguments,
                         int argc, char **argv, char *ret_problem, size_t problem_size)
{
    static const copse_option none[] = {{NULL, NULL, COPSE_OPTION_FLAG, NULL, 0}};
    options_parse parse = {options, argc, argv, 0, ret_problem, problem_size};
    bool only_arguments = false;
    ret_problem[0] = '\0';
    *options = (copse_options){.table = table != NULL ? table : none, .arguments = argv};
    options->help = options_asks_help(argc, argv);
    if (options->help) {
        return true;
    }
    while (parse.at < argc) {
        char *word = argv[parse.at++];
        if (only_arguments || options_is_argument(word, arguments)) {
            argv[options->arguments_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!options_parse_one(&parse, word)) {
            return false;
        }
    }
    return options_check_arguments(&parse, arguments);
}
