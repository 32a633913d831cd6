/* JSON as people type it at a prompt, turned into MongoDB Extended JSON: unquoted names, 'single
 * quotes', trailing commas, .5, +1, NaN, /regexes/i, and the constructors of mongosh, such as
 * ISODate("2026-01-01") and ObjectId("…"). What is Extended JSON already means the same.
 *
 *     copse_shell_json reader = {.text = line, .out = &buf};
 *     if (!copse_shell_json_value(&reader)) tell(reader.problem, reader.at);
 *
 * Functions that return bool have set `problem`, and `at` to its place, when it is false; what they
 * appended is then to be dropped.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_JSON_H
#define COPSE_APPS_SHELL_JSON_H

#include <copse/buf.h>
#include <copse/bytes.h>

/** How deep objects and arrays may be nested. */
#define COPSE_SHELL_JSON_DEPTH_MAX 256

/** A place in a text. Zeroed but for `text`, `out` and perhaps `now_ms` at first. */
typedef struct copse_shell_json {
    copse_bytes text;
    size_t at; /**< The next byte. */
    copse_buf *out;
    uint64_t now_ms; /**< What Date() is. */
    size_t depth;
    const char *problem;
} copse_shell_json;

/** The next byte behind white space, which is skipped; 0: the text ends. */
uint8_t copse_shell_json_peek(copse_shell_json *reader);

/** Moves over `byte` and white space before it. False, without a problem: something else stands
 * there. */
bool copse_shell_json_skip(copse_shell_json *reader, char byte);

/** Reads one value and appends its Extended JSON. */
bool copse_shell_json_value(copse_shell_json *reader);

/** Reads the name of a member, quoted or not, and the colon behind it; appends the name itself. */
bool copse_shell_json_name(copse_shell_json *reader);

/** Reads a text in quotes and appends what stands in them. */
bool copse_shell_json_text(copse_shell_json *reader);

#endif
