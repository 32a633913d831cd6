/* Regexes on PCRE2.
 *
 * PCRE2's match limit counts from 0 again at each place of the text where a match may begin; over a
 * long text that bounds nothing. And it doesn't say how many steps a match took. So a match is
 * tried in three steps:
 *   1. As PCRE2 does it, with a few steps for each place. Nearly always that decides it.
 *   2. The same, with a limit for each place that is a share of limits.regex_steps_max. So much
 *      COPSE_REGEX_TEXTS_HARD texts of a document may have.
 *   3. If a place needs more, or the document has had that: place by place, each with twice as much
 *      until it is decided, all of it counted against limits.regex_steps_max for the text, and
 *      against COPSE_REGEX_TEXTS_HARD times that for the document.
 * Patterns whose meaning changes when places are tried one by one (\G, verbs such as (*COMMIT))
 * have no step 3.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "expr/regex.h"

#include "base/alloc.h"
#include "base/err.h"
#include "value/utf8.h"

#include <pcre2.h>
#include <string.h>

enum {
    REGEX_PATTERN_SIZE_BYTES_MAX = 32768,
    REGEX_NESTING_MAX = 250,
    REGEX_HEAP_KIBIBYTES_MAX = 16384,
    REGEX_PLACE_STEPS_MIN = 64 /* what each place has without being counted */
};

struct copse_regex {
    const copse_env *env;
    copse_regex_budget *budget;
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_code *code;
    pcre2_match_data *match;
    bool by_place; /* step 3 may be made */
};

static void *regex_alloc(PCRE2_SIZE size, void *ctx)
{
    const copse_regex *regex = ctx;
    return copse_alloc_self_sized(regex->env, size);
}

static void regex_dealloc(void *ptr, void *ctx)
{
    const copse_regex *regex = ctx;
    copse_free_self_sized(regex->env, ptr);
}

/* ---- Compiling ------------------------------------------------------------------------------ */

static bool regex_options(copse_bytes options, uint32_t *ret_flags)
{
    uint32_t flags = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
    for (size_t i = 0; i < options.len; i++) {
        switch (options.ptr[i]) {
        case 'i':
            flags |= PCRE2_CASELESS;
            break;
        case 'm':
            flags |= PCRE2_MULTILINE;
            break;
        case 's':
            flags |= PCRE2_DOTALL;
            break;
        case 'x':
            flags |= PCRE2_EXTENDED;
            break;
        case 'u':
            break;
        default:
            return false;
        }
        if (memchr(options.ptr + i + 1, options.ptr[i], options.len - i - 1) != NULL) {
            return false;
        }
    }
    *ret_flags = flags;
    return true;
}

static copse_status regex_compile_fail(int error, size_t offset, copse_err *err)
{
    enum { MESSAGE_SIZE = 120 };
    PCRE2_UCHAR why[MESSAGE_SIZE];
    switch (error) {
    case PCRE2_ERROR_HEAP_FAILED:
        return COPSE_ERR_NOMEM(err);
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED:
    case PCRE2_ERROR_PATTERN_STRING_TOO_LONG:
    case PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP:
    case PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED:
        return COPSE_ERR(err, COPSE_LIMIT, "a regex is too large or too deep");
    default:
        if (pcre2_get_error_message(error, why, sizeof why) < 0) {
            why[0] = '\0';
        }
        return COPSE_ERR(err, COPSE_CORRUPT, "regex: byte %zu: %s", offset, (const char *)why);
    }
}

static copse_status regex_compile(copse_regex *regex, copse_bytes pattern, uint32_t flags,
                                  copse_err *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(regex->general);
    if (context == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    int error = 0;
    size_t offset = 0;
    const uint8_t *start = pattern.len != 0 ? pattern.ptr : (const uint8_t *)"";
    (void)pcre2_set_max_pattern_length(context, REGEX_PATTERN_SIZE_BYTES_MAX);
    (void)pcre2_set_parens_nest_limit(context, REGEX_NESTING_MAX);
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    (void)pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    regex->code = pcre2_compile(start, pattern.len, flags, &error, &offset, context);
    pcre2_compile_context_free(context);
    return regex->code != NULL ? COPSE_OK : regex_compile_fail(error, offset, err);
}

/* Whether `text` stands in `pattern`. */
static bool regex_has(copse_bytes pattern, const char text[2])
{
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        if (memcmp(pattern.ptr + i, text, 2) == 0) {
            return true;
        }
    }
    return false;
}

void copse_regex_budget_renew(copse_regex_budget *budget, const copse_env *env)
{
    budget->steps = (uint64_t)COPSE_REGEX_TEXTS_HARD * env->limits.regex_steps_max;
    budget->tries = COPSE_REGEX_TEXTS_HARD;
}

copse_status copse_regex_new(const copse_env *env, copse_bytes pattern, copse_bytes options,
                             copse_regex_budget *budget, copse_regex **ret_regex, copse_err *err)
{
    uint32_t flags = 0;
    if (!regex_options(options, &flags)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "regex: the options are letters of \"imsux\"");
    }
    if (!copse_utf8_valid(pattern)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "regex: the pattern is not UTF-8");
    }
    copse_regex *regex = copse_alloc_zeroed(env, sizeof *regex);
    if (regex == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = COPSE_NOMEM;
    regex->env = env;
    regex->budget = budget;
    regex->by_place = !regex_has(pattern, "\\G") && !regex_has(pattern, "(*");
    regex->general = pcre2_general_context_create(regex_alloc, regex_dealloc, regex);
    if (regex->general != NULL) {
        regex->context = pcre2_match_context_create(regex->general);
    }
    if (regex->context != NULL) {
        status = regex_compile(regex, pattern, flags, err);
    }
    if (status == COPSE_OK) {
        (void)pcre2_set_heap_limit(regex->context, REGEX_HEAP_KIBIBYTES_MAX);
        (void)pcre2_set_depth_limit(regex->context, env->limits.regex_steps_max);
        regex->match = pcre2_match_data_create_from_pattern(regex->code, regex->general);
        status = regex->match != NULL ? COPSE_OK : COPSE_NOMEM;
    }
    if (status != COPSE_OK) {
        (void)copse_regex_free(regex);
        return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
    }
    *ret_regex = regex;
    return COPSE_OK;
}

copse_regex *copse_regex_free(copse_regex *regex)
{
    if (regex != NULL) {
        pcre2_match_data_free(regex->match);
        pcre2_code_free(regex->code);
        pcre2_match_context_free(regex->context);
        pcre2_general_context_free(regex->general);
        copse_free(regex->env, regex, sizeof *regex);
    }
    return NULL;
}

void copse_regex_renew_budget(const copse_regex *regex)
{
    copse_regex_budget_renew(regex->budget, regex->env);
}

/* ---- Matching ------------------------------------------------------------------------------- */

/* One call of PCRE2. END: `steps` were not enough for one of its places. */
static copse_status regex_try(copse_regex *regex, copse_bytes text, size_t offset, uint32_t flags,
                              uint32_t steps, bool *ret_match, copse_err *err)
{
    (void)pcre2_set_match_limit(regex->context, steps);
    int answer = pcre2_match(regex->code, text.ptr, text.len, offset, flags | PCRE2_NO_UTF_CHECK,
                             regex->match, regex->context);
    switch (answer) {
    case PCRE2_ERROR_NOMATCH:
        *ret_match = false;
        return COPSE_OK;
    case PCRE2_ERROR_MATCHLIMIT:
        return COPSE_END;
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
        return COPSE_ERR(err, COPSE_LIMIT, "a regex goes too deep on a text of %zu bytes",
                         text.len);
    case PCRE2_ERROR_NOMEMORY:
        return COPSE_ERR_NOMEM(err);
    default:
        if (answer < 0) {
            return COPSE_ERR(err, COPSE_LIMIT, "a regex can't be matched (PCRE2 says %d)", answer);
        }
        *ret_match = true;
        return COPSE_OK;
    }
}

static copse_status regex_fail_document(const copse_regex *regex, copse_err *err)
{
    return COPSE_ERR(err, COPSE_LIMIT, "a regex takes more than %d times %u steps on a document",
                     COPSE_REGEX_TEXTS_HARD, (unsigned)regex->env->limits.regex_steps_max);
}

/* Step 3. `steps`: what each place has without being counted. */
static copse_status regex_match_places(copse_regex *regex, copse_bytes text, size_t from,
                                       uint32_t steps, bool *ret_match, copse_err *err)
{
    uint64_t left = regex->env->limits.regex_steps_max;
    uint64_t *left_all = &regex->budget->steps;
    bool match = false;
    for (size_t offset = from; offset <= text.len && !match; offset++) {
        if (offset < text.len && (text.ptr[offset] & 0xc0) == 0x80) {
            continue; /* inside a character */
        }
        uint64_t more = steps;
        copse_status status;
        while ((status = regex_try(regex, text, offset, PCRE2_ANCHORED, (uint32_t)more, &match,
                                   err)) == COPSE_END) {
            more *= 2;
            if (more > left) {
                return COPSE_ERR(err, COPSE_LIMIT,
                                 "a regex takes more than %u steps on a text of %zu bytes",
                                 (unsigned)regex->env->limits.regex_steps_max, text.len);
            }
            if (more > *left_all) {
                return regex_fail_document(regex, err);
            }
            left -= more;
            *left_all -= more;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    *ret_match = match;
    return COPSE_OK;
}

copse_status copse_regex_match(copse_regex *regex, copse_bytes text, bool *ret_match,
                               copse_err *err)
{
    return copse_regex_find(regex, text, 0, ret_match, err);
}

size_t copse_regex_groups_count(const copse_regex *regex)
{
    return pcre2_get_ovector_count(regex->match) - 1;
}

bool copse_regex_group(const copse_regex *regex, size_t group, size_t *ret_start, size_t *ret_end)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(regex->match);
    size_t start = ends[2 * group];
    size_t end = ends[2 * group + 1];
    if (start == PCRE2_UNSET) {
        return false;
    }
    *ret_start = start < end ? start : end; /* \K in a lookahead may turn them round */
    *ret_end = end;
    return true;
}

copse_status copse_regex_find(copse_regex *regex, copse_bytes text, size_t from, bool *ret_match,
                              copse_err *err)
{
    if (from == 0 && !copse_utf8_valid(text)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a text is not UTF-8");
    }
    if (text.len == 0) {
        text.ptr = (const uint8_t *)"";
    }
    uint32_t whole = regex->env->limits.regex_steps_max;
    uint32_t steps = REGEX_PLACE_STEPS_MIN < whole ? REGEX_PLACE_STEPS_MIN : whole;
    copse_status status = regex_try(regex, text, from, 0, steps, ret_match, err);
    bool may_try = regex->budget->tries > 0;
    if (status == COPSE_END && may_try) {
        uint64_t share = steps + whole / (text.len + 1);
        regex->budget->tries--;
        steps = share < whole ? (uint32_t)share : whole;
        status = regex_try(regex, text, from, 0, steps, ret_match, err);
    }
    if (status == COPSE_END && regex->by_place) {
        status = regex_match_places(regex, text, from, steps, ret_match, err);
    } else if (status == COPSE_END && !may_try) {
        status = regex_fail_document(regex, err);
    } else if (status == COPSE_END) {
        status = COPSE_ERR(err, COPSE_LIMIT, "a regex takes too many steps on a text of %zu bytes",
                           text.len);
    }
    return status;
}

/* ---- Prefixes ------------------------------------------------------------------------------- */

/* The literal at the start of `rest`: how much of it, 0 if none, and where its bytes are. */
static size_t regex_literal(copse_bytes rest, copse_bytes *ret_character)
{
    static const char special[] = "^$.|?*+()[{";
    size_t skip = rest.ptr[0] == '\\';
    if (skip != 0 && (rest.len < 2 || rest.ptr[1] < '!' || rest.ptr[1] > '~' ||
                      (rest.ptr[1] >= '0' && rest.ptr[1] <= '9') ||
                      ((rest.ptr[1] | 0x20) >= 'a' && (rest.ptr[1] | 0x20) <= 'z'))) {
        return 0; /* an escape with a meaning */
    }
    if (skip == 0 && memchr(special, rest.ptr[0], sizeof special - 1) != NULL) {
        return 0;
    }
    size_t len = 1;
    while (skip + len < rest.len && (rest.ptr[skip + len] & 0xc0) == 0x80) {
        len++;
    }
    *ret_character = (copse_bytes){rest.ptr + skip, len};
    return skip + len;
}

/* Whether what follows a literal leaves it as it is: no quantifier, and nothing behind which one
 * could still belong to it (comments, \Q\E). */
static bool regex_literal_stands(copse_bytes rest)
{
    static const char belongs[] = "?*{(\\";
    return rest.len == 0 || memchr(belongs, rest.ptr[0], sizeof belongs - 1) == NULL;
}

size_t copse_regex_prefix(copse_bytes pattern, copse_bytes options, uint8_t *ret_prefix,
                          bool *ret_exact)
{
    *ret_exact = false;
    /* i: other bytes match. m: ^ is also behind each newline. x: blanks and comments. */
    for (size_t i = 0; i < options.len; i++) {
        if (options.ptr[i] != 's' && options.ptr[i] != 'u') {
            return 0;
        }
    }
    size_t at = pattern.len > 1 && memcmp(pattern.ptr, "\\A", 2) == 0 ? 2 : 0;
    at = pattern.len > 0 && pattern.ptr[0] == '^' ? 1 : at;
    if (at == 0 || memchr(pattern.ptr, '|', pattern.len) != NULL) {
        return 0;
    }
    size_t len = 0;
    copse_bytes rest = {pattern.ptr + at, pattern.len - at};
    while (rest.len > 0) {
        copse_bytes character;
        size_t size = regex_literal(rest, &character);
        if (size == 0) {
            break;
        }
        copse_bytes behind = {rest.ptr + size, rest.len - size};
        copse_bytes next;
        bool stands = regex_literal_stands(behind) ||
                      (behind.ptr[0] == '\\' && regex_literal(behind, &next) != 0);
        if (!stands) {
            break;
        }
        memcpy(ret_prefix + len, character.ptr, character.len);
        len += character.len;
        rest = behind;
    }
    *ret_exact = len > 0 && (rest.len == 0 || (rest.len == 2 && memcmp(rest.ptr, ".*", 2) == 0));
    return len;
}
