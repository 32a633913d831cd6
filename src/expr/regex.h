/* Regexes: PCRE2 in a process that has bounds on memory and time.
 *
 * Perl's syntax over UTF-8, without JIT, so that every build bounds and answers alike. \C is
 * refused. Matching one text takes at most a few times limits.regex_steps_max steps and a number of
 * steps that grows with its size; then it is LIMIT, never a wrong answer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_REGEX_H
#define COPSE_EXPR_REGEX_H

#include <copse/bytes.h>
#include <copse/env.h>

/** A compiled regex, with the memory for one match: belongs to one thread. */
typedef struct copse_regex copse_regex;

/** Compiles `pattern`, UTF-8. `options`: letters of "imsux", each at most once, as in MongoDB; u is
 * always on. CORRUPT: no pattern, or another option. LIMIT: too large or too deep. NOMEM. */
COPSE_MUST_USE copse_status copse_regex_new(const copse_env *env, copse_bytes pattern,
                                            copse_bytes options, copse_regex **ret_regex,
                                            copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_regex *copse_regex_free(copse_regex *regex);

/** Whether the pattern is found in `text`. CORRUPT: `text` is not UTF-8. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_regex_match(copse_regex *regex, copse_bytes text, bool *ret_match,
                                              copse_err *err);

/** The text that everything matched begins with: writes it to `ret_prefix`, which has room for
 * pattern.len bytes, and returns its size; 0: nothing is known. *ret_exact: and everything that
 * begins with it is matched. */
size_t copse_regex_prefix(copse_bytes pattern, copse_bytes options, uint8_t *ret_prefix,
                          bool *ret_exact);

#endif
