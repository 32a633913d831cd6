/* Several processes on one store, on real files: writers that count together, readers beside them,
 * a writer that is killed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_store.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/pack_support.h"
#include "support/test_env.h"

enum { PROCESS_WRITERS = 2, PROCESS_COUNTS = 300, PROCESS_READS = 2000, PROCESS_KILLS = 30 };

static const char process_ref[] = "counter";

/* The number in the block that the ref names; 0: no ref. False: the store is wrong. */
static bool process_read(copse_pack_db *db, copse_cid *ret_cid, uint64_t *ret_number)
{
    copse_block *block = NULL;
    copse_status status =
        copse_refs_get(copse_pack_db_refs(db), copse_bytes_of_text(process_ref), ret_cid, NULL);
    *ret_number = 0;
    if (status == COPSE_NOT_FOUND) {
        *ret_cid = (copse_cid){0};
        return true;
    }
    if (status != COPSE_OK ||
        copse_store_get(copse_pack_db_store(db), ret_cid, &block, NULL) != COPSE_OK) {
        return false;
    }
    bool is_right = copse_block_verify(block, NULL) == COPSE_OK;
    memcpy(ret_number, copse_block_data(block).ptr, sizeof *ret_number);
    copse_block_unref(block);
    return is_right;
}

/* Adds one to the number, with blocks beside it. CONFLICT: somebody else came first. */
static copse_status process_count(copse_pack_db *db, const copse_env *env, const copse_cid *now,
                                  uint64_t number)
{
    uint8_t bytes[600] = {0};
    copse_block *block = NULL;
    number++;
    memcpy(bytes, &number, sizeof number);
    copse_status status =
        copse_block_of_data(env, COPSE_CODEC_RAW, (copse_bytes){bytes, sizeof bytes}, &block, NULL);
    if (status == COPSE_OK) {
        status = copse_store_put(copse_pack_db_store(db), &block, 1, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_refs_swap(copse_pack_db_refs(db), copse_bytes_of_text(process_ref),
                                 now->size > 0 ? now : NULL, copse_block_cid(block), NULL);
    }
    copse_block_unref(block);
    return status;
}

/* Counts `count` times. The exit code of a child: 0 if all was right. */
static int process_write(pack_folder *folder, size_t count)
{
    copse_err err = {0};
    if (pack_folder_open(folder, &err) != COPSE_OK) {
        return 1;
    }
    for (size_t done = 0; done < count;) {
        copse_cid now;
        uint64_t number;
        if (!process_read(folder->db, &now, &number)) {
            return 2;
        }
        copse_status status = process_count(folder->db, &folder->own, &now, number);
        if (status != COPSE_OK && status != COPSE_CONFLICT) {
            return 3;
        }
        done += status == COPSE_OK;
    }
    pack_folder_close(folder);
    return 0;
}

/* Sees numbers that never fall, each with its block. */
static int process_watch(pack_folder *folder)
{
    copse_err err = {0};
    uint64_t last = 0;
    folder->options = (copse_pack_options){.read_only = true};
    if (pack_folder_open(folder, &err) != COPSE_OK) {
        return 1;
    }
    for (size_t i = 0; i < PROCESS_READS; i++) {
        copse_cid now;
        uint64_t number;
        if (copse_pack_db_refresh(folder->db, NULL) != COPSE_OK ||
            !process_read(folder->db, &now, &number) || number < last) {
            return 2;
        }
        last = number;
    }
    pack_folder_close(folder);
    return 0;
}

static pid_t process_start(int (*run)(pack_folder *folder), pack_folder *folder)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run(folder));
    }
    return child;
}

static int process_write_all(pack_folder *folder)
{
    return process_write(folder, PROCESS_COUNTS);
}

static void process_writers_lose_nothing(void **state)
{
    (void)state;
    pid_t children[PROCESS_WRITERS + 1];
    pack_folder folder;
    copse_cid now;
    uint64_t number;
    pack_folder_init(&folder);
    folder.options.durability = COPSE_DURABILITY_OFF;
    folder.options.journal_size_bytes_max = 50000; /* journals end in between */
    pack_folder_must_open(&folder);
    pack_folder_close(&folder);
    for (size_t i = 0; i < PROCESS_WRITERS; i++) {
        children[i] = process_start(process_write_all, &folder);
    }
    children[PROCESS_WRITERS] = process_start(process_watch, &folder);
    for (size_t i = 0; i <= PROCESS_WRITERS; i++) {
        int code = -1;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_int_equal(code, 0);
    }
    pack_folder_must_open(&folder);
    assert_true(process_read(folder.db, &now, &number));
    assert_int_equal(number, PROCESS_WRITERS * PROCESS_COUNTS);
    pack_folder_release(&folder);
}

/* Counts for ever and tells each number down the pipe after it was acknowledged. */
static void process_count_loudly(pack_folder *folder, int pipe)
{
    copse_err err = {0};
    if (pack_folder_open(folder, &err) != COPSE_OK) {
        _exit(1);
    }
    for (;;) {
        copse_cid now;
        uint64_t number;
        if (!process_read(folder->db, &now, &number) ||
            process_count(folder->db, &folder->own, &now, number) != COPSE_OK) {
            _exit(2);
        }
        number++;
        if (write(pipe, &number, sizeof number) != sizeof number) {
            _exit(3);
        }
    }
}

/* Starts a writer, kills it, and returns the last number that it told. */
static uint64_t process_kill_one(pack_folder *folder, uint64_t *random)
{
    int pipes[2];
    uint64_t last = 0;
    int code;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(pipes[0]);
        process_count_loudly(folder, pipes[1]);
    }
    (void)close(pipes[1]);
    (void)usleep((useconds_t)(2000 + test_random_below(random, 8000)));
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    while (read(pipes[0], &last, sizeof last) == sizeof last) {
    }
    (void)close(pipes[0]);
    return last;
}

static void process_killed_writers_lose_nothing(void **state)
{
    (void)state;
    pack_folder folder;
    uint64_t random = 1;
    uint64_t told = 0;
    pack_folder_init(&folder);
    folder.options.durability = COPSE_DURABILITY_OFF;
    folder.options.journal_size_bytes_max = 20000;
    for (size_t i = 0; i < PROCESS_KILLS; i++) {
        copse_cid now;
        uint64_t number;
        uint64_t last = process_kill_one(&folder, &random);
        told = last > told ? last : told;
        pack_folder_must_open(&folder);
        assert_true(process_read(folder.db, &now, &number));
        assert_true(number == told || number == told + 1);
        told = number;
        pack_folder_close(&folder);
    }
    print_message("%llu commits in %d lives\n", (unsigned long long)told, PROCESS_KILLS);
    assert_true(told > PROCESS_KILLS);
    pack_folder_release(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_writers_lose_nothing),
        cmocka_unit_test(process_killed_writers_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
