/* Files that commands read and write; `-` is stdin or stdout.
 *
 * Functions that return bool have reported their failure when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FILE_IO_H
#define COPSE_APPS_FILE_IO_H

#include "command.h"

#include <copse/car.h>

/** A file being read in pieces. */
typedef struct copse_input {
    copse_call *call;
    const char *name;
    int fd;
    uint64_t total; /**< The file's size; 0: not known. */
    uint64_t done;  /**< Bytes read so far. */
} copse_input;

bool copse_input_open(copse_input *input, copse_call *call, const char *name);
void copse_input_close(copse_input *input);

/** Reads up to `size` bytes; *ret_got is 0 only at the end. */
bool copse_input_read(copse_input *input, uint8_t *ret_bytes, size_t size, size_t *ret_got);

/** Appends all of a file to `buf`; more than the buf's maximum is a failure. */
bool copse_input_read_all(copse_call *call, const char *name, copse_buf *buf);

/** A file being written. It is written beside its name and put there when it is whole, so that a
 * failure leaves what was there before. */
typedef struct copse_file_output {
    copse_call *call;
    const char *name;
    char *temporary; /**< NULL: stdout, or what is no plain file. */
    void *stream;
} copse_file_output;

bool copse_file_output_open(copse_file_output *file, copse_call *call, const char *name);

/** The sink of a CAR writer; IO with the errno. */
copse_car_sink copse_file_output_sink(copse_file_output *file);

/** Writes over the first bytes of what was written. False: it can't, errno says why. */
bool copse_file_output_rewrite_start(copse_file_output *file, copse_bytes bytes);

/** Ends it: the file is there under its name. False: reported, nothing is left. */
bool copse_file_output_finish(copse_file_output *file);

/** Drops it, finished or not. A zeroed one is allowed. */
void copse_file_output_release(copse_file_output *file);

#endif
