/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cache_folder.h"

#include <stdio.h>
#include <stdlib.h>

/* The variable's value; NULL: it isn't set, or empty. */
static const char *cache_folder_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != 0 ? value : NULL;
}

bool copse_cache_folder(copse_call *call, char *ret_path, size_t size)
{
    char path[COPSE_CACHE_FOLDER_SIZE];
    const char *folder = copse_options_knows(&call->options, "--cache")
                             ? copse_options_text(&call->options, "--cache", NULL)
                             : NULL;
    const char *rest = "";
    if (folder == NULL) {
        folder = cache_folder_variable("COPSE_CACHE");
    }
    if (folder == NULL) {
        folder = cache_folder_variable("XDG_CACHE_HOME");
        folder = folder != NULL && folder[0] == '/' ? folder : NULL;
        rest = "/copse";
    }
    if (folder == NULL) {
        folder = cache_folder_variable("HOME");
        rest = "/.cache/copse";
    }
    if (folder == NULL) {
        return false;
    }
    int length = snprintf(path, sizeof path, "%s%s", folder, rest);
    if (length <= 0 || (size_t)length >= sizeof path || (size_t)length >= size) {
        return false;
    }
    (void)snprintf(ret_path, size, "%s", path);
    return true;
}
