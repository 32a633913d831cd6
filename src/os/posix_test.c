/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sys/os.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/posix_error.h"
#include "support/os_conformance.h"
#include "support/temp_folder.h"
#include "support/test_env.h"

typedef struct posix_world {
    test_env test;
    copse_os *os;
    char folder[TEMP_FOLDER_SIZE];
    os_conformance_world world;
} posix_world;

static void posix_world_open(posix_world *world)
{
    temp_folder_make(world->folder);
    test_env_init(&world->test);
    assert_int_equal(copse_os_posix_new(&world->test.env, &world->os, NULL), COPSE_OK);
    world->world = (os_conformance_world){world->os, world->os, world->folder};
}

static void posix_world_close(posix_world *world)
{
    assert_null(copse_os_free(world->os));
    test_env_assert_empty(&world->test);
    temp_folder_remove(world->folder);
}

static copse_file *posix_world_file(const posix_world *world, const char *name, unsigned flags)
{
    copse_file *file = NULL;
    copse_err err;
    const char *path = os_conformance_path(&world->world, name);
    if (world->os->ops->open(world->os, path, flags, &file, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return file;
}

enum { POSIX_MAKE = COPSE_OPEN_WRITE | COPSE_OPEN_CREATE };

static void posix_conforms(void **state)
{
    (void)state;
    posix_world world;
    posix_world_open(&world);
    os_conformance_run(&world.world);
    posix_world_close(&world);
    assert_null(copse_os_free(NULL));
}

/* ---- two processes ---- */

/* A child that does what the parent writes into its pipe, a letter at a time, and answers each with
 * the status as a byte: s, x, u, X: lock shared, exclusive, none, exclusive waiting; w: write. */
typedef struct posix_child {
    pid_t pid;
    int to;
    int from;
} posix_child;

static void posix_child_run(copse_file *file, int from, int to)
{
    char letter;
    while (read(from, &letter, 1) == 1) {
        copse_bytes part = copse_bytes_of_text("written by the child");
        copse_status status =
            letter == 'w'   ? file->ops->write_at(file, 0, &part, 1, NULL)
            : letter == 's' ? file->ops->lock(file, COPSE_LOCK_SHARED, false, NULL)
            : letter == 'u' ? file->ops->lock(file, COPSE_LOCK_NONE, false, NULL)
                            : file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, letter == 'X', NULL);
        signed char answer = (signed char)status;
        if (write(to, &answer, 1) != 1) {
            break;
        }
    }
    _exit(0);
}

static void posix_child_start(posix_child *child, const posix_world *world, const char *name)
{
    int down[2];
    int up[2];
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        posix_child_run(posix_world_file(world, name, COPSE_OPEN_WRITE), down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    child->to = down[1];
    child->from = up[0];
}

static void posix_child_ask(const posix_child *child, char letter)
{
    assert_int_equal(write(child->to, &letter, 1), 1);
}

static copse_status posix_child_answer(const posix_child *child)
{
    signed char answer = 0;
    assert_int_equal(read(child->from, &answer, 1), 1);
    return (copse_status)answer;
}

static copse_status posix_child_do(const posix_child *child, char letter)
{
    posix_child_ask(child, letter);
    return posix_child_answer(child);
}

static void posix_child_kill(const posix_child *child)
{
    int ended;
    assert_int_equal(kill(child->pid, SIGKILL), 0);
    assert_int_equal(waitpid(child->pid, &ended, 0), child->pid);
    (void)close(child->to);
    (void)close(child->from);
}

static void posix_excludes_other_processes(void **state)
{
    (void)state;
    posix_world world;
    posix_child child;
    posix_world_open(&world);
    copse_file *file = posix_world_file(&world, "f", POSIX_MAKE);
    posix_child_start(&child, &world, "f");

    assert_int_equal(posix_child_do(&child, 'x'), COPSE_OK);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_SHARED, false, NULL), COPSE_CONFLICT);
    assert_int_equal(posix_child_do(&child, 's'), COPSE_OK);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_SHARED, false, NULL), COPSE_OK);
    assert_int_equal(posix_child_do(&child, 'x'), COPSE_CONFLICT);

    /* The child waits until the parent lets go. */
    posix_child_ask(&child, 'X');
    (void)usleep(20000);
    assert_int_equal(fcntl(child.from, F_SETFL, O_NONBLOCK), 0);
    char none;
    assert_int_equal(read(child.from, &none, 1), -1);
    assert_int_equal(fcntl(child.from, F_SETFL, 0), 0);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_NONE, false, NULL), COPSE_OK);
    assert_int_equal(posix_child_answer(&child), COPSE_OK);

    /* What it writes is seen here at once, also after it was killed, and its lock is gone. */
    char bytes[64];
    size_t got;
    assert_int_equal(posix_child_do(&child, 'w'), COPSE_OK);
    assert_int_equal(file->ops->read_at(file, 0, bytes, sizeof bytes, &got, NULL), COPSE_OK);
    assert_int_equal(got, 20);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, false, NULL), COPSE_CONFLICT);
    posix_child_kill(&child);
    assert_int_equal(file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, false, NULL), COPSE_OK);
    assert_int_equal(file->ops->read_at(file, 0, bytes, sizeof bytes, &got, NULL), COPSE_OK);
    assert_memory_equal(bytes, "written by the child", 20);
    file->ops->close(file);
    posix_world_close(&world);
}

static volatile sig_atomic_t posix_alarms;

static void posix_on_alarm(int number)
{
    (void)number;
    posix_alarms++;
}

/* Signals interrupt the wait for a lock; it goes on. */
static void posix_waits_through_signals(void **state)
{
    (void)state;
    posix_world world;
    posix_child child;
    posix_world_open(&world);
    copse_file *file = posix_world_file(&world, "f", POSIX_MAKE);
    posix_child_start(&child, &world, "f");
    assert_int_equal(posix_child_do(&child, 'x'), COPSE_OK);
    pid_t killer = fork();
    if (killer == 0) {
        (void)usleep(50000);
        (void)kill(child.pid, SIGKILL);
        _exit(0);
    }
    struct sigaction action = {.sa_handler = posix_on_alarm}; /* no SA_RESTART */
    struct sigaction before;
    struct itimerval timer = {{0, 2000}, {0, 2000}};
    posix_alarms = 0;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
    copse_status status = file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, true, NULL);
    assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(status, COPSE_OK);
    assert_true(posix_alarms > 2);
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    posix_child_kill(&child);
    file->ops->close(file);
    posix_world_close(&world);
}

/* ---- failures ---- */

/* Runs `run` in a process of its own, whose limits and user it may change. It returns a line number
 * where it failed, or 0. */
static void posix_in_child(int (*run)(const posix_world *world), const posix_world *world)
{
    int ended = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(run(world) % 256);
    }
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
        fail_msg("failed in the child at line %d modulo 256", WEXITSTATUS(ended));
    }
}

#define POSIX_EXPECT(condition)                                                                    \
    do {                                                                                           \
        line = !(condition) && line == 0 ? __LINE__ : line;                                        \
    } while (0)

/* A write that ends early is carried on with, and then says why it can't go on. */
static int posix_short_writes(const posix_world *world)
{
    int line = 0;
    char text[300];
    copse_err err = {0};
    uint64_t size = 0;
    memset(text, 'x', sizeof text);
    copse_file *file = posix_world_file(world, "short", POSIX_MAKE);
    copse_bytes parts[] = {{(const uint8_t *)text, 100}, {(const uint8_t *)text, 300}};
    (void)signal(SIGXFSZ, SIG_IGN);
    POSIX_EXPECT(setrlimit(RLIMIT_FSIZE, &(struct rlimit){250, 250}) == 0);
    POSIX_EXPECT(file->ops->write_at(file, 0, parts, 2, &err) == COPSE_IO);
    POSIX_EXPECT(err.os_errno == EFBIG && strstr(err.message, "EFBIG") != NULL);
    POSIX_EXPECT(file->ops->size(file, &size, NULL) == COPSE_OK && size == 250);
    return line;
}

static int posix_out_of_files(const posix_world *world)
{
    int line = 0;
    copse_err err = {0};
    copse_file *file = NULL;
    copse_os *os = world->os;
    const char *path = os_conformance_path(&world->world, "f");
    POSIX_EXPECT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}) == 0);
    POSIX_EXPECT(os->ops->open(os, path, POSIX_MAKE, &file, &err) == COPSE_IO);
    POSIX_EXPECT(file == NULL && err.os_errno == EMFILE);
    POSIX_EXPECT(strstr(err.message, "ulimit -n") != NULL);
    POSIX_EXPECT(os->ops->sync_dir(os, world->folder, &err) == COPSE_IO);
    POSIX_EXPECT(os->ops->list_dir(os, world->folder, NULL, NULL, &err) == COPSE_IO);
    return line;
}

/* A folder that may only be read; root may do anything, so as somebody else. */
static int posix_not_allowed(const posix_world *world)
{
    int line = 0;
    copse_err err = {0};
    copse_file *file = NULL;
    copse_os *os = world->os;
    const char *path = os_conformance_path(&world->world, "f");
    const char *there = os_conformance_path(&world->world, "there");
    POSIX_EXPECT(chmod(world->folder, 0555) == 0 && chmod(there, 0444) == 0);
    POSIX_EXPECT(geteuid() != 0 || setuid(65534) == 0);
    POSIX_EXPECT(os->ops->open(os, path, POSIX_MAKE, &file, &err) == COPSE_DENIED);
    POSIX_EXPECT(file == NULL && err.os_errno == EACCES && strstr(err.message, "EACCES") != NULL);
    POSIX_EXPECT(os->ops->open(os, there, COPSE_OPEN_WRITE, &file, &err) == COPSE_DENIED);
    POSIX_EXPECT(os->ops->rename(os, there, path, &err) == COPSE_DENIED);
    POSIX_EXPECT(os->ops->remove(os, there, &err) == COPSE_DENIED);
    POSIX_EXPECT(os->ops->make_dir(os, path, &err) == COPSE_DENIED);
    POSIX_EXPECT(os->ops->open(os, there, 0, &file, &err) == COPSE_OK);
    POSIX_EXPECT(os->ops->sync_dir(os, world->folder, &err) == COPSE_OK);
    return line;
}

static void posix_tells_failures_apart(void **state)
{
    (void)state;
    posix_world world;
    posix_world_open(&world);
    posix_in_child(posix_short_writes, &world);
    posix_in_child(posix_out_of_files, &world);
    copse_file *file = posix_world_file(&world, "there", POSIX_MAKE);
    file->ops->close(file);
    posix_in_child(posix_not_allowed, &world);
    posix_world_close(&world);
}

static void posix_says_that_the_disk_is_full(void **state)
{
    (void)state;
    posix_world world;
    copse_file *file = NULL;
    copse_err err = {0};
    copse_bytes part = copse_bytes_of_text("x");
    posix_world_open(&world);
    copse_os *os = world.os;
    if (os->ops->open(os, "/dev/full", COPSE_OPEN_WRITE, &file, NULL) == COPSE_OK) {
        assert_int_equal(file->ops->write_at(file, 0, &part, 1, &err), COPSE_IO);
        assert_int_equal(err.os_errno, ENOSPC);
        assert_string_equal(err.message, "cannot write '/dev/full': no space left on the disk "
                                         "(ENOSPC); free some and try again");
        /* A device can't be synced; so sync does reach the system. */
        assert_int_equal(file->ops->sync(file, &err), COPSE_IO);
        assert_int_equal(err.os_errno, EINVAL);
        file->ops->close(file);
    }
    posix_world_close(&world);
}

/* A program that this one starts does not get its files, and with them its locks. */
static void posix_keeps_files_to_itself(void **state)
{
    (void)state;
    posix_world world;
    posix_world_open(&world);
    copse_file *file = posix_world_file(&world, "f", POSIX_MAKE);
    struct stat named;
    struct stat open_file;
    unsigned found = 0;
    assert_int_equal(stat(os_conformance_path(&world.world, "f"), &named), 0);
    for (int fd = 0; fd < 256; fd++) {
        if (fstat(fd, &open_file) == 0 && open_file.st_ino == named.st_ino &&
            open_file.st_dev == named.st_dev) {
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
            found++;
        }
    }
    assert_int_equal(found, 1);
    file->ops->close(file);
    posix_world_close(&world);
}

/* The reason is shown whatever the path is; the message is one line of UTF-8. */
static void posix_errors_show_the_reason(void **state)
{
    (void)state;
    copse_err err;
    char path[1000];
    for (size_t len = 0; len < 300; len++) {
        for (size_t i = 0; i < len; i++) {
            path[i] = "\xc3\xa4"[i % 2];
        }
        path[len / 2 * 2] = '\0';
        assert_int_equal(COPSE_POSIX_ERR(&err, ENOSPC, "make folder", path), COPSE_IO);
        assert_true(len < 114 || strstr(err.message, "'...") != NULL);
        assert_non_null(strstr(err.message, "(ENOSPC); free some and try again"));
        const char *quote = strchr(err.message, '\'') + 1;
        quote += strncmp(quote, "...", 3) == 0 ? 3 : 0;
        assert_true(*quote == '\'' || *quote == '\xc3');
    }
    assert_int_equal(COPSE_POSIX_ERR(&err, 9999, "sync", "a\nb\x7f"), COPSE_IO);
    assert_string_equal(err.message, "cannot sync 'a?b?': system error 9999");
    assert_int_equal(err.os_errno, 9999);
    assert_int_equal(COPSE_POSIX_ERR(&err, EROFS, "open", path), COPSE_DENIED);
    assert_int_equal(COPSE_POSIX_ERR(NULL, ENOENT, "open", path), COPSE_NOT_FOUND);
    assert_int_equal(COPSE_POSIX_ERR(NULL, ENOMEM, "open", path), COPSE_NOMEM);
    assert_int_equal(COPSE_POSIX_ERR(NULL, EDQUOT, "write", path), COPSE_IO);
}

static copse_status posix_sweep(const copse_env *env, void *ctx)
{
    copse_os *os = NULL;
    copse_file *file = NULL;
    copse_status status = copse_os_posix_new(env, &os, NULL);
    if (status == COPSE_OK) {
        status = os->ops->open(os, ctx, POSIX_MAKE, &file, NULL);
    }
    if (file != NULL) {
        file->ops->close(file);
    }
    copse_os_free(os);
    return status;
}

static void posix_survives_failing_allocations(void **state)
{
    (void)state;
    posix_world world;
    posix_world_open(&world);
    char path[TEMP_FOLDER_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/f", world.folder);
    assert_int_equal(test_env_sweep(posix_sweep, path, 10), 2);
    posix_world_close(&world);
    assert_int_equal(copse_os_posix_new(NULL, &world.os, NULL), COPSE_MISUSE);
    assert_int_equal(copse_os_posix_new(&world.test.env, NULL, NULL), COPSE_MISUSE);
}

static void posix_env_is_real(void **state)
{
    (void)state;
    copse_env env;
    uint8_t bytes[2][1000] = {{0}};
    copse_env_init(&env);
    copse_env_init_posix(&env);
    uint64_t then = (uint64_t)time(NULL) * 1000;
    uint64_t now = env.clock(env.clock_ctx);
    assert_true(now + 1000 >= then && now < then + 60000);
    assert_int_equal(env.random(env.random_ctx, bytes[0], sizeof bytes[0]), COPSE_OK);
    assert_int_equal(env.random(env.random_ctx, bytes[1], sizeof bytes[1]), COPSE_OK);
    for (size_t i = 0; i + 8 <= sizeof bytes[0]; i += 8) {
        assert_memory_not_equal(bytes[0] + i, bytes[1] + i, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posix_conforms),
        cmocka_unit_test(posix_excludes_other_processes),
        cmocka_unit_test(posix_waits_through_signals),
        cmocka_unit_test(posix_tells_failures_apart),
        cmocka_unit_test(posix_says_that_the_disk_is_full),
        cmocka_unit_test(posix_keeps_files_to_itself),
        cmocka_unit_test(posix_errors_show_the_reason),
        cmocka_unit_test(posix_survives_failing_allocations),
        cmocka_unit_test(posix_env_is_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
