/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "author.h"

#include "failure.h"
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

/* The value of a line `author = value`, without the blanks around it; NULL: it is another line. */
static char *author_of_line(char *line)
{
    static const char name[] = "author";
    line += strspn(line, " \t");
    if (strncmp(line, name, sizeof name - 1) != 0) {
        return NULL;
    }
    line += sizeof name - 1;
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

static bool author_take(copse_call *call, const char *text, const char *where,
                        char ret_author[COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX + 1])
{
    size_t len = strlen(text);
    if (strncmp(text, "did:key:", 8) != 0 || len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX ||
        !copse_text_is_utf8(copse_bytes_of_text(text))) {
        (void)copse_failure(call, COPSE_MISUSE, "an author is named as did:key:z6Mk…",
                            "%s: '%.100s' is no author", where, text);
        return false;
    }
    memcpy(ret_author, text, len + 1);
    return true;
}

bool copse_author_read(copse_call *call, char ret_author[COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX + 1])
{
    char path[AUTHOR_PATH_SIZE];
    char line[AUTHOR_LINE_SIZE];
    bool taken = true;
    const char *variable = getenv("COPSE_AUTHOR");
    ret_author[0] = '\0';
    if (variable != NULL && variable[0] != '\0') {
        return author_take(call, variable, "COPSE_AUTHOR", ret_author);
    }
    FILE *file = author_config_path(path) ? fopen(path, "r") : NULL;
    while (file != NULL && taken && fgets(line, sizeof line, file) != NULL) {
        const char *author = author_of_line(line);
        if (author != NULL && author[0] != '\0') {
            taken = author_take(call, author, path, ret_author);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return taken;
}
