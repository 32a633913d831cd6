/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ftw.h>

void temp_folder_make(char ret_path[TEMP_FOLDER_SIZE])
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(ret_path, TEMP_FOLDER_SIZE, "%s/copse-test-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(ret_path) == NULL) {
        fail_msg("cannot make a temporary folder %s", ret_path);
    }
}

static int temp_folder_remove_one(const char *path, const struct stat *stat, int type,
                                  struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_folder_remove(const char *path)
{
    (void)nftw(path, temp_folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
