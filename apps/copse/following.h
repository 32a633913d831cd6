/* Whom a store's database follows, kept in the store itself (docs/formats/follow.md): the list in
 * the block that a ref names, and the head that was taken last of each address in a ref of its own,
 * so that `copse gc` keeps it.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FOLLOWING_H
#define COPSE_APPS_FOLLOWING_H

#include "local.h"

#include <copse/follow_list.h>

/** Reads the list as it is now; empty if there is none. Free it. `ret_cid` (NULL allowed): what the
 * ref names; size 0: it isn't there. */
bool copse_following_read(copse_local *local, copse_follow_list **ret_list, copse_cid *ret_cid);

/** A change of the list; may be called again, with what others made of it. False: reported. */
typedef bool (*copse_following_edit_fn)(void *ctx, copse_follow_list *list);

/** Reads the list, has it changed, and writes it. */
bool copse_following_edit(copse_local *local, copse_following_edit_fn edit, void *ctx);

/** The head that was taken last of an address; size 0: none was. */
bool copse_following_head(copse_local *local, const char *address, copse_cid *ret_head);

/** Sets that, whatever it was; NULL: forgets it. Commits what was put, too. */
bool copse_following_set_head(copse_local *local, const char *address, const copse_cid *head);

#endif
