/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/os_sim_use.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

copse_file *sim_open(copse_os *os, const char *path, unsigned flags)
{
    copse_file *file = NULL;
    copse_err err;
    if (os->ops->open(os, path, flags, &file, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return file;
}

copse_status sim_write(copse_file *file, uint64_t offset, const void *bytes, size_t len)
{
    copse_bytes part = {bytes, len};
    return file->ops->write_at(file, offset, &part, 1, NULL);
}

/* A durable file. */
void sim_make(copse_os *os, const char *path, const char *text)
{
    copse_file *file = sim_open(os, path, SIM_MAKE);
    assert_int_equal(sim_write(file, 0, text, strlen(text)), COPSE_OK);
    assert_int_equal(file->ops->sync(file, NULL), COPSE_OK);
    file->ops->close(file);
    assert_int_equal(os->ops->sync_dir(os, "/", NULL), COPSE_OK);
}

bool sim_is(const os_sim *sim, const char *path, const char *text)
{
    copse_bytes content;
    return os_sim_peek(sim, path, &content) &&
           copse_bytes_equal(content, copse_bytes_of_text(text));
}

bool sim_is_there(const os_sim *sim, const char *path)
{
    copse_bytes content;
    return os_sim_peek(sim, path, &content);
}
