/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "union_file.h"

#include "failure.h"
#include "file_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char union_file_first_line[] = "copse-union 1\n";

enum { UNION_FILE_SIZE_MAX = 4 << 20, UNION_FILE_PATH_SIZE = 4096 };

bool copse_union_file_is(const char *path)
{
    char begin[sizeof union_file_first_line - 1];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    FILE *file = fopen(path, "rb");
    bool is = file != NULL && fread(begin, 1, sizeof begin, file) == sizeof begin &&
              memcmp(begin, union_file_first_line, sizeof begin) == 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    return is;
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* The path of `name` from where the command runs: it counts from the union's folder. NULL: no
 * memory. */
static char *union_file_resolve(const char *union_path, const char *name)
{
    const char *slash = strrchr(union_path, '/');
    size_t folder = name[0] != '/' && slash != NULL ? (size_t)(slash - union_path) + 1 : 0;
    size_t size = strlen(name) + 1;
    char *path = malloc(folder + size);
    if (path != NULL) {
        memcpy(path, union_path, folder);
        memcpy(path + folder, name, size);
    }
    return path;
}

/* Adds an entry as it is written in the file. */
static bool union_file_append(copse_union_file *file, const char *name)
{
    copse_call *call = file->call;
    copse_union_entry *entry = &file->entries[file->count];
    copse_address address;
    if (file->count == COPSE_UNION_SOURCES_MAX) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "'%s': a union has at most %d databases",
                            file->path, COPSE_UNION_SOURCES_MAX);
        return false;
    }
    copse_status status = copse_address_parse(&call->env, name, &address, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure(
            call, status,
            "a database is a folder, a CAR file, http://peer/name, an IPNS name, or a CID",
            "'%s': %s", name, call->err.message);
        return false;
    }
    entry->kind = address.kind;
    copse_address_release(&address);
    entry->name = strdup(name);
    entry->path =
        entry->kind == COPSE_ADDRESS_PATH ? union_file_resolve(file->path, name) : strdup(name);
    file->count++;
    if (entry->name == NULL || entry->path == NULL) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    return true;
}

static void union_file_free_entry(copse_union_entry *entry)
{
    free(entry->name);
    free(entry->path);
}

void copse_union_file_release(copse_union_file *file)
{
    while (file->count > 0) {
        union_file_free_entry(&file->entries[--file->count]);
    }
}

/* The number of an entry; count: there is none. */
static size_t union_file_find(const copse_union_file *file, const char *name)
{
    size_t i = 0;
    while (i < file->count && strcmp(file->entries[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Cuts the text, which ends with a NUL, into lines. */
static bool union_file_parse(copse_union_file *file, char *text)
{
    char *line = text + sizeof union_file_first_line - 1;
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        char *next = line + len + (line[len] == '\n');
        line[len] = '\0';
        if (len > 0 && !union_file_append(file, line)) {
            return false;
        }
        line = next;
    }
    return true;
}

bool copse_union_file_read(copse_union_file *file, copse_call *call, const char *path)
{
    copse_buf text;
    *file = (copse_union_file){.call = call, .path = path};
    if (!copse_union_file_is(path)) {
        (void)copse_failure(call, COPSE_NOT_FOUND, "`copse union FILE ADDRESS...` makes one",
                            "'%s' is no union", path);
        return false;
    }
    copse_buf_init(&text, &call->env, UNION_FILE_SIZE_MAX);
    bool done = copse_input_read_all(call, path, &text);
    if (done && copse_buf_append_byte(&text, '\0') != COPSE_OK) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "'%s' is too long", path);
        done = false;
    }
    done = done && union_file_parse(file, (char *)text.ptr);
    copse_buf_release(&text);
    return done;
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* Writes an address of the command line as the file has it: a path that does not count from the
 * union's folder becomes an absolute one. */
static bool union_file_name(const copse_union_file *file, const char *address, char *ret_name,
                            size_t size)
{
    copse_call *call = file->call;
    copse_address parsed;
    struct stat info;
    bool is_path = copse_address_parse(&call->env, address, &parsed, NULL) == COPSE_OK;
    if (is_path) {
        is_path = parsed.kind == COPSE_ADDRESS_PATH;
        copse_address_release(&parsed);
    }
    int len = snprintf(ret_name, size, "%s", address);
    if (is_path && stat(address, &info) != 0) {
        (void)copse_failure(call, COPSE_NOT_FOUND,
                            "an address is a folder, a CAR file, http://peer/name, an IPNS name, "
                            "or a CID",
                            "there is no '%s'", address);
        return false;
    }
    if (is_path && copse_union_file_is(address)) {
        (void)copse_failure(call, COPSE_MISUSE, "`copse union FILE --list` shows its databases",
                            "'%s' is a union itself", address);
        return false;
    }
    if (is_path && address[0] != '/' && strchr(file->path, '/') != NULL) {
        char folder[UNION_FILE_PATH_SIZE];
        len = getcwd(folder, sizeof folder) != NULL
                  ? snprintf(ret_name, size, "%s/%s", folder, address)
                  : -1;
    }
    if (len < 0 || (size_t)len >= size || strchr(ret_name, '\n') != NULL) {
        (void)copse_failure(call, COPSE_MISUSE, NULL, "'%s' can't be written into a union",
                            address);
        return false;
    }
    return true;
}

bool copse_union_file_add(copse_union_file *file, const char *address)
{
    char name[UNION_FILE_PATH_SIZE];
    return union_file_name(file, address, name, sizeof name) &&
           (union_file_find(file, name) < file->count || union_file_append(file, name));
}

bool copse_union_file_remove(copse_union_file *file, const char *address)
{
    size_t at = union_file_find(file, address);
    if (at == file->count) {
        (void)copse_failure(file->call, COPSE_NOT_FOUND, "`copse union FILE --list` shows them",
                            "'%s' is not in '%s'", address, file->path);
        return false;
    }
    union_file_free_entry(&file->entries[at]);
    file->count--;
    memmove(&file->entries[at], &file->entries[at + 1],
            (file->count - at) * sizeof file->entries[0]);
    return true;
}

static copse_status union_file_put(const copse_car_sink *sink, const char *text, copse_err *err)
{
    return sink->write(sink->ctx, copse_bytes_of_text(text), err);
}

bool copse_union_file_write(const copse_union_file *file)
{
    copse_call *call = file->call;
    copse_file_output output = {.call = NULL};
    if (!copse_file_output_open(&output, call, file->path)) {
        return false;
    }
    const copse_car_sink sink = copse_file_output_sink(&output);
    copse_status status = union_file_put(&sink, union_file_first_line, &call->err);
    for (size_t i = 0; i < file->count && status == COPSE_OK; i++) {
        status = union_file_put(&sink, file->entries[i].name, &call->err);
        status = status == COPSE_OK ? union_file_put(&sink, "\n", &call->err) : status;
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be written", file->path);
    }
    bool written = status == COPSE_OK && copse_file_output_finish(&output);
    copse_file_output_release(&output);
    return written;
}
