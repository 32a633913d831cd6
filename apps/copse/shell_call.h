/* A call of the shell: a method of a collection, as in mongosh, and what is called on its result.
 *
 *     posts.find({tags: 'cats'}, {title: 1}).sort({createdAt: -1}).limit(5)
 *     posts.updateOne({_id: 7}, {$inc: {n: 1}}, {upsert: true})
 *     db.posts.find().count();
 *
 * Each is a command: the arguments are the command's, and what follows are its options.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_CALL_H
#define COPSE_APPS_SHELL_CALL_H

#include "shell_words.h"

/** Whether a statement is a call: NAME.METHOD( stands in front. `ret_collection` and `ret_method`
 * are set if it is, and borrow. */
bool copse_shell_call_begins(copse_bytes line, copse_bytes *ret_collection,
                             copse_bytes *ret_method);

/** Makes a call that begins so the words of a command, without the database. False: *ret_problem.
 */
bool copse_shell_call_read(copse_shell_words *words, copse_bytes line, uint64_t now_ms,
                           copse_shell_problem *ret_problem);

#endif
