/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "keys.h"

#include "failure.h"
#include "file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS_NAME_SIZE_MAX = 64, KEYS_FOLDER_MODE = 0700 };

/* ---- Paths ---- */

bool copse_keys_folder(copse_call *call, char ret_path[COPSE_KEYS_PATH_SIZE])
{
    const char *rest = "";
    const char *folder = getenv("COPSE_KEYS");
    if (folder == NULL || folder[0] == '\0') {
        folder = getenv("XDG_CONFIG_HOME");
        rest = "/copse/keys";
    }
    if (folder == NULL || folder[0] == '\0' || (rest[0] != '\0' && folder[0] != '/')) {
        folder = getenv("HOME");
        rest = "/.config/copse/keys";
    }
    int size = folder != NULL ? snprintf(ret_path, COPSE_KEYS_PATH_SIZE, "%s%s", folder, rest) : 0;
    if (size <= 0 || size >= COPSE_KEYS_PATH_SIZE) {
        (void)copse_failure(call, COPSE_MISUSE, "set $COPSE_KEYS", "there is no folder for keys");
        return false;
    }
    return true;
}

/* Letters, digits, points, underscores and dashes; no point or dash first. */
static bool keys_is_name(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t len = strlen(name);
    return len > 0 && len <= KEYS_NAME_SIZE_MAX && strspn(name, letters) == len && name[0] != '.' &&
           name[0] != '-';
}

bool copse_keys_path(copse_call *call, const char *name, char ret_path[COPSE_KEYS_PATH_SIZE])
{
    char folder[COPSE_KEYS_PATH_SIZE];
    bool is_path = strchr(name, '/') != NULL;
    if (!is_path && !keys_is_name(name)) {
        (void)copse_failure(call, COPSE_MISUSE,
                            "up to 64 letters, digits, '_', '-' and '.', such as blog",
                            "'%.100s' can't be the name of a key", name);
        return false;
    }
    if (!is_path && !copse_keys_folder(call, folder)) {
        return false;
    }
    int size = is_path ? snprintf(ret_path, COPSE_KEYS_PATH_SIZE, "%s", name)
                       : snprintf(ret_path, COPSE_KEYS_PATH_SIZE, "%s/%s.key", folder, name);
    if (size <= 0 || size >= COPSE_KEYS_PATH_SIZE) {
        (void)copse_failure(call, COPSE_MISUSE, NULL, "the path of the key is too long");
        return false;
    }
    return true;
}

/* ---- Reading ---- */

int copse_keys_failure(copse_call *call, copse_status status, const char *what)
{
    const char *hint = status == COPSE_CORRUPT ? "`copse key export` writes one" : NULL;
    return copse_failure(call, status, hint, "%s: %s", what, call->err.message);
}

/* What lets others read a key lets them sign with it once they know the passphrase. */
static bool keys_check_mode(copse_call *call, const char *path)
{
    char hint[COPSE_KEYS_PATH_SIZE + 32];
    struct stat info;
    if (stat(path, &info) != 0) {
        (void)copse_failure(call, errno == ENOENT ? COPSE_NOT_FOUND : COPSE_IO,
                            "`copse key list` shows the keys that there are",
                            "the key '%s' can't be read: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(info.st_mode)) {
        (void)copse_failure(call, COPSE_IO, NULL, "the key '%s' is no file", path);
        return false;
    }
    if ((info.st_mode & 077) != 0) {
        (void)snprintf(hint, sizeof hint, "chmod 600 %s", path);
        (void)copse_failure(call, COPSE_DENIED, hint,
                            "others than you may read or write the key '%s'", path);
        return false;
    }
    return true;
}

bool copse_keys_read(copse_call *call, const char *path, copse_buf *buf, copse_public_key *ret_key)
{
    if (!keys_check_mode(call, path) || !copse_input_read_all(call, path, buf)) {
        return false;
    }
    copse_status status =
        copse_key_file_public(&call->env, copse_buf_view(buf), ret_key, &call->err);
    if (status != COPSE_OK) {
        (void)copse_keys_failure(call, status, path);
    }
    return status == COPSE_OK;
}

/* Whether the key was made without a passphrase: then it is open. */
static bool keys_unseal_without(copse_call *call, copse_bytes file, copse_key **ret_key)
{
    copse_bytes none = {NULL, 0};
    return copse_key_file_open(&call->env, file, none, ret_key, NULL) == COPSE_OK;
}

/* Asks for the passphrase, and opens the file by it. */
static bool keys_unseal(copse_call *call, const char *name, copse_bytes file, copse_key **ret_key)
{
    char what[128];
    copse_passphrase passphrase;
    (void)snprintf(what, sizeof what, "the key '%.100s'", name);
    if (!copse_passphrase_read(call, what, false, &passphrase)) {
        return false;
    }
    copse_status status = copse_key_file_open(&call->env, file, copse_passphrase_view(&passphrase),
                                              ret_key, &call->err);
    copse_passphrase_wipe(&passphrase);
    if (status == COPSE_DENIED && copse_passphrase_is_given(call) &&
        keys_unseal_without(call, file, ret_key)) { /* it was given for another key */
        return true;
    }
    if (status != COPSE_OK) {
        (void)copse_keys_failure(call, status, what);
    }
    return status == COPSE_OK;
}

bool copse_keys_open(copse_call *call, const char *name, copse_key **ret_key)
{
    char path[COPSE_KEYS_PATH_SIZE];
    copse_public_key public_key;
    copse_buf file;
    copse_buf_init(&file, &call->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    bool good =
        copse_keys_path(call, name, path) && copse_keys_read(call, path, &file, &public_key);
    if (good) {
        copse_bytes view = copse_buf_view(&file);
        good = (!copse_passphrase_is_given(call) && keys_unseal_without(call, view, ret_key)) ||
               keys_unseal(call, name, view, ret_key);
    }
    copse_buf_release(&file);
    return good;
}

/* ---- Writing ---- */

/* Makes the folders above the file that are not there. An errno. */
static int keys_make_folders(const char *path)
{
    char folder[COPSE_KEYS_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, KEYS_FOLDER_MODE) != 0 && errno != EEXIST) {
            return errno;
        }
        *slash = '/';
    }
    return 0;
}

/* Makes the name of a new file durable. An errno. */
static int keys_sync_folder(const char *path)
{
    char folder[COPSE_KEYS_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        (void)snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return failed;
}

/* Writes a new file beside `path`, and gives it that name too, unless there is one: it is there
 * whole or not at all. An errno. */
static int keys_write_file(const char *path, copse_bytes file)
{
    char temporary[COPSE_KEYS_PATH_SIZE + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkstemp(temporary); /* for the user alone */
    if (fd < 0) {
        return errno;
    }
    ssize_t written = write(fd, file.ptr, file.len);
    int failed = written < 0 ? errno : (size_t)written < file.len ? ENOSPC : 0;
    if (failed == 0 && fsync(fd) != 0) {
        failed = errno;
    }
    if (close(fd) != 0 && failed == 0) {
        failed = errno;
    }
    if (failed == 0 && link(temporary, path) != 0) {
        failed = errno;
    }
    (void)unlink(temporary);
    return failed;
}

bool copse_keys_write(copse_call *call, const char *path, copse_bytes file)
{
    int failed = keys_make_folders(path);
    failed = failed != 0 ? failed : keys_write_file(path, file);
    failed = failed != 0 ? failed : keys_sync_folder(path);
    if (failed == EEXIST) {
        (void)copse_failure(call, COPSE_CONFLICT, "a key that is overwritten is lost",
                            "'%s' is there already", path);
    } else if (failed != 0) {
        (void)copse_failure(call, COPSE_IO, NULL, "'%s' can't be written: %s", path,
                            strerror(failed));
    }
    return failed == 0;
}
