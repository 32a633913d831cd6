/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "state_folder.h"

#include "failure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Makes the folders that `path` stands in. */
static bool state_folder_make_parents(const char *path)
{
    char parent[COPSE_STATE_FOLDER_SIZE];
    (void)snprintf(parent, sizeof parent, "%s", path);
    for (char *at = strchr(parent + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(parent, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        *at = '/';
    }
    return true;
}

copse_status copse_state_folder_find(const char *name, char *ret_path, size_t size, copse_err *err)
{
    char path[COPSE_STATE_FOLDER_SIZE];
    const char *folder = getenv("XDG_STATE_HOME");
    const char *rest = "";
    if (folder == NULL || folder[0] != '/') {
        folder = getenv("HOME");
        rest = "/.local/state";
    }
    if (folder == NULL || folder[0] == '\0') {
        (void)snprintf(err->message, sizeof err->message,
                       "there is no place to remember what was seen");
        return COPSE_NOT_FOUND;
    }
    int length = snprintf(path, sizeof path, "%s%s/copse/%s", folder, rest, name);
    if (length <= 0 || (size_t)length >= sizeof path || (size_t)length >= size) {
        (void)snprintf(err->message, sizeof err->message, "the path of '%.80s' is too long",
                       folder);
        return COPSE_LIMIT;
    }
    if (!state_folder_make_parents(path)) {
        (void)snprintf(err->message, sizeof err->message, "'%.150s' can't be made: %.60s", path,
                       strerror(errno));
        return COPSE_IO;
    }
    (void)snprintf(ret_path, size, "%s", path);
    return COPSE_OK;
}

bool copse_state_folder(copse_call *call, const char *name, char *ret_path, size_t size)
{
    copse_err why = {.message = ""};
    copse_status status = copse_state_folder_find(name, ret_path, size, &why);
    if (status != COPSE_OK) {
        const char *hint = status == COPSE_NOT_FOUND ? "set HOME or XDG_STATE_HOME"
                           : status == COPSE_IO      ? "XDG_STATE_HOME names another place"
                                                     : NULL;
        (void)copse_failure(call, status, hint, "%s", why.message);
    }
    return status == COPSE_OK;
}
