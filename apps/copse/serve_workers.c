/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_workers.h"

#include "failure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_DELAY_MS_MIN = 100, WORKERS_DELAY_MS_MAX = 10000, WORKERS_LIFE_MS_MIN = 10000 };

typedef struct workers_member {
    pid_t pid;    /* 0: it doesn't run */
    int ready_fd; /* -1: it is ready, or doesn't run */
    uint64_t started_ms;
    uint64_t start_ms; /* when to make it anew */
    unsigned delay_ms; /* before that */
    bool was_ready;
} workers_member;

typedef struct workers {
    copse_call *call;
    int (*work)(void *ctx, const copse_serve_worker *worker);
    void *ctx;
    size_t count;
    void *shared;
    uint16_t port;
    int port_fd;       /* bound to the port, never listening */
    int parent_fds[2]; /* the workers read, and nobody writes (W4) */
    workers_member all[COPSE_SERVE_WORKERS_MAX];
    bool stopping;
    int code;
} workers;

/* Where the handler of signals writes. Set while the parent runs. */
static volatile int workers_signal_fd;

static void workers_on_signal(int number)
{
    int error = errno;
    char byte = (char)number;
    (void)!write(workers_signal_fd, &byte, 1);
    errno = error;
}

static uint64_t workers_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

size_t copse_serve_workers_auto(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1                         ? 1
           : count > COPSE_SERVE_WORKERS_MAX ? COPSE_SERVE_WORKERS_MAX
                                             : (size_t)count;
}

/* ---- The port ---- */

static bool workers_parse_address(const char *address, uint16_t port,
                                  struct sockaddr_storage *ret_socket, socklen_t *ret_size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_socket;
    memset(ret_socket, 0, sizeof *ret_socket);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_size = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *ret_size = sizeof *v6;
    return inet_pton(AF_INET6, address, &v6->sin6_addr) == 1;
}

/* A socket that has the port, shared or alone; -1 and errno. */
static int workers_bind(const struct sockaddr_storage *address, socklen_t size, bool shared)
{
    const int yes = 1;
    int fd = socket(address->ss_family, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) ||
        bind(fd, (const struct sockaddr *)address, size) != 0 || (!shared && listen(fd, 1) != 0)) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Takes the port (W5), and sets it. */
static bool workers_take_port(workers *self, const char *address, uint16_t port)
{
    struct sockaddr_storage socket;
    socklen_t size;
    if (!workers_parse_address(address, port, &socket, &size)) {
        return copse_failure(self->call, COPSE_MISUSE, NULL, "'%s' is no IP address", address) ==
               COPSE_EXIT_OK;
    }
    int alone = workers_bind(&socket, size, false);
    if (alone >= 0) {
        (void)close(alone);
        self->port_fd = workers_bind(&socket, size, true);
    }
    if (self->port_fd < 0 || getsockname(self->port_fd, (struct sockaddr *)&socket, &size) != 0) {
        (void)copse_failure(self->call, COPSE_IO,
                            "another program may have it, or it is none of this machine: --listen "
                            "ADDRESS:PORT names another",
                            "%s:%u: %s", address, (unsigned)port, strerror(errno));
        return false;
    }
    self->port = ntohs(socket.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&socket)->sin6_port
                                                    : ((struct sockaddr_in *)&socket)->sin_port);
    return true;
}

/* ---- In a worker ---- */

typedef struct workers_watch {
    int parent_fd;
    void (*stop)(void *ctx);
    void *ctx;
} workers_watch;

static void *workers_watch_run(void *ctx)
{
    workers_watch watch = *(workers_watch *)ctx;
    char byte;
    free(ctx);
    while (read(watch.parent_fd, &byte, 1) < 0 && errno == EINTR) {
    }
    watch.stop(watch.ctx);
    return NULL;
}

bool copse_serve_worker_ready(const copse_serve_worker *worker, void (*stop)(void *ctx), void *ctx)
{
    pthread_t thread;
    workers_watch *watch = malloc(sizeof *watch);
    if (watch == NULL) {
        return false;
    }
    *watch = (workers_watch){worker->parent_fd, stop, ctx};
    if (pthread_create(&thread, NULL, workers_watch_run, watch) != 0) {
        free(watch);
        return false;
    }
    (void)pthread_detach(thread);
    return write(worker->ready_fd, "", 1) == 1;
}

/* Never returns. */
static void workers_be(workers *self, size_t number, int ready_fd)
{
    copse_serve_worker worker = {
        .number = number,
        .port = self->port,
        .is_new = !self->all[number].was_ready,
        .count = self->count,
        .shared = self->shared,
        .ready_fd = ready_fd,
        .parent_fd = self->parent_fds[0],
    };
    (void)close(self->parent_fds[1]);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    int code = self->work(self->ctx, &worker);
    (void)fflush(stdout);
    _exit(code);
}

/* ---- In the parent ---- */

/* Tries again later if there is no process to be had. */
static void workers_start(workers *self, size_t number)
{
    workers_member *one = &self->all[number];
    int fds[2] = {-1, -1};
    (void)fflush(stdout);
    pid_t pid = pipe(fds) == 0 ? fork() : -1;
    if (pid == 0) {
        (void)close(fds[0]);
        workers_be(self, number, fds[1]);
    }
    one->started_ms = workers_now();
    if (pid < 0) {
        (void)fprintf(stderr, "copse: worker %zu can't be made: %s\n", number, strerror(errno));
        one->start_ms = one->started_ms + WORKERS_DELAY_MS_MAX;
        if (fds[0] >= 0) {
            (void)close(fds[0]);
        }
    } else {
        one->pid = pid;
        one->ready_fd = fds[0];
    }
    if (fds[1] >= 0) {
        (void)close(fds[1]);
    }
}

static void workers_stop(workers *self)
{
    self->stopping = true;
    for (size_t i = 0; i < self->count; i++) {
        if (self->all[i].pid > 0) {
            (void)kill(self->all[i].pid, SIGTERM);
        }
    }
}

/* One has ended. */
static void workers_bury(workers *self, size_t number, int status)
{
    workers_member *one = &self->all[number];
    uint64_t now = workers_now();
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : COPSE_EXIT_FAILED;
    one->pid = 0;
    if (one->ready_fd >= 0) {
        (void)close(one->ready_fd);
        one->ready_fd = -1;
    }
    if (self->stopping) {
        self->code = self->code != COPSE_EXIT_OK ? self->code : code;
        return;
    }
    if (number == 0 && !one->was_ready) { /* W2 */
        self->stopping = true;
        self->code = code;
        return;
    }
    bool is_short = now - one->started_ms < WORKERS_LIFE_MS_MIN;
    one->delay_ms = !is_short || one->delay_ms == 0             ? WORKERS_DELAY_MS_MIN
                    : one->delay_ms >= WORKERS_DELAY_MS_MAX / 2 ? WORKERS_DELAY_MS_MAX
                                                                : one->delay_ms * 2;
    one->start_ms = now + one->delay_ms;
    (void)fprintf(stderr, "copse: worker %zu ended by itself (%s %d): made anew in %u ms\n", number,
                  WIFEXITED(status) ? "exit code" : "signal",
                  WIFEXITED(status) ? code : WTERMSIG(status), one->delay_ms);
}

static void workers_bury_all(workers *self)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < self->count; i++) {
            if (self->all[i].pid == pid) {
                workers_bury(self, i, status);
            }
        }
    }
}

/* Makes those that are due. Returns how long until the next is, in ms; -1: none is. */
static int workers_start_due(workers *self)
{
    uint64_t now = workers_now();
    uint64_t wait = UINT64_MAX;
    for (size_t i = 0; i < self->count && !self->stopping; i++) {
        workers_member *one = &self->all[i];
        bool may_start = one->pid == 0 && (i == 0 || self->all[0].was_ready);
        if (may_start && one->start_ms <= now) {
            workers_start(self, i);
        }
        if (may_start && one->pid == 0) {
            uint64_t left = one->start_ms > now ? one->start_ms - now : 0;
            wait = left < wait ? left : wait;
        }
    }
    return wait == UINT64_MAX ? -1 : (int)(wait + 1);
}

static bool workers_any(const workers *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->all[i].pid > 0) {
            return true;
        }
    }
    return !self->stopping;
}

/* Waits for something to happen, and notes it. */
static void workers_wait(workers *self, int signal_fd, int timeout_ms)
{
    struct pollfd polled[COPSE_SERVE_WORKERS_MAX + 1];
    char bytes[64];
    for (size_t i = 0; i < self->count; i++) {
        polled[i] = (struct pollfd){.fd = self->all[i].ready_fd, .events = POLLIN};
    }
    polled[self->count] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    if (poll(polled, self->count + 1, timeout_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        workers_member *one = &self->all[i];
        if (polled[i].revents != 0) {
            one->was_ready |= read(one->ready_fd, bytes, 1) == 1;
            (void)close(one->ready_fd);
            one->ready_fd = -1;
        }
    }
    ssize_t got = polled[self->count].revents != 0 ? read(signal_fd, bytes, sizeof bytes) : 0;
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != SIGCHLD) {
            workers_stop(self);
        }
    }
    workers_bury_all(self);
}

static bool workers_catch_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 &&
           sigaction(SIGCHLD, &action, NULL) == 0;
}

static void workers_supervise(workers *self, const int signal_fds[2])
{
    workers_signal_fd = signal_fds[1];
    if (!workers_catch_signals(workers_on_signal)) {
        self->code = copse_failure(self->call, COPSE_IO, NULL, "signals can't be caught");
        return;
    }
    while (workers_any(self)) {
        int timeout_ms = workers_start_due(self);
        workers_wait(self, signal_fds[0], timeout_ms);
    }
    (void)workers_catch_signals(SIG_DFL);
}

static bool workers_pipe(int ret_fds[2])
{
    if (pipe(ret_fds) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (fcntl(ret_fds[i], F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(ret_fds[i], F_SETFL, O_NONBLOCK) != 0) {
            return false;
        }
    }
    return true;
}

/* Opens what the parent and its workers have in common. */
static bool workers_open(workers *self, size_t shared_size, int ret_signal_fds[2])
{
    self->shared =
        mmap(NULL, shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->shared != MAP_FAILED && pipe(self->parent_fds) == 0 && workers_pipe(ret_signal_fds)) {
        return true;
    }
    (void)copse_failure(self->call, COPSE_IO, NULL, "workers can't be made: %s", strerror(errno));
    return false;
}

int copse_serve_workers_run(copse_call *call, size_t count, size_t shared_size, const char *address,
                            uint16_t port, int (*work)(void *ctx, const copse_serve_worker *worker),
                            void *ctx)
{
    int fds[] = {-1, -1, -1, -1, -1};
    workers self = {.call = call,
                    .work = work,
                    .ctx = ctx,
                    .count = count,
                    .port_fd = -1,
                    .parent_fds = {-1, -1},
                    .code = COPSE_EXIT_FAILED};
    for (size_t i = 0; i < count; i++) {
        self.all[i].ready_fd = -1;
    }
    if (workers_take_port(&self, address, port) && workers_open(&self, shared_size, fds)) {
        self.code = COPSE_EXIT_OK;
        workers_supervise(&self, fds);
    }
    fds[2] = self.port_fd;
    fds[3] = self.parent_fds[0];
    fds[4] = self.parent_fds[1];
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    if (self.shared != NULL && self.shared != MAP_FAILED) {
        (void)munmap(self.shared, shared_size);
    }
    return self.code;
}
