/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/suggest.h"

#include <string.h>

enum { SUGGEST_SIZE_MAX = 24, SUGGEST_SHORT_SIZE_MAX = 4 };

static uint8_t suggest_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

/* Levenshtein's distance, by one row of the table. Both have at most SUGGEST_SIZE_MAX bytes. */
static size_t suggest_distance(copse_bytes a, copse_bytes b)
{
    size_t row[SUGGEST_SIZE_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t best = diagonal + (suggest_lower(a.ptr[i]) != suggest_lower(b.ptr[j]));
            diagonal = row[j + 1];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j + 1] = best < diagonal + 1 ? best : diagonal + 1;
        }
    }
    return row[b.len];
}

const char *copse_suggest_name(copse_bytes name, const char *const *names)
{
    const char *best = NULL;
    size_t least = name.len <= SUGGEST_SHORT_SIZE_MAX ? 2 : 3; /* what is one too many */
    if (name.len > SUGGEST_SIZE_MAX) {
        return NULL;
    }
    for (; *names != NULL; names++) {
        copse_bytes other = copse_bytes_of_text(*names);
        size_t distance = other.len <= SUGGEST_SIZE_MAX ? suggest_distance(name, other) : SIZE_MAX;
        if (distance < least) {
            least = distance;
            best = *names;
        }
    }
    return best;
}
