/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_scan.h"

#include <string.h>

static bool shell_scan_is(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

static copse_bytes shell_scan_word(const copse_shell_scan *scan, copse_bytes text, size_t end)
{
    while (end > scan->word && shell_scan_is((char)text.ptr[end - 1], " \t\r\n\"'")) {
        end--;
    }
    return (copse_bytes){text.ptr + scan->word, end - scan->word};
}

static void shell_scan_open(copse_shell_scan *scan, char bracket, size_t at)
{
    if (scan->depth < COPSE_SHELL_SCAN_DEPTH_MAX) {
        scan->levels[scan->depth] =
            (copse_shell_level){.bracket = bracket, .at = at, .name = scan->name};
    }
    scan->depth++;
    scan->name = (copse_bytes){NULL, 0};
}

/* A byte of the language's own, outside of quotes. */
static void shell_scan_mark(copse_shell_scan *scan, copse_bytes text, size_t at)
{
    char byte = (char)text.ptr[at];
    if (byte == ':' || byte == '(') {
        scan->name = shell_scan_word(scan, text, at);
    }
    if (shell_scan_is(byte, "([{")) {
        shell_scan_open(scan, byte, at);
    } else if (shell_scan_is(byte, ")]}") && scan->depth > 0) {
        scan->depth--;
    } else if (byte == ',' && scan->depth > 0 && scan->depth <= COPSE_SHELL_SCAN_DEPTH_MAX) {
        scan->levels[scan->depth - 1].commas++;
        scan->name = (copse_bytes){NULL, 0};
    }
    scan->last = byte;
    scan->word = at + 1;
}

/* Whether a / begins a regex: where a value may begin, in brackets. */
static bool shell_scan_begins_regex(const copse_shell_scan *scan, size_t at)
{
    return scan->depth > 0 && scan->word == at && shell_scan_is(scan->last, "(,:[");
}

static void shell_scan_byte(copse_shell_scan *scan, copse_bytes text, size_t at)
{
    char byte = (char)text.ptr[at];
    bool is_space = shell_scan_is(byte, " \t\r\n");
    if (scan->is_comment) {
        scan->is_comment = byte != '\n';
        scan->word = at + 1;
    } else if (shell_scan_is(byte, "\"'") || (byte == '/' && shell_scan_begins_regex(scan, at))) {
        scan->quote = byte;
        scan->word = at + 1;
    } else if (byte == '#' && scan->depth == 0 && scan->word == at) {
        scan->is_comment = true;
    } else if (shell_scan_is(byte, "([{)]}:,")) {
        shell_scan_mark(scan, text, at);
    } else if (is_space && scan->depth == 0) {
        scan->word = at + 1;
    } else if (is_space && scan->word == at) {
        scan->word = at + 1;
    }
}

void copse_shell_scan_text(copse_shell_scan *scan, copse_bytes text, size_t from)
{
    for (size_t at = from; at < text.len; at++) {
        char byte = (char)text.ptr[at];
        if (scan->quote == '\0') {
            shell_scan_byte(scan, text, at);
        } else if (byte == '\\' && at + 1 < text.len) {
            at++;
        } else if (byte == scan->quote || byte == '\n') {
            scan->quote = '\0';
            scan->is_broken = scan->is_broken || byte == '\n';
        }
    }
}
