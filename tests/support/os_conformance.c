/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/os_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "support/test_env.h"

enum {
    MAKE = COPSE_OPEN_WRITE | COPSE_OPEN_CREATE,
    MAKE_NEW = COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_EXCLUSIVE
};

const char *os_conformance_path(const os_conformance_world *world, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", world->folder, name);
    return path;
}

#define PATH(name) os_conformance_path(w, name)

/* ---- short forms ---- */

static copse_file *os_conformance_open(const os_conformance_world *w, copse_os *os,
                                       const char *name, unsigned flags)
{
    copse_file *file = NULL;
    copse_err err = {0};
    if (os->ops->open(os, PATH(name), flags, &file, &err) != COPSE_OK) {
        fail_msg("open %s: %s", name, err.message);
    }
    assert_non_null(file);
    return file;
}

static void os_conformance_open_fails(const os_conformance_world *w, const char *name,
                                      unsigned flags, copse_status expected)
{
    copse_file *file = NULL;
    copse_err err = {0};
    assert_int_equal(w->os->ops->open(w->os, PATH(name), flags, &file, &err), expected);
    assert_int_equal(w->os->ops->open(w->os, PATH(name), flags, &file, NULL), expected);
    assert_null(file);
    assert_int_equal(err.status, expected);
    assert_true(expected == COPSE_MISUSE || err.os_errno != 0);
    assert_true(expected == COPSE_MISUSE || strstr(err.message, name) != NULL);
}

static copse_status os_conformance_write(copse_file *file, uint64_t offset, const char *text)
{
    copse_bytes part = copse_bytes_of_text(text);
    return file->ops->write_at(file, offset, &part, 1, NULL);
}

static void os_conformance_expect(copse_file *file, uint64_t offset, const char *text)
{
    char bytes[256];
    size_t got = 777;
    assert_int_equal(file->ops->read_at(file, offset, bytes, sizeof bytes, &got, NULL), COPSE_OK);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, got);
}

static void os_conformance_make(const os_conformance_world *w, const char *name, const char *text)
{
    copse_file *file = os_conformance_open(w, w->os, name, MAKE | COPSE_OPEN_TRUNCATE);
    assert_int_equal(os_conformance_write(file, 0, text), COPSE_OK);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    file->ops->close(file);
}

static void os_conformance_remove(const os_conformance_world *w, const char *name)
{
    assert_int_equal(w->os->ops->remove(w->os, PATH(name), NULL), COPSE_OK);
}

static uint64_t os_conformance_size(copse_file *file)
{
    uint64_t size = 12345;
    assert_int_equal(file->ops->size(file, &size, NULL), COPSE_OK);
    return size;
}

/* ---- opening ---- */

static void os_conformance_check_open(const os_conformance_world *w)
{
    os_conformance_open_fails(w, "a", 0, COPSE_NOT_FOUND);
    os_conformance_open_fails(w, "a", COPSE_OPEN_WRITE, COPSE_NOT_FOUND);
    os_conformance_open_fails(w, "a", COPSE_OPEN_CREATE, COPSE_MISUSE);
    os_conformance_open_fails(w, "a", COPSE_OPEN_TRUNCATE, COPSE_MISUSE);
    os_conformance_open_fails(w, "no/a", MAKE, COPSE_NOT_FOUND);
    copse_file *file = os_conformance_open(w, w->os, "a", MAKE_NEW);
    assert_int_equal(os_conformance_size(file), 0);
    assert_int_equal(os_conformance_write(file, 0, "hello"), COPSE_OK);
    os_conformance_open_fails(w, "a", MAKE_NEW, COPSE_CONFLICT);
    os_conformance_open_fails(w, "a/b", MAKE, COPSE_NOT_FOUND);
    file->ops->close(file);

    file = os_conformance_open(w, w->os, "a", MAKE); /* leaves what is there */
    os_conformance_expect(file, 0, "hello");
    file->ops->close(file);
    file = os_conformance_open(w, w->os, "a", 0);
    copse_err err = {0};
    copse_bytes part = copse_bytes_of_text("x");
    assert_int_equal(file->ops->write_at(file, 0, &part, 1, &err), COPSE_IO);
    assert_int_equal(err.os_errno, EBADF);
    assert_int_equal(file->ops->truncate(file, 0, &err), COPSE_IO);
    os_conformance_expect(file, 0, "hello");
    file->ops->close(file);
    file = os_conformance_open(w, w->os, "a", COPSE_OPEN_WRITE | COPSE_OPEN_TRUNCATE);
    assert_int_equal(os_conformance_size(file), 0);
    file->ops->close(file);
    os_conformance_remove(w, "a");
}

/* ---- reading and writing ---- */

static void os_conformance_check_parts(const os_conformance_world *w)
{
    enum { COUNT = 3000 }; /* more than one call of a system takes */
    copse_file *file = os_conformance_open(w, w->os, "parts", MAKE_NEW);
    copse_bytes parts[COUNT];
    uint8_t expected[2 * COUNT];
    size_t len = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i % 3; /* empty ones too, also at the begin and the end */
        for (size_t j = 0; j < size; j++) {
            expected[len + j] = (uint8_t)(i * 7 + j);
        }
        parts[i] = (copse_bytes){size > 0 ? expected + len : NULL, size};
        len += size;
    }
    uint8_t bytes[2 * COUNT];
    size_t got;
    assert_int_equal(file->ops->write_at(file, 10, parts, COUNT, NULL), COPSE_OK);
    assert_int_equal(os_conformance_size(file), 10 + len);
    assert_int_equal(file->ops->read_at(file, 10, bytes, len, &got, NULL), COPSE_OK);
    assert_int_equal(got, len);
    assert_memory_equal(bytes, expected, len);
    assert_int_equal(file->ops->read_at(file, 0, bytes, 10, &got, NULL), COPSE_OK);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\0", 10);                     /* a gap is zeros */
    assert_int_equal(file->ops->write_at(file, 0, parts, 1, NULL), COPSE_OK); /* nothing */
    assert_int_equal(file->ops->write_at(file, 0, NULL, 0, NULL), COPSE_OK);
    assert_int_equal(os_conformance_size(file), 10 + len);
    file->ops->close(file);
    os_conformance_remove(w, "parts");
}

static void os_conformance_check_ends(const os_conformance_world *w)
{
    char bytes[8];
    size_t got = 777;
    copse_file *file = os_conformance_open(w, w->os, "ends", MAKE_NEW);
    assert_int_equal(os_conformance_write(file, 0, "abcdef"), COPSE_OK);
    os_conformance_expect(file, 4, "ef");
    os_conformance_expect(file, 6, "");
    os_conformance_expect(file, 1000, "");
    os_conformance_expect(file, UINT64_MAX, "");
    assert_int_equal(file->ops->read_at(file, 0, bytes, 0, &got, NULL), COPSE_OK);
    assert_int_equal(got, 0);
    copse_err err = {0};
    copse_bytes part = copse_bytes_of_text("x");
    assert_int_equal(file->ops->write_at(file, UINT64_MAX - 4, &part, 1, &err), COPSE_IO);
    assert_int_equal(err.os_errno, EFBIG);
    assert_int_equal(file->ops->truncate(file, UINT64_MAX, NULL), COPSE_IO);
    assert_int_equal(file->ops->truncate(file, 3, NULL), COPSE_OK);
    os_conformance_expect(file, 0, "abc");
    assert_int_equal(file->ops->truncate(file, 5, NULL), COPSE_OK);
    assert_int_equal(os_conformance_size(file), 5);
    assert_int_equal(file->ops->read_at(file, 0, bytes, 8, &got, NULL), COPSE_OK);
    assert_int_equal(got, 5);
    assert_memory_equal(bytes, "abc\0\0", 5);
    file->ops->close(file);
    os_conformance_remove(w, "ends");
}

/* A file and an array, changed alike; read through another open file (O1). */
static void os_conformance_check_random(const os_conformance_world *w)
{
    enum { SIZE = 4096 };
    uint8_t model[SIZE] = {0};
    uint8_t bytes[SIZE];
    size_t model_len = 0;
    uint64_t random = 1;
    copse_file *writer = os_conformance_open(w, w->os, "random", MAKE_NEW);
    copse_file *reader = os_conformance_open(w, w->other, "random", 0);
    for (int round = 0; round < 500; round++) {
        size_t offset = (size_t)test_random_below(&random, SIZE);
        size_t len = (size_t)test_random_below(&random, SIZE - offset);
        size_t cut = (size_t)test_random_below(&random, len + 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)test_random(&random);
        }
        if (test_random_below(&random, 10) == 0) {
            assert_int_equal(writer->ops->truncate(writer, offset, NULL), COPSE_OK);
            memset(model + offset, 0, SIZE - offset);
            model_len = offset;
        } else if (len > 0) {
            copse_bytes parts[] = {{bytes, cut}, {bytes + cut, len - cut}};
            assert_int_equal(writer->ops->write_at(writer, offset, parts, 2, NULL), COPSE_OK);
            memcpy(model + offset, bytes, len);
            model_len = offset + len > model_len ? offset + len : model_len;
        }
        size_t got;
        size_t from = (size_t)test_random_below(&random, SIZE);
        assert_int_equal(reader->ops->read_at(reader, from, bytes, SIZE, &got, NULL), COPSE_OK);
        assert_int_equal(got, from < model_len ? model_len - from : 0);
        assert_memory_equal(bytes, model + from, got);
        assert_int_equal(os_conformance_size(reader), model_len);
    }
    writer->ops->close(writer);
    reader->ops->close(reader);
    os_conformance_remove(w, "random");
}

/* ---- names ---- */

static void os_conformance_check_rename(const os_conformance_world *w)
{
    copse_os *os = w->os;
    os_conformance_make(w, "old", "old");
    os_conformance_make(w, "new", "new");
    copse_file *old = os_conformance_open(w, w->other, "old", COPSE_OPEN_WRITE);
    assert_int_equal(os->ops->rename(os, PATH("new"), PATH("old"), NULL), COPSE_OK);
    os_conformance_open_fails(w, "new", 0, COPSE_NOT_FOUND);
    copse_file *file = os_conformance_open(w, w->other, "old", 0);
    os_conformance_expect(file, 0, "new");
    os_conformance_expect(old, 0, "old"); /* O5: replaced */
    assert_int_equal(os_conformance_write(old, 3, "er"), COPSE_OK);
    os_conformance_expect(old, 0, "older");
    os_conformance_expect(file, 0, "new");
    old->ops->close(old);
    assert_int_equal(os->ops->rename(os, PATH("old"), PATH("old"), NULL), COPSE_OK);
    os_conformance_remove(w, "old");
    os_conformance_expect(file, 0, "new"); /* O5: removed */
    file->ops->close(file);
    assert_int_equal(os->ops->rename(os, PATH("old"), PATH("new"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(os->ops->remove(os, PATH("old"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(os->ops->sync_dir(os, w->folder, NULL), COPSE_OK);
}

typedef struct os_conformance_list {
    unsigned seen; /* a bit a name: "0" to "9" */
    size_t count;
    copse_status answer;
} os_conformance_list;

static copse_status os_conformance_visit(void *ctx, const char *name, copse_err *err)
{
    os_conformance_list *list = ctx;
    (void)err;
    assert_int_equal(strlen(name), 1);
    list->seen |= 1u << (name[0] - '0');
    list->count++;
    return list->answer;
}

static void os_conformance_check_folders(const os_conformance_world *w)
{
    copse_os *os = w->os;
    os_conformance_list list = {0};
    assert_int_equal(os->ops->list_dir(os, PATH("d"), os_conformance_visit, &list, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(os->ops->sync_dir(os, PATH("d"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(os->ops->remove_dir(os, PATH("d"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(os->ops->make_dir(os, PATH("d/e"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(os->ops->make_dir(os, PATH("d"), NULL), COPSE_OK);
    assert_int_equal(os->ops->make_dir(os, PATH("d"), NULL), COPSE_CONFLICT);
    os_conformance_open_fails(w, "d", 0, COPSE_IO);
    os_conformance_open_fails(w, "d", COPSE_OPEN_WRITE, COPSE_IO);
    assert_int_equal(os->ops->list_dir(os, PATH("d"), os_conformance_visit, &list, NULL), COPSE_OK);
    assert_int_equal(list.count, 0);
    for (char name[] = "d/0"; name[2] <= '9'; name[2]++) {
        os_conformance_make(w, name, name);
    }
    assert_int_equal(os->ops->list_dir(os, PATH("d"), os_conformance_visit, &list, NULL), COPSE_OK);
    assert_int_equal(list.count, 10);
    assert_int_equal(list.seen, 0x3ff);
    list = (os_conformance_list){.answer = COPSE_LIMIT};
    assert_int_equal(os->ops->list_dir(os, PATH("d"), os_conformance_visit, &list, NULL),
                     COPSE_LIMIT);
    assert_int_equal(list.count, 1);
    assert_int_equal(os->ops->list_dir(os, PATH("d/0"), os_conformance_visit, &list, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(os->ops->remove_dir(os, PATH("d"), NULL), COPSE_CONFLICT);
    assert_int_equal(os->ops->make_dir(os, PATH("d/0"), NULL), COPSE_CONFLICT);
    for (char name[] = "d/0"; name[2] <= '9'; name[2]++) {
        os_conformance_remove(w, name);
    }
    assert_int_equal(os->ops->sync_dir(os, PATH("d"), NULL), COPSE_OK);
    assert_int_equal(os->ops->remove_dir(os, PATH("d"), NULL), COPSE_OK);
    assert_int_equal(os->ops->remove_dir(os, PATH("d"), NULL), COPSE_NOT_FOUND);
}

/* ---- locks ---- */

static copse_status os_conformance_try(copse_file *file, copse_lock lock)
{
    copse_err err = {0};
    copse_status status = file->ops->lock(file, lock, false, &err);
    assert_true(status == COPSE_OK || (status == COPSE_CONFLICT && err.os_errno == EWOULDBLOCK));
    return status;
}

/* O4, between two opens by `a` and `b`. */
static void os_conformance_check_locks(const os_conformance_world *w, copse_os *a, copse_os *b)
{
    os_conformance_make(w, "lock", "");
    copse_file *one = os_conformance_open(w, a, "lock", COPSE_OPEN_WRITE);
    copse_file *two = os_conformance_open(w, b, "lock", COPSE_OPEN_WRITE);
    for (unsigned held = 0; held < 3; held++) {
        for (unsigned asked = 0; asked < 3; asked++) {
            bool excludes = held + asked > 2; /* NONE, SHARED, EXCLUSIVE */
            assert_int_equal(os_conformance_try(one, (copse_lock)held), COPSE_OK);
            assert_int_equal(os_conformance_try(one, (copse_lock)held), COPSE_OK); /* again */
            assert_int_equal(os_conformance_try(two, (copse_lock)asked),
                             excludes ? COPSE_CONFLICT : COPSE_OK);
            assert_int_equal(os_conformance_try(one, COPSE_LOCK_NONE), COPSE_OK);
            assert_int_equal(os_conformance_try(two, (copse_lock)asked), COPSE_OK);
            assert_int_equal(os_conformance_try(two, COPSE_LOCK_NONE), COPSE_OK);
        }
    }
    /* A change that fails has given the old lock back. */
    assert_int_equal(os_conformance_try(one, COPSE_LOCK_SHARED), COPSE_OK);
    assert_int_equal(os_conformance_try(two, COPSE_LOCK_SHARED), COPSE_OK);
    assert_int_equal(os_conformance_try(one, COPSE_LOCK_EXCLUSIVE), COPSE_CONFLICT);
    assert_int_equal(os_conformance_try(two, COPSE_LOCK_EXCLUSIVE), COPSE_OK);
    two->ops->close(two); /* lets go */
    assert_int_equal(one->ops->lock(one, COPSE_LOCK_EXCLUSIVE, true, NULL), COPSE_OK);
    /* The lock is of the file, not of its name. */
    os_conformance_remove(w, "lock");
    os_conformance_make(w, "lock", "");
    two = os_conformance_open(w, b, "lock", 0);
    assert_int_equal(os_conformance_try(two, COPSE_LOCK_EXCLUSIVE), COPSE_OK);
    one->ops->close(one);
    two->ops->close(two);
    os_conformance_remove(w, "lock");
}

void os_conformance_run(const os_conformance_world *w)
{
    os_conformance_check_open(w);
    os_conformance_check_parts(w);
    os_conformance_check_ends(w);
    os_conformance_check_random(w);
    os_conformance_check_rename(w);
    os_conformance_check_folders(w);
    os_conformance_check_locks(w, w->os, w->os);
    os_conformance_check_locks(w, w->os, w->other);
    os_conformance_list list = {0};
    assert_int_equal(w->os->ops->list_dir(w->os, w->folder, os_conformance_visit, &list, NULL),
                     COPSE_OK);
    assert_int_equal(list.count, 0);
}
