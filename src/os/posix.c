/* The real system: names and folders.
 *
 * A rename or a new name is durable once its folder was fsynced (O3). Some file systems (network
 * ones, FUSE) answer EINVAL to that: they have no such thing, and nothing else would do it either,
 * so it counts as done.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/sys/os.h>

#include "base/alloc.h"
#include "base/err.h"
#include "os/posix_error.h"
#include "os/posix_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { POSIX_DIR_MODE = 0777 }; /* the process's umask takes away from it */

typedef struct posix_os {
    copse_os os;
    const copse_env *env;
} posix_os;

static copse_status posix_open(copse_os *os, const char *path, unsigned flags,
                               copse_file **ret_file, copse_err *err)
{
    return copse_posix_file_open(((posix_os *)os)->env, path, flags, ret_file, err);
}

static copse_status posix_rename(copse_os *os, const char *from, const char *to, copse_err *err)
{
    (void)os;
    return rename(from, to) == 0 ? COPSE_OK : COPSE_POSIX_ERR(err, errno, "rename", from);
}

static copse_status posix_remove(copse_os *os, const char *path, copse_err *err)
{
    (void)os;
    return unlink(path) == 0 ? COPSE_OK : COPSE_POSIX_ERR(err, errno, "remove", path);
}

static copse_status posix_make_dir(copse_os *os, const char *path, copse_err *err)
{
    (void)os;
    return mkdir(path, POSIX_DIR_MODE) == 0 ? COPSE_OK
                                            : COPSE_POSIX_ERR(err, errno, "make folder", path);
}

static copse_status posix_remove_dir(copse_os *os, const char *path, copse_err *err)
{
    (void)os;
    if (rmdir(path) != 0) {
        /* POSIX lets it be either of a folder that is not empty. */
        int error = errno == EEXIST ? ENOTEMPTY : errno;
        return COPSE_POSIX_ERR(err, error, "remove folder", path);
    }
    return COPSE_OK;
}

static copse_status posix_list_dir(copse_os *os, const char *path, copse_os_visit_fn visit,
                                   void *ctx, copse_err *err)
{
    (void)os;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return COPSE_POSIX_ERR(err, errno, "list", path);
    }
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            status = errno == 0 ? COPSE_OK : COPSE_POSIX_ERR(err, errno, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = visit(ctx, entry->d_name, err);
        }
    }
    (void)closedir(dir);
    return status;
}

static copse_status posix_sync_dir(copse_os *os, const char *path, copse_err *err)
{
    (void)os;
    int fd;
    do {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return COPSE_POSIX_ERR(err, errno, "sync folder", path);
    }
    int error;
    do {
        error = fsync(fd) == 0 ? 0 : errno;
    } while (error == EINTR);
    (void)close(fd);
    return error == 0 || error == EINVAL ? COPSE_OK
                                         : COPSE_POSIX_ERR(err, error, "sync folder", path);
}

static void posix_free(copse_os *os)
{
    posix_os *posix = (posix_os *)os;
    copse_free(posix->env, posix, sizeof *posix);
}

static const copse_os_ops posix_ops = {
    .open = posix_open,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_dir = posix_make_dir,
    .remove_dir = posix_remove_dir,
    .list_dir = posix_list_dir,
    .sync_dir = posix_sync_dir,
    .free = posix_free,
};

copse_status copse_os_posix_new(const copse_env *env, copse_os **ret_os, copse_err *err)
{
    if (env == NULL || ret_os == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a system needs an environment");
    }
    posix_os *posix = copse_alloc(env, sizeof *posix);
    if (posix == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *posix = (posix_os){.os = {&posix_ops}, .env = env};
    *ret_os = &posix->os;
    return COPSE_OK;
}
