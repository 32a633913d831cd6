/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_child.h"

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes the file descriptor `number` read or write nothing. */
static void shell_child_silence(int number, int mode)
{
    int nothing = open("/dev/null", mode | O_CLOEXEC);
    if (nothing >= 0) {
        (void)dup2(nothing, number);
        (void)close(nothing);
    }
}

/* The child's life. `output`: the pipe to print to, or -1. */
static void shell_child_live(const copse_shell_child *child, int output)
{
    sigset_t interrupt;
    (void)signal(SIGINT, SIG_DFL);
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
    if (output >= 0) {
        (void)dup2(output, STDOUT_FILENO);
    }
    if (!child->has_input) {
        shell_child_silence(STDIN_FILENO, O_RDONLY);
    }
    if (child->quiet) {
        shell_child_silence(STDERR_FILENO, O_WRONLY);
    }
    int code = child->work(child->ctx);
    /* Not exit: what is to be done at the end of the program is the shell's. */
    _exit(code);
}

static void shell_child_take(const copse_shell_child *child, int output)
{
    uint8_t piece[1 << 14];
    for (;;) {
        ssize_t size = read(output, piece, sizeof piece);
        if (size > 0) {
            child->take(child->take_ctx, (copse_bytes){piece, (size_t)size});
        } else if (size == 0 || errno != EINTR) {
            break;
        }
    }
}

static int shell_child_end(const copse_shell_child *child, pid_t process)
{
    int status = 0;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            return COPSE_EXIT_FAILED;
        }
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    if (!child->quiet && WTERMSIG(status) == SIGINT) {
        (void)fprintf(stderr, "\ncopse: interrupted\n");
    } else if (!child->quiet && WTERMSIG(status) != SIGPIPE) {
        (void)fprintf(stderr, "copse: the command was ended by signal %d\n", WTERMSIG(status));
    }
    return COPSE_EXIT_FAILED;
}

int copse_shell_child_run(const copse_shell_child *child)
{
    int ends[2] = {-1, -1};
    (void)fflush(stdout);
    pid_t process = -1;
    if (child->take == NULL || pipe(ends) == 0) {
        process = fork();
    }
    if (process == 0) {
        shell_child_live(child, ends[1]);
    }
    if (process < 0 && !child->quiet) {
        (void)fprintf(stderr, "copse: no process can be started: %s\n", strerror(errno));
    }
    if (ends[1] >= 0) {
        (void)close(ends[1]);
    }
    if (ends[0] >= 0 && process > 0) {
        shell_child_take(child, ends[0]);
    }
    int code = process > 0 ? shell_child_end(child, process) : COPSE_EXIT_FAILED;
    if (ends[0] >= 0) {
        (void)close(ends[0]);
    }
    return code;
}
