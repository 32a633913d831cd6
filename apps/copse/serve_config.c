/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_config.h"

#include "failure.h"
#include "file_io.h"
#include "serve_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVE_CONFIG_BYTES_MAX = 1 << 20, SERVE_CONFIG_NAME_SIZE = 64 };

typedef struct serve_config_reader {
    copse_serve_config *config;
    copse_call *call;
    const char *path;
    size_t line; /* its number, from 1 */
} serve_config_reader;

/* ---- Names ---- */

/* The name of setting number `index`, of options, then of limits; NULL: there are fewer. */
static const char *serve_config_name(const copse_option *table, size_t index)
{
    for (size_t i = 0; table[i].name != NULL; i++) {
        if (strcmp(table[i].name, "--config") != 0 && strcmp(table[i].name, "--limit") != 0 &&
            index-- == 0) {
            return table[i].name + 2;
        }
    }
    return index == 0 ? "database" : copse_serve_limits_name(index - 1);
}

static const char *serve_config_nearest(const copse_option *table, const char *word)
{
    const char *nearest = NULL;
    size_t distance_best = 4;
    for (size_t i = 0; serve_config_name(table, i) != NULL; i++) {
        size_t distance = copse_word_distance(word, serve_config_name(table, i));
        if (distance < distance_best) {
            distance_best = distance;
            nearest = serve_config_name(table, i);
        }
    }
    return nearest;
}

static bool serve_config_is_limit(const char *name)
{
    for (size_t i = 0; copse_serve_limits_name(i) != NULL; i++) {
        if (strcmp(copse_serve_limits_name(i), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool serve_config_is_option(const copse_option *table, const char *name)
{
    for (size_t i = 0; strcmp(serve_config_name(table, i), "database") != 0; i++) {
        if (strcmp(serve_config_name(table, i), name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Lines ---- */

static bool serve_config_refuse(const serve_config_reader *reader, const char *problem,
                                const char *hint)
{
    (void)copse_failure(reader->call, COPSE_MISUSE, hint, "%s:%zu: %s", reader->path, reader->line,
                        problem);
    reader->call->misused = true;
    return false;
}

static bool serve_config_add_database(serve_config_reader *reader, char *path)
{
    copse_serve_config *config = reader->config;
    char **grown =
        realloc(config->databases, (config->databases_count + 1) * sizeof *config->databases);
    if (grown == NULL) {
        (void)copse_failure(reader->call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    config->databases = grown;
    config->databases[config->databases_count++] = path;
    return true;
}

/* Writes "name=value" over the line, from its begin on; returns it. */
static char *serve_config_join(char *name, const char *value)
{
    size_t name_len = strlen(name);
    memmove(name + name_len + 1, value, strlen(value) + 1);
    name[name_len] = '=';
    return name;
}

static bool serve_config_set(serve_config_reader *reader, char *name, char *value)
{
    const copse_option *table = reader->config->options.table;
    copse_limits unused;
    char problem[256];
    char option[SERVE_CONFIG_NAME_SIZE + 4];
    bool good = true;
    (void)snprintf(option, sizeof option, "--%s", name);
    if (strcmp(name, "database") == 0) {
        return serve_config_add_database(reader, value);
    }
    if (serve_config_is_limit(name)) {
        value = serve_config_join(name, value);
        good =
            copse_serve_limits_set(&unused, value, problem, sizeof problem) &&
            copse_options_set(&reader->config->options, "--limit", value, problem, sizeof problem);
    } else if (serve_config_is_option(table, name)) {
        good = copse_options_set(&reader->config->options, option, value, problem, sizeof problem);
    } else {
        char hint[128];
        const char *nearest = serve_config_nearest(table, name);
        (void)snprintf(problem, sizeof problem, "there is no setting '%s'", name);
        (void)snprintf(hint, sizeof hint, "did you mean %s?", nearest != NULL ? nearest : "");
        return serve_config_refuse(
            reader, problem,
            nearest != NULL ? hint : "`copse serve --help` lists the options: names are theirs");
    }
    return good || serve_config_refuse(reader, problem, NULL);
}

static bool serve_config_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Moves over white space, and cuts it off the end. */
static char *serve_config_trim(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && serve_config_is_space(text[len - 1])) {
        text[--len] = '\0';
    }
    while (serve_config_is_space(*text)) {
        text++;
    }
    return text;
}

static bool serve_config_read_line(serve_config_reader *reader, char *line)
{
    line = serve_config_trim(line);
    if (line[0] == '\0' || line[0] == '#') {
        return true;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return serve_config_refuse(reader, "a line is NAME = VALUE, or a # and a comment", NULL);
    }
    *equals = '\0';
    char *name = serve_config_trim(line);
    char *value = serve_config_trim(equals + 1);
    if (name[0] == '\0' || strlen(name) > SERVE_CONFIG_NAME_SIZE || value[0] == '\0') {
        return serve_config_refuse(reader, "a line is NAME = VALUE, neither of them empty", NULL);
    }
    return serve_config_set(reader, name, value);
}

/* ---- Files ---- */

static bool serve_config_read_lines(serve_config_reader *reader, char *text, size_t size)
{
    char *end = text + size; /* where a NUL stands */
    while (text < end) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *next = newline != NULL ? newline + 1 : end;
        reader->line++;
        if (newline != NULL) {
            *newline = '\0';
        }
        if (strlen(text) + 1 < (size_t)(next - text)) {
            return serve_config_refuse(reader, "a NUL: this is no text", NULL);
        }
        if (!serve_config_read_line(reader, text)) {
            return false;
        }
        text = next;
    }
    return true;
}

bool copse_serve_config_read(copse_serve_config *config, copse_call *call, const char *path)
{
    serve_config_reader reader = {.config = config, .call = call, .path = path};
    copse_options *options = &call->options;
    *config = (copse_serve_config){.options = {.table = options->table}};
    copse_buf_init(&config->text, &call->env, SERVE_CONFIG_BYTES_MAX);
    if (!copse_input_read_all(call, path, &config->text)) {
        return false;
    }
    if (copse_buf_append_byte(&config->text, '\0') != COPSE_OK) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    if (!serve_config_read_lines(&reader, (char *)config->text.ptr, config->text.len - 1)) {
        return false;
    }
    if (!copse_options_add_below(options, &config->options)) {
        (void)copse_failure_usage(call, "too many limits and addresses: %d at most",
                                  COPSE_OPTIONS_LIST_MAX);
        return false;
    }
    if (options->arguments_count == 0) {
        options->arguments = config->databases;
        options->arguments_count = config->databases_count;
    }
    return true;
}

void copse_serve_config_release(copse_serve_config *config)
{
    copse_buf_release(&config->text);
    free(config->databases);
    *config = (copse_serve_config){.databases = NULL};
}
