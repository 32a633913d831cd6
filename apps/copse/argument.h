/* Values on the command line: JSON, _ids, lists of fields.
 *
 * Functions that return bool have reported their failure when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_ARGUMENT_H
#define COPSE_APPS_ARGUMENT_H

#include "command.h"

#include <copse/ext_json.h>
#include <copse/query.h>

/** What to do about `text`, which is no JSON; NULL: nothing in particular. */
const char *copse_argument_hint_of_json(const char *text);

/** Appends the value that `text`, Extended JSON, stands for. `what` names it: "the filter". */
bool copse_argument_json(copse_call *call, const char *what, const char *text,
                         copse_ext_json_mode mode, copse_buf *buf);

/** Appends the filter that argument number `index` holds; nothing if it wasn't given. */
bool copse_argument_filter(copse_call *call, size_t index, copse_buf *buf);

/** Appends the primary key that a word stands for: 24 hexadecimal digits an ObjectId; else JSON, if
 * it is that; else the word itself, as text. */
bool copse_argument_id(copse_call *call, const char *text, copse_buf *buf);

/** Reads `a,-b.c` or JSON with 1 and -1, as `what` says: "--sort". `arrays`: `a[]` is allowed. */
bool copse_argument_fields(copse_call *call, const char *what, const char *text, bool arrays,
                           copse_sort_spec *ret_spec);

/** Appends the projection that `text` stands for: JSON, or a list of fields, `title,author.name`,
 * with - before those to leave out. */
bool copse_argument_projection(copse_call *call, const char *text, copse_buf *buf);

/** Prepares the query; free it. */
bool copse_argument_query(copse_call *call, const copse_query_options *options,
                          copse_query **ret_query);

#endif
