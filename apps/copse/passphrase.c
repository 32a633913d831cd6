/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "passphrase.h"

#include "failure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSPHRASE_VARIABLE "COPSE_PASSPHRASE"

/* The signals that end or stop a program at a terminal: they must find it showing what is typed. */
static const int passphrase_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { PASSPHRASE_SIGNALS = sizeof passphrase_signals / sizeof *passphrase_signals };

copse_bytes copse_passphrase_view(const copse_passphrase *passphrase)
{
    return (copse_bytes){(const uint8_t *)passphrase->text, passphrase->len};
}

void copse_passphrase_wipe(copse_passphrase *passphrase)
{
    explicit_bzero(passphrase, sizeof *passphrase);
}

static const char *passphrase_file(copse_call *call)
{
    return copse_options_knows(&call->options, "--passphrase-file")
               ? copse_options_text(&call->options, "--passphrase-file", NULL)
               : NULL;
}

static const char *passphrase_variable(void)
{
    const char *value = getenv(PASSPHRASE_VARIABLE);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool copse_passphrase_is_given(copse_call *call)
{
    return passphrase_file(call) != NULL || passphrase_variable() != NULL;
}

/* ---- Lines ---- */

/* Reads up to the end of a line, which is not part of the passphrase; `waiting` (NULL: as it
 * is) is what is held back of signals while it waits. 0, or an errno; EINTR: a signal came;
 * EMSGSIZE: the line is too long. */
static int passphrase_read_line(int fd, const sigset_t *waiting, copse_passphrase *passphrase)
{
    passphrase->len = 0;
    for (;;) {
        char *at = passphrase->text + passphrase->len;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (waiting != NULL && ppoll(&ready, 1, NULL, waiting) < 0) {
            return errno;
        }
        ssize_t got = read(fd, at, 1);
        if (got < 0) {
            return errno;
        }
        if (got == 0 || *at == '\n') {
            return 0;
        }
        if (++passphrase->len > COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX) {
            return EMSGSIZE;
        }
    }
}

static bool passphrase_read_file(copse_call *call, const char *path, copse_passphrase *passphrase)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 ? errno : passphrase_read_line(fd, NULL, passphrase);
    if (fd >= 0 && !is_stdin) {
        (void)close(fd);
    }
    if (failed != 0) {
        (void)copse_failure(call, COPSE_IO, NULL, "no passphrase can be read from '%s': %s", path,
                            strerror(failed));
    }
    return failed == 0;
}

static bool passphrase_take_variable(copse_call *call, const char *value,
                                     copse_passphrase *passphrase)
{
    size_t len = strlen(value);
    if (len > COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "$%s has more than %d bytes",
                            PASSPHRASE_VARIABLE, COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX);
        return false;
    }
    memcpy(passphrase->text, value, len);
    passphrase->len = len;
    return true;
}

/* ---- The terminal ---- */

static void passphrase_on_signal(int number)
{
    (void)number; /* the wait that it interrupts tells */
}

/* Asks one line of the terminal, which shows nothing of it. 0, or an errno; EINTR: cancelled. */
static int passphrase_ask_hidden(int terminal, const sigset_t *waiting, const char *question,
                                 copse_passphrase *passphrase)
{
    struct termios shown;
    struct termios hidden;
    if (tcgetattr(terminal, &shown) != 0) {
        return errno;
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL;
    if (tcsetattr(terminal, TCSAFLUSH, &hidden) != 0) {
        return errno;
    }
    (void)dprintf(terminal, "%s", question);
    int failed = passphrase_read_line(terminal, waiting, passphrase);
    (void)tcsetattr(terminal, TCSAFLUSH, &shown);
    return failed;
}

/* Likewise. Signals that would end the program are held back until the terminal is as it was, but
 * one that comes while somebody is to type cancels. */
static int passphrase_ask(int terminal, const char *question, copse_passphrase *passphrase)
{
    struct sigaction before[PASSPHRASE_SIGNALS];
    struct sigaction interrupt = {.sa_handler = passphrase_on_signal};
    sigset_t held;
    sigset_t waiting;
    (void)sigemptyset(&held);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++) {
        (void)sigaddset(&held, passphrase_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &waiting);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++) {
        (void)sigaction(passphrase_signals[i], &interrupt, &before[i]);
    }
    int failed = passphrase_ask_hidden(terminal, &waiting, question, passphrase);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++) {
        (void)sigaction(passphrase_signals[i], &before[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &waiting, NULL);
    return failed;
}

/* Asks for a new passphrase again, to compare. */
static bool passphrase_ask_again(copse_call *call, int terminal, const copse_passphrase *passphrase)
{
    copse_passphrase again;
    int failed = passphrase_ask(terminal, "the same again: ", &again);
    bool same = failed == 0 && again.len == passphrase->len &&
                memcmp(again.text, passphrase->text, again.len) == 0;
    copse_passphrase_wipe(&again);
    if (!same) {
        (void)copse_failure(call, COPSE_MISUSE, NULL, "the two passphrases are not the same");
    }
    return same;
}

static bool passphrase_from_terminal(copse_call *call, const char *what, bool twice,
                                     copse_passphrase *passphrase)
{
    char question[256];
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        (void)copse_failure(call, COPSE_DENIED,
                            "--passphrase-file FILE or $" PASSPHRASE_VARIABLE " gives it",
                            "the passphrase of %s is needed, and there is no terminal", what);
        return false;
    }
    (void)snprintf(question, sizeof question, "%spassphrase of %s: ", twice ? "new " : "", what);
    int failed = passphrase_ask(terminal, question, passphrase);
    if (failed != 0) {
        (void)copse_failure(call, COPSE_IO, NULL, "no passphrase was read: %s",
                            failed == EINTR ? "cancelled" : strerror(failed));
    }
    bool good = failed == 0 && (!twice || passphrase->len == 0 ||
                                passphrase_ask_again(call, terminal, passphrase));
    (void)close(terminal);
    return good;
}

bool copse_passphrase_read(copse_call *call, const char *what, bool twice,
                           copse_passphrase *ret_passphrase)
{
    const char *path = passphrase_file(call);
    const char *variable = passphrase_variable();
    bool good = false;
    if (path != NULL) {
        good = passphrase_read_file(call, path, ret_passphrase);
    } else if (variable != NULL) {
        good = passphrase_take_variable(call, variable, ret_passphrase);
    } else {
        good = passphrase_from_terminal(call, what, twice, ret_passphrase);
    }
    if (good && twice && ret_passphrase->len == 0) {
        (void)copse_failure(call, COPSE_MISUSE,
                            "--no-passphrase keeps a key that whoever has the file can use",
                            "the passphrase is empty");
        good = false;
    }
    if (!good) {
        copse_passphrase_wipe(ret_passphrase);
    }
    return good;
}
