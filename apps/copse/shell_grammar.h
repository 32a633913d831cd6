/* What the shell knows of the commands: which take the database and a collection, what their
 * arguments and options are called, and how a command is called as a method of a collection.
 *
 *     drop-index DB COLL INDEX     is     posts.dropIndex("tags")
 *     find DB COLL --sort FIELDS   is     posts.find().sort("title")
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_GRAMMAR_H
#define COPSE_APPS_SHELL_GRAMMAR_H

#include "command.h"

#include <copse/bytes.h>

/** Room for a name of an argument, a method or an option, with its NUL. */
enum { COPSE_SHELL_NAME_SIZE = 40 };

/** The name of argument `index` of a command, from 0, without brackets and points: "COLL"; a last
 * one that repeats is behind it too. "": there is none. */
const char *copse_shell_argument(const copse_command *command, size_t index,
                                 char ret_name[COPSE_SHELL_NAME_SIZE]);

/** Whether the first argument is the place that the shell is for. */
bool copse_shell_takes_place(const copse_command *command);

/** Whether it is a method: its second argument is a collection. */
bool copse_shell_takes_collection(const copse_command *command);

/** The option of this name, with its dashes, or by its letter; NULL: it has none. */
const copse_option *copse_shell_option(const copse_command *command, const char *name);

/** A method of a collection. */
typedef struct copse_shell_method {
    const char *name; /**< As in mongosh. */
    const char *command;
    const char *options[2]; /**< Words that the command is given; NULL: no more. */
    const char *beyond; /**< The option that one argument more is; NULL: an object of options. */
} copse_shell_method;

/** The method `name`; `method` borrows, and its name is not set. NULL: there is none. */
const copse_command *copse_shell_find_method(copse_bytes name, copse_shell_method *ret_method);

/** The name of method number `index`, from 0; NULL: there are fewer. */
const char *copse_shell_nth_method(size_t index, char ret_name[COPSE_SHELL_NAME_SIZE]);

/** The name of a method's or an object's member as an option: "cacheSize" as "--cache-size"; names
 * of mongosh are translated. NULL: it is too long. */
const char *copse_shell_option_of(copse_bytes name, char ret_option[COPSE_SHELL_NAME_SIZE]);

/** Likewise back: "--cache-size" as "cacheSize". */
const char *copse_shell_member_of(const char *option, char ret_name[COPSE_SHELL_NAME_SIZE]);

#endif
