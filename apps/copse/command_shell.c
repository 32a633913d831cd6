/* copse shell: a prompt for one database, or a script of statements on stdin.
 *
 * A statement is a command as behind `copse`, without the database, or a call on a collection,
 * which becomes such a command (shell_call.h), or a setting. Commands run in a process of their
 * own, and open the database anew: so each sees what others have written, and the shell outlives
 * them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "progress.h"
#include "shell_call.h"
#include "shell_child.h"
#include "shell_editor.h"
#include "shell_grammar.h"
#include "shell_history.h"
#include "shell_scan.h"
#include "shell_settings.h"
#include "shell_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct shell {
    copse_call *call;
    copse_shell_settings settings;
    copse_shell_names names;
    copse_shell_editor *editor; /* NULL: a script */
    char *line;                 /* of the script */
    size_t line_capacity;
    uint64_t line_number;
    copse_buf statement; /* until now */
    copse_shell_scan scan;
    uint64_t statement_line; /* where it begins */
} shell;

static const copse_option shell_options[] = {
    COPSE_OPTION_HEAD,
    {"--keep-going", NULL, COPSE_OPTION_FLAG, "in a script: go on behind what fails", 0},
    {"--no-history", NULL, COPSE_OPTION_FLAG, "neither read nor keep what is typed", 0},
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- Running a command ---- */

/* A command line being put together; the words are lent. */
typedef struct shell_command {
    const copse_command *command; /* NULL: there is none of this name */
    int argc;
    char *argv[]; /* with room for all */
} shell_command;

static void shell_push(shell_command *line, const char *word)
{
    line->argv[line->argc++] = (char *)word;
}

/* Pushes what the shell itself was given and the command takes too. */
static void shell_push_options(const shell *self, shell_command *line)
{
    const copse_options *options = &self->call->options;
    for (size_t i = 0; options->table[i].name != NULL; i++) {
        const copse_option *option = &options->table[i];
        if (options->text[i] == NULL || copse_shell_option(line->command, option->name) == NULL) {
            continue;
        }
        if (option->kind == COPSE_OPTION_LIST) {
            const char *value;
            for (size_t j = 0; (value = copse_options_nth(options, option->name, j)) != NULL; j++) {
                shell_push(line, option->name);
                shell_push(line, value);
            }
            continue;
        }
        shell_push(line, option->name);
        if (option->kind != COPSE_OPTION_FLAG) {
            shell_push(line, options->text[i]);
        }
    }
    if (self->settings.explain && copse_shell_option(line->command, "--explain") != NULL) {
        shell_push(line, "--explain");
    }
}

static bool shell_is_given(const shell_command *line, const char *option)
{
    for (int i = 0; i < line->argc && strcmp(line->argv[i], "--") != 0; i++) {
        if (strcmp(line->argv[i], option) == 0) {
            return true;
        }
    }
    return false;
}

static int shell_work(void *ctx)
{
    shell_command *line = ctx;
    return copse_command_run(line->argc, line->argv);
}

static void shell_take(void *ctx, copse_bytes output)
{
    copse_shell_table_take(ctx, output);
}

/* Whether what the command prints are documents, which are to be shown as a table. */
static bool shell_shows_table(const shell *self, const shell_command *line)
{
    static const char *const names[] = {"find", "aggregate", "get"};
    bool is_one = false;
    for (size_t i = 0; line->command != NULL && i < sizeof names / sizeof names[0]; i++) {
        is_one = is_one || strcmp(line->command->name, names[i]) == 0;
    }
    return self->settings.table && is_one && !shell_is_given(line, "--json") &&
           !shell_is_given(line, "--explain");
}

static int shell_run_command(shell *self, shell_command *line)
{
    copse_shell_table table;
    copse_shell_child child = {.work = shell_work, .ctx = line, .has_input = self->editor != NULL};
    double begin = copse_progress_now();
    bool is_table = shell_shows_table(self, line);
    if (is_table) {
        copse_shell_table_init(&table, &self->call->output);
        child.take = shell_take;
        child.take_ctx = &table;
    }
    int code = copse_shell_child_run(&child);
    if (is_table) {
        copse_shell_table_end(&table);
        copse_shell_table_release(&table);
        (void)copse_output_flush(&self->call->output);
    }
    if (self->settings.timing) {
        (void)printf("time      %.1f ms\n", (copse_progress_now() - begin) * 1e3);
    }
    copse_shell_names_forget(&self->names);
    return code;
}

static int shell_refuse(const char *problem)
{
    (void)fprintf(stderr, "copse: %s\n", problem);
    return COPSE_EXIT_USAGE;
}

/* Puts the database, and options of the shell's own, behind the command's name, and runs it. */
static int shell_run_words(shell *self, const copse_shell_words *words)
{
    enum { OPTIONS_MAX = 2 * (COPSE_OPTIONS_LIST_MAX + COPSE_OPTIONS_MAX) + 2 };
    int names = 0;
    char **argv = copse_shell_words_argv(words);
    shell_command *line =
        calloc(1, sizeof *line + (words->count + OPTIONS_MAX) * sizeof line->argv[0]);
    int code = COPSE_EXIT_FAILED;
    if (argv == NULL || line == NULL) {
        (void)shell_refuse("out of memory");
        free(argv);
        free(line);
        return code;
    }
    line->command = copse_command_of((int)words->count, argv, &names);
    for (int i = 0; i < (int)words->count; i++) {
        shell_push(line, argv[i]);
        if (i + 1 == names && copse_shell_takes_place(line->command)) {
            shell_push(line, self->call->options.arguments[0]);
            shell_push_options(self, line);
        }
    }
    if (line->command == self->call->command) {
        code = shell_refuse("this is the shell; `.help` shows what can be typed");
    } else if (line->command != NULL && copse_options_has(&self->call->options, "--at") &&
               copse_shell_option(line->command, "--message") != NULL) {
        code = shell_refuse("the past can't be changed; `.at HEAD` goes back to the present");
    } else {
        code = shell_run_command(self, line);
    }
    free(argv);
    free(line);
    return code;
}

/* ---- Statements ---- */

/* Says what is wrong, and before which words. */
static int shell_report(copse_bytes statement, const copse_shell_problem *problem)
{
    enum { SHOWN_MAX = 24 };
    size_t len = problem->at < statement.len ? statement.len - problem->at : 0;
    const uint8_t *rest = statement.ptr + (statement.len - len);
    const uint8_t *end = len > 0 ? memchr(rest, '\n', len) : NULL;
    len = end != NULL ? (size_t)(end - rest) : len;
    bool is_cut = len > SHOWN_MAX;
    len = is_cut ? SHOWN_MAX : len;
    while (is_cut && len > 0 && (rest[len] & 0xc0) == 0x80) {
        len--;
    }
    (void)fprintf(stderr, "copse: %s, %s%.*s%s\n", problem->text, len > 0 ? "at: " : "at the end",
                  (int)len, (const char *)rest, is_cut ? "…" : "");
    return COPSE_EXIT_USAGE;
}

static uint64_t shell_now_ms(const copse_env *env)
{
    return env->clock != NULL ? env->clock(env->clock_ctx) : 0;
}

static int shell_run_statement(shell *self, copse_bytes statement)
{
    const copse_env *env = &self->call->env;
    copse_shell_words words;
    copse_shell_problem problem;
    copse_bytes collection;
    copse_bytes method;
    int code = COPSE_EXIT_OK;
    statement = copse_shell_translate(statement);
    copse_shell_words_init(&words, env);
    bool is_call =
        copse_shell_call_begins(statement, &collection, &method) && collection.ptr[0] != '.';
    bool is_read = (is_call ? copse_shell_call_read : copse_shell_words_split)(
        &words, statement, shell_now_ms(env), &problem);
    if (!is_read && self->scan.depth > 0 && !self->scan.is_broken) {
        code = shell_refuse("a bracket is not closed");
    } else if (!is_read) {
        code = shell_report(statement, &problem);
    } else if (copse_shell_words_nth(&words, 0)[0] == '.') {
        code = copse_shell_set(&self->settings, &words);
        copse_shell_names_forget(&self->names);
    } else if (words.count > 0) {
        code = shell_run_words(self, &words);
    }
    copse_shell_words_release(&words);
    return code;
}

/* ---- Lines ---- */

static const char *shell_prompt(const shell *self, char *ret_text, size_t size)
{
    const copse_options *options = &self->call->options;
    const char *place = options->arguments[0];
    const char *name = strrchr(place, '/');
    const char *ref = copse_options_text(options, "--ref", NULL);
    const char *at = copse_options_text(options, "--at", NULL);
    name = name != NULL && name[1] != '\0' ? name + 1 : place;
    (void)snprintf(ret_text, size, "%.64s%s%.64s%s%.64s> ", name, ref != NULL ? "@" : "",
                   ref != NULL ? ref : "", at != NULL ? " at " : "", at != NULL ? at : "");
    return self->statement.len > 0 ? "... " : ret_text;
}

static copse_shell_typed shell_read(shell *self, copse_bytes *ret_line)
{
    char prompt[256];
    if (self->editor != NULL) {
        return copse_shell_editor_read(self->editor, shell_prompt(self, prompt, sizeof prompt),
                                       copse_buf_view(&self->statement), ret_line);
    }
    ssize_t size = getline(&self->line, &self->line_capacity, stdin);
    *ret_line = (copse_bytes){(const uint8_t *)self->line, size > 0 ? (size_t)size : 0};
    self->line_number++;
    return size > 0 ? COPSE_SHELL_LINE : COPSE_SHELL_END;
}

static void shell_drop(shell *self)
{
    copse_buf_truncate(&self->statement, 0);
    self->scan = (copse_shell_scan){.depth = 0};
}

/* Adds a line to the statement. False: there is no room. */
static bool shell_add(shell *self, copse_bytes line)
{
    size_t before = self->statement.len;
    self->statement_line = before == 0 ? self->line_number : self->statement_line;
    if (copse_buf_append(&self->statement, line) != COPSE_OK) {
        return false;
    }
    copse_shell_scan_text(&self->scan, copse_buf_view(&self->statement), before);
    return true;
}

static int shell_finish(shell *self)
{
    copse_bytes statement = copse_buf_view(&self->statement);
    if (self->editor != NULL) {
        copse_shell_editor_remember(self->editor, statement);
    }
    int code = shell_run_statement(self, statement);
    if (code != COPSE_EXIT_OK && self->editor == NULL) {
        bool goes_on = copse_options_has(&self->call->options, "--keep-going");
        (void)fprintf(stderr, "copse: that was line %llu of the script%s\n",
                      (unsigned long long)self->statement_line, goes_on ? "" : "; it ends here");
    }
    shell_drop(self);
    return code;
}

/* Runs statements until they end; of a script the exit code of the first that failed. */
static int shell_loop(shell *self)
{
    bool stops = self->editor == NULL && !copse_options_has(&self->call->options, "--keep-going");
    int first = COPSE_EXIT_OK;
    bool ends = false;
    while (!ends && !self->settings.quit && (first == COPSE_EXIT_OK || !stops)) {
        copse_bytes line;
        copse_shell_typed typed = shell_read(self, &line);
        int code = COPSE_EXIT_OK;
        ends = typed == COPSE_SHELL_END;
        if (typed == COPSE_SHELL_DROPPED) {
            shell_drop(self);
        } else if (typed == COPSE_SHELL_LINE && !shell_add(self, line)) {
            code = shell_refuse("that is too long");
            shell_drop(self);
        } else if (self->statement.len > 0 &&
                   (ends || self->scan.depth == 0 || self->scan.is_broken)) {
            code = shell_finish(self);
        }
        first = self->editor == NULL && first == COPSE_EXIT_OK ? code : first;
    }
    return first;
}

/* ---- The command ---- */

static int shell_begin(shell *self)
{
    char history[COPSE_SHELL_HISTORY_PATH_SIZE];
    if (isatty(STDIN_FILENO)) {
        bool is_kept = !copse_options_has(&self->call->options, "--no-history") &&
                       copse_shell_history_path(history);
        self->editor = copse_shell_editor_new(&self->names, is_kept ? history : NULL);
        if (self->editor == NULL) {
            return copse_failure(self->call, COPSE_NOMEM, NULL, "no line can be edited");
        }
        (void)printf("`.help` shows what can be typed; `.quit` or Ctrl-D ends.\n");
    }
    int code = shell_loop(self);
    self->editor = copse_shell_editor_free(self->editor);
    return code;
}

static int shell_run(copse_call *call)
{
    shell self = {.call = call, .settings = {.call = call}};
    copse_documents documents;
    /* A name that is wrong is found before anything is typed. */
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    copse_documents_close(&documents);
    copse_shell_names_init(&self.names, call);
    copse_buf_init(&self.statement, &call->env, call->env.limits.json_size_bytes_max);
    int code = shell_begin(&self);
    copse_buf_release(&self.statement);
    copse_shell_names_release(&self.names);
    free(self.line);
    return code;
}

const copse_command copse_command_shell = {
    .name = "shell",
    .arguments = "DB",
    .summary = "A prompt for one database, or a script of statements on stdin",
    .details =
        "A line is a command without `copse` and without the database, or a call on a\n"
        "collection, as in mongosh:\n"
        "\n"
        "  find posts {tags: 'cats'} --sort -createdAt --limit 3\n"
        "  posts.find({tags: 'cats'}).sort({createdAt: -1}).limit(3)\n"
        "\n"
        "JSON needs no quotes around it, names in it none either; lines go on while a bracket\n"
        "is open. Tab completes. `.help` shows the calls, and settings such as `.mode table`.\n"
        "What is typed is kept in $COPSE_HISTORY, or ~/.local/state/copse/history.\n"
        "\n"
        "What doesn't come from a terminal is a script: `#` begins a comment, and the first\n"
        "statement that fails ends it, with its exit code.\n",
    .options = shell_options,
    .examples = "copse shell blog.copse\n"
                "copse shell http://127.0.0.1:4180/blog\n"
                "echo 'posts.insert({_id: 1}); posts.count()' | tr ';' '\\n' | copse shell "
                "blog.copse",
    .run = shell_run,
};
