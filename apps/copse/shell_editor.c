/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_editor.h"

#include "shell_complete.h"
#include "shell_history.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { SHELL_EDITOR_SHOWN_MAX = 300 };

struct copse_shell_editor {
    int input; /* the terminal, opened anew so that reading it never blocks */
    EditLine *edit;
    History *history;
    const char *history_path;
    copse_shell_names *names;
    const char *prompt;
    copse_bytes before;
    copse_buf last; /* the statement that was remembered last, on one line */
};

/* ---- Tab ---- */

static size_t shell_editor_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Shows the candidates, in columns. */
static void shell_editor_show(const copse_shell_words *candidates)
{
    size_t shown =
        candidates->count < SHELL_EDITOR_SHOWN_MAX ? candidates->count : SHELL_EDITOR_SHOWN_MAX;
    size_t widest = 1;
    char **argv = copse_shell_words_argv(candidates);
    if (argv == NULL) {
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        size_t len = strlen(argv[i]);
        widest = len > widest ? len : widest;
    }
    size_t columns = shell_editor_width() / (widest + 2);
    columns = columns > 0 ? columns : 1;
    size_t rows = (shown + columns - 1) / columns;
    (void)printf("\n");
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = i; j < shown; j += rows) {
            (void)printf("%-*s", j + rows < shown ? (int)widest + 2 : 0, argv[j]);
        }
        (void)printf("\n");
    }
    if (shown < candidates->count) {
        (void)printf("… and %zu more\n", candidates->count - shown);
    }
    (void)fflush(stdout);
    free(argv);
}

/* Inserts what all candidates have in common, or shows them. */
static unsigned char shell_editor_offer(EditLine *edit, const copse_shell_completion *completion,
                                        size_t typed)
{
    char text[512];
    copse_bytes common = copse_shell_completion_common(completion);
    if (completion->candidates.count == 0) {
        return CC_ERROR;
    }
    if (common.len > typed) {
        (void)snprintf(text, sizeof text, "%.*s", (int)(common.len - typed),
                       (const char *)common.ptr + typed);
        return el_insertstr(edit, text) == 0 ? CC_REFRESH : CC_ERROR;
    }
    if (completion->candidates.count > 1) {
        shell_editor_show(&completion->candidates);
        (void)el_set(edit, EL_REFRESH);
    }
    return CC_NORM;
}

static unsigned char shell_editor_complete(EditLine *edit, int key)
{
    copse_shell_editor *editor = NULL;
    const LineInfo *line = el_line(edit);
    copse_shell_completion completion;
    copse_buf statement;
    unsigned char outcome = CC_ERROR;
    (void)key;
    if (el_get(edit, EL_CLIENTDATA, (void **)&editor) != 0) {
        return CC_ERROR;
    }
    const copse_env *env = editor->names->lines.env;
    copse_buf_init(&statement, env, env->limits.json_size_bytes_max);
    if (copse_buf_append(&statement, editor->before) == COPSE_OK &&
        copse_buf_append(&statement, (copse_bytes){(const uint8_t *)line->buffer,
                                                   (size_t)(line->cursor - line->buffer)}) ==
            COPSE_OK) {
        copse_shell_complete(&completion, editor->names, copse_buf_view(&statement));
        outcome = shell_editor_offer(edit, &completion, statement.len - completion.start);
        copse_shell_words_release(&completion.candidates);
    }
    copse_buf_release(&statement);
    return outcome;
}

static char *shell_editor_prompt(EditLine *edit)
{
    copse_shell_editor *editor = NULL;
    (void)el_get(edit, EL_CLIENTDATA, (void **)&editor);
    return (char *)editor->prompt;
}

/* ---- Keys ---- */

/* Ctrl-C was typed; a handler gets nothing to set but this. */
static volatile sig_atomic_t shell_editor_interrupted;

static void shell_editor_on_interrupt(int number)
{
    (void)number;
    shell_editor_interrupted = 1;
}

/* Reads a byte. SIGINT, which is blocked, comes only while this waits: so none comes between a look
 * at the flag and the wait. Ctrl-C makes the terminal forget what was typed, also what the wait has
 * just told of: a read that blocked would then wait with SIGINT blocked, deaf to all but a letter.
 * 1; 0: there are no more; -1: Ctrl-C, or a failure. */
static int shell_editor_byte(int terminal, char *ret_byte)
{
    struct pollfd input = {.fd = terminal, .events = POLLIN};
    sigset_t waiting;
    (void)sigprocmask(SIG_SETMASK, NULL, &waiting);
    (void)sigdelset(&waiting, SIGINT);
    for (;;) {
        if (ppoll(&input, 1, NULL, &waiting) >= 0) {
            ssize_t size = read(terminal, ret_byte, 1);
            if (size >= 0 || errno != EAGAIN) {
                return size > 0 ? 1 : (int)size;
            }
        } else if (errno != EINTR || shell_editor_interrupted != 0) {
            return -1;
        }
    }
}

/* Reads a letter, as libedit wants it. */
static int shell_editor_key(EditLine *edit, wchar_t *ret_letter)
{
    copse_shell_editor *editor = NULL;
    mbstate_t state;
    char byte = 0;
    int outcome = -1;
    memset(&state, 0, sizeof state);
    if (el_get(edit, EL_CLIENTDATA, (void **)&editor) != 0) {
        return -1;
    }
    while ((outcome = shell_editor_byte(editor->input, &byte)) == 1) {
        size_t size = mbrtowc(ret_letter, &byte, 1, &state);
        if (size <= 1) {
            break;
        }
        if (size == (size_t)-1) { /* no letter in this locale: as if it was not typed */
            memset(&state, 0, sizeof state);
        }
    }
    return outcome;
}

/* ---- History ---- */

static void shell_editor_enter(copse_shell_editor *editor, const char *line)
{
    HistEvent event;
    (void)history(editor->history, &event, H_ENTER, line);
}

static void shell_editor_load_history(copse_shell_editor *editor)
{
    copse_buf lines;
    const copse_env *env = editor->names->lines.env;
    if (editor->history_path == NULL) {
        return;
    }
    copse_buf_init(&lines, env, env->limits.json_size_bytes_max);
    copse_shell_history_read(editor->history_path, &lines);
    if (copse_buf_append_byte(&lines, 0) == COPSE_OK) {
        char *line = (char *)lines.ptr;
        for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
            *end = '\0';
            shell_editor_enter(editor, line);
            line = end + 1;
        }
    }
    copse_buf_release(&lines);
}

/* ---- The editor ---- */

copse_shell_editor *copse_shell_editor_free(copse_shell_editor *editor)
{
    if (editor != NULL) {
        if (editor->edit != NULL) {
            el_end(editor->edit);
        }
        if (editor->history != NULL) {
            history_end(editor->history);
        }
        if (editor->input >= 0) {
            (void)close(editor->input);
        }
        copse_buf_release(&editor->last);
        free(editor);
    }
    return NULL;
}

copse_shell_editor *copse_shell_editor_new(copse_shell_names *names, const char *history_path)
{
    const struct sigaction interrupt = {.sa_handler = shell_editor_on_interrupt};
    copse_shell_editor *editor = calloc(1, sizeof *editor);
    HistEvent event;
    if (editor == NULL) {
        return NULL;
    }
    copse_buf_init(&editor->last, names->lines.env, names->lines.env->limits.json_size_bytes_max);
    editor->names = names;
    editor->history_path = history_path;
    (void)setlocale(LC_CTYPE, ""); /* what bytes are typed for a letter */
    const char *terminal = ttyname(STDIN_FILENO);
    editor->input =
        terminal != NULL ? open(terminal, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    editor->edit = el_init("copse", stdin, stdout, stderr);
    editor->history = history_init();
    if (editor->input < 0 || editor->edit == NULL || editor->history == NULL) {
        return copse_shell_editor_free(editor);
    }
    (void)history(editor->history, &event, H_SETSIZE, COPSE_SHELL_HISTORY_LINES_MAX);
    (void)el_set(editor->edit, EL_CLIENTDATA, editor);
    (void)el_set(editor->edit, EL_PROMPT, shell_editor_prompt);
    (void)el_set(editor->edit, EL_EDITOR, "emacs");
    (void)el_set(editor->edit, EL_SIGNAL, 1);
    (void)el_set(editor->edit, EL_HIST, history, editor->history);
    (void)el_set(editor->edit, EL_GETCFN, shell_editor_key);
    /* el_set would keep copies of the names that nothing frees. */
    (void)el_wset(editor->edit, EL_ADDFN, L"copse-complete", L"Complete what was typed",
                  shell_editor_complete);
    (void)el_set(editor->edit, EL_BIND, "^I", "copse-complete", NULL);
    (void)el_set(editor->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(editor->edit, NULL); /* what the user has in ~/.editrc */
    (void)sigaction(SIGINT, &interrupt, NULL);
    shell_editor_load_history(editor);
    return editor;
}

copse_shell_typed copse_shell_editor_read(copse_shell_editor *editor, const char *prompt,
                                          copse_bytes before, copse_bytes *ret_line)
{
    int size = 0;
    sigset_t interrupt;
    sigset_t before_it;
    editor->prompt = prompt;
    editor->before = before;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before_it);
    shell_editor_interrupted = 0;
    /* Before the prompt is shown, not behind it as el_gets does: what is typed at once counts. */
    (void)el_set(editor->edit, EL_PREP_TERM, 1);
    const char *line = el_gets(editor->edit, &size);
    (void)sigprocmask(SIG_SETMASK, &before_it, NULL);
    if (line != NULL && size > 0) {
        *ret_line = (copse_bytes){(const uint8_t *)line, (size_t)size};
        return COPSE_SHELL_LINE;
    }
    bool is_dropped = shell_editor_interrupted != 0;
    (void)printf(is_dropped ? "^C\n" : "\n");
    return is_dropped ? COPSE_SHELL_DROPPED : COPSE_SHELL_END;
}

void copse_shell_editor_remember(copse_shell_editor *editor, copse_bytes statement)
{
    copse_buf line;
    while (statement.len > 0 && strchr(" \t\r\n", statement.ptr[statement.len - 1]) != NULL) {
        statement.len--;
    }
    if (statement.len == 0 || statement.ptr[0] == ' ') {
        return;
    }
    copse_buf_init(&line, editor->last.env, SIZE_MAX);
    bool done = copse_buf_append(&line, statement) == COPSE_OK;
    for (size_t i = 0; done && i < line.len; i++) {
        line.ptr[i] = line.ptr[i] == '\n' || line.ptr[i] == '\r' ? ' ' : line.ptr[i];
    }
    if (!done || copse_bytes_equal(copse_buf_view(&line), copse_buf_view(&editor->last))) {
        copse_buf_release(&line);
        return;
    }
    copse_buf_release(&editor->last);
    editor->last = line;
    if (editor->history_path != NULL) {
        copse_shell_history_add(editor->history_path, copse_buf_view(&editor->last));
    }
    if (copse_buf_append_byte(&editor->last, 0) == COPSE_OK) {
        shell_editor_enter(editor, (const char *)editor->last.ptr);
        copse_buf_truncate(&editor->last, editor->last.len - 1);
    }
}
