/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A file is written anew when it is that large and has more lines than are read. */
enum { SHELL_HISTORY_SIZE_MAX = 1 << 20 };

static const char *shell_history_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool copse_shell_history_path(char ret_path[COPSE_SHELL_HISTORY_PATH_SIZE])
{
    const char *rest = "";
    const char *folder = shell_history_variable("COPSE_HISTORY");
    if (folder == NULL) {
        folder = shell_history_variable("XDG_STATE_HOME");
        folder = folder != NULL && folder[0] == '/' ? folder : NULL;
        rest = "/copse/history";
    }
    if (folder == NULL) {
        folder = shell_history_variable("HOME");
        rest = "/.local/state/copse/history";
    }
    int size = folder != NULL
                   ? snprintf(ret_path, COPSE_SHELL_HISTORY_PATH_SIZE, "%s%s", folder, rest)
                   : -1;
    return size > 0 && size < COPSE_SHELL_HISTORY_PATH_SIZE;
}

/* Makes the folders above a file. */
static void shell_history_make_folders(const char *path)
{
    char folder[COPSE_SHELL_HISTORY_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *at = folder + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)mkdir(folder, 0700);
            *at = '/';
        }
    }
}

/* Where the last lines of a text begin. */
static size_t shell_history_last_lines(copse_bytes text)
{
    size_t lines = 0;
    size_t at = text.len;
    while (at > 0 && (text.ptr[at - 1] != '\n' || lines++ < COPSE_SHELL_HISTORY_LINES_MAX)) {
        at--;
    }
    return at;
}

static bool shell_history_read_all(const char *path, copse_buf *buf)
{
    uint8_t piece[1 << 14];
    ssize_t size = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (file >= 0 && (size = read(file, piece, sizeof piece)) > 0) {
        if (copse_buf_append(buf, (copse_bytes){piece, (size_t)size}) != COPSE_OK) {
            size = -1;
            break;
        }
    }
    if (file >= 0) {
        (void)close(file);
    }
    return size == 0;
}

/* Puts a file that holds these lines alone in place of the one that is there. */
static void shell_history_replace(const char *path, copse_bytes lines)
{
    char name[COPSE_SHELL_HISTORY_PATH_SIZE + 16];
    (void)snprintf(name, sizeof name, "%s.XXXXXX", path);
    int file = mkstemp(name); /* mode 0600 */
    if (file < 0) {
        return;
    }
    bool done = write(file, lines.ptr, lines.len) == (ssize_t)lines.len;
    done = close(file) == 0 && done;
    if (!done || rename(name, path) != 0) {
        (void)unlink(name);
    }
}

void copse_shell_history_read(const char *path, copse_buf *lines)
{
    copse_buf all;
    copse_buf_init(&all, lines->env, lines->env->limits.json_size_bytes_max);
    if (shell_history_read_all(path, &all)) {
        copse_bytes text = copse_buf_view(&all);
        size_t start = shell_history_last_lines(text);
        copse_bytes last = {text.ptr + start, text.len - start};
        /* Without memory there is no history. */
        bool is_kept = copse_buf_append(lines, last) == COPSE_OK;
        if (is_kept && start > 0 && text.len > SHELL_HISTORY_SIZE_MAX) {
            shell_history_replace(path, last);
        }
    }
    copse_buf_release(&all);
}

void copse_shell_history_add(const char *path, copse_bytes line)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (file < 0) {
        shell_history_make_folders(path);
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    }
    if (file < 0) {
        return;
    }
    /* One call, so that lines of several shells don't mix. */
    const struct iovec parts[] = {{(void *)line.ptr, line.len}, {(void *)"\n", 1}};
    ssize_t size = writev(file, parts, 2);
    (void)size;
    (void)close(file);
}
