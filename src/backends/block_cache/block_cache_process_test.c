/* A block cache on real files, used by several processes at once, some of which are killed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/block_cache_support.h"
#include "support/temp_folder.h"

enum { CACHE_PROCESS_BOUND = 1 << 20, CACHE_PROCESSES = 4, CACHE_PROCESS_KILLS = 12 };

typedef struct cache_process {
    copse_env env;
    copse_os *os;
    char path[TEMP_FOLDER_SIZE + 32];
} cache_process;

/* Lives `lives` times; the exit code is 0 if all was right. */
static int cache_process_work(cache_process *self, uint64_t first, uint64_t lives)
{
    for (uint64_t i = 0; i < lives; i++) {
        copse_block_cache *cache = NULL;
        copse_block_cache_stats stats;
        if (copse_block_cache_open(&self->env, self->os, self->path, CACHE_PROCESS_BOUND, &cache,
                                   NULL) != COPSE_OK) {
            return 1;
        }
        if (!cache_world_live(&self->env, cache, first + 40 * i)) {
            return 2;
        }
        if (copse_block_cache_get_stats(cache, &stats, NULL) != COPSE_OK ||
            stats.size_bytes > CACHE_PROCESS_BOUND + CACHE_WORLD_SLACK_BYTES) {
            return 3;
        }
        (void)copse_block_cache_close(cache);
    }
    return 0;
}

static pid_t cache_process_start(cache_process *self, uint64_t first, uint64_t lives)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(cache_process_work(self, first, lives));
    }
    return child;
}

static void cache_is_used_by_processes(void **state)
{
    (void)state;
    cache_process self;
    char folder[TEMP_FOLDER_SIZE];
    uint64_t random = 1;
    temp_folder_make(folder);
    (void)snprintf(self.path, sizeof self.path, "%s/made/cache", folder);
    copse_env_init(&self.env);
    copse_env_init_posix(&self.env);
    assert_int_equal(copse_os_posix_new(&self.env, &self.os, NULL), COPSE_OK);
    pid_t children[CACHE_PROCESSES];
    for (size_t i = 0; i < CACHE_PROCESSES; i++) {
        children[i] = cache_process_start(&self, i / 2 * 500, 6);
    }
    for (size_t i = 0; i < CACHE_PROCESS_KILLS; i++) {
        int code = 0;
        pid_t killed = cache_process_start(&self, 100 * i, 1000);
        (void)usleep((useconds_t)(1000 + test_random_below(&random, 15000)));
        (void)kill(killed, SIGKILL);
        assert_int_equal(waitpid(killed, &code, 0), killed);
        assert_true(WIFSIGNALED(code));
    }
    for (size_t i = 0; i < CACHE_PROCESSES; i++) {
        int code = -1;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_int_equal(code, 0);
    }
    assert_int_equal(cache_process_work(&self, 7, 1), 0);
    assert_int_equal(copse_block_cache_clear(&self.env, self.os, self.path, NULL), COPSE_OK);
    (void)copse_os_free(self.os);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_is_used_by_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
