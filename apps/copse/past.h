/* The past of a database, as the commands name it: HEAD~3, a branch, a tag, a commit, a day.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PAST_H
#define COPSE_APPS_PAST_H

#include "place.h"

#include <copse/database.h>

/** Where another time is read; see copse_past_resolve. */
#define COPSE_OPTION_AT                                                                            \
    {                                                                                              \
        "--at", "REVISION", COPSE_OPTION_TEXT, "as it was: HEAD~2, a tag, a commit, 2026-11-22", 0 \
    }

/** The commit or tree that `text` names (revision.h), in what `head` names: HEAD and times count
 * from there; a name is a ref, or a tag. */
bool copse_past_resolve(copse_place *place, const copse_cid *head, const char *text,
                        copse_cid *ret_cid);

/** Finds the ref of this name, or else the tag. False: there is none, unreported. */
bool copse_past_find_name(copse_place *place, copse_bytes name, copse_cid *ret_cid);

/** If the command has --at, makes `head` what that names. */
bool copse_past_take_at(copse_place *place, copse_cid *head);

/** What stands at a CID: a commit, or a bare tree, and the database in it. Stays where it is. */
typedef struct copse_past {
    copse_place *place;
    copse_cid cid;
    copse_block *block; /**< What `commit` borrows; NULL: a bare tree. */
    copse_commit commit;
    copse_tree *tree;
    copse_database *database;
} copse_past;

/** Opens it. On failure `past` is zeroed. */
bool copse_past_open(copse_past *past, copse_place *place, const copse_cid *cid, const char *name);

/** A zeroed one is allowed. */
void copse_past_close(copse_past *past);

/** Prints what a commit says, and whether its author signed it: for people some lines, else the
 * members of an object that is open. */
void copse_past_print(copse_call *call, const copse_cid *cid, const copse_commit *commit);

/** "2026-11-22 10:00:03Z", in the caller's text. */
enum { COPSE_PAST_TIME_SIZE = 32 };
const char *copse_past_time(uint64_t time_ms, char ret_text[COPSE_PAST_TIME_SIZE]);

#endif
