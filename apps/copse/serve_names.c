/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_names.h"

#include "failure.h"
#include "file_io.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Publishing ---- */

/* Reads KEY[=NAME] into the item. */
static bool serve_name_parse(copse_call *call, const char *text, copse_serve_name *item)
{
    const char *equals = strrchr(text, '=');
    size_t key_len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const char *database = equals != NULL ? equals + 1 : "";
    if (key_len == 0 || strlen(database) >= sizeof item->database) {
        (void)copse_failure_usage(call, "--publish takes KEY or KEY=NAME, not '%s'", text);
        return false;
    }
    item->key = strndup(text, key_len);
    if (item->key == NULL) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    (void)strcpy(item->database, database);
    return true;
}

/* Two publishers of one key know nothing of each other's sequences where its files are two, and a
 * name stands for one database anyway. */
static bool serve_name_is_single(const copse_serve_names *names, const copse_serve_name *item)
{
    for (const copse_serve_name *other = names->items; other < item; other++) {
        if (copse_public_key_equal(copse_key_public(other->publication.key),
                                   copse_key_public(item->publication.key))) {
            (void)copse_failure(names->call, COPSE_CONFLICT,
                                "`copse key new` makes one for each database",
                                "--publish: '%s' and '%s' are one key, and a name stands for one "
                                "database",
                                other->key, item->key);
            return false;
        }
    }
    return true;
}

bool copse_serve_names_open(copse_serve_names *names, copse_call *call)
{
    size_t count = 0;
    bool good = true;
    *names = (copse_serve_names){.call = call};
    while (copse_options_nth(&call->options, "--publish", count) != NULL) {
        count++;
    }
    names->items = count > 0 ? calloc(count, sizeof *names->items) : NULL;
    if (count > 0 && names->items == NULL) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    for (size_t i = 0; good && i < count; i++) {
        copse_serve_name *item = &names->items[names->count++];
        good = serve_name_parse(call, copse_options_nth(&call->options, "--publish", i), item) &&
               copse_publication_open_key(&item->publication, call, item->key) &&
               serve_name_is_single(names, item);
    }
    return good;
}

void copse_serve_names_close(copse_serve_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        copse_publication_close(&names->items[i].publication);
        free(names->items[i].key);
    }
    free(names->items);
    *names = (copse_serve_names){.call = NULL};
}

/* Makes the first record, so that what can't work is said before anybody asks. */
static bool serve_name_try(copse_serve_name *item)
{
    copse_publication *publication = &item->publication;
    copse_call *call = publication->call;
    copse_bytes record;
    copse_ipns_record said;
    copse_status status = copse_publication_record(publication, &record, &said, &call->err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) { /* it may have no head yet */
        (void)copse_failure_of(call, status, "nothing can be published under '%s'",
                               publication->key_name);
        return false;
    }
    return true;
}

bool copse_serve_names_join(copse_serve_names *names, copse_serve_database *database, bool is_only)
{
    for (size_t i = 0; i < names->count; i++) {
        copse_serve_name *item = &names->items[i];
        bool fits =
            item->database[0] == '\0' ? is_only : strcmp(item->database, database->name) == 0;
        if (fits && database->publication != NULL) {
            (void)copse_failure_usage(names->call, "'%s' can be published under one key",
                                      database->name);
            return false;
        }
        if (fits) {
            item->is_used = true;
            if (!copse_serve_database_publish(database, &item->publication) ||
                !serve_name_try(item)) {
                return false;
            }
        }
    }
    return true;
}

bool copse_serve_names_check(const copse_serve_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const copse_serve_name *item = &names->items[i];
        if (!item->is_used && item->database[0] == '\0') {
            (void)copse_failure_usage(names->call,
                                      "--publish %s=NAME says which of the databases is published",
                                      item->key);
            return false;
        }
        if (!item->is_used) {
            (void)copse_failure_usage(names->call, "--publish: no database '%s' is served",
                                      item->database);
            return false;
        }
    }
    return true;
}

/* ---- Relaying ---- */

/* Takes one file: its name begins with the name of the key. */
static void serve_names_take(copse_call *call, copse_server *server, const char *folder,
                             const char *file)
{
    static const char suffix[] = ".ipns-record";
    char path[COPSE_KEYS_PATH_SIZE];
    size_t len = strlen(file);
    copse_public_key name;
    copse_buf record;
    if (len <= strlen(suffix) || strcmp(file + len - strlen(suffix), suffix) != 0 ||
        snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path) {
        return;
    }
    copse_bytes text = {(const uint8_t *)file, strcspn(file, "._")};
    copse_buf_init(&record, &call->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX + 1);
    copse_status status = copse_public_key_from_name(text, &name, &call->err);
    if (status != COPSE_OK || copse_input_read_all(call, path, &record)) {
        if (status == COPSE_OK) {
            status = copse_server_put_record(server, &name, copse_buf_view(&record), &call->err);
        }
        if (status != COPSE_OK) {
            copse_note(call, "copse: '%s' is not given out: %s", path, call->err.message);
        }
    }
    copse_buf_release(&record);
}

bool copse_serve_names_relay(copse_call *call, copse_server *server)
{
    const char *folder = copse_options_text(&call->options, "--records", NULL);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    const struct dirent *entry = NULL;
    if (folder != NULL && dir == NULL) {
        (void)copse_failure(call, COPSE_IO, NULL, "the folder '%s' can't be read: %s", folder,
                            strerror(errno));
        return false;
    }
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        serve_names_take(call, server, folder, entry->d_name);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return true;
}
