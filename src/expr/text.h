/* Texts by characters: code points of UTF-8 that was checked.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_TEXT_H
#define COPSE_EXPR_TEXT_H

#include <copse/bytes.h>

/** The number of characters. */
size_t copse_text_count(copse_bytes text);

/** The offset behind the first `count` characters; text.len if there are fewer. */
size_t copse_text_offset(copse_bytes text, uint64_t count);

/** A part that is longer needs a table to be found in time linear in the text. */
#define COPSE_TEXT_SHORT_SIZE_BYTES 32

/** Fills a table for copse_text_find: one number a byte of `part`, fewer than 2^32 of them. */
void copse_text_table(copse_bytes part, uint32_t *ret_table);

/** Where `part` begins in `text`, at `from` or behind it; SIZE_MAX: nowhere. An empty part is
 * everywhere up to the end. `table`: of `part`, NULL if it is short. */
size_t copse_text_find(copse_bytes text, copse_bytes part, const uint32_t *table, size_t from);

#endif
