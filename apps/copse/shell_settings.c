/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_settings.h"

#include "documents.h"
#include "shell_child.h"

#include <stdio.h>
#include <string.h>

const copse_shell_setting copse_shell_setting_table[] = {
    {".mode", "json|table", "how find, aggregate and get show documents"},
    {".timing", "on|off", "tell how long each command took"},
    {".explain", "on|off", "show how queries are answered, instead of the answers"},
    {".ref", "NAME", "read and write this branch instead of main"},
    {".at", "REVISION", "read the past: HEAD~2, a tag, a commit, 2026-11-22; HEAD: the present"},
    {".help", NULL, "show this"},
    {".quit", NULL, "end; so does Ctrl-D"},
    {NULL, NULL, NULL},
};

/* ---- Help ---- */

static const char shell_settings_calls[] =
    "A line is a call on a collection, as in mongosh:\n"
    "\n"
    "  posts.find({tags: 'cats'}, {title: 1}).sort({createdAt: -1}).limit(5)\n"
    "  posts.find({createdAt: {$gte: ISODate('2026-01-01')}}).explain()\n"
    "  posts.count()   posts.distinct('author')   posts.get(7)   posts.indexes()\n"
    "  posts.insert({title: 'Hello'}, {title: 'Two'})   posts.index('tags,-createdAt')\n"
    "  posts.update({_id: 7}, {$inc: {n: 1}}, {upsert: true})   posts.delete({_id: 7})\n"
    "  posts.aggregate([{$group: {_id: '$author', n: {$sum: 1}}}])   posts.drop()\n"
    "\n"
    "or a command of `copse` without the database (`help` lists them, `help find` explains one):\n"
    "\n"
    "  find posts {tags: 'cats'} --sort -createdAt --limit 5\n"
    "  collections   log   diff HEAD~1   branch draft\n"
    "\n"
    "Names need no quotes, and texts may have single ones. Lines go on while a bracket is open.\n"
    "Tab completes, Ctrl-R searches what was typed before, Ctrl-C drops a line.\n"
    "\n";

static int shell_settings_help(void)
{
    (void)fputs(shell_settings_calls, stdout);
    for (const copse_shell_setting *at = copse_shell_setting_table; at->name != NULL; at++) {
        char usage[32];
        (void)snprintf(usage, sizeof usage, "%s %s", at->name, at->value != NULL ? at->value : "");
        (void)printf("  %-18s %s\n", usage, at->help);
    }
    return COPSE_EXIT_OK;
}

/* ---- Other prompts ---- */

copse_bytes copse_shell_translate(copse_bytes statement)
{
    static const char *const translated[][2] = {
        {"quit", ".quit"},
        {"exit", ".quit"},
        {"\\q", ".quit"},
        {"\\?", ".help"},
        {"\\h", "help"},
        {"\\timing", ".timing"},
        {"\\d", "collections"},
        {"\\dt", "collections"},
        {"\\di", "indexes"},
        {"show collections", "collections"},
        {"show tables", "collections"},
        {NULL, NULL},
    };
    copse_bytes plain = statement;
    while (plain.len > 0 && strchr(" \t\r\n;", plain.ptr[plain.len - 1]) != NULL) {
        plain.len--;
    }
    for (size_t i = 0; translated[i][0] != NULL; i++) {
        if (copse_bytes_equal(plain, copse_bytes_of_text(translated[i][0]))) {
            return copse_bytes_of_text(translated[i][1]);
        }
    }
    return statement;
}

/* ---- Setting ---- */

static int shell_settings_usage(const copse_shell_setting *setting)
{
    (void)fprintf(stderr, "copse: usage: %s %s\n", setting->name, setting->value);
    return COPSE_EXIT_USAGE;
}

/* Sets a switch; without a value turns it. */
static int shell_settings_switch(const copse_shell_setting *setting, const char *value, bool *flag)
{
    bool is_on = strcmp(value, "on") == 0;
    if (!is_on && strcmp(value, "off") != 0 && value[0] != '\0') {
        return shell_settings_usage(setting);
    }
    *flag = value[0] == '\0' ? !*flag : is_on;
    if (value[0] == '\0') {
        (void)printf("%s %s\n", setting->name, *flag ? "on" : "off");
    }
    return COPSE_EXIT_OK;
}

static int shell_settings_mode(copse_shell_settings *settings, const copse_shell_setting *setting,
                               const char *value)
{
    if (value[0] == '\0') {
        (void)printf(".mode %s\n", settings->table ? "table" : "json");
    } else if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0) {
        return shell_settings_usage(setting);
    } else {
        settings->table = strcmp(value, "table") == 0;
    }
    return COPSE_EXIT_OK;
}

/* Whether the database can be opened as the options are. */
static int shell_settings_open(void *ctx)
{
    copse_documents documents;
    bool is_open = copse_documents_open(&documents, ctx, COPSE_LOCAL_READ);
    copse_documents_close(&documents);
    return is_open ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* Where the value of a text option of the shell's own stands. */
static const char **shell_settings_option(copse_call *call, const char *name)
{
    size_t index = 0;
    while (strcmp(call->options.table[index].name, name) != 0) {
        index++;
    }
    return &call->options.text[index];
}

/* Sets an option, `plain` being as if it was not given; it stays as it was if the database has no
 * such thing. */
static int shell_settings_option_set(copse_shell_settings *settings, const char *option,
                                     const char *plain, const char *value, char *kept)
{
    copse_call *call = settings->call;
    const char **text = shell_settings_option(call, option);
    const copse_shell_child child = {.work = shell_settings_open, .ctx = call};
    if (value[0] == '\0') {
        (void)printf(".%s %s\n", option + 2, *text != NULL ? *text : plain);
        return COPSE_EXIT_OK;
    }
    if (strlen(value) >= COPSE_SHELL_REVISION_SIZE) {
        (void)fprintf(stderr, "copse: that name is too long\n");
        return COPSE_EXIT_USAGE;
    }
    const char *before = *text;
    *text = strcmp(value, plain) == 0 ? NULL : value;
    int code = copse_shell_child_run(&child);
    if (code != COPSE_EXIT_OK) {
        *text = before;
    } else if (*text != NULL) {
        (void)memcpy(kept, value, strlen(value) + 1);
        *text = kept;
    }
    return code;
}

static int shell_settings_unknown(const char *name)
{
    (void)fprintf(stderr, "copse: there is no %s; `.help` shows what there is\n", name);
    return COPSE_EXIT_USAGE;
}

int copse_shell_set(copse_shell_settings *settings, const copse_shell_words *words)
{
    const char *name = copse_shell_words_nth(words, 0);
    const char *value = copse_shell_words_nth(words, 1);
    const copse_shell_setting *setting = copse_shell_setting_table;
    while (setting->name != NULL && strcmp(setting->name, name) != 0) {
        setting++;
    }
    if (setting->name == NULL) {
        return shell_settings_unknown(name);
    }
    if (words->count > 1u + (setting->value != NULL)) {
        (void)fprintf(stderr, "copse: usage: %s %s\n", name,
                      setting->value != NULL ? setting->value : "");
        return COPSE_EXIT_USAGE;
    }
    switch (name[1]) {
    case 'm':
        return shell_settings_mode(settings, setting, value);
    case 't':
        return shell_settings_switch(setting, value, &settings->timing);
    case 'e':
        return shell_settings_switch(setting, value, &settings->explain);
    case 'r':
        return shell_settings_option_set(settings, "--ref", COPSE_REF_DEFAULT, value,
                                         settings->ref);
    case 'a':
        return shell_settings_option_set(settings, "--at", "HEAD", value, settings->at);
    case 'h':
        return shell_settings_help();
    default:
        settings->quit = true;
        return COPSE_EXIT_OK;
    }
}
