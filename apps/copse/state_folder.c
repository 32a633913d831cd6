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

bool copse_state_folder(copse_call *call, const char *name, char *ret_path, size_t size)
{
    char path[COPSE_STATE_FOLDER_SIZE];
    const char *folder = getenv("XDG_STATE_HOME");
    const char *rest = "";
    if (folder == NULL || folder[0] != '/') {
        folder = getenv("HOME");
        rest = "/.local/state";
    }
    if (folder == NULL || folder[0] == '\0') {
        (void)copse_failure(call, COPSE_NOT_FOUND, "set HOME or XDG_STATE_HOME",
                            "there is no place to remember what was seen");
        return false;
    }
    int length = snprintf(path, sizeof path, "%s%s/copse/%s", folder, rest, name);
    if (length <= 0 || (size_t)length >= sizeof path || (size_t)length >= size) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "the path of '%s' is too long", folder);
        return false;
    }
    if (!state_folder_make_parents(path)) {
        (void)copse_failure(call, COPSE_IO, "XDG_STATE_HOME names another place",
                            "'%s' can't be made: %s", path, strerror(errno));
        return false;
    }
    (void)snprintf(ret_path, size, "%s", path);
    return true;
}
