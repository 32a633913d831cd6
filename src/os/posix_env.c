/* The system's clock and random source.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/sys/os.h>

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t posix_env_clock(void *ctx)
{
    struct timespec now;
    (void)ctx;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0) {
        return 0; /* a clock that stands before 1970 */
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static copse_status posix_env_random(void *ctx, void *ret_bytes, size_t size)
{
    uint8_t *at = ret_bytes;
    (void)ctx;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR) {
            return COPSE_IO;
        }
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return COPSE_OK;
}

void copse_env_init_posix(copse_env *env)
{
    env->clock = posix_env_clock;
    env->clock_ctx = NULL;
    env->random = posix_env_random;
    env->random_ctx = NULL;
}
