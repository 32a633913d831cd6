/* Who writes: the author of commits, and the key that signs them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_AUTHOR_H
#define COPSE_APPS_AUTHOR_H

#include "passphrase.h"

#include <copse/commit.h>

/** For the table of a command that makes commits. */
#define COPSE_OPTIONS_KEY                                                                          \
    {"--key", "KEY", COPSE_OPTION_TEXT, "sign the commit with this key, as its author", 0},        \
        COPSE_OPTION_PASSPHRASE_FILE

/** Zeroed at first; release it at the end. */
typedef struct copse_author {
    bool is_read;
    char did[COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX + 1]; /**< Empty: nobody. */
    copse_key *key;                                   /**< NULL: nothing is signed. */
} copse_author;

/** Finds out who writes, once. The key is `key_name`, or if that is NULL the option --key, else
 * $COPSE_KEY, else a line `key = NAME` of the file $XDG_CONFIG_HOME/copse/config or
 * ~/.config/copse/config. The author is the key's, if there is one; else $COPSE_AUTHOR, else the
 * line `author = did:key:…` there. False: the author is no did:key, or not the key's, or the key
 * can't be opened; reported. */
bool copse_author_read(copse_call *call, const char *key_name, copse_author *author);

/** A zeroed one is allowed. */
void copse_author_release(copse_author *author);

/** Makes the block of a commit that is ready but for its author, who signs it. As
 * copse_commit_sign and copse_commit_encode; unreported. */
COPSE_MUST_USE copse_status copse_author_commit(const copse_author *author, copse_call *call,
                                                const copse_commit *commit,
                                                copse_block **ret_block);

#endif
