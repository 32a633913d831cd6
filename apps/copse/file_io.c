/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "file_io.h"

#include "failure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_IO_PIECE_SIZE = 1 << 16 };

/* ---- Reading ---- */

bool copse_input_open(copse_input *input, copse_call *call, const char *name)
{
    struct stat info;
    *input = (copse_input){.call = call, .name = name, .fd = STDIN_FILENO};
    if (strcmp(name, "-") == 0) {
        input->name = "stdin";
    } else {
        input->fd = open(name, O_RDONLY | O_CLOEXEC);
    }
    int failed = input->fd < 0 || fstat(input->fd, &info) != 0 ? errno : 0;
    if (failed == 0 && S_ISDIR(info.st_mode)) {
        failed = EISDIR;
    }
    if (failed != 0) {
        (void)copse_failure(call, COPSE_IO, NULL, "'%s' can't be read: %s", name, strerror(failed));
        copse_input_close(input);
        return false;
    }
    input->total = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    return true;
}

void copse_input_close(copse_input *input)
{
    if (input->fd > STDIN_FILENO) {
        (void)close(input->fd);
    }
    input->fd = -1;
}

bool copse_input_read(copse_input *input, uint8_t *ret_bytes, size_t size, size_t *ret_got)
{
    ssize_t got = 0;
    do {
        got = read(input->fd, ret_bytes, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)copse_failure(input->call, COPSE_IO, NULL, "'%s' can't be read: %s", input->name,
                            strerror(errno));
        return false;
    }
    *ret_got = (size_t)got;
    input->done += (uint64_t)got;
    return true;
}

bool copse_input_read_all(copse_call *call, const char *name, copse_buf *buf)
{
    copse_input input;
    uint8_t piece[FILE_IO_PIECE_SIZE];
    size_t got = 1;
    bool good = copse_input_open(&input, call, name);
    if (!good) {
        return false;
    }
    while (good && got > 0) {
        good = copse_input_read(&input, piece, sizeof piece, &got);
        copse_status status = good ? copse_buf_append(buf, (copse_bytes){piece, got}) : COPSE_OK;
        if (status == COPSE_LIMIT) {
            (void)copse_failure(call, status, NULL, "'%s' has more than %zu bytes", name, buf->max);
        } else if (status != COPSE_OK) {
            (void)copse_failure(call, status, NULL, "'%s': out of memory", name);
        }
        good = good && status == COPSE_OK;
    }
    explicit_bzero(piece, sizeof piece); /* it may have been a seed */
    copse_input_close(&input);
    return good;
}

/* ---- Writing ---- */

static bool file_output_report(copse_file_output *file)
{
    (void)copse_failure(file->call, COPSE_IO, NULL, "'%s' can't be written: %s", file->name,
                        strerror(errno));
    copse_file_output_release(file);
    return false;
}

static bool file_output_make_temporary(copse_file_output *file)
{
    size_t size = strlen(file->name) + sizeof ".XXXXXX";
    file->temporary = malloc(size);
    if (file->temporary == NULL) {
        return false;
    }
    (void)snprintf(file->temporary, size, "%s.XXXXXX", file->name);
    int fd = mkstemp(file->temporary);
    if (fd < 0) {
        free(file->temporary);
        file->temporary = NULL;
        return false;
    }
    mode_t mask = umask(0);
    (void)umask(mask);
    (void)fchmod(fd, 0666 & ~mask);
    file->stream = fdopen(fd, "wb");
    if (file->stream == NULL) {
        (void)close(fd);
    }
    return file->stream != NULL;
}

bool copse_file_output_open(copse_file_output *file, copse_call *call, const char *name)
{
    struct stat info;
    bool opened = true;
    *file = (copse_file_output){.call = call, .name = name};
    if (strcmp(name, "-") == 0) {
        file->name = "stdout";
        file->stream = stdout;
    } else if (stat(name, &info) == 0 && !S_ISREG(info.st_mode)) {
        file->stream = fopen(name, "wb");
        opened = file->stream != NULL;
    } else {
        opened = file_output_make_temporary(file);
    }
    return opened || file_output_report(file);
}

static copse_status file_output_write(void *ctx, copse_bytes bytes, copse_err *err)
{
    copse_file_output *file = ctx;
    if (bytes.len == 0 || fwrite(bytes.ptr, bytes.len, 1, file->stream) == 1) {
        return COPSE_OK;
    }
    if (err != NULL) {
        *err = (copse_err){.status = COPSE_IO, .os_errno = errno};
        (void)snprintf(err->message, sizeof err->message, "'%s' can't be written", file->name);
    }
    return COPSE_IO;
}

copse_car_sink copse_file_output_sink(copse_file_output *file)
{
    return (copse_car_sink){.write = file_output_write, .ctx = file};
}

bool copse_file_output_rewrite_start(copse_file_output *file, copse_bytes bytes)
{
    FILE *stream = file->stream;
    return fflush(stream) == 0 && fseeko(stream, 0, SEEK_SET) == 0 &&
           fwrite(bytes.ptr, bytes.len, 1, stream) == 1;
}

bool copse_file_output_finish(copse_file_output *file)
{
    FILE *stream = file->stream;
    bool good = fflush(stream) == 0;
    if (file->temporary != NULL) {
        /* Else a crash could leave the new name with nothing behind it. */
        good = good && fsync(fileno(stream)) == 0;
    }
    if (stream != stdout) {
        file->stream = NULL;
        good = fclose(stream) == 0 && good;
    }
    if (good && file->temporary != NULL) {
        good = rename(file->temporary, file->name) == 0;
    }
    if (!good) {
        return file_output_report(file);
    }
    free(file->temporary);
    file->temporary = NULL;
    return true;
}

void copse_file_output_release(copse_file_output *file)
{
    int saved = errno;
    if (file->stream != NULL && file->stream != stdout) {
        (void)fclose(file->stream);
    }
    if (file->temporary != NULL) {
        (void)unlink(file->temporary);
        free(file->temporary);
    }
    *file = (copse_file_output){0};
    errno = saved;
}
