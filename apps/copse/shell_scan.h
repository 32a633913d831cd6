/* Where in a statement of the shell a place is: how deep in brackets, in a text or not, behind
 * which names. What is typed is looked at as far as it goes, right or wrong: so a line that is not
 * at its end yet is told from one that is, and Tab knows what may follow.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_SCAN_H
#define COPSE_APPS_SHELL_SCAN_H

#include <copse/bytes.h>

/** Brackets that are remembered; deeper ones are only counted. */
#define COPSE_SHELL_SCAN_DEPTH_MAX 64

typedef struct copse_shell_level {
    char bracket;     /**< '(', '[' or '{'. */
    size_t at;        /**< Where it stands. */
    size_t commas;    /**< Directly in it. */
    copse_bytes name; /**< The word before it: a member's name, or a method. */
} copse_shell_level;

/** Zeroed at first. Borrows the text. */
typedef struct copse_shell_scan {
    size_t depth;
    copse_shell_level levels[COPSE_SHELL_SCAN_DEPTH_MAX];
    char quote;       /**< The quote, or / of a regex, that is open; 0: none. */
    char last;        /**< The last byte that is neither white space nor of a word; 0: none. */
    size_t word;      /**< Where the last word begins, behind its quote. */
    copse_bytes name; /**< The last word that a colon or a bracket followed. */
    bool is_comment;  /**< A comment goes on to the line's end. */
    bool is_broken;   /**< A quote was open at a line's end. */
} copse_shell_scan;

/** Looks at the bytes of `text` from `from` on; those before were looked at by the same scan, at
 * the same address or another one if `name`s are not asked for. */
void copse_shell_scan_text(copse_shell_scan *scan, copse_bytes text, size_t from);

#endif
