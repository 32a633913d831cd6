/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "author.h"

#include "failure.h"
#include "keys.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUTHOR_PATH_SIZE = 1024, AUTHOR_LINE_SIZE = 1024 };

/* The path of the file; false: there is nowhere to look. */
static bool author_config_path(char ret_path[AUTHOR_PATH_SIZE])
{
    const char *folder = getenv("XDG_CONFIG_HOME");
    const char *rest = "/copse/config";
    if (folder == NULL || folder[0] != '/') {
        folder = getenv("HOME");
        rest = "/.config/copse/config";
    }
    int size = folder != NULL ? snprintf(ret_path, AUTHOR_PATH_SIZE, "%s%s", folder, rest) : 0;
    return size > 0 && size < AUTHOR_PATH_SIZE;
}

/* The value of a line `name = value`, without the blanks around it; NULL: it is another line. */
static char *author_of_line(char *line, const char *name)
{
    line += strspn(line, " \t");
    if (strncmp(line, name, strlen(name)) != 0) {
        return NULL;
    }
    line += strlen(name);
    line += strspn(line, " \t");
    if (*line != '=') {
        return NULL;
    }
    line += 1 + strspn(line + 1, " \t");
    size_t len = strlen(line);
    while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL) {
        line[--len] = '\0';
    }
    return line;
}

/* Where a setting stands, and what it is: empty where it stands nowhere. */
typedef struct author_setting {
    char value[AUTHOR_LINE_SIZE];
    char where[AUTHOR_PATH_SIZE];
} author_setting;

/* The variable, or else the last line of the file that has it. */
static void author_find(const char *variable, const char *name, author_setting *ret_setting)
{
    char line[AUTHOR_LINE_SIZE];
    const char *given = getenv(variable);
    *ret_setting = (author_setting){.value = ""};
    if (given != NULL && given[0] != '\0') {
        (void)snprintf(ret_setting->value, sizeof ret_setting->value, "%s", given);
        (void)snprintf(ret_setting->where, sizeof ret_setting->where, "%s", variable);
        return;
    }
    FILE *file = author_config_path(ret_setting->where) ? fopen(ret_setting->where, "r") : NULL;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = author_of_line(line, name);
        if (value != NULL && value[0] != '\0') {
            (void)snprintf(ret_setting->value, sizeof ret_setting->value, "%s", value);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static bool author_take(copse_call *call, const author_setting *setting, copse_author *author)
{
    size_t len = strlen(setting->value);
    if (strncmp(setting->value, "did:key:", 8) != 0 || len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX ||
        !copse_text_is_utf8(copse_bytes_of_text(setting->value))) {
        (void)copse_failure(call, COPSE_MISUSE, "an author is named as did:key:z6Mk…",
                            "%s: '%.100s' is no author", setting->where, setting->value);
        return false;
    }
    memcpy(author->did, setting->value, len + 1);
    return true;
}

/* Opens the key, which makes the author, or must be that of the one who is there. */
static bool author_open_key(copse_call *call, const char *name, const author_setting *setting,
                            copse_author *author)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    if (!copse_keys_open(call, name, &author->key)) {
        return false;
    }
    (void)copse_public_key_to_did(copse_key_public(author->key), did);
    if (author->did[0] != '\0' && strcmp(author->did, did) != 0) {
        (void)copse_failure(call, COPSE_MISUSE,
                            "where a key signs, the author need not be named: it is the key's",
                            "%s: the author '%.100s' is not the key '%.100s', %s", setting->where,
                            author->did, name, did);
        return false;
    }
    memcpy(author->did, did, sizeof did);
    return true;
}

bool copse_author_read(copse_call *call, const char *key_name, copse_author *author)
{
    author_setting key;
    author_setting setting;
    if (author->is_read) {
        return true;
    }
    author_find("COPSE_KEY", "key", &key);
    author_find("COPSE_AUTHOR", "author", &setting);
    if (key_name == NULL) {
        key_name = key.value[0] != '\0' ? key.value : NULL;
        if (copse_options_knows(&call->options, "--key")) {
            key_name = copse_options_text(&call->options, "--key", key_name);
        }
    }
    author->is_read = (setting.value[0] == '\0' || author_take(call, &setting, author)) &&
                      (key_name == NULL || author_open_key(call, key_name, &setting, author));
    return author->is_read;
}

void copse_author_release(copse_author *author)
{
    copse_key_free(author->key);
    *author = (copse_author){.key = NULL};
}

copse_status copse_author_commit(const copse_author *author, copse_call *call,
                                 const copse_commit *commit, copse_block **ret_block)
{
    copse_commit written = *commit;
    copse_commit_signature signature;
    copse_status status = COPSE_OK;
    written.author = copse_bytes_of_text(author->did);
    if (author->key != NULL) {
        status = copse_commit_sign(&call->env, &written, author->key, &signature, &call->err);
    }
    return status == COPSE_OK ? copse_commit_encode(&call->env, &written, ret_block, &call->err)
                              : status;
}
