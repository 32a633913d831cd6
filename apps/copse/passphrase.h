/* Passphrases of keys: from a file, the environment, or the terminal, where they are not shown.
 *
 * Functions that return bool have reported their failure when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PASSPHRASE_H
#define COPSE_APPS_PASSPHRASE_H

#include "command.h"

#include <copse/key_file.h>

/** For the table of a command that opens keys. */
#define COPSE_OPTION_PASSPHRASE_FILE                                                               \
    {                                                                                              \
        "--passphrase-file", "FILE", COPSE_OPTION_TEXT,                                            \
            "its first line is the passphrase; else $COPSE_PASSPHRASE, or a prompt", 0             \
    }

/** A passphrase; wipe it. */
typedef struct copse_passphrase {
    size_t len;
    char text[COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX + 2]; /* with a line's end */
} copse_passphrase;

/** Whether the passphrase needs nobody to type it: option --passphrase-file of the command, or
 * $COPSE_PASSPHRASE. */
bool copse_passphrase_is_given(copse_call *call);

/** Reads what copse_passphrase_is_given tells of, or asks on the terminal, with `what` in the
 * question: "key 'blog'". `twice`: it is a new one, typed again, and not empty. */
bool copse_passphrase_read(copse_call *call, const char *what, bool twice,
                           copse_passphrase *ret_passphrase);

/** Its bytes, valid as long as it is unchanged. */
copse_bytes copse_passphrase_view(const copse_passphrase *passphrase);

/** Zeroes it. */
void copse_passphrase_wipe(copse_passphrase *passphrase);

#endif
