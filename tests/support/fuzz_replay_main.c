/* Runs a fuzz target without libFuzzer, as a quick test: first each file of the corpus, then a
 * bounded number of inputs made up from a fixed seed, so that every run on every machine is the
 * same. Half of those are mutations of corpus files, where there are any, and half are random.
 *
 *   target [--runs=N] [--seed=N] [--only=K] [--save=FILE] [corpus file or folder]...
 *
 * On a crash the number of the run is printed; --only=K runs just that one and --save=FILE keeps
 * its input, for tests/corpus/<noun>/. A folder that does not exist is an empty corpus.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REPLAY_FILES_MAX = 65536,
    REPLAY_RANDOM_SIZE_MAX = 512,
    REPLAY_MUTANT_SIZE_MAX = 1 << 20,
    REPLAY_MUTATIONS_MAX = 6
};

struct replay_input {
    uint8_t *bytes;
    size_t size;
};

struct replay {
    unsigned long runs;
    unsigned long only; /* ULONG_MAX: all */
    const char *save_path;
    uint64_t seed;
    uint64_t random;
    struct replay_input *files;
    size_t files_count;
};

static unsigned long replay_run_index; /* for the signal handler */

static void replay_on_signal(int number)
{
    char text[64];
    int size = snprintf(text, sizeof text, "fuzz replay: failed in run %lu\n", replay_run_index);
    ssize_t written = write(STDERR_FILENO, text, size > 0 ? (size_t)size : 0);
    (void)written;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static _Noreturn void replay_fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "fuzz replay: %s: %s\n", what, detail);
    exit(2);
}

static void *replay_alloc(size_t size)
{
    void *ptr = malloc(size != 0 ? size : 1);
    if (ptr == NULL) {
        replay_fail("out of memory", "malloc");
    }
    return ptr;
}

/* splitmix64: small, and the same everywhere. */
static uint64_t replay_random(struct replay *replay)
{
    uint64_t z = replay->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t replay_random_below(struct replay *replay, size_t bound)
{
    return bound == 0 ? 0 : (size_t)(replay_random(replay) % bound);
}

static void replay_add_file(struct replay *replay, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        replay_fail(path, strerror(errno));
    }
    if (replay->files_count == REPLAY_FILES_MAX) {
        replay_fail(path, "too many corpus files");
    }
    struct replay_input *input = &replay->files[replay->files_count++];
    input->size = (size_t)info.st_size;
    input->bytes = replay_alloc(input->size);
    if (fread(input->bytes, 1, input->size, file) != input->size) {
        replay_fail(path, "short read");
    }
    (void)fclose(file);
}

/* In the order of the names, so that the runs do not depend on the file system. */
static void replay_add_folder(struct replay *replay, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        replay_fail(path, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        char child[PATH_MAX];
        struct stat info;
        int size = snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        if (size > 0 && (size_t)size < sizeof child && stat(child, &info) == 0 &&
            S_ISREG(info.st_mode)) {
            replay_add_file(replay, child);
        }
        free(entries[i]);
    }
    free(entries);
}

static void replay_add_path(struct replay *replay, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno != ENOENT) {
            replay_fail(path, strerror(errno));
        }
    } else if (S_ISDIR(info.st_mode)) {
        replay_add_folder(replay, path);
    } else {
        replay_add_file(replay, path);
    }
}

/* Opens a gap of `count` bytes at `at`, filled from the input itself. */
static void replay_insert(struct replay *replay, struct replay_input *input, size_t at,
                          size_t count)
{
    size_t from = replay_random_below(replay, input->size);
    if (count > input->size - from) {
        count = input->size - from;
    }
    if (count > REPLAY_MUTANT_SIZE_MAX - input->size) {
        return;
    }
    uint8_t *copy = replay_alloc(count);
    memcpy(copy, input->bytes + from, count);
    memmove(input->bytes + at + count, input->bytes + at, input->size - at);
    memcpy(input->bytes + at, copy, count);
    free(copy);
    input->size += count;
}

static void replay_splice(struct replay *replay, struct replay_input *input, size_t at)
{
    const struct replay_input *other =
        &replay->files[replay_random_below(replay, replay->files_count)];
    size_t from = replay_random_below(replay, other->size);
    size_t count = other->size - from;
    if (count > REPLAY_MUTANT_SIZE_MAX - at) {
        count = REPLAY_MUTANT_SIZE_MAX - at;
    }
    memcpy(input->bytes + at, other->bytes + from, count);
    input->size = at + count;
}

static void replay_mutate_once(struct replay *replay, struct replay_input *input)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x17, 0x18, 0x1b, 0x1f, 0x3b, 0x5f, 0x7f,
                                    0x80, 0x9b, 0xbb, 0xd8, 0xf6, 0xf7, 0xfb, 0xff};
    size_t at = replay_random_below(replay, input->size);
    size_t count = 1 + replay_random_below(replay, 16);
    if (input->size == 0) {
        input->bytes[0] = (uint8_t)replay_random(replay);
        input->size = 1;
        return;
    }
    switch (replay_random_below(replay, 7)) {
    case 0:
        input->bytes[at] ^= (uint8_t)(1U << replay_random_below(replay, 8));
        break;
    case 1:
        input->bytes[at] = (uint8_t)replay_random(replay);
        break;
    case 2:
        input->bytes[at] = edges[replay_random_below(replay, sizeof edges)];
        break;
    case 3: /* remove a few bytes */
        count = count > input->size - at ? input->size - at : count;
        memmove(input->bytes + at, input->bytes + at + count, input->size - at - count);
        input->size -= count;
        break;
    case 4:
        replay_insert(replay, input, at, count);
        break;
    case 5:
        input->size = at;
        break;
    default:
        replay_splice(replay, input, at);
        break;
    }
}

/* The input has room for REPLAY_MUTANT_SIZE_MAX bytes. */
static void replay_make_up(struct replay *replay, unsigned long run, struct replay_input *input)
{
    replay->random = replay->seed ^ (run * UINT64_C(0xd1342543de82ef95));
    if (replay->files_count != 0 && run % 2 == 0) {
        const struct replay_input *file =
            &replay->files[replay_random_below(replay, replay->files_count)];
        input->size = file->size < REPLAY_MUTANT_SIZE_MAX ? file->size : REPLAY_MUTANT_SIZE_MAX;
        memcpy(input->bytes, file->bytes, input->size);
        size_t count = 1 + replay_random_below(replay, REPLAY_MUTATIONS_MAX);
        for (size_t i = 0; i < count; i++) {
            replay_mutate_once(replay, input);
        }
        return;
    }
    /* Short inputs reach more of a decoder than long ones, which fail at their first bytes. */
    input->size = replay_random_below(replay, (size_t)1 << (1 + replay_random_below(replay, 9)));
    for (size_t i = 0; i < input->size && i < REPLAY_RANDOM_SIZE_MAX; i++) {
        input->bytes[i] = (uint8_t)replay_random(replay);
    }
}

/* An allocation of exactly the input's size, so that ASan sees a read past its end. */
static void replay_run(const struct replay *replay, unsigned long run,
                       const struct replay_input *input)
{
    replay_run_index = run;
    if (replay->only != ULONG_MAX && replay->only != run) {
        return;
    }
    if (replay->save_path != NULL) {
        FILE *file = fopen(replay->save_path, "wb");
        if (file == NULL || fwrite(input->bytes, 1, input->size, file) != input->size ||
            fclose(file) != 0) {
            replay_fail(replay->save_path, strerror(errno));
        }
    }
    uint8_t *exact = malloc(input->size);
    if (exact == NULL && input->size != 0) {
        replay_fail("out of memory", "malloc");
    }
    if (input->size != 0) {
        memcpy(exact, input->bytes, input->size);
    }
    (void)LLVMFuzzerTestOneInput(exact, input->size);
    free(exact);
}

static void replay_parse(struct replay *replay, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--runs=", 7) == 0) {
            replay->runs = strtoul(argv[i] + 7, NULL, 10);
        } else if (strncmp(argv[i], "--seed=", 7) == 0) {
            replay->seed = strtoull(argv[i] + 7, NULL, 10);
        } else if (strncmp(argv[i], "--only=", 7) == 0) {
            replay->only = strtoul(argv[i] + 7, NULL, 10);
        } else if (strncmp(argv[i], "--save=", 7) == 0) {
            replay->save_path = argv[i] + 7;
        } else if (argv[i][0] == '-') {
            replay_fail("unknown option", argv[i]);
        } else {
            replay_add_path(replay, argv[i]);
        }
    }
}

int main(int argc, char **argv)
{
    struct replay replay = {.runs = 2000, .only = ULONG_MAX, .seed = 1};
    struct replay_input made_up = {.bytes = replay_alloc(REPLAY_MUTANT_SIZE_MAX)};
    replay.files = replay_alloc(REPLAY_FILES_MAX * sizeof *replay.files);
    (void)signal(SIGABRT, replay_on_signal);
    replay_parse(&replay, argc, argv);

    for (size_t i = 0; i < replay.files_count; i++) {
        replay_run(&replay, i, &replay.files[i]);
    }
    for (unsigned long i = 0; i < replay.runs; i++) {
        replay_make_up(&replay, i, &made_up);
        replay_run(&replay, replay.files_count + i, &made_up);
    }
    (void)printf("%zu corpus files, %lu made-up inputs, seed %llu\n", replay.files_count,
                 replay.runs, (unsigned long long)replay.seed);

    for (size_t i = 0; i < replay.files_count; i++) {
        free(replay.files[i].bytes);
    }
    free(replay.files);
    free(made_up.bytes);
    return 0;
}
