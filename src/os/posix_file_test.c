/* Files on a system that interrupts its calls and does them by parts. The functions of that system
 * stand here: a program's own come before the C library's.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "os/posix_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/os_conformance.h"
#include "support/temp_folder.h"
#include "support/test_env.h"

static uint64_t odd_random;
static unsigned odd_interrupted;
static unsigned odd_short;

/* A third of all calls is interrupted before it does anything. */
static bool odd_interrupts(void)
{
    if (test_random_below(&odd_random, 3) == 0) {
        errno = EINTR;
        odd_interrupted++;
        return true;
    }
    return false;
}

static size_t odd_size(size_t size)
{
    if (size < 2 || test_random_below(&odd_random, 3) == 0) {
        return size;
    }
    odd_short++;
    return 1 + (size_t)test_random_below(&odd_random, size - 1);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    return odd_interrupts() ? -1 : openat(AT_FDCWD, path, flags, mode);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    struct iovec vector = {bytes, odd_size(size)};
    return odd_interrupts() ? -1 : preadv(fd, &vector, 1, offset);
}

/* Some whole vectors and a part of the next. */
ssize_t pwritev(int fd, const struct iovec *vectors, int count, off_t offset)
{
    size_t size = 0;
    size_t done = 0;
    for (int i = 0; i < count; i++) {
        size += vectors[i].iov_len;
    }
    if (odd_interrupts()) {
        return -1;
    }
    size = odd_size(size);
    for (int i = 0; i < count && done < size; i++) {
        size_t left = size - done;
        size_t len = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        ssize_t got = pwrite(fd, vectors[i].iov_base, len, offset + (off_t)done);
        if (got < 0) {
            return -1;
        }
        assert_int_equal(got, len);
        done += len;
    }
    return (ssize_t)done;
}

int fdatasync(int fd)
{
    return odd_interrupts() ? -1 : fsync(fd);
}

static void posix_file_conforms_on_an_odd_system(void **state)
{
    (void)state;
    char folder[TEMP_FOLDER_SIZE];
    copse_os *os = NULL;
    test_env test;
    test_env_init(&test);
    for (odd_random = 1; odd_random <= 5; odd_random++) {
        uint64_t seed = odd_random;
        temp_folder_make(folder);
        assert_int_equal(copse_os_posix_new(&test.env, &os, NULL), COPSE_OK);
        os_conformance_run(&(os_conformance_world){os, os, folder});
        copse_os_free(os);
        temp_folder_remove(folder);
        odd_random = seed;
    }
    test_env_assert_empty(&test);
    print_message("%u calls interrupted, %u done by parts\n", odd_interrupted, odd_short);
    assert_true(odd_interrupted > 100 && odd_short > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posix_file_conforms_on_an_odd_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
