/* Regexes: PCRE2 in a process that has bounds on memory and time.
 *
 * Perl's syntax over UTF-8, without JIT, so that every build bounds and answers alike. \C is
 * refused. Matching one text takes at most a few times limits.regex_steps_max steps and a number of
 * steps that grows with its size; then it is LIMIT, never a wrong answer. All texts of a document
 * together take a few times COPSE_REGEX_TEXTS_HARD times as much, however many there are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_REGEX_H
#define COPSE_EXPR_REGEX_H

#include <copse/bytes.h>
#include <copse/env.h>

/** A compiled regex, with the memory for one match: belongs to one thread. */
typedef struct copse_regex copse_regex;

/** So many texts of a document may be hard: take all the steps that one may. */
#define COPSE_REGEX_TEXTS_HARD 8

/** What is left for the texts of one document, to all regexes of a filter. */
typedef struct copse_regex_budget {
    uint64_t steps;
    unsigned tries; /**< Texts that may take limits.regex_steps_max steps without being counted. */
} copse_regex_budget;

/** To be called before each document. */
void copse_regex_budget_renew(copse_regex_budget *budget, const copse_env *env);

/** Compiles `pattern`, UTF-8. `options`: letters of "imsux", each at most once, as in MongoDB; u is
 * always on. What its matches take comes from `budget`, which outlives it. CORRUPT: no pattern, or
 * another option. LIMIT: too large or too deep. NOMEM. */
COPSE_MUST_USE copse_status copse_regex_new(const copse_env *env, copse_bytes pattern,
                                            copse_bytes options, copse_regex_budget *budget,
                                            copse_regex **ret_regex, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_regex *copse_regex_free(copse_regex *regex);

/** copse_regex_budget_renew of its budget, for a text that belongs to no document. */
void copse_regex_renew_budget(const copse_regex *regex);

/** Whether the pattern is found in `text`. CORRUPT: `text` is not UTF-8. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_regex_match(copse_regex *regex, copse_bytes text, bool *ret_match,
                                              copse_err *err);

/** Finds the pattern in `text`, at `from` (not inside a character) or behind it. The text from 0 on
 * was checked if `from` is above 0. Statuses as copse_regex_match. */
COPSE_MUST_USE copse_status copse_regex_find(copse_regex *regex, copse_bytes text, size_t from,
                                             bool *ret_match, copse_err *err);

/** How many groups in parentheses the pattern captures. */
size_t copse_regex_groups_count(const copse_regex *regex);

/** Where in the text group `group` of what was found last stands; 0: all of it. False: it took no
 * part. */
bool copse_regex_group(const copse_regex *regex, size_t group, size_t *ret_start, size_t *ret_end);

/** The text that everything matched begins with: writes it to `ret_prefix`, which has room for
 * pattern.len bytes, and returns its size; 0: nothing is known. *ret_exact: and everything that
 * begins with it is matched. */
size_t copse_regex_prefix(copse_bytes pattern, copse_bytes options, uint8_t *ret_prefix,
                          bool *ret_exact);

#endif
