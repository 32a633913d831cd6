/* copse shell: a prompt for one database. A line is a command as behind `copse`, without the
 * database; lines that are not typed on a terminal are a script, which ends at the first failure.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"

#include <editline/readline.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHELL_WORDS_MAX = 64, SHELL_OPTIONS_MAX = 2 * COPSE_OPTIONS_LIST_MAX + 5 };

typedef struct copse_shell {
    copse_call *call;
    char *database;
    char *options[SHELL_OPTIONS_MAX]; /* of peers, for each command that takes them */
    int options_count;
    char *words[SHELL_WORDS_MAX];
    int count;
} copse_shell;

static const copse_option shell_options[] = {
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- Words ---- */

/* The end of JSON that begins at `at`, so that it needs no quotes: behind the bracket that closes
 * it. NULL: it does not end. */
static char *shell_json_end(char *at)
{
    size_t depth = 0;
    bool quoted = false;
    for (; *at != '\0'; at++) {
        if (quoted) {
            quoted = *at != '"';
            at += *at == '\\' && at[1] != '\0';
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if ((*at == '}' || *at == ']') && --depth == 0) {
            return at + 1;
        }
    }
    return NULL;
}

/* Takes the quotes off a word, in its place; *ret_end is behind it. False: a quote does not end. */
static bool shell_unquote(char *at, char **ret_end)
{
    char *to = at;
    char quote = '\0';
    for (; *at != '\0' && (quote != '\0' || (*at != ' ' && *at != '\t')); at++) {
        if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == quote && quote != '\0') {
            quote = '\0';
        } else if (*at == '\\' && quote != '\'' && at[1] != '\0') {
            *to++ = *++at;
        } else {
            *to++ = *at;
        }
    }
    *ret_end = *at != '\0' ? at + 1 : at;
    *to = '\0';
    return quote == '\0';
}

/* Cuts `line` into words; the problem, or NULL. */
static const char *shell_split(copse_shell *shell, char *line)
{
    char *at = line;
    shell->count = 0;
    for (;;) {
        at += strspn(at, " \t");
        if (*at == '\0' || *at == '#') {
            return NULL;
        }
        if (shell->count == SHELL_WORDS_MAX) {
            return "too many words";
        }
        shell->words[shell->count++] = at;
        if (*at == '{' || *at == '[') {
            char *end = shell_json_end(at);
            if (end == NULL) {
                return "a bracket or a quote is not closed";
            }
            if (*end != '\0' && *end != ' ' && *end != '\t') {
                return "there is something behind the JSON; put quotes around it";
            }
            at = *end != '\0' ? end + 1 : end;
            *end = '\0';
        } else if (!shell_unquote(at, &at)) {
            return "a quote is not closed";
        }
    }
}

/* ---- Running ---- */

static void shell_add_option(copse_shell *shell, const char *name, const char *value)
{
    if (value != NULL) {
        shell->options[shell->options_count++] = (char *)name;
        shell->options[shell->options_count++] = (char *)value;
    }
}

/* Keeps the options of peers that the shell was given. */
static void shell_keep_options(copse_shell *shell)
{
    const copse_options *options = &shell->call->options;
    const char *peer;
    for (size_t i = 0; (peer = copse_options_nth(options, "--peer", i)) != NULL; i++) {
        shell_add_option(shell, "--peer", peer);
    }
    shell_add_option(shell, "--cache", copse_options_text(options, "--cache", NULL));
    shell_add_option(shell, "--cache-size", copse_options_text(options, "--cache-size", NULL));
    if (copse_options_has(options, "--offline")) {
        shell->options[shell->options_count++] = (char *)"--offline";
    }
}

/* Puts the database, and the options of peers where they are taken, behind the command's words, and
 * runs it. */
static int shell_run_words(copse_shell *shell)
{
    char *argv[SHELL_WORDS_MAX + SHELL_OPTIONS_MAX + 1];
    bool takes_peers = copse_command_knows(shell->count, shell->words, "--peer");
    int words = copse_command_words(shell->count, shell->words);
    int at = 0;
    if (words == 0 || strcmp(shell->words[0], "help") == 0 ||
        strcmp(shell->words[0], "version") == 0) {
        return copse_command_run(shell->count, shell->words);
    }
    for (int i = 0; i < shell->count; i++) {
        argv[at++] = shell->words[i];
        if (i + 1 == words) {
            argv[at++] = shell->database;
            for (int j = 0; takes_peers && j < shell->options_count; j++) {
                argv[at++] = shell->options[j];
            }
        }
    }
    return copse_command_run(at, argv);
}

/* Runs one line. *ret_quit: it said so. */
static int shell_run_line(copse_shell *shell, char *line, bool *ret_quit)
{
    const char *problem = shell_split(shell, line);
    if (problem != NULL) {
        (void)fprintf(stderr, "copse: %s\n", problem);
        return COPSE_EXIT_USAGE;
    }
    if (shell->count == 0) {
        return COPSE_EXIT_OK;
    }
    *ret_quit = strcmp(shell->words[0], "quit") == 0 || strcmp(shell->words[0], "exit") == 0;
    if (*ret_quit) {
        return COPSE_EXIT_OK;
    }
    if (strcmp(shell->words[0], "shell") == 0) {
        (void)fprintf(stderr, "copse: this is the shell; `help` lists the commands\n");
        return COPSE_EXIT_USAGE;
    }
    return shell_run_words(shell);
}

/* ---- Typed lines and scripts ---- */

static char *shell_complete(const char *text, int state)
{
    const char *name = copse_command_nth_beginning(text, state);
    return name != NULL ? strdup(name) : NULL;
}

static int shell_typed(copse_shell *shell)
{
    char prompt[160];
    bool quit = false;
    const char *name = strrchr(shell->database, '/');
    (void)snprintf(prompt, sizeof prompt, "%.120s> ",
                   name != NULL && name[1] != '\0' ? name + 1 : shell->database);
    (void)printf("`help` lists the commands; they take no database here. `quit` or Ctrl-D ends.\n");
    rl_completion_entry_function = shell_complete;
    while (!quit) {
        char *line = readline(prompt);
        if (line == NULL) {
            (void)printf("\n");
            break;
        }
        if (line[strspn(line, " \t")] != '\0') {
            add_history(line);
        }
        (void)shell_run_line(shell, line, &quit);
        free(line);
    }
    return COPSE_EXIT_OK;
}

static int shell_script(copse_shell *shell)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    int code = COPSE_EXIT_OK;
    unsigned long long number = 0;
    bool quit = false;
    while (code == COPSE_EXIT_OK && !quit && (size = getline(&line, &capacity, stdin)) > 0) {
        line[size - (line[size - 1] == '\n')] = '\0';
        number++;
        code = shell_run_line(shell, line, &quit);
    }
    if (code != COPSE_EXIT_OK) {
        (void)fprintf(stderr, "copse: that was line %llu of the script; it ends here\n", number);
    }
    free(line);
    return code;
}

static int shell_run(copse_call *call)
{
    copse_shell shell = {.call = call, .database = call->options.arguments[0]};
    copse_documents documents;
    /* A name that is wrong is found before anything is typed. */
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    copse_documents_close(&documents);
    shell_keep_options(&shell);
    return isatty(STDIN_FILENO) ? shell_typed(&shell) : shell_script(&shell);
}

const copse_command copse_command_shell = {
    .name = "shell",
    .arguments = "DB",
    .summary = "A prompt for one database, or a script of commands on stdin",
    .details =
        "A line is a command without `copse` and without the database. JSON needs no quotes:\n"
        "\n"
        "  find posts {\"tags\": \"cats\"} --sort -createdAt --limit 3\n"
        "\n"
        "Lines that don't come from a terminal are a script: `#` begins a comment, and the\n"
        "first command that fails ends it, with its exit code.\n",
    .options = shell_options,
    .examples = "copse shell blog.copse\n"
                "copse shell http://127.0.0.1:4180/blog\n"
                "printf 'insert posts {\"_id\":1}\\ncount posts\\n' | copse shell blog.copse",
    .run = shell_run,
};
