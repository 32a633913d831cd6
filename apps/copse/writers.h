/* Who may write a database, as the commands name and show it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_WRITERS_H
#define COPSE_APPS_WRITERS_H

#include "documents.h"

#include <copse/statement.h>

/** Room for one right, and for those that are shown of a grant. */
enum { COPSE_WRITERS_RIGHT_SIZE = 160, COPSE_WRITERS_RIGHTS_SIZE = 512 };

/** The identity of the database that is open. NULL: it has no creator; reported. */
const copse_identity *copse_writers_identity(copse_documents *documents);

/** "write posts", or "admin" in all. */
void copse_writers_show_right(const copse_capability *can, char *ret_text, size_t size);

/** The rights of a grant, with commas; what doesn't fit is cut. */
void copse_writers_show_rights(const copse_statement *grant, char *ret_text, size_t size);

#endif
